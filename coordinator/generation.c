/* generation.c - which generations are worked on, and the operator's verbs.
 *
 *   lane         pause      resume   cancel       CLOSE     planned = 0
 *   open         paused     open     cancelled    closed    done
 *   paused       paused     open     cancelled    closed    done
 *   cancelled    cancelled  refused  cancelled    closed    cancelled
 *
 * A cancelled lane's free trials are cancelled at once, leased ones when they are given back; their answers still count.
 */
#include "coordinator/state.h"

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
            cs_suspicion_forget(core, core->lanes[i]);
        cs_lane_close(core->lanes[i]);
        core->lanes[i] = NULL;
    }
    memset(&core->gens[g], 0, sizeof core->gens[g]);
}

void cs_generation_load(struct cs_core *core, const struct cs_generation_load *load)
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
    core->newest = g;
    core->closing = !load->open;
    for (uint32_t i = 0; i < load->n_lanes; i++) {
        uint32_t slot = g * CS_MODELS_MAX + i;
        struct cs_lane *lane = cs_lane_open(load->gen, i, slot, &load->lanes[i]);

        core->lanes[slot] = lane;
        lane->open = load->open;
        cs_lane_restart(lane, core->now_ms < core->grace_end_ms);
        if (lane->cancelled) /* what was leased when it was cancelled */
            cs_lane_cancel(lane);
        cs_lane_frontier(core, lane);
    }
    core->announce_dirty = true;
    core->regrant = true;
}

void cs_generation_close(struct cs_core *core)
{
    core->closing = true;
    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] == NULL || !core->lanes[i]->open)
            continue;
        core->lanes[i]->open = false;
        cs_suspicion_forget(core, core->lanes[i]);
        cs_lease_revoke_lane(core, core->lanes[i]);
    }
    core->announce_dirty = true;
}

/* ---- verbs ------------------------------------------------------------------------------------------- */

/* Durable before the answer: it rides in the group that the answer waits for. */
static void remember(struct cs_core *core, const struct cs_lane *lane, const char *state)
{
    char key[64];

    snprintf(key, sizeof key, "lane/%08u/%05u", lane->gen, lane->lane);
    cs_batch_add_meta(core->open->batch, key, state, state != NULL ? (uint32_t)strlen(state) : 0);
}

static void control_lane(struct cs_core *core, struct cs_lane *lane, enum cs_control verb)
{
    if (verb == CS_CONTROL_RETRY) {
        if (!lane->cancelled && cs_lane_retry(lane) > 0) {
            cs_suspicion_lift(core, lane);
            core->regrant = true;
        }
    } else if (verb == CS_CONTROL_CANCEL && !lane->cancelled) {
        remember(core, lane, "cancelled");
        cs_suspicion_forget(core, lane);
        cs_lane_cancel(lane);
        cs_lease_revoke_lane(core, lane);
    } else if (verb == CS_CONTROL_PAUSE && !lane->cancelled) {
        remember(core, lane, "paused");
        lane->paused = true;
    } else if (verb == CS_CONTROL_RESUME && !lane->cancelled) {
        remember(core, lane, NULL);
        CS_FREE(lane->barred);
        if (lane->n_trouble > 0 && !lane->paused) { /* workers forget a trouble only when they see the lane open anew */
            lane->paused = core->announce_dirty = true;
            cs_announce_changed(core);
        }
        lane->paused = false;
        core->announce_dirty = true;
        cs_trouble_forget(core, lane); /* what a worker found wrong (a key, say) may be repaired now */
        core->regrant = true;
        cs_lane_frontier(core, lane);
    }
}

static void drain(struct cs_core *core, uint64_t token)
{
    struct cs_session *s, *next;
    uint64_t longest = 0;

    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->timeout_ms > longest)
            longest = core->lanes[i]->timeout_ms;
    }
    core->draining = true;
    core->drain_end_ms = core->now_ms + 2 * longest + CS_LEASE_LOST_MS;
    HASH_ITER (hh, core->sessions, s, next)
        cs_session_drain(core, s);
    cs_reply(core, token, CS_OK, "draining");
}

void cs_generation_control(struct cs_core *core, enum cs_control verb, const char *model, uint64_t token)
{
    const struct cs_core_generation *g = &core->gens[core->newest];
    uint32_t found = 0;

    core->announce_dirty = true;
    if (verb == CS_CONTROL_DRAIN) {
        drain(core, token);
        return;
    }
    if (verb == CS_CONTROL_STOP) {
        core->draining = core->stopping = true;
        return;
    }
    for (uint32_t i = 0; i < g->n_lanes; i++) {
        struct cs_lane *lane = core->lanes[core->newest * CS_MODELS_MAX + i];

        if (model != NULL && strcmp(model, lane->name) != 0)
            continue;
        found++;
        if (model != NULL && lane->cancelled && verb != CS_CONTROL_CANCEL) {
            cs_reply(core, token, CS_EINVAL, "this model is cancelled for good; a changed study makes it new");
            return;
        }
        control_lane(core, lane, verb);
    }
    if (found == 0 && model != NULL)
        cs_reply(core, token, CS_ENOENT, cs_arena_printf(&core->arena, "the study has no model %s", model));
    else if (found == 0)
        cs_reply(core, token, CS_ENOENT, "no study was started yet");
    else
        cs_group_token(core, token);
}
