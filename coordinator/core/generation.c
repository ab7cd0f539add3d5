/* generation.c - which generations are worked on: loaded when they are built, closed when their study has changed, unloaded when a third
 * of the study comes or when the shell makes room for another study. Lanes lie in slots, those of a generation side by side.
 */
#include "coordinator/core/generation.h"

#include "coordinator/core/acks.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/serving.h"

/* ---- slots ------------------------------------------------------------------------------------------- */

static bool is_of(const struct cs_lane *lane, const struct cs_core_generation *g)
{
    return lane != NULL && g != NULL && lane->of == g;
}

/* The first of n free slots in a row; those of `leaves` count as free. CS_SLOTS: there are none. */
static uint32_t find_room(const struct cs_core *core, const struct cs_core_generation *leaves, uint32_t n)
{
    uint32_t run = 0;

    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        run = core->lanes[i] == NULL || is_of(core->lanes[i], leaves) ? run + 1 : 0;
        if (run >= n)
            return i + 1 - n;
    }
    return CS_SLOTS;
}

bool cs_coordinator_generation_fits(struct cs_core *core, uint64_t study, uint32_t n_lanes)
{
    return find_room(core, cs_coordinator_lane_study(core, study)->before, n_lanes) < CS_SLOTS;
}

static void count_slots(struct cs_core *core)
{
    core->n_slots = CS_SLOTS;
    while (core->n_slots > 0 && core->lanes[core->n_slots - 1] == NULL)
        core->n_slots--;
}

/* ---- unloading --------------------------------------------------------------------------------------- */

static void unload_lane(struct cs_core *core, uint32_t slot)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        cs_serving_left(s, core->lanes[slot]);
        memset(&s->lanes[slot], 0, sizeof s->lanes[slot]);
    }
    cs_quarantine_forget(core, core->lanes[slot]);
    core->n_broke -= core->lanes[slot]->broke;
    cs_coordinator_lane_close(core->lanes[slot]);
    core->lanes[slot] = NULL;
}

static void unload(struct cs_core *core, struct cs_core_generation *g)
{
    struct cs_lease *l, *next;

    if (g == NULL)
        return;
    HASH_ITER (hh, core->leases, l, next) {
        struct cs_bits all = l->open;

        if (l->lane->of == g)
            cs_lease_take(core, l, &all, false);
    }
    for (uint32_t i = g->first; i < g->first + g->n_lanes; i++)
        unload_lane(core, i);
    HASH_DEL(core->gens, g);
    free(g);
    count_slots(core);
}

void cs_coordinator_generation_unload(struct cs_core *core, uint64_t study)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, study);

    unload(core, y->before);
    unload(core, y->newest);
    y->before = y->newest = NULL;
    y->closed_group = 0; /* what it brought may still be on its way: cs_coordinator_generation_is_idle */
    core->announce_dirty = true;
}

void cs_coordinator_generation_release(struct cs_core *core)
{
    struct cs_core_generation *g, *g_next;
    struct cs_core_study *y, *y_next;

    for (uint32_t i = 0; i < core->n_slots; i++)
        cs_coordinator_lane_close(core->lanes[i]);
    HASH_ITER (hh, core->gens, g, g_next) {
        HASH_DEL(core->gens, g);
        free(g);
    }
    HASH_ITER (hh, core->studies, y, y_next) {
        HASH_DEL(core->studies, y);
        free(y);
    }
}

/* ---- loading ----------------------------------------------------------------------------------------- */

static struct cs_core_generation *make(struct cs_core *core, struct cs_core_study *y,
                                       const struct cs_generation_load *load)
{
    struct cs_core_generation *g = cs_xcalloc(1, sizeof *g);

    g->key = g->gen = load->gen;
    g->study = y;
    g->n_lanes = load->n_lanes;
    g->budget_nano_usd = load->budget_nano_usd;
    g->spent_nano_usd = load->spent_nano_usd;
    memcpy(g->spec_digest, load->spec_digest, sizeof g->spec_digest);
    g->needs_minor = load->needs.minor;
    snprintf(g->needs_key, sizeof g->needs_key, "%s", load->needs.key != NULL ? load->needs.key : "");
    g->first = find_room(core, NULL, load->n_lanes);
    CS_ASSERT(g->first < CS_SLOTS);
    HASH_ADD(hh, core->gens, key, sizeof g->key, g);
    return g;
}

static void open_lane(struct cs_core *core, struct cs_core_generation *g, uint32_t i,
                      const struct cs_generation_load *load)
{
    uint32_t slot = g->first + i;
    struct cs_lane *lane = cs_coordinator_lane_open(load->gen, i, slot, &load->lanes[i]);

    core->lanes[slot] = lane;
    if (slot >= core->n_slots)
        core->n_slots = slot + 1;
    lane->of = g;
    lane->study = g->study;
    lane->open = load->open;
    cs_coordinator_lane_restart(lane, core->now_ms < core->grace_end_ms);
    if (lane->cancelled) /* what was leased when it was cancelled */
        cs_coordinator_lane_cancel(lane);
    cs_coordinator_lane_frontier(core, lane);
}

void cs_coordinator_generation_load(struct cs_core *core, const struct cs_generation_load *load)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, load->study);

    CS_ASSERT(y->newest == NULL || load->gen > y->newest->gen);
    CS_ASSERT(load->n_lanes <= CS_MODELS_MAX);
    unload(core, y->before);
    y->before = y->newest;
    y->newest = make(core, y, load);
    y->closing = !load->open;
    y->closed_group = 0;
    y->weight = load->weight > 0 ? load->weight : CS_WEIGHT_USUAL;
    if (load->gen == 1)
        core->first_study = y->key;
    for (uint32_t i = 0; i < load->n_lanes; i++)
        open_lane(core, y->newest, i, load);
    core->announce_dirty = true;
    core->regrant = true;
    cs_deal_dirty(core, NULL);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

void cs_coordinator_generation_close(struct cs_core *core, uint64_t study)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, study);

    y->closing = true;
    y->closed_group = 0;
    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || lane->study != y || !lane->open)
            continue;
        lane->open = false;
        cs_quarantine_forget(core, lane);
        cs_lease_revoke_lane(core, lane);
    }
    core->announce_dirty = true;
}

bool cs_coordinator_generation_is_idle(struct cs_core *core, uint64_t study)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, study);

    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || lane->study != y || (lane->leased == 0 && !lane->has_waiting))
            continue;
        y->closed_group = 0;
        return false;
    }
    if (y->closed_group == 0) /* other studies go on: what this one brought is in this group or before */
        y->closed_group = core->open->number;
    return cs_acks_is_quiet(core) || core->durable_group >= y->closed_group;
}

bool cs_coordinator_generation_is_waiting(struct cs_core *core, uint64_t study)
{
    const struct cs_core_study *y = cs_coordinator_lane_study(core, study);
    bool waiting = false;

    for (uint32_t i = 0; i < core->n_slots; i++)
        waiting |= core->lanes[i] != NULL && core->lanes[i]->study == y && core->lanes[i]->has_waiting;
    return waiting;
}
