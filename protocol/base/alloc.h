/* alloc.h - memory in two tiers.
 *
 * cs_x*:   for sizes that we choose; never NULL, aborts when memory is gone (a crash is a tested path).
 * cs_try*: for sizes that come from outside; refuses above `max`, returns NULL when memory is gone.
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
void *cs_try_malloc(size_t size, size_t max);

/* Frees *p and sets it to NULL on the same line. */
#define CS_FREE(p)                                                                                                     \
    do {                                                                                                               \
        free(p);                                                                                                       \
        (p) = NULL;                                                                                                    \
    } while (0)

#endif
