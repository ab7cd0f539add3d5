#include "protocol/dialects/dialect_tools.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/study/tool_rows.h"

const struct cs_dialect_tools *cs_dialect_tools_of(enum cs_protocol p)
{
    switch (p) {
    case CS_PROTOCOL_OPENAI_CHAT:
        return &cs_tools_openai_chat;
    case CS_PROTOCOL_OPENAI_RESPONSES:
        return &cs_tools_openai_responses;
    case CS_PROTOCOL_ANTHROPIC_MESSAGES:
        return &cs_tools_anthropic;
    case CS_PROTOCOL_GEMINI:
        return &cs_tools_gemini;
    case CS_PROTOCOL_BEDROCK_CONVERSE:
        return &cs_tools_bedrock;
    case CS_PROTOCOL_HTTP:
    case CS_PROTOCOLS:
        break;
    }
    return NULL;
}

enum cs_err cs_dialect_tools_check(const struct cs_study *s, struct cs_error *err)
{
    for (uint32_t i = 0; cs_tools_is_used(s) && i < s->n_models; i++) {
        const struct cs_account *a = &s->accounts[s->models[i].account];
        if (cs_dialect_tools_of(a->protocol) == NULL)
            return cs_error_set(
                err, CS_EINVAL,
                "model \"%s\" is reached by protocol: %s, which has no tools; leave it out, or ask it in "
                "a study without tools",
                s->models[i].name, cs_protocol_name(a->protocol));
    }
    return CS_OK;
}

/* Of a dialect that has tools: loaded studies are checked. */
static const struct cs_dialect_tools *tools_of(enum cs_protocol p)
{
    const struct cs_dialect_tools *t = cs_dialect_tools_of(p);
    CS_ASSERT(t != NULL);
    return t;
}

void cs_dialect_tools_declare(enum cs_protocol p, const struct cs_toolbox *box, bool last,
                              const struct cs_answer_tool *answer, struct cs_buf *out)
{
    tools_of(p)->declare(box, last, answer, out);
}

void cs_dialect_tools_after(enum cs_protocol p, const struct cs_tool_loop *loop, struct cs_buf *out)
{
    for (uint32_t i = 0; i < loop->n; i++)
        tools_of(p)->step(&loop->steps[i], out);
}

/* Ids and names go back beside each result: longer ones than this, as JSON writes them, no budget has room for (request.c). */
static bool are_short(const struct cs_json *calls)
{
    enum { LABEL_MAX = 128 };
    for (size_t i = 0; i < cs_json_array_size(calls); i++) {
        const struct cs_json *call = cs_json_array_get(calls, i);
        if (cs_tool_rows_written(cs_json_string_value(cs_json_object_get(call, "id"))) > LABEL_MAX + 2 ||
            cs_tool_rows_written(cs_json_string_value(cs_json_object_get(call, "name"))) > LABEL_MAX + 2)
            return false;
    }
    return true;
}

const char *cs_dialect_tools_round(enum cs_protocol p, const struct cs_http_reply *reply,
                                   const struct cs_reading *reading, uint32_t max_calls, size_t room,
                                   struct cs_arena *arena, enum cs_answer_fault *fault)
{
    static const char *const no_headers[] = {NULL};
    struct cs_reading scratch;
    struct cs_json *root = cs_read_begin(reply, no_headers, arena, &scratch), *calls = cs_json_array();
    struct cs_json *blocks = tools_of(p)->take(root, calls);
    const struct cs_tool_round shape = {.said = reading->text, .n_calls = (uint32_t)cs_json_array_size(calls)};
    const char *kept = NULL;
    *fault = shape.n_calls > max_calls + CS_TOOL_SPARE                    ? CS_ANSWER_TOO_MANY
             : !are_short(calls)                                          ? CS_ANSWER_TOO_LONG
             : blocks == NULL || !cs_tool_loop_goes_on(&shape, max_calls) ? CS_ANSWER_EMPTY
                                                                          : CS_ANSWER_NONE;
    if (*fault == CS_ANSWER_NONE) {
        char *text = cs_tool_loop_write(reading->text, calls, blocks, reading->outcome == CS_OUTCOME_truncated);
        if (strlen(text) > room)
            *fault = CS_ANSWER_TOO_LONG;
        else
            kept = cs_arena_strdup(arena, text);
        free(text);
    } else {
        cs_json_decref(calls);
        cs_json_decref(blocks);
    }
    cs_json_decref(root);
    return kept;
}
