/* Rows of the statistics benchmark: a judge that errs, people on a stratified sample, the corrected effect. */
#include "tests/bench/statistics_tally.h"

#include <stdio.h>

#include "tests/unit/stats_judged.h"

static const char *const lambda_names[] = {"1", "tuned"};

static void row(struct tally *t, struct cs_rng *r, const struct judged_study *study, bool tuned, bool own_fails)
{
    const struct sim population = judged_population(study);
    struct judged_tally sum = {0};
    for (uint32_t i = 0; i < t->studies; i++)
        judged_once(study, &population, r, tuned, &sum);
    const double n = t->studies, corrected = sum.covered / n, own = sum.own_covered / n;
    const bool ok = corrected >= 0.93 && corrected <= 0.97 && (!own_fails || own < 0.93);
    printf(
        "  %3.0f / %-3.0f  %3.0f / %-3.0f  %3.0f / %-3.0f  %8zu x %u  %6u  %+6.1f  %-5s  %+9.2f  %6.2f %%  %+9.2f  %6.2f %%  %s\n",
        100 * study->sensitivity[0], 100 * study->sensitivity[1], 100 * study->specificity[0],
        100 * study->specificity[1], 100 * study->missing[0], 100 * study->missing[1], study->clusters, study->k,
        study->sample, 100 * study->truth, lambda_names[tuned], 100 * sum.corrected / n, 100 * corrected,
        100 * sum.own / n, 100 * own, judge(t, ok));
}

void bench_judged(struct tally *t)
{
    struct cs_rng r = {t->seed + 90};
    printf(
        "\na judge's effect and the corrected one, level / comparator; wanted: the corrected interval covers in 93-97 %%\n"
        "  sensitiv.  specific.  no verdict  clusters      people  truth   lambda  corrected  covers    judge's    covers\n");
    for (size_t i = 0; i < JUDGED_ROWS; i++) {
        row(t, &r, &judged_rows[i].study, false, judged_rows[i].own_fails);
        row(t, &r, &judged_rows[i].study, true, judged_rows[i].own_fails);
    }
}
