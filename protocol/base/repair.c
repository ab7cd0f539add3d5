#include "protocol/base/repair.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/utf8.h"

enum { TOKEN_MAX = 400, ESCAPE = 6 /* bytes of \uXXXX */ };

static const char replacement[] = "\xef\xbf\xbd", escaped_replacement[] = "\\ufffd";

struct text {
    const char *at, *end;
};

static size_t left(const struct text *t)
{
    return (size_t)(t->end - t->at);
}

/* ---- strings ----------------------------------------------------------------------------------------- */

/* The code unit of the escape \uXXXX at s, or -1. */
static int unit_at(const char *s, const char *end)
{
    int unit = 0;
    if (end - s < ESCAPE || s[0] != '\\' || s[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE; i++) {
        const char c = s[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static void take_escape(struct text *t, struct cs_buf *out)
{
    const int unit = unit_at(t->at, t->end);
    const int next = unit >= 0 ? unit_at(t->at + ESCAPE, t->end) : -1;
    if (unit >= 0xd800 && unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        cs_buf_append(out, t->at, 2 * ESCAPE);
        t->at += 2 * ESCAPE;
    } else if (unit >= 0) {
        const bool odd = unit == 0 || (unit >= 0xd800 && unit <= 0xdfff);
        cs_buf_append(out, odd ? escaped_replacement : t->at, ESCAPE);
        t->at += ESCAPE;
    } else if (left(t) >= 2 && t->at[1] != '\0' && strchr("\"\\/bfnrt", t->at[1]) != NULL) {
        cs_buf_append(out, t->at, 2);
        t->at += 2;
    } else if (left(t) >= 2 && t->at[1] == '\'') { /* as JavaScript writes it */
        cs_buf_char(out, '\'');
        t->at += 2;
    } else {
        cs_buf_str(out, "\\\\");
        t->at++;
    }
}

static void take_character(struct text *t, struct cs_buf *out)
{
    bool whole;
    const unsigned char c = (unsigned char)*t->at;
    const size_t k = cs_utf8_step(t->at, left(t), &whole);
    if (!whole)
        cs_buf_str(out, c == '\0' ? escaped_replacement : replacement);
    else if (c < 0x20)
        cs_buf_printf(out, "\\u%04x", c);
    else
        cs_buf_append(out, t->at, k);
    t->at += k;
}

static void take_string(struct text *t, struct cs_buf *out)
{
    cs_buf_char(out, *t->at++);
    while (t->at < t->end && *t->at != '"') {
        const char *plain = t->at;
        while (plain < t->end && *plain >= 0x20 && *plain < 0x7f && *plain != '"' && *plain != '\\')
            plain++;
        if (plain > t->at) {
            cs_buf_append(out, t->at, (size_t)(plain - t->at));
            t->at = plain;
        } else if (*t->at == '\\') {
            take_escape(t, out);
        } else {
            take_character(t, out);
        }
    }
    if (t->at < t->end)
        cs_buf_char(out, *t->at++);
}

/* ---- numbers and words ------------------------------------------------------------------------------- */

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* As JSON writes numbers; *integer: without fraction and exponent. */
static bool is_number(const char *s, bool *integer)
{
    s += *s == '-';
    size_t n = digits(s);
    if (n == 0 || (n > 1 && *s == '0'))
        return false;
    s += n;
    *integer = *s == '\0';
    if (*s == '.') {
        n = digits(++s);
        s += n;
        if (n == 0)
            return false;
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        n = digits(s);
        s += n;
        if (n == 0)
            return false;
    }
    return *s == '\0';
}

static const char *beyond(bool negative)
{
    return negative ? "\"-Infinity\"" : "\"Infinity\"";
}

static void put_number(const char *s, bool integer, struct cs_buf *out)
{
    const double v = strtod(s, NULL);
    errno = 0;
    if (!isfinite(v)) {
        cs_buf_str(out, beyond(v < 0));
        return;
    }
    if (integer)
        (void)strtoll(s, NULL, 10);
    cs_buf_str(out, s);
    cs_buf_str(out, integer && errno == ERANGE ? ".0" : "");
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.' || c == '_';
}

static void take_word(struct text *t, struct cs_buf *out)
{
    static const char *const kept[] = {"true", "false", "null"};
    static const char *const in_python[] = {"True", "False", "None"};
    static const struct {
        const char *written, *is;
    } odd[] = {{"NaN", "\"NaN\""},
               {"-NaN", "\"NaN\""},
               {"Infinity", "\"Infinity\""},
               {"inf", "\"Infinity\""},
               {"-Infinity", "\"-Infinity\""},
               {"-inf", "\"-Infinity\""}};
    char word[TOKEN_MAX + 1];
    size_t n = 0;
    bool integer = false;
    while (n < left(t) && is_word_byte(t->at[n]))
        n++;
    memcpy(word, t->at, n <= TOKEN_MAX ? n : 0);
    word[n <= TOKEN_MAX ? n : 0] = '\0';
    t->at += n;
    cs_buf_char(out, ' '); /* two words stay two */
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (strcmp(word, kept[i]) == 0 || strcmp(word, in_python[i]) == 0) {
            cs_buf_str(out, kept[i]);
            return;
        }
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        if (strcasecmp(word, odd[i].written) == 0) {
            cs_buf_str(out, odd[i].is);
            return;
        }
    }
    if (is_number(word, &integer))
        put_number(word, integer, out);
    else
        cs_buf_str(out, "null");
}

/* ---- a value ----------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Blanks, byte order marks, and the line with which Google guards JSON against being run as a script. */
static void skip_before(struct text *t)
{
    for (;;) {
        if (left(t) >= 3 && memcmp(t->at, "\xef\xbb\xbf", 3) == 0)
            t->at += 3;
        else if (left(t) >= 4 && memcmp(t->at, ")]}'", 4) == 0)
            t->at += left(t) >= 5 && t->at[4] == ',' ? 5 : 4;
        else if (t->at < t->end && is_blank(*t->at))
            t->at++;
        else
            return;
    }
}

/* ---- UTF-16 ------------------------------------------------------------------------------------------ */

enum order { NOT_UTF16, LITTLE, BIG };

/* By its byte order mark, or by the NUL beside the first character, which JSON has in ASCII. */
static enum order utf16_order(const char *s, size_t n)
{
    if (n < 4)
        return NOT_UTF16;
    if (memcmp(s, "\xff\xfe", 2) == 0 || (strchr("{[", s[0]) != NULL && s[0] != '\0' && s[1] == '\0' && s[2] != '\0'))
        return LITTLE;
    if (memcmp(s, "\xfe\xff", 2) == 0 || (s[0] == '\0' && strchr("{[", s[1]) != NULL && s[1] != '\0' && s[2] == '\0'))
        return BIG;
    return NOT_UTF16;
}

static unsigned unit16(const char *s, enum order o)
{
    const unsigned char *b = (const unsigned char *)s;
    return o == LITTLE ? b[0] | (unsigned)b[1] << 8 : (unsigned)b[0] << 8 | b[1];
}

static void put_utf8(struct cs_buf *out, unsigned c)
{
    if (c < 0x80) {
        cs_buf_char(out, (char)c);
        return;
    }
    cs_buf_char(out, (char)(c < 0x800 ? 0xc0 | c >> 6 : c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18));
    if (c >= 0x10000)
        cs_buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
    if (c >= 0x800)
        cs_buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
    cs_buf_char(out, (char)(0x80 | (c & 0x3f)));
}

/* Half a pair is U+FFFD. */
static void to_utf8(const char *s, size_t n, enum order o, struct cs_buf *out)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        unsigned c = unit16(s + i, o), next = i + 3 < n ? unit16(s + i + 2, o) : 0;
        if (c >= 0xd800 && c <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
            i += 2;
        } else if (c >= 0xd800 && c <= 0xdfff) {
            c = 0xfffd;
        }
        put_utf8(out, c);
    }
}

static size_t repair_utf8(const char *bytes, size_t n, struct cs_buf *out)
{
    struct text t = {bytes, bytes + n};
    size_t depth = 0;
    unsigned commas = 0; /* that were written last */
    skip_before(&t);
    while (t.at < t.end && !out->overflow) {
        const char c = *t.at;
        if (is_blank(c)) {
            t.at++;
            continue;
        }
        if (c == '"') {
            take_string(&t, out);
        } else if (is_word_byte(c)) {
            take_word(&t, out);
        } else {
            if ((c == '}' || c == ']') && commas == 1)
                out->len--;
            depth += c == '{' || c == '[' ? 1 : 0;
            depth -= (c == '}' || c == ']') && depth > 0 ? 1 : 0;
            cs_buf_char(out, c);
            t.at++;
        }
        commas = c == ',' ? commas + 1 : 0;
        if (depth == 0)
            break;
    }
    return (size_t)(t.at - bytes);
}

size_t cs_repair_json(const char *bytes, size_t n, struct cs_buf *out)
{
    const enum order o = utf16_order(bytes, n);
    if (o == NOT_UTF16)
        return repair_utf8(bytes, n, out);
    struct cs_buf utf8 = CS_BUF_INIT(2 * n + 4);
    to_utf8(bytes, n, o, &utf8);
    (void)repair_utf8(cs_buf_cstr(&utf8), utf8.len, out);
    cs_buf_release(&utf8);
    return n;
}
