#include "coordinator/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"

enum { LIMITS = 5, WEIGHT_MAX = 1000, CONCURRENT_MAX = 1000000 };
static const uint64_t rate_max = 1000000000000000ull;
static const double budget_max = 1e9; /* USD */

static const char *const names[LIMITS] = {"requests_per_minute", "tokens_per_minute", "input_tokens_per_minute",
                                          "output_tokens_per_minute", "concurrent"};

static uint64_t get(const struct cs_limits *l, unsigned i)
{
    const uint64_t all[LIMITS] = {l->requests_per_minute, l->tokens_per_minute, l->input_tokens_per_minute,
                                  l->output_tokens_per_minute, l->concurrent};

    return all[i];
}

static void put(struct cs_limits *l, unsigned i, uint64_t n)
{
    uint64_t *const rates[LIMITS - 1] = {&l->requests_per_minute, &l->tokens_per_minute, &l->input_tokens_per_minute,
                                         &l->output_tokens_per_minute};

    if (i < LIMITS - 1)
        *rates[i] = n;
    else
        l->concurrent = (uint32_t)n;
}

static bool is_empty(const struct cs_limits *l)
{
    for (unsigned i = 0; i < LIMITS; i++) {
        if (get(l, i) != 0)
            return false;
    }
    return true;
}

void cs_settings_release(struct cs_settings *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        free(s->models[i].name);
    free(s->models);
    *s = (struct cs_settings){0};
}

static struct cs_settings_model *find(struct cs_settings *s, const char *model)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (strcmp(s->models[i].name, model) == 0)
            return &s->models[i];
    }
    s->models = cs_xrealloc(s->models, s->n + 1, sizeof *s->models);
    s->models[s->n] = (struct cs_settings_model){.name = cs_xstrdup(model)};
    return &s->models[s->n++];
}

struct cs_limits cs_settings_limits(const struct cs_settings *s, const char *model)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (strcmp(s->models[i].name, model) == 0)
            return s->models[i].limits;
    }
    return (struct cs_limits){0};
}

int64_t cs_settings_budget(const struct cs_settings *s, const struct cs_study *study)
{
    return s->has_budget && study->budget_nano_usd >= 0 ? s->budget_nano_usd : study->budget_nano_usd;
}

void cs_settings_limit(struct cs_settings *s, const char *model, const struct cs_settings_word *w)
{
    put(&find(s, model)->limits, w->limit, w->number);
}

/* ---- the row ------------------------------------------------------------------------------------------- */

enum cs_err cs_settings_read(struct cs_settings *out, const char *row, uint32_t n)
{
    struct cs_json *o = cs_json_loadb(row, n, 0, NULL), *budget = cs_json_object_get(o, "budget_nano_usd");
    struct cs_json *limits = cs_json_object_get(o, "limits"), *m;
    const bool good = cs_json_is_object(o);
    const char *model;

    if (cs_json_is_integer(budget)) {
        out->has_budget = true;
        out->budget_nano_usd = cs_json_integer_value(budget);
    }
    cs_json_object_foreach(limits, model, m)
    {
        for (unsigned i = 0; i < LIMITS; i++)
            put(&find(out, model)->limits, i, (uint64_t)cs_json_integer_value(cs_json_object_get(m, names[i])));
    }
    cs_json_decref(o);
    return good ? CS_OK : CS_ECORRUPT;
}

void cs_settings_write(const struct cs_settings *s, struct cs_buf *out)
{
    struct cs_json *o = cs_json_object(), *limits = cs_json_object();
    bool any = s->has_budget;
    char *text;

    if (s->has_budget)
        cs_json_object_set_new(o, "budget_nano_usd", cs_json_integer(s->budget_nano_usd));
    for (uint32_t k = 0; k < s->n; k++) {
        struct cs_json *m;

        if (is_empty(&s->models[k].limits))
            continue;
        any = true;
        m = cs_json_object();
        for (unsigned i = 0; i < LIMITS; i++) {
            if (get(&s->models[k].limits, i) > 0)
                cs_json_object_set_new(m, names[i], cs_json_integer((int64_t)get(&s->models[k].limits, i)));
        }
        cs_json_object_set_new(limits, s->models[k].name, m);
    }
    cs_json_object_set_new(o, "limits", limits);
    text = any ? cs_json_dumps(o, CS_JSON_COMPACT) : NULL;
    if (text != NULL)
        cs_buf_str(out, text);
    free(text);
    cs_json_decref(o);
}

void cs_settings_say(const struct cs_settings *s, struct cs_buf *out)
{
    if (s->has_budget)
        cs_buf_printf(out, " budget_usd=%.9g", (double)s->budget_nano_usd / 1e9);
    for (uint32_t k = 0; k < s->n; k++) {
        for (unsigned i = 0; i < LIMITS; i++) {
            if (get(&s->models[k].limits, i) > 0)
                cs_buf_printf(out, " %s=%llu (%s)", names[i], (unsigned long long)get(&s->models[k].limits, i),
                              s->models[k].name);
        }
    }
}

/* ---- words --------------------------------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 18)
        return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0' && *out >= 1 && *out <= max;
}

static enum cs_err number(const char *key, const char *text, uint64_t max, uint64_t *out, struct cs_error *err)
{
    return read_number(text, max, out)
               ? CS_OK
               : cs_error_set(err, CS_EUSAGE, "set: %s=%.40s: not a whole number from 1 to %llu", key, text,
                              (unsigned long long)max);
}

static enum cs_err budget(const char *text, uint64_t *out, struct cs_error *err)
{
    char *end = NULL;
    const double usd = text[strspn(text, "0123456789.")] == '\0' ? strtod(text, &end) : -1;

    if (end == NULL || *end != '\0' || end == text || !(usd >= 0 && usd <= budget_max))
        return cs_error_set(err, CS_EUSAGE, "set: budget_usd=%.40s: not an amount in USD such as 250 or 12.50", text);
    *out = (uint64_t)llround(usd * 1e9);
    return CS_OK;
}

/* Which key the first n bytes name. */
static bool find_key(const char *text, size_t n, struct cs_settings_word *out, const char **name)
{
    static const char *const others[] = {"weight", "priority", "budget_usd"};

    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        if (strlen(others[i]) == n && strncmp(text, others[i], n) == 0) {
            *name = others[i];
            out->key = (enum cs_settings_key)i;
            return true;
        }
    }
    out->key = CS_SETTINGS_LIMIT;
    for (out->limit = 0; out->limit < LIMITS; out->limit++) {
        *name = names[out->limit];
        if (strlen(*name) == n && strncmp(text, *name, n) == 0)
            return true;
    }
    return false;
}

enum cs_err cs_settings_parse(const char *text, bool lifts, struct cs_settings_word *out, struct cs_error *err)
{
    const char *equals = strchr(text, '='), *value = equals != NULL ? equals + 1 : "", *name = NULL;
    const size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text);

    *out = (struct cs_settings_word){.text = value};
    if (!find_key(text, n, out, &name))
        return cs_error_set(err, CS_EUSAGE,
                            "set: %.*s: what can be set is weight, priority, budget_usd, requests_per_minute, "
                            "tokens_per_minute, input_tokens_per_minute, output_tokens_per_minute, concurrent",
                            (int)(n < 60 ? n : 60), text);
    if (lifts != (equals == NULL))
        return cs_error_set(err, CS_EUSAGE, lifts ? "set: --lift %s takes no value" : "set: write %s=VALUE", name);
    if (lifts)
        return CS_OK;
    switch (out->key) {
    case CS_SETTINGS_WEIGHT:
        return number(name, value, WEIGHT_MAX, &out->number, err);
    case CS_SETTINGS_PRIORITY:
        return strcmp(value, "low") == 0 || strcmp(value, "normal") == 0 || strcmp(value, "high") == 0
                   ? CS_OK
                   : cs_error_set(err, CS_EUSAGE, "set: priority=%.40s: low, normal or high", value);
    case CS_SETTINGS_BUDGET:
        return budget(value, &out->number, err);
    case CS_SETTINGS_LIMIT:
        break;
    }
    return number(name, value, out->limit == LIMITS - 1 ? CONCURRENT_MAX : rate_max, &out->number, err);
}
