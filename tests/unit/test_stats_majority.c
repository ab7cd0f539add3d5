/* The majority of k of n answers: against all subsets one by one, and against what it is unbiased for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "tools/report/stats/majority.h"

/* Answers are the bits of `which`: the first `yes` of n say yes. */
static double by_subsets(uint32_t yes, uint32_t n, uint32_t k)
{
    double sum = 0;
    uint32_t subsets = 0;
    for (uint32_t which = 0; which < 1u << n; which++) {
        uint32_t taken = 0, j = 0;
        for (uint32_t i = 0; i < n; i++) {
            taken += which >> i & 1;
            j += i < yes && (which >> i & 1);
        }
        if (taken != k)
            continue;
        subsets++;
        sum += 2 * j > k ? 1 : 2 * j == k ? 0.5 : 0;
    }
    return sum / subsets;
}

static void all_subsets(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 9; n++)
        for (uint32_t k = 1; k <= n; k++)
            for (uint32_t yes = 0; yes <= n; yes++)
                assert_true(fabs(cs_majority_share(yes, n, k) - by_subsets(yes, n, k)) < 1e-12);
}

/* Its mean over binomial counts is the chance that k fresh answers have a majority of yes, whatever n is. */
static void unbiased(void **state)
{
    (void)state;
    for (double p = 0.05; p < 1; p += 0.15) {
        for (uint32_t k = 1; k <= 7; k += 2) {
            double fresh = 0;
            for (uint32_t j = (k + 1) / 2; j <= k; j++)
                fresh += exp(lgamma(k + 1) - lgamma(j + 1) - lgamma(k - j + 1)) * pow(p, j) * pow(1 - p, k - j);
            double mean = 0;
            const uint32_t n = 12;
            for (uint32_t x = 0; x <= n; x++)
                mean += exp(lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1)) * pow(p, x) * pow(1 - p, n - x) *
                        cs_majority_share(x, n, k);
            assert_true(fabs(mean - fresh) < 1e-10);
        }
    }
}

static void many_answers(void **state)
{
    (void)state;
    assert_true(fabs(cs_majority_share(500000, 1000000, 101) - 0.5) < 1e-6);
    assert_true(cs_majority_share(600000, 1000000, 1001) > 1 - 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_subsets),
        cmocka_unit_test(unbiased),
        cmocka_unit_test(many_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
