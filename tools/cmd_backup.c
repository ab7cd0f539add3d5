/* clinsafe backup - a store's files, copied while its coordinator works, or at rest. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/digest.h"
#include "protocol/base/document.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "store/acked.h"
#include "store/at_rest.h"
#include "tools/backup/taken.h"
#include "tools/base/study_dir.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/whom.h"
#include "tools/screen/screen.h"

enum { ASK_MS = 15000, MADE_MS = 10 * 60 * 1000, LOOK_US = 20000, RENEW_MS = 10000, PLAIN_MS = 10000 };
enum { TOKEN_BYTES = 16, MIB = 1024 * 1024 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

struct backup {
    struct cs_whom reach;
    const char *to, *store;
    uint64_t keep, mib_per_s;
    bool list, json;
    /* while it is taken */
    struct cs_admin_client *client; /* NULL: the store is at rest */
    char token[2 * TOKEN_BYTES + 1];
    uint64_t renew_ms, next_plain_ms;
    struct cs_ticker ticker;
    struct cs_json *checkpoint; /* what the coordinator said of it */
};

/* ---- while it goes on ------------------------------------------------------------------------------------- */

static void renew(struct backup *b)
{
    const char *args[] = {b->token, NULL};
    if (b->client == NULL || cs_clock_mono_ms() < b->renew_ms)
        return;
    b->renew_ms = cs_clock_mono_ms() + RENEW_MS;
    (void)!cs_admin_client_ask(b->client, "checkpoint", args, NULL, 0, ASK_MS, NULL, NULL); /* its files tell */
}

static bool stops(void *self)
{
    renew(self);
    return interrupted != 0;
}

static void on_rotten(void *self, const char *path)
{
    (void)self;
    fprintf(stderr,
            "clinsafe backup: %s: its checksum is not that of its day: it is copied anew; earlier backups that have it "
            "cannot be used\n",
            path);
}

static void on_progress(void *self, enum cs_taken_step step, uint64_t done, uint64_t total)
{
    struct backup *b = self;
    const char *what = step == CS_TAKEN_COPIES ? "backup: bytes" : "backup: outputs counted";
    const uint64_t now = cs_clock_mono_ms();
    if (isatty(STDERR_FILENO)) {
        cs_screen_ticker_progress(&b->ticker, what, done, total);
    } else if (!b->json && total > 0 && now >= b->next_plain_ms) {
        char eta[CS_TEXT_MAX_LEN] = "-";
        if (b->next_plain_ms != 0 && b->ticker.what == what && done > b->ticker.total)
            cs_text_duration(eta, (double)(total - done) * (double)(now - b->ticker.started_ms) /
                                      (1000 * (double)(done - b->ticker.total)));
        if (b->next_plain_ms != 0)
            fprintf(stderr, "%s %.0f %%, ETA %s\n", what, 100.0 * (double)done / (double)total, eta);
        if (b->ticker.what != what) /* where it began */
            b->ticker = (struct cs_ticker){.what = what, .total = done, .started_ms = now};
        b->next_plain_ms = now + PLAIN_MS;
    }
}

/* ---- a checkpoint of a coordinator ------------------------------------------------------------------------- */

static const char *said(const struct backup *b, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(b->checkpoint, key));
    return s != NULL ? s : "";
}

/* Its files are to be copied here: is this its machine, or a disk that both see? */
static enum cs_err is_ours(const struct backup *b, struct cs_error *err)
{
    char *mark = cs_xasprintf("%s/clinsafe-checkpoint", said(b, "path")), *found = NULL;
    size_t n = 0;
    enum cs_err rc = cs_file_read(mark, sizeof b->token, &found, &n, NULL);
    if (rc != CS_OK || strcmp(found, b->token) != 0)
        rc = cs_error_set(
            err, rc == CS_EIO ? CS_EIO : CS_ENOENT,
            "%s on %s is not to be read here: run `clinsafe backup` on the coordinator's machine, as a user who may "
            "read its store",
            said(b, "store"), said(b, "host"));
    free(found);
    free(mark);
    return rc;
}

static enum cs_err make_checkpoint(struct backup *b, struct cs_error *err)
{
    uint8_t random[TOKEN_BYTES];
    const char *reply = NULL, *args[] = {b->token, NULL};
    const uint64_t end = cs_clock_mono_ms() + MADE_MS;
    enum cs_err rc;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return cs_error_set(err, CS_EINTERNAL, "no random numbers");
    cs_digest_hex(random, sizeof random, b->token);
    while ((rc = cs_admin_client_ask(b->client, "checkpoint", args, NULL, 0, ASK_MS, &reply, err)) == CS_EAGAIN &&
           cs_clock_mono_ms() < end && !interrupted)
        usleep(LOOK_US);
    if (rc != CS_OK)
        return rc;
    b->renew_ms = cs_clock_mono_ms() + RENEW_MS;
    b->checkpoint = cs_json_loads(reply, 0, NULL);
    return is_ours(b, err);
}

static enum cs_err of_coordinator(struct backup *b, struct cs_shelf *shelf, struct cs_manifest *out,
                                  struct cs_error *err)
{
    const char *args[] = {b->token, NULL};
    enum cs_err rc = make_checkpoint(b, err);
    const struct cs_taken_opts o = {
        .source = said(b, "path"),
        .store = said(b, "store"),
        .fleet = said(b, "fleet"),
        .commit_min = (uint64_t)cs_json_integer_value(cs_json_object_get(b->checkpoint, "commit")),
        .bytes_per_s = b->mib_per_s * MIB,
        .on_progress = on_progress,
        .on_rotten = on_rotten,
        .stops = stops,
        .self = b};
    if (rc == CS_OK)
        rc = cs_taken_backup(shelf, &o, out, err);
    if (b->token[0] != '\0')
        (void)!cs_admin_client_ask(b->client, "checkpoint-done", args, NULL, 0, ASK_MS, NULL, NULL);
    cs_json_decref(b->checkpoint);
    return rc;
}

static enum cs_err of_rest(struct backup *b, const char *store, struct cs_shelf *shelf, struct cs_manifest *out,
                           struct cs_error *err)
{
    const struct cs_taken_opts o = {.source = store,
                                    .store = store,
                                    .commit_min = cs_acked_peek(store),
                                    .bytes_per_s = b->mib_per_s * MIB,
                                    .on_progress = on_progress,
                                    .on_rotten = on_rotten,
                                    .stops = stops,
                                    .self = b};
    int lock = -1;
    enum cs_err rc = cs_at_rest_hold(store, &lock, err);
    if (rc == CS_EBUSY)
        return cs_error_set(
            err, CS_EBUSY,
            "%s: a coordinator works on it: say --coordinator ENDPOINT (or --dir DIR of a run), and it is backed up "
            "while it works",
            store);
    if (rc == CS_OK)
        rc = cs_taken_backup(shelf, &o, out, err);
    cs_at_rest_release(lock);
    return rc;
}

/* A study directory: the run that works on it, or its store. */
static enum cs_err of_dir(struct backup *b, struct cs_shelf *shelf, struct cs_manifest *out, struct cs_error *err)
{
    struct cs_study_dir d;
    char *sockets = NULL;
    cs_study_dir_init(&d, "", b->reach.dir);
    const bool runs = cs_study_dir_sockets(&d, &sockets, NULL) == CS_OK;
    enum cs_err rc = runs ? cs_whom_open(&b->reach, &b->client, err) : CS_OK;
    if (rc == CS_OK)
        rc = runs ? of_coordinator(b, shelf, out, err) : of_rest(b, d.store, shelf, out, err);
    free(sockets);
    cs_study_dir_release(&d);
    return rc;
}

static enum cs_err take(struct backup *b, struct cs_shelf *shelf, struct cs_manifest *out, struct cs_error *err)
{
    if (b->store != NULL)
        return of_rest(b, b->store, shelf, out, err);
    if (b->reach.dir != NULL)
        return of_dir(b, shelf, out, err);
    enum cs_err rc = cs_whom_open(&b->reach, &b->client, err);
    return rc == CS_OK ? of_coordinator(b, shelf, out, err) : rc;
}

/* ---- what is said -------------------------------------------------------------------------------------------- */

static void say_taken(const struct backup *b, const struct cs_manifest *m, uint32_t removed, uint64_t took_ms)
{
    char outputs[CS_TEXT_MAX_LEN], took[CS_TEXT_MAX_LEN];
    if (b->json) {
        struct cs_json *root = cs_document_begin("backup/1", cs_clock_wall_ms());
        cs_document_add(root, cs_json_pack("{s:[o], s:I, s:f}", "backups", cs_manifest_json(m), "removed",
                                           (long long)removed, "took_s", (double)took_ms / 1000));
        (void)!cs_document_print(root, stdout);
        return;
    }
    printf("%s: %s outputs, commit %llu, checked; %.1f MiB, of which %.1f MiB were copied, in %s\n", m->id,
           cs_text_count(outputs, m->outputs), (unsigned long long)m->commit, (double)m->bytes / MIB,
           (double)m->copied_bytes / MIB, cs_text_duration(took, (double)took_ms / 1000));
    if (removed > 0)
        printf("%u earlier backup%s removed\n", removed, removed == 1 ? "" : "s");
}

static void list_json(const struct cs_shelf *s)
{
    struct cs_json *root = cs_document_begin("backup/1", cs_clock_wall_ms());
    struct cs_json *backups = cs_json_array(), *broken_off = cs_json_array();
    for (uint32_t i = 0; i < s->n_items; i++) {
        const struct cs_shelf_item *item = &s->items[i];
        cs_json_array_append_new(backups, item->fault == NULL
                                              ? cs_manifest_json(&item->m)
                                              : cs_json_pack("{s:s, s:s}", "id", item->id, "fault", item->fault));
    }
    for (uint32_t i = 0; i < s->n_broken_off; i++)
        cs_json_array_append_new(broken_off, cs_json_string(strrchr(s->broken_off[i], '/') + 1));
    cs_document_add(root, cs_json_pack("{s:o, s:o}", "backups", backups, "broken_off", broken_off));
    (void)!cs_document_print(root, stdout);
}

static enum cs_err list(const struct backup *b, struct cs_error *err)
{
    struct cs_shelf s = {.lock_fd = -1};
    char outputs[CS_TEXT_MAX_LEN], done[CS_TEXT_MAX_LEN];
    enum cs_err rc = cs_shelf_open(&s, b->to, false, err);
    if (rc == CS_OK && b->json)
        list_json(&s);
    for (uint32_t i = 0; rc == CS_OK && !b->json && i < s.n_items; i++) {
        const struct cs_manifest *m = &s.items[i].m;
        if (s.items[i].fault != NULL)
            printf("%s  cannot be used: %s\n", s.items[i].id, s.items[i].fault);
        else
            printf("%s  %12s outputs  %12s trials done  %10.1f MiB, new %.1f MiB\n", s.items[i].id,
                   cs_text_count(outputs, m->outputs), cs_text_count(done, cs_manifest_done(m)), (double)m->bytes / MIB,
                   (double)m->copied_bytes / MIB);
    }
    for (uint32_t i = 0; rc == CS_OK && !b->json && i < s.n_broken_off; i++)
        printf("%s  was broken off; the next backup goes on with it\n", strrchr(s.broken_off[i], '/') + 1);
    cs_shelf_close(&s);
    return rc;
}

static enum cs_err run(struct backup *b, struct cs_error *err)
{
    struct cs_shelf shelf = {.lock_fd = -1};
    struct cs_manifest m = {0};
    const uint64_t began = cs_clock_mono_ms();
    uint32_t removed = 0;
    enum cs_err rc = cs_shelf_open(&shelf, b->to, true, err);
    if (rc == CS_OK)
        rc = take(b, &shelf, &m, err);
    if (b->ticker.total > 0 && isatty(STDERR_FILENO))
        cs_screen_ticker_end(&b->ticker);
    if (rc == CS_OK && b->keep > 0)
        rc = cs_shelf_prune(&shelf, b->keep - 1, &removed, err); /* the new one is not on the list */
    if (rc == CS_OK)
        say_taken(b, &m, removed, cs_clock_mono_ms() - began);
    cs_admin_client_close(b->client);
    cs_shelf_close(&shelf);
    return rc;
}

static enum cs_err check(const struct backup *b, struct cs_error *err)
{
    const int named = (b->reach.endpoint != NULL) + (b->reach.dir != NULL) + (b->store != NULL);
    if (b->to == NULL)
        return cs_error_set(err, CS_EUSAGE, "say where backups are kept: --to DIR");
    if (!b->list && named != 1)
        return cs_error_set(err, CS_EUSAGE,
                            "say what to back up, one of: --coordinator ENDPOINT, --dir DIR, --store DIR");
    return CS_OK;
}

int cmd_backup(int argc, char **argv)
{
    struct backup b = {0};
    const struct cs_option table[] = {
        {"to", CS_OPT_STR, &b.to, "DIR", "the folder of the backups, best on another disk; made if missing"},
        CS_WHOM_OPTIONS(b.reach),
        {"dir", CS_OPT_STR, &b.reach.dir, "DIR", "a study directory on this machine, whether its run goes on or not"},
        {"store", CS_OPT_STR, &b.store, "DIR", "a database folder on which no coordinator works"},
        {"keep", CS_OPT_U64, &b.keep, "N", "afterwards remove all but the newest N; default: all stay"},
        {"mib-per-s", CS_OPT_U64, &b.mib_per_s, "N", "copy no faster than this; default: as fast as it goes"},
        {"list", CS_OPT_FLAG, &b.list, NULL, "show the backups that are there, and take none"},
        {"json", CS_OPT_FLAG, &b.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe backup --to DIR (--coordinator ENDPOINT | --dir DIR | --store DIR) [options]",
        "Keeps a copy of a store as it is at this moment, while its fleet works on. The coordinator makes a checkpoint, which takes it a moment;\n"
        "this program, on the same machine, copies what no earlier backup there has, reads it again, opens the copy and counts its outputs\n"
        "against its ledger. Ratings and records of the study beside the store are kept too. Broken off, it is no backup, and the next goes on.\n"
        "Exit status: 0 a whole backup is there; 66 nothing to back up; 74 what was copied is damaged; 75 in use, or the disk; 130 interrupted.",
        "clinsafe backup --to /mnt/backups/triage --coordinator tcp://10.0.0.5:7403 --key me.key --server-key coordinator.pub --keep 14",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 0, &n_args, &status))
        return status;
    const struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    enum cs_err rc = check(&b, &err);
    if (rc == CS_OK)
        rc = b.list ? list(&b, &err) : run(&b, &err);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
