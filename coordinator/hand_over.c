#include "coordinator/hand_over.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/feed.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/base/digest.h"
#include "protocol/base/log.h"
#include "store/children/children.h"

struct cs_hand_over {
    pthread_t thread;
    struct cs_store *store;
    struct cs_generation generation;
    char *take, *path;
    bool partial;
    atomic_bool stop, ended;
    atomic_ullong done, total;
    enum cs_err rc; /* when it has ended */
    struct cs_error err;
    int fd; /* of what was made; -1 */
};

static bool on_progress(void *self, uint64_t done, uint64_t total)
{
    struct cs_hand_over *s = self;
    atomic_store(&s->done, done);
    atomic_store(&s->total, total);
    return !atomic_load(&s->stop);
}

static enum cs_err make(struct cs_hand_over *s, const struct cs_generation_view *v, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_take take;
    uint64_t open = 0;
    enum cs_err rc = cs_take_parse(s->take, &arena, &take, err);
    if (rc == CS_OK)
        rc = cs_children_open_trials(s->store, v, &open, err);
    if (rc == CS_OK && open > 0 && !s->partial)
        rc = cs_error_set(err, CS_EINCOMPLETE,
                          "the study \"%s\" is not finished: %llu of its trials have no end yet. Wait for it, or judge "
                          "what is there with --partial",
                          v->spec.study->name, (unsigned long long)open);
    const struct cs_children_opts opts = {
        .take = &take, .path = s->path, .stamp = "", .on_progress = on_progress, .self = s};
    if (rc == CS_OK)
        rc = cs_children_snapshot(s->store, v, &opts, err);
    cs_arena_release(&arena);
    return rc;
}

static void *work(void *self)
{
    struct cs_hand_over *s = self;
    struct cs_generation_view v = {0};
    s->rc = cs_store_generation_view_open(&v, s->store, &s->generation, &s->err);
    if (s->rc == CS_OK)
        s->rc = make(s, &v, &s->err);
    cs_store_generation_view_close(&v);
    if (s->rc == CS_OK) {
        s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0)
            s->rc = cs_error_set(&s->err, CS_EIO, "%s: %s", s->path, strerror(errno));
        unlink(s->path);
    }
    atomic_store(&s->ended, true);
    return NULL;
}

void cs_hand_over_close(struct cs_server *sv)
{
    struct cs_hand_over *s = sv->snapshot;
    if (s == NULL)
        return;
    atomic_store(&s->stop, true);
    CS_ASSERT(pthread_join(s->thread, NULL) == 0);
    if (s->fd >= 0)
        close(s->fd);
    free(s->take);
    free(s->path);
    free(s);
    sv->snapshot = NULL;
}

static enum cs_err start(struct cs_server *sv, const struct cs_roster_study *study, const char *take, bool partial,
                         struct cs_error *err)
{
    struct cs_hand_over *s = cs_xcalloc(1, sizeof *s);
    s->store = sv->store;
    s->generation = study->newest;
    s->take = cs_xstrdup(take);
    s->path = cs_xasprintf("%s.snapshot", sv->opts.dir);
    s->partial = partial;
    s->fd = -1;
    if (pthread_create(&s->thread, NULL, work, s) != 0) {
        free(s->take);
        free(s->path);
        free(s);
        return cs_error_set(err, CS_EAGAIN, "snapshot: no thread for it just now");
    }
    sv->snapshot = s;
    cs_handed_begin(&sv->handed, cs_clock_wall_ms(), cs_clock_mono_ms());
    cs_log(CS_INFO, "snapshot", "gen=%u", study->newest.number);
    return CS_OK;
}

/* What has come of the one that is wanted. */
static void answer(const struct cs_ask *ask)
{
    struct cs_hand_over *s = ask->sv->snapshot;
    struct cs_handed *handed = &ask->sv->handed;
    char text[160];
    struct stat st;
    if (!atomic_load(&s->ended)) {
        cs_handed_waits(handed, cs_clock_mono_ms());
        snprintf(text, sizeof text, "%llu of at most %llu outputs are read", (unsigned long long)atomic_load(&s->done),
                 (unsigned long long)atomic_load(&s->total));
        cs_ask_refuse(ask, CS_EAGAIN, text);
    } else if (s->rc != CS_OK || fstat(s->fd, &st) != 0) {
        cs_ask_refuse(ask, s->rc != CS_OK ? s->rc : CS_EIO, s->rc != CS_OK ? s->err.msg : strerror(errno));
        cs_hand_over_close(ask->sv);
    } else {
        cs_handed_told(handed, cs_clock_mono_ms());
        snprintf(text, sizeof text, "{\"id\":%llu,\"size\":%lld}", (unsigned long long)handed->id,
                 (long long)st.st_size);
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", text);
    }
}

void cs_hand_over_snapshot(const struct cs_ask *ask)
{
    struct cs_server *sv = ask->sv;
    struct cs_error err = {0};
    const bool partial = cs_ask_word(ask, 1) != NULL && strcmp(cs_ask_word(ask, 1), "partial") == 0;
    const struct cs_roster_study *study = cs_ask_study(ask, 0);
    if (study == NULL)
        return;
    char *take = cs_xasprintf("%.*s", (int)ask->a->blob_len, (const char *)ask->a->blob);
    struct cs_hand_over *s = sv->snapshot;
    const bool same = s != NULL && strcmp(s->take, take) == 0 && s->partial == partial &&
                      s->generation.number == study->newest.number;
    enum cs_err rc = CS_OK;
    if (study->newest.number == 0 || study->next.number != 0)
        rc = cs_error_set(&err, CS_EAGAIN, "the study \"%s\" is still being prepared", study->name);
    else if (s != NULL && !same && !atomic_load(&s->ended))
        rc = cs_error_set(&err, CS_EBUSY, "another snapshot is being made just now; try again later");
    else if (s != NULL && !same && s->rc == CS_OK && cs_handed_is_wanted(&sv->handed, cs_clock_mono_ms()))
        rc = cs_error_set(&err, CS_EBUSY, "another snapshot is being fetched just now; try again later");
    else if (!same)
        cs_hand_over_close(sv);
    if (rc == CS_OK && sv->snapshot == NULL)
        rc = start(sv, study, take, partial, &err);
    free(take);
    if (rc != CS_OK)
        cs_ask_refuse(ask, rc, err.msg);
    else
        answer(ask);
}

static bool number_at(const struct cs_ask *ask, uint32_t at, unsigned long long *out)
{
    const char *word = cs_ask_word(ask, at);
    char *end = NULL;
    *out = word != NULL ? strtoull(word, &end, 10) : 0;
    return word != NULL && *end == '\0';
}

void cs_hand_over_part(const struct cs_ask *ask)
{
    struct cs_hand_over *s = ask->sv->snapshot;
    struct cs_handed *handed = &ask->sv->handed;
    unsigned long long at, id;
    if (!number_at(ask, 0, &at) || !number_at(ask, 1, &id)) {
        cs_ask_refuse(ask, CS_EUSAGE, "snapshot-part: wants an offset and the id that `snapshot` told");
        return;
    }
    if (s == NULL || !atomic_load(&s->ended) || s->fd < 0 || !cs_handed_part(handed, id, cs_clock_mono_ms())) {
        cs_ask_refuse(ask, CS_ESTALE, "snapshot-part: that snapshot is not here any more; ask for `snapshot` again");
        return;
    }
    uint8_t *bytes = cs_xmalloc(CS_SNAPSHOT_PART);
    const ssize_t n = pread(s->fd, bytes, CS_SNAPSHOT_PART, (off_t)at);
    if (n < 0) {
        cs_ask_refuse(ask, CS_EIO, strerror(errno));
    } else {
        char *hex = cs_xmalloc(2 * (size_t)n + 1);
        cs_digest_hex(bytes, (size_t)n, hex);
        hex[2 * n] = '\0';
        cs_feed_answer(ask->sv, ask->peer, ask->seq, CS_OK, "", hex);
        free(hex);
    }
    free(bytes);
    if (n == 0 && cs_handed_through(handed))
        cs_hand_over_close(ask->sv);
}
