/* prompt_book.h - every distinct prompt of a study as a CSV, for co-authors and the ethics board. */
#ifndef CS_PROMPT_BOOK_H
#define CS_PROMPT_BOOK_H

#include <stdio.h>

#include "protocol/study/plan.h"
#include "protocol/load/load.h"

/* Columns: case_id, cluster, one per factor, question, system, user, trials (over all models). One row per distinct text of a case, named
 * by its first cell. excel: a copy for Excel (csv_write.h). *n: rows written. */
CS_WARN_UNUSED enum cs_err cs_prompt_book(const struct cs_plan *plan, const struct cs_loaded *l, FILE *out, bool excel,
                                          uint64_t *n, struct cs_error *err);

#endif
