#include "worker/calls/retry.h"

#include <stddef.h>

#include "protocol/base/assert.h"

enum { ANY = -1 };

/* Why a lane stops, and what its operator does about it; in our words, for what a provider writes may repeat a key. */
struct cause {
    const char *reason, *remedy;
};
static const struct cause bad_key = {"the provider does not accept the key",
                                     "put the right key where the worker finds it"},
                          no_money = {"no quota or credit is left on the account", "top it up or raise its limit"},
                          day_used = {"the account's quota of the day is used up", "wait for its next day"},
                          forbidden = {"the key may not use this model, or not from here",
                                       "let it, or use another key"},
                          no_text = {"the reply has no text where its account says",
                                     "correct `reply` in providers.yaml; "
                                     "`clinsafe providers check` shows what comes back"},
                          pieces = {"the reply is several JSON texts where its account has one",
                                    "have it sent in one piece (often `stream: false` in its body)"},
                          no_model = {"the provider has no such model or address", "correct it in providers.yaml"};

/* The first row that matches holds. A reply that breaks off behind the status line of an error is judged by its status.
 * `?` marks what may have been billed although no status line came back. */
/* clang-format off */
static const struct row {
    int transfer;
    int from, to; /* status */
    int says;
    enum cs_next next;
    enum cs_outcome outcome;
    enum cs_pause pause;
    bool ambiguous;
    const struct cause *cause;
} rows[] = {
    /* transfer              status   body              what next        outcome                      pause            ? */
    {CS_TRANSFER_UNSENT,     0, 999,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport,        CS_PAUSE_JITTER, 0, NULL}, /* no name, no connection, no TLS */
    {CS_TRANSFER_LOST,       0, 999,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport,        CS_PAUSE_JITTER, 1, NULL}, /* reset or closed after the request */
    {CS_TRANSFER_CROWDED,    0, 999,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport,        CS_PAUSE_JITTER, 0, NULL}, /* the largest of too many */
    {CS_TRANSFER_TIMEOUT,    0, 0,    ANY,              CS_NEXT_ANSWER,  CS_OUTCOME_timeout,          CS_PAUSE_NONE,   1, NULL}, /* decision 12 */

    {ANY,                  100, 999,  CS_SAYS_NO_MONEY, CS_NEXT_STOP,    CS_OUTCOME_internal,         CS_PAUSE_NONE,   0, &no_money},
    {ANY,                  100, 999,  CS_SAYS_DAY_USED, CS_NEXT_DAY,     CS_OUTCOME_rate_limited,     CS_PAUSE_LANE,   0, &day_used},
    {ANY,                  100, 999,  CS_SAYS_NO_KEY,   CS_NEXT_DENIED,  CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, &bad_key},
    {ANY,                  100, 999,  CS_SAYS_NO_MODEL, CS_NEXT_DENIED,  CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, &no_model},

    {CS_TRANSFER_TIMEOUT,  100, 299,  ANY,              CS_NEXT_ANSWER,  CS_OUTCOME_timeout,          CS_PAUSE_NONE,   0, NULL},
    {CS_TRANSFER_CUT,      100, 299,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport,        CS_PAUSE_JITTER, 0, NULL}, /* shorter than announced */
    {CS_TRANSFER_TOO_LONG, 100, 299,  ANY,              CS_NEXT_FAIL,    CS_OUTCOME_transport,        CS_PAUSE_NONE,   0, NULL},
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_ANSWER,   CS_NEXT_ANSWER,  CS_OUTCOME_ok,               CS_PAUSE_NONE,   0, NULL}, /* refused, truncated too */
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_FILTERED, CS_NEXT_ANSWER,  CS_OUTCOME_content_filtered, CS_PAUSE_NONE,   0, NULL},
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_NOTHING,  CS_NEXT_RETRY,   CS_OUTCOME_transport,        CS_PAUSE_JITTER, 0, NULL}, /* no JSON, no end marker */
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_NO_TEXT,  CS_NEXT_STOP,    CS_OUTCOME_internal,         CS_PAUSE_NONE,   0, &no_text}, /* the first; later ones are answers: work.c */
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_PIECES,   CS_NEXT_STOP,    CS_OUTCOME_internal,         CS_PAUSE_NONE,   0, &pieces}, /* likewise; later ones are in vain */
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_IN_VAIN,  CS_NEXT_FAIL,    CS_OUTCOME_provider_error,   CS_PAUSE_NONE,   0, NULL},
    {CS_TRANSFER_WHOLE,    200, 299,  CS_SAYS_TOO_LARGE, CS_NEXT_FAIL,   CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, NULL},
    {CS_TRANSFER_WHOLE,    200, 299,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_JITTER, 0, NULL}, /* an error that says no status */

    {ANY,                  400, 599,  CS_SAYS_FILTERED, CS_NEXT_ANSWER,  CS_OUTCOME_content_filtered, CS_PAUSE_NONE,   0, NULL}, /* 403, 422, 500: as gateways have it */
    {ANY,                  400, 499,  CS_SAYS_TOO_LARGE, CS_NEXT_FAIL,   CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, NULL}, /* waiting makes no room for it */
    {ANY,                  401, 401,  ANY,              CS_NEXT_DENIED,  CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, &bad_key},
    {ANY,                  402, 402,  ANY,              CS_NEXT_STOP,    CS_OUTCOME_internal,         CS_PAUSE_NONE,   0, &no_money},
    {ANY,                  403, 403,  ANY,              CS_NEXT_DENIED,  CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, &forbidden},
    {ANY,                  404, 404,  ANY,              CS_NEXT_DENIED,  CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, &no_model},
    {ANY,                  408, 409,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_JITTER, 0, NULL}, /* its timeout, a conflict */
    {ANY,                  424, 425,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_JITTER, 0, NULL}, /* the model failed */
    {ANY,                  429, 429,  ANY,              CS_NEXT_WAIT,    CS_OUTCOME_rate_limited,     CS_PAUSE_LANE,   0, NULL},
    {ANY,                  498, 498,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_EASE,   0, NULL}, /* Groq: no capacity */
    {ANY,                  499, 499,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_JITTER, 0, NULL}, /* it thinks that we left */
    {ANY,                  400, 499,  ANY,              CS_NEXT_FAIL,    CS_OUTCOME_invalid_request,  CS_PAUSE_NONE,   0, NULL}, /* 413 too large, 422 ... */
    {ANY,                  503, 503,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_EASE,   0, NULL},
    {ANY,                  529, 529,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_EASE,   0, NULL}, /* Anthropic: overloaded */
    {ANY,                  500, 999,  ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error,   CS_PAUSE_JITTER, 0, NULL}, /* 520-526: Cloudflare */
    {ANY,                    0, 999,  ANY,              CS_NEXT_FAIL,    CS_OUTCOME_provider_error,   CS_PAUSE_NONE,   0, NULL}, /* redirects; no HTTP */
};
/* clang-format on */

struct cs_retry_rule cs_retry_rule(enum cs_transfer transfer, uint16_t status, enum cs_saying says)
{
    const struct row *last = &rows[sizeof rows / sizeof *rows - 1], *r = rows;
    CS_ASSERT(transfer < CS_TRANSFERS);
    CS_ASSERT(says < CS_SAYINGS);
    while (r != last && !((r->transfer == ANY || r->transfer == (int)transfer) && r->from <= status &&
                          status <= r->to && (r->says == ANY || r->says == (int)says)))
        r++;
    return (struct cs_retry_rule){
        .next = r->next,
        .outcome = r->outcome,
        .pause = r->pause,
        .ambiguous = r->ambiguous,
        .reason = r->cause != NULL ? r->cause->reason : NULL,
        .remedy = r->cause != NULL ? r->cause->remedy : NULL,
    };
}

uint64_t cs_retry_pause(uint32_t n, struct cs_rng *rng)
{
    uint64_t most = n < 16 ? (uint64_t)CS_RETRY_BASE_MS << n : CS_RETRY_CAP_MS;
    if (most > CS_RETRY_CAP_MS)
        most = CS_RETRY_CAP_MS;
    return cs_rng_below(rng, most + 1);
}
