#include "tools/report/stats/task_horizon.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/draw.h"

const double cs_task_horizon_shares[CS_TASK_HORIZON_SHARES] = {0.5, 0.8};

static const double penalty = 0.05;                                  /* of slope squared */
static const double tolerance_whole = 1e-13, tolerance_drawn = 1e-8; /* of the last step */
enum { STEPS_MAX = 200, HALVINGS_MAX = 60, UNDEFINED_PERCENT_MAX = 1 };

struct row { /* a task: where it stands, and what weight its successes and failures have, 1 over all */
    double x, yes, no;
};
struct rows {
    struct row *row;
    size_t n;
    double centre; /* x is log2(minutes) less this */
};
struct line {
    double a, b; /* a at the centre */
};

/* ---- the fit ---------------------------------------------------------------------------------- */

/* log(1 + exp(z)) without overflow. */
static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

static double loss(const struct rows *r, struct line l)
{
    double sum = penalty * l.b * l.b;
    for (size_t i = 0; i < r->n; i++) {
        const double z = l.a + l.b * r->row[i].x;
        sum += r->row[i].yes * softplus(-z) + r->row[i].no * softplus(z);
    }
    return sum;
}

/* Newton's step. */
static struct line step(const struct rows *r, struct line l)
{
    double ga = 0, gb = 2 * penalty * l.b, haa = 0, hab = 0, hbb = 2 * penalty;
    for (size_t i = 0; i < r->n; i++) {
        const struct row *t = &r->row[i];
        const double p = 1 / (1 + exp(-(l.a + l.b * t->x))), w = t->yes + t->no, g = w * p - t->yes,
                     h = w * p * (1 - p);
        ga += g;
        gb += g * t->x;
        haa += h;
        hab += h * t->x;
        hbb += h * t->x * t->x;
    }
    const double det = haa * hbb - hab * hab; /* positive: the loss is convex, its penalty strictly */
    return (struct line){-(hbb * ga - hab * gb) / det, -(haa * gb - hab * ga) / det};
}

/* False: every run did the same. Convex and smooth: Newton with halved steps ends where no step is left. From `start`, or NULL. */
static bool fit(const struct rows *r, const struct line *start, double tolerance, struct line *out)
{
    double yes = 0, no = 0;
    for (size_t i = 0; i < r->n; i++) {
        yes += r->row[i].yes;
        no += r->row[i].no;
    }
    if (!(yes > 0) || !(no > 0))
        return false;
    struct line l = start != NULL ? *start : (struct line){log(yes / no), 0};
    double at = loss(r, l);
    for (int i = 0; i < STEPS_MAX; i++) {
        const struct line s = step(r, l);
        double scale = 1, next = at;
        struct line to = l;
        if (!isfinite(s.a) || !isfinite(s.b))
            return false;
        for (int k = 0; k < HALVINGS_MAX; k++, scale /= 2) {
            to = (struct line){l.a + scale * s.a, l.b + scale * s.b};
            next = loss(r, to);
            if (next <= at)
                break;
        }
        const bool done = next > at || fabs(scale * s.a) + fabs(scale * s.b) < tolerance * (1 + fabs(l.a) + fabs(l.b));
        if (next <= at)
            l = to;
        at = next < at ? next : at;
        if (done)
            break;
    }
    *out = l;
    return true;
}

/* log2 of the horizon; false: there is none. */
static bool log_horizon(struct line l, double centre, double share, double *out)
{
    const double x = (log(share / (1 - share)) - l.a) / l.b + centre;
    *out = x;
    return l.b < -CS_STAT_ZERO && isfinite(x) && fabs(x) < 1000;
}

/* ---- tasks, families, draws ------------------------------------------------------------------------ */

struct family {
    uint32_t first, n; /* into order */
};
struct plan {
    const struct cs_task_horizon_task *task;
    struct family *family;
    uint32_t *order; /* tasks with runs, family by family */
    uint32_t n_families, n;
    double centre;
    double *weight; /* of each run of a task, by the task's place in order */
};

static const struct cs_task_horizon_task *task_at(const struct plan *p, uint32_t place)
{
    return &p->task[p->order[place]];
}

static void plan_open(struct plan *p, const struct cs_task_horizon_task *t, size_t n)
{
    uint32_t *size = cs_xcalloc(n + 1, sizeof *size), *number = cs_xcalloc(n + 1, sizeof *number);
    *p = (struct plan){.task = t};
    p->family = cs_xcalloc(n + 1, sizeof *p->family);
    p->order = cs_xcalloc(n + 1, sizeof *p->order);
    p->weight = cs_xcalloc(n + 1, sizeof *p->weight);
    for (size_t i = 0; i < n; i++)
        size[t[i].family] += t[i].runs > 0;
    for (size_t i = 0; i < n; i++) { /* families of n numbers, those without runs left out */
        number[i] = p->n_families;
        if (size[i] > 0)
            p->family[p->n_families++] = (struct family){p->n, 0}, p->n += size[i];
    }
    for (size_t i = 0; i < n; i++) {
        struct family *f = &p->family[number[t[i].family]];
        if (t[i].runs > 0)
            p->order[f->first + f->n++] = (uint32_t)i;
    }
    for (uint32_t k = 0; k < p->n_families; k++) {
        for (uint32_t i = p->family[k].first; i < p->family[k].first + p->family[k].n; i++) {
            p->weight[i] = 1 / (task_at(p, i)->runs * sqrt(p->family[k].n));
            p->centre += log2(task_at(p, i)->minutes) / p->n;
        }
    }
    free(size);
    free(number);
}

static void plan_close(struct plan *p)
{
    free(p->family);
    free(p->order);
    free(p->weight);
}

static void rows_open(struct rows *r, const struct plan *p)
{
    *r = (struct rows){.row = cs_xcalloc(p->n + 1, sizeof *r->row), .n = p->n, .centre = p->centre};
    for (uint32_t i = 0; i < p->n; i++)
        r->row[i].x = log2(task_at(p, i)->minutes) - p->centre;
}

static void normalise(struct rows *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->n; i++)
        sum += r->row[i].yes + r->row[i].no;
    for (size_t i = 0; i < r->n; i++) {
        r->row[i].yes /= sum;
        r->row[i].no /= sum;
    }
}

static void take_all(struct rows *r, const struct plan *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct cs_task_horizon_task *t = task_at(p, i);
        r->row[i].yes = p->weight[i] * t->successes;
        r->row[i].no = p->weight[i] * (t->runs - t->successes);
    }
    normalise(r);
}

static uint32_t below(uint64_t key, uint64_t *i, uint32_t n)
{
    return (uint32_t)(((unsigned __int128)cs_stats_draw_u64(key, (*i)++) * n) >> 64);
}

/* Families, their tasks, their runs, each with replacement. */
static void take_draw(struct rows *r, const struct plan *p, uint64_t key)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < p->n; i++)
        r->row[i].yes = r->row[i].no = 0;
    for (uint32_t k = 0; k < p->n_families; k++) {
        const struct family *f = &p->family[below(key, &at, p->n_families)];
        for (uint32_t i = 0; i < f->n; i++) {
            const uint32_t place = f->first + below(key, &at, f->n);
            const struct cs_task_horizon_task *t = task_at(p, place);
            uint32_t yes = 0;
            for (uint32_t j = 0; j < t->runs; j++)
                yes += below(key, &at, t->runs) < t->successes;
            r->row[place].yes += p->weight[place] * yes;
            r->row[place].no += p->weight[place] * (t->runs - yes);
        }
    }
    normalise(r);
}

struct draws {
    const struct plan *plan;
    struct line line; /* of all runs, where each draw's begins */
    uint64_t seed;
    double *horizon; /* [share * draws + draw]; NaN: none */
    uint32_t n;
};

static void run_draws(void *ctx, uint32_t from, uint32_t to, unsigned worker)
{
    const struct draws *d = ctx;
    struct rows r;
    (void)worker;
    rows_open(&r, d->plan);
    for (uint32_t i = from; i < to; i++) {
        struct line l = {0};
        take_draw(&r, d->plan, cs_stats_draw_key(d->seed, i, CS_DRAW_TASKS));
        const bool some = fit(&r, &d->line, tolerance_drawn, &l);
        for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++) {
            double x = 0;
            const bool known = some && log_horizon(l, r.centre, cs_task_horizon_shares[k], &x);
            d->horizon[(size_t)k * d->n + i] = known ? x : NAN;
        }
    }
    free(r.row);
}

static void make_interval(const double *x, uint32_t draws, double alpha, struct cs_task_horizon_at *out)
{
    double *known = cs_xcalloc((size_t)draws + 1, sizeof *known);
    uint32_t n = 0;
    for (uint32_t i = 0; i < draws; i++) {
        if (!isnan(x[i]))
            known[n++] = x[i];
    }
    out->interval_status = CS_STAT_RARE;
    if ((uint64_t)(draws - n) * 100 <= (uint64_t)draws * UNDEFINED_PERCENT_MAX && n > 0) {
        const struct cs_interval ci = cs_bootstrap_percentile(known, n, alpha);
        out->interval_status = CS_STAT_OK;
        out->ci = (struct cs_interval){exp2(ci.lo), exp2(ci.hi)};
    }
    free(known);
}

static void make_intervals(const struct plan *p, struct line line, const struct cs_boot *boot, double alpha,
                           struct cs_task_horizon *out)
{
    struct draws d = {p, line, boot->seed, NULL, boot->draws};
    for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++)
        out->at[k].interval_status = CS_STAT_TOO_FEW;
    if (p->n_families < CS_BOOT_CLUSTERS_MIN || boot->draws < CS_BOOT_DRAWS_MIN)
        return;
    d.horizon = cs_xcalloc((size_t)boot->draws * CS_TASK_HORIZON_SHARES, sizeof *d.horizon);
    cs_bootstrap_each(boot, run_draws, &d);
    for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++)
        make_interval(d.horizon + (size_t)k * boot->draws, boot->draws, alpha, &out->at[k]);
    free(d.horizon);
}

static bool is_readable(const struct cs_task_horizon_task *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CS_ASSERT(t[i].family < n);
        if (!(t[i].minutes > 0) || !isfinite(t[i].minutes) || t[i].successes > t[i].runs)
            return false;
    }
    return true;
}

void cs_task_horizon(const struct cs_task_horizon_task *t, size_t n, const struct cs_boot *boot, double alpha,
                     struct cs_task_horizon *out)
{
    struct plan p;
    struct rows r;
    struct line l;
    *out = (struct cs_task_horizon){.status = CS_STAT_BAD_INPUT};
    for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++)
        out->at[k] = (struct cs_task_horizon_at){.status = CS_STAT_UNDEFINED, .interval_status = CS_STAT_UNDEFINED};
    if (!is_readable(t, n) || !cs_stats_is_level(alpha))
        return;
    plan_open(&p, t, n);
    out->tasks = p.n;
    out->families = p.n_families;
    for (uint32_t i = 0; i < p.n; i++) {
        out->runs += task_at(&p, i)->runs;
        out->successes += task_at(&p, i)->successes;
    }
    rows_open(&r, &p);
    out->status = p.n < 2 ? CS_STAT_TOO_FEW : CS_STAT_CONSTANT;
    if (p.n >= 2) {
        take_all(&r, &p);
        if (fit(&r, NULL, tolerance_whole, &l)) {
            out->status = CS_STAT_OK;
            out->slope = l.b;
            out->intercept = l.a - l.b * r.centre;
            make_intervals(&p, l, boot, alpha, out);
            for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++) {
                double x = 0;
                if (log_horizon(l, r.centre, cs_task_horizon_shares[k], &x)) {
                    out->at[k].status = CS_STAT_OK;
                    out->at[k].minutes = exp2(x);
                }
            }
        }
    }
    free(r.row);
    plan_close(&p);
}
