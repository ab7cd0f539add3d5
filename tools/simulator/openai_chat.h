/* openai_chat.h - OpenAI's dialect: reads and checks a Chat Completions request, and writes the answers and errors of OpenAI.
 * The other dialects (dialect.h) fill and are given the same request, answer and error.
 *
 * Checks what the real provider checks and refuses with its status, type, param, code and sentence. Pure; any thread.
 */
#ifndef CS_SIM_OPENAI_CHAT_H
#define CS_SIM_OPENAI_CHAT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/buf.h"
#include "tools/simulator/chat_error.h"
#include "tools/simulator/json_read.h"
#include "tools/simulator/tooling.h"

enum cs_chat_format { CS_CHAT_TEXT, CS_CHAT_JSON_OBJECT, CS_CHAT_JSON_SCHEMA };

struct cs_chat_request {
    struct cs_j_document document;
    const struct cs_j *root;
    const char *model;    /* in root */
    struct cs_buf prompt; /* the contents of all messages, a newline between two */
    uint64_t content_bytes, image_tokens;
    uint64_t max_tokens; /* 0: no cap */
    enum cs_chat_format format;
    const struct cs_j *schema;            /* in root or schema_document; NULL unless CS_CHAT_JSON_SCHEMA */
    struct cs_j_document schema_document; /* bedrock's, which is a string in the body */
    const char *tool;                     /* the answer shall be a call of it, or NULL */
    bool logprobs;                        /* shall be told, with so many of the most probable tokens at each place */
    unsigned top_logprobs;
    struct cs_sim_tooling tooling; /* tools, and calls of them that stand in it */
};

/* False: refused, e says how. The body must outlive the request; release the request in either case. */
bool cs_sim_openai_chat_parse(const char *body, size_t len, struct cs_chat_request *out, struct cs_chat_error *e);
void cs_sim_openai_chat_request_release(struct cs_chat_request *r);
/* Adds a text to the prompt. */
void cs_sim_openai_chat_add_text(struct cs_chat_request *r, const struct cs_j *text);

struct cs_chat_answer {
    const char *id, *model, *fingerprint;
    int64_t created;  /* Unix seconds */
    const char *text; /* content, or the refusal; may be cut (see below) */
    bool refused;
    const char *tool;                 /* the tool whose arguments the text is, or NULL */
    const struct cs_sim_calls *calls; /* calls of tools in place of the text; NULL: none */
    bool logprobs;
    unsigned top_logprobs;
    uint64_t seed; /* log probabilities come from it and the digest */
    const char *digest;
    uint64_t input_tokens, cached_tokens, cache_write_tokens; /* the latter two are part of the first */
    uint64_t max_tokens;    /* text beyond it is cut, finish_reason "length"; 0: no cap */
    uint64_t output_tokens; /* set by cs_sim_openai_chat_write */
};
void cs_sim_openai_chat_write(struct cs_chat_answer *a, struct cs_buf *out);
/* How many bytes of the text the cap lets through; sets output_tokens. */
size_t cs_sim_openai_chat_cut(struct cs_chat_answer *a);
void cs_sim_openai_chat_write_error(const struct cs_chat_error *e, struct cs_buf *out);

#endif
