/* Rows of the statistics benchmark: does a shift differ, equivalence where few clusters moved, ratios of small rates. */
#include "tests/bench/statistics_tally.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tests/unit/stats_simulate.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/interaction.h"
#include "tools/report/stats/ratio.h"
#include "tools/report/stats/wording.h"

/* ---- interactions ---------------------------------------------------------------------------------------- */

enum { ANSWERS = 5, LEVELS_MAX = 4, CLUSTERS_MAX = 60, SHARP = 4 /* times as many studies: they are cheap */ };

/* Shifts of one study, cluster by level of the modifier; `apart` log-odds up in the first level, down in the second. */
static void draw_shifts(struct cs_rng *r, size_t n, size_t levels, double apart, double *d)
{
    for (size_t i = 0; i < n; i++) {
        const double a = -0.5 + sim_normal(r), own = 0.5 * sim_normal(r);
        for (size_t k = 0; k < levels; k++) {
            const double there = a + 0.3 * sim_normal(r), by = k == 0 ? apart : k == 1 ? -apart : 0;
            d[i * levels + k] = ((double)sim_count(r, sim_logistic(there + own + by), ANSWERS) -
                                 (double)sim_count(r, sim_logistic(there), ANSWERS)) /
                                ANSWERS;
        }
    }
}

/* The population's difference of the shifts in the first two levels. */
static double true_difference(double apart)
{
    const double sd = hypot(1, 0.3);
    const struct sim up = {-0.5, sd, apart, 0.5}, down = {-0.5, sd, -apart, 0.5};
    return sim_truth(&up).shift - sim_truth(&down).shift;
}

struct found {
    double rejected, covered, main_equivalent;
};

static struct found run_within(const struct tally *t, struct cs_rng *r, size_t n, size_t levels, double apart,
                               uint32_t studies)
{
    const double truth = true_difference(apart);
    double d[CLUSTERS_MAX * LEVELS_MAX], x[CLUSTERS_MAX * LEVELS_MAX], pair[CLUSTERS_MAX], mean[CLUSTERS_MAX];
    struct found f = {0};
    for (uint32_t study = 0; study < studies; study++) {
        const struct cs_boot boot = {.seed = t->seed + study, .draws = 5000, .threads = 2};
        draw_shifts(r, n, levels, apart, d);
        for (size_t i = 0; i < n; i++) {
            mean[i] = 0;
            for (size_t k = 0; k < levels; k++)
                mean[i] += d[i * levels + k] / (double)levels;
            for (size_t k = 1; k < levels; k++)
                x[i * (levels - 1) + k - 1] = d[i * levels + k] - d[i * levels];
            pair[i] = d[i * levels] - d[i * levels + 1];
        }
        const struct cs_interaction omnibus = cs_interaction_within(&boot, x, n, levels - 1);
        const struct cs_cluster_test one = cs_cluster_t(pair, n, 0.05, 2), main = cs_cluster_t(mean, n, 0.05, 1);
        f.rejected += omnibus.status == CS_STAT_OK && omnibus.p <= 0.05;
        f.covered += one.ci.lo <= truth && truth <= one.ci.hi;
        f.main_equivalent += cs_cluster_tost(&main, 0.1, 0.05).passes;
    }
    f.rejected /= studies;
    f.covered /= studies;
    f.main_equivalent /= studies;
    return f;
}

/* No mean shift in either kind of case; one has half the cases, fewer answers and cases that move both ways. */
static double run_between(struct cs_rng *r, size_t n, uint32_t studies)
{
    const struct sim even = sim_at_shift(0.4, 1, 0, 0.5), uneven = sim_at_shift(0.2, 1, 0, 1.5);
    double d[CLUSTERS_MAX], e[CLUSTERS_MAX], rejected = 0;
    for (uint32_t study = 0; study < studies; study++) {
        sim_study(&even, r, n, ANSWERS, d, NULL, NULL);
        sim_study(&uneven, r, n / 2, 2, e, NULL, NULL);
        const double *const x[] = {d, e};
        const size_t sizes[] = {n, n / 2};
        rejected += cs_interaction_between(x, sizes, 2).p <= 0.05;
    }
    return rejected / studies;
}

void bench_interactions(struct tally *t)
{
    static const struct {
        size_t n, levels;
        double apart;
    } rows[] = {{24, 2, 0}, {60, 2, 0}, {24, 4, 0}, {60, 4, 0}, {12, 4, 0}, {24, 3, 0.8}, {60, 3, 0.8}};
    const double most = 0.05 + 2 * se_of(0.05, SHARP * t->studies);
    printf(
        "\ndoes the shift differ between levels of another factor, 5 answers a cell; without a difference rejections at most 5 %%\n"
        "+ 2 SE, of one difference covered 93.4-96.6 %% of the time; the mean of opposite shifts is called equivalent (10 points)\n"
        "  clusters  levels  planted  difference, points  rejected  covered  mean equivalent\n");
    struct cs_rng r = {t->seed + 90};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const bool resampled = rows[g].n < rows[g].levels - 1 + CS_INTERACTION_SPARE && rows[g].levels > 2;
        const struct found f = run_within(t, &r, rows[g].n, rows[g].levels, rows[g].apart,
                                          resampled ? t->resampled : SHARP * t->studies);
        const double wide = resampled ? 0.05 + 2 * se_of(0.05, t->resampled) : most;
        const bool ok = (rows[g].apart > 0 || f.rejected <= wide) &&
                        (rows[g].n < 24 || (f.covered >= 0.934 && f.covered <= 0.966));
        printf("  %8zu  %6zu  %7s  %+18.1f  %6.2f %%  %5.2f %%  %13.2f %%  %s\n", rows[g].n, rows[g].levels,
               rows[g].apart > 0 ? "yes" : "no", 100 * true_difference(rows[g].apart), 100 * f.rejected,
               100 * f.covered, 100 * f.main_equivalent, judge(t, ok));
    }
    for (size_t n = 24; n <= 60; n += 36) {
        const double p = run_between(&r, n, SHARP * t->studies);
        printf("  %zu and %zu cases of two kinds, no mean shift in either: rejected %5.2f %%  %s\n", n, n / 2, 100 * p,
               judge(t, p <= most));
    }
}

/* ---- wordings -------------------------------------------------------------------------------------------------- */

/* No effect of the level, but each of three sentences has one of its own, SD 2 points on every case. */
static double run_wordings(struct cs_rng *r, size_t n, uint32_t k, bool widened, uint32_t studies)
{
    enum { WORDINGS = 3 };
    double *d = cs_xcalloc(n * WORDINGS, sizeof *d), *mean = cs_xcalloc(n, sizeof *mean), rejected = 0;
    for (uint32_t study = 0; study < studies; study++) {
        double own[WORDINGS];
        for (size_t w = 0; w < WORDINGS; w++)
            own[w] = 0.02 * sim_normal(r);
        for (size_t i = 0; i < n; i++) {
            const double p = 0.2 + 0.6 * cs_rng_unit(r);
            const double control = sim_count(r, p, k * WORDINGS) / (double)(k * WORDINGS);
            mean[i] = 0;
            for (size_t w = 0; w < WORDINGS; w++) {
                d[i * WORDINGS + w] = sim_count(r, p + own[w], k) / (double)k - control;
                mean[i] += d[i * WORDINGS + w] / WORDINGS;
            }
        }
        const struct cs_cluster_test t = cs_cluster_t(mean, n, 0.05, 1);
        const struct cs_wording_spread s = cs_wording_spread_of(d, n, WORDINGS);
        rejected += (widened ? cs_wording_widen(&t, s.variance, WORDINGS, 0.05).p : t.p) <= 0.05;
    }
    free(d);
    free(mean);
    return rejected / studies;
}

void bench_wordings(struct tally *t)
{
    static const struct {
        size_t n;
        uint32_t k;
    } rows[] = {{30, 5}, {200, 2}, {1000, 2}};
    const uint32_t studies = t->studies / 2;
    printf(
        "\nthree sentences without an effect of their level, each with its own (SD 2 points): rejections at 5 %%; wanted at most 5 %%\n"
        "+ 2 SE with the sentences as a sample\n  clusters x repeats  rejected  cases alone\n");
    struct cs_rng r = {t->seed + 97};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++) {
        const double p = run_wordings(&r, rows[g].n, rows[g].k, true, studies),
                     alone = run_wordings(&r, rows[g].n, rows[g].k, false, studies / 4);
        printf("  %8zu x %-7u  %6.2f %%  %9.2f %%  %s\n", rows[g].n, rows[g].k, 100 * p, 100 * alone,
               judge(t, p <= 0.05 + 2 * se_of(0.05, studies)));
    }
}

/* ---- few moved clusters ---------------------------------------------------------------------------------------- */

/* 3 % of cases flip every answer: the shift is 3 points, the margin is 3 points, and equivalence is wrong. */
void bench_few_moved(struct tally *t)
{
    static const size_t sizes[] = {100, 200, 400};
    printf(
        "\n3 %% of cases flip fully, margin 3 points: equivalence claimed; wanted at most 5 %% + 2 SE (t alone claims it far more often)\n"
        "  clusters  claimed  t alone\n");
    struct cs_rng r = {t->seed + 95};
    double *d = cs_xcalloc(400, sizeof *d);
    for (size_t g = 0; g < sizeof sizes / sizeof *sizes; g++) {
        double claimed = 0, alone = 0;
        for (uint32_t study = 0; study < t->studies; study++) {
            for (size_t i = 0; i < sizes[g]; i++)
                d[i] = cs_rng_unit(&r) < 0.03;
            const struct cs_cluster_test test = cs_cluster_t(d, sizes[g], 0.05, 1);
            const struct cs_interval ci = cs_cluster_interval(&test, 0.1);
            claimed += cs_cluster_tost(&test, 0.03, 0.05).passes;
            alone += ci.lo > -0.03 && ci.hi < 0.03;
        }
        claimed /= t->studies;
        printf("  %8zu  %5.2f %%  %5.2f %%  %s\n", sizes[g], 100 * claimed, 100 * alone / t->studies,
               judge(t, claimed <= 0.05 + 2 * se_of(0.05, t->studies)));
    }
    free(d);
}

/* ---- ratios ---------------------------------------------------------------------------------------------------- */

struct ratio_row {
    double rate;
    size_t n;
    uint32_t k;
    bool judged;
};

static void ratio_row(struct tally *t, struct cs_rng *r, const struct ratio_row *row)
{
    const struct sim s = sim_at_rate(row->rate, 1, 0.6, 0.5);
    const struct sim_truth truth = sim_truth(&s);
    const double want = truth.pa / truth.p0;
    double d[1000], num[1000], den[1000], covered = 0, given = 0;
    uint32_t level[2000], comparator[2000];
    for (uint32_t i = 0; i < t->studies; i++) {
        sim_study(&s, r, row->n, row->k, d, level, comparator);
        for (size_t c = 0; c < row->n; c++) {
            num[c] = level[2 * c + 1] / (double)row->k;
            den[c] = comparator[2 * c + 1] / (double)row->k;
        }
        const struct cs_ratio x = cs_ratio_rate(num, den, row->n, 0.05);
        given += x.interval_status == CS_STAT_OK;
        covered += x.interval_status == CS_STAT_OK && x.ci.lo <= want && want <= x.ci.hi;
    }
    const double c = given > 0 ? covered / given : 0;
    printf("  %3.0f %%  %8zu x %-3u  %5.2f  %6.2f %%  %6.2f %%  %4.2f  %s\n", 100 * row->rate, row->n, row->k, want,
           100 * given / t->studies, 100 * c, 100 * se_of(0.95, fmax(given, 1)),
           row->judged ? judge(t, c >= 0.93 - 2 * se_of(0.95, fmax(given, 1))) : "(rare, reported apart)");
}

void bench_ratios(struct tally *t)
{
    static const struct ratio_row rows[] = {{0.3, 24, 3, true},   {0.3, 100, 3, true},  {0.1, 30, 5, true},
                                            {0.05, 60, 5, true},  {0.02, 300, 5, true}, {0.01, 1000, 6, true},
                                            {0.02, 24, 5, false}, {0.01, 60, 5, false}};
    printf(
        "\nrate ratio, 95 %% interval by t on its logarithm; wanted at least 93 %% - 2 SE where most studies give one\n"
        "  rate  clusters        ratio     given  coverage  MC SE\n");
    struct cs_rng r = {t->seed + 70};
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++)
        ratio_row(t, &r, &rows[g]);
}
