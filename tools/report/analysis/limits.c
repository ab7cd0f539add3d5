/* limits.c - what a test could have seen: "no difference shown" by a small study says little, and says how little. */
#include <math.h>

#include "tools/report/analysis/sections.h"
#include "tools/report/stats/power.h"

#define POWER 0.8

/* The level of one test: alpha / m bounds every adjustment from below (stats/power.h). */
static double level_of(const struct cs_report_work *w, uint32_t family)
{
    return w->declared->adjust == CS_ADJUST_NONE || family == 0 ? w->declared->alpha : w->declared->alpha / family;
}

static struct cs_report_figure smallest_shift(const struct cs_report_contrast *c, double alpha)
{
    /* what a cluster's difference varies by, sampling included, is known by now */
    const struct cs_power_design d = {
        .n = c->clusters, .tau = c->se.value * sqrt(c->clusters), .ka = 1, .k0 = 1, .alpha = alpha};
    double shift = 0;
    if (!c->se.known || c->se.value <= 0 || !cs_stats_usable(cs_stats_power_smallest_shift(&d, POWER, &shift).status))
        return (struct cs_report_figure){0};
    return cs_analysis_work_known(shift);
}

void cs_analysis_limits(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t exploratory = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        exploratory += r->contrasts[i].in_family && !r->contrasts[i].primary;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        struct cs_report_contrast *c = &r->contrasts[i];
        if (c->in_family)
            c->detectable = smallest_shift(c, level_of(w, c->primary ? r->declared.family : exploratory));
    }
}

const struct cs_report_table cs_analysis_limits_tables[] = {{0}};
