/* lease.h - who may work on what; the table is in lease.c.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_LEASE_H
#define CS_COORDINATOR_LEASE_H

#include "coordinator/lanes/state.h"

struct cs_lease *cs_lease_find(struct cs_core *core, uint64_t epoch);
struct cs_lease *cs_lease_make(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                               const struct cs_bits *which, const struct cs_worst *worst);
/* Takes trials out of a lease; free: they may be leased again, else their output is here. Frees an empty lease. */
void cs_lease_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which, bool free_again);
void cs_lease_tell(struct cs_core *core, const struct cs_group *g); /* the rows of its leases are on disk */
void cs_lease_revoke(struct cs_core *core, struct cs_session *s);   /* sends REVOKE for what is being revoked */
void cs_lease_recall(struct cs_core *core,
                     const struct cs_lease *l); /* what its holder has not begun must not be begun any more */
void cs_lease_revoke_lane(struct cs_core *core, struct cs_lane *lane);
void cs_lease_want(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t capacity);
/* Leases these free trials, as far as there is money for them; how many. Makes the ASSIGN that *assign is to be, or adds to it. */
uint32_t cs_lease_assign(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                         const struct cs_bits *which, struct cs_message **assign);

#endif
