#include "worker/replies.h"

#include "protocol/base/assert.h"

enum { LATE = 16 }; /* replies that the mean remembers */

static size_t ceiling(const struct cs_replies *r)
{
    return r->cap / 4 * 3;
}

bool cs_replies_full(const struct cs_replies *r, size_t more)
{
    CS_ASSERT(r->held <= r->cap);
    return more > r->cap - r->held;
}

void cs_replies_grow(struct cs_replies *r, size_t n)
{
    CS_ASSERT(!cs_replies_full(r, n));
    r->held += n;
}

void cs_replies_end(struct cs_replies *r, size_t len)
{
    CS_ASSERT(len <= r->held);
    r->held -= len;
    r->mean += ((double)len - r->mean) / LATE;
}

uint32_t cs_replies_bear(const struct cs_replies *r, uint32_t slots)
{
    if (r->held >= ceiling(r))
        return 1;
    const double fit = r->mean > 1 ? (double)ceiling(r) / r->mean : (double)slots;
    if (fit >= slots)
        return 0;
    return fit > 1 ? (uint32_t)fit : 1;
}
