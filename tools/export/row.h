/* row.h - one trial as one row: the versioned table of columns that every format shares (tools/README.md lists them).
 *
 * Columns are appended, never renamed or reordered, within CS_EXPORT_VERSION. Values live until the next cs_export_row_fill.
 */
#ifndef CS_ROW_H
#define CS_ROW_H

#include "protocol/dialects/request.h"
#include "protocol/study/answer.h"
#include "protocol/table/names.h"
#include "store/generation.h"
#include "protocol/study/render.h"
#include "tools/base/ratings.h"

enum { CS_EXPORT_VERSION = 1 };

enum cs_cell_kind { CS_CELL_NONE, CS_CELL_TEXT, CS_CELL_INT, CS_CELL_REAL, CS_CELL_BOOL };
struct cs_cell {
    enum cs_cell_kind kind;
    const char *text;
    int64_t integer; /* also bool */
    double real;
};

struct cs_export_at { /* a row, as further columns see it */
    uint32_t lane;
    const struct cs_case *c;
    const struct cs_stored *stored; /* NULL: a trial without an output */
};
struct cs_export_more { /* further columns, behind all others */
    void *self;
    const char *const *names;
    uint32_t n;
    /* Sets cells that are not empty (they are when it is called); what they point to lives until the next call. */
    enum cs_err (*fill)(void *self, const struct cs_export_at *at, struct cs_cell *cells, struct cs_error *err);
};
enum { CS_EXPORT_MORE_MAX = 4 };

struct cs_export_row {
    const struct cs_generation_view *view;
    struct cs_requests *requests;
    struct cs_cell_cache *cells;
    struct cs_arena layout, values;
    const char **names;   /* names of the columns */
    struct cs_cell *cell; /* values of this row, a cell a column */
    const struct cs_ratings *ratings;
    struct cs_names rated; /* digests */
    const char **rated_fields;
    uint32_t n_rated_fields;
    char *served[CS_MODELS_MAX]; /* who answered in each lane (store/served.h); NULL: nothing is known of it */
    /* Columns; the first of the answers; the first one behind them; `asked_again`; `salvaged`. */
    uint32_t n, answers, tail, again, last;
    const struct cs_export_more *more[CS_EXPORT_MORE_MAX];
    uint32_t n_more, first_more;
    struct cs_store *store;                  /* where turns of conversations are looked up, or NULL */
    struct cs_prompt prompt;                 /* of the present trial, in a study of conversations */
    uint32_t *turn_column[CS_QUESTIONS_MAX]; /* by question, turn of answer_at and field: answer.FIELD@TURN */
    uint32_t server;                         /* `server`; 0: no lane of the study has several */
    uint32_t talk;                           /* `turns_done`; 0: the study has no conversations */
    uint32_t images;                         /* 0: the study has none */
    uint32_t *answer_column[CS_QUESTIONS_MAX],
        *derived_column[CS_QUESTIONS_MAX]; /* where they stand, by question and field */
    /* Of the trial it was filled with: its list answer, the list as the case has it, what was answered; list NULL: it has none. */
    const struct cs_field *list;
    const char *list_json;
    struct cs_answer grades;
    uint32_t question;
};

/* ratings: of people, which become columns; NULL: none. Both must outlive the row. */
CS_WARN_UNUSED enum cs_err cs_export_row_open(struct cs_export_row *r, const struct cs_generation_view *view,
                                              const struct cs_ratings *ratings, struct cs_error *err);
/* Reads who answered in each lane; without it the column stays empty. */
CS_WARN_UNUSED enum cs_err cs_export_row_served(struct cs_export_row *r, struct cs_store *store, struct cs_error *err);
/* Adds columns, which must outlive the row; at most CS_EXPORT_MORE_MAX times, before it is filled first. */
void cs_export_row_add(struct cs_export_row *r, const struct cs_export_more *more);
/* Conversations are told whole from here on: answers at turns, what all calls together used. Without it the last turn stands alone. */
void cs_export_row_turns(struct cs_export_row *r, struct cs_store *store);
void cs_export_row_close(struct cs_export_row *r); /* a zeroed struct is fine */

struct cs_export_again { /* a trial that was asked again */
    uint32_t before;     /* answers of it that were superseded before this one */
    uint64_t by;         /* the output that followed; 0: none (yet) */
};
/* stored NULL: a trial that is planned or cancelled: coordinates only. again NULL: it is what stands at the trial. */
CS_WARN_UNUSED enum cs_err cs_export_row_fill(struct cs_export_row *r, uint32_t lane, uint64_t position,
                                              const struct cs_stored *stored, const struct cs_export_again *again,
                                              struct cs_error *err);

/* The shortest text that reads back as the same number. */
enum { CS_EXPORT_REAL_LEN = 40 };
void cs_export_row_real(char out[CS_EXPORT_REAL_LEN], double v);

#endif
