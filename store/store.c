#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/file.h"
#include "protocol/base/log.h"
#include "store/record.h"
#include "store/store_internal.h"

enum { FORMAT = 1, FLEET_DIGITS = 16 };

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
    enum cs_err rc = cs_rocks_get(s->rocks, v, cf, cs_key_slice(key), &value, &len, err);
    if (rc == CS_OK && len != n)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: a row of %zu bytes has %zu", s->dir, n, len);
    else if (rc == CS_OK)
        memcpy(out, value, n);
    free(value);
    return rc;
}

static enum cs_err get_system(struct cs_store *s, struct cs_rocks_view *v, const char *name, void *out, size_t n,
                              struct cs_error *err)
{
    struct cs_key key;
    cs_key_system(&key, name);
    return get_fixed(s, v, CS_CF_META, &key, out, n, err);
}

static void put_system(struct cs_store *s, const char *name, const void *value, size_t n)
{
    struct cs_key key;
    cs_key_system(&key, name);
    cs_rocks_put(s->rocks, CS_CF_META, cs_key_slice(&key), slice(value, n));
}

enum cs_err cs_store_last_commit(struct cs_store *s, struct cs_rocks_view *v, uint64_t *commit_seq,
                                 uint64_t *next_output_id, struct cs_error *err)
{
    uint8_t row[CS_COMMIT_BYTES] = {0};
    enum cs_err rc = get_system(s, v, "commit", row, sizeof row, err);
    if (rc == CS_ENOENT)
        rc = CS_OK;
    *commit_seq = cs_get_u64(row);
    *next_output_id = cs_get_u64(row + 8);
    return rc;
}

/* Writes the gathered batch as the next commit. */
static enum cs_err commit(struct cs_store *s, uint64_t next_output_id, struct cs_error *err)
{
    uint8_t row[CS_COMMIT_BYTES];
    uint64_t seq = atomic_load(&s->commit_seq) + 1;
    cs_put_u64(row, seq);
    cs_put_u64(row + 8, next_output_id);
    put_system(s, "commit", row, sizeof row);
    enum cs_err rc = cs_rocks_commit(s->rocks, err);
    if (rc == CS_OK) {
        s->next_output_id = next_output_id;
        atomic_store(&s->commit_seq, seq);
    }
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------- */

/* What is known of the store: format, fleet, term, last commit. *fresh: nothing was ever written. */
static enum cs_err read_identity(struct cs_store *s, bool *fresh, struct cs_error *err)
{
    uint8_t format[4], term[4] = {0};
    uint64_t seq = 0;
    enum cs_err rc = get_system(s, NULL, "format", format, sizeof format, err);
    *fresh = rc == CS_ENOENT;
    if (rc == CS_ENOENT)
        return CS_OK;
    if (rc == CS_OK && cs_get_u32(format) != FORMAT)
        rc = cs_error_set(err, CS_EINVAL, "%s: has format %u, this program knows %d", s->dir, cs_get_u32(format),
                          FORMAT);
    if (rc == CS_OK)
        rc = get_system(s, NULL, "fleet", s->fleet, FLEET_DIGITS, err);
    if (rc == CS_OK)
        rc = get_system(s, NULL, "term", term, sizeof term, err);
    if (rc == CS_OK)
        rc = cs_store_last_commit(s, NULL, &seq, &s->next_output_id, err);
    if (rc == CS_ENOENT)
        rc = cs_error_set(err, CS_ECORRUPT, "%s: its fleet or term is missing", s->dir);
    s->term = cs_get_u32(term);
    atomic_store(&s->commit_seq, seq);
    return rc;
}

static enum cs_err refuse_rollback(struct cs_store *s, uint64_t recovered, bool accepted, struct cs_error *err)
{
    unsigned long long acked = s->acked.seq, have = recovered;
    if (have >= acked)
        return CS_OK;
    if (!accepted)
        return cs_error_set(err, CS_ECORRUPT,
                            "%s: commits up to %llu were acknowledged, but only %llu are there: data is lost "
                            "or its disk is not mounted. Restore it, or go on without with --accept-rollback",
                            s->dir, acked, have);
    cs_log(CS_WARN, "rollback_accepted", "dir=\"%s\" acknowledged=%llu recovered=%llu", s->dir, acked, have);
    return CS_OK;
}

/* The new term, and at the first opening the rest of the identity, synced. */
static enum cs_err begin_term(struct cs_store *s, bool fresh, struct cs_error *err)
{
    uint8_t number[4];
    if (fresh) {
        uint8_t random[FLEET_DIGITS / 2];
        CS_ASSERT(getrandom(random, sizeof random, 0) == (ssize_t)sizeof random);
        cs_hex(random, sizeof random, s->fleet);
        cs_put_u32(number, FORMAT);
        put_system(s, "format", number, sizeof number);
        put_system(s, "fleet", s->fleet, FLEET_DIGITS);
        s->next_output_id = 1;
    }
    CS_ASSERT(s->term < UINT32_MAX);
    cs_put_u32(number, ++s->term);
    put_system(s, "term", number, sizeof number);
    return commit(s, s->next_output_id, err);
}

static bool has_database(const char *dir)
{
    char *current = cs_xasprintf("%s/CURRENT", dir);
    bool found = access(current, F_OK) == 0;
    free(current);
    return found;
}

static enum cs_err open_writer(struct cs_store *s, bool accept_rollback, struct cs_error *err)
{
    bool fresh = false;
    enum cs_err rc = cs_mkdir_p(s->dir, err);
    if (rc == CS_OK)
        rc = cs_acked_open(&s->acked, s->dir, err);
    if (rc == CS_OK && !has_database(s->dir))
        rc = refuse_rollback(s, 0, accept_rollback, err);
    if (rc == CS_OK)
        rc = cs_rocks_open(&s->rocks, s->dir, NULL, 0, err);
    if (rc == CS_OK)
        rc = read_identity(s, &fresh, err);
    if (rc == CS_OK)
        rc = refuse_rollback(s, atomic_load(&s->commit_seq), accept_rollback, err);
    if (rc == CS_OK)
        rc = begin_term(s, fresh, err);
    if (rc == CS_OK && atomic_load(&s->commit_seq) < s->acked.seq)
        cs_store_note_acked(s); /* accepted: do not refuse the next opening too */
    return rc;
}

/* A writer that flushes between our look at its manifest and at its logs leaves a hole; the second look closes it. */
static enum cs_err open_reader(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err)
{
    if (!has_database(s->dir))
        return cs_error_set(err, CS_ENOENT, "%s: there is no store", s->dir);
    s->acked.seq = cs_acked_peek(s->dir); /* before the log is read: a writer may go on */
    enum cs_err rc = cs_rocks_open(&s->rocks, s->dir, opts->scratch, opts->open_files, err);
    return rc == CS_OK ? cs_store_refresh(s, err) : rc;
}

enum cs_err cs_store_open(struct cs_store **out, const struct cs_store_opts *opts, struct cs_error *err)
{
    CS_ASSERT(opts->write || opts->scratch != NULL);
    struct cs_store *s = cs_xcalloc(1, sizeof *s);
    s->dir = cs_xstrdup(opts->dir);
    s->write = opts->write;
    s->acked.fd = -1;
    enum cs_err rc = s->write ? open_writer(s, opts->accept_rollback, err) : open_reader(s, opts, err);
    if (rc != CS_OK) {
        cs_store_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void cs_store_close(struct cs_store *s)
{
    if (s == NULL)
        return;
    cs_rocks_close(s->rocks);
    cs_acked_close(&s->acked);
    free(s->dir);
    free(s);
}

enum cs_err cs_store_refresh(struct cs_store *s, struct cs_error *err)
{
    bool fresh = false;
    CS_ASSERT(!s->write);
    enum cs_err rc = cs_rocks_catch_up(s->rocks, err);
    if (rc == CS_OK)
        rc = read_identity(s, &fresh, err);
    if (rc == CS_OK && fresh)
        rc = cs_error_set(err, CS_ENOENT, "%s: nothing was ever stored", s->dir);
    return rc;
}

uint32_t cs_store_term(const struct cs_store *s)
{
    return s->term;
}

const char *cs_store_fleet(const struct cs_store *s)
{
    return s->fleet;
}

uint64_t cs_store_last_output(const struct cs_store *s)
{
    return s->next_output_id - 1;
}

uint64_t cs_store_commit_seq(const struct cs_store *s)
{
    return atomic_load(&s->commit_seq);
}

uint64_t cs_store_acked_seq(const struct cs_store *s)
{
    return s->acked.seq;
}

void cs_store_note_acked(struct cs_store *s)
{
    CS_ASSERT(s->write);
    cs_acked_note(&s->acked, atomic_load(&s->commit_seq));
}

/* ---- writing ------------------------------------------------------------------------------------- */

static void put_place(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position, uint64_t output_id,
                      uint8_t flags)
{
    struct cs_key key;
    uint8_t place[CS_PLACE_BYTES];
    cs_key_at(&key, CS_ROW_PLACE, gen, lane, position);
    cs_place_encode(place, output_id, flags);
    cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_key_slice(&key), slice(place, sizeof place));
}

static void put_output(struct cs_store *s, const struct cs_batch_output *o, int64_t now_wall_ms)
{
    struct cs_key key;
    uint8_t head[CS_RECORD_HEAD], id[8];
    const bool borrowed = (o->flags & CS_OUTPUT_BORROWED) != 0;
    struct cs_record r = {o->output_id, o->flags, borrowed ? o->committed_wall_ms : now_wall_ms, o->bytes, o->len};
    cs_record_head(&r, head);
    cs_key_output(&key, o->output_id);
    cs_rocks_put_joined(s->rocks, CS_CF_OUTPUTS, cs_key_slice(&key), slice(head, sizeof head), slice(o->bytes, o->len));
    if (!(o->flags & (CS_OUTPUT_DUPLICATE | CS_OUTPUT_ATTEMPT)))
        put_place(s, o->gen, o->lane, o->position, o->output_id,
                  borrowed ? CS_OUTPUT_CANONICAL | CS_OUTPUT_ADOPTED : o->flags);
    if (o->flags & CS_OUTPUT_CANONICAL) {
        cs_key_index(&key, &o->digest);
        cs_put_u64(id, o->output_id);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_key_slice(&key), slice(id, sizeof id));
    }
}

static void put_ledger(struct cs_store *s, const struct cs_batch *b)
{
    struct cs_key key;
    uint8_t counters[CS_COUNTERS_BYTES], frontier[8];
    for (uint32_t i = 0; i < b->n_pages; i++) {
        const struct cs_batch_page *p = &b->pages[i];
        cs_key_at(&key, CS_ROW_PAGE, p->gen, p->lane, p->page);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_key_slice(&key), slice(p->bits, sizeof p->bits));
    }
    for (uint32_t i = 0; i < b->n_counters; i++) {
        const struct cs_batch_counters *c = &b->counters[i];
        cs_key_lane(&key, CS_ROW_COUNTERS, c->gen, c->lane);
        cs_counters_encode(counters, &c->counters);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_key_slice(&key), slice(counters, sizeof counters));
    }
    for (uint32_t i = 0; i < b->n_frontiers; i++) {
        const struct cs_batch_frontier *f = &b->frontiers[i];
        cs_key_lane(&key, CS_ROW_FRONTIER, f->gen, f->lane);
        cs_put_u64(frontier, f->frontier);
        cs_rocks_put(s->rocks, CS_CF_LEDGER, cs_key_slice(&key), slice(frontier, sizeof frontier));
    }
}

static void put_metas(struct cs_store *s, const struct cs_batch *b)
{
    struct cs_key key;
    for (uint32_t i = 0; i < b->n_metas; i++) {
        const struct cs_batch_meta *m = &b->metas[i];
        cs_key_meta(&key, m->key);
        if (m->value == NULL)
            cs_rocks_remove(s->rocks, CS_CF_META, cs_key_slice(&key));
        else
            cs_rocks_put(s->rocks, CS_CF_META, cs_key_slice(&key), slice(m->value, m->len));
    }
}

enum cs_err cs_store_write(struct cs_store *s, struct cs_batch *b, struct cs_error *err)
{
    struct cs_error why = {CS_OK, ""};
    uint64_t next = s->next_output_id;
    int64_t now_wall_ms = cs_wall_ms();
    CS_ASSERT(s->write);
    if (s->failed.code != CS_OK)
        return cs_error_set(err, s->failed.code, "nothing is written any more after: %s", s->failed.msg);
    for (uint32_t i = 0; i < b->n_outputs; i++) {
        b->outputs[i].output_id = next++;
        put_output(s, &b->outputs[i], now_wall_ms);
    }
    for (uint32_t i = 0; i < b->n_adoptions; i++) {
        const struct cs_batch_adoption *a = &b->adoptions[i];
        CS_ASSERT(a->output_id < s->next_output_id);
        put_place(s, a->gen, a->lane, a->position, a->output_id, CS_OUTPUT_CANONICAL | CS_OUTPUT_ADOPTED);
    }
    put_ledger(s, b);
    put_metas(s, b);
    enum cs_err rc = commit(s, next, &why);
    if (rc != CS_OK) {
        s->failed = why;
        cs_error_set(err, rc, "%s", why.msg);
    }
    return rc;
}

/* ---- single rows --------------------------------------------------------------------------------- */

enum cs_err cs_store_meta(struct cs_store *s, const char *key, void **value, uint32_t *len, struct cs_error *err)
{
    struct cs_key k;
    size_t n = 0;
    cs_key_meta(&k, key);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_META, cs_key_slice(&k), value, &n, err);
    *len = (uint32_t)n;
    return rc == CS_ENOENT ? cs_error_set(err, rc, "%s: has no %s", s->dir, key) : rc;
}

enum cs_err cs_store_counters(struct cs_store *s, uint32_t gen, uint32_t lane, struct cs_counters *out,
                              struct cs_error *err)
{
    struct cs_key key;
    void *value = NULL;
    size_t n = 0;
    memset(out, 0, sizeof *out);
    cs_key_lane(&key, CS_ROW_COUNTERS, gen, lane);
    enum cs_err rc = cs_rocks_get(s->rocks, NULL, CS_CF_LEDGER, cs_key_slice(&key), &value, &n, err);
    if (rc == CS_OK && !cs_counters_decode(slice(value, n), out))
        rc = cs_error_set(err, CS_ECORRUPT, "%s: the counters of lane %u, generation %u, are damaged", s->dir, lane,
                          gen);
    free(value);
    return rc;
}

enum cs_err cs_store_frontier(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t *out, struct cs_error *err)
{
    struct cs_key key;
    uint8_t row[8] = {0};
    cs_key_lane(&key, CS_ROW_FRONTIER, gen, lane);
    enum cs_err rc = get_fixed(s, NULL, CS_CF_LEDGER, &key, row, sizeof row, err);
    *out = cs_get_u64(row);
    return rc;
}

enum cs_err cs_store_find(struct cs_store *s, const struct cs_digest *d, uint64_t *output_id, struct cs_error *err)
{
    struct cs_key key;
    uint8_t row[8] = {0};
    cs_key_index(&key, d);
    enum cs_err rc = get_fixed(s, NULL, CS_CF_LEDGER, &key, row, sizeof row, err);
    *output_id = cs_get_u64(row);
    return rc;
}
