/* file.h - whole small files: read with a limit, written so that a crash leaves the old or the new one. */
#ifndef CS_FILE_H
#define CS_FILE_H

#include <stddef.h>

#include "protocol/base/error.h"

/* Opens a regular file for reading: *fd, or -1. CS_ENOENT: there is none; CS_EINVAL: it is something else, as a named pipe, which would make us wait for
 * whoever writes it. The sentence starts with the path. */
CS_WARN_UNUSED enum cs_err cs_file_open(const char *path, int *fd, struct cs_error *err);
/* A regular file, or whatever stands under /dev: what the shell gives as `/dev/stdin` and `<(...)`. Reads at most max bytes into NUL-terminated memory of the caller's (free()). len may be NULL.
 * CS_ENOENT when there is no such file, CS_ETOOBIG above max. The sentence starts with the path. */
CS_WARN_UNUSED enum cs_err cs_file_read(const char *path, size_t max, char **data, size_t *len, struct cs_error *err);
/* Whether a file that holds a secret is closed to others. CS_EDENIED: they can use it; CS_ENOENT. */
CS_WARN_UNUSED enum cs_err cs_file_check_secret(const char *path, struct cs_error *err);
/* Writes path.tmp, syncs, renames over path, syncs the folder. mode as in open(2). */
CS_WARN_UNUSED enum cs_err cs_file_write(const char *path, const void *data, size_t len, unsigned mode,
                                         struct cs_error *err);
/* A new key's text, synced, with this mode: CS_EEXIST where there is a file already. It is complete or gone when this returns. */
CS_WARN_UNUSED enum cs_err cs_file_create(const char *path, const char *text, unsigned mode, struct cs_error *err);
/* mkdir -p, mode 0750 for what is missing; what was made survives a power cut. */
CS_WARN_UNUSED enum cs_err cs_file_mkdir_p(const char *path, struct cs_error *err);
/* base's folder joined with path, unless path is absolute; free() the result. */
char *cs_file_beside(const char *base_file, const char *path);

#endif
