/* study_dir.h - the directory that holds everything of a study, and who may use it.
 *
 *   DIR/lock          held (flock) by `clinsafe run`; contains its pid, and "detached" if it has no terminal
 *   DIR/run.json      the processes of the present or last run (pid and start time of each), its socket folder, its Redis if that is shared
 *   DIR/store/        the database
 *   DIR/redis/        the private Redis' working folder
 *   DIR/logs/         one file a process
 *   DIR/stopped.json  which models stood still when the last run ended (stops.h)
 * Sockets lie in a short folder of their own (a socket path may have 107 bytes), mode 0700, named in run.json.
 */
#ifndef CS_STUDY_DIR_H
#define CS_STUDY_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/base/error.h"

struct cs_study_dir {
    char *path, *store, *redis, *logs, *run_json;
    char *sockets; /* NULL until cs_study_dir_lock */
    int lock_fd;   /* -1: not locked */
    const char
        *shared_redis; /* the caller's: address of a Redis that other runs use too; NULL: a private one in sockets */
    bool detached;     /* this run has no terminal */
};

/* dir NULL: beside the study file. Makes nothing. */
void cs_study_dir_init(struct cs_study_dir *d, const char *study_path, const char *dir);
void cs_study_dir_release(struct cs_study_dir *d); /* also unlocks and removes the socket folder */
/* Makes the folders and takes the lock. CS_EBUSY: another run has it; err names its pid and how to watch or end it. */
CS_WARN_UNUSED enum cs_err cs_study_dir_lock(struct cs_study_dir *d, struct cs_error *err);
/* Ends exactly the processes that a killed run left behind (recorded pid and start time must match), waits until they are gone. */
CS_WARN_UNUSED enum cs_err cs_study_dir_reap(struct cs_study_dir *d, struct cs_error *err);
/* Records the running processes. */
CS_WARN_UNUSED enum cs_err cs_study_dir_record(struct cs_study_dir *d, const pid_t *pids, unsigned n,
                                               struct cs_error *err);

/* Where the present run is: its Redis' address and its fleet's id there (NULL when it is not known yet); free() both. Errors as below. */
CS_WARN_UNUSED enum cs_err cs_study_dir_redis(const struct cs_study_dir *d, char **address, char **fleet,
                                              struct cs_error *err);
/* Start time in clock ticks since boot: with the pid it names a process for good. 0: no such process. */
uint64_t cs_study_dir_process_started(pid_t pid);

/* The socket folder of the present run, without locking anything; free() it. CS_ENOENT: none is going on. */
CS_WARN_UNUSED enum cs_err cs_study_dir_sockets(const struct cs_study_dir *d, char **out, struct cs_error *err);

#endif
