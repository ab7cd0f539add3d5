/* load.h - from a study file (and what it names) to a checked struct cs_study with its cases.
 *
 * Strict: unknown keys, missing files, empty levels, duplicate ids, two controls and so on end with
 * `FILE:LINE:COLUMN: what is wrong; what would be right` in err. The first fault found is reported. Nothing is written.
 * The grammar, with every key: ops/studies/README.md.
 */
#ifndef CS_LOAD_H
#define CS_LOAD_H

#include "protocol/study/image.h"
#include "protocol/study/study.h"
#include "protocol/study/take.h"
#include "protocol/table/snapshot.h"

/* Who can make a snapshot of another study's outputs (`from_study`). path: the child's file; name: its study; parent: the parent's file;
 * take->parent: the name of the study in it. *out is the loader's. */
struct cs_load_parents {
    void *self;
    enum cs_err (*snapshot)(void *self, const char *path, const char *name, const char *parent,
                            const struct cs_take *take, struct cs_snapshot **out, struct cs_error *err);
};

struct cs_load_opts {
    const char *providers; /* --providers FILE, or NULL: beside the study, else the user's configuration folder */
    const char *data_dir;  /* --data DIR or CLINSAFE_DATA, or NULL: the study's own data_dir */
    const struct cs_load_parents *parents; /* or NULL: a study of another one's outputs is refused */
};

/* A file whose image stands in prompts (study/image.h). Its bytes are not kept. */
struct cs_load_picture {
    struct cs_image image;
    const char *path, *text; /* the reference */
};

/* A study with all of its cases in memory. */
struct cs_loaded {
    struct cs_study *study;
    struct cs_case_source cases;  /* served from memory; valid as long as this struct */
    struct cs_case *all;          /* n_cases of them */
    const char *path;             /* the study file's, as given */
    struct cs_snapshot *snapshot; /* where the texts of a child's cases are mapped from; NULL: an ordinary study */
    const char **values;          /* what `all` of a child points to */
    const struct cs_load_picture **pictures; /* n_pictures, each path once */
    uint32_t n_pictures;
};

CS_WARN_UNUSED enum cs_err cs_load_study(const char *path, const struct cs_load_opts *opts, struct cs_loaded *out,
                                         struct cs_error *err);
/* What a file declares of a study that came without one (its factors, questions, cases and strata are known): `control:` the level of
 * each factor that the others are compared with; `answers:` kinds of answers, as in a question; `analysis:` as in a study file. Sets
 * these in `s`. Errors: as above. */
CS_WARN_UNUSED enum cs_err cs_load_declared(const char *path, struct cs_study *s, const struct cs_case_source *cases,
                                            struct cs_error *err);
/* For those who have walked over many cases: lets go of what was mapped for it (cs_snapshot_trim). */
void cs_load_trim(const struct cs_loaded *l);
void cs_load_release(struct cs_loaded *l); /* a zeroed struct is fine */

#endif
