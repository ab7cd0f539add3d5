/* OpenAI Responses (facts: providers.md sections 3 and 5). `store` is true there unless one says otherwise, and texts about
 * patients are not to be kept. */
#include <string.h>
#include <strings.h>

#include "protocol/base/json.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/replies/usage.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

enum { CAP_MIN = 16 };

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    if (p->system.len > 0) {
        cs_buf_char(out, ',');
        cs_body_text(out, "instructions", cs_buf_cstr(&p->system), p->system.len);
    }
    cs_buf_str(out, ",\"input\":[");
    cs_body_messages(out, CS_PROTOCOL_OPENAI_RESPONSES, p, "assistant", cs_body_message);
    cs_buf_str(out, "],\"store\":false");
}

static void put_logprobs(struct cs_json *root, const struct cs_json *value)
{
    if (cs_json_is_true(value))
        cs_body_set(root, "include", cs_json_pack("[s]", "message.output_text.logprobs"));
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

static void put_format(const struct cs_settings_of *of, struct cs_json *root)
{
    struct cs_json *schema = cs_body_schema(of, true);
    if (schema == NULL)
        return;
    if (of->account->response_format == CS_FORM_JSON_OBJECT) {
        cs_json_decref(schema);
        cs_body_set(root, "text.format", cs_json_pack("{s:s}", "type", "json_object"));
    } else {
        cs_body_set(root, "text.format",
                    cs_json_pack("{s:s,s:s,s:b,s:o}", "type", "json_schema", "name", cs_body_question(of), "strict", 1,
                                 "schema", schema));
    }
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_object();
    const uint32_t cap = of->parameters->max_output_tokens;
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK && cap > 0 && cap < CAP_MIN) {
        memcpy(of->culprit, "max_output_tokens", 18);
        rc = cs_error_set(err, CS_EINVAL, "openai-responses wants a max_output_tokens of at least %d", CAP_MIN);
    }
    if (rc == CS_OK && cap > 0)
        cs_body_set(root, "max_output_tokens", cs_json_integer(cap));
    if (rc == CS_OK) {
        put_format(of, root);
        cs_members(root, out);
    }
    cs_json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* output[]: texts of messages joined; a part of type refusal makes it a refusal; reasoning is its summaries, or (open models) its own text. */
static void read_item(struct cs_json *item, struct cs_read_said *p)
{
    const struct cs_json *content = cs_json_object_get(item, "content"), *part;
    const char *type = cs_json_string_value(cs_json_object_get(item, "type"));
    size_t i;
    if (type != NULL && strcmp(type, "reasoning") == 0) {
        cs_read_said_reason(p, cs_json_array_size(content) > 0 ? content : cs_json_object_get(item, "summary"));
        return;
    }
    if (type != NULL && strstr(type, "_call") != NULL)
        cs_read_said_call(p, item);
    if (cs_json_is_string(content)) /* as a request may write it */
        cs_read_piece(&p->text, content);
    cs_json_array_foreach(content, i, part)
    {
        if (cs_read_is(cs_json_object_get(part, "type"), "output_text"))
            cs_read_piece(&p->text, cs_json_object_get(part, "text"));
        else if (cs_read_is(cs_json_object_get(part, "type"), "refusal"))
            cs_read_piece(&p->refusal, cs_json_object_get(part, "refusal"));
    }
}

/* Takes them from the first part of the text that has them. */
static void read_logprobs(const struct cs_json *output, struct cs_arena *arena, struct cs_reading *out)
{
    size_t i, k;
    const struct cs_json *item, *part;
    cs_json_array_foreach(output, i, item)
    {
        const struct cs_json *content = cs_json_object_get(item, "content");
        cs_json_array_foreach(content, k, part)
        {
            if (out->logprob_tokens == 0)
                cs_dialect_logprobs_read(cs_json_object_get(part, "logprobs"), "logprob", NULL, arena, out);
        }
    }
}

static void read_usage(const struct cs_json *usage, struct cs_reading *out)
{
    out->input_tokens = cs_read_count(cs_json_object_get(usage, "input_tokens"));
    const struct cs_json *details = cs_json_object_get(usage, "input_tokens_details");
    out->cached_tokens = cs_read_count(cs_json_object_get(details, "cached_tokens"));
    out->cache_write_tokens = cs_read_count(cs_json_object_get(details, "cache_write_tokens"));
    out->output_tokens = cs_read_count(cs_json_object_get(usage, "output_tokens"));
    out->reasoning_tokens = cs_read_count(
        cs_json_object_get(cs_json_object_get(usage, "output_tokens_details"), "reasoning_tokens"));
    cs_usage_reasoning(cs_json_object_get(usage, "total_tokens"), out);
    cs_usage_total(cs_json_object_get(usage, "total_tokens"), out);
}

/* The end marker is the status: completed, or incomplete for a reason. */
static void read_answer(const struct cs_json *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const struct cs_json *status = cs_json_object_get(root, "status"), *output = cs_json_object_get(root, "output");
    const struct cs_json *reason = cs_json_object_get(cs_json_object_get(root, "incomplete_details"), "reason");
    const bool incomplete = cs_json_is_string(status) && strcasecmp(cs_json_string_value(status), "incomplete") == 0;
    struct cs_json *item;
    size_t i;
    cs_ends_read(incomplete && cs_json_is_string(reason) ? reason : status, arena, out);
    if (incomplete && out->says == CS_SAYS_ANSWER && out->outcome == CS_OUTCOME_ok) /* for a reason that is new */
        out->outcome = CS_OUTCOME_truncated;
    if (out->says == CS_SAYS_ANSWER && out->outcome == CS_OUTCOME_ok && !cs_json_is_array(output)) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply has no output", arena, out);
        return;
    }
    cs_json_array_foreach((struct cs_json *)(uintptr_t)output, i, item) read_item(item, &p);
    if (out->says == CS_SAYS_NOTHING && output == NULL)
        cs_read_nothing(root, "the reply has no status and no output", arena, out);
    else
        cs_read_take(&p, asked, arena, out);
    out->model = cs_read_text(cs_json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    read_logprobs(output, arena, out);
    cs_read_said_release(&p);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", NULL};
    struct cs_json *root = cs_read_begin(reply, id_headers, arena, out);
    const struct cs_json *error = cs_read_error_of(root);
    const char *status = cs_json_string_value(cs_json_object_get(root, "status"));
    read_usage(cs_json_object_get(root, "usage"), out);
    cs_read_response_id(cs_json_object_get(root, "id"), arena, out);
    const bool said = error != NULL || (status != NULL && strcasecmp(status, "failed") == 0);
    if (said || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, said ? error : root, "code", NULL, arena, out);
    else
        read_answer(root, asked, arena, out);
    cs_json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_openai_responses_charge = {CS_CHARGE_BY_LARGER_OF_CAP, CS_CHARGE_BY_CAP,
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
