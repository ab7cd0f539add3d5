/* since.h - what others know of the time after a backup: the file of acknowledged commits, and Redis.
 *
 * Thread: main.
 */
#ifndef CS_SINCE_H
#define CS_SINCE_H

#include "store/redis/progress.h"
#include "tools/backup/restored.h"

/* What is spent on a study since, at most: committed, presumed and reserved. */
struct cs_since_study {
    const char *name;
    int64_t nano_usd;
    bool budget;
};
struct cs_since {
    struct cs_restored_since known;
    const char **workers;           /* names of the known.workers that are there */
    struct cs_since_study *studies; /* those that Redis knows; in the arena */
    uint32_t n_studies;
};
/* CS_EBUSY: a coordinator of the fleet reported a moment ago. CS_EAGAIN and the like: Redis cannot be asked. */
CS_WARN_UNUSED enum cs_err cs_since_look(const struct cs_manifest *m, const char *to, const char *redis,
                                         struct cs_arena *arena, struct cs_since *out, struct cs_error *err);

#endif
