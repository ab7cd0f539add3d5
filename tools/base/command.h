/* command.h - what the commands of `clinsafe` share: their options, reporting an error, loading a study.
 *
 * A command gets argv with its own name at argv[0] and returns the exit status (cs_error_exit_code). It prints results on stdout, one line
 * for what went wrong on stderr. Thread: main.
 */
#ifndef CS_COMMAND_H
#define CS_COMMAND_H

#include "protocol/base/options.h"
#include "protocol/load/load.h"

/* "clinsafe: <sentence>" on stderr; returns the exit status. */
int cs_command_fail(enum cs_err rc, const struct cs_error *err);

/* Parses options; returns true when the command should go on. Otherwise *status is its exit status: help was shown, the usage was wrong,
 * or fewer or more than the wanted arguments were given. */
bool cs_command_args(const struct cs_option *table, const struct cs_command_help *help, int argc, char **argv,
                     int args_min, int args_max, int *n_args, int *status);

/* Options that every command on a study file has. */
struct cs_study_args {
    const char *providers, *data, *dir;
    bool partial; /* of a child: whatever its parent has come to so far */
    bool planned; /* of a child whose parent has not come to its end: what it plans, as the most that there can be */
    const struct cs_load_parents *parents; /* where outputs of parents are; NULL: on this machine (parents.h) */
};
#define CS_PARTIAL_OPTION(a)                                                                                           \
    {                                                                                                                  \
        "partial", CS_OPT_FLAG, &(a).partial, NULL,                                                                    \
            "of a study of another one's outputs: those that are there, although that one is not finished"             \
    }
#define CS_STUDY_OPTIONS(a)                                                                                            \
    {"providers", CS_OPT_STR, &(a).providers, "FILE",                                                                  \
     "accounts and models; default: providers.yaml beside the study"},                                                 \
    {                                                                                                                  \
        "data", CS_OPT_STR, &(a).data, "DIR", "where the study's data files are; default: its data_dir"                \
    }
#define CS_DIR_OPTION(a)                                                                                               \
    {                                                                                                                  \
        "dir", CS_OPT_STR, &(a).dir, "DIR", "the study directory; default: STUDY without .yaml, with .clinsafe"        \
    }

CS_WARN_UNUSED enum cs_err cs_command_load_study(const struct cs_study_args *a, const char *path, struct cs_loaded *out,
                                                 struct cs_error *err);

#endif
