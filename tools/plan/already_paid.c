#include "tools/plan/already_paid.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/store.h"
#include "tools/base/study_dir.h"

struct sources {
    struct cs_store *stores[CS_OPT_LIST_MAX + 1];
    unsigned n;
    bool own; /* the first is the study's own */
};

static enum cs_err open_sources(struct sources *s, const char *dir, const struct cs_option_list *reuse,
                                struct cs_error *err)
{
    struct cs_error none = {0};
    enum cs_err rc = cs_store_open_reader(&s->stores[0], dir, &none);
    s->own = rc == CS_OK;
    s->n = s->own;
    if (rc != CS_OK && rc != CS_ENOENT)
        return cs_error_set(err, rc, "%s", none.msg);
    for (unsigned i = 0; i < reuse->n; i++) {
        rc = cs_store_open_reader(&s->stores[s->n], reuse->v[i], err);
        if (rc != CS_OK)
            return rc;
        s->n++;
    }
    return CS_OK;
}

/* Room for the digests of one case in one lane. */
struct lookup {
    struct cs_digest *digests;
    uint64_t *ids;
    bool *found;
    uint64_t room;
};

static void make_room(struct lookup *k, uint64_t n)
{
    if (n <= k->room)
        return;
    k->digests = cs_xrealloc(k->digests, n, sizeof *k->digests);
    k->ids = cs_xrealloc(k->ids, n, sizeof *k->ids);
    k->found = cs_xrealloc(k->found, n, sizeof *k->found);
    k->room = n;
}

static enum cs_err look_up(const struct sources *s, struct lookup *k, uint32_t n, struct cs_already_paid_lane *out,
                           struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    memset(k->found, 0, n * sizeof *k->found);
    for (unsigned i = 0; i < s->n && rc == CS_OK; i++) {
        rc = cs_store_find_many(s->stores[i], k->digests, n, k->ids, err);
        for (uint32_t j = 0; j < n && rc == CS_OK; j++) {
            if (k->ids[j] == 0 || k->found[j])
                continue;
            k->found[j] = true;
            *(s->own && i == 0 ? &out->own : &out->borrowed) += 1;
        }
    }
    out->looked_up += n;
    return rc;
}

static enum cs_err look_at_case(const struct cs_plan *plan, struct cs_requests *requests,
                                const struct cs_loaded *loaded, uint32_t lane, uint32_t case_index,
                                const struct sources *s, struct lookup *k, struct cs_already_paid_lane *out,
                                struct cs_error *err)
{
    const uint64_t n = plan->lanes[lane].block_size, first = (uint64_t)case_index * n;
    struct cs_cells *cells;
    enum cs_err rc = cs_cells_make(requests, lane, case_index, &loaded->cases, false, &cells, err);
    if (rc != CS_OK)
        return rc;
    make_room(k, n);
    for (uint64_t i = 0; i < n; i++) {
        struct cs_coords at;
        cs_plan_coords(plan, lane, first + i, &at);
        cs_cells_trial_digest(cells, plan->study, at.cell, at.repeat, &k->digests[i]);
    }
    cs_cells_free(cells);
    return look_up(s, k, (uint32_t)n, out, err);
}

enum cs_err cs_already_paid_make(const struct cs_plan *plan, struct cs_requests *requests,
                                 const struct cs_loaded *loaded, const char *dir, const struct cs_option_list *reuse,
                                 struct cs_already_paid *out, struct cs_error *err)
{
    const uint32_t n_cases = plan->study->n_cases;
    struct sources s = {.n = 0};
    struct lookup k = {0};
    *out = (struct cs_already_paid){.sampled = n_cases < CS_ALREADY_PAID_CASES ? n_cases : CS_ALREADY_PAID_CASES};
    enum cs_err rc = open_sources(&s, dir, reuse, err);
    if (rc == CS_OK && s.n > 0)
        out->lanes = cs_xcalloc(plan->n_lanes, sizeof *out->lanes);
    for (uint32_t i = 0; rc == CS_OK && s.n > 0 && i < out->sampled; i++) {
        const uint32_t case_index = (uint32_t)((uint64_t)i * n_cases / out->sampled);
        for (uint32_t lane = 0; rc == CS_OK && lane < plan->n_lanes; lane++)
            rc = look_at_case(plan, requests, loaded, lane, case_index, &s, &k, &out->lanes[lane], err);
    }
    for (unsigned i = 0; i < s.n; i++)
        cs_store_close(s.stores[i]);
    free(k.digests);
    free(k.ids);
    free(k.found);
    return rc;
}

void cs_already_paid_release(struct cs_already_paid *p)
{
    free(p->lanes);
    *p = (struct cs_already_paid){0};
}
