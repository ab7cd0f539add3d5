#include "coordinator/lanes/over.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/state.h"

enum { SLACK_PART = 8, SLACK = 8 };

bool cs_over_is(const struct cs_output *o, uint32_t cap)
{
    return cap > 0 && o->output_tokens > (uint64_t)cap + cap / SLACK_PART + SLACK;
}

static void say(struct cs_lane *lane, const struct cs_output *o, bool pauses)
{
    char *why = lane->over.why;
    int n;

    if (cs_over_is(o, lane->max_output_tokens))
        n = snprintf(
            why, CS_OVER_WHY,
            "a reply tells %u output tokens where at most %u were asked for: its server does not keep the cap; "
            "if it reads another field, name that in providers.yaml (max_tokens_field: max_tokens)",
            o->output_tokens, lane->max_output_tokens);
    else
        n = snprintf(why, CS_OVER_WHY, "a reply tells %u input tokens, more than its request can have: %s",
                     o->input_tokens, "its usage is not to be trusted");
    if (pauses && n > 0 && n < CS_OVER_WHY)
        snprintf(why + n, (size_t)(CS_OVER_WHY - n), "; resumed, it goes on all the same");
}

static void mark(struct cs_core *core, const struct cs_lane *lane)
{
    char key[64];

    snprintf(key, sizeof key, "over/%08u/%05u", lane->gen, lane->lane);
    cs_batch_add_meta(core->open->batch, key, lane->over.why, (uint32_t)strlen(lane->over.why));
}

static void pause_lane(struct cs_core *core, struct cs_lane *lane)
{
    char key[64];

    lane->paused = core->announce_dirty = true;
    snprintf(key, sizeof key, "lane/%08u/%05u", lane->gen, lane->lane);
    cs_batch_add_meta(core->open->batch, key, "paused", 6);
}

void cs_over_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, bool beyond)
{
    const bool pauses = cs_budget_is_set(lane->study) && lane->open && !lane->cancelled;

    if (!beyond && !cs_over_is(o, lane->max_output_tokens))
        return;
    lane->counters.over++;
    if (lane->over.why[0] != '\0')
        return;
    say(lane, o, pauses);
    mark(core, lane);
    if (pauses)
        pause_lane(core, lane);
    cs_act_own(core, pauses ? "paused by itself" : "beyond its cap", lane->study, lane->name, lane->over.why);
    cs_log(CS_WARN, "lane_over", "model=%s input_tokens=%u output_tokens=%u cap=%u paused=%d", lane->name,
           o->input_tokens, o->output_tokens, lane->max_output_tokens, pauses);
}

void cs_over_resume(struct cs_core *core, struct cs_lane *lane)
{
    if (lane->over.why[0] == '\0')
        return;
    lane->over.why[0] = '\0';
    mark(core, lane);
}
