/* Rows of the statistics benchmark: losses by arm, from rare to frequent; what a look at a pilot's contrasts costs. */
#include "tests/bench/statistics_tally.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tests/unit/stats_simulate.h"
#include "tools/report/stats/lost_rate.h"

/* ---- losses ------------------------------------------------------------------------------------------------ */

enum { CLUSTERS_MAX = 100 };

/* One study: how many of k trials a cluster loses, with a propensity of its own; the level `apart` log-odds more often. */
static struct cs_lost_rate draw(struct cs_rng *r, size_t n, uint32_t k, uint32_t k_control, double logit, double apart)
{
    struct cs_lost_count level = {0, 0}, control = {0, 0};
    double diff[CLUSTERS_MAX];
    for (size_t i = 0; i < n; i++) {
        const double own = logit + sim_normal(r);
        const uint32_t a = sim_count(r, sim_logistic(own + apart), k), b = sim_count(r, sim_logistic(own), k_control);
        diff[i] = (double)a / k - (double)b / k_control;
        level.lost += a, level.of += k;
        control.lost += b, control.of += k_control;
    }
    return cs_lost_rate_test(diff, n, level, control, 0.05);
}

void bench_lost(struct tally *t)
{
    static const struct {
        double rate, apart;
        size_t n;
        uint32_t k, k_control;
    } rows[] = {{0.002, 0, 24, 8, 360}, {0.01, 0, 24, 8, 8},   {0.01, 0, 100, 5, 20}, {0.05, 0, 30, 5, 5},
                {0.25, 0, 30, 5, 5},    {0.25, 0, 100, 5, 20}, {0.05, 2, 30, 5, 20}};
    struct cs_rng r = {t->seed + 71};
    printf(
        "\nlosses by arm: the larger p of cluster t and Fisher's exact test; wanted at most 5 %% + 2 SE without a gap\n"
        "  rate     clusters  trials, control's  gap, log-odds  called different  t alone  MC SE\n");
    for (size_t g = 0; g < sizeof rows / sizeof rows[0]; g++) {
        uint32_t found = 0, alone = 0;
        for (uint32_t i = 0; i < t->studies; i++) {
            const struct cs_lost_rate x = draw(&r, rows[g].n, rows[g].k, rows[g].k_control,
                                               log(rows[g].rate / (1 - rows[g].rate)), rows[g].apart);
            found += x.p <= 0.05;
            alone += cs_stats_usable(x.test.status) && x.test.p <= 0.05;
        }
        const double p = (double)found / t->studies, se = se_of(0.05, t->studies);
        printf("  %4.1f %%   %8zu  %6u, %9u  %13.0f  %14.2f %%  %5.2f %%  %4.2f  %s\n", 100 * rows[g].rate, rows[g].n,
               rows[g].k, rows[g].k_control, rows[g].apart, 100 * p, 100.0 * alone / t->studies, 100 * se,
               rows[g].apart > 0 ? judge(t, p > 0.5) : judge(t, p <= 0.05 + 2 * se));
    }
}

/* ---- a pilot --------------------------------------------------------------------------------------------------- */

enum { PILOT_CLUSTERS = 8, PILOT_ALL = 24, PILOT_LEVELS = 31, PILOT_ANSWERS = 5 };

/* Differences of one study without any effect, cluster by level. */
static void draw_null(struct cs_rng *r, double *d)
{
    for (size_t i = 0; i < PILOT_ALL; i++) {
        const double p = sim_logistic(-0.5 + sim_normal(r)), control = sim_count(r, p, PILOT_ANSWERS);
        for (size_t k = 0; k < PILOT_LEVELS; k++)
            d[k * PILOT_ALL + i] = ((double)sim_count(r, p, PILOT_ANSWERS) - control) / PILOT_ANSWERS;
    }
}

static size_t largest(const double *d)
{
    size_t at = 0;
    double most = -1;
    for (size_t k = 0; k < PILOT_LEVELS; k++) {
        double sum = 0;
        for (size_t i = 0; i < PILOT_CLUSTERS; i++)
            sum += d[k * PILOT_ALL + i];
        if (fabs(sum) > most) {
            most = fabs(sum);
            at = k;
        }
    }
    return at;
}

static bool is_different(const double *d, size_t level)
{
    const struct cs_cluster_test t = cs_cluster_t(d + level * PILOT_ALL, PILOT_ALL, 0.05, 1);
    return cs_stats_usable(t.status) && t.p <= 0.05;
}

void bench_pilot(struct tally *t)
{
    struct cs_rng r = {t->seed + 72};
    uint32_t blind = 0, looked = 0;
    double *d = cs_xcalloc((size_t)PILOT_LEVELS * PILOT_ALL, sizeof *d);
    for (uint32_t i = 0; i < t->studies; i++) {
        draw_null(&r, d);
        blind += is_different(d, 0);
        looked += is_different(d, largest(d));
    }
    free(d);
    const double p = (double)blind / t->studies, q = (double)looked / t->studies, se = se_of(0.05, t->studies);
    printf("\na pilot of %d of %d clusters, %d levels without any effect; its answers are part of the study\n"
           "  the level was declared beforehand, the pilot is blind  %5.2f %%  %4.2f  %s\n"
           "  the level that moved most in the pilot was taken on    %5.2f %%  %4.2f  %s\n",
           PILOT_CLUSTERS, PILOT_ALL, PILOT_LEVELS, 100 * p, 100 * se, judge(t, p <= 0.05 + 2 * se), 100 * q, 100 * se,
           judge(t, q > 0.1));
}
