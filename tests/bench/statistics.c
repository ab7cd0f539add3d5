/* statistics - the acceptance of the report's statistics on simulated studies whose truth is known by integration.
 *
 * Prints coverage, error rates and component recovery with their Monte Carlo standard errors, and ends on
 * `N passed, N failed`; status 1 if any failed. statistics [--short] [STUDIES [SEED]], 4000 and 20261101 if left out; at least
 * 2,000, for 200 cannot tell 92.5 % from 95 %. Two cores: about three minutes; --short, for every change: 2,000 studies, 500 in
 * most rows that resample, under a minute.
 *
 * What a row must show was written down before it was drawn, and no row is drawn twice:
 *   coverage     of the t interval 93.4-96.6 %; of the crossed bootstrap, which errs towards wide, at least 93.4 % - 2 SE
 *   error rates  at most the level + 2 SE, each row by itself: rejections, any false one of a family, share of false ones
 *                (a method that is exactly at its level is beyond that in one row of 44: under other seeds a row or two
 *                may fail; seed 2 has one, max-T's intervals with 15 planted, 5.95 % of studies with a miss at 2.8 SE)
 *   power        within 3 points of the formula
 *   components   15 means, each four times as many studies. A right estimator is beyond 2 SE in one row of 22, so in half of
 *                all runs somewhere: the rows are judged together, each within the bound that all 15 keep in 95 of 100 runs
 *                (Bonferroni, 2.94 SE), and how many lie beyond 2 SE is a row of its own, at most 3 of 15 (99.6 of 100 runs)
 *   differences  of shifts, ratios, few moved clusters: statistics_differs.c
 *   losses       by arm at most the level + 2 SE, however rare; a pilot that was not looked at costs nothing: statistics_lost.c
 * Rare answers are reported apart and not judged: the interval for them is the bound of cluster.h or a wider study. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tests/bench/statistics_tally.h"
#include "tests/unit/stats_simulate.h"
#include "tools/report/stats/components.h"
#include "tools/report/stats/crossed.h"
#include "tools/report/stats/finding.h"
#include "tools/report/stats/paired.h"
#include "tools/report/stats/power.h"

/* ---- coverage of the primary interval --------------------------------------------------------------------- */

static double coverage(const struct sim *s, struct cs_rng *r, size_t n, uint32_t k, uint32_t studies)
{
    const double truth = sim_truth(s).shift;
    double *d = cs_xcalloc(n, sizeof *d);
    uint32_t covered = 0;
    for (uint32_t i = 0; i < studies; i++) {
        sim_study(s, r, n, k, d, NULL, NULL);
        const struct cs_cluster_test t = cs_cluster_t(d, n, 0.05, 1);
        covered += t.ci.lo <= truth && truth <= t.ci.hi;
    }
    free(d);
    return (double)covered / studies;
}

static void bench_coverage(struct tally *t)
{
    static const double rates[] = {0.1, 0.3, 0.5, 0.7, 0.9}, rare[] = {0.01, 0.03};
    static const size_t sizes[] = {30, 100};
    static const uint32_t repeats[] = {1, 3};
    printf("\ncoverage of the 95 %% t interval on cluster differences; wanted 93.4-96.6 %%\n"
           "  rate  clusters  repeats  shift, points  coverage  MC SE\n");
    struct cs_rng r = {t->seed};
    for (size_t g = 0; g < 7; g++)
        for (size_t z = 0; z < 2; z++)
            for (size_t k = 0; k < 2; k++) {
                const double rate = g < 5 ? rates[g] : rare[g - 5];
                const struct sim s = sim_at_rate(rate, 1, rate > 0.5 ? -0.6 : 0.6, 0.5);
                const double c = coverage(&s, &r, sizes[z], repeats[k], t->studies);
                printf("  %3.0f %%  %8zu  %7u  %+13.2f  %6.2f %%  %4.2f  %s\n", 100 * rate, sizes[z], repeats[k],
                       100 * sim_truth(&s).shift, 100 * c, 100 * se_of(c, t->studies),
                       g < 5 ? judge(t, c >= 0.934 && c <= 0.966) : "(rare, reported apart)");
            }
}

/* ---- no effect: one contrast --------------------------------------------------------------------------------- */

static void bench_level(struct tally *t)
{
    static const struct {
        const char *name;
        double rate, tau;
        size_t n;
        uint32_t k;
    } rows[] = {
        {"no shift in any case", 0.3, 0, 30, 3},
        {"cases shift up and down, mean 0", 0.3, 1, 30, 3},
        {"the same, 60 answers a cell", 0.4, 1, 30, 60},
        {"the same, one answer a cell", 0.5, 1, 100, 1},
    };
    printf("\nno mean shift: rejections at 5 %%; wanted at most 5 %% + 2 SE\n"
           "  design                                      t     sign flip  SE\n");
    struct cs_rng r = {t->seed + 1};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const struct sim s = sim_at_shift(rows[g].rate, 1, 0, rows[g].tau);
        double d[100];
        uint32_t rejected = 0, flipped = 0;
        for (uint32_t i = 0; i < t->studies; i++) {
            sim_study(&s, &r, rows[g].n, rows[g].k, d, NULL, NULL);
            rejected += cs_cluster_t(d, rows[g].n, 0.05, 1).p <= 0.05;
            flipped += cs_cluster_sign_flip(d, rows[g].n, t->seed, 1999).p <= 0.05;
        }
        const double a = (double)rejected / t->studies, b = (double)flipped / t->studies;
        const double most = 0.05 + 2 * se_of(0.05, t->studies);
        printf("  %-38s  %5.2f %%  %7.2f %%  %4.2f  %s\n", rows[g].name, 100 * a, 100 * b,
               100 * se_of(0.05, t->studies), judge(t, a <= most && b <= most));
    }
}

/* Shares of three categories that differ by case and not by arm, 3 answers a cell. */
static void bench_nominal(struct tally *t)
{
    enum { K = 3, ASKED = 3 };
    static const size_t sizes[] = {12, 24, 60};
    printf(
        "\nno shift of three categories: rejections of the cluster-bootstrap Wald at 5 %%; wanted at most 5 %% + 2 SE\n"
        "  clusters  rejected  SE\n");
    struct cs_rng r = {t->seed + 30};
    for (size_t z = 0; z < sizeof sizes / sizeof *sizes; z++) {
        uint32_t rejected = 0;
        for (uint32_t study = 0; study < t->resampled; study++) {
            double shift[60 * K] = {0};
            for (size_t i = 0; i < sizes[z]; i++) {
                const double a = sim_logistic(sim_normal(&r)), b = a + (1 - a) * sim_logistic(sim_normal(&r));
                for (int answer = 0; answer < 2 * ASKED; answer++) {
                    const double u = cs_rng_unit(&r);
                    shift[i * K + (u < a ? 0 : u < b ? 1 : 2)] += (answer % 2 ? 1.0 : -1.0) / ASKED;
                }
            }
            const struct cs_boot boot = {.seed = t->seed + study, .draws = 5000, .threads = 2};
            const struct cs_homogeneity h = cs_paired_nominal_wald(&boot, shift, sizes[z], K);
            rejected += h.status == CS_STAT_OK && h.p <= 0.05;
        }
        const double p = (double)rejected / t->resampled, se = se_of(0.05, t->resampled);
        printf("  %8zu  %6.2f %%  %4.2f  %s\n", sizes[z], 100 * p, 100 * se, judge(t, p <= 0.05 + 2 * se));
    }
}

/* ---- families: 31 groups against one control -------------------------------------------------------------------- */

enum { GROUPS = 31, CLUSTERS = 40, METHODS = 4 };
static const enum cs_adjust methods[METHODS] = {CS_ADJUST_HOLM, CS_ADJUST_MAX_T, CS_ADJUST_BH, CS_ADJUST_BY};
static const char *const method_names[METHODS] = {"Holm", "max-T", "BH", "BY"};

struct family_sums {
    double studies;
    double any_wrong, false_share, found; /* over studies */
    double all_covered, missed_share;     /* intervals: of all contrasts; of the different ones */
};

/* The differences of one study: `planted` of the groups move by `shift` log-odds, a case each in its own way. */
static void draw_family(const struct sim *s, struct cs_rng *r, size_t planted, uint32_t control_k, double *d)
{
    for (size_t i = 0; i < CLUSTERS; i++) {
        const double a = s->mu + s->sd * sim_normal(r);
        const double control = sim_count(r, sim_logistic(a), control_k) / (double)control_k;
        for (size_t g = 0; g < GROUPS; g++) {
            const double shift = g < planted ? s->delta + s->tau * sim_normal(r) : 0;
            d[i * GROUPS + g] = sim_count(r, sim_logistic(a + shift), 3) / 3.0 - control;
        }
    }
}

static void judge_family(const struct cs_finding *f, double truth, size_t planted, struct family_sums *sum)
{
    double wrong = 0, right = 0, missed = 0, missed_found = 0;
    for (size_t g = 0; g < GROUPS; g++) {
        const double want = g < planted ? truth : 0;
        const bool miss = want < f[g].ci.lo || want > f[g].ci.hi;
        wrong += g >= planted && f[g].different;
        right += g < planted && f[g].different;
        missed += miss;
        missed_found += miss && f[g].different;
    }
    sum->any_wrong += wrong > 0;
    sum->false_share += wrong + right > 0 ? wrong / (wrong + right) : 0;
    sum->found += planted > 0 ? right / (double)planted : 0;
    sum->all_covered += missed == 0;
    sum->missed_share += wrong + right > 0 ? missed_found / (wrong + right) : 0;
}

/* max-T resamples every study: the short form asks it only where nothing is planted. */
static void run_families(struct tally *t, const struct sim *s, size_t planted, uint32_t control_k,
                         struct family_sums *sums)
{
    static double d[CLUSTERS * GROUPS];
    const double truth = sim_truth(s).shift;
    struct cs_rng r = {t->seed + 2 + planted + control_k};
    for (uint32_t study = 0; study < t->studies; study++) {
        draw_family(s, &r, planted, control_k, d);
        struct cs_contrast contrasts[GROUPS];
        for (size_t g = 0; g < GROUPS; g++) {
            double column[CLUSTERS];
            for (size_t i = 0; i < CLUSTERS; i++)
                column[i] = d[i * GROUPS + g];
            contrasts[g] = (struct cs_contrast){.test = cs_cluster_t(column, CLUSTERS, 0.05, 1), .margin = 0.05};
        }
        for (size_t m = 0; m < METHODS; m++) {
            const struct cs_boot boot = {.seed = t->seed + study, .draws = 5000, .threads = 2};
            double adjusted[GROUPS];
            struct cs_max_t max_t = {0};
            struct cs_family family = {methods[m], 0.05, true, NULL, NULL};
            if (methods[m] == CS_ADJUST_MAX_T && planted > 0 && t->resampled < t->studies)
                continue;
            if (methods[m] == CS_ADJUST_MAX_T) {
                max_t = cs_adjust_max_t(&boot, d, NULL, CLUSTERS, GROUPS, 0.05, adjusted);
                family.max_t = &max_t;
                family.max_t_adjusted = adjusted;
            }
            struct cs_finding out[GROUPS];
            if (cs_finding_family(&family, contrasts, GROUPS, out) == CS_STAT_OK) {
                judge_family(out, truth, planted, &sums[m]);
                sums[m].studies++;
            }
        }
    }
}

static void bench_families(struct tally *t)
{
    const struct sim s = sim_at_rate(0.35, 1, 1.2, 0.5);
    printf(
        "\n%d groups against one control, %d clusters, 3 answers a cell, at 5 %%; wanted at most 5 %% + 2 SE: any false one and\n"
        "any interval that misses (Holm, max-T), the share of false ones and of intervals that miss among those found (BH, BY)\n"
        "  planted  control  method  any false  false share  planted found  all covered  missed of found    SE\n",
        GROUPS, CLUSTERS);
    for (int half = 0; half < 2; half++)
        for (uint32_t control_k = 3; control_k <= 18; control_k += 15) {
            struct family_sums sums[METHODS] = {{0}};
            const size_t planted = half ? GROUPS / 2 : 0;
            run_families(t, &s, planted, control_k, sums);
            for (size_t m = 0; m < METHODS; m++) {
                const double n = sums[m].studies, se = se_of(0.05, n), most = 0.05 + 2 * se;
                if (n == 0)
                    continue;
                const bool familywise = m < 2; /* Holm and max-T promise no false one, BH and BY a share */
                bool ok = familywise ? sums[m].any_wrong / n <= most : sums[m].false_share / n <= most;
                ok = ok && (familywise ? 1 - sums[m].all_covered / n <= most : sums[m].missed_share / n <= most);
                printf("  %7zu  %7u  %-6s  %7.2f %%  %9.2f %%  %11.1f %%  %9.2f %%  %13.2f %%  %4.2f  %s\n", planted,
                       control_k, method_names[m], 100 * sums[m].any_wrong / n, 100 * sums[m].false_share / n,
                       100 * sums[m].found / n, 100 * sums[m].all_covered / n, 100 * sums[m].missed_share / n, 100 * se,
                       judge(t, ok));
            }
        }
}

/* ---- equivalence, and the power that was promised ------------------------------------------------------------------ */

/* Claims of equivalence, and the power that `plan` would have promised for the true spread and noise. */
static double claims(struct tally *t, struct cs_rng *r, const struct sim *s, size_t n, uint32_t k, double margin,
                     double *promised)
{
    const struct sim_truth truth = sim_truth(s);
    const struct cs_power_design design = {.n = (double)n,
                                           .tau = sqrt(truth.case_variance),
                                           .noise_a = truth.noise / 2, /* the two arms' together */
                                           .noise_0 = truth.noise / 2,
                                           .ka = k,
                                           .k0 = k,
                                           .alpha = 0.05};
    double *d = cs_xcalloc(n, sizeof *d);
    uint32_t claimed = 0;
    for (uint32_t i = 0; i < t->studies; i++) {
        sim_study(s, r, n, k, d, NULL, NULL);
        const struct cs_cluster_test test = cs_cluster_t(d, n, 0.05, 1);
        claimed += cs_cluster_tost(&test, margin, 0.05).passes;
    }
    free(d);
    *promised = cs_stats_power_equivalence(&design, truth.shift, margin).power;
    return (double)claimed / t->studies;
}

static void bench_equivalence(struct tally *t)
{
    static const struct {
        double rate, sd, tau, shift, margin;
        size_t n;
        uint32_t k;
    } rows[] = {{0.15, 1, 0.2, 0.05, 0.05, 200, 6}, {0.15, 1, 0.2, 0.08, 0.05, 200, 6},
                {0.15, 1, 0.2, 0, 0.05, 200, 6},    {0.15, 1, 0.2, 0.02, 0.05, 200, 6},
                {0.4, 1, 0.3, 0, 0.10, 30, 12},     {0.1, 0, 0.55, 0, 0.02, 1000, 1},
                {0.1, 0, 0.55, 0, 0.02, 1000, 3},   {0.1, 0, 0.55, 0, 0.02, 1000, 6}};
    const double n = t->studies;
    printf(
        "\nequivalence (TOST at 5 %%); claimed at or beyond the margin at most 5 %% + 2 SE, and within 3 points of the power\n"
        "that `clinsafe plan` promises; the last three rows as published: 0, 62 and 94 %%\n"
        "  rate  clusters x repeats  margin  true shift  claimed   SE    promised\n");
    struct cs_rng r = {t->seed + 50};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const struct sim s = sim_at_shift(rows[g].rate, rows[g].sd, rows[g].shift, rows[g].tau);
        double promised;
        const double c = claims(t, &r, &s, rows[g].n, rows[g].k, rows[g].margin, &promised);
        const bool ok = (rows[g].shift < rows[g].margin || c <= 0.05 + 2 * se_of(0.05, n)) && fabs(c - promised) < 0.03;
        printf("  %3.0f %%  %8zu x %-7u  %4.0f    %+10.2f  %6.2f %%  %4.2f  %6.2f %%  %s\n", 100 * rows[g].rate,
               rows[g].n, rows[g].k, 100 * rows[g].margin, 100 * rows[g].shift, 100 * c, 100 * se_of(c, n),
               100 * promised, judge(t, ok));
    }
}

/* A mean shift found at a level as small as a family's, few clusters: the noncentral t, not the normal. */
static void bench_power(struct tally *t)
{
    static const struct {
        size_t n;
        uint32_t k;
        double alpha, shift;
    } rows[] = {{24, 20, 0.0025, 0.12}, {24, 20, 0.05, 0.06}, {100, 3, 0.001, 0.12}};
    const double n = t->studies;
    printf("\npower for a difference: found, and promised by `clinsafe plan`; wanted within 3 points\n"
           "  clusters x repeats  alpha   true shift  found     SE    promised\n");
    struct cs_rng r = {t->seed + 55};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const struct sim s = sim_at_shift(0.4, 0.5, rows[g].shift, 0.3);
        const struct sim_truth truth = sim_truth(&s);
        const struct cs_power_design d = {
            (double)rows[g].n, sqrt(truth.case_variance), truth.noise / 2, truth.noise / 2, rows[g].k, rows[g].k,
            rows[g].alpha};
        double diff[100];
        uint32_t found = 0;
        for (uint32_t i = 0; i < t->studies; i++) {
            sim_study(&s, &r, rows[g].n, rows[g].k, diff, NULL, NULL);
            found += cs_cluster_t(diff, rows[g].n, 0.05, 1).p <= rows[g].alpha;
        }
        const double c = found / n, promised = cs_stats_power_difference(&d, truth.shift).power;
        printf("  %8zu x %-7u  %6.4f  %+10.2f  %6.2f %%  %4.2f  %6.2f %%  %s\n", rows[g].n, rows[g].k, rows[g].alpha,
               100 * rows[g].shift, 100 * c, 100 * se_of(c, n), 100 * promised, judge(t, fabs(c - promised) < 0.03));
    }
}

/* ---- components ------------------------------------------------------------------------------------------------------- */

enum { PARTS = 3, DESIGNS = 5, ROWS = PARTS * DESIGNS, BEYOND_MAX = 3 };
static const char *const part_names[PARTS] = {"systematic^2", "case-specific", "re-ask noise"};
static const double beyond_all = 2.94; /* normal quantile at 1 - 0.05 / (2 x 15) */

struct recovery {
    double want, mean, se, z;
    double printed; /* mean of the standard errors that are printed / the true one */
};

static void recover(const struct sim *s, struct cs_rng *r, size_t n, uint32_t k, uint32_t studies, struct recovery *out)
{
    const struct sim_truth truth = sim_truth(s);
    const double want[PARTS] = {truth.shift * truth.shift, truth.case_variance, truth.noise};
    double sum[PARTS] = {0}, squares[PARTS] = {0}, printed[PARTS] = {0}, d[100];
    uint32_t level[200], comparator[200];
    for (uint32_t i = 0; i < studies; i++) {
        sim_study(s, r, n, k, d, level, comparator);
        const struct cs_components c = cs_stats_components(CS_SCALE_BINARY, level, comparator, n, 2, 0.05);
        const struct cs_component got[PARTS] = {c.systematic_sq, c.case_sq, c.noise};
        for (int p = 0; p < PARTS; p++) {
            sum[p] += got[p].value;
            squares[p] += got[p].value * got[p].value;
            printed[p] += got[p].se;
        }
    }
    for (int p = 0; p < PARTS; p++) {
        const double mean = sum[p] / studies, sd = sqrt(squares[p] / studies - mean * mean), se = sd / sqrt(studies);
        out[p] = (struct recovery){want[p], mean, se, (mean - want[p]) / se, printed[p] / studies / sd};
    }
}

static void bench_components(struct tally *t)
{
    static const struct {
        double rate, delta, tau;
        size_t n;
        uint32_t k;
    } rows[DESIGNS] = {
        {0.4, 0, 0, 24, 3}, {0.4, 0, 1, 24, 3}, {0.3, 0.6, 0.8, 30, 2}, {0.3, 0.6, 0.8, 100, 6}, {0.1, 1, 0.3, 50, 3}};
    int beyond = 0;
    printf(
        "\ncomponents, unbiased squares, %u studies a design; wanted within %.2f SE of the truth, all %d rows together\n"
        "  rate  shift  case SD  clusters x repeats  component       truth      mean        SE     z  printed SE / true SE\n",
        4 * t->studies, beyond_all, ROWS);
    struct cs_rng r = {t->seed + 60};
    for (size_t g = 0; g < DESIGNS; g++) {
        const struct sim s = sim_at_rate(rows[g].rate, 1, rows[g].delta, rows[g].tau);
        const struct sim_truth truth = sim_truth(&s);
        struct recovery part[PARTS];
        recover(&s, &r, rows[g].n, rows[g].k, 4 * t->studies, part);
        for (int p = 0; p < PARTS; p++) {
            const struct recovery *c = &part[p];
            beyond += fabs(c->z) > 2;
            printf("  %3.0f %%  %+5.1f  %7.1f  %8zu x %-7u  %-13s  %8.5f  %+8.5f  %8.5f  %+4.1f  %20.2f  %s\n",
                   100 * rows[g].rate, 100 * truth.shift, 100 * sqrt(truth.case_variance), rows[g].n, rows[g].k,
                   part_names[p], c->want, c->mean, c->se, c->z, c->printed, judge(t, fabs(c->z) <= beyond_all));
        }
    }
    printf("  beyond 2 SE: %d of %d (expected %.1f)  %s\n", beyond, ROWS, 0.0455 * ROWS,
           judge(t, beyond <= BEYOND_MAX));
}

/* ---- cases and models at once ------------------------------------------------------------------------------------------- */

/* Models and cases are redrawn in every study: each model has its own shift (SD model_sd), each case too (SD tau). */
static void bench_crossed(struct tally *t)
{
    enum { K = 3, MODELS_MAX = 20, CLUSTERS_MAX = 100 };
    static const struct {
        size_t models, clusters;
        double model_sd, tau;
    } rows[] = {{8, 30, 0.5, 0.3}, {8, 100, 0.5, 0.3}, {9, 100, 0.1, 0.5}, {20, 30, 0.5, 0.3}};
    printf("\nmean shift over cases and models, 95 %% crossed bootstrap (B = 5,000); wanted at least 93.4 %% - 2 SE\n"
           "  models  clusters  SD of models  SD of cases, log-odds  coverage  MC SE\n");
    struct cs_rng r = {t->seed + 80};
    double *d = cs_xcalloc(MODELS_MAX * CLUSTERS_MAX, sizeof *d);
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const size_t models = rows[g].models, clusters = rows[g].clusters;
        const struct sim s = sim_at_rate(0.3, 1, 0.5, hypot(rows[g].model_sd, rows[g].tau));
        const double want = sim_truth(&s).shift;
        uint32_t covered = 0;
        for (uint32_t study = 0; study < t->resampled; study++) {
            double own[MODELS_MAX];
            for (size_t m = 0; m < models; m++)
                own[m] = s.delta + rows[g].model_sd * sim_normal(&r);
            for (size_t i = 0; i < clusters; i++) {
                const double a = s.mu + s.sd * sim_normal(&r), shift = rows[g].tau * sim_normal(&r);
                for (size_t m = 0; m < models; m++)
                    d[i * models + m] = (sim_count(&r, sim_logistic(a + own[m] + shift), K) -
                                         (double)sim_count(&r, sim_logistic(a), K)) /
                                        K;
            }
            const struct cs_boot boot = {.seed = t->seed + study, .draws = 5000, .threads = 2};
            const struct cs_crossed c = cs_crossed_shift(&boot, d, NULL, clusters, models, 0.05);
            covered += c.interval_status == CS_STAT_OK && c.ci.lo <= want && want <= c.ci.hi;
        }
        const double c = (double)covered / t->resampled, se = se_of(0.95, t->resampled);
        printf("  %6zu  %8zu  %12.1f  %21.1f  %6.2f %%  %4.2f  %s\n", models, clusters, rows[g].model_sd, rows[g].tau,
               100 * c, 100 * se, judge(t, c >= 0.934 - 2 * se));
    }
    free(d);
}

static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
    char *end;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *out <= most;
}

int main(int argc, char **argv)
{
    uint64_t studies = 4000, seed = 20261101;
    const bool brief = argc > 1 && strcmp(argv[1], "--short") == 0;
    argc -= brief;
    argv += brief;
    if (argc > 3 || (argc > 1 && !read_number(argv[1], 1000000, &studies)) ||
        (argc > 2 && !read_number(argv[2], UINT64_MAX, &seed)) || studies < 2000) {
        fprintf(stderr, "usage: statistics [--short] [STUDIES [SEED]], at least 2000 studies\n");
        return 64;
    }
    struct tally t = {.studies = (uint32_t)studies, .resampled = (uint32_t)studies, .seed = cs_rng_mix64(seed)};
    if (brief) {
        t.studies = 2000;
        t.resampled = 500;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("statistics: %u simulated studies a row, %u where each is resampled, seed %llu\n", t.studies, t.resampled,
           (unsigned long long)seed);
    bench_coverage(&t);
    bench_level(&t);
    bench_nominal(&t);
    bench_equivalence(&t);
    bench_power(&t);
    bench_components(&t);
    bench_families(&t);
    bench_crossed(&t);
    bench_interactions(&t);
    bench_wordings(&t);
    bench_few_moved(&t);
    bench_ratios(&t);
    bench_lost(&t);
    bench_pilot(&t);
    bench_judged(&t);
    printf("\n%u passed, %u failed\n", t.passed, t.failed);
    return t.failed > 0;
}
