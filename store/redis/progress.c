#include "store/redis/progress.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "store/redis/progress_fields.h"

#define WORKER_TTL_S "15"
#define FLEET_TTL_S "604800" /* a week after its last word a fleet is forgotten */

enum { JSON_MAX = 16 * 1024 * 1024 };

/* ---- writing ------------------------------------------------------------------------------------- */

/* The compact text, free() it; json is consumed. */
static char *dump(struct cs_json *json)
{
    char *s = cs_json_dumps(json, CS_JSON_COMPACT);
    CS_ASSERT(s != NULL);
    cs_json_decref(json);
    return s;
}

static void send(struct cs_redis *r, int argc, const char *const *argv)
{
    cs_redis_command(r, argc, argv, NULL, NULL, NULL);
}
#define SEND(r, ...)                                                                                                   \
    send((r), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

/* In one step, so that nobody sees half, and lanes of an earlier generation go. A script, not MULTI: commands that were refused between
 * MULTI and EXEC would swallow all that follow on the connection.
 */
static const char replace_hash[] = "redis.call('DEL', KEYS[1]) "
                                   "for i = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end "
                                   "redis.call('EXPIRE', KEYS[1], " FLEET_TTL_S ")";

/* A set that something else stands in the place of begins anew: all members say every few seconds that they are in it. */
static const char join_set[] = "if redis.call('TYPE', KEYS[1]).ok ~= 'set' then redis.call('DEL', KEYS[1]) end "
                               "redis.call('SADD', KEYS[1], ARGV[1])";

static void publish_at(struct cs_redis *r, const char *key, const struct cs_progress *p)
{
    uint32_t n = 2 * p->n_lanes + 2; /* names and texts */
    const char **argv = cs_xcalloc(4 + n, sizeof *argv);
    char **texts = cs_xcalloc(n, sizeof *texts);
    texts[0] = cs_xstrdup("fleet");
    texts[1] = dump(cs_progress_fields_to_json(cs_progress_fields_fleet, p));
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        texts[2 * i + 2] = cs_xasprintf("%u/%u", p->lanes[i].gen, p->lanes[i].lane);
        texts[2 * i + 3] = dump(cs_progress_fields_lane_to_json(&p->lanes[i]));
    }
    argv[0] = "EVAL";
    argv[1] = replace_hash;
    argv[2] = "1";
    argv[3] = key;
    for (uint32_t i = 0; i < n; i++)
        argv[4 + i] = texts[i];
    send(r, (int)(4 + n), argv);
    SEND(r, "EVAL", join_set, "1", "clinsafe:fleets", p->fleet);
    for (uint32_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
    free(argv);
}

void cs_progress_publish(struct cs_redis *r, const struct cs_progress *p)
{
    char *key = cs_xasprintf("clinsafe:%s:progress", p->fleet);
    publish_at(r, key, p);
    free(key);
}

void cs_progress_publish_study(struct cs_redis *r, const struct cs_progress *p)
{
    char *key = cs_xasprintf("clinsafe:%s:study:%s", p->fleet, p->study);
    publish_at(r, key, p);
    free(key);
}

void cs_progress_unpublish(struct cs_redis *r, const char *fleet, const char *study, bool last)
{
    char *key = cs_xasprintf("clinsafe:%s:study:%s", fleet, study);
    char *all = cs_xasprintf("clinsafe:%s:progress", fleet);
    SEND(r, "DEL", key);
    if (last) {
        SEND(r, "DEL", all);
        cs_complaints_forget(r, fleet);
    }
    free(key);
    free(all);
}

void cs_progress_worker_publish(struct cs_redis *r, const char *fleet, const struct cs_worker_info *w)
{
    char *key = cs_xasprintf("clinsafe:%s:worker:%s", fleet, w->name);
    char *names = cs_xasprintf("clinsafe:%s:workers", fleet);
    char *json = dump(cs_progress_fields_worker_to_json(w));
    SEND(r, "SET", key, json, "EX", WORKER_TTL_S);
    SEND(r, "EVAL", join_set, "1", names, w->name);
    SEND(r, "EXPIRE", names, FLEET_TTL_S);
    free(json);
    free(names);
    free(key);
}

void cs_progress_worker_unpublish(struct cs_redis *r, const char *fleet, const char *name)
{
    char *key = cs_xasprintf("clinsafe:%s:worker:%s", fleet, name);
    char *names = cs_xasprintf("clinsafe:%s:workers", fleet);
    SEND(r, "SREM", names, name);
    SEND(r, "DEL", key);
    free(names);
    free(key);
}

void cs_progress_workers_ask(struct cs_redis *r, const char *fleet, cs_redis_fn fn, void *self)
{
    static const char all[] = "local names, out = redis.call('SMEMBERS', KEYS[1]), {} table.sort(names) "
                              "for _, n in ipairs(names) do local v = redis.call('GET', ARGV[1] .. n) "
                              "if v then out[#out + 1] = v end end return out";
    char *names = cs_xasprintf("clinsafe:%s:workers", fleet), *prefix = cs_xasprintf("clinsafe:%s:worker:", fleet);

    cs_redis_command(r, 5, (const char *[]){"EVAL", all, "1", names, prefix}, NULL, fn, self);
    free(prefix);
    free(names);
}

void cs_progress_workers_parse(const struct cs_reply *reply, struct cs_arena *arena, struct cs_worker_info **out,
                               uint32_t *n)
{
    *out = cs_arena_array(arena, reply->n_items + 1, sizeof **out);
    *n = 0;
    for (size_t i = 0; reply->kind == CS_REPLY_ARRAY && i < reply->n_items; i++) {
        const struct cs_reply *text = &reply->items[i];
        struct cs_json_error why;
        struct cs_json *json = text->kind == CS_REPLY_STR && text->len <= JSON_MAX
                                   ? cs_json_loadb(text->str, text->len, 0, &why)
                                   : NULL;
        if (cs_json_is_object(json))
            cs_progress_fields_worker_from_json(json, &(*out)[(*n)++], arena);
        cs_json_decref(json);
    }
}

struct cs_json *cs_progress_to_json(const struct cs_progress *p)
{
    struct cs_json *json = cs_progress_fields_to_json(cs_progress_fields_fleet, p), *lanes = cs_json_array();
    for (uint32_t i = 0; i < p->n_lanes; i++)
        CS_ASSERT(cs_json_array_append_new(lanes, cs_progress_fields_lane_to_json(&p->lanes[i])) == 0);
    CS_ASSERT(cs_json_object_set_new(json, "lanes", lanes) == 0);
    return json;
}

void cs_progress_json(const struct cs_progress *p, struct cs_buf *out)
{
    char *s = dump(cs_progress_to_json(p));
    cs_buf_str(out, s);
    free(s);
}

enum cs_err cs_progress_parse(const char *json, size_t n, struct cs_arena *arena, struct cs_progress *out,
                              struct cs_error *err)
{
    struct cs_json_error why;
    struct cs_json *root = cs_json_loadb(json, n, 0, &why), *lanes = cs_json_object_get(root, "lanes");
    *out = (struct cs_progress){.fleet = "", .study = "", .title = "", .state = ""};
    if (!cs_json_is_object(root) || !cs_json_is_array(lanes)) {
        cs_json_decref(root);
        return cs_error_set(err, CS_EPROTO, "progress is not a JSON object with lanes");
    }
    cs_progress_fields_from_json(cs_progress_fields_fleet, root, out, arena);
    out->n_lanes = (uint32_t)cs_json_array_size(lanes);
    out->lanes = cs_arena_array(arena, out->n_lanes, sizeof *out->lanes);
    for (uint32_t i = 0; i < out->n_lanes; i++)
        cs_progress_fields_lane_from_json(cs_json_array_get(lanes, i), &out->lanes[i], arena);
    cs_json_decref(root);
    return CS_OK;
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

bool cs_progress_lane_stands(const struct cs_progress_lane *l)
{
    return strcmp(l->state, "paused") == 0 || strcmp(l->state, "stopped") == 0;
}

bool cs_progress_lane_is_by_hand(const struct cs_progress_lane *l)
{
    return strcmp(l->state, "paused") == 0 && l->held != NULL && strcmp(l->held, "hand") == 0;
}

const char *cs_progress_lane_state_words(const struct cs_progress_lane *l)
{
    return cs_progress_lane_is_by_hand(l) ? "paused by hand" : l->state;
}

bool cs_progress_lane_is_out(const struct cs_progress_lane *l)
{
    return l->held != NULL && strcmp(l->held, "outage") == 0;
}

bool cs_progress_lane_needs(const struct cs_progress_lane *l)
{
    return cs_progress_lane_stands(l) || cs_progress_lane_is_out(l);
}

bool cs_progress_is_drained(const struct cs_progress *p)
{
    return strcmp(p->state, "draining") == 0 && p->workers == 0;
}

bool cs_progress_lane_is_cancelled(const struct cs_progress_lane *l)
{
    return l->cancelled > 0 && l->done + l->failed + l->cancelled >= l->planned;
}

bool cs_progress_is_cancelled(const struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (!cs_progress_lane_is_cancelled(&p->lanes[i]))
            return false;
    }
    return p->cancelled > 0 && p->done + p->failed + p->cancelled >= p->planned;
}

const char *cs_progress_state_words(const struct cs_progress *p)
{
    return strcmp(p->state, "finished") == 0 && cs_progress_is_cancelled(p) ? "cancelled" : p->state;
}

static double part(uint64_t ended, uint64_t planned, uint64_t cancelled, bool is_cancelled)
{
    const uint64_t of = is_cancelled ? planned : planned - cancelled;
    return of > 0 ? (double)ended / (double)of : planned > 0 ? 1 : 0;
}

double cs_progress_part(const struct cs_progress *p)
{
    return part(p->done + p->failed, p->planned, p->cancelled, cs_progress_is_cancelled(p));
}

double cs_progress_lane_part(const struct cs_progress_lane *l)
{
    return part(l->done + l->failed, l->planned, l->cancelled, cs_progress_lane_is_cancelled(l));
}

void cs_progress_forget_end(struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        struct cs_progress_lane *l = &p->lanes[i];
        if (l->done + l->failed + l->cancelled < l->planned)
            l->eta_s = -1;
    }
    if (p->done + p->failed + p->cancelled < p->planned)
        p->eta_s = -1;
}

bool cs_progress_stands(const struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (cs_progress_lane_needs(l) && l->done + l->failed + l->cancelled < l->planned)
            return true;
    }
    return false;
}

bool cs_progress_is_lower_bound(const struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (p->lanes[i].counters.untold > 0 || p->lanes[i].unpriced)
            return true;
    }
    return false;
}

const char *cs_progress_binds_words(const char *binds)
{
    static const char *const sayings[][2] = {
        {"requests_per_minute", "requests a minute"},
        {"tokens_per_minute", "tokens a minute"},
        {"input_tokens_per_minute", "input tokens a minute"},
        {"output_tokens_per_minute", "output tokens a minute"},
        {"requests_per_day", "requests of the day"},
        {"tokens_per_day", "tokens of the day"},
        {"slots", "slots of its workers (--slots)"},
        {"concurrent", "calls at once"},
        {"no_trials", "nothing free to start: cases, budget or other lanes are waited for"},
        {"starting", "starting: its workers have yet to tell"},
        {"told_to_wait", "told to wait by the provider"},
        {"provider_away", "the provider does not answer"},
        {"no_server", "none of its servers can be used, or none is listed"},
        {"budget", "what is left of the budget does not pay for more"},
        {"cases", "cases are being fetched"},
        {"reply_memory", "replies fill its workers' memory (--reply-memory)"},
        {"unacknowledged", "answers wait to be written"},
    };
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        if (strcmp(sayings[i][0], binds) == 0)
            return sayings[i][1];
    }
    return binds;
}
