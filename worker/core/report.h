/* report.h - what keeps lanes from going faster, and what is shown of it.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_REPORT_H
#define CS_WORKER_REPORT_H

#include "worker/core/state.h"

/* Whether nobody answers it: what binds then; else CS_BINDS. */
enum cs_bind cs_worker_report_outage(const struct cs_worker_lane *l);
enum cs_bind cs_worker_report_binding(const struct cs_worker *w,
                                      const struct cs_worker_lane *l); /* for a lane that starts no call */

#endif
