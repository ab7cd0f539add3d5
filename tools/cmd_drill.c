/* clinsafe drill - kills every part of a fleet while it works on a study of yours, against the simulator, and counts what was lost. */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/rng.h"
#include "protocol/study/plan.h"
#include "store/redis/progress.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/admin_client.h"
#include "tools/fleet/drill_count.h"
#include "tools/fleet/fleet.h"
#include "tools/fleet/submission.h"

enum {
    ROUNDS = 12,
    WORKERS = 4,
    SLOTS = 16,
    ROUND_MS = 3200,     /* about: a wait, a kill, a pause, a start */
    TRIALS_MOST = 12000, /* a larger study runs its first cases only */
    LATENCY_MOST_MS = 4000,
    FINISH_MS = 180000, /* after the last round */
    STEP_MS = 100,
    /* What a lost worker may cost: trials leased to it (its capacity, twice the slots), and as many on their way to the disk. A
     * lost simulator: the answers on their way to all workers. */
    PER_WORKER = 4 * SLOTS,
    PER_SIMULATOR = WORKERS * SLOTS,
};

enum target { WORKER, COORDINATOR, REDIS, SIMULATOR, EVERYTHING, TARGETS };
static const char *const names[TARGETS] = {"worker", "coordinator", "redis", "simulator", "everything at once"};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct drill {
    struct cs_study_args args;
    const char *study_path;
    uint64_t rounds, seed;
    bool json, has_seed;

    struct cs_loaded loaded;
    struct cs_account *accounts; /* ours, in place of the study's */
    struct cs_model *models;
    struct cs_study_dir dir;
    char *made, *ack_log, *arrivals, *latency; /* made: a folder to remove again */
    struct cs_fleet fleet;
    struct cs_rng rng;
    struct cs_arena arena;
    struct cs_progress progress;
    uint64_t started_ms, trials, killed[TARGETS], workers_killed, bound;
};

/* ---- the study, simulated -------------------------------------------------------------------------------- */

/* No call can leave this machine, no key is read, and nothing is limited: only what a crash does is asked. */
static void simulate(struct drill *d)
{
    struct cs_study *s = d->loaded.study;
    d->accounts = cs_xcalloc(s->n_accounts + 1, sizeof *d->accounts);
    d->models = cs_xcalloc(s->n_models + 1, sizeof *d->models);
    for (uint32_t i = 0; i < s->n_accounts; i++)
        d->accounts[i] = (struct cs_account){.name = s->accounts[i].name,
                                             .protocol = s->accounts[i].protocol,
                                             .simulated = true,
                                             .base_url = "",
                                             .confidential_ok = true,
                                             .max_tokens_field = s->accounts[i].max_tokens_field,
                                             .response_format = s->accounts[i].response_format};
    for (uint32_t i = 0; i < s->n_models; i++) {
        d->models[i] = s->models[i];
        d->models[i].limits = (struct cs_limits){0};
        d->models[i].n_pools = 0;
    }
    s->accounts = d->accounts;
    s->models = d->models;
    s->budget_nano_usd = -1;
}

static uint64_t trials_of(const struct cs_study *s)
{
    struct cs_plan plan;
    cs_plan_init(&plan, s);
    const uint64_t n = plan.n_planned;
    cs_plan_release(&plan);
    return n;
}

/* As many cases as keep the fleet busy for the rounds, and answers so slow that they do. */
static void cut(struct drill *d)
{
    struct cs_study *s = d->loaded.study;
    d->trials = trials_of(s);
    if (d->trials > TRIALS_MOST) {
        const uint64_t a_case = d->trials / s->n_cases, n = a_case > 0 ? TRIALS_MOST / a_case : s->n_cases;
        CS_ASSERT(cs_submission_make_pilot(&d->loaded, (uint32_t)(n > 0 ? n : 1), NULL) ==
                  CS_OK); /* its cases are in memory */
        d->trials = trials_of(s);
    }
    uint64_t latency = d->rounds * ROUND_MS * WORKERS * SLOTS / (d->trials + 1), most = LATENCY_MOST_MS;
    for (uint32_t i = 0; i < s->n_models; i++)
        most = s->models[i].timeout_ms / 4 < most ? s->models[i].timeout_ms / 4 : most;
    latency = latency < 20 ? 20 : latency > most ? most : latency;
    d->latency = cs_xasprintf("--latency-ms %llu", (unsigned long long)latency);
}

/* ---- folders ------------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static enum cs_err make_folder(struct drill *d, struct cs_error *err)
{
    const char *base = getenv("TMPDIR");
    if (d->args.dir == NULL) {
        d->made = cs_xasprintf("%s/clinsafe-drill-XXXXXX", base != NULL && base[0] != '\0' ? base : "/tmp");
        if (mkdtemp(d->made) == NULL) {
            enum cs_err rc = cs_error_set(err, CS_EIO, "%s: %s", d->made, strerror(errno));
            CS_FREE(d->made);
            return rc;
        }
    }
    cs_study_dir_init(&d->dir, d->study_path, d->made != NULL ? d->made : d->args.dir);
    if (access(d->dir.store, F_OK) == 0)
        return cs_error_set(err, CS_EUSAGE, "%s holds a study already; a drill wants a folder of its own", d->dir.path);
    d->ack_log = cs_xasprintf("%s/acknowledged", d->dir.path);
    d->arrivals = cs_xasprintf("%s/arrivals", d->dir.path);
    return cs_study_dir_lock(&d->dir, err);
}

/* ---- the fleet ------------------------------------------------------------------------------------------------ */

/* Each time over a new socket: the coordinator may be another process by now. */
static enum cs_err ask_progress(struct drill *d, int timeout_ms, struct cs_error *err)
{
    struct cs_admin_opts ao = {.endpoint = d->fleet.admin};
    struct cs_admin_client *client = NULL;
    const char *reply = NULL;
    enum cs_err rc = cs_admin_client_open(&client, &ao, err);
    if (rc == CS_OK)
        rc = cs_admin_client_ask(client, "status", NULL, NULL, 0, timeout_ms, &reply, err);
    if (rc == CS_OK) {
        cs_arena_reset(&d->arena);
        rc = cs_progress_parse(reply, strlen(reply), &d->arena, &d->progress, err);
    }
    cs_admin_client_close(client);
    return rc;
}

static enum cs_err bring_up(struct drill *d, struct cs_error *err)
{
    struct cs_fleet_opts opts = {
        .workers = WORKERS, .slots = SLOTS, .simulator_args = d->latency, .simulator_log = d->arrivals};
    struct cs_admin_client *client = NULL;
    uint32_t gen;
    bool is_new;
    if (setenv("CLINSAFE_ACK_LOG", d->ack_log, 1) != 0)
        return cs_error_set(err, CS_EIO, "%s", strerror(errno));
    enum cs_err rc = cs_fleet_start(&d->fleet, &d->dir, d->loaded.study, &opts, err);
    struct cs_admin_opts ao = {.endpoint = d->fleet.admin};
    if (rc == CS_OK)
        rc = cs_admin_client_open(&client, &ao, err);
    if (rc == CS_OK)
        rc = cs_submission_send(client, &d->loaded, false, NULL, &gen, &is_new, err);
    if (rc == CS_OK)
        rc = cs_fleet_start_workers(&d->fleet, err);
    cs_admin_client_close(client);
    return rc;
}

/* Lets time pass while the fleet works, and looks after what dies by itself. */
static enum cs_err pass(struct drill *d, uint64_t ms, struct cs_error *err)
{
    const uint64_t end = cs_clock_mono_ms() + ms;
    while (cs_clock_mono_ms() < end) {
        const uint64_t left = end - cs_clock_mono_ms();
        enum cs_err rc = interrupted ? cs_error_set(err, CS_EINTERRUPTED, "interrupted")
                                     : cs_fleet_check(&d->fleet, err);
        if (rc != CS_OK)
            return rc;
        d->fleet.restarts = 0;
        d->fleet.news[0] = '\0';
        usleep((useconds_t)(left < STEP_MS ? left : STEP_MS) * 1000);
    }
    return CS_OK;
}

/* ---- killing ------------------------------------------------------------------------------------------------------ */

static void count_kill(struct drill *d, int which, bool done)
{
    if (done && which >= CS_FLEET_WORKER_0) {
        d->workers_killed++;
        d->bound += PER_WORKER;
    } else if (done && which == CS_FLEET_SIMULATOR) {
        d->bound += PER_SIMULATOR;
    }
}

/* Which processes a target stands for: [from, to) of the fleet's. */
static void choose(struct drill *d, enum target t, int *from, int *to)
{
    static const int one[] = {
        [COORDINATOR] = CS_FLEET_COORDINATOR, [REDIS] = CS_FLEET_REDIS, [SIMULATOR] = CS_FLEET_SIMULATOR};
    *from = t == WORKER ? CS_FLEET_WORKER_0 + (int)cs_rng_below(&d->rng, WORKERS) : t == EVERYTHING ? 0 : one[t];
    *to = t == EVERYTHING ? CS_FLEET_WORKER_0 + WORKERS : *from + 1;
}

static enum cs_err strike(struct drill *d, enum target t, struct cs_error *err)
{
    int from, to;
    choose(d, t, &from, &to);
    for (int i = from; i < to; i++)
        count_kill(d, i, cs_fleet_kill(&d->fleet, i));
    d->killed[t]++;
    usleep((useconds_t)(100 + cs_rng_below(&d->rng, 1400)) * 1000);
    for (int i = from; i < to && !interrupted; i++) {
        enum cs_err rc = cs_fleet_revive(&d->fleet, i, err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

/* Every target once in a random order, then whichever. */
static enum target pick(struct drill *d, uint64_t round)
{
    static const enum target usual[] = {WORKER, WORKER, WORKER, COORDINATOR, COORDINATOR, REDIS, SIMULATOR, EVERYTHING};
    if (round < TARGETS)
        return (enum target)cs_rng_permute(d->seed, TARGETS, round);
    return usual[cs_rng_below(&d->rng, sizeof usual / sizeof *usual)];
}

static bool is_over(const struct cs_progress *p)
{
    return p->state != NULL && (strcmp(p->state, "finished") == 0 || strcmp(p->state, "stopped") == 0);
}

static void tell(const struct drill *d, uint64_t round, const char *what)
{
    char done[CS_TEXT_MAX_LEN], all[CS_TEXT_MAX_LEN];
    fprintf(stderr, "round %llu of %llu: killed %s; %s of %s trials have ended\n", (unsigned long long)round + 1,
            (unsigned long long)d->rounds, what, cs_text_count(done, d->progress.done + d->progress.failed),
            cs_text_count(all, d->trials));
}

static enum cs_err rounds(struct drill *d, struct cs_error *err)
{
    for (uint64_t i = 0; i < d->rounds; i++) {
        enum cs_err rc = pass(d, 300 + cs_rng_below(&d->rng, 3000), err);
        const enum target t = pick(d, i);
        if (rc == CS_OK)
            rc = strike(d, t, err);
        if (rc != CS_OK)
            return rc;
        (void)!ask_progress(d, 5000, err); /* as it was before, where it does not answer yet */
        tell(d, i, names[t]);
    }
    return CS_OK;
}

/* The study goes on to its end, undisturbed. */
static enum cs_err finish(struct drill *d, struct cs_error *err)
{
    const uint64_t end = cs_clock_mono_ms() + FINISH_MS;
    for (;;) {
        enum cs_err rc = pass(d, 2 * STEP_MS, err);
        if (rc == CS_OK && cs_clock_mono_ms() > end)
            rc = cs_error_set(err, CS_ETIMEDOUT, "the study did not end within %d s after the last kill",
                              FINISH_MS / 1000);
        if (rc != CS_OK)
            return rc;
        if (ask_progress(d, 2000, err) == CS_OK && is_over(&d->progress))
            return CS_OK;
    }
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static bool is_sound(const struct drill *d, const struct cs_drill_count *c)
{
    return c->lost == 0 && c->paid_twice <= d->bound && d->progress.done + d->progress.failed == d->trials;
}

static void print_text(const struct drill *d, const struct cs_drill_count *c)
{
    printf("\nkilled with SIGKILL     times\n");
    for (int t = 0; t < TARGETS; t++)
        printf("  %-20s %6llu\n", names[t], (unsigned long long)d->killed[t]);
    printf("\noutputs acknowledged   %8llu\n  of these lost        %8llu\n", (unsigned long long)c->acknowledged,
           (unsigned long long)c->lost);
    printf(
        "answers of the provider%8llu\n  of these paid twice  %8llu   (at most %llu: %d for each of %llu workers lost, "
        "%d for each simulator)\n",
        (unsigned long long)c->answered, (unsigned long long)c->paid_twice, (unsigned long long)d->bound, PER_WORKER,
        (unsigned long long)d->workers_killed, PER_SIMULATOR);
    printf("trials ended           %8llu   of %llu, %llu of them as failed\n",
           (unsigned long long)(d->progress.done + d->progress.failed), (unsigned long long)d->trials,
           (unsigned long long)d->progress.failed);
    printf("%s (seed %llu, %.0f s)\n", is_sound(d, c) ? "Nothing was lost." : "THE DRILL FAILED.",
           (unsigned long long)d->seed, (double)(cs_clock_mono_ms() - d->started_ms) / 1000);
}

static void print_json(const struct drill *d, const struct cs_drill_count *c)
{
    struct cs_json *killed = cs_json_object();
    for (int t = 0; t < TARGETS; t++)
        cs_json_object_set_new(killed, t == EVERYTHING ? "everything" : names[t],
                               cs_json_integer((int64_t)d->killed[t]));
    struct cs_json *o = cs_json_pack(
        "{s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "study", d->loaded.study->name,
        "seed", (int64_t)d->seed, "rounds", (int64_t)d->rounds, "killed", killed, "workers_killed",
        (int64_t)d->workers_killed, "trials", (int64_t)d->trials, "done", (int64_t)d->progress.done, "failed",
        (int64_t)d->progress.failed, "acknowledged", (int64_t)c->acknowledged, "lost", (int64_t)c->lost, "answered",
        (int64_t)c->answered, "paid_twice", (int64_t)c->paid_twice, "paid_twice_at_most", (int64_t)d->bound, "sound",
        (int)is_sound(d, c));
    struct cs_json *root = cs_document_begin("drill/1", cs_clock_wall_ms());
    cs_document_add(root, o);
    cs_document_print(root, stdout);
}

/* ---- the command -------------------------------------------------------------------------------------------------------- */

static bool parse(struct drill *d, int argc, char **argv, int *status)
{
    const struct cs_option table[] = {
        CS_STUDY_OPTIONS(d->args),
        {"dir", CS_OPT_STR, &d->args.dir, "DIR", "a new folder to work in, kept; default: a temporary one, removed"},
        {"rounds", CS_OPT_U64, &d->rounds, "N", "how often something is killed; default 12"},
        {"seed", CS_OPT_U64, &d->seed, "N", "of what is killed when; default: by the clock"},
        {"json", CS_OPT_FLAG, &d->json, NULL, "print the figures as JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe drill STUDY [options]",
        "Rehearses crashes on this machine: runs your study with coordinator, workers, Redis and the simulated provider, kills each of them\n"
        "with SIGKILL at random moments, starts it again, and counts what was lost and what was paid twice, by records outside of our own\n"
        "ledger. All models are replaced by simulated ones: no provider is called, no key is read, nothing is paid, and your study's own\n"
        "directory is not touched. Of a large study the first cases are taken. About a minute.\n"
        "Exit status: 0 nothing was lost and the bound on double payments held, 2 not so, 130 interrupted.",
        "clinsafe drill ops/studies/demo/study.yaml",
    };
    int n_args;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, status))
        return false;
    d->study_path = argv[1];
    return true;
}

static void release(struct drill *d, bool keep)
{
    cs_fleet_stop(&d->fleet, 2000);
    cs_study_dir_release(&d->dir);
    cs_load_release(&d->loaded);
    cs_arena_release(&d->arena);
    if (d->made != NULL && keep)
        fprintf(stderr, "kept for a look: %s\n", d->made);
    else if (d->made != NULL)
        nftw(d->made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(d->accounts);
    free(d->models);
    free(d->made);
    free(d->ack_log);
    free(d->arrivals);
    free(d->latency);
}

static enum cs_err drill(struct drill *d, struct cs_error *err)
{
    char trials[CS_TEXT_MAX_LEN];
    enum cs_err rc = make_folder(d, err);
    if (rc != CS_OK)
        return rc;
    fprintf(stderr, "%s: %s trials, all models simulated: nothing is paid. %llu rounds of kill -9, seed %llu.\n",
            d->loaded.study->name, cs_text_count(trials, d->trials), (unsigned long long)d->rounds,
            (unsigned long long)d->seed);
    rc = bring_up(d, err);
    if (rc == CS_OK)
        rc = rounds(d, err);
    return rc == CS_OK ? finish(d, err) : rc;
}

int cmd_drill(int argc, char **argv)
{
    struct drill d = {.rounds = ROUNDS, .dir = {.lock_fd = -1}, .started_ms = cs_clock_mono_ms()};
    struct cs_drill_count count = {0};
    struct cs_error err = {0};
    int status = 0;
    if (!parse(&d, argc, argv, &status))
        return status;
    enum cs_err rc = cs_command_load_study(&d.args, d.study_path, &d.loaded, &err);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    if (d.seed == 0)
        d.seed = (uint64_t)cs_clock_wall_ms() % 1000000 + 1;
    d.rng.state = d.seed;
    simulate(&d);
    cut(&d);

    struct sigaction sa = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    rc = drill(&d, &err);
    cs_fleet_stop(&d.fleet, 5000);
    if (rc == CS_OK)
        rc = cs_drill_count(d.ack_log, d.arrivals, d.dir.store, &count, &err);
    if (rc == CS_OK) {
        d.json ? print_json(&d, &count) : print_text(&d, &count);
        status = is_sound(&d, &count) ? 0 : 2;
    } else {
        status = cs_command_fail(rc, &err);
    }
    release(&d, status != 0 && rc != CS_EINTERRUPTED);
    return status;
}
