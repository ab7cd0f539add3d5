#include "store/tomb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/json.h"

static const char prefix[] = "tomb/";

void cs_tomb_release(struct cs_tomb *t)
{
    free(t->study);
    free(t->by);
    free(t->reason);
    free(t->generations);
    *t = (struct cs_tomb){0};
}

void cs_tomb_add(struct cs_batch *b, const struct cs_tomb *t)
{
    char key[CS_META_KEY_MAX], hex[65];
    struct cs_json *gens = cs_json_array();
    for (uint32_t i = 0; i < t->n; i++) {
        cs_digest_hex(t->generations[i].spec_digest, 32, hex);
        cs_json_array_append_new(gens, cs_json_pack("[I,s]", (int64_t)t->generations[i].number, hex));
    }
    struct cs_json *o = cs_json_pack("{s:s,s:b,s:I,s:s,s:s,s:I,s:I,s:I,s:o}", "study", t->study, "erased",
                                     (int)t->erased, "at", t->at_wall_ms, "by", t->by, "reason", t->reason, "nano_usd",
                                     t->nano_usd, "outputs", (int64_t)t->outputs, "kept", (int64_t)t->kept,
                                     "generations", gens);
    char *text = cs_json_dumps(o, CS_JSON_COMPACT);
    snprintf(key, sizeof key, "%s%016llx/%010u", prefix, (unsigned long long)t->key, t->generations[t->n - 1].number);
    cs_batch_add_meta(b, key, text, (uint32_t)strlen(text));
    free(text);
    cs_json_decref(o);
}

static char *text_of(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return cs_xstrdup(s != NULL ? s : "");
}

static bool read_generations(const struct cs_json *list, struct cs_tomb *t)
{
    const struct cs_json *g;
    size_t i;
    t->generations = cs_xcalloc(cs_json_array_size(list) + 1, sizeof *t->generations);
    cs_json_array_foreach(list, i, g)
    {
        const char *hex = cs_json_string_value(cs_json_array_get(g, 1));
        struct cs_tomb_generation *mine = &t->generations[t->n++];
        mine->number = (uint32_t)cs_json_integer_value(cs_json_array_get(g, 0));
        if (mine->number == 0 || hex == NULL || !cs_digest_unhex(hex, mine->spec_digest, 32))
            return false;
    }
    return t->n > 0;
}

static bool read_row(const char *key, const void *value, uint32_t len, struct cs_tomb *out)
{
    struct cs_json *o = cs_json_loadb(value, len, 0, NULL);
    *out = (struct cs_tomb){.key = strtoull(key + strlen(prefix), NULL, 16),
                            .erased = cs_json_is_true(cs_json_object_get(o, "erased")),
                            .at_wall_ms = cs_json_integer_value(cs_json_object_get(o, "at")),
                            .study = text_of(o, "study"),
                            .by = text_of(o, "by"),
                            .reason = text_of(o, "reason"),
                            .nano_usd = cs_json_integer_value(cs_json_object_get(o, "nano_usd")),
                            .outputs = (uint64_t)cs_json_integer_value(cs_json_object_get(o, "outputs")),
                            .kept = (uint64_t)cs_json_integer_value(cs_json_object_get(o, "kept"))};
    const bool good = read_generations(cs_json_object_get(o, "generations"), out);
    cs_json_decref(o);
    return good;
}

struct scan {
    enum cs_err (*fn)(void *self, struct cs_tomb *t);
    void *self;
};

static enum cs_err take(void *self, const char *key, const void *value, uint32_t len)
{
    const struct scan *s = self;
    struct cs_tomb t;
    if (read_row(key, value, len, &t))
        return s->fn(s->self, &t);
    cs_tomb_release(&t);
    return CS_ECORRUPT;
}

enum cs_err cs_tomb_scan(struct cs_store *s, enum cs_err (*fn)(void *self, struct cs_tomb *t), void *self,
                         struct cs_error *err)
{
    struct scan scan = {fn, self};
    enum cs_err rc = cs_store_scan_metas(s, prefix, take, &scan, err);
    return rc == CS_ECORRUPT ? cs_error_set(err, rc, "the row of a deleted study is damaged") : rc;
}

struct find {
    const char *study;
    struct cs_tomb *out;
    bool found;
};

static enum cs_err keep_latest(void *self, struct cs_tomb *t)
{
    struct find *f = self;
    if (strcmp(t->study, f->study) != 0) {
        cs_tomb_release(t);
        return CS_OK;
    }
    if (f->found)
        cs_tomb_release(f->out);
    *f->out = *t;
    f->found = true;
    return CS_OK;
}

enum cs_err cs_tomb_find(struct cs_store *s, const char *study, struct cs_tomb *out, struct cs_error *err)
{
    struct find f = {study, out, false};
    *out = (struct cs_tomb){0};
    enum cs_err rc = cs_tomb_scan(s, keep_latest, &f, err);
    return rc == CS_OK && !f.found ? CS_ENOENT : rc;
}

void cs_tomb_say(const struct cs_tomb *t, char *out, size_t size)
{
    char when[32];
    cs_clock_format_utc(t->at_wall_ms, when);
    snprintf(out, size, "deleted on %.10s by %s%s%.200s%s", when, t->by, t->reason[0] != '\0' ? " (" : "", t->reason,
             t->reason[0] != '\0' ? ")" : "");
}
