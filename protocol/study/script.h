/* script.h - a conversation whose user's texts are fixed beforehand: `prompt: {turns: [...]}`. One trial, one call a turn that is asked.
 *
 * Written are turns of the user, and replies of the model that are given. A turn of the user with a given reply behind it is not asked: both are
 * history. All others are calls. Turns are counted as written, those of the user only, from 1; a turn for each element of a list counts as many as
 * the case's list has elements. That is the *number* of a turn, which `answer_at` and `pick@1` mean.
 * A turn whose user's text is empty (blank) is left out, with the reply given to it; it keeps its number and has no answer, by design. Calls
 * count from 0 over the turns that are left. The answer of the question is asked for (its schema goes with the call) at the turns in `answer_at`,
 * and always at the last call, whose reply is the trial's output. Between calls goes only the text of the replies.
 *
 * The whole history goes out with every call: system text, all that was said and replied, the turn's own text (render.h holds the messages).
 * Identity: a trial of one call is what it would be without `turns`. One of T calls has in place of its body's digest
 *   BLAKE2b-256( "clinsafe-turns-1" 00 | T u32 | digest of the body of call 0 (32 bytes) | for calls 1 to T - 1: tail, number of given
 *                messages u32, for each: 0 or 1 (by the model) u8, text; the user's text )
 * where a text is its length in bytes u32 and the bytes, the tail is what follows the messages in the call's body (parameters, cap, schema), and
 * integers are big-endian. It is known when the study is planned; replies are not in it. Pure; any thread.
 */
#ifndef CS_SCRIPT_H
#define CS_SCRIPT_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/study/study.h"
#include "protocol/study/talk.h"

struct cs_prompt;

struct cs_script_turn {          /* what one call adds to the talk */
    uint32_t number;             /* as written, from 1 */
    bool answers;                /* the question's answer is asked for: its schema goes along */
    const struct cs_said *given; /* since the reply to the call before */
    uint32_t n_given;
    const char *user; /* what is asked */
};

/* Writes a template as the condition at hand shows it; element: of the list, or NULL. */
typedef enum cs_err (*cs_script_expand)(void *self, const char *template, const struct cs_json *element,
                                        struct cs_buf *out, struct cs_error *err);
/* The calls of a conversation; *out lives in the arena. lists: the case's values, by column. CS_EINVAL: nothing is asked, a given reply is
 * empty, or what stands in a list is none; CS_ETOOBIG: more than CS_TURNS_MAX turns. err is a sentence without the case. */
CS_WARN_UNUSED enum cs_err cs_script_lay(const struct cs_template_set *set, const struct cs_question *q,
                                         const char *const *values, cs_script_expand expand, void *self,
                                         struct cs_arena *arena, const struct cs_script_turn **out, uint32_t *n,
                                         struct cs_error *err);

/* The texts of a prompt as written, in order: the user's, or those of all turns. NULL: there are no more. */
const char *cs_script_text(const struct cs_template_set *set, uint32_t i);
/* Turns of the user as written, at most: what a study's conversations may have (a list may be shorter in a case). 1 without turns. */
uint32_t cs_script_turns(const struct cs_template_set *set);
/* Whether a study has conversations at all, tools' (tools.h) among them. */
bool cs_script_is_used(const struct cs_study *s);
/* Whether a question's answer is asked for at a turn that is not the last call of its trial. */
bool cs_script_answers_at(const struct cs_question *q, uint32_t number);

/* Calls that a rendered prompt makes, at least 1; the k-th (from 0) is asked for the answer; it is the turn of this number. With tools: as many as
 * it makes at most, of which the last, whichever it is, is asked for the answer. */
uint32_t cs_script_calls(const struct cs_prompt *p);
bool cs_script_answers(const struct cs_prompt *p, uint32_t k);
uint32_t cs_script_number(const struct cs_prompt *p, uint32_t k);
/* Makes the prompt's messages (before, user) those of call k. replies: texts of calls 0 to k - 1, borrowed as long as the prompt is used. May be
 * called again, for any k, until the prompt is rendered anew. */
void cs_script_go(struct cs_prompt *p, uint32_t k, const char *const *replies);
/* Bytes of all texts that go out with call k apart from replies: replies before it come on top, each at most its cap in tokens. */
size_t cs_script_bytes(const struct cs_prompt *p, uint32_t k);
/* See above; tails[k], of calls 1 on. */
void cs_script_digest(const struct cs_prompt *p, const uint8_t first_body[32], const char *const *tails,
                      uint8_t out[32]);

#endif
