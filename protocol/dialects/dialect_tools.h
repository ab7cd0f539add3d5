/* dialect_tools.h - tools (study/tools.h) in each dialect's own form: how they are declared, how a reply and the results of its calls go back, and what
 * calls a reply makes.
 *
 * The loop's calls offer the tools and leave it to the model (auto), without a form for the answer. The last call asks for the form and forbids
 * calls; the tools stay declared where a vendor wants them beside calls in the history (Anthropic, Bedrock, OpenAI; Bedrock cannot forbid them), and
 * are left out where they exclude a form (Gemini). With `response_format: tool` the answer is one more tool then, whose call is forced.
 * What goes back of a reply is its own parts as they came: reasoning with its signature or ciphertext, thoughtSignature and all; but for texts that are
 * empty and reasoning that is not signed, which Anthropic and Bedrock refuse. openai-chat: role, content, tool_calls, and reasoning_content and
 * reasoning_details of the servers that have these. Each dialect's is an object of its own in tools_*.c. Pure; any thread.
 */
#ifndef CS_DIALECT_TOOLS_H
#define CS_DIALECT_TOOLS_H

#include "protocol/dialects/dialect.h"
#include "protocol/study/answer.h"

struct cs_answer_tool { /* the answer as one more tool, whose call is forced */
    const char *name;
    const char *schema; /* JSON */
};

struct cs_dialect_tools {
    /* `,"tools":[...],"tool_choice":"auto"`. answer: or NULL; only with `last`. */
    void (*declare)(const struct cs_toolbox *box, bool last, const struct cs_answer_tool *answer, struct cs_buf *out);
    /* `,{the reply},{its results},{what we say}`, as they follow the messages before. */
    void (*step)(const struct cs_tool_step *step, struct cs_buf *out);
    /* The parts of a whole reply, a new array, or NULL: it has none. Its calls are appended: {"id","name","arguments": text}. */
    struct cs_json *(*take)(const struct cs_json *root, struct cs_json *calls);
};

extern const struct cs_dialect_tools cs_tools_openai_chat, cs_tools_openai_responses, cs_tools_anthropic,
    cs_tools_gemini, cs_tools_bedrock;
/* NULL: a dialect without tools (http). */
const struct cs_dialect_tools *cs_dialect_tools_of(enum cs_protocol p);

/* Whether a study's models can be asked with its tools. CS_EINVAL: err is a sentence that names one that cannot. */
CS_WARN_UNUSED enum cs_err cs_dialect_tools_check(const struct cs_study *s, struct cs_error *err);
void cs_dialect_tools_declare(enum cs_protocol p, const struct cs_toolbox *box, bool last,
                              const struct cs_answer_tool *answer, struct cs_buf *out);
/* What follows the user's text after these steps. */
void cs_dialect_tools_after(enum cs_protocol p, const struct cs_tool_loop *loop, struct cs_buf *out);
/* A reply of the loop, and how it was read: its round as text in the arena. NULL: nothing can be gone on from, and *fault says why: EMPTY, TOO_LONG
 * (more than `room`, or an id or a name that is), TOO_MANY calls. */
const char *cs_dialect_tools_round(enum cs_protocol p, const struct cs_http_reply *reply,
                                   const struct cs_reading *reading, uint32_t max_calls, size_t room,
                                   struct cs_arena *arena, enum cs_answer_fault *fault);

#endif
