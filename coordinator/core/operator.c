/* operator.c - what an operator says of lanes and of the fleet: pause, resume, cancel, retry, drain, and what he sets by hand.
 *
 *   lane         pause      resume   cancel       CLOSE     planned = 0
 *   open         paused     open     cancelled    closed    done
 *   paused       paused     open     cancelled    closed    done
 *   cancelled    refused    open     cancelled    closed    cancelled
 *
 * A cancelled lane's free trials are cancelled at once, leased ones when they are given back; their answers still count. It is resumed
 * only by its name: what it gave up is planned again then. What is said here holds for the next generations too (build.c).
 */
#include "coordinator/core/operator.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/alike.h"
#include "coordinator/lanes/announce.h"
#include "coordinator/lanes/by_hand.h"
#include "coordinator/core/acks.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/core/session.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/trouble.h"

/* Durable before the answer: it rides in the group that the answer waits for. */
static void remember(struct cs_core *core, const struct cs_lane *lane, const char *state)
{
    char key[64];

    snprintf(key, sizeof key, "lane/%08u/%05u", lane->gen, lane->lane);
    cs_batch_add_meta(core->open->batch, key, state, state != NULL ? (uint32_t)strlen(state) : 0);
}

/* How many trials are planned again. */
static int64_t retry_lane(struct cs_core *core, struct cs_lane *lane)
{
    const uint64_t n = lane->cancelled ? 0 : cs_coordinator_lane_retry(lane);

    if (n > 0) {
        cs_quarantine_lift(core, lane);
        core->regrant = true;
    }
    return (int64_t)n;
}

static void control_lane(struct cs_core *core, struct cs_lane *lane, const struct cs_event *e)
{
    const enum cs_control verb = e->control.verb;

    if (verb == CS_CONTROL_CANCEL && !lane->cancelled) {
        remember(core, lane, "cancelled");
        cs_by_hand_forget(core, lane);
        cs_quarantine_forget(core, lane);
        cs_coordinator_lane_cancel(lane);
        cs_lease_revoke_lane(core, lane);
    } else if (verb == CS_CONTROL_PAUSE && !lane->cancelled) {
        remember(core, lane, "paused");
        cs_by_hand_pause(core, lane, e->control.reason, e->control.wall_ms);
        lane->paused = true;
    } else if (verb == CS_CONTROL_RESUME && !lane->cancelled) {
        remember(core, lane, NULL);
        cs_by_hand_forget(core, lane);
        if (cs_alike_resume(&lane->alike))
            cs_alike_mark(core, lane);
        cs_over_resume(core, lane);
        if (lane->n_trouble > 0 && !lane->paused) { /* workers forget a trouble only when they see the lane open anew */
            lane->paused = core->announce_dirty = true;
            cs_announce_changed(core);
        }
        lane->paused = false;
        core->announce_dirty = true;
        cs_coordinator_trouble_forget(core, lane); /* what a worker found wrong (a key, say) may be repaired now */
        core->regrant = true;
        cs_coordinator_lane_frontier(core, lane);
    }
}

/* A worker that was started under the name meanwhile, or will be, is another one. */
static void drain_worker(struct cs_core *core, const char *worker, uint64_t token)
{
    struct cs_session *s, *next;
    uint32_t n = 0;

    HASH_ITER (hh, core->sessions, s, next) {
        if (strcmp(s->worker, worker) != 0 || s->refused)
            continue;
        n++;
        cs_session_drain(core, s);
    }
    cs_deal_dirty(core, NULL); /* its part is for others */
    if (n == 0)
        cs_act_reply(core, token, CS_ENOENT,
                     cs_arena_printf(&core->arena, "no worker %.100s is here; `clinsafe status` lists them", worker));
    else
        cs_acks_token(core, token);
}

static void drain(struct cs_core *core, uint64_t token)
{
    struct cs_session *s, *next;
    uint64_t longest = 0;

    for (uint32_t i = 0; i < core->n_slots; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->timeout_ms > longest)
            longest = core->lanes[i]->timeout_ms;
    }
    core->draining = true;
    core->drain_end_ms = core->now_ms + 2 * longest + CS_LEASE_LOST_MS;
    HASH_ITER (hh, core->sessions, s, next)
        cs_session_drain(core, s);
    cs_acks_token(core, token);
}

void cs_operator_verb(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_core_generation *g = cs_coordinator_lane_study(core, e->control.study)->newest;
    const enum cs_control verb = e->control.verb;
    const char *model = e->control.model;
    const uint64_t token = e->control.token;
    uint32_t found = 0, standing = 0;
    int64_t trials = 0;

    core->announce_dirty = true;
    if (verb == CS_CONTROL_DRAIN && e->control.worker != NULL) {
        drain_worker(core, e->control.worker, token);
        return;
    }
    if (verb == CS_CONTROL_DRAIN) {
        drain(core, token);
        return;
    }
    if (verb == CS_CONTROL_STOP) {
        core->draining = core->stopping = true;
        return;
    }
    for (uint32_t i = 0; g != NULL && i < g->n_lanes; i++) {
        struct cs_lane *lane = core->lanes[g->first + i];

        if (model != NULL && strcmp(model, lane->name) != 0)
            continue;
        found++;
        standing += !lane->cancelled;
        if (model != NULL && lane->cancelled && verb == CS_CONTROL_RESUME)
            cs_coordinator_lane_uncancel(core, lane);
        if (model != NULL && lane->cancelled && verb != CS_CONTROL_CANCEL) {
            cs_act_reply(core, token, CS_EINVAL, "this model is cancelled; `resume` with its name takes that back");
            return;
        }
        if (verb == CS_CONTROL_RETRY)
            trials += retry_lane(core, lane);
        else
            control_lane(core, lane, e);
    }
    if (e->control.trials != NULL)
        *e->control.trials = trials;
    if (found == 0 && model != NULL)
        cs_act_reply(core, token, CS_ENOENT, cs_arena_printf(&core->arena, "the study has no model %s", model));
    else if (found == 0)
        cs_act_reply(core, token, CS_ENOENT, "no study was started yet");
    else if (standing == 0 && model == NULL && verb != CS_CONTROL_CANCEL)
        cs_act_reply(core, token, CS_EINVAL,
                     "all models of the study are cancelled; `resume` with a model's name takes that back");
    else
        cs_acks_token(core, token);
}

/* ---- picked trials ------------------------------------------------------------------------------------ */

static bool retry_one(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    const uint64_t page = position / CS_PAGE_TRIALS;
    struct cs_bits one = {{0}};

    if (position >= lane->n_trials || cs_coordinator_lane_state_of(lane, position) != CS_TRIAL_FAILED)
        return false;
    cs_bits_add(&one, (unsigned)(position % CS_PAGE_TRIALS));
    cs_coordinator_lane_set(lane, page, &one, CS_TRIAL_PLANNED);
    cs_coordinator_lane_loosen(lane, page);
    cs_quarantine_lift_one(core, lane, position);
    return true;
}

void cs_operator_retry(struct cs_core *core, const struct cs_event *e)
{
    struct cs_lane *lane = cs_coordinator_lane_find(core, e->retry.gen, e->retry.lane);

    if (lane == NULL || !lane->open || lane->cancelled || core->draining) {
        cs_act_reply(core, e->retry.token, CS_EAGAIN,
                     core->draining ? "the coordinator is about to end" : "the model takes no more work");
        return;
    }
    *e->retry.trials = 0;
    for (uint32_t i = 0; i < e->retry.n; i++)
        *e->retry.trials += retry_one(core, lane, e->retry.positions[i]);
    core->announce_dirty = core->regrant = true;
    cs_coordinator_lane_frontier(core, lane);
    cs_acks_token(core, e->retry.token);
}

/* ---- by hand ------------------------------------------------------------------------------------------- */

void cs_operator_budget(struct cs_core *core, uint64_t study, int64_t nano_usd)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, study);

    if (y->newest == NULL || y->newest->budget_nano_usd < 0)
        return;
    y->newest->budget_nano_usd = nano_usd;
    for (uint32_t i = 0; i < core->n_slots; i++) { /* whether it is enough is seen anew */
        if (core->lanes[i] != NULL && core->lanes[i]->study == y)
            core->lanes[i]->poor_ms = 0;
    }
    core->announce_dirty = core->regrant =
        true; /* lanes that stopped for want of money: cs_budget_review, in this step */
}

void cs_operator_limits(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_core_study *y = cs_coordinator_lane_study(core, e->limits.study);

    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || lane->study != y || strcmp(lane->name, e->limits.model) != 0)
            continue;
        lane->limits = e->limits.limits;
        core->announce_dirty = true;
    }
}
