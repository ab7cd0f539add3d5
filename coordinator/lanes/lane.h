/* lane.h - the order of work in a lane: ledger, pages, frontier, what is leased of a page.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_LANE_H
#define CS_COORDINATOR_LANE_H

#include "coordinator/lanes/state.h"

struct cs_lane *cs_coordinator_lane_open(uint32_t gen, uint32_t lane, uint32_t slot, const struct cs_lane_load *load);
void cs_coordinator_lane_close(struct cs_lane *lane);
struct cs_lane *cs_coordinator_lane_find(struct cs_core *core, uint32_t gen, uint32_t lane);
/* The study of this key; made if nobody has asked for it yet. */
struct cs_core_study *cs_coordinator_lane_study(struct cs_core *core, uint64_t key);
unsigned cs_coordinator_lane_page_size(const struct cs_lane *lane, uint64_t page);
struct cs_bits cs_coordinator_lane_free(struct cs_lane *lane, uint64_t page);
struct cs_bits cs_coordinator_lane_grantable(struct cs_lane *lane,
                                             uint64_t page); /* the free ones, but for suspects that run apart */
enum cs_trial_state cs_coordinator_lane_state_of(const struct cs_lane *lane, uint64_t position);
void cs_coordinator_lane_set(struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                             enum cs_trial_state state);
/* The lowest page that has something to lease now. False: none (more may come with the frontier). */
bool cs_coordinator_lane_pick(struct cs_lane *lane, uint64_t *page);
/* How many of the n positions from `first` on are planned, and how many of these nobody has or may have. */
uint64_t cs_coordinator_lane_count(struct cs_lane *lane, uint64_t first, uint64_t n, uint64_t *n_free);
void cs_coordinator_lane_loosen(struct cs_lane *lane, uint64_t page);
void cs_coordinator_lane_restart(struct cs_lane *lane, bool wait);     /* after loading: what lies below the frontier */
void cs_coordinator_lane_adopted(struct cs_lane *lane, uint64_t page); /* a lease of an earlier term lives on there */
void cs_coordinator_lane_grace_over(struct cs_lane *lane);
void cs_coordinator_lane_frontier(struct cs_core *core, struct cs_lane *lane); /* asks for more of it ahead of use */
bool cs_coordinator_lane_is_open(const struct cs_lane *lane);
enum cs_lane_state cs_coordinator_lane_announced(const struct cs_lane *lane);
void cs_coordinator_lane_cancel(struct cs_lane *lane);
/* What it gave up is planned again, but for what the study leaves out. */
void cs_coordinator_lane_uncancel(struct cs_core *core, struct cs_lane *lane);
uint64_t cs_coordinator_lane_retry(struct cs_lane *lane);
struct cs_again *cs_coordinator_lane_again(struct cs_lane *lane, uint64_t position); /* made when it is not there */

struct cs_bits cs_coordinator_lane_leased(struct cs_lane *lane, uint64_t page); /* union of open */
struct cs_lease *cs_coordinator_lane_lease_of(struct cs_lane *lane, uint64_t position);
/* No session can work here, each for a reason of its own. */
bool cs_coordinator_lane_is_stuck(const struct cs_core *core, const struct cs_lane *lane);
struct cs_bits cs_coordinator_lane_apart(const struct cs_lane *lane, uint64_t page); /* to be leased apart only */
struct cs_leased_page *cs_coordinator_lane_leased_page(struct cs_lane *lane,
                                                       uint64_t page); /* NULL: nothing of it is leased */

#endif
