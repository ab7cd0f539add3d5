/* lease.c - who may work on what.
 *
 *   state of a trial's lease   event                               next
 *   free                       grant to a session with room         leased, ASSIGN
 *   leased                     output received                      over
 *   leased                     RELEASE, REVOKED, BYE, not in PING   free
 *   leased                     30 s of silence, another process     free; under a budget presumed spent
 *                              under the worker's name             and its trials in flight are suspected
 *   leased                     HELLO of its holder                  leased under a new epoch
 * Proved in tests/model/lease.pml: no trial is leased twice at a time.
 */
#include "coordinator/core/lease.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/risk.h"

enum { ASSIGN_MAX = 1024, REFS_STEP = 64 };

struct cs_lease *cs_lease_find(struct cs_core *core, uint64_t epoch)
{
    struct cs_lease *l;

    HASH_FIND(hh, core->leases, &epoch, sizeof epoch, l);
    return l;
}

struct cs_lease *cs_lease_make(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                               const struct cs_bits *which, const struct cs_worst *worst)
{
    struct cs_leased_page *on = cs_coordinator_lane_leased_page(lane, page);
    struct cs_lease *l = cs_xcalloc(1, sizeof *l);
    unsigned n = cs_bits_count(which);

    CS_ASSERT(n > 0);
    if (on == NULL) {
        on = cs_xcalloc(1, sizeof *on);
        on->page = page;
        HASH_ADD(hh, lane->pages, page, sizeof on->page, on);
    }
    l->epoch = cs_act_epoch(core);
    l->lane = lane;
    l->session = s;
    l->on = on;
    l->open = *which;
    if (s->leases == NULL)
        s->worked_ms = core->now_ms; /* from now on it has something to do (caps.h) */
    HASH_ADD(hh, core->leases, epoch, sizeof l->epoch, l);
    DL_APPEND(s->leases, l);
    DL_APPEND2(on->leases, l, page_prev, page_next);
    lane->leased += n;
    s->lanes[lane->slot].held += n;
    if (worst->all > 0)
        cs_risk_reserve(core, l, worst);
    return l;
}

static void lease_free(struct cs_core *core, struct cs_lease *l)
{
    struct cs_leased_page *on = l->on;

    CS_ASSERT(cs_bits_none(&l->open));
    cs_risk_end(l);
    DL_DELETE(l->session->leases, l);
    DL_DELETE2(on->leases, l, page_prev, page_next);
    if (on->leases == NULL) {
        HASH_DEL(l->lane->pages, on);
        free(on);
    }
    HASH_DEL(core->leases, l);
    free(l);
}

void cs_lease_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which, bool free_again)
{
    struct cs_bits taken = cs_bits_and(&l->open, which);
    unsigned n = cs_bits_count(&taken);
    struct cs_lane *lane = l->lane;
    uint64_t page = l->on->page;

    l->open = cs_bits_without(&l->open, &taken);
    CS_ASSERT(lane->leased >= n);
    CS_ASSERT(l->session->lanes[lane->slot].held >= n);
    lane->leased -= n;
    l->session->lanes[lane->slot].held -= n;
    if (l->session->lanes[lane->slot].held == 0)
        cs_deal_dirty(core, lane);
    cs_risk_take(core, l, &taken);
    if (cs_bits_none(&l->open))
        lease_free(core, l);
    if (!free_again || n == 0)
        return;
    if (lane->cancelled && !core->rejoining)
        cs_coordinator_lane_set(lane, page, &taken, CS_TRIAL_CANCELLED);
    else
        cs_coordinator_lane_loosen(lane, page);
    core->regrant = true;
    core->announce_dirty = true;
}

/* ---- granting ------------------------------------------------------------------------------------- */

void cs_lease_want(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t capacity)
{
    uint32_t was = s->lanes[lane->slot].capacity;

    lane->n_want += (capacity > 0) - (was > 0);
    lane->wanted = lane->wanted - was + capacity;
    s->lanes[lane->slot].capacity = capacity;
    cs_coordinator_lane_frontier(core, lane);
}

/* One more in the message: most have few, and room for all would have to be cleared for each. */
static struct cs_lease_ref *next_ref(struct cs_core *core, struct cs_leases *b)
{
    if (b->n % REFS_STEP == 0) {
        struct cs_lease_ref *more = cs_arena_array(&core->arena, b->n + REFS_STEP, sizeof *more);

        if (b->n > 0)
            memcpy(more, b->leases, b->n * sizeof *more);
        b->leases = more;
    }
    return &b->leases[b->n++];
}

static void tell(struct cs_core *core, struct cs_lease *l, struct cs_message **m)
{
    struct cs_lease_ref *ref;

    if (*m == NULL || (*m)->session != l->session->id || (*m)->leases.n == ASSIGN_MAX)
        *m = cs_act_send(core, l->session, CS_ASSIGN);
    ref = next_ref(core, &(*m)->leases);
    l->assign_seq = (*m)->seq;
    ref->epoch = l->epoch;
    ref->gen = l->lane->gen;
    ref->lane = l->lane->lane;
    ref->page = l->on->page;
    cs_bits_to_wire(&l->open, ref->todo);
    if (l->session->apart != NULL)
        cs_bits_to_wire(&l->open, ref->busy); /* to be reported as they begin */
}

void cs_lease_tell(struct cs_core *core, const struct cs_group *g)
{
    struct cs_message *m = NULL;

    for (uint32_t i = 0; i < g->untold.n; i++) {
        struct cs_lease *l = cs_lease_find(core, g->untold.items[i]);
        struct cs_bits all;

        if (l == NULL)
            continue;
        all = l->open;
        if (core->draining || l->revoking)
            cs_lease_take(core, l, &all, true);
        else
            tell(core, l, &m);
    }
}

uint32_t cs_lease_assign(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                         const struct cs_bits *which, struct cs_message **assign)
{
    bool budget = cs_budget_is_set(lane->study);
    struct cs_bits set = *which;
    struct cs_lease *l;
    struct cs_worst worst = {0, 0};

    if (budget)
        set = cs_budget_afford(core, lane, page, &set, &worst);
    if (cs_bits_none(&set))
        return 0;
    lane->poor_ms = 0;
    l = cs_lease_make(core, s, lane, page, &set, &worst);
    if (budget || lane->further_group > core->durable_group) { /* the rows that explain its calls first */
        l->assign_seq = CS_UNTOLD;
        *CS_APPEND(core->open->untold) = l->epoch;
    } else {
        tell(core, l, assign);
    }
    return cs_bits_count(&set);
}

/* ---- revoking -------------------------------------------------------------------------------------- */

void cs_lease_revoke(struct cs_core *core, struct cs_session *s)
{
    struct cs_message *m = NULL;
    struct cs_lease *l;

    DL_FOREACH (s->leases, l) {
        struct cs_lease_ref *ref;

        if (!l->revoking || l->assign_seq == CS_UNTOLD)
            continue;
        if (m == NULL || m->leases.n == ASSIGN_MAX)
            m = cs_act_send(core, s, CS_REVOKE);
        ref = next_ref(core, &m->leases);
        ref->epoch = l->epoch;
        ref->gen = l->lane->gen;
        ref->lane = l->lane->lane;
        ref->page = l->on->page;
    }
}

void cs_lease_recall(struct cs_core *core, const struct cs_lease *l)
{
    struct cs_leases *b = &cs_act_send(core, l->session, CS_REVOKE)->leases;

    b->n = 1;
    b->leases = cs_arena_array(&core->arena, 1, sizeof *b->leases);
    b->leases[0].epoch = l->epoch;
    b->leases[0].gen = l->lane->gen;
    b->leases[0].lane = l->lane->lane;
    b->leases[0].page = l->on->page;
}

void cs_lease_revoke_lane(struct cs_core *core, struct cs_lane *lane)
{
    struct cs_lease *l, *next;
    struct cs_session *s, *tmp;

    HASH_ITER (hh, core->leases, l, next) {
        if (l->lane == lane)
            l->revoking = true;
    }
    HASH_ITER (hh, core->sessions, s, tmp)
        cs_lease_revoke(core, s);
}
