#include "protocol/dialects/parameters.h"

#include <string.h>

#include "protocol/base/json.h"
#include "protocol/dialects/members.h"

/* Sent by us: a second one in the body would leave it to the provider which of the two holds. */
static bool is_ours(const char *key)
{
    static const char *const ours[] = {"model",           "messages", "max_completion_tokens", "max_tokens",
                                       "response_format", "stream",   "stream_options",        "n"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(key, ours[i]) == 0)
            return true;
    return false;
}

static bool is_omit(const struct cs_json *value)
{
    return cs_json_is_string(value) && strcmp(cs_json_string_value(value), "omit") == 0;
}

static enum cs_err set_cap(const struct cs_json *value, uint32_t *cap, struct cs_error *err)
{
    int64_t n = cs_json_integer_value(value);
    if (is_omit(value)) {
        *cap = 0;
        return CS_OK;
    }
    if (!cs_json_is_integer(value) || n < 1 || n > INT32_MAX)
        return cs_error_set(err, CS_EINVAL, "max_output_tokens must be a whole number above 0, or omit");
    *cap = (uint32_t)n;
    return CS_OK;
}

/* An "omit" of the model itself stays as a mark against what levels say; one of a level takes the parameter away. */
static enum cs_err merge(struct cs_json *into, uint32_t *cap, const char *text, bool of_level, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_json_error where;
    const char *key;
    struct cs_json *value, *object = cs_json_loads(text, CS_JSON_REJECT_DUPLICATES, &where);
    if (!cs_json_is_object(object)) {
        cs_json_decref(object);
        return cs_error_set(err, CS_EINVAL, "parameters must be a JSON object, not %.100s", text);
    }
    cs_json_object_foreach(object, key, value)
    {
        if (strcmp(key, "max_output_tokens") == 0)
            rc = set_cap(value, cap, err);
        else if (is_ours(key))
            rc = cs_error_set(err, CS_EINVAL, "the parameter %s is sent by ClinSafe itself%s", key,
                              strncmp(key, "max_", 4) == 0 ? "; set max_output_tokens" : "");
        else if (of_level && is_omit(cs_json_object_get(into, key)))
            continue;
        else if (of_level && is_omit(value))
            (void)cs_json_object_del(into, key); /* absent is fine */
        else if (cs_json_object_set(into, key, value) != 0)
            rc = cs_error_set(err, CS_EINTERNAL, "the parameter %s cannot be set", key);
        if (rc != CS_OK)
            break;
    }
    cs_json_decref(object);
    return rc;
}

static void drop_marks(struct cs_json *all)
{
    const char *key;
    struct cs_json *value;
    cs_json_object_foreach(all, key, value)
    {
        if (is_omit(value))
            (void)cs_json_object_del(all, key);
    }
}

enum cs_err cs_parameters_make(const struct cs_model *model, const char *const *objects, uint32_t n,
                               struct cs_parameters *out, struct cs_error *err)
{
    struct cs_json *all = cs_json_object();
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    uint32_t cap = model->max_output_tokens;
    *out = (struct cs_parameters){0};
    enum cs_err rc = merge(all, &cap, model->parameters, false, err);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++)
        if (objects[i] != NULL)
            rc = merge(all, &cap, objects[i], true, err);
    drop_marks(all);
    if (rc == CS_OK)
        cs_members(all, &text);
    if (rc == CS_OK && text.overflow)
        rc = cs_error_set(err, CS_ETOOBIG, "the parameters of model \"%s\" are over %u bytes", model->name,
                          CS_TEXT_MAX);
    if (rc == CS_OK)
        *out = (struct cs_parameters){cs_buf_take(&text), cap};
    cs_buf_release(&text);
    cs_json_decref(all);
    return rc;
}
