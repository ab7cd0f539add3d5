/* reply.h - a provider's reply: how it came, and what it says once its dialect has read it.
 *
 * A dialect never retries and never decides: it reads a reply into struct cs_reading. The worker's one table decides what follows.
 */
#ifndef CS_REPLY_H
#define CS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/study/outcome.h"

/* How the HTTP transfer ended. */
enum cs_transfer {
    CS_TRANSFER_WHOLE,    /* status and complete body */
    CS_TRANSFER_UNSENT,   /* no connection: nothing was sent */
    CS_TRANSFER_LOST,     /* sent, and no status line came back: may have been billed */
    CS_TRANSFER_CUT,      /* the body is incomplete */
    CS_TRANSFER_TOO_LONG, /* the body is over the limit */
    CS_TRANSFER_CROWDED,  /* ended by us: all replies in flight had filled the worker's memory for them */
    CS_TRANSFER_TIMEOUT,  /* sent, and not answered within the study's limit */
    CS_TRANSFERS
};

/* What a complete body says, according to the dialect. */
enum cs_saying {
    CS_SAYS_NOTHING,   /* not JSON, or no end marker */
    CS_SAYS_ANSWER,    /* an answer with its end marker */
    CS_SAYS_ERROR,     /* an error that the status explains */
    CS_SAYS_FILTERED,  /* an error: the prompt was filtered */
    CS_SAYS_NO_MODEL,  /* an error: there is no such model, whatever the status */
    CS_SAYS_NO_MONEY,  /* an error: quota or credit used up; waiting does not help */
    CS_SAYS_NO_KEY,    /* an error: the key is not accepted, or not from here, whatever the status */
    CS_SAYS_DAY_USED,  /* an error: the quota of the day is used up; waiting for minutes does not help */
    CS_SAYS_TOO_LARGE, /* an error: this call is larger than the whole limit; waiting does not help */
    CS_SAYS_BLOCKED,   /* an error: a page before the provider refuses this request, it says */
    CS_SAYS_NO_TEXT,   /* a good reply without a text where its account says that there is one */
    CS_SAYS_PIECES,    /* a good reply of several JSON texts, where its account has one */
    CS_SAYS_IN_VAIN,   /* a good reply that is no answer, nor would be if it was asked for again */
    CS_SAYINGS
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

struct cs_service;

/* A session of a declared system's, as its next call goes into it. NULL: not known. */
struct cs_session_told {
    const char *trial; /* who we are in it */
    const char *id, *cookie;
    const char *mark; /* up to where its replies are read */
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
    int64_t wall_ms; /* Unix time when it ended; 0: unknown */
    const char *why; /* what went wrong below HTTP, or "" */
    enum cs_below below;
    int os_error;                     /* errno of a connection that was not made; 0: unknown */
    const struct cs_service *service; /* protocol http: by which it is read (service.h); else NULL */
    const char *broken; /* of a call of several requests: why its good reply is no answer, in our words; or NULL */
    enum cs_saying broken_says;
    bool at_start;                         /* of such a call: to the request that starts its session */
    bool was_taken;                        /* broken, and what was asked was taken all the same: it may be paid */
    const struct cs_session_told *session; /* of a conversation that goes on in it; else NULL */
};

#define CS_NO_HINT UINT64_MAX

enum { CS_ERROR_TEXT_MAX = 1000 }; /* bytes kept of what a provider says about an error */

/* What a reply says. Strings live in the arena given, are clean UTF-8, never NULL. */
struct cs_reading {
    enum cs_saying says;
    enum cs_outcome
        outcome; /* for an answer: ok, refused, content_filtered or truncated (`ok`: the text is still to be parsed) */
    const char
        *cause; /* for an answer that is unparsable whatever its text: why, a word as in study/answer.h; else "" */
    const char *
        text; /* answer or refusal; of an error: what the provider says about it, or in our words what is wrong with its reply */
    const char *finish, *model, *request_id, *fingerprint;
    const char *response_id; /* the body's own, where it is not request_id; or "" */
    bool cache_hit;          /* something between us and the model says that it kept this reply */
    /* For errors too, where they say so. Read from the provider's cache, and written to it: part of input; reasoning: of output. */
    uint32_t input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens;
    bool usage_short; /* the provider's total is above these: they are not all */
    double logprob;   /* as in struct cs_output */
    uint32_t logprob_tokens;
    const char *alternatives;
    /* Said beside the answer, bounded as study/outcome.h says: reasoning as text; calls of tools that are not the answer as a JSON array. */
    const char *reasoning, *tool_calls;
    bool reasoning_cut, tool_calls_cut;
    uint64_t wait_ms;        /* how long the provider asks to wait, or CS_NO_HINT */
    const char *wait_source; /* where it says so: "retry-after", "its message" */
    const char *limit;       /* the daily quota that was used up: "200 requests a day"; or "" */
    bool at_once;            /* it asks for a wait that is none: it would have us back soon */
    uint16_t status;         /* what an error in a good reply says of itself, as a status; 0: it is as the reply's */
};

#endif
