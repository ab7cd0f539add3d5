/* inferred.h - a study read off the columns of a table of outputs, for data that comes without a study file.
 *
 *   case_id, cluster, case.NAME       cases, their clusters (default: the case) and strata
 *   model                             models
 *   factor.NAME, wording.NAME         factors; their levels in the order of first appearance
 *   role.NAME                         of the factor's level: control, placebo, aa or nothing. Without the column a level called control, none
 *                                     or baseline is the control, placebo... a placebo, ..._aa A/A
 *   question                          questions; without the column there is one
 *   answer.NAME, derived.NAME         answers: Yes/No, true/false and 1/0 are yes/no answers, numbers are numbers, up to
 *                                     CS_INFER_WORDS words are categories without an order, anything else is text
 *   rater.WHO.NAME                    what people said of the output (table_raters.h)
 *   simulated                         true: a simulated model
 * Every factor and answer that a study file would declare otherwise (scales, margins, labels) needs one.
 *
 * Thread: any. Errors: CS_EINVAL with FILE:LINE.
 */
#ifndef CS_INFERRED_H
#define CS_INFERRED_H

#include "protocol/study/study.h"
#include "tools/report/read/foreign.h"

enum { CS_INFER_WORDS = 20 };

struct cs_inferred;

/* f: what the columns are called in the file, or NULL. */
CS_WARN_UNUSED enum cs_err cs_inferred_read(struct cs_inferred **out, const struct cs_foreign *f, const char *path,
                                            struct cs_error *err);
struct cs_study *cs_inferred_study(struct cs_inferred *i); /* the caller may declare more of it, before it is planned */
struct cs_case_source cs_inferred_cases(struct cs_inferred *i);
void cs_inferred_release(struct cs_inferred *i); /* NULL is fine */

#endif
