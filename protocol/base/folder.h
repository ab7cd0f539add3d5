/* folder.h - whole folders: what is in them, gone with all that is in them, durable.
 *
 * Thread: any.
 */
#ifndef CS_FOLDER_H
#define CS_FOLDER_H

#include <stdint.h>

#include "protocol/base/error.h"

struct cs_folder_file {
    char *name; /* from the folder on: "store/000012.sst" */
    uint64_t bytes;
};
struct cs_folder_files {
    struct cs_folder_file *v; /* by name */
    uint32_t n, cap;
};
/* The regular files in it and below it; links are not followed. CS_ENOENT: there is no such folder. Release also after an error. */
CS_WARN_UNUSED enum cs_err cs_folder_list(const char *path, struct cs_folder_files *out, struct cs_error *err);
void cs_folder_release(struct cs_folder_files *f);

/* As rm -r: without following links. One that is not there is gone. */
CS_WARN_UNUSED enum cs_err cs_folder_remove(const char *path, struct cs_error *err);
/* The names in it survive a power cut. */
CS_WARN_UNUSED enum cs_err cs_folder_sync(const char *path, struct cs_error *err);

#endif
