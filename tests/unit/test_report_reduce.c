/* From counts to clusters, and from clusters to verdicts: what the report's figures rest on. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/report/analysis/family.h"
#include "tools/report/analysis/reduce.h"

enum { CASES = 4, REPEATS = 4 };

static const char *const words[] = {"Yes", "No"};
static const struct cs_wording wording = {.id = ""};
static const struct cs_level levels[] = {
    {.id = "control", .role = CS_ROLE_CONTROL, .repeats_times = 1, .wordings = &wording, .n_wordings = 1},
    {.id = "black", .repeats_times = 1, .wordings = &wording, .n_wordings = 1}};
static const struct cs_factor factor = {.name = "group", .levels = levels, .n_levels = 2};
static const struct cs_field field = {
    .name = "imaging", .kind = CS_FIELD_BOOLEAN, .categories = words, .n_categories = 2, .truth_column = CS_NONE};
static const struct cs_question question = {.name = "q", .ask = "?", .fields = &field, .n_fields = 1};
static const struct cs_model model = {.name = "m"};
static const struct cs_arm arms[] = {{0, 0}, {1, 0}};
static const uint32_t zero;
static const struct cs_rect rect = {.n_arms = {2},
                                    .arms = {arms},
                                    .questions = &zero,
                                    .n_questions = 1,
                                    .models = &zero,
                                    .n_models = 1,
                                    .repeats = REPEATS};
static const struct cs_study study = {.name = "s",
                                      .n_cases = CASES,
                                      .factors = &factor,
                                      .n_factors = 1,
                                      .questions = &question,
                                      .n_questions = 1,
                                      .models = &model,
                                      .n_models = 1,
                                      .rects = &rect,
                                      .n_rects = 1,
                                      .analysis = "{}"};
static uint32_t clusters[CASES] = {0, 0, 1, 2};

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

struct rig {
    struct cs_plan plan;
    struct cs_grid grid;
    struct cs_arrangement arranged;
    struct cs_case_facts cases;
    struct cs_measure measure;
};

static void rig_init(struct rig *r)
{
    *r = (struct rig){.cases = {.n_cases = CASES, .n_clusters = 3, .cluster = clusters},
                      .measure = {.kind = CS_OUTCOME_BINARY, .n_categories = 2}};
    cs_plan_init(&r->plan, &study);
    cs_grid_init(&r->grid, &r->plan, 0);
    cs_reduce_arrange(&r->arranged, &r->grid, 0, 0);
}

static void rig_release(struct rig *r)
{
    cs_reduce_arrangement_release(&r->arranged);
    cs_grid_release(&r->grid);
    cs_plan_release(&r->plan);
}

static void answer(struct rig *r, uint32_t c, uint32_t cell, uint32_t yes, uint32_t no, uint32_t refused,
                   uint32_t timeouts)
{
    const struct cs_answer said_yes = {.text = "Yes", .category = 1}, said_no = {.text = "No", .category = 0};
    for (uint32_t i = 0; i < yes; i++)
        cs_grid_add(&r->grid, c, cell, CS_OUTCOME_ok, &said_yes, NULL, 0);
    for (uint32_t i = 0; i < no; i++)
        cs_grid_add(&r->grid, c, cell, CS_OUTCOME_ok, &said_no, NULL, 0);
    for (uint32_t i = 0; i < refused; i++)
        cs_grid_add(&r->grid, c, cell, CS_OUTCOME_refused, NULL, NULL, 0);
    for (uint32_t i = 0; i < timeouts; i++)
        cs_grid_add(&r->grid, c, cell, CS_OUTCOME_timeout, NULL, NULL, 0);
}

static void pair_up(struct rig *r, struct cs_paired *p)
{
    const struct cs_side level = {.level = {1}, .n = 1}, control = {.level = {0}, .n = 1};
    const struct cs_case_filter all = {.stratum = CS_NONE};
    cs_reduce_pair(p, &r->measure, &r->grid, &r->arranged, &r->cases, &level, &control, &all);
}

static void test_one_difference_per_cluster(void **state)
{
    struct rig r;
    struct cs_paired p;
    (void)state;
    rig_init(&r);
    answer(&r, 0, 0, 1, 3, 0, 0); /* cluster 0: cases 0 and 1 */
    answer(&r, 0, 1, 3, 1, 0, 0);
    answer(&r, 1, 0, 2, 2, 0, 0);
    answer(&r, 1, 1, 2, 2, 0, 0);
    answer(&r, 2, 0, 0, 4, 0, 0); /* cluster 1 */
    answer(&r, 2, 1, 4, 0, 0, 0);
    answer(&r, 3, 0, 1, 3, 0, 0); /* cluster 2: the level was never answered */
    pair_up(&r, &p);
    assert_int_equal(p.n, 2);
    assert_true(is_near(p.diff[0], 0.25));
    assert_true(is_near(p.diff[1], 1));
    assert_int_equal(p.unmatched, 1);
    assert_true(p.repeated);
    /* p(1-p)/(K-1) of four spots, as the variance of a mean of two differences */
    assert_true(is_near(p.sampling[0], (2 * 0.1875 + 2 * 0.25) / 3 / 4));
    assert_true(is_near(p.sampling[1], 0));
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_refusals_are_not_yes_and_timeouts_are_missing(void **state)
{
    struct rig r;
    struct cs_paired p;
    (void)state;
    rig_init(&r);
    answer(&r, 2, 0, 2, 2, 0, 0);
    answer(&r, 2, 1, 2, 0, 1, 1); /* asked: 3, of which one refused */
    pair_up(&r, &p);
    assert_int_equal(p.n, 1);
    assert_true(is_near(p.level[0], 2.0 / 3));
    assert_true(is_near(p.low, 2.0 / 4 - 0.5));  /* the timeout might have been a no, */
    assert_true(is_near(p.high, 4.0 / 4 - 0.5)); /* or a yes */
    assert_int_equal(p.n_level, 3);
    assert_int_equal(p.unusable, 1);
    assert_int_equal(p.missing, 1);
    cs_reduce_paired_release(&p);
    answer(&r, 3, 0, 1, 3, 0, 0);
    answer(&r, 3, 1, 0, 0, 0, 4); /* another cluster, of which nothing is known: in no mean, but in the bounds */
    pair_up(&r, &p);
    assert_int_equal(p.n, 1);
    assert_true(is_near(p.low, (0 + (0 - 0.25)) / 2));
    assert_true(is_near(p.high, (0.5 + (1 - 0.25)) / 2));
    cs_reduce_paired_release(&p);
    r.measure.what = CS_WHAT_USABLE;
    pair_up(&r, &p);
    assert_true(is_near(p.diff[0], -1.0 / 3));
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_an_arm_that_never_answers_is_silence_and_no_rate(void **state)
{
    struct rig r;
    struct cs_paired p;
    (void)state;
    rig_init(&r);
    for (uint32_t c = 0; c < CASES; c++) {
        answer(&r, c, 0, 3, 1, 0, 0);
        answer(&r, c, 1, 0, 0, 3, 1);
    }
    pair_up(&r, &p);
    assert_int_equal(p.n, 0);
    assert_true(p.silent);
    cs_reduce_paired_release(&p);
    answer(&r, 3, 1, 0, 1, 0, 0); /* one answer is one: now the refusals beside it are not "yes" */
    pair_up(&r, &p);
    assert_int_equal(p.n, 3);
    assert_false(p.silent);
    cs_reduce_paired_release(&p);
    r.measure = (struct cs_measure){.kind = CS_OUTCOME_BINARY, .what = CS_WHAT_LOST};
    pair_up(&r, &p);
    assert_true(is_near(p.level[0], 0.25)); /* share of all that ended */
    assert_true(is_near(p.level[2], 1.0 / 5));
    assert_true(is_near(p.comparator[0], 0));
    cs_reduce_paired_release(&p);
    r.measure.what = CS_WHAT_DECLINED;
    pair_up(&r, &p);
    assert_true(is_near(p.level[0], 1)); /* share of all that were answered */
    assert_true(is_near(p.level[2], 3.0 / 4));
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_without_a_factor_all_prompts_of_a_case_are_one_arm(void **state)
{
    struct rig r;
    struct cs_paired p;
    const struct cs_side side = {.level = {0}, .n = 1};
    const struct cs_case_filter all = {.stratum = CS_NONE};
    (void)state;
    rig_init(&r);
    answer(&r, 2, 0, 1, 3, 0, 0);
    answer(&r, 2, 1, 3, 1, 0, 0);
    answer(&r, 3, 0, 4, 0, 0, 0);
    cs_reduce_arrangement_release(&r.arranged);
    cs_reduce_arrange(&r.arranged, &r.grid, 0, CS_REPORT_NONE);
    cs_reduce_pair(&p, &r.measure, &r.grid, &r.arranged, &r.cases, &side, &side, &all);
    assert_int_equal(p.n, 2);
    assert_true(is_near(p.level[0], 0.5)); /* mean over the two prompts */
    assert_true(is_near(p.level[1], 1));
    assert_int_equal(p.n_level, 12);
    cs_reduce_paired_release(&p);
    rig_release(&r);
}

static void test_refusals_that_cross_the_verdict(void **state)
{
    const double diff[] = {.28, .30, .32, .29, .31, .30};
    const uint32_t at[] = {0, 1, 2, 3, 4, 5};
    const struct cs_family_rule rule = {.method = CS_ADJUST_HOLM,
                                        .alpha = 0.05,
                                        .complete = true,
                                        .n_clusters = 6,
                                        .boot = {.seed = 1, .draws = 5000, .threads = 1}};
    struct cs_family_test t = {
        .diff = diff, .cluster = at, .n = 6, .range = 1, .margin = 0.05, .worst = 0.3, .best = 0.3, .eligible = true};
    (void)state;
    cs_family_judge(&rule, &t, 1);
    assert_int_equal(t.verdict, CS_STAT_VERDICT_BEYOND);
    assert_false(t.crossed);
    t.worst = 0;
    cs_family_judge(&rule, &t, 1);
    assert_int_equal(t.verdict, CS_STAT_VERDICT_INCONCLUSIVE);
    assert_true(t.crossed);
    t.eligible = false;
    cs_family_judge(&rule, &t, 1);
    assert_int_equal(t.verdict, CS_STAT_VERDICT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_difference_per_cluster),
        cmocka_unit_test(test_refusals_are_not_yes_and_timeouts_are_missing),
        cmocka_unit_test(test_an_arm_that_never_answers_is_silence_and_no_rate),
        cmocka_unit_test(test_without_a_factor_all_prompts_of_a_case_are_one_arm),
        cmocka_unit_test(test_refusals_that_cross_the_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
