/* rocks.h - RocksDB as this project needs it: three column families, synced batches, reads under one view.
 *
 * rocks.c is the only includer of rocksdb/c.h. The C API has no status codes, only sentences: they are classified here.
 * Thread: one writer (put, remove, commit); reads from any thread.
 * Errors: CS_EBUSY another process holds the LOCK, CS_ECORRUPT bad bytes, CS_ENOENT no such key, CS_EIO all else. A write
 * error latches in RocksDB: after it every write fails until the database is opened again.
 */
#ifndef CS_ROCKS_H
#define CS_ROCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_cf { CS_CF_META, CS_CF_OUTPUTS, CS_CF_LEDGER, CS_CFS };

struct cs_slice {
    const void *p;
    size_t n;
};

enum { CS_ROCKS_ROOM_MIB = 1 }; /* free on the disk, or it is not opened for writing: CS_EIO */

struct cs_rocks;
/* scratch NULL: for writing; made if missing, in a folder that exists. Otherwise as a secondary that keeps its own log in scratch, and
 * open_files files open (0: all, as it must be). */
CS_WARN_UNUSED enum cs_err cs_rocks_open(struct cs_rocks **out, const char *dir, const char *scratch,
                                         uint32_t open_files, struct cs_error *err);
void cs_rocks_close(struct cs_rocks *db);
/* All that it takes to open the database as it is now, in the folder dir, which must not exist: tables as hard links, the rest copied, the log
 * as it is (nothing is flushed). Any thread, beside the writer. CS_EIO: also when the disk has no room for a second log. */
CS_WARN_UNUSED enum cs_err cs_rocks_checkpoint(struct cs_rocks *db, const char *dir, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_rocks_catch_up(struct cs_rocks *db, struct cs_error *err);

/* The batch being gathered; commit writes it synced, all or nothing, and empties it. */
void cs_rocks_put(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key, struct cs_slice value);
void cs_rocks_put_joined(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key, struct cs_slice head,
                         struct cs_slice tail);
void cs_rocks_remove(struct cs_rocks *db, enum cs_cf cf, struct cs_slice key);
void cs_rocks_remove_all(struct cs_rocks *db, enum cs_cf cf, struct cs_slice from,
                         struct cs_slice until); /* from <= key < until */
CS_WARN_UNUSED enum cs_err cs_rocks_commit(struct cs_rocks *db, struct cs_error *err);

/* One state of all families. A secondary's state moves only with catch_up; a writer's view is a snapshot. */
struct cs_rocks_view;
struct cs_rocks_view *cs_rocks_view_open(struct cs_rocks *db);
void cs_rocks_view_close(struct cs_rocks_view *v);

/* view NULL: as of now. *value is the caller's (free()). */
CS_WARN_UNUSED enum cs_err cs_rocks_get(struct cs_rocks *db, struct cs_rocks_view *v, enum cs_cf cf,
                                        struct cs_slice key, void **value, size_t *len, struct cs_error *err);

/* Many keys at once; values[i].p is NULL where there is none. Release also after an error. */
enum { CS_ROCKS_MANY = 256 };
struct cs_rocks_values {
    struct cs_slice values[CS_ROCKS_MANY];
    void *pins[CS_ROCKS_MANY];
    uint32_t n;
};
CS_WARN_UNUSED enum cs_err cs_rocks_get_many(struct cs_rocks_view *v, enum cs_cf cf, const struct cs_slice *keys,
                                             uint32_t n, struct cs_rocks_values *out, struct cs_error *err);
void cs_rocks_values_release(struct cs_rocks_values *values);

/* Rows with from <= key < until. key and value are valid until the next call. False: at the end, or an error that close tells. */
struct cs_rocks_rows;
struct cs_rocks_rows *cs_rocks_rows_open(struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice from,
                                         struct cs_slice until);
bool cs_rocks_rows_next(struct cs_rocks_rows *r, struct cs_slice *key, struct cs_slice *value);
/* The same for looking up here and there: its blocks stay in the cache. Nothing before the first seek, which may go back too. */
struct cs_rocks_rows *cs_rocks_seeker_open(struct cs_rocks_view *v, enum cs_cf cf, struct cs_slice until);
void cs_rocks_seek(struct cs_rocks_rows *r, struct cs_slice from);
/* Why next said false: CS_OK at the end. */
CS_WARN_UNUSED enum cs_err cs_rocks_rows_error(struct cs_rocks_rows *r, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_rocks_rows_close(struct cs_rocks_rows *r, struct cs_error *err);

#endif
