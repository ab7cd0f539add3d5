#include "coordinator/core/grant.h"

#include "coordinator/lanes/alike.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/caps.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"

enum { ASSIGN_MAX = 1024, TOP_UP = 8 };

/* At most k trials of the lane; the number really leased. */
static uint32_t grant_page(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t k,
                           struct cs_message **assign)
{
    struct cs_bits set;
    uint64_t page;

    if (!cs_coordinator_lane_pick(lane, &page))
        return 0;
    set = cs_coordinator_lane_grantable(lane, page);
    if (cs_budget_is_set(lane->study))
        set = cs_budget_opened(core, lane, page, &set);
    set = cs_bits_lowest(&set, k);
    return cs_lease_assign(core, s, lane, page, &set, assign);
}

/* What a session may hold of a lane beside others. Who has given few answers yet is not to leave those who give them without work: it keeps
 * what it may get a while before it is found out (caps.h). */
static uint64_t most_held(const struct cs_core *core, const struct cs_session *s, const struct cs_lane *lane)
{
    const bool worked = lane->worked_ms != 0 && core->now_ms < lane->worked_ms + CS_CAPS_IDLE_MS;
    const uint64_t part = lane->count[CS_TRIAL_PLANNED] / (worked ? 4 : 2), proved = 8 * s->received;
    uint64_t most = CS_CAPS_UNPROVED;

    if (cs_deal_sharers(lane) <= 1)
        return UINT64_MAX;
    most = part > most ? part : most;
    return proved > most ? proved : most;
}

/* What a session may get of a lane in one go. Near the end the rest is shared by all who want it. */
static uint32_t room(const struct cs_core *core, const struct cs_session *s, const struct cs_lane *lane, bool all)
{
    const uint64_t most = most_held(core, s, lane);
    uint32_t capacity = cs_deal_capacity(s, lane), held = s->lanes[lane->slot].held;
    uint64_t rest = lane->count[CS_TRIAL_PLANNED] - lane->leased, share;
    uint32_t missing;

    capacity = capacity < most ? capacity : (uint32_t)most;
    if (capacity <= held || rest == 0 || lane->asking != 0 || !cs_coordinator_lane_is_open(lane))
        return 0;
    missing = capacity - held;
    if (missing > cs_alike_room(&lane->alike, lane->leased))
        missing = (uint32_t)cs_alike_room(&lane->alike, lane->leased);
    if (missing == 0)
        return 0;
    if (!all && missing < capacity / TOP_UP)
        return 0; /* many small leases make long PINGs */
    share = (rest + cs_deal_sharers(lane) - 1) / cs_deal_sharers(lane);
    return missing < share ? missing : (uint32_t)share;
}

void cs_grant_session(struct cs_core *core, struct cs_session *s, bool all)
{
    struct cs_message *assign = NULL;
    uint32_t most = 0;

    if (core->draining || s->drain_sent || s->refused || !s->registered || core->now_ms >= s->heard_ms + CS_SUSPECT_MS)
        return;
    if (core->aparts != NULL && cs_quarantine_claims(core, s)) {
        cs_quarantine_grant(core, s);
        return;
    }
    for (uint32_t slot = 0; slot < core->n_slots; slot++) {
        struct cs_lane *lane = core->lanes[slot];
        uint32_t k, got;

        if (lane == NULL || (k = room(core, s, lane, all)) == 0)
            continue;
        while (k > 0 && most++ < ASSIGN_MAX && (got = grant_page(core, s, lane, k, &assign)) > 0)
            k -= got;
        CS_ASSERT(s->lanes[slot].held <= s->lanes[slot].capacity);
        cs_coordinator_lane_frontier(core, lane);
        if (lane->leased == lane->count[CS_TRIAL_PLANNED])
            core->announce_dirty = true; /* nothing more to lease */
    }
}
