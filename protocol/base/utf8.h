/* utf8.h - whether bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms). */
#ifndef CS_UTF8_H
#define CS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Also false when there is a NUL byte among the n: such a text would be cut short as a C string. */
bool cs_utf8_valid(const char *s, size_t n);

#endif
