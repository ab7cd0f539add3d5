/* components.h - what moved with the level, what moved with the case, what moves when asked again.
 *
 * With D_i the difference of cluster i (level a minus comparator 0), S their mean, s2 their variance over n clusters, and v_i
 * the sampling variance that re-asking alone gives D_i:
 *   systematic^2   = S^2 - s2 / n         (unbiased for the squared population shift)
 *   case-specific  = s2 - mean(v_i)       (unbiased for the variance of the true shifts over cases)
 *   re-ask noise   = mean over cells of the disagreement within a cell
 *   binary   D = p_a - p_0,  v = sum over arms of p (1 - p) / (K - 1)
 *   nominal  squares become half the sum over categories; two categories give the binary result
 *   ordinal  D = difference of mean levels, v = sum over arms of (variance of the answers, K - 1 below the line) / K
 * Method of moments for a random-effects model of one difference per cluster (Searle, Casella, McCulloch, Variance Components
 * (1992) chapter 4). Behind it, for each case: disagreement between arms - mean of the disagreements within = D_i^2, where
 * two answers disagree by 1 (binary, nominal) or by the squared distance of their levels (ordinal).
 * Squares are estimates and may be negative; they are never cut at 0, so that they can be averaged. Standard errors leave out
 * one cluster at a time (Tukey, Ann Math Stat 29 (1958) 614).
 *
 * Needs K >= 2 answers in both cells of a cluster (others are left out and counted) and 3 clusters. Sensitivity to any
 * rewording counts as case-specific: read it beside the placebo and rephrase arms, and not at temperature 0.
 */
#ifndef CS_COMPONENTS_H
#define CS_COMPONENTS_H

#include "tools/report/stats/cluster.h"

enum cs_answer_scale {
    CS_SCALE_BINARY,  /* 2 categories: no, yes */
    CS_SCALE_NOMINAL, /* 2 or more */
    CS_SCALE_ORDINAL, /* 2 or more, in order; units are levels */
};

struct cs_component {
    double value, se;
};

struct cs_components {
    enum cs_stat_status status;
    size_t used, left_out;        /* clusters */
    struct cs_cluster_test shift; /* signed, with its t interval; CS_STAT_UNDEFINED for nominal answers */
    struct cs_component systematic_sq;
    struct cs_component case_sq;
    struct cs_component noise;    /* disagreement of two re-asks: a share, or squared levels */
    struct cs_component disagree; /* share of two re-asks that differ at all; equals noise unless ordinal */
    double case_sd; /* square root of case_sq, 0 where that is negative: for display, never for averages */
};

/* Counts of answers, cluster by cluster: level[i * k + c] of category c; k as the scale allows. */
struct cs_components cs_stats_components(enum cs_answer_scale scale, const uint32_t *level, const uint32_t *comparator,
                                         size_t clusters, size_t k, double alpha);

/* The same from what a caller has reduced already, for binary and ordinal answers and numbers: one entry a cluster. */
struct cs_component_cluster {
    double d;        /* difference of the means of its two cells */
    double v;        /* sampling variance of d by re-asking: sum over arms of (variance of an answer) / K */
    double noise;    /* mean over its cells of 2 x (variance of an answer); of a binary answer the disagreement */
    double disagree; /* mean over its cells of the share of re-ask pairs that differ; 0 where it was not counted */
};

/* All clusters have K >= 2 in both cells. range as for cs_cluster_t. */
struct cs_components cs_stats_components_reduced(const struct cs_component_cluster *cluster, size_t n, double alpha,
                                                 double range);

#endif
