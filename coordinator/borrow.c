
#include "coordinator/borrow.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct cs_borrow {
    struct cs_store *stores[CS_OPT_LIST_MAX];
    unsigned n;
    struct cs_buf state;
};

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
        b->stores[b->n++] = store;
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
    for (unsigned i = 0; i < b->n; i++)
        cs_store_close(b->stores[i]);
    cs_buf_release(&b->state);
    free(b);
}

const char *cs_borrow_state(const struct cs_borrow *b)
{
    return b != NULL ? cs_buf_cstr(&b->state) : "";
}

enum cs_err cs_borrow_find(struct cs_borrow *b, const struct cs_digest *digests, const uint64_t *ids, uint32_t n,
                           struct cs_borrow_from *from, struct cs_error *err)
{
    struct cs_digest *wanted = cs_xcalloc(n + 1, sizeof *wanted);
    uint64_t *found = cs_xcalloc(n + 1, sizeof *found);
    uint32_t *at = cs_xcalloc(n + 1, sizeof *at);
    enum cs_err rc = CS_OK;

    memset(from, 0, n * sizeof *from);
    for (unsigned s = 0; b != NULL && s < b->n && rc == CS_OK; s++) {
        uint32_t k = 0;

        for (uint32_t i = 0; i < n; i++) {
            if (ids[i] != 0 || from[i].store != NULL)
                continue;
            wanted[k] = digests[i];
            at[k++] = i;
        }
        rc = cs_store_find_many(b->stores[s], wanted, k, found, err);
        for (uint32_t i = 0; i < k && rc == CS_OK; i++) {
            if (found[i] != 0)
                from[at[i]] = (struct cs_borrow_from){b->stores[s], found[i]};
        }
    }
    free(wanted);
    free(found);
    free(at);
    return rc;
}

/* Packed anew: generation, lane and position are those of our plan, and no lease of ours was ever its. */
enum cs_err cs_borrow_take(const struct cs_borrow_from *from, uint32_t gen, uint32_t lane, uint64_t position,
                           struct cs_buf *packed, struct cs_batch_output *out, uint8_t *outcome, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_stored stored;
    enum cs_err rc = cs_store_output(from->store, from->output_id, &arena, &stored, err);

    if (rc == CS_OK && !cs_outcome_is_answer((enum cs_outcome)stored.output.outcome))
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu of a store to borrow from is indexed, but no answer",
                          (unsigned long long)from->output_id);
    if (rc == CS_OK) {
        stored.output.gen = gen;
        stored.output.lane = lane;
        stored.output.position = position;
        stored.output.epoch = 0;
        *outcome = stored.output.outcome;
        cs_buf_clear(packed);
        cs_output_pack(&stored.output, packed);
        *out = (struct cs_batch_output){.gen = gen,
                                        .lane = lane,
                                        .position = position,
                                        .digest = stored.output.digest,
                                        .flags = CS_OUTPUT_CANONICAL | CS_OUTPUT_BORROWED,
                                        .committed_wall_ms = stored.committed_wall_ms,
                                        .bytes = (const uint8_t *)packed->data,
                                        .len = (uint32_t)packed->len};
    }
    cs_arena_release(&arena);
    return rc;
}
