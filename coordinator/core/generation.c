/* generation.c - which generations are worked on: loaded when they are built, closed when the study has changed. */
#include "coordinator/core/generation.h"

#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"

/* ---- loading ---------------------------------------------------------------------------------------- */

static void unload(struct cs_core *core, uint32_t g)
{
    struct cs_session *s, *next_session;
    struct cs_lease *l, *next;

    HASH_ITER (hh, core->leases, l, next) {
        struct cs_bits all = l->open;

        if (l->lane->gen == core->gens[g].gen)
            cs_lease_take(core, l, &all, false);
    }
    for (uint32_t i = g * CS_MODELS_MAX; i < (g + 1) * CS_MODELS_MAX; i++) {
        HASH_ITER (hh, core->sessions, s, next_session)
            memset(&s->lanes[i], 0, sizeof s->lanes[i]);
        if (core->lanes[i] != NULL)
            cs_quarantine_forget(core, core->lanes[i]);
        cs_coordinator_lane_close(core->lanes[i]);
        core->lanes[i] = NULL;
    }
    memset(&core->gens[g], 0, sizeof core->gens[g]);
}

void cs_coordinator_generation_load(struct cs_core *core, const struct cs_generation_load *load)
{
    uint32_t g = core->gens[0].gen == 0                  ? 0
                 : core->gens[1].gen == 0                ? 1
                 : core->gens[0].gen < core->gens[1].gen ? 0
                                                         : 1;
    struct cs_core_generation *gen = &core->gens[g];

    CS_ASSERT(load->gen > core->gens[0].gen && load->gen > core->gens[1].gen);
    CS_ASSERT(load->n_lanes <= CS_MODELS_MAX);
    unload(core, g);
    gen->gen = load->gen;
    gen->n_lanes = load->n_lanes;
    gen->budget_nano_usd = load->budget_nano_usd;
    gen->spent_nano_usd = load->spent_nano_usd;
    memcpy(gen->spec_digest, load->spec_digest, sizeof gen->spec_digest);
    gen->needs_minor = load->needs.minor;
    snprintf(gen->needs_key, sizeof gen->needs_key, "%s", load->needs.key != NULL ? load->needs.key : "");
    core->newest = g;
    core->closing = !load->open;
    for (uint32_t i = 0; i < load->n_lanes; i++) {
        uint32_t slot = g * CS_MODELS_MAX + i;
        struct cs_lane *lane = cs_coordinator_lane_open(load->gen, i, slot, &load->lanes[i]);

        core->lanes[slot] = lane;
        lane->open = load->open;
        cs_coordinator_lane_restart(lane, core->now_ms < core->grace_end_ms);
        if (lane->cancelled) /* what was leased when it was cancelled */
            cs_coordinator_lane_cancel(lane);
        cs_coordinator_lane_frontier(core, lane);
    }
    core->announce_dirty = true;
    core->regrant = true;
    cs_deal_dirty(core, NULL);
}

void cs_coordinator_generation_close(struct cs_core *core)
{
    core->closing = true;
    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] == NULL || !core->lanes[i]->open)
            continue;
        core->lanes[i]->open = false;
        cs_quarantine_forget(core, core->lanes[i]);
        cs_lease_revoke_lane(core, core->lanes[i]);
    }
    core->announce_dirty = true;
}
