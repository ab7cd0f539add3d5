/* OpenAI Chat Completions: `tools`, `tool_calls`, messages of the role `tool`. */
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/dialects/tool_parts.h"

static void declare(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out)
{
    (void)answer;
    cs_buf_str(out, ",\"tools\":[");
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        cs_buf_str(out, i > 0 ? ",{\"type\":\"function\",\"function\":{" : "{\"type\":\"function\",\"function\":{");
        cs_tool_parts_member(out, "name", box->tools[i].tool->name);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "description", box->tools[i].describe);
        cs_buf_str(out, ",\"strict\":true,\"parameters\":");
        cs_tools_schema(box->tools[i].tool, out);
        cs_buf_str(out, "}}");
    }
    cs_buf_str(out, last ? "],\"tool_choice\":\"none\"" : "],\"tool_choice\":\"auto\"");
}

static void step(const struct cs_tool_step *s, struct cs_buf *out)
{
    cs_buf_char(out, ',');
    cs_tool_parts_elements(out, s->round.blocks);
    for (uint32_t i = 0; i < s->round.n_calls; i++) {
        cs_buf_str(out, ",{\"role\":\"tool\",");
        cs_tool_parts_member(out, "tool_call_id", s->calls[i].call.id);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "content", s->calls[i].result);
        cs_buf_char(out, '}');
    }
    if (s->user != NULL) {
        cs_buf_char(out, ',');
        cs_body_message(out, "user", s->user, strlen(s->user));
    }
}

/* The message, with what goes back of it. */
static struct cs_json *take(const struct cs_json *root, struct cs_json *calls)
{
    static const char *const kept[] = {"tool_calls", "reasoning_content", "reasoning_details"};
    const struct cs_json *choice = cs_json_array_get(cs_json_object_get(root, "choices"), 0);
    const struct cs_json *message = cs_json_object_get(choice, "message"), *call;
    struct cs_json *content = cs_json_object_get(message, "content"), *own, *list;
    size_t i;
    if (!cs_json_is_object(message))
        return NULL;
    own = cs_json_object();
    cs_json_object_set_new(own, "role", cs_json_string("assistant"));
    if (cs_json_string_length(content) == 0 && cs_json_is_string(cs_json_object_get(message, "refusal")))
        content = cs_json_object_get(message, "refusal");
    if (content == NULL || cs_json_is_null(content))
        cs_json_object_set_new(own, "content", cs_json_string(""));
    else
        cs_json_object_set(own, "content", content);
    for (i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct cs_json *v = cs_json_object_get(message, kept[i]);
        if (v != NULL && !cs_json_is_null(v) && !(cs_json_is_array(v) && cs_json_array_size(v) == 0))
            cs_json_object_set(own, kept[i], v);
    }
    cs_json_array_foreach(cs_json_object_get(message, "tool_calls"), i, call)
    {
        const struct cs_json *function = cs_json_object_get(call, "function");
        cs_tool_parts_call(calls, cs_json_object_get(call, "id"), cs_json_object_get(function, "name"),
                           cs_json_object_get(function, "arguments"));
    }
    list = cs_json_array();
    cs_json_array_append_new(list, own);
    return list;
}

const struct cs_dialect_tools cs_tools_openai_chat = {declare, step, take};
