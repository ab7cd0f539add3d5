/* do.h - what a step of the core brings about: actions, messages, log lines, its end.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_DO_H
#define CS_WORKER_DO_H

#include "worker/core/state.h"

struct cs_worker_action *cs_do_action(struct cs_worker *w, enum cs_worker_action_kind kind);
void cs_do_log(struct cs_worker *w, enum cs_log_level level, const char *ev, const char *fmt, ...) CS_PRINTF(4, 5);
void cs_do_exit(struct cs_worker *w, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);
bool cs_do_is_live(const struct cs_worker *w);   /* READY or ISOLATED */
bool cs_do_may_start(const struct cs_worker *w); /* by the lease clock and the drain */
struct cs_message *cs_do_send(struct cs_worker *w, enum cs_kind kind);

#endif
