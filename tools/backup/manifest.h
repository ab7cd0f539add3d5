/* manifest.h - what a backup is: one folder, complete once it has its manifest and its name.
 *
 *   FOLDER/lock                     held (flock) by whoever writes here
 *   FOLDER/ID/backup.json           the manifest, written last; ID: the moment, 20261129T190212Z
 *   FOLDER/ID/store/                the database, which can be read where it is (`clinsafe export --store`)
 *   FOLDER/ID/beside/               what lies beside the database: ratings by people, what was done about the study
 *   FOLDER/ID.part, FOLDER/ID.gone  one that is being made, or was broken off; one that is being removed: nothing reads them
 *
 * Tables that two backups share are one file with two names (hard links); nothing in a backup is ever written again.
 *
 * backup.json: schema `clinsafe.manifest/1`; id, fleet, format, term, commit, outputs (the number of the last), done, failed (trials, of the newest
 * generation of each study), taken_ms (Unix time), version, bytes, copied_bytes; studies: name, generation, done, failed, spent_nano_usd; files:
 * name, bytes, sum (BLAKE2b-256), tail (the first 16 bytes of that of its last 64 KiB).
 */
#ifndef CS_MANIFEST_H
#define CS_MANIFEST_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/error.h"

enum { CS_MANIFEST_SUM = 32, CS_MANIFEST_TAIL = 16 };
#define CS_MANIFEST_NAME "backup.json"

struct cs_manifest_file {
    const char *name; /* "store/000012.sst" */
    uint64_t bytes;
    uint8_t sum[CS_MANIFEST_SUM], tail[CS_MANIFEST_TAIL];
};
struct cs_manifest_study {
    const char *name;
    uint32_t generation;
    uint64_t done, failed;
    int64_t spent_nano_usd; /* by the outputs of all its generations */
};
struct cs_manifest { /* strings and lists live in an arena */
    const char *id, *fleet, *version;
    uint32_t format, term;
    uint64_t commit, outputs, bytes, copied_bytes;
    int64_t taken_wall_ms;
    struct cs_manifest_study *studies;
    struct cs_manifest_file *files; /* by name */
    uint32_t n_studies, n_files;
};

/* The text of backup.json. */
void cs_manifest_text(const struct cs_manifest *m, struct cs_buf *out);
/* What `--json` shows of it (ops/schema/json/_shared.json). */
struct cs_json *cs_manifest_json(const struct cs_manifest *m);
/* Of the backup in `folder`. CS_ENOENT: it has none, so it is none; CS_ECORRUPT. */
CS_WARN_UNUSED enum cs_err cs_manifest_read(const char *folder, struct cs_arena *arena, struct cs_manifest *out,
                                            struct cs_error *err);
/* NULL: it has no such file. */
const struct cs_manifest_file *cs_manifest_find(const struct cs_manifest *m, const char *name);
/* Trials of all studies. */
uint64_t cs_manifest_done(const struct cs_manifest *m);

#endif
