#include "tools/simulator/chat_parts.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"

/* A strict schema is an object at its root, allows no other keys and requires all it has. */
bool cs_chat_parts_strict(const struct cs_j *schema, const char *name, struct cs_chat_error *e)
{
    const struct cs_j *properties = cs_json_read_get(schema, "properties"),
                      *required = cs_json_read_get(schema, "required");
    const char *type = cs_json_read_text(cs_json_read_get(schema, "type")), *wrong = NULL;
    if (type == NULL || strcmp(type, "object") != 0)
        wrong = "schema must be a JSON Schema of 'type: \"object\"'";
    else if (!cs_json_read_is(cs_json_read_get(schema, "additionalProperties"), CS_J_FALSE))
        wrong = "'additionalProperties' is required to be supplied and to be false";
    else if (!cs_json_read_is(properties, CS_J_MAP) || !cs_json_read_is(required, CS_J_LIST) ||
             cs_json_read_size(required) != cs_json_read_size(properties))
        wrong = "'required' is required to be supplied and to be an array including every key in properties";
    for (size_t i = 0; wrong == NULL && i < cs_json_read_size(required); i++) {
        const char *key = cs_json_read_text(cs_json_read_at(required, i));
        if (key == NULL || cs_json_read_get(properties, key) == NULL)
            wrong = "'required' names a key that is not in properties";
    }
    return wrong == NULL ||
           cs_chat_error_set(e, 400, "invalid_request_error", "response_format", NULL,
                             "Invalid schema for response_format '%s': In context=(), %s.", name, wrong);
}

void cs_chat_parts_usage(const struct cs_chat_answer *a, struct cs_buf *out)
{
    char usage[512];
    const int n = snprintf(
        usage, sizeof usage,
        "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,\"total_tokens\":%llu,"
        "\"prompt_tokens_details\":{\"cached_tokens\":%llu,\"cache_write_tokens\":%llu,"
        "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
        "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
        "\"service_tier\":\"default\",\"system_fingerprint\":\"%s\"}\n",
        (unsigned long long)a->input_tokens, (unsigned long long)a->output_tokens,
        (unsigned long long)(a->input_tokens + a->output_tokens), (unsigned long long)a->cached_tokens,
        (unsigned long long)a->cache_write_tokens, a->fingerprint);
    CS_ASSERT(n > 0 && n < (int)sizeof usage);
    cs_buf_append(out, usage, (size_t)n);
}
