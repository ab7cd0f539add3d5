#include "tools/report/html/write.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdarg.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"

static const char REPLACEMENT[] = "\xEF\xBF\xBD", MINUS[] = "\xE2\x88\x92", EN_DASH[] = "\xE2\x80\x93";
static const char NARROW_SPACE[] = "\xE2\x80\xAF";

/* Bytes of the character at s by its first byte, at most what is left before the NUL. */
static size_t char_bytes(const char *s)
{
    unsigned char c = (unsigned char)*s;
    size_t want = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return strnlen(s, want);
}

void cs_html_text(FILE *out, const char *s)
{
    if (s == NULL)
        return;
    while (*s != '\0') {
        size_t n = char_bytes(s);
        if (!cs_utf8_valid(s, n)) {
            fputs(REPLACEMENT, out);
            s++;
            continue;
        }
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            fputs("&amp;", out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\'')
            fputs("&#39;", out);
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F)
            fputs(REPLACEMENT, out);
        else
            fwrite(s, 1, n, out);
        s += n;
    }
}

/* Writes one conversion; spec is "%...X". The compiler has checked the arguments against the format. */
static void convert(FILE *out, const char *spec, size_t n, va_list *ap)
{
    char text[96] = "";
    bool is_long = strchr(spec, 'l') != NULL, is_long_long = strstr(spec, "ll") != NULL,
         is_size = strchr(spec, 'z') != NULL;

    CS_ASSERT(strchr("sdufgc%", spec[n - 1]) != NULL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    switch (spec[n - 1]) {
    case 's':
        CS_ASSERT(n == 2); /* widths count bytes: no use on a page */
        cs_html_text(out, va_arg(*ap, const char *));
        return;
    case '%':
        fputc('%', out);
        return;
    case 'f':
    case 'g':
        snprintf(text, sizeof text, spec, va_arg(*ap, double));
        break;
    case 'd':
    case 'u':
    case 'c':
        if (is_size)
            snprintf(text, sizeof text, spec, va_arg(*ap, size_t));
        else if (is_long_long)
            snprintf(text, sizeof text, spec, va_arg(*ap, unsigned long long));
        else if (is_long)
            snprintf(text, sizeof text, spec, va_arg(*ap, unsigned long));
        else
            snprintf(text, sizeof text, spec, va_arg(*ap, int));
        break;
    default:
        break;
    }
#pragma GCC diagnostic pop
    cs_html_text(out, text);
}

void cs_html(FILE *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    while (*fmt != '\0') {
        size_t plain = strcspn(fmt, "%");
        fwrite(fmt, 1, plain, out);
        fmt += plain;
        if (*fmt == '\0')
            break;
        char spec[16];
        size_t n = 1 + strspn(fmt + 1, "-+ #0123456789.lz") + 1;
        CS_ASSERT(n < sizeof spec);
        memcpy(spec, fmt, n);
        spec[n] = '\0';
        convert(out, spec, n, &ap);
        fmt += n;
    }
    va_end(ap);
}

static struct cs_num dash(void)
{
    struct cs_num num;
    snprintf(num.s, sizeof num.s, "%s", EN_DASH);
    return num;
}

/* x without its sign, as printed: tells a true zero from -0.04 that prints as 0.0. */
static struct cs_num magnitude(double x, int decimals)
{
    struct cs_num num;
    snprintf(num.s, sizeof num.s, "%.*f", decimals, fabs(x) > 1e12 ? 1e12 : fabs(x));
    return num;
}

static bool prints_as_zero(const struct cs_num *num)
{
    return strspn(num->s, "0.") == strlen(num->s);
}

static struct cs_num with_sign(double x, int decimals, const char *plus)
{
    if (isnan(x))
        return dash();
    if (isinf(x)) {
        struct cs_num far;
        snprintf(far.s, sizeof far.s, "%s\xE2\x88\x9E", x < 0 ? MINUS : plus);
        return far;
    }
    struct cs_num abs = magnitude(x, decimals), num;
    const char *sign = prints_as_zero(&abs) ? "" : x < 0 ? MINUS : plus;
    snprintf(num.s, sizeof num.s, "%s%.40s", sign, abs.s);
    return num;
}

struct cs_num cs_num_fixed(double x, int decimals)
{
    return with_sign(x, decimals, "");
}

struct cs_num cs_num_signed(double x, int decimals)
{
    return with_sign(x, decimals, "+");
}

struct cs_num cs_num_interval(double lo, double hi, int decimals)
{
    if (isnan(lo) || isnan(hi))
        return dash();
    struct cs_num a = cs_num_signed(lo, decimals), b = cs_num_signed(hi, decimals), num;
    snprintf(num.s, sizeof num.s, "%.24s to %.24s", a.s, b.s);
    return num;
}

struct cs_num cs_num_count(uint64_t n)
{
    char digits[24];
    struct cs_num num;
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            memcpy(num.s + used, NARROW_SPACE, 3);
            used += 3;
        }
        num.s[used++] = digits[i];
    }
    num.s[used] = '\0';
    return num;
}

struct cs_num cs_num_p(double p)
{
    struct cs_num num;
    if (isnan(p))
        return dash();
    if (p < 0.001)
        snprintf(num.s, sizeof num.s, "<%s0.001", NARROW_SPACE);
    else
        snprintf(num.s, sizeof num.s, "%.*f", p < 0.1 ? 3 : 2, p);
    return num;
}

struct cs_num cs_num_percent(double x)
{
    struct cs_num share = cs_num_fixed(100 * x, 1), num;
    if (isnan(x))
        return dash();
    snprintf(num.s, sizeof num.s, "%.40s%s%%", share.s, NARROW_SPACE);
    return num;
}
