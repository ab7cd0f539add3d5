#include "tools/fleet/parent_first.h"

#include <stdlib.h>
#include <unistd.h>

#include "store/children/children.h"
#include "tools/base/parents.h"
#include "tools/fleet/submission.h"

static bool has_snapshot(const struct cs_study_args *args, const char *child)
{
    struct cs_study_dir d;
    char *name = NULL;
    free(cs_parents_file(child, &name));
    cs_study_dir_init(&d, child, args->dir);
    char *path = cs_parents_snapshot_path(&d, name != NULL ? name : "");
    const bool there = access(path, R_OK) == 0;
    free(path);
    free(name);
    cs_study_dir_release(&d);
    return there;
}

enum cs_err cs_parent_first_wanted(const struct cs_study_args *args, const char *child, const char *parent,
                                   bool *wanted, struct cs_error *err)
{
    /* Of a parent that judges itself: the cases that it has now, not those that it will have. */
    const struct cs_study_args of_parent = {.providers = args->providers, .data = args->data, .planned = true};
    struct cs_loaded l = {0};
    struct cs_reader r = {0};
    struct cs_error fault = {0};
    uint64_t open = 0;
    bool same = false;
    enum cs_err rc = cs_parents_open(&r, parent, NULL, args->dir, &fault);
    *wanted = rc == CS_ENOENT;
    if (rc == CS_ENOENT && has_snapshot(args, child)) {
        *wanted = false;
        return CS_OK;
    }
    if (rc == CS_OK)
        rc = cs_children_open_trials(r.store, &r.view, &open, err);
    else
        rc = rc == CS_ENOENT ? CS_OK : cs_error_set(err, rc, "%s", fault.msg);
    const enum cs_err loads = rc == CS_OK ? cs_command_load_study(&of_parent, parent, &l, &fault) : rc;
    *wanted |= open > 0;
    if (rc == CS_OK && loads != CS_OK && *wanted)
        rc = cs_error_set(err, loads, "%s", fault.msg);
    if (rc == CS_OK && loads == CS_OK && !*wanted) {
        rc = cs_submission_is_of(&l, &r.view, &same, err);
        *wanted = !same;
    }
    cs_load_release(&l);
    cs_reader_close(&r);
    return rc;
}
