#include "tools/report/read/collect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/read/rated_answers.h"

void cs_collect_resolved(struct cs_collected_lane *f, const char *name)
{
    uint32_t i = 0;
    if (name == NULL || name[0] == '\0')
        return;
    while (i < f->n_resolved && i < CS_RESOLVED_MAX && strcmp(f->resolved[i], name) != 0)
        i++;
    if (i == f->n_resolved) {
        f->resolved[i] = cs_xstrdup(i < CS_RESOLVED_MAX ? name : "others");
        f->n_resolved++;
    }
    f->resolved_n[i]++;
}

void cs_collect_release(struct cs_collected *c)
{
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        cs_grid_release(&c->grids[i]);
        for (uint32_t k = 0; k < c->facts[i].n_resolved; k++)
            free(c->facts[i].resolved[k]);
    }
    free(c->grids);
    free(c->facts);
    *c = (struct cs_collected){0};
}

/* ---- a lane of the store ------------------------------------------------------------------------------- */

struct lane_scan {
    struct cs_generation_view *view; /* this thread's own */
    struct cs_grid *grid;
    struct cs_collected_lane *facts;
    const struct cs_rated *rated; /* or NULL */
    struct cs_arena arena;
};

static void note_facts(struct lane_scan *l, const struct cs_model *m, const struct cs_stored *stored)
{
    struct cs_collected_lane *f = l->facts;
    const struct cs_output *o = &stored->output;
    cs_collect_resolved(f, o->model_resolved);
    if (o->started_wall_ms != 0) {
        if (f->first_ms == 0 || o->started_wall_ms < f->first_ms)
            f->first_ms = o->started_wall_ms;
        if (o->started_wall_ms > f->last_ms)
            f->last_ms = o->started_wall_ms;
    }
    f->terminal++;
    f->attempts += o->attempts;
    f->ambiguous += o->ambiguous;
    f->adopted += (stored->flags & CS_OUTPUT_ADOPTED) != 0;
    f->input_tokens += o->input_tokens;
    f->output_tokens += o->output_tokens;
    int64_t cost;
    (void)cs_price_of(&m->price, o->input_tokens, o->cached_tokens, o->output_tokens, &cost);
    f->cost_nano_usd = cs_price_add(f->cost_nano_usd, cost);
}

static bool needs_case(const struct cs_question *q)
{
    return q->n_derived > 0;
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct lane_scan *l = self;
    const struct cs_plan *plan = &l->view->plan;
    const struct cs_study *s = plan->study;
    const struct cs_output *o = &stored->output;
    struct cs_answer answers[CS_FIELDS_MAX];
    int derived[CS_FIELDS_MAX];
    struct cs_case c = {0};
    struct cs_coords at;
    enum cs_outcome outcome = (enum cs_outcome)o->outcome;
    bool parsed = false;
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    if (outcome == CS_OUTCOME_ok) {
        if (needs_case(&s->questions[at.question])) {
            enum cs_err rc = l->view->cases.get(l->view->cases.self, at.case_index, &c, err);
            if (rc != CS_OK)
                return rc;
        }
        cs_arena_reset(&l->arena);
        parsed = cs_answer_parse(s, &at, &c, o->text, strlen(o->text), &l->arena, answers, derived, NULL) == CS_OK;
        if (!parsed) {
            outcome = CS_OUTCOME_unparsable;
            l->facts->mismatched++;
        }
    }
    /* a study with ratings has further fields, which the model was not asked */
    for (uint32_t i = s->questions[at.question].n_fields; i < l->grid->plan->study->questions[at.question].n_fields;
         i++)
        answers[i] = (struct cs_answer){.category = CS_NONE};
    cs_grid_add(l->grid, at.case_index, at.cell, outcome, parsed ? answers : NULL, derived, o->started_wall_ms);
    if (l->rated != NULL)
        cs_rated_answers_count(l->rated, &o->digest, l->grid, at.case_index, at.cell);
    note_facts(l, &s->models[lane], stored);
    return CS_OK;
}

/* ---- threads --------------------------------------------------------------------------------------------- */

struct scan_pool {
    struct cs_reader *reader;
    struct cs_collected *out;
    const struct cs_rated *rated;
    _Atomic uint32_t next;
};
struct scan_thread {
    struct scan_pool *pool;
    pthread_t id;
    bool started;
    enum cs_err rc;
    struct cs_error err;
};

/* What no output tells. */
static void take_counters(struct cs_collected_lane *f, const struct cs_counters *c)
{
    f->duplicates = c->duplicates;
    f->ambiguous_nano_usd = c->ambiguous_nano_usd;
}

static void *scan_lanes(void *arg)
{
    struct scan_thread *t = arg;
    struct cs_reader *r = t->pool->reader;
    struct cs_generation_view view = {0};
    t->rc = cs_generation_view_open(&view, r->store, &r->view.generation, &t->err);
    while (t->rc == CS_OK) {
        const uint32_t lane = atomic_fetch_add(&t->pool->next, 1);
        if (lane >= t->pool->out->n_lanes)
            break;
        struct lane_scan l = {.view = &view,
                              .grid = &t->pool->out->grids[lane],
                              .facts = &t->pool->out->facts[lane],
                              .rated = t->pool->rated};
        struct cs_counters counters;
        t->rc = cs_store_scan(r->store, r->view.generation.number, lane, on_output, &l, &t->err);
        if (t->rc == CS_OK && cs_store_counters(r->store, r->view.generation.number, lane, &counters, NULL) == CS_OK)
            take_counters(l.facts, &counters);
        cs_arena_release(&l.arena);
    }
    cs_generation_view_close(&view);
    return NULL;
}

enum cs_err cs_collect_store(struct cs_collected *c, struct cs_reader *r, const struct cs_plan *plan,
                             const struct cs_rated *rated, unsigned threads, struct cs_error *err)
{
    struct scan_pool pool = {.reader = r, .out = c, .rated = rated};
    enum cs_err rc = CS_OK;
    *c = (struct cs_collected){.n_lanes = plan->n_lanes};
    c->grids = cs_xcalloc(plan->n_lanes, sizeof *c->grids);
    c->facts = cs_xcalloc(plan->n_lanes, sizeof *c->facts);
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        cs_grid_init(&c->grids[i], plan, i);
    if (threads > plan->n_lanes)
        threads = plan->n_lanes;
    struct scan_thread *t = cs_xcalloc(threads > 0 ? threads : 1, sizeof *t);
    t[0].pool = &pool;
    for (unsigned i = 1; i < threads; i++) {
        t[i].pool = &pool;
        t[i].started = pthread_create(&t[i].id, NULL, scan_lanes, &t[i]) == 0; /* fewer threads: slower, not wrong */
    }
    scan_lanes(&t[0]);
    for (unsigned i = 0; i < threads || i == 0; i++) {
        if (t[i].started)
            pthread_join(t[i].id, NULL);
        if (t[i].rc != CS_OK && rc == CS_OK)
            rc = cs_error_set(err, t[i].rc, "%s", t[i].err.msg);
    }
    free(t);
    return rc;
}
