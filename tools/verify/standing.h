/* standing.h - whether every answer stands where it was bought: what `verify` asks of both formats of the store.
 *
 * Format 1 kept one answer for each request, so that an edit could put one answer at two trials (two cases with one text, one model id
 * on two accounts) and leave the other, paid for, at none. Every trial and output looks sound then. Three faults are told:
 *   - one output stands at two trials of the generation;
 *   - a trial stands on an answer that another case or lane bought, and the one that it bought itself stands nowhere;
 *   - an answer is in no index row, so that no edit would ever find it (format 2).
 * An answer of an earlier generation that no trial wants any more is not a fault. Thread: one.
 */
#ifndef CS_STANDING_H
#define CS_STANDING_H

#include "store/generation.h"
#include "tools/export/row.h"

/* The trial is one of the generation at hand; `what` says what is wrong with it. lane CS_NONE: of no trial. */
typedef void (*cs_standing_fault)(void *self, uint32_t lane, uint64_t position, const char *what);

struct cs_standing;
struct cs_standing *cs_standing_open(struct cs_store *s, const struct cs_generation_view *view,
                                     struct cs_export_row *row, cs_standing_fault fault, void *self);
void cs_standing_close(struct cs_standing *st); /* NULL is fine */
/* For every trial of the generation that has an answer, in any order. */
void cs_standing_trial(struct cs_standing *st, uint32_t lane, uint64_t position, const struct cs_stored *stored);
/* When all are through. */
CS_WARN_UNUSED enum cs_err cs_standing_begin(struct cs_standing *st, struct cs_error *err);
/* For every output of the store. */
CS_WARN_UNUSED enum cs_err cs_standing_output(struct cs_standing *st, const struct cs_stored *stored,
                                              struct cs_error *err);
/* Trials that stand on another's answer, and answers left without a trial: what an edit would put right. */
uint64_t cs_standing_mixed(const struct cs_standing *st);

#endif
