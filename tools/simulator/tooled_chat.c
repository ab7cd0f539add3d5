/* Tools in Chat Completions: `tools`, `tool_calls`, messages of the role `tool`; and the order that the vendor holds them to. */
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/chat_parts.h"
#include "tools/simulator/dialect.h"

static const char invalid[] = "invalid_request_error";

uint64_t cs_tooled_chat_tokens(const struct cs_sim_calls *calls)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < calls->n; i++)
        bytes += strlen(calls->calls[i].name) + strlen(calls->calls[i].arguments) + 8;
    return cs_sim_dialect_tokens(bytes);
}

static bool refuse(struct cs_chat_error *e, const char *param, const char *what)
{
    return cs_chat_error_set(e, 400, invalid, param, NULL, "%s", what);
}

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

static bool read_declared(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *tools = cs_json_read_get(r->root, "tools"), *choice = cs_json_read_get(r->root, "tool_choice");
    for (size_t i = 0; i < cs_json_read_size(tools); i++) {
        const struct cs_j *tool = cs_json_read_at(tools, i), *f = cs_json_read_get(tool, "function");
        const struct cs_j *name = cs_json_read_get(f, "name"), *schema = cs_json_read_get(f, "parameters");
        if (!is(cs_json_read_get(tool, "type"), "function") || !cs_json_read_is(name, CS_J_TEXT))
            return refuse(e, "tools", "Missing required parameter: 'tools[0].function.name'.");
        if (cs_json_read_is(cs_json_read_get(f, "strict"), CS_J_TRUE) &&
            !cs_chat_parts_strict(schema, cs_json_read_text(name), e))
            return false;
        cs_tooling_offer(&r->tooling, cs_json_read_text(name), schema);
    }
    if (choice != NULL && cs_json_read_size(tools) == 0)
        return refuse(e, "tool_choice",
                      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' "
                      "are specified.");
    if (choice != NULL && !is(choice, "auto") && !is(choice, "none"))
        return refuse(e, "tool_choice", "the simulator leaves calls to the model: 'auto' or 'none'");
    r->tooling.may_call = r->tooling.n_tools > 0 && !is(choice, "none");
    return true;
}

/* Servers whose models think between calls want what was thought with the calls. */
static bool is_vouched(const struct cs_j *message)
{
    const struct cs_j *first = cs_json_read_at(cs_json_read_get(message, "tool_calls"), 0);
    const char *thought = cs_json_read_text(cs_json_read_get(message, "reasoning_content"));
    const size_t n = sizeof CS_TOOLING_THOUGHT - 1;
    const bool begins = thought != NULL && strncmp(thought, CS_TOOLING_THOUGHT, n) == 0 && thought[n] == ' ';
    return cs_tooling_vouched(cs_json_read_text(cs_json_read_get(first, "id")), NULL, begins ? thought + n + 1 : NULL);
}

static bool read_calls(struct cs_chat_request *r, const struct cs_j *message, struct cs_chat_error *e)
{
    const struct cs_j *calls = cs_json_read_get(message, "tool_calls");
    const char *fault;
    if (!is_vouched(message))
        return refuse(e, "messages", "Missing `reasoning_content` field in the assistant message");
    for (size_t i = 0; i < cs_json_read_size(calls); i++) {
        const struct cs_j *call = cs_json_read_at(calls, i), *f = cs_json_read_get(call, "function");
        r->content_bytes += cs_json_read_get(f, "arguments") != NULL ? cs_json_read_get(f, "arguments")->n : 0;
        if (!is(cs_json_read_get(call, "type"), "function") ||
            !cs_json_read_is(cs_json_read_get(f, "arguments"), CS_J_TEXT))
            return refuse(e, "messages", "Missing required parameter: 'messages[1].tool_calls[0].function'.");
        if (!cs_tooling_call(&r->tooling, cs_json_read_text(cs_json_read_get(call, "id")),
                             cs_json_read_text(cs_json_read_get(f, "name")), &fault))
            return refuse(e, "messages", fault);
    }
    return true;
}

static bool read_result(struct cs_chat_request *r, const struct cs_j *message, struct cs_chat_error *e)
{
    const struct cs_j *content = cs_json_read_get(message, "content");
    const char *id = cs_json_read_text(cs_json_read_get(message, "tool_call_id")), *fault;
    if (id == NULL || !cs_json_read_is(content, CS_J_TEXT))
        return refuse(e, "messages", "Missing required parameter: 'messages[2].tool_call_id'.");
    r->content_bytes += content->n;
    return cs_tooling_result(&r->tooling, id, cs_json_read_text(content), &fault) ||
           refuse(e, "messages",
                  "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                  "'tool_calls'.");
}

bool cs_tooled_chat_read(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *messages = cs_json_read_get(r->root, "messages");
    if (!read_declared(r, e))
        return false;
    for (const struct cs_j *m = cs_json_read_first(messages); m != NULL; m = cs_json_read_next(messages, m)) {
        const struct cs_j *role = cs_json_read_get(m, "role");
        if (!is(role, "tool") && !cs_tooling_whole(&r->tooling))
            break;
        if (is(role, "assistant"))
            cs_tooling_reply(&r->tooling);
        if (is(role, "user"))
            cs_tooling_user(&r->tooling);
        if (is(role, "assistant") && !read_calls(r, m, e))
            return false;
        if (is(role, "tool") && !read_result(r, m, e))
            return false;
    }
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "messages",
                  "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                  "'tool_call_id'.");
}

void cs_tooled_chat_write(struct cs_chat_answer *a, struct cs_buf *out)
{
    a->output_tokens = cs_tooled_chat_tokens(a->calls);
    cs_buf_printf(out, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%lld,\"model\":", a->id,
                  (long long)a->created);
    cs_json_str(out, a->model, strlen(a->model));
    cs_buf_str(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,");
    if (a->calls->reasons) {
        char signature[33];
        cs_tooling_signature(a->calls->calls[0].id, signature);
        cs_buf_printf(out, "\"reasoning_content\":\"" CS_TOOLING_THOUGHT " %s\",", signature);
    }
    cs_buf_str(out, "\"tool_calls\":[");
    for (uint32_t i = 0; i < a->calls->n; i++) {
        const struct cs_sim_call_made *c = &a->calls->calls[i];
        cs_buf_printf(out, "%s{\"id\":\"%s\",\"type\":\"function\",\"function\":{\"name\":", i > 0 ? "," : "", c->id);
        cs_json_str(out, c->name, strlen(c->name));
        cs_buf_str(out, ",\"arguments\":");
        cs_json_str(out, c->arguments, strlen(c->arguments));
        cs_buf_str(out, "}}");
    }
    cs_buf_str(out, "],\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],");
    cs_chat_parts_usage(a, out);
}
