/* wordings.h - levels that are said in several sentences (stats/wording.h). Thread: main. */
#ifndef CS_WORDINGS_H
#define CS_WORDINGS_H

#include "tools/report/analysis/work.h"

/* How many sentences say the level, as far as the plan and not the case chooses them; 0: it says nothing. */
uint32_t cs_wordings_of(const struct cs_factor *f, const struct cs_level *level);
/* Sets wordings and wording_variance of a reduced contrast, from three sentences on that were asked of the same clusters. */
void cs_wordings_measure(struct cs_paired *pair, const struct cs_measure *m, const struct cs_grid *g,
                         const struct cs_arrangement *a, const struct cs_case_facts *cases, const struct cs_factor *f,
                         const struct cs_spec_contrast *spec, const struct cs_case_filter *filter);

#endif
