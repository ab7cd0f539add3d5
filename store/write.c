/* One batch, one synced write. */
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "store/record.h"
#include "store/store_internal.h"

static struct cs_slice slice(const void *p, size_t n)
{
    return (struct cs_slice){p, n};
}

static enum cs_err put_output(struct cs_store *s, struct cs_batch_output *o, int64_t now_wall_ms, struct cs_error *err)
{
    struct cs_key key;
    uint8_t head[CS_RECORD_HEAD];
    const bool borrowed = (o->flags & CS_OUTPUT_BORROWED) != 0;
    struct cs_record r = {o->output_id, (uint8_t)(o->flags & ~CS_OUTPUT_SUPERSEDED),
                          borrowed ? o->committed_wall_ms : now_wall_ms, o->bytes, o->len};
    struct cs_place place = {.output_id = o->output_id,
                             .flags = borrowed ? CS_OUTPUT_CANONICAL | CS_OUTPUT_ADOPTED : o->flags};
    cs_record_head(&r, head);
    cs_keyspace_output(&key, o->output_id);
    cs_rocks_put_joined(s->rocks, CS_CF_OUTPUTS, cs_keyspace_slice(&key), slice(head, sizeof head),
                        slice(o->bytes, o->len));
    if (o->flags & (CS_OUTPUT_DUPLICATE | CS_OUTPUT_ATTEMPT))
        return CS_OK;
    if (o->turn.number > 0 && !borrowed) {
        enum cs_err turned = cs_turn_rows_put(s, o, err);
        if (turned != CS_OK || o->flags == CS_OUTPUT_TURN)
            return turned;
    }
    enum cs_err rc = cs_store_again_link(s, o->gen, o->lane, o->position, &place, err);
    if (rc != CS_OK)
        return rc;
    cs_store_rows_put_place(s, o->gen, o->lane, o->position, &place);
    o->earlier = place.n_earlier > 0 ? place.earlier[0] : 0;
    if (o->flags & CS_OUTPUT_SUPERSEDED)
        cs_store_again_wait(s, o->gen, o->lane, o->position, &place);
    return CS_OK;
}

static void put_index(struct cs_store *s, const struct cs_batch_output *o)
{
    if (o->flags & CS_OUTPUT_CANONICAL)
        cs_store_rows_put_index(s, &o->digest,
                                &(struct cs_indexed){.output_id = o->output_id,
                                                     .owner = o->owner,
                                                     .flags = o->flags & CS_OUTPUT_SUPERSEDED,
                                                     .earlier = o->earlier});
}

static void put_adoption(struct cs_store *s, const struct cs_batch_adoption *a)
{
    struct cs_place place = {
        .output_id = a->output_id,
        .flags = (uint8_t)((a->failure ? CS_OUTPUT_FAILURE : CS_OUTPUT_CANONICAL) | CS_OUTPUT_ADOPTED),
        .reading = a->reading,
        .n_earlier = a->n_earlier};
    CS_ASSERT(a->output_id < s->next_output_id);
    if (a->n_earlier > 0)
        memcpy(place.earlier, a->earlier, a->n_earlier * sizeof *a->earlier);
    if (a->superseded)
        place.flags |= CS_OUTPUT_SUPERSEDED;
    cs_store_rows_put_place(s, a->gen, a->lane, a->position, &place);
    if (a->from.lane != 0) {
        struct cs_key old;
        cs_keyspace_index(&old, &a->digest, a->from.lane, a->output_id);
        cs_rocks_remove(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&old));
        cs_store_rows_put_index(s, &a->digest,
                                &(struct cs_indexed){.output_id = a->output_id,
                                                     .owner = a->owner,
                                                     .flags = a->superseded ? CS_OUTPUT_SUPERSEDED : 0,
                                                     .earlier = a->n_earlier > 0 ? a->earlier[0] : 0});
    }
    if (a->superseded || (a->failure && a->n_earlier > 0)) /* a failure ends no waiting */
        cs_store_again_wait(s, a->gen, a->lane, a->position, &place);
}

/* What is left of a deleted study. */
static void erase(struct cs_store *s, const struct cs_batch *b)
{
    static const enum cs_ledger_row rows[] = {CS_ROW_AGAIN, CS_ROW_COUNTERS, CS_ROW_FRONTIER, CS_ROW_PLACE,
                                              CS_ROW_PAGE};
    struct cs_key key, until;
    for (uint32_t i = 0; i < b->n_erasures; i++) {
        const struct cs_batch_erasure *e = &b->erasures[i];
        const struct cs_record r = {e->output_id, CS_OUTPUT_ATTEMPT, e->committed_wall_ms, e->bytes, e->len};
        uint8_t head[CS_RECORD_HEAD];
        cs_record_head(&r, head);
        cs_keyspace_output(&key, e->output_id);
        cs_rocks_put_joined(s->rocks, CS_CF_OUTPUTS, cs_keyspace_slice(&key), slice(head, sizeof head),
                            slice(e->bytes, e->len));
    }
    for (uint32_t i = 0; i < b->n_unindexed; i++) {
        cs_keyspace_index(&key, &b->unindexed[i].digest, b->unindexed[i].lane, b->unindexed[i].output_id);
        cs_rocks_remove(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key));
    }
    for (uint32_t i = 0; i < b->n_unturned; i++)
        cs_rocks_remove(s->rocks, CS_CF_LEDGER, slice(b->unturned[i].key, b->unturned[i].n));
    for (uint32_t i = 0; i < b->n_forgotten; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            cs_keyspace_generation(&key, rows[k], b->forgotten[i]);
            until = key;
            cs_keyspace_after(&until);
            cs_rocks_remove_all(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), cs_keyspace_slice(&until));
        }
    }
}

static void put_ledger(struct cs_store *s, const struct cs_batch *b)
{
    struct cs_key key;
    uint8_t counters[CS_COUNTERS_BYTES], frontier[8];
    for (uint32_t i = 0; i < b->n_pages; i++) {
        const struct cs_batch_page *p = &b->pages[i];
        cs_keyspace_at(&key, CS_ROW_PAGE, p->gen, p->lane, p->page);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), slice(p->bits, sizeof p->bits));
    }
    for (uint32_t i = 0; i < b->n_counters; i++) {
        const struct cs_batch_counters *c = &b->counters[i];
        cs_keyspace_lane(&key, CS_ROW_COUNTERS, c->gen, c->lane);
        const uint32_t n = cs_keyspace_counters_encode(counters, &c->counters);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), slice(counters, n));
    }
    for (uint32_t i = 0; i < b->n_frontiers; i++) {
        const struct cs_batch_frontier *f = &b->frontiers[i];
        cs_keyspace_lane(&key, CS_ROW_FRONTIER, f->gen, f->lane);
        cs_keyspace_put_u64(frontier, f->frontier);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_keyspace_slice(&key), slice(frontier, sizeof frontier));
    }
}

enum cs_err cs_store_write(struct cs_store *s, struct cs_batch *b, struct cs_error *err)
{
    struct cs_error why = {CS_OK, ""};
    uint64_t next = s->next_output_id;
    int64_t now_wall_ms = cs_clock_wall_ms();
    CS_ASSERT(s->write);
    if (s->failed.code != CS_OK)
        return cs_error_set(err, s->failed.code, "nothing is written any more after: %s", s->failed.msg);
    erase(s, b);
    enum cs_err rc = cs_store_again_put(s, b, &why);
    for (uint32_t i = 0; rc == CS_OK && i < b->n_outputs; i++) {
        b->outputs[i].output_id = next++;
        rc = put_output(s, &b->outputs[i], now_wall_ms, &why);
    }
    for (uint32_t i = 0; rc == CS_OK && i < b->n_outputs; i++) /* not among the places: their order is quicker to put */
        put_index(s, &b->outputs[i]);
    for (uint32_t i = 0; rc == CS_OK && i < b->n_adoptions; i++)
        put_adoption(s, &b->adoptions[i]);
    if (rc == CS_OK) {
        put_ledger(s, b);
        cs_store_rows_put_metas(s, b);
        rc = cs_store_rows_commit(s, next, &why);
    }
    cs_store_again_forget(s);
    if (rc != CS_OK) {
        s->failed = why;
        cs_error_set(err, rc, "%s", why.msg);
    }
    return rc;
}
