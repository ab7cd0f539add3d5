/* assert.h - invariants that are checked in every build; a broken one ends the process with a core. */
#ifndef CS_ASSERT_H
#define CS_ASSERT_H

_Noreturn void cs_assert_failed(const char *expr, const char *file, int line, const char *func);

#define CS_ASSERT(expr)                                                                                                \
    do {                                                                                                               \
        if (__builtin_expect(!(expr), 0))                                                                              \
            cs_assert_failed(#expr, __FILE__, __LINE__, __func__);                                                     \
    } while (0)

#endif
