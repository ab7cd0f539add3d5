/* Which verdicts so many clusters can come to: held to the rule that decides them (finding.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/report/stats/finding.h"
#include "tools/report/stats/findable.h"

enum { CLUSTERS_MAX = 128, TESTS_MAX = 4 };

/* The verdict of a family all of whose clusters differ by so much. */
static enum cs_stat_verdict verdict_of(size_t n, size_t m, double each, double margin)
{
    double d[CLUSTERS_MAX];
    struct cs_contrast contrasts[TESTS_MAX];
    struct cs_finding found[TESTS_MAX];
    const struct cs_family family = {.method = CS_ADJUST_HOLM, .alpha = 0.05, .complete = true};
    for (size_t i = 0; i < n; i++)
        d[i] = each;
    for (size_t i = 0; i < m; i++)
        contrasts[i] = (struct cs_contrast){.test = cs_cluster_t(d, n, 0.05, 1), .margin = margin};
    assert_int_equal(cs_finding_family(&family, contrasts, m, found), CS_STAT_OK);
    return found[0].verdict;
}

static struct cs_findable reach(size_t n, size_t m, double margin)
{
    return cs_findable_of(
        &(struct cs_findable_design){.clusters = n, .margin = 100 * margin, .range = 100, .alpha = 0.05, .tests = m});
}

static void it_says_what_the_rule_says(void **state)
{
    (void)state;
    for (size_t n = CS_FINDABLE_CLUSTERS_MIN; n <= CLUSTERS_MAX; n++) {
        for (size_t m = 1; m <= TESTS_MAX; m++) {
            const struct cs_findable r = reach(n, m, 0.1);
            assert_true(r.known);
            assert_int_equal(r.equivalent, verdict_of(n, m, 0, 0.1) == CS_STAT_VERDICT_EQUIVALENT);
            assert_int_equal(r.beyond, verdict_of(n, m, 1, 0.1) == CS_STAT_VERDICT_BEYOND);
            assert_int_equal(r.different, r.beyond || verdict_of(n, m, 1, 0.1) == CS_STAT_VERDICT_UNCLEAR);
            assert_int_equal(r.equivalent, n >= r.clusters_needed);
            assert_int_equal(verdict_of(n, m, 0, r.smallest_margin / 100 * 1.001), CS_STAT_VERDICT_EQUIVALENT);
            assert_int_equal(verdict_of(n, m, 0, r.smallest_margin / 100 * 0.999), CS_STAT_VERDICT_INCONCLUSIVE);
        }
    }
}

static void margins_of_suites_need_that_many(void **state)
{
    (void)state;
    assert_int_equal(reach(16, 2, 0.05).clusters_needed, 72);
    assert_int_equal(reach(16, 2, 0.1).clusters_needed, 36);
    assert_false(reach(16, 1, 0.1).equivalent);
    assert_true(reach(16, 2, 0.1).beyond);
    assert_true(reach(36, 2, 0.1).equivalent);
    assert_false(reach(35, 2, 0.1).equivalent);
}

static void what_cannot_be_known_is_said_to_be_so(void **state)
{
    const struct cs_findable_design pairs = {
        .clusters = 5, .margin = 10, .range = 100, .alpha = 0.05, .tests = 1, .pairs = true};
    (void)state;
    assert_false(reach(1, 1, 0.1).known);
    assert_false(reach(16, 1, 0).known);
    assert_false(reach(16, 1, 1).known);
    assert_false(reach(CS_FINDABLE_CLUSTERS_MIN - 1, 1, 0.9).equivalent);
    assert_false(reach(CS_FINDABLE_CLUSTERS_MIN - 1, 1, 0.1).different);
    assert_false(cs_findable_of(&pairs).different); /* 5 pairs: McNemar's p is 1/16 at best */
    assert_false(cs_findable_of(&pairs).equivalent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_the_rule_says),
        cmocka_unit_test(margins_of_suites_need_that_many),
        cmocka_unit_test(what_cannot_be_known_is_said_to_be_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
