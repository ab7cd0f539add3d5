#include "tools/reader.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "tools/study_dir.h"

static enum cs_err make_scratch(struct cs_reader *r, struct cs_error *err)
{
    const char *tmp = getenv("TMPDIR");
    r->scratch = cs_xasprintf("%s/clinsafe-reader-XXXXXX", tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    if (mkdtemp(r->scratch) != NULL)
        return CS_OK;
    enum cs_err rc = cs_error_set(err, CS_EIO, "%s: %s", r->scratch, strerror(errno));
    CS_FREE(r->scratch);
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

static enum cs_err open_store(struct cs_reader *r, const char *path, struct cs_error *err)
{
    char *current = cs_xasprintf("%s/CURRENT", path);
    const bool exists = access(current, R_OK) == 0;
    free(current);
    if (!exists)
        return cs_error_set(err, CS_ENOENT, "%s: no outputs there; was the study run, and with this --dir?", path);
    enum cs_err rc = make_scratch(r, err);
    struct cs_store_opts o = {.dir = path, .scratch = r->scratch};
    if (rc == CS_OK)
        rc = cs_store_open(&r->store, &o, err);
    if (r->scratch != NULL)
        remove_scratch(r->scratch); /* its files are open, which is enough: `export | head` leaves nothing behind */
    return rc;
}

enum cs_err cs_reader_open(struct cs_reader *r, const char *study, const char *dir, const char *store,
                           struct cs_error *err)
{
    struct cs_study_dir d;
    struct cs_generation g;
    *r = (struct cs_reader){0};
    if (study == NULL && dir == NULL && store == NULL)
        return cs_error_set(err, CS_EUSAGE, "say which outputs: a STUDY, --dir DIR or --store DIR");
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    enum cs_err rc = open_store(r, store != NULL ? store : d.store, err);
    cs_study_dir_release(&d);
    if (rc == CS_OK)
        rc = cs_generation_newest(r->store, &g, err);
    if (rc == CS_OK)
        rc = cs_generation_view_open(&r->view, r->store, &g, err);
    if (rc != CS_OK)
        cs_reader_close(r);
    return rc;
}

void cs_reader_close(struct cs_reader *r)
{
    cs_generation_view_close(&r->view);
    cs_store_close(r->store);
    free(r->scratch);
    *r = (struct cs_reader){0};
}
