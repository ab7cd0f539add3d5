/* json.h - pieces of canonical JSON: the same bytes wherever they are made. Pure; any thread. */
#ifndef CS_JSON_H
#define CS_JSON_H

#include "protocol/base/buf.h"

/* Appends n bytes of UTF-8 as a JSON string with its quotes. Only ", \ and control characters are escaped, byte for byte as
 * jansson does it (a test compares), at a fraction of the time: this is most of the work of making a request. */
void cs_json_str(struct cs_buf *out, const char *s, size_t n);
/* A finite number, shortest of the forms that are exact to 15 digits. */
void cs_json_number(struct cs_buf *out, double v);

#endif
