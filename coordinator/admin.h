/* admin.h - the operator's requests.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_ADMIN_H
#define CS_COORDINATOR_ADMIN_H

#include "coordinator/server.h"

void cs_admin_message(struct cs_server *sv, const struct cs_peer *peer, const char *user_id,
                      const struct cs_message *m); /* user_id: the key of who asks, "": nobody's (a local socket) */

#endif
