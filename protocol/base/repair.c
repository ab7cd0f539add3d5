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
        if (strcmp(word, kept[i]) == 0) {
            cs_buf_str(out, word);
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

static void skip_before(struct text *t)
{
    for (;;) {
        if (left(t) >= 3 && memcmp(t->at, "\xef\xbb\xbf", 3) == 0)
            t->at += 3;
        else if (t->at < t->end && is_blank(*t->at))
            t->at++;
        else
            return;
    }
}

size_t cs_repair_json(const char *bytes, size_t n, struct cs_buf *out)
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
