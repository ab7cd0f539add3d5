/* review.h - cases looked at by people before anything is paid: is a level plausible in this case, and would a different answer be right?
 *
 * A row of the sheet is a (case, level) of one factor, with the prompt that the model would see. Fields: `plausible`, and every answer
 * that can be compared; words: yes, no, unsure. What comes back becomes the table of `warrant:` (ops/studies/README.md): a pair is in it for
 * an answer when more than half of those who said yes or no said yes. Thread: main. Errors: CS_EINVAL with FILE:LINE.
 */
#ifndef CS_LABELS_REVIEW_H
#define CS_LABELS_REVIEW_H

#include "protocol/base/options.h"
#include "protocol/load/load.h"
#include "protocol/study/plan.h"

struct cs_review_opts {
    uint32_t factor;
    uint32_t cases; /* at most so many, spread evenly; 0: all */
    bool excel;
};

struct cs_review_done {
    uint32_t rows;                   /* the sheet's */
    uint32_t raters, ratings;        /* who said something; what was said */
    uint32_t warranted, implausible; /* rows of the table; pairs that most call implausible */
    char example[256];               /* one implausible pair */
};

CS_WARN_UNUSED enum cs_err cs_review_write(const struct cs_loaded *l, const struct cs_review_opts *o, const char *path,
                                           struct cs_review_done *done, struct cs_error *err);
/* Reads the files of all raters, and writes the table when it has a row. */
CS_WARN_UNUSED enum cs_err cs_review_import(const struct cs_loaded *l, const struct cs_review_opts *o,
                                            const struct cs_option_list *files, const char *table,
                                            struct cs_review_done *done, struct cs_error *err);

#endif
