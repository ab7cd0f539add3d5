#include "coordinator/lanes/announce.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/lanes/state.h"

uint32_t cs_announce_calls(uint32_t part)
{
    return part == CS_RAMP_UNBOUND ? 0 : part + 1;
}

static uint32_t tell_part(struct cs_session *s, const struct cs_lane *lane)
{
    uint32_t calls = cs_announce_calls(s->lanes[lane->slot].part);

    if (s->lanes[lane->slot].told != calls) {
        s->lanes[lane->slot].told = calls;
        s->lanes[lane->slot].told_seq = s->seq_out;
    }
    return calls;
}

static uint32_t lanes_of(const struct cs_core *core)
{
    uint32_t n = core->awaited != 0;

    for (const struct cs_core_generation *gen = core->gens; gen != NULL; gen = gen->hh.next)
        n += gen->n_lanes;
    return n;
}

void cs_announce_make(struct cs_core *core, struct cs_session *to, struct cs_announce *out)
{
    out->term = core->term;
    out->draining = core->draining;
    out->n_lanes = 0;
    out->lanes = cs_arena_array(&core->arena, lanes_of(core), sizeof *out->lanes);
    for (const struct cs_core_generation *gen = core->gens; gen != NULL; gen = gen->hh.next) {
        for (uint32_t i = 0; i < gen->n_lanes; i++) {
            struct cs_lane *l = core->lanes[gen->first + i];
            struct cs_lane_info *info = &out->lanes[out->n_lanes++];

            info->gen = l->gen;
            info->lane = l->lane;
            info->state = (uint8_t)cs_coordinator_lane_announced(l);
            info->available = !core->draining && cs_coordinator_lane_is_open(l) &&
                              l->leased < l->count[CS_TRIAL_PLANNED];
            memcpy(info->spec_digest, gen->spec_digest, sizeof info->spec_digest);
            info->weight = gen->study->weight != CS_WEIGHT_USUAL ? gen->study->weight : 0;
            info->calls = to != NULL ? tell_part(to, l) : 0;
            info->limits = l->limits;
            if (to != NULL)
                cs_serving_tell(core, l, info);
        }
    }
    if (core->awaited != 0)
        out->lanes[out->n_lanes++] = (struct cs_lane_info){
            .gen = core->awaited, .lane = CS_LANE_AWAITED, .state = CS_LANE_PAUSED};
}

static uint64_t stir(uint64_t h, uint64_t v)
{
    return cs_rng_mix64(h ^ (v + 0x9e3779b97f4a7c15u));
}

static uint64_t stir_limits(uint64_t h, const struct cs_limits *l)
{
    const uint64_t all[] = {l->requests_per_minute, l->tokens_per_minute, l->input_tokens_per_minute,
                            l->output_tokens_per_minute, l->concurrent};

    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        h = all[i] > 0 ? stir(stir(h, i), all[i]) : h;
    return h;
}

/* Everything goes out on PUB; what takes work away is also pushed to every session, since PUB is lossy (decision 20). */
void cs_announce_changed(struct cs_core *core)
{
    struct cs_announce now;
    struct cs_session *s, *next;
    uint64_t states = stir(1, core->draining), all;

    if (!core->announce_dirty && core->announced != 0)
        return;
    core->announce_dirty = false;
    cs_announce_make(core, NULL, &now);
    for (uint32_t i = 0; i < now.n_lanes; i++) {
        states = stir(states, now.lanes[i].gen);
        states = stir(states, (uint64_t)now.lanes[i].lane << 8 | now.lanes[i].state);
        states = now.lanes[i].weight > 0 ? stir(states, now.lanes[i].weight) : states;
        states = stir_limits(states, &now.lanes[i].limits);
    }
    all = states;
    for (uint32_t i = 0; i < now.n_lanes; i++)
        all = stir(all, now.lanes[i].available);
    all |= 1; /* 0 stands for "say it again" */
    if (all == core->announced)
        return;
    if (states != core->announced_states) {
        HASH_ITER (hh, core->sessions, s, next)
            cs_announce_make(core, s, &cs_act_send(core, s, CS_STOP)->announce);
    }
    core->announced = all;
    core->announced_states = states;
    core->announce_ms = core->now_ms;

    struct cs_action *a = cs_act_add(core, CS_ACT_ANNOUNCE);
    a->message.version = CS_WIRE_VERSION;
    a->message.kind = CS_ANNOUNCE;
    a->message.announce = now;
}
