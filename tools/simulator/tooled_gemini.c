/* Tools in generateContent: parts functionCall and functionResponse; the first call of a reply carries a thoughtSignature, which must come back. */
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, "INVALID_ARGUMENT", NULL, NULL, "%s", what);
}

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

static bool read_reply(struct cs_chat_request *r, const struct cs_j *parts, struct cs_chat_error *e)
{
    const char *fault;
    bool called = false;
    cs_tooling_reply(&r->tooling);
    for (size_t i = 0; i < cs_json_read_size(parts); i++) {
        const struct cs_j *part = cs_json_read_at(parts, i), *call = cs_json_read_get(part, "functionCall");
        const char *id = cs_json_read_text(cs_json_read_get(call, "id"));
        if (call == NULL)
            continue;
        r->content_bytes += call->raw_len;
        if (!called && !cs_tooling_vouched(id, NULL, cs_json_read_text(cs_json_read_get(part, "thoughtSignature"))))
            return refuse(
                e, "Function call is missing a thought_signature in functionCall parts. This is required for tools "
                   "to work correctly.");
        called = true;
        if (!cs_tooling_call(&r->tooling, id, cs_json_read_text(cs_json_read_get(call, "name")), &fault))
            return refuse(e, fault);
    }
    return true;
}

static bool read_results(struct cs_chat_request *r, const struct cs_j *parts, struct cs_chat_error *e)
{
    const char *fault;
    for (size_t i = 0; i < cs_json_read_size(parts); i++) {
        const struct cs_j *result = cs_json_read_get(cs_json_read_at(parts, i), "functionResponse");
        const struct cs_j *response = cs_json_read_get(result, "response");
        if (result == NULL)
            continue;
        r->content_bytes += response != NULL ? response->raw_len : 0;
        if (!cs_json_read_is(response, CS_J_MAP) ||
            !cs_tooling_result(&r->tooling, cs_json_read_text(cs_json_read_get(result, "id")),
                               cs_json_read_text(cs_json_read_first(response)), &fault))
            return refuse(e,
                          "Please ensure that the number of function response parts is equal to the number of function "
                          "call parts of the function call turn.");
    }
    return cs_tooling_whole(&r->tooling) ||
           refuse(
               e,
               "Please ensure that the number of function response parts is equal to the number of function call parts "
               "of the function call turn.");
}

bool cs_tooled_gemini_read(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *contents = cs_json_read_get(r->root, "contents"), *tools = cs_json_read_get(r->root, "tools");
    for (size_t i = 0; i < cs_json_read_size(tools); i++) {
        const struct cs_j *list = cs_json_read_get(cs_json_read_at(tools, i), "functionDeclarations");
        for (size_t k = 0; k < cs_json_read_size(list); k++) {
            const struct cs_j *f = cs_json_read_at(list, k);
            cs_tooling_offer(&r->tooling, cs_json_read_text(cs_json_read_get(f, "name")),
                             cs_json_read_get(f, "parametersJsonSchema"));
        }
    }
    const struct cs_j *mode = cs_json_read_get(
        cs_json_read_get(cs_json_read_get(r->root, "toolConfig"), "functionCallingConfig"), "mode");
    r->tooling.may_call = r->tooling.n_tools > 0 && !is(mode, "NONE");
    if (r->tooling.n_tools > 0 && r->format != CS_CHAT_TEXT)
        return refuse(e, "Function calling with a response mime type: 'application/json' is unsupported");
    for (const struct cs_j *m = cs_json_read_first(contents); m != NULL; m = cs_json_read_next(contents, m)) {
        const struct cs_j *parts = cs_json_read_get(m, "parts");
        const bool model = is(cs_json_read_get(m, "role"), "model");
        if (!model)
            cs_tooling_user(&r->tooling);
        if (!(model ? read_reply(r, parts, e) : read_results(r, parts, e)))
            return false;
    }
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "Please ensure that function call turns are followed by their responses.");
}

void cs_tooled_gemini_write(const struct cs_chat_answer *a, struct cs_buf *out)
{
    char signature[33];
    cs_buf_str(out, "\"role\":\"model\",\"parts\":[");
    for (uint32_t i = 0; i < a->calls->n; i++) {
        const struct cs_sim_call_made *c = &a->calls->calls[i];
        cs_buf_printf(out, "%s{\"functionCall\":{\"id\":\"%s\",\"name\":", i > 0 ? "," : "", c->id);
        cs_json_str(out, c->name, strlen(c->name));
        cs_buf_printf(out, ",\"args\":%s}", c->arguments);
        if (i == 0 && a->calls->reasons) {
            cs_tooling_signature(c->id, signature);
            cs_buf_printf(out, ",\"thoughtSignature\":\"%s\"", signature);
        }
        cs_buf_char(out, '}');
    }
    cs_buf_char(out, ']');
}
