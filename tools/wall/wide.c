#include "tools/wall/wide.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "protocol/base/utf8.h"

static int width_of(wchar_t c)
{
    static locale_t utf8; /* (locale_t)0 where there is none: then the one that is set */
    if (utf8 == (locale_t)0)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = uselocale(utf8);
    const int width = wcwidth(c);
    uselocale(before);
    return width;
}

static wchar_t decoded(const char *s, size_t n)
{
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07}; /* what of the first byte belongs to the number */
    wchar_t c = (unsigned char)s[0] & first[n];
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)s[i] & 0x3f);
    return c;
}

size_t cs_wall_wide_step(const char *text, unsigned *columns)
{
    bool whole;
    *columns = 1;
    if (((unsigned char)text[0] & 0x80) == 0)
        return 1;
    const size_t n = cs_utf8_step(text, strnlen(text, 4), &whole);
    if (!whole)
        return 1;
    const int width = width_of(decoded(text, n));
    *columns = width >= 0 ? (unsigned)width : 1;
    return n;
}

unsigned cs_wall_wide_columns(const char *text)
{
    unsigned n = 0, width;
    for (const char *p = text; *p != '\0';) {
        p += cs_wall_wide_step(p, &width);
        n += width;
    }
    return n;
}
