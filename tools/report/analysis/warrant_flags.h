/* warrant_flags.h - differences that physicians declared warranted beforehand: which cases leave which contrast. Pure; any thread.
 *
 * Warrant belongs to (case, level, answer). Nobody knows how large a warranted effect should be, so nothing is subtracted: the flagged
 * cases are left out of the contrast and shown in a table of their own.
 */
#ifndef CS_WARRANT_H
#define CS_WARRANT_H

#include "protocol/base/json.h"
#include "tools/report/read/case_facts.h"

struct cs_warranted { /* one level and answer */
    uint32_t factor, level;
    uint32_t question, field;
    bool derived;
    uint32_t *raters;  /* for each case: who flagged it; 0: nobody */
    double *agreement; /* for each case, as declared, or CS_AGREEMENT_UNKNOWN */
};
#define CS_AGREEMENT_UNKNOWN (-2.0)

struct cs_warrant_list {
    struct cs_warranted *list;
    uint32_t n;
    uint32_t pairs; /* flagged (case, level, answer) */
};

/* From the rows that the loader wrote into the analysis and checked; lives in `arena`. CS_ECORRUPT: they are not of this study. */
CS_WARN_UNUSED enum cs_err cs_warrant_flags_read(struct cs_warrant_list *out, struct cs_arena *arena,
                                                 const struct cs_study *s, const struct cs_case_facts *cases,
                                                 const struct cs_json *analysis, struct cs_error *err);
const struct cs_warranted *cs_warrant_flags_of(const struct cs_warrant_list *w, uint32_t factor, uint32_t level,
                                               uint32_t question, uint32_t field, bool derived); /* NULL: none */

#endif
