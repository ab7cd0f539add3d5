#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "store/record.h"
#include "store/reread.h"
#include "store/store_internal.h"

/* Rows whose key begins with a prefix. */
static struct cs_rocks_rows *rows_of(struct cs_rocks_view *v, enum cs_cf cf, const struct cs_key *prefix)
{
    struct cs_key until = *prefix;
    cs_keyspace_after(&until);
    return cs_rocks_rows_open(v, cf, cs_keyspace_slice(prefix), cs_keyspace_slice(&until));
}

/* What a loop over rows ended with: its own error, or else the iterator's. */
static enum cs_err close_rows(struct cs_rocks_rows *rows, enum cs_err rc, struct cs_error *err)
{
    struct cs_error late = {CS_OK, ""};
    enum cs_err end = cs_rocks_rows_close(rows, &late);
    if (rc != CS_OK || end == CS_OK)
        return rc;
    return cs_error_set(err, end, "%s", late.msg);
}

/* ---- metas, pages, places --------------------------------------------------------------------------- */

enum cs_err cs_store_scan_metas(struct cs_store *s, const char *prefix,
                                enum cs_err (*fn)(void *self, const char *key, const void *value, uint32_t len),
                                void *self, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_slice key, value;
    struct cs_key from;
    char name[CS_KEY_NAME_MAX + 1];
    cs_keyspace_meta(&from, prefix);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = rows_of(v, CS_CF_META, &from);
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        CS_ASSERT(key.n >= 1 && key.n - 1 < sizeof name);
        memcpy(name, (const char *)key.p + 1, key.n - 1);
        name[key.n - 1] = '\0';
        rc = fn(self, name, value.p, (uint32_t)value.n);
    }
    rc = close_rows(rows, rc, err);
    cs_rocks_view_close(v);
    return rc;
}

static enum cs_err damaged(struct cs_store *s, const char *what, struct cs_error *err)
{
    return cs_error_set(err, CS_ECORRUPT, "%s: a row of %s is damaged", s->dir, what);
}

enum cs_err cs_store_scan_pages(struct cs_store *s, uint32_t gen,
                                enum cs_err (*fn)(void *self, uint32_t lane, uint64_t page,
                                                  const uint8_t bits[CS_PAGE_BYTES]),
                                void *self, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_slice key, value;
    struct cs_key from;
    uint32_t lane;
    uint64_t page;
    cs_keyspace_generation(&from, CS_ROW_PAGE, gen);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = rows_of(v, CS_CF_LEDGER, &from);
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        if (!cs_keyspace_parse_at(key, &lane, &page) || value.n != CS_PAGE_BYTES)
            rc = damaged(s, "the ledger", err);
        else
            rc = fn(self, lane, page, value.p);
    }
    rc = close_rows(rows, rc, err);
    cs_rocks_view_close(v);
    return rc;
}

enum cs_err cs_store_scan_places(struct cs_store *s, uint32_t gen,
                                 enum cs_err (*fn)(void *self, uint32_t lane, uint64_t position,
                                                   const struct cs_place *place),
                                 void *self, struct cs_error *err)
{
    return cs_store_scan_places_from(s, gen, 0, 0, fn, self, err);
}

enum cs_err cs_store_scan_places_from(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                      enum cs_err (*fn)(void *self, uint32_t lane, uint64_t position,
                                                        const struct cs_place *place),
                                      void *self, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_slice key, value;
    struct cs_key from, until;
    struct cs_place place;
    cs_keyspace_at(&from, CS_ROW_PLACE, gen, lane, position);
    cs_keyspace_generation(&until, CS_ROW_PLACE, gen);
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        if (!cs_keyspace_parse_at(key, &lane, &position) || !cs_keyspace_place_decode(value, &place))
            rc = damaged(s, "the places", err);
        else
            rc = fn(self, lane, position, &place);
    }
    rc = close_rows(rows, rc, err);
    cs_rocks_view_close(v);
    return rc;
}

/* ---- outputs ------------------------------------------------------------------------------------- */

static enum cs_err read_stored(struct cs_store *s, uint64_t output_id, struct cs_slice value, struct cs_arena *arena,
                               struct cs_stored *out, struct cs_error *err)
{
    struct cs_record r;
    *out = (struct cs_stored){.output_id = output_id};
    enum cs_err rc = cs_record_read(output_id, value.p, value.n, &r, err);
    if (rc == CS_OK) {
        out->flags = r.flags;
        out->committed_wall_ms = r.committed_wall_ms;
        /* Its checksum is right, so it was so when it was received. */
        rc = cs_output_unpack(r.bytes, r.len, arena, &out->output, err);
        out->recorded = out->output.outcome;
        if (rc == CS_OK)
            return CS_OK;
        rc = cs_error_wrap(err, CS_ECORRUPT, "output %llu", (unsigned long long)output_id);
    }
    return cs_error_wrap(err, rc, "%s", s->dir);
}

enum cs_err cs_store_scan_output(struct cs_store *s, uint64_t output_id, struct cs_arena *arena, struct cs_stored *out,
                                 struct cs_error *err)
{
    struct cs_key key;
    void *value = NULL;
    size_t n = 0;
    cs_keyspace_output(&key, output_id);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_OUTPUTS, cs_keyspace_slice(&key), &value, &n, err);
    if (rc == CS_ENOENT)
        cs_error_set(err, rc, "%s: has no output %llu", s->dir, (unsigned long long)output_id);
    if (rc == CS_OK)
        rc = read_stored(s, output_id, (struct cs_slice){value, n}, arena, out, err);
    free(value);
    return rc;
}

enum cs_err cs_store_scan_output_many(struct cs_store *s, const uint64_t *ids, uint32_t n,
                                      enum cs_err (*fn)(void *self, uint32_t i, const struct cs_stored *stored,
                                                        struct cs_error *err),
                                      void *self, struct cs_error *err)
{
    struct cs_key keys[CS_STORE_MANY];
    struct cs_slice slices[CS_STORE_MANY];
    struct cs_rocks_values values = {.n = 0};
    struct cs_arena arena = {0};
    struct cs_stored stored;
    _Static_assert((int)CS_STORE_MANY <= (int)CS_ROCKS_MANY, "one look");
    CS_ASSERT(n <= CS_STORE_MANY);
    if (n == 0)
        return CS_OK;
    for (uint32_t i = 0; i < n; i++) {
        cs_keyspace_output(&keys[i], ids[i]);
        slices[i] = cs_keyspace_slice(&keys[i]);
    }
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    enum cs_err rc = cs_rocks_get_many(v, CS_CF_OUTPUTS, slices, n, &values, err);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        if (values.values[i].p == NULL)
            rc = cs_error_set(err, CS_ECORRUPT, "%s: output %llu is missing", s->dir, (unsigned long long)ids[i]);
        cs_arena_reset(&arena);
        if (rc == CS_OK)
            rc = read_stored(s, ids[i], values.values[i], &arena, &stored, err);
        if (rc == CS_OK)
            rc = fn(self, i, &stored, err);
    }
    cs_rocks_values_release(&values);
    cs_rocks_view_close(v);
    cs_arena_release(&arena);
    return rc;
}

/* Ids count from 1 without holes: a missing one is a lost one. */
enum cs_err cs_store_scan_outputs(struct cs_store *s, uint64_t from_id, cs_scan_fn fn, void *self, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct cs_slice key, value;
    struct cs_key from, until;
    uint64_t id = from_id > 0 ? from_id : 1, commit_seq, next = 0;
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    enum cs_err rc = cs_store_rows_last_commit(s, v, &commit_seq, &next, err);
    cs_keyspace_output(&from, id);
    cs_keyspace_output(&until, UINT64_MAX);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_OUTPUTS, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (rc == CS_OK && id < next) {
        if (!cs_rocks_rows_next(rows, &key, &value) || key.n != 8 || cs_keyspace_get_u64(key.p) != id)
            break;
        cs_arena_reset(&arena);
        rc = read_stored(s, id, value, &arena, &stored, err);
        if (rc == CS_OK)
            rc = fn(self, stored.output.lane, stored.output.position, &stored, err);
        id += rc == CS_OK;
    }
    enum cs_err read = rc;
    rc = close_rows(rows, rc, err);
    if (read == CS_OK && rc != CS_OK)
        rc = cs_error_wrap(err, rc, "output %llu", (unsigned long long)id);
    else if (rc == CS_OK && id < next)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: output %llu is missing", s->dir, (unsigned long long)id);
    cs_rocks_view_close(v);
    cs_arena_release(&arena);
    return rc;
}

/* ---- the trials of a lane ------------------------------------------------------------------------ */

struct place {
    uint64_t position;
    struct cs_place at; /* when it was asked again: its output_id and flags alone */
};

/* One pass over place rows and ledger pages, both in order of position, under one view. */
struct scan {
    struct cs_store *s;
    uint32_t gen, lane;
    struct cs_rocks_view *view;
    struct cs_rocks_rows *pages;
    bool more_pages;
    bool all;      /* those that were asked again too */
    uint64_t page; /* the current one, whose states are in bits */
    uint8_t bits[CS_PAGE_BYTES];
    uint64_t expected; /* done or failed in the pages passed */
    uint64_t found;    /* place rows that agree with them */
    struct place places[CS_ROCKS_MANY];
    uint32_t n_places;
    struct cs_arena arena;
    cs_scan_fn fn;
    cs_damaged_fn damaged; /* NULL: the first one that cannot be read ends it */
    void *self;
};

static enum cs_trial_state state_in(const uint8_t *bits, uint64_t i)
{
    return (enum cs_trial_state)(bits[i / 4] >> (2 * (i % 4)) & 3);
}

static enum cs_err next_page(struct scan *c, struct cs_error *err)
{
    struct cs_slice key, value;
    uint32_t lane;
    c->more_pages = cs_rocks_rows_next(c->pages, &key, &value);
    if (!c->more_pages)
        return CS_OK;
    if (!cs_keyspace_parse_at(key, &lane, &c->page) || value.n != CS_PAGE_BYTES)
        return damaged(c->s, "the ledger", err);
    memcpy(c->bits, value.p, CS_PAGE_BYTES);
    for (uint32_t i = 0; i < CS_PAGE_TRIALS; i++) {
        enum cs_trial_state state = state_in(c->bits, i);
        c->expected += state == CS_TRIAL_DONE || state == CS_TRIAL_FAILED;
    }
    return CS_OK;
}

/* *current: the ledger says so of this trial too. A failure that is planned again or cancelled keeps its row, but is not a result, and
 * so does an answer that is asked again. */
static enum cs_err compare(struct scan *c, const struct place *p, bool *current, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    enum cs_trial_state state = CS_TRIAL_PLANNED;
    uint64_t page = p->position / CS_PAGE_TRIALS;
    while (rc == CS_OK && c->more_pages && c->page < page)
        rc = next_page(c, err);
    if (rc != CS_OK)
        return rc;
    if (c->more_pages && c->page == page)
        state = state_in(c->bits, p->position % CS_PAGE_TRIALS);
    bool asked = (p->at.flags & CS_OUTPUT_SUPERSEDED) != 0;
    bool answer = (p->at.flags & CS_OUTPUT_CANONICAL) != 0 && !asked;
    *current = !asked && state == (answer ? CS_TRIAL_DONE : CS_TRIAL_FAILED);
    if (!*current && (answer || state == CS_TRIAL_DONE || (asked && state == CS_TRIAL_FAILED)))
        return cs_error_set(err, CS_ECORRUPT,
                            "%s: generation %u, lane %u, position %llu: the ledger and the output differ", c->s->dir,
                            c->gen, c->lane, (unsigned long long)p->position);
    return CS_OK;
}

/* The output of a place: hands it over, or says which cannot be read. rc, err: what reading its value came to. */
static enum cs_err deliver_one(struct scan *c, const struct place *p, enum cs_err rc, struct cs_slice value,
                               struct cs_error *err)
{
    struct cs_stored stored;
    struct cs_error why = *err;
    if (rc == CS_OK && value.p == NULL)
        rc = cs_error_set(&why, CS_ECORRUPT, "%s: output %llu is missing", c->s->dir,
                          (unsigned long long)p->at.output_id);
    cs_arena_reset(&c->arena);
    if (rc == CS_OK)
        rc = read_stored(c->s, p->at.output_id, value, &c->arena, &stored, &why);
    if (rc == CS_OK) {
        stored.flags |= p->at.flags & (CS_OUTPUT_ADOPTED | CS_OUTPUT_SUPERSEDED);
        cs_store_reread_apply(&p->at.reading, &stored);
        stored.earlier = p->at.earlier;
        stored.n_earlier = p->at.n_earlier;
        return c->fn(c->self, c->lane, p->position, &stored, err);
    }
    if (c->damaged != NULL) {
        c->damaged(c->self, c->lane, p->position, p->at.output_id, why.msg);
        return CS_OK;
    }
    return cs_error_set(err, rc, "generation %u, lane %u, position %llu, output %llu: %s", c->gen, c->lane,
                        (unsigned long long)p->position, (unsigned long long)p->at.output_id, why.msg);
}

/* One after the other: some of them cannot be read. */
static enum cs_err deliver_slowly(struct scan *c, const struct cs_slice *keys, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; rc == CS_OK && i < c->n_places; i++) {
        void *value = NULL;
        size_t n = 0;
        struct cs_error why = {CS_OK, ""};
        enum cs_err got = cs_rocks_get(c->s->rocks, c->view, CS_CF_OUTPUTS, keys[i], &value, &n, &why);
        *err = why;
        rc = deliver_one(c, &c->places[i], got == CS_ENOENT ? CS_OK : got, (struct cs_slice){value, n}, err);
        free(value);
    }
    return rc;
}

/* Reads the outputs of the places gathered and hands them over. */
static enum cs_err deliver(struct scan *c, struct cs_error *err)
{
    struct cs_key keys[CS_ROCKS_MANY];
    struct cs_slice slices[CS_ROCKS_MANY];
    struct cs_rocks_values values = {.n = 0};
    struct cs_error why = {CS_OK, ""};
    enum cs_err rc = CS_OK;
    uint32_t n = c->n_places;
    if (n == 0)
        return CS_OK;
    for (uint32_t i = 0; i < n; i++) {
        cs_keyspace_output(&keys[i], c->places[i].at.output_id);
        slices[i] = cs_keyspace_slice(&keys[i]);
    }
    if (cs_rocks_get_many(c->view, CS_CF_OUTPUTS, slices, n, &values, &why) != CS_OK)
        rc = deliver_slowly(c, slices, &why);
    else
        for (uint32_t i = 0; rc == CS_OK && i < n; i++)
            rc = deliver_one(c, &c->places[i], CS_OK, values.values[i], &why);
    cs_rocks_values_release(&values);
    c->n_places = 0;
    return rc == CS_OK ? CS_OK : cs_error_set(err, rc, "%s", why.msg);
}

static enum cs_err push(struct scan *c, uint64_t position, const struct cs_place *at, struct cs_error *err)
{
    c->places[c->n_places++] = (struct place){position, *at};
    return c->n_places == CS_ROCKS_MANY ? deliver(c, err) : CS_OK;
}

/* What stood there before, the first one first. */
static enum cs_err push_earlier(struct scan *c, const struct place *p, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = p->at.n_earlier; rc == CS_OK && i-- > 0;)
        rc = push(
            c, p->position,
            &(struct cs_place){.output_id = p->at.earlier[i], .flags = CS_OUTPUT_CANONICAL | CS_OUTPUT_SUPERSEDED},
            err);
    if (rc == CS_OK && (p->at.flags & CS_OUTPUT_SUPERSEDED))
        rc = push(c, p->position, &(struct cs_place){.output_id = p->at.output_id, .flags = p->at.flags}, err);
    return rc;
}

static enum cs_err scan_places(struct scan *c, struct cs_rocks_rows *rows, struct cs_error *err)
{
    enum cs_err rc = next_page(c, err);
    struct cs_slice key, value;
    uint32_t lane;
    while (rc == CS_OK && cs_rocks_rows_next(rows, &key, &value)) {
        struct place p;
        bool current = false;
        if (!cs_keyspace_parse_at(key, &lane, &p.position) || !cs_keyspace_place_decode(value, &p.at))
            rc = damaged(c->s, "the places", err);
        else
            rc = compare(c, &p, &current, err);
        if (rc == CS_OK && c->all)
            rc = push_earlier(c, &p, err);
        if (rc == CS_OK && current) {
            c->found++;
            rc = push(c, p.position, &p.at, err);
        }
    }
    if (rc == CS_OK)
        rc = deliver(c, err);
    while (rc == CS_OK && c->more_pages)
        rc = next_page(c, err);
    return rc;
}

static enum cs_err scan(struct cs_store *s, uint32_t gen, uint32_t lane, bool all, cs_scan_fn fn,
                        cs_damaged_fn on_damaged, void *self, struct cs_error *err)
{
    struct scan *c = cs_xcalloc(1, sizeof *c);
    struct cs_key places, pages;
    *c = (struct scan){.s = s, .gen = gen, .lane = lane, .all = all, .fn = fn, .damaged = on_damaged, .self = self};
    c->view = cs_rocks_view_open(s->rocks);
    cs_keyspace_lane(&places, CS_ROW_PLACE, gen, lane);
    cs_keyspace_lane(&pages, CS_ROW_PAGE, gen, lane);
    c->pages = rows_of(c->view, CS_CF_LEDGER, &pages);
    struct cs_rocks_rows *rows = rows_of(c->view, CS_CF_LEDGER, &places);
    enum cs_err rc = scan_places(c, rows, err);
    rc = close_rows(rows, rc, err);
    rc = close_rows(c->pages, rc, err);
    if (rc == CS_OK && c->found != c->expected)
        rc = cs_error_set(err, CS_ECORRUPT,
                          "%s: generation %u, lane %u: the ledger counts %llu answers and failures, %llu are there",
                          s->dir, gen, lane, (unsigned long long)c->expected, (unsigned long long)c->found);
    cs_rocks_view_close(c->view);
    cs_arena_release(&c->arena);
    free(c);
    return rc;
}

enum cs_err cs_store_scan_survey(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn,
                                 cs_damaged_fn on_damaged, void *self, struct cs_error *err)
{
    return scan(s, gen, lane, false, fn, on_damaged, self, err);
}

enum cs_err cs_store_scan(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn, void *self,
                          struct cs_error *err)
{
    return scan(s, gen, lane, false, fn, NULL, self, err);
}

enum cs_err cs_store_scan_all(struct cs_store *s, uint32_t gen, uint32_t lane, cs_scan_fn fn, void *self,
                              struct cs_error *err)
{
    return scan(s, gen, lane, true, fn, NULL, self, err);
}
