/* dialect.h - what differs between the providers that the simulator can be: how a request is read, and the words in which an
 * answer, an error and the state of the limits are told. All else (truth, chance, faults, limits, counts) is shared.
 *
 * What is shared speaks of errors as OpenAI does (openai_chat.h); write_error says the same with the status, names and sentences
 * of its vendor. Pure; any thread.
 */
#ifndef CS_SIM_DIALECT_H
#define CS_SIM_DIALECT_H

#include "tools/simulator/exchange.h"

/* What is taken from the buckets of tokens (facts of the vendors, not of us). Input is what the text was estimated at. */
enum cs_charging {
    CS_CHARGE_LARGER,     /* the larger of cap and input; nothing is given back (OpenAI) */
    CS_CHARGE_INPUT,      /* the input alone (Gemini) */
    CS_CHARGE_AS_WRITTEN, /* the input, and output once it is written (Anthropic) */
    CS_CHARGE_RESERVE,    /* input and cap; what is not written is given back (Bedrock) */
};

struct cs_sim_dialect {
    enum cs_charging charging;
    const char *id_prefix;  /* how an answer's id begins */
    const char *key_header; /* a header that may hold the key, or NULL */
    bool bearer;            /* Authorization: Bearer may hold it too */
    /* False: refused, e says how. The request is to be released in either case. */
    bool (*parse)(const struct cs_sim_call *call, struct cs_chat_request *out, struct cs_chat_error *e);
    void (*write)(struct cs_chat_answer *a, struct cs_buf *out);
    void (*write_error)(struct cs_exchange *x); /* x->error -> status, body and headers of x->reply */
    void (*add_headers)(struct cs_exchange *x); /* those of every reply */
};

extern const struct cs_sim_dialect cs_sim_openai_chat, cs_sim_openai_responses, cs_sim_anthropic, cs_sim_gemini,
    cs_sim_bedrock, cs_sim_app_ask, cs_sim_app_text, cs_sim_app_stream, cs_sim_app_jobs;

/* ---- for the dialects ----------------------------------------------------------------------------- */

/* What an error is about, whatever its words. */
enum cs_trouble {
    CS_TROUBLE_REQUEST,
    CS_TROUBLE_NO_KEY,
    CS_TROUBLE_BAD_KEY,
    CS_TROUBLE_MODEL,
    CS_TROUBLE_LIMIT,
    CS_TROUBLE_QUOTA,
    CS_TROUBLE_SERVER,
    CS_TROUBLE_UNAVAILABLE,
    CS_TROUBLE_OVERLOADED
};
enum cs_trouble cs_sim_dialect_trouble(const struct cs_chat_error *e);

/* Reads the body into out; false: it is not a JSON object. */
bool cs_sim_dialect_read(const struct cs_sim_call *call, struct cs_chat_request *out);
/* The first name in the object that is not in the list, or NULL. */
const char *cs_sim_dialect_unknown(const struct cs_j *object, const char *const *known, size_t n);
/* A number absent, or within its bounds. */
bool cs_sim_dialect_in_range(const struct cs_j *v, double min, double max);
/* A whole number > 0; 0: absent or something else. */
uint64_t cs_sim_dialect_cap(const struct cs_j *v);
/* Tokens as the simulator counts them: a quarter of the bytes, rounded up. */
uint64_t cs_sim_dialect_tokens(uint64_t bytes);
void cs_sim_dialect_header(struct cs_sim_reply *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Tools in each dialect (tooled_*.c): what a request has of them is read into r->tooling; a->calls are written, with a->output_tokens set. */
bool cs_tooled_chat_read(struct cs_chat_request *r, struct cs_chat_error *e);
void cs_tooled_chat_write(struct cs_chat_answer *a, struct cs_buf *out);
bool cs_tooled_responses_read(struct cs_chat_request *r, struct cs_chat_error *e);
void cs_tooled_responses_write(struct cs_chat_answer *a, struct cs_buf *out); /* its output */
bool cs_tooled_anthropic_read(struct cs_chat_request *r, struct cs_chat_error *e);
void cs_tooled_anthropic_write(const struct cs_chat_answer *a, struct cs_buf *out); /* its blocks */
bool cs_tooled_gemini_read(struct cs_chat_request *r, struct cs_chat_error *e);
void cs_tooled_gemini_write(const struct cs_chat_answer *a, struct cs_buf *out); /* its content */
bool cs_tooled_bedrock_read(struct cs_chat_request *r, struct cs_chat_error *e);
void cs_tooled_bedrock_write(const struct cs_chat_answer *a, struct cs_buf *out); /* its blocks */
/* Tokens of the calls, as texts are counted. */
uint64_t cs_tooled_chat_tokens(const struct cs_sim_calls *calls);
/* Headers in OpenAI's words. */
void cs_sim_openai_chat_headers(struct cs_exchange *x);
void cs_sim_openai_chat_error_body(struct cs_exchange *x);

#endif
