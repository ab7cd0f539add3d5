#include "protocol/study/quoted.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/phrases.h"

enum { QUOTE = '\'' };

static bool has_any(const char *const *marks, const uint8_t *s, size_t n, size_t *len)
{
    for (; *marks != NULL; marks++) {
        *len = strlen(*marks);
        if (*len <= n && memcmp(s, *marks, *len) == 0)
            return true;
    }
    return false;
}

/* What one character is told as, and how many bytes it has; 0: its bytes as they are. */
static uint8_t plain_sign(const uint8_t *s, size_t n, size_t *len)
{
    /* " ' ` acute, then Latin-1, and the general punctuation from left single to double low, primes, single and double guillemets */
    static const char *const quotes[] = {"\"",
                                         "'",
                                         "`",
                                         "\xC2\xB4",
                                         "\xC2\xAB",
                                         "\xC2\xBB",
                                         "\xE2\x80\x98",
                                         "\xE2\x80\x99",
                                         "\xE2\x80\x9A",
                                         "\xE2\x80\x9B",
                                         "\xE2\x80\x9C",
                                         "\xE2\x80\x9D",
                                         "\xE2\x80\x9E",
                                         "\xE2\x80\x9F",
                                         "\xE2\x80\xB2",
                                         "\xE2\x80\xB3",
                                         "\xE2\x80\xB9",
                                         "\xE2\x80\xBA",
                                         NULL};
    static const char *const spaces[] = {
        " ",        "\t",           "\n",           "\v",           "\f",           "\r",
        "\xC2\xA0", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x89", "\xE2\x80\xAF", NULL};
    if (has_any(quotes, s, n, len))
        return QUOTE;
    if (has_any(spaces, s, n, len))
        return ' ';
    *len = 1;
    return 0;
}

/* Writes at most n bytes; no character grows. */
static size_t normalise(const uint8_t *s, size_t n, uint8_t *out)
{
    size_t k = 0, len;
    for (size_t at = 0; at < n; at += len) {
        const uint8_t sign = plain_sign(s + at, n - at, &len);
        if (sign == ' ' && k > 0 && out[k - 1] == ' ')
            continue;
        out[k++] = sign != 0 ? sign : cs_phrases_fold(s, n, at);
    }
    return k;
}

static bool is_around(uint8_t c)
{
    return c == ' ' || c == QUOTE;
}

static bool says_something(const uint8_t *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] >= 0xC3)
            return true;
    }
    return false;
}

bool cs_quoted_in(const char *passage, size_t n_passage, const char *text, size_t n_text)
{
    uint8_t *p = cs_xmalloc(n_passage + 1), *t = cs_xmalloc(n_text + 1);
    size_t from = 0, n = normalise((const uint8_t *)passage, n_passage, p);
    const size_t n_all = normalise((const uint8_t *)text, n_text, t);
    while (from < n && is_around(p[from]))
        from++;
    while (n > from && is_around(p[n - 1]))
        n--;
    const bool found = says_something(p + from, n - from) && memmem(t, n_all, p + from, n - from) != NULL;
    free(p);
    free(t);
    return found;
}
