#include "worker/calls/call.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "worker/calls/retry.h"

void cs_worker_call_free(struct cs_call *c)
{
    for (uint32_t i = 0; i < c->n_said; i++)
        free(c->said[i]);
    free(c->said);
    cs_worker_call_in(c, NULL);
    free(c);
}

static char *copy_of(const char *text)
{
    return text != NULL ? cs_xstrdup(text) : NULL;
}

void cs_worker_call_in(struct cs_call *c, const struct cs_session_told *session)
{
    struct cs_session_told *now = session != NULL ? cs_xmalloc(sizeof *now) : NULL;
    if (now != NULL)
        *now = (struct cs_session_told){copy_of(session->trial), copy_of(session->id), copy_of(session->cookie),
                                        copy_of(session->mark)};
    if (c->session != NULL) {
        free((char *)(uintptr_t)c->session->trial); /* ours */
        free((char *)(uintptr_t)c->session->id);
        free((char *)(uintptr_t)c->session->cookie);
        free((char *)(uintptr_t)c->session->mark);
    }
    free(c->session);
    c->session = now;
}

void cs_worker_call_next(struct cs_call *c, const char *text)
{
    struct cs_call next = {.lane = c->lane,
                           .lease = c->lease,
                           .bit = c->bit,
                           .slot = CS_NO_SLOT,
                           .digest = c->digest,
                           .question = c->question,
                           .said = cs_xrealloc(c->said, c->n_said + 1, sizeof *c->said),
                           .n_said = c->n_said + 1,
                           .turns = c->turns,
                           .session = c->session,
                           .alarm = c->alarm};
    next.said[c->n_said] = cs_xstrdup(text);
    *c = next;
}

void cs_worker_call_sent(struct cs_call *c, uint32_t slot, uint64_t now_ms, int64_t wall_ms)
{
    if (c->calls == 0) {
        c->first_ms = now_ms;
        c->first_wall_ms = wall_ms;
    }
    c->slot = slot;
    c->sent_ms = now_ms;
    c->calls++;
}

/* After faults a trial ends when it has had its tries. When its time is up it ends too, provider working or not, if it was called often
 * enough; but not for want of a connection in an outage, for then nothing is known of it. */
static bool is_given_up(const struct cs_call *c, enum cs_transfer transfer, bool late, bool in_doubt)
{
    if (c->tries >= CS_RETRY_TRIES_MAX)
        return true;
    return late && (!in_doubt || (c->faults >= CS_RETRY_TRIES_MAX && transfer != CS_TRANSFER_UNSENT));
}

/* A 429. Where others are answered between those of this trial, it is the trial that waits. */
static void limited(struct cs_call *c, const struct cs_reading *reading, const struct cs_call_world *world, bool late,
                    struct cs_verdict *v)
{
    const bool still = c->limited > 0 && c->progress == world->progress;
    c->alone += c->limited > 0 && !still;
    c->limited = still ? c->limited + 1 : 1;
    if (!still)
        c->limited_ms = world->now_ms;
    c->progress = world->progress;
    v->wait_ms = reading->wait_ms < CS_RETRY_WAIT_MAX_MS || reading->wait_ms == CS_NO_HINT ? reading->wait_ms
                                                                                           : CS_RETRY_WAIT_MAX_MS;
    v->soon = reading->at_once;
    if (v->wait_ms != CS_NO_HINT)
        c->asked_ms += v->wait_ms;
    if ((c->limited >= CS_RETRY_LIMITED_MAX && world->now_ms - c->limited_ms >= CS_RETRY_LIMITED_MS) || late) {
        v->next = CS_NEXT_FAIL;
    } else if (c->alone >= CS_RETRY_ALONE_MAX) {
        v->next = CS_NEXT_RETRY;
        v->rule.pause = CS_PAUSE_NONE;
        if (v->wait_ms == CS_NO_HINT)
            v->wait_ms = cs_retry_pause(c->alone, world->rng);
    }
}

struct cs_verdict cs_worker_call_ended(struct cs_call *c, const struct cs_http_reply *reply,
                                       const struct cs_reading *reading, const struct cs_call_world *world)
{
    bool good = reply->status >= 200 && reply->status <= 299;
    uint16_t status = good && reading->status != 0 ? reading->status : reply->status;
    struct cs_retry_rule rule = cs_retry_rule(reply->transfer, status, reading->says);
    struct cs_verdict v = {.rule = rule, .next = rule.next, .outcome = rule.outcome, .wait_ms = CS_NO_HINT};
    bool late = world->now_ms - c->first_ms >= CS_RETRY_DEADLINE_MS + c->asked_ms;

    CS_ASSERT(c->calls > 0);
    c->slot = CS_NO_SLOT;
    c->ambiguous += rule.ambiguous;
    if (reading->says == CS_SAYS_ANSWER && v.next == CS_NEXT_ANSWER && v.outcome == CS_OUTCOME_ok)
        v.outcome = reading->outcome;
    if (v.next == CS_NEXT_RETRY) {
        c->faults++;
        c->tries += !world->in_doubt && reply->transfer != CS_TRANSFER_UNSENT;
        c->limited = 0;
        v.wait_ms = cs_retry_pause(c->faults - 1, world->rng);
        if (reading->wait_ms != CS_NO_HINT && reading->wait_ms > v.wait_ms)
            v.wait_ms = reading->wait_ms;
        if (is_given_up(c, reply->transfer, late, world->in_doubt))
            v.next = CS_NEXT_FAIL;
    } else if (v.next == CS_NEXT_WAIT) {
        limited(c, reading, world, late, &v);
    } else if (v.next == CS_NEXT_DAY) {
        v.wait_ms = reading->wait_ms;
        v.next = v.wait_ms <= CS_RETRY_WAIT_MAX_MS ? CS_NEXT_WAIT : CS_NEXT_STOP;
        c->asked_ms += v.next == CS_NEXT_WAIT ? v.wait_ms : 0;
    }
    return v;
}

void cs_worker_call_no_text(const struct cs_http_reply *reply, struct cs_reading *reading)
{
    if (reply->broken != NULL) {
        reading->says = CS_SAYS_ERROR; /* nobody has answered what was asked, if it was */
        return;
    }
    reading->says = CS_SAYS_ANSWER;
    reading->outcome = CS_OUTCOME_unparsable;
    reading->cause = cs_answer_fault_name(CS_ANSWER_EMPTY);
    reading->text = "";
}

static bool is_told(const struct cs_reading *reading)
{
    return reading->input_tokens > 0 || reading->output_tokens > 0;
}

bool cs_worker_call_is_billed(const struct cs_http_reply *reply, const struct cs_reading *reading)
{
    const bool good = reply->status >= 200 && reply->status <= 299;
    if (reply->broken != NULL) /* in a session that did not begin nothing was asked */
        return is_told(reading) || reply->was_taken;
    return is_told(reading) || (good && (reading->says == CS_SAYS_NOTHING || reading->says == CS_SAYS_ANSWER ||
                                         reading->says == CS_SAYS_NO_TEXT || reading->says == CS_SAYS_PIECES ||
                                         reading->says == CS_SAYS_IN_VAIN));
}

static uint32_t add(uint32_t a, uint32_t b)
{
    uint32_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

void cs_worker_call_waste(struct cs_call *c, const struct cs_http_reply *reply, const struct cs_reading *reading)
{
    if (!cs_worker_call_is_billed(reply, reading))
        return;
    c->wasted++;
    c->wasted_untold += !is_told(reading);
    c->wasted_input = add(c->wasted_input, reading->input_tokens);
    c->wasted_cached = add(c->wasted_cached, reading->cached_tokens);
    c->wasted_cache_write = add(c->wasted_cache_write, reading->cache_write_tokens);
    c->wasted_output = add(c->wasted_output, reading->output_tokens);
    c->usage_short |= reading->usage_short;
}

void cs_worker_call_output(const struct cs_call *c, const struct cs_http_reply *reply, const struct cs_reading *reading,
                           enum cs_outcome outcome, uint64_t now_ms, struct cs_output *out)
{
    bool failure = !cs_outcome_is_answer(outcome);
    *out = (struct cs_output){
        .digest = c->digest,
        .outcome = (uint8_t)outcome,
        .attempts = c->calls,
        .ambiguous = c->ambiguous,
        .http_status = reply->status,
        .text = failure && reading->text[0] == '\0' ? reply->why : reading->text,
        .finish = reading->finish,
        .model_resolved = reading->model,
        .request_id = reading->request_id,
        .fingerprint = reading->fingerprint,
        .input_tokens = reading->input_tokens,
        .cached_tokens = reading->cached_tokens,
        .cache_write_tokens = reading->cache_write_tokens,
        .output_tokens = reading->output_tokens,
        .reasoning_tokens = reading->reasoning_tokens,
        .logprob = reading->logprob,
        .logprob_tokens = reading->logprob_tokens,
        .alternatives = reading->alternatives,
        .cause = reading->cause,
        .reasoning = reading->reasoning,
        .tool_calls = reading->tool_calls,
        .reasoning_cut = reading->reasoning_cut,
        .tool_calls_cut = reading->tool_calls_cut,
        .wasted = c->wasted,
        .wasted_untold = c->wasted_untold,
        .wasted_input = c->wasted_input,
        .wasted_cached = c->wasted_cached,
        .wasted_cache_write = c->wasted_cache_write,
        .wasted_output = c->wasted_output,
        .usage_short = c->usage_short || reading->usage_short,
        .cache_hit = reading->cache_hit,
        .response_id = reading->response_id,
        .started_wall_ms = c->first_wall_ms,
        .latency_ms = reply->latency_ms,
        .total_ms = (uint32_t)(now_ms - c->first_ms),
    };
}
