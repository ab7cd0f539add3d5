/* study_check.h - whether a study in memory holds together: every index inside its array, every permutation one, every limit kept.
 *
 * What passes cannot lead plan, render, request or answer outside their arrays, whoever made it. It is not the check for
 * readers of study files (that is the loader's, with line numbers) but the last one before a study is sent or used.
 * Pure; any thread. CS_EINVAL or CS_ETOOBIG with a sentence.
 */
#ifndef CS_STUDY_CHECK_H
#define CS_STUDY_CHECK_H

#include "protocol/study/study.h"

CS_WARN_UNUSED enum cs_err cs_study_check(const struct cs_study *s, struct cs_error *err);
#endif
