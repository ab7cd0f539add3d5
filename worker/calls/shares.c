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

static uint64_t weight_of(const struct cs_share *l)
{
    return l->weight > 0 ? l->weight : 1;
}

/* The lane's part of so many slots, which lanes that weigh `all` together share. */
static uint32_t part_of(const struct cs_share *l, uint64_t slots, uint64_t all)
{
    const uint64_t part = (slots * weight_of(l) + all - 1) / all;
    return part < CS_SHARES_FREE ? (uint32_t)part : CS_SHARES_FREE - 1;
}

/* What lane `i` would get without a limit of its own: its part of what is left by those whom a limit keeps below theirs. */
static uint32_t level_of(const struct cs_share *lanes, uint32_t n, uint32_t i, uint32_t slots, uint32_t untrusted)
{
    uint64_t left_then = 0, open_then = 1; /* the level, by unit of weight */
    for (bool again = true; again;) {
        uint64_t left = slots, open = weight_of(&lanes[i]);
        for (uint32_t k = 0; k < n; k++) {
            uint32_t limit = limit_of(&lanes[k], untrusted);
            if (k == i || !lanes[k].works)
                continue;
            if (limit <= part_of(&lanes[k], left_then, open_then))
                left -= limit < left ? limit : left;
            else
                open += weight_of(&lanes[k]);
        }
        again = part_of(&lanes[i], left, open) > part_of(&lanes[i], left_then, open_then);
        left_then = again ? left : left_then;
        open_then = again ? open : open_then;
    }
    return part_of(&lanes[i], left_then, open_then);
}

static void wishes(struct cs_share *lanes, uint32_t n, uint32_t slots, uint32_t untrusted)
{
    uint32_t common = 0; /* what all get that weigh the same and are not kept below it */
    uint64_t weight = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!lanes[i].works)
            continue;
        bool kept_below = limit_of(&lanes[i], untrusted) <= lanes[i].share;
        uint32_t could = kept_below || weight != weight_of(&lanes[i]) ? level_of(lanes, n, i, slots, untrusted)
                                                                      : common;
        if (!kept_below) {
            common = could;
            weight = weight_of(&lanes[i]);
        }
        lanes[i].wish = at_least_one(lanes[i].trusted ? could : least(could, untrusted));
        if (lanes[i].wish < lanes[i].share)
            lanes[i].wish = lanes[i].share;
    }
}

void cs_shares(struct cs_share *lanes, uint32_t n, uint32_t slots)
{
    uint32_t untrusted = most_untrusted(lanes, n, slots), left = slots;
    uint64_t open = 0; /* the weight of those that have no share yet */
    for (uint32_t i = 0; i < n; i++) {
        lanes[i].share = lanes[i].wish = 0;
        open += lanes[i].works ? weight_of(&lanes[i]) : 0;
    }
    for (bool again = true; again && open > 0;) { /* those who can use less than their part */
        again = false;
        for (uint32_t i = 0; i < n && open > 0; i++) {
            uint32_t limit = limit_of(&lanes[i], untrusted);
            if (!lanes[i].works || lanes[i].wish != 0 ||
                limit > at_least_one((uint32_t)(left * weight_of(&lanes[i]) / open)))
                continue;
            lanes[i].share = limit;
            lanes[i].wish = 1; /* seen */
            left -= least(limit, left);
            open -= weight_of(&lanes[i]);
            again = true;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!lanes[i].works || lanes[i].wish != 0)
            continue;
        lanes[i].share = at_least_one(part_of(&lanes[i], left, open));
        left -= least(lanes[i].share, left);
        open -= weight_of(&lanes[i]);
    }
    wishes(lanes, n, slots, untrusted);
}
