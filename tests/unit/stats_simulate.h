/* Simulated studies with a known truth, for the acceptance of the statistics (unit test and tests/bench/statistics.c).
 *
 * Case i has base log-odds a ~ N(mu, sd) and its own shift delta + tau z, z ~ N(0, 1): p0 = logistic(a), pa = logistic(a +
 * delta + tau z). Cases are redrawn in every study; the truth is the population's, by numerical integration over a and z. */
#ifndef CS_TEST_STATS_SIMULATE_H
#define CS_TEST_STATS_SIMULATE_H

#include <math.h>
#include <stdint.h>

#include "protocol/base/rng.h"

struct sim {
    double mu, sd, delta, tau;
};
struct sim_truth {
    double p0, pa, shift, case_variance, noise;
};

static inline double sim_logistic(double x)
{
    return 1 / (1 + exp(-x));
}

static inline double sim_normal(struct cs_rng *r)
{
    const double u = 1 - cs_rng_unit(r), v = cs_rng_unit(r);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* How many of k answers are yes. */
static inline uint32_t sim_count(struct cs_rng *r, double p, uint32_t k)
{
    uint32_t yes = 0;
    for (uint32_t i = 0; i < k; i++)
        yes += cs_rng_unit(r) < p;
    return yes;
}

/* Trapezium over +-8 SD, where it converges faster than any power of the step. */
static inline struct sim_truth sim_truth(const struct sim *s)
{
    enum { HALF = 80 };
    struct sim_truth t = {0};
    double weight = 0, squares = 0;
    for (int i = -HALF; i <= HALF; i++)
        for (int j = -HALF; j <= HALF; j++) {
            const double x = 8.0 * i / HALF, z = 8.0 * j / HALF, w = exp(-(x * x + z * z) / 2);
            const double a = s->mu + s->sd * x, p0 = sim_logistic(a), pa = sim_logistic(a + s->delta + s->tau * z);
            weight += w;
            t.p0 += w * p0;
            t.pa += w * pa;
            squares += w * (pa - p0) * (pa - p0);
            t.noise += w * (p0 * (1 - p0) + pa * (1 - pa));
        }
    t.p0 /= weight;
    t.pa /= weight;
    t.shift = t.pa - t.p0;
    t.case_variance = squares / weight - t.shift * t.shift;
    t.noise /= weight;
    return t;
}

/* The population whose comparator says yes at `rate`. */
static inline struct sim sim_at_rate(double rate, double sd, double delta, double tau)
{
    double lo = -15, hi = 15;
    for (int i = 0; i < 50; i++) {
        const struct sim s = {(lo + hi) / 2, sd, 0, 0};
        if (sim_truth(&s).p0 < rate)
            lo = s.mu;
        else
            hi = s.mu;
    }
    return (struct sim){(lo + hi) / 2, sd, delta, tau};
}

/* The shift in log-odds that moves the population by `points` (a fraction) in the mean. */
static inline struct sim sim_at_shift(double rate, double sd, double points, double tau)
{
    struct sim s = sim_at_rate(rate, sd, 0, tau);
    double lo = -10, hi = 10;
    for (int i = 0; i < 50; i++) {
        s.delta = (lo + hi) / 2;
        if (sim_truth(&s).shift < points)
            lo = s.delta;
        else
            hi = s.delta;
    }
    return s;
}

/* One study: counts of yes in k answers a cell, and the difference of each case. level and comparator may be NULL. */
static inline void sim_study(const struct sim *s, struct cs_rng *r, size_t n, uint32_t k, double *d, uint32_t *level,
                             uint32_t *comparator)
{
    for (size_t i = 0; i < n; i++) {
        const double a = s->mu + s->sd * sim_normal(r);
        const double shift = s->delta + s->tau * sim_normal(r);
        const uint32_t yes = sim_count(r, sim_logistic(a + shift), k), yes0 = sim_count(r, sim_logistic(a), k);
        d[i] = ((double)yes - (double)yes0) / k;
        if (level != NULL) {
            level[2 * i] = k - yes;
            level[2 * i + 1] = yes;
            comparator[2 * i] = k - yes0;
            comparator[2 * i + 1] = yes0;
        }
    }
}

#endif
