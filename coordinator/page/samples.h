/* samples.h - how a study went on over the last day: one sample a minute, kept in memory.
 *
 * A coordinator that starts anew begins anew. Pure; thread: one owner.
 */
#ifndef CS_PAGE_SAMPLES_H
#define CS_PAGE_SAMPLES_H

#include <stdint.h>

enum { CS_SAMPLES_MAX = 24 * 60, CS_SAMPLES_EVERY_MS = 60 * 1000 };

struct cs_sample {
    uint64_t ended;  /* answers and failures so far, those taken over not counted */
    uint64_t failed; /* of these: failures, timeouts, unparsable answers */
    int64_t spent_nano_usd;
};
struct cs_samples { /* a zeroed struct is empty */
    uint64_t n, next_ms;
    int64_t last_wall_ms;
    struct cs_sample at[CS_SAMPLES_MAX];
};
/* Keeps it when a minute has passed since the last one. now_ms: monotonic. */
void cs_samples_note(struct cs_samples *s, const struct cs_sample *now, uint64_t now_ms, int64_t wall_ms);
uint32_t cs_samples_count(const struct cs_samples *s); /* at most CS_SAMPLES_MAX */
/* The i-th of them, the oldest first. */
const struct cs_sample *cs_samples_at(const struct cs_samples *s, uint32_t i);

#endif
