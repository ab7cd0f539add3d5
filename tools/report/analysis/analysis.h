/* analysis.h - the analysis of a study's outputs, from a source to struct cs_report (model.h).
 *
 * The same report for a seed, whatever the number of threads. Thread: main. Errors: those of the store.
 */
#ifndef CS_REPORT_ANALYSIS_H
#define CS_REPORT_ANALYSIS_H

#include "tools/base/sampled.h"
#include "tools/report/model.h"
#include "tools/report/read/source.h"

enum { CS_REPORT_DRAWS = 5000 };

struct cs_report_opts {
    uint64_t seed;
    unsigned threads;
    const struct cs_ratings *ratings;       /* by people (tools/base/ratings.h); NULL: none */
    const struct cs_sampled *sampled;       /* what they were asked to rate (tools/base/sampled.h); NULL: not known */
    const struct cs_acts *acts;             /* what people did about the study (tools/base/acts.h); NULL: not known */
    bool unblind;                           /* show the contrasts of a pilot */
    struct cs_collect_watch watch;          /* told before each section */
    const struct cs_report_source *against; /* another run of the study; NULL: none */
};

CS_WARN_UNUSED enum cs_err cs_analysis_run(struct cs_report **out, const struct cs_report_source *source,
                                           const struct cs_report_opts *opts, struct cs_error *err);
void cs_analysis_free(struct cs_report *r); /* NULL is fine */

#endif
