#include "protocol/base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"

_Noreturn void cs_assert_failed(const char *expr, const char *file, int line, const char *func)
{
    fprintf(stderr, "lvl=fatal ev=assertion_failed at=%s:%d func=%s expr=\"%s\"\n", file, line, func, expr);
    abort();
}

static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "lvl=fatal ev=out_of_memory bytes=%zu\n", size);
    abort();
}

void *cs_xmalloc(size_t size)
{
    void *p = malloc(size != 0 ? size : 1);
    if (p == NULL)
        out_of_memory(size);
    return p;
}

void *cs_xcalloc(size_t count, size_t size)
{
    void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);
    if (p == NULL)
        out_of_memory(count * size);
    return p;
}

void *cs_xrealloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(SIZE_MAX);
    void *p = realloc(old, bytes != 0 ? bytes : 1);
    if (p == NULL)
        out_of_memory(bytes);
    return p;
}

char *cs_xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(cs_xmalloc(n), s, n);
}

char *cs_xasprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory(0);
    return s;
}
