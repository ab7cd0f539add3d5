/* clinsafe status - how a fleet is doing, read from Redis alone. */
#include <stdlib.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "store/redis/progress.h"
#include "tools/base/study_dir.h"
#include "tools/commands.h"
#include "tools/screen/screen.h"
#include "tools/wall/term.h"

enum { ASK_MS = 3000, FIRST_TRIES = 20, FIRST_TRY_US = 100000 };

/* The Redis of the run that works on this study, its fleet there, and its directory; free() them. */
static enum cs_err redis_of_study(const char *study, const char *dir, char **address, char **fleet, char **path,
                                  struct cs_error *err)
{
    struct cs_study_dir d;
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    enum cs_err rc = cs_study_dir_redis(&d, address, fleet, err);
    *path = cs_xstrdup(d.path);
    cs_study_dir_release(&d);
    return rc;
}

struct status {
    const char *fleet, *study;
    struct cs_redis_sync *redis;
    struct cs_arena arena;
    struct cs_progress progress;
    struct cs_worker_info *workers;
    uint32_t n_workers;
};

static enum cs_err read_status(struct status *s, struct cs_error *err)
{
    cs_arena_reset(&s->arena);
    return cs_progress_read(s->redis, s->fleet, s->study, &s->arena, &s->progress, &s->workers, &s->n_workers, err);
}

/* A fleet that has just begun shows itself within a second. */
static enum cs_err read_first(struct status *s, struct cs_error *err)
{
    enum cs_err rc;
    for (int tries = 0; (rc = read_status(s, err)) == CS_ENOENT && tries < FIRST_TRIES; tries++)
        usleep(FIRST_TRY_US);
    return rc;
}

static enum cs_err read_once(struct status *s, const char *redis, bool of_run, struct cs_error *err)
{
    enum cs_err rc = cs_redis_sync_open(&s->redis, redis, ASK_MS, err);
    if (rc == CS_OK)
        rc = of_run ? read_first(s, err) : read_status(s, err);
    return rc;
}

static void print_json(const struct status *s)
{
    struct cs_json *root = cs_document_begin("status/1", cs_clock_wall_ms()), *workers = cs_json_array();
    cs_document_add(root, cs_progress_to_json(&s->progress));
    for (uint32_t i = 0; i < s->n_workers; i++) {
        const struct cs_worker_info *w = &s->workers[i];
        cs_json_array_append_new(workers,
                                 cs_json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I}", "name", w->name, "host",
                                              w->host, "pid", (int)w->pid, "in_flight", (int)w->in_flight, "unstarted",
                                              (int)w->unstarted, "unacked", (int)w->unacked, "rss_mb", (int)w->rss_mb,
                                              "updated_wall_ms", (int64_t)w->updated_wall_ms));
    }
    cs_json_object_set_new(root, "worker_list", workers);
    cs_document_print(root, stdout);
}

/* The wall screen; keys reach the coordinator of a run on this machine, or the one that was named. The study's file, where it is here, says what
 * is announced of its models. */
static enum cs_err watch(const struct status *s, const char *file, struct cs_wall_opts *o, struct cs_error *err)
{
    const struct cs_study_args args = {0};
    struct cs_loaded loaded = {0};
    struct cs_error none = {0};
    const bool known = file != NULL && cs_command_load_study(&args, file, &loaded, &none) == CS_OK;
    const struct cs_study *study = loaded.study;
    o->fleet = s->fleet;
    o->out = stdout;
    if (known) {
        o->studies = &study;
        o->n_studies = 1;
    }
    enum cs_err rc = cs_wall_term_run(o, err);
    cs_load_release(&loaded);
    return rc;
}

int cmd_status(int argc, char **argv)
{
    struct status s = {0};
    const char *address = NULL, *dir = NULL, *store = NULL;
    bool json = false, keep_watching = false;
    uint64_t every_s = 5;
    struct cs_whom whom = {0};
    const struct cs_option table[] = {
        {"redis", CS_OPT_STR, &address, "ADDRESS", "the fleet's Redis: tcp://HOST:PORT or unix:/PATH"},
        {"dir", CS_OPT_STR, &dir, "DIR",
         "the study directory of a run on this machine; with --watch and --redis: to open trials from"},
        {"store", CS_OPT_STR, &store, "DIR",
         "with --watch and --redis: the coordinator's store on this machine, to open trials from"},
        {"study", CS_OPT_STR, &s.study, "NAME", "which study, where the fleet has several; default: submitted last"},
        {"fleet", CS_OPT_STR, &s.fleet, "ID", "which fleet, when this Redis serves several"},
        {"watch", CS_OPT_FLAG, &keep_watching, NULL,
         "the wall screen: all studies of the fleet, redrawn every second, with keys; q ends. Into a pipe: a block of text every --every seconds"},
        {"every", CS_OPT_U64, &every_s, "S", "with --watch into a pipe, or on a terminal without cursor: default 5"},
        CS_WHOM_OPTIONS(whom),
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe status [STUDY] [--redis ADDRESS] [options]",
        "Shows progress, outcomes, cost and workers, from Redis, so from any host that reaches it. STUDY is the file of a run on this machine\n"
        "or, with --redis, the name of one of the fleet's studies.\n"
        "The Redis user and password come from CLINSAFE_REDIS_USER and CLINSAFE_REDIS_PASSWORD(_FILE).",
        "clinsafe status --redis tcp://10.0.0.5:6379 --watch",
    };
    struct cs_error err = {0};
    char *found = NULL, *fleet = NULL, *of_run = NULL;
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    enum cs_err rc = CS_OK;
    if (address == NULL && n_args == 0 && dir == NULL)
        rc = cs_error_set(&err, CS_EUSAGE, "say which fleet: --redis ADDRESS, or the STUDY of a run on this machine");
    else if (address != NULL && n_args > 0)
        s.study = argv[1];
    else if (address == NULL)
        rc = redis_of_study(n_args > 0 ? argv[1] : NULL, dir, &found, &fleet, &of_run, &err);
    if (whom.endpoint == NULL)
        whom.dir = of_run; /* with --redis, --dir need not be of that fleet: no key acts there */
    if (s.fleet == NULL)
        s.fleet = fleet;
    if (rc == CS_OK && (every_s == 0 || every_s > 86400))
        rc = cs_error_set(&err, CS_EUSAGE, "--every %llu: want 1 to 86400 seconds", (unsigned long long)every_s);
    if (rc == CS_OK && keep_watching)
        rc = watch(&s, address == NULL && n_args > 0 ? argv[1] : NULL,
                   &(struct cs_wall_opts){.redis = address != NULL ? address : found,
                                          .every_s = (uint32_t)every_s,
                                          .whom = whom,
                                          .place = {of_run != NULL ? of_run : dir, store}},
                   &err);
    else if (rc == CS_OK)
        rc = read_once(&s, address != NULL ? address : found, fleet != NULL, &err);
    if (rc == CS_OK && !keep_watching && cs_screen_silent_ms(&s.progress, cs_clock_wall_ms()) > 0)
        cs_progress_forget_end(&s.progress);
    if (rc == CS_OK && json && !keep_watching)
        print_json(&s);
    else if (rc == CS_OK && !keep_watching)
        cs_screen_print_status(stdout, &s.progress, s.workers, s.n_workers, cs_clock_wall_ms());
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    cs_redis_sync_close(s.redis);
    cs_arena_release(&s.arena);
    free(found);
    free(fleet);
    free(of_run);
    return status;
}
