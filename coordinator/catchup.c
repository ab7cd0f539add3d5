#include "coordinator/catchup.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/plans.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "store/claims.h"

enum { CASES_A_STEP = 256, OUTPUTS_A_STEP = 512, PAGES_A_STEP = 1024 };

/* ---- marks: a bit for each case, by its rank in the order of the lanes --------------------------------- */

static bool get(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static void set(uint8_t *bits, uint64_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

bool cs_catchup_is_marked(const struct cs_build *b, uint32_t lane, uint64_t position)
{
    return b->round == 0 || get(b->late.marked, position / b->plan.view->plan.lanes[lane].block_size);
}

static void mark(struct cs_build *b, uint32_t case_index)
{
    const struct cs_plan *plan = &b->plan.view->plan;

    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        const uint64_t size = plan->lanes[i].block_size;

        if (size == 0)
            continue; /* a model that no block names */
        set(b->late.marked, cs_plan_position(plan, i, case_index * size) / size); /* the same in every lane */
        return;
    }
}

bool cs_catchup_seek(struct cs_build *b)
{
    const struct cs_plan *plan = &b->plan.view->plan;

    for (uint32_t n = 0; n < PAGES_A_STEP; n++) {
        if (b->lane >= plan->n_lanes)
            return true;
        const struct cs_plan_lane *lane = &plan->lanes[b->lane];
        const uint64_t until = b->position + CS_PAGE_TRIALS < lane->n_trials ? b->position + CS_PAGE_TRIALS
                                                                             : lane->n_trials;

        if (b->position >= lane->n_trials) {
            b->lane++;
            b->position = 0;
            continue;
        }
        for (uint64_t r = b->position / lane->block_size; r <= (until - 1) / lane->block_size; r++) {
            if (get(b->late.marked, r))
                return true;
        }
        b->position = until;
    }
    return false;
}

/* ---- cases, by the keys under which their answers are kept ----------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const uint64_t x = ((const struct cs_catchup_case *)a)->key, y = ((const struct cs_catchup_case *)b)->key;

    return (x > y) - (x < y);
}

static struct cs_catchup_case *find(const struct cs_catchup *c, uint64_t key)
{
    const struct cs_catchup_case wanted = {.key = key};

    return bsearch(&wanted, c->cases, c->n_cases, sizeof *c->cases, by_key);
}

static enum cs_err key_of(const struct cs_generation_view *view, uint32_t index, uint64_t *out, struct cs_error *err)
{
    struct cs_case one;
    enum cs_err rc = view->cases.get(view->cases.self, index, &one, err);

    if (rc == CS_OK)
        *out = cs_digest_case_key(one.id);
    return rc;
}

static const struct cs_generation_view *old_view(const struct cs_server *sv)
{
    const struct cs_loaded_plan *old = cs_plans_find(&sv->plans, sv->build.study->newest.number);

    return old != NULL ? old->view : NULL;
}

/* First the new study's, then which of them the old one has too. */
static enum cs_err list_cases(struct cs_server *sv, struct cs_error *err)
{
    struct cs_catchup *c = &sv->build.late;
    const struct cs_generation_view *next = sv->build.plan.view, *old = old_view(sv);
    const uint32_t n_next = next->spec.study->n_cases, n_old = old != NULL ? old->spec.study->n_cases : 0;
    enum cs_err rc = CS_OK;

    if (c->cases == NULL)
        c->cases = cs_xcalloc(n_next + 1u, sizeof *c->cases);
    for (uint32_t n = 0; rc == CS_OK && n < CASES_A_STEP && c->n_cases < n_next; n++, c->n_cases++) {
        rc = key_of(next, c->n_cases, &c->cases[c->n_cases].key, err);
        c->cases[c->n_cases].index = c->n_cases;
        if (c->n_cases + 1 == n_next)
            qsort(c->cases, n_next, sizeof *c->cases, by_key);
    }
    for (uint32_t n = 0; rc == CS_OK && c->n_cases == n_next && n < CASES_A_STEP && c->n_old < n_old; n++, c->n_old++) {
        uint64_t key = 0;
        struct cs_catchup_case *same;

        rc = key_of(old, c->n_old, &key, err);
        same = rc == CS_OK ? find(c, key) : NULL;
        if (same != NULL)
            same->is_old = true;
    }
    c->listed = rc == CS_OK && c->n_cases == n_next && c->n_old == n_old;
    return rc;
}

/* ---- outputs ------------------------------------------------------------------------------------------------ */

struct reading {
    struct cs_server *sv;
    uint32_t n;
};

/* Answers of other studies are none of ours. Of this one's two loaded generations the older one's late answers count too. */
static enum cs_err look_at(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                           struct cs_error *err)
{
    struct reading *r = self;
    struct cs_build *b = &r->sv->build;
    const struct cs_loaded_plan *from = cs_plans_find(&r->sv->plans, stored->output.gen);
    const struct cs_catchup_case *one;
    struct cs_coords at;
    uint64_t key = 0;
    enum cs_err rc;

    if (stored->output_id > cs_claims_last(b->claims) || r->n++ == OUTPUTS_A_STEP)
        return CS_EAGAIN;
    b->late.next_output = stored->output_id + 1;
    if (!(stored->flags & CS_OUTPUT_CANONICAL) || from == NULL ||
        cs_roster_study_of(&r->sv->roster, stored->output.gen) != b->study->key)
        return CS_OK;
    cs_plan_coords(&from->view->plan, lane, cs_plan_at(&from->view->plan, lane, position), &at);
    rc = key_of(from->view, at.case_index, &key, err);
    if (rc != CS_OK)
        return rc;
    b->late.found++;
    one = find(&b->late, key);
    if (one != NULL) {
        mark(b, one->index);
        return CS_OK;
    }
    for (uint32_t i = 0; i < b->late.n_cases && !b->late.stranger; i++) {
        if (!b->late.cases[i].is_old)
            mark(b, b->late.cases[i].index);
    }
    b->late.stranger = true;
    return CS_OK;
}

enum cs_err cs_catchup_begin(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    const size_t bytes = b->plan.view->spec.study->n_cases / 8 + 1;

    if (b->late.marked == NULL)
        b->late.marked = cs_xcalloc(bytes, 1);
    memset(b->late.marked, 0, bytes);
    b->late.next_output = b->through + 1;
    b->late.found = 0;
    b->late.stranger = false;
    return cs_claims_renew(b->claims, err);
}

enum cs_err cs_catchup_scan(struct cs_server *sv, bool *ready, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct reading r = {sv, 0};
    enum cs_err rc;

    *ready = false;
    if (!b->late.listed)
        return list_cases(sv, err);
    rc = cs_store_scan_outputs(sv->store, b->late.next_output, look_at, &r, err);
    if (rc != CS_OK && rc != CS_EAGAIN)
        return rc;
    *ready = b->late.next_output > cs_claims_last(b->claims);
    if (*ready && b->late.found > 0)
        b->lane = 0, b->position = 0;
    return CS_OK;
}

void cs_catchup_release(struct cs_catchup *c)
{
    free(c->cases);
    free(c->marked);
    *c = (struct cs_catchup){0};
}
