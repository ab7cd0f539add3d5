#include "worker/retry.h"

#include <stddef.h>

#include "protocol/base/assert.h"

enum { ANY = -1 };

/* The first row that matches holds. */
/* clang-format off */
static const struct row {
    int transfer;
    int from, to; /* status */
    int says;
    enum cs_next next;
    enum cs_outcome outcome;
} rows[] = {
    /* transfer              status    body              what next        outcome */
    {CS_TRANSFER_TIMEOUT,    0, 999,   ANY,              CS_NEXT_ANSWER,  CS_OUTCOME_timeout},
    {CS_TRANSFER_UNSENT,     0, 999,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport},
    {CS_TRANSFER_LOST,       0, 999,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport},
    {CS_TRANSFER_CUT,        0, 999,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_transport},
    {CS_TRANSFER_TOO_LONG,   0, 999,   ANY,              CS_NEXT_FAIL,    CS_OUTCOME_transport},
    {CS_TRANSFER_WHOLE,      0, 999,   CS_SAYS_NO_MONEY, CS_NEXT_STOP,    CS_OUTCOME_internal},
    {CS_TRANSFER_WHOLE,    200, 299,   CS_SAYS_ANSWER,   CS_NEXT_ANSWER,  CS_OUTCOME_ok},
    {CS_TRANSFER_WHOLE,    200, 299,   CS_SAYS_FILTERED, CS_NEXT_ANSWER,  CS_OUTCOME_content_filtered},
    {CS_TRANSFER_WHOLE,    200, 299,   CS_SAYS_ERROR,    CS_NEXT_RETRY,   CS_OUTCOME_provider_error},
    {CS_TRANSFER_WHOLE,    200, 299,   CS_SAYS_NOTHING,  CS_NEXT_RETRY,   CS_OUTCOME_transport},
    {CS_TRANSFER_WHOLE,    400, 400,   CS_SAYS_FILTERED, CS_NEXT_ANSWER,  CS_OUTCOME_content_filtered},
    {CS_TRANSFER_WHOLE,    401, 403,   ANY,              CS_NEXT_STOP,    CS_OUTCOME_internal},
    {CS_TRANSFER_WHOLE,    408, 409,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error},
    {CS_TRANSFER_WHOLE,    424, 425,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error},
    {CS_TRANSFER_WHOLE,    429, 429,   ANY,              CS_NEXT_WAIT,    CS_OUTCOME_rate_limited},
    {CS_TRANSFER_WHOLE,    498, 499,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error},
    {CS_TRANSFER_WHOLE,    400, 499,   ANY,              CS_NEXT_FAIL,    CS_OUTCOME_invalid_request},
    {CS_TRANSFER_WHOLE,    500, 999,   ANY,              CS_NEXT_RETRY,   CS_OUTCOME_provider_error},
    {CS_TRANSFER_WHOLE,      0, 399,   ANY,              CS_NEXT_FAIL,    CS_OUTCOME_provider_error}, /* redirects */
};
/* clang-format on */

struct cs_retry_rule cs_retry_rule(enum cs_transfer transfer, uint16_t status, enum cs_saying says)
{
    CS_ASSERT(transfer < CS_TRANSFERS);
    CS_ASSERT(says < CS_SAYINGS);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        if (r->transfer == (int)transfer && r->from <= status && status <= r->to &&
            (r->says == ANY || r->says == (int)says))
            return (struct cs_retry_rule){r->next, r->outcome};
    }
    return (struct cs_retry_rule){CS_NEXT_FAIL, CS_OUTCOME_provider_error}; /* a status over 999 */
}

uint64_t cs_retry_pause(uint32_t n, struct cs_rng *rng)
{
    uint64_t most = n < 16 ? (uint64_t)CS_RETRY_BASE_MS << n : CS_RETRY_CAP_MS;
    if (most > CS_RETRY_CAP_MS)
        most = CS_RETRY_CAP_MS;
    return cs_rng_below(rng, most + 1);
}
