/* digest.h - what identifies a paid request (decision 5).
 *
 *   body digest  = BLAKE2b-256(canonical body)
 *   trial digest = first 16 bytes of BLAKE2b-256( "clinsafe-trial-1" 00 | protocol name 00 | model id as sent 00 |
 *                  body digest (32 bytes) | repeat u32 big-endian | twin u32 big-endian )
 * twin = rank of the trial's cell among the cells of its case, in its lane, that have the same body, in plan order: two arms with the same
 * text are two draws. Account, URL, timeout and price do not enter. The body enters as its digest, so that a cell's repeats
 * cost one short hash each.
 */
#ifndef CS_DIGEST_H
#define CS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_digest {
    uint8_t b[16];
};

void cs_digest_blake2b_256(const void *data, size_t n, uint8_t out[32]);
/* The same of what comes in pieces. */
struct cs_digest_stream {
    _Alignas(64) uint8_t state[384]; /* libsodium's */
};
void cs_digest_stream_begin(struct cs_digest_stream *s);
void cs_digest_stream_add(struct cs_digest_stream *s, const void *data, size_t n);
void cs_digest_stream_end(struct cs_digest_stream *s, uint8_t out[32]);
void cs_digest_trial(const char *protocol, const char *model, const uint8_t body[32], uint32_t repeat, uint32_t twin,
                     struct cs_digest *out);
/* 8 bytes that stand for a name, never 0: BLAKE2b-256 of what kind it is and of the names, each with its NUL. */
uint64_t cs_digest_study_key(const char *study);
uint64_t cs_digest_lane_key(const char *study, const char *model,
                            const char *account); /* a lane of all generations of a study */
uint64_t cs_digest_case_key(const char *case_id);
bool cs_digest_equal(const struct cs_digest *a, const struct cs_digest *b);
void cs_digest_hex(const uint8_t *bytes, size_t n, char *out); /* 2n + 1 chars */
bool cs_digest_unhex(const char *hex, uint8_t *out, size_t n); /* exactly 2n digits */

#endif
