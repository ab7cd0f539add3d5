/* options.h - a command's options as one table, from which parsing and --help are made. */
#ifndef CS_OPTIONS_H
#define CS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_option_kind { CS_OPT_FLAG, CS_OPT_STR, CS_OPT_U64, CS_OPT_LIST };

enum { CS_OPT_LIST_MAX = 64 };
struct cs_option_list {
    const char *v[CS_OPT_LIST_MAX];
    unsigned n;
};

struct cs_option {
    const char *name; /* "dir": given as --dir VALUE or --dir=VALUE */
    enum cs_option_kind kind;
    void *into;      /* bool *, const char **, uint64_t * or struct cs_option_list * */
    const char *arg; /* "DIR" for the help text; NULL for a flag */
    const char *help;
};

struct cs_command_help {
    const char *usage;   /* "clinsafe plan STUDY [options]" */
    const char *summary; /* one or two sentences */
    const char *example; /* shown under "Example:" */
};

/* Parses argv[1..]; arguments that are not options are moved to argv[1..*n_args]. Ends with a NULL name.
 * --help prints the help on stdout and sets *helped; --version likewise (the program's name and cs_version_line). Values point into argv. */
CS_WARN_UNUSED enum cs_err cs_options_parse(const struct cs_option *table, const struct cs_command_help *help, int argc,
                                            char **argv, int *n_args, bool *helped, struct cs_error *err);

#endif
