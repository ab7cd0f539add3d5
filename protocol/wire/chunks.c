#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/wire/chunk.h"

struct loaded { /* a chunk that is here */
    uint32_t chunk, bytes;
    struct cs_arena arena;
    struct cs_case *cases;
    struct loaded *prev, *next; /* most recently used first */
};

struct cs_chunks {
    const struct cs_spec *spec;
    cs_chunk_fetch fetch;
    void *fetch_self;
    uint64_t bytes, bytes_max;
    struct loaded **by_chunk; /* NULL: not here */
    struct loaded *by_use;
};

struct cs_chunks *cs_chunks_open(const struct cs_spec *spec, cs_chunk_fetch fetch, void *self, uint64_t bytes_max)
{
    struct cs_chunks *c = cs_xcalloc(1, sizeof *c);
    c->spec = spec;
    c->fetch = fetch;
    c->fetch_self = self;
    c->bytes_max = bytes_max;
    c->by_chunk = cs_xcalloc(spec->n_chunks, sizeof(struct loaded *));
    return c;
}

static void drop(struct cs_chunks *c, struct loaded *l)
{
    DL_DELETE(c->by_use, l);
    c->by_chunk[l->chunk] = NULL;
    c->bytes -= l->bytes;
    cs_arena_release(&l->arena);
    free(l);
}

void cs_chunks_close(struct cs_chunks *c)
{
    if (c == NULL)
        return;
    while (c->by_use != NULL)
        drop(c, c->by_use);
    free(c->by_chunk);
    free(c);
}

static enum cs_err load(struct cs_chunks *c, uint32_t chunk, const void *bytes, uint32_t n, struct cs_error *err)
{
    struct loaded *l = cs_xcalloc(1, sizeof *l);
    enum cs_err rc = cs_chunk_unpack(c->spec->study, &c->spec->chunks[chunk], bytes, n, &l->arena, &l->cases, err);
    if (rc != CS_OK) {
        cs_arena_release(&l->arena);
        free(l);
        return rc;
    }
    l->chunk = chunk;
    l->bytes = n;
    c->by_chunk[chunk] = l;
    c->bytes += n;
    DL_PREPEND(c->by_use, l);
    while (c->bytes > c->bytes_max && c->by_use->next != NULL) /* the newest stays, whatever its size */
        drop(c, c->by_use->prev);                              /* the head's prev is the tail */
    return CS_OK;
}

enum cs_err cs_chunks_put(struct cs_chunks *c, const uint8_t digest[32], const void *bytes, uint32_t n,
                          struct cs_error *err)
{
    bool named = false;
    for (uint32_t i = 0; i < c->spec->n_chunks; i++) {
        if (memcmp(c->spec->chunks[i].digest, digest, 32) != 0)
            continue;
        named = true;
        enum cs_err rc = c->by_chunk[i] != NULL ? CS_OK : load(c, i, bytes, n, err);
        if (rc != CS_OK)
            return rc;
    }
    return named ? CS_OK : cs_error_set(err, CS_ECORRUPT, "the spec names no such chunk");
}

/* The chunk that holds a case: the last whose first case is not behind it. */
static uint32_t chunk_of(const struct cs_spec *spec, uint32_t index)
{
    uint32_t low = 0, high = spec->n_chunks;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (spec->chunks[middle].first_case <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static enum cs_err get(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    struct cs_chunks *c = self;
    CS_ASSERT(index < c->spec->study->n_cases);
    const uint32_t chunk = chunk_of(c->spec, index);
    if (c->by_chunk[chunk] == NULL) {
        void *bytes = NULL;
        uint32_t n = 0;
        enum cs_err rc = c->fetch(c->fetch_self, c->spec->chunks[chunk].digest, &bytes, &n, err);
        if (rc == CS_OK)
            rc = load(c, chunk, bytes, n, err);
        free(bytes);
        if (rc != CS_OK)
            return rc;
    }
    struct loaded *l = c->by_chunk[chunk];
    if (l != c->by_use) {
        DL_DELETE(c->by_use, l);
        DL_PREPEND(c->by_use, l);
    }
    *out = l->cases[index - c->spec->chunks[chunk].first_case];
    return CS_OK;
}

struct cs_case_source cs_chunks_source(struct cs_chunks *c)
{
    return (struct cs_case_source){c, get};
}
