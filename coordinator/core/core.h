/* core.h - the rules of the coordinator as one pure state machine: step(event, now) -> actions.
 *
 * No socket, no disk, no clock, no randomness of its own (opts.seed): a fleet can be simulated in one process. The shells (net, persist,
 * admin, publish, build) feed events and carry out actions. What the rules need to know of the plan they ask through
 * struct cs_core_plan, whose answers depend on nothing but the arguments and the store.
 *
 * Thread: the I/O loop. Ownership: actions and all they point to live until the next step; a batch in a COMMIT action belongs to the
 * shell until the COMMITTED event gives it back. Units: *_ms of the loop's monotonic clock; money in nano-USD.
 * The shell feeds a TICK at least every CS_TICK_MS, and only after all readable messages: a PING that waits in the socket saves a lease.
 */
#ifndef CS_CORE_H
#define CS_CORE_H

#include "coordinator/lanes/event.h"

struct cs_core;
struct cs_core *cs_core_open(const struct cs_core_opts *opts);
/* Batches that are with the shell stay with it. */
void cs_core_close(struct cs_core *core);
/* The first of the actions, or NULL. */
const struct cs_action *cs_core_step(struct cs_core *core, const struct cs_event *e, uint64_t now_ms);

/* After CLOSE of a study: nothing of it is leased, possibly leased or uncommitted any more; the last round of the adoption pass may begin. */
bool cs_core_is_idle(struct cs_core *core, uint64_t study);
/* After a restart some of its trials wait for the workers that may hold them: not a good moment for CLOSE. */
bool cs_core_is_waiting(struct cs_core *core, uint64_t study);
/* Whether a generation of so many lanes can be loaded. */
bool cs_core_has_room(struct cs_core *core, uint64_t study, uint32_t n_lanes);

/* Looking in, by the key of a study (0 in tests of one). Lanes and pages are those of its newest loaded generation. */
void cs_core_view(const struct cs_core *core, uint64_t study, struct cs_core_view *out);
void cs_core_lane(const struct cs_core *core, uint64_t study, uint32_t lane, struct cs_lane_view *out);
/* States of a page, ahead of the disk by what is in groups. */
void cs_core_page(const struct cs_core *core, uint64_t study, uint32_t lane, uint64_t page,
                  uint8_t bits[CS_PAGE_BYTES]);

/* Bytes of the longest PING that anybody can honestly send now: it lists leases that are. */
uint64_t cs_core_ping_max(const struct cs_core *core);

#endif
