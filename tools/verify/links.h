/* links.h - answers that were asked again: whether each is followed by a later one or by a planned trial, and the figures agree.
 *
 *   - only `timeout` and `unparsable` may be superseded, each once, and never stands again;
 *   - its index row says so, and that of the answer that stands does not;
 *   - all outputs of a chain answer the same request, in commit order;
 *   - a chain without an answer at its end belongs to a trial that is planned, or was cancelled.
 * Thread: one.
 */
#ifndef CS_LINKS_H
#define CS_LINKS_H

#include "store/store.h"

typedef void (*cs_links_fault)(void *self, uint32_t lane, uint64_t position, const char *what);

/* Checks one lane of generation `gen`. ledger: its pages. *superseded: how many such answers its trials link. Nothing is read where no
 * generation up to this one ever asked again. */
CS_WARN_UNUSED enum cs_err cs_links_check(struct cs_store *s, uint32_t gen, uint32_t lane, const uint8_t *ledger,
                                          cs_links_fault fault, void *self, uint64_t *superseded, struct cs_error *err);

#endif
