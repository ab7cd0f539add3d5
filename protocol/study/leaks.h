/* leaks.h - what outputs themselves give away to a judge that must not know where they come from: a level's text or id, a model's name.
 *
 * A level's texts are what is inserted (of each case, too), its system text, and what a prompt places by {{FACTOR.COLUMN}} where levels differ
 * in it. Counted as whole words, any case (phrases.h), by arm, as the output came and as the judge is shown it (hide.h). An id counts as it is
 * written and with blanks for `_ - /` ("low_income", "low income"); of a text its first CS_PHRASE_MAX bytes, without stops at their end. A word such as "control" may
 * stand in an answer for reasons of its own: these are counts to look at, no findings. Ownership: the caller's. Thread: any, once filled.
 */
#ifndef CS_LEAKS_H
#define CS_LEAKS_H

#include "protocol/base/buf.h"
#include "protocol/study/hide.h"
#include "protocol/study/leak_counts.h"
#include "protocol/study/study.h"

struct cs_leaks;

/* With the levels and models of the study that is judged. */
struct cs_leaks *cs_leaks_open(const struct cs_study *judged);
void cs_leaks_close(struct cs_leaks *l); /* NULL is fine */
/* The case whose answers come next: its texts of the levels are looked for, too. */
void cs_leaks_turn_to(struct cs_leaks *l, const struct cs_case *c);
/* Bits 1 << enum cs_leak of what stands in a text. */
uint32_t cs_leaks_in(const struct cs_leaks *l, const char *text);
/* Counts one answer, of which a judge is shown n texts. hide NULL: none. CS_ETOOBIG: masked, one is longer than a body may be. */
CS_WARN_UNUSED enum cs_err cs_leaks_count(const struct cs_leaks *l, const struct cs_hide *hide,
                                          const char *const *texts, uint32_t n, struct cs_leak_counts *counts,
                                          struct cs_error *err);
/* Names and texts that did not fit (phrases.h), and are not looked for. */
uint32_t cs_leaks_left_out(const struct cs_leaks *l);

#endif
