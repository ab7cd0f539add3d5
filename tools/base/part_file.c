#include "tools/base/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"

FILE *cs_part_file_private(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fopen(path, "w"); /* a pipe, a terminal */
    unlink(path);                /* a file that stands there keeps its mode, whatever open() is told */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL && fd >= 0)
        close(fd);
    return f;
}

enum cs_err cs_part_file_open(struct cs_part_file *f, const char *path, struct cs_error *err)
{
    struct stat st;
    const bool direct = stat(path, &st) == 0 &&
                        !S_ISREG(st.st_mode); /* a pipe, /dev/null: never put a file in its place */
    char *part = direct ? cs_xstrdup(path) : cs_xasprintf("%s.part", path);
    *f = (struct cs_part_file){.path = path, .part = part, .direct = direct, .out = cs_part_file_private(part)};
    if (f->out != NULL)
        return CS_OK;
    const enum cs_err rc = cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno));
    free(f->part);
    f->part = NULL;
    return rc;
}

enum cs_err cs_part_file_close(struct cs_part_file *f, enum cs_err rc, struct cs_error *err)
{
    if (rc == CS_OK && f->readable && !f->direct && fchmod(fileno(f->out), 0644) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", f->part, strerror(errno));
    if ((fflush(f->out) != 0 || (!f->direct && fsync(fileno(f->out)) != 0)) && rc == CS_OK)
        rc = cs_error_set(err, CS_EIO, "%s: %s", f->part, strerror(errno));
    fclose(f->out);
    if (rc == CS_OK && !f->direct && rename(f->part, f->path) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", f->path, strerror(errno));
    if (rc != CS_OK && !f->direct)
        unlink(f->part);
    free(f->part);
    *f = (struct cs_part_file){0};
    return rc;
}
