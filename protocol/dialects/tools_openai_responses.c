/* OpenAI Responses: `function_call` items among the output, which goes back whole, and `function_call_output`. */
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/dialects/tool_parts.h"

static void declare(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out)
{
    (void)answer;
    cs_buf_str(out, ",\"tools\":[");
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        cs_buf_str(out, i > 0 ? ",{\"type\":\"function\"," : "{\"type\":\"function\",");
        cs_tool_parts_member(out, "name", box->tools[i].tool->name);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "description", box->tools[i].describe);
        cs_buf_str(out, ",\"strict\":true,\"parameters\":");
        cs_tools_schema(box->tools[i].tool, out);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, last ? "],\"tool_choice\":\"none\"" : "],\"tool_choice\":\"auto\"");
}

static void step(const struct cs_tool_step *s, struct cs_buf *out)
{
    cs_buf_char(out, ',');
    cs_tool_parts_elements(out, s->round.blocks);
    for (uint32_t i = 0; i < s->round.n_calls; i++) {
        cs_buf_str(out, ",{\"type\":\"function_call_output\",");
        cs_tool_parts_member(out, "call_id", s->calls[i].call.id);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "output", s->calls[i].result);
        cs_buf_char(out, '}');
    }
    if (s->user != NULL) {
        cs_buf_char(out, ',');
        cs_body_message(out, "user", s->user, strlen(s->user));
    }
}

static struct cs_json *take(const struct cs_json *root, struct cs_json *calls)
{
    struct cs_json *output = cs_json_object_get(root, "output");
    const struct cs_json *item;
    size_t i;
    if (!cs_json_is_array(output) || cs_json_array_size(output) == 0)
        return NULL;
    cs_json_array_foreach(output, i, item)
    {
        if (cs_read_is(cs_json_object_get(item, "type"), "function_call"))
            cs_tool_parts_call(calls, cs_json_object_get(item, "call_id"), cs_json_object_get(item, "name"),
                               cs_json_object_get(item, "arguments"));
    }
    return cs_json_incref(output);
}

const struct cs_dialect_tools cs_tools_openai_responses = {declare, step, take};
