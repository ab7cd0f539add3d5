#include "protocol/load/params.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"

enum { TIMEOUT_MS_DEFAULT = 120 * 1000, TIMEOUT_S_MAX = 3600, OUTPUT_TOKENS_MAX = 1000 * 1000 };

static struct cs_json *scalar(const struct cs_node *n, bool words)
{
    if (n->plain) {
        if (!words && strcmp(n->text, "true") == 0)
            return cs_json_true();
        if (!words && strcmp(n->text, "false") == 0)
            return cs_json_false();
        struct cs_json *v = cs_json_loads(n->text, CS_JSON_DECODE_ANY, NULL);
        if (cs_json_is_number(v))
            return v;
        cs_json_decref(v);
    }
    return cs_json_string(n->text);
}

/* Depth is bounded by the YAML reader. */
static struct cs_json *value_of(const struct cs_node *n, bool words)
{
    if (n->kind == CS_NODE_TEXT)
        return scalar(n, words);
    struct cs_json *v = n->kind == CS_NODE_MAP ? cs_json_object() : cs_json_array();
    for (const struct cs_node *c = n->first; c != NULL; c = c->next) {
        int failed = n->kind == CS_NODE_MAP ? cs_json_object_set_new(v, c->key, value_of(c, words))
                                            : cs_json_array_append_new(v, value_of(c, words));
        CS_ASSERT(failed == 0); /* only memory and UTF-8 can be wrong, and the reader has checked the latter */
    }
    return v;
}

/* 0.7 is to be sent as 0.7, not as the nearest binary fraction in 17 digits. */
static const char *dump(const struct cs_json *v, struct cs_arena *arena)
{
    char *text = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    CS_ASSERT(text != NULL);
    const char *kept = cs_arena_strdup(arena, text);
    free(text);
    return kept;
}

const char *cs_params_node_json(const struct cs_node *n, struct cs_arena *arena)
{
    struct cs_json *v = value_of(n, true);
    const char *json = dump(v, arena);
    cs_json_decref(v);
    return json;
}

static bool is_omit(const struct cs_node *n)
{
    return n->kind == CS_NODE_TEXT && strcmp(n->text, "omit") == 0;
}

/* What holds for `parameters:` anywhere. */
static enum cs_err check(const struct cs_node *n, struct cs_error *err)
{
    static const char *const ours[] = {"model",      "messages", "response_format", "max_completion_tokens",
                                       "max_tokens", "stream",   "stream_options",  "n"};
    enum cs_err rc = cs_node_any_map(n, "parameters", err);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        char point[32];
        double number;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0] && rc == CS_OK; i++) {
            if (strcmp(c->key, ours[i]) == 0)
                rc = cs_yaml_fail_key(c, err, "\"%s\" is set by ClinSafe itself%s; remove it", c->key,
                                      strncmp(c->key, "max_", 4) == 0 ? " from max_output_tokens" : "");
        }
        if (rc == CS_OK && strcmp(c->key, "temperature") == 0 && !is_omit(c))
            rc = cs_node_number(c, "temperature", 0, 2, &number, err);
        if (rc == CS_OK && c->kind == CS_NODE_TEXT && c->plain && c->text[0] == '\0')
            rc = cs_yaml_comma(c, point)
                     ? cs_yaml_fail_key(c, err, "a decimal comma; write %s", point)
                     : cs_yaml_fail_key(c, err, "%s has no value; write one, or omit to leave it out", c->key);
    }
    return rc;
}

enum cs_err cs_params_of_level(const struct cs_node *n, struct cs_arena *arena, const char **json, struct cs_error *err)
{
    enum cs_err rc = check(n, err);
    const struct cs_node *timeout = cs_node_get(n, "timeout_s"), *cap = cs_node_get(n, "max_output_tokens");
    uint64_t tokens;
    if (rc == CS_OK && timeout != NULL)
        rc = cs_yaml_fail_key(timeout, err,
                              "timeout_s holds for a whole model, not for a level; set it in parameters of the study");
    if (rc == CS_OK && cap != NULL && !is_omit(cap))
        rc = cs_node_u64(cap, cap->key, 1, OUTPUT_TOKENS_MAX, &tokens, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *v = value_of(n, false);
    *json = dump(v, arena);
    cs_json_decref(v);
    return CS_OK;
}

/* Lays one map over the object. */
static enum cs_err lay(struct cs_json *o, const struct cs_node *n, struct cs_params *out, struct cs_error *err)
{
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = check(n, err);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        uint64_t cap = 0;
        double seconds;
        if (strcmp(c->key, "max_output_tokens") == 0) {
            if (!is_omit(c))
                rc = cs_node_u64(c, c->key, 1, OUTPUT_TOKENS_MAX, &cap, err);
            out->max_output_tokens = (uint32_t)cap;
        } else if (strcmp(c->key, "timeout_s") == 0) {
            rc = cs_node_number(c, c->key, 0.1, TIMEOUT_S_MAX, &seconds, err);
            if (rc == CS_OK)
                out->timeout_ms = (uint32_t)(seconds * 1000 + 0.5);
        } else if (is_omit(c)) {
            cs_json_object_del(o, c->key);
        } else {
            CS_ASSERT(cs_json_object_set_new(o, c->key, value_of(c, false)) == 0);
        }
    }
    return rc;
}

/* The model does not take it, whatever a level says: the mark stays in the model's parameters (parameters.c heeds it). */
static void keep_out(struct cs_json *o, const char *key)
{
    CS_ASSERT(cs_json_object_set_new(o, key, cs_json_string("omit")) == 0);
}

enum cs_err cs_params_of_model(const struct cs_node *provider, const struct cs_node *study, const struct cs_node *entry,
                               struct cs_arena *arena, struct cs_params *out, struct cs_error *err)
{
    *out = (struct cs_params){.timeout_ms = TIMEOUT_MS_DEFAULT};
    struct cs_json *o = cs_json_object();
    CS_ASSERT(o != NULL);
    enum cs_err rc = lay(o, provider, out, err);
    if (rc == CS_OK)
        rc = lay(o, study, out, err);
    for (const struct cs_node *c = provider != NULL ? provider->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        if (is_omit(c) && strcmp(c->key, "max_output_tokens") == 0)
            out->max_output_tokens = 0;
        else if (is_omit(c))
            keep_out(o, c->key);
    }
    if (rc == CS_OK)
        rc = lay(o, entry, out, err);
    for (const struct cs_node *c = entry != NULL ? entry->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        if (is_omit(c) && strcmp(c->key, "max_output_tokens") != 0)
            keep_out(o, c->key);
    }
    out->json = dump(o, arena);
    cs_json_decref(o);
    return rc;
}
