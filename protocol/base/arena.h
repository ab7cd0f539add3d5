/* arena.h - many small objects that die together (a parsed study, a received message). Never returns NULL. */
#ifndef CS_ARENA_H
#define CS_ARENA_H

#include <stddef.h>

struct cs_arena {
    struct cs_arena_chunk *head;
    size_t bytes; /* handed out since the last reset */
};

void *cs_arena_alloc(struct cs_arena *a, size_t size); /* zeroed, aligned for any type */
void *cs_arena_array(struct cs_arena *a, size_t count, size_t size);
char *cs_arena_strdup(struct cs_arena *a, const char *s);
char *cs_arena_strndup(struct cs_arena *a, const char *s, size_t n);
char *cs_arena_printf(struct cs_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cs_arena_reset(struct cs_arena *a);   /* forgets all, keeps one chunk for reuse */
void cs_arena_release(struct cs_arena *a); /* frees all; the arena may be used again */

#endif
