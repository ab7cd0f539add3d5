/* The worker's core in conversations: a turn follows the acknowledgement of the one before, from what stands on the coordinator's disk. */
#include "tests/unit/worker_bench.h"

enum { TURNS = 3 };

static void begin(struct bench *b, uint32_t slots)
{
    bench_init(b, slots);
    b->source.turns = TURNS;
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
}

/* TURNS: of the first n positions of the lease; those in `stand` have that many turns. */
static void tell(struct bench *b, uint64_t epoch, uint32_t n, const uint32_t *stand)
{
    static const char *texts[] = {"one", "two"};
    struct cs_turns_of trials[8];
    struct cs_message m = {.kind = CS_TURNS, .turns = {.epoch = epoch, .trials = trials}};
    assert_true(n <= 8);
    for (uint32_t i = 0; i < n; i++) {
        m.turns.positions[0] |= (uint8_t)(1U << i);
        if (stand != NULL && stand[i] > 0)
            trials[m.turns.n++] = (struct cs_turns_of){(uint8_t)i, stand[i], texts};
    }
    bench_say(b, &m);
}

static void refuse(struct bench *b, uint64_t number, uint8_t why)
{
    struct cs_refused r = {number, why};
    struct cs_message m = {.kind = CS_ACK, .ack_body = {.durable = number, .n_refused = 1, .refused = &r}};
    bench_say(b, &m);
}

static const struct cs_session_told *in_session; /* of the answers; NULL: of none */

static void answer(struct bench *b, const char *text)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
             "\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":9}}",
             text);
    struct cs_http_reply reply = bench_http(200, "", body);
    reply.session = in_session;
    bench_reply(b, bench_slot(b), reply);
    if (b->sent[CS_OUTPUTS] == 0) /* it is held back a moment, so that several go together */
        bench_wait(b, CS_FLUSH_MS);
}

static void assert_turn(struct bench *b, uint32_t turn, uint32_t done)
{
    struct cs_arena arena = {0};
    struct cs_output o = bench_output(b, 0, &arena);
    assert_int_equal(o.turn, turn);
    assert_int_equal(o.turns_done, done);
    assert_int_equal(o.sent[0], turn + done);
    cs_arena_release(&arena);
}

static void a_turn_follows_the_acknowledgement_of_the_one_before(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, 4);
    bench_assign(&b, 0, 0, 7, 1);
    assert_int_equal(b.in_flight, 0); /* nobody knows yet what stands */
    assert_int_equal(b.sent[CS_TURNS_GET], 1);
    assert_int_equal(bench_bits(b.message[CS_TURNS_GET]->leases.leases[0].todo), 1);
    tell(&b, 7, 1, NULL);
    assert_int_equal(b.started, 1);
    for (uint32_t turn = 1; turn < TURNS; turn++) {
        answer(&b, turn == 1 ? "well" : "now");
        assert_turn(&b, turn, 0);
        assert_int_equal(b.in_flight, 0);
        bench_ack(&b, turn);
        assert_int_equal(b.started, 1);
        assert_string_equal(b.source.said, turn == 1 ? "well" : "now");
    }
    answer(&b, "good");
    assert_turn(&b, 0, TURNS);
    bench_ack(&b, TURNS);
    assert_int_equal(b.in_flight, 0);
    assert_int_equal(b.w->n_leases, 0);
    bench_done(&b);
}

static void a_successor_goes_on_from_what_stands_before_anything_new(void **state)
{
    const uint32_t stand[] = {0, 2, 1};
    struct bench b;
    (void)state;
    begin(&b, 2);
    bench_assign(&b, 0, 0, 7, 3);
    tell(&b, 7, 3, stand);
    assert_int_equal(b.started, 2);
    for (uint32_t i = 0; i < BENCH_SLOTS; i++)
        assert_true(!b.call[i].live || b.call[i].position != 0);
    bench_done(&b);
}

/* A conversation between two turns keeps its slot: otherwise ever more of them would be open at once, and their caches grow cold. */
static void nothing_new_takes_the_slot_of_a_conversation_between_two_turns(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, 1);
    bench_assign(&b, 0, 0, 7, 2);
    tell(&b, 7, 2, NULL);
    assert_int_equal(b.in_flight, 1);
    answer(&b, "well");
    assert_int_equal(b.in_flight, 0);
    bench_ack(&b, 1);
    assert_int_equal(b.started, 1);
    assert_int_equal(b.call[bench_slot(&b)].position, 0);
    assert_string_equal(b.source.said, "well");
    bench_done(&b);
}

static void where_another_reply_stands_that_one_is_taken(void **state)
{
    const uint32_t stand[] = {1};
    struct bench b;
    (void)state;
    begin(&b, 1);
    bench_assign(&b, 0, 0, 7, 1);
    tell(&b, 7, 1, NULL);
    answer(&b, "well");
    refuse(&b, 1, CS_REFUSED_TURN);
    assert_int_equal(b.in_flight, 0);
    assert_int_equal(b.sent[CS_TURNS_GET], 1);
    tell(&b, 7, 1, stand);
    assert_int_equal(b.started, 1);
    assert_string_equal(b.source.said, "one");
    bench_done(&b);
}

static void a_lost_question_is_asked_again(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, 1);
    bench_assign(&b, 0, 0, 7, 1);
    assert_int_equal(b.sent[CS_TURNS_GET], 1);
    bench_tick(&b);
    assert_int_equal(b.sent[CS_TURNS_GET], 0);
    uint32_t asked = 0;
    for (uint64_t end = b.now + CS_PING_MS + 100; b.now < end; b.now += 100) {
        bench_tick(&b);
        asked += b.sent[CS_TURNS_GET];
    }
    assert_int_equal(asked, 1);
    bench_done(&b);
}

static void of_many_leases_it_asks_by_and_by(void **state)
{
    enum { LEASES = 2 * CS_TURNS_LEASES_MAX + 1 };
    struct cs_lease_ref refs[LEASES];
    struct cs_message m = {.kind = CS_ASSIGN, .leases = {LEASES, refs}};
    uint32_t told = 0, asked = 0;
    struct bench b;
    (void)state;
    begin(&b, 1);
    for (uint32_t i = 0; i < LEASES; i++)
        refs[i] = (struct cs_lease_ref){.epoch = 7 + i, .gen = 1, .page = i, .todo = {1}};
    bench_say(&b, &m);
    while (b.sent[CS_TURNS_GET] > 0) {
        const struct cs_leases *q = &b.message[CS_TURNS_GET]->leases;
        uint64_t epoch[CS_TURNS_LEASES_MAX];
        const uint32_t n = q->n;
        assert_in_range(n, 1, CS_TURNS_LEASES_MAX);
        asked++;
        for (uint32_t i = 0; i < n; i++)
            epoch[i] = q->leases[i].epoch;
        for (uint32_t i = 0; i < n; i++, told++) {
            assert_true(i == 0 || b.sent[CS_TURNS_GET] == 0);
            tell(&b, epoch[i], 1, NULL);
        }
    }
    assert_int_equal(told, LEASES); /* without a pause between */
    assert_int_equal(asked, 3);
    bench_done(&b);
}

static void a_drain_ends_the_call_and_hands_the_rest_back(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, 2);
    bench_assign(&b, 0, 0, 7, 2);
    tell(&b, 7, 2, NULL);
    assert_int_equal(b.in_flight, 2);
    answer(&b, "well"); /* between two turns when the drain begins */
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    bench_ack(&b, 1);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 1);
    assert_false(b.exited);
    answer(&b, "well"); /* in mid-turn */
    assert_turn(&b, 1, 0);
    bench_ack(&b, 2);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    bench_wait(&b, 1000);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void a_turn_whose_lease_was_lost_is_delivered_and_not_gone_on_from(void **state)
{
    struct cs_message m = {.kind = CS_PONG};
    uint64_t lost = 7;
    struct bench b;
    (void)state;
    begin(&b, 2);
    bench_assign(&b, 0, 0, 7, 1);
    tell(&b, 7, 1, NULL);
    struct cs_lane_info lanes[BENCH_LANES];
    m.pong = (struct cs_pong){.echo_ms = b.now, .n_lost = 1, .lost = &lost};
    m.pong.announce = bench_announce(&b, lanes, 1, CS_LANE_OPEN);
    bench_say(&b, &m);
    answer(&b, "well");
    assert_turn(&b, 1, 0);
    bench_ack(&b, 1);
    assert_int_equal(b.in_flight, 0);
    assert_int_equal(b.w->n_leases, 0);
    bench_done(&b);
}

/* Where the system itself remembers, its session goes with the next call; who has none begins anew. */
static void a_session_is_its_workers_alone(void **state)
{
    const uint32_t stand[] = {0, 2};
    const struct cs_session_told session = {.trial = "t", .id = "s-1"};
    struct bench b;
    (void)state;
    bench_init(&b, 1);
    b.source.turns = TURNS;
    b.source.remembers = true;
    bench_welcome(&b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(&b, 0, 0, 7, 2);
    tell(&b, 7, 2, stand);
    assert_int_equal(b.call[bench_slot(&b)].position, 0);
    assert_true(b.call[bench_slot(&b)].in_session);
    assert_string_equal(b.call[bench_slot(&b)].session, "");
    in_session = &session;
    answer(&b, "well");
    in_session = NULL;
    bench_ack(&b, 1);
    assert_string_equal(b.source.said, "well");
    assert_string_equal(b.call[bench_slot(&b)].session, "s-1");
    bench_reply(&b, bench_slot(&b),
                bench_http(503, "", "")); /* it may have heard that: nothing is sent into it again */
    bench_wait(&b, CS_FLUSH_MS);
    assert_turn(&b, 0, 2);
    assert_int_equal(b.call[bench_slot(&b)].position, 1); /* of which two turns stand, said to another */
    assert_string_equal(b.call[bench_slot(&b)].session, "");
    assert_string_equal(b.source.said, "");
    bench_done(&b);
}

static void it_ends_where_there_is_nothing_to_go_on_from(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, 1);
    bench_assign(&b, 0, 0, 7, 2);
    tell(&b, 7, 2, NULL);
    answer(&b, " ");
    assert_turn(&b, 0, 1);
    bench_ack(&b, 1);
    answer(&b, "well");
    b.source.too_large = true;
    bench_ack(&b, 2);
    if (b.sent[CS_OUTPUTS] == 0)
        bench_wait(&b, CS_FLUSH_MS);
    struct cs_arena arena = {0};
    struct cs_output o = bench_output(&b, 0, &arena);
    assert_int_equal(o.outcome, CS_OUTCOME_invalid_request);
    assert_int_equal(o.turns_done, 2);
    cs_arena_release(&arena);
    bench_done(&b);
}

/* The output that a reply came to, in the arena. */
static struct cs_output came_of(struct bench *b, struct cs_arena *arena, const char *body)
{
    bench_reply(b, bench_slot(b), bench_http(200, "", body));
    if (b->sent[CS_OUTPUTS] == 0)
        bench_wait(b, CS_FLUSH_MS);
    return bench_output(b, 0, arena);
}

#define CALLS "\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"here\",\"arguments\":\"{}\"}}]"
#define SAYS(message, end) "{\"model\":\"m\",\"choices\":[{\"message\":{" message "},\"finish_reason\":\"" end "\"}]}"

static void with_tools(struct bench *b)
{
    bench_init(b, 1);
    b->source.turns = TURNS;
    b->source.tools = TURNS - 1;
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(b, 0, 0, 7, 1);
    tell(b, 7, 1, NULL);
}

/* However a refusal is said, and whatever is called beside it. */
static void a_refusal_ends_the_calls_of_tools(void **state)
{
    static const struct {
        const char *body;
        enum cs_outcome outcome;
    } rows[] = {{SAYS("\"content\":null," CALLS, "tool_calls"), CS_OUTCOME_ok},
                {SAYS("\"content\":null,\"refusal\":\"No.\"", "stop"), CS_OUTCOME_refused},
                {SAYS("\"content\":null,\"refusal\":\"No.\"," CALLS, "stop"), CS_OUTCOME_refused},
                {SAYS("\"content\":\"Well\"," CALLS, "refusal"), CS_OUTCOME_refused},
                {SAYS("\"content\":\"\"", "refusal"), CS_OUTCOME_refused}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_arena arena = {0};
        struct bench b;
        with_tools(&b);
        const struct cs_output o = came_of(&b, &arena, rows[i].body);
        assert_int_equal(o.outcome, rows[i].outcome);
        assert_int_equal(o.turns_done, rows[i].outcome == CS_OUTCOME_refused);
        cs_arena_release(&arena);
        bench_done(&b);
    }
}

static void calls_that_are_too_many_are_kept(void **state)
{
    struct cs_buf body = CS_BUF_INIT(1 << 16);
    struct cs_arena arena = {0};
    struct bench b;
    (void)state;
    with_tools(&b);
    cs_buf_str(&body, "{\"choices\":[{\"message\":{\"tool_calls\":[");
    for (int i = 0; i <= TURNS - 1 + CS_TOOL_SPARE; i++)
        cs_buf_printf(&body, "%s{\"id\":\"c%d\",\"function\":{\"name\":\"here\",\"arguments\":\"{}\"}}",
                      i > 0 ? "," : "", i);
    cs_buf_str(&body, "]},\"finish_reason\":\"tool_calls\"}]}");
    const struct cs_output o = came_of(&b, &arena, cs_buf_cstr(&body));
    assert_int_equal(o.outcome, CS_OUTCOME_unparsable);
    assert_string_equal(o.cause, "too_many_calls");
    assert_non_null(strstr(o.tool_calls, "\"c0\""));
    assert_non_null(strstr(o.tool_calls, "\"c18\""));
    cs_arena_release(&arena);
    cs_buf_release(&body);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_follows_the_acknowledgement_of_the_one_before),
        cmocka_unit_test(a_successor_goes_on_from_what_stands_before_anything_new),
        cmocka_unit_test(nothing_new_takes_the_slot_of_a_conversation_between_two_turns),
        cmocka_unit_test(where_another_reply_stands_that_one_is_taken),
        cmocka_unit_test(a_lost_question_is_asked_again),
        cmocka_unit_test(of_many_leases_it_asks_by_and_by),
        cmocka_unit_test(a_drain_ends_the_call_and_hands_the_rest_back),
        cmocka_unit_test(a_turn_whose_lease_was_lost_is_delivered_and_not_gone_on_from),
        cmocka_unit_test(a_session_is_its_workers_alone),
        cmocka_unit_test(it_ends_where_there_is_nothing_to_go_on_from),
        cmocka_unit_test(a_refusal_ends_the_calls_of_tools),
        cmocka_unit_test(calls_that_are_too_many_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
