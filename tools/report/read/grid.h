/* grid.h - the answers of one lane, counted: one record of counters per (case, cell of the plan).
 *
 * Its memory grows with cases x cells x categories, never with outputs: 1,000 cases x 32 prompts x 4 answers are 3 MB a lane.
 * A record holds the outcome classes (CS_GRID_CLASSES), then for every answer field of the cell's question a counter a category and one for
 * "insufficient information" (a number: how many), then for every derived answer no, yes (a number or text: how many) and unknown. Sums
 * of numbers stand apart.
 *
 * Thread: one writer; any readers afterwards. The plan and its study must outlive the grid.
 */
#ifndef CS_GRID_H
#define CS_GRID_H

#include "protocol/study/answer.h"
#include "protocol/study/plan.h"
#include "protocol/wire/output.h"

/* Of a study of judges (read/judged.h): judged, and no verdict came of it. Missing data, of no outcome class that a provider could give. */
enum { CS_GRID_NO_VERDICT = CS_OUTCOMES, CS_GRID_CLASSES };

struct cs_grid_question {            /* where things stand in a record of this question */
    uint32_t field[CS_FIELDS_MAX];   /* first category (a number: its count); "insufficient" behind the last */
    uint32_t derived[CS_FIELDS_MAX]; /* no, yes, unknown; a number or text: its count, unknown */
    uint32_t number[CS_FIELDS_MAX];  /* index of the field among the sums, or CS_NONE */
    uint32_t derived_number[CS_FIELDS_MAX];
    uint32_t width, n_numbers;
};

struct cs_grid_sum { /* a number in one cell of one case: Welford's mean and sum of squares */
    double mean, m2;
};

struct cs_grid_cell {
    struct cs_coords at;       /* its coordinates, in case 0 */
    uint32_t counters, sums;   /* where its record begins in those of the case */
    uint32_t repeats;          /* planned */
    uint64_t planned;          /* trials, over all cases */
    int64_t first_ms, last_ms; /* when it was asked, over all cases; first > last: never */
};

struct cs_grid {
    const struct cs_plan *plan;
    uint32_t lane, n_cells, n_cases;
    struct cs_grid_question *questions;
    struct cs_grid_cell *cells;
    uint32_t width, n_sums; /* counters and sums that one case takes */
    uint64_t *planned;      /* trials of each case */
    bool *left_out;         /* per (case, cell): the study does not ask it (applies.h); NULL: there are none */
    uint32_t *counters;
    struct cs_grid_sum *sums;
};

void cs_grid_init(struct cs_grid *g, const struct cs_plan *plan, uint32_t lane);
/* Takes out what no case is asked; once, before anything is counted. */
CS_WARN_UNUSED enum cs_err cs_grid_leave_out(struct cs_grid *g, const struct cs_case_source *cases,
                                             struct cs_error *err);
bool cs_grid_is_left_out(const struct cs_grid *g, uint32_t case_index, uint32_t cell);
void cs_grid_copy(struct cs_grid *to, const struct cs_grid *from);
/* What `whole` has beside `part`, which was counted along with it. Sums of numbers cannot be taken apart: they are those of the whole. */
void cs_grid_rest(struct cs_grid *out, const struct cs_grid *whole, const struct cs_grid *part);
void cs_grid_release(struct cs_grid *g); /* a zeroed struct is fine */

/* One terminal trial. outcome: enum cs_outcome, or NO_VERDICT. answers NULL: it has none (its outcome says why). when_ms: when it was asked;
 * 0: not known. */
void cs_grid_add(struct cs_grid *g, uint32_t case_index, uint32_t cell, unsigned outcome,
                 const struct cs_answer *answers, const struct cs_derived_value *derived, int64_t when_ms);

/* One more answer to one field, of a trial that is counted elsewhere. */
void cs_grid_add_answer(struct cs_grid *g, uint32_t case_index, uint32_t cell, uint32_t field,
                        const struct cs_answer *answer);

const uint32_t *cs_grid_record(const struct cs_grid *g, uint32_t case_index, uint32_t cell);
const struct cs_grid_sum *cs_grid_sums(const struct cs_grid *g, uint32_t case_index, uint32_t cell);
/* Counters of categories in a record; a number has one. */
uint32_t cs_grid_categories(const struct cs_field *f);

#endif
