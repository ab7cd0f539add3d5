/* children.h - a snapshot of a study's outputs: the cases of the studies that judge it (protocol/study/parent.h).
 *
 * One pass over the parent's outputs (two with `sample`), lane by lane, in the state of the store at its opening. Texts go to the file as they
 * come; what stays in memory is 64 bytes an output, 20 and a few places a different text. A parent may run meanwhile: what it had answered at
 * that moment is in it. The same store, parent and take give the same file.
 *
 * Thread: any, with a store of its own. Errors: CS_EINVAL: take names what the parent does not have, or that cannot be done (a sentence);
 * CS_ETOOBIG: more cases or conditions than a study has room for; CS_ECORRUPT, CS_EIO: the store or the disk.
 */
#ifndef CS_CHILDREN_H
#define CS_CHILDREN_H

#include "protocol/study/take.h"
#include "store/generation.h"

struct cs_children_opts {
    const struct cs_take *take;
    const char *path;  /* where the snapshot goes (protocol/table/snapshot.h) */
    const char *stamp; /* kept in it, for whoever asks whether it is still what would be made */
    /* Told now and then how many outputs were looked at; false: it is not wanted any more (CS_EINTERRUPTED). NULL: nobody is. */
    bool (*on_progress)(void *self, uint64_t done, uint64_t total);
    void *self;
};

/* Of a generation of the store. */
CS_WARN_UNUSED enum cs_err cs_children_snapshot(struct cs_store *store, const struct cs_generation_view *parent,
                                                const struct cs_children_opts *opts, struct cs_error *err);
/* Of a study that has not run: everything it plans, each with a text of the greatest length it may have. What its judges cost at most. */
CS_WARN_UNUSED enum cs_err cs_children_planned(const struct cs_study *parent, const struct cs_case_source *cases,
                                               const struct cs_children_opts *opts, struct cs_error *err);

/* How many trials of a generation are planned still: neither answered, failed nor cancelled. 0: it is closed. */
CS_WARN_UNUSED enum cs_err cs_children_open_trials(struct cs_store *store, const struct cs_generation_view *parent,
                                                   uint64_t *out, struct cs_error *err);

#endif
