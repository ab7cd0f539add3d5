/* parents.h - where the outputs of a parent are on this machine, and the snapshot that a child has of them.
 *
 * The parent's outputs are in its study directory, beside its file, or in the child's own --dir, where both were run together. The snapshot
 * lies in the child's directory (DIR/cases-KEY, KEY its study's) and is kept as long as it is what would be made again; when the parent's outputs
 * are gone it is used as it is. Thread: main.
 */
#ifndef CS_PARENTS_H
#define CS_PARENTS_H

#include "tools/base/command.h"
#include "tools/base/reader.h"
#include "tools/base/study_dir.h"

struct cs_parents_at_hand {
    const struct cs_study_args *args;
    struct cs_load_opts *opts; /* of the child, with which a parent that has not run is read too */
    struct cs_load_parents parents;
};
/* Sets opts->parents; both must live as long as the loading. */
void cs_parents_at_hand_init(struct cs_parents_at_hand *h, const struct cs_study_args *args, struct cs_load_opts *opts);

/* The newest generation of the parent: its file, and its name; dir: the child's --dir, or NULL. CS_ENOENT: it was never run here. */
CS_WARN_UNUSED enum cs_err cs_parents_open(struct cs_reader *r, const char *parent, const char *name, const char *dir,
                                           struct cs_error *err);

/* The file of the study whose outputs are the cases of this one; NULL: it has cases of its own, or cannot be read. name: what this one is
 * called, or NULL. For free(). */
char *cs_parents_file(const char *path, char **name);
/* Where the snapshot of a study of that name is; for free(). */
char *cs_parents_snapshot_path(const struct cs_study_dir *d, const char *name);

#endif
