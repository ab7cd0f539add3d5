/* quota_model.h - the script of store/redis/quota.h once more, in C and with a clock of the test's: for fleets in virtual time.
 * One pool, per-minute dimensions and calls in flight only. test_quota.c holds it against the script itself.
 */
#ifndef QUOTA_MODEL_H
#define QUOTA_MODEL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/quota.h"

enum { MODEL_WORKERS = 64 };

struct model_row {
    bool there;
    double seen, want, share, credit, held, allotted;
};

struct quota_model { /* all zero: Redis holds nothing */
    bool there;
    bool was_told;
    double at, born, quiet, told_at, told[CS_QUOTA_PER_MINUTE], level[CS_QUOTA_PER_MINUTE];
    struct model_row row[MODEL_WORKERS];
};

static int model_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest level at which all that want get something. */
static inline double model_level(double wants[MODEL_WORKERS], uint32_t n, double mine, double left)
{
    wants[n++] = mine;
    qsort(wants, n, sizeof *wants, model_compare);
    for (uint32_t i = 0; i < n; i++) {
        double even = left / (n - i);
        if (wants[i] > even)
            return fmin(mine, even);
        left -= wants[i];
    }
    return mine;
}

static inline double model_fair(struct quota_model *m, uint32_t me, double want, double gives, double now, double *had)
{
    double wants[MODEL_WORKERS], taken = 0, unknown = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < MODEL_WORKERS; i++) {
        struct model_row *r = &m->row[i];
        r->there = r->there && (i == me || now - r->seen <= (r->allotted > 0 ? CS_QUOTA_HELD_MS : CS_QUOTA_HOLD_MS));
        if (!r->there || i == me || now - r->seen > CS_QUOTA_HOLD_MS)
            continue;
        wants[n++] = r->want;
        unknown += r->share < 0;
        taken += r->share < 0 ? 0 : r->share;
    }
    if (now - m->born < CS_QUOTA_HOLD_MS + CS_QUOTA_LIFE_MS) {
        if (*had < 0)
            *had = fmax(0, 1 - taken) / (unknown + 1);
        return fmin(want, *had * gives);
    }
    return model_level(wants, n, want, gives);
}

static inline double model_allot(const struct quota_model *m, uint32_t me, const struct cs_quota_ask *a, double now)
{
    double calls[MODEL_WORKERS], in_use = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < MODEL_WORKERS; i++) {
        const struct model_row *r = &m->row[i];
        if (!r->there || i == me)
            continue;
        in_use += r->allotted;
        if (now - r->seen <= CS_QUOTA_HOLD_MS)
            calls[n++] = r->want + r->held;
    }
    double most = model_level(calls, n, a->want + a->held, a->pool[0].concurrent);
    if (now - m->born < CS_QUOTA_HOLD_MS + CS_QUOTA_LIFE_MS)
        most = fmin(most, a->pool[0].allotted);
    return fmax(0, fmin(ceil(most - 1e-6), a->pool[0].concurrent - in_use));
}

static inline double model_limit(const struct quota_model *m, const struct cs_quota_ask *a, int d)
{
    double limit = a->pool[0].limit[d];
    return m->was_told && m->told[d] > 0 ? fmin(limit, m->told[d]) : limit;
}

static inline struct cs_quota_grant model_ask(struct quota_model *m, uint32_t me, const struct cs_quota_ask *a,
                                              double now)
{
    double fits = 1e300, gives = 1e300, returned = 1e300, had = a->pool[0].share;
    struct model_row *r = &m->row[me];
    if (!m->there)
        m->born = now;
    const struct cs_quota_told *told = &a->pool[0].told;
    if (told->age_ms >= 0 && (!m->was_told || now - (double)told->age_ms > m->told_at)) {
        m->was_told = true;
        m->told_at = now - (double)told->age_ms;
        memcpy(m->told, told->limit, sizeof m->told);
    }
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++) {
        double rate = CS_QUOTA_PART * model_limit(m, a, d) / 60e3, c = a->cost[d];
        if (rate <= 0)
            continue;
        m->level[d] = m->there ? m->level[d] + rate * fmax(0, now - m->at) : -rate * CS_QUOTA_LIFE_MS;
        m->level[d] = fmin(m->level[d] + a->back[d], fmax(rate * CS_QUOTA_RESERVE_MS, c));
        fits = fmin(fits, m->level[d] / c);
        gives = fmin(gives, rate * CS_QUOTA_SLICE_MS / c);
        returned = fmin(returned, a->back[d] / c);
    }
    m->there = true;
    m->at = now;
    struct cs_quota_grant g = {0};
    bool young = now - m->born < CS_QUOTA_HOLD_MS + CS_QUOTA_LIFE_MS;
    double mine = model_fair(m, me, a->want, gives, now, &had), credit = 0;
    double pace = fits > gives * CS_QUOTA_RESERVE_MS / CS_QUOTA_SLICE_MS * 0.6 ? 1.05 : 1;
    if (gives >= 1e300)
        credit = a->want;
    else if (r->there)
        credit = r->credit + fmax(0, returned) +
                 pace * mine * fmin(now - r->seen, CS_QUOTA_LIFE_MS) / CS_QUOTA_SLICE_MS;
    credit = fmin(credit, 2 * mine + 2);
    if (a->quiet_ms > 0)
        m->quiet = fmax(m->quiet, now + (double)a->quiet_ms);
    double n = now >= m->quiet ? fmax(0, floor(fmin(fmin(a->want, credit), fits) + 1e-6)) : 0;
    double may = a->pool[0].concurrent > 0 ? model_allot(m, me, a, now) : 0;
    if (a->pool[0].concurrent > 0 && may < 1)
        n = 0;
    double holds = a->pool[0].concurrent > 0 ? fmax(may, a->held) : 0;
    *r = (struct model_row){a->want > 0 || holds > 0,
                            now,
                            a->want,
                            young ? a->pool[0].share : fmin(1, mine / gives),
                            credit - n,
                            a->held,
                            holds};
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++)
        m->level[d] -= a->pool[0].limit[d] > 0 ? n * a->cost[d] : 0;
    g.calls = (uint32_t)n;
    g.quiet_ms = (uint64_t)ceil(fmax(0, m->quiet - now));
    g.pool[0] = (struct cs_quota_part){
        young && gives < 1e300 ? -1 : fmin(1, mine / gives), (uint32_t)may, {.age_ms = -1}};
    if (m->was_told) {
        g.pool[0].told.age_ms = (int64_t)(now - m->told_at);
        memcpy(g.pool[0].told.limit, m->told, sizeof m->told);
    }
    return g;
}

#endif
