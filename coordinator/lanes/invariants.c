#include "coordinator/lanes/invariants.h"

#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/lanes/state.h"

static void check_page(struct cs_lane *lane, uint64_t page, uint64_t count[4], uint64_t *leased)
{
    struct cs_bits open = {{0}}, set, planned, apart;
    struct cs_leased_page *on;
    struct cs_lease *l;
    unsigned size = cs_coordinator_lane_page_size(lane, page), n = 0;

    for (unsigned s = 0; s < 4; s++) { /* 10: exactly one durable state each */
        set = cs_ledger_select(lane->ledger + page * CS_PAGE_BYTES, (enum cs_trial_state)s, size);
        count[s] += cs_bits_count(&set);
        n += cs_bits_count(&set);
    }
    CS_ASSERT(n == size);
    planned = cs_ledger_select(lane->ledger + page * CS_PAGE_BYTES, CS_TRIAL_PLANNED, size);
    HASH_FIND(hh, lane->pages, &page, sizeof page, on);
    if (on != NULL) {
        CS_ASSERT(on->leases != NULL);
        DL_FOREACH2(on->leases, l, page_next)
        {
            CS_ASSERT(!cs_bits_none(&l->open));
            set = cs_bits_and(&open, &l->open);
            CS_ASSERT(cs_bits_none(&set)); /* 6: at most one lease per trial */
            open = cs_bits_or(&open, &l->open);
            CS_ASSERT(l->lane == lane && l->on == on);
        }
    }
    set = cs_bits_without(&open, &planned);
    CS_ASSERT(cs_bits_none(&set)); /* only planned trials are leased */
    *leased += cs_bits_count(&open);
    set = cs_bits_without(&planned, &open);
    apart = cs_coordinator_lane_apart(lane, page);
    set = cs_bits_without(&set, &apart);
    if (page < lane->next_page && !cs_bits_none(&set)) /* nothing planned is forgotten */
        CS_ASSERT(((lane->loose[page / 64] | lane->waiting[page / 64]) >> (page % 64) & 1) != 0);
    if ((lane->loose[page / 64] >> (page % 64) & 1) != 0)
        CS_ASSERT(page >= lane->loose_hint && page < lane->next_page);
}

static void check_lane(struct cs_lane *lane)
{
    uint64_t count[4] = {0}, leased = 0, sum = 0;

    for (uint64_t p = 0; p < lane->n_pages; p++)
        check_page(lane, p, count, &leased);
    for (unsigned s = 0; s < 4; s++) {
        CS_ASSERT(count[s] == lane->count[s]);
        sum += count[s];
    }
    CS_ASSERT(sum == lane->n_trials);
    CS_ASSERT(leased == lane->leased);
    CS_ASSERT(lane->frontier <= lane->frontier_asked && lane->frontier_asked <= lane->n_trials);
    CS_ASSERT(
        lane->shown_count[CS_TRIAL_DONE] <= /* 12; what is being asked again is shown as done until that is on disk */
        lane->count[CS_TRIAL_DONE] + lane->counters.superseded - lane->shown.superseded);
}

static void check_sessions(const struct cs_core *core)
{
    struct cs_session *s, *next;
    struct cs_lease *l;
    uint64_t held[CS_SLOTS], wanted[CS_SLOTS] = {0}, leases = 0, unregistered = 0;
    uint32_t n_want[CS_SLOTS] = {0}, n_trouble[CS_SLOTS] = {0};
    uint64_t parts[CS_SLOTS] = {0};

    HASH_ITER (hh, core->sessions, s, next) {
        memset(held, 0, sizeof held);
        DL_FOREACH (s->leases, l) {
            CS_ASSERT(l->session == s);
            CS_ASSERT(l->epoch >> 32 == core->term); /* 11: epochs are of this term */
            held[l->lane->slot] += cs_bits_count(&l->open);
            leases++;
        }
        for (uint32_t i = 0; i < CS_SLOTS; i++) {
            CS_ASSERT(held[i] == s->lanes[i].held);
            parts[i] += s->apart == NULL && s->lanes[i].part != CS_RAMP_UNBOUND ? s->lanes[i].part : 0;
            wanted[i] += s->lanes[i].capacity;
            n_want[i] += s->lanes[i].capacity > 0;
            n_trouble[i] += s->lanes[i].trouble;
        }
        CS_ASSERT(s->durable <= s->received); /* 1 */
        CS_ASSERT(!s->refused || s->leases == NULL);
        unregistered += !s->registered;
    }
    CS_ASSERT(unregistered == core->n_registering);
    CS_ASSERT(leases == HASH_COUNT(core->leases));
    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] == NULL)
            continue;
        CS_ASSERT(core->lanes[i]->wanted == wanted[i]);
        CS_ASSERT(core->lanes[i]->n_want == n_want[i]);
        CS_ASSERT(core->lanes[i]->n_trouble == n_trouble[i]);
        CS_ASSERT(core->lanes[i]->deal_dirty || parts[i] <= core->lanes[i]->most); /* no more is dealt than there is */
    }
}

static void check_money(const struct cs_core *core)
{
    struct cs_risk *k, *k_next;
    struct cs_lease *l, *l_next;
    uint32_t held = 0, leases = 0;

    for (const struct cs_core_study *y = core->studies; y != NULL; y = y->hh.next) {
        int64_t reserved = 0, presumed = 0;

        HASH_ITER (hh, core->risks, k, k_next) {
            if (k->study != y)
                continue;
            *(k->held ? &reserved : &presumed) += (k->held ? k->worst.all : k->worst.one) * cs_bits_count(&k->open);
            held += k->held;
        }
        CS_ASSERT(reserved == y->reserved);
        CS_ASSERT(presumed == y->presumed);
    }
    HASH_ITER (hh, core->leases, l, l_next) {
        if (l->risk == NULL)
            continue;
        leases++;
        CS_ASSERT(l->risk->held && l->risk->epoch == l->epoch);
        CS_ASSERT(memcmp(&l->risk->open, &l->open, sizeof l->open) == 0);
    }
    CS_ASSERT(held == leases);
}

/* A suspect is planned, and in at most one group; a group runs on at most one session. */
static void check_suspects(const struct cs_core *core)
{
    const struct cs_suspect *t, *in;
    const struct cs_apart *g;
    uint32_t apart = 0, grouped = 0;

    for (t = core->suspects; t != NULL; t = t->hh.next) {
        CS_ASSERT(cs_coordinator_lane_state_of(t->lane, t->position) == CS_TRIAL_PLANNED);
        CS_ASSERT(t->alone <= t->losses && t->n_workers <= t->alone);
        apart += t->apart != NULL;
    }
    DL_FOREACH (core->aparts, g) {
        uint32_t n = 0;

        DL_FOREACH2(g->suspects, in, apart_next)
        {
            CS_ASSERT(in->apart == g);
            n++;
        }
        CS_ASSERT(n > 0 && n == g->n);
        CS_ASSERT(g->session == NULL || g->session->apart == g);
        grouped += n;
    }
    CS_ASSERT(apart == grouped);
}

void cs_invariants_check(const struct cs_core *core)
{
    const struct cs_intake *in = &core->intake;

    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] != NULL)
            check_lane(core->lanes[i]);
    }
    check_sessions(core);
    check_money(core);
    check_suspects(core);
    CS_ASSERT(in->received == in->committed + in->late + in->duplicate + in->refused); /* 9 */
    CS_ASSERT(core->n_pending <= CS_PENDING_GROUPS);
}
