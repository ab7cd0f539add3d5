/* Shared by the tests of the statistics: how near is equal. Constants written as PYTHON come from scipy 1.17.1 and
 * statsmodels 0.15.0, by the call in the comment beside them. */
#ifndef CS_TEST_STATS_NEAR_H
#define CS_TEST_STATS_NEAR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static inline void near_at(double got, double want, double within, const char *file, int line)
{
    if (isfinite(got) && fabs(got - want) <= within)
        return;
    print_error("got %.17g, want %.17g within %g\n", got, want, within);
    _fail(file, line);
}

#define NEAR_WITHIN(got, want, within) near_at((got), (want), (within), __FILE__, __LINE__)
#define NEAR(got, want) NEAR_WITHIN(got, want, 1e-9 * fmax(fabs((double)(want)), 1e-3))
#define NEAR_CI(ci, want_lo, want_hi)                                                                                  \
    do {                                                                                                               \
        NEAR((ci).lo, want_lo);                                                                                        \
        NEAR((ci).hi, want_hi);                                                                                        \
    } while (0)

#endif
