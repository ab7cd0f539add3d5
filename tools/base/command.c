#include "tools/base/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "tools/base/parents.h"

int cs_command_fail(enum cs_err rc, const struct cs_error *err)
{
    const char *msg = err->code == rc && err->msg[0] != '\0' ? err->msg : cs_error_text(rc);
    fprintf(stderr, "clinsafe: %s\n", msg);
    return cs_error_exit_code(rc);
}

bool cs_command_args(const struct cs_option *table, const struct cs_command_help *help, int argc, char **argv,
                     int args_min, int args_max, int *n_args, int *status)
{
    struct cs_error err = {0};
    bool helped;
    enum cs_err rc = cs_options_parse(table, help, argc, argv, n_args, &helped, &err);
    if (rc == CS_OK && !helped && (*n_args < args_min || *n_args > args_max))
        rc = cs_error_set(&err, CS_EUSAGE, "%s; usage: %s",
                          *n_args < args_min ? "missing argument" : "too many arguments", help->usage);
    *status = rc == CS_OK ? 0 : cs_command_fail(rc, &err);
    return rc == CS_OK && !helped;
}

/* People name the folder of a study as they name its file. */
static enum cs_err refuse_folder(const char *path, struct cs_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return CS_OK;
    const size_t n = strlen(path);
    char *inside = cs_xasprintf("%s%sstudy.yaml", path, n > 0 && path[n - 1] == '/' ? "" : "/");
    const bool there = access(inside, F_OK) == 0;
    enum cs_err rc = there ? cs_error_set(err, CS_ENOENT, "%s is a folder; the study file in it is %s", path, inside)
                           : cs_error_set(err, CS_ENOENT, "%s is a folder; name the study file (.yaml) in it", path);
    free(inside);
    return rc;
}

enum cs_err cs_command_load_study(const struct cs_study_args *a, const char *path, struct cs_loaded *out,
                                  struct cs_error *err)
{
    enum cs_err rc = refuse_folder(path, err);
    if (rc != CS_OK)
        return rc;
    const char *data = a->data != NULL ? a->data : getenv("CLINSAFE_DATA");
    struct cs_load_opts opts = {.providers = a->providers, .data_dir = data != NULL && data[0] != '\0' ? data : NULL};
    struct cs_parents_at_hand hand;
    cs_parents_at_hand_init(&hand, a, &opts);
    opts.parents = a->parents != NULL ? a->parents : opts.parents;
    return cs_load_study(path, &opts, out, err);
}
