/* Bedrock Converse: `toolUse` and `toolResult`. It has no way to forbid calls, and wants the tools declared beside calls in the history. */
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/dialects/tool_parts.h"

static void put_tool(struct cs_buf *out, const char *name, const char *describe)
{
    cs_buf_str(out, "{\"toolSpec\":{");
    cs_tool_parts_member(out, "name", name);
    cs_buf_char(out, ',');
    cs_tool_parts_member(out, "description", describe);
    cs_buf_str(out, ",\"inputSchema\":{\"json\":");
}

static void declare(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out)
{
    cs_buf_str(out, ",\"toolConfig\":{\"tools\":[");
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put_tool(out, box->tools[i].tool->name, box->tools[i].describe);
        cs_tools_schema(box->tools[i].tool, out);
        cs_buf_str(out, "}}}");
    }
    if (answer != NULL) {
        cs_buf_char(out, ',');
        put_tool(out, answer->name, "Gives the answer.");
        cs_buf_str(out, answer->schema);
        cs_buf_str(out, "}}}],\"toolChoice\":{\"tool\":{");
        cs_tool_parts_member(out, "name", answer->name);
        cs_buf_str(out, "}}}");
        return;
    }
    cs_buf_str(out, last ? "]}" : "],\"toolChoice\":{\"auto\":{}}}");
}

static void step(const struct cs_tool_step *s, struct cs_buf *out)
{
    cs_buf_str(out, ",{\"role\":\"assistant\",\"content\":");
    cs_buf_str(out, s->round.blocks);
    cs_buf_str(out, "},{\"role\":\"user\",\"content\":[");
    for (uint32_t i = 0; i < s->round.n_calls; i++) {
        cs_buf_str(out, i > 0 ? ",{\"toolResult\":{" : "{\"toolResult\":{");
        cs_tool_parts_member(out, "toolUseId", s->calls[i].call.id);
        cs_buf_str(out, ",\"content\":[{");
        cs_tool_parts_member(out, "text", s->calls[i].result);
        cs_buf_str(out,
                   s->calls[i].came == CS_CALL_answered ? "}],\"status\":\"success\"}}" : "}],\"status\":\"error\"}}");
    }
    if (s->user != NULL) {
        cs_buf_str(out, s->round.n_calls > 0 ? ",{" : "{");
        cs_tool_parts_member(out, "text", s->user);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, "]}");
}

/* Texts that are blank, and reasoning that nobody signed, would be refused. */
static bool may_go_back(const struct cs_json *block)
{
    const struct cs_json *text = cs_json_object_get(block, "text");
    const struct cs_json *reasoning = cs_json_object_get(block, "reasoningContent");
    const struct cs_json *said = cs_json_object_get(reasoning, "reasoningText");
    if (cs_json_is_string(text))
        return cs_json_string_value(text)[strspn(cs_json_string_value(text), " \t\r\n")] != '\0';
    return reasoning == NULL || said == NULL || cs_json_string_length(cs_json_object_get(said, "signature")) > 0;
}

static struct cs_json *take(const struct cs_json *root, struct cs_json *calls)
{
    const struct cs_json *message = cs_json_object_get(cs_json_object_get(root, "output"), "message");
    struct cs_json *kept = cs_json_array(), *block;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(message, "content"), i, block)
    {
        const struct cs_json *call = cs_json_object_get(block, "toolUse");
        if (may_go_back(block))
            cs_json_array_append(kept, block);
        if (cs_json_is_object(call))
            cs_tool_parts_call(calls, cs_json_object_get(call, "toolUseId"), cs_json_object_get(call, "name"),
                               cs_json_object_get(call, "input"));
    }
    if (cs_json_array_size(kept) > 0)
        return kept;
    cs_json_decref(kept);
    return NULL;
}

const struct cs_dialect_tools cs_tools_bedrock = {declare, step, take};
