/* rule_check.h - inside study_check.c: whether the rule of a derived answer is whole, whoever made it. */
#ifndef CS_RULE_CHECK_H
#define CS_RULE_CHECK_H

#include "protocol/study/study.h"

/* The i-th derived answer of the question; its fields are checked already. CS_EINVAL: a sentence. */
CS_WARN_UNUSED enum cs_err cs_rule_check(const struct cs_study *s, const struct cs_question *q, uint32_t i,
                                         struct cs_error *err);

#endif
