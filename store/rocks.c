#include "store/rocks.h"

#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"

enum { MIB = 1024 * 1024, LOG_MIB_MAX = 64 };

static const char *const family_names[CS_CFS] = {"default", "outputs", "ledger"};

struct cs_rocks {
    char *dir;
    bool secondary;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[CS_CFS];
    rocksdb_options_t *options, *family_options[CS_CFS];
    rocksdb_cache_t *cache; /* one for all families */
    rocksdb_writeoptions_t *synced;
    rocksdb_writebatch_t *batch;
};

struct cs_rocks_view {
    struct cs_rocks *db;
    const rocksdb_snapshot_t *snapshot; /* NULL in a secondary, which has none and needs none */
    rocksdb_readoptions_t *options;
};

struct cs_rocks_rows {
    struct cs_rocks *db;
    rocksdb_readoptions_t *options;
    rocksdb_iterator_t *it;
    char *until; /* RocksDB keeps a pointer to the bound */
    bool started;
};

/* RocksDB counts what it compares, which nobody reads and which costs a look-up of the thread's own memory each time. Of this thread. */
static void count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}

/* ---- errors -------------------------------------------------------------------------------------- */

static bool begins(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static enum cs_err classify(const char *why)
{
    if (begins(why, "Corruption"))
        return CS_ECORRUPT;
    if (begins(why, "IO error") && strstr(why, "/LOCK:") != NULL)
        return CS_EBUSY;
    return CS_EIO;
}

/* Takes over why, RocksDB's sentence. */
static enum cs_err failed(const struct cs_rocks *db, char *why, struct cs_error *err)
{
    enum cs_err rc = classify(why);
    if (rc == CS_EBUSY)
        cs_error_set(err, rc, "%s: in use by another process", db->dir);
    else
        cs_error_set(err, rc, "%s: %s", db->dir, why);
    rocksdb_free(why);
    return rc;
}

/* ---- opening ------------------------------------------------------------------------------------- */

static rocksdb_block_based_table_options_t *table_options(rocksdb_cache_t *cache, enum cs_cf cf)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    /* Only the digest index is asked for what is not there. No prefix extractor: with one, plain iterators miss keys. */
    if (cf == CS_CF_LEDGER) {
        rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(10));
        rocksdb_block_based_options_set_whole_key_filtering(t, 1);
    }
    return t;
}

static rocksdb_options_t *family_options(rocksdb_cache_t *cache, enum cs_cf cf)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t *t = table_options(cache, cf);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
    rocksdb_options_set_write_buffer_size(o, 16 * MIB);
    rocksdb_options_set_max_write_buffer_number(o, 2);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    if (cf == CS_CF_OUTPUTS) /* digests do not compress, and are looked up at random */
        rocksdb_options_set_bottommost_compression(o, rocksdb_zstd_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    return o;
}

/* A secondary keeps every file open: with a bounded table it loses rows when the writer compacts (decision 18). */
static rocksdb_options_t *database_options(bool secondary, uint32_t open_files)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, !secondary);
    rocksdb_options_set_create_missing_column_families(o, !secondary);
    rocksdb_options_set_max_open_files(o, !secondary ? 256 : open_files == 0 ? -1 : (int)open_files);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_point_in_time_recovery);
    rocksdb_options_set_manual_wal_flush(o, 0);
    rocksdb_options_set_max_total_wal_size(o, 32 * MIB);
    rocksdb_options_set_bytes_per_sync(o, MIB);
    rocksdb_options_set_wal_bytes_per_sync(o, MIB);
    rocksdb_options_set_max_background_jobs(o, 3);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1); /* would read from every file */
    /* Nothing but its header: on a full disk Debian's build asserts on the second line that cannot be written (see has_room). */
    rocksdb_options_set_info_log_level(o, 5);
    rocksdb_options_set_keep_log_file_num(o, 5);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    return o;
}

/* A secondary of 20 million outputs has more files than the usual soft limit of 1024. */
static void allow_many_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* if not, opening says so */
}

/* RocksDB opens by writing a log header, a manifest, options and what it recovers. Where that does not fit, Debian's build asserts
 * and would end us with a core where we want exit 75. */
static enum cs_err has_room(const char *dir, unsigned mib, struct cs_error *err)
{
    struct statvfs disk;
    if (statvfs(dir, &disk) != 0)
        return CS_OK; /* opening says why */
    unsigned long long room = (unsigned long long)disk.f_bavail * disk.f_frsize;
    if (room >= (unsigned long long)mib * MIB)
        return CS_OK;
    return cs_error_set(err, CS_EIO, "%s: %llu KiB are free on its disk; make room for at least %u MiB", dir,
                        room / 1024, mib);
}

enum cs_err cs_rocks_open(struct cs_rocks **out, const char *dir, const char *scratch, uint32_t open_files,
                          struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    char *why = NULL;
    struct cs_rocks *db = cs_xcalloc(1, sizeof *db);
    const rocksdb_options_t *options[CS_CFS];
    db->dir = cs_xstrdup(dir);
    db->secondary = scratch != NULL;
    if (db->secondary)
        allow_many_files();
    rc = db->secondary ? cs_file_mkdir_p(scratch, err) : has_room(dir, CS_ROCKS_ROOM_MIB, err);
    if (rc != CS_OK)
        goto out;
    db->cache = rocksdb_cache_create_lru(32 * MIB);
    db->options = database_options(db->secondary, open_files);
    for (int cf = 0; cf < CS_CFS; cf++)
        options[cf] = db->family_options[cf] = family_options(db->cache, cf);
    if (db->secondary)
        db->db = rocksdb_open_as_secondary_column_families(db->options, dir, scratch, CS_CFS, family_names, options,
                                                           db->families, &why);
    else
        db->db = rocksdb_open_column_families(db->options, dir, CS_CFS, family_names, options, db->families, &why);
    if (why != NULL) {
        rc = failed(db, why, err);
        goto out;
    }
    db->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->synced, 1);
    db->batch = rocksdb_writebatch_create();

out:
    if (rc != CS_OK) {
        cs_rocks_close(db);
        db = NULL;
    }
    *out = db;
    return rc;
}

void cs_rocks_close(struct cs_rocks *db)
{
    if (db == NULL)
        return;
    if (db->batch != NULL)
        rocksdb_writebatch_destroy(db->batch);
    if (db->synced != NULL)
        rocksdb_writeoptions_destroy(db->synced);
    if (db->db != NULL) {
        rocksdb_cancel_all_background_work(db->db, 1);
        for (int cf = 0; cf < CS_CFS; cf++)
            rocksdb_column_family_handle_destroy(db->families[cf]);
        rocksdb_close(db->db);
    }
    for (int cf = 0; cf < CS_CFS; cf++) {
        if (db->family_options[cf] != NULL)
            rocksdb_options_destroy(db->family_options[cf]);
    }
    if (db->options != NULL)
        rocksdb_options_destroy(db->options);
    if (db->cache != NULL)
        rocksdb_cache_destroy(db->cache);
    free(db->dir);
    free(db);
}

enum cs_err cs_rocks_checkpoint(struct cs_rocks *db, const char *dir, struct cs_error *err)
{
    char *why = NULL;
    CS_ASSERT(!db->secondary);
    enum cs_err rc = has_room(db->dir, CS_ROCKS_ROOM_MIB + LOG_MIB_MAX, err);
    if (rc != CS_OK)
        return rc;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(db->db, &why);
    if (why == NULL)
        rocksdb_checkpoint_create(c, dir, UINT64_MAX, &why);
    if (c != NULL)
        rocksdb_checkpoint_object_destroy(c);
    return why == NULL ? CS_OK : failed(db, why, err);
}

enum cs_err cs_rocks_catch_up(struct cs_rocks *db, struct cs_error *err)
{
    char *why = NULL;
    CS_ASSERT(db->secondary);
    rocksdb_try_catch_up_with_primary(db->db, &why);
    return why == NULL ? CS_OK : failed(db, why, err);
}

/* ---- writing ------------------------------------------------------------------------------------- */

void cs_rocks_put(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key, struct cs_slice value)
{
    rocksdb_writebatch_put_cf(db->batch, db->families[cf], key.p, key.n, value.p, value.n);
}

void cs_rocks_put_joined(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key, struct cs_slice head,
                         struct cs_slice tail)
{
    const char *keys[] = {key.p}, *values[] = {head.p, tail.p};
    size_t key_sizes[] = {key.n}, value_sizes[] = {head.n, tail.n};
    rocksdb_writebatch_putv_cf(db->batch, db->families[cf], 1, keys, key_sizes, 2, values, value_sizes);
}

void cs_rocks_remove(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key)
{
    rocksdb_writebatch_delete_cf(db->batch, db->families[cf], key.p, key.n);
}

void cs_rocks_remove_all(struct cs_rocks *db, enum cs_cf cf, struct cs_slice from, struct cs_slice until)
{
    rocksdb_writebatch_delete_range_cf(db->batch, db->families[cf], from.p, from.n, until.p, until.n);
}

enum cs_err cs_rocks_commit(struct cs_rocks *db, struct cs_error *err)
{
    char *why = NULL;
    CS_ASSERT(!db->secondary);
    count_nothing();
    rocksdb_write(db->db, db->synced, db->batch, &why);
    rocksdb_writebatch_clear(db->batch);
    return why == NULL ? CS_OK : failed(db, why, err);
}

/* ---- reading ------------------------------------------------------------------------------------- */

struct cs_rocks_view *cs_rocks_view_open(struct cs_rocks *db)
{
    struct cs_rocks_view *v = cs_xcalloc(1, sizeof *v);
    v->db = db;
    v->options = rocksdb_readoptions_create();
    if (!db->secondary) {
        v->snapshot = rocksdb_create_snapshot(db->db);
        rocksdb_readoptions_set_snapshot(v->options, v->snapshot);
    }
    return v;
}

void cs_rocks_view_close(struct cs_rocks_view *v)
{
    if (v == NULL)
        return;
    rocksdb_readoptions_destroy(v->options);
    if (v->snapshot != NULL)
        rocksdb_release_snapshot(v->db->db, v->snapshot);
    free(v);
}

enum cs_err cs_rocks_get(struct cs_rocks *db, struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice key, void **value,
                         size_t *len, struct cs_error *err)
{
    char *why = NULL;
    rocksdb_readoptions_t *now = v == NULL ? rocksdb_readoptions_create() : NULL;
    *value = rocksdb_get_cf(db->db, v == NULL ? now : v->options, db->families[cf], key.p, key.n, len, &why);
    if (now != NULL)
        rocksdb_readoptions_destroy(now);
    if (why != NULL)
        return failed(db, why, err);
    if (*value == NULL)
        return cs_error_set(err, CS_ENOENT, "%s: no such row", db->dir);
    return CS_OK;
}

enum cs_err cs_rocks_get_many(struct cs_rocks_view *v, enum cs_cf cf, const struct cs_slice *keys, uint32_t n,
                              struct cs_rocks_values *out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    const char *p[CS_ROCKS_MANY];
    size_t sizes[CS_ROCKS_MANY];
    char *why[CS_ROCKS_MANY];
    rocksdb_pinnableslice_t *pins[CS_ROCKS_MANY];
    CS_ASSERT(n > 0 && n <= CS_ROCKS_MANY);
    for (uint32_t i = 0; i < n; i++) {
        p[i] = keys[i].p;
        sizes[i] = keys[i].n;
    }
    rocksdb_batched_multi_get_cf(v->db->db, v->options, v->db->families[cf], n, p, sizes, pins, why, false);
    out->n = n;
    for (uint32_t i = 0; i < n; i++) {
        out->pins[i] = pins[i];
        out->values[i] = (struct cs_slice){NULL, 0};
        if (pins[i] != NULL)
            out->values[i].p = rocksdb_pinnableslice_value(pins[i], &out->values[i].n);
        if (why[i] != NULL && rc == CS_OK)
            rc = failed(v->db, why[i], err);
        else
            rocksdb_free(why[i]);
    }
    return rc;
}

void cs_rocks_values_release(struct cs_rocks_values *values)
{
    for (uint32_t i = 0; i < values->n; i++) {
        if (values->pins[i] != NULL)
            rocksdb_pinnableslice_destroy(values->pins[i]);
    }
    values->n = 0;
}

static struct cs_rocks_rows *open_rows(struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice until, bool cached)
{
    struct cs_rocks_rows *r = cs_xcalloc(1, sizeof *r);
    count_nothing();
    r->db = v->db;
    r->until = cs_xmalloc(until.n);
    memcpy(r->until, until.p, until.n);
    r->options = rocksdb_readoptions_create();
    if (v->snapshot != NULL)
        rocksdb_readoptions_set_snapshot(r->options, v->snapshot);
    rocksdb_readoptions_set_iterate_upper_bound(r->options, r->until, until.n);
    rocksdb_readoptions_set_fill_cache(r->options, cached);
    r->it = rocksdb_create_iterator_cf(v->db->db, r->options, v->db->families[cf]);
    return r;
}

struct cs_rocks_rows *cs_rocks_rows_open(struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice from,
                                         struct cs_slice until)
{
    struct cs_rocks_rows *r = open_rows(v, cf, until, false);
    cs_rocks_seek(r, from);
    return r;
}

struct cs_rocks_rows *cs_rocks_seeker_open(struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice until)
{
    return open_rows(v, cf, until, true);
}

void cs_rocks_seek(struct cs_rocks_rows *r, struct cs_slice from)
{
    rocksdb_iter_seek(r->it, from.p, from.n);
    r->started = false;
}

bool cs_rocks_rows_next(struct cs_rocks_rows *r, struct cs_slice *key, struct cs_slice *value)
{
    if (r->started && rocksdb_iter_valid(r->it))
        rocksdb_iter_next(r->it);
    r->started = true;
    if (!rocksdb_iter_valid(r->it))
        return false;
    key->p = rocksdb_iter_key(r->it, &key->n);
    value->p = rocksdb_iter_value(r->it, &value->n);
    return true;
}

enum cs_err cs_rocks_rows_error(struct cs_rocks_rows *r, struct cs_error *err)
{
    char *why = NULL;
    rocksdb_iter_get_error(r->it, &why);
    return why == NULL ? CS_OK : failed(r->db, why, err);
}

enum cs_err cs_rocks_rows_close(struct cs_rocks_rows *r, struct cs_error *err)
{
    char *why = NULL;
    rocksdb_iter_get_error(r->it, &why);
    enum cs_err rc = why == NULL ? CS_OK : failed(r->db, why, err);
    rocksdb_iter_destroy(r->it);
    rocksdb_readoptions_destroy(r->options);
    free(r->until);
    free(r);
    return rc;
}
