#include "store/children/children.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/children/maker.h"

/* ---- is it closed? ----------------------------------------------------------------------------------------------- */

struct ended {
    const struct cs_plan *plan;
    uint64_t n;
};

static enum cs_err count_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct ended *x = self;
    if (lane >= x->plan->n_lanes || page * CS_PAGE_TRIALS >= x->plan->lanes[lane].n_trials)
        return CS_OK;
    const uint64_t left = x->plan->lanes[lane].n_trials - page * CS_PAGE_TRIALS;
    for (uint32_t i = 0; i < CS_PAGE_TRIALS && i < left; i++)
        x->n += (bits[i / 4] >> (2 * (i % 4)) & 3) != CS_TRIAL_PLANNED;
    return CS_OK;
}

enum cs_err cs_children_open_trials(struct cs_store *store, const struct cs_generation_view *parent, uint64_t *out,
                                    struct cs_error *err)
{
    struct ended x = {.plan = &parent->plan};
    enum cs_err rc = cs_store_scan_pages(store, parent->generation.number, count_page, &x, err);
    *out = parent->generation.built || x.n > 0 ? parent->plan.n_trials - x.n : parent->plan.n_trials;
    return rc;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void release(struct cs_maker *m)
{
    cs_snapshot_abandon(m->writer);
    free(m->case_places);
    free(m->case_keys);
    free(m->clusters);
    free(m->entries);
    free(m->records);
    free(m->places);
    free(m->slots);
    free(m->units);
    free(m->links);
    free(m->first_link);
    cs_arena_release(&m->arena);
}

/* From the parent's cases to the file that is whole. store NULL: what is only planned. */
static enum cs_err make(struct cs_maker *m, struct cs_store *store, struct cs_error *err)
{
    enum cs_err rc = cs_wishes_make(m, err);
    if (rc == CS_OK)
        rc = cs_snapshot_create(&m->writer, m->opts->path, err);
    if (rc == CS_OK)
        rc = cs_outputs_read_cases(m, err);
    if (rc == CS_OK)
        rc = store != NULL ? cs_outputs_scan(m, store, m->about.generation, err) : cs_outputs_plan(m, err);
    if (rc == CS_OK)
        rc = cs_units_make(m, err);
    if (rc == CS_OK)
        rc = cs_written_cases(m, err);
    if (rc == CS_OK) {
        struct cs_snapshot_writer *w = m->writer;
        m->writer = NULL;
        rc = cs_snapshot_finish(w, m->about.json, m->opts->stamp, err);
    }
    release(m);
    return rc;
}

enum cs_err cs_children_snapshot(struct cs_store *store, const struct cs_generation_view *parent,
                                 const struct cs_children_opts *opts, struct cs_error *err)
{
    struct cs_maker m = {.opts = opts,
                         .take = opts->take,
                         .s = parent->spec.study,
                         .plan = &parent->plan,
                         .cases = &parent->cases,
                         .about = {.generation = parent->generation.number}};
    uint64_t open = 0;
    enum cs_err rc = cs_children_open_trials(store, parent, &open, err);
    m.about.closed = open == 0;
    return rc == CS_OK ? make(&m, store, err) : rc;
}

enum cs_err cs_children_planned(const struct cs_study *parent, const struct cs_case_source *cases,
                                const struct cs_children_opts *opts, struct cs_error *err)
{
    struct cs_plan plan;
    struct cs_maker m = {
        .opts = opts, .take = opts->take, .s = parent, .plan = &plan, .cases = cases, .about = {.planned = true}};
    cs_plan_init(&plan, parent);
    enum cs_err rc = make(&m, NULL, err);
    cs_plan_release(&plan);
    return rc;
}
