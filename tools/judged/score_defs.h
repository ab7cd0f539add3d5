/* score_defs.h - inside this folder only: `scores:` of a study as scores to compute. Pure. CS_ECORRUPT: what no loader let through. */
#ifndef CS_JUDGED_SCORE_DEFS_H
#define CS_JUDGED_SCORE_DEFS_H

#include "tools/judged/scored.h"

CS_WARN_UNUSED enum cs_err cs_score_defs_read(struct cs_scores *s, const struct cs_votes *votes, struct cs_error *err);

#endif
