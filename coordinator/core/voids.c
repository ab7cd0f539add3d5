#include "coordinator/core/voids.h"

#include "coordinator/core/acks.h"
#include "coordinator/lanes/act.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/risk.h"
#include "protocol/base/json.h"
#include "protocol/study/price.h"

/* What a lane's replies claim beyond what was reserved for them. */
static int64_t void_lane(struct cs_lane *lane)
{
    struct cs_counters *c = &lane->counters;
    const int64_t sum = cs_price_add(c->over_nano_usd, c->absurd_nano_usd);

    c->cost_nano_usd -= c->over_nano_usd < c->cost_nano_usd ? c->over_nano_usd : c->cost_nano_usd;
    c->voided_nano_usd = cs_price_add(c->voided_nano_usd, sum);
    c->over_nano_usd = c->absurd_nano_usd = 0;
    lane->counters_dirty |= sum > 0;
    return sum;
}

static void write_down(struct cs_core *core, const struct cs_event *e, int64_t sum)
{
    struct cs_json *row = cs_json_pack("{s:I,s:s,s:s,s:f,s:s}", "at", (long long)e->voids.wall_ms, "what",
                                       e->voids.presumed ? "presumed" : "beyond what was reserved", "model",
                                       e->voids.model != NULL ? e->voids.model : "", "usd", (double)sum / 1e9, "reason",
                                       e->voids.reason);
    char *text = cs_json_dumps(row, CS_JSON_COMPACT), key[64];

    snprintf(key, sizeof key, "event/void/%016llu", (unsigned long long)e->voids.wall_ms);
    if (text != NULL)
        cs_batch_add_meta(core->open->batch, key, text, (uint32_t)strlen(text));
    free(text);
    cs_json_decref(row);
}

static struct cs_lane *lane_of(struct cs_core *core, const struct cs_core_study *y, const char *model)
{
    const struct cs_core_generation *g = y->newest;

    for (uint32_t i = 0; g != NULL && i < g->n_lanes; i++) {
        struct cs_lane *lane = core->lanes[g->first + i];

        if (strcmp(lane->name, model) == 0)
            return lane;
    }
    return NULL;
}

void cs_voids(struct cs_core *core, const struct cs_event *e)
{
    struct cs_core_study *y = cs_coordinator_lane_study(core, e->voids.study);
    struct cs_lane *lane = e->voids.model != NULL ? lane_of(core, y, e->voids.model) : NULL;
    int64_t sum = 0;

    if (e->voids.model != NULL && lane == NULL) {
        cs_act_reply(core, e->voids.token, CS_ENOENT,
                     cs_arena_printf(&core->arena, "the study has no model %s", e->voids.model));
        return;
    }
    if (lane != NULL)
        sum = void_lane(lane);
    if (e->voids.presumed)
        sum = cs_price_add(sum, cs_risk_void(core, y));
    if (sum == 0) {
        cs_act_reply(core, e->voids.token, CS_EINVAL, "there is nothing to void: no such spend is in the account");
        return;
    }
    write_down(core, e, sum);
    *e->voids.nano_usd = sum;
    cs_log(CS_WARN, "spend_voided", "model=%s nano_usd=%lld", lane != NULL ? lane->name : "", (long long)sum);
    core->regrant = core->announce_dirty = true;
    cs_budget_review(core);
    cs_acks_token(core, e->voids.token);
}
