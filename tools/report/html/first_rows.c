#include "tools/report/html/first_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/words.h"

/* What a study without primary comparisons shows. */
enum kind { KIND_PRIMARY, KIND_CONTROL, KIND_PAIRS, KIND_PLACEBO };

static bool is_kind(const struct cs_report_contrast *c, enum kind kind)
{
    if (c->floor)
        return false;
    switch (kind) {
    case KIND_PRIMARY:
        return c->primary;
    case KIND_CONTROL:
        return c->against == CS_AGAINST_CONTROL && c->stratum[0] == '\0';
    case KIND_PAIRS:
        return c->against == CS_AGAINST_LEVEL && c->stratum[0] == '\0';
    case KIND_PLACEBO:
        return c->stratum[0] == '\0';
    }
    return false;
}

static enum kind kind_of(const struct cs_report *r)
{
    for (enum kind kind = KIND_PRIMARY; kind < KIND_PLACEBO; kind++) {
        for (uint32_t i = 0; i < r->n_contrasts; i++) {
            if (is_kind(&r->contrasts[i], kind))
                return kind;
        }
    }
    return KIND_PLACEBO;
}

static enum kind told_without_primary(const struct cs_first_rows *f)
{
    const enum cs_comparator against = f->rows[0].any->against;
    return against == CS_AGAINST_CONTROL ? KIND_CONTROL : against == CS_AGAINST_LEVEL ? KIND_PAIRS : KIND_PLACEBO;
}

static bool is_same(const struct cs_report_contrast *a, const struct cs_report_contrast *b)
{
    return a->outcome == b->outcome && a->factor == b->factor && a->level == b->level && a->against == b->against &&
           a->comparator == b->comparator && strcmp(a->stratum, b->stratum) == 0 &&
           strcmp(a->stratum_value, b->stratum_value) == 0;
}

const struct cs_report_contrast *cs_first_rows_in(const struct cs_report *r, const struct cs_first_row *row,
                                                  uint32_t model)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].model == model && is_same(&r->contrasts[i], row->any))
            return &r->contrasts[i];
    }
    return NULL;
}

/* ---- candidates ------------------------------------------------------------------------------------ */

struct candidates {
    struct cs_first_row *rows;
    uint32_t n;
};

static void add(struct candidates *all, const struct cs_report_contrast *c)
{
    const bool differs = cs_words_verdict_is_different(c->verdict);
    const double shift = c->shift.known ? fabs(c->shift.value) : 0;
    struct cs_first_row *row = NULL;
    for (uint32_t i = all->n; i > 0 && row == NULL; i--) { /* models of one comparison: not far apart */
        if (is_same(all->rows[i - 1].any, c))
            row = &all->rows[i - 1];
    }
    if (row == NULL) {
        row = &all->rows[all->n++];
        *row = (struct cs_first_row){.any = c};
    }
    row->primary = row->primary || c->primary;
    if (differs && !row->differs)
        row->reach = shift;
    else if (differs || !row->differs)
        row->reach = fmax(row->reach, shift);
    row->differs = row->differs || differs;
}

static bool is_wanted(const struct cs_report_contrast *c, enum kind kind)
{
    return is_kind(c, kind) || (kind == KIND_PRIMARY && is_kind(c, KIND_CONTROL) && c->in_family &&
                                cs_words_verdict_is_different(c->verdict));
}

bool cs_first_rows_told(const struct cs_first_rows *f, const struct cs_report_contrast *c)
{
    return f->n_rows > 0 && is_kind(c, f->primary ? KIND_PRIMARY : told_without_primary(f));
}

static struct candidates collect(const struct cs_report *r, enum kind kind)
{
    struct candidates all = {cs_xcalloc(r->n_contrasts + 1, sizeof(struct cs_first_row)), 0};
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (is_wanted(&r->contrasts[i], kind))
            add(&all, &r->contrasts[i]);
    }
    return all;
}

/* Tested first before explored, different before not, the larger shift before the smaller, else as in the report. */
static int by_weight(const void *a, const void *b)
{
    const struct cs_first_row *x = a, *y = b;
    if (x->any->outcome != y->any->outcome)
        return x->any->outcome < y->any->outcome ? -1 : 1;
    if (x->primary != y->primary)
        return x->primary ? -1 : 1;
    if (x->differs != y->differs)
        return x->differs ? -1 : 1;
    if (fabs(x->reach - y->reach) > 1e-12)
        return x->reach > y->reach ? -1 : 1;
    return x->any < y->any ? -1 : x->any > y->any;
}

/* ---- what has room ----------------------------------------------------------------------------------- */

/* A pass over all answers in turn that lets in a row of each; the first pass only those that differ. */
static uint32_t admit(struct candidates *all, bool *in, uint32_t room, bool differing)
{
    uint32_t taken = 1;
    while (room > 0 && taken > 0) {
        uint32_t last = CS_REPORT_NONE;
        taken = 0;
        for (uint32_t i = 0; i < all->n && room > 0; i++) {
            if (in[i] || all->rows[i].any->outcome == last || (differing && !all->rows[i].differs))
                continue;
            in[i] = true;
            last = all->rows[i].any->outcome;
            taken++;
            room--;
        }
    }
    return room;
}

static void keep(struct cs_first_rows *out, const struct candidates *all, const bool *in)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const struct cs_first_row *row = &all->rows[i];
        struct cs_first_answer *a = out->n_answers > 0 ? &out->answers[out->n_answers - 1] : NULL;
        const bool new_answer = a == NULL || a->outcome != row->any->outcome;
        if (!in[i] || (new_answer && out->n_answers == CS_FIRST_ANSWERS_MAX)) {
            out->left_out += row->differs;
            continue;
        }
        if (new_answer) {
            a = &out->answers[out->n_answers++];
            *a = (struct cs_first_answer){row->any->outcome, out->n_rows, 0, 0};
        }
        out->rows[out->n_rows++] = *row;
        a->n++;
    }
}

/* How far its rows reach, in margins; a row that was tested first counts before any that was explored. */
static double weight_of(const struct cs_report *r, const struct cs_first_rows *f, const struct cs_first_answer *a)
{
    const struct cs_report_figure margin = r->outcomes[a->outcome].margin;
    double most = 0;
    for (uint32_t i = a->first; i < a->first + a->n; i++) {
        if (f->rows[i].differs && f->rows[i].primary == f->rows[a->first].primary)
            most = fmax(most, f->rows[i].reach / (margin.known && margin.value > 0 ? margin.value : 1));
    }
    return most;
}

static void order_answers(struct cs_first_rows *out, const struct cs_report *r)
{
    for (uint32_t i = 0; i < out->n_answers; i++) {
        struct cs_first_answer a = out->answers[i];
        a.weight = weight_of(r, out, &a);
        uint32_t k = i;
        for (; k > 0 && out->answers[k - 1].weight < a.weight; k--)
            out->answers[k] = out->answers[k - 1];
        out->answers[k] = a;
    }
}

static uint32_t differing_in(const struct cs_report *r, uint32_t model)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        n += r->contrasts[i].model == model && cs_words_verdict_is_different(r->contrasts[i].verdict);
    return n;
}

static void choose_models(struct cs_first_rows *out, const struct cs_report *r)
{
    for (uint32_t m = 0; m < r->n_models; m++) {
        uint32_t ahead = 0; /* models that differ more, or as much and stand before */
        const uint32_t own = r->n_models > CS_FIRST_MODELS_MAX ? differing_in(r, m) : 0;
        for (uint32_t k = 0; r->n_models > CS_FIRST_MODELS_MAX && k < r->n_models; k++) {
            const uint32_t other = differing_in(r, k);
            ahead += other > own || (other == own && k < m);
        }
        if (ahead < CS_FIRST_MODELS_MAX && out->n_models < CS_FIRST_MODELS_MAX)
            out->models[out->n_models++] = m;
    }
}

void cs_first_rows_choose(struct cs_first_rows *out, const struct cs_report *r)
{
    const enum kind kind = kind_of(r);
    struct candidates all = collect(r, kind);
    bool *in = cs_xcalloc(all.n + 1, sizeof *in);
    *out = (struct cs_first_rows){.primary = kind == KIND_PRIMARY};
    qsort(all.rows, all.n, sizeof *all.rows, by_weight);
    admit(&all, in, admit(&all, in, CS_FIRST_ROWS_MAX, true), false);
    keep(out, &all, in);
    order_answers(out, r);
    choose_models(out, r);
    free(in);
    free(all.rows);
}

/* ---- counting ------------------------------------------------------------------------------------ */

struct cs_first_tally cs_first_rows_tally(const struct cs_report *r, const struct cs_first_rows *f, uint32_t model)
{
    struct cs_first_tally t = {.tested = 0};
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model != model || !cs_first_rows_told(f, c) || c->verdict == CS_VERDICT_NONE)
            continue;
        const struct cs_report_span floor = cs_first_rows_floor(r, model, c->outcome);
        const bool different = cs_words_verdict_is_different(c->verdict);
        t.tested++;
        t.different += different;
        t.equivalent += c->verdict == CS_VERDICT_EQUIVALENT;
        t.beyond_floor += different && floor.known && (c->shift.value < floor.low || c->shift.value > floor.high);
    }
    return t;
}

const struct cs_report_contrast *cs_first_rows_told_in(const struct cs_report *r, const struct cs_first_rows *f,
                                                       uint32_t row, uint32_t model)
{
    const struct cs_report_contrast *c = cs_first_rows_in(r, &f->rows[row], model);
    return c != NULL && cs_first_rows_told(f, c) ? c : NULL;
}

/* ---- noise floor ------------------------------------------------------------------------------------- */

struct cs_report_span cs_first_rows_floor(const struct cs_report *r, uint32_t model, uint32_t outcome)
{
    struct cs_report_span span = {.known = false};
    for (uint32_t i = 0; i < r->n_floors; i++) {
        const struct cs_report_floor *f = &r->floors[i];
        if (f->model != model || f->outcome != outcome || f->kind == CS_ARM_LEVELS || !f->range.known)
            continue;
        span.low = span.known ? fmin(span.low, f->range.low) : f->range.low;
        span.high = span.known ? fmax(span.high, f->range.high) : f->range.high;
        span.known = true;
    }
    return span;
}

bool cs_first_rows_any_floor(const struct cs_report *r)
{
    for (uint32_t i = 0; i < r->n_floors; i++) {
        if (r->floors[i].kind != CS_ARM_LEVELS && r->floors[i].range.known)
            return true;
    }
    return false;
}
