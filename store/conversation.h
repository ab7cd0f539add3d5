/* conversation.h - a trial that is a conversation (script.h), put together from its output and the turns before it: who said what, and what was
 * answered at which turn. A trial of one call is a conversation of one turn.
 *
 * What is laid out borrows the prompt (until it is rendered anew), the outputs and the arena. Thread: one at a time for each prompt.
 */
#ifndef CS_CONVERSATION_H
#define CS_CONVERSATION_H

#include "protocol/base/json.h"
#include "protocol/study/derive.h"
#include "protocol/study/render.h"
#include "store/store.h"

struct cs_conversation {
    uint32_t calls; /* as planned */
    uint32_t n;     /* those that came to something; the last of them is the trial's output */
    struct cs_conversation_turn {
        uint32_t number; /* as written (script.h) */
        bool answers;    /* the question's answer was asked for */
        const struct cs_said *given;
        uint32_t n_given;
        const char *user;
        const struct cs_output *reply; /* NULL: the conversation ended before */
        const struct cs_tool_step
            *step; /* a reply that tools were offered to: its calls and their results; NULL: another */
    } turn[CS_TURNS_MAX];
    const struct cs_tool_loop
        *loop; /* of a trial with tools (study/tools.h), whose calls are those that were made; NULL: none */
};

/* before: the outputs of its turns before the last one, in order. CS_ECORRUPT: more of them than the study asks for. */
CS_WARN_UNUSED enum cs_err cs_conversation_lay(const struct cs_study *s, const struct cs_coords *at,
                                               const struct cs_case *c, struct cs_prompt *prompt,
                                               const struct cs_stored *before, uint32_t n_before,
                                               const struct cs_output *last, struct cs_conversation *out,
                                               struct cs_error *err);
/* The same, with the turns looked up in the store; they live in the arena. */
CS_WARN_UNUSED enum cs_err cs_conversation_read(struct cs_store *store, const struct cs_study *s,
                                                const struct cs_coords *at, const struct cs_case *c,
                                                struct cs_prompt *prompt, const struct cs_stored *last,
                                                struct cs_arena *arena, struct cs_conversation *out,
                                                struct cs_error *err);

/* The answers at all turns at which they were asked for; what cannot be read, or did not come, is NULL. */
void cs_conversation_answers(const struct cs_conversation *v, const struct cs_study *s, const struct cs_coords *at,
                             struct cs_arena *arena, struct cs_derive_turns *out);
/* The derived answers of a trial whose last reply was read as `answers`. */
void cs_conversation_derive(const struct cs_conversation *v, const struct cs_derive_turns *turns,
                            const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                            struct cs_arena *arena, const struct cs_answer *answers, struct cs_derived_value *derived);

/* The trial's output with what all its calls together used, and how often they were tried. */
struct cs_output cs_conversation_total(const struct cs_conversation *v);

/* All of it as `user: ...`, `assistant: ...`, calls of tools as `assistant calls NAME: {...}` and their results as `NAME: ...`, with blank lines between, up to the reply before the last one (whole: with that too). */
void cs_conversation_show(const struct cs_conversation *v, bool whole, struct cs_buf *out);
/* A list of {"turn", "user", "reply", "outcome"}, given replies with "given" for the outcome; with tools also "calls", a list of {"tool", "arguments",
 * "came", "result"} (tools.h: cs_tool_loop_came_name). Free with cs_json_decref. */
struct cs_json *cs_conversation_json(const struct cs_conversation *v);

#endif
