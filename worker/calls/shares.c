#include "worker/calls/shares.h"

enum { UNTRUSTED_PART = 20, FIRST_CALLS = 4 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t at_least_one(uint32_t n)
{
    return n > 0 ? n : 1;
}

/* What a lane without trust may have: all of it if there is nobody else; some calls more while nobody is trusted yet. */
static uint32_t most_untrusted(const struct cs_share *lanes, uint32_t n, uint32_t slots)
{
    uint32_t works = 0, untrusted = 0;
    for (uint32_t i = 0; i < n; i++) {
        works += lanes[i].works;
        untrusted += lanes[i].works && !lanes[i].trusted;
    }
    if (works <= 1 || untrusted == 0)
        return CS_SHARES_FREE;
    uint32_t part = at_least_one(slots / UNTRUSTED_PART / untrusted);
    return untrusted == works && part < FIRST_CALLS ? FIRST_CALLS : part;
}

static uint32_t limit_of(const struct cs_share *l, uint32_t untrusted)
{
    return l->trusted ? l->limit : least(l->limit, untrusted);
}

/* What lane `i` would get without a limit of its own: the even share of those whom no limit keeps below it. */
static uint32_t level_of(const struct cs_share *lanes, uint32_t n, uint32_t i, uint32_t slots, uint32_t untrusted)
{
    uint32_t level = 0;
    for (bool again = true; again;) {
        uint32_t left = slots, open = 1;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t limit = limit_of(&lanes[k], untrusted);
            if (k == i || !lanes[k].works)
                continue;
            if (limit <= level)
                left -= least(limit, left);
            else
                open++;
        }
        uint32_t even = (left + open - 1) / open;
        again = even > level;
        level = again ? even : level;
    }
    return level;
}

static void wishes(struct cs_share *lanes, uint32_t n, uint32_t slots, uint32_t untrusted)
{
    uint32_t common = 0; /* of all that are not kept below it */
    for (uint32_t i = 0; i < n; i++) {
        if (!lanes[i].works)
            continue;
        bool kept_below = limit_of(&lanes[i], untrusted) <= lanes[i].share;
        uint32_t could = kept_below || common == 0 ? level_of(lanes, n, i, slots, untrusted) : common;
        if (!kept_below)
            common = could;
        lanes[i].wish = at_least_one(lanes[i].trusted ? could : least(could, untrusted));
        if (lanes[i].wish < lanes[i].share)
            lanes[i].wish = lanes[i].share;
    }
}

void cs_shares(struct cs_share *lanes, uint32_t n, uint32_t slots)
{
    uint32_t untrusted = most_untrusted(lanes, n, slots), left = slots, open = 0;
    for (uint32_t i = 0; i < n; i++) {
        lanes[i].share = lanes[i].wish = 0;
        open += lanes[i].works;
    }
    for (bool again = true; again && open > 0;) { /* those who can use less than an even share */
        again = false;
        for (uint32_t i = 0; i < n && open > 0; i++) {
            uint32_t limit = limit_of(&lanes[i], untrusted);
            if (!lanes[i].works || lanes[i].wish != 0 || limit > at_least_one(left / open))
                continue;
            lanes[i].share = limit;
            lanes[i].wish = 1; /* seen */
            left -= least(limit, left);
            open--;
            again = true;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!lanes[i].works || lanes[i].wish != 0)
            continue;
        lanes[i].share = at_least_one((left + open - 1) / open);
        left -= least(lanes[i].share, left);
        open--;
    }
    wishes(lanes, n, slots, untrusted);
}
