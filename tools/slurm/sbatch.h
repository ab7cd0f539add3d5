/* sbatch.h - gives a script to Slurm. Thread: main. */
#ifndef CS_SBATCH_H
#define CS_SBATCH_H

#include "protocol/base/error.h"

enum { CS_SBATCH_ID_MAX = 32 };

/* after: the job that must have started before, or NULL. CS_ENOENT: there is no sbatch here; CS_EINCOMPLETE: it said no. */
CS_WARN_UNUSED enum cs_err cs_sbatch_submit(const char *script, const char *after, char id[CS_SBATCH_ID_MAX],
                                            struct cs_error *err);

#endif
