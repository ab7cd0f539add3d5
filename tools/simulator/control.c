/* What a test may read and change while the simulator runs: /stats, /v1/models, /control. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "tools/simulator/state.h"

static void put(struct cs_json *object, const char *key, uint64_t value)
{
    CS_ASSERT(cs_json_object_set_new(object, key, cs_json_integer((int64_t)value)) == 0);
}

static void write_and_free(struct cs_json *object, struct cs_buf *out)
{
    char *text = cs_json_dumps(object, CS_JSON_COMPACT);
    CS_ASSERT(text != NULL);
    cs_buf_str(out, text);
    cs_buf_char(out, '\n');
    free(text);
    cs_json_decref(object);
}

static struct cs_json *model_stats(const struct cs_sim_counts *c)
{
    struct cs_json *o = cs_json_object();
    put(o, "requests", c->requests);
    put(o, "answered", c->answered);
    put(o, "refused", c->refused);
    put(o, "paid_again", c->paid_again);
    put(o, "limit_violations", c->limit_violations);
    put(o, "input_tokens", c->input_tokens);
    put(o, "cached_tokens", c->cached_tokens);
    put(o, "cache_write_tokens", c->cache_write_tokens);
    put(o, "output_tokens", c->output_tokens);
    return o;
}

void cs_control_stats(struct cs_simulator *s, struct cs_buf *json)
{
    struct cs_json *o = cs_json_object(), *faults = cs_json_object(), *models = cs_json_object();
    pthread_mutex_lock(&s->lock);
    const struct cs_sim_tally *t = &s->tally;
    put(o, "requests", t->requests);
    put(o, "answered", t->answered);
    put(o, "unique_bodies", t->bodies.n);
    put(o, "unique_digests", t->digests.n);
    put(o, "paid_again", t->paid_again);
    put(o, "digest_body_conflicts", t->digest_body_conflicts);
    put(o, "no_case", t->no_case);
    put(o, "several_cases", t->several_cases);
    put(o, "several_levels", t->several_levels);
    put(o, "schema_conflicts", t->schema_conflicts);
    put(o, "unauthorized", t->unauthorized);
    put(o, "invalid", t->invalid);
    put(o, "model_not_found", t->model_not_found);
    put(o, "in_flight", t->in_flight);
    put(o, "peak_in_flight", t->peak_in_flight);
    put(o, "serving", t->serving);
    put(o, "peak_serving", t->peak_serving);
    put(o, "limit_violations", t->limit_violations);
    for (unsigned i = 0; i < CS_FAULT_COUNT; i++)
        put(faults, cs_fault_name((enum cs_fault)i), t->faults[i]);
    for (uint32_t i = 0; i < s->n_models; i++)
        cs_json_object_set_new(models, s->models[i]->id, model_stats(&s->models[i]->counts));
    if (s->log != NULL)
        fflush(s->log); /* whoever reads the counts may read the log next */
    pthread_mutex_unlock(&s->lock);
    cs_json_object_set_new(o, "faults", faults);
    cs_json_object_set_new(o, "models", models);
    write_and_free(o, json);
}

void cs_control_models(struct cs_simulator *s, struct cs_buf *json)
{
    struct cs_json *list = cs_json_array();
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->n_models; i++)
        cs_json_array_append_new(list, cs_json_pack("{s:s, s:s, s:i, s:s}", "id", s->models[i]->id, "object", "model",
                                                    "created", 1700000000, "owned_by", "simulator"));
    pthread_mutex_unlock(&s->lock);
    write_and_free(cs_json_pack("{s:s, s:o}", "object", "list", "data", list), json);
}

/* ---- /control --------------------------------------------------------------------------------- */

/* New settings are made beside the old ones and replace them only when all of the request is good. */
struct change {
    struct cs_sim_settings to;
    bool keys_changed, start_anew, reset_stats;
    struct cs_error *err;
};

static enum cs_err bad(struct change *c, const char *key, const char *want)
{
    return cs_error_set(c->err, CS_EINVAL, "control: %.100s: want %s", key, want);
}

static enum cs_err read_u64(struct change *c, const char *key, const struct cs_json *v, uint64_t *out)
{
    if (!cs_json_is_integer(v) || cs_json_integer_value(v) < 0 || cs_json_integer_value(v) > (int64_t)1 << 50)
        return bad(c, key, "a whole number");
    *out = (uint64_t)cs_json_integer_value(v);
    return CS_OK;
}

static enum cs_err change_faults(struct change *c, const char *key, struct cs_faults *to, struct cs_json *v)
{
    const char *name;
    struct cs_json *share;
    enum cs_err rc = CS_OK;
    if (cs_json_is_string(v))
        return cs_faults_parse(to, cs_json_string_value(v), c->err);
    if (!cs_json_is_object(v))
        return bad(c, key, "\"KIND=SHARE,...\" or {\"KIND\": SHARE, ...}");
    *to = (struct cs_faults){{0}};
    cs_json_object_foreach(v, name, share)
    {
        rc = cs_json_is_number(share) ? cs_faults_set(to, name, cs_json_number_value(share), c->err)
                                      : bad(c, name, "a number");
        if (rc != CS_OK)
            return rc;
    }
    return cs_faults_check(to, c->err);
}

static enum cs_err change_limits(struct change *c, struct cs_json *v)
{
    struct cs_quota *q = &c->to.quota;
    const char *key;
    struct cs_json *n;
    enum cs_err rc = CS_OK;
    if (!cs_json_is_object(v))
        return bad(c, "limits", "an object");
    cs_json_object_foreach(v, key, n)
    {
        if (strcmp(key, "rpm") == 0)
            rc = read_u64(c, key, n, &q->requests.per_minute);
        else if (strcmp(key, "tpm") == 0)
            rc = read_u64(c, key, n, &q->tokens.per_minute);
        else if (strcmp(key, "itpm") == 0)
            rc = read_u64(c, key, n, &q->input.per_minute);
        else if (strcmp(key, "otpm") == 0)
            rc = read_u64(c, key, n, &q->output.per_minute);
        else if (strcmp(key, "burst_requests") == 0)
            rc = read_u64(c, key, n, &q->requests.burst);
        else if (strcmp(key, "burst_tokens") == 0) {
            rc = read_u64(c, key, n, &q->tokens.burst);
            q->input.burst = q->output.burst = q->tokens.burst;
        } else if (strcmp(key, "concurrent") == 0)
            rc = read_u64(c, key, n, &c->to.concurrent);
        else if (strcmp(key, "empty") == 0 && cs_json_is_boolean(n)) {
            q->starts_empty = cs_json_is_true(n);
            c->start_anew = true;
        } else
            rc = bad(c, key,
                     "one of rpm, tpm, itpm, otpm, burst_requests, burst_tokens, concurrent, or empty: true or false");
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

static enum cs_err change_latency(struct change *c, struct cs_json *v)
{
    const struct cs_json *median = cs_json_object_get(v, "median_ms"), *sigma = cs_json_object_get(v, "sigma");
    c->to.has_latency = !cs_json_is_null(v);
    if (cs_json_is_null(v))
        return CS_OK;
    if (!cs_json_is_number(median) || cs_json_number_value(median) < 0 || (sigma != NULL && !cs_json_is_number(sigma)))
        return bad(c, "latency", "{\"median_ms\": N, \"sigma\": S}, or null for each model's own");
    c->to.latency = (struct cs_latency){cs_json_number_value(median), cs_json_number_value(sigma)};
    return CS_OK;
}

static enum cs_err change_keys(struct change *c, struct cs_json *v)
{
    const size_t n = cs_json_array_size(v);
    if (!cs_json_is_array(v) || n > CS_SIM_KEYS_MAX)
        return bad(c, "keys", "a list of texts");
    const char **keys = cs_xcalloc(n + 1, sizeof *keys);
    for (size_t i = 0; i < n; i++) {
        keys[i] = cs_json_string_value(cs_json_array_get(v, i));
        if (keys[i] == NULL) {
            free(keys);
            return bad(c, "keys", "a list of texts");
        }
    }
    if (!c->keys_changed) { /* until now they were those of the settings in use */
        c->to.keys = NULL;
        c->to.n_keys = 0;
    }
    cs_simulator_settings_set_keys(&c->to, keys, (unsigned)n);
    c->keys_changed = true;
    free(keys);
    return CS_OK;
}

static enum cs_err read_change(struct change *c, struct cs_json *root)
{
    const char *key;
    struct cs_json *v;
    enum cs_err rc = CS_OK;
    cs_json_object_foreach(root, key, v)
    {
        if (strcmp(key, "faults") == 0)
            rc = change_faults(c, key, &c->to.faults, v);
        else if (strcmp(key, "always") == 0)
            rc = change_faults(c, key, &c->to.always, v);
        else if (strcmp(key, "limits") == 0)
            rc = change_limits(c, v);
        else if (strcmp(key, "latency") == 0)
            rc = change_latency(c, v);
        else if (strcmp(key, "drip_ms") == 0)
            rc = read_u64(c, key, v, &c->to.drip_ms);
        else if (strcmp(key, "keys") == 0)
            rc = change_keys(c, v);
        else if (strcmp(key, "reset_stats") == 0 && cs_json_is_boolean(v))
            c->reset_stats = cs_json_is_true(v);
        else
            rc = bad(c, key, "one of faults, always, limits, latency, drip_ms, keys, or reset_stats: true");
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

/* What is in flight stays in flight. Lock held. */
static void reset_stats(struct cs_simulator *s)
{
    const uint64_t in_flight = s->tally.in_flight, serving = s->tally.serving;
    cs_idmap_release(&s->tally.digests);
    cs_idmap_release(&s->tally.bodies);
    cs_idmap_release(&s->tally.judged);
    s->tally = (struct cs_sim_tally){
        .in_flight = in_flight, .peak_in_flight = in_flight, .serving = serving, .peak_serving = serving};
    for (uint32_t i = 0; i < s->n_models; i++)
        s->models[i]->counts = (struct cs_sim_counts){0};
}

enum cs_err cs_simulator_control(struct cs_simulator *s, const char *json, size_t len, struct cs_error *err)
{
    struct change c = {.err = err};
    struct cs_json *root = cs_json_loadb(json, len, CS_JSON_REJECT_DUPLICATES, NULL);
    if (!cs_json_is_object(root)) {
        cs_json_decref(root);
        return cs_error_set(err, CS_EINVAL, "control: want a JSON object");
    }
    pthread_mutex_lock(&s->lock);
    c.to = s->settings;
    const enum cs_err rc = read_change(&c, root);
    char **unused = c.keys_changed ? (rc == CS_OK ? s->settings.keys : c.to.keys) : NULL;
    const unsigned n_unused = rc == CS_OK ? s->settings.n_keys : c.to.n_keys;
    if (rc == CS_OK) {
        const struct cs_quota *was = &s->settings.quota, *is = &c.to.quota;
        if ((was->requests.per_minute == 0) != (is->requests.per_minute == 0) ||
            (was->tokens.per_minute == 0) != (is->tokens.per_minute == 0) ||
            (was->input.per_minute == 0) != (is->input.per_minute == 0) ||
            (was->output.per_minute == 0) != (is->output.per_minute == 0))
            c.start_anew = true; /* there was no bucket to go on with */
        s->settings = c.to;
        if (c.start_anew)
            cs_simulator_forget_buckets(s);
        if (c.reset_stats)
            reset_stats(s);
    }
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; unused != NULL && i < n_unused; i++)
        free(unused[i]);
    free(unused);
    cs_json_decref(root);
    return rc;
}
