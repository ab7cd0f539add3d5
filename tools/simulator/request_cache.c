#include "tools/simulator/request_cache.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"

static unsigned slot_of(const uint8_t body[32])
{
    return ((unsigned)body[0] << 8 | body[1]) % CS_REQUEST_CACHE_SLOTS;
}

struct cs_shared_request *cs_request_cache_get(struct cs_request_cache *c, const uint8_t body[32])
{
    const unsigned i = slot_of(body);
    struct cs_shared_request *r = c->slots[i].shared;
    if (r == NULL || memcmp(c->slots[i].body, body, 32) != 0)
        return NULL;
    r->holders++;
    return r;
}

struct cs_shared_request *cs_request_cache_put(struct cs_request_cache *c, const uint8_t body[32],
                                               struct cs_shared_request *r)
{
    const unsigned i = slot_of(body);
    struct cs_shared_request *old = c->slots[i].shared;
    memcpy(c->slots[i].body, body, 32);
    c->slots[i].shared = r;
    r->holders++;
    return old != NULL && cs_shared_request_drop(old) ? old : NULL;
}

bool cs_shared_request_drop(struct cs_shared_request *r)
{
    CS_ASSERT(r->holders > 0);
    return --r->holders == 0;
}

void cs_shared_request_free(struct cs_shared_request *r)
{
    if (r == NULL)
        return;
    cs_chat_request_release(&r->request);
    free(r);
}

void cs_request_cache_release(struct cs_request_cache *c)
{
    for (unsigned i = 0; i < CS_REQUEST_CACHE_SLOTS; i++) {
        if (c->slots[i].shared != NULL && cs_shared_request_drop(c->slots[i].shared))
            cs_shared_request_free(c->slots[i].shared);
        c->slots[i].shared = NULL;
    }
}
