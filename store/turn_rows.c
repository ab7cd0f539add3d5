#include "store/turn_rows.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/study/study.h"
#include "store/store_internal.h"

enum { TURN_KEY = 1 + 16 + 8 + 8 + 4 + 4 };
_Static_assert(TURN_KEY <= sizeof((struct cs_batch_unturned *)0)->key, "it can be taken out");

static enum cs_err damaged(const struct cs_store *s, struct cs_error *err)
{
    return cs_error_set(err, CS_ECORRUPT, "%s: a row of the turns is damaged", s->dir);
}

/* The outputs of turns 1, 2, ... of a draw, at most CS_TURNS_MAX. */
static enum cs_err list(struct cs_store *s, const struct cs_digest *d, const struct cs_owner *owner, uint32_t draw,
                        uint64_t ids[CS_TURNS_MAX], uint32_t *n, struct cs_error *err)
{
    struct cs_key from, until;
    struct cs_slice key, value;
    enum cs_err rc = CS_OK, end;
    *n = 0;
    cs_keyspace_turns(&from, d, owner, draw);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_seeker_open(v, CS_CF_LEDGER, cs_keyspace_slice(&until));
    cs_rocks_seek(rows, cs_keyspace_slice(&from));
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        if (key.n != TURN_KEY || value.n < 8 || *n == CS_TURNS_MAX ||
            cs_keyspace_get_u32((const uint8_t *)key.p + TURN_KEY - 4) != *n + 1)
            rc = damaged(s, err);
        else
            ids[(*n)++] = cs_keyspace_get_u64(value.p);
    }
    end = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK ? end : rc;
}

static enum cs_err read_all(struct cs_store *s, const uint64_t *ids, uint32_t n, struct cs_arena *arena,
                            struct cs_stored **out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    *out = cs_arena_array(arena, n + 1, sizeof **out);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        rc = cs_store_scan_output(s, ids[i], arena, &(*out)[i], err);
        rc = rc == CS_ENOENT ? damaged(s, err) : rc;
        if (rc == CS_OK && (!((*out)[i].flags & CS_OUTPUT_TURN) || (*out)[i].output.turn != i + 1))
            rc = damaged(s, err);
    }
    return rc;
}

enum cs_err cs_turn_rows_standing(struct cs_store *s, const struct cs_digest *d, const struct cs_owner *owner,
                                  uint32_t draw, struct cs_arena *arena, struct cs_stored **out, uint32_t *n,
                                  struct cs_error *err)
{
    uint64_t ids[CS_TURNS_MAX];
    *out = NULL;
    enum cs_err rc = list(s, d, owner, draw, ids, n, err);
    return rc == CS_OK ? read_all(s, ids, *n, arena, out, err) : rc;
}

enum cs_err cs_turn_rows_count(struct cs_store *s, const struct cs_digest *d, const struct cs_owner *owner,
                               uint32_t draw, uint32_t *n, struct cs_error *err)
{
    uint64_t ids[CS_TURNS_MAX];
    return list(s, d, owner, draw, ids, n, err);
}

enum cs_err cs_turn_rows_before(struct cs_store *s, uint64_t output_id, struct cs_arena *arena, struct cs_stored **out,
                                uint32_t *n, struct cs_error *err)
{
    uint64_t ids[CS_TURNS_MAX];
    struct cs_key key;
    void *value = NULL;
    size_t len = 0;
    *out = NULL;
    *n = 0;
    cs_keyspace_history(&key, output_id);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_LEDGER, cs_keyspace_slice(&key), &value, &len, err);
    if (rc == CS_ENOENT)
        return CS_OK;
    if (rc == CS_OK && (len % 8 != 0 || len / 8 > CS_TURNS_MAX))
        rc = damaged(s, err);
    if (rc == CS_OK)
        *n = (uint32_t)(len / 8);
    for (uint32_t i = 0; i < *n; i++)
        ids[i] = cs_keyspace_get_u64((const uint8_t *)value + 8 * i);
    free(value);
    return rc == CS_OK ? read_all(s, ids, *n, arena, out, err) : rc;
}

enum cs_err cs_turn_rows_newest(struct cs_store *s, const struct cs_digest *d, const struct cs_owner *owner,
                                uint32_t *draw, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    while (rc == CS_OK && *draw < UINT32_MAX - CS_TURN_ROWS_ANEW) {
        struct cs_key key;
        void *value = NULL;
        size_t len = 0;
        cs_keyspace_turn(&key, d, owner, *draw + CS_TURN_ROWS_ANEW, 1);
        rc = cs_rocks_get(s->rocks, NULL, CS_CF_LEDGER, cs_keyspace_slice(&key), &value, &len, err);
        free(value);
        if (rc == CS_OK)
            *draw += CS_TURN_ROWS_ANEW;
    }
    return rc == CS_ENOENT ? CS_OK : rc;
}

enum cs_err cs_turn_rows_draw(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, uint32_t *draw,
                              struct cs_error *err)
{
    struct cs_place place;
    *draw = 0;
    enum cs_err rc = cs_store_rows_place(s, gen, lane, position, &place, err);
    if (rc == CS_OK)
        *draw = place.n_earlier + ((place.flags & CS_OUTPUT_SUPERSEDED) != 0);
    return rc == CS_ENOENT ? CS_OK : rc;
}

enum cs_err cs_turn_rows_scan(struct cs_store *s,
                              enum cs_err (*fn)(void *self, uint32_t turn, uint64_t output_id, struct cs_error *err),
                              void *self, struct cs_error *err)
{
    struct cs_key from, until;
    struct cs_slice key, value;
    enum cs_err rc = CS_OK, end;
    cs_keyspace_row(&from, CS_ROW_TURN);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        if (key.n != TURN_KEY || value.n < 8)
            rc = damaged(s, err);
        else
            rc = fn(self, cs_keyspace_get_u32((const uint8_t *)key.p + TURN_KEY - 4), cs_keyspace_get_u64(value.p),
                    err);
    }
    end = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK ? end : rc;
}

/* The turns before it are on disk: it answers a request that holds them. */
static enum cs_err put_history(struct cs_store *s, const struct cs_batch_output *o, struct cs_error *err)
{
    uint8_t value[8 * CS_TURNS_MAX];
    uint64_t ids[CS_TURNS_MAX];
    struct cs_key key;
    uint32_t n;
    enum cs_err rc = list(s, &o->digest, &o->owner, o->turn.draw, ids, &n, err);
    if (rc == CS_OK && n < o->turn.number)
        rc = damaged(s, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < o->turn.number; i++)
        cs_keyspace_put_u64(value + 8 * i, ids[i]);
    cs_keyspace_history(&key, o->output_id);
    cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), (struct cs_slice){value, 8u * o->turn.number});
    return CS_OK;
}

enum cs_err cs_turn_rows_put(struct cs_store *s, const struct cs_batch_output *o, struct cs_error *err)
{
    struct cs_key key;
    uint8_t value[8];
    if (!(o->flags & CS_OUTPUT_TURN))
        return put_history(s, o, err);
    cs_keyspace_turn(&key, &o->digest, &o->owner, o->turn.draw, o->turn.number);
    cs_keyspace_put_u64(value, o->output_id);
    cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), (struct cs_slice){value, sizeof value});
    return CS_OK;
}
