/* part_file.h - a file that appears under its name only when all of it is written: FILE.part, renamed at the end. Its user alone may read
 * it (mode 0600), unless it is said to be for others too: outputs and cases may be about patients.
 *
 * Thread: main. Errors: CS_EIO names the file that could not be written.
 */
#ifndef CS_PART_FILE_H
#define CS_PART_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "protocol/base/error.h"

struct cs_part_file {
    FILE *out;
    const char *path; /* the caller's */
    char *part;
    bool direct;   /* it is a pipe or a device, and is written as it is */
    bool readable; /* by others of this machine: to be set before it is closed */
};

/* A new file for writing in place of whatever is there, mode 0600; NULL: errno. */
FILE *cs_part_file_private(const char *path);
CS_WARN_UNUSED enum cs_err cs_part_file_open(struct cs_part_file *f, const char *path, struct cs_error *err);
/* rc: whether all went well so far. Syncs and renames; else what was written is removed. Returns rc, or what went wrong here. */
CS_WARN_UNUSED enum cs_err cs_part_file_close(struct cs_part_file *f, enum cs_err rc, struct cs_error *err);

#endif
