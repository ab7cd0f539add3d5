/* Single rows of the store: its own, and the others' as they are read and put. */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

static struct cs_slice slice(const void *p, size_t n)
{
    return (struct cs_slice){p, n};
}

/* ---- the store's own rows ------------------------------------------------------------------------ */

/* A row of known size; CS_ENOENT when absent, CS_ECORRUPT when it has another size. */
static enum cs_err get_fixed(struct cs_store *s, struct cs_rocks_view *v, enum cs_cf cf, const struct cs_key *key,
                             void *out, size_t n, struct cs_error *err)
{
    void *value = NULL;
    size_t len = 0;
    enum cs_err rc = cs_rocks_get(s->rocks, v, cf, cs_keyspace_slice(key), &value, &len, err);
    if (rc == CS_OK && len != n)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: a row of %zu bytes has %zu", s->dir, n, len);
    else if (rc == CS_OK)
        memcpy(out, value, n);
    free(value);
    return rc;
}

enum cs_err cs_store_rows_get_system(struct cs_store *s, struct cs_rocks_view *v, const char *name, void *out, size_t n,
                                     struct cs_error *err)
{
    struct cs_key key;
    cs_keyspace_system(&key, name);
    return get_fixed(s, v, CS_CF_META, &key, out, n, err);
}

void cs_store_rows_put_system(struct cs_store *s, const char *name, const void *value, size_t n)
{
    struct cs_key key;
    cs_keyspace_system(&key, name);
    cs_rocks_put(s->rocks, CS_CF_META, cs_keyspace_slice(&key), slice(value, n));
}

enum cs_err cs_store_rows_last_commit(struct cs_store *s, struct cs_rocks_view *v, uint64_t *commit_seq,
                                      uint64_t *next_output_id, struct cs_error *err)
{
    uint8_t row[CS_COMMIT_BYTES] = {0};
    enum cs_err rc = cs_store_rows_get_system(s, v, "commit", row, sizeof row, err);
    if (rc == CS_ENOENT)
        rc = CS_OK;
    *commit_seq = cs_keyspace_get_u64(row);
    *next_output_id = cs_keyspace_get_u64(row + 8);
    return rc;
}

/* Writes the gathered batch as the next commit. */
enum cs_err cs_store_rows_commit(struct cs_store *s, uint64_t next_output_id, struct cs_error *err)
{
    uint8_t row[CS_COMMIT_BYTES];
    uint64_t seq = atomic_load(&s->commit_seq) + 1;
    cs_keyspace_put_u64(row, seq);
    cs_keyspace_put_u64(row + 8, next_output_id);
    cs_store_rows_put_system(s, "commit", row, sizeof row);
    enum cs_err rc = cs_rocks_commit(s->rocks, err);
    if (rc == CS_OK) {
        s->next_output_id = next_output_id;
        atomic_store(&s->commit_seq, seq);
    }
    return rc;
}

/* ---- putting -------------------------------------------------------------------------------------- */

void cs_store_rows_put_place(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                             const struct cs_place *p)
{
    struct cs_key key;
    uint8_t place[CS_PLACE_MAX];
    uint32_t n = cs_keyspace_place_encode(place, p);
    cs_keyspace_at(&key, CS_ROW_PLACE, gen, lane, position);
    cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), slice(place, n));
}

void cs_store_rows_put_index(struct cs_store *s, const struct cs_digest *d, const struct cs_indexed *f)
{
    struct cs_key key;
    uint8_t row[CS_INDEX_BYTES];
    uint32_t n = cs_keyspace_index_encode(row, f);
    cs_keyspace_index(&key, d, f->owner.lane, f->output_id);
    cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), slice(row, n));
}

void cs_store_rows_put_metas(struct cs_store *s, const struct cs_batch *b)
{
    struct cs_key key;
    for (uint32_t i = 0; i < b->n_metas; i++) {
        const struct cs_batch_meta *m = &b->metas[i];
        cs_keyspace_meta(&key, m->key);
        if (m->value == NULL)
            cs_rocks_remove(s->rocks, CS_CF_META, cs_keyspace_slice(&key));
        else
            cs_rocks_put(s->rocks, CS_CF_META, cs_keyspace_slice(&key), slice(m->value, m->len));
    }
}

/* ---- single rows --------------------------------------------------------------------------------- */

enum cs_err cs_store_rows_meta(struct cs_store *s, const char *key, void **value, uint32_t *len, struct cs_error *err)
{
    struct cs_key k;
    size_t n = 0;
    cs_keyspace_meta(&k, key);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_META, cs_keyspace_slice(&k), value, &n, err);
    *len = (uint32_t)n;
    return rc == CS_ENOENT ? cs_error_set(err, rc, "%s: has no %s", s->dir, key) : rc;
}

enum cs_err cs_store_rows_counters(struct cs_store *s, uint32_t gen, uint32_t lane, struct cs_counters *out,
                                   struct cs_error *err)
{
    struct cs_key key;
    void *value = NULL;
    size_t n = 0;
    memset(out, 0, sizeof *out);
    cs_keyspace_lane(&key, CS_ROW_COUNTERS, gen, lane);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_LEDGER, cs_keyspace_slice(&key), &value, &n, err);
    if (rc == CS_OK && !cs_keyspace_counters_decode(slice(value, n), out))
        rc = cs_error_set(err, CS_ECORRUPT, "%s: the counters of lane %u, generation %u, are damaged", s->dir, lane,
                          gen);
    free(value);
    return rc;
}

enum cs_err cs_store_rows_frontier(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t *out, struct cs_error *err)
{
    struct cs_key key;
    uint8_t row[8] = {0};
    cs_keyspace_lane(&key, CS_ROW_FRONTIER, gen, lane);
    enum cs_err rc = get_fixed(s, NULL, CS_CF_LEDGER, &key, row, sizeof row, err);
    *out = cs_keyspace_get_u64(row);
    return rc;
}

enum cs_err cs_store_rows_place(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                struct cs_place *out, struct cs_error *err)
{
    struct cs_key key;
    void *value = NULL;
    size_t n = 0;
    *out = (struct cs_place){0};
    cs_keyspace_at(&key, CS_ROW_PLACE, gen, lane, position);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_LEDGER, cs_keyspace_slice(&key), &value, &n, err);
    if (rc == CS_OK && !cs_keyspace_place_decode(slice(value, n), out))
        rc = cs_error_set(err, CS_ECORRUPT, "%s: the place of generation %u, lane %u, position %llu is damaged", s->dir,
                          gen, lane, (unsigned long long)position);
    free(value);
    return rc;
}
