/* clinsafe slurm - a fleet as jobs of Slurm: the scripts of a coordinator and an array of workers. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/disk.h"
#include "protocol/base/file.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/wire/keys.h"
#include "tools/base/parents.h"
#include "tools/commands.h"
#include "tools/fleet/fleet.h"
#include "tools/slurm/jobs.h"
#include "tools/slurm/sbatch.h"

struct slurm {
    struct cs_jobs jobs;
    struct cs_study_args args;
    bool print, submit, json, stay;
    struct cs_buf coordinator, workers;
    char coordinator_id[CS_SBATCH_ID_MAX], workers_id[CS_SBATCH_ID_MAX];
    char *paths[CS_OPT_LIST_MAX];
    char *warning; /* or NULL */
};

/* ---- what was asked for ---------------------------------------------------------------------------- */

/* `run` starts a simulator beside its workers; no job of Slurm does, so that no call would ever be answered. */
static enum cs_err check_simulated(const struct cs_loaded *l, struct cs_error *err)
{
    for (uint32_t i = 0; i < l->study->n_models; i++) {
        const struct cs_model *m = &l->study->models[i];
        const struct cs_account *a = &l->study->accounts[m->account];
        if (a->simulated)
            return cs_error_set(
                err, CS_EUSAGE,
                "%s: %s is a simulated model (account %s), for which nobody answers on Slurm: ask a real one, or give its "
                "account protocol and base_url of a server that the nodes reach; `clinsafe run` simulates it here",
                l->path, m->name, a->name);
    }
    return CS_OK;
}

/* Through the shared limits of a fleet no more calls go than one worker may make: they are dealt out by Redis. */
static enum cs_err check_limits(const struct slurm *s, const struct cs_loaded *l, struct cs_error *err)
{
    static const struct cs_limits none;

    for (uint32_t i = 0; i < l->study->n_models && s->jobs.redis == NULL && s->jobs.workers > 1; i++) {
        const struct cs_model *m = &l->study->models[i];
        if (m->n_pools > 0 || memcmp(&m->limits, &none, sizeof none) != 0)
            return cs_error_set(
                err, CS_EUSAGE,
                "%s: %s has declared limits, which workers share through Redis only: give --redis ADDRESS, or --workers 1",
                l->path, m->name);
    }
    return CS_OK;
}

enum { LEAVE_S = 5 }; /* a worker starts no call that might not end so long before its deadline */

static enum cs_err check_time(const struct slurm *s, const struct cs_loaded *l, struct cs_error *err)
{
    const uint64_t limit = s->jobs.time != NULL ? cs_jobs_time_s(s->jobs.time) : 0;

    for (uint32_t i = 0; i < l->study->n_models && limit > 0; i++) {
        const struct cs_model *m = &l->study->models[i];
        const uint64_t most = m->timeout_ms / 1000 + LEAVE_S;
        if (limit <= most)
            return cs_error_set(
                err, CS_EUSAGE,
                "%s: a call of %s may take %llu s (timeout_s, and %d s to leave), and --time %s are %llu s: "
                "no worker would begin one",
                l->path, m->name, (unsigned long long)most, LEAVE_S, s->jobs.time, (unsigned long long)limit);
    }
    return CS_OK;
}

/* Full, since the job starts elsewhere. It need not exist. */
static char *full_path(struct slurm *s, unsigned slot, const char *path)
{
    char here[PATH_MAX];

    free(s->paths[slot]);
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
        s->paths[slot] = cs_xstrdup(path);
    else
        s->paths[slot] = cs_xasprintf("%s/%s", here, path);
    return s->paths[slot];
}

/* The fleet is given all studies at once, and goes when they are over. */
static enum cs_err check_parent(const char *path, struct cs_error *err)
{
    char *parent = cs_parents_file(path, NULL);
    const bool is_child = parent != NULL;

    free(parent);
    return !is_child
               ? CS_OK
               : cs_error_set(err, CS_EUSAGE,
                              "%s: its cases are another study's outputs, which the fleet has only when that one is "
                              "over: start a fleet without studies, and `clinsafe submit` both in turn",
                              path);
}

static enum cs_err take_study(struct slurm *s, unsigned slot, const char *path, struct cs_error *err)
{
    struct cs_loaded loaded = {0};
    enum cs_err rc = check_parent(path, err);

    if (rc == CS_OK)
        rc = cs_command_load_study(&s->args, path, &loaded, err);

    if (rc == CS_OK)
        rc = check_simulated(&loaded, err);
    if (rc == CS_OK)
        rc = check_limits(s, &loaded, err);
    if (rc == CS_OK)
        rc = check_time(s, &loaded, err);
    if (rc == CS_OK) {
        s->jobs.studies.v[s->jobs.studies.n++] = full_path(s, slot, path);
        s->jobs.names.v[s->jobs.names.n++] = s->paths[slot + 1] = cs_xstrdup(loaded.study->name);
    }
    cs_load_release(&loaded);
    return rc;
}

enum { DIR_SLOT, STORE_SLOT, KEYS_SLOT, BIN_SLOT, PROVIDERS_SLOT, DATA_SLOT, STUDY_SLOT, STUDIES_MAX = 16 };
_Static_assert(STUDY_SLOT + 2 * STUDIES_MAX <= CS_OPT_LIST_MAX, "a place for every path and name");

/* What no path can be made of. */
static enum cs_err check_paths(const struct slurm *s, const char *dir, struct cs_error *err)
{
    const char *const all[][2] = {{"DIR", dir},
                                  {"--store", s->jobs.store},
                                  {"--keys", s->jobs.keys},
                                  {"--providers", s->args.providers},
                                  {"--data", s->args.data}};
    struct stat st;

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i][1] != NULL && all[i][1][0] == '\0')
            return cs_error_set(err, CS_EUSAGE, "slurm: %s is empty", all[i][0]);
    if (stat(dir, &st) == 0 && !S_ISDIR(st.st_mode))
        return cs_error_set(err, CS_EUSAGE, "slurm: %s is a file; the fleet's folder comes first: slurm DIR STUDY...",
                            dir);
    return CS_OK;
}

static enum cs_err make(struct slurm *s, int n, char **argv, struct cs_error *err)
{
    struct cs_jobs *j = &s->jobs;
    enum cs_err rc = check_paths(s, argv[0], err);
    if (rc != CS_OK)
        return rc;
    char *bin = cs_fleet_program_beside(""), *store = cs_xasprintf("%s/store", argv[0]);

    bin[strlen(bin) > 1 && bin[strlen(bin) - 1] == '/' ? strlen(bin) - 1 : strlen(bin)] = '\0';
    j->bin = full_path(s, BIN_SLOT, bin);
    j->dir = full_path(s, DIR_SLOT, argv[0]);
    j->store = full_path(s, STORE_SLOT, j->store != NULL ? j->store : store);
    if (j->keys != NULL)
        j->keys = full_path(s, KEYS_SLOT, j->keys);
    j->providers = s->args.providers != NULL ? full_path(s, PROVIDERS_SLOT, s->args.providers) : NULL;
    j->data = s->args.data != NULL ? full_path(s, DATA_SLOT, s->args.data) : NULL;
    j->tasks = j->tasks == 0 ? j->workers : j->tasks;
    j->idle_s = s->stay ? 0 : j->idle_s;
    for (int i = 1; i < n && rc == CS_OK; i++)
        rc = take_study(s, STUDY_SLOT + 2 * (unsigned)(i - 1), argv[i], err);
    if (rc == CS_OK)
        rc = cs_jobs_check(j, err);
    if (rc == CS_OK)
        rc = cs_sbatch_check_lines(&j->lines, err);
    free(bin);
    free(store);
    if (rc != CS_OK)
        return rc;
    const char *disk = cs_disk_shared(j->store);
    if (disk != NULL)
        s->warning = cs_xasprintf(
            "%s is on %s: a store there is slow, and as sound as the locks and syncs of its servers; --store on a disk "
            "of the coordinator's node with --coordinator-sbatch=--nodelist=NODE is better",
            j->store, disk);
    cs_jobs_coordinator(j, &s->coordinator);
    cs_jobs_workers(j, &s->workers);
    CS_ASSERT(!s->coordinator.overflow && !s->workers.overflow);
    return CS_OK;
}

/* ---- its folder ------------------------------------------------------------------------------------ */

static enum cs_err make_key(const char *dir, const char *name, enum cs_allowed_role role, struct cs_error *err)
{
    struct cs_keypair pair;
    char *base = cs_xasprintf("%s/%s", dir, name), *file = cs_xasprintf("%s.pub", base);
    enum cs_err rc = CS_OK;

    if (access(file, F_OK) != 0) {
        rc = cs_keys_pair_make(&pair, err);
        if (rc == CS_OK)
            rc = cs_keys_pair_save(&pair, base, name, role, err);
        explicit_bzero(&pair, sizeof pair);
    }
    free(base);
    free(file);
    return rc;
}

/* Who may come in: the workers, all with one key, and whoever holds operator.key. Left alone once it is there: people may have added others. */
static enum cs_err make_allowed(const char *dir, struct cs_error *err)
{
    static const char *const who[] = {"worker.pub", "operator.pub"};
    struct cs_buf all = CS_BUF_INIT(4096);
    char *path = cs_xasprintf("%s/allowed", dir);
    enum cs_err rc = CS_OK;

    for (unsigned i = 0; i < 2 && rc == CS_OK; i++) {
        char *pub = cs_xasprintf("%s/%s", dir, who[i]), *text = NULL;
        rc = cs_file_read(pub, 1024, &text, NULL, err);
        cs_buf_str(&all, text != NULL ? text : "");
        free(text);
        free(pub);
    }
    if (rc == CS_OK && access(path, F_OK) != 0)
        rc = cs_file_write(path, all.data, all.len, 0600, err);
    cs_buf_release(&all);
    free(path);
    return rc;
}

static enum cs_err write_script(const char *dir, const char *name, const struct cs_buf *text, char **path,
                                struct cs_error *err)
{
    *path = cs_xasprintf("%s/%s", dir, name);
    return cs_file_write(*path, text->data, text->len, 0700, err);
}

static enum cs_err make_folder(const char *dir, struct cs_error *err)
{
    char *logs = cs_xasprintf("%s/logs", dir);
    enum cs_err rc = cs_file_mkdir_p(logs, err);

    if (rc == CS_OK)
        rc = make_key(dir, "coordinator", CS_ALLOWED_WORKER, err);
    if (rc == CS_OK)
        rc = make_key(dir, "worker", CS_ALLOWED_WORKER, err);
    if (rc == CS_OK)
        rc = make_key(dir, "operator", CS_ALLOWED_OPERATOR, err);
    if (rc == CS_OK)
        rc = make_allowed(dir, err);
    free(logs);
    return rc;
}

static enum cs_err submit(struct slurm *s, struct cs_error *err)
{
    char *coordinator = NULL, *workers = NULL;
    enum cs_err rc = make_folder(s->jobs.dir, err);

    if (rc == CS_OK)
        rc = write_script(s->jobs.dir, "coordinator.sbatch", &s->coordinator, &coordinator, err);
    if (rc == CS_OK)
        rc = write_script(s->jobs.dir, "workers.sbatch", &s->workers, &workers, err);
    if (rc == CS_OK)
        rc = cs_sbatch_submit(coordinator, NULL, s->coordinator_id, err);
    if (rc == CS_OK) {
        rc = cs_sbatch_submit(workers, s->coordinator_id, s->workers_id, err);
        if (rc != CS_OK) /* the first one is in the queue, and whoever asked must know it */
            rc = cs_error_wrap(err, rc, "job %s of the coordinator was submitted, its workers were not",
                               s->coordinator_id);
    }
    free(coordinator);
    free(workers);
    return rc;
}

/* ---- what is said ---------------------------------------------------------------------------------- */

static void tell_json(const struct slurm *s)
{
    struct cs_json *o = cs_json_pack("{s:s, s:s, s:s, s:s, s:s}", "dir", s->jobs.dir, "store", s->jobs.store,
                                     "coordinator", cs_buf_cstr(&s->coordinator), "workers", cs_buf_cstr(&s->workers),
                                     "warning", s->warning != NULL ? s->warning : "");
    if (s->submit) {
        cs_json_object_set_new(o, "coordinator_job", cs_json_string(s->coordinator_id));
        cs_json_object_set_new(o, "workers_job", cs_json_string(s->workers_id));
    }
    struct cs_json *root = cs_document_begin("slurm/1", cs_clock_wall_ms());
    cs_document_add(root, o);
    cs_document_print(root, stdout);
}

static void tell(const struct slurm *s)
{
    if (s->json) {
        tell_json(s);
        return;
    }
    if (s->warning != NULL)
        fprintf(stderr, "clinsafe: warning: %s\n", s->warning);
    if (s->print)
        printf("#### %s/coordinator.sbatch\n%s\n#### %s/workers.sbatch\n%s", s->jobs.dir, cs_buf_cstr(&s->coordinator),
               s->jobs.dir, cs_buf_cstr(&s->workers));
    else
        printf("coordinator: job %s; workers: job %s, %llu at once of %llu; logs in %s/logs\n"
               "clinsafe list --coordinator file:%s/address --key %s/operator.key\n",
               s->coordinator_id, s->workers_id, (unsigned long long)s->jobs.workers, (unsigned long long)s->jobs.tasks,
               s->jobs.dir, s->jobs.dir, s->jobs.dir);
}

static void release(struct slurm *s)
{
    for (unsigned i = 0; i < CS_OPT_LIST_MAX; i++)
        free(s->paths[i]);
    free(s->warning);
    cs_buf_release(&s->coordinator);
    cs_buf_release(&s->workers);
}

int cmd_slurm(int argc, char **argv)
{
    struct slurm s = {.jobs = {.workers = CS_JOBS_AT_ONCE, .slots = 256, .idle_s = 900, .bind = "0.0.0.0"},
                      .coordinator = CS_BUF_INIT(CS_JOBS_SCRIPT_MAX),
                      .workers = CS_BUF_INIT(CS_JOBS_SCRIPT_MAX)};
    struct cs_jobs *j = &s.jobs;
    const struct cs_option table[] = {
        {"print", CS_OPT_FLAG, &s.print, NULL, "print both scripts; nothing is written or submitted"},
        {"submit", CS_OPT_FLAG, &s.submit, NULL, "write scripts and missing keys into DIR, and submit"},
        {"json", CS_OPT_FLAG, &s.json, NULL, "print JSON: scripts, warning, and the numbers of the jobs"},
        {"workers", CS_OPT_U64, &j->workers, "N", "workers at once (default 4)"},
        {"tasks", CS_OPT_U64, &j->tasks, "N",
         "tasks of the array: each is a worker until its time is over, then the next begins (default: as many as workers)"},
        {"slots", CS_OPT_U64, &j->slots, "N", "calls in flight of each worker at most (default 256)"},
        {"partition", CS_OPT_STR, &j->partition, "NAME", "Slurm's partition"},
        {"account", CS_OPT_STR, &j->account, "NAME", "Slurm's account"},
        {"qos", CS_OPT_STR, &j->qos, "NAME", "Slurm's quality of service"},
        {"time", CS_OPT_STR, &j->time, "TIME", "time limit of each job; the coordinator requeues itself before it"},
        {"sbatch", CS_OPT_LIST, &j->sbatch, "OPTION",
         "a further option of both jobs, as --sbatch=--constraint=ib; may be repeated"},
        {"coordinator-sbatch", CS_OPT_LIST, &j->coordinator_sbatch, "OPTION", "the same of the coordinator alone"},
        {"line", CS_OPT_LIST, &j->lines, "LINE",
         "a line of shell before the program, as 'module load X'; may be repeated"},
        {"store", CS_OPT_STR, &j->store, "DIR", "where the store is (default DIR/store)"},
        {"bind", CS_OPT_STR, &j->bind, "ADDRESS", "where the coordinator listens (default 0.0.0.0)"},
        {"redis", CS_OPT_STR, &j->redis, "ADDR",
         "tcp://HOST:PORT: needed where limits are declared and workers share them"},
        {"keys", CS_OPT_STR, &j->keys, "FILE", "keys.yaml of the workers (default DIR/keys.yaml, if it is there)"},
        {"drain-s", CS_OPT_U64, &j->drain_s, "S",
         "longest wait for calls in flight when Slurm ends a worker (default: 3 s less than its KillWait)"},
        {"idle-exit", CS_OPT_U64, &j->idle_s, "S",
         "a worker ends when there was nothing to do for so long (default 900)"},
        {"stay", CS_OPT_FLAG, &s.stay, NULL, "workers stay until their time is over, whatever there is to do"},
        CS_STUDY_OPTIONS(s.args),
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe slurm DIR [STUDY...] (--print | --submit) [options]",
        "A fleet as jobs of Slurm: one for the coordinator, an array of workers. DIR is on a file system that all nodes share, and holds\n"
        "scripts, keys, logs, and the file by which workers find the coordinator wherever it runs. With studies the fleet works on these\n"
        "and goes when they are over; without, it waits for `clinsafe submit --coordinator file:DIR/address --key DIR/operator.key`.",
        "clinsafe slurm fleet study.yaml --submit --workers 10 --tasks 200 --partition short --time 4:00:00",
    };
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1 + STUDIES_MAX, &n_args, &status))
        return status;
    enum cs_err rc = s.print != s.submit
                         ? make(&s, n_args, argv + 1, &err)
                         : cs_error_set(&err, CS_EUSAGE, "slurm: say --print or --submit; see clinsafe slurm --help");
    if (rc == CS_OK && s.submit)
        rc = submit(&s, &err);
    if (rc == CS_OK)
        tell(&s);
    release(&s);
    return rc == CS_OK ? 0 : cs_command_fail(rc, &err);
}
