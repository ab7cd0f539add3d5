/* rule_words.h - how a derived answer comes about, in a few words: `plan is "home", and plan is not case.right_plan`. Pure; any thread. */
#ifndef CS_RULE_WORDS_H
#define CS_RULE_WORDS_H

#include "protocol/base/buf.h"
#include "protocol/study/study.h"

/* Appends them to out; nothing where only its values are known (a table without a study). */
void cs_rule_words(const struct cs_study *s, const struct cs_question *q, const struct cs_derived *d,
                   struct cs_buf *out);

#endif
