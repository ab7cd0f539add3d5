#include "protocol/base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"

enum { DEPTH_MAX = 8, OPEN_MAX_FOLDERS = 8 };

static void keep(struct cs_folder_files *f, const char *name, uint64_t bytes)
{
    if (f->n == f->cap) {
        f->cap = 2 * f->cap + 64;
        f->v = cs_xrealloc(f->v, f->cap, sizeof *f->v);
    }
    f->v[f->n++] = (struct cs_folder_file){cs_xstrdup(name), bytes};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct cs_folder_file *)a)->name, ((const struct cs_folder_file *)b)->name);
}

struct level {
    DIR *dir;
    char *name; /* from the folder on, with a slash at its end; "" at the top */
};

static bool descend(struct level *levels, int *n, const char *path, char *name)
{
    char *whole = cs_xasprintf("%s/%s", path, name);
    DIR *d = *n < DEPTH_MAX ? opendir(whole) : NULL;
    free(whole);
    if (d == NULL) {
        free(name);
        return false;
    }
    levels[(*n)++] = (struct level){d, name};
    return true;
}

/* One entry of the deepest folder. */
static enum cs_err look(const char *path, struct level *levels, int *n, const struct dirent *e,
                        struct cs_folder_files *out, struct cs_error *err)
{
    char *name = cs_xasprintf("%s%s", levels[*n - 1].name, e->d_name);
    struct stat st;
    enum cs_err rc = CS_OK;
    if (fstatat(dirfd(levels[*n - 1].dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) /* it went while we looked */
            rc = cs_error_set(err, CS_EIO, "%s/%s: %s", path, name, strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        keep(out, name, (uint64_t)st.st_size);
    } else if (S_ISDIR(st.st_mode) && !descend(levels, n, path, cs_xasprintf("%s/", name))) {
        rc = cs_error_set(err, CS_EIO, "%s/%s: %s", path, name, strerror(errno));
    }
    free(name);
    return rc;
}

enum cs_err cs_folder_list(const char *path, struct cs_folder_files *out, struct cs_error *err)
{
    struct level levels[DEPTH_MAX];
    int n = 0;
    enum cs_err rc = CS_OK;
    *out = (struct cs_folder_files){0};
    if (!descend(levels, &n, path, cs_xstrdup("")))
        return cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", path, strerror(errno));
    while (n > 0) {
        const struct dirent *e = rc == CS_OK ? readdir(levels[n - 1].dir) : NULL;
        if (e == NULL) {
            closedir(levels[--n].dir);
            free(levels[n].name);
        } else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            rc = look(path, levels, &n, e, out, err);
        }
    }
    if (out->n > 0)
        qsort(out->v, out->n, sizeof *out->v, by_name);
    return rc;
}

void cs_folder_release(struct cs_folder_files *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        free(f->v[i].name);
    free(f->v);
    *f = (struct cs_folder_files){0};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

enum cs_err cs_folder_remove(const char *path, struct cs_error *err)
{
    if (nftw(path, remove_one, OPEN_MAX_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return CS_OK;
    return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
}

enum cs_err cs_folder_sync(const char *path, struct cs_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool good = fd >= 0 && fsync(fd) == 0;
    const int why = errno;
    if (fd >= 0)
        close(fd);
    return good ? CS_OK : cs_error_set(err, CS_EIO, "%s: %s", path, strerror(why));
}
