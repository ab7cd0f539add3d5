/* reachable.h - which verdicts the primary comparisons of a study can come to at all (tools/report/stats/findable.h): of a plan, and of a
 * report. Of yes/no answers, in points; of others it is not known. Thread: main.
 */
#ifndef CS_PLAN_REACHABLE_H
#define CS_PLAN_REACHABLE_H

#include "protocol/base/json.h"
#include "protocol/load/load.h"

/* Of a study, before anything is asked; `last` is the same, or the study of judges whose answers and analysis count. Appends {"study": name,
 * "outcome", "comparisons", "clusters", "margin", "unit", "reach"} for comparisons alike in all of these. */
CS_WARN_UNUSED enum cs_err cs_reachable_plan(const char *name, const struct cs_loaded *own, const struct cs_study *last,
                                             struct cs_json *list, struct cs_error *err);
/* Of contrasts out of this report of one model, the primary ones: each gets its "reach": {"equivalent", "different", "beyond": whether;
 * "smallest_margin", "clusters_needed", "why": a sentence}, or null. */
void cs_reachable_contrasts(struct cs_json *contrasts, const struct cs_json *report);

#endif
