/* recheck.h - whether a score card is what it says: against itself, its suite, and another card that it is to be compared with.
 *
 * Thread: main. Errors: CS_EINVAL with a sentence that says what does not fit.
 */
#ifndef CS_SUITE_RECHECK_H
#define CS_SUITE_RECHECK_H

#include "tools/suite/card.h"

/* *out is the caller's. */
CS_WARN_UNUSED enum cs_err cs_recheck_load(const char *path, struct cs_json **out, struct cs_error *err);
/* Its digits are those of its findings; its suite, studies and standing are those of `s` and its seal, and what was run has a run. */
CS_WARN_UNUSED enum cs_err cs_recheck_card(const char *path, const struct cs_json *card, const struct cs_suite *s,
                                           const struct cs_seal *seal, struct cs_error *err);
/* Whether two cards may stand beside each other: same digest of the suite, same method, same parameters, same judges. */
CS_WARN_UNUSED enum cs_err cs_recheck_pair(const struct cs_json *a, const struct cs_json *b, struct cs_error *err);
/* suite.json in a run's folder names this suite and model. */
CS_WARN_UNUSED enum cs_err cs_recheck_owner(const struct cs_stage *t, struct cs_error *err);
/* The files of a study in a run's folder are those of the suite, but for names of its model and judges. */
CS_WARN_UNUSED enum cs_err cs_recheck_folder(const struct cs_stage *t, uint32_t study, struct cs_error *err);
/* Findings and runs of the card are those of its stores, as they were read again. */
CS_WARN_UNUSED enum cs_err cs_recheck_runs(const char *path, const struct cs_json *card, const struct cs_stage *t,
                                           const struct cs_card_study *again, struct cs_error *err);
/* What is known of a card's model for its standing (seal.h); borrows the card. */
struct cs_seal_model cs_recheck_model(const struct cs_json *card, bool simulated);

#endif
