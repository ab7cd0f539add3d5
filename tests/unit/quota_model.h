/* quota_model.h - the script of store/quota.h once more, in C and with a clock of the test's: for fleets in virtual time.
 * Per-minute dimensions only. test_quota.c holds it against the script itself.
 */
#ifndef QUOTA_MODEL_H
#define QUOTA_MODEL_H

#include <math.h>
#include <stdlib.h>

#include "store/quota.h"

enum { MODEL_WORKERS = 64 };

struct model_row {
    bool there;
    double seen, want, share, credit;
};

struct quota_model { /* all zero: Redis holds nothing */
    bool there;
    double at, born, quiet, level[CS_QUOTA_PER_MINUTE];
    struct model_row row[MODEL_WORKERS];
};

static int model_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double model_fair(struct quota_model *m, uint32_t me, double want, double gives, double now, double *had)
{
    double wants[MODEL_WORKERS], left = gives, taken = 0, unknown = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < MODEL_WORKERS; i++) {
        struct model_row *r = &m->row[i];
        r->there = r->there && (i == me || now - r->seen <= CS_QUOTA_HOLD_MS);
        if (!r->there || i == me)
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
    wants[n++] = want;
    qsort(wants, n, sizeof *wants, model_compare);
    for (uint32_t i = 0; i < n; i++) {
        double even = left / (n - i);
        if (wants[i] > even)
            return fmin(want, even);
        left -= wants[i];
    }
    return want;
}

static inline struct cs_quota_grant model_ask(struct quota_model *m, uint32_t me, const struct cs_quota_ask *a,
                                              double now)
{
    double fits = 1e300, gives = 1e300, returned = 1e300, had = a->share;
    struct model_row *r = &m->row[me];
    if (!m->there)
        m->born = now;
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++) {
        double rate = a->limit[d] / 60e3, c = a->cost[d];
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
    bool young = now - m->born < CS_QUOTA_HOLD_MS + CS_QUOTA_LIFE_MS;
    double mine = model_fair(m, me, a->want, gives, now, &had), credit = 0;
    double pace = fits > gives * CS_QUOTA_RESERVE_MS / CS_QUOTA_SLICE_MS * 0.6 ? 1.05 : 1;
    if (r->there)
        credit = r->credit + fmax(0, returned) +
                 pace * mine * fmin(now - r->seen, CS_QUOTA_LIFE_MS) / CS_QUOTA_SLICE_MS;
    credit = fmin(credit, 2 * mine + 2);
    if (a->quiet_ms > 0)
        m->quiet = fmax(m->quiet, now + (double)a->quiet_ms);
    double n = now >= m->quiet ? fmax(0, floor(fmin(fmin(a->want, credit), fits) + 1e-6)) : 0;
    *r = (struct model_row){a->want > 0, now, a->want, young ? a->share : fmin(1, mine / gives), credit - n};
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++)
        m->level[d] -= a->limit[d] > 0 ? n * a->cost[d] : 0;
    return (struct cs_quota_grant){.calls = (uint32_t)n,
                                   .share = young ? -1 : fmin(1, mine / gives),
                                   .quiet_ms = (uint64_t)ceil(fmax(0, m->quiet - now))};
}

#endif
