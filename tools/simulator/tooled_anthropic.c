/* Tools in Messages: blocks tool_use, tool_result, and thinking, which must come back before its calls as it was. */
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, "invalid_request_error", NULL, NULL, "%s", what);
}

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

static bool read_reply(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    const char *thought = NULL, *signature = NULL, *fault;
    bool called = false;
    cs_tooling_reply(&r->tooling);
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *block = cs_json_read_at(content, i), *type = cs_json_read_get(block, "type");
        const struct cs_j *input = cs_json_read_get(block, "input");
        const char *id = cs_json_read_text(cs_json_read_get(block, "id"));
        if (is(type, "thinking")) {
            thought = cs_json_read_text(cs_json_read_get(block, "thinking"));
            signature = cs_json_read_text(cs_json_read_get(block, "signature"));
        }
        if (!is(type, "tool_use"))
            continue;
        r->content_bytes += input != NULL ? input->raw_len : 0;
        if (!cs_json_read_is(input, CS_J_MAP))
            return refuse(e, "messages.1.content.0.tool_use.input: Input should be a valid dictionary");
        if (!called && !cs_tooling_vouched(id, thought, signature))
            return refuse(
                e, "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. "
                   "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.");
        called = true;
        if (!cs_tooling_call(&r->tooling, id, cs_json_read_text(cs_json_read_get(block, "name")), &fault))
            return refuse(e, fault);
    }
    return true;
}

static bool read_results(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    const char *fault;
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *block = cs_json_read_at(content, i), *said = cs_json_read_get(block, "content");
        if (!is(cs_json_read_get(block, "type"), "tool_result"))
            continue;
        r->content_bytes += said != NULL ? said->n : 0;
        if (!cs_tooling_result(&r->tooling, cs_json_read_text(cs_json_read_get(block, "tool_use_id")),
                               cs_json_read_text(said), &fault))
            return refuse(e, "messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks. Each "
                             "`tool_result` block must have a corresponding `tool_use` block in the previous message.");
    }
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after. Each "
                     "`tool_use` block must have a corresponding `tool_result` block in the next message.");
}

bool cs_tooled_anthropic_read(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *messages = cs_json_read_get(r->root, "messages"), *tools = cs_json_read_get(r->root, "tools");
    const struct cs_j *kind = cs_json_read_get(cs_json_read_get(r->root, "tool_choice"), "type");
    for (size_t i = 0; i < cs_json_read_size(tools); i++) {
        const struct cs_j *tool = cs_json_read_at(tools, i);
        cs_tooling_offer(&r->tooling, cs_json_read_text(cs_json_read_get(tool, "name")),
                         cs_json_read_get(tool, "input_schema"));
    }
    r->tooling.may_call = r->tooling.n_tools > 0 && (kind == NULL || is(kind, "auto"));
    for (const struct cs_j *m = cs_json_read_first(messages); m != NULL; m = cs_json_read_next(messages, m)) {
        const struct cs_j *content = cs_json_read_get(m, "content");
        const bool model = is(cs_json_read_get(m, "role"), "assistant");
        if (!model)
            cs_tooling_user(&r->tooling);
        if (!(model ? read_reply(r, content, e) : read_results(r, content, e)))
            return false;
    }
    if (r->tooling.n_made > 0 && r->tooling.n_tools == 0)
        return refuse(e, "Requests which include `tool_use` or `tool_result` blocks must define tools");
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "messages.1: `tool_use` ids were found without `tool_result` blocks");
}

void cs_tooled_anthropic_write(const struct cs_chat_answer *a, struct cs_buf *out)
{
    char signature[33];
    if (a->calls->reasons) {
        cs_tooling_signature(a->calls->calls[0].id, signature);
        cs_buf_printf(out, "{\"type\":\"thinking\",\"thinking\":\"" CS_TOOLING_THOUGHT "\",\"signature\":\"%s\"},",
                      signature);
    }
    for (uint32_t i = 0; i < a->calls->n; i++) {
        const struct cs_sim_call_made *c = &a->calls->calls[i];
        cs_buf_printf(out, "%s{\"type\":\"tool_use\",\"id\":\"%s\",\"name\":", i > 0 ? "," : "", c->id);
        cs_json_str(out, c->name, strlen(c->name));
        cs_buf_printf(out, ",\"input\":%s}", c->arguments);
    }
}
