/* served.h - who answers in a lane: the model that the provider says it served and its fingerprint, each in the order of their first
 * answer; and whether answers are drawn anew.
 *
 * A name like "gpt-5" is moved to another model while a study runs, and a router serves another provider's copy: both are noted at the
 * first answer, and on disk (store/served.h).
 *
 * A reply that something on the way had kept, or whose id came before in the same case, is not a draw of its own. A server that gives one
 * id to all replies tells nothing by it.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SERVED_H
#define CS_COORDINATOR_SERVED_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/wire/output.h"

struct cs_core;
struct cs_lane;

enum { CS_SERVED_MAX = 16, CS_SERVED_NOTE = 300, CS_SERVED_IDS = 1024 };

struct cs_served {
    char *key;                 /* the row's; NULL: none is kept */
    char *lines;               /* what the row holds; NULL: nothing yet */
    uint32_t n;                /* lines, at most CS_SERVED_MAX */
    char note[CS_SERVED_NOTE]; /* who answers has changed; or "" */
    struct cs_served_id {      /* ids that came lately, and the case of each */
        uint64_t id, owner;
    } * ids;
    bool ids_are_none; /* one id came in two cases: they are not ids */
    uint64_t same_ids; /* counted in counters.cached because of their ids */
};

/* key, lines: copied; each may be NULL. */
void cs_coordinator_served_open(struct cs_served *s, const char *key, const char *lines);
void cs_coordinator_served_close(struct cs_served *s);
/* The model that came last of those that the lane's answers name; "": there is none yet. */
const char *cs_coordinator_served_newest(const struct cs_served *s, struct cs_arena *arena);
/* An answer; owner: whom it was bought for. */
void cs_coordinator_served_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, uint64_t owner);

#endif
