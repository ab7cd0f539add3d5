/* logprobs.h - the log probabilities that the simulator tells, in the forms of its dialects. Formula: README.md.
 *
 * A token is four bytes of the text, to the end of a character. They are made up, and always the same for a digest: what a client
 * does with them can be checked, and no more. Pure; any thread.
 */
#ifndef CS_SIM_LOGPROBS_H
#define CS_SIM_LOGPROBS_H

#include "tools/simulator/openai_chat.h"

/* OpenAI's list, of the first len bytes of the answer's text. */
void cs_sim_logprobs_openai(const struct cs_chat_answer *a, size_t len, struct cs_buf *out);
/* Gemini's `,"avgLogprobs":...,"logprobsResult":{...}`. */
void cs_sim_logprobs_gemini(const struct cs_chat_answer *a, size_t len, struct cs_buf *out);

#endif
