/* lane.c - the order of work in a lane: which trials may be leased now.
 *
 * A trial is free when it is planned, no lease has it, and no lease of an earlier term may have it; grantable when it is not a suspect that
 * runs apart. Free trials are not listed
 * anywhere: pages from next_page on are untouched, pages below it that may hold free trials have their bit in `loose`, and what is
 * free on a page is computed when it is looked at. So a lane costs its ledger and three bits a page.
 */
#include "coordinator/lanes/lane.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/lanes/talked.h"

enum { PAGE = CS_PAGE_TRIALS };
_Static_assert(CS_FRONTIER_STEP % PAGE == 0, "the frontier moves by whole pages");
_Static_assert((int)CS_PAGE_TRIALS == (int)CS_SHARD_SIZE, "a shard is a page of the ledger");

static bool flag_get(const uint64_t *flags, uint64_t i)
{
    return (flags[i / 64] >> (i % 64) & 1) != 0;
}

static void flag_set(uint64_t *flags, uint64_t i)
{
    flags[i / 64] |= (uint64_t)1 << (i % 64);
}

static void flag_clear(uint64_t *flags, uint64_t i)
{
    flags[i / 64] &= ~((uint64_t)1 << (i % 64));
}

struct cs_lane *cs_coordinator_lane_open(uint32_t gen, uint32_t lane, uint32_t slot, const struct cs_lane_load *load)
{
    struct cs_lane *l = cs_xcalloc(1, sizeof *l);
    size_t words;

    l->gen = gen;
    l->lane = lane;
    l->slot = slot;
    l->name = cs_xstrdup(load->name);
    l->n_trials = load->n_trials;
    l->n_pages = (load->n_trials + PAGE - 1) / PAGE;
    l->block_size = load->block_size > 0 ? load->block_size : 1;
    words = (size_t)(l->n_pages / 64 + 1);
    l->ledger = load->ledger != NULL ? load->ledger : cs_xcalloc((size_t)l->n_pages + 1, CS_PAGE_BYTES);
    l->loose = cs_xcalloc(words, sizeof *l->loose);
    l->waiting = cs_xcalloc(words, sizeof *l->waiting);
    l->dirty = cs_xcalloc(words, sizeof *l->dirty);
    l->counters = l->shown = load->counters;
    l->frontier = l->frontier_asked = load->frontier < load->n_trials ? load->frontier : load->n_trials;
    l->paused = load->paused;
    l->draws = load->draws;
    l->talks = load->talks;
    l->remembers = load->talks && load->remembers;
    cs_alike_open(&l->alike, &load->counters, load->accepts_unparsable, load->has_free, load->alike);
    cs_by_hand_open(&l->by_hand, load->paused ? load->by_hand : NULL);
    snprintf(l->over.why, sizeof l->over.why, "%s", load->over != NULL ? load->over : "");
    cs_coordinator_served_open(&l->served, load->served_key, load->served);
    l->cancelled = load->cancelled;
    l->price = load->price;
    l->limits = load->limits;
    l->max_output_tokens = load->max_output_tokens;
    l->timeout_ms = load->timeout_ms;
    cs_ramp_init(&l->ramp, load->declared, load->answered, load->timeout_ms);
    l->most = cs_ramp_most(&l->ramp, 0);
    for (uint32_t i = 0; i < load->n_quarantined; i++) {
        const struct cs_quarantined *q = &load->quarantined[i];

        if (q->position < l->n_trials && cs_coordinator_lane_state_of(l, q->position) == CS_TRIAL_FAILED)
            *CS_APPEND(l->quarantined) = *q;
    }
    for (uint64_t p = 0; p < l->n_pages; p++) {
        for (unsigned s = 0; s < 4; s++) {
            struct cs_bits set = cs_ledger_select(l->ledger + p * CS_PAGE_BYTES, (enum cs_trial_state)s,
                                                  cs_coordinator_lane_page_size(l, p));

            l->count[s] += cs_bits_count(&set);
        }
    }
    memcpy(l->shown_count, l->count, sizeof l->count);
    l->left_out = load->left_out < l->count[CS_TRIAL_CANCELLED] ? load->left_out : l->count[CS_TRIAL_CANCELLED];
    return l;
}

void cs_coordinator_lane_close(struct cs_lane *lane)
{
    struct cs_again *again, *next;

    if (lane == NULL)
        return;
    CS_ASSERT(lane->pages == NULL);
    HASH_ITER (hh, lane->again, again, next) {
        HASH_DEL(lane->again, again);
        free(again);
    }
    cs_talked_close(lane);
    cs_coordinator_served_close(&lane->served);
    cs_serving_close(lane);
    free(lane->blocks.items);
    free(lane->name);
    free(lane->ledger);
    free(lane->loose);
    free(lane->waiting);
    free(lane->dirty);
    free(lane->dirty_pages.items);
    free(lane->trouble);
    free(lane->away);
    free(lane->quarantined.items);
    free(lane);
}

struct cs_lane *cs_coordinator_lane_find(struct cs_core *core, uint32_t gen, uint32_t lane)
{
    const struct cs_core_generation *g;
    uint64_t key = gen;

    HASH_FIND(hh, core->gens, &key, sizeof key, g);
    return g != NULL && lane < g->n_lanes ? core->lanes[g->first + lane] : NULL;
}

struct cs_core_study *cs_coordinator_lane_study(struct cs_core *core, uint64_t key)
{
    struct cs_core_study *y;

    HASH_FIND(hh, core->studies, &key, sizeof key, y);
    if (y == NULL) {
        y = cs_xcalloc(1, sizeof *y);
        y->key = key;
        y->weight = CS_WEIGHT_USUAL;
        HASH_ADD(hh, core->studies, key, sizeof y->key, y);
    }
    return y;
}

unsigned cs_coordinator_lane_page_size(const struct cs_lane *lane, uint64_t page)
{
    uint64_t left = lane->n_trials - page * PAGE;

    return left < PAGE ? (unsigned)left : PAGE;
}

static struct cs_bits planned(const struct cs_lane *lane, uint64_t page)
{
    return cs_ledger_select(lane->ledger + page * CS_PAGE_BYTES, CS_TRIAL_PLANNED,
                            cs_coordinator_lane_page_size(lane, page));
}

struct cs_bits cs_coordinator_lane_free(struct cs_lane *lane, uint64_t page)
{
    struct cs_bits todo = planned(lane, page), leased = cs_coordinator_lane_leased(lane, page);

    return cs_bits_without(&todo, &leased);
}

struct cs_bits cs_coordinator_lane_grantable(struct cs_lane *lane, uint64_t page)
{
    struct cs_bits set = cs_coordinator_lane_free(lane, page), apart;

    if (lane->apart == NULL)
        return set;
    apart = cs_coordinator_lane_apart(lane, page);
    return cs_bits_without(&set, &apart);
}

enum cs_trial_state cs_coordinator_lane_state_of(const struct cs_lane *lane, uint64_t position)
{
    CS_ASSERT(position < lane->n_trials);
    return cs_ledger_get(lane->ledger + position / PAGE * CS_PAGE_BYTES, (unsigned)(position % PAGE));
}

void cs_coordinator_lane_set(struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                             enum cs_trial_state state)
{
    uint8_t *bits = lane->ledger + page * CS_PAGE_BYTES;

    for (unsigned s = 0; s < 4; s++) {
        struct cs_bits was = cs_ledger_select(bits, (enum cs_trial_state)s, cs_coordinator_lane_page_size(lane, page));

        was = cs_bits_and(&was, which);
        lane->count[s] -= cs_bits_count(&was);
        lane->count[state] += cs_bits_count(&was);
    }
    cs_ledger_set(bits, which, state);
    if (!flag_get(lane->dirty, page)) {
        flag_set(lane->dirty, page);
        *CS_APPEND(lane->dirty_pages) = page;
    }
    lane->counters_dirty = true;
}

/* ---- what is free ------------------------------------------------------------------------------- */

static bool within_frontier(const struct cs_lane *lane, uint64_t page)
{
    return page * PAGE + cs_coordinator_lane_page_size(lane, page) <= lane->frontier;
}

uint64_t cs_coordinator_lane_count(struct cs_lane *lane, uint64_t first, uint64_t n, uint64_t *n_free)
{
    uint64_t end = first + n < lane->n_trials ? first + n : lane->n_trials, sum = 0;

    *n_free = 0;
    for (uint64_t p = first / PAGE; p * PAGE < end; p++) {
        struct cs_bits set = cs_bits_range(first > p * PAGE ? first - p * PAGE : 0, end - p * PAGE), todo;

        todo = planned(lane, p);
        todo = cs_bits_and(&todo, &set);
        sum += cs_bits_count(&todo);
        if (flag_get(lane->waiting, p) || cs_bits_none(&todo))
            continue;
        todo = cs_coordinator_lane_free(lane, p);
        todo = cs_bits_and(&todo, &set);
        *n_free += cs_bits_count(&todo);
    }
    return sum;
}

static bool first_loose(struct cs_lane *lane, uint64_t *page)
{
    for (uint64_t w = lane->loose_hint / 64; w <= (lane->next_page ? lane->next_page - 1 : 0) / 64; w++) {
        if (lane->loose[w] != 0) {
            *page = lane->loose_hint = w * 64 + (uint64_t)__builtin_ctzll(lane->loose[w]);
            return true;
        }
    }
    lane->loose_hint = lane->next_page;
    return false;
}

bool cs_coordinator_lane_pick(struct cs_lane *lane, uint64_t *page)
{
    struct cs_bits set;

    while (first_loose(lane, page)) {
        set = cs_coordinator_lane_grantable(lane, *page);
        if (!cs_bits_none(&set))
            return within_frontier(lane, *page);
        flag_clear(lane->loose, *page);
    }
    for (; lane->next_page < lane->n_pages; lane->next_page++) {
        *page = lane->next_page;
        set = cs_coordinator_lane_grantable(lane, *page);
        if (cs_bits_none(&set))
            continue;
        if (!within_frontier(lane, *page))
            return false;
        lane->next_page++;
        cs_coordinator_lane_loosen(lane, *page); /* until all of it is leased */
        return true;
    }
    return false;
}

void cs_coordinator_lane_loosen(struct cs_lane *lane, uint64_t page)
{
    if (page >= lane->next_page || flag_get(lane->waiting, page))
        return;
    flag_set(lane->loose, page);
    if (page < lane->loose_hint)
        lane->loose_hint = page;
}

void cs_coordinator_lane_restart(struct cs_lane *lane, bool wait)
{
    struct cs_bits set;

    lane->next_page = (lane->frontier + PAGE - 1) / PAGE;
    for (uint64_t p = 0; p < lane->next_page; p++) {
        set = planned(lane, p);
        if (cs_bits_none(&set))
            continue;
        flag_set(wait ? lane->waiting : lane->loose, p);
        lane->has_waiting |= wait;
    }
    lane->loose_hint = 0;
}

void cs_coordinator_lane_adopted(struct cs_lane *lane, uint64_t page)
{
    struct cs_bits set;

    if (!flag_get(lane->waiting, page))
        return;
    set = cs_coordinator_lane_free(lane, page);
    if (cs_bits_none(&set)) /* every holder has shown up: what they give back is free at once */
        flag_clear(lane->waiting, page);
}

void cs_coordinator_lane_grace_over(struct cs_lane *lane)
{
    if (!lane->has_waiting)
        return;
    for (uint64_t w = 0; w <= lane->n_pages / 64; w++) {
        lane->loose[w] |= lane->waiting[w];
        lane->waiting[w] = 0;
    }
    lane->loose_hint = 0;
    lane->has_waiting = false;
}

void cs_coordinator_lane_frontier(struct cs_core *core, struct cs_lane *lane)
{
    uint64_t missing = lane->wanted > lane->leased ? lane->wanted - lane->leased : 0;
    uint64_t want = lane->next_page * PAGE + CS_FRONTIER_STEP + missing;
    struct cs_batch_frontier row = {.gen = lane->gen, .lane = lane->lane};

    if (!cs_coordinator_lane_is_open(lane) || lane->frontier_asked >= lane->n_trials || lane->frontier_asked >= want)
        return;
    want = (want + CS_FRONTIER_STEP - 1) / CS_FRONTIER_STEP * CS_FRONTIER_STEP;
    lane->frontier_asked = want < lane->n_trials ? want : lane->n_trials;
    row.frontier = lane->frontier_asked;
    cs_batch_add_frontier(core->open->batch, &row);
}

/* ---- states --------------------------------------------------------------------------------------- */

bool cs_coordinator_lane_is_open(const struct cs_lane *lane)
{
    return lane->open && !lane->paused && !lane->cancelled && lane->count[CS_TRIAL_PLANNED] > 0;
}

enum cs_lane_state cs_coordinator_lane_announced(const struct cs_lane *lane)
{
    if (lane->count[CS_TRIAL_PLANNED] == 0)
        return lane->cancelled ? CS_LANE_CANCELLED : CS_LANE_DONE;
    if (lane->cancelled)
        return CS_LANE_CANCELLED;
    if (!lane->open)
        return CS_LANE_STOPPED;
    if (lane->paused)
        return CS_LANE_PAUSED;
    return lane->broke ? CS_LANE_STOPPED : CS_LANE_OPEN;
}

void cs_coordinator_lane_cancel(struct cs_lane *lane)
{
    struct cs_bits set;

    lane->cancelled = true;
    for (uint64_t p = 0; p < lane->n_pages; p++) {
        set = cs_coordinator_lane_free(lane, p);
        if (!cs_bits_none(&set))
            cs_coordinator_lane_set(lane, p, &set, CS_TRIAL_CANCELLED);
    }
}

/* Those of a page's trials that the study leaves out. */
static struct cs_bits left_out(struct cs_core *core, const struct cs_lane *lane, uint64_t page,
                               const struct cs_bits *which)
{
    struct cs_bits out = {{0}};
    struct cs_error err = {0};

    for (unsigned i = 0; lane->left_out > 0 && i < PAGE && !core->ended; i++) {
        bool is = false;
        enum cs_err rc = cs_bits_has(which, i)
                             ? core->plan.left_out(core->plan.self, lane->gen, lane->lane, page * PAGE + i, &is, &err)
                             : CS_OK;

        if (rc != CS_OK)
            cs_act_end(core, rc, err.msg);
        if (is)
            cs_bits_add(&out, i);
    }
    return out;
}

void cs_coordinator_lane_uncancel(struct cs_core *core, struct cs_lane *lane)
{
    lane->cancelled = false;
    for (uint64_t p = 0; p < lane->n_pages; p++) {
        struct cs_bits set = cs_ledger_select(lane->ledger + p * CS_PAGE_BYTES, CS_TRIAL_CANCELLED,
                                              cs_coordinator_lane_page_size(lane, p)),
                       never = left_out(core, lane, p, &set);

        set = cs_bits_without(&set, &never);
        if (cs_bits_none(&set))
            continue;
        cs_coordinator_lane_set(lane, p, &set, CS_TRIAL_PLANNED);
        cs_coordinator_lane_loosen(lane, p);
    }
}

uint64_t cs_coordinator_lane_retry(struct cs_lane *lane)
{
    uint64_t n = 0;

    for (uint64_t p = 0; p < lane->n_pages; p++) {
        struct cs_bits set = cs_ledger_select(lane->ledger + p * CS_PAGE_BYTES, CS_TRIAL_FAILED,
                                              cs_coordinator_lane_page_size(lane, p));

        if (cs_bits_none(&set))
            continue;
        n += cs_bits_count(&set);
        cs_coordinator_lane_set(lane, p, &set, CS_TRIAL_PLANNED);
        cs_coordinator_lane_loosen(lane, p);
    }
    return n;
}

/* ---- leases of a page ---- */

struct cs_leased_page *cs_coordinator_lane_leased_page(struct cs_lane *lane, uint64_t page)
{
    struct cs_leased_page *on;

    HASH_FIND(hh, lane->pages, &page, sizeof page, on);
    return on;
}

struct cs_bits cs_coordinator_lane_leased(struct cs_lane *lane, uint64_t page)
{
    struct cs_leased_page *on = cs_coordinator_lane_leased_page(lane, page);
    struct cs_bits all = {{0}};
    struct cs_lease *l;

    if (on != NULL) {
        DL_FOREACH2(on->leases, l, page_next)
        all = cs_bits_or(&all, &l->open);
    }
    return all;
}

struct cs_lease *cs_coordinator_lane_lease_of(struct cs_lane *lane, uint64_t position)
{
    struct cs_leased_page *on = cs_coordinator_lane_leased_page(lane, position / CS_PAGE_TRIALS);
    struct cs_lease *l;

    if (on == NULL)
        return NULL;
    DL_FOREACH2(on->leases, l, page_next)
    {
        if (cs_bits_has(&l->open, (unsigned)(position % CS_PAGE_TRIALS)))
            return l;
    }
    return NULL;
}

bool cs_coordinator_lane_is_stuck(const struct cs_core *core, const struct cs_lane *lane)
{
    return lane->n_trouble > 0 && lane->n_trouble == HASH_COUNT(core->sessions) && lane->leased == 0;
}

struct cs_bits cs_coordinator_lane_apart(const struct cs_lane *lane, uint64_t page)
{
    struct cs_bits set = {{0}};
    const struct cs_suspect *t;

    DL_FOREACH2(lane->apart, t, lane_next)
    {
        if (t->position / CS_PAGE_TRIALS == page)
            cs_bits_add(&set, (unsigned)(t->position % CS_PAGE_TRIALS));
    }
    return set;
}

struct cs_again *cs_coordinator_lane_again(struct cs_lane *lane, uint64_t position)
{
    struct cs_again *again;

    HASH_FIND(hh, lane->again, &position, sizeof position, again);
    if (again == NULL) {
        again = cs_xcalloc(1, sizeof *again);
        again->position = position;
        HASH_ADD(hh, lane->again, position, sizeof again->position, again);
    }
    return again;
}
