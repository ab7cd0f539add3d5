/* Turns of conversations in the store: what stands, what stood before an answer, what edits and deletions leave of them. */
#include "tests/unit/fixture_store.h"

#include "store/erase.h"
#include "store/tomb.h"
#include "store/turn_rows.h"

enum { GEN = 1, TALKS = 3 };
static const struct cs_owner owner = {71, 72};

/* The reply of a turn; or, with turn 0, the output that comes after `before` turns. */
static void say(struct cs_batch *b, uint32_t gen, uint64_t position, uint32_t draw, uint32_t turn, uint32_t before,
                uint8_t flags, enum cs_outcome outcome, const char *text)
{
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_TEXT_MAX);
    const struct cs_output o = {.gen = gen,
                                .position = position,
                                .digest = digest_of(position),
                                .outcome = (uint8_t)outcome,
                                .text = text,
                                .worker = "w",
                                .turn = turn,
                                .turns_done = turn > 0 ? 0 : before + 1};
    cs_output_pack(&o, &packed);
    cs_batch_add_output(b, &(struct cs_batch_output){.gen = gen,
                                                     .position = position,
                                                     .digest = o.digest,
                                                     .owner = owner,
                                                     .flags = flags,
                                                     .turn = {turn > 0 ? turn : before, draw},
                                                     .bytes = (const uint8_t *)packed.data,
                                                     .len = (uint32_t)packed.len});
    cs_buf_release(&packed);
}

static void set_page(struct cs_batch *b, uint32_t gen, uint64_t position, enum cs_trial_state state)
{
    struct cs_batch_page page = {.gen = gen};
    set_state(page.bits, position, state);
    cs_batch_add_page(b, &page);
}

static void write_it(struct cs_store *s, struct cs_batch *b)
{
    struct cs_error err = {0};
    assert_ok(cs_store_write(s, b, &err));
    cs_batch_clear(b);
}

static void assert_texts(const struct cs_stored *turns, uint32_t n, const char *wanted)
{
    char text[200] = "";
    for (uint32_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s;", turns[i].output.text);
    assert_string_equal(text, wanted);
}

static void assert_standing(struct cs_store *s, uint64_t position, uint32_t draw, const char *wanted)
{
    const struct cs_digest d = digest_of(position);
    struct cs_arena arena = {0};
    struct cs_error err = {0};
    struct cs_stored *turns;
    uint32_t n, counted;
    assert_ok(cs_turn_rows_standing(s, &d, &owner, draw, &arena, &turns, &n, &err));
    assert_texts(turns, n, wanted);
    assert_ok(cs_turn_rows_count(s, &d, &owner, draw, &counted, &err));
    assert_int_equal(counted, n);
    cs_arena_release(&arena);
}

static void assert_before(struct cs_store *s, uint64_t output_id, const char *wanted)
{
    struct cs_arena arena = {0};
    struct cs_error err = {0};
    struct cs_stored *turns;
    uint32_t n;
    assert_ok(cs_turn_rows_before(s, output_id, &arena, &turns, &n, &err));
    assert_texts(turns, n, wanted);
    cs_arena_release(&arena);
}

/* Two turns (outputs 1 and 2), a duplicate (3), and the answer (4). */
static void write_one(struct cs_store *s, struct cs_batch *b, uint64_t position)
{
    say(b, GEN, position, 0, 1, 0, CS_OUTPUT_TURN, CS_OUTCOME_ok, "a");
    write_it(s, b);
    say(b, GEN, position, 0, 2, 0, CS_OUTPUT_TURN, CS_OUTCOME_refused, "b");
    say(b, GEN, position, 0, 0, 0, CS_OUTPUT_DUPLICATE, CS_OUTCOME_ok, "another");
    write_it(s, b);
    say(b, GEN, position, 0, 0, 2, CS_OUTPUT_CANONICAL, CS_OUTCOME_timeout, "");
    set_page(b, GEN, position, CS_TRIAL_DONE);
    write_it(s, b);
}

static void turns_stand_and_the_answer_knows_them(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b = {0};
    uint32_t draw;
    struct cs_error err = {0};
    assert_standing(s, 0, 0, "");
    write_one(s, &b, 0);
    assert_standing(s, 0, 0, "a;b;");
    assert_before(s, 4, "a;b;");
    assert_before(s, 1, "");
    assert_standing(s, 1, 0, "");
    cs_store_close(s);
    s = open_reader(*state);
    assert_standing(s, 0, 0, "a;b;");
    assert_before(s, 4, "a;b;");
    assert_ok(cs_turn_rows_draw(s, GEN, 0, 0, &draw, &err));
    assert_int_equal(draw, 0);
    cs_store_close(s);
    cs_batch_release(&b);
}

/* Asked again, the conversation begins anew, and the earlier one keeps its turns. */
static void another_draw_has_turns_of_its_own(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b = {0};
    struct cs_error err = {0};
    uint32_t draw;
    write_one(s, &b, 0);
    cs_batch_add_again(&b, &(struct cs_batch_again){.gen = GEN, .position = 0});
    set_page(&b, GEN, 0, CS_TRIAL_PLANNED);
    write_it(s, &b);
    assert_ok(cs_turn_rows_draw(s, GEN, 0, 0, &draw, &err));
    assert_int_equal(draw, 1);
    assert_standing(s, 0, 1, "");
    say(&b, GEN, 0, 1, 1, 0, CS_OUTPUT_TURN, CS_OUTCOME_ok, "c");
    write_it(s, &b);
    say(&b, GEN, 0, 1, 0, 1, CS_OUTPUT_CANONICAL, CS_OUTCOME_ok, "end");
    set_page(&b, GEN, 0, CS_TRIAL_DONE);
    write_it(s, &b);
    assert_before(s, 6, "c;");
    assert_before(s, 4, "a;b;");
    assert_ok(cs_turn_rows_draw(s, GEN, 0, 0, &draw, &err));
    assert_int_equal(draw, 1);
    cs_store_close(s);
    cs_batch_release(&b);
}

/* What a trial failed of comes after turns too; `retry` goes on from them. */
static void a_failure_keeps_the_turns_before_it(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b = {0};
    say(&b, GEN, 0, 0, 1, 0, CS_OUTPUT_TURN, CS_OUTCOME_ok, "a");
    write_it(s, &b);
    say(&b, GEN, 0, 0, 0, 1, CS_OUTPUT_FAILURE, CS_OUTCOME_provider_error, "");
    set_page(&b, GEN, 0, CS_TRIAL_FAILED);
    write_it(s, &b);
    assert_before(s, 2, "a;");
    assert_standing(s, 0, 0, "a;");
    cs_store_close(s);
    cs_batch_release(&b);
}

static void a_turn_that_is_missing_is_told(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b = {0};
    struct cs_error err = {0};
    say(&b, GEN, 0, 0, 1, 0, CS_OUTPUT_TURN, CS_OUTCOME_ok, "a");
    write_it(s, &b);
    say(&b, GEN, 0, 0, 0, 2, CS_OUTPUT_CANONICAL, CS_OUTCOME_ok, "end");
    assert_int_equal(cs_store_write(s, &b, &err), CS_ECORRUPT);
    cs_store_close(s);
    cs_batch_release(&b);
}

static enum cs_err count_rows(void *self, uint32_t turn, uint64_t output_id, struct cs_error *err)
{
    uint32_t *n = self;
    (void)turn, (void)output_id, (void)err;
    ++*n;
    return CS_OK;
}

static void erase_all(struct cs_store *s, uint32_t gen)
{
    struct cs_tomb_generation g = {.number = gen};
    const struct cs_tomb tomb = {.generations = &g, .n = 1};
    struct cs_batch b = {0};
    struct cs_error err = {0};
    struct cs_erase *e = cs_erase_open(s, &tomb);
    for (bool done = false; !done;) {
        assert_ok(cs_erase_step(e, 2, &b, &done, &err));
        write_it(s, &b);
    }
    cs_erase_close(e);
    cs_batch_release(&b);
}

static void a_deleted_study_leaves_no_turn_but_those_that_stay_elsewhere(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b = {0};
    struct cs_error err = {0};
    uint32_t rows = 0;
    for (uint64_t i = 0; i < TALKS; i++)
        write_one(s, &b, i);
    cs_batch_add_adoption(&b, &(struct cs_batch_adoption){.gen = 9, .position = 5, .output_id = 8});
    set_page(&b, 9, 5, CS_TRIAL_DONE);
    write_it(s, &b);
    erase_all(s, GEN);
    assert_ok(cs_turn_rows_scan(s, count_rows, &rows, &err));
    assert_int_equal(rows, 2);
    assert_before(s, 8, "a;b;");
    assert_before(s, 4, "");
    assert_standing(s, 0, 0, "");
    erase_all(s, 9);
    assert_before(s, 8, "a;b;"); /* that generation did not pay for it */
    cs_store_close(s);
    cs_batch_release(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_make, fixture_remove)
    const struct CMUnitTest tests[] = {
        TEST(turns_stand_and_the_answer_knows_them),
        TEST(another_draw_has_turns_of_its_own),
        TEST(a_failure_keeps_the_turns_before_it),
        TEST(a_turn_that_is_missing_is_told),
        TEST(a_deleted_study_leaves_no_turn_but_those_that_stay_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
