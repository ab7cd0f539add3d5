#include "protocol/table/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "protocol/base/alloc.h"

enum { PIECE = 64 * 1024 };

struct cs_zip {
    zip_t *archive;
    const char *path;
    size_t left; /* bytes that may still be read */
};

enum cs_err cs_zip_open(int fd, const char *path, struct cs_zip **out, struct cs_error *err)
{
    int why = 0, own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    *out = NULL;
    if (own < 0)
        return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    zip_t *archive = zip_fdopen(own, 0, &why);
    if (archive == NULL) {
        close(own);
        return cs_error_set(err, CS_EINVAL, "%s: a zip file that is damaged or cut short; save it again", path);
    }
    struct cs_zip *z = cs_xcalloc(1, sizeof *z);
    *z = (struct cs_zip){.archive = archive, .path = path, .left = CS_ZIP_BYTES_MAX};
    *out = z;
    return CS_OK;
}

void cs_zip_close(struct cs_zip *z)
{
    if (z == NULL)
        return;
    zip_discard(z->archive);
    free(z);
}

bool cs_zip_has(const struct cs_zip *z, const char *name)
{
    return zip_name_locate(z->archive, name, 0) >= 0;
}

static enum cs_err fail_read(const struct cs_zip *z, const char *name, struct cs_error *err)
{
    return cs_error_set(err, CS_EINVAL, "%s: %.100s inside it is damaged or protected; save it again", z->path, name);
}

enum cs_err cs_zip_read(struct cs_zip *z, const char *name,
                        enum cs_err (*fn)(void *self, const char *bytes, size_t n, struct cs_error *err), void *self,
                        struct cs_error *err)
{
    zip_file_t *f = zip_fopen(z->archive, name, 0);
    if (f == NULL)
        return fail_read(z, name, err);
    char *piece = cs_xmalloc(PIECE);
    enum cs_err rc = CS_OK;
    zip_int64_t n = 0;
    while (rc == CS_OK && (n = zip_fread(f, piece, PIECE)) > 0) {
        if ((size_t)n > z->left) {
            rc = cs_error_set(err, CS_ETOOBIG, "%s: expands to more than %d MiB; save it as CSV UTF-8", z->path,
                              CS_ZIP_BYTES_MAX >> 20);
            break;
        }
        z->left -= (size_t)n;
        rc = fn(self, piece, (size_t)n, err);
    }
    if (rc == CS_OK && n < 0)
        rc = fail_read(z, name, err);
    free(piece);
    zip_fclose(f);
    return rc;
}
