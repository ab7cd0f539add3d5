/* How long a task may be: vectors of scikit-learn 1.9.1 (LogisticRegression(C=10, tol=1e-14, solver="newton-cholesky"), weights as in task_horizon.h), what has no
 * horizon, and coverage of the interval over simulated studies. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/rng.h"
#include "tools/report/stats/task_horizon.h"

#define ASSERT_NEAR(x, want) assert_true(fabs((x) - (want)) < 1e-6)

static const struct cs_boot boot = {7, 5000, 1};

/* minutes, runs, successes, family */
static const struct cs_task_horizon_task tasks[] = {
    {1, 6, 6, 0},  {2, 6, 6, 0},   {3, 4, 4, 1},  {5, 8, 7, 1},  {8, 6, 5, 1},   {15, 6, 4, 2},
    {20, 6, 4, 3}, {30, 10, 5, 3}, {45, 6, 2, 4}, {60, 6, 2, 5}, {120, 6, 1, 5}, {480, 6, 0, 6},
};
enum { N = sizeof tasks / sizeof tasks[0] };

static void as_scikit_learn(void **state)
{
    struct cs_task_horizon h;
    (void)state;
    cs_task_horizon(tasks, N, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_OK);
    assert_int_equal(h.tasks, 12);
    assert_int_equal(h.families, 7);
    assert_int_equal(h.runs, 76);
    assert_int_equal(h.successes, 46);
    ASSERT_NEAR(h.intercept, 3.675484749207601);
    ASSERT_NEAR(h.slope, -0.7436872542577113);
    ASSERT_NEAR(h.at[CS_TASK_HORIZON_50].minutes, 30.744260102060547);
    ASSERT_NEAR(h.at[CS_TASK_HORIZON_80].minutes, 8.445382285516807);
    assert_int_equal(h.at[CS_TASK_HORIZON_50].interval_status, CS_STAT_OK);
    assert_true(h.at[CS_TASK_HORIZON_50].ci.lo < 30 && h.at[CS_TASK_HORIZON_50].ci.hi > 31);
}

static void tasks_without_runs_count_for_nothing(void **state)
{
    struct cs_task_horizon_task more[N + 2];
    struct cs_task_horizon h, with;
    (void)state;
    memcpy(more, tasks, sizeof tasks);
    more[N] = (struct cs_task_horizon_task){1000, 0, 0, 1};
    more[N + 1] = (struct cs_task_horizon_task){1000, 0, 0, 9};
    cs_task_horizon(tasks, N, &boot, 0.05, &h);
    cs_task_horizon(more, N + 2, &boot, 0.05, &with);
    assert_memory_equal(&h, &with, sizeof h);
    const struct cs_boot threads = {7, 5000, 3};
    cs_task_horizon(tasks, N, &threads, 0.05, &with); /* the same bytes on any number of threads */
    assert_memory_equal(&h, &with, sizeof h);
}

static void what_has_no_horizon(void **state)
{
    struct cs_task_horizon h;
    static const struct cs_task_horizon_task always[] = {{1, 3, 3, 0}, {9, 3, 3, 1}}, one[] = {{1, 3, 2, 0}},
                                             rising[] = {{1, 9, 1, 0}, {4, 9, 4, 1}, {16, 9, 6, 2}, {64, 9, 9, 3}},
                                             bad[] = {{0, 3, 2, 0}, {1, 1, 0, 1}},
                                             more[] = {{1, 3, 4, 0}, {1, 1, 0, 1}};
    (void)state;
    cs_task_horizon(always, 2, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_CONSTANT);
    cs_task_horizon(one, 1, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_TOO_FEW);
    cs_task_horizon(NULL, 0, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_TOO_FEW);
    cs_task_horizon(rising, 4, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_OK);
    assert_true(h.slope > 0);
    assert_int_equal(h.at[CS_TASK_HORIZON_50].status, CS_STAT_UNDEFINED);
    assert_int_equal(h.at[CS_TASK_HORIZON_50].interval_status, CS_STAT_TOO_FEW);
    cs_task_horizon(bad, 2, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_BAD_INPUT);
    cs_task_horizon(more, 2, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_BAD_INPUT);
}

/* Perfectly parted outcomes: the penalty keeps the slope finite. */
static void parted_outcomes_have_a_fit(void **state)
{
    static const struct cs_task_horizon_task parted[] = {{1, 9, 9, 0}, {4, 9, 9, 1}, {64, 9, 0, 2}, {256, 9, 0, 3}};
    struct cs_task_horizon h;
    (void)state;
    cs_task_horizon(parted, 4, &boot, 0.05, &h);
    assert_int_equal(h.status, CS_STAT_OK);
    ASSERT_NEAR(h.at[CS_TASK_HORIZON_50].minutes, 16); /* by symmetry */
}

/* Planted: half of the runs at 30 minutes, each doubling takes 0.8 log-odds. The interval holds what a large sample of such tasks gives. */
static void the_interval_covers(void **state)
{
    enum { STUDIES = 16, TASKS = 40, RUNS = 8 };
    struct cs_rng rng = {11};
    uint32_t held = 0;
    (void)state;
    struct cs_task_horizon_task t[TASKS];
    struct cs_task_horizon h;
    for (int k = 0; k < STUDIES; k++) {
        for (uint32_t i = 0; i < TASKS; i++) {
            const double x = 9.0 * i / (TASKS - 1); /* 1 to 512 minutes */
            const double p = 1 / (1 + exp(-0.8 * (log2(30) - x)));
            t[i] = (struct cs_task_horizon_task){exp2(x), RUNS, 0, i};
            for (int j = 0; j < RUNS; j++)
                t[i].successes += cs_rng_unit(&rng) < p;
        }
        cs_task_horizon(t, TASKS, &boot, 0.05, &h);
        const struct cs_task_horizon_at *at = &h.at[CS_TASK_HORIZON_50];
        assert_int_equal(at->interval_status, CS_STAT_OK);
        held += at->ci.lo <= 30 && 30 <= at->ci.hi;
    }
    print_message("coverage %u of %d\n", held, STUDIES);
    assert_in_range(held, 14, STUDIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_scikit_learn),     cmocka_unit_test(tasks_without_runs_count_for_nothing),
        cmocka_unit_test(what_has_no_horizon), cmocka_unit_test(parted_outcomes_have_a_fit),
        cmocka_unit_test(the_interval_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
