/* words.h - the enums of the finding (model.h) as words: the same in every form. Any thread. */
#ifndef CS_REPORT_WORDS_H
#define CS_REPORT_WORDS_H

#include "tools/report/model.h"

const char *cs_words_verdict_key(enum cs_report_verdict v); /* "different-beyond-margin": for JSON, CSV, CSS classes */
const char *cs_words_verdict(enum cs_report_verdict v);     /* "different, beyond the margin" */
bool cs_words_verdict_is_different(enum cs_report_verdict v); /* one of the four "different" */
const char *cs_words_arm(enum cs_arm_kind k);                 /* "placebo sentences" */
const char *cs_words_agreement(enum cs_agreement_kind k);     /* "raters", "one rater twice", "model" */
const char *cs_words_lost(enum cs_lost_kind k);               /* "ended in a timeout or a failure" */
const char *cs_words_class(int outcome);                      /* cs_outcome_name, or "no_verdict" */
const char *cs_words_against(enum cs_comparator a);           /* "control", "placebo", "level" */
const char *cs_words_outcome_kind(enum cs_outcome_kind k);    /* "yes-no", "category", "ordinal", "number" */
const char *cs_words_outcome_role(enum cs_outcome_role r);    /* "primary", "exploratory", "undeclared" */

/* Digits behind the point: two, and of an answer in units with a small margin as many as show the margin with two. */
int cs_words_decimals(const struct cs_report_outcome *o);

/* "too small to see less than about 12 points": of the primary comparisons of an answer that ended inconclusive, when what they could not see
 * is more than the margin, or none was declared. "": nothing of the kind. model CS_REPORT_NONE: of all models. */
struct cs_words_limit {
    char s[128];
};
struct cs_words_limit cs_words_limit(const struct cs_report *r, uint32_t model, uint32_t outcome);

/* "35.2 minutes (21 to 60)", "longer than the longest task, 480 minutes (300 to over 480); ..." with what lost runs can have hidden and why there is no
 * interval: nothing beyond the tasks that were asked is given as a number. share: CS_REPORT_HORIZON_50, _80. */
struct cs_words_horizon {
    char s[384];
};
struct cs_words_horizon cs_words_horizon(const struct cs_report_task_horizon *h, int share);

#endif
