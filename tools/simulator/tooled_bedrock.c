/* Tools in Converse: blocks toolUse, toolResult, and signed reasoningContent, which must come back before its calls as it was. A model that is held to
 * a form gives that, and calls nothing. */
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, "ValidationException", NULL, NULL, "%s", what);
}

static bool read_reply(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    const char *thought = NULL, *signature = NULL, *fault;
    bool called = false;
    cs_tooling_reply(&r->tooling);
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *block = cs_json_read_at(content, i), *call = cs_json_read_get(block, "toolUse");
        const struct cs_j *said = cs_json_read_get(cs_json_read_get(block, "reasoningContent"), "reasoningText");
        const char *id = cs_json_read_text(cs_json_read_get(call, "toolUseId"));
        if (said != NULL) {
            thought = cs_json_read_text(cs_json_read_get(said, "text"));
            signature = cs_json_read_text(cs_json_read_get(said, "signature"));
        }
        if (call == NULL)
            continue;
        r->content_bytes += call->raw_len;
        if (!called && !cs_tooling_vouched(id, thought, signature))
            return refuse(
                e, "The model returned the following errors: messages.1.content.0.type: Expected `thinking`, but "
                   "found `tool_use`.");
        called = true;
        if (!cs_tooling_call(&r->tooling, id, cs_json_read_text(cs_json_read_get(call, "name")), &fault))
            return refuse(e, fault);
    }
    return true;
}

static bool read_results(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    const char *fault;
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *result = cs_json_read_get(cs_json_read_at(content, i), "toolResult");
        const struct cs_j *text = cs_json_read_get(cs_json_read_at(cs_json_read_get(result, "content"), 0), "text");
        if (result == NULL)
            continue;
        r->content_bytes += text != NULL ? text->n : 0;
        if (!cs_json_read_is(text, CS_J_TEXT) ||
            !cs_tooling_result(&r->tooling, cs_json_read_text(cs_json_read_get(result, "toolUseId")),
                               cs_json_read_text(text), &fault))
            return refuse(
                e, "The number of toolResult blocks at messages.2.content exceeds the number of toolUse blocks of "
                   "previous turn.");
    }
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "Expected toolResult blocks at messages.2.content for the Ids of the toolUse blocks before.");
}

bool cs_tooled_bedrock_read(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *messages = cs_json_read_get(r->root, "messages");
    const struct cs_j *tools = cs_json_read_get(cs_json_read_get(r->root, "toolConfig"), "tools");
    for (size_t i = 0; i < cs_json_read_size(tools); i++) {
        const struct cs_j *spec = cs_json_read_get(cs_json_read_at(tools, i), "toolSpec");
        cs_tooling_offer(&r->tooling, cs_json_read_text(cs_json_read_get(spec, "name")),
                         cs_json_read_get(cs_json_read_get(spec, "inputSchema"), "json"));
    }
    r->tooling.may_call = r->tooling.n_tools > 0 && r->format == CS_CHAT_TEXT;
    for (const struct cs_j *m = cs_json_read_first(messages); m != NULL; m = cs_json_read_next(messages, m)) {
        const struct cs_j *content = cs_json_read_get(m, "content");
        const char *role = cs_json_read_text(cs_json_read_get(m, "role"));
        const bool model = role != NULL && strcmp(role, "assistant") == 0;
        if (!model)
            cs_tooling_user(&r->tooling);
        if (!(model ? read_reply(r, content, e) : read_results(r, content, e)))
            return false;
    }
    if (r->tooling.n_made > 0 && r->tooling.n_tools == 0)
        return refuse(e, "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    return cs_tooling_whole(&r->tooling) ||
           refuse(e, "Expected toolResult blocks for the Ids of the toolUse blocks before.");
}

void cs_tooled_bedrock_write(const struct cs_chat_answer *a, struct cs_buf *out)
{
    char signature[33];
    if (a->calls->reasons) {
        cs_tooling_signature(a->calls->calls[0].id, signature);
        cs_buf_printf(out,
                      "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"" CS_TOOLING_THOUGHT
                      "\",\"signature\":\"%s\"}}},",
                      signature);
    }
    for (uint32_t i = 0; i < a->calls->n; i++) {
        const struct cs_sim_call_made *c = &a->calls->calls[i];
        cs_buf_printf(out, "%s{\"toolUse\":{\"toolUseId\":\"%s\",\"name\":", i > 0 ? "," : "", c->id);
        cs_json_str(out, c->name, strlen(c->name));
        cs_buf_printf(out, ",\"input\":%s}}", c->arguments);
    }
}
