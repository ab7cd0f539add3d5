/* jobs.h - the scripts of a fleet's jobs under Slurm: a coordinator, and an array of workers.
 *
 * Pure: text out of options. What stands in a script needs no quotes of the shell (cs_jobs_check). Thread: main.
 */
#ifndef CS_JOBS_H
#define CS_JOBS_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/base/options.h"

enum { CS_JOBS_SCRIPT_MAX = 256 * 1024, CS_JOBS_AT_ONCE = 4, CS_JOBS_TASKS_MAX = 1000000 };

struct cs_jobs {
    const char *dir, *store, *bin; /* full paths: of the fleet's files, of the store, of the programs */
    struct cs_option_list studies; /* full paths; none: an operator submits them */
    struct cs_option_list names;   /* of these studies */
    const char *providers, *data;  /* full paths, of all of them; or NULL: beside each */
    const char *bind;              /* address of the network that the nodes share; "0.0.0.0": all that a node has */
    const char *partition, *account, *qos, *time, *redis, *keys; /* or NULL */
    struct cs_option_list sbatch, coordinator_sbatch,
        lines;                      /* further #SBATCH options; lines of shell before a program starts */
    uint64_t workers, tasks, slots; /* at once; of the array; calls in flight of each */
    uint64_t drain_s;               /* 0: shortly before Slurm's KillWait is over */
    uint64_t idle_s;                /* 0: stay, whatever there is to do */
};

/* A time limit as Slurm reads it: MINUTES, M:S, H:M:S, D-H, D-H:M, D-H:M:S. 0: none, or not understood. */
uint64_t cs_jobs_time_s(const char *time);
CS_WARN_UNUSED enum cs_err cs_jobs_check(const struct cs_jobs *j, struct cs_error *err);
void cs_jobs_coordinator(const struct cs_jobs *j, struct cs_buf *out);
void cs_jobs_workers(const struct cs_jobs *j, struct cs_buf *out);

#endif
