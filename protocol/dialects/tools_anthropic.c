/* Anthropic Messages: blocks `tool_use` and `tool_result`. Blocks of thinking go back with them, word for word. */
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/dialects/tool_parts.h"

static void put_tool(struct cs_buf *out, const char *name, const char *describe)
{
    cs_buf_char(out, '{');
    cs_tool_parts_member(out, "name", name);
    cs_buf_char(out, ',');
    cs_tool_parts_member(out, "description", describe);
    cs_buf_str(out, ",\"input_schema\":");
}

static void declare(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out)
{
    cs_buf_str(out, ",\"tools\":[");
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put_tool(out, box->tools[i].tool->name, box->tools[i].describe);
        cs_tools_schema(box->tools[i].tool, out);
        cs_buf_char(out, '}');
    }
    if (answer != NULL) {
        cs_buf_char(out, ',');
        put_tool(out, answer->name, "Gives the answer.");
        cs_buf_str(out, answer->schema);
        cs_buf_str(out, "}],\"tool_choice\":{\"type\":\"tool\",");
        cs_tool_parts_member(out, "name", answer->name);
        cs_buf_char(out, '}');
        return;
    }
    cs_buf_str(out, last ? "],\"tool_choice\":{\"type\":\"none\"}" : "],\"tool_choice\":{\"type\":\"auto\"}");
}

static void step(const struct cs_tool_step *s, struct cs_buf *out)
{
    cs_buf_str(out, ",{\"role\":\"assistant\",\"content\":");
    cs_buf_str(out, s->round.blocks);
    cs_buf_str(out, "},{\"role\":\"user\",\"content\":[");
    for (uint32_t i = 0; i < s->round.n_calls; i++) {
        cs_buf_str(out, i > 0 ? ",{\"type\":\"tool_result\"," : "{\"type\":\"tool_result\",");
        cs_tool_parts_member(out, "tool_use_id", s->calls[i].call.id);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "content", s->calls[i].result);
        cs_buf_str(out, s->calls[i].came == CS_CALL_answered ? "}" : ",\"is_error\":true}");
    }
    if (s->user != NULL) {
        cs_buf_str(out, s->round.n_calls > 0 ? ",{\"type\":\"text\"," : "{\"type\":\"text\",");
        cs_tool_parts_member(out, "text", s->user);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, "]}");
}

/* Texts that are blank, and thinking that nobody signed, would be refused. */
static bool may_go_back(const struct cs_json *block)
{
    const struct cs_json *type = cs_json_object_get(block, "type");
    const char *text = cs_json_string_value(cs_json_object_get(block, "text"));
    if (cs_read_is(type, "text"))
        return text != NULL && text[strspn(text, " \t\r\n")] != '\0';
    return !cs_read_is(type, "thinking") || cs_json_string_length(cs_json_object_get(block, "signature")) > 0;
}

static struct cs_json *take(const struct cs_json *root, struct cs_json *calls)
{
    const struct cs_json *content = cs_json_object_get(root, "content");
    struct cs_json *kept = cs_json_array(), *block;
    size_t i;
    cs_json_array_foreach((struct cs_json *)(uintptr_t)content, i, block)
    {
        if (may_go_back(block))
            cs_json_array_append(kept, block);
        if (cs_read_is(cs_json_object_get(block, "type"), "tool_use"))
            cs_tool_parts_call(calls, cs_json_object_get(block, "id"), cs_json_object_get(block, "name"),
                               cs_json_object_get(block, "input"));
    }
    if (cs_json_is_string(content) && cs_json_string_length(content) > 0) /* as a gateway writes it */
        cs_json_array_append_new(kept,
                                 cs_json_pack("{s:s,s:s}", "type", "text", "text", cs_json_string_value(content)));
    if (cs_json_array_size(kept) > 0)
        return kept;
    cs_json_decref(kept);
    return NULL;
}

const struct cs_dialect_tools cs_tools_anthropic = {declare, step, take};
