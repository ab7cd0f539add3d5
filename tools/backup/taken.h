/* taken.h - a backup is taken of files that nobody changes meanwhile: a coordinator's checkpoint, or a store at rest.
 *
 * What the backup before has already, and as it was, becomes a second name of the same file; the rest is copied, summed, read again, and the whole is opened and
 * counted. One that is broken off at any point stays FOLDER/ID.part, which nothing takes for a backup; the next one goes on with its files.
 * Thread: main. Errors: CS_EINVAL (backups of another store stand there), CS_ECORRUPT, CS_EIO, CS_EINTERRUPTED.
 */
#ifndef CS_TAKEN_H
#define CS_TAKEN_H

#include "tools/backup/copied.h"
#include "tools/backup/shelf.h"

enum cs_taken_step { CS_TAKEN_COPIES, CS_TAKEN_COUNTS };
struct cs_taken_opts {
    const char *source;  /* the folder with the files of the database */
    const char *store;   /* what it is a copy of: STORE.labels and the like lie beside it */
    const char *fleet;   /* of the source; NULL: not known before it is opened */
    uint64_t commit_min; /* a commit that the source must have; 0: none is known */
    uint64_t bytes_per_s;
    /* Told now and then; bytes, or outputs. */
    void (*on_progress)(void *self, enum cs_taken_step step, uint64_t done, uint64_t total);
    /* Told of a file of the backup before that is not what it was: it is copied anew, and every backup that has it cannot be used. */
    void (*on_rotten)(void *self, const char *path);
    bool (*stops)(void *self); /* asked often */
    void *self;
};
/* *out lives in the shelf's arena. */
CS_WARN_UNUSED enum cs_err cs_taken_backup(struct cs_shelf *shelf, const struct cs_taken_opts *o,
                                           struct cs_manifest *out, struct cs_error *err);

#endif
