/* net.h - the doors and the loop.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_NET_H
#define CS_COORDINATOR_NET_H

#include "coordinator/server.h"

CS_WARN_UNUSED enum cs_err cs_coordinator_net_open(struct cs_server *sv, struct cs_error *err);
/* SIGTERM, SIGINT and SIGHUP are kept for the loop, which ends listening; or, without a loop, no longer. */
void cs_coordinator_net_signals(struct cs_server *sv, bool on);
CS_WARN_UNUSED enum cs_err cs_coordinator_net_loop(struct cs_server *sv, struct cs_error *err);
void cs_coordinator_net_close(struct cs_server *sv);

#endif
