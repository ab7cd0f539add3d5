/* The index: outputs by digest, lane and ordinal. A store of format 1 has one output a digest. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/store_internal.h"

struct cs_finder {
    struct cs_store *store;
    struct cs_rocks_view *view;
    struct cs_rocks_rows *rows; /* NULL: none was asked for yet */
    struct cs_indexed *found;
    uint32_t cap;
};

struct cs_finder *cs_index_finder_open(struct cs_store *s)
{
    struct cs_finder *f = cs_xcalloc(1, sizeof *f);
    f->store = s;
    f->view = cs_rocks_view_open(s->rocks);
    return f;
}

void cs_index_finder_close(struct cs_finder *f)
{
    if (f == NULL)
        return;
    if (f->rows != NULL)
        (void)!cs_rocks_rows_close(f->rows, NULL); /* its errors were told when they were met */
    cs_rocks_view_close(f->view);
    free(f->found);
    free(f);
}

static struct cs_indexed *one_more(struct cs_finder *f, uint32_t n)
{
    if (n == f->cap) {
        f->cap = f->cap == 0 ? 8 : 2 * f->cap;
        f->found = cs_xrealloc(f->found, f->cap, sizeof *f->found);
    }
    f->found[n] = (struct cs_indexed){0};
    return &f->found[n];
}

static enum cs_err damaged(const struct cs_store *s, struct cs_error *err)
{
    return cs_error_set(err, CS_ECORRUPT, "%s: a row of the digest index is damaged", s->dir);
}

static enum cs_err get_old(struct cs_finder *f, const struct cs_digest *d, uint32_t *n, struct cs_error *err)
{
    struct cs_key key;
    void *value = NULL;
    size_t len = 0;
    cs_keyspace_digest(&key, d);
    enum cs_err rc = cs_rocks_get(f->store->rocks, f->view, CS_CF_LEDGER, cs_keyspace_slice(&key), &value, &len, err);
    if (rc == CS_OK && len != 8)
        rc = damaged(f->store, err);
    else if (rc == CS_OK)
        one_more(f, (*n)++)->output_id = cs_keyspace_get_u64(value);
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

static bool begins_with(struct cs_slice key, const struct cs_key *prefix)
{
    return key.n >= prefix->n && memcmp(key.p, prefix->b, prefix->n) == 0;
}

enum cs_err cs_index_finder_get(struct cs_finder *f, const struct cs_digest *d, uint64_t lane,
                                const struct cs_indexed **found, uint32_t *n, struct cs_error *err)
{
    struct cs_key from, until;
    struct cs_slice key, value;
    struct cs_digest same;
    enum cs_err rc = CS_OK;
    bool more = true;
    *n = 0;
    if (f->store->format == 1) {
        rc = get_old(f, d, n, err);
        *found = f->found;
        return rc;
    }
    if (lane == 0)
        cs_keyspace_index_lanes(&from, d);
    else
        cs_keyspace_index_lane(&from, d, lane);
    if (f->rows == NULL) {
        cs_keyspace_row(&until, CS_ROW_INDEX);
        cs_keyspace_after(&until);
        f->rows = cs_rocks_seeker_open(f->view, CS_CF_LEDGER, cs_keyspace_slice(&until));
    }
    cs_rocks_seek(f->rows, cs_keyspace_slice(&from));
    while (rc == CS_OK && (more = cs_rocks_rows_next(f->rows, &key, &value)) && begins_with(key, &from)) {
        struct cs_indexed *one = one_more(f, *n);
        if (!cs_keyspace_parse_index(key, &same, one) || !cs_keyspace_index_decode(value, one))
            rc = damaged(f->store, err);
        (*n)++;
    }
    if (rc == CS_OK && !more)
        rc = cs_rocks_rows_error(f->rows, err);
    *found = f->found;
    return rc;
}

enum cs_err cs_store_index(struct cs_store *s,
                           enum cs_err (*fn)(void *self, const struct cs_digest *d, const struct cs_indexed *found),
                           void *self, struct cs_error *err)
{
    enum cs_err rc = CS_OK, end;
    const bool old = s->format == 1;
    struct cs_slice key, value;
    struct cs_key from, until;
    struct cs_digest d;
    cs_keyspace_row(&from, old ? CS_ROW_DIGEST : CS_ROW_INDEX);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        struct cs_indexed found = {0};
        if (old && key.n == 1 + sizeof d.b && value.n == 8) {
            memcpy(d.b, (const uint8_t *)key.p + 1, sizeof d.b);
            found.output_id = cs_keyspace_get_u64(value.p);
        } else if (old || !cs_keyspace_parse_index(key, &d, &found) || !cs_keyspace_index_decode(value, &found)) {
            rc = damaged(s, err);
        }
        if (rc == CS_OK)
            rc = fn(self, &d, &found);
    }
    end = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK ? end : rc;
}
