/* report.h - the analysis of a study's outputs, from a source to struct cs_report (model.h); and its forms for machines and terminals.
 *
 * The same bytes for a seed, whatever the number of threads. Thread: main. Errors: those of the store; CS_EIO while writing.
 */
#ifndef CS_REPORT_H
#define CS_REPORT_H

#include <stdio.h>

#include "tools/report/model.h"
#include "tools/report/read/source.h"

enum { CS_REPORT_DRAWS = 5000 };

struct cs_report_opts {
    uint64_t seed;
    unsigned threads;
    const struct cs_ratings *ratings;       /* of people (ratings.h); NULL: none */
    const struct cs_report_source *against; /* another run of the study; NULL: none */
};

CS_WARN_UNUSED enum cs_err cs_analysis_run(struct cs_report **out, const struct cs_report_source *source,
                                           const struct cs_report_opts *opts, struct cs_error *err);
void cs_analysis_free(struct cs_report *r); /* NULL is fine */

CS_WARN_UNUSED enum cs_err cs_forms_json(const struct cs_report *r, FILE *out, struct cs_error *err);
/* One table a file into a folder, which is made if need be; files of these names are replaced. */
CS_WARN_UNUSED enum cs_err cs_forms_csv(const struct cs_report *r, const char *dir, struct cs_error *err);
void cs_forms_terminal(const struct cs_report *r, FILE *out); /* some ten lines for the terminal */

#endif
