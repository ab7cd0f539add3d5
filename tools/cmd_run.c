/* clinsafe run - whole studies on this machine: brings up the fleet, shows progress, drains on Ctrl-C, continues when run again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/load/keys_env.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "protocol/study/plan.h"
#include "store/redis/redis.h"
#include "tools/base/stops.h"
#include "tools/base/text.h"
#include "tools/base/typed.h"
#include "tools/base/parents.h"
#include "tools/commands.h"
#include "tools/fleet/admin_client.h"
#include "tools/fleet/again.h"
#include "tools/fleet/detach.h"
#include "tools/fleet/fleet.h"
#include "tools/fleet/key_lock.h"
#include "tools/fleet/parent_first.h"
#include "tools/fleet/together.h"
#include "tools/fleet/unanswered.h"
#include "tools/fleet/submission.h"
#include "tools/plan/fits.h"
#include "tools/plan/identifiers.h"
#include "tools/screen/run_notes.h"
#include "tools/screen/screen.h"
#include "tools/wall/term.h"

enum {
    POLL_MS = 200,
    ASK_MS = 10000,
    PATIENCE_MS = 60000,
    SLOTS_MAX = 65536,
    REDIS_MS = 3000,
    DRAIN_MS = 15 * 60 * 1000,
    BLOCK_EVERY_S = 5,
    LOG_EVERY_S = 60,
    STUDIES_MAX = 64,
    PARENTS_MAX = 8,
    NOT_ALL = 2 /* exit status: some trials have no answer */
};

static volatile sig_atomic_t interrupts;

/* A terminal that closes may say so twice, by its shell and by the kernel: that is not a wish to stop at once. */
static void on_interrupt(int sig)
{
    if (sig != SIGHUP || interrupts == 0)
        interrupts++;
}

static void handle_signals(void)
{
    const struct sigaction sa = {.sa_handler = on_interrupt};
    struct sigaction hangup;
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* else it was started by nohup */
        sigaction(SIGHUP, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* `ulimit -f`: an error of the write, which can be told */
}

struct part { /* one of the studies */
    const char *path;
    struct cs_loaded loaded;
    struct cs_arena arena; /* holds the last progress */
    struct cs_progress progress;
    struct cs_run_notes notes;
    uint32_t gen;
    bool is_new;
};

struct run {
    struct cs_study_args args;
    struct part *parts;
    uint32_t n;
    const struct cs_study **studies; /* theirs */
    struct cs_together together;
    struct cs_fleet_opts fleet_opts;
    uint64_t workers, slots, cases;
    struct cs_option_list reuse;
    bool json, retry, detach, adopt_other;
    bool first; /* it is the parent of what was asked for */
    struct cs_again_options ask_again;
    char *again;             /* this command as it would be typed again */
    char *ending, *resuming; /* what a person does to end this run; to let a model go on that paused */
    int detach_fd;           /* see detach.h; -1: not detached */

    struct cs_study_dir dir;
    struct cs_key_locks keys;
    struct cs_fleet fleet;
    struct cs_admin_client *admin;
    uint64_t ended;           /* trials, when last looked at */
    struct cs_wall *wall;     /* while it works */
    char *redis, *fleet_id;   /* where the screen looks */
    struct cs_ticker upgrade; /* total 0: there was none */
};

/* The coordinator makes a store of format 1 one of format 2 before it does anything else. */
static void say_upgrade(void *self, uint64_t done, uint64_t total)
{
    struct run *r = self;
    if (r->upgrade.total == 0) {
        fprintf(stderr, "this study was kept by an earlier version: its store is being brought up to date\n");
        cs_screen_ticker_init(&r->upgrade, "store upgrade", total > 0 ? total : 1);
    }
    cs_screen_ticker_at(&r->upgrade, done);
}

static void say_page(const struct run *r)
{
    char *page = cs_fleet_page(&r->fleet);
    if (page != NULL)
        fprintf(stderr, "pages: %s\n", page);
    free(page);
}

static bool parse(struct run *r, int argc, char **argv, int *status)
{
    const struct cs_option table[] = {
        CS_DIR_OPTION(r->args),
        CS_STUDY_OPTIONS(r->args),
        CS_PARTIAL_OPTION(r->args),
        {"workers", CS_OPT_U64, &r->workers, "N", "worker processes; default: as many as cores"},
        {"slots", CS_OPT_U64, &r->slots, "N", "calls in flight of each worker; default 256"},
        {"cases", CS_OPT_U64, &r->cases, "N", "a pilot with the first N cases only, marked as such"},
        {"reuse", CS_OPT_LIST, &r->reuse, "DIR",
         "another study's directory: its answers to the same requests are taken over; may be repeated"},
        CS_ADOPT_OTHER_OPTION(r->adopt_other),
        {"simulator", CS_OPT_STR, &r->fleet_opts.simulator_url, "URL", "a simulator that runs already"},
        {"simulator-args", CS_OPT_STR, &r->fleet_opts.simulator_args, "ARGS",
         "more options for the simulator, e.g. '--latency-ms 0'"},
        {"redis", CS_OPT_STR, &r->fleet_opts.redis, "ADDRESS",
         "a Redis that runs already, in place of a private one: runs with the same address share the limits of a key"},
        {"http", CS_OPT_STR, &r->fleet_opts.http, "ADDRESS",
         "shows pages for a browser and /metrics there while it runs: 127.0.0.1:PORT (port 0: any) or unix:/PATH"},
        {"detach", CS_OPT_FLAG, &r->detach, NULL,
         "go on without this terminal, once the fleet is up; what is printed goes to logs/run.log in the study directory"},
        {"retry", CS_OPT_FLAG, &r->retry, NULL, "plan trials that failed earlier again"},
        {"retry-timeouts", CS_OPT_FLAG, &r->ask_again.timeouts, NULL,
         "ask answers that are `timeout` again, once a trial"},
        {"retry-unparsable", CS_OPT_FLAG, &r->ask_again.unparsable, NULL,
         "ask answers that are `unparsable` again, once a trial"},
        {"accept-unparsable", CS_OPT_FLAG, &r->fleet_opts.accept_unparsable, NULL,
         "a model whose answers cannot be parsed, all of the first fifty, does not pause for it; a judge does"},
        {"again", CS_OPT_FLAG, &r->ask_again.repeat, NULL, "with these two: also what was asked again before"},
        {"json", CS_OPT_FLAG, &r->json, NULL, "print the final figures as JSON on standard output"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe run STUDY... [options]",
        "Runs studies on this machine and continues them where they were. Starts what it needs: a private Redis, a coordinator, workers and,\n"
        "for simulated models, the simulator. Ctrl-C, or a terminal that closes, lets the calls in flight finish and says how to go on; a second\n"
        "Ctrl-C stops at once. With --detach it goes on without a terminal: `clinsafe status STUDY` shows it, `clinsafe drain --dir DIR` ends it.\n"
        "A study of another one's outputs runs that one first where it is not finished (--partial: judges what is there).\n"
        "Several studies share one fleet fairly, and one directory: that of the first, or --dir; the same command continues them.\n"
        "Two runs with the same key would exceed its limits together: the second is refused, unless both have the same --redis ADDRESS.\n"
        "Exit status: 0 all trials have an answer, 2 some (of any study) have none, or more than 2 % of a model's cannot be used; 130 interrupted; 75 in use, or\n"
        "a disk or start problem (run it again).",
        "clinsafe run ops/studies/demo/study.yaml --workers 2",
    };
    int n_args;
    r->again = cs_typed_command("run", argc, argv); /* before parsing moves them */
    if (!cs_command_args(table, &help, argc, argv, 1, STUDIES_MAX, &n_args, status))
        return false;
    if (r->slots > SLOTS_MAX || r->workers > CS_FLEET_WORKERS_MAX) {
        fprintf(stderr, "clinsafe: at most %d workers with %d slots each\n", CS_FLEET_WORKERS_MAX, SLOTS_MAX);
        *status = cs_error_exit_code(CS_EUSAGE);
        return false;
    }
    if (r->ask_again.repeat && !cs_fleet_again_is_asked(&r->ask_again)) {
        fprintf(stderr, "clinsafe: --again goes with --retry-timeouts or --retry-unparsable\n");
        *status = cs_error_exit_code(CS_EUSAGE);
        return false;
    }
    r->n = (uint32_t)n_args;
    r->parts = cs_xcalloc(r->n, sizeof *r->parts);
    r->studies = cs_xcalloc(r->n, sizeof *r->studies);
    for (uint32_t i = 0; i < r->n; i++)
        r->parts[i].path = argv[1 + i];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    r->fleet_opts.workers = r->workers != 0 ? (uint32_t)r->workers : (uint32_t)(cores > 0 ? cores : 1);
    r->fleet_opts.reuse = &r->reuse;
    r->fleet_opts.on_upgrade = say_upgrade;
    r->fleet_opts.self = r;
    r->fleet_opts.slots = r->slots != 0 ? (uint32_t)r->slots : 256;
    return true;
}

/* Waits for the answer in short steps, so that a coordinator that dies meanwhile is noticed. */
static enum cs_err fetch_one(struct run *r, struct part *p, struct cs_error *err)
{
    const char *args[] = {p->loaded.study->name, NULL};
    const char *reply = NULL;
    const uint64_t deadline = cs_clock_mono_ms() + PATIENCE_MS;
    enum cs_err rc;
    bool again;
    do {
        rc = cs_fleet_check(&r->fleet, err);
        if (rc == CS_OK)
            rc = cs_admin_client_ask(r->admin, "status", args, NULL, 0, 1000, &reply, err);
        again = rc == CS_ETIMEDOUT && interrupts == 0 && cs_clock_mono_ms() < deadline;
        if (again) /* its socket may be gone before it is: that is known at once */
            usleep(POLL_MS * 1000);
    } while (again);
    if (rc != CS_OK)
        return rc;
    cs_arena_reset(&p->arena);
    return cs_progress_parse(reply, strlen(reply), &p->arena, &p->progress, err);
}

static enum cs_err fetch_progress(struct run *r, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++)
        rc = fetch_one(r, &r->parts[i], err);
    return rc;
}

/* Asks the coordinator to drain and waits for its end, which is the answer: with nothing in flight it may end before its reply is out. */
static void drain(struct run *r, uint32_t wait_ms)
{
    const uint64_t deadline = cs_clock_mono_ms() + wait_ms;
    const sig_atomic_t before = interrupts;
    (void)!cs_admin_client_ask(r->admin, "drain", NULL, NULL, 0, POLL_MS, NULL, NULL);
    while (cs_fleet_wait(&r->fleet, POLL_MS) != CS_OK && interrupts == before && cs_clock_mono_ms() < deadline)
        continue;
}

static bool is_over(const struct run *r)
{
    bool over = true;
    for (uint32_t i = 0; i < r->n; i++) {
        const char *state = r->parts[i].progress.state;
        over = over && (strcmp(state, "finished") == 0 || strcmp(state, "stopped") == 0);
    }
    return over;
}

static void tell(struct run *r, const char *lines)
{
    if (r->wall != NULL)
        cs_wall_term_say(r->wall, lines);
    else
        fputs(lines, stderr);
}

/* What holds up the lanes of a study. */
static void tell_notes(struct run *r, struct part *part)
{
    const struct cs_progress *p = &part->progress;
    const uint64_t now = cs_clock_mono_ms();
    char *text = NULL;
    size_t n = 0;
    if (strcmp(p->state, "running") != 0 && strcmp(p->state, "paused") != 0)
        return;
    if (!cs_run_notes_look(&part->notes, p, now))
        return;
    FILE *out = open_memstream(&text, &n);
    cs_run_notes_say(&part->notes, p, now, out);
    fclose(out);
    tell(r, text);
    free(text);
}

/* What died and what holds up a lane. A fleet that gets on may lose processes for ever. */
static void tell_news(struct run *r)
{
    uint64_t ended = 0;
    for (uint32_t i = 0; i < r->n; i++)
        ended += r->parts[i].progress.done + r->parts[i].progress.failed;
    if (ended != r->ended) {
        r->ended = ended;
        r->fleet.restarts = 0;
    }
    if (r->fleet.news[0] != '\0') {
        char *text = NULL;
        size_t n = 0;
        FILE *into = open_memstream(&text, &n), *door = cs_plain_file(into); /* it quotes the last words of processes */
        fputs(r->fleet.news, door);
        fclose(door);
        fclose(into);
        tell(r, text);
        free(text);
        r->fleet.news[0] = '\0';
    }
    for (uint32_t i = 0; i < r->n; i++)
        tell_notes(r, &r->parts[i]);
}

/* The screen of `status --watch`; it reads Redis by itself. */
static void open_wall(struct run *r)
{
    struct cs_error none = {0};
    if (cs_study_dir_redis(&r->dir, &r->redis, &r->fleet_id, &none) != CS_OK || r->redis == NULL)
        return; /* it goes on without */
    const struct cs_wall_opts o = {.redis = r->redis,
                                   .fleet = r->fleet_id,
                                   .out = stderr,
                                   .every_s = r->detach ? LOG_EVERY_S : BLOCK_EVERY_S,
                                   .whom = {.dir = r->dir.path},
                                   .place = {.dir = r->dir.path},
                                   .studies = r->studies,
                                   .n_studies = r->n,
                                   .owns = true};
    r->wall = cs_wall_term_open(&o);
}

static void close_wall(struct run *r)
{
    cs_wall_term_close(r->wall);
    r->wall = NULL;
}

/* Polls until the studies are over, or the user has had enough. */
static enum cs_err watch(struct run *r, struct cs_error *err)
{
    for (;;) {
        enum cs_err rc = fetch_progress(r, err);
        if (rc != CS_OK)
            return interrupts > 0 ? cs_error_set(err, CS_EINTERRUPTED, "interrupted") : rc;
        tell_news(r);
        if (is_over(r))
            return CS_OK;
        if (interrupts > 0) {
            close_wall(r);
            fprintf(stderr, "\nFinishing the calls in flight%s.\n", r->detach ? "" : "; Ctrl-C again stops at once");
            drain(r, DRAIN_MS);
            return cs_error_set(err, CS_EINTERRUPTED, "interrupted");
        }
        if (r->wall == NULL)
            usleep(POLL_MS * 1000);
        else if (!cs_wall_term_turn(r->wall, POLL_MS) && cs_wall_term_is_screen(r->wall))
            interrupts++;
    }
}

static void print_how_to_continue(const struct run *r)
{
    fprintf(stderr, "Interrupted. Everything answered so far is kept in %s\nContinue with:\n %s\n", r->dir.path,
            r->again);
}

static void print_json(const struct run *r)
{
    struct cs_json *root = cs_document_begin("run/1", cs_clock_wall_ms()), *studies = cs_json_array();
    for (uint32_t i = 0; i < r->n; i++)
        cs_json_array_append_new(studies, cs_document_money(cs_progress_to_json(&r->parts[i].progress)));
    if (r->n == 1)
        cs_document_add(root, cs_json_incref(cs_json_array_get(studies, 0)));
    else
        cs_json_object_set_new(root, "studies", cs_json_incref(studies));
    cs_json_decref(studies);
    cs_document_print(root, stdout);
}

static void print_commands(const struct run *r, const struct part *part)
{
    struct cs_buf where = CS_BUF_INIT(64 * 1024), program = CS_BUF_INIT(64 * 1024);
    cs_typed_quote(&program, program_invocation_name);
    if (r->n == 1)
        cs_typed_quote(&where, part->path);
    if (r->n > 1 || r->args.dir != NULL) {
        cs_buf_str(&where, " --dir");
        cs_typed_quote(&where, r->dir.path);
    }
    if (r->n > 1) {
        cs_buf_str(&where, " --study");
        cs_typed_quote(&where, part->loaded.study->name);
    }
    printf("Get the outputs: %s export%s --format csv --out %s.csv\n", cs_buf_cstr(&program), cs_buf_cstr(&where),
           r->n > 1 ? part->loaded.study->name : "outputs");
    printf("Check them:      %s verify%s\n", cs_buf_cstr(&program), cs_buf_cstr(&where));
    if (r->n > 1)
        printf("Report:          %s report%s --out %s.html\n", cs_buf_cstr(&program), cs_buf_cstr(&where),
               part->loaded.study->name);
    cs_buf_release(&program);
    cs_buf_release(&where);
}

static void print_summary(const struct run *r)
{
    if (r->json) {
        print_json(r);
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        printf("%s%s%s\n", r->n > 1 ? "\n" : "", r->n > 1 ? r->parts[i].loaded.study->name : "", r->n > 1 ? ":" : "");
        cs_screen_print_lanes(stdout, &r->parts[i].progress);
    }
    printf("\nEverything is kept in %s\n", r->dir.path);
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->n > 1)
            printf("%s:\n", r->parts[i].loaded.study->name);
        print_commands(r, &r->parts[i]);
    }
}

/* What this run was told to ask again of a study; and what stands, so that it could be told. */
static enum cs_err plan_again(struct run *r, const struct part *part, struct cs_error *err)
{
    struct cs_unanswered stand = {0};
    struct cs_error none = {0};
    struct cs_ticker ticker = {0};
    const char *name = part->loaded.study->name, *args[] = {"", name, NULL};
    const struct cs_fleet_status_watch watch = {
        .stop = &interrupts, .on_progress = cs_screen_ticker_progress, .self = &ticker, .study = name};
    struct cs_again_options ask_again = r->ask_again;
    enum cs_err rc = CS_OK;
    ask_again.study = name;
    if (r->retry || cs_fleet_again_is_asked(&ask_again))
        rc = cs_fleet_status_wait_built(r->admin, &watch, UINT64_MAX, err);
    if (rc == CS_OK && r->retry)
        rc = cs_admin_client_ask(r->admin, "retry", args, NULL, 0, ASK_MS, NULL, err);
    if (rc == CS_OK && cs_fleet_again_is_asked(&ask_again))
        return cs_fleet_again_ask(r->admin, &ask_again, &watch, stderr, NULL, err);
    if (rc == CS_OK &&
        cs_unanswered_of_fleet(&stand, r->admin, &watch, &none) == CS_OK) /* else they are told at the end */
        cs_unanswered_print(&stand, stderr, r->again, "--retry-");
    cs_unanswered_release(&stand);
    return rc;
}

static void print_heading(const struct run *r, const struct part *part)
{
    const struct cs_study *study = part->loaded.study;
    char count[CS_TEXT_MAX_LEN];
    struct cs_plan plan;
    cs_plan_init(&plan, study);
    struct cs_arena arena = {0};
    fprintf(stderr, "%s%s%s\n%s trials, %u model%s, %u worker%s%s\n", study->name, study->title[0] != '\0' ? ": " : "",
            cs_plain_in(&arena, study->title), cs_text_count(count, plan.n_planned), study->n_models,
            study->n_models == 1 ? "" : "s", r->fleet_opts.workers, r->fleet_opts.workers == 1 ? "" : "s",
            !part->is_new      ? "; continuing"
            : r->reuse.n > 0   ? "; looking for answers already paid for"
            : part->gen > r->n ? "; the study changed, answers already paid for are kept"
                               : "");
    cs_arena_release(&arena);
    cs_plan_release(&plan);
    cs_run_notes_sunsets(study, stderr);
}

/* Whatever can be known to be wrong before a process is started. */
static enum cs_err reserve(struct run *r, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++) {
        rc = cs_identifiers_check(&r->parts[i].loaded, err);
        if (rc == CS_OK)
            rc = cs_fits_check(&r->parts[i].loaded, err);
    }
    if (rc == CS_OK)
        rc = cs_study_dir_lock(&r->dir, err);
    if (rc == CS_OK)
        rc = cs_key_lock_take(&r->keys, &r->together.study, r->dir.path, r->fleet_opts.redis, err);
    if (rc == CS_OK && r->fleet_opts.redis != NULL)
        rc = cs_redis_sync_check(r->fleet_opts.redis, REDIS_MS, err); /* it is somebody else's */
    if (rc == CS_OK)
        rc = cs_study_dir_reap(&r->dir, err);
    return rc;
}

/* What was typed is what is run: an edited study is asked no more as it was, nor another one that is there. */
static enum cs_err submit_all(struct run *r, struct cs_error *err)
{
    const struct cs_submission_place place = {.alone = r->n == 1, .stop_old = true};
    enum cs_err rc = cs_together_check(r->admin, r->studies, r->n, err);
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++)
        rc = cs_submission_send(r->admin, &r->parts[i].loaded, r->adopt_other, &place, &r->parts[i].gen,
                                &r->parts[i].is_new, err);
    return rc;
}

static enum cs_err bring_up(struct run *r, struct cs_error *err)
{
    enum cs_err rc = reserve(r, err);
    if (rc == CS_OK)
        rc = cs_fleet_start(&r->fleet, &r->dir, &r->together.study, &r->fleet_opts, err);
    if (rc != CS_OK)
        return rc;
    struct cs_admin_opts ao = {.endpoint = r->fleet.admin, .lives = cs_fleet_lives, .self = &r->fleet};
    if (r->upgrade.total > 0)
        cs_screen_ticker_end(&r->upgrade);
    say_page(r);
    rc = cs_admin_client_open(&r->admin, &ao, err);
    if (rc == CS_OK)
        rc = submit_all(r, err);
    if (rc == CS_OK)
        rc = cs_fleet_start_workers(&r->fleet, err);
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++)
        rc = plan_again(r, &r->parts[i], err);
    if (rc == CS_OK)
        rc = fetch_progress(r, err);
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++)
        print_heading(r, &r->parts[i]);
    struct cs_error why = {0};
    const enum cs_err dead = rc == CS_ETIMEDOUT ? cs_fleet_check(&r->fleet, &why) : CS_OK;
    if (dead != CS_OK)
        *err = why; /* it did not answer because it is gone */
    return dead != CS_OK ? dead : rc;
}

static enum cs_err let_go(struct run *r, struct cs_error *err)
{
    char *log = cs_xasprintf("%s/run.log", r->dir.logs), *watching = cs_typed_elsewhere("status --watch", r->dir.path);
    printf("It goes on without this terminal (pid %d) and prints to %s\n", (int)getpid(), log);
    printf("Watch it: %s\nEnd it:   %s\n", watching, r->ending);
    printf("The calls in flight finish then, and the same command continues it.\n");
    free(watching);
    enum cs_err rc = cs_detach_done(&r->detach_fd, log, err);
    free(log);
    return rc;
}

static int exit_status(const struct run *r)
{
    int worst = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        cs_stops_note(&r->dir, &r->parts[i].progress);
        const int status = cs_run_notes_end(r->parts[i].loaded.study, &r->parts[i].progress, r->again + 1, stderr);
        worst = status > worst ? status : worst;
    }
    return worst;
}

static void release(struct run *r)
{
    cs_admin_client_close(r->admin);
    /* A coordinator that ended has told the workers; a second Ctrl-C means now. */
    cs_fleet_stop(&r->fleet, interrupts > 1 || r->fleet.pids[CS_FLEET_COORDINATOR] <= 0 ? 500 : 5000);
    cs_key_lock_release(&r->keys);
    cs_study_dir_release(&r->dir);
    for (uint32_t i = 0; i < r->n; i++) {
        cs_run_notes_release(&r->parts[i].notes);
        cs_load_release(&r->parts[i].loaded);
        cs_arena_release(&r->parts[i].arena);
    }
    cs_together_release(&r->together);
    free(r->parts);
    free(r->studies);
    free(r->redis);
    free(r->fleet_id);
    free(r->ending);
    free(r->resuming);
    free(r->again);
}

/* From the first process to the last word; returns the exit status. */
static int go(struct run *r)
{
    struct cs_error err = {0};
    int status;
    enum cs_err rc = bring_up(r, &err);
    r->ending = r->detach ? cs_typed_elsewhere("drain", r->dir.path) : cs_xstrdup("Ctrl-C");
    r->resuming = cs_typed_elsewhere("resume", r->dir.path);
    for (uint32_t i = 0; i < r->n; i++)
        cs_run_notes_init(&r->parts[i].notes, r->studies[i], r->ending + strspn(r->ending, " "), r->resuming + 1,
                          r->n > 1);
    if (rc == CS_OK && r->detach && interrupts == 0) /* else it is not wanted any more */
        rc = let_go(r, &err);
    if (rc == CS_OK) {
        open_wall(r);
        rc = watch(r, &err);
        close_wall(r);
    }
    if (rc == CS_OK) {
        drain(r, ASK_MS);
        if (!r->first || !r->json)
            print_summary(r);
        status = exit_status(r);
    } else if (rc == CS_EINTERRUPTED) {
        print_how_to_continue(r);
        status = cs_error_exit_code(rc);
    } else {
        status = cs_command_fail(rc, &err);
    }
    return status;
}

static enum cs_err load_all(struct run *r, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++) {
        struct part *p = &r->parts[i];
        rc = cs_command_load_study(&r->args, p->path, &p->loaded, err);
        if (rc == CS_OK)
            rc = cs_submission_make_pilot(&p->loaded, (uint32_t)r->cases, err);
        if (rc != CS_OK)
            break;
        r->studies[i] = p->loaded.study;
        for (uint32_t k = 0; k < i && rc == CS_OK; k++) {
            if (strcmp(r->studies[k]->name, r->studies[i]->name) == 0)
                rc = cs_error_set(err, CS_EUSAGE, "%s and %s are both the study \"%s\"; each needs a name of its own",
                                  r->parts[k].path, p->path, r->studies[i]->name);
        }
    }
    if (rc == CS_OK)
        cs_together_make(&r->together, r->studies, r->n);
    return rc;
}

/* All that is left to do once the studies can be loaded. */
static int run_studies(struct run *r)
{
    struct cs_error err = {0};
    int status = 0;
    enum cs_err rc = load_all(r, &err);
    cs_study_dir_init(&r->dir, r->parts[0].path, r->args.dir);
    r->dir.shared_redis = r->fleet_opts.redis;
    r->dir.detached = r->detach;
    const bool parent = rc == CS_OK && r->detach && cs_detach_begin(&r->detach_fd, &status, &err);
    handle_signals();
    if (!parent)
        status = rc == CS_OK && err.code == CS_OK ? go(r) : cs_command_fail(err.code, &err);
    return status;
}

/* Runs the study whose outputs another one judges, with the same fleet. */
static int run_parent(const struct run *child, const char *path)
{
    struct run r = {.dir = {.lock_fd = -1}, .detach_fd = -1, .n = 1, .first = true};
    r.args = child->args;
    r.args.dir = NULL; /* it has a directory of its own, as it has a file */
    r.fleet_opts = child->fleet_opts;
    r.fleet_opts.reuse = &r.reuse;
    r.fleet_opts.self = &r;
    r.json = child->json;
    r.adopt_other = child->adopt_other;
    r.again = cs_xstrdup(child->again);
    r.parts = cs_xcalloc(1, sizeof *r.parts);
    r.studies = cs_xcalloc(1, sizeof *r.studies);
    r.parts[0].path = path;
    const int status = run_studies(&r);
    release(&r);
    return status;
}

/* Of a study whose cases are another one's outputs: that one first, and before it whatever it judges itself. 0: all that is needed is there. */
static int run_parents(const struct run *r, const char *path, int depth)
{
    struct cs_error err = {0};
    bool wanted = false;
    int status = 0;
    char *parent = cs_parents_file(path, NULL);
    if (parent == NULL || r->args.partial)
        goto out;
    enum cs_err rc = depth < PARENTS_MAX
                         ? CS_OK
                         : cs_error_set(&err, CS_EINVAL, "%s: studies judge each other in a circle", path);
    if (rc == CS_OK)
        status = run_parents(r, parent, depth + 1);
    if (rc == CS_OK && status == 0)
        rc = cs_parent_first_wanted(&r->args, path, parent, &wanted, &err);
    if (rc == CS_OK && wanted && r->detach)
        rc = cs_error_set(
            &err, CS_EUSAGE,
            "%s has to be run first, and that is not done without a terminal; run it, or leave --detach out", parent);
    if (rc == CS_OK && status == 0 && wanted) {
        fprintf(stderr, "First %s, whose outputs are judged.\n", parent);
        status = run_parent(r, parent);
        status = status == NOT_ALL ? 0 : status; /* what has no output is no case */
        fputc('\n', stderr);
    }
    status = rc != CS_OK ? cs_command_fail(rc, &err) : status;
out:
    free(parent);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct run r = {.dir = {.lock_fd = -1}, .detach_fd = -1};
    int status = 0;
    cs_keys_env_guard();
    if (!parse(&r, argc, argv, &status)) {
        free(r.again);
        return status;
    }
    for (uint32_t i = 0; i < r.n && status == 0; i++)
        status = run_parents(&r, r.parts[i].path, 0);
    if (status == 0)
        status = run_studies(&r);
    release(&r);
    return status;
}
