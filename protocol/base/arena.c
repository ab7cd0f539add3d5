#include "protocol/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct cs_arena_chunk {
    struct cs_arena_chunk *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char bytes[];
};

static const size_t chunk_size = 16 * 1024;

void *cs_arena_alloc(struct cs_arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    CS_ASSERT(size < SIZE_MAX / 2);
    size = (size + align - 1) / align * align;
    struct cs_arena_chunk *c = a->head;
    if (c == NULL || c->size - c->used < size) {
        size_t want = size > chunk_size ? size : chunk_size;
        c = cs_xmalloc(sizeof *c + want);
        c->size = want;
        c->used = 0;
        c->next = a->head;
        a->head = c;
    }
    void *p = c->bytes + c->used;
    c->used += size;
    a->bytes += size;
    return memset(p, 0, size);
}

void *cs_arena_array(struct cs_arena *a, size_t count, size_t size)
{
    size_t bytes;
    CS_ASSERT(!__builtin_mul_overflow(count, size, &bytes));
    return cs_arena_alloc(a, bytes);
}

char *cs_arena_strndup(struct cs_arena *a, const char *s, size_t n)
{
    char *p = cs_arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *cs_arena_strdup(struct cs_arena *a, const char *s)
{
    return cs_arena_strndup(a, s, strlen(s));
}

char *cs_arena_printf(struct cs_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CS_ASSERT(n >= 0);
    char *s = cs_arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

void cs_arena_reset(struct cs_arena *a)
{
    struct cs_arena_chunk *keep = NULL;
    for (struct cs_arena_chunk *c = a->head, *next; c != NULL; c = next) {
        next = c->next;
        if (keep == NULL && c->size == chunk_size) {
            keep = c;
            keep->used = 0;
        } else {
            free(c);
        }
    }
    if (keep != NULL)
        keep->next = NULL;
    a->head = keep;
    a->bytes = 0;
}

void cs_arena_release(struct cs_arena *a)
{
    for (struct cs_arena_chunk *c = a->head, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    *a = (struct cs_arena){0};
}
