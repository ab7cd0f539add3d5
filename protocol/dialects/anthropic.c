/* Anthropic Messages (facts: providers.md section 6). There is no seed and no logprobs, and a cap must be given. */
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/replies/usage.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

enum { BUDGET_MIN = 1024 };

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    if (p->system.len > 0) {
        cs_buf_char(out, ',');
        cs_body_text(out, "system", cs_buf_cstr(&p->system), p->system.len);
    }
    cs_buf_str(out, ",\"messages\":[");
    cs_body_messages(out, CS_PROTOCOL_ANTHROPIC_MESSAGES, p, "assistant", cs_body_message);
    cs_buf_char(out, ']');
}

/* At the top level the mark moves along with the conversation (facts: providers.md section 14). */
static void put_mark(struct cs_buf *body, size_t end)
{
    (void)end;
    cs_body_insert(body, body->len - 1, ",\"cache_control\":{\"type\":\"ephemeral\"}");
}

static void put_budget(struct cs_json *root, const struct cs_json *value)
{
    const int64_t n = cs_json_integer_value(value);
    cs_body_set(root, "thinking",
                n == 0 ? cs_json_pack("{s:s}", "type", "disabled")
                       : cs_json_pack("{s:s,s:I}", "type", "enabled", "budget_tokens", n));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "temperature", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_p", "top_p", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_k", "top_k", CS_RULE_INTEGER, 1, 1e9, NULL},
    {"reasoning_effort", "output_config.effort", CS_RULE_WORD, 0, 0, NULL},
    {"thinking_budget", "thinking", CS_RULE_INTEGER, 0, 1e9, put_budget},
    {"thinking", "thinking", CS_RULE_ANY, 0, 0, NULL},
    {"stop_sequences", "stop_sequences", CS_RULE_ANY, 0, 0, NULL},
    {"service_tier", "service_tier", CS_RULE_WORD, 0, 0, NULL},
    {"inference_geo", "inference_geo", CS_RULE_WORD, 0, 0, NULL},
};

static enum cs_err check_caps(struct cs_settings_of *of, const struct cs_json *root, struct cs_error *err)
{
    const uint32_t cap = of->parameters->max_output_tokens;
    const struct cs_json *budget = cs_json_object_get(cs_json_object_get(root, "thinking"), "budget_tokens");
    if (cap == 0) {
        memcpy(of->culprit, "max_output_tokens", 18);
        return cs_error_set(err, CS_EINVAL,
                            "anthropic-messages wants a cap; write max_output_tokens: N in the parameters");
    }
    if (budget == NULL || (cs_json_integer_value(budget) >= BUDGET_MIN && cs_json_integer_value(budget) < cap))
        return CS_OK;
    memcpy(of->culprit, "thinking_budget", 16);
    return cs_error_set(err, CS_EINVAL, "thinking_budget must be 0, or from %d to below max_output_tokens (%u)",
                        BUDGET_MIN, cap);
}

static void put_format(const struct cs_settings_of *of, struct cs_json *root)
{
    const bool tool = of->account->response_format == CS_FORM_TOOL;
    struct cs_json *schema = cs_body_schema(of, tool);
    if (schema == NULL)
        return;
    if (!tool) {
        cs_body_set(root, "output_config.format", cs_json_pack("{s:s,s:o}", "type", "json_schema", "schema", schema));
        return;
    }
    const char *name = cs_body_question(of);
    cs_body_set(
        root, "tools",
        cs_json_pack("[{s:s,s:s,s:o}]", "name", name, "description", "Gives the answer.", "input_schema", schema));
    cs_body_set(root, "tool_choice", cs_json_pack("{s:s,s:s}", "type", "tool", "name", name));
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK)
        rc = check_caps(of, root, err);
    if (rc == CS_OK) {
        cs_body_set(root, "max_tokens", cs_json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_members(root, out);
    }
    cs_json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

static void read_block(struct cs_json *block, enum cs_form asked, struct cs_read_said *p)
{
    const char *type = cs_json_string_value(cs_json_object_get(block, "type"));
    if (type == NULL)
        return;
    if (strcmp(type, "text") == 0 && !p->has_answer_tool)
        cs_read_piece(&p->text, cs_json_object_get(block, "text"));
    else if (strcmp(type, "thinking") == 0)
        cs_read_said_reason(p, cs_json_object_get(block, "thinking"));
    else if (strcmp(type, "tool_use") == 0)
        cs_read_said_tool(p, asked, block, cs_json_object_get(block, "input"));
    else if (strstr(type, "tool_use") != NULL)
        cs_read_said_call(p, block);
}

/* Anthropic's input_tokens leave out what went through the cache. */
static void read_usage(const struct cs_json *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(cs_json_object_get(usage, "cache_read_input_tokens"));
    out->input_tokens = cs_usage_add(cs_read_count(cs_json_object_get(usage, "input_tokens")), out->cached_tokens);
    out->cache_write_tokens = cs_read_count(cs_json_object_get(usage, "cache_creation_input_tokens"));
    out->input_tokens = cs_usage_add(out->input_tokens, out->cache_write_tokens);
    out->output_tokens = cs_read_count(cs_json_object_get(usage, "output_tokens"));
    out->reasoning_tokens = cs_read_count(
        cs_json_object_get(cs_json_object_get(usage, "output_tokens_details"), "thinking_tokens"));
}

/* The end marker is stop_reason. */
static void read_answer(const struct cs_json *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const struct cs_json *content = cs_json_object_get(root, "content");
    struct cs_json *block;
    size_t i;
    const bool plain = cs_json_is_string(content); /* as a request may write it, and a gateway does */
    if (cs_json_is_string(cs_json_object_get(root, "stop_reason")) || cs_json_is_array(content))
        cs_ends_read(cs_json_object_get(root, "stop_reason"), arena, out);
    if (!cs_json_is_array(content) && !plain && (out->says == CS_SAYS_NOTHING || out->outcome == CS_OUTCOME_ok)) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply has no content", arena, out);
        return;
    }
    if (out->outcome == CS_OUTCOME_refused) { /* what was said before it must be dropped */
        cs_read_piece(&p.text, cs_json_object_get(cs_json_object_get(root, "stop_details"), "explanation"));
    } else if (plain) {
        cs_read_piece(&p.text, content);
    } else {
        cs_json_array_foreach((struct cs_json *)(uintptr_t)content, i, block) read_block(block, asked, &p);
    }
    cs_read_take(&p, asked, arena, out);
    out->model = cs_read_text(cs_json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    cs_read_said_release(&p);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"request-id", "x-request-id", NULL};
    struct cs_json *root = cs_read_begin(reply, id_headers, arena, out);
    const struct cs_json *error = cs_read_error_of(root);
    read_usage(cs_json_object_get(root, "usage"), out);
    cs_read_response_id(cs_json_object_get(root, "id"), arena, out);
    if (out->request_id[0] == '\0')
        out->request_id = cs_read_text(cs_json_object_get(root, "request_id"), CS_OUTPUT_WORD_MAX, arena);
    if (error != NULL || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, error != NULL ? error : root, "type", NULL, arena, out);
    else
        read_answer(root, asked, arena, out);
    cs_json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_anthropic_charge = {CS_CHARGE_BY_INPUT_AND_OUTPUT, CS_CHARGE_BY_OUTPUT, true};

const struct cs_dialect cs_dialect_anthropic = {
    .protocol = CS_PROTOCOL_ANTHROPIC_MESSAGES,
    .path = "/messages",
    .root = "/v1",
    .auth_prefix = "x-api-key: ",
    .header = "anthropic-version: 2023-06-01", /* later ones take no temperature */
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_TOOL | 1 << CS_FORM_NONE,
    .keeps = true,
    .prompt = put_prompt,
    .settings = put_settings,
    .keep = put_mark,
    .read = read_reply,
};
