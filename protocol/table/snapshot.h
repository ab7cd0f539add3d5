/* snapshot.h - cases in a file that is mapped, not read: what a child of a study works on (study/parent.h).
 *
 * Written once, front to back, by whoever makes the snapshot (store/snapshot.h), and renamed into place when it is whole; read as often as
 * it is wanted. The operating system holds its pages, nobody holds its cases. Of this machine only (its byte order): it is made anew
 * from the parent whenever it is lost, and what was asked of it lies in the child's own store.
 *
 *   head     "clinsafe-cases-1\n", counts, places
 *   texts    NUL-terminated, in any order; one text may serve many cases
 *   names    of the columns: places of texts
 *   cases    of each: id, cluster, and a value for every column: places of texts
 *   about    what the maker says of it: JSON; and a stamp, by which it knows whether it would make the same again
 *
 * Ownership: a reader owns its mapping; what it gives lives as long. Units: places are bytes from the file's beginning.
 * Limits: CS_CASES_MAX cases, CS_COLUMNS_MAX columns. Thread: a writer one; a reader any, one at a time.
 * Errors: CS_EINVAL: no such file, or one that is cut short or damaged (err says so: it can be made again); CS_ENOENT; CS_EIO: the disk.
 */
#ifndef CS_SNAPSHOT_FILE_H
#define CS_SNAPSHOT_FILE_H

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/base/sizes.h"
#include "protocol/table/table.h"

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct cs_snapshot_writer;
CS_WARN_UNUSED enum cs_err cs_snapshot_create(struct cs_snapshot_writer **out, const char *path, struct cs_error *err);
/* The place of a text from now on; a NUL is put behind it. Errors come with the end. */
uint64_t cs_snapshot_text(struct cs_snapshot_writer *w, const char *text, size_t n);
/* Once, before the first case. */
void cs_snapshot_columns(struct cs_snapshot_writer *w, const char *const *names, uint32_t n);
/* values: one place per column. */
void cs_snapshot_case(struct cs_snapshot_writer *w, uint64_t id, uint64_t cluster, const uint64_t *values);
/* Puts the rest behind the texts, syncs and renames; w is gone then, whatever comes back. */
CS_WARN_UNUSED enum cs_err cs_snapshot_finish(struct cs_snapshot_writer *w, const char *about, const char *stamp,
                                              struct cs_error *err);
void cs_snapshot_abandon(struct cs_snapshot_writer *w); /* NULL is fine; nothing is left of it */

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct cs_snapshot;
CS_WARN_UNUSED enum cs_err cs_snapshot_open(struct cs_snapshot **out, const char *path, struct cs_error *err);
void cs_snapshot_close(struct cs_snapshot *s); /* NULL is fine */
const char *cs_snapshot_about(const struct cs_snapshot *s);
const char *cs_snapshot_stamp(const struct cs_snapshot *s);
uint32_t cs_snapshot_n_cases(const struct cs_snapshot *s);
uint32_t cs_snapshot_n_columns(const struct cs_snapshot *s);
const char *cs_snapshot_column(const struct cs_snapshot *s, uint32_t column);
const char *cs_snapshot_id(const struct cs_snapshot *s, uint32_t index);
const char *cs_snapshot_cluster(const struct cs_snapshot *s, uint32_t index);
/* values: one per column, set. */
void cs_snapshot_values(const struct cs_snapshot *s, uint32_t index, const char **values);
/* Lets go of the pages that were looked at, which stay in the system's cache: for those who walk over all cases in little memory. */
void cs_snapshot_trim(const struct cs_snapshot *s);

#endif
