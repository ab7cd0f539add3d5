/* parent.h - a study whose cases are the outputs of another study: whose outputs, which of them, and the way back from a case to them.
 *
 * Such a *child* is loaded, planned, asked and stored like any study. Its cases were made once, as a snapshot of its *parent's* outputs
 * (store/snapshot.h makes it, table/snapshot.h is the file), and are then the study's own: nothing here reads the parent again. What the
 * parent was stands in struct cs_parent_study, which travels with the study; which outputs a case came from stands in the case itself, in the
 * column named CS_PARENTS_COLUMN, which no template can name. So whoever has the child's cases, from a file, a chunk or a store, has both.
 *
 * Pure; any thread. Strings live in the study's arena, or in the one that is given.
 */
#ifndef CS_PARENT_H
#define CS_PARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/digest.h"
#include "protocol/base/error.h"
#include "protocol/base/buf.h"
#include "protocol/study/leak_counts.h"
#include "protocol/study/outcome.h"

struct cs_study;
struct cs_case;

#define CS_PARENTS_COLUMN "parents/"
enum {
    CS_PARENT_ARMS_MAX = 8192, /* rows of the table of arms */
    CS_PARENT_GROUPS_MAX = 65536,
    CS_PARENTS_OF_CASE_MAX = 512, /* identical outputs beyond these become further cases */
};

struct cs_parent_level {
    const char *id;
    uint8_t role; /* enum cs_role */
};

struct cs_parent_factor {
    const char *name;
    const struct cs_parent_level *levels;
    uint32_t n_levels;
};

/* One condition of the parent: what was planned of it, what came of it, and what this study judges. Left-joined by reports, so that what
 * never came is seen as missing there. */
struct cs_parent_arm {
    uint32_t model, question;
    const uint32_t *levels;           /* one per factor */
    uint64_t planned;                 /* without what the parent left out (applies.h) */
    uint64_t by_outcome[CS_OUTCOMES]; /* canonical answers; failures that stand at a trial */
    uint64_t taken;                   /* outputs in the snapshot, each once whatever `each` makes of it */
    struct cs_leak_counts leaks;      /* of those taken: what gives the arm away (leaks.h) */
    uint64_t unfit; /* taken by their outcome, but without text, or over CS_TEXT_MAX bytes: not in it */
};

struct cs_parent_study {
    const char *study; /* its name */
    uint32_t generation, repeats;
    bool closed;  /* nothing of it was planned any more: false only with --partial, or before it ran */
    bool planned; /* it had not run: cases are what it plans, with texts of the greatest length */
    bool
        factors_in_prompt; /* a prompt or a system text of it shows something of a factor: output.conversation tells the arm */
    bool confidential;
    const char *take; /* canonical JSON of what was taken (take.h) */
    const struct cs_parent_factor *factors;
    uint32_t n_factors;
    const char *const *models, *const *questions, *const *strata; /* names; strata: of its case columns */
    const char *const *sent, *const *accounts; /* of each model: its id as sent, and the name of its account */
    uint32_t n_models, n_questions, n_strata;
    const struct cs_parent_arm *arms; /* those taken by model, question and level */
    uint32_t n_arms;
    /* The child's cases stand in groups, one a cluster of the parent (several where there are more than CS_PARENT_GROUPS_MAX): how many
     * cases are in each. Lanes open groups in seeded order, cases in seeded order inside (plan.h). */
    const uint32_t *group_cases;
    uint32_t n_groups;
    uint32_t column;  /* CS_PARENTS_COLUMN */
    const char *json; /* all of the above as canonical JSON: how it travels and is stored */
};

enum { CS_PARENT_JSON_MAX = 768 * 1024 };
/* Sets p->json from the rest, in the arena. CS_ETOOBIG. */
CS_WARN_UNUSED enum cs_err cs_parent_json_make(struct cs_parent_study *p, struct cs_arena *arena, struct cs_error *err);
/* CS_EINVAL: not such a text. What it says is checked with the study that it is of (cs_parent_check). */
CS_WARN_UNUSED enum cs_err cs_parent_json_parse(const char *json, struct cs_arena *arena,
                                                const struct cs_parent_study **out, struct cs_error *err);

enum cs_parent_side { CS_PARENT_ALONE, CS_PARENT_FIRST, CS_PARENT_SECOND };

/* One output that a case came from. */
struct cs_parent {
    const char *case_id, *cluster;
    const char *const *strata; /* one per cs_parent_study.strata */
    const uint32_t *levels;    /* one per factor of the parent */
    uint32_t model, question, repeat /* from 0 */, block;
    uint32_t element; /* of the list that `each` takes apart, from 1; 0: no each */
    enum cs_parent_side side;
    uint64_t output_id;      /* in the parent's store; 0: planned only */
    struct cs_digest digest; /* the trial's */
    struct cs_digest text;   /* first 16 bytes of BLAKE2b-256 of the whole text, before `hide` */
};

/* The outputs that a case of a child came from, one or more (of a pair: the first ones, then the second ones). CS_ECORRUPT: the column is
 * not as it is made, or names what the parent does not have. */
CS_WARN_UNUSED enum cs_err cs_parents_read(const struct cs_study *s, const struct cs_case *c, struct cs_arena *arena,
                                           const struct cs_parent **out, uint32_t *n, struct cs_error *err);
/* Appends one to the text of that column. */
void cs_parents_write(const struct cs_parent_study *p, const struct cs_parent *one, struct cs_buf *out);
/* Indexes and counts of a parent that came from outside, against the study that it is of. */
CS_WARN_UNUSED enum cs_err cs_parent_check(const struct cs_study *s, struct cs_error *err);

#endif
