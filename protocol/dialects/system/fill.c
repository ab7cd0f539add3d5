#include "protocol/dialects/system/fill.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"

enum { NAME_BYTES = 64 };

static const char mark[] = "text:";

const char *cs_fill_name(enum cs_filling f)
{
    static const char *const names[CS_FILLINGS] = {
        [CS_FILL_SYSTEM] = "system",        [CS_FILL_USER] = "user",   [CS_FILL_MESSAGES] = "messages",
        [CS_FILL_SESSION] = "session",      [CS_FILL_TRIAL] = "trial", [CS_FILL_SCHEMA] = "schema",
        [CS_FILL_PARAMETER] = "parameter.", [CS_FILL_JOB] = "job",     [CS_FILL_MARK] = "mark",
    };
    CS_ASSERT(f < CS_FILLINGS);
    return names[f];
}

/* The end of a name that stands at `at`, or NULL. */
static const char *named(const char *at, enum cs_filling *which, char name[NAME_BYTES])
{
    for (int f = 0; f < CS_FILLINGS; f++) {
        const char *word = cs_fill_name((enum cs_filling)f);
        const size_t n = strlen(word);
        size_t more = 0;
        if (strncmp(at, word, n) != 0)
            continue;
        while (f == CS_FILL_PARAMETER && (isalnum((unsigned char)at[n + more]) || at[n + more] == '_'))
            more++;
        if (strncmp(at + n + more, "}}", 2) != 0 || more >= NAME_BYTES || (f == CS_FILL_PARAMETER && more == 0))
            continue;
        memcpy(name, at + n, more);
        name[more] = '\0';
        *which = (enum cs_filling)f;
        return at + n + more + 2;
    }
    return NULL;
}

size_t cs_fill_at(const char *text, enum cs_filling *which, char name[NAME_BYTES])
{
    if (strncmp(text, "{{", 2) != 0)
        return 0;
    const char *end = named(text + 2, which, name);
    return end != NULL ? (size_t)(end - text) : 0;
}

/* `{{`, any number of marks, and a name: such a text would be read, or have a mark taken from it. */
static bool is_like_filling(const char *s)
{
    enum cs_filling which;
    char name[NAME_BYTES];
    if (strncmp(s, "{{", 2) != 0)
        return false;
    s += 2;
    while (strncmp(s, mark, sizeof mark - 1) == 0)
        s += sizeof mark - 1;
    return named(s, &which, name) != NULL;
}

static bool is_marked(const char *s)
{
    return is_like_filling(s) && strncmp(s + 2, mark, sizeof mark - 1) == 0;
}

void cs_fill_encode(const char *text, struct cs_buf *out)
{
    for (const char *s = text; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            cs_buf_char(out, *s);
        else
            cs_buf_printf(out, "%%%02X", (unsigned char)*s);
    }
}

/* What is filled in: not to be read again, unless this step is the last. */
static void put_filled(const char *text, bool last, struct cs_buf *out)
{
    for (const char *at; !last && (at = strstr(text, "{{")) != NULL; text = at + 2) {
        cs_buf_append(out, text, (size_t)(at + 2 - text));
        if (is_like_filling(at))
            cs_buf_str(out, mark);
    }
    cs_buf_str(out, text);
}

static void put_value(const struct cs_fill *f, const struct cs_json *v, bool encoded, struct cs_buf *out)
{
    const char *word = cs_json_string_value(v);
    char *text = word == NULL ? cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15))
                              : NULL;
    word = word != NULL ? word : text != NULL ? text : "";
    if (encoded)
        cs_fill_encode(word, out);
    else
        put_filled(word, f->last, out);
    free(text);
}

void cs_fill_text(const struct cs_fill *f, const char *text, bool encoded, struct cs_buf *out)
{
    for (const char *at; (at = strstr(text, "{{")) != NULL;) {
        enum cs_filling which = CS_FILLINGS;
        char name[NAME_BYTES];
        struct cs_filled is = {0};
        const size_t n = cs_fill_at(at, &which, name);
        cs_buf_append(out, text, (size_t)(at - text));
        if (n > 0)
            f->find(f->self, which, name, &is);
        if (is.is_ours) {
            if (is.text != NULL && encoded)
                cs_fill_encode(is.text, out);
            else if (is.text != NULL)
                put_filled(is.text, f->last, out);
            else if (is.value != NULL)
                put_value(f, is.value, encoded, out);
            text = at + n;
        } else {
            cs_buf_str(out, "{{");
            text = at + 2 + (f->last && is_marked(at) ? sizeof mark - 1 : 0);
        }
    }
    cs_buf_str(out, text);
}

/* What is filled in as a value: the texts in it are marked. */
static struct cs_json *marked(const struct cs_fill *f, const struct cs_json *v);

static struct cs_json *string_of(struct cs_buf *b)
{
    struct cs_json *s = cs_json_string(cs_buf_cstr(b));
    cs_buf_release(b);
    CS_ASSERT(s != NULL); /* made of UTF-8 at its borders */
    return s;
}

static struct cs_json *fill_string(const struct cs_fill *f, const char *text)
{
    struct cs_buf out = CS_BUF_INIT(SIZE_MAX);
    enum cs_filling which = CS_FILLINGS;
    char name[NAME_BYTES];
    const size_t n = cs_fill_at(text, &which, name);
    if (n > 0 && text[n] == '\0') {
        struct cs_filled is = {0};
        f->find(f->self, which, name, &is);
        if (is.is_ours && is.text == NULL)
            return is.value != NULL ? marked(f, is.value) : NULL;
    }
    cs_fill_text(f, text, false, &out);
    return string_of(&out);
}

/* Depth is bounded by the readers of YAML and of JSON. */
static struct cs_json *copied(const struct cs_fill *f, const struct cs_json *v,
                              struct cs_json *(*string)(const struct cs_fill *, const char *))
{
    struct cs_json *from = (struct cs_json *)(uintptr_t)v, *to, *child; /* only read */
    const char *key;
    size_t i;
    if (cs_json_is_string(v))
        return string(f, cs_json_string_value(v));
    if (!cs_json_is_object(v) && cs_json_typeof(v) != CS_JSON_ARRAY)
        return cs_json_incref(from);
    to = cs_json_is_object(v) ? cs_json_object() : cs_json_array();
    cs_json_object_foreach(from, key, child)
    {
        struct cs_json *made = copied(f, child, string);
        if (made != NULL)
            cs_json_object_set_new(to, key, made);
    }
    cs_json_array_foreach(from, i, child)
    {
        struct cs_json *made = copied(f, child, string);
        if (made != NULL)
            cs_json_array_append_new(to, made);
    }
    return to;
}

static struct cs_json *mark_string(const struct cs_fill *f, const char *text)
{
    struct cs_buf out = CS_BUF_INIT(SIZE_MAX);
    put_filled(text, f->last, &out);
    return string_of(&out);
}

static struct cs_json *marked(const struct cs_fill *f, const struct cs_json *v)
{
    return copied(f, v, mark_string);
}

struct cs_json *cs_fill_value(const struct cs_fill *f, const struct cs_json *v)
{
    return copied(f, v, fill_string);
}

struct looking {
    enum cs_filling which;
    bool found;
};

static void look(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    struct looking *l = self;
    (void)name;
    (void)out;
    l->found |= which == l->which;
}

bool cs_fill_has(const struct cs_json *v, enum cs_filling which)
{
    struct looking l = {which, false};
    const struct cs_fill f = {look, &l, false};
    struct cs_json *same = cs_fill_value(&f, v);
    cs_json_decref(same);
    return l.found;
}
