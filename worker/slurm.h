/* slurm.h - how long the Slurm job that this process is part of may still run. Thread: main, before the loop. */
#ifndef CS_SLURM_H
#define CS_SLURM_H

#include <stdint.h>

#include "protocol/base/error.h"

/* Asks `squeue -h -j $SLURM_JOB_ID -o %L` (of a task of an array: ${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}), a few times while the
 * controller is away; else takes SLURM_JOB_END_TIME, which newer versions set at the start of a job. *left_ms: 0 where the job has no limit. CS_EUSAGE: this is no job; CS_EAGAIN: nobody answers. */
CS_WARN_UNUSED enum cs_err cs_slurm_left(uint64_t *left_ms, struct cs_error *err);

#endif
