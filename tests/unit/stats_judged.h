/* Simulated studies whose answers are judged: a judge that errs and is silent by arm, people on a sample stratified by arm and verdict.
 *
 * Arm 0 is the level, 1 the comparator. Rates as in stats_simulate.h; the sample is drawn as `clinsafe labels --stratify judge` does. */
#ifndef CS_TEST_STATS_JUDGED_H
#define CS_TEST_STATS_JUDGED_H

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tests/unit/stats_simulate.h"
#include "tools/labels/strata.h"
#include "tools/report/stats/calibrated.h"
#include "tools/report/stats/cluster.h"

struct judged_study {
    size_t clusters;
    uint32_t k, sample; /* answers a cluster and arm; outputs that people rate */
    double truth;       /* shift */
    double sensitivity[2], specificity[2], missing[2];
};

struct judged_tally {
    double covered, own_covered, corrected, own; /* sums over studies */
};

enum { JUDGED_ROWS = 5 };
static const struct {
    struct judged_study study;
    bool own_fails; /* the judge's own interval must not cover */
} judged_rows[JUDGED_ROWS] = {
    {{200, 5, 400, 0.25, {0.9, 0.9}, {0.9, 0.9}, {0, 0}}, true},
    {{60, 5, 150, 0, {0.9, 0.9}, {0.9, 0.8}, {0, 0}}, true},
    {{60, 5, 150, 0.15, {0.9, 0.9}, {0.8, 0.9}, {0, 0}}, false},
    {{60, 5, 150, 0, {0.9, 0.9}, {0.9, 0.8}, {0.1, 0.02}}, true},
    {{200, 5, 400, 0.25, {0.9, 0.9}, {0.9, 0.9}, {0.1, 0.02}}, true},
};

enum { JUDGED_WORDS = 3, JUDGED_STRATA = 2 * JUDGED_WORDS, JUDGED_OUTPUTS_MAX = 2 * 200 * 5 };

struct judged_output {
    bool truth;
    uint8_t arm, word; /* word: 0 no, 1 yes, 2 no verdict */
    double pi;         /* 0: not rated */
};

static inline void judged_draw(const struct judged_study *s, const struct sim *population, struct cs_rng *r,
                               struct judged_output *out)
{
    for (size_t i = 0; i < s->clusters; i++) {
        const double a = population->mu + population->sd * sim_normal(r);
        const double shift = population->delta + population->tau * sim_normal(r);
        for (uint8_t arm = 0; arm < 2; arm++)
            for (uint32_t k = 0; k < s->k; k++, out++) {
                *out = (struct judged_output){.arm = arm};
                out->truth = cs_rng_unit(r) < sim_logistic(arm == 0 ? a + shift : a);
                const double yes = out->truth ? s->sensitivity[arm] : 1 - s->specificity[arm];
                out->word = cs_rng_unit(r) < s->missing[arm] ? 2 : cs_rng_unit(r) < yes ? 1 : 0;
            }
    }
}

/* Whom people get: in each stratum the wanted number, any of its outputs as likely as any other. */
static inline void judged_sample(const struct judged_study *s, struct cs_rng *r, struct judged_output *list, size_t n)
{
    uint64_t sizes[JUDGED_STRATA] = {0}, full[JUDGED_STRATA], take[JUDGED_STRATA], chosen[JUDGED_STRATA] = {0},
             seen[JUDGED_STRATA] = {0};
    uint32_t n_strata = 0, number[JUDGED_STRATA];
    for (size_t i = 0; i < n; i++)
        sizes[list[i].arm * JUDGED_WORDS + list[i].word]++;
    for (uint32_t k = 0; k < JUDGED_STRATA; k++) {
        number[k] = n_strata;
        if (sizes[k] > 0)
            full[n_strata++] = sizes[k];
    }
    cs_strata_share(full, n_strata, s->sample, take);
    /* Selection sampling: the next output is taken with chance (still wanted) / (still to come). */
    for (size_t i = 0; i < n; i++) {
        const uint32_t k = number[list[i].arm * JUDGED_WORDS + list[i].word];
        const double to_come = (double)(full[k] - seen[k]++), wanted = (double)(take[k] - chosen[k]);
        const bool rated = cs_rng_unit(r) * to_come < wanted;
        chosen[k] += rated;
        list[i].pi = rated ? (double)take[k] / (double)full[k] : 0;
    }
}

static inline bool judged_covers(const struct cs_cluster_test *t, double truth)
{
    return t->status == CS_STAT_OK && t->ci.lo <= truth && truth <= t->ci.hi;
}

/* The judge's own effect: an output without a verdict is missing. */
static inline struct cs_cluster_test judged_own(const struct judged_study *s, const struct judged_output *list)
{
    double d[200];
    size_t n = 0;
    for (size_t i = 0; i < s->clusters; i++) {
        double yes[2] = {0}, of[2] = {0};
        for (uint32_t j = 0; j < 2 * s->k; j++) {
            const struct judged_output *o = &list[i * 2 * s->k + j];
            yes[o->arm] += o->word == 1;
            of[o->arm] += o->word != 2;
        }
        if (of[0] > 0 && of[1] > 0)
            d[n++] = yes[0] / of[0] - yes[1] / of[1];
    }
    return cs_cluster_t(d, n, 0.05, 1);
}

static inline struct cs_cluster_test judged_corrected(const struct judged_study *s, const struct judged_output *list,
                                                      bool tuned)
{
    double judged[200] = {0}, rated[200] = {0}, d[200], yes = 0, words = 0;
    const size_t each = 2 * s->k;
    for (size_t i = 0; i < s->clusters * each; i++) {
        yes += list[i].word == 1;
        words += list[i].word != 2;
    }
    for (size_t i = 0; i < s->clusters * each; i++) {
        const struct judged_output *o = &list[i];
        const double sign = (o->arm == 0 ? 1.0 : -1.0) / s->k;
        const struct cs_calibrated_parts p = cs_calibrated_split(o->word == 2 ? yes / words : o->word, o->truth, o->pi);
        judged[i / each] += sign * p.judged;
        rated[i / each] += sign * p.rated;
    }
    const double lambda = tuned ? cs_calibrated_lambda(judged, rated, s->clusters) : 1;
    for (size_t i = 0; i < s->clusters; i++)
        d[i] = rated[i] + lambda * judged[i];
    return cs_cluster_t(d, s->clusters, 0.05, 0);
}

static inline struct sim judged_population(const struct judged_study *s)
{
    return sim_at_shift(0.35, 0.8, s->truth, 0.3);
}

static inline void judged_once(const struct judged_study *s, const struct sim *population, struct cs_rng *r, bool tuned,
                               struct judged_tally *sum)
{
    struct judged_output *list = cs_xcalloc(JUDGED_OUTPUTS_MAX, sizeof *list);
    judged_draw(s, population, r, list);
    judged_sample(s, r, list, s->clusters * 2 * s->k);
    const struct cs_cluster_test own = judged_own(s, list), corrected = judged_corrected(s, list, tuned);
    sum->own_covered += judged_covers(&own, s->truth);
    sum->covered += judged_covers(&corrected, s->truth);
    sum->own += own.mean;
    sum->corrected += corrected.mean;
    free(list);
}

#endif
