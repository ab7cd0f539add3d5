#include "tools/report/read/collect.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/list.h"
#include "protocol/wire/bill.h"
#include "store/conversation.h"
#include "tools/report/read/rated_answers.h"

void cs_collect_name(struct cs_collected_names *names, const char *name, int64_t when_ms)
{
    uint32_t i = 0;
    if (name == NULL || name[0] == '\0')
        return;
    while (i < names->n && i < CS_RESOLVED_MAX && strcmp(names->of[i].name, name) != 0)
        i++;
    struct cs_collected_name *n = &names->of[i];
    if (i == names->n) {
        n->name = cs_xstrdup(i < CS_RESOLVED_MAX ? name : "others");
        names->n++;
    }
    n->n++;
    if (when_ms != 0 && (n->first_ms == 0 || when_ms < n->first_ms))
        n->first_ms = when_ms;
    if (when_ms > n->last_ms)
        n->last_ms = when_ms;
}

static void release_names(struct cs_collected_names *names)
{
    for (uint32_t i = 0; i < names->n; i++)
        free(names->of[i].name);
}

void cs_collect_forget(struct cs_collected_lane *f)
{
    release_names(&f->resolved);
    release_names(&f->fingerprints);
}

void cs_collect_halves(struct cs_collected *c, const struct cs_plan *plan)
{
    bool repeats = false;
    for (uint32_t i = 0; i < plan->study->n_rects; i++)
        repeats = repeats || plan->study->rects[i].repeats > 1;
    if (!repeats)
        return;
    c->halves = cs_xcalloc(plan->n_lanes, sizeof *c->halves);
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        cs_grid_init(&c->halves[i], plan, i);
}

void cs_collect_release(struct cs_collected *c)
{
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        cs_grid_release(&c->grids[i]);
        if (c->halves != NULL)
            cs_grid_release(&c->halves[i]);
        if (c->first != NULL && c->first[i] != NULL) {
            cs_grid_release(c->first[i]);
            free(c->first[i]);
        }
        if (c->strict != NULL && c->strict[i] != NULL) {
            cs_grid_release(c->strict[i]);
            free(c->strict[i]);
        }
        if (c->again != NULL)
            free(c->again[i]);
        if (c->pressed != NULL)
            cs_pressed_release(&c->pressed[i]);
        if (c->replied != NULL)
            cs_replied_release(&c->replied[i]);
        cs_collect_forget(&c->facts[i]);
    }
    free(c->grids);
    free(c->halves);
    free(c->first);
    free(c->strict);
    free(c->again);
    free(c->pressed);
    free(c->replied);
    free(c->facts);
    *c = (struct cs_collected){0};
}

/* ---- a lane of the store ------------------------------------------------------------------------------- */

struct scan_pool {
    struct cs_reader *reader;
    struct cs_collected *out;
    const struct cs_rated *rated;
    struct cs_collect_watch watch;
    _Atomic uint32_t next;
    _Atomic uint64_t done;
};
struct lane_scan {
    struct cs_generation_view *view; /* this thread's own */
    struct cs_grid *grid, *half;     /* half: NULL, or every second repeat */
    struct cs_collected_lane *facts;
    const struct cs_rated *rated; /* or NULL */
    struct scan_pool *pool;
    bool tells; /* it is the thread that says how far all are */
    uint32_t seen;
    struct cs_arena arena;
    struct cs_pressed *pressed; /* NULL: the study has no conversations */
    struct cs_replied *replied; /* likewise */
    struct cs_prompt prompt;    /* of the present trial, if so */
    /* once an answer turned up that was asked again: */
    struct cs_grid **first, **strict;
    struct cs_collected_again **again;
    uint64_t asked; /* position of the last such trial */
    bool is_asked;
};

void cs_collect_facts(struct cs_collected_lane *f, const struct cs_model *m, const struct cs_stored *stored)
{
    const struct cs_output *o = &stored->output;
    const bool stands = (stored->flags & CS_OUTPUT_SUPERSEDED) == 0;
    if (stands) {
        cs_collect_name(&f->resolved, o->model_resolved, o->started_wall_ms);
        cs_collect_name(&f->fingerprints, o->fingerprint, o->started_wall_ms);
    }
    if (o->started_wall_ms != 0) {
        if (f->first_ms == 0 || o->started_wall_ms < f->first_ms)
            f->first_ms = o->started_wall_ms;
        if (o->started_wall_ms > f->last_ms)
            f->last_ms = o->started_wall_ms;
    }
    f->terminal += stands;
    f->ok += stands && o->outcome == CS_OUTCOME_ok;
    f->attempts += o->attempts;
    f->ambiguous += o->ambiguous;
    if (stands) {
        f->reread_ok += stored->recorded != o->outcome && o->outcome == CS_OUTCOME_ok;
        f->reread_unparsable += stored->recorded != o->outcome && o->outcome == CS_OUTCOME_unparsable;
        f->salvaged += o->salvaged;
        f->unparsable[cs_answer_fault_of(o->cause)] += o->outcome == CS_OUTCOME_unparsable;
    }
    f->adopted += stands && (stored->flags & CS_OUTPUT_ADOPTED) != 0;
    f->input_tokens += o->input_tokens;
    f->output_tokens += o->output_tokens;
    const struct cs_bill_most most = cs_bill_most(0);
    struct cs_bill bill;
    cs_bill_of(&m->price, o, &most, &bill);
    if ((stored->flags & CS_OUTPUT_ADOPTED) ==
        0) /* cs_collect_counters knows what was wasted here, by failures too that stand no more */
        bill.cost -= bill.wasted;
    f->cost_nano_usd = cs_price_add(f->cost_nano_usd, bill.cost);
    f->priced = m->price.input >= 0 && m->price.output >= 0;
}

static bool needs_case(const struct cs_question *q)
{
    return q->n_derived > 0 || cs_list_of(q) != NULL;
}

/* The trial at hand, if it is a conversation. */
struct talk {
    bool some;
    struct cs_conversation said;
    struct cs_derive_turns turns;
    struct cs_case c;
};

struct answered { /* an output, read */
    struct cs_coords at;
    enum cs_outcome outcome;
    bool parsed;
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value derived[CS_FIELDS_MAX];
};

/* Its turns, and what was answered at them. */
static enum cs_err read_talk(struct lane_scan *l, const struct cs_coords *at, const struct cs_stored *stored,
                             struct talk *out, struct cs_error *err)
{
    const struct cs_study *s = l->view->plan.study;
    out->some = l->pressed != NULL;
    if (!out->some)
        return CS_OK;
    enum cs_err rc = l->view->cases.get(l->view->cases.self, at->case_index, &out->c, err);
    if (rc == CS_OK)
        rc = cs_conversation_read(l->pool->reader->store, s, at, &out->c, &l->prompt, stored, &l->arena, &out->said,
                                  err);
    if (rc == CS_OK)
        cs_conversation_answers(&out->said, s, at, &l->arena, &out->turns);
    return rc;
}

static enum cs_err read_answer(struct lane_scan *l, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                               struct answered *a, struct talk *talk, struct cs_error *err)
{
    const struct cs_output *o = &stored->output;
    const struct cs_plan *plan = &l->view->plan;
    const struct cs_study *s = plan->study;
    struct cs_case c = {0};
    a->outcome = (enum cs_outcome)o->outcome;
    a->parsed = false;
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &a->at);
    cs_arena_reset(&l->arena);
    enum cs_err talked = read_talk(l, &a->at, stored, talk, err);
    if (talked != CS_OK)
        return talked;
    if (a->outcome == CS_OUTCOME_ok) {
        if (needs_case(&s->questions[a->at.question])) {
            enum cs_err rc = l->view->cases.get(l->view->cases.self, a->at.case_index, &c, err);
            if (rc != CS_OK)
                return rc;
        }
        a->parsed = cs_answer_parse(s, &a->at, &c, o->text, strlen(o->text), o->salvaged, o->alternatives, &l->arena,
                                    a->answers, a->derived, NULL) == CS_OK;
        if (!a->parsed) {
            a->outcome = CS_OUTCOME_unparsable;
            l->facts->mismatched++;
        } else if (talk->some) {
            cs_conversation_derive(&talk->said, &talk->turns, s, &a->at, &talk->c, &l->arena, a->answers, a->derived);
        }
    }
    /* a study with ratings has further fields, which the model was not asked */
    for (uint32_t i = s->questions[a->at.question].n_fields;
         i < l->grid->plan->study->questions[a->at.question].n_fields; i++)
        a->answers[i] = (struct cs_answer){.category = CS_NONE};
    return CS_OK;
}

static void add(struct cs_grid *g, const struct answered *a, int64_t when_ms)
{
    cs_grid_add(g, a->at.case_index, a->at.cell, a->outcome, a->parsed ? a->answers : NULL, a->derived, when_ms);
}

/* An answer that was asked again. Up to the first one the two grids are the same. */
static void take_superseded(struct lane_scan *l, uint64_t position, const struct answered *a, int64_t when_ms)
{
    if (l->is_asked && l->asked == position)
        return; /* asked again more than once: neither the first nor what stands */
    if (*l->first == NULL) {
        *l->first = cs_xcalloc(1, sizeof **l->first);
        cs_grid_copy(*l->first, l->grid);
        *l->again = cs_xcalloc(l->grid->n_cells + 1, sizeof **l->again);
    }
    add(*l->first, a, when_ms);
    struct cs_collected_again *again = &(*l->again)[a->at.cell];
    *(a->outcome == CS_OUTCOME_timeout ? &again->timeouts : &again->unparsable) += 1;
    l->is_asked = true;
    l->asked = position;
    l->facts->waiting++;
}

/* Up to the first answer that only a lenient reader took, the two grids are the same. */
static void take_strict(struct lane_scan *l, struct answered *a, const struct cs_output *o)
{
    const enum cs_outcome outcome = a->outcome;
    const bool parsed = a->parsed;
    if (*l->strict == NULL) {
        if (!o->salvaged)
            return;
        *l->strict = cs_xcalloc(1, sizeof **l->strict);
        cs_grid_copy(*l->strict, l->grid);
    }
    if (o->salvaged) {
        a->outcome = CS_OUTCOME_unparsable;
        a->parsed = false;
    }
    add(*l->strict, a, o->started_wall_ms);
    a->outcome = outcome;
    a->parsed = parsed;
}

static void count_seen(struct lane_scan *l)
{
    enum { STEP = 256 };
    if (++l->seen % STEP != 0)
        return;
    const uint64_t done = atomic_fetch_add(&l->pool->done, STEP) + STEP;
    if (l->tells && l->pool->watch.at != NULL)
        l->pool->watch.at(l->pool->watch.self, "reading outputs", done, l->view->plan.n_planned);
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct lane_scan *l = self;
    count_seen(l);
    const struct cs_output *o = &stored->output;
    struct answered a;
    struct talk talk;
    enum cs_err rc = read_answer(l, lane, position, stored, &a, &talk, err);
    if (rc != CS_OK)
        return rc;
    struct cs_stored whole = *stored;
    if (talk.some)
        whole.output = cs_conversation_total(&talk.said);
    cs_collect_facts(l->facts, &l->view->plan.study->models[lane], &whole);
    if (stored->flags & CS_OUTPUT_SUPERSEDED) {
        take_superseded(l, position, &a, o->started_wall_ms);
        return CS_OK;
    }
    if (talk.some) {
        cs_pressed_add(l->pressed, &a.at, &talk.c, &talk.turns, a.outcome);
        cs_replied_add(l->replied, &a.at, &talk.said, a.outcome);
    }
    take_strict(l, &a, o);
    add(l->grid, &a, o->started_wall_ms);
    if (l->half != NULL && a.at.repeat % 2 == 1)
        add(l->half, &a, o->started_wall_ms);
    if (l->rated != NULL)
        cs_rated_answers_count(l->rated, &o->digest, l->grid, a.at.case_index, a.at.cell);
    if (l->is_asked && l->asked == position) {
        struct cs_collected_again *again = &(*l->again)[a.at.cell];
        *(a.outcome == CS_OUTCOME_ok ? &again->ok : &again->others) += 1;
        l->facts->waiting--;
    } else if (*l->first != NULL) {
        add(*l->first, &a, o->started_wall_ms);
    }
    return CS_OK;
}

/* ---- further calls after our own overload ---------------------------------------------------------------- */

struct overload_scan {
    const struct cs_reader *reader;
    struct cs_collected *out;
};

static enum cs_err on_attempt(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                              struct cs_error *err)
{
    struct overload_scan *s = self;
    const struct cs_output *o = &stored->output;
    const struct cs_plan *plan = &s->reader->view.plan;
    struct cs_coords at;
    (void)lane, (void)position, (void)err;
    if ((stored->flags & CS_OUTPUT_ATTEMPT) == 0 || o->gen != s->reader->view.generation.number ||
        o->lane >= plan->n_lanes || o->position >= plan->lanes[o->lane].n_trials)
        return CS_OK;
    if (s->out->again[o->lane] == NULL)
        s->out->again[o->lane] = cs_xcalloc(s->out->grids[o->lane].n_cells + 1, sizeof **s->out->again);
    cs_plan_coords(plan, o->lane, cs_plan_at(plan, o->lane, o->position), &at);
    s->out->again[o->lane][at.cell].overload++;
    return CS_OK;
}

/* They have no place of their own: all outputs are looked through, if there is one at all. */
static enum cs_err count_overload(struct cs_collected *c, struct cs_reader *r, struct cs_error *err)
{
    struct overload_scan s = {r, c};
    uint64_t n = 0;
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        struct cs_counters counters;
        if (cs_store_rows_counters(r->store, r->view.generation.number, i, &counters, NULL) == CS_OK)
            n += counters.overload;
    }
    return n > 0 ? cs_store_scan_outputs(r->store, 0, on_attempt, &s, err) : CS_OK;
}

/* ---- threads --------------------------------------------------------------------------------------------- */

struct scan_thread {
    struct scan_pool *pool;
    pthread_t id;
    bool started;
    enum cs_err rc;
    struct cs_error err;
};

void cs_collect_counters(struct cs_collected_lane *f, const struct cs_counters *c)
{
    f->duplicates = c->duplicates;
    f->ambiguous_nano_usd = c->ambiguous_nano_usd;
    f->cost_nano_usd = cs_price_add(f->cost_nano_usd, c->wasted_nano_usd);
    f->wasted_nano_usd = c->wasted_nano_usd;
    f->voided_nano_usd = c->voided_nano_usd;
    f->untold = c->untold;
    f->cached = c->cached;
}

static void *scan_lanes(void *arg)
{
    struct scan_thread *t = arg;
    struct cs_reader *r = t->pool->reader;
    struct cs_generation_view view = {0};
    t->rc = cs_store_generation_view_open(&view, r->store, &r->view.generation, &t->err);
    while (t->rc == CS_OK) {
        const uint32_t lane = atomic_fetch_add(&t->pool->next, 1);
        if (lane >= t->pool->out->n_lanes)
            break;
        struct lane_scan l = {.view = &view,
                              .grid = &t->pool->out->grids[lane],
                              .half = t->pool->out->halves != NULL ? &t->pool->out->halves[lane] : NULL,
                              .facts = &t->pool->out->facts[lane],
                              .rated = t->pool->rated,
                              .pool = t->pool,
                              .tells = !t->started,
                              .first = &t->pool->out->first[lane],
                              .strict = &t->pool->out->strict[lane],
                              .again = &t->pool->out->again[lane],
                              .pressed = t->pool->out->pressed != NULL ? &t->pool->out->pressed[lane] : NULL,
                              .replied = t->pool->out->replied != NULL ? &t->pool->out->replied[lane] : NULL,
                              .prompt = CS_PROMPT_INIT};
        struct cs_counters counters;
        t->rc = cs_store_scan_all(r->store, r->view.generation.number, lane, on_output, &l, &t->err);
        if (t->rc == CS_OK &&
            cs_store_rows_counters(r->store, r->view.generation.number, lane, &counters, NULL) == CS_OK)
            cs_collect_counters(l.facts, &counters);
        cs_render_release(&l.prompt);
        cs_arena_release(&l.arena);
    }
    cs_store_generation_view_close(&view);
    return NULL;
}

enum cs_err cs_collect_store(struct cs_collected *c, struct cs_reader *r, const struct cs_plan *plan,
                             const struct cs_rated *rated, unsigned threads, struct cs_collect_watch watch,
                             struct cs_error *err)
{
    struct scan_pool pool = {.reader = r, .out = c, .rated = rated, .watch = watch};
    enum cs_err rc = CS_OK;
    *c = (struct cs_collected){.n_lanes = plan->n_lanes};
    c->grids = cs_xcalloc(plan->n_lanes, sizeof *c->grids);
    c->facts = cs_xcalloc(plan->n_lanes, sizeof *c->facts);
    c->first = cs_xcalloc(plan->n_lanes, sizeof(struct cs_grid *));
    c->strict = cs_xcalloc(plan->n_lanes, sizeof(struct cs_grid *));
    c->again = cs_xcalloc(plan->n_lanes, sizeof(struct cs_collected_again *));
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        cs_grid_init(&c->grids[i], plan, i);
    for (uint32_t i = 0; i < plan->n_lanes && rc == CS_OK; i++)
        rc = cs_grid_leave_out(&c->grids[i], &r->view.cases, err);
    if (rc != CS_OK)
        return rc;
    cs_collect_halves(c, plan);
    if (cs_script_is_used(plan->study)) {
        c->pressed = cs_xcalloc(plan->n_lanes, sizeof *c->pressed);
        c->replied = cs_xcalloc(plan->n_lanes, sizeof *c->replied);
    }
    for (uint32_t i = 0; c->pressed != NULL && i < plan->n_lanes; i++) {
        cs_pressed_init(&c->pressed[i], &r->view.plan, i); /* ratings are no answers at turns */
        cs_replied_init(&c->replied[i], r->view.plan.study);
    }
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
    return rc == CS_OK ? count_overload(c, r, err) : rc;
}
