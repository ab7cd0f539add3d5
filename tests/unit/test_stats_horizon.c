/* How long a first answer holds: vectors computed by hand (four conversations), and planted chances found again under resampling of clusters. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/rng.h"
#include "tools/report/stats/horizon.h"

#define ASSERT_NEAR(x, want) assert_true(fabs((x) - (want)) < 5e-6)

/* A conversation's answers, ? where one is not known. */
static void take(struct cs_horizon_cluster *c, const char *answers)
{
    for (size_t t = 0; answers[t] != '\0' && answers[t] != '?'; t++) {
        c->risk[t]++;
        if (answers[t] != answers[0]) {
            c->changed[t]++;
            return;
        }
    }
}

/* AAA AAB ABA AAA: S = 1, 3/4, 1/2; by hand u(2) = (1, 1, -3, 1)/12, u(3) = (1, -1, -1, 1)/4. */
static void four_conversations(void **state)
{
    static const char *const talks[] = {"AAA", "AAB", "ABA", "AAA"};
    struct cs_horizon_cluster c[4] = {0};
    struct cs_horizon h;
    (void)state;
    for (int i = 0; i < 4; i++)
        take(&c[i], talks[i]);
    cs_horizon_make(c, 4, 3, 0.05, &h);
    assert_int_equal(h.n, 4);
    ASSERT_NEAR(h.turn[0].survival, 1);
    ASSERT_NEAR(h.turn[1].survival, 0.75);
    ASSERT_NEAR(h.turn[2].survival, 0.5);
    ASSERT_NEAR(h.turn[1].se, 0.25);         /* sqrt(4/3 x .75 x .25 / 4) */
    ASSERT_NEAR(h.turn[2].se, 0.2886751);    /* sqrt(4/3 x .5 x .5 / 4) */
    ASSERT_NEAR(h.turn[2].ci.lo, 0.0000543); /* exp(-exp(-.366513 + 3.182446 x .832936)) */
    ASSERT_NEAR(h.turn[2].ci.hi, 0.9522437);
    ASSERT_NEAR(h.mean, 2.25);         /* the plain mean of 3 2 1 3 */
    ASSERT_NEAR(h.mean_se, 0.4787136); /* and its SE: sqrt(.9166667 / 4) */
    assert_int_equal(h.turn[0].status, CS_STAT_BOUND);
    ASSERT_NEAR(h.turn[0].ci.lo, 0.3976354); /* .025^(1/4) */
    assert_int_equal(cs_horizon_at(&h, 0.5).turn, 3);
    assert_true(cs_horizon_at(&h, 0.5).beyond);
    assert_int_equal(cs_horizon_at(&h, 0.8).turn, 1);
    assert_false(cs_horizon_at(&h, 0.8).beyond);
    assert_int_equal(cs_horizon_at(&h, 0.95).turn, 1);
}

/* A missing answer ends the time at risk: AA? counts at turn 2 and not at turn 3. */
static void what_is_not_known_is_censored(void **state)
{
    static const char *const talks[] = {"AAA", "AAB", "AA?", "A?B", "ABB"};
    struct cs_horizon_cluster c[5] = {0};
    struct cs_horizon h;
    (void)state;
    for (int i = 0; i < 5; i++)
        take(&c[i], talks[i]);
    cs_horizon_make(c, 5, 3, 0.05, &h);
    ASSERT_NEAR(h.turn[1].risk, 4);
    ASSERT_NEAR(h.turn[1].survival, 0.75);
    ASSERT_NEAR(h.turn[2].risk, 2);
    ASSERT_NEAR(h.turn[2].survival, 0.375);
    /* u(3) by hand, in twelfths: 7 -5 1 0 -3; turn 2: h = 1/4, R (1 - h) = 3; turn 3: h = 1/2, R (1 - h) = 1 */
    ASSERT_NEAR(h.turn[2].se, 0.375 * sqrt(5.0 / 4 * (49.0 + 25 + 1 + 0 + 9) / 144));
    assert_int_equal(h.n, 5);
}

static void edges(void **state)
{
    struct cs_horizon_cluster c[3] = {0};
    struct cs_horizon h;
    (void)state;
    cs_horizon_make(c, 3, 4, 0.05, &h); /* nobody answered */
    assert_int_equal(h.n, 0);
    assert_int_equal(h.status, CS_STAT_TOO_FEW);
    take(&c[0], "AAAA");
    cs_horizon_make(c, 3, 4, 0.05, &h);
    assert_int_equal(h.turn[3].status, CS_STAT_TOO_FEW);
    ASSERT_NEAR(h.mean, 4);
    take(&c[1], "AAAA");
    take(&c[2], "AAAA");
    cs_horizon_make(c, 3, 4, 0.05, &h); /* nobody changed: a bound, not certainty */
    assert_int_equal(h.turn[3].status, CS_STAT_BOUND);
    ASSERT_NEAR(h.turn[3].ci.lo, 0.2924018); /* .025^(1/3) */
    ASSERT_NEAR(h.turn[3].ci.hi, 1);
    assert_int_equal(h.status, CS_STAT_BOUND);
    ASSERT_NEAR(h.mean_ci.lo, 4 - 3 * (1 - 0.2924018));
    memset(c, 0, sizeof c);
    for (int i = 0; i < 3; i++)
        take(&c[i], "AB"); /* nobody is left */
    cs_horizon_make(c, 3, 2, 0.05, &h);
    ASSERT_NEAR(h.turn[1].survival, 0);
    ASSERT_NEAR(h.turn[1].ci.hi, 1 - 0.2924018);
    assert_int_equal(cs_horizon_at(&h, 0.5).turn, 1);
}

/* Level AB AB AA AA, neutral AB AA AA AA: the differences of the clusters are 0 -1 0 0. */
static void an_arm_against_the_neutral_one(void **state)
{
    struct cs_horizon_cluster level[4] = {0}, neutral[4] = {0};
    struct cs_horizon_difference d;
    (void)state;
    for (int i = 0; i < 4; i++) {
        take(&level[i], i < 2 ? "AB" : "AA");
        take(&neutral[i], i == 0 ? "AB" : "AA");
    }
    d = cs_horizon_compare(level, neutral, 4, 2, 0.05);
    ASSERT_NEAR(d.survival, -0.25);
    ASSERT_NEAR(d.mean, -0.25);
    /* differences 0 -1 0 0: mean -.25, SE sqrt(.25 / 4) = .25, t(3) = 3.182446 */
    ASSERT_NEAR(d.mean_ci.lo, -0.25 - 3.182446 * 0.25);
    ASSERT_NEAR(d.mean_ci.hi, -0.25 + 3.182446 * 0.25);
    ASSERT_NEAR(d.survival_ci.hi, -0.25 + 3.182446 * 0.25);
    d = cs_horizon_compare(neutral, neutral, 4, 2, 0.05);
    assert_int_equal(d.status, CS_STAT_CONSTANT);
}

/* 1 of 2, 0 of 1, 2 of 3, and a cluster that has none: 3 of 6. */
static void shares_of_conversations(void **state)
{
    const double a[] = {1, 0, 2, 0}, b[] = {2, 1, 3, 0}, none[] = {0, 0, 0, 0};
    struct cs_horizon_share s = cs_horizon_share(a, b, 4, 0.05);
    (void)state;
    assert_int_equal(s.n, 3);
    ASSERT_NEAR(s.share, 0.5);
    /* (a - b/2)/6 = 0, -1/12, 1/12; SE = sqrt(3/2 x 2/144) = .1443376; t(2) = 4.302653 */
    ASSERT_NEAR(s.ci.lo, 0); /* 0.5 - 0.6210 is below 0 */
    ASSERT_NEAR(s.ci.hi, 1);
    s = cs_horizon_share(a, b, 4, 0.5); /* t(2) = .8164966 */
    ASSERT_NEAR(s.ci.hi, 0.5 + 0.8164966 * 0.1443376);
    s = cs_horizon_share(none, b, 4, 0.05);
    assert_int_equal(s.status, CS_STAT_BOUND);
    ASSERT_NEAR(s.ci.hi, 1 - 0.2924018);
    assert_int_equal(cs_horizon_share(none, none, 4, 0.05).status, CS_STAT_UNDEFINED);
    double one[100] = {1}, all[100]; /* one conversation a cluster, 1 of 100: Wilson */
    for (int i = 0; i < 100; i++)
        all[i] = 1;
    s = cs_horizon_share(one, all, 100, 0.05);
    ASSERT_NEAR(s.ci.lo, 0.0017674);
    ASSERT_NEAR(s.ci.hi, 0.0544862);
}

/* Planted: chances .1, .2, .3 at turns 2 to 4, with a share of its own for each cluster; intervals hold the truth in 95 of 100. */
static void planted_chances_are_covered(void **state)
{
    enum { CLUSTERS = 60, TALKS = 4, TURNS = 4, STUDIES = 400 };
    static const double chance[TURNS] = {0, 0.1, 0.2, 0.3};
    const double mixed = 0.5 * (1 - 0.02) * (1 - 0.04) * (1 - 0.06) + 0.5 * (1 - 0.18) * (1 - 0.36) * (1 - 0.54);
    struct cs_rng rng = {7};
    int covered = 0;
    (void)state;
    for (int s = 0; s < STUDIES; s++) {
        struct cs_horizon_cluster c[CLUSTERS] = {0};
        struct cs_horizon h;
        for (int i = 0; i < CLUSTERS; i++) {
            const double twist = cs_rng_unit(&rng) < 0.5 ? 0.2 : 1.8; /* of mean 1: clusters are not alike */
            for (int k = 0; k < TALKS; k++) {
                char answers[TURNS + 1] = "A";
                for (int t = 1; t < TURNS; t++)
                    answers[t] = cs_rng_unit(&rng) < chance[t] * twist ? 'B' : 'A';
                take(&c[i], answers);
            }
        }
        cs_horizon_make(c, CLUSTERS, TURNS, 0.05, &h);
        covered += h.turn[TURNS - 1].ci.lo <= mixed && mixed <= h.turn[TURNS - 1].ci.hi;
    }
    if (covered < STUDIES * 92 / 100 || covered > STUDIES * 98 / 100)
        print_error("covered %d of %d\n", covered, STUDIES);
    assert_true(covered >= STUDIES * 92 / 100 && covered <= STUDIES * 98 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_conversations),
        cmocka_unit_test(what_is_not_known_is_censored),
        cmocka_unit_test(edges),
        cmocka_unit_test(an_arm_against_the_neutral_one),
        cmocka_unit_test(shares_of_conversations),
        cmocka_unit_test(planted_chances_are_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
