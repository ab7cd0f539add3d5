/* restore.h - what the store knows of a generation, handed to the core.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_RESTORE_H
#define CS_COORDINATOR_RESTORE_H

#include "coordinator/server.h"

/* What the store knows of a generation: ledgers of all lanes, counters. For the core or for the builder. */
CS_WARN_UNUSED enum cs_err cs_restore_ledgers(struct cs_server *sv, const struct cs_plan *plan, uint32_t gen,
                                              struct cs_build_lane *lanes, struct cs_error *err);
/* Hands a generation to the core; lanes[].ledger go over to it. */
CS_WARN_UNUSED enum cs_err cs_restore_generation(struct cs_server *sv, struct cs_roster_study *s,
                                                 struct cs_loaded_plan *plan, bool open, struct cs_build_lane *lanes,
                                                 struct cs_error *err);

/* The built generations of a study, from the store into the core; where there is no room for them only its totals are read. */
CS_WARN_UNUSED enum cs_err cs_restore_study(struct cs_server *sv, struct cs_roster_study *s, struct cs_error *err);

#endif
