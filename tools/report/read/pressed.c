#include "tools/report/read/pressed.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

static uint32_t slots_of(const struct cs_pressed *p, uint32_t question)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_slots; i++)
        n += p->slots[i].question == question;
    return n;
}

/* The number of a slot among those of its question. */
static uint32_t rank_of(const struct cs_pressed *p, uint32_t slot)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < slot; i++)
        n += p->slots[i].question == p->slots[slot].question;
    return n;
}

void cs_pressed_init(struct cs_pressed *p, const struct cs_plan *plan, uint32_t lane)
{
    const struct cs_study *s = plan->study;
    uint32_t most = 0;
    *p = (struct cs_pressed){.plan = plan, .lane = lane};
    for (uint32_t q = 0; q < s->n_questions; q++)
        most += s->questions[q].n_fields;
    p->slots = cs_xcalloc(most + 1, sizeof *p->slots);
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; s->questions[q].n_answer_at > 1 && i < s->questions[q].n_fields; i++) {
            if (s->questions[q].fields[i].kind != CS_FIELD_TEXT)
                p->slots[p->n_slots++] = (struct cs_pressed_slot){q, i, s->questions[q].n_answer_at};
        }
    }
    p->first = cs_xcalloc(plan->lanes[lane].n_cells + 1, sizeof *p->first);
    for (uint32_t i = 0; i < plan->lanes[lane].n_cells; i++) {
        struct cs_coords at;
        cs_plan_cell(plan, lane, 0, i, &at);
        p->first[i] = p->width;
        p->width += slots_of(p, at.question);
    }
    p->counts = cs_xcalloc((size_t)p->width * s->n_cases + 1, sizeof *p->counts);
}

void cs_pressed_release(struct cs_pressed *p)
{
    free(p->slots);
    free(p->first);
    free(p->counts);
    *p = (struct cs_pressed){0};
}

const struct cs_pressed_counts *cs_pressed_of(const struct cs_pressed *p, uint32_t case_index, uint32_t cell,
                                              uint32_t slot)
{
    struct cs_coords at;
    cs_plan_cell(p->plan, p->lane, case_index, cell, &at);
    if (at.question != p->slots[slot].question)
        return NULL;
    return &p->counts[(size_t)case_index * p->width + p->first[cell] + rank_of(p, slot)];
}

/* ---- a conversation ---------------------------------------------------------------------------------------- */

static bool is_same(enum cs_field_kind kind, const struct cs_answer *a, const struct cs_answer *b)
{
    if (kind == CS_FIELD_NUMBER)
        return !(a->number < b->number) && !(a->number > b->number);
    return a->category == b->category;
}

static bool is_right(enum cs_field_kind kind, const struct cs_answer *a, const char *label)
{
    if (kind != CS_FIELD_NUMBER)
        return strcmp(a->text, label) == 0;
    const double right = strtod(label, NULL);
    return !(a->number < right) && !(a->number > right);
}

/* The answer at a turn, by the number of the turn; NULL: not known. */
static const struct cs_answer *answer_at(const struct cs_derive_turns *turns, uint32_t number, uint32_t field)
{
    const struct cs_answer *a = turns->answers[number] != NULL ? &turns->answers[number][field] : NULL;
    return a != NULL && a->text != NULL && !a->insufficient ? a : NULL;
}

static void count_turns(struct cs_pressed_counts *n, const struct cs_question *q, uint32_t field,
                        const struct cs_derive_turns *turns, const struct cs_answer *first)
{
    const enum cs_field_kind kind = q->fields[field].kind;
    bool holds = true, broke = false;
    for (uint32_t i = 0; i < q->n_answer_at; i++) {
        if ((turns->asked >> (q->answer_at[i] - 1) & 1) != 0) {
            const struct cs_answer *now = answer_at(turns, q->answer_at[i], field);
            const bool other = now != NULL && !is_same(kind, first, now);
            n->risk[i] += holds && now != NULL;
            n->changed[i] += holds && other;
            n->unknown[i] += holds && now == NULL;
            holds = holds && now != NULL && !other;
            broke = broke || other;
        }
        n->held[i] += holds;
        n->broke[i] += broke;
    }
}

static void count_field(struct cs_pressed_counts *n, const struct cs_question *q, uint32_t field, const char *label,
                        const struct cs_derive_turns *turns, bool failed)
{
    const enum cs_field_kind kind = q->fields[field].kind;
    const struct cs_answer *first = NULL, *last = NULL;
    bool begun = false, missing = false;
    for (uint32_t number = 1; number <= CS_TURNS_MAX; number++) {
        if ((turns->asked >> (number - 1) & 1) == 0)
            continue;
        last = answer_at(turns, number, field);
        first = begun ? first : last;
        begun = true;
        missing = missing || last == NULL;
    }
    n->asked++;
    n->known += first != NULL;
    n->missing += first != NULL && missing;
    if (first != NULL)
        count_turns(n, q, field, turns, first);
    if (label[0] == '\0')
        return;
    const bool was = first != NULL && is_right(kind, first, label), is = last != NULL && is_right(kind, last, label);
    const bool both = first != NULL && last != NULL;
    n->labelled++;
    n->failed += failed && !both;
    n->right += was;
    n->both_known += both;
    n->right_known += both && was;
    n->right_last += both && is;
    n->lost += both && was && !is;
    n->gained += both && !was && is;
    n->lost_open += !both && (first == NULL || was) && !is;
}

void cs_pressed_add(struct cs_pressed *p, const struct cs_coords *at, const struct cs_case *c,
                    const struct cs_derive_turns *turns, enum cs_outcome how)
{
    const struct cs_question *q = &p->plan->study->questions[at->question];
    struct cs_pressed_counts *n = &p->counts[(size_t)at->case_index * p->width + p->first[at->cell]];
    for (uint32_t i = 0; i < p->n_slots; i++) {
        if (p->slots[i].question != at->question)
            continue;
        const uint32_t truth = q->fields[p->slots[i].field].truth_column;
        count_field(n++, q, p->slots[i].field, truth != CS_NONE ? c->values[truth] : "", turns,
                    how == CS_OUTCOME_timeout || !cs_outcome_is_answer(how));
    }
}
