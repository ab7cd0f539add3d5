/* OpenAI Responses (facts: providers.md sections 3 and 5). `store` is true there unless one says otherwise, and texts about
 * patients are not to be kept. */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/read.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

enum { CAP_MIN = 16 };

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    if (p->system.len > 0) {
        cs_buf_char(out, ',');
        cs_body_text(out, "instructions", cs_buf_cstr(&p->system), p->system.len);
    }
    cs_buf_str(out, ",\"input\":[{\"role\":\"user\",");
    cs_body_text(out, "content", cs_buf_cstr(&p->user), p->user.len);
    cs_buf_str(out, "}],\"store\":false");
}

static void put_logprobs(json_t *root, const json_t *value)
{
    if (json_is_true(value))
        cs_body_set(root, "include", json_pack("[s]", "message.output_text.logprobs"));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "temperature", CS_RULE_NUMBER, 0, 2, NULL},
    {"top_p", "top_p", CS_RULE_NUMBER, 0, 1, NULL},
    {"reasoning_effort", "reasoning.effort", CS_RULE_WORD, 0, 0, NULL},
    {"logprobs", "include", CS_RULE_BOOLEAN, 0, 0, put_logprobs},
    {"top_logprobs", "top_logprobs", CS_RULE_INTEGER, 0, 20, NULL},
    {"verbosity", "text.verbosity", CS_RULE_WORD, 0, 0, NULL},
    {"service_tier", "service_tier", CS_RULE_WORD, 0, 0, NULL},
    {"truncation", "truncation", CS_RULE_WORD, 0, 0, NULL},
    {"prompt_cache_key", "prompt_cache_key", CS_RULE_WORD, 0, 0, NULL},
    {"safety_identifier", "safety_identifier", CS_RULE_WORD, 0, 0, NULL},
};

static void put_format(const struct cs_settings_of *of, json_t *root)
{
    json_t *schema = cs_body_schema(of, true);
    if (schema == NULL)
        return;
    if (of->account->response_format == CS_FORM_JSON_OBJECT) {
        json_decref(schema);
        cs_body_set(root, "text.format", json_pack("{s:s}", "type", "json_object"));
    } else {
        cs_body_set(root, "text.format",
                    json_pack("{s:s,s:s,s:b,s:o}", "type", "json_schema", "name", cs_body_question(of), "strict", 1,
                              "schema", schema));
    }
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    json_t *root = json_object();
    const uint32_t cap = of->parameters->max_output_tokens;
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK && cap > 0 && cap < CAP_MIN) {
        memcpy(of->culprit, "max_output_tokens", 18);
        rc = cs_error_set(err, CS_EINVAL, "openai-responses wants a max_output_tokens of at least %d", CAP_MIN);
    }
    if (rc == CS_OK && cap > 0)
        cs_body_set(root, "max_output_tokens", json_integer(cap));
    if (rc == CS_OK) {
        put_format(of, root);
        cs_members(root, out);
    }
    json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* output[]: texts of messages joined; a part of type refusal makes it a refusal; reasoning is its summaries, or (open models) its own text. */
static void read_item(json_t *item, struct cs_read_said *p)
{
    const json_t *content = json_object_get(item, "content"), *part;
    const char *type = json_string_value(json_object_get(item, "type"));
    size_t i;
    if (type != NULL && strcmp(type, "reasoning") == 0) {
        cs_read_said_reason(p, json_array_size(content) > 0 ? content : json_object_get(item, "summary"));
        return;
    }
    if (type != NULL && strstr(type, "_call") != NULL)
        cs_read_said_call(p, item);
    json_array_foreach(content, i, part)
    {
        if (cs_read_is(json_object_get(part, "type"), "output_text"))
            cs_read_piece(&p->text, json_object_get(part, "text"));
        else if (cs_read_is(json_object_get(part, "type"), "refusal"))
            cs_read_piece(&p->refusal, json_object_get(part, "refusal"));
    }
}

/* Of the first part of text that has them. */
static void read_logprobs(const json_t *output, struct cs_arena *arena, struct cs_reading *out)
{
    size_t i, k;
    const json_t *item, *part;
    json_array_foreach(output, i, item)
    {
        const json_t *content = json_object_get(item, "content");
        json_array_foreach(content, k, part)
        {
            if (out->logprob_tokens == 0)
                cs_logprobs_read(json_object_get(part, "logprobs"), "logprob", NULL, arena, out);
        }
    }
}

static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->input_tokens = cs_read_count(json_object_get(usage, "input_tokens"));
    out->cached_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "input_tokens_details"), "cached_tokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "output_tokens"));
    out->reasoning_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "output_tokens_details"), "reasoning_tokens"));
}

/* The end marker is the status: completed, or incomplete for a reason. */
static void read_answer(const json_t *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const json_t *status = json_object_get(root, "status"), *output = json_object_get(root, "output");
    const json_t *reason = json_object_get(json_object_get(root, "incomplete_details"), "reason");
    const bool incomplete = json_is_string(status) && strcasecmp(json_string_value(status), "incomplete") == 0;
    json_t *item;
    size_t i;
    cs_read_end(incomplete && json_is_string(reason) ? reason : status, arena, out);
    if (incomplete && out->says == CS_SAYS_ANSWER && out->outcome == CS_OUTCOME_ok) /* for a reason that is new */
        out->outcome = CS_OUTCOME_truncated;
    if (out->says == CS_SAYS_ANSWER && out->outcome == CS_OUTCOME_ok && !json_is_array(output)) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply has no output", arena, out);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)output, i, item) read_item(item, &p);
    if (out->says == CS_SAYS_NOTHING && output == NULL)
        cs_read_nothing(root, "the reply has no status and no output", arena, out);
    else
        cs_read_take(&p, asked, arena, out);
    out->model = cs_read_text(json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usage"), out);
    read_logprobs(output, arena, out);
    cs_read_said_release(&p);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = json_object_get(root, "error");
    const char *status = json_string_value(json_object_get(root, "status"));
    if (json_is_true(error) || cs_read_is(json_object_get(root, "object"), "error"))
        error = root;
    const bool said = cs_read_is_error(error) || (status != NULL && strcasecmp(status, "failed") == 0);
    if (said || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, said ? error : root, "code", NULL, arena, out);
    else
        read_answer(root, asked, arena, out);
    json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_charge_openai_responses = {CS_CHARGE_BY_LARGER_OF_CAP, CS_CHARGE_BY_CAP,
                                                                     false};

const struct cs_dialect cs_dialect_openai_responses = {
    .protocol = CS_PROTOCOL_OPENAI_RESPONSES,
    .path = "/responses",
    .root = "/v1",
    .auth_prefix = "Authorization: Bearer ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
    .read = read_reply,
};
