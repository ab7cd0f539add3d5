/* events.h - what operators did, and what the coordinator did of itself: rows that the coordinator writes with the act, read by
 * `clinsafe events` from a running coordinator and from a store at rest.
 *
 *   event/act/NUMBER   an operator's act; the newest CS_EVENTS_ACTS are kept
 *   event/own/NUMBER   the coordinator's own; the newest CS_EVENTS_OWN are kept, so that no worker can push an operator's out
 * NUMBER: 16 hex digits, from 1. The value is a JSON object: `at` (Unix ms), `act`, and, where there is something to say: `by` (name of the
 * key, or "local"), `role`, `key` (its first 8 characters), `study`, `subject` (a model, worker or key), `trials`, `nano_usd`, `detail`,
 * `reason`.
 *
 * Thread: any. Errors: those of the store.
 */
#ifndef CS_EVENTS_H
#define CS_EVENTS_H

#include "protocol/base/buf.h"
#include "store/store.h"

enum cs_events_ring { CS_EVENTS_RING_ACT, CS_EVENTS_RING_OWN, CS_EVENTS_RINGS };
enum { CS_EVENTS_ACTS = 10000, CS_EVENTS_OWN = 1000, CS_EVENTS_REASON_MAX = 500 };

struct cs_events_row {
    const char *act;
    int64_t at_wall_ms;
    const char *by, *role, *key, *study, *subject, *detail, *reason; /* NULL or "": not said */
    int64_t trials, nano_usd;                                        /* -1: not said */
};

/* The row of this number joins the batch; the one that falls out of its ring leaves. Texts that are not UTF-8 are left out. */
void cs_events_add(struct cs_batch *b, enum cs_events_ring ring, uint64_t number, const struct cs_events_row *row);
/* The newest number of a ring; 0: it is empty. */
CS_WARN_UNUSED enum cs_err cs_events_last(struct cs_store *s, enum cs_events_ring ring, uint64_t *out,
                                          struct cs_error *err);

struct cs_events_query {
    const char *study; /* NULL: of all, and of none */
    int64_t since_wall_ms;
    size_t bytes_max; /* of the answer; 0: no bound */
};
/* A JSON array in the order of time into out: the newest that fit. *left_off: how many older ones did not. */
CS_WARN_UNUSED enum cs_err cs_events_list(struct cs_store *s, const struct cs_events_query *q, struct cs_buf *out,
                                          uint64_t *left_off, struct cs_error *err);

#endif
