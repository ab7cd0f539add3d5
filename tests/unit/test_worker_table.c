/* The table of the one retry layer, held against what the vendors' documents say, written a second time and in another shape: one
 * case for each status that they name. Every combination of transfer, status and saying is compared, so a changed row is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/calls/retry.h"

static const struct cs_retry_rule
    good = {CS_NEXT_ANSWER, CS_OUTCOME_ok, CS_PAUSE_NONE, false, NULL, NULL},
    filtered = {CS_NEXT_ANSWER, CS_OUTCOME_content_filtered, CS_PAUSE_NONE, false, NULL, NULL},
    timeout = {CS_NEXT_ANSWER, CS_OUTCOME_timeout, CS_PAUSE_NONE, false, NULL, NULL},
    timeout_unknown = {CS_NEXT_ANSWER, CS_OUTCOME_timeout, CS_PAUSE_NONE, true, NULL, NULL},
    transport = {CS_NEXT_RETRY, CS_OUTCOME_transport, CS_PAUSE_JITTER, false, NULL, NULL},
    lost = {CS_NEXT_RETRY, CS_OUTCOME_transport, CS_PAUSE_JITTER, true, NULL, NULL},
    too_long = {CS_NEXT_FAIL, CS_OUTCOME_transport, CS_PAUSE_NONE, false, NULL, NULL},
    fault = {CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_PAUSE_JITTER, false, NULL, NULL},
    overloaded = {CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_PAUSE_EASE, false, NULL, NULL},
    full = {CS_NEXT_WAIT, CS_OUTCOME_rate_limited, CS_PAUSE_LANE, false, NULL, NULL},
    invalid = {CS_NEXT_FAIL, CS_OUTCOME_invalid_request, CS_PAUSE_NONE, false, NULL, NULL},
    strange = {CS_NEXT_FAIL, CS_OUTCOME_provider_error, CS_PAUSE_NONE, false, NULL, NULL},
    bad_key = {CS_NEXT_DENIED, CS_OUTCOME_invalid_request, CS_PAUSE_NONE,
               false,          "does not accept the key",  "put the right key"},
    forbidden = {CS_NEXT_DENIED, CS_OUTCOME_invalid_request, CS_PAUSE_NONE,
                 false,          "may not use this model",   "another key"},
    no_money = {CS_NEXT_STOP, CS_OUTCOME_internal, CS_PAUSE_NONE, false, "no quota or credit", "top it up"},
    day_used = {CS_NEXT_DAY, CS_OUTCOME_rate_limited, CS_PAUSE_LANE,
                false,       "quota of the day",      "wait for its next day"},
    no_model = {CS_NEXT_DENIED, CS_OUTCOME_invalid_request, CS_PAUSE_NONE, false, "no such model", "providers.yaml"},
    no_text = {CS_NEXT_STOP, CS_OUTCOME_internal, CS_PAUSE_NONE, false, "no text", "providers.yaml"},
    pieces = {CS_NEXT_STOP, CS_OUTCOME_internal, CS_PAUSE_NONE, false, "several JSON texts", "in one piece"};

/* A status that tells of an error. What the body says of the prompt or of the call's size is said of this trial alone; a firewall's
 * page is a matter of its status: who counts the denials looks at it (denials.h). */
static const struct cs_retry_rule *of_status(unsigned status, enum cs_saying says)
{
    if (says == CS_SAYS_FILTERED && status >= 400 && status <= 599) /* 400: Azure; 403, 422, 500: gateways */
        return &filtered;
    if (says == CS_SAYS_TOO_LARGE && status >= 400 && status <= 499) /* Groq: a 429 that no waiting mends */
        return &invalid;
    switch (status) {
    case 401:
        return &bad_key;
    case 402:
        return &no_money;
    case 403:
        return &forbidden;
    case 404:
        return &no_model;
    case 408: /* the provider's own time-out */
    case 409: /* conflict: the SDKs repeat it too */
    case 424: /* Bedrock's ModelError, TGI's and Groq's failed dependency */
    case 425: /* too early */
    case 499: /* Groq: client went away */
        return &fault;
    case 429:
        return &full;
    case 498: /* Groq flex: capacity exceeded */
    case 503: /* overloaded; OpenAI's older "Slow Down" */
    case 529: /* Anthropic: overloaded */
        return &overloaded;
    default: /* 500, 502, 504, 520-526 and their kin; 405, 413, 415, 422 and theirs; 1xx and 3xx, which end nothing */
        return status >= 500 ? &fault : status >= 400 ? &invalid : &strange;
    }
}

static const struct cs_retry_rule *expected(enum cs_transfer transfer, unsigned status, enum cs_saying says)
{
    if (transfer == CS_TRANSFER_UNSENT) /* name, connection, TLS: nothing was sent, whatever a proxy said */
        return &transport;
    if (transfer == CS_TRANSFER_LOST)
        return &lost;
    if (transfer == CS_TRANSFER_CROWDED) /* our own limit */
        return &transport;
    if (status == 0)
        return transfer == CS_TRANSFER_TIMEOUT ? &timeout_unknown : &strange;
    if (status >= 100) { /* a body in which the provider names its reason counts before the status */
        if (says == CS_SAYS_NO_MONEY)
            return &no_money;
        if (says == CS_SAYS_DAY_USED)
            return &day_used;
        if (says == CS_SAYS_NO_KEY)
            return &bad_key;
        if (says == CS_SAYS_NO_MODEL)
            return &no_model;
    }
    if (status >= 100 && status <= 299 && transfer == CS_TRANSFER_TIMEOUT)
        return &timeout;
    if (status >= 100 && status <= 299 && transfer == CS_TRANSFER_CUT)
        return &transport;
    if (status >= 100 && status <= 299 && transfer == CS_TRANSFER_TOO_LONG)
        return &too_long;
    if (status >= 200 && status <= 299) {
        if (says == CS_SAYS_ANSWER)
            return &good;
        if (says == CS_SAYS_FILTERED)
            return &filtered;
        if (says == CS_SAYS_TOO_LARGE)
            return &invalid;
        if (says == CS_SAYS_NO_TEXT) /* the first reply of a system: its account is wrong */
            return &no_text;
        if (says == CS_SAYS_PIECES)
            return &pieces;
        if (says == CS_SAYS_IN_VAIN)
            return &strange;
        return says == CS_SAYS_NOTHING ? &transport : &fault; /* no JSON, or no end marker: cut */
    }
    return of_status(status, says);
}

static bool says_this(const char *text, const char *part)
{
    return part == NULL ? text == NULL : text != NULL && strstr(text, part) != NULL;
}

static void every_combination(void **state)
{
    uint32_t compared = 0;
    (void)state;
    for (unsigned transfer = 0; transfer < CS_TRANSFERS; transfer++) {
        for (unsigned status = 0; status <= 999; status++) {
            for (unsigned says = 0; says < CS_SAYINGS; says++, compared++) {
                struct cs_retry_rule is = cs_retry_rule((enum cs_transfer)transfer, (uint16_t)status,
                                                        (enum cs_saying)says);
                const struct cs_retry_rule *want = expected((enum cs_transfer)transfer, status, (enum cs_saying)says);
                if (is.next != want->next || is.outcome != want->outcome || is.pause != want->pause ||
                    is.ambiguous != want->ambiguous || !says_this(is.reason, want->reason) ||
                    !says_this(is.remedy, want->remedy))
                    fail_msg("transfer %u, status %u, says %u: next %d, %s, pause %d, %s", transfer, status, says,
                             is.next, cs_outcome_name(is.outcome), is.pause, is.reason != NULL ? is.reason : "-");
            }
        }
    }
    assert_int_equal(compared, CS_TRANSFERS * 1000 * CS_SAYINGS);
    assert_int_equal(cs_retry_rule(CS_TRANSFER_WHOLE, 65535, CS_SAYS_ANSWER).next, CS_NEXT_FAIL);
}

/* What holds of any row, whatever the vendors think of next. */
static void no_row_breaks_the_rules(void **state)
{
    (void)state;
    for (unsigned transfer = 0; transfer < CS_TRANSFERS; transfer++) {
        for (unsigned status = 0; status <= 999; status++) {
            for (unsigned says = 0; says < CS_SAYINGS; says++) {
                struct cs_retry_rule r = cs_retry_rule((enum cs_transfer)transfer, (uint16_t)status,
                                                       (enum cs_saying)says);
                if (r.outcome == CS_OUTCOME_ok) /* success: whole, good, and with the vendor's end marker */
                    assert_true(transfer == CS_TRANSFER_WHOLE && status / 100 == 2 && says == CS_SAYS_ANSWER);
                if (transfer == CS_TRANSFER_TIMEOUT && status == 0) /* decision 12 */
                    assert_true(r.next == CS_NEXT_ANSWER && r.outcome == CS_OUTCOME_timeout);
                assert_int_equal(r.next == CS_NEXT_ANSWER, cs_outcome_is_answer(r.outcome));
                /* whatever may stop the lane tells the operator why, and what he does about it */
                assert_int_equal(r.next == CS_NEXT_STOP || r.next == CS_NEXT_DENIED || r.next == CS_NEXT_DAY,
                                 r.reason != NULL);
                assert_int_equal(r.reason != NULL, r.remedy != NULL);
                assert_int_equal(r.next == CS_NEXT_WAIT || r.next == CS_NEXT_DAY, r.pause == CS_PAUSE_LANE);
                if (r.next ==
                    CS_NEXT_STOP) /* at once, by one reply: only money and an account that declares wrongly are certain */
                    assert_true(says == CS_SAYS_NO_MONEY || says == CS_SAYS_NO_TEXT || says == CS_SAYS_PIECES ||
                                status == 402);
                if (r.next == CS_NEXT_DENIED) /* decision 14: it may be this trial alone, and then it fails */
                    assert_true(r.outcome == CS_OUTCOME_invalid_request &&
                                (says == CS_SAYS_NO_KEY || says == CS_SAYS_NO_MODEL || status == 401 || status == 403 ||
                                 status == 404));
                if (r.next == CS_NEXT_DAY) /* a quota of the day never fails a trial: it waits, or the lane stops */
                    assert_int_equal(says, CS_SAYS_DAY_USED);
                assert_int_equal(r.next == CS_NEXT_RETRY, r.pause == CS_PAUSE_JITTER || r.pause == CS_PAUSE_EASE);
                if (r.ambiguous)
                    assert_true(status == 0 || transfer == CS_TRANSFER_LOST);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination),
        cmocka_unit_test(no_row_breaks_the_rules),
    };
    return cmocka_run_group_tests_name("retry table", tests, NULL, NULL);
}
