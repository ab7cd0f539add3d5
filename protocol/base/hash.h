/* hash.h - the door to uthash (hash tables and lists inside our structs).
 *
 * uthash's own default hash function falls through between cases without saying so, which clang reports; the one-at-a-time
 * function does as well for our short keys, which are never chosen by a stranger.
 */
#ifndef CS_HASH_H
#define CS_HASH_H

#include "protocol/base/alloc.h"

#define HASH_FUNCTION(key, length, value) HASH_OAT(key, length, value)
#define uthash_malloc(size) cs_xmalloc(size) /* instead of an exit without a word */

#include <uthash.h>
#include <utlist.h>

#endif
