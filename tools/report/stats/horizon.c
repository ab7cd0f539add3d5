#include "tools/report/stats/horizon.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/proportion.h"

/* What at most differs where no cluster was seen to. */
static double unseen(size_t n, double alpha)
{
    return 1 - pow(alpha / 2, 1.0 / (double)n);
}

static void count_risks(const struct cs_horizon_cluster *c, size_t n, struct cs_horizon *h)
{
    double survival = 1;
    for (size_t i = 0; i < n; i++)
        h->n += c[i].risk[0] > 0;
    for (unsigned t = 0; t < h->turns; t++) {
        struct cs_horizon_turn *turn = &h->turn[t];
        for (size_t i = 0; i < n; i++) {
            turn->risk += c[i].risk[t];
            turn->changed += c[i].changed[t];
        }
        if (turn->risk > 0)
            survival *= 1 - turn->changed / turn->risk;
        turn->survival = survival;
        h->mean += survival;
    }
}

/* u_i(t), and the sum of S(t) u_i(t), of one cluster. */
static double influence(const struct cs_horizon_cluster *c, const struct cs_horizon *h, double u[CS_HORIZON_TURNS_MAX])
{
    double sum = 0, mean = 0;
    for (unsigned t = 0; t < h->turns; t++) {
        const struct cs_horizon_turn *turn = &h->turn[t];
        const double hazard = turn->risk > 0 ? turn->changed / turn->risk : 0;
        if (turn->risk > 0 && hazard < 1)
            sum -= (c->changed[t] - hazard * c->risk[t]) / (turn->risk * (1 - hazard));
        u[t] = sum;
        mean += turn->survival * sum;
    }
    return mean;
}

static double error_of(double squares, size_t n)
{
    return sqrt((double)n / (double)(n - 1) * squares);
}

static void bound_turn(struct cs_horizon_turn *turn, size_t n, double alpha)
{
    const double q = unseen(n, alpha);
    turn->status = CS_STAT_BOUND;
    turn->ci = turn->survival < 0.5 ? (struct cs_interval){0, q} : (struct cs_interval){1 - q, 1};
}

static void set_turn(struct cs_horizon_turn *turn, double squares, size_t n, double alpha)
{
    if (n < 2) {
        turn->status = CS_STAT_TOO_FEW;
        return;
    }
    const double se_log = error_of(squares, n), crit = cs_dist_t_critical(alpha / 2, (double)(n - 1));
    turn->se = turn->survival * se_log;
    if (turn->survival < CS_STAT_ZERO || turn->survival > 1 - CS_STAT_ZERO || se_log < CS_STAT_ZERO) {
        bound_turn(turn, n, alpha);
        return;
    }
    const double theta = log(-log(turn->survival)), half = crit * se_log / -log(turn->survival);
    turn->ci = (struct cs_interval){exp(-exp(theta + half)), exp(-exp(theta - half))};
    turn->status = CS_STAT_OK;
}

static void set_mean(struct cs_horizon *h, double squares, double alpha)
{
    h->status = CS_STAT_TOO_FEW;
    if (h->n < 2)
        return;
    h->mean_se = error_of(squares, h->n);
    const double half = cs_dist_t_critical(alpha / 2, (double)(h->n - 1)) * h->mean_se, most = h->turns;
    h->status = CS_STAT_OK;
    h->mean_ci = (struct cs_interval){cs_stats_max(1, h->mean - half), cs_stats_min(most, h->mean + half)};
    if (h->mean_se < CS_STAT_ZERO) { /* all alike: those unseen may hold for one turn, or for all */
        const double q = unseen(h->n, alpha);
        h->status = CS_STAT_BOUND;
        h->mean_ci = (struct cs_interval){h->mean - q * (h->mean - 1), h->mean + q * (most - h->mean)};
    }
}

void cs_horizon_make(const struct cs_horizon_cluster *c, size_t n, unsigned turns, double alpha, struct cs_horizon *out)
{
    double squares[CS_HORIZON_TURNS_MAX] = {0}, mean = 0, u[CS_HORIZON_TURNS_MAX];
    CS_ASSERT(turns >= 1 && turns <= CS_HORIZON_TURNS_MAX);
    *out = (struct cs_horizon){.turns = turns};
    count_risks(c, n, out);
    for (size_t i = 0; i < n; i++) {
        const double m = influence(&c[i], out, u);
        mean += m * m;
        for (unsigned t = 0; t < turns; t++)
            squares[t] += u[t] * u[t];
    }
    for (unsigned t = 0; t < turns; t++)
        set_turn(&out->turn[t], squares[t], out->n, alpha);
    set_mean(out, mean, alpha);
}

struct cs_horizon_at cs_horizon_at(const struct cs_horizon *h, double share)
{
    struct cs_horizon_at at = {0};
    for (unsigned t = 0; t < h->turns; t++) {
        const struct cs_horizon_turn *turn = &h->turn[t];
        at.turn = turn->survival >= share - CS_STAT_ZERO ? t + 1 : at.turn;
        at.low = cs_stats_usable(turn->status) && (t == 0 || turn->ci.lo >= share - CS_STAT_ZERO) ? t + 1 : at.low;
        at.high = cs_stats_usable(turn->status) && (t == 0 || turn->ci.hi >= share - CS_STAT_ZERO) ? t + 1 : at.high;
    }
    at.beyond = at.turn == h->turns;
    at.high_beyond = at.high == h->turns;
    return at;
}

struct cs_horizon_difference cs_horizon_compare(const struct cs_horizon_cluster *level,
                                                const struct cs_horizon_cluster *comparator, size_t n, unsigned turns,
                                                double alpha)
{
    struct cs_horizon a, b;
    struct cs_horizon_difference d = {.status = CS_STAT_TOO_FEW};
    double u[CS_HORIZON_TURNS_MAX], v[CS_HORIZON_TURNS_MAX], survival = 0, mean = 0;
    cs_horizon_make(level, n, turns, alpha, &a);
    cs_horizon_make(comparator, n, turns, alpha, &b);
    const struct cs_horizon_turn *last_a = &a.turn[turns - 1], *last_b = &b.turn[turns - 1];
    d.survival = last_a->survival - last_b->survival;
    d.mean = a.mean - b.mean;
    for (size_t i = 0; i < n; i++) {
        d.n += level[i].risk[0] > 0 || comparator[i].risk[0] > 0;
        const double m = influence(&level[i], &a, u) - influence(&comparator[i], &b, v);
        const double s = last_a->survival * u[turns - 1] - last_b->survival * v[turns - 1];
        mean += m * m;
        survival += s * s;
    }
    if (a.n == 0 || b.n == 0 || d.n < 2)
        return d;
    if (survival < CS_STAT_ZERO && mean < CS_STAT_ZERO) {
        d.status = CS_STAT_CONSTANT;
        return d;
    }
    const double crit = cs_dist_t_critical(alpha / 2, (double)(d.n - 1));
    const double half_s = crit * error_of(survival, d.n), half_m = crit * error_of(mean, d.n);
    d.status = CS_STAT_OK;
    d.survival_ci = (struct cs_interval){cs_stats_max(-1, d.survival - half_s), cs_stats_min(1, d.survival + half_s)};
    d.mean_ci = (struct cs_interval){d.mean - half_m, d.mean + half_m};
    return d;
}

struct cs_horizon_share cs_horizon_share(const double *a, const double *b, size_t n, double alpha)
{
    struct cs_horizon_share s = {.status = CS_STAT_UNDEFINED};
    double squares = 0;
    bool single = true;
    for (size_t i = 0; i < n; i++) {
        s.n += b[i] > 0;
        single = single && b[i] < 1.5;
        s.a += b[i] > 0 ? a[i] : 0;
        s.b += b[i];
    }
    if (s.n == 0)
        return s;
    s.share = s.a / s.b;
    s.status = CS_STAT_TOO_FEW;
    if (s.n < 2)
        return s;
    if (single) {
        const struct cs_proportion w = cs_proportion_wilson((uint32_t)s.a, (uint32_t)s.b, alpha);
        s.status = w.status;
        s.ci = w.ci;
        return s;
    }
    for (size_t i = 0; i < n; i++) {
        const double u = b[i] > 0 ? (a[i] - s.share * b[i]) / s.b : 0;
        squares += u * u;
    }
    const double half = cs_dist_t_critical(alpha / 2, (double)(s.n - 1)) * error_of(squares, s.n);
    s.status = CS_STAT_OK;
    s.ci = (struct cs_interval){cs_stats_unit(s.share - half), cs_stats_unit(s.share + half)};
    if (half < CS_STAT_ZERO) {
        const double q = unseen(s.n, alpha);
        s.status = CS_STAT_BOUND;
        s.ci = (struct cs_interval){cs_stats_unit(s.share - q * s.share), cs_stats_unit(s.share + q * (1 - s.share))};
    }
    return s;
}
