/* alloc.h - memory.
 *
 * cs_x*: never NULL; when memory is gone the process ends with one line and a core (a crash is a tested path; `make oom`).
 * Sizes that come from outside are bounded before anything is allocated (CS_MESSAGE_MAX, CS_OUTPUT_MAX, ...), so they are of that kind too.
 * Freed with free().
 */
#ifndef CS_ALLOC_H
#define CS_ALLOC_H

#include <stddef.h>

void *cs_xmalloc(size_t size);
void *cs_xcalloc(size_t count, size_t size);
void *cs_xrealloc(void *p, size_t count, size_t size);
char *cs_xstrdup(const char *s);
char *cs_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Frees *p and sets it to NULL on the same line. */
#define CS_FREE(p)                                                                                                     \
    do {                                                                                                               \
        free(p);                                                                                                       \
        (p) = NULL;                                                                                                    \
    } while (0)

#endif
