/* The worker's one retry layer: the table, what the dialect reads, and what follows in the core. */
#include "protocol/dialects/replies/retry_after.h"
#include "worker/core/lane.h"
#include "tests/unit/worker_bench.h"

#define ERROR(code, type, message)                                                                                     \
    "{\"error\":{\"message\":\"" message "\",\"type\":\"" type "\",\"param\":null,\"code\":" code "}}"
#define RATE ERROR("\"rate_limit_exceeded\"", "tokens", "Limit 30000. Please try again in 1.78s. Visit us.")
#define QUOTA ERROR("\"insufficient_quota\"", "insufficient_quota", "You exceeded your current quota.")

static struct cs_reading read_it(struct cs_http_reply r, struct cs_arena *arena)
{
    struct cs_reading out;
    cs_dialect_openai_chat.read(&r, CS_FORM_JSON_SCHEMA, arena, &out);
    return out;
}

/* Every row that providers.md section 1.3 and the outcome rules name. */
static void the_table(void **state)
{
    (void)state;
    static const struct {
        enum cs_transfer transfer;
        uint16_t status;
        const char *body;
        enum cs_next next;
        enum cs_outcome outcome;
    } rows[] = {
        {CS_TRANSFER_WHOLE, 200, BENCH_GOOD, CS_NEXT_ANSWER, CS_OUTCOME_ok},
        {CS_TRANSFER_WHOLE, 200, "{\"choices\":[{\"message\":{\"content\":\"good\"}}]}", CS_NEXT_RETRY,
         CS_OUTCOME_transport},
        {CS_TRANSFER_WHOLE, 200, "{\"choices\":[{\"message\":{\"conte", CS_NEXT_RETRY, CS_OUTCOME_transport},
        {CS_TRANSFER_WHOLE, 200, "", CS_NEXT_RETRY, CS_OUTCOME_transport},
        {CS_TRANSFER_WHOLE, 200, ERROR("502", "x", "overloaded"), CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_CUT, 200, BENCH_GOOD, CS_NEXT_RETRY, CS_OUTCOME_transport},
        {CS_TRANSFER_UNSENT, 0, "", CS_NEXT_RETRY, CS_OUTCOME_transport},
        {CS_TRANSFER_LOST, 0, "", CS_NEXT_RETRY, CS_OUTCOME_transport},
        {CS_TRANSFER_TOO_LONG, 200, "", CS_NEXT_FAIL, CS_OUTCOME_transport},
        {CS_TRANSFER_TIMEOUT, 0, "", CS_NEXT_ANSWER, CS_OUTCOME_timeout},
        {CS_TRANSFER_TIMEOUT, 200, "{\"cho", CS_NEXT_ANSWER, CS_OUTCOME_timeout},
        {CS_TRANSFER_WHOLE, 400, ERROR("null", "invalid_request_error", "bad"), CS_NEXT_FAIL,
         CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 400, ERROR("\"content_filter\"", "x", "filtered"), CS_NEXT_ANSWER,
         CS_OUTCOME_content_filtered},
        {CS_TRANSFER_WHOLE, 400, ERROR("\"credit_balance_exhausted\"", "x", "pay"), CS_NEXT_STOP, CS_OUTCOME_internal},
        {CS_TRANSFER_WHOLE, 401, ERROR("\"invalid_api_key\"", "x", "no"), CS_NEXT_DENIED, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 402, "", CS_NEXT_STOP, CS_OUTCOME_internal},
        {CS_TRANSFER_WHOLE, 403, "<html>", CS_NEXT_DENIED, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 404, ERROR("\"model_not_found\"", "x", "no"), CS_NEXT_DENIED, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 400, ERROR("\"model_not_found\"", "x", "no"), CS_NEXT_DENIED, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 408, "", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 409, "", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 413, "", CS_NEXT_FAIL, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 422, "{\"detail\":[]}", CS_NEXT_FAIL, CS_OUTCOME_invalid_request},
        {CS_TRANSFER_WHOLE, 424, "", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 429, RATE, CS_NEXT_WAIT, CS_OUTCOME_rate_limited},
        {CS_TRANSFER_WHOLE, 429, "", CS_NEXT_WAIT, CS_OUTCOME_rate_limited},
        {CS_TRANSFER_WHOLE, 429, QUOTA, CS_NEXT_STOP, CS_OUTCOME_internal},
        {CS_TRANSFER_WHOLE, 498, "", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 500, ERROR("null", "server_error", "x"), CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 503, "Slow Down", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 524, "<html>", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 529, "", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {CS_TRANSFER_WHOLE, 302, "", CS_NEXT_FAIL, CS_OUTCOME_provider_error},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_http_reply r = bench_http(rows[i].status, "", rows[i].body);
        r.transfer = rows[i].transfer;
        struct cs_reading reading = read_it(r, &arena);
        struct cs_retry_rule rule = cs_retry_rule(r.transfer, r.status, reading.says);
        if (rule.next != rows[i].next || rule.outcome != rows[i].outcome)
            fail_msg("row %zu (%u %s): next %d outcome %s", i, r.status, rows[i].body, rule.next,
                     cs_outcome_name(rule.outcome));
    }
    cs_arena_release(&arena);
}

/* What an error says, whatever it is called (complaint.h). */
static void complaints(void **state)
{
    (void)state;
#define FILTERED CS_SAYS_FILTERED
    static const struct {
        uint16_t status;
        const char *body;
        enum cs_saying says;
    } rows[] = {
        {400, ERROR("\"content_filter\"", "x", "no"), FILTERED},
        {400, ERROR("\"invalid_prompt\"", "invalid_request_error", "flagged under the usage policy"), FILTERED},
        {400, ERROR("null", "invalid_prompt", "repetitive patterns in the prompt"), FILTERED},
        {400, ERROR("\"invalid_prompt\"", "x", "Invalid prompt: the schema of response_format is not valid"),
         CS_SAYS_ERROR},
        {400, "{\"error\":{\"message\":\"x\",\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"}}}", FILTERED},
        {400, "{\"error\":{\"message\":\"x\",\"a\":{\"content_filter_result\":{\"hate\":{\"filtered\":true}}}}}",
         FILTERED},
        {403, "{\"code\":\"permission-denied\",\"error\":\"Content violates usage guidelines.\"}", FILTERED},
        {403, ERROR("403", "", "Your model requires moderation and your input was flagged for violence"), FILTERED},
        {403, ERROR("null", "", "Your account was suspended for content that violates our usage policies"),
         CS_SAYS_ERROR},
        {403, "<html>Request blocked by policy</html>", CS_SAYS_BLOCKED},
        {403, "<html>Blocked by hospital proxy</html>", CS_SAYS_ERROR},
        {422, ERROR("\"data_inspection_failed\"", "x", "no"), FILTERED},
        {200, ERROR("403", "x", "the prompt was flagged"), FILTERED},
        {401, ERROR("null", "x", "content policy"), CS_SAYS_ERROR},
        {400, ERROR("null", "x", "Incorrect API key provided"), CS_SAYS_NO_KEY},
        {400, ERROR("null", "x", "temperature does not support 0.7"), CS_SAYS_ERROR},
        {429, ERROR("null", "tokens", "Limit 6000, Requested 6294."), CS_SAYS_TOO_LARGE},
        {429, ERROR("null", "tokens", "Limit 6,000, Used 5000, Requested 2,000."), CS_SAYS_ERROR},
        {429, ERROR("null", "tokens", "Quota exceeded, limit: 0"), CS_SAYS_TOO_LARGE},
        {429, ERROR("null", "requests", "on requests per day (RPD): Limit 200, Used 200, Requested 1."),
         CS_SAYS_DAY_USED},
        {429, ERROR("\"subscription:free-usage-exhausted\"", "x", "no more"), CS_SAYS_DAY_USED},
        {429, ERROR("null", "x", "free-models-per-day"), CS_SAYS_DAY_USED},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const enum cs_saying says = read_it(bench_http(rows[i].status, "", rows[i].body), &arena).says;
        if (says != rows[i].says)
            fail_msg("row %zu (%u %s): says %d", i, rows[i].status, rows[i].body, says);
    }
    cs_arena_release(&arena);
}

static void the_dialect_reads(void **state)
{
    (void)state;
#define CHOICE(message, finish) "{\"choices\":[{\"message\":" message ",\"finish_reason\":\"" finish "\"}]}"
    static const struct {
        const char *body;
        enum cs_outcome outcome;
        const char *text;
    } rows[] = {
        {CHOICE("{\"content\":\"a\"}", "stop"), CS_OUTCOME_ok, "a"},
        {CHOICE("{\"content\":null,\"refusal\":\"I can't\"}", "stop"), CS_OUTCOME_refused, "I can't"},
        {CHOICE("{\"content\":\"part\"}", "content_filter"), CS_OUTCOME_content_filtered, "part"},
        {CHOICE("{\"content\":\"\"}", "length"), CS_OUTCOME_truncated, ""},
        {CHOICE("{\"content\":null}", "tool_calls"), CS_OUTCOME_ok, ""},
        {CHOICE("{\"content\":\"x\\u0000y\"}", "stop"), CS_OUTCOME_ok, "x\xef\xbf\xbdy"},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_reading r = read_it(bench_http(200, "", rows[i].body), &arena);
        assert_int_equal(r.says, CS_SAYS_ANSWER);
        assert_int_equal(r.outcome, rows[i].outcome);
        assert_string_equal(r.text, rows[i].text);
    }
    struct cs_reading html = read_it(bench_http(502, "", "<html>Bad gateway</html>"), &arena);
    assert_string_equal(html.text, "<html>Bad gateway</html>");
    cs_arena_release(&arena);
}

/* An error in a good reply that names a status is judged as if it had come with it. */
static void an_error_inside_a_200(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        enum cs_next next;
        enum cs_outcome outcome;
    } rows[] = {
        {"400", CS_NEXT_FAIL, CS_OUTCOME_invalid_request},
        {"401", CS_NEXT_DENIED, CS_OUTCOME_invalid_request},
        {"402", CS_NEXT_STOP, CS_OUTCOME_internal},
        {"429", CS_NEXT_WAIT, CS_OUTCOME_rate_limited},
        {"\"rate_limit_exceeded\"", CS_NEXT_WAIT, CS_OUTCOME_rate_limited},
        {"502", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {"\"server_error\"", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
        {"null", CS_NEXT_RETRY, CS_OUTCOME_provider_error},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_rng rng = {1};
        struct cs_call c = {.calls = 1};
        char *body = cs_arena_printf(&arena, ERROR("%s", "x", "no"), rows[i].code);
        struct cs_http_reply r = bench_http(200, "", body);
        struct cs_reading reading = read_it(r, &arena);
        struct cs_verdict v = cs_worker_call_ended(&c, &r, &reading, &(struct cs_call_world){.rng = &rng});
        if (v.next != rows[i].next || v.outcome != rows[i].outcome)
            fail_msg("code %s: next %d, %s", rows[i].code, v.next, cs_outcome_name(v.outcome));
    }
    cs_arena_release(&arena);
}

/* What becomes of a trial that is called `n` times, each time with this fault. */
static enum cs_next after(uint32_t n, struct cs_http_reply fault, bool in_doubt, uint64_t now_ms)
{
    struct cs_rng rng = {1};
    struct cs_reading reading = {.says = CS_SAYS_NOTHING, .wait_ms = CS_NO_HINT, .text = ""};
    struct cs_call_world world = {.in_doubt = in_doubt, .now_ms = now_ms, .rng = &rng};
    struct cs_call c = {.first_ms = 0};
    enum cs_next next = CS_NEXT_RETRY;
    for (uint32_t i = 0; i < n && next == CS_NEXT_RETRY; i++) {
        c.calls++;
        next = cs_worker_call_ended(&c, &fault, &reading, &world).next;
    }
    return next;
}

/* Tries, and the deadline, while others are answered and while nobody is. */
static void what_costs_a_try(void **state)
{
    const uint64_t soon = 1000, late = CS_RETRY_DEADLINE_MS;
    struct cs_http_reply busy = bench_http(503, "", ""), unsent = bench_fault(CS_TRANSFER_UNSENT, 0);
    (void)state;
    assert_int_equal(after(5, busy, false, soon), CS_NEXT_RETRY);
    assert_int_equal(after(6, busy, false, soon), CS_NEXT_FAIL);
    assert_int_equal(after(100, busy, true, soon), CS_NEXT_RETRY); /* it tells nothing about the trial */
    assert_int_equal(after(100, unsent, false, soon), CS_NEXT_RETRY);
    assert_int_equal(after(100, unsent, true, soon), CS_NEXT_RETRY);
    assert_int_equal(after(1, busy, false, late), CS_NEXT_FAIL);
    assert_int_equal(after(1, unsent, false, late), CS_NEXT_FAIL);
    assert_int_equal(after(5, busy, true, late), CS_NEXT_RETRY);
    assert_int_equal(after(6, busy, true, late), CS_NEXT_FAIL);
    assert_int_equal(after(100, unsent, true, late), CS_NEXT_RETRY); /* nothing was ever sent */
}

#define DATE "date: Mon, 23 Nov 2026 10:00:00 GMT\r\n"
static void the_provider_says_how_long(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *body;
        uint64_t ms;
    } rows[] = {
        {"Retry-After-Ms: 40.5\r\nretry-after: 9\r\n", RATE, 41},
        {"x: y\r\nretry-after: 2\r\n", RATE, 2000},
        {"retry-after: 0.25\r\n", "", 250},
        {"retry-after: 999999999\r\n", "", CS_RETRY_AFTER_MAX_MS},
        {"retry-after: 0\r\n", "", CS_NO_HINT},
        {"retry-after: -1\r\n", "", CS_NO_HINT},
        {"retry-after: 3s\r\n", "", 3000},
        {"retry-after: 1m30s\r\n", "", 90000},
        {"retry-after: 1e9\r\n", "", CS_NO_HINT},
        {"retry-after: nan\r\n", "", CS_NO_HINT},
        {"retry-after-ms: 0\r\nretry-after: 2\r\n", "", 2000},
        {DATE "retry-after: Monday, 23-Nov-26 10:00:07 GMT\r\n", "", 7000},
        {DATE "retry-after: Mon Nov 23 10:00:07 2026\r\n", "", 7000},
        {DATE "retry-after: 2026-11-23T10:00:07Z\r\n", "", 7000},
        {DATE "retry-after: 2026-11-23T12:00:07.5+02:00\r\n", "", 7500},
        {DATE "retry-after: 2026-11-23T09:59:07Z\r\n", "", CS_NO_HINT}, /* past */
        {DATE "retry-after: 1795428007\r\n", "", 7000},
        {DATE "x-ratelimit-reset: 1795428007000\r\n", "", 7000},
        {DATE "x-ratelimit-reset: 1795428007\r\nx-ratelimit-remaining: 3\r\n", "", CS_NO_HINT},
        {"x-ratelimit-reset-requests: 1s\r\nx-ratelimit-reset-tokens: 6m0s\r\n", "", 360000},
        {"x-ratelimit-reset-requests: 3s\r\nx-ratelimit-reset-tokens: 6m0s\r\nx-ratelimit-remaining-tokens: 9\r\n", "",
         3000},
        {DATE "anthropic-ratelimit-input-tokens-reset: 2026-11-23T10:00:07Z\r\n", "", 7000},
        {"", "{\"error\":{\"code\":429,\"message\":\"q\",\"details\":[{\"retryDelay\":\"3.5s\"}]}}", 3500},
        {"", "{\"detail\":\"slow\",\"retry_after\":2.5}", 2500},
        {"", ERROR("null", "", "Please try again in 1m30s."), 90000},
        {"", ERROR("null", "", "Retry after 2 minutes and 5 seconds"), 125000},
        {"date: Mon, 23 Nov 2026 10:00:00 GMT\r\nretry-after: Mon, 23 Nov 2026 10:00:07 GMT\r\n", "", 7000},
        {"retry-after: Mon, 23 Nov 2026 10:00:07 GMT\r\n", "", CS_NO_HINT},
        {"retry-after: soon\r\n", RATE, 1780},
        {"", RATE, 1780},
        {"", ERROR("\"429\"", "", "Please retry after 37 seconds."), 37000},
        {"", ERROR("null", "", "Try later."), CS_NO_HINT},
        {"", "", CS_NO_HINT},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(read_it(bench_http(429, rows[i].headers, rows[i].body), &arena).wait_ms, rows[i].ms);
    assert_int_equal(cs_retry_after_duration_ms("6m0s"), 360000);
    assert_int_equal(cs_retry_after_duration_ms("308ms."), 308);
    assert_int_equal(cs_retry_after_duration_ms("2m3.5s"), 123500);
    assert_int_equal(cs_retry_after_duration_ms("1h2m3.5s"), 3723500);
    assert_int_equal(cs_retry_after_duration_ms("s"), CS_NO_HINT);
    cs_arena_release(&arena);
}

static void pauses_grow_to_a_cap(void **state)
{
    (void)state;
    struct cs_rng rng = {1};
    for (uint32_t n = 0; n < 40; n++) {
        uint64_t most = 0, cap = n < 6 ? 500ULL << n : 30000;
        for (int i = 0; i < 500; i++) {
            uint64_t ms = cs_retry_pause(n, &rng);
            most = ms > most ? ms : most;
            assert_true(ms <= cap);
        }
        assert_true(most > cap * 9 / 10); /* uniform up to the cap */
    }
}

/* ---- in the core ----------------------------------------------------------------------------------- */

static struct cs_output outcome_of(struct bench *b, struct cs_arena *arena)
{
    bench_wait(b, CS_FLUSH_MS);
    return bench_output(b, 0, arena);
}

static void wait_for_call(struct bench *b)
{
    for (int i = 0; i < 4000 && b->in_flight == 0; i++) {
        bench_wait(b, 10);
        bench_pong(b, b->now);
    }
    assert_int_equal(b->in_flight, 1);
}

/* ---- one trial fails, the others are answered ------------------------------------------------------- */

struct play {
    uint64_t bad; /* the position of a trial that never gets an answer */
    struct cs_http_reply (*fate)(uint32_t attempt);
    uint64_t durable;
    uint32_t answers, failures;
    struct cs_output failure;
    struct cs_arena arena;
};

static void note_outputs(struct bench *b, const struct cs_message *m)
{
    struct play *p = b->self;
    for (uint32_t i = 0; m->kind == CS_OUTPUTS && i < m->outputs.n; i++) {
        struct cs_output o;
        struct cs_error err;
        assert_int_equal(cs_output_unpack(m->outputs.outputs[i].bytes, m->outputs.outputs[i].len, &p->arena, &o, &err),
                         CS_OK);
        p->answers += cs_outcome_is_answer((enum cs_outcome)o.outcome);
        if (!cs_outcome_is_answer((enum cs_outcome)o.outcome)) {
            p->failures++;
            p->failure = o;
        }
        p->durable = m->outputs.first + i;
    }
}

static void play_step(struct bench *b, struct play *p)
{
    bench_wait(b, 200); /* the others last longer than its pauses */
    bench_pong(b, b->now);
    if (b->in_flight > 0) {
        uint32_t slot = bench_slot(b);
        const struct bench_call *c = &b->call[slot];
        bench_reply(b, slot, c->position == p->bad ? p->fate(c->attempt) : bench_http(200, "", BENCH_GOOD));
    }
    bench_wait(b, CS_FLUSH_MS);
    if (p->durable > 0)
        bench_ack(b, p->durable);
}

/* 250 trials, one call at a time, until one has failed; all others are answered. */
static struct cs_output failure_under(bool metered, struct cs_http_reply (*fate)(uint32_t attempt),
                                      struct cs_arena *arena)
{
    struct bench b;
    struct play p = {.fate = fate, .bad = 3};
    bench_init(&b, 1);
    b.self = &p;
    b.on_send = note_outputs;
    b.source.metered = metered;
    bench_welcome(&b, 1, 100);
    bench_assign(&b, 0, 0, 50, 250);
    for (int i = 0; i < 20000 && p.failures == 0 && p.answers < 249; i++)
        play_step(&b, &p);
    for (int i = 0; i < 20000 && p.answers < 249; i++)
        play_step(&b, &p);
    assert_int_equal(p.answers, 249);
    assert_int_equal(p.failures, 1);
    p.failure.text = cs_arena_strdup(arena, p.failure.text);
    cs_arena_release(&p.arena);
    bench_done(&b);
    return p.failure;
}

static struct cs_output the_failure(struct cs_http_reply (*fate)(uint32_t attempt), struct cs_arena *arena)
{
    return failure_under(false, fate, arena);
}

static struct cs_http_reply fault_503(uint32_t attempt)
{
    return attempt == 3 ? bench_fault(CS_TRANSFER_LOST, 0) : bench_http(503, "", ERROR("null", "x", "no"));
}

static void six_tries_then_the_failure(void **state)
{
    struct cs_arena arena = {0};
    (void)state;
    struct cs_output o = the_failure(fault_503, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_provider_error);
    assert_int_equal(o.attempts, 6);
    assert_int_equal(o.ambiguous, 1);
    assert_int_equal(o.http_status, 503);
    assert_string_equal(o.text, "no");
    cs_arena_release(&arena);
}

static struct cs_http_reply fault_cut(uint32_t attempt)
{
    (void)attempt;
    return bench_fault(CS_TRANSFER_CUT, 200);
}

static void transport_failure_says_why(void **state)
{
    struct cs_arena arena = {0};
    (void)state;
    struct cs_output o = the_failure(fault_cut, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_transport);
    assert_int_equal(o.attempts, 6);
    assert_int_equal(o.ambiguous, 0);
    assert_string_equal(o.text, "broken");
    cs_arena_release(&arena);
}

/* It needs another grant; what was surely not billed is repeated as ever. */
static void under_a_budget_what_may_be_billed_is_not_repeated(void **state)
{
    struct cs_arena arena = {0};
    (void)state;
    struct cs_output o = failure_under(true, fault_cut, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_transport);
    assert_int_equal(o.attempts, 1);
    o = failure_under(true, fault_503, &arena); /* the third is lost behind its request */
    assert_int_equal(o.attempts, 3);
    assert_int_equal(o.ambiguous, 1);
    cs_arena_release(&arena);
}

static void timeout_is_an_answer(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 4);
    bench_assign(&b, 0, 0, 50, 1);
    bench_reply(&b, bench_slot(&b), bench_fault(CS_TRANSFER_TIMEOUT, 0));
    struct cs_output o = outcome_of(&b, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_timeout);
    assert_int_equal(o.ambiguous, 1);
    bench_wait(&b, 60000);
    assert_int_equal(b.total_started, 1);
    cs_arena_release(&arena);
    bench_done(&b);
}

static void answer_that_does_not_parse(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 4);
    bench_assign(&b, 0, 0, 50, 1);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", CHOICE("{\"content\":\"I think\"}", "stop")));
    struct cs_output o = outcome_of(&b, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_unparsable);
    assert_string_equal(o.text, "I think");
    cs_arena_release(&arena);
    bench_done(&b);
}

static void a_full_provider_quiets_the_lane(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 3);
    uint32_t slot = bench_slot(&b);
    uint64_t limited = b.call[slot].position;
    bench_reply(&b, slot, bench_http(429, "retry-after: 2\r\n", RATE));
    assert_int_equal(b.started, 0);
    bench_wait(&b, 1999);
    assert_int_equal(b.total_started, 2);
    bench_wait(&b, 301);
    assert_int_equal(b.total_started, 2); /* one call at once now, and one is in flight */
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 1); /* and one more in its place: it was sent before the provider was full */
    bench_wait(&b, CS_FLUSH_MS);
    bool again = false;
    for (uint32_t i = 0; i < 2; i++)
        again |= b.call[i].position == limited && b.call[i].attempt == 2;
    assert_true(again);
    cs_arena_release(&arena);
    bench_done(&b);
}

static void a_jam_is_one_quiet_period(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 64);
    bench_assign(&b, 0, 0, 50, 200);
    assert_int_equal(b.in_flight, 64);
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after-ms: 100\r\n", RATE));
    struct cs_worker_lane *l = cs_worker_lane_find(b.w, 1, 0);
    assert_int_equal(l->quiets, 1);
    assert_int_equal(cs_brake_most(&l->brake), 32);
    bench_wait(&b, 200);
    assert_int_equal(b.in_flight, 32);
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after-ms: 100\r\n", RATE));
    assert_int_equal(l->quiets, 2);
    assert_int_equal(cs_brake_most(&l->brake), 16);
    bench_done(&b);
}

/* 429 costs no try while others get through, and ends a trial only after 20 in a row without any progress of the
 * lane. */
static void rate_limited_in_the_end(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 1);
    bench_assign(&b, 0, 0, 50, 1);
    for (int n = 0; n < 19; n++) {
        wait_for_call(&b);
        bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after-ms: 10\r\n", RATE));
    }
    cs_worker_lane_find(b.w, 1, 0)->progress++; /* somebody else's answer */
    for (int n = 0; n < 20; n++) {
        bench_wait(&b, CS_FLUSH_MS);
        assert_int_equal(b.sent[CS_OUTPUTS], 0);
        wait_for_call(&b);
        bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after-ms: 4000\r\n", RATE)); /* a minute in all */
    }
    struct cs_output o = outcome_of(&b, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_rate_limited);
    assert_int_equal(o.attempts, 39);
    cs_arena_release(&arena);
    bench_done(&b);
}

static void a_wait_that_was_asked_for_is_no_time_of_the_trial(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 1);
    bench_assign(&b, 0, 0, 50, 1);
    bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after: 1200\r\n", RATE));
    for (int i = 0; i < 121; i++) { /* the wait is obeyed, and tried once more */
        bench_wait(&b, 10000);
        bench_pong(&b, b.now);
        if (b.now < 1200 * 1000)
            assert_int_equal(b.in_flight, 0);
    }
    wait_for_call(&b);
    bench_reply(&b, bench_slot(&b), bench_http(503, "", ""));
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.sent[CS_OUTPUTS], 0);
    wait_for_call(&b);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(outcome_of(&b, &arena).outcome, CS_OUTCOME_ok);
    cs_arena_release(&arena);
    bench_done(&b);
}

static void an_empty_account_stops_the_lane(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *body;
    } rows[] = {{402, ERROR("null", "x", "Incorrect sum")}, {429, QUOTA}};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_ready(&b, 2);
        bench_assign(&b, 0, 0, 50, 10);
        bench_reply(&b, bench_slot(&b), bench_http(rows[i].status, "", rows[i].body));
        assert_int_equal(b.started, 0);
        assert_int_equal(b.sent[CS_RELEASE], 1);
        assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 9); /* the trial itself too */
        assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 0);
        assert_non_null(strstr(b.message[CS_WANT]->want.lanes[0].trouble,
                               i == 0 ? "HTTP 402: no quota or credit is left on the account (key 0badc0de)"
                                      : "HTTP 429: no quota"));
        assert_null(strstr(b.message[CS_WANT]->want.lanes[0].trouble,
                           "Incorrect"));                                 /* no word of theirs: it may repeat a key */
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD)); /* what flew counts */
        bench_wait(&b, CS_FLUSH_MS);
        assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 1);
        bench_done(&b);
    }
}

static void a_prompt_that_cannot_be_rendered(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    b.source.bad_trial = true;
    bench_assign(&b, 0, 0, 50, 10);
    assert_int_equal(b.started, 0);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 10);
    assert_string_equal(b.message[CS_WANT]->want.lanes[0].trouble, "cannot be rendered");
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(the_dialect_reads),
        cmocka_unit_test(complaints),
        cmocka_unit_test(an_error_inside_a_200),
        cmocka_unit_test(what_costs_a_try),
        cmocka_unit_test(the_provider_says_how_long),
        cmocka_unit_test(pauses_grow_to_a_cap),
        cmocka_unit_test(six_tries_then_the_failure),
        cmocka_unit_test(transport_failure_says_why),
        cmocka_unit_test(under_a_budget_what_may_be_billed_is_not_repeated),
        cmocka_unit_test(timeout_is_an_answer),
        cmocka_unit_test(answer_that_does_not_parse),
        cmocka_unit_test(a_full_provider_quiets_the_lane),
        cmocka_unit_test(a_jam_is_one_quiet_period),
        cmocka_unit_test(rate_limited_in_the_end),
        cmocka_unit_test(a_wait_that_was_asked_for_is_no_time_of_the_trial),
        cmocka_unit_test(an_empty_account_stops_the_lane),
        cmocka_unit_test(a_prompt_that_cannot_be_rendered),
    };
    return cmocka_run_group_tests_name("worker retry", tests, NULL, NULL);
}
