/* power.h - what a study's declared comparisons can see, before they are paid for: power at the adjusted alpha.
 *
 * One row for all primary comparisons of an outcome that have the same numbers of clusters and of answers, and the same assumed spread
 * of the shift. The formula is that of stats/power.h. Assumed, and said: no refusals, cluster shifts near normal; the noise of re-asking
 * and the spread (tau) as the study declares them, else the worst case and a range. Thread: main.
 */
#ifndef CS_PLAN_POWER_H
#define CS_PLAN_POWER_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "protocol/load/load.h"
#include "protocol/study/plan.h"

struct cs_case_facts;
struct cs_spec_contrast;

struct cs_power_row {
    const char *outcome, *unit; /* valid as long as struct cs_plan_power */
    uint32_t comparisons;
    uint32_t clusters;
    double answers, answers_comparator; /* mean number in a cluster, on either side */
    double margin, tau, noise;          /* in the unit; noise: points: chance that two answers differ; else SD */
    bool tau_declared, noise_declared;  /* else assumed */
    bool known;                         /* false: no noise to assume (numbers), or too few clusters */
    double se, smallest;                /* in the unit; smallest: shift found with 90 % */
    double difference, difference_2, equivalence; /* power at a shift of the margin, of twice it; at no shift */
    double range; /* of the answer, in the unit; 0: it has no ends, or each cluster gives one pair of yes/no answers */
    double least_0,
        least_1; /* the smallest margin that can be met when no cluster moves, when one does (stats/cluster.h); 0: not known */
};

struct cs_plan_power {
    struct cs_power_facts *facts; /* what the strings live in */
    const char *adjust;
    double alpha, alpha_each; /* for the family; for each test after the adjustment */
    uint32_t family;
    uint32_t one_sentence; /* levels under primary comparison that are said in one sentence each: */
    const char *in_factor; /* the first factor that has such levels */
    struct cs_power_row *rows;
    uint32_t n_rows, cap;
};

CS_WARN_UNUSED enum cs_err cs_plan_power_make(const struct cs_plan *plan, const struct cs_loaded *l,
                                              struct cs_plan_power *out, struct cs_error *err);
/* The power at a shift of the margin with so many clusters, and answers multiplied; 0 when it is not known. */
double cs_plan_power_at_margin(const struct cs_power_row *r, double alpha, double clusters, double times);
/* Clusters that such a comparison has, and how many of its cases are in each on the average. */
uint32_t cs_plan_power_clusters(const struct cs_loaded *l, const struct cs_case_facts *f,
                                const struct cs_spec_contrast *c, double *cases_each);
void cs_plan_power_release(struct cs_plan_power *p); /* a zeroed struct is fine */
void cs_plan_power_text(const struct cs_plan_power *p, FILE *out);
struct cs_json *cs_plan_power_json(const struct cs_plan_power *p); /* the caller's */

#endif
