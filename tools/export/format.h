/* format.h - how a row becomes text: CSV (RFC 4180, header line first) or JSON Lines (an object a line, empty cells left out). */
#ifndef CS_FORMAT_H
#define CS_FORMAT_H

#include <stdio.h>

#include "tools/export/row.h"

struct cs_format {
    const char *name;
    void (*header)(FILE *out, const struct cs_row *r);
    void (*row)(FILE *out, const struct cs_row *r);
};
const struct cs_format *cs_format_find(const char *name); /* NULL: unknown */

#endif
