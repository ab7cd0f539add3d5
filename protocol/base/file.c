#include "protocol/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"

static enum cs_err open_as(const char *path, int flags, int *fd, struct cs_error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (*fd >= 0)
        return CS_OK;
    return cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", path,
                        errno == ENOENT ? "no such file" : strerror(errno));
}

enum cs_err cs_file_open(const char *path, int *fd, struct cs_error *err)
{
    struct stat st;
    enum cs_err rc = open_as(path, O_NONBLOCK, fd, err); /* a FIFO must not hold us up */
    if (rc != CS_OK || (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)))
        return rc;
    close(*fd);
    *fd = -1;
    return cs_error_set(err, CS_EINVAL, "%s: not a regular file", path);
}

enum cs_err cs_file_read(const char *path, size_t max, char **data, size_t *len, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(max);
    int fd;
    enum cs_err rc = strncmp(path, "/dev/", 5) == 0 ? open_as(path, 0, &fd, err) : cs_file_open(path, &fd, err);
    *data = NULL;
    if (rc != CS_OK)
        return rc;
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 && !b.overflow)
        cs_buf_append(&b, chunk, (size_t)n);
    if (n < 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    else if (b.overflow)
        rc = cs_error_set(err, CS_ETOOBIG, "%s: larger than %zu bytes", path, max);
    close(fd);
    if (rc == CS_OK) {
        if (len != NULL)
            *len = b.len;
        *data = cs_buf_take(&b);
    }
    cs_buf_release(&b);
    return rc;
}

/* As OpenSSH: a file of ours must be ours alone. One of another owner (systemd's credentials are root's, with an access
 * list that shows as group bits) must at least be closed to the world. */
enum cs_err cs_file_check_secret(const char *path, struct cs_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", path,
                            errno == ENOENT ? "no such file" : strerror(errno));
    unsigned open_to = st.st_mode & (st.st_uid == geteuid() ? 077u : 07u);
    if (open_to != 0)
        return cs_error_set(err, CS_EDENIED, "%s: others can use this secret key (mode %04o); run chmod 600 on it",
                            path, (unsigned)st.st_mode & 07777u);
    return CS_OK;
}

static enum cs_err write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return CS_EIO;
        p += w;
        n -= (size_t)w;
    }
    return CS_OK;
}

static void sync_folder_of(const char *path)
{
    char *folder = cs_file_beside(path, ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

enum cs_err cs_file_write(const char *path, const void *data, size_t len, unsigned mode, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char *tmp = cs_xasprintf("%s.tmp", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || write_all(fd, data, len) != CS_OK || fsync(fd) != 0) {
        rc = cs_error_set(err, CS_EIO, "%s: %s", tmp, strerror(errno));
        goto out;
    }
    if (close(fd) != 0 || rename(tmp, path) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    fd = -1;
    if (rc == CS_OK)
        sync_folder_of(path);
out:
    if (fd >= 0)
        close(fd);
    if (rc != CS_OK)
        unlink(tmp);
    free(tmp);
    return rc;
}

enum cs_err cs_file_mkdir_p(const char *path, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char *p = cs_xstrdup(path);
    for (char *s = p + 1; rc == CS_OK; s++) {
        if (*s != '/' && *s != '\0')
            continue;
        char end = *s;
        *s = '\0';
        struct stat st;
        if (mkdir(p, 0750) == 0)
            sync_folder_of(p); /* or a power cut takes it away, with all that was synced inside */
        else if (errno == EEXIST && stat(p, &st) == 0 && !S_ISDIR(st.st_mode))
            rc = cs_error_set(err, CS_EIO, "%s: %s", p, strerror(errno = ENOTDIR));
        else if (errno != EEXIST || stat(p, &st) != 0)
            rc = cs_error_set(err, CS_EIO, "%s: %s", p, strerror(errno));
        *s = end;
        if (end == '\0')
            break;
    }
    free(p);
    return rc;
}

char *cs_file_beside(const char *base_file, const char *path)
{
    const char *slash = strrchr(base_file, '/');
    if (path[0] == '/' || slash == NULL)
        return cs_xstrdup(path);
    return cs_xasprintf("%.*s/%s", (int)(slash - base_file), base_file, path);
}

enum cs_err cs_file_create(const char *path, const char *text, unsigned mode, struct cs_error *err)
{
    const size_t n = strlen(text);
    enum cs_err rc = CS_OK;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return cs_error_set(err, CS_EEXIST, "%s exists already: a key is never overwritten", path);
    if (fd < 0)
        return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (write(fd, text, n) != (ssize_t)n || fsync(fd) != 0)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (close(fd) != 0 && rc == CS_OK)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (rc != CS_OK)
        unlink(path);
    return rc;
}
