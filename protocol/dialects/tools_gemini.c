/* Gemini: parts `functionCall` and `functionResponse`; a part goes back with the thoughtSignature that it came with. */
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/dialects/tool_parts.h"

/* Tools exclude a form of the answer, so that the last call has none. */
static void declare(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out)
{
    (void)answer;
    if (last)
        return;
    cs_buf_str(out, ",\"tools\":[{\"functionDeclarations\":[");
    for (uint32_t i = 0; i < box->set->n_tools; i++) {
        cs_buf_str(out, i > 0 ? ",{" : "{");
        cs_tool_parts_member(out, "name", box->tools[i].tool->name);
        cs_buf_char(out, ',');
        cs_tool_parts_member(out, "description", box->tools[i].describe);
        cs_buf_str(out, ",\"parametersJsonSchema\":");
        cs_tools_schema(box->tools[i].tool, out);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, "]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}}");
}

static void put_result(const struct cs_called *c, struct cs_buf *out)
{
    cs_buf_str(out, "{\"functionResponse\":{");
    if (c->call.id[0] != '\0') {
        cs_tool_parts_member(out, "id", c->call.id);
        cs_buf_char(out, ',');
    }
    cs_tool_parts_member(out, "name", c->call.name);
    cs_buf_str(out, ",\"response\":{");
    cs_tool_parts_member(out, c->came == CS_CALL_answered ? "result" : "error", c->result);
    cs_buf_str(out, "}}}");
}

static void step(const struct cs_tool_step *s, struct cs_buf *out)
{
    cs_buf_str(out, ",{\"role\":\"model\",\"parts\":");
    cs_buf_str(out, s->round.blocks);
    cs_buf_str(out, "},{\"role\":\"user\",\"parts\":[");
    for (uint32_t i = 0; i < s->round.n_calls; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put_result(&s->calls[i], out);
    }
    if (s->user != NULL) {
        cs_buf_str(out, s->round.n_calls > 0 ? ",{" : "{");
        cs_tool_parts_member(out, "text", s->user);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, "]}");
}

static struct cs_json *take(const struct cs_json *root, struct cs_json *calls)
{
    const struct cs_json *candidate = cs_json_array_get(cs_json_object_get(root, "candidates"), 0), *part;
    struct cs_json *parts = cs_json_object_get(cs_json_object_get(candidate, "content"), "parts");
    size_t i;
    if (!cs_json_is_array(parts) || cs_json_array_size(parts) == 0)
        return NULL;
    cs_json_array_foreach(parts, i, part)
    {
        const struct cs_json *call = cs_json_object_get(part, "functionCall");
        if (cs_json_is_object(call))
            cs_tool_parts_call(calls, cs_json_object_get(call, "id"), cs_json_object_get(call, "name"),
                               cs_json_object_get(call, "args"));
    }
    return cs_json_incref(parts);
}

const struct cs_dialect_tools cs_tools_gemini = {declare, step, take};
