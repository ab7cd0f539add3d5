/* operator.c - what an operator says of lanes and of the fleet: pause, resume, cancel, retry, drain.
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
#include "coordinator/core/acks.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/core/session.h"
#include "coordinator/lanes/trouble.h"

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
        if (!lane->cancelled && cs_coordinator_lane_retry(lane) > 0) {
            cs_quarantine_lift(core, lane);
            core->regrant = true;
        }
    } else if (verb == CS_CONTROL_CANCEL && !lane->cancelled) {
        remember(core, lane, "cancelled");
        cs_quarantine_forget(core, lane);
        cs_coordinator_lane_cancel(lane);
        cs_lease_revoke_lane(core, lane);
    } else if (verb == CS_CONTROL_PAUSE && !lane->cancelled) {
        remember(core, lane, "paused");
        lane->paused = true;
    } else if (verb == CS_CONTROL_RESUME && !lane->cancelled) {
        remember(core, lane, NULL);
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
    cs_act_reply(core, token, CS_OK, "draining");
}

void cs_operator_verb(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_core_generation *g = cs_coordinator_lane_study(core, e->control.study)->newest;
    const enum cs_control verb = e->control.verb;
    const char *model = e->control.model;
    const uint64_t token = e->control.token;
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
    for (uint32_t i = 0; g != NULL && i < g->n_lanes; i++) {
        struct cs_lane *lane = core->lanes[g->first + i];

        if (model != NULL && strcmp(model, lane->name) != 0)
            continue;
        found++;
        if (model != NULL && lane->cancelled && verb == CS_CONTROL_RESUME)
            cs_coordinator_lane_uncancel(core, lane);
        if (model != NULL && lane->cancelled && verb != CS_CONTROL_CANCEL) {
            cs_act_reply(core, token, CS_EINVAL, "this model is cancelled; `resume` with its name takes that back");
            return;
        }
        control_lane(core, lane, verb);
    }
    if (found == 0 && model != NULL)
        cs_act_reply(core, token, CS_ENOENT, cs_arena_printf(&core->arena, "the study has no model %s", model));
    else if (found == 0)
        cs_act_reply(core, token, CS_ENOENT, "no study was started yet");
    else
        cs_acks_token(core, token);
}
