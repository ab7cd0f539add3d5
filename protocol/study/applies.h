/* applies.h - the cells that a study leaves out: a level with `requires` is asked only in cases that have what it needs.
 *
 * Such cells keep their positions (plan.h), so that all cases have blocks of one size; their trials are born cancelled, neither
 * planned, priced, asked nor missing. Pure; any thread.
 */
#ifndef CS_APPLIES_H
#define CS_APPLIES_H

#include "protocol/study/plan.h"

/* Whether any level of the study requires anything. */
bool cs_applies_is_used(const struct cs_study *s);
bool cs_applies_level(const struct cs_level *l, const struct cs_case *c);
/* Whether the case is asked in this cell: every arm's level applies to it. */
bool cs_applies_cell(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c);
/* Sets left_out from the cases, those of the study and no others; without `requires` it stays NULL. The study is the caller's own. */
CS_WARN_UNUSED enum cs_err cs_applies_count(struct cs_study *s, const struct cs_case_source *cases,
                                            struct cs_error *err);

#endif
