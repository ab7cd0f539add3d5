#include "coordinator/page/samples.h"

#include <stddef.h>

#include "protocol/base/assert.h"

void cs_samples_note(struct cs_samples *s, const struct cs_sample *now, uint64_t now_ms, int64_t wall_ms)
{
    if (now_ms < s->next_ms)
        return;
    s->next_ms = now_ms + CS_SAMPLES_EVERY_MS;
    s->last_wall_ms = wall_ms;
    s->at[s->n++ % CS_SAMPLES_MAX] = *now;
}

uint32_t cs_samples_count(const struct cs_samples *s)
{
    return s->n < CS_SAMPLES_MAX ? (uint32_t)s->n : CS_SAMPLES_MAX;
}

const struct cs_sample *cs_samples_at(const struct cs_samples *s, uint32_t i)
{
    CS_ASSERT(i < cs_samples_count(s));
    return &s->at[(s->n - cs_samples_count(s) + i) % CS_SAMPLES_MAX];
}
