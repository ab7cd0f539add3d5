/* codec.h - one description of a message serves for packing and unpacking, so that the two cannot drift apart.
 *
 * A "visitor" function walks a struct and calls one cs_codec_* per field. When packing, the value is written; when
 * unpacking, it is read into the same place. The first fault sticks in `rc`; later calls do nothing and leave zeroes, so visitors
 * need no error checks but must bound their loops by the count that cs_codec_array returned.
 *
 * Unpacking: bytes are foreign. Before msgpack-c sees them one pass checks every count against the bytes that remain and the
 * depth (at most 8), since msgpack-c allocates by the announced count (msgpack-c#1013). Strings and byte strings
 * are copied into the arena (NUL-terminated), with a maximum each; strings must be UTF-8 without NUL, which is checked both ways.
 * A visitor's fault is CS_EPROTO when unpacking, CS_EINVAL when packing. codec.c is the only includer of msgpack.h.
 */
#ifndef CS_CODEC_H
#define CS_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/error.h"

enum { CS_CODEC_DEPTH_MAX = 8 };

struct cs_codec; /* opaque; on the heap */

struct cs_codec *cs_codec_packer(struct cs_buf *out);
/* CS_EPROTO when the bytes are not exactly one well-formed MessagePack value within the limits. */
CS_WARN_UNUSED enum cs_err cs_codec_unpacker(const void *bytes, size_t n, struct cs_arena *arena, struct cs_codec **out,
                                             struct cs_error *err);
/* Ends; returns the first fault (or CS_EPROTO if an array was not walked to its end, CS_ETOOBIG if `out` overflowed). */
CS_WARN_UNUSED enum cs_err cs_codec_close(struct cs_codec *c, struct cs_error *err);
bool cs_codec_packing(const struct cs_codec *c);
struct cs_arena *cs_codec_arena(struct cs_codec *c); /* where what is unpacked lives; NULL when packing */
bool cs_codec_ok(const struct cs_codec *c);
/* Lets a visitor refuse a value: `if (x > max) cs_codec_fail(c, "x %u is over %u", ...)`. */
void cs_codec_fail(struct cs_codec *c, const char *fmt, ...) CS_PRINTF(2, 3);

/* An array. Packing: writes *n. Unpacking: sets *n (a fault and 0 if above max). Close it with _end, which when unpacking skips
 * elements that the visitor did not read: a newer minor version may append fields. */
void cs_codec_array(struct cs_codec *c, uint32_t *n, uint32_t max);
void cs_codec_end(struct cs_codec *c);
/* Unpacking: whether the array at hand has a further element, for a field that was appended later. Packing: true. */
bool cs_codec_more(const struct cs_codec *c);
/* A struct as an array of at least `fields` elements (exactly, when packing). */
void cs_codec_begin(struct cs_codec *c, uint32_t fields);

void cs_codec_u64(struct cs_codec *c, uint64_t *v);
void cs_codec_i64(struct cs_codec *c, int64_t *v);
void cs_codec_u32(struct cs_codec *c, uint32_t *v);
void cs_codec_u16(struct cs_codec *c, uint16_t *v);
void cs_codec_u8(struct cs_codec *c, uint8_t *v);
void cs_codec_bool(struct cs_codec *c, bool *v);
void cs_codec_double(struct cs_codec *c, double *v);
/* NULL packs as nil and comes back as NULL. */
void cs_codec_str(struct cs_codec *c, const char **s, uint32_t max);
/* Byte strings with a length. */
void cs_codec_bin(struct cs_codec *c, const uint8_t **p, uint32_t *n, uint32_t max);
/* Exactly n bytes, in place. */
void cs_codec_fixed(struct cs_codec *c, void *p, uint32_t n);

/* For arrays in structs: when unpacking allocates count elements of size in the arena and stores the pointer. */
void *cs_codec_alloc(struct cs_codec *c, uint32_t count, size_t size);

#endif
