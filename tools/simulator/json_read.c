#include "tools/simulator/json_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct reader {
    struct cs_j_document *d;
    const char *at, *end;
    char *text; /* where the next text goes */
};

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- texts ------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at s, which is above 127, or 0: shortest forms only, no surrogates (RFC 3629). */
static size_t utf8_length(const char *s, const char *end)
{
    const uint8_t *b = (const uint8_t *)s;
    const size_t left = (size_t)(end - s);
    const size_t n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    if (b[0] < 0xc2 || b[0] > 0xf4 || left < n)
        return 0;
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) || (b[0] == 0xf0 && b[1] < 0x90) ||
        (b[0] == 0xf4 && b[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    }
    return n;
}

static bool read_hex(struct reader *r, uint32_t *out)
{
    *out = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        const char c = *r->at++;
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *p = c != '\0' ? strchr(digits, c) : NULL;
        if (p == NULL)
            return false;
        *out = *out << 4 | (uint32_t)((p - digits) % 16);
    }
    return true;
}

static void put_utf8(struct reader *r, uint32_t c)
{
    if (c < 0x80) {
        *r->text++ = (char)c;
        return;
    }
    if (c < 0x800) {
        *r->text++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *r->text++ = (char)(0xe0 | c >> 12);
        } else {
            *r->text++ = (char)(0xf0 | c >> 18);
            *r->text++ = (char)(0x80 | (c >> 12 & 63));
        }
        *r->text++ = (char)(0x80 | (c >> 6 & 63));
    }
    *r->text++ = (char)(0x80 | (c & 63));
}

/* After the backslash. */
static bool read_escape(struct reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t c, low;
    if (r->at == r->end)
        return false;
    const char e = *r->at++;
    if (e != 'u') {
        const char *p = e != '\0' ? strchr(from, e) : NULL;
        if (p == NULL)
            return false;
        *r->text++ = to[p - from];
        return true;
    }
    if (!read_hex(r, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff))
        return false;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
            return false;
        r->at += 2;
        if (!read_hex(r, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(r, c);
    return true;
}

/* After the opening quote. An unescaped text is never longer than its source, so the room is there. */
static bool read_text(struct reader *r, const char **out, uint32_t *len)
{
    char *start = r->text;
    while (r->at < r->end && *r->at != '"') {
        const uint8_t c = (uint8_t)*r->at;
        if (c == '\\') {
            r->at++;
            if (!read_escape(r))
                return false;
        } else if (c < 0x20) {
            return false;
        } else if (c < 0x80) {
            *r->text++ = *r->at++;
        } else {
            const size_t n = utf8_length(r->at, r->end);
            if (n == 0)
                return false;
            memcpy(r->text, r->at, n);
            r->text += n;
            r->at += n;
        }
    }
    if (r->at == r->end)
        return false;
    r->at++;
    *len = (uint32_t)(r->text - start);
    *r->text++ = '\0';
    *out = start;
    return true;
}

/* ---- numbers and words ------------------------------------------------------------------------ */

static bool skip_digits(struct reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool read_number(struct reader *r, struct cs_j *v)
{
    const char *start = r->at;
    char copy[64];
    v->kind = CS_J_INTEGER;
    if (r->at < r->end && *r->at == '-')
        r->at++;
    const bool zero = r->at < r->end && *r->at == '0';
    const char *digits = r->at;
    if (!skip_digits(r) || (zero && r->at - digits > 1))
        return false;
    if (r->at < r->end && *r->at == '.') {
        v->kind = CS_J_REAL;
        r->at++;
        if (!skip_digits(r))
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        v->kind = CS_J_REAL;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!skip_digits(r))
            return false;
    }
    const size_t n = (size_t)(r->at - start);
    if (n >= sizeof copy)
        return false; /* no number that anyone means */
    memcpy(copy, start, n);
    copy[n] = '\0';
    errno = 0;
    v->number = strtod(copy, NULL);
    const bool overflow = errno == ERANGE && (v->number > 1 || v->number < -1);
    if (v->kind == CS_J_INTEGER) {
        errno = 0;
        v->integer = strtoll(copy, NULL, 10);
        return errno == 0;
    }
    return !overflow;
}

static bool read_word(struct reader *r, struct cs_j *v)
{
    static const struct {
        const char *word;
        enum cs_j_kind kind;
    } words[] = {{"null", CS_J_NULL}, {"false", CS_J_FALSE}, {"true", CS_J_TRUE}};
    for (int i = 0; i < 3; i++) {
        const size_t n = strlen(words[i].word);
        if ((size_t)(r->end - r->at) >= n && memcmp(r->at, words[i].word, n) == 0) {
            v->kind = words[i].kind;
            r->at += n;
            return true;
        }
    }
    return false;
}

/* ---- structure -------------------------------------------------------------------------------- */

static struct cs_j *add_value(struct cs_j_document *d)
{
    if (d->n == d->cap) {
        d->cap = d->cap != 0 ? 2 * d->cap : 64;
        d->values = cs_xrealloc(d->values, d->cap, sizeof *d->values);
    }
    struct cs_j *v = &d->values[d->n++];
    *v = (struct cs_j){.span = 1};
    return v;
}

/* Reads a value; of a list or map only its opening bracket. */
static bool read_start(struct reader *r, const char *key)
{
    skip_blanks(r);
    if (r->at == r->end)
        return false;
    struct cs_j *v = add_value(r->d);
    v->key = key;
    v->raw = r->at;
    bool good = true;
    if (*r->at == '{' || *r->at == '[') {
        v->kind = *r->at++ == '{' ? CS_J_MAP : CS_J_LIST;
    } else if (*r->at == '"') {
        r->at++;
        v->kind = CS_J_TEXT;
        good = read_text(r, &v->text, &v->n);
    } else if (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')) {
        good = read_number(r, v);
    } else {
        good = read_word(r, v);
    }
    v->raw_len = (uint32_t)(r->at - v->raw);
    return good;
}

/* The next child of an open list or map, its name first. */
static bool read_child(struct reader *r, size_t parent)
{
    const char *key = NULL;
    uint32_t len;
    const bool is_map = r->d->values[parent].kind == CS_J_MAP;
    if (r->d->values[parent].n++ > 0 && !take(r, ','))
        return false;
    if (is_map && (!take(r, '"') || !read_text(r, &key, &len) || !take(r, ':')))
        return false;
    return read_start(r, key);
}

static bool read_all(struct reader *r)
{
    size_t open[CS_J_DEPTH_MAX], depth = 0;
    struct cs_j_document *d = r->d;
    if (!read_start(r, NULL))
        return false;
    for (;;) {
        const size_t last = d->n - 1; /* just read */
        if (d->values[last].kind == CS_J_LIST || d->values[last].kind == CS_J_MAP) {
            if (depth == CS_J_DEPTH_MAX)
                return false;
            open[depth++] = last;
        }
        for (; depth > 0; depth--) { /* close what ends here */
            struct cs_j *v = &d->values[open[depth - 1]];
            if (!take(r, v->kind == CS_J_MAP ? '}' : ']'))
                break;
            v->span = (uint32_t)(d->n - open[depth - 1]);
            v->raw_len = (uint32_t)(r->at - v->raw);
        }
        if (depth == 0)
            break;
        if (!read_child(r, open[depth - 1]))
            return false;
    }
    skip_blanks(r);
    return r->at == r->end;
}

bool cs_json_read(struct cs_j_document *d, const char *bytes, size_t len)
{
    CS_ASSERT(len <= 1 << 30);
    *d = (struct cs_j_document){.texts = cs_xmalloc(len + 1)};
    struct reader r = {.d = d, .at = bytes, .end = bytes + len, .text = d->texts};
    return read_all(&r);
}

void cs_json_read_release(struct cs_j_document *d)
{
    free(d->values);
    free(d->texts);
    *d = (struct cs_j_document){0};
}

/* ---- looking into it -------------------------------------------------------------------------- */

const struct cs_j *cs_json_read_first(const struct cs_j *v)
{
    return v != NULL && v->span > 1 ? v + 1 : NULL;
}

const struct cs_j *cs_json_read_next(const struct cs_j *parent, const struct cs_j *child)
{
    const struct cs_j *next = child + child->span;
    return next < parent + parent->span ? next : NULL;
}

const struct cs_j *cs_json_read_get(const struct cs_j *map, const char *key)
{
    const struct cs_j *found = NULL;
    if (!cs_json_read_is(map, CS_J_MAP))
        return NULL;
    for (const struct cs_j *c = cs_json_read_first(map); c != NULL; c = cs_json_read_next(map, c)) {
        if (strcmp(c->key, key) == 0)
            found = c;
    }
    return found;
}

const struct cs_j *cs_json_read_at(const struct cs_j *list, size_t i)
{
    const struct cs_j *c = cs_json_read_is(list, CS_J_LIST) ? cs_json_read_first(list) : NULL;
    while (c != NULL && i-- > 0)
        c = cs_json_read_next(list, c);
    return c;
}

bool cs_json_read_is(const struct cs_j *v, enum cs_j_kind kind)
{
    return v != NULL && v->kind == kind;
}

bool cs_json_read_is_number(const struct cs_j *v)
{
    return cs_json_read_is(v, CS_J_INTEGER) || cs_json_read_is(v, CS_J_REAL);
}

const char *cs_json_read_text(const struct cs_j *v)
{
    return cs_json_read_is(v, CS_J_TEXT) ? v->text : NULL;
}

size_t cs_json_read_size(const struct cs_j *v)
{
    return cs_json_read_is(v, CS_J_LIST) || cs_json_read_is(v, CS_J_MAP) ? v->n : 0;
}
