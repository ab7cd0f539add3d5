/* hand_over.h - a study's outputs for whoever submits a study of them: made from this store, and handed over in parts.
 *
 *   snapshot STUDY [partial]   blob: what is taken, as JSON (protocol/study/take.h). Until it is made: CS_EAGAIN, with how far it is; then
 *                              {"id": number, "size": bytes}. CS_EINCOMPLETE: some trials have no end yet, and `partial` was not said.
 *                              CS_EBUSY: another one is being made, or was asked for within CS_HANDED_MS (handed.h)
 *   snapshot-part OFFSET ID    the bytes from there on, at most CS_SNAPSHOT_PART of them, in hexadecimal digits; none at its end.
 *                              CS_ESTALE: the snapshot of that id is gone
 *
 * One at a time, by a thread of its own that only reads the store; the file has no name any more when it is handed over, and goes when all
 * have it, or with the next one. Thread: the I/O loop.
 */
#ifndef CS_HAND_OVER_H
#define CS_HAND_OVER_H

#include "coordinator/ask.h"

enum { CS_SNAPSHOT_PART = 2 * 1024 * 1024 };

void cs_hand_over_snapshot(const struct cs_ask *ask);
void cs_hand_over_part(const struct cs_ask *ask);
/* Ends a making that is under way. */
void cs_hand_over_close(struct cs_server *sv);

#endif
