/* OpenAI Chat Completions, and the many servers that speak it: their differences are fields of the account (facts: providers.md
 * sections 2, 5, 9, 11). */
#include <jansson.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/read.h"
#include "protocol/study/answer.h"
#include "protocol/base/json.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

static void put_message(struct cs_buf *out, const char *role, const struct cs_buf *content)
{
    cs_buf_str(out, "{\"role\":\"");
    cs_buf_str(out, role);
    cs_buf_str(out, "\",");
    cs_body_text(out, "content", cs_buf_cstr(content), content->len);
    cs_buf_char(out, '}');
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    cs_buf_str(out, ",\"messages\":[");
    if (p->system.len > 0) {
        put_message(out, "system", &p->system);
        cs_buf_char(out, ',');
    }
    put_message(out, "user", &p->user);
    cs_buf_char(out, ']');
}

static void put_format(const struct cs_settings_of *of, struct cs_buf *out)
{
    if (of->study == NULL || of->study->questions[of->question].n_fields == 0)
        return;
    switch (of->account->response_format) {
    case CS_FORM_JSON_SCHEMA:
        cs_buf_str(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{");
        cs_body_text(out, "name", cs_body_question(of), strlen(cs_body_question(of)));
        cs_buf_str(out, ",\"strict\":true,\"schema\":");
        cs_answer_schema(of->study, of->question, out);
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
    json_t *value, *renamed = json_object();
    enum cs_err rc = CS_OK;
    cs_buf_char(&b, '{');
    cs_buf_str(&b, of->parameters->text[0] == ',' ? of->parameters->text + 1 : "");
    cs_buf_char(&b, '}');
    json_t *all = json_loadb(b.data, b.len, 0, NULL);
    if (all == NULL) /* as in cs_body_parameters */
        rc = cs_error_set(err, CS_EINVAL, "a parameter is a number that is too large");
    json_object_foreach(all, key, value)
    {
        const char *name = name_of(of->account, key);
        if (strcmp(name, "omit") == 0)
            continue;
        if (json_object_get(renamed, name) != NULL) {
            snprintf(of->culprit, sizeof of->culprit, "%s", key);
            rc = cs_error_set(err, CS_EINVAL, "%s is said a second time by another parameter; keep one", name);
            break;
        }
        json_object_set(renamed, name, value);
    }
    if (rc == CS_OK)
        cs_members(renamed, out);
    json_decref(all);
    json_decref(renamed);
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
static uint32_t cached_tokens(const json_t *usage)
{
    static const char *const names[] = {"prompt_cache_hit_tokens", "num_cached_tokens"}; /* DeepSeek, Mistral */
    uint32_t n = cs_read_count(json_object_get(json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    for (size_t i = 0; i < sizeof names / sizeof *names && n == 0; i++)
        n = cs_read_count(json_object_get(usage, names[i]));
    return n;
}

static void read_usage(const json_t *usage, struct cs_reading *out)
{
    const json_t *details = json_object_get(usage, "completion_tokens_details");
    out->input_tokens = cs_read_count(json_object_get(usage, "prompt_tokens"));
    out->cached_tokens = cached_tokens(usage);
    out->output_tokens = cs_read_count(json_object_get(usage, "completion_tokens"));
    out->reasoning_tokens = cs_read_count(json_object_get(details, "reasoning_tokens"));
}

/* OpenAI's list of tokens; or (Together) a list of tokens and one of values. */
static void read_logprobs(const json_t *logprobs, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *texts = json_object_get(logprobs, "tokens"), *values = json_object_get(logprobs, "token_logprobs");
    if (!json_is_array(texts) || json_array_size(texts) != json_array_size(values)) {
        cs_logprobs_read(json_object_get(logprobs, "content"), "logprob", NULL, arena, out);
        return;
    }
    json_t *pairs = json_array(), *text;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)texts, i, text)
        json_array_append_new(pairs, json_pack("{s:O,s:O}", "token", text, "logprob", json_array_get(values, i)));
    cs_logprobs_read(pairs, "logprob", NULL, arena, out);
    json_decref(pairs);
}

/* A text, or (Mistral's reasoning models) a list of chunks of which those of type text are the answer. */
static void read_content(const json_t *content, struct cs_buf *text)
{
    const json_t *chunk;
    size_t i;
    if (json_is_string(content))
        cs_read_piece(text, content);
    json_array_foreach(content, i, chunk)
    {
        const char *type = json_string_value(json_object_get(chunk, "type"));
        if (type != NULL && strcmp(type, "text") == 0)
            cs_read_piece(text, json_object_get(chunk, "text"));
    }
}

/* How an answer ended; what is not here ended well. Below the line: OpenRouter, DeepSeek, Mistral. */
static const struct {
    const char *reason;
    enum cs_saying says;
    enum cs_outcome outcome;
} ends[] = {
    {"length", CS_SAYS_ANSWER, CS_OUTCOME_truncated},
    {"content_filter", CS_SAYS_ANSWER, CS_OUTCOME_content_filtered},
    /* ---- */
    {"error", CS_SAYS_ERROR, CS_OUTCOME_ok},
    {"insufficient_system_resource", CS_SAYS_ERROR, CS_OUTCOME_ok},
    {"model_length", CS_SAYS_ANSWER, CS_OUTCOME_truncated},
};

/* choices[0] with a finish_reason: the end marker without which a body is not whole. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *refusal = json_object_get(message, "refusal");
    out->finish = cs_read_text(json_object_get(choice, "finish_reason"), CS_OUTPUT_WORD_MAX, arena);
    if (!json_is_object(message) || out->finish[0] == '\0')
        return;
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    out->says = CS_SAYS_ANSWER;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (strcmp(out->finish, ends[i].reason) == 0) {
            out->says = ends[i].says;
            out->outcome = ends[i].outcome;
        }
    }
    if (json_is_string(refusal))
        out->outcome = CS_OUTCOME_refused;
    read_content(json_is_string(refusal) ? refusal : json_object_get(message, "content"), &text);
    cs_read_answer(&text, arena, out);
    out->model = cs_read_text(json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    out->fingerprint = cs_read_text(json_object_get(root, "system_fingerprint"), CS_OUTPUT_WORD_MAX, arena);
    if (out->fingerprint[0] == '\0') /* OpenRouter: which provider, and so which quantisation, served */
        out->fingerprint = cs_read_text(json_object_get(root, "provider"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usage"), out);
    read_logprobs(json_object_get(choice, "logprobs"), arena, out);
    cs_buf_release(&text);
}

/* OpenAI's {"error":{...}}; also {"error":"..."} (TGI, Ollama) and {"object":"error","message":...} (vLLM, Mistral). */
static const json_t *error_in(const json_t *root)
{
    const json_t *error = json_object_get(root, "error");
    const char *object = json_string_value(json_object_get(root, "object"));
    if (json_is_array(root)) /* Google's gateway of this shape */
        return error_in(json_array_get(root, 0));
    if (json_is_object(error) || json_is_string(error))
        return error;
    return object != NULL && strcmp(object, "error") == 0 ? root : NULL;
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", "request-id", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = error_in(root);
    if (error != NULL || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, error != NULL ? error : root, NULL, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_charge_openai_chat = {CS_CHARGE_BY_LARGER_OF_CAP, CS_CHARGE_BY_CAP, false};

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
