/* restored.h - a store is put back from a backup, whole or not at all.
 *
 * Every file is summed while it is copied, the copy is opened and counted, and only then gets its name. The restored store has a term above all
 * that were, so that workers who remember a later one take it; what was leased since the backup is not known, so that the first coordinator waits
 * for its workers' grace below the end of every lane. Workers deliver again what was not acknowledged.
 *
 * Refused (CS_ECORRUPT) where the file of acknowledged commits beside the place, or Redis, knows a later commit than the backup has, unless
 * accept_rollback: what is missing is asked and paid again. Under a budget, what Redis knows to have been spent since is presumed spent.
 * Thread: main. Other errors: CS_EEXIST (a store is there), CS_EBUSY (a coordinator of this fleet still reports), CS_ECORRUPT (damaged).
 */
#ifndef CS_RESTORED_H
#define CS_RESTORED_H

#include "store/redis/redis.h"
#include "tools/backup/copied.h"
#include "tools/backup/shelf.h"

/* What is known of the time after the backup. */
struct cs_restored_since {
    bool redis;             /* it was asked, and knows the fleet */
    uint64_t commits;       /* later ones; 0: none is known */
    uint64_t unseen;        /* of these, those that the file knows of and Redis does not */
    uint64_t acked;         /* the last that the file beside the place has; 0: it is not there */
    int64_t trials;         /* that had an answer and are asked again; -1: not known */
    uint64_t unacked;       /* outputs that workers hold and will deliver again */
    uint32_t workers;       /* that are there */
    uint32_t term;          /* the highest known */
    int64_t spent_nano_usd; /* since, of all studies; -1: not known */
};
struct cs_restored_opts {
    const char *to;     /* the store's folder; not there, or empty */
    const char *redis;  /* address, or NULL: it is not asked */
    const char *reason; /* kept in the store's events, or NULL */
    bool accept_rollback;
    void (*on_progress)(void *self, bool counts, uint64_t done, uint64_t total);
    bool (*stops)(void *self);
    void *self;
};
/* *since is filled in also when it is refused. */
CS_WARN_UNUSED enum cs_err cs_restored_put(const struct cs_shelf_item *backup, const struct cs_restored_opts *o,
                                           struct cs_arena *arena, struct cs_restored_since *since,
                                           struct cs_error *err);

#endif
