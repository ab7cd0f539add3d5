#include "tools/fleet/child_env.h"
#include "tools/fleet/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "tools/fleet/last_words.h"

enum {
    READY_MS = 30000,
    ARGS_MAX = 128,
    RESTARTS_MAX = 20,
    STOP_MS = 2000,
    AGAIN_MS = 200, /* the first pause before a dead worker is started again */
    AGAIN_MOST_MS = 10000,
    SOUND_MS = 60000, /* who lived so long starts from the first pause */
};

/* ---- one child process --------------------------------------------------------------------------- */

struct command {
    const char *program; /* path, or a name to look for in PATH */
    const char *args[ARGS_MAX];
    unsigned n;
};

static void arg(struct command *c, const char *a)
{
    if (c->n + 1 < ARGS_MAX)
        c->args[c->n++] = a;
}

static void option(struct command *c, const char *name, const char *value)
{
    arg(c, name);
    arg(c, value);
}

char *cs_fleet_program_beside(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    return cs_file_beside(self, name);
}

/* The log of a process, appended to from run to run. */
static char *log_path(const struct cs_fleet *f, const char *name)
{
    return cs_xasprintf("%s/%s.log", f->dir->logs, name);
}

static _Noreturn void become(const struct command *c, char *const *env, const char *log, pid_t owner)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != owner)
        _exit(1);  /* it died before we asked */
    setpgid(0, 0); /* Ctrl-C is the owner's to handle */
    signal(SIGXFSZ, SIG_DFL);
    int null = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(1);
    execvpe(c->program, (char *const *)(uintptr_t)c->args, env);
    dprintf(2, "clinsafe-run: cannot start %s: %s\n", c->program, strerror(errno));
    _exit(127);
}

static enum cs_err spawn(struct cs_fleet *f, int which, const char *name, struct command *c, struct cs_error *err)
{
    char *log = log_path(f, name);
    const pid_t owner = getpid();
    struct stat st;
    f->log_from[which] = stat(log, &st) == 0 ? st.st_size : 0;
    c->args[c->n] = NULL;
    char **env = cs_child_env_make(which == CS_FLEET_COORDINATOR ? CS_CHILD_COORDINATOR
                                   : which >= CS_FLEET_WORKER_0  ? CS_CHILD_WORKER
                                                                 : CS_CHILD_HELPER,
                                   f->study);
    pid_t pid = fork();
    if (pid == 0)
        become(c, env, log, owner);
    free(env);
    free(log);
    if (pid < 0)
        return cs_error_set(err, CS_EIO, "cannot start %s: %s", name, strerror(errno));
    f->pids[which] = pid;
    return cs_study_dir_record(f->dir, f->pids, CS_FLEET_PROCESSES_MAX, err);
}

/* What an exit status of a program of ours says. */
static enum cs_err error_of(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == cs_error_exit_code(CS_EIO))
        return CS_EIO;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
        return CS_EIO;
    if (WIFEXITED(status) && WEXITSTATUS(status) == cs_error_exit_code(CS_ECORRUPT))
        return CS_ECORRUPT;
    return CS_EINTERNAL;
}

/* Why it ended: its own words, or where to look. free() it. */
static char *cause_of(const struct cs_fleet *f, int which, const char *name, int status)
{
    char *log = log_path(f, name), *words = cs_last_words(log, f->log_from[which], status);
    free(log);
    return words;
}

/* True when the process ended; its status goes to *status. */
static bool ended(struct cs_fleet *f, int which, int *status)
{
    if (f->pids[which] <= 0 || waitpid(f->pids[which], status, WNOHANG) != f->pids[which])
        return false;
    f->pids[which] = 0;
    return true;
}

/* What stands in FILE.upgrade is new: the coordinator works on its store, and is not late. */
static bool upgrades(struct cs_fleet *f, const char *file, uint64_t *last)
{
    char *path = cs_xasprintf("%s.upgrade", file), *text = NULL;
    unsigned long long done = 0, total = 0;
    bool news = false;
    if (access(path, R_OK) == 0 && cs_file_read(path, 64, &text, NULL, NULL) == CS_OK &&
        sscanf(text, "%llu %llu", &done, &total) == 2 && done != *last) {
        *last = done;
        news = true;
        if (f->opts.on_upgrade != NULL)
            f->opts.on_upgrade(f->opts.self, done, total);
    }
    free(text);
    free(path);
    return news;
}

/* Waits until `file` appears or the process ends. */
static enum cs_err wait_for_file(struct cs_fleet *f, int which, const char *name, const char *file,
                                 struct cs_error *err)
{
    uint64_t deadline = cs_clock_mono_ms() + READY_MS, upgraded = 0;
    while (access(file, F_OK) != 0) {
        int status;
        if (which == CS_FLEET_COORDINATOR && upgrades(f, file, &upgraded))
            deadline = cs_clock_mono_ms() + READY_MS;
        if (ended(f, which, &status)) {
            char *cause = cause_of(f, which, name, status);
            enum cs_err rc = cs_error_set(err, error_of(status), "%s ended at its start: %s", name, cause);
            free(cause);
            return rc;
        }
        if (cs_clock_mono_ms() > deadline)
            return cs_error_set(err, CS_ETIMEDOUT, "%s did not get ready in %d s; see %s/%s.log", name, READY_MS / 1000,
                                f->dir->logs, name);
        usleep(5000);
    }
    if (which == CS_FLEET_COORDINATOR)
        (void)upgrades(f, file, &upgraded); /* a short one begins and ends between two looks */
    return CS_OK;
}

/* ---- the four kinds ------------------------------------------------------------------------------- */

static enum cs_err start_redis(struct cs_fleet *f, struct cs_error *err)
{
    struct command c = {.program = "redis-server", .args = {"redis-server"}, .n = 1};
    char *socket = cs_xasprintf("%s/redis", f->dir->sockets);
    unlink(socket);
    option(&c, "--port", "0");
    option(&c, "--unixsocket", socket);
    option(&c, "--unixsocketperm", "700");
    option(&c, "--dir", f->dir->redis);
    option(&c, "--save", ""); /* a projection: nothing worth saving */
    option(&c, "--appendonly", "no");
    option(&c, "--daemonize", "no");
    enum cs_err rc = spawn(f, CS_FLEET_REDIS, "redis", &c, err);
    if (rc == CS_OK)
        rc = wait_for_file(f, CS_FLEET_REDIS, "redis", socket, err);
    free(socket);
    return rc;
}

static enum cs_err start_simulator(struct cs_fleet *f, struct cs_error *err)
{
    const struct cs_study *study = f->study;
    char *program = cs_fleet_program_beside("clinsafe-simulator");
    char *port_file = cs_xasprintf("%s/simulator.port", f->dir->sockets), *port = NULL;
    char *extra = cs_xstrdup(f->opts.simulator_args != NULL ? f->opts.simulator_args : ""), *rest = extra, *word;
    struct command c = {.program = program, .args = {program}, .n = 1};
    unlink(port_file);
    option(&c, "--port", f->simulator != NULL ? strrchr(f->simulator, ':') + 1 : "0");
    if (f->opts.simulator_log != NULL)
        option(&c, "--log", f->opts.simulator_log);
    option(&c, "--port-file", port_file);
    for (uint32_t i = 0; i < study->n_accounts; i++) {
        if (study->accounts[i].simulated && study->accounts[i].truth != NULL)
            option(&c, "--truth", study->accounts[i].truth);
    }
    while ((word = strsep(&rest, " ")) != NULL) {
        if (word[0] != '\0')
            arg(&c, word);
    }
    enum cs_err rc = spawn(f, CS_FLEET_SIMULATOR, "simulator", &c, err);
    if (rc == CS_OK)
        rc = wait_for_file(f, CS_FLEET_SIMULATOR, "simulator", port_file, err);
    if (rc == CS_OK)
        rc = cs_file_read(port_file, 64, &port, NULL, err);
    if (rc == CS_OK && f->simulator == NULL)
        f->simulator = cs_xasprintf("http://127.0.0.1:%.*s", (int)strcspn(port, "\n"), port);
    free(port);
    free(extra);
    free(port_file);
    free(program);
    return rc;
}

static enum cs_err start_coordinator(struct cs_fleet *f, bool first, struct cs_error *err)
{
    char *program = cs_fleet_program_beside("clinsafe-coordinator");
    char *ready = cs_xasprintf("%s/ready.json", f->dir->sockets);
    struct command c = {.program = program, .args = {program}, .n = 1};
    char *upgrade = cs_xasprintf("%s.upgrade", ready);
    unlink(ready);
    unlink(upgrade);
    free(upgrade);
    option(&c, "--dir", f->dir->store);
    option(&c, "--bind", f->work);
    option(&c, "--pub", f->announce);
    option(&c, "--admin", f->admin);
    option(&c, "--redis", f->redis);
    if (first)
        arg(&c, "--fresh-fleet"); /* earlier workers were ended by cs_study_dir_reap */
    if (f->opts.accept_unparsable)
        arg(&c, "--accept-unparsable");
    option(&c, "--ready-file", ready);
    if (f->opts.http != NULL)
        option(&c, "--http", f->opts.http);
    for (unsigned i = 0; f->opts.reuse != NULL && i < f->opts.reuse->n; i++)
        option(&c, "--reuse", f->opts.reuse->v[i]);
    enum cs_err rc = spawn(f, CS_FLEET_COORDINATOR, "coordinator", &c, err);
    if (rc == CS_OK)
        rc = wait_for_file(f, CS_FLEET_COORDINATOR, "coordinator", ready, err);
    free(ready);
    free(program);
    return rc;
}

char *cs_fleet_page(const struct cs_fleet *f)
{
    enum { READY_MAX = 64 * 1024 };
    char *path = cs_xasprintf("%s/ready.json", f->dir->sockets), *text = NULL, *page = NULL;
    if (cs_file_read(path, READY_MAX, &text, NULL, NULL) == CS_OK) {
        struct cs_json *json = cs_json_loads(text, 0, NULL);
        const char *address = cs_json_string_value(cs_json_object_get(json, "http"));
        page = address != NULL && address[0] != '\0' ? cs_xstrdup(address) : NULL;
        cs_json_decref(json);
    }
    free(text);
    free(path);
    return page;
}

static enum cs_err start_worker(struct cs_fleet *f, uint32_t i, struct cs_error *err)
{
    char *program = cs_fleet_program_beside("clinsafe-worker"), name[32], slots[16];
    struct command c = {.program = program, .args = {program}, .n = 1};
    snprintf(name, sizeof name, "worker-%u", i);
    snprintf(slots, sizeof slots, "%u", f->opts.slots);
    option(&c, "--coordinator", f->work);
    option(&c, "--announce", f->announce);
    option(&c, "--redis", f->redis);
    option(&c, "--slots", slots);
    option(&c, "--name", name);
    if (f->simulator != NULL)
        option(&c, "--simulator", f->simulator);
    f->places[i].started_ms = cs_clock_mono_ms();
    f->places[i].again_ms = 0;
    enum cs_err rc = spawn(f, CS_FLEET_WORKER_0 + (int)i, name, &c, err);
    free(program);
    return rc;
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static bool has_simulated(const struct cs_study *study)
{
    for (uint32_t i = 0; i < study->n_models; i++) {
        if (study->accounts[study->models[i].account].simulated)
            return true;
    }
    return false;
}

enum cs_err cs_fleet_start(struct cs_fleet *f, struct cs_study_dir *dir, const struct cs_study *study,
                           const struct cs_fleet_opts *opts, struct cs_error *err)
{
    *f = (struct cs_fleet){.dir = dir, .study = study, .opts = *opts};
    f->redis = opts->redis != NULL ? cs_xstrdup(opts->redis) : cs_xasprintf("unix:%s/redis", dir->sockets);
    f->admin = cs_xasprintf("ipc://%s/admin", dir->sockets);
    f->work = cs_xasprintf("ipc://%s/work", dir->sockets);
    f->announce = cs_xasprintf("ipc://%s/announce", dir->sockets);
    enum cs_err rc = opts->redis == NULL ? start_redis(f, err) : CS_OK;
    if (rc == CS_OK)
        rc = start_coordinator(f, true, err);
    if (rc == CS_OK && opts->simulator_url != NULL)
        f->simulator = cs_xstrdup(opts->simulator_url);
    else if (rc == CS_OK && opts->workers > 0 && has_simulated(study))
        rc = start_simulator(f, err);
    if (rc != CS_OK)
        cs_fleet_stop(f, STOP_MS);
    return rc;
}

enum cs_err cs_fleet_start_workers(struct cs_fleet *f, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < f->opts.workers; i++)
        rc = start_worker(f, i, err);
    return rc;
}

/* It is started again after a pause, and people are told. */
static void worker_died(struct cs_fleet *f, uint32_t i, int status)
{
    struct cs_fleet_place *p = &f->places[i];
    const uint64_t now = cs_clock_mono_ms();
    p->deaths = now - p->started_ms < SOUND_MS ? p->deaths + 1 : 1;
    const unsigned doublings = p->deaths < 7 ? p->deaths - 1 : 6;
    const uint64_t pause = AGAIN_MS << doublings < AGAIN_MOST_MS ? AGAIN_MS << doublings : AGAIN_MOST_MS;
    p->again_ms = now + pause;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return; /* drained, perhaps with the whole fleet */
    if (p->deaths > 1 && p->told == status)
        return; /* once is enough, while it only comes again */
    p->told = status;
    const size_t n = strlen(f->news);
    char name[32];
    snprintf(name, sizeof name, "worker-%u", i);
    char *log = log_path(f, name), *why = cause_of(f, CS_FLEET_WORKER_0 + (int)i, name, status);
    snprintf(f->news + n, sizeof f->news - n, "%s ended: %s\n  it is started again in %.1f s; all of its log: %s\n",
             name, why, (double)pause / 1000, log);
    free(why);
    free(log);
}

/* Without it nothing can go on. */
static enum cs_err coordinator_gone(struct cs_fleet *f, int status, struct cs_error *err)
{
    const enum cs_err rc = error_of(status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return cs_error_set(err, CS_EINTERRUPTED, "the fleet was drained");
    char *cause = cause_of(f, CS_FLEET_COORDINATOR, "coordinator", status);
    if (rc == CS_EIO)
        (void)cs_error_set(err, rc,
                           "%s cannot be written (is the disk full?): %s; nothing acknowledged is lost, run it again "
                           "once there is room",
                           f->dir->store, cause);
    else
        (void)cs_error_set(err, rc,
                           "the coordinator ended unexpectedly: %s; nothing acknowledged is lost; details in "
                           "%s/coordinator.log",
                           cause, f->dir->logs);
    free(cause);
    return rc;
}

static enum cs_err gone(struct cs_fleet *f, int which, const char *name, const char *what, int status,
                        struct cs_error *err)
{
    char *cause = cause_of(f, which, name, status);
    (void)cs_error_set(err, CS_EINTERNAL, "%s: %s", what, cause);
    free(cause);
    return CS_EINTERNAL;
}

enum cs_err cs_fleet_check(struct cs_fleet *f, struct cs_error *err)
{
    int status;
    if (ended(f, CS_FLEET_COORDINATOR, &status))
        return coordinator_gone(f, status, err);
    if (ended(f, CS_FLEET_SIMULATOR, &status))
        return gone(f, CS_FLEET_SIMULATOR, "simulator", "the simulator ended unexpectedly", status, err);
    if (ended(f, CS_FLEET_REDIS, &status) && f->restarts++ < RESTARTS_MAX) {
        enum cs_err rc = start_redis(f, err);
        if (rc != CS_OK)
            return rc;
    }
    for (uint32_t i = 0; i < f->opts.workers; i++) {
        if (ended(f, CS_FLEET_WORKER_0 + (int)i, &status)) {
            char name[32];
            snprintf(name, sizeof name, "worker-%u", i);
            if (f->restarts++ >= RESTARTS_MAX)
                return gone(f, CS_FLEET_WORKER_0 + (int)i, name, "workers keep ending", status, err);
            worker_died(f, i, status);
        }
        if (f->places[i].again_ms == 0 || cs_clock_mono_ms() < f->places[i].again_ms)
            continue;
        enum cs_err rc = start_worker(f, i, err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

bool cs_fleet_lives(const void *self)
{
    const struct cs_fleet *f = self;
    siginfo_t info = {0};
    const pid_t pid = f->pids[CS_FLEET_COORDINATOR];
    return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool cs_fleet_kill(struct cs_fleet *f, int which)
{
    int status;
    if (f->pids[which] <= 0 || ended(f, which, &status))
        return false;
    kill(f->pids[which], SIGKILL);
    while (!ended(f, which, &status))
        usleep(500);
    return true;
}

enum cs_err cs_fleet_revive(struct cs_fleet *f, int which, struct cs_error *err)
{
    switch (which) {
    case CS_FLEET_REDIS:
        return start_redis(f, err);
    case CS_FLEET_SIMULATOR:
        return start_simulator(f, err);
    case CS_FLEET_COORDINATOR:
        return start_coordinator(f, false, err);
    default:
        return start_worker(f, (uint32_t)(which - CS_FLEET_WORKER_0), err);
    }
}

enum cs_err cs_fleet_wait(struct cs_fleet *f, uint32_t timeout_ms)
{
    const uint64_t deadline = cs_clock_mono_ms() + timeout_ms;
    int status;
    while (f->pids[CS_FLEET_COORDINATOR] > 0 && !ended(f, CS_FLEET_COORDINATOR, &status)) {
        if (cs_clock_mono_ms() > deadline)
            return CS_ETIMEDOUT;
        usleep(10000);
    }
    return CS_OK;
}

static bool any_left(struct cs_fleet *f)
{
    bool left = false;
    int status;
    for (int i = 0; i < CS_FLEET_PROCESSES_MAX; i++) {
        if (f->pids[i] > 0 && !ended(f, i, &status))
            left = true;
    }
    return left;
}

static void signal_all(struct cs_fleet *f, int sig)
{
    for (int i = 0; i < CS_FLEET_PROCESSES_MAX; i++) {
        if (f->pids[i] > 0)
            kill(f->pids[i], sig);
    }
}

void cs_fleet_stop(struct cs_fleet *f, uint32_t grace_ms)
{
    if (f->dir == NULL)
        return;
    const uint64_t deadline = cs_clock_mono_ms() + grace_ms;
    signal_all(f, SIGTERM);
    while (any_left(f) && cs_clock_mono_ms() < deadline)
        usleep(10000);
    signal_all(f, SIGKILL);
    while (any_left(f))
        usleep(1000);
    free(f->redis);
    free(f->admin);
    free(f->work);
    free(f->announce);
    free(f->simulator);
    *f = (struct cs_fleet){0};
}
