#include "tools/report/html/html.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/plain.h"

static const char REPLACEMENT[] = "\xEF\xBF\xBD";

void cs_html_text(FILE *out, const char *s)
{
    if (s == NULL)
        return;
    size_t n;
    for (size_t left = strlen(s); left > 0; s += n, left -= n) {
        const unsigned char c = (unsigned char)*s;
        uint32_t code;
        const size_t hidden = cs_plain_hidden(s, left, &n, &code);
        if (hidden > 0 && c != '\n' && c != '\t') {
            fputs(REPLACEMENT, out);
            n = hidden;
            continue;
        }
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
        else
            fwrite(s, 1, n, out);
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
