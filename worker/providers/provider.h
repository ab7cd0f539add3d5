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
#include "protocol/study/study.h"
#include "worker/retry.h"

/* Where the calls of a lane go. Strings live as long as the lane is worked on. */
struct cs_endpoint {
    uint64_t serial;       /* never used twice in a process: tells endpoints apart */
    const char *url;
    const char *auth;      /* a whole header line, "Authorization: Bearer KEY", or NULL */
    const char *ca_file, *proxy; /* or NULL */
    bool plain_http;       /* http:// may be used: loopback, or a simulator that is sent no key */
};

/* How an HTTP call ended. Strings are valid during the call that hands it over. */
struct cs_http_reply {
    enum cs_transfer transfer;
    uint16_t status;       /* 0: no status line came back */
    const char *headers;   /* "name: value\r\n..." of the final response, NUL-terminated; may be "" */
    const char *body;      /* NUL-terminated; may be "" */
    size_t body_len;
    uint32_t latency_ms;
    const char *why;       /* what went wrong below HTTP, or "" */
};

#define CS_NO_HINT UINT64_MAX

/* What a reply says. Strings live in the arena given, are clean UTF-8, never NULL. */
struct cs_reading {
    enum cs_saying says;
    enum cs_outcome outcome;  /* of an answer: ok, refused, content_filtered or truncated (`ok`: the text is still to be parsed) */
    const char *text;         /* answer or refusal; of an error: what the provider says about it */
    const char *finish, *model, *request_id, *fingerprint;
    uint32_t input_tokens, cached_tokens, output_tokens, reasoning_tokens;
    uint64_t wait_ms;         /* how long the provider asks to wait, or CS_NO_HINT */
};

struct cs_provider {
    enum cs_protocol protocol;
    const char *path;         /* behind the account's base URL */
    const char *auth_prefix;  /* of the header line that ends with the key */
    void (*read)(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out);
};

extern const struct cs_provider cs_provider_openai_chat;
const struct cs_provider *cs_provider_of(enum cs_protocol p);

/* ---- shared by dialects -------------------------------------------------------------------------- */

/* The value of a header, without surrounding blanks, in the arena; NULL when absent. Names are compared without case. */
const char *cs_header(const char *headers, const char *name, struct cs_arena *arena);
/* What retry-after-ms or retry-after (seconds, or a date held against the `date` header) ask for, or CS_NO_HINT. */
uint64_t cs_header_wait_ms(const char *headers, struct cs_arena *arena);
/* "1.78s", "308ms", "6m0s", "1h2m3.5s" -> milliseconds, rounded up; CS_NO_HINT if it is no duration. */
uint64_t cs_duration_ms(const char *s);

#endif
