/* base64.h - bytes as RFC 4648, section 4, writes them. Pure; any thread. */
#ifndef CS_BASE64_H
#define CS_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Characters of n bytes. */
#define cs_base64_length(n) (((n) + 2) / 3 * 4)
/* Writes cs_base64_length(n) characters, no NUL. */
void cs_base64_encode(const void *bytes, size_t n, char *out);

#endif
