#include "coordinator/borrow.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/base/rng.h"
#include "store/generation.h"

struct lender {
    struct cs_store *store;
    struct cs_finder *finder; /* during a pass */
    char *study;              /* name; "": unknown */
};
struct taken { /* a draw that was copied in this pass */
    uint64_t fingerprint;
    UT_hash_handle hh;
};

struct cs_borrow {
    struct lender lenders[CS_OPT_LIST_MAX];
    unsigned n;
    struct cs_buf state;
    struct cs_store *own;
    struct cs_finder *own_finder;
    struct taken *taken;
};

/* The name that its lanes are kept under. A store that cannot say it lends by request alone. */
static char *study_of(struct cs_store *store)
{
    struct cs_generation g;
    struct cs_generation_view view = {0};
    char *name;

    if (cs_store_generation_newest(store, &g, NULL) != CS_OK ||
        cs_store_generation_view_open(&view, store, &g, NULL) != CS_OK)
        return cs_xstrdup("");
    name = cs_xstrdup(view.spec.study->name);
    cs_store_generation_view_close(&view);
    return name;
}

enum cs_err cs_borrow_open(struct cs_borrow **out, const struct cs_option_list *dirs, const char *fleet,
                           struct cs_error *err)
{
    struct cs_borrow *b = cs_xcalloc(1, sizeof *b);
    enum cs_err rc = CS_OK;

    *out = NULL;
    b->state = CS_BUF_INIT(64 * 1024);
    for (unsigned i = 0; i < dirs->n && rc == CS_OK; i++) {
        struct cs_store *store;

        rc = cs_store_open_reader(&store, dirs->v[i], err);
        if (rc != CS_OK)
            break;
        b->lenders[b->n++] = (struct lender){.store = store, .study = study_of(store)};
        if (strcmp(cs_store_fleet(store), fleet) == 0)
            rc = cs_error_set(err, CS_EINVAL, "--reuse %s: that is this study's own store", dirs->v[i]);
        cs_buf_printf(&b->state, "%s%s %llu", i > 0 ? ", " : "", cs_store_fleet(store),
                      (unsigned long long)cs_store_commit_seq(store));
    }
    if (rc != CS_OK || b->n == 0) {
        cs_borrow_close(b);
        return rc;
    }
    *out = b;
    return CS_OK;
}

void cs_borrow_close(struct cs_borrow *b)
{
    if (b == NULL)
        return;
    cs_borrow_end(b);
    for (unsigned i = 0; i < b->n; i++) {
        cs_store_close(b->lenders[i].store);
        free(b->lenders[i].study);
    }
    cs_buf_release(&b->state);
    free(b);
}

const char *cs_borrow_state(const struct cs_borrow *b)
{
    return b != NULL ? cs_buf_cstr(&b->state) : "";
}

void cs_borrow_begin(struct cs_borrow *b, struct cs_store *own)
{
    if (b == NULL)
        return;
    cs_borrow_end(b);
    b->own = own;
    b->own_finder = cs_index_finder_open(own);
    for (unsigned i = 0; i < b->n; i++)
        b->lenders[i].finder = cs_index_finder_open(b->lenders[i].store);
}

void cs_borrow_end(struct cs_borrow *b)
{
    struct taken *t, *next;

    if (b == NULL)
        return;
    cs_index_finder_close(b->own_finder);
    b->own_finder = NULL;
    for (unsigned i = 0; i < b->n; i++) {
        cs_index_finder_close(b->lenders[i].finder);
        b->lenders[i].finder = NULL;
    }
    HASH_ITER (hh, b->taken, t, next) {
        HASH_DEL(b->taken, t);
        free(t);
    }
}

/* ---- what is taken already ----------------------------------------------------------------------------- */

/* The draw, wherever it was copied to: two stores may have borrowed from each other. */
static uint64_t fingerprint_of(const struct cs_output *o)
{
    uint64_t h, half[2];

    memcpy(half, o->digest.b, sizeof half);
    h = cs_rng_mix64(half[0] ^ cs_rng_mix64(half[1] ^ cs_rng_mix64((uint64_t)o->started_wall_ms)));
    h = cs_rng_mix64(h ^ ((uint64_t)o->total_ms << 8 | o->outcome));
    for (const char *p = o->worker; *p != '\0'; p++)
        h = cs_rng_mix64(h ^ (uint8_t)*p);
    for (const char *p = o->request_id; *p != '\0'; p++)
        h = cs_rng_mix64(h ^ (uint8_t)*p);
    return h;
}

static bool is_taken(struct cs_borrow *b, uint64_t fingerprint)
{
    struct taken *t;

    HASH_FIND(hh, b->taken, &fingerprint, sizeof fingerprint, t);
    return t != NULL;
}

static void take(struct cs_borrow *b, uint64_t fingerprint)
{
    struct taken *t = cs_xcalloc(1, sizeof *t);

    t->fingerprint = fingerprint;
    HASH_ADD(hh, b->taken, fingerprint, sizeof t->fingerprint, t);
}

/* By an earlier generation of ours, or before a restart. */
static enum cs_err is_copied(struct cs_borrow *b, const struct cs_digest *d, uint64_t fingerprint, bool *out,
                             struct cs_error *err)
{
    const struct cs_indexed *found;
    struct cs_arena arena = {0};
    uint32_t n;
    enum cs_err rc = cs_index_finder_get(b->own_finder, d, 0, &found, &n, err);

    *out = false;
    for (uint32_t i = 0; rc == CS_OK && i < n && !*out; i++) {
        struct cs_stored stored;

        cs_arena_reset(&arena);
        rc = cs_store_scan_output(b->own, found[i].output_id, &arena, &stored, err);
        *out = rc == CS_OK && (stored.flags & CS_OUTPUT_BORROWED) && fingerprint_of(&stored.output) == fingerprint;
    }
    cs_arena_release(&arena);
    return rc;
}

/* ---- lending ------------------------------------------------------------------------------------------- */

/* Packed anew: generation, lane and position are those of our plan, and no lease of ours was ever its. */
static void pack(const struct cs_borrow_want *want, struct cs_stored *stored, struct cs_buf *packed,
                 struct cs_batch_output *row, uint8_t *outcome, bool *salvaged)
{
    stored->output.gen = want->gen;
    stored->output.lane = want->lane;
    stored->output.position = want->position;
    stored->output.epoch = 0;
    *outcome = stored->output.outcome;
    *salvaged = stored->output.salvaged;
    cs_buf_clear(packed);
    cs_output_pack(&stored->output, packed);
    *row = (struct cs_batch_output){.gen = want->gen,
                                    .lane = want->lane,
                                    .position = want->position,
                                    .digest = want->digest,
                                    .owner = want->owner,
                                    .flags = CS_OUTPUT_CANONICAL | CS_OUTPUT_BORROWED,
                                    .committed_wall_ms = stored->committed_wall_ms,
                                    .bytes = (const uint8_t *)packed->data,
                                    .len = (uint32_t)packed->len};
}

/* *good: it is an answer that may be lent, and was not yet. */
static enum cs_err look(struct cs_borrow *b, struct lender *l, const struct cs_borrow_want *want, uint64_t id,
                        struct cs_arena *arena, struct cs_stored *stored, bool *good, struct cs_error *err)
{
    bool copied = false;
    enum cs_err rc = cs_store_scan_output(l->store, id, arena, stored, err);

    *good = false;
    if (rc == CS_OK && cs_output_is_erased(&stored->output)) /* its study is being deleted: the index follows */
        return CS_OK;
    if (rc == CS_OK && !cs_outcome_is_answer((enum cs_outcome)stored->output.outcome))
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu of a store to borrow from is indexed, but no answer",
                          (unsigned long long)id);
    if (rc == CS_OK && !cs_digest_equal(&stored->output.digest, &want->digest))
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu of a store to borrow from is indexed under another digest",
                          (unsigned long long)id);
    if (rc != CS_OK || stored->output.outcome == CS_OUTCOME_timeout || stored->output.outcome == CS_OUTCOME_unparsable)
        return rc;
    if (stored->output.turns_done > 1) /* the turns before it are not copied, and without them it answers nothing */
        return CS_OK;
    const uint64_t fingerprint = fingerprint_of(&stored->output);
    if (is_taken(b, fingerprint))
        return CS_OK;
    rc = is_copied(b, &want->digest, fingerprint, &copied, err);
    *good = rc == CS_OK && !copied;
    return rc;
}

static enum cs_err ask(struct cs_borrow *b, struct lender *l, const struct cs_borrow_want *want, bool rest,
                       enum cs_claim *kind, struct cs_buf *packed, struct cs_batch_output *row, uint8_t *outcome,
                       bool *salvaged, struct cs_error *err)
{
    const uint64_t lane = cs_digest_lane_key(l->study, want->model, want->account);
    const struct cs_indexed *found;
    struct cs_arena arena = {0};
    uint32_t n;
    enum cs_err rc = cs_index_finder_get(l->finder, &want->digest, 0, &found, &n, err);

    for (uint32_t i = 0; rc == CS_OK && i < n && *kind != CS_CLAIM_ANSWER; i++) {
        const struct cs_indexed *f = &found[i];
        /* A store of format 1 does not say for whom it was bought. */
        const bool same = f->owner.lane == 0 ||
                          (f->owner.lane == lane && f->owner.bought_for == want->owner.bought_for);
        struct cs_stored stored;
        bool good;

        if (f->flags & CS_OUTPUT_SUPERSEDED)
            continue;
        if (!same && !rest) {
            *kind = CS_CLAIM_LATER;
            continue;
        }
        cs_arena_reset(&arena);
        rc = look(b, l, want, f->output_id, &arena, &stored, &good, err);
        if (rc == CS_OK && good) {
            take(b, fingerprint_of(&stored.output));
            pack(want, &stored, packed, row, outcome, salvaged);
            *kind = CS_CLAIM_ANSWER;
        }
    }
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_borrow_one(struct cs_borrow *b, const struct cs_borrow_want *want, bool rest, enum cs_claim *kind,
                          struct cs_buf *packed, struct cs_batch_output *row, uint8_t *outcome, bool *salvaged,
                          struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    *kind = CS_CLAIM_NONE;
    for (unsigned i = 0; b != NULL && rc == CS_OK && i < b->n && *kind != CS_CLAIM_ANSWER; i++)
        rc = ask(b, &b->lenders[i], want, rest, kind, packed, row, outcome, salvaged, err);
    return rc;
}
