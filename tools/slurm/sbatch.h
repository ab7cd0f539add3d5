/* sbatch.h - gives a script to Slurm; asks bash about lines of one. Thread: main. */
#ifndef CS_SBATCH_H
#define CS_SBATCH_H

#include "protocol/base/error.h"
#include "protocol/base/options.h"

enum { CS_SBATCH_ID_MAX = 32 };

/* after: the job that must have started before, or NULL. CS_ENOENT: there is no sbatch here; CS_EINCOMPLETE: it said no. */
CS_WARN_UNUSED enum cs_err cs_sbatch_submit(const char *script, const char *after, char id[CS_SBATCH_ID_MAX],
                                            struct cs_error *err);
/* Whether bash reads the lines as whole commands, none of which runs on into what stands behind it. Where there is no bash: yes. */
CS_WARN_UNUSED enum cs_err cs_sbatch_check_lines(const struct cs_option_list *lines, struct cs_error *err);

#endif
