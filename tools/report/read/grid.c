#include "tools/report/read/grid.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/applies.h"

uint32_t cs_grid_categories(const struct cs_field *f)
{
    switch (f->kind) {
    case CS_FIELD_BOOLEAN:
    case CS_FIELD_ORDINAL:
    case CS_FIELD_NOMINAL:
    case CS_FIELD_OPTIONS:
        return f->n_categories;
    case CS_FIELD_NUMBER:
    case CS_FIELD_TEXT:
    case CS_FIELD_LIST:
        return 1;
    }
    return 1;
}

static void lay_out(struct cs_grid_question *g, const struct cs_question *q)
{
    g->width = CS_GRID_CLASSES;
    for (uint32_t i = 0; i < q->n_fields; i++) {
        g->field[i] = g->width;
        g->width += cs_grid_categories(&q->fields[i]) + 1;
        g->number[i] = q->fields[i].kind == CS_FIELD_NUMBER ? g->n_numbers++ : CS_NONE;
    }
    CS_ASSERT(q->n_derived <= CS_FIELDS_MAX);
    for (uint32_t i = 0; i < q->n_derived; i++) {
        g->derived[i] = g->width;
        g->width += q->derived[i].kind == CS_DERIVES_BOOLEAN ? 3 : 2;
        g->derived_number[i] = q->derived[i].kind == CS_DERIVES_NUMBER ? g->n_numbers++ : CS_NONE;
    }
}

void cs_grid_init(struct cs_grid *g, const struct cs_plan *plan, uint32_t lane)
{
    const struct cs_study *s = plan->study;
    const struct cs_plan_lane *l = &plan->lanes[lane];
    *g = (struct cs_grid){.plan = plan, .lane = lane, .n_cells = l->n_cells, .n_cases = s->n_cases};
    g->questions = cs_xcalloc(s->n_questions, sizeof *g->questions);
    for (uint32_t q = 0; q < s->n_questions; q++)
        lay_out(&g->questions[q], &s->questions[q]);
    g->cells = cs_xcalloc(g->n_cells, sizeof *g->cells);
    for (uint32_t i = 0; i < g->n_cells; i++) {
        struct cs_grid_cell *c = &g->cells[i];
        cs_plan_cell(plan, lane, 0, i, &c->at);
        c->counters = g->width;
        c->sums = g->n_sums;
        c->first_ms = INT64_MAX;
        c->last_ms = INT64_MIN;
        g->width += g->questions[c->at.question].width;
        g->n_sums += g->questions[c->at.question].n_numbers;
    }
    for (uint64_t i = 0; i < l->block_size; i++) {
        struct cs_coords at;
        cs_plan_coords(plan, lane, i, &at);
        g->cells[at.cell].repeats++;
        g->cells[at.cell].planned += g->n_cases;
    }
    g->planned = cs_xcalloc((size_t)g->n_cases + 1, sizeof *g->planned);
    for (uint32_t i = 0; i < g->n_cases; i++)
        g->planned[i] = l->block_size;
    g->counters = cs_xcalloc((size_t)g->n_cases * g->width, sizeof *g->counters);
    g->sums = cs_xcalloc((size_t)g->n_cases * g->n_sums, sizeof *g->sums);
}

enum cs_err cs_grid_leave_out(struct cs_grid *g, const struct cs_case_source *cases, struct cs_error *err)
{
    const struct cs_study *s = g->plan->study;
    if (!cs_applies_is_used(s))
        return CS_OK;
    g->left_out = cs_xcalloc((size_t)g->n_cases * g->n_cells + 1, sizeof *g->left_out);
    for (uint32_t c = 0; c < g->n_cases; c++) {
        struct cs_case of;
        enum cs_err rc = cases->get(cases->self, c, &of, err);
        if (rc != CS_OK)
            return rc;
        for (uint32_t i = 0; i < g->n_cells; i++) {
            if (cs_applies_cell(s, &g->cells[i].at, &of))
                continue;
            g->left_out[(size_t)c * g->n_cells + i] = true;
            g->cells[i].planned -= g->cells[i].repeats;
            g->planned[c] -= g->cells[i].repeats;
        }
    }
    return CS_OK;
}

bool cs_grid_is_left_out(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    return g->left_out != NULL && g->left_out[(size_t)case_index * g->n_cells + cell];
}

static void *copy_of(const void *from, size_t n, size_t size)
{
    void *to = cs_xcalloc(n + 1, size);
    if (n > 0)
        memcpy(to, from, n * size);
    return to;
}

void cs_grid_copy(struct cs_grid *to, const struct cs_grid *from)
{
    *to = *from;
    to->questions = copy_of(from->questions, from->plan->study->n_questions, sizeof *to->questions);
    to->cells = copy_of(from->cells, from->n_cells, sizeof *to->cells);
    to->planned = copy_of(from->planned, from->n_cases, sizeof *to->planned);
    if (from->left_out != NULL)
        to->left_out = copy_of(from->left_out, (size_t)from->n_cases * from->n_cells, sizeof *to->left_out);
    to->counters = copy_of(from->counters, (size_t)from->n_cases * from->width, sizeof *to->counters);
    to->sums = copy_of(from->sums, (size_t)from->n_cases * from->n_sums, sizeof *to->sums);
}

void cs_grid_rest(struct cs_grid *out, const struct cs_grid *whole, const struct cs_grid *part)
{
    CS_ASSERT(whole->width == part->width && whole->n_cases == part->n_cases);
    cs_grid_copy(out, whole);
    for (size_t i = 0; i < (size_t)whole->n_cases * whole->width; i++)
        out->counters[i] -= part->counters[i];
}

void cs_grid_release(struct cs_grid *g)
{
    free(g->questions);
    free(g->cells);
    free(g->planned);
    free(g->left_out);
    free(g->counters);
    free(g->sums);
    *g = (struct cs_grid){0};
}

static uint32_t *record_of(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    return g->counters + (size_t)case_index * g->width + g->cells[cell].counters;
}

static struct cs_grid_sum *sums_of(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    return g->sums + (size_t)case_index * g->n_sums + g->cells[cell].sums;
}

const uint32_t *cs_grid_record(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    return record_of(g, case_index, cell);
}

const struct cs_grid_sum *cs_grid_sums(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    return sums_of(g, case_index, cell);
}

static void add_number(struct cs_grid_sum *s, uint32_t n, double v)
{
    const double d = v - s->mean;
    s->mean += d / n;
    s->m2 += d * (v - s->mean);
}

void cs_grid_add_answer(struct cs_grid *g, uint32_t case_index, uint32_t cell, uint32_t field,
                        const struct cs_answer *answer)
{
    CS_ASSERT(case_index < g->n_cases && cell < g->n_cells);
    const uint32_t question = g->cells[cell].at.question;
    const struct cs_grid_question *at = &g->questions[question];
    const uint32_t n = cs_grid_categories(&g->plan->study->questions[question].fields[field]);
    uint32_t *counter = record_of(g, case_index, cell) + at->field[field];
    if (answer->insufficient)
        counter[n]++;
    else if (at->number[field] != CS_NONE && answer->text != NULL)
        add_number(&sums_of(g, case_index, cell)[at->number[field]], ++counter[0], answer->number);
    else if (answer->category < n)
        counter[answer->category]++;
}

static void add_derived(struct cs_grid *g, uint32_t case_index, uint32_t cell, uint32_t i,
                        const struct cs_derived_value *v)
{
    const uint32_t question = g->cells[cell].at.question;
    const struct cs_grid_question *at = &g->questions[question];
    uint32_t *counter = record_of(g, case_index, cell) + at->derived[i];
    const bool boolean = g->plan->study->questions[question].derived[i].kind == CS_DERIVES_BOOLEAN;
    if (!v->known)
        counter[boolean ? 2 : 1]++;
    else if (boolean)
        counter[v->yes]++;
    else if (++counter[0] > 0 && at->derived_number[i] != CS_NONE)
        add_number(&sums_of(g, case_index, cell)[at->derived_number[i]], counter[0], v->number);
}

void cs_grid_add(struct cs_grid *g, uint32_t case_index, uint32_t cell, unsigned outcome,
                 const struct cs_answer *answers, const struct cs_derived_value *derived, int64_t when_ms)
{
    CS_ASSERT(case_index < g->n_cases && cell < g->n_cells && outcome < CS_GRID_CLASSES);
    struct cs_grid_cell *c = &g->cells[cell];
    const struct cs_question *q = &g->plan->study->questions[c->at.question];
    uint32_t *record = record_of(g, case_index, cell);
    record[outcome]++;
    if (when_ms != 0) {
        c->first_ms = when_ms < c->first_ms ? when_ms : c->first_ms;
        c->last_ms = when_ms > c->last_ms ? when_ms : c->last_ms;
    }
    if (answers == NULL)
        return;
    for (uint32_t i = 0; i < q->n_fields; i++)
        cs_grid_add_answer(g, case_index, cell, i, &answers[i]);
    for (uint32_t i = 0; i < q->n_derived; i++)
        add_derived(g, case_index, cell, i, &derived[i]);
}
