
#include "coordinator/core/core.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/announce.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/core/caps.h"
#include "coordinator/core/dialogue.h"
#include "coordinator/core/generation.h"
#include "coordinator/core/grant.h"
#include "coordinator/core/acks.h"
#include "coordinator/core/intake.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/operator.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/lanes/risk.h"
#include "coordinator/lanes/trouble.h"
#include "coordinator/core/session.h"
#include "coordinator/core/supersede.h"
#include "coordinator/core/voids.h"
#include "protocol/base/version.h"

struct cs_core *cs_core_open(const struct cs_core_opts *opts)
{
    struct cs_core *core = cs_xcalloc(1, sizeof *core);

    CS_ASSERT(opts->term > 0);
    core->plan = opts->plan;
    core->diary = opts->diary;
    core->term = opts->term;
    core->fleet = cs_xstrdup(opts->fleet);
    core->rng.state = opts->seed;
    core->fresh_fleet = opts->fresh_fleet;
    core->fresh = opts->n_expected == 0;
    core->now_ms = core->announce_ms = opts->now_ms;
    core->grace_end_ms = opts->now_ms + (opts->fresh_fleet ? 0 : CS_GRACE_MS);
    core->first_study = opts->first_study;
    cs_coordinator_lane_study(core, opts->first_study)->written_off = opts->presumed_nano_usd;
    for (uint32_t i = 0; i < opts->n_presumed; i++)
        cs_coordinator_lane_study(core, opts->presumed[i].study)->written_off = opts->presumed[i].nano_usd;
    for (uint32_t i = 0; i < opts->n_risks; i++)
        cs_risk_load(core, &opts->risks[i]);
    for (uint32_t i = 0; i < opts->n_fingerprints; i++)
        cs_intake_remember(core, opts->fingerprints[i]);
    core->open = cs_acks_make(core);
    for (uint32_t i = 0; i < opts->n_expected; i++)
        *CS_APPEND(core->expected) = cs_xstrdup(opts->expected[i]);
    if (opts->n_expected == 0)
        core->grace_end_ms = opts->now_ms;
    return core;
}

void cs_core_close(struct cs_core *core)
{
    struct cs_session *s, *s_next;

    if (core == NULL)
        return;
    HASH_ITER (hh, core->sessions, s, s_next)
        cs_session_end(core, s, CS_ENDED_BYE);
    cs_risk_close(core);
    cs_quarantine_forget(core, NULL);
    cs_coordinator_generation_release(core);
    for (uint32_t i = 0; i < core->n_pending; i++)
        cs_acks_free(core->pending[i], false);
    cs_acks_free(core->open, true);
    cs_acks_free(core->spare, true);
    cs_intake_close(core);
    for (uint32_t i = 0; i < core->expected.n; i++)
        free(core->expected.items[i]);
    free(core->expected.items);
    free(core->banned.items);
    free(core->hoarders.items);
    free(core->fleet);
    cs_arena_release(&core->arena);
    cs_arena_release(&core->scratch);
    free(core);
}

/* ---- actions -------------------------------------------------------------------------------------- */

/* ---- time ----------------------------------------------------------------------------------------- */

/* A loop that stood still heard nobody: what it missed is not the workers' silence. */
static void advance(struct cs_core *core, uint64_t now_ms)
{
    uint64_t gap = now_ms > core->now_ms ? now_ms - core->now_ms : 0;
    struct cs_session *s, *next;

    core->now_ms += gap;
    if (gap <= CS_LATE_MS)
        return;
    cs_log(CS_WARN, "loop_late", "gap_ms=%llu", (unsigned long long)gap);
    HASH_ITER (hh, core->sessions, s, next)
        s->heard_ms += gap, s->seen_ms += gap;
    core->grace_end_ms += gap;
    core->drain_end_ms += gap;
}

static void tick(struct cs_core *core)
{
    cs_session_silence(core);
    cs_caps_tick(core);
    cs_deal_tick(core);
    if (core->now_ms >= core->grace_end_ms || core->expected.n == 0) {
        cs_session_unexpect(core);
        for (uint32_t i = 0; i < core->n_slots; i++) {
            if (core->lanes[i] == NULL || !core->lanes[i]->has_waiting)
                continue;
            cs_coordinator_lane_grace_over(core->lanes[i]);
            core->regrant = true;
        }
    }
    if (core->now_ms >= core->announce_ms + CS_ANNOUNCE_MS)
        core->announced = 0;
}

/* A drain ends: when the sessions are gone, or when every call they may have begun has timed out. */
static void end_of_drain(struct cs_core *core)
{
    bool over = core->stopping || core->sessions == NULL || core->now_ms >= core->drain_end_ms;

    if (!core->draining || !over)
        return;
    core->stopping = true;
    if (cs_acks_is_quiet(core))
        cs_act_end(core, CS_OK, "drained");
}

static void dispatch(struct cs_core *core, const struct cs_event *e)
{
    switch (e->kind) {
    case CS_EV_TICK:
        tick(core);
        break;
    case CS_EV_MESSAGE:
        cs_dialogue_message(core, e);
        break;
    case CS_EV_MALFORMED:
        if (e->malformed.other_version) {
            struct cs_message *m = cs_act_send_to(core, e->malformed.peer, CS_REJECT);

            m->reject.code = "version";
            m->reject.text = cs_arena_printf(&core->arena, "this coordinator (%s) speaks version %d of the wire",
                                             cs_version, CS_WIRE_MAJOR);
        } else {
            core->intake.malformed++;
            cs_session_fault(core, e->malformed.peer);
        }
        break;
    case CS_EV_GONE:
        cs_dialogue_gone(core, e->gone.session);
        break;
    case CS_EV_COMMITTED:
        cs_acks_committed(core, e->committed.batch, e->committed.rc);
        cs_supersede_durable(core);
        break;
    case CS_EV_CONTROL:
        cs_operator_verb(core, e);
        break;
    case CS_EV_RETRY:
        cs_operator_retry(core, e);
        break;
    case CS_EV_AGAIN:
        cs_supersede(core, e);
        break;
    case CS_EV_VOID:
        cs_voids(core, e);
        break;
    case CS_EV_META:
        cs_batch_add_meta(core->open->batch, e->meta.key, e->meta.value, e->meta.len);
        cs_acks_token(core, e->meta.token);
        break;
    case CS_EV_NOTE:
        cs_acks_token(core, e->noted.token);
        break;
    case CS_EV_CLOSE:
        cs_coordinator_generation_close(core, e->study.key);
        break;
    case CS_EV_LOAD:
        cs_coordinator_generation_load(core, e->load);
        break;
    case CS_EV_UNLOAD:
        cs_coordinator_generation_unload(core, e->study.key);
        break;
    case CS_EV_FORGET:
        cs_coordinator_generation_unload(core, e->study.key);
        cs_risk_void(core, cs_coordinator_lane_study(core, e->study.key));
        break;
    case CS_EV_WEIGHT:
        cs_coordinator_lane_study(core, e->study.key)->weight = e->study.weight;
        core->announce_dirty = true;
        break;
    case CS_EV_BUDGET:
        cs_operator_budget(core, e->study.key, e->study.budget_nano_usd);
        break;
    case CS_EV_LIMITS:
        cs_operator_limits(core, e);
        break;
    case CS_EV_AWAITED:
        core->awaited = e->awaited.gen;
        core->announce_dirty = true;
        break;
    case CS_EV_KEYS:
        cs_session_keys(core, e);
        break;
    }
}

const struct cs_action *cs_core_step(struct cs_core *core, const struct cs_event *e, uint64_t now_ms)
{
    cs_arena_reset(&core->arena);
    core->actions = core->last_action = NULL;
    if (core->ended)
        return NULL;
    advance(core, now_ms);
    core->note = e->note;
    dispatch(core, e);
    core->note = NULL;
    cs_budget_review(core);
    cs_deal(core);
    if (core->regrant) {
        struct cs_session *s, *next;

        core->regrant = false;
        HASH_ITER (hh, core->sessions, s, next)
            cs_grant_session(core, s, true);
        cs_deal_dirty(core, NULL); /* who has work, and whether there is more, has changed */
        cs_deal(core);
    }
    cs_announce_changed(core);
    cs_acks_submit(core);
    end_of_drain(core);
    return core->actions;
}

bool cs_core_is_idle(struct cs_core *core, uint64_t study)
{
    return cs_coordinator_generation_is_idle(core, study);
}

bool cs_core_is_waiting(struct cs_core *core, uint64_t study)
{
    return cs_coordinator_generation_is_waiting(core, study);
}

bool cs_core_has_room(struct cs_core *core, uint64_t study, uint32_t n_lanes)
{
    return cs_coordinator_generation_fits(core, study, n_lanes);
}

/* ---- looking in ----------------------------------------------------------------------------------- */

uint64_t cs_core_ping_max(const struct cs_core *core)
{
    return CS_CAPS_PING_SPARE + (uint64_t)CS_CAPS_PING_LEASE * HASH_COUNT(core->leases);
}

static const struct cs_core_study *find_study(const struct cs_core *core, uint64_t key)
{
    static const struct cs_core_study unknown = {.weight = CS_WEIGHT_USUAL};
    const struct cs_core_study *y;

    HASH_FIND(hh, core->studies, &key, sizeof key, y);
    return y != NULL ? y : &unknown;
}

void cs_core_view(const struct cs_core *core, uint64_t study, struct cs_core_view *out)
{
    const struct cs_core_study *y = find_study(core, study);
    const struct cs_core_generation *g = y->newest;

    memset(out, 0, sizeof *out);
    out->gen = g != NULL ? g->gen : 0;
    out->n_lanes = g != NULL ? g->n_lanes : 0;
    out->weight = y->weight;
    out->draining = core->draining;
    out->closing = y->closing;
    out->sessions = HASH_COUNT(core->sessions);
    out->budget_nano_usd = g != NULL ? g->budget_nano_usd : -1;
    out->committed_nano_usd = cs_budget_spent(core, y);
    out->reserved_nano_usd = y->reserved;
    out->presumed_nano_usd = cs_budget_presumed(y);
    out->intake = core->intake;
}

/* What a person should know of a lane that has no other trouble. */
static const char *reason_of(const struct cs_lane *l, enum cs_lane_state state)
{
    const char *told = l->over.why[0] != '\0' ? l->over.why : l->slow;

    if (l->broke)
        return "budget";
    switch (state) {
    case CS_LANE_PAUSED:
        return l->by_hand.wall_ms != 0 ? l->by_hand.reason : l->over.why[0] != '\0' ? l->over.why : l->alike.why;
    case CS_LANE_OPEN:
        return l->note[0] != '\0' ? l->note : told;
    case CS_LANE_DONE:
        return l->over.why;
    case CS_LANE_STOPPED:
    case CS_LANE_CANCELLED:
        break;
    }
    return "";
}

static const struct cs_lane *find_lane(const struct cs_core *core, uint64_t study, uint32_t lane)
{
    const struct cs_core_generation *g = find_study(core, study)->newest;

    CS_ASSERT(g != NULL && lane < g->n_lanes);
    return core->lanes[g->first + lane];
}

void cs_core_lane(const struct cs_core *core, uint64_t study, uint32_t lane, struct cs_lane_view *out)
{
    const struct cs_lane *l = find_lane(core, study, lane);

    memset(out, 0, sizeof *out);
    out->gen = l->gen;
    out->lane = l->lane;
    out->name = l->name;
    out->n_trials = l->n_trials;
    out->planned = l->shown_count[CS_TRIAL_PLANNED];
    out->done = l->shown_count[CS_TRIAL_DONE];
    out->failed = l->shown_count[CS_TRIAL_FAILED];
    out->left_out = l->left_out;
    out->cancelled = l->shown_count[CS_TRIAL_CANCELLED] - l->left_out;
    out->leased = l->leased;
    out->counters = l->shown;
    out->served = l->served.note;
    out->quarantined = l->quarantined.items;
    while (out->n_quarantined < l->quarantined.n && /* appended in the order of groups */
           l->quarantined.items[out->n_quarantined].group <= core->durable_group)
        out->n_quarantined++;
    out->state = cs_coordinator_lane_announced(l);
    if (out->state == CS_LANE_DONE && out->planned > 0)
        out->state = CS_LANE_OPEN; /* done, but not yet on disk */
    out->reason = reason_of(l, out->state);
    out->by_hand_wall_ms = out->state == CS_LANE_PAUSED && !l->broke ? l->by_hand.wall_ms : 0;
    if (out->state == CS_LANE_OPEN && cs_coordinator_lane_is_stuck(core, l)) {
        out->state = CS_LANE_STOPPED;
        out->reason = l->trouble;
    }
    if (out->state == CS_LANE_OPEN) {
        out->outage_ms = cs_coordinator_trouble_outage_ms(core, l);
        out->poor_ms = l->poor_ms != 0 ? core->now_ms - l->poor_ms + 1 : 0;
    }
}

void cs_core_page(const struct cs_core *core, uint64_t study, uint32_t lane, uint64_t page, uint8_t bits[CS_PAGE_BYTES])
{
    const struct cs_lane *l = find_lane(core, study, lane);

    CS_ASSERT(page < l->n_pages);
    memcpy(bits, l->ledger + page * CS_PAGE_BYTES, CS_PAGE_BYTES);
}
