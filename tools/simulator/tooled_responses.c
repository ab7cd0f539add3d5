/* Tools in Responses: items function_call and function_call_output; reasoning stands before the calls, and must come back with them. */
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/chat_parts.h"
#include "tools/simulator/dialect.h"

static bool refuse(struct cs_chat_error *e, const char *param, const char *what)
{
    return cs_chat_error_set(e, 400, "invalid_request_error", param, NULL, "%s", what);
}

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

static bool read_declared(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *tools = cs_json_read_get(r->root, "tools"), *choice = cs_json_read_get(r->root, "tool_choice");
    for (size_t i = 0; i < cs_json_read_size(tools); i++) {
        const struct cs_j *tool = cs_json_read_at(tools, i), *name = cs_json_read_get(tool, "name");
        const struct cs_j *schema = cs_json_read_get(tool, "parameters");
        if (!is(cs_json_read_get(tool, "type"), "function") || !cs_json_read_is(name, CS_J_TEXT))
            return refuse(e, "tools[0].name", "Missing required parameter: 'tools[0].name'.");
        if (cs_json_read_is(cs_json_read_get(tool, "strict"), CS_J_TRUE) &&
            !cs_chat_parts_strict(schema, cs_json_read_text(name), e))
            return false;
        cs_tooling_offer(&r->tooling, cs_json_read_text(name), schema);
    }
    if (choice != NULL && !is(choice, "auto") && !is(choice, "none"))
        return refuse(e, "tool_choice", "the simulator leaves calls to the model: 'auto' or 'none'");
    r->tooling.may_call = r->tooling.n_tools > 0 && !is(choice, "none");
    return true;
}

/* The reasoning that stands before the first call of a reply. */
struct before {
    bool model;       /* the item before is the model's */
    const char *seal; /* of the last item of reasoning */
    bool called;      /* since it */
};

static bool read_call(struct cs_chat_request *r, const struct cs_j *item, struct before *b, struct cs_chat_error *e)
{
    const char *id = cs_json_read_text(cs_json_read_get(item, "call_id")), *fault;
    const struct cs_j *arguments = cs_json_read_get(item, "arguments");
    r->content_bytes += arguments != NULL ? arguments->n : 0;
    if (id == NULL || !cs_json_read_is(arguments, CS_J_TEXT))
        return refuse(e, "input", "Missing required parameter: 'input[1].call_id'.");
    if (!b->called && !cs_tooling_vouched(id, NULL, b->seal))
        return refuse(e, "input",
                      "Item 'fc' of type 'function_call' was provided without its required 'reasoning' item.");
    b->called = true;
    return cs_tooling_call(&r->tooling, id, cs_json_read_text(cs_json_read_get(item, "name")), &fault) ||
           refuse(e, "input", fault);
}

static bool read_item(struct cs_chat_request *r, const struct cs_j *item, struct before *b, struct cs_chat_error *e)
{
    const struct cs_j *type = cs_json_read_get(item, "type"), *output = cs_json_read_get(item, "output");
    const bool reasoning = is(type, "reasoning"), call = is(type, "function_call");
    const bool model = reasoning || call || is(cs_json_read_get(item, "role"), "assistant");
    const char *fault;
    if (model && !b->model) {
        cs_tooling_reply(&r->tooling);
        *b = (struct before){true, NULL, false};
    }
    b->model = model;
    if (reasoning)
        b->seal = cs_json_read_text(cs_json_read_get(item, "encrypted_content"));
    if (call)
        return read_call(r, item, b, e);
    if (is(cs_json_read_get(item, "role"), "user"))
        cs_tooling_user(&r->tooling);
    if (!is(type, "function_call_output"))
        return true;
    r->content_bytes += output != NULL ? output->n : 0;
    return (cs_json_read_is(output, CS_J_TEXT) &&
            cs_tooling_result(&r->tooling, cs_json_read_text(cs_json_read_get(item, "call_id")),
                              cs_json_read_text(output), &fault)) ||
           refuse(e, "input", "No tool call found for function call output with call_id.");
}

bool cs_tooled_responses_read(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *input = cs_json_read_get(r->root, "input");
    struct before b = {0};
    if (!read_declared(r, e))
        return false;
    for (const struct cs_j *item = cs_json_read_is(input, CS_J_LIST) ? cs_json_read_first(input) : NULL; item != NULL;
         item = cs_json_read_next(input, item)) {
        if (!read_item(r, item, &b, e))
            return false;
    }
    return cs_tooling_whole(&r->tooling) || refuse(e, "input", "No tool output found for function call.");
}

void cs_tooled_responses_write(struct cs_chat_answer *a, struct cs_buf *out)
{
    char signature[33];
    a->output_tokens = cs_tooled_chat_tokens(a->calls);
    cs_buf_str(out, ",\"output\":[");
    if (a->calls->reasons) {
        cs_tooling_signature(a->calls->calls[0].id, signature);
        cs_buf_printf(out,
                      "{\"id\":\"rs_%s\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":"
                      "\"" CS_TOOLING_THOUGHT "\"}],\"encrypted_content\":\"%s\"},",
                      a->id, signature);
    }
    for (uint32_t i = 0; i < a->calls->n; i++) {
        const struct cs_sim_call_made *c = &a->calls->calls[i];
        cs_buf_printf(
            out,
            "%s{\"id\":\"fc_%u%s\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"%s\",\"name\":",
            i > 0 ? "," : "", i, a->id, c->id);
        cs_json_str(out, c->name, strlen(c->name));
        cs_buf_str(out, ",\"arguments\":");
        cs_json_str(out, c->arguments, strlen(c->arguments));
        cs_buf_char(out, '}');
    }
    cs_buf_char(out, ']');
}
