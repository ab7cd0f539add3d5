/* signals.h - what a worker shows of itself over HTTP (--http ADDRESS): /metrics, /healthz, /readyz.
 *
 * /healthz is 200 while the loop turns. /readyz is 200 while the worker has a session with its coordinator and takes work, else 503 with
 * the word why not. Lanes are labelled by generation and lane; the coordinator's clinsafe_lane_info names them. Thread: the loop's.
 */
#ifndef CS_WORKER_SIGNALS_H
#define CS_WORKER_SIGNALS_H

#include "protocol/signals/listener.h"
#include "store/redis/progress.h"
#include "worker/core/event.h"

/* What the page `path` says; info has the lanes. Pure. */
void cs_worker_signals_make(const struct cs_worker_info *info, const struct cs_worker_figures *f, const char *path,
                            struct cs_listener_page *out);

#endif
