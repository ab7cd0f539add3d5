/* copied.h - one file, copied so that what arrived is what left: summed while it is read, synced, read again where it lies.
 *
 * Thread: main. Errors: CS_EIO (which disk, why), CS_ECORRUPT (what arrived is not what left), CS_EINTERRUPTED (opts.stop said so).
 */
#ifndef CS_COPIED_H
#define CS_COPIED_H

#include <stdatomic.h>

#include "tools/backup/manifest.h"

struct cs_copied_opts {
    void (*on_bytes)(void *self, uint64_t n); /* so many more; NULL: nobody is told */
    bool (*stops)(void *self);                /* NULL, or asked now and then: true ends it */
    void *self;
    uint64_t bytes_per_s; /* 0: as fast as it goes */
    bool cold;            /* do not keep what was copied in memory: nobody reads it soon */
};

/* Sums of a file where it lies; *bytes: how many were read. */
CS_WARN_UNUSED enum cs_err cs_copied_sums(const char *path, const struct cs_copied_opts *o,
                                          struct cs_manifest_file *out, struct cs_error *err);
/* That of its last 64 KiB alone, in which a table has its own unique name and its index: cheap. */
CS_WARN_UNUSED enum cs_err cs_copied_tail(const char *path, uint64_t bytes, uint8_t out[CS_MANIFEST_TAIL],
                                          struct cs_error *err);
/* from -> to, by way of TO.tmp; nothing stands under `to` before all is durable and was read again. Fills bytes and sums. */
CS_WARN_UNUSED enum cs_err cs_copied_copy(const char *from, const char *to, unsigned mode,
                                          const struct cs_copied_opts *o, struct cs_manifest_file *out,
                                          struct cs_error *err);

#endif
