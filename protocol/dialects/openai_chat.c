/* OpenAI Chat Completions, and the many servers that speak it: their differences are fields of the account (facts: providers.md
 * sections 2, 5, 9, 11). */
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/replies/usage.h"
#include "protocol/study/answer.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    cs_buf_str(out, ",\"messages\":[");
    if (p->system.len > 0) {
        cs_body_message(out, "system", cs_buf_cstr(&p->system), p->system.len);
        cs_buf_char(out, ',');
    }
    cs_body_messages(out, CS_PROTOCOL_OPENAI_CHAT, p, "assistant", cs_body_message);
    cs_buf_char(out, ']');
}

static void put_format(const struct cs_settings_of *of, struct cs_buf *out)
{
    if (of->study == NULL || of->free_turn || of->study->questions[of->question].n_fields == 0)
        return;
    switch (of->account->response_format) {
    case CS_FORM_JSON_SCHEMA:
        cs_buf_str(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{");
        cs_body_text(out, "name", cs_body_question(of), strlen(cs_body_question(of)));
        cs_buf_str(out, ",\"strict\":true,\"schema\":");
        cs_schema_answer(of->study, of->question, of->elements, out);
        cs_buf_str(out, "}}");
        break;
    case CS_FORM_JSON_OBJECT:
        cs_buf_str(out, ",\"response_format\":{\"type\":\"json_object\"}");
        break;
    case CS_FORM_TOOL:
    case CS_FORM_NONE:
    case CS_FORMS:
        break;
    }
}

/* What the account's server calls a parameter; "omit": it has none such. */
static const char *name_of(const struct cs_account *a, const char *name)
{
    const size_t n = strlen(name);
    for (uint32_t i = 0; i < a->n_parameter_names; i++) {
        if (strncmp(a->parameter_names[i], name, n) == 0 && strncmp(a->parameter_names[i] + n, ": ", 2) == 0)
            return a->parameter_names[i] + n + 2;
    }
    return name;
}

/* The parameters under the names that the account's server has for them. */
static enum cs_err put_renamed(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_TEXT_MAX + 16);
    const char *key;
    struct cs_json *value, *renamed = cs_json_object();
    enum cs_err rc = CS_OK;
    cs_buf_char(&b, '{');
    cs_buf_str(&b, of->parameters->text[0] == ',' ? of->parameters->text + 1 : "");
    cs_buf_char(&b, '}');
    struct cs_json *all = cs_json_loadb(b.data, b.len, 0, NULL);
    if (all == NULL) /* as in cs_body_parameters */
        rc = cs_error_set(err, CS_EINVAL, "a parameter is a number that is too large");
    cs_json_object_foreach(all, key, value)
    {
        const char *name = name_of(of->account, key);
        if (strcmp(name, "omit") == 0)
            continue;
        if (cs_json_object_get(renamed, name) != NULL) {
            snprintf(of->culprit, sizeof of->culprit, "%s", key);
            rc = cs_error_set(err, CS_EINVAL, "%s is said a second time by another parameter; keep one", name);
            break;
        }
        cs_json_object_set(renamed, name, value);
    }
    if (rc == CS_OK)
        cs_members(renamed, out);
    cs_json_decref(all);
    cs_json_decref(renamed);
    cs_buf_release(&b);
    return rc;
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    const char *field = of->account->max_tokens_field;
    if (of->account->n_parameter_names > 0) {
        enum cs_err rc = put_renamed(of, out, err);
        if (rc != CS_OK)
            return rc;
    } else {
        cs_buf_str(out, of->parameters->text);
    }
    if (of->parameters->max_output_tokens > 0)
        cs_buf_printf(out, ",\"%s\":%u", field != NULL ? field : "max_completion_tokens",
                      of->parameters->max_output_tokens);
    put_format(of, out);
    return CS_OK;
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* Some servers tell cached tokens in a place of their own. */
static uint32_t cached_tokens(const struct cs_json *usage)
{
    static const char *const names[] = {"prompt_cache_hit_tokens", "num_cached_tokens"}; /* DeepSeek, Mistral */
    uint32_t n = cs_read_count(cs_json_object_get(cs_json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    for (size_t i = 0; i < sizeof names / sizeof *names && n == 0; i++)
        n = cs_read_count(cs_json_object_get(usage, names[i]));
    return n;
}

/* The first of the two that is there. */
static uint32_t either(const struct cs_json *a, const char *in_a, const struct cs_json *b, const char *in_b)
{
    const struct cs_json *first = cs_json_object_get(a, in_a);
    return cs_read_count(first != NULL ? first : cs_json_object_get(b, in_b));
}

/* Gateways count in others' words, too. */
static void read_usage(const struct cs_json *usage, struct cs_reading *out)
{
    const struct cs_json *details = cs_json_object_get(usage, "completion_tokens_details");
    out->input_tokens = either(usage, "prompt_tokens", usage, "input_tokens");
    out->cached_tokens = cached_tokens(usage);
    out->cache_write_tokens = either(cs_json_object_get(usage, "prompt_tokens_details"), "cache_write_tokens", usage,
                                     "cache_creation_input_tokens");
    out->output_tokens = either(usage, "completion_tokens", usage, "output_tokens");
    out->reasoning_tokens = either(details, "reasoning_tokens", usage, "reasoning_tokens");
    cs_usage_reasoning(cs_json_object_get(usage, "total_tokens"), out);
    cs_usage_total(cs_json_object_get(usage, "total_tokens"), out);
}

/* OpenAI's list of tokens; or (Together) a list of tokens and one of values. */
static void read_logprobs(const struct cs_json *logprobs, struct cs_arena *arena, struct cs_reading *out)
{
    const struct cs_json *texts = cs_json_object_get(logprobs, "tokens"),
                         *values = cs_json_object_get(logprobs, "token_logprobs");
    if (!cs_json_is_array(texts) || cs_json_array_size(texts) != cs_json_array_size(values)) {
        cs_dialect_logprobs_read(cs_json_object_get(logprobs, "content"), "logprob", NULL, arena, out);
        return;
    }
    struct cs_json *pairs = cs_json_array(), *text;
    size_t i;
    cs_json_array_foreach((struct cs_json *)(uintptr_t)texts, i, text) cs_json_array_append_new(
        pairs, cs_json_pack("{s:O,s:O}", "token", text, "logprob", cs_json_array_get(values, i)));
    cs_dialect_logprobs_read(pairs, "logprob", NULL, arena, out);
    cs_json_decref(pairs);
}

/* A part of a content in parts, by its type; one without a type is text. */
static void read_part(const struct cs_json *part, struct cs_read_said *p)
{
    const struct cs_json *type = cs_json_object_get(part, "type");
    if (cs_read_is(type, "thinking") || cs_read_is(type, "reasoning")) {
        const struct cs_json *said = cs_json_object_get(part, cs_json_string_value(type));
        cs_read_said_reason(p, said != NULL ? said : part);
    } else if (cs_read_is(type, "refusal"))
        cs_read_piece(&p->refusal, cs_json_object_get(part, "refusal"));
    else if (type == NULL || cs_read_is(type, "text") || cs_read_is(type, "output_text"))
        cs_read_piece(&p->text, cs_json_is_string(part) ? part : cs_json_object_get(part, "text"));
}

/* A text; or (Mistral's reasoning models) a list of parts; or the answer as the object that it is. */
static void read_content(const struct cs_json *content, struct cs_read_said *p)
{
    const struct cs_json *part;
    size_t i;
    if (cs_json_is_string(cs_json_object_get(content, "type")) &&
        cs_json_is_string(cs_json_object_get(content, "text")))
        read_part(content, p); /* one part, without its list */
    else if (!cs_json_is_array(content))
        cs_read_piece(&p->text, content);
    cs_json_array_foreach(content, i, part) read_part(part, p);
}

/* Where servers put what a model thinks (DeepSeek, vLLM, llama.cpp; OpenRouter, Ollama); the first that says something. */
static void read_reasoning(const struct cs_json *message, struct cs_read_said *p)
{
    static const char *const members[] = {"reasoning_content", "reasoning", "thinking", "reasoning_details"};
    for (size_t i = 0; i < sizeof members / sizeof *members && p->reasoning.len == 0; i++)
        cs_read_said_reason(p, cs_json_object_get(message, members[i]));
}

static void read_message(const struct cs_json *message, struct cs_read_said *p)
{
    const struct cs_json *calls = cs_json_object_get(message, "tool_calls");
    struct cs_json *call;
    size_t i;
    read_content(cs_json_object_get(message, "content"), p);
    if (cs_json_is_string(cs_json_object_get(message, "refusal")))
        cs_read_piece(&p->refusal, cs_json_object_get(message, "refusal"));
    read_reasoning(message, p);
    cs_json_array_foreach((struct cs_json *)(uintptr_t)calls, i, call) cs_read_said_call(p, call);
    call = cs_json_object_get(message, "function_call");
    if (cs_json_is_object(call))
        cs_read_said_call(p, call);
}

/* choices[0] with a finish_reason: the end marker without which a body is not whole. What was filtered or cut short may have no message. */
static void read_answer(const struct cs_json *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const struct cs_json *choice = cs_json_array_get(cs_json_object_get(root, "choices"), 0);
    const struct cs_json *message = cs_json_object_get(choice, "message");
    if (!cs_json_is_object(choice) && cs_complaint_is_filtered(root)) { /* Azure: prompt_filter_results alone */
        out->says = CS_SAYS_FILTERED;
        out->text = "the reply has no choices, and says that the prompt was filtered";
        return;
    }
    if (!cs_json_is_object(choice)) {
        cs_read_nothing(root, "the reply has no choices", arena, out);
        return;
    }
    cs_ends_read(cs_json_object_get(choice, "finish_reason"), arena, out);
    if (!cs_json_is_object(message) && out->says == CS_SAYS_ANSWER && out->outcome == CS_OUTCOME_ok) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply's choice has no message", arena, out);
        return;
    }
    read_message(message, &p);
    cs_read_take(&p, asked, arena, out);
    out->model = cs_read_text(cs_json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    out->fingerprint = cs_read_text(cs_json_object_get(root, "system_fingerprint"), CS_OUTPUT_WORD_MAX, arena);
    if (out->fingerprint[0] == '\0') /* OpenRouter: which provider, and so which quantisation, served */
        out->fingerprint = cs_read_text(cs_json_object_get(root, "provider"), CS_OUTPUT_WORD_MAX, arena);
    read_logprobs(cs_json_object_get(choice, "logprobs"), arena, out);
    cs_read_said_release(&p);
}

/* OpenAI's {"error":{...}}; also {"error":"..."} (TGI, Ollama), with its code beside it, and {"object":"error","message":...} (vLLM,
 * Mistral); and in a choice (OpenRouter), whatever else the choice says. */
static const struct cs_json *error_in(const struct cs_json *root)
{
    const struct cs_json *error = cs_read_error_of(root);
    const struct cs_json *choice = cs_json_array_get(cs_json_object_get(root, "choices"), 0);
    if (error == NULL && cs_read_is_error(cs_json_object_get(choice, "error")))
        error = cs_json_object_get(choice, "error");
    if (error == NULL && cs_read_is_error(cs_json_object_get(cs_json_object_get(choice, "message"), "error")))
        error = cs_json_object_get(cs_json_object_get(choice, "message"), "error");
    return error;
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", "request-id", NULL};
    struct cs_json *root = cs_read_begin(reply, id_headers, arena, out);
    const struct cs_json *error = error_in(root);
    read_usage(cs_json_object_get(root, "usage"), out);
    cs_read_response_id(cs_json_object_get(root, "id"), arena, out);
    if (error != NULL || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, error != NULL ? error : root, "code", NULL, arena, out);
    else
        read_answer(root, asked, arena, out);
    cs_json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_openai_chat_charge = {CS_CHARGE_BY_LARGER_OF_CAP, CS_CHARGE_BY_CAP, false};

const struct cs_dialect cs_dialect_openai_chat = {
    .protocol = CS_PROTOCOL_OPENAI_CHAT,
    .path = "/chat/completions",
    .root = "/v1",
    .auth_prefix = "Authorization: Bearer ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
    .read = read_reply,
};
