#include "tools/plan/already_paid.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/hash.h"
#include "protocol/study/applies.h"
#include "store/claims.h"
#include "tools/base/study_dir.h"

struct lent {     /* an output that a trial of ours would borrow */
    uint64_t key; /* number of the store, output */
    UT_hash_handle hh;
};

struct sources {
    struct cs_store *own; /* NULL: none yet */
    struct cs_claims *claims;
    struct cs_store *lenders[CS_OPT_LIST_MAX];
    struct cs_finder *finders[CS_OPT_LIST_MAX];
    unsigned n;
    struct lent *lent;
};

static enum cs_err open_sources(struct sources *s, const struct cs_study *study, const char *dir,
                                const struct cs_option_list *reuse, struct cs_error *err)
{
    struct cs_error none = {0};
    enum cs_err rc = cs_store_open_reader(&s->own, dir, &none);
    if (rc == CS_OK)
        rc = cs_claims_open(&s->claims, s->own, study, false, &none);
    if (rc != CS_OK && rc != CS_ENOENT)
        return cs_error_set(err, rc, "%s", none.msg);
    for (unsigned i = 0; i < reuse->n; i++) {
        rc = cs_store_open_reader(&s->lenders[i], reuse->v[i], err);
        if (rc != CS_OK)
            return rc;
        s->finders[s->n++] = cs_index_finder_open(s->lenders[i]);
    }
    return CS_OK;
}

static void close_sources(struct sources *s)
{
    struct lent *l, *next;
    cs_claims_close(s->claims);
    cs_store_close(s->own);
    for (unsigned i = 0; i < s->n; i++) {
        cs_index_finder_close(s->finders[i]);
        cs_store_close(s->lenders[i]);
    }
    HASH_ITER (hh, s->lent, l, next) {
        HASH_DEL(s->lent, l);
        free(l);
    }
}

/* Which of several equal trials gets which answer does not matter here: how many get one is the same. */
static enum cs_err look_own(struct sources *s, uint32_t lane, const struct cs_digest *d, uint64_t case_key, bool *paid,
                            struct cs_error *err)
{
    enum cs_claim kind = CS_CLAIM_NONE;
    struct cs_claimed one;
    enum cs_err rc = CS_OK;
    if (s->claims != NULL)
        rc = cs_claims_own(s->claims, lane, d, case_key, &kind, &one, err);
    if (rc == CS_OK && kind == CS_CLAIM_LATER)
        rc = cs_claims_rest(s->claims, lane, d, case_key, CS_REST_OF_LANE, &kind, &one, err);
    *paid = kind == CS_CLAIM_ANSWER;
    return rc;
}

/* Timeouts and unparsable answers are not lent, and nothing twice. */
static enum cs_err may_lend(struct sources *s, unsigned lender, const struct cs_indexed *f, bool *out,
                            struct cs_error *err)
{
    const uint64_t key = (uint64_t)lender << 56 | f->output_id;
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct lent *l;
    *out = false;
    HASH_FIND(hh, s->lent, &key, sizeof key, l);
    if (l != NULL || (f->flags & CS_OUTPUT_SUPERSEDED))
        return CS_OK;
    enum cs_err rc = cs_store_scan_output(s->lenders[lender], f->output_id, &arena, &stored, err);
    *out = rc == CS_OK && stored.output.outcome != CS_OUTCOME_timeout && stored.output.outcome != CS_OUTCOME_unparsable;
    cs_arena_release(&arena);
    if (*out) {
        l = cs_xcalloc(1, sizeof *l);
        l->key = key;
        HASH_ADD(hh, s->lent, key, sizeof l->key, l);
    }
    return rc;
}

static enum cs_err look_elsewhere(struct sources *s, const struct cs_digest *d, bool *lent, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    *lent = false;
    for (unsigned i = 0; rc == CS_OK && i < s->n && !*lent; i++) {
        const struct cs_indexed *found;
        uint32_t n;
        rc = cs_index_finder_get(s->finders[i], d, 0, &found, &n, err);
        for (uint32_t k = 0; rc == CS_OK && k < n && !*lent; k++)
            rc = may_lend(s, i, &found[k], lent, err);
    }
    return rc;
}

static enum cs_err look_at_case(const struct cs_plan *plan, struct cs_requests *requests,
                                const struct cs_loaded *loaded, uint32_t lane, uint32_t case_index, struct sources *s,
                                struct cs_already_paid_lane *out, struct cs_error *err)
{
    const uint64_t n = plan->lanes[lane].block_size, first = (uint64_t)case_index * n;
    struct cs_cells *cells;
    enum cs_err rc = cs_cells_make(requests, lane, case_index, &loaded->cases, false, &cells, err);
    if (rc != CS_OK)
        return rc;
    for (uint64_t i = 0; rc == CS_OK && i < n; i++) {
        struct cs_coords at;
        struct cs_digest d;
        bool own = false, lent = false;
        cs_plan_coords(plan, lane, first + i, &at);
        if (!cs_applies_cell(plan->study, &at, &loaded->all[case_index]))
            continue;
        out->looked_up++;
        cs_cells_trial_digest(cells, plan->study, at.cell, at.repeat, &d);
        rc = look_own(s, lane, &d, cells->case_key, &own, err);
        if (rc == CS_OK && !own)
            rc = look_elsewhere(s, &d, &lent, err);
        out->own += own;
        out->borrowed += lent;
    }
    cs_cells_free(cells);
    return rc;
}

enum cs_err cs_already_paid_make(const struct cs_plan *plan, struct cs_requests *requests,
                                 const struct cs_loaded *loaded, const char *dir, const struct cs_option_list *reuse,
                                 struct cs_already_paid *out, struct cs_error *err)
{
    const uint32_t n_cases = plan->study->n_cases;
    struct sources s = {.n = 0};
    *out = (struct cs_already_paid){.sampled = n_cases < CS_ALREADY_PAID_CASES ? n_cases : CS_ALREADY_PAID_CASES};
    enum cs_err rc = open_sources(&s, plan->study, dir, reuse, err);
    const bool any = s.own != NULL || s.n > 0;
    if (rc == CS_OK && any)
        out->lanes = cs_xcalloc(plan->n_lanes, sizeof *out->lanes);
    for (uint32_t i = 0; rc == CS_OK && any && i < out->sampled; i++) {
        const uint32_t case_index = (uint32_t)((uint64_t)i * n_cases / out->sampled);
        for (uint32_t lane = 0; rc == CS_OK && lane < plan->n_lanes; lane++)
            rc = look_at_case(plan, requests, loaded, lane, case_index, &s, &out->lanes[lane], err);
    }
    close_sources(&s);
    return rc;
}

void cs_already_paid_release(struct cs_already_paid *p)
{
    free(p->lanes);
    *p = (struct cs_already_paid){0};
}
