/* Losses by arm: Fisher's exact test against R, and that neither test speaks alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/stats_near.h"
#include "tools/report/stats/lost_rate.h"

static void fisher_agrees_with_r(void **state)
{
    (void)state;
    /* R fisher.test(matrix(c(3, 1, 1, 3), 2)); its manual's tea taster and convictions */
    NEAR_WITHIN(cs_lost_rate_fisher((struct cs_lost_count){3, 4}, (struct cs_lost_count){1, 4}), 0.4857142857, 1e-9);
    NEAR_WITHIN(cs_lost_rate_fisher((struct cs_lost_count){2, 17}, (struct cs_lost_count){10, 13}), 0.0005367241, 1e-9);
    /* symmetric, and nothing where nothing was lost, or all was */
    NEAR_WITHIN(cs_lost_rate_fisher((struct cs_lost_count){10, 13}, (struct cs_lost_count){2, 17}), 0.0005367241, 1e-9);
    NEAR(cs_lost_rate_fisher((struct cs_lost_count){0, 192}, (struct cs_lost_count){0, 8640}), 1);
    NEAR(cs_lost_rate_fisher((struct cs_lost_count){5, 5}, (struct cs_lost_count){9, 9}), 1);
    NEAR(cs_lost_rate_fisher((struct cs_lost_count){0, 0}, (struct cs_lost_count){3, 9}), 1);
    /* none of 192 where the control lost 17 of 8,640 is no surprise */
    assert_true(cs_lost_rate_fisher((struct cs_lost_count){0, 192}, (struct cs_lost_count){17, 8640}) > 0.99);
}

static void neither_test_speaks_alone(void **state)
{
    double few[24], heap[24] = {0};
    (void)state;
    for (int i = 0; i < 24;
         i++) /* the level lost none of 8 a cluster; the control a few of 360: t sees no spread of the level */
        few[i] = -0.002 - 0.0005 * (i % 3);
    const struct cs_lost_rate rare = cs_lost_rate_test(few, 24, (struct cs_lost_count){0, 192},
                                                       (struct cs_lost_count){22, 8640}, 0.05);
    assert_true(rare.test.p < 1e-6);
    assert_true(rare.p > 0.9);
    heap[3] = 1; /* one case lost all of its 100 trials: trials are many, clusters are not */
    const struct cs_lost_rate one = cs_lost_rate_test(heap, 24, (struct cs_lost_count){100, 2400},
                                                      (struct cs_lost_count){0, 2400}, 0.05);
    assert_true(cs_lost_rate_fisher((struct cs_lost_count){100, 2400}, (struct cs_lost_count){0, 2400}) < 1e-20);
    assert_true(one.p > 0.3);
    NEAR(one.test.mean, 1.0 / 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fisher_agrees_with_r),
        cmocka_unit_test(neither_test_speaks_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
