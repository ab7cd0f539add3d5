/* Adjusted p, simultaneous intervals and verdicts: published and computed values, and that the three agree. */
#include "tests/unit/stats_near.h"

#include <string.h>

#include "protocol/base/rng.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/finding.h"

/* The p values of an example in Benjamini and Hochberg's tradition, out of order here. */
static const double p10[] = {.041, .001, .212, .039, .06, .008, .042, .205, .074, .216};

static void check_adjusted(enum cs_adjust method, const double *want)
{
    double got[10];
    cs_adjust_p(method, p10, 10, got);
    for (size_t i = 0; i < 10; i++)
        NEAR(got[i], want[i]);
}

static void adjusted_p_agree_with_statsmodels(void **state)
{
    (void)state;
    /* PYTHON multipletests(p, method='holm' | 'fdr_bh' | 'fdr_by')[1] */
    static const double holm[] = {.312, .01, .615, .312, .312, .072, .312, .615, .312, .615};
    static const double bh[] = {.084, .01, .216, .084, .1, .04, .084, .216, 0.10571428571428572, .216};
    static const double by[] = {0.24603333333333333, 0.029289682539682536, 0.6326571428571428,  0.24603333333333333,
                                0.2928968253968254,  0.11715873015873014,  0.24603333333333333, 0.6326571428571428,
                                0.3096337868480725,  0.6326571428571428};
    check_adjusted(CS_ADJUST_HOLM, holm);
    check_adjusted(CS_ADJUST_BH, bh);
    check_adjusted(CS_ADJUST_BY, by);
    check_adjusted(CS_ADJUST_NONE, p10);
}

static void odd_p_count_as_one(void **state)
{
    (void)state;
    const double p[] = {0.01, NAN, -0.2, 1.5};
    double got[4];
    cs_adjust_p(CS_ADJUST_HOLM, p, 4, got);
    NEAR(got[0], 0.04);
    NEAR(got[1], 1);
    NEAR(got[2], 1);
    cs_adjust_p(CS_ADJUST_BH, p, 0, got); /* an empty family is no mistake */
}

/* A family of m contrasts over n clusters with a shared control, so that they are correlated. */
enum { N = 40, M = 12 };
struct family {
    double d[N * M], column[N];
};

static struct family make_family(uint64_t seed, double shift)
{
    struct family f;
    struct cs_rng r = {seed};
    for (size_t i = 0; i < N; i++) {
        const double control = cs_rng_unit(&r);
        for (size_t k = 0; k < M; k++)
            f.d[i * M + k] = (cs_rng_unit(&r) - control) / 2 + (k < M / 2 ? shift * (double)(k + 1) : 0);
    }
    return f;
}

static struct cs_cluster_test test_of(struct family *f, size_t k)
{
    for (size_t i = 0; i < N; i++)
        f->column[i] = f->d[i * M + k];
    return cs_cluster_t(f->column, N, 0.05, 1);
}

static void findings_of(struct family *f, enum cs_adjust method, double margin, struct cs_finding *out)
{
    const struct cs_boot boot = {.seed = 9, .draws = 5000};
    double adjusted[M];
    struct cs_contrast contrasts[M];
    for (size_t k = 0; k < M; k++)
        contrasts[k] = (struct cs_contrast){.test = test_of(f, k), .margin = margin};
    const struct cs_max_t max_t = cs_adjust_max_t(&boot, f->d, NULL, N, M, 0.05, adjusted);
    const struct cs_family family = {method, 0.05, true, &max_t, adjusted};
    assert_int_equal(cs_finding_family(&family, contrasts, M, out), CS_STAT_OK);
}

/* What a reader sees must not contradict itself, whatever the method and the margin. */
static void check_agreement(const struct cs_finding *f, double mean, double margin)
{
    assert_int_equal(f->status, CS_STAT_OK);
    assert_int_equal(f->different, f->p_adjusted <= 0.05);
    const bool off_zero = f->cut || f->ci.lo > 0 || f->ci.hi < 0;
    assert_int_equal(f->different, off_zero);
    assert_true(f->ci.lo <= mean && mean <= f->ci.hi);
    assert_int_equal(f->equivalent, f->tost_p_adjusted <= 0.05);
    assert_int_equal(f->equivalent, f->equivalence_ci.lo > -margin && f->equivalence_ci.hi < margin);
    switch (f->verdict) {
    case CS_STAT_VERDICT_BEYOND:
        assert_true(f->different && (f->ci.lo > margin || f->ci.hi < -margin));
        break;
    case CS_STAT_VERDICT_SMALLER:
        assert_true(f->different && f->ci.lo > -margin && f->ci.hi < margin);
        break;
    case CS_STAT_VERDICT_UNCLEAR:
        assert_true(f->different && f->ci.hi >= -margin && f->ci.lo <= margin);
        break;
    case CS_STAT_VERDICT_EQUIVALENT:
        assert_true(!f->different && f->equivalent);
        break;
    case CS_STAT_VERDICT_INCONCLUSIVE:
        assert_true(!f->different && !f->equivalent);
        break;
    case CS_STAT_VERDICT_NONE:
        fail_msg("a complete contrast without a verdict");
    }
}

static void intervals_agree_with_verdicts(void **state)
{
    (void)state;
    static const double margins[] = {0.02, 0.08, 0.15, 0.3};
    int seen[CS_STAT_VERDICT_INCONCLUSIVE + 1] = {0}, cuts = 0;
    for (uint64_t seed = 1; seed <= 6; seed++)
        for (size_t g = 0; g < COUNT(margins); g++)
            for (int method = CS_ADJUST_NONE; method <= CS_ADJUST_BY; method++) {
                struct family f = make_family(seed, 0.06);
                struct cs_finding out[M];
                findings_of(&f, (enum cs_adjust)method, margins[g], out);
                for (size_t k = 0; k < M; k++) {
                    check_agreement(&out[k], test_of(&f, k).mean, margins[g]);
                    seen[out[k].verdict]++;
                    cuts += out[k].cut;
                }
            }
    for (int v = CS_STAT_VERDICT_BEYOND; v <= CS_STAT_VERDICT_INCONCLUSIVE; v++)
        assert_true(seen[v] > 10);
    assert_true(cuts > 0);
}

static void intervals_have_the_level_of_their_method(void **state)
{
    (void)state;
    struct family f = make_family(3, 0.06);
    struct cs_finding holm[M], bh[M], by[M];
    findings_of(&f, CS_ADJUST_HOLM, 0.1, holm);
    findings_of(&f, CS_ADJUST_BH, 0.1, bh);
    findings_of(&f, CS_ADJUST_BY, 0.1, by);
    size_t found = 0, found_by = 0;
    for (size_t k = 0; k < M; k++) {
        found += bh[k].different;
        found_by += by[k].different;
    }
    assert_in_range(found, 2, M - 1);
    for (size_t k = 0; k < M; k++) {
        const struct cs_cluster_test t = test_of(&f, k);
        if (!holm[k].cut)
            NEAR(holm[k].ci.hi, cs_cluster_interval(&t, 0.05 / M).hi);
        NEAR(bh[k].ci.hi, cs_cluster_interval(&t, 0.05 * (double)found / M).hi);
        const double sum = 86021 / 27720.0; /* 1 + 1/2 + ... + 1/12 */
        NEAR(by[k].ci.hi, cs_cluster_interval(&t, 0.05 * (double)(found_by ? found_by : 1) / M / sum).hi);
    }
}

static void verdict_has_five_answers_and_none(void **state)
{
    (void)state;
    const struct cs_interval beyond = {.06, .1}, below = {-.2, -.06}, crossing = {.02, .08}, small = {.01, .04},
                             wide = {-.1, .2};
    assert_int_equal(cs_finding_verdict_of(true, true, beyond, .05, false), CS_STAT_VERDICT_BEYOND);
    assert_int_equal(cs_finding_verdict_of(true, true, below, .05, false), CS_STAT_VERDICT_BEYOND);
    assert_int_equal(cs_finding_verdict_of(true, true, crossing, .05, false), CS_STAT_VERDICT_UNCLEAR);
    assert_int_equal(cs_finding_verdict_of(true, true, small, .05, true), CS_STAT_VERDICT_SMALLER);
    assert_int_equal(cs_finding_verdict_of(true, false, wide, .05, true), CS_STAT_VERDICT_EQUIVALENT);
    assert_int_equal(cs_finding_verdict_of(true, false, wide, .05, false), CS_STAT_VERDICT_INCONCLUSIVE);
    assert_int_equal(cs_finding_verdict_of(true, true, beyond, 0, false), CS_STAT_VERDICT_UNCLEAR);
    assert_int_equal(cs_finding_verdict_of(true, false, wide, 0, true), CS_STAT_VERDICT_INCONCLUSIVE);
    assert_int_equal(cs_finding_verdict_of(false, true, beyond, .05, true), CS_STAT_VERDICT_NONE);
}

static void a_contrast_that_could_not_be_tested_stays_in_the_family(void **state)
{
    (void)state;
    static const double good[] = {.1, .12, .09, .11, .1, .13}, one[] = {.5};
    struct cs_contrast c[] = {{.test = cs_cluster_t(good, 6, 0.05, 1), .margin = 0.05},
                              {.test = cs_cluster_t(one, 1, 0.05, 1), .margin = 0.05}};
    const struct cs_family family = {CS_ADJUST_HOLM, 0.05, true, NULL, NULL};
    struct cs_finding out[2];
    assert_int_equal(cs_finding_family(&family, c, 2, out), CS_STAT_OK);
    NEAR(out[0].p_adjusted, 2 * c[0].test.p);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_BEYOND);
    assert_int_equal(out[1].status, CS_STAT_TOO_FEW);
    assert_int_equal(out[1].verdict, CS_STAT_VERDICT_NONE);
    NEAR(out[1].p_adjusted, 1);
    const struct cs_family incomplete = {CS_ADJUST_HOLM, 0.05, false, NULL, NULL};
    assert_int_equal(cs_finding_family(&incomplete, c, 2, out), CS_STAT_OK);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_NONE);
    assert_true(out[0].ci.lo > 0); /* counts and intervals stay */
    const struct cs_family no_data = {CS_ADJUST_MAX_T, 0.05, true, NULL, NULL};
    assert_int_equal(cs_finding_family(&no_data, c, 2, out), CS_STAT_BAD_INPUT);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_NONE);
}

/* Sixty clusters and no flip at all: within 6 points for sure, so equivalent at 10 points and open at 3. */
static void a_model_that_never_changes_is_bounded(void **state)
{
    (void)state;
    const double d[60] = {0};
    struct cs_contrast c[] = {{.test = cs_cluster_t(d, 60, 0.05, 1), .margin = 0.10},
                              {.test = cs_cluster_t(d, 60, 0.05, 1), .margin = 0.03}};
    const struct cs_family family = {CS_ADJUST_NONE, 0.05, true, NULL, NULL};
    struct cs_finding out[2];
    assert_int_equal(cs_finding_family(&family, c, 2, out), CS_STAT_OK);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_EQUIVALENT);
    assert_int_equal(out[1].verdict, CS_STAT_VERDICT_INCONCLUSIVE);
}

/* Three differences as one test: one place in the family, its intervals share its level. */
static void a_joint_test_is_one_of_the_family(void **state)
{
    (void)state;
    static const double up[] = {.2, .22, .19, .21, .2, .23}, flat[] = {.01, -.01, .02, -.02, .01, 0};
    const struct cs_cluster_test parts[] = {cs_cluster_t(up, 6, .05, 1), cs_cluster_t(flat, 6, .05, 1),
                                            cs_cluster_t(flat, 6, .05, 1)};
    const struct cs_joint joint = {.p = .004, .low = parts, .high = parts, .n = 3};
    struct cs_contrast c[] = {{.test = parts[1], .margin = .05}, {.test = parts[0], .margin = .05, .joint = &joint}};
    const struct cs_family family = {CS_ADJUST_HOLM, .05, true, NULL, NULL};
    struct cs_finding out[2], inside[3];
    assert_int_equal(cs_finding_family(&family, c, 2, out), CS_STAT_OK);
    NEAR(out[1].p_adjusted, .008);                               /* the smaller of two */
    NEAR(out[1].tost_p, cs_cluster_tost(&parts[0], .05, .05).p); /* all of them would have to be inside */
    assert_int_equal(out[1].verdict, CS_STAT_VERDICT_BEYOND);
    const struct cs_interval ci = cs_finding_joint_interval(&out[1], &joint, &parts[1]);
    const struct cs_interval want = cs_cluster_interval(&parts[1], .05 / 2 / 3);
    NEAR_CI(ci, want.lo, want.hi);
    /* each for itself: Holm among three, at the level of the step, .05 / 2 */
    cs_finding_inside(&family, &out[1], parts, 3, .05, inside);
    NEAR(inside[0].p_adjusted, fmax(.008, 3 * 2 * parts[0].p));
    assert_int_equal(inside[0].verdict, CS_STAT_VERDICT_BEYOND);
    assert_false(inside[1].different);
    /* what the gate does not let through stays outside, however small its own p */
    const struct cs_joint closed = {.p = .5, .low = parts, .high = parts, .n = 3};
    c[1].joint = &closed;
    assert_int_equal(cs_finding_family(&family, c, 2, out), CS_STAT_OK);
    cs_finding_inside(&family, &out[1], parts, 3, .05, inside);
    assert_true(parts[0].p < 1e-4 && !inside[0].different);
    assert_true(inside[0].p_adjusted >= .5);
}

static void a_joint_test_is_only_as_close_as_its_widest_part(void **state)
{
    (void)state;
    double near[60], far[60];
    for (int i = 0; i < 60; i++) {
        near[i] = i % 2 ? .01 : -.01;
        far[i] = .03 + (i % 2 ? .01 : -.01);
    }
    const struct cs_cluster_test parts[] = {cs_cluster_t(near, 60, .05, 1), cs_cluster_t(far, 60, .05, 1)};
    const struct cs_joint joint = {.p = 1e-9, .low = parts, .high = parts, .n = 2};
    struct cs_contrast c[] = {{.test = parts[1], .margin = .05, .joint = &joint}};
    const struct cs_family family = {CS_ADJUST_NONE, .05, true, NULL, NULL};
    struct cs_finding out[1];
    assert_int_equal(cs_finding_family(&family, c, 1, out), CS_STAT_OK);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_SMALLER); /* both inside 5 points */
    c[0].margin = .031;
    assert_int_equal(cs_finding_family(&family, c, 1, out), CS_STAT_OK);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_UNCLEAR); /* one interval reaches the margin */
    c[0].margin = .02;
    assert_int_equal(cs_finding_family(&family, c, 1, out), CS_STAT_OK);
    assert_int_equal(out[0].verdict, CS_STAT_VERDICT_BEYOND);
}

static void bounds_that_cross_make_it_inconclusive(void **state)
{
    (void)state;
    const struct cs_finding up = {.different = true, .ci = {.06, .1}, .verdict = CS_STAT_VERDICT_BEYOND};
    const struct cs_finding down = {.different = true, .ci = {-.1, -.06}, .verdict = CS_STAT_VERDICT_BEYOND};
    const struct cs_finding open = {.ci = {-.1, .1}, .verdict = CS_STAT_VERDICT_INCONCLUSIVE};
    const struct cs_finding none = {.verdict = CS_STAT_VERDICT_NONE};
    assert_int_equal(cs_finding_verdict_bounded(&up, &up, &up), CS_STAT_VERDICT_BEYOND);
    assert_int_equal(cs_finding_verdict_bounded(&up, &down, &up), CS_STAT_VERDICT_INCONCLUSIVE);
    assert_int_equal(cs_finding_verdict_bounded(&up, &up, &open), CS_STAT_VERDICT_INCONCLUSIVE);
    assert_int_equal(cs_finding_verdict_bounded(&none, &up, &up), CS_STAT_VERDICT_NONE);
}

/* With the interval that decided in the place of the shown one, whoever reads comes to the verdict. */
static void check_reading(const struct cs_finding *f, const struct cs_cluster_test *t, double margin, int *seen)
{
    const struct cs_finding_decided d = cs_finding_decided(f, t, 1, margin, 0);
    const struct cs_interval ci = d.by == CS_FINDING_BY_CI ? f->ci : d.ci;
    if (f->verdict == CS_STAT_VERDICT_EQUIVALENT || f->verdict == CS_STAT_VERDICT_INCONCLUSIVE)
        assert_int_equal(ci.lo > -margin && ci.hi < margin, f->verdict == CS_STAT_VERDICT_EQUIVALENT);
    else
        assert_int_equal(d.by, CS_FINDING_BY_CI);
    seen[d.by]++;
}

static void a_verdict_can_be_read_off_the_interval_that_decided(void **state)
{
    (void)state;
    int seen[CS_FINDING_BY_BOUNDS + 1] = {0};
    for (uint64_t seed = 1; seed <= 6; seed++)
        for (int method = CS_ADJUST_NONE; method <= CS_ADJUST_BY; method++)
            for (double margin = 0.02; margin < 0.3; margin += 0.04) {
                struct family f = make_family(seed, 0.01);
                struct cs_finding out[M];
                for (size_t i = seed % 2 ? 3 + seed : N; i < N; i++) /* of odd seeds few clusters move */
                    memset(f.d + i * M, 0, M * sizeof *f.d);
                findings_of(&f, (enum cs_adjust)method, margin, out);
                for (size_t k = 0; k < M; k++) {
                    const struct cs_cluster_test t = test_of(&f, k);
                    check_reading(&out[k], &t, margin, seen);
                }
            }
    assert_true(seen[CS_FINDING_BY_CI] > 10 && seen[CS_FINDING_BY_EQUIVALENCE] > 10 &&
                seen[CS_FINDING_BY_FEW_MOVED] > 10);
}

static void few_moved_clusters_are_the_reason(void **state)
{
    (void)state;
    const double d[16] = {.1, -.05};
    struct cs_contrast c = {.test = cs_cluster_t(d, 16, .05, 1), .margin = .1};
    const struct cs_family family = {CS_ADJUST_NONE, .05, true, NULL, NULL};
    struct cs_finding f;
    assert_int_equal(cs_finding_family(&family, &c, 1, &f), CS_STAT_OK);
    assert_true(f.ci.lo > -.02 && f.ci.hi < .02); /* by itself it would say equivalent */
    assert_int_equal(f.verdict, CS_STAT_VERDICT_INCONCLUSIVE);
    const struct cs_finding_decided d2 = cs_finding_decided(&f, &c.test, 1, .1, 0);
    assert_int_equal(d2.by, CS_FINDING_BY_FEW_MOVED);
    assert_int_equal(d2.moved, 2);
    assert_int_equal(d2.n, 16);
    NEAR(d2.least, cs_cluster_least_margin(16, 1, f.tost_level, 1));
    NEAR_CI(d2.ci, f.equivalence_ci.lo, f.equivalence_ci.hi);
    assert_true(d2.ci.lo < -.2 && d2.ci.hi > .2);
    /* of several differences all of them, for the one that moved least */
    const double all[16] = {.1, -.1, .1, -.1, .1, -.1, .1, -.1, .1, -.1, .1, -.1};
    const struct cs_cluster_test two[] = {cs_cluster_t(all, 16, .05, 1), c.test};
    f.ci_level = f.tost_level = .05;
    const struct cs_finding_decided joint = cs_finding_decided(&f, two, 2, .15, 0);
    assert_int_equal(joint.by, CS_FINDING_BY_FEW_MOVED);
    assert_int_equal(joint.moved, 2);
    assert_true(joint.ci.hi > .2);
    /* worst and best case: from the lowest to the highest of what decides in each */
    const struct cs_finding low = {.different = true, .ci = {-.3, -.2}, .equivalence_ci = {-.29, -.21}};
    const struct cs_finding_decided bounds = cs_finding_decided_bounded(&f, &low, &f, .1);
    assert_int_equal(bounds.by, CS_FINDING_BY_BOUNDS);
    NEAR_CI(bounds.ci, -.3, f.equivalence_ci.hi);
}

/* The categories of an answer are judged at a step inside the gate's: their interval says the same as their p. */
static void categories_have_an_interval_of_their_own(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct family f = make_family(seed, .02);
        struct cs_cluster_test parts[M];
        for (size_t k = 0; k < M; k++)
            parts[k] = test_of(&f, k);
        const struct cs_joint joint = {.p = .5, .low = parts, .high = parts, .n = M, .apart = true};
        struct cs_contrast c = {.test = parts[0], .margin = .2, .joint = &joint};
        const struct cs_family family = {CS_ADJUST_HOLM, .05, true, NULL, NULL};
        struct cs_finding gate, inside[M];
        assert_int_equal(cs_finding_family(&family, &c, 1, &gate), CS_STAT_OK);
        cs_finding_inside(&family, &gate, parts, M, .2, inside);
        for (size_t k = 0; k < M; k++)
            assert_int_equal(inside[k].equivalent,
                             inside[k].equivalence_ci.lo > -.2 && inside[k].equivalence_ci.hi < .2);
    }
}

static void max_t_lies_between_none_and_bonferroni(void **state)
{
    (void)state;
    struct family f = make_family(4, 0.04);
    const struct cs_boot boot = {.seed = 2, .draws = 20000};
    double adjusted[M];
    const struct cs_max_t r = cs_adjust_max_t(&boot, f.d, NULL, N, M, 0.05, adjusted);
    assert_int_equal(r.status, CS_STAT_OK);
    /* A shared control makes the contrasts correlated (1/2): cheaper than Bonferroni, dearer than one test. */
    assert_true(r.critical > cs_dist_t_critical(0.025, N - 1) + 0.3);
    assert_true(r.critical < cs_dist_t_critical(0.025 / M, N - 1));
    for (size_t k = 0; k < M; k++)
        assert_true(adjusted[k] >= test_of(&f, k).p - 0.01 && adjusted[k] <= 1);
    /* Copies of one contrast cost nothing at all. */
    for (size_t e = 0; e < N * M; e++)
        f.d[e] = f.d[e / M * M + 3];
    cs_adjust_max_t(&boot, f.d, NULL, N, M, 0.05, adjusted);
    NEAR_WITHIN(adjusted[0], test_of(&f, 0).p, 0.01);
}

/* Rejected means beyond the critical value, to the last draw: at the level of the smallest p, and half a draw below it. */
static void max_t_and_its_critical_value_agree_to_the_draw(void **state)
{
    (void)state;
    struct family f = make_family(4, 0.01);
    const struct cs_boot boot = {.seed = 2, .draws = 5000};
    double adjusted[M], smallest = 1, t = 0;
    assert_int_equal(cs_adjust_max_t(&boot, f.d, NULL, N, M, 0.05, adjusted).status, CS_STAT_OK);
    for (size_t k = 0; k < M; k++) {
        smallest = fmin(smallest, adjusted[k]);
        t = fmax(t, fabs(test_of(&f, k).t));
    }
    assert_true(smallest > 0.02 && smallest < 0.9);
    assert_true(cs_adjust_max_t(&boot, f.d, NULL, N, M, smallest * (1 + 1e-9), adjusted).critical < t);
    assert_true(cs_adjust_max_t(&boot, f.d, NULL, N, M, smallest - 0.5 / 5001, adjusted).critical >= t);
    /* The strongest effect has the smallest p that the draws can give, and no smaller. */
    f = make_family(4, 1);
    assert_int_equal(cs_adjust_max_t(&boot, f.d, NULL, N, M, 0.05, adjusted).status, CS_STAT_OK);
    NEAR(adjusted[M / 2 - 1], 1 / 5001.0);
}

static void max_t_is_the_same_for_any_number_of_threads(void **state)
{
    (void)state;
    struct family f = make_family(5, 0.05);
    bool present[N * M];
    for (size_t e = 0; e < N * M; e++) {
        present[e] = e % 11 != 0;
        f.d[e] = present[e] ? f.d[e] : 0;
    }
    double one[M], many[M];
    struct cs_boot boot = {.seed = 2, .draws = 5003, .threads = 1};
    const struct cs_max_t a = cs_adjust_max_t(&boot, f.d, present, N, M, 0.05, one);
    for (boot.threads = 2; boot.threads <= 9; boot.threads++) {
        const struct cs_max_t b = cs_adjust_max_t(&boot, f.d, present, N, M, 0.05, many);
        assert_memory_equal(one, many, sizeof one);
        assert_true(a.critical == b.critical);
    }
}

static void max_t_refuses_what_it_cannot_do(void **state)
{
    (void)state;
    struct family f = make_family(5, 0);
    double adjusted[M];
    const struct cs_boot few = {.seed = 2, .draws = 500}, enough = {.seed = 2, .draws = 5000};
    assert_int_equal(cs_adjust_max_t(&few, f.d, NULL, N, M, 0.05, adjusted).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_adjust_max_t(&enough, f.d, NULL, N, M, 0.0005, adjusted).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_adjust_max_t(&enough, f.d, NULL, 4, M, 0.05, adjusted).status, CS_STAT_TOO_FEW);
    f.d[7] = NAN;
    assert_int_equal(cs_adjust_max_t(&enough, f.d, NULL, N, M, 0.05, adjusted).status, CS_STAT_BAD_INPUT);
    /* A contrast that never moved, among others that did. */
    f = make_family(6, 0.1);
    for (size_t i = 0; i < N; i++)
        f.d[i * M + 2] = 0;
    assert_int_equal(cs_adjust_max_t(&enough, f.d, NULL, N, M, 0.05, adjusted).status, CS_STAT_OK);
    NEAR(adjusted[2], 1);
    assert_true(adjusted[5] < 0.001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjusted_p_agree_with_statsmodels),
        cmocka_unit_test(odd_p_count_as_one),
        cmocka_unit_test(intervals_agree_with_verdicts),
        cmocka_unit_test(intervals_have_the_level_of_their_method),
        cmocka_unit_test(verdict_has_five_answers_and_none),
        cmocka_unit_test(a_contrast_that_could_not_be_tested_stays_in_the_family),
        cmocka_unit_test(a_model_that_never_changes_is_bounded),
        cmocka_unit_test(a_joint_test_is_one_of_the_family),
        cmocka_unit_test(a_joint_test_is_only_as_close_as_its_widest_part),
        cmocka_unit_test(bounds_that_cross_make_it_inconclusive),
        cmocka_unit_test(a_verdict_can_be_read_off_the_interval_that_decided),
        cmocka_unit_test(few_moved_clusters_are_the_reason),
        cmocka_unit_test(categories_have_an_interval_of_their_own),
        cmocka_unit_test(max_t_lies_between_none_and_bonferroni),
        cmocka_unit_test(max_t_and_its_critical_value_agree_to_the_draw),
        cmocka_unit_test(max_t_is_the_same_for_any_number_of_threads),
        cmocka_unit_test(max_t_refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
