/* request_cache.h - requests that were read lately, by the hash of their body.
 *
 * A study asks every prompt several times, and reading the JSON is the dearest part of serving it. A request in the cache
 * is shared and no longer changed; whoever holds one gives it back with drop. Memory: a few thousand small bodies.
 * Thread: the caller holds the simulator's lock.
 */
#ifndef CS_SIM_REQUEST_CACHE_H
#define CS_SIM_REQUEST_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/simulator/openai_chat.h"

enum { CS_REQUEST_CACHE_SLOTS = 4096, CS_REQUEST_CACHE_BODY_MAX = 16 * 1024 };

struct cs_shared_request {
    struct cs_chat_request request;
    unsigned holders; /* the cache is one of them */
};

struct cs_request_cache {
    struct {
        uint8_t body[32];
        struct cs_shared_request *shared; /* NULL: free */
    } slots[CS_REQUEST_CACHE_SLOTS];
};

/* The request with this body, held for the caller, or NULL. */
struct cs_shared_request *cs_request_cache_get(struct cs_request_cache *c, const uint8_t body[32]);
/* Adds a request in place of the one that had its slot. Returns what is to be freed after the lock is given back, or NULL. */
struct cs_shared_request *cs_request_cache_put(struct cs_request_cache *c, const uint8_t body[32],
                                               struct cs_shared_request *r);
/* Gives a request back; true when nobody else holds it, and it is to be freed. */
bool cs_shared_request_drop(struct cs_shared_request *r);

void cs_shared_request_free(struct cs_shared_request *r); /* without the lock; NULL is fine */
void cs_request_cache_release(struct cs_request_cache *c);

#endif
