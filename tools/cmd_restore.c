/* clinsafe restore - a store from a backup. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "tools/backup/restored.h"
#include "tools/base/study_dir.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/screen/screen.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static bool stops(void *self)
{
    (void)self;
    return interrupted != 0;
}

static void on_progress(void *self, bool counts, uint64_t done, uint64_t total)
{
    if (isatty(STDERR_FILENO))
        cs_screen_ticker_progress(self, counts ? "restore: outputs counted" : "restore: bytes", done, total);
}

static struct cs_json *known(int64_t n)
{
    return n >= 0 ? cs_json_integer(n) : cs_json_null();
}

static void say_json(const struct cs_shelf_item *b, const char *to, const struct cs_restored_since *k)
{
    struct cs_json *root = cs_document_begin("restore/1", cs_clock_wall_ms());
    cs_document_add(root, cs_json_pack("{s:s, s:o, s:I, s:I, s:o, s:I, s:I, s:I}", "to", to, "backup",
                                       cs_manifest_json(&b->m), "lost_commits", (long long)k->commits, "unseen_commits",
                                       (long long)k->unseen, "paid_again_trials", known(k->trials),
                                       "paid_again_nano_usd", (long long)k->spent_nano_usd, "workers",
                                       (long long)k->workers, "unacked", (long long)k->unacked));
    (void)!cs_document_print(root, stdout);
}

/* What will be paid again, from what is known. */
static void say(const struct cs_shelf_item *b, const char *to, const struct cs_restored_since *k)
{
    char outputs[CS_TEXT_MAX_LEN], trials[CS_TEXT_MAX_LEN], usd[CS_TEXT_MAX_LEN], held[CS_TEXT_MAX_LEN];
    printf("%s: restored from %s, %s outputs, checked\n", to, b->id, cs_text_count(outputs, b->m.outputs));
    if (k->trials >= 0)
        printf("asked and paid again: %s answers (%s) that came after the backup, by what Redis knows",
               cs_text_count(trials, (uint64_t)k->trials), cs_text_usd(usd, k->spent_nano_usd));
    else if (k->acked > 0 && k->commits == 0)
        printf("asked and paid again: nothing, no acknowledged commit came after the backup");
    else
        printf("asked and paid again: unknown, all that was answered after the backup%s",
               k->commits > 0 ? "" : " (--redis ADDRESS was not said, or it knows nothing)");
    if (k->trials >= 0 && k->unseen > 0)
        printf(", and what %llu commits held that Redis had not heard of yet", (unsigned long long)k->unseen);
    if (k->unacked > 0)
        printf("; less %s that %u workers still hold", cs_text_count(held, k->unacked), k->workers);
    printf("\n");
    if (k->redis && k->workers > 0)
        printf("%u workers are there: what they hold is delivered when the coordinator is back\n", k->workers);
    else if (!k->redis)
        printf(
            "Nobody knows which workers live: the coordinator's first start waits 35 s for them, so that what they have in flight is not\n"
            "asked twice; if none does, --fresh-fleet spares that.\n");
}

struct restore {
    const char *from, *at, *to, *dir;
    struct cs_restored_opts o;
    bool json;
};

static enum cs_err restore(struct restore *r, struct cs_error *err)
{
    struct cs_shelf shelf = {.lock_fd = -1};
    const struct cs_shelf_item *item = NULL;
    struct cs_arena arena = {0};
    struct cs_restored_since since = {0};
    struct cs_ticker ticker = {0};
    enum cs_err rc = cs_shelf_open(&shelf, r->from, false, err);
    if (rc == CS_OK)
        rc = cs_shelf_find(&shelf, r->at, &item, err);
    r->o.on_progress = on_progress;
    r->o.stops = stops;
    r->o.self = &ticker;
    if (rc == CS_OK)
        rc = cs_restored_put(item, &r->o, &arena, &since, err);
    if (rc == CS_OK && r->json)
        say_json(item, r->o.to, &since);
    else if (rc == CS_OK)
        say(item, r->o.to, &since);
    cs_arena_release(&arena);
    cs_shelf_close(&shelf);
    return rc;
}

/* Nobody runs the study meanwhile. */
static enum cs_err into_dir(struct restore *r, struct cs_error *err)
{
    struct cs_study_dir d;
    cs_study_dir_init(&d, "", r->dir);
    r->o.to = d.store;
    enum cs_err rc = cs_study_dir_lock(&d, err);
    if (rc == CS_OK)
        rc = cs_study_dir_reap(&d, err);
    if (rc == CS_OK)
        rc = restore(r, err);
    cs_study_dir_release(&d);
    return rc;
}

int cmd_restore(int argc, char **argv)
{
    struct restore r = {.at = "latest"};
    const struct cs_option table[] = {
        {"from", CS_OPT_STR, &r.from, "DIR", "the folder of the backups"},
        {"at", CS_OPT_STR, &r.at, "WHICH", "which one, as `backup --list` names it; default: latest"},
        {"to", CS_OPT_STR, &r.to, "DIR", "the database folder (a coordinator's --dir); not there, or empty"},
        {"dir", CS_OPT_STR, &r.dir, "DIR", "instead: the study directory of a run on this machine"},
        {"redis", CS_OPT_STR, &r.o.redis, "ADDRESS", "the fleet's Redis, which knows what came after the backup"},
        {"accept-rollback", CS_OPT_FLAG, &r.o.accept_rollback, NULL,
         "go on although later commits are known: what they held is asked and paid again"},
        {"reason", CS_OPT_STR, &r.o.reason, "TEXT", "why: it is kept, and shown by `clinsafe events`"},
        {"json", CS_OPT_FLAG, &r.json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe restore --from DIR [--at WHICH] (--to DIR | --dir DIR) [options]",
        "Puts a store back, whole or not at all: every file is checked by its checksum, the copy opened and counted before it gets its name. Says\n"
        "what will be asked and paid again, as far as the fleet's Redis knows. Refused where Redis, or the file of acknowledged commits beside\n"
        "the place, knows later commits, unless --accept-rollback. Workers that hold answers deliver them when the coordinator is back.\n"
        "A study that was deleted after the backup is there again. Exit status: 0 done; 66 no such backup; 73 a store is there; 74 the backup is\n"
        "damaged, or later commits are known; 75 a coordinator still works on it, or the disk.",
        "clinsafe restore --from /mnt/backups/triage --to /var/lib/clinsafe/triage --redis tcp://10.0.0.6:6379",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 0, &n_args, &status))
        return status;
    const struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    enum cs_err rc = CS_OK;
    if (r.from == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "say where the backups are: --from DIR");
    else if ((r.to == NULL) == (r.dir == NULL))
        rc = cs_error_set(&err, CS_EUSAGE,
                          "say where to: --to DIR (a database folder) or --dir DIR (a study directory)");
    r.o.to = r.to;
    if (rc == CS_OK)
        rc = r.dir != NULL ? into_dir(&r, &err) : restore(&r, &err);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
