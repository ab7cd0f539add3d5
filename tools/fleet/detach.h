/* detach.h - a run that goes on without its terminal.
 *
 * cs_detach_begin forks: the child leads a session of its own and goes on with the program, still writing to the terminal; the parent waits
 * until the child says that it has come so far (cs_detach_done), or ends with the child's exit status when it does not. SIGINT and
 * SIGTERM that the parent gets meanwhile are passed on; a terminal that closes ends the parent alone. Thread: main, before any other exists.
 */
#ifndef CS_DETACH_H
#define CS_DETACH_H

#include <stdbool.h>

#include "protocol/base/error.h"

/* True in the parent, at its end: *status is its exit status. False in the child, or when err is set (CS_EIO). */
bool cs_detach_begin(int *fd, int *status, struct cs_error *err);
/* In the child: from here on all it prints is appended to `log`; the parent may end. */
CS_WARN_UNUSED enum cs_err cs_detach_done(int *fd, const char *log, struct cs_error *err);

#endif
