#include "store/redis/progress_fields.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"

#define FIELD(type, kind, name)                                                                                        \
    {                                                                                                                  \
#name, kind, offsetof(struct type, name)                                                                       \
    }

const struct cs_progress_field cs_progress_fields_fleet[] = {
    FIELD(cs_progress, CS_FIELD_STR, fleet),
    FIELD(cs_progress, CS_FIELD_STR, study),
    FIELD(cs_progress, CS_FIELD_STR, title),
    FIELD(cs_progress, CS_FIELD_STR, by_hand),
    FIELD(cs_progress, CS_FIELD_STR, state),
    FIELD(cs_progress, CS_FIELD_U32, term),
    FIELD(cs_progress, CS_FIELD_U64, commit),
    FIELD(cs_progress, CS_FIELD_U32, gen),
    FIELD(cs_progress, CS_FIELD_U32, workers),
    FIELD(cs_progress, CS_FIELD_I64, started_wall_ms),
    FIELD(cs_progress, CS_FIELD_I64, updated_wall_ms),
    FIELD(cs_progress, CS_FIELD_U64, planned),
    FIELD(cs_progress, CS_FIELD_U64, done),
    FIELD(cs_progress, CS_FIELD_U64, failed),
    FIELD(cs_progress, CS_FIELD_U64, cancelled),
    FIELD(cs_progress, CS_FIELD_REAL, outputs_per_s),
    FIELD(cs_progress, CS_FIELD_REAL, eta_s),
    FIELD(cs_progress, CS_FIELD_I64, budget_nano_usd),
    FIELD(cs_progress, CS_FIELD_I64, committed_nano_usd),
    FIELD(cs_progress, CS_FIELD_I64, presumed_nano_usd),
    FIELD(cs_progress, CS_FIELD_I64, reserved_nano_usd),
    FIELD(cs_progress, CS_FIELD_U32, edit_gen),
    FIELD(cs_progress, CS_FIELD_U64, edit_built),
    FIELD(cs_progress, CS_FIELD_U64, edit_total),
    FIELD(cs_progress, CS_FIELD_REAL, edit_eta_s),
    FIELD(cs_progress, CS_FIELD_U64, disk_free_bytes),
    FIELD(cs_progress, CS_FIELD_REAL, disk_full_s),
    {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_lane[] = {
    FIELD(cs_progress_lane, CS_FIELD_U32, gen),
    FIELD(cs_progress_lane, CS_FIELD_U32, lane),
    FIELD(cs_progress_lane, CS_FIELD_STR, model),
    FIELD(cs_progress_lane, CS_FIELD_STR, state),
    FIELD(cs_progress_lane, CS_FIELD_STR, reason),
    FIELD(cs_progress_lane, CS_FIELD_U64, planned),
    FIELD(cs_progress_lane, CS_FIELD_U64, done),
    FIELD(cs_progress_lane, CS_FIELD_U64, failed),
    FIELD(cs_progress_lane, CS_FIELD_U64, cancelled),
    FIELD(cs_progress_lane, CS_FIELD_U64, leased),
    FIELD(cs_progress_lane, CS_FIELD_U64, quarantined),
    FIELD(cs_progress_lane, CS_FIELD_STR, served),
    FIELD(cs_progress_lane, CS_FIELD_STR, held),
    FIELD(cs_progress_lane, CS_FIELD_I64, held_since_wall_ms),
    FIELD(cs_progress_lane, CS_FIELD_U32, unpriced),
    FIELD(cs_progress_lane, CS_FIELD_U32, in_flight),
    FIELD(cs_progress_lane, CS_FIELD_REAL, outputs_per_s),
    FIELD(cs_progress_lane, CS_FIELD_REAL, eta_s),
    {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_counters[] = {
    FIELD(cs_counters, CS_FIELD_U64, adopted),
    FIELD(cs_counters, CS_FIELD_U64, duplicates),
    FIELD(cs_counters, CS_FIELD_U64, attempts),
    FIELD(cs_counters, CS_FIELD_U64, ambiguous),
    FIELD(cs_counters, CS_FIELD_U64, input_tokens),
    FIELD(cs_counters, CS_FIELD_U64, cached_tokens),
    FIELD(cs_counters, CS_FIELD_U64, output_tokens),
    FIELD(cs_counters, CS_FIELD_U64, reasoning_tokens),
    FIELD(cs_counters, CS_FIELD_I64, cost_nano_usd),
    FIELD(cs_counters, CS_FIELD_I64, ambiguous_nano_usd),
    FIELD(cs_counters, CS_FIELD_U64, superseded),
    FIELD(cs_counters, CS_FIELD_U64, overload),
    FIELD(cs_counters, CS_FIELD_U64, carried),
    FIELD(cs_counters, CS_FIELD_U64, salvaged),
    FIELD(cs_counters, CS_FIELD_I64, wasted_nano_usd),
    FIELD(cs_counters, CS_FIELD_I64, absurd_nano_usd),
    FIELD(cs_counters, CS_FIELD_I64, over_nano_usd),
    FIELD(cs_counters, CS_FIELD_I64, voided_nano_usd),
    FIELD(cs_counters, CS_FIELD_U64, untold),
    FIELD(cs_counters, CS_FIELD_U64, over),
    FIELD(cs_counters, CS_FIELD_U64, moved),
    FIELD(cs_counters, CS_FIELD_U64, cached),
    FIELD(cs_counters, CS_FIELD_U64, reread),
    FIELD(cs_counters, CS_FIELD_U64, cache_write_tokens),
    {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_quarantined[] = {
    FIELD(cs_progress_quarantined, CS_FIELD_STR, case_id),  FIELD(cs_progress_quarantined, CS_FIELD_STR, condition),
    FIELD(cs_progress_quarantined, CS_FIELD_STR, question), FIELD(cs_progress_quarantined, CS_FIELD_U32, repeat),
    FIELD(cs_progress_quarantined, CS_FIELD_U64, position), FIELD(cs_progress_quarantined, CS_FIELD_U32, losses),
    FIELD(cs_progress_quarantined, CS_FIELD_U32, workers),  {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_worker[] = {
    FIELD(cs_worker_info, CS_FIELD_STR, name),
    FIELD(cs_worker_info, CS_FIELD_STR, host),
    FIELD(cs_worker_info, CS_FIELD_STR, version),
    FIELD(cs_worker_info, CS_FIELD_U32, pid),
    FIELD(cs_worker_info, CS_FIELD_U32, in_flight),
    FIELD(cs_worker_info, CS_FIELD_U32, unstarted),
    FIELD(cs_worker_info, CS_FIELD_U32, unacked),
    FIELD(cs_worker_info, CS_FIELD_U32, rss_mb),
    FIELD(cs_worker_info, CS_FIELD_U64, started_calls),
    FIELD(cs_worker_info, CS_FIELD_U64, finished_calls),
    FIELD(cs_worker_info, CS_FIELD_I64, started_wall_ms),
    FIELD(cs_worker_info, CS_FIELD_I64, updated_wall_ms),
    {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_worker_lane[] = {
    FIELD(cs_worker_lane_info, CS_FIELD_U32, gen),
    FIELD(cs_worker_lane_info, CS_FIELD_U32, lane),
    FIELD(cs_worker_lane_info, CS_FIELD_STR, binds),
    FIELD(cs_worker_lane_info, CS_FIELD_U32, in_flight),
    FIELD(cs_worker_lane_info, CS_FIELD_U32, slots),
    FIELD(cs_worker_lane_info, CS_FIELD_U32, draw),
    {NULL, CS_FIELD_END, 0},
};

const struct cs_progress_field cs_progress_fields_server[] = {
    FIELD(cs_worker_server_info, CS_FIELD_U32, gen),
    FIELD(cs_worker_server_info, CS_FIELD_U32, lane),
    FIELD(cs_worker_server_info, CS_FIELD_STR, url),
    FIELD(cs_worker_server_info, CS_FIELD_STR, state),
    FIELD(cs_worker_server_info, CS_FIELD_STR, why),
    FIELD(cs_worker_server_info, CS_FIELD_U32, in_flight),
    FIELD(cs_worker_server_info, CS_FIELD_U32, slots),
    FIELD(cs_worker_server_info, CS_FIELD_U64, answers),
    {NULL, CS_FIELD_END, 0},
};

#define RATES(prefix, member)                                                                                          \
    {prefix "requests_per_minute", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[0])},                    \
        {prefix "tokens_per_minute", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[1])},                  \
        {prefix "input_tokens_per_minute", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[2])},            \
        {prefix "output_tokens_per_minute", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[3])},           \
        {prefix "requests_per_day", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[4])},                   \
    {                                                                                                                  \
        prefix "tokens_per_day", CS_FIELD_REAL, offsetof(struct cs_worker_pool_info, member[5])                        \
    }

const struct cs_progress_field cs_progress_fields_worker_pool[] = {
    FIELD(cs_worker_pool_info, CS_FIELD_U32, draw),
    FIELD(cs_worker_pool_info, CS_FIELD_STR, group),
    FIELD(cs_worker_pool_info, CS_FIELD_STR, name),
    FIELD(cs_worker_pool_info, CS_FIELD_U32, in_flight),
    FIELD(cs_worker_pool_info, CS_FIELD_U32, concurrent),
    RATES("limit_", limit),
    RATES("used_", used),
    {NULL, CS_FIELD_END, 0},
};

/* ---- writing ------------------------------------------------------------------------------------- */

/* Words of providers and workers: whoever reads it, shows it. */
static struct cs_json *text(const char *s)
{
    struct cs_arena arena = {0};
    struct cs_json *json = cs_json_string(s != NULL ? cs_plain_in(&arena, s) : "");
    CS_ASSERT(json != NULL); /* plain text is UTF-8 */
    cs_arena_release(&arena);
    return json;
}

static struct cs_json *number(uint64_t v)
{
    return cs_json_integer(v <= INT64_MAX ? (int64_t)v : INT64_MAX);
}

static struct cs_json *field_to_json(enum cs_progress_field_kind kind, const void *at)
{
    switch (kind) {
    case CS_FIELD_STR:
        return text(*(const char *const *)at);
    case CS_FIELD_U32:
        return number(*(const uint32_t *)at);
    case CS_FIELD_U64:
        return number(*(const uint64_t *)at);
    case CS_FIELD_I64:
        return cs_json_integer(*(const int64_t *)at);
    case CS_FIELD_REAL: {
        struct cs_json *json = cs_json_real(*(const double *)at); /* refuses infinities */
        return json != NULL ? json : cs_json_real(-1);
    }
    case CS_FIELD_END:
        break;
    }
    CS_ASSERT(kind != CS_FIELD_END);
    return NULL;
}

struct cs_json *cs_progress_fields_to_json(const struct cs_progress_field *fields, const void *from)
{
    struct cs_json *json = cs_json_object();
    for (const struct cs_progress_field *f = fields; f->kind != CS_FIELD_END; f++)
        CS_ASSERT(cs_json_object_set_new(json, f->name, field_to_json(f->kind, (const char *)from + f->offset)) == 0);
    return json;
}

static void servers_to_json(struct cs_json *json, const struct cs_worker_server_info *all, uint32_t n)
{
    struct cs_json *list = n > 0 ? cs_json_array() : NULL;
    for (uint32_t i = 0; i < n; i++)
        CS_ASSERT(cs_json_array_append_new(list, cs_progress_fields_to_json(cs_progress_fields_server, &all[i])) == 0);
    if (n > 0)
        CS_ASSERT(cs_json_object_set_new(json, "servers", list) == 0);
}

static struct cs_json *errors_to_json(const struct cs_progress_lane *lane)
{
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < lane->n_errors; i++) {
        const struct cs_complaint *c = &lane->errors[i];
        struct cs_json *one = cs_json_pack("{s:o, s:o, s:o, s:I, s:I}", "sentence", text(c->sentence), "count",
                                           number(c->count), "first_position", number(c->position), "first_wall_ms",
                                           c->first_wall_ms, "last_wall_ms", c->last_wall_ms);
        CS_ASSERT(cs_json_array_append_new(list, one) == 0);
    }
    return list;
}

struct cs_json *cs_progress_fields_lane_to_json(const struct cs_progress_lane *lane)
{
    struct cs_json *json = cs_progress_fields_to_json(cs_progress_fields_lane, lane);
    struct cs_json *counters = cs_progress_fields_to_json(cs_progress_fields_counters, &lane->counters),
                   *outcomes = cs_json_object();
    for (int o = 0; o < CS_OUTCOMES; o++)
        CS_ASSERT(cs_json_object_set_new(outcomes, cs_outcome_name((enum cs_outcome)o),
                                         number(lane->counters.outcome[o])) == 0);
    CS_ASSERT(cs_json_object_set_new(counters, "outcome", outcomes) == 0);
    CS_ASSERT(cs_json_object_set_new(json, "counters", counters) == 0);
    if (lane->binds != NULL && lane->binds[0] != '\0') {
        CS_ASSERT(cs_json_object_set_new(json, "binds", text(lane->binds)) == 0);
        CS_ASSERT(cs_json_object_set_new(json, "used", cs_json_real(lane->used)) == 0);
        CS_ASSERT(cs_json_object_set_new(json, "limit", cs_json_real(lane->limit)) == 0);
        if (lane->limit > 0)
            CS_ASSERT(cs_json_object_set_new(json, "in_use", cs_json_real(lane->used / lane->limit)) == 0);
    }
    CS_ASSERT(cs_json_object_set_new(json, "calls", cs_tally_to_json(&lane->tally)) == 0);
    servers_to_json(json, lane->servers, lane->n_servers);
    if (lane->n_quarantine > 0) {
        struct cs_json *list = cs_json_array();
        for (uint32_t i = 0; i < lane->n_quarantine; i++)
            CS_ASSERT(cs_json_array_append_new(
                          list, cs_progress_fields_to_json(cs_progress_fields_quarantined, &lane->quarantine[i])) == 0);
        CS_ASSERT(cs_json_object_set_new(json, "quarantine", list) == 0);
    }
    if (lane->n_errors > 0)
        CS_ASSERT(cs_json_object_set_new(json, "errors", errors_to_json(lane)) == 0);
    return json;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static uint64_t unsigned_of(const struct cs_json *json)
{
    int64_t v = cs_json_integer_value(json); /* 0 for anything else */
    return v > 0 ? (uint64_t)v : 0;
}

static void field_from_json(enum cs_progress_field_kind kind, const struct cs_json *json, void *at,
                            struct cs_arena *arena)
{
    uint64_t v = unsigned_of(json);
    const char *s = cs_json_string_value(json);
    switch (kind) {
    case CS_FIELD_STR:
        *(const char **)at = cs_plain_in(arena, cs_arena_strdup(arena, s != NULL ? s : "")); /* to be shown */
        break;
    case CS_FIELD_U32:
        *(uint32_t *)at = v <= UINT32_MAX ? (uint32_t)v : UINT32_MAX;
        break;
    case CS_FIELD_U64:
        *(uint64_t *)at = v;
        break;
    case CS_FIELD_I64:
        *(int64_t *)at = cs_json_integer_value(json);
        break;
    case CS_FIELD_REAL:
        *(double *)at = cs_json_number_value(json);
        break;
    case CS_FIELD_END:
        CS_ASSERT(kind != CS_FIELD_END);
    }
}

void cs_progress_fields_from_json(const struct cs_progress_field *fields, const struct cs_json *json, void *to,
                                  struct cs_arena *arena)
{
    for (const struct cs_progress_field *f = fields; f->kind != CS_FIELD_END; f++)
        field_from_json(f->kind, cs_json_object_get(json, f->name), (char *)to + f->offset, arena);
}

static void servers_from_json(const struct cs_json *json, struct cs_worker_server_info **all, uint32_t *n,
                              struct cs_arena *arena)
{
    const struct cs_json *list = cs_json_object_get(json, "servers");
    *n = (uint32_t)cs_json_array_size(list); /* 0 for anything else */
    *all = cs_arena_array(arena, *n + 1, sizeof **all);
    for (uint32_t i = 0; i < *n; i++)
        cs_progress_fields_from_json(cs_progress_fields_server, cs_json_array_get(list, i), &(*all)[i], arena);
}

void cs_progress_fields_lane_from_json(const struct cs_json *json, struct cs_progress_lane *lane,
                                       struct cs_arena *arena)
{
    const struct cs_json *counters = cs_json_object_get(json, "counters"),
                         *outcomes = cs_json_object_get(counters, "outcome");
    cs_progress_fields_from_json(cs_progress_fields_lane, json, lane, arena);
    lane->binds = "";
    cs_progress_fields_from_json(cs_progress_fields_counters, counters, &lane->counters, arena);
    for (int o = 0; o < CS_OUTCOMES; o++)
        lane->counters.outcome[o] = unsigned_of(cs_json_object_get(outcomes, cs_outcome_name((enum cs_outcome)o)));
    servers_from_json(json, &lane->servers, &lane->n_servers, arena);
    const struct cs_json *list = cs_json_object_get(json, "quarantine");
    const size_t n = cs_json_array_size(list); /* 0 for anything else */
    lane->n_quarantine = n < CS_QUARANTINED_SHOWN ? (uint32_t)n : CS_QUARANTINED_SHOWN;
    lane->quarantine = cs_arena_array(arena, lane->n_quarantine + 1, sizeof *lane->quarantine);
    for (uint32_t i = 0; i < lane->n_quarantine; i++)
        cs_progress_fields_from_json(cs_progress_fields_quarantined, cs_json_array_get(list, i), &lane->quarantine[i],
                                     arena);
}

/* ---- workers ------------------------------------------------------------------------------------- */

struct cs_json *cs_progress_fields_worker_to_json(const struct cs_worker_info *w)
{
    struct cs_json *json = cs_progress_fields_to_json(cs_progress_fields_worker, w), *lanes = cs_json_array(),
                   *pools = cs_json_array();
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        struct cs_json *lane = cs_progress_fields_to_json(cs_progress_fields_worker_lane, &w->lanes[i]);
        CS_ASSERT(cs_json_object_set_new(lane, "calls", cs_tally_to_json(&w->lanes[i].tally)) == 0);
        CS_ASSERT(cs_json_array_append_new(lanes, lane) == 0);
    }
    for (uint32_t i = 0; i < w->n_pools; i++)
        CS_ASSERT(cs_json_array_append_new(
                      pools, cs_progress_fields_to_json(cs_progress_fields_worker_pool, &w->pools[i])) == 0);
    CS_ASSERT(cs_json_object_set_new(json, "lanes", lanes) == 0);
    CS_ASSERT(cs_json_object_set_new(json, "pools", pools) == 0);
    servers_to_json(json, w->servers, w->n_servers);
    return json;
}

void cs_progress_fields_worker_from_json(const struct cs_json *json, struct cs_worker_info *w, struct cs_arena *arena)
{
    const struct cs_json *lanes = cs_json_object_get(json, "lanes"), *pools = cs_json_object_get(json, "pools");
    cs_progress_fields_from_json(cs_progress_fields_worker, json, w, arena);
    w->n_lanes = (uint32_t)cs_json_array_size(lanes); /* 0 for anything else */
    w->n_pools = (uint32_t)cs_json_array_size(pools);
    servers_from_json(json, &w->servers, &w->n_servers, arena);
    w->lanes = cs_arena_array(arena, w->n_lanes + 1, sizeof *w->lanes);
    w->pools = cs_arena_array(arena, w->n_pools + 1, sizeof *w->pools);
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        const struct cs_json *lane = cs_json_array_get(lanes, i);
        cs_progress_fields_from_json(cs_progress_fields_worker_lane, lane, &w->lanes[i], arena);
        cs_tally_from_json(cs_json_object_get(lane, "calls"), &w->lanes[i].tally);
    }
    for (uint32_t i = 0; i < w->n_pools; i++)
        cs_progress_fields_from_json(cs_progress_fields_worker_pool, cs_json_array_get(pools, i), &w->pools[i], arena);
}
