/* window.h - finished outputs that the coordinator has not acknowledged: numbered, kept, sent again.
 *
 * Numbers count from 1 in a session. Entries are kept in order until an acknowledgement covers them; those before
 * `sent` have been handed to the socket. What is sent and not acknowledged stays within the coordinator's limits
 * (outputs and bytes); what finished beyond them waits here, and no call starts while the window is full (invariant
 * 7).
 * Thread: the core's; pure. Ownership: the window owns the packed bytes.
 */
#ifndef CS_WINDOW_H
#define CS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/digest.h"

struct cs_call;

struct cs_window_entry {
    uint8_t *bytes; /* a packed cs_output */
    uint32_t len;
    struct cs_digest digest;
    void *lease; /* whose bit to clear when it is acknowledged, or NULL */
    uint8_t bit;
    struct cs_call *goes_on; /* the conversation that it is a turn of; NULL: it ends its trial */
};

struct cs_window {
    struct cs_window_entry *ring;
    uint32_t cap, head, n; /* n entries from ring[head] on, wrapping */
    uint32_t sent;         /* how many, from the oldest, were sent in this session */
    uint64_t first;        /* number of the oldest */
    size_t bytes, sent_bytes;
    uint32_t outputs_max; /* limits given by WELCOME */
    size_t bytes_max;
};

void cs_window_init(struct cs_window *w, uint32_t outputs_max, size_t bytes_max);
void cs_window_release(struct cs_window *w);
void cs_window_limit(struct cs_window *w, uint32_t outputs_max, size_t bytes_max);
/* Whether a call may start: there is room for outputs that are not there yet. */
bool cs_window_open(const struct cs_window *w);
/* Takes over e->bytes. */
void cs_window_push(struct cs_window *w, const struct cs_window_entry *e);
/* The i-th entry, 0 the oldest. */
const struct cs_window_entry *cs_window_at(const struct cs_window *w, uint32_t i);
/* How many of the unsent may be sent now in one message of at most outputs_max and bytes_max. */
uint32_t cs_window_sendable(const struct cs_window *w, uint32_t outputs_max, size_t bytes_max);
void cs_window_sent(struct cs_window *w, uint32_t count);
/* The oldest entry goes: acknowledged or refused. The caller frees out->bytes. */
void cs_window_pop(struct cs_window *w, struct cs_window_entry *out);
/* All that is kept becomes unsent again; `from_one`: and is numbered from 1, for a new session. */
void cs_window_rewind(struct cs_window *w, bool from_one);

#endif
