#include "tools/report/analysis/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/majority.h"

/* ---- arrangement ------------------------------------------------------------------------------------------- */

struct placed { /* a cell, and where it belongs */
    const struct cs_grid_cell *cell;
    uint32_t index, factor, n_factors, group;
};

/* By the arms of the other factors, then level, then wording. */
static int compare_others(const struct placed *a, const struct placed *b)
{
    for (uint32_t f = 0; f < a->n_factors; f++) {
        const struct cs_arm *x = &a->cell->at.arms[f], *y = &b->cell->at.arms[f];
        if (f == a->factor)
            continue;
        if (x->level != y->level)
            return x->level < y->level ? -1 : 1;
        if (x->wording != y->wording)
            return x->wording < y->wording ? -1 : 1;
    }
    return 0;
}

static int compare_own(const struct placed *a, const struct placed *b)
{
    if (a->factor == CS_REPORT_NONE)
        return 0;
    const struct cs_arm *x = &a->cell->at.arms[a->factor], *y = &b->cell->at.arms[b->factor];
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return x->wording < y->wording ? -1 : x->wording > y->wording;
}

static int by_place(const void *x, const void *y)
{
    const struct placed *a = x, *b = y;
    int order = compare_others(a, b);
    if (order == 0)
        order = compare_own(a, b);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

void cs_reduce_arrange(struct cs_arrangement *a, const struct cs_grid *g, uint32_t question, uint32_t factor)
{
    const struct cs_study *s = g->plan->study;
    struct placed *p = cs_xcalloc(g->n_cells + 1, sizeof *p);
    uint32_t n = 0, n_spots = 0, slot = 0;
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question == question)
            p[n++] = (struct placed){.cell = &g->cells[i], .index = i, .factor = factor, .n_factors = s->n_factors};
    }
    qsort(p, n, sizeof *p, by_place);
    *a = (struct cs_arrangement){.n_levels = factor == CS_REPORT_NONE ? 1 : s->factors[factor].n_levels};
    for (uint32_t i = 0; i < n; i++) {
        a->n_groups += i == 0 || compare_others(&p[i - 1], &p[i]) != 0;
        p[i].group = a->n_groups - 1;
    }
    a->first = cs_xcalloc((size_t)a->n_groups * a->n_levels + 1, sizeof *a->first);
    a->spots = cs_xcalloc(n + 1, sizeof *a->spots);
    a->cells = cs_xcalloc(n + 1, sizeof *a->cells);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t level = factor == CS_REPORT_NONE ? 0 : p[i].cell->at.arms[factor].level;
        const uint32_t here = p[i].group * a->n_levels + level;
        a->cells[i] = p[i].index;
        if (i == 0 || compare_others(&p[i - 1], &p[i]) != 0 || compare_own(&p[i - 1], &p[i]) != 0)
            a->spots[n_spots++] = (struct cs_arranged_spot){
                .first = i, .wording = factor < s->n_factors ? p[i].cell->at.arms[factor].wording : CS_NONE};
        a->spots[n_spots - 1].n++;
        for (; slot <= here; slot++)
            a->first[slot] = n_spots - 1;
    }
    for (; slot <= a->n_groups * a->n_levels; slot++)
        a->first[slot] = n_spots;
    free(p);
}

void cs_reduce_arrangement_release(struct cs_arrangement *a)
{
    free(a->first);
    free(a->spots);
    free(a->cells);
    *a = (struct cs_arrangement){0};
}

/* ---- one spot --------------------------------------------------------------------------------------------------- */

/* Timeouts and failures are missing data: the model was not heard. */
enum cs_lost_kind cs_reduce_lost_kind(unsigned o)
{
    if (o == CS_OUTCOME_refused || o == CS_OUTCOME_content_filtered)
        return CS_LOST_DECLINED;
    if (o == CS_OUTCOME_truncated || o == CS_OUTCOME_unparsable)
        return CS_LOST_UNREADABLE;
    return o == CS_OUTCOME_timeout || o == CS_GRID_NO_VERDICT || !cs_outcome_is_answer((enum cs_outcome)o)
               ? CS_LOST_MISSING
               : CS_LOST_KINDS;
}

static void count_outcomes(struct cs_spot_counts *c, const uint32_t *record)
{
    for (unsigned o = 0; o < CS_GRID_CLASSES; o++) {
        const enum cs_lost_kind kind = cs_reduce_lost_kind(o);
        c->technical += kind == CS_LOST_MISSING ? record[o] : 0;
        c->asked += kind == CS_LOST_MISSING ? 0 : record[o];
        c->refused += kind == CS_LOST_DECLINED ? record[o] : 0;
        c->unreadable += kind == CS_LOST_UNREADABLE ? record[o] : 0;
    }
}

/* Chan, Golub, LeVeque, Am Stat 37 (1983) 242: sums of two samples into one. */
static void merge_numbers(struct cs_spot_counts *c, const struct cs_grid_sum *s, uint32_t n)
{
    if (n == 0)
        return;
    const double before = (double)c->usable, all = before + n, d = s->mean - c->number.mean;
    c->number.m2 += s->m2 + d * d * before * n / all;
    c->number.mean += d * n / all;
}

static bool is_of_trials(enum cs_what what)
{
    return what == CS_WHAT_LOST || what == CS_WHAT_DECLINED || what == CS_WHAT_UNREADABLE;
}

void cs_reduce_spot_count(const struct cs_measure *m, const struct cs_grid *g, uint32_t case_index,
                          const uint32_t *cells, uint32_t n_cells, struct cs_spot_counts *out)
{
    const struct cs_grid_question *at = &g->questions[m->question];
    out->asked = out->usable = out->insufficient = out->refused = out->unreadable = out->technical = 0;
    out->number = (struct cs_grid_sum){0};
    memset(out->category, 0, (m->n_categories + 2) * sizeof *out->category);
    for (uint32_t i = 0; i < n_cells; i++) {
        const uint32_t *record = cs_grid_record(g, case_index, cells[i]);
        const uint32_t *counter = record + (m->derived ? at->derived[m->field] : at->field[m->field]);
        count_outcomes(out, record);
        if (m->silent_known) {
            out->technical -= record[CS_GRID_NO_VERDICT];
            out->asked += record[CS_GRID_NO_VERDICT];
        }
        if (is_of_trials(m->what))
            continue;
        if (m->kind == CS_OUTCOME_NUMBER && counter[0] > 0)
            merge_numbers(out,
                          &cs_grid_sums(g, case_index,
                                        cells[i])[m->derived ? at->derived_number[m->field] : at->number[m->field]],
                          counter[0]);
        for (uint32_t k = 0; k < m->n_categories; k++) {
            out->category[k] += counter[k];
            out->usable += counter[k];
        }
        out->insufficient += counter[m->n_categories]; /* a derived answer: the unknown ones */
    }
    if (is_of_trials(m->what))
        return;
    if (m->sampled) { /* nobody was asked about the others */
        out->asked = out->usable + out->insufficient;
        out->refused = out->unreadable = out->technical = 0;
    }
    if (m->only_usable) {
        out->technical += out->asked - out->usable - out->insufficient;
        out->asked = out->usable + out->insufficient;
        out->refused = out->unreadable = 0;
    }
    /* missingness is per answer: an output may hold others than this one */
    const uint64_t accounted = out->usable + out->insufficient + out->refused + out->unreadable;
    if (out->asked > accounted)
        out->unreadable += out->asked - accounted;
}

/* Moments of a share: k of n; `more` of them, and `missing` beside them, might have been yes. */
static void set_share(struct cs_spot_value *v, double k, uint64_t n, double more, uint64_t missing)
{
    v->known = n > 0;
    v->bounded = n + missing > 0;
    v->n = n;
    if (v->bounded) {
        v->low = k / (double)(n + missing);
        v->high = (k + more + (double)missing) / (double)(n + missing);
    }
    if (n == 0)
        return;
    v->mean = k / (double)n;
    if (n > 1)
        v->variance = v->mean * (1 - v->mean) * (double)n / (double)(n - 1);
}

/* lost: unusable or missing. A prompt that was only refused has no value in a mean of levels, and no bounds. */
static void set_ordinal(struct cs_spot_value *v, const struct cs_spot_counts *c, uint32_t n_categories, double lost)
{
    double sum = 0, squares = 0;
    v->known = c->usable > 0;
    v->bounded = c->usable + c->technical > 0;
    v->n = c->usable;
    for (uint32_t i = 0; i < n_categories; i++)
        sum += (double)c->category[i] * i;
    if (v->bounded) {
        v->low = sum / ((double)c->usable + lost);
        v->high = (sum + lost * (n_categories - 1)) / ((double)c->usable + lost);
    }
    if (c->usable == 0)
        return;
    v->mean = sum / (double)c->usable;
    for (uint32_t i = 0; i < n_categories; i++)
        squares += c->category[i] * (i - v->mean) * (i - v->mean);
    if (c->usable > 1)
        v->variance = squares / (double)(c->usable - 1);
}

static void set_number(struct cs_spot_value *v, const struct cs_measure *m, const struct cs_spot_counts *c, double lost)
{
    const double n = (double)c->usable;
    v->known = c->usable > 0;
    v->bounded = c->usable + c->technical > 0;
    v->n = c->usable;
    if (c->usable > 0)
        v->mean = c->number.mean;
    if (v->bounded) {
        v->low = (v->mean * n + lost * m->min) / (n + lost);
        v->high = (v->mean * n + lost * m->max) / (n + lost);
    }
    if (c->usable > 1)
        v->variance = c->number.m2 / (n - 1);
}

/* Likewise, where `zeros` unusable answers beside these count 0; what they could have been stands in the bounds. */
static void set_number_zero(struct cs_spot_value *v, const struct cs_measure *m, const struct cs_spot_counts *c,
                            uint64_t zeros)
{
    const double n = (double)(c->usable + zeros), sum = c->number.mean * (double)c->usable;
    const double lost = (double)(zeros + c->technical), all = n + (double)c->technical;
    v->known = c->usable + zeros > 0;
    v->bounded = all > 0;
    v->n = c->usable + zeros;
    if (v->bounded) {
        v->low = (sum + lost * m->min) / all;
        v->high = (sum + lost * m->max) / all;
    }
    if (v->known)
        v->mean = sum / n;
    if (v->n > 1)
        v->variance = (c->number.m2 + c->number.mean * sum * (double)zeros / n) / (n - 1);
}

static uint64_t yes_of(const struct cs_measure *m, const struct cs_spot_counts *c)
{
    return c->category[m->kind == CS_OUTCOME_CATEGORY ? m->category : 1];
}

/* Whether answers lie below or above the label, or hit it. */
static void set_against_label(struct cs_spot_value *v, const struct cs_measure *m, const struct cs_spot_counts *c,
                              uint32_t label)
{
    uint64_t below = 0, above = 0;
    if (m->kind == CS_OUTCOME_ORDINAL) {
        for (uint32_t i = 0; i < m->n_categories; i++) {
            below += i < label ? c->category[i] : 0;
            above += i > label ? c->category[i] : 0;
        }
    } else {
        const bool yes = label == (m->kind == CS_OUTCOME_CATEGORY ? m->category : 1);
        below = yes ? c->usable - yes_of(m, c) : 0;
        above = yes ? 0 : yes_of(m, c);
    }
    const uint64_t k = m->what == CS_WHAT_UNDER ? below : m->what == CS_WHAT_OVER ? above : c->usable - below - above;
    set_share(v, (double)k, c->usable, 0, 0);
}

/* The median lies above a level where the majority does: its mean is the sum of these chances. */
static void set_decided(struct cs_spot_value *v, const struct cs_measure *m, const struct cs_spot_counts *c)
{
    const bool ordinal = m->kind == CS_OUTCOME_ORDINAL;
    const uint64_t n = ordinal ? c->usable : c->asked;
    uint64_t above = n;
    if (m->decide == 0 || n < m->decide)
        return;
    v->known = true;
    v->n = n;
    for (uint32_t i = 0; ordinal && i + 1 < m->n_categories; i++) {
        above -= c->category[i];
        v->mean += cs_majority_share(above, n, m->decide);
    }
    if (!ordinal)
        v->mean = cs_majority_share(yes_of(m, c), n, m->decide);
}

void cs_reduce_spot_value(const struct cs_measure *m, const struct cs_spot_counts *c, uint32_t case_index,
                          struct cs_spot_value *out)
{
    const double unusable = (double)(c->asked - c->usable - c->insufficient);
    *out = (struct cs_spot_value){0};
    switch (m->what) {
    case CS_WHAT_USABLE:
        set_share(out, (double)c->usable, c->asked, 0, 0);
        return;
    case CS_WHAT_INSUFFICIENT:
        set_share(out, (double)c->insufficient, c->asked, 0, 0);
        return;
    case CS_WHAT_LOST:
        set_share(out, (double)c->technical, c->asked + c->technical, 0, 0);
        return;
    case CS_WHAT_DECLINED:
        set_share(out, (double)c->refused, c->asked, 0, 0);
        return;
    case CS_WHAT_UNREADABLE:
        set_share(out, (double)c->unreadable, c->asked, 0, 0);
        return;
    case CS_WHAT_UNDER:
    case CS_WHAT_OVER:
    case CS_WHAT_AGREE:
        set_against_label(out, m, c, m->label[case_index]);
        return;
    case CS_WHAT_LABEL:
        set_share(out, m->label[case_index] == (m->kind == CS_OUTCOME_CATEGORY ? m->category : 1), 1, 0, 0);
        return;
    case CS_WHAT_DECIDED:
        set_decided(out, m, c);
        return;
    case CS_WHAT_SPREAD:
    case CS_WHAT_ANSWER:
        break;
    }
    switch (m->kind) {
    case CS_OUTCOME_BINARY:
    case CS_OUTCOME_CATEGORY:
        set_share(out, (double)yes_of(m, c), c->asked, unusable, c->technical);
        break;
    case CS_OUTCOME_ORDINAL:
        set_ordinal(out, c, m->n_categories, unusable + (double)c->technical);
        break;
    case CS_OUTCOME_NUMBER:
        if (m->unusable_zero)
            set_number_zero(out, m, c, c->asked - c->usable - c->insufficient);
        else
            set_number(out, m, c, unusable + (double)c->technical);
        break;
    }
    if (m->what == CS_WHAT_SPREAD)
        *out = (struct cs_spot_value){.known = out->n > 1, .n = out->n, .mean = out->variance};
}

/* ---- one side of one combination of one case ------------------------------------------------------------------------- */

struct side_value {
    bool known, bounded, repeated, left_out; /* left_out: the study has this side, but not in this case */
    double mean, low, high;
    double noise;    /* mean over spots of the variance of one answer: half the disagreement of two */
    double sampling; /* variance of `mean` by re-asking */
    uint64_t n, asked, usable, unusable, missing;
    uint32_t n_spots, n_bounded;
    double share[CS_CATEGORIES_MAX]; /* share of each category among the usable answers; ordinal only */
};

struct pairing {
    const struct cs_measure *m;
    const struct cs_grid *g;
    const struct cs_arrangement *a;
    struct cs_spot_counts counts;
    struct side_value sides[2];
};

static void add_spot(struct side_value *v, const struct cs_measure *m, const struct cs_spot_counts *c,
                     const struct cs_spot_value *spot)
{
    v->mean += spot->mean;
    v->noise += spot->variance;
    v->sampling += spot->variance / (double)spot->n;
    v->repeated = v->repeated && spot->n >= 2;
    v->n += spot->n;
    v->n_spots++;
    for (uint32_t k = 0; m->kind == CS_OUTCOME_ORDINAL && c->usable > 0 && k < m->n_categories; k++)
        v->share[k] += (double)c->category[k] / (double)c->usable;
}

static void add_bounds(struct side_value *v, const struct cs_spot_counts *c, const struct cs_spot_value *spot)
{
    v->asked += c->asked + c->technical;
    v->usable += c->usable + c->insufficient;
    v->unusable += c->asked - c->usable - c->insufficient;
    v->missing += c->technical;
    if (!spot->bounded)
        return;
    v->low += spot->low;
    v->high += spot->high;
    v->n_bounded++;
}

static void value_side(struct pairing *p, uint32_t group, uint32_t case_index, const struct cs_side *side,
                       struct side_value *v)
{
    const struct cs_arrangement *a = p->a;
    struct cs_spot_value spot;
    bool asked = false, left_out = false;
    v->repeated = true;
    v->mean = v->low = v->high = v->noise = v->sampling = 0;
    v->n = v->asked = v->usable = v->unusable = v->missing = 0;
    v->n_spots = v->n_bounded = 0;
    memset(v->share, 0, p->m->n_categories * sizeof *v->share);
    for (uint32_t i = 0; i < side->n; i++) {
        const uint32_t slot = group * a->n_levels + side->level[i];
        for (uint32_t k = a->first[slot]; k < a->first[slot + 1]; k++) {
            if (side->one_wording && a->spots[k].wording != side->wording)
                continue;
            if (cs_grid_is_left_out(p->g, case_index, a->cells[a->spots[k].first])) { /* its cells have the same arms */
                left_out = true;
                continue;
            }
            asked = true;
            cs_reduce_spot_count(p->m, p->g, case_index, a->cells + a->spots[k].first, a->spots[k].n, &p->counts);
            cs_reduce_spot_value(p->m, &p->counts, case_index, &spot);
            add_bounds(v, &p->counts, &spot);
            if (spot.known)
                add_spot(v, p->m, &p->counts, &spot);
        }
    }
    v->left_out = left_out && !asked;
    v->known = v->n_spots > 0;
    v->bounded = v->n_bounded > 0;
    if (v->bounded) {
        v->low /= v->n_bounded;
        v->high /= v->n_bounded;
    }
    if (!v->known)
        return;
    const double n = v->n_spots;
    v->mean /= n;
    v->noise /= n;
    v->sampling /= n * n;
    for (uint32_t k = 0; k < p->m->n_categories; k++)
        v->share[k] /= n;
}

/* ---- clusters ----------------------------------------------------------------------------------------------------------- */

struct tally { /* sums over the pairs of one cluster */
    double level, comparator, sampling, noise, low, high, up, down;
    uint32_t pairs, bounds;
    uint64_t answers;
};

static void add_up_down(const struct cs_measure *m, const struct side_value *x, const struct side_value *y, double *up,
                        double *down)
{
    double below = 0;
    if (m->kind == CS_OUTCOME_BINARY || m->kind == CS_OUTCOME_CATEGORY) {
        *up += x->mean * (1 - y->mean);
        *down += y->mean * (1 - x->mean);
        return;
    }
    if (m->kind != CS_OUTCOME_ORDINAL)
        return;
    for (uint32_t k = 0; k < m->n_categories; k++) {
        *up += x->share[k] * below;
        below += y->share[k];
        *down += x->share[k] * (1 - below > 0 ? 1 - below : 0);
    }
}

static void add_pair(struct cs_paired *out, struct tally *t, const struct pairing *p)
{
    const struct side_value *x = &p->sides[0], *y = &p->sides[1];
    t->level += x->mean;
    t->comparator += y->mean;
    t->sampling += x->sampling + y->sampling;
    t->noise += x->noise + y->noise;
    t->pairs++;
    t->answers += x->n + y->n;
    add_up_down(p->m, x, y, &t->up, &t->down);
    out->repeated = out->repeated && x->repeated && y->repeated;
    out->n_level += x->n;
    out->n_comparator += y->n;
}

/* Also where a side has nothing but missing answers, which no mean knows of. */
static void add_pair_bounds(struct cs_paired *out, struct tally *t, const struct pairing *p)
{
    const struct side_value *x = &p->sides[0], *y = &p->sides[1];
    out->unusable += x->unusable + y->unusable;
    out->missing += x->missing + y->missing;
    t->low += x->low - y->high;
    t->high += x->high - y->low;
    t->bounds++;
}

struct heard { /* one side, over all cases */
    uint64_t asked, usable;
};

/* Whether each side has any usable answer: a refusal counts as "not yes" beside answers, never in place of them all. */
static bool is_heard(const struct cs_measure *m, const struct heard h[2])
{
    return m->what != CS_WHAT_ANSWER || (h[0].usable > 0 && h[1].usable > 0);
}

static bool passes(const struct cs_case_filter *f, const struct cs_case_facts *cases, const struct cs_measure *m,
                   uint32_t case_index)
{
    if (f->stratum != CS_NONE && cases->strata[f->stratum].of_case[case_index] != f->value)
        return false;
    if (f->flagged != NULL && f->flagged[case_index] != f->only_flagged)
        return false;
    return !f->labelled || (m->label != NULL && m->label[case_index] != CS_NONE);
}

/* The cells of a group share the arms of all other factors. */
static bool is_within(const struct cs_within *within, const struct cs_grid *g, const struct cs_arrangement *a,
                      uint32_t group)
{
    if (!within->some)
        return true;
    const uint32_t cell = a->cells[a->spots[a->first[group * a->n_levels]].first];
    return g->cells[cell].at.arms[within->factor].level == within->level;
}

static void finish(struct cs_paired *out, const struct tally *tallies, uint32_t n_clusters, const struct cs_measure *m)
{
    double noise = 0, low = 0, high = 0, up = 0, down = 0;
    uint32_t n_bounded = 0;
    out->single = true;
    for (uint32_t i = 0; i < n_clusters; i++) {
        const struct tally *t = &tallies[i];
        const double n = t->pairs;
        if (t->bounds > 0) {
            low += t->low / t->bounds;
            high += t->high / t->bounds;
            n_bounded++;
        }
        if (t->pairs == 0)
            continue;
        const uint32_t k = out->n++;
        out->cluster[k] = i;
        out->level[k] = t->level / n;
        out->comparator[k] = t->comparator / n;
        out->diff[k] = out->level[k] - out->comparator[k];
        out->sampling[k] = t->sampling / (n * n);
        noise += t->noise / n;
        up += t->up / n;
        down += t->down / n;
        out->single = out->single && t->pairs == 1 && t->answers == 2;
    }
    if (out->n > 0) {
        out->noise = noise / out->n;
        out->low = low / n_bounded; /* a pair with a mean has bounds */
        out->high = high / n_bounded;
        out->up = up / out->n;
        out->down = down / out->n;
    }
    out->bounded = m->kind != CS_OUTCOME_NUMBER || m->min < m->max;
    out->single = out->single && out->n > 0 && (m->kind == CS_OUTCOME_BINARY || m->kind == CS_OUTCOME_CATEGORY);
    for (uint32_t k = 0; k < out->n && out->single; k++) {
        out->b += out->diff[k] < 0;
        out->c += out->diff[k] > 0;
    }
}

void cs_reduce_pair(struct cs_paired *out, const struct cs_measure *m, const struct cs_grid *g,
                    const struct cs_arrangement *a, const struct cs_case_facts *cases, const struct cs_side *level,
                    const struct cs_side *comparator, const struct cs_case_filter *filter)
{
    struct pairing p = {.m = m, .g = g, .a = a};
    struct tally *tallies = cs_xcalloc(cases->n_clusters + 1, sizeof *tallies);
    struct heard heard[2] = {{0}};
    *out = (struct cs_paired){.repeated = true};
    out->cluster = cs_xcalloc(cases->n_clusters + 1, sizeof *out->cluster);
    out->level = cs_xcalloc(cases->n_clusters + 1, sizeof(double));
    out->comparator = cs_xcalloc(cases->n_clusters + 1, sizeof(double));
    out->diff = cs_xcalloc(cases->n_clusters + 1, sizeof(double));
    out->sampling = cs_xcalloc(cases->n_clusters + 1, sizeof(double));
    for (uint32_t c = 0; c < g->n_cases; c++) {
        if (!passes(filter, cases, m, c))
            continue;
        for (uint32_t i = 0; i < a->n_groups; i++) {
            if (!is_within(&filter->within, g, a, i))
                continue;
            value_side(&p, i, c, level, &p.sides[0]);
            value_side(&p, i, c, comparator, &p.sides[1]);
            if (p.sides[0].left_out || p.sides[1].left_out) /* there is nothing to compare in this case */
                continue;
            for (int k = 0; k < 2; k++) {
                heard[k].asked += p.sides[k].asked;
                heard[k].usable += p.sides[k].usable;
            }
            if (p.sides[0].bounded && p.sides[1].bounded)
                add_pair_bounds(out, &tallies[cases->cluster[c]], &p);
            if (p.sides[0].known && p.sides[1].known)
                add_pair(out, &tallies[cases->cluster[c]], &p);
            else
                out->unmatched += p.sides[0].n_spots + p.sides[1].n_spots;
        }
    }
    out->silent = !is_heard(m, heard) && heard[0].asked > 0 && heard[1].asked > 0;
    if (is_heard(m, heard))
        finish(out, tallies, cases->n_clusters, m);
    free(tallies);
}

void cs_reduce_paired_release(struct cs_paired *p)
{
    free(p->cluster);
    free(p->level);
    free(p->comparator);
    free(p->diff);
    free(p->sampling);
    *p = (struct cs_paired){0};
}
