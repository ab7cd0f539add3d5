#include "tools/report/analysis/judges_agreement.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/kappa.h"

struct one { /* one answer */
    struct cs_report_work *w;
    const struct cs_votes *v;
    const struct cs_ballot *b;
    bool scale; /* its words are steps, and there is no other word */
    uint32_t n_cases, n_judges;
};

/* The slot of a judge's vote; CS_NONE: it is not asked as often. */
static uint32_t slot_of(const struct one *o, uint32_t judge, uint32_t repeat)
{
    for (uint32_t i = o->b->first; i < o->b->first + o->b->n; i++) {
        if (o->v->slots[i].judge == judge && o->v->slots[i].repeat == repeat)
            return i;
    }
    return CS_NONE;
}

static uint32_t repeats_of(const struct one *o, uint32_t judge)
{
    uint32_t n = 0;
    while (slot_of(o, judge, n) != CS_NONE)
        n++;
    return n;
}

/* CS_NONE: it said nothing. */
static uint32_t word_at(const struct one *o, uint32_t case_index, uint32_t slot)
{
    const struct cs_vote v = cs_votes_at(o->v, case_index, slot);
    if (v.kind != CS_VOTE_WORD && v.kind != CS_VOTE_NUMBER)
        return CS_NONE;
    const uint32_t word = v.kind == CS_VOTE_WORD ? v.word : (uint32_t)v.number;
    CS_ASSERT(word < o->b->n_words); /* it is a place in a table of counts */
    return word;
}

static void take_kappa(struct cs_report_judges_agreement *row, const struct cs_kappa *plain, const struct cs_kappa *k)
{
    if (cs_stats_usable(plain->status) || plain->status == CS_STAT_UNDEFINED)
        row->agreement = cs_analysis_work_known(plain->agreement);
    if (cs_stats_usable(k->status))
        row->kappa = cs_analysis_work_known(k->kappa);
    else
        row->why = k->status == CS_STAT_UNDEFINED ? "all verdicts are the same word: nothing beyond chance can be seen"
                                                  : cs_stats_text(k->status);
    if (row->kappa.known && cs_stats_usable(k->interval_status))
        row->kappa_ci = (struct cs_report_span){true, k->ci.lo, k->ci.hi};
}

static struct cs_report_judges_agreement *new_row(struct one *o, enum cs_judges_agree kind, const char *who)
{
    struct cs_report *r = o->w->r;
    struct cs_report_judges_agreement *rows = (struct cs_report_judges_agreement *)(uintptr_t)r->judges_agreement;
    struct cs_report_judges_agreement *row = &rows[r->n_judges_agreement++];
    *row = (struct cs_report_judges_agreement){.answer = cs_analysis_work_copy(o->w, o->b->name),
                                               .kind = kind,
                                               .who = who,
                                               .statistic = "Fleiss' kappa",
                                               .why = ""};
    return row;
}

/* The items on which all n slots have a word. */
static void fleiss(const struct one *o, const uint32_t *slots, uint32_t n, struct cs_report_judges_agreement *row)
{
    uint32_t *count = cs_xcalloc((size_t)o->n_cases * o->b->n_words + 1, sizeof *count);
    row->judges = n;
    for (uint32_t c = 0; c < o->n_cases; c++) {
        uint32_t *own = count + (size_t)row->items * o->b->n_words, said = 0;
        for (uint32_t i = 0; i < n; i++)
            said += word_at(o, c, slots[i]) != CS_NONE;
        for (uint32_t i = 0; i < n && said == n; i++)
            own[word_at(o, c, slots[i])]++;
        row->items += said == n;
    }
    if (row->items >= 2) {
        const struct cs_kappa k = cs_kappa_fleiss(count, (size_t)row->items, o->b->n_words, o->w->declared->alpha);
        take_kappa(row, &k, &k);
    } else {
        row->why = "fewer than two outputs have all of these verdicts";
    }
    free(count);
}

static void cohen(const struct one *o, uint32_t one, uint32_t other, struct cs_report_judges_agreement *row)
{
    const double alpha = o->w->declared->alpha;
    const uint32_t k = o->b->n_words;
    uint32_t *count = cs_xcalloc((size_t)k * k + 1, sizeof *count);
    row->judges = 2;
    row->statistic = o->scale ? "Cohen's kappa, linear weights" : "Cohen's kappa";
    for (uint32_t c = 0; c < o->n_cases; c++) {
        const uint32_t x = word_at(o, c, one), y = word_at(o, c, other);
        if (x == CS_NONE || y == CS_NONE)
            continue;
        count[(size_t)x * k + y]++;
        row->items++;
    }
    if (row->items >= 2) {
        const struct cs_kappa plain = cs_kappa_cohen(count, k, CS_KAPPA_PLAIN, alpha);
        const struct cs_kappa own = o->scale ? cs_kappa_cohen(count, k, CS_KAPPA_LINEAR, alpha) : plain;
        take_kappa(row, &plain, &own);
    } else {
        row->why = "fewer than two outputs have both verdicts";
    }
    free(count);
}

static void all_judges(struct one *o)
{
    const struct cs_report *r = o->w->r;
    uint32_t *slots = cs_xcalloc(o->n_judges + 1u, sizeof *slots), n = 0;
    const char *who = "";
    bool simulated = false;
    for (uint32_t i = 0; i < o->n_judges; i++) {
        const uint32_t slot = slot_of(o, i, 0);
        if (slot == CS_NONE)
            continue;
        slots[n++] = slot;
        who = cs_arena_printf(&o->w->r->arena, "%s%s%s", who, n > 1 ? ", " : "", r->judges[i].name);
        simulated |= r->judges[i].simulated;
    }
    if (n >= 2) {
        struct cs_report_judges_agreement *row = new_row(o, CS_JUDGES_ALL, who);
        row->simulated = simulated;
        fleiss(o, slots, n, row);
    }
    free(slots);
}

static void two_judges(struct one *o)
{
    const struct cs_report *r = o->w->r;
    for (uint32_t i = 0; i < o->n_judges; i++) {
        for (uint32_t k = i + 1; k < o->n_judges; k++) {
            const uint32_t one = slot_of(o, i, 0), other = slot_of(o, k, 0);
            if (one == CS_NONE || other == CS_NONE)
                continue;
            struct cs_report_judges_agreement *row = new_row(
                o, CS_JUDGES_TWO, cs_arena_printf(&o->w->r->arena, "%s, %s", r->judges[i].name, r->judges[k].name));
            row->simulated = r->judges[i].simulated || r->judges[k].simulated;
            cohen(o, one, other, row);
        }
    }
}

static void asked_again(struct one *o)
{
    for (uint32_t i = 0; i < o->n_judges; i++) {
        const uint32_t n = repeats_of(o, i);
        if (n < 2)
            continue;
        uint32_t *slots = cs_xcalloc(n, sizeof *slots);
        for (uint32_t k = 0; k < n; k++)
            slots[k] = slot_of(o, i, k);
        struct cs_report_judges_agreement *row = new_row(o, CS_JUDGES_AGAIN, o->w->r->judges[i].name);
        row->simulated = o->w->r->judges[i].simulated;
        fleiss(o, slots, n, row);
        free(slots);
    }
}

void cs_judges_agreement_fill(struct cs_report_work *w)
{
    const struct cs_judged_source *source = &w->source->judged;
    const struct cs_votes *v = source->votes;
    const uint32_t n = w->r->n_judges;
    w->r->judges_agreement = cs_arena_array(&w->r->arena, (size_t)v->n_ballots * (1 + n + (size_t)n * n) + 1,
                                            sizeof *w->r->judges_agreement);
    for (uint32_t b = 0; b < v->n_ballots; b++) {
        const struct cs_question *q = &source->child->questions[v->ballots[b].at.question];
        struct one o = {.w = w, .v = v, .b = &v->ballots[b], .n_cases = source->child->n_cases, .n_judges = n};
        o.scale = !o.b->derived && q->fields[o.b->field].kind == CS_FIELD_ORDINAL &&
                  o.b->n_words == q->fields[o.b->field].n_categories;
        if (o.b->n_words == 0) /* numbers */
            continue;
        all_judges(&o);
        two_judges(&o);
        asked_again(&o);
    }
}
