/* fence.h - somebody else's text inside a prompt: between two mark lines that it cannot contain.
 *
 *     --- begin 3f2a91bc ---
 *     the text, byte for byte
 *     --- end 3f2a91bc ---
 *
 * The 8 hex digits are those of the first 4 bytes of BLAKE2b-256 of the text. A text that holds these digits itself, in capitals or not, gets
 * those of the digest's next 4 bytes, and so on; after the last, those of the digest of that digest. So whoever wrote the text, and
 * whatever they knew, the marks around it stand nowhere in it. The same text has the same marks everywhere: nothing is drawn. Pure; any thread.
 */
#ifndef CS_FENCE_H
#define CS_FENCE_H

#include "protocol/base/buf.h"

enum { CS_FENCE_HEX = 8 };

/* The digits for a text. */
void cs_fence_mark(const char *text, char out[CS_FENCE_HEX + 1]);
/* Appends the text between its marks; the last line ends without a line break. */
void cs_fence_put(const char *text, struct cs_buf *out);

#endif
