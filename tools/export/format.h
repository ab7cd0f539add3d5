/* format.h - how a row becomes text. A format is a file of this folder, FORMAT.c with a struct cs_export_FORMAT, and a row here. */
#ifndef CS_EXPORT_FORMAT_H
#define CS_EXPORT_FORMAT_H

#include <stdio.h>

#include "tools/export/row.h"

/* The first one is the default. */
#define CS_EXPORT_FORMATS(X)                                                                                           \
    X(csv)                                                                                                             \
    X(jsonl)

struct cs_export_format {
    const char *name;
    void (*header)(FILE *out, const struct cs_export_row *r);
    void (*row)(FILE *out, const struct cs_export_row *r);
};
#define X(name) extern const struct cs_export_format cs_export_##name;
CS_EXPORT_FORMATS(X)
#undef X

extern const struct cs_export_format cs_export_csv_excel; /* csv for Excel: chosen by --excel, not by a name */

const struct cs_export_format *cs_format_find(const char *name); /* NULL: unknown */
/* "csv or jsonl", for people; `after_first` stands behind the first. In `out`, which is returned. */
enum { CS_FORMAT_NAMES_LEN = 128 };
const char *cs_format_names(char out[CS_FORMAT_NAMES_LEN], const char *after_first);

#endif
