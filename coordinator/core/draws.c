/* draws.c - a judge whose reply cannot be parsed is asked again, at most as often as its study says.
 *
 *   answer          drawn again before    the answer is        the trial
 *   unparsable      less than n times     kept, superseded     planned: leased anew once this is on disk (lease.c)
 *   unparsable      n times               canonical            done: a verdict is missing
 *   any other       -                     canonical            done
 *
 * It is the form of the reply that failed, whatever it says: a refusal, a filter, a cap or a timeout is an answer (decision 12). Place row and
 * counters ride in the group that keeps the answer, so a crash finds both or neither. How often a trial was drawn is read from its place
 * row (what was asked again by a declared act counts too) when this term first needs it, and counted here from then on. The next call is
 * leased, and under a budget reserved, like that of any planned trial.
 */
#include "coordinator/core/draws.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/lane.h"

/* NULL: it cannot be told, and the process ends. */
static struct cs_again *counted(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    struct cs_again *again = cs_coordinator_lane_again(lane, position);
    struct cs_error err = {0};
    enum cs_err rc;

    if (again->counted)
        return again;
    rc = core->plan.drawn(core->plan.self, lane->gen, lane->lane, position, &again->drawn, &err);
    again->counted = rc == CS_OK;
    if (rc != CS_OK)
        cs_act_end(core, rc, err.msg);
    return rc == CS_OK ? again : NULL;
}

bool cs_draws_again(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, enum cs_trial_state state)
{
    struct cs_again *again;

    if (lane->draws == 0 || o->outcome != CS_OUTCOME_unparsable || state != CS_TRIAL_PLANNED || !lane->open ||
        lane->cancelled)
        return false;
    again = counted(core, lane, o->position);
    if (again == NULL || again->drawn >= lane->draws)
        return false;
    again->drawn++;
    return true;
}

void cs_draws_asked(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    struct cs_again *again = lane->draws > 0 ? counted(core, lane, position) : NULL;

    if (again != NULL)
        again->drawn++;
}
