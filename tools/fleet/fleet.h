/* fleet.h - the processes of `clinsafe run`: private Redis, coordinator, workers and, where a model is simulated, the simulator.
 *
 * They die with their owner (PDEATHSIG) and write their logs to DIR/logs. Programs are looked for beside this one.
 * Thread: main (PDEATHSIG follows the thread that started a process).
 */
#ifndef CS_FLEET_H
#define CS_FLEET_H

#include <sys/types.h>

#include "protocol/base/options.h"
#include "protocol/study/study.h"
#include "tools/base/study_dir.h"

enum { CS_FLEET_WORKERS_MAX = 256, CS_FLEET_PROCESSES_MAX = CS_FLEET_WORKERS_MAX + 3 };

struct cs_fleet_opts {
    uint32_t workers, slots;   /* processes (0: nobody asks, and no simulator is started); calls in flight of each */
    const char *simulator_url; /* one that runs already, or NULL */
    const struct cs_option_list *reuse; /* other studies to borrow answers from, or NULL */
    const char *simulator_args;         /* appended to the simulator's command line, split at blanks; or NULL */
    const char *redis;                  /* one that runs already and that others use too, or NULL: a private one */
    const char *http;                   /* where the coordinator shows itself, or NULL */
    bool accept_unparsable;             /* what a study says with `accept: [unparsable]`, whatever this one says */
    const char *simulator_log;          /* file to which it appends its arrivals, or NULL */
    /* While the coordinator upgrades the store: outputs that are through, and all; or NULL. */
    void (*on_upgrade)(void *self, uint64_t done, uint64_t total);
    void *self;
};

/* How a worker's place in the fleet fares. */
struct cs_fleet_place {
    uint64_t started_ms, again_ms; /* again_ms: it is dead, and is started again then; 0: not */
    uint32_t deaths;               /* in a row, each soon after its start */
    int told;                      /* the status of the one that people were told of last */
};

struct cs_fleet {
    struct cs_study_dir *dir;
    const struct cs_study *study; /* the caller's, as long as the fleet */
    struct cs_fleet_opts opts;
    char *redis, *admin, *work, *announce;  /* addresses */
    char *simulator;                        /* URL, or NULL */
    pid_t pids[CS_FLEET_PROCESSES_MAX];     /* redis, simulator (or 0), coordinator, workers...; 0: not running */
    off_t log_from[CS_FLEET_PROCESSES_MAX]; /* where in its log the present process of that place begins */
    uint32_t restarts; /* after processes that died by themselves, since the owner last saw progress */
    struct cs_fleet_place places[CS_FLEET_WORKERS_MAX];
    char news[2048]; /* lines for people about what died and when it comes again; the owner empties it */
};

enum { CS_FLEET_REDIS, CS_FLEET_SIMULATOR, CS_FLEET_COORDINATOR, CS_FLEET_WORKER_0 };

/* Starts all but the workers and waits until each is ready. On failure err names the cause, or the log to read, and what was started is ended again. */
CS_WARN_UNUSED enum cs_err cs_fleet_start(struct cs_fleet *f, struct cs_study_dir *dir, const struct cs_study *study,
                                          const struct cs_fleet_opts *opts, struct cs_error *err);
/* After the study was submitted: workers that come earlier would go on with what the store knows of, edited or not. */
CS_WARN_UNUSED enum cs_err cs_fleet_start_workers(struct cs_fleet *f, struct cs_error *err);
/* Notes ended processes and starts Redis again at once, a dead worker after a pause that grows from 0.2 to 10 s while it keeps dying.
 * Fails when the coordinator or simulator is gone: CS_EIO or CS_ECORRUPT when it ended with their exit status, else CS_EINTERNAL; err
 * names the cause or the log. Fails too after 20 restarts without progress (the owner sets `restarts` to 0 when it sees some). CS_EINTERRUPTED:
 * somebody drained the fleet. */
CS_WARN_UNUSED enum cs_err cs_fleet_check(struct cs_fleet *f, struct cs_error *err);
/* Whether the coordinator runs; notes nothing. f: a struct cs_fleet, as struct cs_admin_opts wants it. */
bool cs_fleet_lives(const void *f);
/* SIGKILL, without any restart; false: it did not run. `which` is an index into pids. */
bool cs_fleet_kill(struct cs_fleet *f, int which);
/* Starts it again where it was: same addresses, port and store; a coordinator expects the workers it had before. */
CS_WARN_UNUSED enum cs_err cs_fleet_revive(struct cs_fleet *f, int which, struct cs_error *err);
/* Waits for the coordinator to end by itself (after `drain`), at most timeout_ms; CS_ETIMEDOUT. */
enum cs_err cs_fleet_wait(struct cs_fleet *f, uint32_t timeout_ms);
/* Where the coordinator shows itself, as a browser is told; free() it. NULL: nowhere. */
char *cs_fleet_page(const struct cs_fleet *f);
/* The path of a program of ours: it stands beside the one that runs. free() it. */
char *cs_fleet_program_beside(const char *name);
/* Ends all that still run: SIGTERM, after grace_ms SIGKILL. Frees; a zeroed struct is fine. */
void cs_fleet_stop(struct cs_fleet *f, uint32_t grace_ms);

#endif
