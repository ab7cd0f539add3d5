/* protocols.h - the dialects that are spoken: one line each, and nothing else has to be listed anywhere.
 *
 * A new dialect is a line here, at the end (the numbers travel in specs), and one file of that name in protocol/dialects/, which
 * says how its bodies, addresses, keys and replies look and what its calls are charged. What is left out there does not link.
 */
#ifndef CS_PROTOCOLS_H
#define CS_PROTOCOLS_H

/*  enum                file in dialects/   name in providers.yaml and in digests */
#define CS_PROTOCOL_TABLE(X)                                                                                           \
    X(OPENAI_CHAT, openai_chat, "openai-chat")                                                                         \
    X(OPENAI_RESPONSES, openai_responses, "openai-responses")                                                          \
    X(ANTHROPIC_MESSAGES, anthropic, "anthropic-messages")                                                             \
    X(GEMINI, gemini, "gemini")                                                                                        \
    X(BEDROCK_CONVERSE, bedrock, "bedrock-converse")                                                                   \
    X(HTTP, deployed, "http")

enum cs_protocol {
#define X(number, file, name) CS_PROTOCOL_##number,
    CS_PROTOCOL_TABLE(X)
#undef X
        CS_PROTOCOLS
};
const char *cs_protocol_name(enum cs_protocol p); /* "openai-chat" */

#endif
