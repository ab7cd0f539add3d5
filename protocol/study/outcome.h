/* outcome.h - what can become of a trial, and how much is kept of what a provider says. */
#ifndef CS_OUTCOME_H
#define CS_OUTCOME_H

#include <stdbool.h>

/*    name              number  answer? (canonical, write-once) or failure (attempt, never canonical) */
#define CS_OUTCOME_TABLE(X)                                                                                            \
    X(ok, 0, 1)                                                                                                        \
    X(refused, 1, 1)                                                                                                   \
    X(content_filtered, 2, 1)                                                                                          \
    X(truncated, 3, 1)                                                                                                 \
    X(unparsable, 4, 1)                                                                                                \
    X(timeout, 5, 1)                                                                                                   \
    X(invalid_request, 6, 0)                                                                                           \
    X(rate_limited, 7, 0)                                                                                              \
    X(provider_error, 8, 0)                                                                                            \
    X(transport, 9, 0)                                                                                                 \
    X(internal, 10, 0)

enum cs_outcome {
#define X(name, number, answer) CS_OUTCOME_##name = number,
    CS_OUTCOME_TABLE(X)
#undef X
        CS_OUTCOMES
};
const char *cs_outcome_name(enum cs_outcome o); /* "ok" */
bool cs_outcome_is_answer(enum cs_outcome o);
/* Whether a conversation goes on after a reply that came to this: there is a text to go on from. */
bool cs_outcome_goes_on(enum cs_outcome o, const char *text);

enum { /* bytes; with all other fields an output stays below CS_OUTPUT_MAX (wire/messages.h) */
       CS_OUTPUT_TEXT_MAX = 1024 * 1024 - 8192,
       CS_OUTPUT_WORD_MAX = 256, /* every other string */
       CS_OUTPUT_ALTERNATIVES_MAX = 2048,
       /* What was said beside the answer takes the room that the text leaves: text, reasoning and tool calls together are at most
        * CS_OUTPUT_TEXT_MAX, and it is never the text that is cut. */
       CS_OUTPUT_REASONING_MAX = 256 * 1024,
       CS_OUTPUT_TOOL_CALLS_MAX = 64 * 1024,
};

#endif
