/* inflate.h - a reply's body whose Content-Encoding was not asked for. The only includer of zlib.h. Pure; any thread. */
#ifndef CS_INFLATE_H
#define CS_INFLATE_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/base/error.h"

/* Whether the headers ("name: value\r\n...") say gzip, x-gzip or deflate, or the bytes are gzip whatever they say. */
bool cs_inflate_is_deflated(const char *headers, const char *bytes, size_t n);

enum cs_inflated {
    CS_INFLATED_WHOLE,
    CS_INFLATED_DAMAGED,  /* or cut short */
    CS_INFLATED_TOO_LONG, /* over out->max: stopped there */
};
/* Appends the bytes as they were before: of gzip (one member or several), zlib, or (as some servers
 * understand `deflate`) bare deflate; a text that was not compressed at all as it is. What stands behind the end is left alone. */
CS_WARN_UNUSED enum cs_inflated cs_inflate(const char *bytes, size_t n, struct cs_buf *out);

#endif
