/* progress_read.c - a fleet's figures back from Redis (progress.h). */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "store/redis/progress.h"
#include "store/redis/progress_fields.h"

enum { JSON_MAX = 16 * 1024 * 1024 };

struct reading {
    struct cs_redis_sync *redis;
    struct cs_arena *arena;
    struct cs_error *err;
};

/* One command whose reply must be of a kind (or nil, where that is none). */
static enum cs_err ask(struct reading *c, enum cs_reply_kind kind, int argc, const char *const *argv,
                       const struct cs_reply **reply)
{
    enum cs_err rc = cs_redis_sync_command(c->redis, argc, argv, NULL, reply, c->err);
    if (rc != CS_OK)
        return rc;
    if ((*reply)->kind != kind && (*reply)->kind != CS_REPLY_NIL)
        return cs_error_set(c->err, CS_EPROTO, "Redis: %s %s: %s", argv[0], argv[1],
                            (*reply)->kind == CS_REPLY_ERROR ? (*reply)->str : "an unexpected kind of reply");
    return CS_OK;
}

static enum cs_err parse(struct reading *c, const struct cs_reply *text, const char *where, struct cs_json **json)
{
    struct cs_json_error why;
    *json = text->len <= JSON_MAX ? cs_json_loadb(text->str, text->len, 0, &why) : NULL;
    if (!cs_json_is_object(*json)) {
        cs_json_decref(*json);
        return cs_error_set(c->err, CS_EPROTO, "Redis: %s holds no JSON object", where);
    }
    return CS_OK;
}

/* Sorted, so that what people see does not jump. */
static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum cs_err members(struct reading *c, const char *key, const char ***names, size_t *n)
{
    const struct cs_reply *reply = NULL;
    enum cs_err rc = ask(c, CS_REPLY_ARRAY, 2, (const char *[]){"SMEMBERS", key}, &reply);
    if (rc != CS_OK)
        return rc;
    *n = reply->n_items;
    *names = cs_arena_array(c->arena, *n + 1, sizeof **names);
    for (size_t i = 0; i < *n; i++)
        (*names)[i] = cs_arena_strdup(c->arena, reply->items[i].str);
    qsort(*names, *n, sizeof **names, by_name);
    return CS_OK;
}

/* The fleet that still has progress to show, if it is one. */
static enum cs_err only_fleet(struct reading *c, const char **fleet)
{
    const char **names = NULL;
    size_t n = 0, found = 0;
    struct cs_buf list = CS_BUF_INIT(300);
    enum cs_err rc = members(c, "clinsafe:fleets", &names, &n);
    for (size_t i = 0; rc == CS_OK && i < n; i++) {
        const struct cs_reply *reply = NULL;
        const char *key = cs_arena_printf(c->arena, "clinsafe:%s:progress", names[i]);
        rc = ask(c, CS_REPLY_INT, 2, (const char *[]){"EXISTS", key}, &reply);
        if (rc != CS_OK || reply->integer == 0)
            continue;
        cs_buf_printf(&list, "%s%s", found++ > 0 ? ", " : "", names[i]);
        *fleet = names[i];
    }
    if (rc == CS_OK && found == 0)
        rc = cs_error_set(c->err, CS_ENOENT, "Redis knows no fleet: no coordinator has reported here");
    if (rc == CS_OK && found > 1)
        rc = cs_error_set(c->err, CS_EINVAL, "Redis knows %zu fleets, name one: %s", found, cs_buf_cstr(&list));
    cs_buf_release(&list);
    return rc;
}

static int by_lane(const void *a, const void *b)
{
    const struct cs_progress_lane *x = a, *y = b;
    if (x->gen != y->gen)
        return x->gen < y->gen ? -1 : 1;
    return (x->lane > y->lane) - (x->lane < y->lane);
}

static enum cs_err read_progress(struct reading *c, const char *fleet, const char *key, struct cs_progress *out)
{
    const struct cs_reply *reply = NULL;
    enum cs_err rc = ask(c, CS_REPLY_ARRAY, 2, (const char *[]){"HGETALL", key}, &reply);
    if (rc != CS_OK)
        return rc;
    if (reply->n_items < 2)
        return cs_error_set(c->err, CS_ENOENT, "Redis knows no fleet %s", fleet);
    out->lanes = cs_arena_array(c->arena, reply->n_items / 2, sizeof *out->lanes);
    for (size_t i = 0; rc == CS_OK && i + 1 < reply->n_items; i += 2) {
        struct cs_json *json = NULL;
        rc = parse(c, &reply->items[i + 1], key, &json);
        if (rc != CS_OK)
            break;
        if (strcmp(reply->items[i].str, "fleet") == 0)
            cs_progress_fields_from_json(cs_progress_fields_fleet, json, out, c->arena);
        else
            cs_progress_fields_lane_from_json(json, &out->lanes[out->n_lanes++], c->arena);
        cs_json_decref(json);
    }
    qsort(out->lanes, out->n_lanes, sizeof *out->lanes, by_lane);
    return rc;
}

/* Where only one study runs, or has just begun to, it stands under no name of its own. */
static enum cs_err read_study(struct reading *c, const char *fleet, const char *study, struct cs_progress *out)
{
    const char *key = cs_arena_printf(c->arena, "clinsafe:%s:progress", fleet);
    if (study == NULL)
        return read_progress(c, fleet, key, out);
    enum cs_err rc = read_progress(c, fleet, cs_arena_printf(c->arena, "clinsafe:%s:study:%s", fleet, study), out);
    if (rc == CS_ENOENT)
        rc = read_progress(c, fleet, key, out);
    if (rc == CS_OK && strcmp(out->study, study) != 0)
        rc = cs_error_set(c->err, CS_ENOENT, "the fleet has no study %s", study);
    return rc;
}

static enum cs_err read_workers(struct reading *c, const char *fleet, struct cs_worker_info **workers,
                                uint32_t *n_workers)
{
    const char **names = NULL;
    size_t n = 0;
    enum cs_err rc = members(c, cs_arena_printf(c->arena, "clinsafe:%s:workers", fleet), &names, &n);
    *workers = cs_arena_array(c->arena, n + 1, sizeof **workers);
    for (size_t i = 0; rc == CS_OK && i < n; i++) {
        const struct cs_reply *reply = NULL;
        struct cs_json *json = NULL;
        const char *key = cs_arena_printf(c->arena, "clinsafe:%s:worker:%s", fleet, names[i]);
        rc = ask(c, CS_REPLY_STR, 2, (const char *[]){"GET", key}, &reply);
        if (rc != CS_OK || reply->kind == CS_REPLY_NIL) /* died without a word: expired */
            continue;
        rc = parse(c, reply, key, &json);
        if (rc == CS_OK)
            cs_progress_fields_worker_from_json(json, &(*workers)[(*n_workers)++], c->arena);
        cs_json_decref(json);
    }
    return rc;
}

/* What is granted of a day stands in the pools' buckets (quota_lua.h). */
static enum cs_err read_days(struct reading *c, struct cs_worker_info *workers, uint32_t n_workers)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < n_workers && rc == CS_OK; i++) {
        for (uint32_t k = 0; k < workers[i].n_pools && rc == CS_OK; k++) {
            struct cs_worker_pool_info *p = &workers[i].pools[k];
            const struct cs_reply *reply = NULL;
            const char *key = cs_arena_printf(c->arena, "clinsafe:quota:{%s}:%s", p->group, p->name);
            if (p->limit[4] <= 0 && p->limit[5] <= 0)
                continue;
            rc = ask(c, CS_REPLY_ARRAY, 4, (const char *[]){"HMGET", key, "5", "6"}, &reply);
            for (size_t d = 0; rc == CS_OK && d < 2 && d < reply->n_items; d++)
                p->used[4 + d] = reply->items[d].kind == CS_REPLY_STR ? strtod(reply->items[d].str, NULL) : 0;
        }
    }
    return rc;
}

struct errors {
    struct cs_complaint *all;
    uint32_t n;
};

static enum cs_err read_errors(struct reading *c, const char *fleet, struct errors *out)
{
    const struct cs_reply *reply = NULL;
    const char *key = cs_arena_printf(c->arena, "clinsafe:%s:errors", fleet);
    enum cs_err rc = ask(c, CS_REPLY_ARRAY, 2, (const char *[]){"HGETALL", key}, &reply);
    if (rc == CS_OK)
        cs_complaints_parse(reply, c->arena, &out->all, &out->n);
    return rc;
}

static bool is_of(const struct cs_complaint *c, const struct cs_progress_lane *l)
{
    return c->gen == l->gen && c->lane == l->lane;
}

/* Those of each lane, in their order. */
static void deal_errors(struct reading *c, const struct errors *e, struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        struct cs_progress_lane *l = &p->lanes[i];
        uint32_t n = 0;
        for (uint32_t k = 0; k < e->n; k++)
            n += is_of(&e->all[k], l);
        l->errors = cs_arena_array(c->arena, n + 1, sizeof *l->errors);
        for (uint32_t k = 0; k < e->n; k++) {
            if (is_of(&e->all[k], l))
                l->errors[l->n_errors++] = e->all[k];
        }
    }
}

enum cs_err cs_progress_read(struct cs_redis_sync *r, const char *fleet, const char *study, struct cs_arena *arena,
                             struct cs_progress *out, struct cs_worker_info **workers, uint32_t *n_workers,
                             struct cs_error *err)
{
    struct reading c = {r, arena, err};
    struct errors errors = {0};
    enum cs_err rc = CS_OK;
    *out = (struct cs_progress){.fleet = "", .study = "", .title = "", .state = ""};
    *workers = NULL;
    *n_workers = 0;
    if (fleet == NULL)
        rc = only_fleet(&c, &fleet);
    if (rc == CS_OK)
        rc = read_study(&c, fleet, study, out);
    if (rc == CS_OK)
        rc = read_workers(&c, fleet, workers, n_workers);
    if (rc == CS_OK)
        rc = read_days(&c, *workers, *n_workers);
    if (rc == CS_OK)
        rc = read_errors(&c, fleet, &errors);
    if (rc == CS_OK) {
        if (*n_workers == 0)
            cs_progress_forget_end(out);
        cs_progress_lanes_merge(out, *workers, *n_workers, arena);
        deal_errors(&c, &errors, out);
    }
    return rc;
}

/* ---- all studies ----------------------------------------------------------------------------------- */

enum { STUDIES_MAX = 512 };

/* Of two of one name the newer first. */
static int by_study(const void *a, const void *b)
{
    const struct cs_progress *x = a, *y = b;
    const int names = strcmp(x->study, y->study);
    return names != 0 ? names : (x->updated_wall_ms < y->updated_wall_ms) - (x->updated_wall_ms > y->updated_wall_ms);
}

/* Names under which studies of the fleet stand; where only one runs there is none. */
static enum cs_err study_keys(struct reading *c, const char *fleet, const char **keys, uint32_t *n)
{
    const char *cursor = "0", *pattern = cs_arena_printf(c->arena, "clinsafe:%s:study:*", fleet);
    do {
        const struct cs_reply *reply = NULL;
        enum cs_err rc = ask(c, CS_REPLY_ARRAY, 6, (const char *[]){"SCAN", cursor, "MATCH", pattern, "COUNT", "1000"},
                             &reply);
        if (rc != CS_OK)
            return rc;
        if (reply->n_items != 2 || reply->items[0].kind != CS_REPLY_STR)
            return cs_error_set(c->err, CS_EPROTO, "Redis: SCAN: an unexpected kind of reply");
        cursor = cs_arena_strdup(c->arena, reply->items[0].str);
        for (size_t i = 0; i < reply->items[1].n_items && *n < STUDIES_MAX; i++)
            keys[(*n)++] = cs_arena_strdup(c->arena, reply->items[1].items[i].str);
    } while (strcmp(cursor, "0") != 0);
    return CS_OK;
}

/* SCAN may name a key twice. */
static uint32_t without_doubles(struct cs_progress *all, uint32_t n)
{
    uint32_t kept = 0;
    qsort(all, n, sizeof *all, by_study);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || strcmp(all[kept - 1].study, all[i].study) != 0)
            all[kept++] = all[i];
    }
    return kept;
}

enum cs_err cs_progress_read_all(struct cs_redis_sync *r, const char *fleet, struct cs_arena *arena,
                                 struct cs_fleet_progress *out, struct cs_error *err)
{
    struct reading c = {r, arena, err};
    const char **keys = cs_arena_array(arena, STUDIES_MAX, sizeof *keys);
    struct errors errors = {0};
    uint32_t n_keys = 0;
    enum cs_err rc = fleet == NULL ? only_fleet(&c, &fleet) : CS_OK;
    *out = (struct cs_fleet_progress){.fleet = fleet};
    if (rc == CS_OK)
        rc = study_keys(&c, fleet, keys, &n_keys);
    out->studies = cs_arena_array(arena, n_keys + 1, sizeof *out->studies);
    for (uint32_t i = 0; i < n_keys && rc == CS_OK; i++) {
        rc = read_progress(&c, fleet, keys[i], &out->studies[out->n_studies]);
        out->n_studies += rc == CS_OK;
        rc = rc == CS_ENOENT ? CS_OK : rc; /* it went meanwhile */
    }
    struct cs_progress *last = &out->studies[out->n_studies];
    if (rc == CS_OK)
        rc = read_progress(&c, fleet, cs_arena_printf(arena, "clinsafe:%s:progress", fleet), last);
    if (rc == CS_OK)
        out->n_studies = without_doubles(out->studies, out->n_studies + 1);
    if (rc == CS_OK)
        rc = read_workers(&c, fleet, &out->workers, &out->n_workers);
    if (rc == CS_OK)
        rc = read_days(&c, out->workers, out->n_workers);
    if (rc == CS_OK)
        rc = read_errors(&c, fleet, &errors);
    for (uint32_t i = 0; i < out->n_studies && rc == CS_OK; i++) {
        if (out->n_workers == 0)
            cs_progress_forget_end(&out->studies[i]);
        cs_progress_lanes_merge(&out->studies[i], out->workers, out->n_workers, arena);
        deal_errors(&c, &errors, &out->studies[i]);
    }
    return rc;
}
