/* present.h - which chunks of cases and pieces of images the store has, found out in slices between looks at the sockets.
 *
 * Whether one is there only reading it tells. So each is read once in a coordinator's life; what comes meanwhile is known at once, and an
 * erasure makes it forget everything. A request that must know more than is known waits, and is read once more when it is.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_PRESENT_H
#define CS_PRESENT_H

#include "coordinator/ask.h"
#include "protocol/wire/spec.h"

enum cs_presence { CS_PRESENT_UNKNOWN, CS_PRESENT_ABSENT, CS_PRESENT_THERE };
/* UNKNOWN: it is looked for from now on. */
enum cs_presence cs_present_look(struct cs_server *sv, const uint8_t digest[32]);
/* Whether the store has all images of a stored spec, whose chunks of cases are there. CS_EAGAIN: that is being found out, and the spec was
 * taken over (it is zeroed); CS_EINCOMPLETE: one is missing. */
CS_WARN_UNUSED enum cs_err cs_present_images(struct cs_server *sv, struct cs_spec *spec, struct cs_error *err);
/* The request is read again when all that is looked for is known; refused when too many wait. */
void cs_present_wait(const struct cs_ask *ask);

void cs_present_note(struct cs_server *sv, const uint8_t digest[32]); /* it is on its way to the disk */
void cs_present_forget(struct cs_server *sv);                         /* some are about to be erased */
/* A slice of work; true: there is more to do at once. read: reads a request again (admin.h). */
typedef void (*cs_present_fn)(struct cs_server *sv, const struct cs_peer *peer, const char *user_id,
                              const struct cs_message *m);
bool cs_present_turn(struct cs_server *sv, cs_present_fn read);
void cs_present_close(struct cs_server *sv);

#endif
