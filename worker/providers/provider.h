/* provider.h - a provider's dialect: where calls go, and what replies mean. Pure; any thread.
 *
 * A dialect never retries and never decides: it reads a reply into struct cs_reading, and worker/retry.c decides.
 */
#ifndef CS_PROVIDER_H
#define CS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/study/study.h"
#include "worker/retry.h"

/* Where the calls of a lane go. Strings live as long as the lane is worked on. */
struct cs_endpoint {
    uint64_t serial; /* never used twice in a process: tells endpoints apart */
    const char *url;
    const char *auth;           /* a whole header line, "Authorization: Bearer KEY", or NULL */
    const char *const *headers; /* further whole lines */
    uint32_t n_headers;
    const char *const *limit_rules; /* of cs_read_limits */
    uint32_t n_limit_rules;
    const char *ca_file, *proxy; /* or NULL */
    bool plain_http;             /* http:// may be used: loopback, or a simulator that is sent no key */
    char key[9]; /* the fingerprint of the key, for people and for other workers; "no-key" without one */
};

/* Where a call that found no provider came to its end. */
enum cs_below {
    CS_BELOW_NONE,
    CS_BELOW_NAME,
    CS_BELOW_CONNECT,
    CS_BELOW_TLS,
    CS_BELOW_PROXY,
    CS_BELOW_TIME,
    CS_BELOW_FILES, /* this process may open no further descriptor */
    CS_BELOW_OTHER
};

/* How an HTTP call ended. Strings are valid during the call that hands it over. */
struct cs_http_reply {
    enum cs_transfer transfer;
    uint16_t status;     /* 0: no status line came back */
    const char *headers; /* "name: value\r\n..." of the final response, NUL-terminated; may be "" */
    const char *body;    /* NUL-terminated; may be "" */
    size_t body_len;
    size_t received; /* bytes of the body that came, also when they were given up */
    uint32_t latency_ms;
    const char *why; /* what went wrong below HTTP, or "" */
    enum cs_below below;
};

#define CS_NO_HINT UINT64_MAX

enum { CS_ERROR_TEXT_MAX = 1000 }; /* bytes kept of what a provider says about an error */

/* What a reply says. Strings live in the arena given, are clean UTF-8, never NULL. */
struct cs_reading {
    enum cs_saying says;
    enum cs_outcome
        outcome; /* of an answer: ok, refused, content_filtered or truncated (`ok`: the text is still to be parsed) */
    const char *text; /* answer or refusal; of an error: what the provider says about it */
    const char *finish, *model, *request_id, *fingerprint;
    uint32_t input_tokens, cached_tokens, output_tokens, reasoning_tokens;
    double logprob; /* as in struct cs_output */
    uint32_t logprob_tokens;
    const char *alternatives;
    uint64_t wait_ms; /* how long the provider asks to wait, or CS_NO_HINT */
    uint16_t status;  /* what an error in a good reply says of itself, as a status; 0: it is as the reply's */
};

struct cs_provider {
    enum cs_protocol protocol;
    const char *path;        /* behind the account's base URL; "{model}" in it is the id as sent */
    const char *root;        /* what stands before it at the vendor's host and the simulator's: "/v1" */
    const char *auth_prefix; /* of the header line that ends with the key */
    const char *header;      /* a further line that each call needs, or NULL */
    void (*read)(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out);
};

extern const struct cs_provider cs_provider_openai_chat, cs_provider_openai_responses, cs_provider_anthropic,
    cs_provider_gemini, cs_provider_bedrock;
const struct cs_provider *cs_provider_of(enum cs_protocol p);

/* Where an account's calls for a model go; simulator: the base URL for simulated accounts. free() it. */
char *cs_provider_url(const struct cs_provider *p, const struct cs_account *a, const char *simulator,
                      const char *model);
/* The header line with the key: as the account says, else as the vendor has it. Wipe it with cs_key_free. */
char *cs_provider_auth(const struct cs_provider *p, const struct cs_account *a, const char *key);
/* The further lines of a call: the account's, and the dialect's unless the account has one of that name. At most
 * CS_HEADERS_MAX + 1; the strings are the account's and the dialect's own. */
uint32_t cs_provider_headers(const struct cs_provider *p, const struct cs_account *a, const char **lines);

/* ---- shared by dialects -------------------------------------------------------------------------- */

/* Begins a reading: nothing said, the request id from the first of these headers (NULL-terminated) that is there, and on
 * errors how long to wait. Returns the whole body as JSON (json_decref), or NULL; out->text is then what came instead. */
struct json_t *cs_read_begin(const struct cs_http_reply *reply, const char *const *id_headers, struct cs_arena *arena,
                             struct cs_reading *out);
/* The text of a JSON string, clean and not longer than max; "" for anything else. */
const char *cs_read_text(const struct json_t *v, size_t max, struct cs_arena *arena);
uint32_t cs_read_count(const struct json_t *v);
/* Log probabilities of an answer's tokens: `chosen` is a list of {"token", VALUE} in the order of the text; the most probable
 * ones at each place are its member "top_logprobs" or, if `tops` is given, tops[i].candidates. */
void cs_read_logprobs(const struct json_t *chosen, const char *value, const struct json_t *tops, struct cs_arena *arena,
                      struct cs_reading *out);
/* Appends a piece of an answer: a text, or the object that a tool was called with. */
void cs_read_piece(struct cs_buf *text, const struct json_t *piece);
/* Takes the answer's text; one that is longer than an output can hold is not whole, and so unparsable. */
void cs_read_answer(const struct cs_buf *text, struct cs_arena *arena, struct cs_reading *out);
/* OpenAI's `error` member, which may be a string: codes, message, wait. */
void cs_read_openai_error(const struct json_t *error, struct cs_arena *arena, struct cs_reading *out);
/* "Please try again in 1.78s.", "retry after 37 seconds.", "Please retry in 27.37s." -> ms, or CS_NO_HINT. */
uint64_t cs_wait_in_text(const char *text);

/* What the headers say of the account's limits; 0 where they say nothing. `rules` ("header: limit", the account's limit_headers)
 * win over what headers of these names usually mean. */
void cs_read_limits(const char *headers, const char *const *rules, uint32_t n_rules, struct cs_arena *arena,
                    struct cs_limits *out);

/* The value of a header, without surrounding blanks, in the arena; NULL when absent. Names are compared without
 * case. */
const char *cs_header(const char *headers, const char *name, struct cs_arena *arena);
/* What retry-after-ms or retry-after (seconds, or a date held against the `date` header) ask for, or CS_NO_HINT. */
uint64_t cs_header_wait_ms(const char *headers, struct cs_arena *arena);
/* "1.78s", "308ms", "6m0s", "1h2m3.5s" -> milliseconds, rounded up; CS_NO_HINT if it is no duration. */
uint64_t cs_duration_ms(const char *s);

#endif
