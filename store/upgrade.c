#include "store/upgrade.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/log.h"
#include "store/addresses.h"
#include "store/owners.h"
#include "store/record.h"
#include "store/store_internal.h"

enum { GROUP = 4096 }; /* outputs, or rows of the old index, in one batch */

struct pass {
    struct cs_store *s;
    struct cs_owners *owners;
    struct cs_arena arena;
    uint64_t next;   /* output to look at */
    bool unreadable; /* one was met, and named */
};

static uint32_t group_of(const struct cs_store_opts *opts)
{
    return opts->upgrade_group > 0 ? opts->upgrade_group : GROUP;
}

static void tell(const struct cs_store *s, const struct cs_store_opts *opts, uint64_t done)
{
    if (opts->on_upgrade != NULL)
        opts->on_upgrade(opts->self, done, s->next_output_id - 1);
}

static enum cs_err commit_cursor(struct cs_store *s, uint64_t cursor, struct cs_error *err)
{
    uint8_t row[8];
    cs_keyspace_put_u64(row, cursor);
    cs_store_rows_put_system(s, "upgrade", row, sizeof row);
    return cs_store_rows_commit(s, s->next_output_id, err);
}

/* ---- an index row for every canonical output ------------------------------------------------------ */

static void unreadable(struct pass *p, uint64_t id, const char *why)
{
    if (!p->unreadable)
        cs_log(CS_WARN, "upgrade_unreadable", "output=%llu why=\"%s\"", (unsigned long long)id, why);
    p->unreadable = true;
}

static enum cs_err index_one(struct pass *p, uint64_t id, struct cs_slice value, struct cs_error *err)
{
    struct cs_record r;
    struct cs_output o;
    struct cs_error why = {0};
    struct cs_indexed found = {.output_id = id};
    cs_arena_reset(&p->arena);
    if (cs_record_read(id, value.p, value.n, &r, &why) != CS_OK ||
        ((r.flags & CS_OUTPUT_CANONICAL) && cs_output_unpack(r.bytes, r.len, &p->arena, &o, &why) != CS_OK)) {
        unreadable(p, id, why.msg);
        return CS_OK;
    }
    if (!(r.flags & CS_OUTPUT_CANONICAL))
        return CS_OK;
    enum cs_err rc = cs_owners_of(p->owners, o.gen, o.lane, o.position, &found.owner, err);
    if (rc != CS_OK)
        return cs_error_wrap(err, rc == CS_ENOENT ? CS_ECORRUPT : rc, "output %llu", (unsigned long long)id);
    cs_store_rows_put_index(p->s, &o.digest, &found);
    return CS_OK;
}

/* Outputs that are missing are passed over: the cursor goes by number, and `verify` names holes. */
static enum cs_err index_all(struct pass *p, const struct cs_store_opts *opts, struct cs_error *err)
{
    struct cs_slice key, value;
    struct cs_key from, until;
    const uint64_t end = p->s->next_output_id;
    enum cs_err rc = CS_OK, closed;
    cs_keyspace_output(&from, p->next);
    cs_keyspace_output(&until, end);
    struct cs_rocks_view *v = cs_rocks_view_open(p->s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_OUTPUTS, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    for (uint32_t n = 1; rc == CS_OK && cs_rocks_rows_next(rows, &key, &value) && key.n == 8; n++) {
        const uint64_t id = cs_keyspace_get_u64(key.p);
        rc = index_one(p, id, value, err);
        p->next = id + 1;
        if (rc != CS_OK || n % group_of(opts) != 0)
            continue;
        rc = commit_cursor(p->s, p->next, err);
        tell(p->s, opts, p->next - 1);
    }
    closed = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    return rc == CS_OK ? closed : rc;
}

/* ---- what else format 2 has ------------------------------------------------------------------------ */

struct generations {
    struct cs_store *s;
    struct cs_batch *batch;
    struct cs_error *err;
};

/* Its study's key, and the addresses of its lanes. */
static enum cs_err renew_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct generations *g = self;
    struct cs_generation one;
    struct cs_generation_view view = {0};
    struct cs_buf packed = CS_BUF_INIT(1024);
    enum cs_err rc = cs_store_generation_unpack(value, len, &one, g->err);
    if (rc == CS_OK)
        rc = cs_store_generation_view_open(&view, g->s, &one, g->err);
    if (rc == CS_OK) {
        one.study = cs_digest_study_key(view.spec.study->name);
        cs_store_generation_pack(&one, &packed);
        cs_batch_add_meta(g->batch, key, packed.data, (uint32_t)packed.len);
        rc = cs_addresses_add(g->s, g->batch, one.number, view.spec.study, g->err);
    }
    cs_store_generation_view_close(&view);
    cs_buf_release(&packed);
    return rc;
}

static enum cs_err become_two(struct cs_store *s, struct cs_error *err)
{
    struct cs_batch batch;
    struct generations g = {s, &batch, err};
    uint8_t number[4];
    cs_batch_init(&batch);
    enum cs_err rc = cs_store_scan_metas(s, "gen/", renew_generation, &g, err);
    if (rc == CS_OK) {
        cs_store_rows_put_metas(s, &batch);
        cs_keyspace_put_u32(number, CS_STORE_FORMAT);
        cs_store_rows_put_system(s, "format", number, sizeof number);
        rc = commit_cursor(s, 0, err);
    }
    if (rc == CS_OK)
        s->format = CS_STORE_FORMAT;
    cs_batch_release(&batch);
    return rc;
}

/* ---- the old index goes ------------------------------------------------------------------------------ */

static enum cs_err remove_old_index(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err)
{
    struct cs_slice row, value;
    struct cs_key from, until, system;
    enum cs_err rc = CS_OK, closed;
    cs_keyspace_row(&from, CS_ROW_DIGEST);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(s->rocks);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    for (uint32_t n = 1; rc == CS_OK && cs_rocks_rows_next(rows, &row, &value); n++) {
        cs_rocks_remove(s->rocks, CS_CF_LEDGER, row);
        if (n % group_of(opts) != 0)
            continue;
        rc = cs_store_rows_commit(s, s->next_output_id, err);
        tell(s, opts, s->next_output_id - 1);
    }
    closed = cs_rocks_rows_close(rows, rc == CS_OK ? err : NULL);
    cs_rocks_view_close(v);
    rc = rc == CS_OK ? closed : rc;
    if (rc != CS_OK)
        return rc;
    cs_keyspace_system(&system, "upgrade");
    cs_rocks_remove(s->rocks, CS_CF_META, cs_keyspace_slice(&system));
    return cs_store_rows_commit(s, s->next_output_id, err);
}

enum cs_err cs_store_upgrade(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err)
{
    uint8_t row[8] = {0};
    struct pass p = {.s = s};
    enum cs_err rc = cs_store_rows_get_system(s, NULL, "upgrade", row, sizeof row, err);
    if (rc == CS_ENOENT && s->format == CS_STORE_FORMAT)
        return CS_OK;
    if (rc != CS_OK && rc != CS_ENOENT)
        return rc;
    rc = CS_OK;
    if (s->format == 1) {
        p.next = cs_keyspace_get_u64(row) > 0 ? cs_keyspace_get_u64(row) : 1;
        tell(s, opts, p.next - 1);
        p.owners = cs_owners_open(s);
        rc = index_all(&p, opts, err);
        cs_owners_close(p.owners);
        cs_arena_release(&p.arena);
        if (rc == CS_OK)
            rc = become_two(s, err);
    }
    if (rc == CS_OK)
        rc = remove_old_index(s, opts, err);
    if (rc == CS_OK)
        tell(s, opts, s->next_output_id - 1);
    return rc == CS_OK ? CS_OK : cs_error_wrap(err, rc, "%s: while it is made format %d", s->dir, CS_STORE_FORMAT);
}
