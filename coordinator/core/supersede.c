/* supersede.c - answers that are asked again by a declared act: `timeout` and `unparsable`, never another (decision 12).
 *
 *   trial is    asked again
 *   done        planned; its answer, kept, is counted as superseded
 *   planned     as it is: it was asked again meanwhile
 *   failed      as it is: that is what `retry` is for
 *   cancelled   as it is
 *
 * Page, mark and counters ride in one batch, and the answer to the operator waits for it: after a crash each trial is either asked
 * again or not, and no call was begun for an act that was lost. The old answer's cost stays counted; the next call needs a reservation of its own like that of any planned trial.
 * The pass that finds such trials: again.c.
 */
#include "coordinator/core/supersede.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/core/acks.h"
#include "coordinator/core/draws.h"
#include "coordinator/core/talks.h"
#include "coordinator/lanes/lane.h"

static void count(struct cs_counters *c, const struct cs_again_trial *t)
{
    CS_ASSERT(c->outcome[t->outcome] > 0);
    c->outcome[t->outcome]--;
    c->superseded++;
    if (!t->adopted)
        return;
    CS_ASSERT(c->adopted > 0);
    c->adopted--;
    c->carried -= t->outcome == CS_OUTCOME_timeout && c->carried > 0;
}

static void ask_again(struct cs_core *core, struct cs_lane *lane, const struct cs_again_trial *t)
{
    struct cs_batch_again row = {.gen = lane->gen, .lane = lane->lane, .position = t->position};
    uint64_t page = t->position / CS_PAGE_TRIALS;
    struct cs_bits one = {{0}};

    CS_ASSERT(t->outcome == CS_OUTCOME_timeout || t->outcome == CS_OUTCOME_unparsable);
    if (cs_coordinator_lane_state_of(lane, t->position) != CS_TRIAL_DONE)
        return;
    cs_bits_add(&one, (unsigned)(t->position % CS_PAGE_TRIALS));
    cs_coordinator_lane_set(lane, page, &one, CS_TRIAL_PLANNED);
    cs_coordinator_lane_loosen(lane, page);
    cs_batch_add_again(core->open->batch, &row);
    cs_draws_asked(core, lane, t->position);
    cs_coordinator_talks_again(core, lane, t->position);
    count(&lane->counters, t);
}

void cs_supersede(struct cs_core *core, const struct cs_event *e)
{
    struct cs_lane *lane = cs_coordinator_lane_find(core, e->again.gen, e->again.lane);

    if (lane == NULL || !lane->open || lane->cancelled || core->draining) {
        cs_act_reply(core, e->again.token, CS_EAGAIN,
                     core->draining ? "the coordinator is about to end" : "the model takes no more work");
        return;
    }
    CS_ASSERT(core->open->batch->n_agains + e->again.n <= CS_AGAIN_MAX);
    for (uint32_t i = 0; i < e->again.n; i++)
        ask_again(core, lane, &e->again.trials[i]);
    lane->asking = core->open->number;
    core->announce_dirty = true;
    cs_coordinator_lane_frontier(core, lane); /* the lane may have been done */
    cs_acks_token(core, e->again.token);
}

void cs_supersede_durable(struct cs_core *core)
{
    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || lane->asking == 0 || lane->asking > core->durable_group)
            continue;
        lane->asking = 0;
        core->regrant = true;
    }
}
