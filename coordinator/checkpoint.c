/* checkpoint.c - one thread at a time makes a checkpoint, or removes one.
 *
 *   state     what happens                                  becomes
 *   (none)    a tick finds a folder of an earlier term      REMOVES
 *   (none)    asked                                         MAKES
 *   MAKES     the thread has ended                          MADE, or (none) with the reason told
 *   MADE      asked by its owner                            MADE, for CS_CHECKPOINT_MS more
 *   MADE      done, or not heard of                         REMOVES
 *   REMOVES   the thread has ended                          (none)
 */
#include "coordinator/checkpoint.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/feed.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/base/folder.h"
#include "protocol/base/json.h"
#include "protocol/base/log.h"

enum { TOKEN_MAX = 64 };
enum state { MAKES, MADE, REMOVES };

struct cs_checkpoint {
    enum state state;
    pthread_t thread;
    bool running; /* to be joined */
    atomic_bool ended;
    struct cs_store *store;
    char *path; /* absolute */
    char token[TOKEN_MAX + 1];
    uint64_t commit, heard_ms, began_ms;
    enum cs_err rc; /* when the thread has ended */
    struct cs_error err;
};

static void *make(void *self)
{
    struct cs_checkpoint *c = self;
    char *mark = cs_xasprintf("%s/clinsafe-checkpoint", c->path);
    c->rc = cs_folder_remove(c->path, &c->err);
    if (c->rc == CS_OK)
        c->rc = cs_store_checkpoint(c->store, c->path, &c->err);
    if (c->rc == CS_OK)
        c->rc = cs_file_write(mark, c->token, strlen(c->token), 0644, &c->err);
    free(mark);
    atomic_store(&c->ended, true);
    return NULL;
}

static void *take_away(void *self)
{
    struct cs_checkpoint *c = self;
    c->rc = cs_folder_remove(c->path, &c->err);
    if (c->rc != CS_OK)
        cs_log(CS_WARN, "checkpoint_stays", "error=\"%s\"", c->err.msg);
    atomic_store(&c->ended, true);
    return NULL;
}

static void join(struct cs_checkpoint *c)
{
    if (c->running)
        CS_ASSERT(pthread_join(c->thread, NULL) == 0);
    c->running = false;
}

static void forget(struct cs_server *sv)
{
    struct cs_checkpoint *c = sv->checkpoint;
    if (c == NULL)
        return;
    join(c);
    free(c->path);
    free(c);
    sv->checkpoint = NULL;
}

static enum cs_err begin(struct cs_checkpoint *c, enum state state, struct cs_error *err)
{
    join(c);
    c->state = state;
    atomic_store(&c->ended, false);
    c->running = pthread_create(&c->thread, NULL, state == MAKES ? make : take_away, c) == 0;
    if (!c->running)
        atomic_store(&c->ended, true);
    return c->running ? CS_OK : cs_error_set(err, CS_EAGAIN, "checkpoint: no thread for it just now");
}

/* Absolute, for others; NULL: the store's folder is gone. free() it. */
static char *path_of(const struct cs_server *sv)
{
    char *dir = realpath(sv->opts.dir, NULL);
    char *path = dir != NULL ? cs_xasprintf("%s.checkpoint", dir) : NULL;
    free(dir);
    return path;
}

static enum cs_err open_one(struct cs_server *sv, enum state state, const char *token, struct cs_error *err)
{
    char *path = path_of(sv);
    if (path == NULL)
        return cs_error_set(err, CS_EIO, "%s: %s", sv->opts.dir, strerror(errno));
    struct cs_checkpoint *c = cs_xcalloc(1, sizeof *c);
    c->path = path;
    c->store = sv->store;
    c->commit = cs_store_commit_seq(sv->store); /* durable: the checkpoint has it too */
    c->heard_ms = c->began_ms = cs_clock_mono_ms();
    snprintf(c->token, sizeof c->token, "%s", token);
    sv->checkpoint = c;
    enum cs_err rc = begin(c, state, err);
    if (rc != CS_OK)
        forget(sv);
    return rc;
}

static bool is_token(const char *word)
{
    size_t n = word != NULL ? strlen(word) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)word[i]))
            return false;
    }
    return n >= 1 && n <= TOKEN_MAX;
}

static void tell(const struct cs_ask *ask, const struct cs_checkpoint *c)
{
    struct cs_buf out = CS_BUF_INIT(65536);
    char host[128] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    cs_buf_str(&out, "{\"path\":");
    cs_json_str(&out, c->path, strlen(c->path));
    cs_buf_str(&out, ",\"store\":");
    cs_json_str(&out, c->path, strlen(c->path) - strlen(".checkpoint"));
    cs_buf_str(&out, ",\"host\":");
    cs_json_str(&out, host, strlen(host));
    cs_buf_printf(&out, ",\"fleet\":\"%s\",\"term\":%u,\"commit\":%llu}", cs_store_fleet(c->store),
                  cs_store_term(c->store), (unsigned long long)c->commit);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", cs_buf_cstr(&out));
    cs_buf_release(&out);
}

/* What the thread has come to. */
static void settle(struct cs_checkpoint *c)
{
    if (c->state != MAKES || !atomic_load(&c->ended))
        return;
    join(c);
    c->state = MADE;
    cs_log(CS_INFO, "checkpoint", "code=%s commit=%llu ms=%llu", cs_error_name(c->rc), (unsigned long long)c->commit,
           (unsigned long long)(cs_clock_mono_ms() - c->began_ms));
}

void cs_checkpoint_ask(const struct cs_ask *ask)
{
    struct cs_server *sv = ask->sv;
    struct cs_error err = {0};
    const char *token = cs_ask_word(ask, 0);
    enum cs_err rc = CS_OK;
    if (!is_token(token)) {
        cs_ask_refuse(ask, CS_EUSAGE, "checkpoint: wants a token of letters and digits");
        return;
    }
    cs_checkpoint_tick(sv);
    if (sv->checkpoint == NULL)
        rc = open_one(sv, MAKES, token, &err);
    struct cs_checkpoint *c = sv->checkpoint;
    if (rc == CS_OK && strcmp(c->token, token) != 0)
        rc = c->state == REMOVES
                 ? cs_error_set(&err, CS_EAGAIN, "the checkpoint before is being removed")
                 : cs_error_set(&err, CS_EBUSY,
                                "another backup is being taken, or was killed within the last %d s; try again later",
                                CS_CHECKPOINT_MS / 1000);
    if (rc != CS_OK) {
        cs_ask_refuse(ask, rc, err.msg);
        return;
    }
    c->heard_ms = cs_clock_mono_ms();
    settle(c);
    if (c->state == MAKES) {
        cs_ask_refuse(ask, CS_EAGAIN, "the checkpoint is being made");
    } else if (c->rc != CS_OK) {
        cs_ask_refuse(ask, c->rc, c->err.msg);
        forget(sv);
    } else if (c->state == MADE) {
        tell(ask, c);
    } else {
        cs_ask_refuse(ask, CS_ESTALE, "that checkpoint is not here any more");
    }
}

void cs_checkpoint_done(const struct cs_ask *ask)
{
    struct cs_checkpoint *c = ask->sv->checkpoint;
    struct cs_error err = {0};
    const char *token = cs_ask_word(ask, 0);
    enum cs_err rc = CS_OK;
    if (c == NULL || token == NULL || strcmp(c->token, token) != 0)
        rc = cs_error_set(&err, CS_ESTALE, "that checkpoint is not here any more");
    else if (c->state == MAKES && !atomic_load(&c->ended))
        rc = cs_error_set(&err, CS_EAGAIN, "the checkpoint is being made");
    else if (c->state != REMOVES)
        rc = begin(c, REMOVES, &err);
    cs_feed_answer(ask->sv, ask->peer, ask->seq, rc, err.msg, NULL);
}

void cs_checkpoint_tick(struct cs_server *sv)
{
    struct cs_checkpoint *c = sv->checkpoint;
    struct cs_error err = {0};
    if (c == NULL && !sv->checkpoint_looked) {
        char *left = path_of(sv);
        sv->checkpoint_looked = true;
        if (left != NULL && access(left, F_OK) == 0)
            (void)!open_one(sv, REMOVES, "", &err); /* the next checkpoint removes it too */
        free(left);
        return;
    }
    if (c == NULL)
        return;
    settle(c);
    if (c->state == REMOVES && atomic_load(&c->ended)) {
        forget(sv);
    } else if (c->state == MADE && cs_clock_mono_ms() > c->heard_ms + CS_CHECKPOINT_MS) {
        cs_log(CS_WARN, "checkpoint_given_up", "silent_ms=%d", CS_CHECKPOINT_MS);
        (void)!begin(c, REMOVES, &err);
    }
}

/* What is there stays for whoever copies it; the next coordinator removes it. */
void cs_checkpoint_close(struct cs_server *sv)
{
    forget(sv);
}
