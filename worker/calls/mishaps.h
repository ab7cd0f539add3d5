/* mishaps.h - what went wrong with the calls of a worker, by lane, grouped by sentence, with the first trial of each.
 *
 * Two sentences are one where they differ in numbers and ids alone. What a provider says is quoted, shortened, with keys masked (its caller
 * did that); of a study whose cases are confidential it is not, since it may repeat a prompt. What was counted is told to Redis bit by bit
 * (store/redis/complaints.h), so that it outlives the worker. Pure.
 */
#ifndef CS_MISHAPS_H
#define CS_MISHAPS_H

#include "protocol/dialects/replies/reply.h"
#include "store/redis/complaints.h"

enum { CS_MISHAPS_MAX = 64, CS_MISHAPS_OTHERS = 64, CS_MISHAPS_ROWS = CS_MISHAPS_MAX + CS_MISHAPS_OTHERS };

/* Sentences, then lanes: what meets a full table is "other errors" of its lane. A row that was told gives way to what comes. */
struct cs_mishaps {
    struct cs_complaint all[CS_MISHAPS_ROWS]; /* `sentence` of each is in text[]; gen 0: never used */
    char text[CS_MISHAPS_ROWS][CS_COMPLAINT_MAX];
};

/* Of a call that brought no answer. quote: the provider's words may be shown. */
void cs_mishaps_word(const struct cs_http_reply *reply, const struct cs_reading *reading, bool quote,
                     char out[CS_COMPLAINT_MAX]);
/* Numbers and ids as N and ID. In place. */
void cs_mishaps_even(char *text);
struct cs_mishaps_where {
    uint32_t gen, lane;
    uint64_t position;
    int64_t wall_ms;
};
void cs_mishaps_note(struct cs_mishaps *s, const char *sentence, const struct cs_mishaps_where *at);
/* Those that were counted since the last time, with the first since then; texts are s's own. out has room for CS_MISHAPS_ROWS. */
uint32_t cs_mishaps_take(struct cs_mishaps *s, struct cs_complaint *out);

#endif
