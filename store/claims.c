#include "store/claims.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "store/addresses.h"
#include "store/store_internal.h"

enum {
    FILTER_BITS = 8 /* for each output */,
    FILTER_MAX = 16 * 1024 * 1024 /* bytes */,
    KEPT_MAX = 512 * 1024 /* rows: 28 MiB */
};

struct cs_claims {
    struct cs_store *store;
    struct cs_finder *finder;
    uint64_t *lanes; /* keys of the new study's */
    uint64_t *heirs; /* for each, a lane that the study has no more and that is the same under another name; 0: none */
    uint32_t n_lanes;
    uint64_t *known; /* keys of all lanes that the study ever had; NULL: nobody asks */
    uint32_t n_known;
    bool other_lanes;
    uint64_t last;    /* output of the store */
    uint8_t *claimed; /* a bit for each output */
    /* Digests that the index has, two bits each in a Bloom filter: no prefix lookup of RocksDB's has one. */
    uint8_t *filter;
    uint64_t filter_mask;
    bool filtered;
    struct cs_rocks_view *view;
    struct cs_rocks_rows *rows; /* while the filter is filled */
    /* The rows themselves in the order of their keys, where they are few: a search in them costs a tenth of RocksDB's. */
    struct cs_digest *kept_digest;
    struct cs_indexed *kept;
    size_t n_kept;
    bool keeps;
    struct cs_put_off *put_off;
    uint64_t n_put_off, cap_put_off;
};

/* ---- the filter ---------------------------------------------------------------------------------- */

static uint64_t probe(const struct cs_claims *c, const struct cs_digest *d, unsigned which)
{
    uint64_t half;
    memcpy(&half, d->b + 8 * which, sizeof half); /* a digest is random already */
    return half & c->filter_mask;
}

static void add(struct cs_claims *c, const struct cs_digest *d)
{
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t bit = probe(c, d, i);
        c->filter[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

static bool may_have(const struct cs_claims *c, const struct cs_digest *d)
{
    if (!c->filtered)
        return true;
    for (unsigned i = 0; i < 2; i++) {
        const uint64_t bit = probe(c, d, i);
        if (!(c->filter[bit / 8] >> bit % 8 & 1))
            return false;
    }
    return true;
}

/* ---- rows that are kept -------------------------------------------------------------------------- */

static bool keep(struct cs_claims *c, struct cs_slice key, struct cs_slice value)
{
    enum { ROOM_AT_FIRST = 1024 };
    const size_t n = c->n_kept;
    if (n == 0 || (n >= ROOM_AT_FIRST && (n & (n - 1)) == 0)) {
        const size_t room = n == 0 ? ROOM_AT_FIRST : 2 * n;
        c->kept_digest = cs_xrealloc(c->kept_digest, room, sizeof *c->kept_digest);
        c->kept = cs_xrealloc(c->kept, room, sizeof *c->kept);
    }
    c->kept[n] = (struct cs_indexed){0};
    c->n_kept++;
    return cs_keyspace_parse_index(key, &c->kept_digest[n], &c->kept[n]) &&
           cs_keyspace_index_decode(value, &c->kept[n]);
}

/* As cs_index_finder_get. */
static void find_kept(const struct cs_claims *c, const struct cs_digest *d, uint64_t lane,
                      const struct cs_indexed **found, uint32_t *n)
{
    size_t low = 0, high = c->n_kept;
    while (low < high) {
        const size_t at = low + (high - low) / 2;
        const int order = memcmp(c->kept_digest[at].b, d->b, sizeof d->b);
        if (order < 0 || (order == 0 && c->kept[at].owner.lane < lane))
            low = at + 1;
        else
            high = at;
    }
    *found = c->n_kept > 0 ? &c->kept[low] : NULL;
    for (*n = 0; low + *n < c->n_kept && cs_digest_equal(&c->kept_digest[low + *n], d) &&
                 (lane == 0 || c->kept[low + *n].owner.lane == lane);)
        ++*n;
}

static void open_filter(struct cs_claims *c)
{
    struct cs_key from, until;
    uint64_t bytes = 1024;
    while (bytes < FILTER_MAX && bytes * 8 / FILTER_BITS < c->last)
        bytes *= 2;
    c->filter = cs_xcalloc(bytes, 1);
    c->filter_mask = bytes * 8 - 1;
    c->keeps = c->store->format != 1 && c->last <= KEPT_MAX; /* a row is an output's */
    cs_keyspace_row(&from, c->store->format == 1 ? CS_ROW_DIGEST : CS_ROW_INDEX);
    until = from;
    cs_keyspace_after(&until);
    c->view = cs_rocks_view_open(c->store->rocks);
    c->rows = cs_rocks_rows_open(c->view, CS_CF_LEDGER, cs_keyspace_slice(&from), cs_keyspace_slice(&until));
}

static enum cs_err close_filter(struct cs_claims *c, struct cs_error *err)
{
    enum cs_err rc = c->rows != NULL ? cs_rocks_rows_close(c->rows, err) : CS_OK;
    cs_rocks_view_close(c->view);
    c->rows = NULL;
    c->view = NULL;
    return rc;
}

enum cs_err cs_claims_prepare(struct cs_claims *c, uint32_t rows, bool *done, struct cs_error *err)
{
    struct cs_slice key, value;
    struct cs_digest d;
    *done = c->filtered;
    if (c->filtered)
        return CS_OK;
    if (c->filter == NULL)
        open_filter(c);
    for (; rows > 0 && cs_rocks_rows_next(c->rows, &key, &value); rows--) {
        if (key.n < 1 + sizeof d.b || (c->keeps && !keep(c, key, value)))
            return cs_error_set(err, CS_ECORRUPT, "%s: a row of the digest index is damaged", c->store->dir);
        memcpy(d.b, (const uint8_t *)key.p + 1, sizeof d.b);
        add(c, &d);
    }
    if (rows == 0)
        return CS_OK;
    enum cs_err rc = close_filter(c, err);
    *done = c->filtered = rc == CS_OK;
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------- */

enum cs_err cs_claims_open(struct cs_claims **out, struct cs_store *s, const struct cs_study *study, bool other_lanes,
                           struct cs_error *err)
{
    uint64_t seq, next = 0;
    struct cs_claims *c = cs_xcalloc(1, sizeof *c);
    enum cs_err rc = cs_store_rows_last_commit(s, NULL, &seq, &next, err);
    *out = NULL;
    if (rc != CS_OK) {
        free(c);
        return rc;
    }
    c->store = s;
    c->finder = cs_index_finder_open(s);
    c->other_lanes = other_lanes;
    c->last = next > 0 ? next - 1 : 0;
    c->claimed = cs_xcalloc(c->last / 8 + 1, 1);
    c->n_lanes = study->n_models;
    c->lanes = cs_xcalloc(c->n_lanes + 1u, sizeof *c->lanes);
    for (uint32_t i = 0; i < c->n_lanes; i++)
        c->lanes[i] = cs_digest_lane_key(study->name, study->models[i].name,
                                         study->accounts[study->models[i].account].name);
    c->heirs = cs_xcalloc(c->n_lanes + 1u, sizeof *c->heirs);
    rc = cs_addresses_heirs(s, study, c->heirs, err);
    if (rc == CS_OK && other_lanes)
        rc = cs_addresses_lanes(s, study, &c->known, &c->n_known, err);
    if (rc != CS_OK)
        cs_claims_close(c);
    else
        *out = c;
    return rc;
}

enum cs_err cs_claims_renew(struct cs_claims *c, struct cs_error *err)
{
    uint64_t seq, next = 0;
    const uint64_t before = c->last;
    enum cs_err rc = cs_store_rows_last_commit(c->store, NULL, &seq, &next, err);
    if (rc == CS_OK)
        rc = close_filter(c, err);
    if (rc != CS_OK)
        return rc;
    cs_index_finder_close(c->finder);
    c->finder = cs_index_finder_open(c->store);
    CS_FREE(c->filter); /* it knows nothing of the new ones */
    c->filtered = false;
    c->last = next > 0 ? next - 1 : 0;
    c->claimed = cs_xrealloc(c->claimed, c->last / 8 + 1, 1);
    if (c->last / 8 > before / 8)
        memset(c->claimed + before / 8 + 1, 0, c->last / 8 - before / 8);
    return CS_OK;
}

uint64_t cs_claims_last(const struct cs_claims *c)
{
    return c->last;
}

void cs_claims_close(struct cs_claims *c)
{
    if (c == NULL)
        return;
    (void)!close_filter(c, NULL);
    cs_index_finder_close(c->finder);
    free(c->lanes);
    free(c->heirs);
    free(c->known);
    free(c->claimed);
    free(c->filter);
    free(c->kept_digest);
    free(c->kept);
    free(c->put_off);
    free(c);
}

/* ---- who gets what ------------------------------------------------------------------------------- */

void cs_claims_note(struct cs_claims *c, uint64_t output_id)
{
    if (output_id <= c->last)
        c->claimed[output_id / 8] |= (uint8_t)(1u << output_id % 8);
}

static bool is_free(const struct cs_claims *c, const struct cs_indexed *f)
{
    return !(f->flags & CS_OUTPUT_SUPERSEDED) && f->output_id <= c->last &&
           !(c->claimed[f->output_id / 8] >> f->output_id % 8 & 1);
}

/* A store of format 1 does not say whose it is. */
static bool is_lane(const struct cs_claims *c, const struct cs_indexed *f, uint32_t lane)
{
    return f->owner.lane == c->lanes[lane] || f->owner.lane == 0 || f->owner.lane == c->heirs[lane];
}

static bool is_case(const struct cs_indexed *f, uint64_t case_key)
{
    return f->owner.bought_for == case_key || f->owner.lane == 0;
}

static bool is_among(uint64_t key, const uint64_t *keys, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (key == keys[i])
            return true;
    }
    return false;
}

/* A lane that this study had once, and does not have now. */
static bool is_other_lane(const struct cs_claims *c, const struct cs_indexed *f)
{
    return is_among(f->owner.lane, c->known, c->n_known) && !is_among(f->owner.lane, c->lanes, c->n_lanes) &&
           !is_among(f->owner.lane, c->heirs, c->n_lanes);
}

static enum cs_err find(struct cs_claims *c, uint32_t lane, const struct cs_digest *d, const struct cs_indexed **found,
                        uint32_t *n, struct cs_error *err)
{
    const bool all = c->other_lanes || c->heirs[lane] != 0;
    if (!c->filtered || !c->keeps)
        return cs_index_finder_get(c->finder, d, all ? 0 : c->lanes[lane], found, n, err);
    find_kept(c, d, all ? 0 : c->lanes[lane], found, n);
    return CS_OK;
}

/* The output, and those that it followed. */
static void claim(struct cs_claims *c, const struct cs_indexed *found, uint32_t n, const struct cs_indexed *one,
                  const struct cs_owner *owner, struct cs_claimed *out)
{
    uint64_t earlier = one->earlier;
    *out = (struct cs_claimed){.output_id = one->output_id};
    if (one->owner.lane != owner->lane || one->owner.bought_for != owner->bought_for)
        out->from = one->owner;
    cs_claims_note(c, one->output_id);
    while (earlier != 0 && out->n_earlier < CS_EARLIER_MAX) {
        uint64_t before = 0;
        out->earlier[out->n_earlier++] = earlier;
        for (uint32_t i = 0; i < n; i++) {
            if (found[i].output_id == earlier)
                before = found[i].earlier;
        }
        earlier = before < earlier ? before : 0;
    }
}

enum cs_err cs_claims_own(struct cs_claims *c, uint32_t lane, const struct cs_digest *d, uint64_t case_key,
                          enum cs_claim *kind, struct cs_claimed *out, struct cs_error *err)
{
    const struct cs_indexed *found, *mine = NULL, *asked = NULL;
    uint32_t n;
    bool others = false;
    CS_ASSERT(lane < c->n_lanes);
    *kind = CS_CLAIM_NONE;
    if (!may_have(c, d))
        return CS_OK;
    enum cs_err rc = find(c, lane, d, &found, &n, err);
    for (uint32_t i = 0; rc == CS_OK && i < n && mine == NULL; i++) {
        const struct cs_indexed *f = &found[i];
        const bool own = is_lane(c, f, lane) && is_case(f, case_key);
        if (own && is_free(c, f))
            mine = f;
        else if (own && (f->flags & CS_OUTPUT_SUPERSEDED))
            asked = f;
        else if (is_free(c, f) && (is_lane(c, f, lane) || (c->other_lanes && is_other_lane(c, f))))
            others = true;
    }
    if (rc != CS_OK)
        return rc;
    *kind = mine != NULL ? CS_CLAIM_ANSWER : asked != NULL ? CS_CLAIM_ASKED : others ? CS_CLAIM_LATER : CS_CLAIM_NONE;
    const struct cs_owner owner = {c->lanes[lane], case_key};
    if (mine != NULL || asked != NULL)
        claim(c, found, n, mine != NULL ? mine : asked, &owner, out);
    return CS_OK;
}

enum cs_err cs_claims_rest(struct cs_claims *c, uint32_t lane, const struct cs_digest *d, uint64_t case_key,
                           enum cs_claim_stage stage, enum cs_claim *kind, struct cs_claimed *out, struct cs_error *err)
{
    const struct cs_indexed *found, *one = NULL;
    uint32_t n;
    CS_ASSERT(lane < c->n_lanes);
    *kind = CS_CLAIM_NONE;
    if (stage != CS_REST_OF_LANE && !c->other_lanes)
        return CS_OK;
    enum cs_err rc = find(c, lane, d, &found, &n, err);
    for (uint32_t i = 0; rc == CS_OK && i < n && one == NULL; i++) {
        const struct cs_indexed *f = &found[i];
        const bool there = stage == CS_REST_OF_LANE ? is_lane(c, f, lane) : is_other_lane(c, f);
        if (is_free(c, f) && there && (stage != CS_REST_SAME_CASE || is_case(f, case_key)))
            one = f;
    }
    if (rc != CS_OK || one == NULL)
        return rc;
    *kind = CS_CLAIM_ANSWER;
    claim(c, found, n, one, &(struct cs_owner){c->lanes[lane], case_key}, out);
    return CS_OK;
}

/* ---- those put off ------------------------------------------------------------------------------- */

void cs_claims_put_off(struct cs_claims *c, uint32_t lane, uint64_t index)
{
    if (c->n_put_off == c->cap_put_off) {
        c->cap_put_off = c->cap_put_off == 0 ? 64 : 2 * c->cap_put_off;
        c->put_off = cs_xrealloc(c->put_off, c->cap_put_off, sizeof *c->put_off);
    }
    c->put_off[c->n_put_off++] = (struct cs_put_off){lane, index, false};
}

static int in_plan_order(const void *a, const void *b)
{
    const struct cs_put_off *x = a, *y = b;
    if (x->lane != y->lane)
        return x->lane < y->lane ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

struct cs_put_off *cs_claims_all_put_off(struct cs_claims *c, uint64_t *n)
{
    *n = c->n_put_off;
    if (c->n_put_off > 0)
        qsort(c->put_off, c->n_put_off, sizeof *c->put_off, in_plan_order);
    return c->put_off;
}
