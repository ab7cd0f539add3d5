#include "tools/verify/rereading.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "protocol/study/list.h"
#include "store/reread.h"

/* How an answer stands. Only these turn into each other. */
enum standing { STANDS_OK, STANDS_SALVAGED, STANDS_UNPARSABLE, STANDINGS };
static const char *const names[STANDINGS] = {"ok", "ok (salvaged)", "unparsable"};

enum { TELL_EVERY = 1024 };

struct cs_rereading_cells {
    uint64_t answers; /* that stand now, of any outcome */
    uint64_t turns[STANDINGS][STANDINGS];
};

struct counting {
    struct cs_rereading_sums *sums;
    const struct cs_generation_view *view;
    const struct cs_study *study; /* as it is to be read */
    void (*on_progress)(void *self, const char *what, uint64_t done, uint64_t total);
    void *self;
    uint64_t seen;
};

/* Of a model: one for all of it, then one a level, factor after factor. */
static uint32_t cells_each(const struct cs_study *s)
{
    uint32_t n = 1;
    for (uint32_t f = 0; f < s->n_factors; f++)
        n += s->factors[f].n_levels;
    return n;
}

static enum standing standing_of(uint8_t outcome, bool salvaged)
{
    return outcome == CS_OUTCOME_unparsable ? STANDS_UNPARSABLE : salvaged ? STANDS_SALVAGED : STANDS_OK;
}

static void add(struct cs_rereading_cells *cell, bool turns, enum standing from, enum standing to)
{
    cell->answers++;
    if (turns)
        cell->turns[from][to]++;
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct counting *c = self;
    const struct cs_output *o = &stored->output;
    const struct cs_plan *plan = &c->view->plan;
    const struct cs_study *s = plan->study;
    struct cs_coords at;
    if (++c->seen % TELL_EVERY == 0 && c->on_progress != NULL)
        c->on_progress(c->self, "reading", c->seen, plan->n_trials);
    if (!cs_outcome_is_answer((enum cs_outcome)o->outcome))
        return CS_OK;
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    uint32_t elements = 0;
    const enum cs_err rc = cs_list_elements_at(s, at.question, &c->view->cases, at.case_index, &elements, err);
    if (rc != CS_OK)
        return rc;
    const struct cs_rereading now = cs_store_reread_output(c->study, lane, at.question, elements, o, 1);
    const bool turns = now.number != 0;
    const enum standing from = standing_of(o->outcome, o->salvaged), to = standing_of(now.outcome, now.salvaged);
    struct cs_rereading_cells *cell = &c->sums->cells[lane * cells_each(s)];
    c->sums->answers++;
    c->sums->changed += turns;
    c->sums->reread += stored->reading.number != 0;
    add(cell++, turns, from, to);
    for (uint32_t f = 0; f < s->n_factors; cell += s->factors[f++].n_levels)
        add(&cell[at.arms[f].level], turns, from, to);
    return CS_OK;
}

enum cs_err cs_rereading_count(struct cs_rereading_sums *out, struct cs_reader *r, const struct cs_spec *spec,
                               void (*on_progress)(void *self, const char *what, uint64_t done, uint64_t total),
                               void *self, struct cs_error *err)
{
    const struct cs_plan *plan = &r->view.plan;
    struct counting c = {.sums = out, .view = &r->view, .study = spec->study, .on_progress = on_progress, .self = self};
    enum cs_err rc = CS_OK;
    *out = (struct cs_rereading_sums){
        .cells = cs_xcalloc((size_t)plan->n_lanes * cells_each(plan->study) + 1, sizeof *out->cells)};
    for (uint32_t i = 0; i < plan->n_lanes && rc == CS_OK; i++)
        rc = cs_store_scan(r->store, r->view.generation.number, i, on_output, &c, err);
    return rc;
}

static uint64_t changed_in(const struct cs_rereading_cells *cell)
{
    uint64_t n = 0;
    for (int from = 0; from < STANDINGS; from++)
        for (int to = 0; to < STANDINGS; to++)
            n += cell->turns[from][to];
    return n;
}

/* Models in which something changes, each with its levels. factor NULL: all of the model. */
static void each(const struct cs_rereading_sums *sums, const struct cs_reader *r,
                 void (*tell)(void *self, const struct cs_rereading_cells *cell, const char *model, const char *factor,
                              const char *level),
                 void *self)
{
    const struct cs_study *s = r->view.spec.study;
    const struct cs_rereading_cells *cell = sums->cells;
    for (uint32_t m = 0; m < s->n_models; m++) {
        const bool any = changed_in(cell) > 0;
        if (any)
            tell(self, cell, s->models[m].name, NULL, NULL);
        cell++;
        for (uint32_t f = 0; f < s->n_factors; f++) {
            for (uint32_t l = 0; l < s->factors[f].n_levels; l++, cell++) {
                if (any && cell->answers > 0)
                    tell(self, cell, s->models[m].name, s->factors[f].name, s->factors[f].levels[l].id);
            }
        }
    }
}

static void print_cell(void *self, const struct cs_rereading_cells *cell, const char *model, const char *factor,
                       const char *level)
{
    FILE *out = self;
    const char *separator = "";
    if (factor == NULL)
        fputs(model, out);
    else
        fprintf(out, "  %s=%s", factor, level);
    fprintf(out, ": %" PRIu64 " of %" PRIu64 " answers", changed_in(cell), cell->answers);
    for (int from = 0; from < STANDINGS; from++) {
        for (int to = 0; to < STANDINGS; to++) {
            if (cell->turns[from][to] == 0)
                continue;
            fprintf(out, "%s %" PRIu64 " %s -> %s", separator[0] != '\0' ? separator : ":", cell->turns[from][to],
                    names[from], names[to]);
            separator = ",";
        }
    }
    fputc('\n', out);
}

void cs_rereading_print(const struct cs_rereading_sums *sums, const struct cs_reader *r, FILE *out)
{
    FILE *door = cs_plain_file(out);
    each(sums, r, print_cell, door);
    fclose(door);
}

static void add_row(void *self, const struct cs_rereading_cells *cell, const char *model, const char *factor,
                    const char *level)
{
    static const char *const words[STANDINGS] = {"ok", "salvaged", "unparsable"};
    struct cs_json *turns = cs_json_array();
    for (int from = 0; from < STANDINGS; from++) {
        for (int to = 0; to < STANDINGS; to++) {
            if (cell->turns[from][to] > 0)
                cs_json_array_append_new(turns, cs_json_pack("{s:s, s:s, s:I}", "from", words[from], "to", words[to],
                                                             "answers", (int64_t)cell->turns[from][to]));
        }
    }
    cs_json_array_append_new(self, cs_json_pack("{s:s, s:s?, s:s?, s:I, s:I, s:o}", "model", model, "factor", factor,
                                                "level", level, "answers", (int64_t)cell->answers, "changed",
                                                (int64_t)changed_in(cell), "turns", turns));
}

struct cs_json *cs_rereading_json(const struct cs_rereading_sums *sums, const struct cs_reader *r)
{
    struct cs_json *rows = cs_json_array();
    each(sums, r, add_row, rows);
    return rows;
}

void cs_rereading_release(struct cs_rereading_sums *s)
{
    CS_FREE(s->cells);
}
