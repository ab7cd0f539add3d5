/* whereabouts.h - the file that says where a coordinator is: written by it, read by workers and command lines, on a file system they share.
 *
 * One JSON object: coordinator, announce, admin (endpoints; announce may be ""), key (its public key, "" without CURVE), fleet, term.
 * Written at once or not at all, mode 0600, so that who may read it belongs to the site. A coordinator that starts on another host
 * writes it anew; whoever has lost its coordinator reads it again. Whoever may write the file may send workers elsewhere: one that others
 * can write is refused. Thread: any; no state.
 */
#ifndef CS_WHEREABOUTS_H
#define CS_WHEREABOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum { CS_WHEREABOUTS_TEXT_MAX = 256, CS_WHEREABOUTS_FLEET_MAX = 64 };

struct cs_whereabouts {
    char coordinator[CS_WHEREABOUTS_TEXT_MAX], announce[CS_WHEREABOUTS_TEXT_MAX], admin[CS_WHEREABOUTS_TEXT_MAX];
    char key[41];
    char fleet[CS_WHEREABOUTS_FLEET_MAX];
    uint32_t term;
};

/* The path in "file:PATH", NULL when it is an endpoint. */
const char *cs_whereabouts_path(const char *coordinator);
CS_WARN_UNUSED enum cs_err cs_whereabouts_write(const char *path, const struct cs_whereabouts *a, struct cs_error *err);
/* CS_ENOENT: not written yet. CS_EDENIED: others may write it. CS_EINVAL: it is not such a file, or names what no socket can be connected to. */
CS_WARN_UNUSED enum cs_err cs_whereabouts_read(const char *path, struct cs_whereabouts *out, struct cs_error *err);
/* *out: `endpoint`, with `host` (at most as long as an endpoint) in the place of a wildcard: tcp://0.0.0.0:7401 is not an address for
 * others. */
void cs_whereabouts_advertise(const char *endpoint, const char *host, char out[CS_WHEREABOUTS_TEXT_MAX]);

#endif
