/* first_rows.h - which comparisons stand in the picture of the first screen; only the files of this folder include it.
 *
 * A row is one comparison (an answer, a level, what it is held against) over all models. Those of the primary answers that were
 * tested first come in, then exploratory ones that differ; without any primary one, all comparisons with the control, or else
 * the pairs. What differs comes before what does not, the larger shift before the smaller. Thread: any.
 */
#ifndef CS_REPORT_FIRST_ROWS_H
#define CS_REPORT_FIRST_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/report/model.h"

enum { CS_FIRST_ROWS_MAX = 20, CS_FIRST_ANSWERS_MAX = 4, CS_FIRST_MODELS_MAX = 9 };

struct cs_first_row {
    const struct cs_report_contrast *any; /* one of its contrasts: what it compares */
    bool differs, primary;                /* in any model */
    double reach;                         /* the largest shift: of the models where it differs, if it does */
};
struct
    cs_first_answer { /* the rows of one answer are neighbours; the answer that differs most, in margins, comes first */
    uint32_t outcome, first, n;
    double weight;
};
struct cs_first_rows {
    struct cs_first_row rows[CS_FIRST_ROWS_MAX];
    struct cs_first_answer answers[CS_FIRST_ANSWERS_MAX];
    uint32_t n_rows, n_answers;
    uint32_t models[CS_FIRST_MODELS_MAX],
        n_models;      /* as in the report; when there are more, those in which most differs */
    bool primary;      /* there are comparisons that were tested first; they alone are told in words */
    uint32_t left_out; /* comparisons that differ in some model and found no room */
};

void cs_first_rows_choose(struct cs_first_rows *out, const struct cs_report *r);
/* Whether a contrast is one of those that are told in words, in the picture or not. */
bool cs_first_rows_told(const struct cs_first_rows *f, const struct cs_report_contrast *c);
/* The contrast of a row in one model; NULL: it has none. */
const struct cs_report_contrast *cs_first_rows_in(const struct cs_report *r, const struct cs_first_row *row,
                                                  uint32_t model);
const struct cs_report_contrast *cs_first_rows_told_in(const struct cs_report *r, const struct cs_first_rows *f,
                                                       uint32_t row, uint32_t model); /* NULL also unless it is told */

struct cs_first_tally { /* counts a model's contrasts that are told in words and have a verdict */
    uint32_t tested, different, equivalent;
    uint32_t beyond_floor; /* different, and outside the noise floor */
};
struct cs_first_tally cs_first_rows_tally(const struct cs_report *r, const struct cs_first_rows *f, uint32_t model);

/* Shifts of everything that should not matter, together, in one model and answer: from low to high. */
struct cs_report_span cs_first_rows_floor(const struct cs_report *r, uint32_t model, uint32_t outcome);
bool cs_first_rows_any_floor(const struct cs_report *r);

#endif
