/* zip.h - the files inside a zip file, as streams. The only door to libzip.
 *
 * All that is read from one zip file together is at most CS_ZIP_BYTES_MAX after expanding, so that a small file cannot become a large one.
 * Thread: one owner. Errors: CS_EINVAL with "PATH: sentence".
 */
#ifndef CS_ZIP_H
#define CS_ZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/base/error.h"

enum { CS_ZIP_BYTES_MAX = 128 * 1024 * 1024 };

struct cs_zip;

/* fd stays the caller's; path is for messages, borrowed. */
CS_WARN_UNUSED enum cs_err cs_zip_open(int fd, const char *path, struct cs_zip **out, struct cs_error *err);
void cs_zip_close(struct cs_zip *z); /* NULL is fine */
bool cs_zip_has(const struct cs_zip *z, const char *name);
/* Hands the content over in pieces; ends with the first error of fn. */
CS_WARN_UNUSED enum cs_err cs_zip_read(struct cs_zip *z, const char *name,
                                       enum cs_err (*fn)(void *self, const char *bytes, size_t n, struct cs_error *err),
                                       void *self, struct cs_error *err);

#endif
