/* signals.h - what the coordinator shows of itself over HTTP (--http ADDRESS): the facts are gathered here, the pages made in page/.
 *
 *   /             whoever is on duty        /study/NAME   whoever asked the question
 *   /status.json  the same as figures       /metrics      for Prometheus
 *   /healthz      200 while what is committed reaches the disk, else 503      /readyz   200 while it gives out work
 *
 * Off unless asked for; nothing can be changed through it (protocol/signals/listener.h). A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SIGNALS_H
#define CS_COORDINATOR_SIGNALS_H

#include "coordinator/server.h"

/* Nothing happens without --http. */
CS_WARN_UNUSED enum cs_err cs_coordinator_signals_open(struct cs_server *sv, struct cs_error *err);
/* As others reach it; "" without --http. */
const char *cs_coordinator_signals_address(const struct cs_server *sv);
void cs_coordinator_signals_close(struct cs_server *sv); /* its memory goes on the loop's next turns */

#endif
