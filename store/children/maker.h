/* maker.h - inside this folder only: a snapshot being made.
 *
 *   wishes.c    what is taken, by the parent's own indexes; the columns; the table of arms
 *   outputs.c   looks at every output: what is taken of it becomes an entry, its text a record
 *   units.c     which records make a case: one each, or two of a pair
 *   written.c   the units as cases, in the order of the parent's clusters
 */
#ifndef CS_CHILDREN_MAKER_H
#define CS_CHILDREN_MAKER_H

#include "protocol/base/digest.h"
#include "protocol/study/parent.h"
#include "protocol/study/plan.h"
#include "protocol/study/render.h"
#include "protocol/table/names.h"
#include "protocol/table/snapshot.h"
#include "store/children/children.h"

enum cs_piece_kind { /* what one output gives */
                     CS_PIECE_TEXT,
                     CS_PIECE_ANSWER,
                     CS_PIECE_TALK, /* conversation */
                     CS_PIECE_PROMPT,
                     CS_PIECE_TURN, /* the reply at one turn of a conversation */
                     CS_PIECE_MODEL,
                     CS_PIECE_LEVEL,
};
struct cs_children_piece {
    enum cs_piece_kind kind;
    const char *name; /* of an answer */
    uint32_t factor;  /* a level's; of a turn its number */
};

enum cs_column_of { CS_COLUMN_CASE, CS_COLUMN_EACH, CS_COLUMN_PIECE, CS_COLUMN_PARENTS };
struct cs_children_column {
    enum cs_column_of of;
    uint32_t at;     /* a column of the parent's cases, as the n-th that is kept; a piece */
    uint32_t side;   /* of a piece: 0 the first record of a unit, 1 the second */
    const char *key; /* of an element */
};

struct cs_entry { /* an output that is taken */
    uint64_t output_id;
    struct cs_digest digest, text;
    uint32_t case_index, lane, cell, repeat, record;
};

struct cs_children_record { /* different values of the pieces, in a case */
    uint8_t key[16];
    uint32_t case_index;
};

struct cs_unit {        /* what becomes a case (of each element) */
    uint32_t record[2]; /* [1] CS_NONE: it is not a pair */
    uint8_t key[16];
};
struct cs_link { /* an entry of a unit */
    uint32_t unit, entry;
    enum cs_parent_side side;
};

struct cs_maker {
    const struct cs_children_opts *opts;
    const struct cs_take *take;
    const struct cs_study *s; /* the parent */
    const struct cs_plan *plan;
    const struct cs_case_source *cases;
    struct cs_parent_study about;
    struct cs_arena arena;
    struct cs_snapshot_writer *writer;

    /* wishes.c */
    bool outcomes[CS_OUTCOMES], models[CS_MODELS_MAX], questions[CS_QUESTIONS_MAX];
    bool *levels[CS_FACTORS_MAX];
    uint32_t pair_factor; /* CS_NONE: no pair */
    uint32_t each;        /* column of the parent's cases, or CS_NONE */
    uint32_t *kept;       /* columns of the parent's cases that are in it */
    uint32_t n_kept;
    struct cs_children_piece *pieces;
    uint32_t n_pieces;
    struct cs_children_column *columns;
    const char **names;
    uint32_t n_columns;
    struct cs_parent_arm *arms;
    uint32_t **arm_of; /* per lane, per cell; CS_NONE: not taken */

    /* per case of the parent */
    uint64_t *case_places; /* n_kept each */
    uint8_t (*case_keys)[16];
    uint32_t *clusters; /* numbers in order of appearance */
    uint32_t n_clusters;

    /* outputs.c */
    struct cs_entry *entries;
    struct cs_children_record *records;
    uint64_t *places; /* n_pieces a record */
    uint32_t n_entries, cap_entries, n_records, cap_records;
    uint32_t *slots, n_slots; /* records by key; 0: free, else record + 1 */
    uint64_t threshold;       /* sample: the largest draw that is in */

    /* units.c */
    struct cs_unit *units;
    struct cs_link *links; /* by unit */
    uint32_t n_units, n_links, cap_units, cap_links;
    uint32_t *first_link; /* n_units + 1 */
};

CS_WARN_UNUSED enum cs_err cs_wishes_make(struct cs_maker *m, struct cs_error *err);
/* One pass over the parent's cases: what is kept of them goes to the file. */
CS_WARN_UNUSED enum cs_err cs_outputs_read_cases(struct cs_maker *m, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_outputs_scan(struct cs_maker *m, struct cs_store *store, uint32_t gen,
                                           struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_outputs_plan(struct cs_maker *m, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_units_make(struct cs_maker *m, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_written_cases(struct cs_maker *m, struct cs_error *err);

#endif
