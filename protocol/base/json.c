#include "protocol/base/json.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/pieces.h"

/* What jansson cannot get ends the process in one line, as with all memory of sizes that we choose (alloc.h): it does not always survive
 * a NULL itself. Before main, because its first value may be made anywhere. */
__attribute__((constructor)) static void own_memory(void)
{
    json_set_alloc_funcs(cs_pieces_take, cs_pieces_give_back);
}

/* ---- the door: jansson's values under our names ---------------------------------------------------------- */

_Static_assert((int)CS_JSON_OBJECT == (int)JSON_OBJECT && (int)CS_JSON_NULL == (int)JSON_NULL,
               "types as jansson numbers them");
_Static_assert((int)CS_JSON_REJECT_DUPLICATES == JSON_REJECT_DUPLICATES &&
                   (int)CS_JSON_DISABLE_EOF_CHECK == JSON_DISABLE_EOF_CHECK &&
                   (int)CS_JSON_DECODE_ANY == JSON_DECODE_ANY && (int)CS_JSON_ALLOW_NUL == JSON_ALLOW_NUL &&
                   (int)CS_JSON_COMPACT == JSON_COMPACT && (int)CS_JSON_SORT_KEYS == JSON_SORT_KEYS &&
                   (int)CS_JSON_ENCODE_ANY == JSON_ENCODE_ANY && CS_JSON_INDENT(2) == JSON_INDENT(2) &&
                   CS_JSON_REAL_PRECISION(15) == JSON_REAL_PRECISION(15),
               "flags as jansson numbers them");

static json_t *in(struct cs_json *v)
{
    return (json_t *)(void *)v;
}

static const json_t *look(const struct cs_json *v)
{
    return (const json_t *)(const void *)v;
}

static struct cs_json *out_of(json_t *v)
{
    return (struct cs_json *)(void *)v;
}

struct cs_json *cs_json_object(void)
{
    return out_of(json_object());
}

struct cs_json *cs_json_array(void)
{
    return out_of(json_array());
}

struct cs_json *cs_json_true(void)
{
    return out_of(json_true());
}

struct cs_json *cs_json_false(void)
{
    return out_of(json_false());
}

struct cs_json *cs_json_null(void)
{
    return out_of(json_null());
}

struct cs_json *cs_json_string(const char *s)
{
    return out_of(json_string(s));
}

struct cs_json *cs_json_integer(int64_t v)
{
    return out_of(json_integer(v));
}

struct cs_json *cs_json_real(double v)
{
    return out_of(json_real(v));
}

struct cs_json *cs_json_boolean(int v)
{
    return out_of(json_boolean(v));
}

struct cs_json *cs_json_incref(struct cs_json *v)
{
    return out_of(json_incref(in(v)));
}

void cs_json_decref(struct cs_json *v)
{
    json_decref(in(v));
}

int cs_json_object_set(struct cs_json *o, const char *key, struct cs_json *v)
{
    return json_object_set(in(o), key, in(v));
}

int cs_json_object_set_new(struct cs_json *o, const char *key, struct cs_json *v)
{
    return json_object_set_new(in(o), key, in(v));
}

int cs_json_object_del(struct cs_json *o, const char *key)
{
    return json_object_del(in(o), key);
}

int cs_json_object_update(struct cs_json *o, struct cs_json *other)
{
    return json_object_update(in(o), in(other));
}

int cs_json_array_append(struct cs_json *a, struct cs_json *v)
{
    return json_array_append(in(a), in(v));
}

int cs_json_array_append_new(struct cs_json *a, struct cs_json *v)
{
    return json_array_append_new(in(a), in(v));
}

bool cs_json_is_object(const struct cs_json *v)
{
    return json_is_object(look(v));
}

bool cs_json_is_array(const struct cs_json *v)
{
    return json_is_array(look(v));
}

bool cs_json_is_string(const struct cs_json *v)
{
    return json_is_string(look(v));
}

bool cs_json_is_integer(const struct cs_json *v)
{
    return json_is_integer(look(v));
}

bool cs_json_is_number(const struct cs_json *v)
{
    return json_is_number(look(v));
}

bool cs_json_is_boolean(const struct cs_json *v)
{
    return json_is_boolean(look(v));
}

bool cs_json_is_true(const struct cs_json *v)
{
    return json_is_true(look(v));
}

bool cs_json_is_null(const struct cs_json *v)
{
    return json_is_null(look(v));
}

struct cs_json *cs_json_object_get(const struct cs_json *o, const char *key)
{
    return out_of(json_object_get(look(o), key));
}

size_t cs_json_object_size(const struct cs_json *o)
{
    return json_object_size(look(o));
}

struct cs_json *cs_json_array_get(const struct cs_json *a, size_t i)
{
    return out_of(json_array_get(look(a), i));
}

size_t cs_json_array_size(const struct cs_json *a)
{
    return json_array_size(look(a));
}

const char *cs_json_string_value(const struct cs_json *v)
{
    return json_string_value(look(v));
}

size_t cs_json_string_length(const struct cs_json *v)
{
    return json_string_length(look(v));
}

int64_t cs_json_integer_value(const struct cs_json *v)
{
    return json_integer_value(look(v));
}

double cs_json_real_value(const struct cs_json *v)
{
    return json_real_value(look(v));
}

double cs_json_number_value(const struct cs_json *v)
{
    return json_number_value(look(v));
}

bool cs_json_equal(const struct cs_json *a, const struct cs_json *b)
{
    return json_equal(look(a), look(b)) != 0;
}

char *cs_json_dumps(const struct cs_json *v, size_t flags)
{
    return json_dumps(look(v), flags);
}

int cs_json_dumpf(const struct cs_json *v, FILE *out, size_t flags)
{
    return json_dumpf(look(v), out, flags);
}

int cs_json_dump_callback(const struct cs_json *v, int (*fn)(const char *bytes, size_t n, void *self), void *self,
                          size_t flags)
{
    return json_dump_callback(look(v), fn, self, flags);
}

enum cs_json_type cs_json_typeof(const struct cs_json *v)
{
    return (enum cs_json_type)json_typeof(look(v));
}

static struct cs_json *told(json_t *v, const json_error_t *why, struct cs_json_error *error)
{
    if (v == NULL && error != NULL) {
        *error = (struct cs_json_error){.line = why->line, .column = why->column, .position = why->position};
        snprintf(error->text, sizeof error->text, "%s", why->text);
    }
    if (v != NULL && error != NULL)
        error->position = why->position; /* how far it read */
    return out_of(v);
}

struct cs_json *cs_json_loads(const char *text, size_t flags, struct cs_json_error *error)
{
    json_error_t why = {0};
    return told(json_loads(text, flags, &why), &why, error);
}

struct cs_json *cs_json_loadb(const char *bytes, size_t n, size_t flags, struct cs_json_error *error)
{
    json_error_t why = {0};
    return told(json_loadb(bytes, n, flags, &why), &why, error);
}

struct cs_json *cs_json_pack(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *v = json_vpack_ex(NULL, 0, format, args);
    va_end(args);
    return out_of(v);
}

static bool member(struct cs_json *o, struct cs_json_member *m, const char **key, struct cs_json **value)
{
    if (m->at == NULL)
        return false;
    m->next = json_object_iter_next(in(o), m->at); /* before it may be deleted */
    *key = json_object_iter_key(m->at);
    *value = out_of(json_object_iter_value(m->at));
    return true;
}

bool cs_json_first(struct cs_json *o, struct cs_json_member *m, const char **key, struct cs_json **value)
{
    m->at = json_object_iter(in(o));
    return member(o, m, key, value);
}

bool cs_json_next(struct cs_json *o, struct cs_json_member *m, const char **key, struct cs_json **value)
{
    m->at = m->next;
    return member(o, m, key, value);
}

/* ---- canonical pieces ------------------------------------------------------------------------------------ */

static void put_escape(struct cs_buf *out, uint8_t c)
{
    static const char short_forms[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    for (int i = 0; short_forms[i] != '\0'; i++)
        if (c == (uint8_t)short_forms[i]) {
            const char escape[2] = {'\\', letters[i]};
            cs_buf_append(out, escape, 2);
            return;
        }
    cs_buf_printf(out, "\\u%04X", c);
}

void cs_json_str(struct cs_buf *out, const char *s, size_t n)
{
    size_t plain = 0; /* bytes from here on are not written yet */
    cs_buf_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = (uint8_t)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        cs_buf_append(out, s + plain, i - plain);
        put_escape(out, c);
        plain = i + 1;
    }
    cs_buf_append(out, s + plain, n - plain);
    cs_buf_char(out, '"');
}

static int append(const char *bytes, size_t n, void *out)
{
    cs_buf_append(out, bytes, n);
    return 0;
}

void cs_json_number(struct cs_buf *out, double v)
{
    bool whole = v >= -1e15 && v <= 1e15 && v == (double)(int64_t)v;
    json_t *value = whole ? json_integer((int64_t)v) : json_real(v);
    CS_ASSERT(value != NULL);
    CS_ASSERT(json_dump_callback(value, append, out, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) == 0);
    json_decref(value);
}
