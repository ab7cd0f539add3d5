#include "store/at_rest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"

static enum cs_err lock(int fd, const char *dir, struct cs_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &whole) == 0)
        return CS_OK;
    if (errno == EAGAIN || errno == EACCES)
        return cs_error_set(err, CS_EBUSY, "%s: in use by another process", dir);
    return cs_error_set(err, CS_EIO, "%s/LOCK: %s", dir, strerror(errno));
}

enum cs_err cs_at_rest_hold(const char *dir, int *fd, struct cs_error *err)
{
    char *current = cs_xasprintf("%s/CURRENT", dir), *path = cs_xasprintf("%s/LOCK", dir);
    enum cs_err rc = CS_OK;
    *fd = -1;
    if (access(current, F_OK) != 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: there is no store", dir);
    else
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (rc == CS_OK && *fd >= 0)
        rc = lock(*fd, dir, err);
    else if (rc == CS_OK && errno != EROFS)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (rc != CS_OK)
        cs_at_rest_release(*fd);
    if (rc != CS_OK)
        *fd = -1;
    free(current);
    free(path);
    return rc;
}

void cs_at_rest_release(int fd)
{
    if (fd >= 0)
        close(fd);
}
