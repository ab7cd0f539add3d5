/* A stored text read anew: what it turns into, where that stands, and what reads it there. */
#include "tests/unit/fixture_store.h"

#include "protocol/study/answer.h"
#include "store/generation.h"
#include "store/reread.h"
#include "tests/unit/fixture_study.h"

#define GOOD "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}"
#define CHATTY "Sure. " GOOD

/* ---- what it turns into ---------------------------------------------------------------------------- */

static const struct {
    const char *text, *cause;
    enum cs_outcome outcome;
    bool salvaged, lenient; /* as recorded; as it is read now */
    bool changes, now_salvaged;
    enum cs_outcome now;
    enum cs_answer_fault fault;
} readings[] = {
    {GOOD, "", CS_OUTCOME_ok, false, true, false, false, CS_OUTCOME_ok, CS_ANSWER_NONE},
    {CHATTY, "no_object", CS_OUTCOME_unparsable, false, true, true, true, CS_OUTCOME_ok, CS_ANSWER_NONE},
    {CHATTY, "no_object", CS_OUTCOME_unparsable, false, false, false, false, CS_OUTCOME_unparsable, CS_ANSWER_NONE},
    {CHATTY, "", CS_OUTCOME_unparsable, false, true, true, true, CS_OUTCOME_ok, CS_ANSWER_NONE}, /* of an old version */
    {CHATTY, "", CS_OUTCOME_ok, true, false, true, false, CS_OUTCOME_unparsable, CS_ANSWER_NO_OBJECT},
    {CHATTY, "", CS_OUTCOME_ok, true, true, false, false, CS_OUTCOME_ok, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_ok, true, true, true, false, CS_OUTCOME_ok,
     CS_ANSWER_NONE}, /* a strict reader takes it by now */
    {"", "empty", CS_OUTCOME_unparsable, false, true, false, false, CS_OUTCOME_unparsable, CS_ANSWER_NONE},
    /* the provider's word, or the lack of one, whatever the text says */
    {GOOD, "no_tool_call", CS_OUTCOME_unparsable, false, true, false, false, CS_OUTCOME_unparsable, CS_ANSWER_NONE},
    {GOOD, "ended_oddly", CS_OUTCOME_unparsable, false, true, false, false, CS_OUTCOME_unparsable, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_refused, false, true, false, false, CS_OUTCOME_refused, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_truncated, false, true, false, false, CS_OUTCOME_truncated, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_content_filtered, false, true, false, false, CS_OUTCOME_content_filtered, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_timeout, false, true, false, false, CS_OUTCOME_timeout, CS_ANSWER_NONE},
    {GOOD, "", CS_OUTCOME_internal, false, true, false, false, CS_OUTCOME_internal, CS_ANSWER_NONE},
};

static void only_what_a_text_decides_turns(void **state)
{
    struct cs_study s = fx_study();
    struct cs_question q[8];
    (void)state;
    memcpy(q, s.questions, s.n_questions * sizeof *q);
    s.questions = q;
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        q[0].reads = readings[i].lenient ? CS_READS_LENIENT : CS_READS_STRICT;
        struct cs_stored stored = {.output = {.outcome = (uint8_t)readings[i].outcome,
                                              .text = readings[i].text,
                                              .cause = readings[i].cause,
                                              .salvaged = readings[i].salvaged},
                                   .recorded = (uint8_t)readings[i].outcome};
        struct cs_rereading r = cs_store_reread_output(&s, 0, 0, 0, &stored.output, 5);
        if (r.number != (readings[i].changes ? 5 : 0) || r.outcome != readings[i].now ||
            r.salvaged != readings[i].now_salvaged || r.fault != readings[i].fault)
            fail_msg("%zu: %u %u %d %u", i, r.number, r.outcome, r.salvaged, r.fault);
        cs_store_reread_apply(&r, &stored);
        assert_int_equal(stored.output.outcome, readings[i].now);
        assert_int_equal(stored.recorded, readings[i].outcome);
        assert_int_equal(cs_store_reread_output(&s, 0, 0, 0, &stored.output, 6).number, 0); /* once and for all */
    }
}

/* ---- where it stands ------------------------------------------------------------------------------- */

static void put(struct cs_batch *b, uint64_t position, enum cs_outcome outcome)
{
    struct cs_buf packed = CS_BUF_INIT(1 << 16);
    const bool answer = cs_outcome_is_answer(outcome);
    struct cs_output out = {.gen = 1,
                            .position = position,
                            .digest = digest_of(position),
                            .outcome = (uint8_t)outcome,
                            .attempts = 1,
                            .text = CHATTY,
                            .cause = outcome == CS_OUTCOME_unparsable ? "no_object" : "",
                            .worker = "w"};
    cs_output_pack(&out, &packed);
    cs_batch_add_output(b, &(struct cs_batch_output){.gen = 1,
                                                     .position = position,
                                                     .digest = out.digest,
                                                     .owner = {1, 2},
                                                     .flags = answer ? CS_OUTPUT_CANONICAL : CS_OUTPUT_FAILURE,
                                                     .bytes = (const uint8_t *)packed.data,
                                                     .len = (uint32_t)packed.len});
    cs_buf_release(&packed);
}

static void states(struct cs_batch *b, uint32_t gen, const enum cs_trial_state *each, unsigned n)
{
    struct cs_batch_page page = {.gen = gen};
    for (unsigned i = 0; i < n; i++)
        page.bits[i / 4] |= (uint8_t)((unsigned)each[i] << 2 * (i % 4));
    cs_batch_add_page(b, &page);
}

static enum cs_err tell(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                        struct cs_error *err)
{
    (void)lane, (void)err;
    cs_buf_printf(self, "%llu:%llu %s%s%s%s was %s\n", (unsigned long long)position,
                  (unsigned long long)stored->output_id, cs_outcome_name((enum cs_outcome)stored->output.outcome),
                  stored->output.salvaged ? " salvaged" : "", stored->output.cause[0] != '\0' ? " " : "",
                  stored->output.cause, cs_outcome_name((enum cs_outcome)stored->recorded));
    return CS_OK;
}

static void assert_scan(struct cs_store *s, uint32_t gen, bool all, const char *wanted)
{
    struct cs_buf got = CS_BUF_INIT(4096);
    struct cs_error err = {0};
    assert_ok((all ? cs_store_scan_all : cs_store_scan)(s, gen, 0, tell, &got, &err));
    assert_string_equal(cs_buf_cstr(&got), wanted);
    cs_buf_release(&got);
}

static void adopt(struct cs_batch *b, uint64_t position, uint64_t output_id, bool failure, struct cs_rereading reading)
{
    cs_batch_add_adoption(
        b, &(struct cs_batch_adoption){
               .gen = 2, .position = position, .output_id = output_id, .failure = failure, .reading = reading});
}

static void a_place_row_holds_it_and_the_record_stays(void **state)
{
    static const enum cs_trial_state each[] = {CS_TRIAL_DONE, CS_TRIAL_DONE, CS_TRIAL_FAILED};
    static const enum cs_trial_state asked[] = {CS_TRIAL_DONE, CS_TRIAL_PLANNED, CS_TRIAL_FAILED};
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_stored stored;
    cs_batch_init(&b);
    put(&b, 0, CS_OUTCOME_unparsable);
    put(&b, 1, CS_OUTCOME_ok);
    put(&b, 2, CS_OUTCOME_internal);
    states(&b, 1, each, 3);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_clear(&b);
    adopt(&b, 0, 1, false, (struct cs_rereading){2, CS_OUTCOME_ok, true, CS_ANSWER_NONE});
    adopt(&b, 1, 2, false, (struct cs_rereading){2, CS_OUTCOME_unparsable, false, CS_ANSWER_WORD});
    adopt(&b, 2, 3, true, (struct cs_rereading){0});
    states(&b, 2, each, 3);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_clear(&b);
    assert_scan(s, 1, false, "0:1 unparsable no_object was unparsable\n1:2 ok was ok\n2:3 internal was internal\n");
    assert_scan(s, 2, false,
                "0:1 ok salvaged was unparsable\n1:2 unparsable unknown_word was ok\n2:3 internal was internal\n");
    assert_ok(cs_store_scan_output(s, 1, &arena, &stored, &err));
    assert_int_equal(stored.output.outcome, CS_OUTCOME_unparsable);

    /* What may be asked again is decided by how it reads now; where it was asked, the record speaks. */
    cs_batch_add_again(&b, &(struct cs_batch_again){2, 0, 1});
    states(&b, 2, asked, 3);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_clear(&b);
    assert_scan(s, 2, true, "0:1 ok salvaged was unparsable\n1:2 ok was ok\n2:3 internal was internal\n");
    cs_batch_add_again(&b, &(struct cs_batch_again){2, 0, 0});
    assert_int_equal(cs_store_write(s, &b, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "output 1 is ok and stands for good"));
    cs_arena_release(&arena);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* A failure after an answer that was asked again ends no waiting: what comes next still links it. */
static void a_failure_is_taken_over_with_what_waits_behind_it(void **state)
{
    static const enum cs_trial_state done[] = {CS_TRIAL_DONE}, failed[] = {CS_TRIAL_FAILED};
    const uint64_t earlier[] = {1};
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_place place;
    struct cs_error err = {0};
    cs_batch_init(&b);
    put(&b, 0, CS_OUTCOME_unparsable);
    put(&b, 1, CS_OUTCOME_internal);
    states(&b, 1, done, 1);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_clear(&b);
    cs_batch_add_adoption(
        &b, &(struct cs_batch_adoption){
                .gen = 1, .position = 0, .output_id = 2, .failure = true, .earlier = earlier, .n_earlier = 1});
    states(&b, 1, failed, 1);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_clear(&b);
    cs_store_close(s);
    s = open_writer(*state);
    put(&b, 0, CS_OUTCOME_ok);
    states(&b, 1, done, 1);
    assert_ok(cs_store_write(s, &b, &err));
    assert_ok(cs_store_rows_place(s, 1, 0, 0, &place, &err));
    assert_int_equal(place.output_id, 3);
    assert_int_equal(place.n_earlier, 1);
    assert_int_equal(place.earlier[0], 1);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* ---- the generation's row --------------------------------------------------------------------------- */

static void a_generation_says_it_only_where_it_is_so(void **state)
{
    struct cs_generation g = {.number = 3, .created_wall_ms = 1700000000000, .built = true, .study = 9}, read;
    struct cs_buf plain = CS_BUF_INIT(1024), reread = CS_BUF_INIT(1024);
    struct cs_error err = {0};
    (void)state;
    cs_store_generation_pack(&g, &plain);
    assert_int_equal((uint8_t)plain.data[0], 0x96); /* six fields, as every version before wrote them */
    assert_ok(cs_store_generation_unpack(plain.data, (uint32_t)plain.len, &read, &err));
    assert_int_equal(read.reading, 0);
    g.reading = 2;
    cs_store_generation_pack(&g, &reread);
    assert_int_equal(reread.len, plain.len + 1);
    assert_ok(cs_store_generation_unpack(reread.data, (uint32_t)reread.len, &read, &err));
    assert_int_equal(read.reading, 2);
    assert_int_equal(read.study, 9);
    cs_buf_release(&plain);
    cs_buf_release(&reread);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_a_text_decides_turns),
        WITH_STORE(a_place_row_holds_it_and_the_record_stays),
        WITH_STORE(a_failure_is_taken_over_with_what_waits_behind_it),
        cmocka_unit_test(a_generation_says_it_only_where_it_is_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
