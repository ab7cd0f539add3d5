/* complaints.h - the errors of a fleet by sentence, in Redis: how often, the first trial of each, when first and last.
 *
 *   clinsafe:FLEET:errors     hash: "GEN/LANE SENTENCE" -> "COUNT POSITION FIRST_MS LAST_MS"
 *
 * Each worker adds what it has counted since it told last; so the figures outlive workers and coordinators, and the first trial stays the
 * first; were they lost, count and first begin anew together. Forgotten a week after the last one. Sentences pass the door (plain.h) where
 * they are written and where they are read.
 */
#ifndef CS_COMPLAINTS_H
#define CS_COMPLAINTS_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "store/redis/redis.h"

enum {
    CS_COMPLAINT_MAX = 160,
    CS_COMPLAINTS_KEPT = 1000,
    CS_COMPLAINTS_QUIET_MS = 600000
}; /* bytes of a sentence; sentences of a fleet; one that nobody said for so long gives way where it is full, else further ones are "other errors" */
#define CS_COMPLAINT_OTHER "other errors"

struct cs_complaint {
    uint32_t gen, lane;
    const char *sentence;
    uint64_t count, position; /* position: of the first trial */
    int64_t first_wall_ms, last_wall_ms;
};

void cs_complaints_add(struct cs_redis *r, const char *fleet, const struct cs_complaint *list, uint32_t n);
/* All of these generations. */
void cs_complaints_drop(struct cs_redis *r, const char *fleet, const uint32_t *gens, uint32_t n);
void cs_complaints_forget(struct cs_redis *r, const char *fleet);
/* The reply to HGETALL of the key, what cannot be read left out; the most frequent first. */
void cs_complaints_parse(const struct cs_reply *reply, struct cs_arena *arena, struct cs_complaint **out, uint32_t *n);

#endif
