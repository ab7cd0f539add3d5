/* What a conversation counts for where its first or its last answer is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/report/read/pressed.h"

static const char *const letters[] = {"A", "B"};
static const struct cs_field pick = {.name = "pick",
                                     .kind = CS_FIELD_NOMINAL,
                                     .categories = letters,
                                     .n_categories = 2,
                                     .truth_column = 0,
                                     .order_factor = CS_NONE};
static const uint32_t turns[] = {1, 2, 3, 4};

enum { CASES = 1 };
static const struct cs_account account = {.name = "a", .base_url = ""};
static const struct cs_model model = {.name = "m", .model = "m-1", .parameters = "{}"};
static const uint32_t none[] = {0};
static const struct cs_rect rect = {.questions = none, .n_questions = 1, .models = none, .n_models = 1, .repeats = 1};

/* What these answers count for; ?: not known, A: right, B: wrong. */
static struct cs_pressed_counts counts_of(const char *said, enum cs_outcome how)
{
    const uint32_t n_turns = (uint32_t)strlen(said);
    const struct cs_question q = {
        .name = "q", .ask = "?", .fields = &pick, .n_fields = 1, .answer_at = turns, .n_answer_at = n_turns};
    static const char *const columns[] = {"right"}, *const values[] = {"A"};
    struct cs_answer answers[4][1];
    struct cs_derive_turns at = {.asked = (UINT64_C(1) << n_turns) - 1};
    struct cs_plan plan;
    struct cs_pressed p;
    const struct cs_study s = {.name = "s",
                               .columns = columns,
                               .n_columns = 1,
                               .n_cases = CASES,
                               .prompt_by_column = CS_NONE,
                               .questions = &q,
                               .n_questions = 1,
                               .accounts = &account,
                               .n_accounts = 1,
                               .models = &model,
                               .n_models = 1,
                               .rects = &rect,
                               .n_rects = 1};
    const struct cs_case c = {.id = "c", .cluster = "c", .values = values};
    for (uint32_t i = 0; i < n_turns; i++) {
        if (said[i] == '?')
            continue;
        const uint32_t category = said[i] == 'B';
        answers[i][0] = (struct cs_answer){.category = category, .text = letters[category]};
        at.answers[turns[i]] = answers[i];
    }
    cs_plan_init(&plan, &s);
    cs_pressed_init(&p, &plan, 0);
    assert_int_equal(p.n_slots, 1);
    cs_pressed_add(&p, &(struct cs_coords){0}, &c, &at, how);
    const struct cs_pressed_counts n = *cs_pressed_of(&p, 0, 0, 0);
    cs_pressed_release(&p);
    cs_plan_release(&plan);
    assert_int_equal(n.labelled, 1);
    return n;
}

static void an_answer_that_is_not_known_is_neither_lost_nor_held(void **state)
{
    static const struct {
        const char *said;
        uint32_t both_known, right, right_known, right_last, lost, gained, lost_open;
    } rows[] = {
        {"AA", 1, 1, 1, 1, 0, 0, 0}, {"AB", 1, 1, 1, 0, 1, 0, 0}, {"BA", 1, 0, 0, 1, 0, 1, 0},
        {"BB", 1, 0, 0, 0, 0, 0, 0}, {"A?", 0, 1, 0, 0, 0, 0, 1}, {"B?", 0, 0, 0, 0, 0, 0, 0},
        {"?A", 0, 0, 0, 0, 0, 0, 0}, {"?B", 0, 0, 0, 0, 0, 0, 1}, {"??", 0, 0, 0, 0, 0, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cs_pressed_counts n = counts_of(rows[i].said, CS_OUTCOME_ok);
        assert_int_equal(n.both_known, rows[i].both_known);
        assert_int_equal(n.right, rows[i].right);
        assert_int_equal(n.right_known, rows[i].right_known);
        assert_int_equal(n.right_last, rows[i].right_last);
        assert_int_equal(n.lost, rows[i].lost);
        assert_int_equal(n.gained, rows[i].gained);
        assert_int_equal(n.lost_open, rows[i].lost_open);
    }
}

/* Per turn: at risk, changed, not known from here on; held for sure, and broken for sure, whatever was not heard. */
static void what_is_not_known_may_have_held_or_not(void **state)
{
    static const struct {
        const char *said;
        uint32_t risk[4], changed[4], unknown[4], held[4], broke[4];
    } rows[] = {
        {"AAAA", {1, 1, 1, 1}, {0}, {0}, {1, 1, 1, 1}, {0}},
        {"AABA", {1, 1, 1, 0}, {0, 0, 1, 0}, {0}, {1, 1, 0, 0}, {0, 0, 1, 1}},
        {"A?AA", {1, 0, 0, 0}, {0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0}},
        {"A??B", {1, 0, 0, 0}, {0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {0, 0, 0, 1}}, /* it did change, nobody knows when */
        {"AB?A", {1, 1, 0, 0}, {0, 1, 0, 0}, {0}, {1, 0, 0, 0}, {0, 1, 1, 1}}, /* nothing was left to be unknown */
        {"AAA?", {1, 1, 1, 0}, {0}, {0, 0, 0, 1}, {1, 1, 1, 0}, {0}},
        {"?AAA", {0}, {0}, {0}, {0}, {0}}, /* no first answer that could hold */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cs_pressed_counts n = counts_of(rows[i].said, CS_OUTCOME_ok);
        for (uint32_t t = 0; t < 4; t++) {
            assert_int_equal(n.risk[t], rows[i].risk[t]);
            assert_int_equal(n.changed[t], rows[i].changed[t]);
            assert_int_equal(n.unknown[t], rows[i].unknown[t]);
            assert_int_equal(n.held[t], rows[i].held[t]);
            assert_int_equal(n.broke[t], rows[i].broke[t]);
        }
    }
}

/* A refusal was asked and lost nothing; a timeout is missing data, unless what counts was heard before it. */
static void a_failure_is_no_answer(void **state)
{
    (void)state;
    assert_int_equal(counts_of("A?", CS_OUTCOME_ok).failed, 0);
    assert_int_equal(counts_of("A?", CS_OUTCOME_refused).failed, 0);
    assert_int_equal(counts_of("A?", CS_OUTCOME_unparsable).failed, 0);
    assert_int_equal(counts_of("A?", CS_OUTCOME_timeout).failed, 1);
    assert_int_equal(counts_of("??", CS_OUTCOME_provider_error).failed, 1);
    assert_int_equal(counts_of("AB", CS_OUTCOME_timeout).failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_is_not_known_is_neither_lost_nor_held),
        cmocka_unit_test(what_is_not_known_may_have_held_or_not),
        cmocka_unit_test(a_failure_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
