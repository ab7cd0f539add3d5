/* bounds.h - the look at foreign MessagePack before the library sees it (see codec.h).
 *
 * The library allocates an array by the count that its head announces (msgpack-c#1013); here every count is first
 * held against the bytes that remain, so that n bytes cost at most n objects. Pure; any thread.
 */
#ifndef CS_BOUNDS_H
#define CS_BOUNDS_H

#include <stddef.h>

/* NULL when bytes[0..n) are exactly one complete value with arrays and maps nested at most depth_max deep (at most 16);
 * else a sentence. */
const char *cs_bounds_fault(const void *bytes, size_t n, unsigned depth_max);

#endif
