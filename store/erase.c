#include "store/erase.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/wire/messages.h"
#include "store/record.h"
#include "store/store_internal.h"

enum stage { PLACES, HISTORIES, OUTPUTS, INDEX, TURNS, LEFT_HISTORIES, LEDGER };

struct bits { /* one for each output */
    uint8_t *v;
    uint64_t n; /* bytes */
};

struct cs_erase {
    struct cs_store *store;
    const struct cs_tomb *tomb;
    enum stage stage;
    struct cs_key next; /* the row to go on with; n 0: the first of the stage */
    struct bits pointed, gone;
    uint64_t erased, kept;
    struct cs_arena arena;
};

static void set(struct bits *b, uint64_t i)
{
    if (i / 8 >= b->n) {
        const uint64_t n = i / 4 + 1024;
        b->v = cs_xrealloc(b->v, n, 1);
        memset(b->v + b->n, 0, n - b->n);
        b->n = n;
    }
    b->v[i / 8] |= (uint8_t)(1u << i % 8);
}

static bool has(const struct bits *b, uint64_t i)
{
    return i / 8 < b->n && (b->v[i / 8] >> i % 8 & 1) != 0;
}

struct cs_erase *cs_erase_open(struct cs_store *s, const struct cs_tomb *t)
{
    struct cs_erase *e = cs_xcalloc(1, sizeof *e);
    e->store = s;
    e->tomb = t;
    return e;
}

void cs_erase_close(struct cs_erase *e)
{
    if (e == NULL)
        return;
    free(e->pointed.v);
    free(e->gone.v);
    cs_arena_release(&e->arena);
    free(e);
}

uint64_t cs_erase_erased(const struct cs_erase *e)
{
    return e->erased;
}

uint64_t cs_erase_kept(const struct cs_erase *e)
{
    return e->kept;
}

static bool is_ours(const struct cs_erase *e, uint32_t gen)
{
    for (uint32_t i = 0; i < e->tomb->n; i++) {
        if (e->tomb->generations[i].number == gen)
            return true;
    }
    return false;
}

/* ---- rows of each stage ------------------------------------------------------------------------------ */

static enum cs_err take_place(struct cs_erase *e, struct cs_slice key, struct cs_slice value, struct cs_error *err)
{
    const uint8_t *k = key.p;
    struct cs_place place;
    if (key.n != 17 || !cs_keyspace_place_decode(value, &place))
        return cs_error_set(err, CS_ECORRUPT, "%s: a row of the places is damaged", e->store->dir);
    if (is_ours(e, cs_keyspace_get_u32(k + 1)))
        return CS_OK;
    set(&e->pointed, place.output_id);
    for (uint32_t i = 0; i < place.n_earlier; i++)
        set(&e->pointed, place.earlier[i]);
    return CS_OK;
}

/* What stands at a trial that stays keeps the turns before it. */
static enum cs_err take_history(struct cs_erase *e, struct cs_slice key, struct cs_slice value, struct cs_error *err)
{
    if (key.n != 9 || value.n % 8 != 0)
        return cs_error_set(err, CS_ECORRUPT, "%s: a row of the turns is damaged", e->store->dir);
    if (!has(&e->pointed, cs_keyspace_get_u64((const uint8_t *)key.p + 1)))
        return CS_OK;
    for (size_t i = 0; i < value.n; i += 8)
        set(&e->pointed, cs_keyspace_get_u64((const uint8_t *)value.p + i));
    return CS_OK;
}

/* A row of a turn, or of the turns before an output, whose output is gone. */
static enum cs_err take_turn(struct cs_erase *e, struct cs_slice key, struct cs_slice value, struct cs_batch *b,
                             struct cs_error *err)
{
    struct cs_batch_unturned row = {.n = (uint32_t)key.n};
    const bool history = e->stage == LEFT_HISTORIES;
    if (history ? key.n != 9 : key.n > sizeof row.key || value.n < 8)
        return cs_error_set(err, CS_ECORRUPT, "%s: a row of the turns is damaged", e->store->dir);
    memcpy(row.key, key.p, key.n);
    if (has(&e->gone, cs_keyspace_get_u64(history ? (const uint8_t *)key.p + 1 : value.p)))
        cs_batch_add_unturned(b, &row);
    return CS_OK;
}

static void erase(struct cs_batch *b, uint64_t id, int64_t committed_wall_ms, const struct cs_output *was)
{
    const struct cs_output empty = {.gen = was->gen,
                                    .lane = was->lane,
                                    .position = was->position,
                                    .outcome = CS_OUTCOME_internal,
                                    .text = "",
                                    .finish = CS_FINISH_ERASED,
                                    .model_resolved = "",
                                    .request_id = "",
                                    .fingerprint = "",
                                    .worker = ""};
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    cs_output_pack(&empty, &packed);
    cs_batch_add_erasure(b, &(struct cs_batch_erasure){.output_id = id,
                                                       .committed_wall_ms = committed_wall_ms,
                                                       .bytes = (const uint8_t *)packed.data,
                                                       .len = (uint32_t)packed.len});
    cs_buf_release(&packed);
}

static enum cs_err take_output(struct cs_erase *e, struct cs_slice key, struct cs_slice value, struct cs_batch *b,
                               struct cs_error *err)
{
    struct cs_record r;
    struct cs_output o;
    if (key.n != 8)
        return cs_error_set(err, CS_ECORRUPT, "%s: the key of an output is damaged", e->store->dir);
    const uint64_t id = cs_keyspace_get_u64(key.p);
    cs_arena_reset(&e->arena);
    enum cs_err rc = cs_record_read(id, value.p, value.n, &r, err);
    if (rc == CS_OK)
        rc = cs_output_unpack(r.bytes, r.len, &e->arena, &o, err);
    if (rc != CS_OK || !is_ours(e, o.gen))
        return rc;
    if (has(&e->pointed, id)) {
        e->kept++;
        return CS_OK;
    }
    set(&e->gone, id);
    e->erased++;
    if (!cs_output_is_erased(&o))
        erase(b, id, r.committed_wall_ms, &o);
    return CS_OK;
}

static enum cs_err take_index(struct cs_erase *e, struct cs_slice key, struct cs_batch *b, struct cs_error *err)
{
    struct cs_digest d;
    struct cs_indexed row;
    if (!cs_keyspace_parse_index(key, &d, &row))
        return cs_error_set(err, CS_ECORRUPT, "%s: a row of the digest index is damaged", e->store->dir);
    if (has(&e->gone, row.output_id))
        cs_batch_add_unindexed(
            b, &(struct cs_batch_unindexed){.digest = d, .lane = row.owner.lane, .output_id = row.output_id});
    return CS_OK;
}

/* ---- slices --------------------------------------------------------------------------------------------- */

static void first_key(enum stage stage, struct cs_key *from, struct cs_key *until)
{
    if (stage == OUTPUTS) {
        cs_keyspace_output(from, 0);
        cs_keyspace_output(until, UINT64_MAX);
        return;
    }
    static const enum cs_ledger_row rows[] = {[PLACES] = CS_ROW_PLACE,
                                              [HISTORIES] = CS_ROW_HISTORY,
                                              [INDEX] = CS_ROW_INDEX,
                                              [TURNS] = CS_ROW_TURN,
                                              [LEFT_HISTORIES] = CS_ROW_HISTORY};
    cs_keyspace_row(from, rows[stage]);
    *until = *from;
    cs_keyspace_after(until);
}

static enum cs_err take(struct cs_erase *e, struct cs_slice key, struct cs_slice value, struct cs_batch *b,
                        struct cs_error *err)
{
    switch (e->stage) {
    case PLACES:
        return take_place(e, key, value, err);
    case HISTORIES:
        return take_history(e, key, value, err);
    case OUTPUTS:
        return take_output(e, key, value, b, err);
    case INDEX:
        return take_index(e, key, b, err);
    case TURNS:
    case LEFT_HISTORIES:
        return take_turn(e, key, value, b, err);
    case LEDGER:
        break;
    }
    return CS_OK;
}

static enum cs_err look(struct cs_erase *e, uint32_t rows, struct cs_batch *b, bool *more, struct cs_error *err)
{
    const enum cs_cf cf = e->stage == OUTPUTS ? CS_CF_OUTPUTS : CS_CF_LEDGER;
    struct cs_key from, until;
    struct cs_slice key, value;
    enum cs_err rc = CS_OK;
    first_key(e->stage, &from, &until);
    if (e->next.n > 0)
        from = e->next;
    struct cs_rocks_view *v = cs_rocks_view_open(e->store->rocks);
    struct cs_rocks_rows *it = cs_rocks_rows_open(v, cf, cs_keyspace_slice(&from), cs_keyspace_slice(&until));
    for (*more = false; rc == CS_OK && cs_rocks_rows_next(it, &key, &value);) {
        if (rows-- == 0) {
            CS_ASSERT(key.n <= sizeof e->next.b);
            memcpy(e->next.b, key.p, key.n);
            e->next.n = (uint32_t)key.n;
            *more = true;
            break;
        }
        rc = take(e, key, value, b, err);
    }
    struct cs_error why = {0};
    const enum cs_err end = *more ? CS_OK : cs_rocks_rows_error(it, &why);
    (void)!cs_rocks_rows_close(it, NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK && end != CS_OK ? cs_error_set(err, end, "%s", why.msg) : rc;
}

enum cs_err cs_erase_step(struct cs_erase *e, uint32_t rows, struct cs_batch *b, bool *done, struct cs_error *err)
{
    bool more = false;
    *done = false;
    if (e->stage == LEDGER) {
        for (uint32_t i = 0; i < e->tomb->n; i++)
            cs_batch_add_forgotten(b, e->tomb->generations[i].number);
        *done = true;
        return CS_OK;
    }
    enum cs_err rc = look(e, rows, b, &more, err);
    if (rc == CS_OK && !more) {
        e->stage++;
        e->next.n = 0;
    }
    return rc;
}
