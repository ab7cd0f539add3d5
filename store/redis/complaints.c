#include "store/redis/complaints.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/plain.h"

enum { PARTS = 5 }; /* of a complaint in the script's arguments */

/* One step, so that two workers that meet the same sentence add up and keep the earlier trial. Where it is full the sentences that were said
 * the longest ago give way, a tenth at once, if they are quiet; it is looked for them once a script, since that looks at all. */
static const char add[] = "local function thin(now) local old, all = {}, redis.call('HGETALL', KEYS[1]) "
                          "for k = 1, #all, 2 do "
                          "local d = tonumber(string.match(all[k + 1], '^%d+ %d+ %d+ (%d+)$')) or 0 "
                          "if d + tonumber(ARGV[3]) <= now then old[#old + 1] = {d, all[k]} end end "
                          "table.sort(old, function(x, y) return x[1] < y[1] or x[1] == y[1] and x[2] < y[2] end) "
                          "for k = 1, math.min(#old, math.floor(ARGV[1] / 10)) do "
                          "redis.call('HDEL', KEYS[1], old[k][2]) end end "
                          "local thinned = false "
                          "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('DEL', KEYS[1]) end "
                          "for i = 4, #ARGV, 5 do "
                          "local f, n, pos, first, last = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] "
                          "local was = redis.call('HGET', KEYS[1], f) "
                          "local full = not was and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) "
                          "if full and not thinned then thin(tonumber(last)) thinned = true "
                          "full = redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[1]) end "
                          "if full then "
                          "f = string.match(f, '^%d+/%d+ ') .. ARGV[2] was = redis.call('HGET', KEYS[1], f) end "
                          "if was then "
                          "local a, b, c, d = string.match(was, '^(%d+) (%d+) (%d+) (%d+)$') "
                          "if a then n = n + a "
                          "if tonumber(c) <= tonumber(first) then pos, first = b, c end "
                          "if tonumber(d) > tonumber(last) then last = d end end end "
                          "redis.call('HSET', KEYS[1], f, string.format('%.0f %s %s %s', n, pos, first, last)) end "
                          "redis.call('EXPIRE', KEYS[1], 604800)";

static char *key_of(const char *fleet)
{
    return cs_xasprintf("clinsafe:%s:errors", fleet);
}

void cs_complaints_add(struct cs_redis *r, const char *fleet, const struct cs_complaint *list, uint32_t n)
{
    const uint32_t head = 7, all = head + PARTS * n;
    const char **argv = cs_xcalloc(all, sizeof *argv);
    char *key = key_of(fleet), **texts = cs_xcalloc(PARTS * n + 1, sizeof *texts), most[16], quiet[16];
    if (n == 0)
        goto out;
    snprintf(most, sizeof most, "%d", CS_COMPLAINTS_KEPT);
    snprintf(quiet, sizeof quiet, "%d", CS_COMPLAINTS_QUIET_MS);
    argv[0] = "EVAL";
    argv[1] = add;
    argv[2] = "1";
    argv[3] = key;
    argv[4] = most;
    argv[5] = CS_COMPLAINT_OTHER;
    argv[6] = quiet;
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_complaint *c = &list[i];
        char **t = &texts[PARTS * i];
        t[0] = cs_xasprintf("%u/%u %s", c->gen, c->lane, c->sentence);
        t[1] = cs_xasprintf("%" PRIu64, c->count);
        t[2] = cs_xasprintf("%" PRIu64, c->position);
        t[3] = cs_xasprintf("%" PRId64, c->first_wall_ms);
        t[4] = cs_xasprintf("%" PRId64, c->last_wall_ms);
        for (int k = 0; k < PARTS; k++)
            argv[head + PARTS * i + k] = t[k];
    }
    cs_redis_command(r, (int)all, argv, NULL, NULL, NULL);
out:
    for (uint32_t i = 0; i < PARTS * n; i++)
        free(texts[i]);
    free(texts);
    free(argv);
    free(key);
}

void cs_complaints_forget(struct cs_redis *r, const char *fleet)
{
    char *key = key_of(fleet);
    cs_redis_command(r, 2, (const char *[]){"DEL", key}, NULL, NULL, NULL);
    free(key);
}

void cs_complaints_drop(struct cs_redis *r, const char *fleet, const uint32_t *gens, uint32_t n)
{
    static const char drop[] = "if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return end "
                               "local gone = {} for _, g in ipairs(ARGV) do gone[g] = true end "
                               "for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do "
                               "if gone[string.match(f, '^(%d+)/') or ''] then redis.call('HDEL', KEYS[1], f) end end";
    const uint32_t head = 4;
    const char **argv = cs_xcalloc(head + n, sizeof *argv);
    char *key = key_of(fleet), (*texts)[16] = cs_xcalloc(n + 1, sizeof *texts);
    argv[0] = "EVAL";
    argv[1] = drop;
    argv[2] = "1";
    argv[3] = key;
    for (uint32_t i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "%u", gens[i]);
        argv[head + i] = texts[i];
    }
    cs_redis_command(r, (int)(head + n), argv, NULL, NULL, NULL);
    free(texts);
    free(key);
    free(argv);
}

static int by_count(const void *a, const void *b)
{
    const struct cs_complaint *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return strcmp(x->sentence, y->sentence);
}

static bool parse_one(const struct cs_reply *field, const struct cs_reply *value, struct cs_arena *arena,
                      struct cs_complaint *out)
{
    int at = 0;
    char sentence[CS_COMPLAINT_MAX];
    *out = (struct cs_complaint){0};
    if (field->kind != CS_REPLY_STR || value->kind != CS_REPLY_STR ||
        sscanf(field->str, "%9u/%9u %n", &out->gen, &out->lane, &at) != 2 || at == 0 ||
        sscanf(value->str, "%18" SCNu64 " %18" SCNu64 " %18" SCNd64 " %18" SCNd64, &out->count, &out->position,
               &out->first_wall_ms, &out->last_wall_ms) != 4)
        return false;
    out->sentence = cs_arena_strdup(arena, cs_plain_text(sentence, sizeof sentence, field->str + at));
    return true;
}

void cs_complaints_parse(const struct cs_reply *reply, struct cs_arena *arena, struct cs_complaint **out, uint32_t *n)
{
    *n = 0;
    *out = cs_arena_array(arena, reply->n_items / 2 + 1, sizeof **out);
    for (size_t i = 0; reply->kind == CS_REPLY_ARRAY && i + 1 < reply->n_items; i += 2)
        *n += parse_one(&reply->items[i], &reply->items[i + 1], arena, &(*out)[*n]);
    if (*n > 1)
        qsort(*out, *n, sizeof **out, by_count);
}
