#include "worker/calls/denials.h"

void cs_denials_answered(struct cs_denials *d, uint64_t sent_ms, uint64_t now_ms)
{
    if (d->n > 0 && sent_ms <= d->since_ms)
        return;
    *d = (struct cs_denials){.was_answered = true, .answered_ms = now_ms};
}

bool cs_denials_is_fresh(const struct cs_denials *d, uint64_t now_ms)
{
    return d->was_answered && now_ms - d->answered_ms < CS_DENIALS_FRESH_MS;
}

static void remember(struct cs_denials *d, uint64_t prompt)
{
    for (uint32_t i = 0; i < d->n; i++) {
        if (d->prompts[i] == prompt)
            return;
    }
    if (d->n < CS_DENIALS_BLOCKED)
        d->prompts[d->n++] = prompt;
}

enum cs_denied cs_denials_add(struct cs_denials *d, uint64_t prompt, bool blocked, uint32_t times, uint64_t now_ms)
{
    if (d->n == 0)
        d->since_ms = now_ms;
    remember(d, prompt);
    if (cs_denials_is_fresh(d, now_ms)) {
        const bool others_too = d->n >= CS_DENIALS_STOP; /* and nobody was answered meanwhile */
        return blocked || (times > CS_DENIALS_TRIES && !others_too) ? CS_DENIED_ALONE : CS_DENIED_AGAIN;
    }
    if (d->n >= (blocked ? (uint32_t)CS_DENIALS_BLOCKED : (uint32_t)CS_DENIALS_STOP))
        return CS_DENIED_STOP;
    if (times <= CS_DENIALS_TRIES)
        return CS_DENIED_AGAIN;
    return blocked ? CS_DENIED_ALONE : CS_DENIED_STOP; /* there is no other prompt to tell by */
}
