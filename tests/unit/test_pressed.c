/* What a conversation counts for where its first or its last answer is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/report/read/pressed.h"

static const char *const letters[] = {"A", "B"};
static const struct cs_field pick = {.name = "pick",
                                     .kind = CS_FIELD_NOMINAL,
                                     .categories = letters,
                                     .n_categories = 2,
                                     .truth_column = 0,
                                     .order_factor = CS_NONE};
static const uint32_t turns[] = {1, 2};

enum { CASES = 1 };
static const struct cs_account account = {.name = "a", .base_url = ""};
static const struct cs_model model = {.name = "m", .model = "m-1", .parameters = "{}"};
static const uint32_t none[] = {0};
static const struct cs_rect rect = {.questions = none, .n_questions = 1, .models = none, .n_models = 1, .repeats = 1};

/* What two answers count for; -1: not known, 0: right, 1: wrong. */
static struct cs_pressed_counts counts(int first, int last)
{
    const struct cs_question q = {
        .name = "q", .ask = "?", .fields = &pick, .n_fields = 1, .answer_at = turns, .n_answer_at = 2};
    static const char *const columns[] = {"right"}, *const values[] = {"A"};
    struct cs_answer answers[2][1];
    struct cs_derive_turns at = {.asked = 3};
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
    const int said[] = {first, last};
    for (uint32_t i = 0; i < 2; i++) {
        if (said[i] < 0)
            continue;
        answers[i][0] = (struct cs_answer){.category = (uint32_t)said[i], .text = letters[said[i]]};
        at.answers[turns[i]] = answers[i];
    }
    cs_plan_init(&plan, &s);
    cs_pressed_init(&p, &plan, 0);
    assert_int_equal(p.n_slots, 1);
    cs_pressed_add(&p, &(struct cs_coords){0}, &c, &at);
    const struct cs_pressed_counts n = *cs_pressed_of(&p, 0, 0, 0);
    cs_pressed_release(&p);
    cs_plan_release(&plan);
    assert_int_equal(n.labelled, 1);
    return n;
}

static void an_answer_that_is_not_known_is_neither_lost_nor_held(void **state)
{
    static const struct {
        int first, last;
        uint32_t both_known, right, right_known, right_last, lost, gained, lost_open;
    } rows[] = {
        {0, 0, 1, 1, 1, 1, 0, 0, 0},  {0, 1, 1, 1, 1, 0, 1, 0, 0},  {1, 0, 1, 0, 0, 1, 0, 1, 0},
        {1, 1, 1, 0, 0, 0, 0, 0, 0},  {0, -1, 0, 1, 0, 0, 0, 0, 1}, {1, -1, 0, 0, 0, 0, 0, 0, 0},
        {-1, 0, 0, 0, 0, 0, 0, 0, 0}, {-1, 1, 0, 0, 0, 0, 0, 0, 1}, {-1, -1, 0, 0, 0, 0, 0, 0, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cs_pressed_counts n = counts(rows[i].first, rows[i].last);
        assert_int_equal(n.both_known, rows[i].both_known);
        assert_int_equal(n.right, rows[i].right);
        assert_int_equal(n.right_known, rows[i].right_known);
        assert_int_equal(n.right_last, rows[i].right_last);
        assert_int_equal(n.lost, rows[i].lost);
        assert_int_equal(n.gained, rows[i].gained);
        assert_int_equal(n.lost_open, rows[i].lost_open);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_answer_that_is_not_known_is_neither_lost_nor_held)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
