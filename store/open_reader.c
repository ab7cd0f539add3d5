/* A reader that looks for the database and has a scratch folder of its own: what the command line and borrowing need. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "store/store.h"

static enum cs_err make_scratch(char **out, struct cs_error *err)
{
    const char *tmp = getenv("TMPDIR");
    *out = cs_xasprintf("%s/clinsafe-reader-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    if (mkdtemp(*out) != NULL)
        return CS_OK;
    enum cs_err rc = cs_error_set(err, CS_EIO, "%s: %s", *out, strerror(errno));
    CS_FREE(*out);
    return rc;
}

static void remove_scratch(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char *file = cs_xasprintf("%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            unlink(file);
        free(file);
    }
    if (d != NULL)
        closedir(d);
    rmdir(path);
}

static bool has_database(const char *path)
{
    char *current = cs_xasprintf("%s/CURRENT", path);
    const bool found = access(current, R_OK) == 0;
    free(current);
    return found;
}

enum cs_err cs_store_open_reader(struct cs_store **out, const char *path, struct cs_error *err)
{
    char *inside = cs_xasprintf("%s/store", path), *scratch = NULL;
    struct cs_store_opts o = {.dir = has_database(path) ? path : inside};
    enum cs_err rc = CS_OK;
    *out = NULL;
    if (!has_database(o.dir))
        rc = cs_error_set(err, CS_ENOENT, "%s: no outputs there; was the study run, and with this --dir?", path);
    if (rc == CS_OK)
        rc = make_scratch(&scratch, err);
    if (rc == CS_OK) {
        o.scratch = scratch;
        rc = cs_store_open(out, &o, err);
        remove_scratch(scratch); /* its files are open, which is enough: `export | head` leaves nothing behind */
    }
    free(scratch);
    free(inside);
    return rc;
}
