#include "worker/calls/replies.h"

enum { LATE = 16 }; /* replies that the mean remembers */

void cs_replies_note(struct cs_replies *r, size_t len)
{
    r->mean += ((double)len - r->mean) / (r->known ? LATE : 1);
    r->known = true;
}

bool cs_replies_fit(const struct cs_replies *r, uint32_t in_flight, const struct cs_reply_memory *m, uint32_t lanes)
{
    const double own = r->mean * ((double)in_flight + 1), ceiling = (double)m->cap / 4 * 3;
    if (m->cap == 0 || in_flight == 0 || (r->known && own <= (double)m->cap / 16))
        return true;
    return (double)m->held < ceiling && own <= ceiling / (lanes > 0 ? lanes : 1);
}
