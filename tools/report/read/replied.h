/* replied.h - how the replies of conversations ended, counted call by call and arm by arm: the trial's outcome is that of its last reply alone.
 *
 * Memory grows with questions x levels x turns, never with outputs. Thread: one writer; any readers afterwards. The plan must outlive it.
 */
#ifndef CS_REPLIED_H
#define CS_REPLIED_H

#include "protocol/study/outcome.h"
#include "protocol/study/plan.h"
#include "store/conversation.h"

struct cs_replied {
    const struct cs_study *study;
    uint32_t arms;    /* all of them together, and each level of each factor */
    uint64_t *counts; /* [question][arm][number of the turn - 1][outcome] */
    uint64_t talks;   /* conversations */
    uint64_t
        reasoning; /* of these, some reply that went back to the model holds its reasoning, as between <think> and </think> */
};

void cs_replied_init(struct cs_replied *r, const struct cs_study *s);
void cs_replied_release(struct cs_replied *r); /* a zeroed struct is fine */
/* One conversation that ended. outcome: what its last reply came to. */
void cs_replied_add(struct cs_replied *r, const struct cs_coords *at, const struct cs_conversation *v,
                    enum cs_outcome outcome);
/* The same as `clinsafe export` writes it (cs_conversation_json); what is none is not counted. */
void cs_replied_add_json(struct cs_replied *r, const struct cs_coords *at, const char *json, enum cs_outcome outcome);
/* CS_OUTCOMES counts; factor CS_NONE: all arms. turn: 1 to CS_TURNS_MAX. */
const uint64_t *cs_replied_of(const struct cs_replied *r, uint32_t question, uint32_t factor, uint32_t level,
                              uint32_t turn);

#endif
