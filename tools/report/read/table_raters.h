/* table_raters.h - what people said of the outputs of a table, from its columns rater.WHO.FIELD (FIELD may have dots, WHO may not).
 *
 * They become ratings (tools/base/ratings.h) of the row that they stand in, as if the table were a sample that everybody rated; empty
 * cells are none. Thread: any. Errors: those of the table.
 */
#ifndef CS_TABLE_RATERS_H
#define CS_TABLE_RATERS_H

#include "tools/base/ratings.h"
#include "tools/report/read/foreign.h"

CS_WARN_UNUSED enum cs_err cs_table_raters_read(struct cs_ratings *out, const struct cs_study *s,
                                                const struct cs_foreign *f, const char *path, struct cs_error *err);
/* How many columns of a table are a rater's. */
uint32_t cs_table_raters_columns(const struct cs_table *t);

#endif
