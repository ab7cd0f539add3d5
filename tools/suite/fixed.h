/* fixed.h - whether the studies at hand are those that a suite fixes: digests of spec and analysis, margins, and that no prompt can hold the
 * suite's canary.
 *
 * The spec digest is the one that names a generation of the study as it ships, with its simulated models (protocol/wire/spec.h). Of a study
 * of judges, whose cases are what the judged model said, it is that of the spec with one blank case and without its parent. Thread: main.
 */
#ifndef CS_SUITE_FIXED_H
#define CS_SUITE_FIXED_H

#include "tools/suite/suite.h"

struct cs_fixed {
    char spec[65], analysis[65];
};

/* Of one file of a study as it ships. CS_EDENIED: the canary stands in what prompts are made of. */
CS_WARN_UNUSED enum cs_err cs_fixed_of(const struct cs_suite *s, const struct cs_suite_study *study, uint32_t part,
                                       struct cs_fixed *out, struct cs_error *err);
/* CS_EINVAL: a digest or a margin is not the suite's; the sentence says which. */
CS_WARN_UNUSED enum cs_err cs_fixed_check(const struct cs_suite *s, const struct cs_suite_study *study,
                                          struct cs_error *err);

#endif
