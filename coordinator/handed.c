#include "coordinator/handed.h"

void cs_handed_begin(struct cs_handed *h, int64_t wall_ms, uint64_t now_ms)
{
    const uint64_t id = (uint64_t)wall_ms;
    *h = (struct cs_handed){.id = id > h->id ? id : h->id + 1, .asked_ms = now_ms};
}

void cs_handed_waits(struct cs_handed *h, uint64_t now_ms)
{
    h->asked_ms = now_ms;
}

void cs_handed_told(struct cs_handed *h, uint64_t now_ms)
{
    h->told = true;
    h->readers++;
    h->asked_ms = now_ms;
}

bool cs_handed_part(struct cs_handed *h, uint64_t id, uint64_t now_ms)
{
    if (id != h->id)
        return false;
    h->asked_ms = now_ms;
    return true;
}

bool cs_handed_through(struct cs_handed *h)
{
    h->readers -= h->readers > 0;
    return h->readers == 0;
}

bool cs_handed_is_wanted(const struct cs_handed *h, uint64_t now_ms)
{
    return (h->readers > 0 || !h->told) && now_ms - h->asked_ms < CS_HANDED_MS;
}
