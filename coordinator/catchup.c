#include "coordinator/catchup.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/plans.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/rng.h"
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
            continue;                                                             /* a model that no block names */
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

static int by_first(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void *find(const void *items, uint32_t n, size_t size, uint64_t key)
{
    return n > 0 ? bsearch(&key, items, n, size, by_first) : NULL;
}
_Static_assert(offsetof(struct cs_catchup_case, key) == 0 && offsetof(struct cs_catchup_text, hash) == 0, "by_first");

/* Of all columns but those that make up its id. */
static uint64_t text_of(const struct cs_study *study, const struct cs_case *c)
{
    uint64_t h = 1;

    for (uint32_t i = 0; i < study->n_columns; i++) {
        if (strstr(c->id, c->values[i]) == NULL)
            h = cs_rng_mix64(h ^ cs_digest_case_key(c->values[i]));
    }
    return h;
}

static enum cs_err list_new(struct cs_build *b, struct cs_error *err)
{
    const struct cs_generation_view *v = b->plan.view;
    struct cs_catchup *c = &b->late;
    struct cs_case one;
    enum cs_err rc = v->cases.get(v->cases.self, c->n_cases, &one, err);

    if (rc != CS_OK)
        return rc;
    c->cases[c->n_cases] = (struct cs_catchup_case){cs_digest_case_key(one.id), c->n_cases, false};
    c->texts[c->n_cases] = (struct cs_catchup_text){text_of(v->spec.study, &one), c->n_cases};
    if (++c->n_cases < v->spec.study->n_cases)
        return CS_OK;
    qsort(c->cases, c->n_cases, sizeof *c->cases, by_first);
    qsort(c->texts, c->n_cases, sizeof *c->texts, by_first);
    return CS_OK;
}

static enum cs_err list_old(struct cs_build *b, const struct cs_generation_view *old, struct cs_error *err)
{
    struct cs_catchup *c = &b->late;
    struct cs_catchup_case *same;
    struct cs_case one;
    enum cs_err rc = old->cases.get(old->cases.self, c->n_old, &one, err);

    if (rc != CS_OK)
        return rc;
    c->n_old++;
    const uint64_t key = cs_digest_case_key(one.id);

    same = find(c->cases, c->n_cases, sizeof *c->cases, key);
    if (same != NULL) {
        same->is_old = true;
        return CS_OK;
    }
    const struct cs_catchup_text *t = find(c->texts, c->n_cases, sizeof *c->texts, text_of(old->spec.study, &one));

    c->gone = cs_xrealloc(c->gone, c->n_gone + 1, sizeof *c->gone);
    c->gone[c->n_gone++] = (struct cs_catchup_text){key, t != NULL ? (uint32_t)(t - c->texts) : CS_NONE};
    return CS_OK;
}

/* First the new study's, then which of them the old one has too, and what has become of its others. */
static enum cs_err list_cases(struct cs_server *sv, struct cs_error *err)
{
    struct cs_catchup *c = &sv->build.late;
    const struct cs_loaded_plan *old = cs_plans_find(&sv->plans, sv->build.study->newest.number);
    const uint32_t n_new = sv->build.plan.view->spec.study->n_cases;
    const uint32_t n_old = old != NULL ? old->view->spec.study->n_cases : 0;
    enum cs_err rc = CS_OK;

    if (c->cases == NULL) {
        c->cases = cs_xcalloc(n_new + 1u, sizeof *c->cases);
        c->texts = cs_xcalloc(n_new + 1u, sizeof *c->texts);
    }
    for (uint32_t n = 0; rc == CS_OK && n < CASES_A_STEP && c->n_cases < n_new; n++)
        rc = list_new(&sv->build, err);
    for (uint32_t n = 0; rc == CS_OK && n < CASES_A_STEP && c->n_cases == n_new && c->n_old < n_old; n++)
        rc = list_old(&sv->build, old->view, err);
    c->listed = rc == CS_OK && c->n_cases == n_new && c->n_old == n_old;
    if (c->listed && c->n_gone > 0)
        qsort(c->gone, c->n_gone, sizeof *c->gone, by_first);
    return rc;
}

/* Where an answer that was bought for a case may belong: to that case; to those that say the same, where it is no more; otherwise to
 * any that only the new study has. */
static void mark_for(struct cs_build *b, uint64_t key)
{
    struct cs_catchup *c = &b->late;
    const struct cs_catchup_case *one = find(c->cases, c->n_cases, sizeof *c->cases, key);
    const struct cs_catchup_text *gone = find(c->gone, c->n_gone, sizeof *c->gone, key);

    if (one != NULL) {
        mark(b, one->index);
        return;
    }
    if (gone != NULL && gone->index != CS_NONE) {
        const uint64_t hash = c->texts[gone->index].hash;
        uint32_t i = gone->index;

        while (i > 0 && c->texts[i - 1].hash == hash)
            i--;
        for (; i < c->n_cases && c->texts[i].hash == hash; i++)
            mark(b, c->texts[i].index);
        return;
    }
    for (uint32_t i = 0; i < c->n_cases && !c->all_new; i++) {
        if (!c->cases[i].is_old)
            mark(b, c->cases[i].index);
    }
    c->all_new = true;
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
    struct cs_coords at;
    struct cs_case one;
    enum cs_err rc;

    if (stored->output_id > cs_claims_last(b->claims) || r->n++ == OUTPUTS_A_STEP)
        return CS_EAGAIN;
    b->late.next_output = stored->output_id + 1;
    if (!(stored->flags & CS_OUTPUT_CANONICAL) || from == NULL ||
        cs_roster_study_of(&r->sv->roster, stored->output.gen) != b->study->key)
        return CS_OK;
    cs_plan_coords(&from->view->plan, lane, cs_plan_at(&from->view->plan, lane, position), &at);
    rc = from->view->cases.get(from->view->cases.self, at.case_index, &one, err);
    if (rc != CS_OK)
        return rc;
    b->late.found++;
    mark_for(b, cs_digest_case_key(one.id));
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
    b->late.all_new = false;
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
    free(c->texts);
    free(c->gone);
    free(c->marked);
    *c = (struct cs_catchup){0};
}
