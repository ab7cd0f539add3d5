/* Trials that were asked again: their places and index rows are marked, and what comes next links what stood there.
 *
 * The pages with such trials are held in memory (they are rows too), so that a write of any other trial costs one look at an empty table.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "store/reread.h"
#include "store/store_internal.h"

struct page_key {
    uint32_t gen, lane;
    uint64_t page;
};
struct cs_again_page {
    struct page_key key;
    uint8_t bits[CS_AGAIN_BYTES];
    UT_hash_handle hh;
};

struct place_key {
    uint32_t gen, lane;
    uint64_t position;
};
struct cs_again_place {
    struct place_key key;
    struct cs_place place;
    UT_hash_handle hh;
};

/* ---- the pages ----------------------------------------------------------------------------------- */

static struct cs_again_page *find_page(struct cs_store *s, const struct page_key *key)
{
    struct cs_again_page *p;
    HASH_FIND(hh, s->agains, key, sizeof *key, p);
    return p;
}

static struct cs_again_page *add_page(struct cs_store *s, const struct page_key *key)
{
    struct cs_again_page *p = cs_xcalloc(1, sizeof *p);
    p->key = *key;
    HASH_ADD(hh, s->agains, key, sizeof p->key, p);
    return p;
}

static bool waits(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position)
{
    const struct page_key key = {gen, lane, position / CS_PAGE_TRIALS};
    if (s->agains == NULL)
        return false;
    const struct cs_again_page *p = find_page(s, &key);
    unsigned i = (unsigned)(position % CS_PAGE_TRIALS);
    return p != NULL && (p->bits[i / 8] >> i % 8 & 1);
}

static void set_waiting(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, bool on)
{
    static const uint8_t none[CS_AGAIN_BYTES];
    const struct page_key at = {gen, lane, position / CS_PAGE_TRIALS};
    struct cs_again_page *p = find_page(s, &at);
    unsigned i = (unsigned)(position % CS_PAGE_TRIALS);
    struct cs_key key;
    if (p == NULL)
        p = add_page(s, &at);
    p->bits[i / 8] = (uint8_t)((p->bits[i / 8] & ~(1u << i % 8)) | (unsigned)on << i % 8);
    cs_keyspace_at(&key, CS_ROW_AGAIN, gen, lane, at.page);
    if (memcmp(p->bits, none, sizeof none) != 0) {
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), (struct cs_slice){p->bits, sizeof p->bits});
        return;
    }
    cs_rocks_remove(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key));
    HASH_DEL(s->agains, p);
    free(p);
}

enum cs_err cs_store_again_load(struct cs_store *s, struct cs_error *err)
{
    enum cs_err rc = CS_OK, end;
    struct cs_slice key, value;
    struct cs_key from, until;
    struct page_key at = {0};
    cs_keyspace_row(&from, CS_ROW_AGAIN);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        if (!cs_keyspace_parse_at(key, &at.lane, &at.page) || value.n < CS_AGAIN_BYTES)
            rc = cs_error_set(err, CS_ECORRUPT, "%s: a row of trials asked again is damaged", s->dir);
        else {
            at.gen = cs_keyspace_get_u32((const uint8_t *)key.p + 1);
            memcpy(add_page(s, &at)->bits, value.p, CS_AGAIN_BYTES);
        }
    }
    end = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK ? end : rc;
}

void cs_store_again_forget(struct cs_store *s)
{
    struct cs_again_place *a, *next;
    HASH_ITER (hh, s->asked, a, next) {
        HASH_DEL(s->asked, a);
        free(a);
    }
}

void cs_store_again_release(struct cs_store *s)
{
    struct cs_again_page *p, *next;
    cs_store_again_forget(s);
    HASH_ITER (hh, s->agains, p, next) {
        HASH_DEL(s->agains, p);
        free(p);
    }
}

/* ---- their places -------------------------------------------------------------------------------- */

/* As the batch at hand leaves it, or as it is on disk; none: zeroes. */
static enum cs_err place_of(struct cs_store *s, const struct place_key *at, struct cs_place *out, struct cs_error *err)
{
    struct cs_again_place *a;
    HASH_FIND(hh, s->asked, at, sizeof *at, a);
    if (a != NULL) {
        *out = a->place;
        return CS_OK;
    }
    enum cs_err rc = cs_store_rows_place(s, at->gen, at->lane, at->position, out, err);
    return rc == CS_ENOENT ? CS_OK : rc;
}

static void remember(struct cs_store *s, const struct place_key *at, const struct cs_place *p)
{
    struct cs_again_place *a;
    HASH_FIND(hh, s->asked, at, sizeof *at, a);
    if (a == NULL) {
        a = cs_xcalloc(1, sizeof *a);
        a->key = *at;
        HASH_ADD(hh, s->asked, key, sizeof a->key, a);
    }
    a->place = *p;
}

/* The index row of an output. CS_ENOENT: it has none (its record could not be read when the store was upgraded). */
static enum cs_err index_row(struct cs_finder *f, const struct cs_digest *d, uint64_t output_id, struct cs_indexed *out,
                             struct cs_error *err)
{
    const struct cs_indexed *found;
    uint32_t n;
    enum cs_err rc = cs_index_finder_get(f, d, 0, &found, &n, err);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        if (found[i].output_id == output_id) {
            *out = found[i];
            return CS_OK;
        }
    }
    return rc == CS_OK ? CS_ENOENT : rc;
}

struct asked { /* what one of them changes */
    struct cs_place place;
    struct cs_digest digest;
    struct cs_indexed index;
    bool indexed;
};

static enum cs_err look(struct cs_store *s, struct cs_finder *f, const struct cs_batch_again *a, struct asked *out,
                        struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_stored stored;
    enum cs_err rc = cs_store_rows_place(s, a->gen, a->lane, a->position, &out->place, err);
    if (rc == CS_ENOENT ||
        (rc == CS_OK && (out->place.flags & (CS_OUTPUT_CANONICAL | CS_OUTPUT_SUPERSEDED)) != CS_OUTPUT_CANONICAL))
        rc = cs_error_set(err, CS_EINVAL, "generation %u, lane %u, position %llu has no answer to be asked again",
                          a->gen, a->lane, (unsigned long long)a->position);
    if (rc == CS_OK)
        rc = cs_store_scan_output(s, out->place.output_id, &arena, &stored, err);
    if (rc == CS_OK)
        cs_store_reread_apply(&out->place.reading, &stored);
    if (rc == CS_OK && stored.output.outcome != CS_OUTCOME_timeout && stored.output.outcome != CS_OUTCOME_unparsable)
        rc = cs_error_set(
            err, CS_EINVAL,
            "output %llu is %s and stands for good: only timeouts and unparsable answers may be asked again",
            (unsigned long long)out->place.output_id, cs_outcome_name((enum cs_outcome)stored.output.outcome));
    if (rc == CS_OK) {
        out->digest = stored.output.digest;
        rc = index_row(f, &out->digest, out->place.output_id, &out->index, err);
        out->indexed = rc == CS_OK;
        rc = rc == CS_ENOENT ? CS_OK : rc;
    }
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_store_again_put(struct cs_store *s, const struct cs_batch *b, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (b->n_agains == 0)
        return CS_OK;
    struct asked *asked = cs_xcalloc(b->n_agains, sizeof *asked);
    struct cs_finder *f = cs_index_finder_open(s);
    for (uint32_t i = 0; rc == CS_OK && i < b->n_agains; i++)
        rc = look(s, f, &b->agains[i], &asked[i], err);
    cs_index_finder_close(f);
    for (uint32_t i = 0; rc == CS_OK && i < b->n_agains; i++) {
        const struct cs_batch_again *a = &b->agains[i];
        const struct place_key at = {a->gen, a->lane, a->position};
        asked[i].place.flags |= CS_OUTPUT_SUPERSEDED;
        asked[i].index.flags |= CS_OUTPUT_SUPERSEDED;
        cs_store_rows_put_place(s, a->gen, a->lane, a->position, &asked[i].place);
        if (asked[i].indexed)
            cs_store_rows_put_index(s, &asked[i].digest, &asked[i].index);
        remember(s, &at, &asked[i].place);
        set_waiting(s, a->gen, a->lane, a->position, true);
    }
    free(asked);
    return rc;
}

enum cs_err cs_store_again_link(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, struct cs_place *p,
                                struct cs_error *err)
{
    const struct place_key at = {gen, lane, position};
    struct cs_place old;
    if (!waits(s, gen, lane, position))
        return CS_OK;
    enum cs_err rc = place_of(s, &at, &old, err);
    if (rc != CS_OK)
        return rc;
    if (old.flags & CS_OUTPUT_SUPERSEDED)
        p->earlier[p->n_earlier++] = old.output_id;
    for (uint32_t i = 0; i < old.n_earlier && p->n_earlier < CS_EARLIER_MAX; i++)
        p->earlier[p->n_earlier++] = old.earlier[i];
    remember(s, &at, p);
    if (p->flags & CS_OUTPUT_CANONICAL)
        set_waiting(s, gen, lane, position, false);
    return CS_OK;
}

void cs_store_again_wait(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_place *p)
{
    const struct place_key at = {gen, lane, position};
    remember(s, &at, p);
    set_waiting(s, gen, lane, position, true);
}
