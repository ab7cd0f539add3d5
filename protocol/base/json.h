/* json.h - JSON: the only door to jansson, and pieces of canonical JSON that are the same bytes wherever they are made.
 *
 * Values are jansson's, under names of ours: what is said of json_X in its manual holds for cs_json_X. In short: constructors give a
 * new reference, _get and _value borrow, _set_new and _append_new take over what they are given; NULL in gives NULL, 0 or false
 * out. Memory that runs out ends the process in one line (alloc.h). Thread: any, a value in one at a time.
 */
#ifndef CS_JSON_H
#define CS_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/base/buf.h"

struct cs_json;
struct cs_json_error {
    int line, column, position;
    char text[160];
};
enum cs_json_type {
    CS_JSON_OBJECT,
    CS_JSON_ARRAY,
    CS_JSON_STRING,
    CS_JSON_INTEGER,
    CS_JSON_REAL,
    CS_JSON_TRUE,
    CS_JSON_FALSE,
    CS_JSON_NULL,
};
/* Flags of reading and writing. */
enum {
    CS_JSON_REJECT_DUPLICATES = 0x1,
    CS_JSON_DISABLE_EOF_CHECK = 0x2,
    CS_JSON_DECODE_ANY = 0x4,
    CS_JSON_ALLOW_NUL = 0x10,
    CS_JSON_COMPACT = 0x20,
    CS_JSON_SORT_KEYS = 0x80,
    CS_JSON_ENCODE_ANY = 0x200,
};
#define CS_JSON_INDENT(n) ((size_t)(n)&0x1f)
#define CS_JSON_REAL_PRECISION(n) (((size_t)(n)&0x1f) << 11)

/* ---- reading and writing --------------------------------------------------------------------------- */

struct cs_json *cs_json_loads(const char *text, size_t flags, struct cs_json_error *error);
struct cs_json *cs_json_loadb(const char *bytes, size_t n, size_t flags, struct cs_json_error *error);
char *cs_json_dumps(const struct cs_json *v, size_t flags); /* free() it */
int cs_json_dumpf(const struct cs_json *v, FILE *out, size_t flags);
int cs_json_dump_callback(const struct cs_json *v, int (*fn)(const char *bytes, size_t n, void *self), void *self,
                          size_t flags);

/* ---- making ------------------------------------------------------------------------------------------ */

struct cs_json *cs_json_object(void);
struct cs_json *cs_json_array(void);
struct cs_json *cs_json_string(const char *s); /* NULL when it is not UTF-8 */
struct cs_json *cs_json_integer(int64_t v);
struct cs_json *cs_json_real(double v); /* NULL when it is not finite */
struct cs_json *cs_json_boolean(int v);
struct cs_json *cs_json_true(void);
struct cs_json *cs_json_false(void);
struct cs_json *cs_json_null(void);
struct cs_json *cs_json_pack(const char *format, ...);
struct cs_json *cs_json_incref(struct cs_json *v);
void cs_json_decref(struct cs_json *v);
int cs_json_object_set(struct cs_json *o, const char *key, struct cs_json *v);
int cs_json_object_set_new(struct cs_json *o, const char *key, struct cs_json *v);
int cs_json_object_del(struct cs_json *o, const char *key);
int cs_json_object_update(struct cs_json *o, struct cs_json *other);
int cs_json_array_append(struct cs_json *a, struct cs_json *v);
int cs_json_array_append_new(struct cs_json *a, struct cs_json *v);

/* ---- looking ----------------------------------------------------------------------------------------- */

enum cs_json_type cs_json_typeof(const struct cs_json *v);
bool cs_json_is_object(const struct cs_json *v);
bool cs_json_is_array(const struct cs_json *v);
bool cs_json_is_string(const struct cs_json *v);
bool cs_json_is_integer(const struct cs_json *v);
bool cs_json_is_number(const struct cs_json *v);
bool cs_json_is_boolean(const struct cs_json *v);
bool cs_json_is_true(const struct cs_json *v);
bool cs_json_is_null(const struct cs_json *v);
struct cs_json *cs_json_object_get(const struct cs_json *o, const char *key);
size_t cs_json_object_size(const struct cs_json *o);
struct cs_json *cs_json_array_get(const struct cs_json *a, size_t i);
size_t cs_json_array_size(const struct cs_json *a);
const char *cs_json_string_value(const struct cs_json *v);
size_t cs_json_string_length(const struct cs_json *v);
int64_t cs_json_integer_value(const struct cs_json *v);
double cs_json_real_value(const struct cs_json *v);
double cs_json_number_value(const struct cs_json *v);
bool cs_json_equal(const struct cs_json *a, const struct cs_json *b);

/* Members of an object in their order. The key in hand may be deleted. */
struct cs_json_member {
    void *at, *next;
};
bool cs_json_first(struct cs_json *o, struct cs_json_member *m, const char **key, struct cs_json **value);
bool cs_json_next(struct cs_json *o, struct cs_json_member *m, const char **key, struct cs_json **value);
#define CS_JSON_NAME_(a, b) a##b
#define CS_JSON_NAME(a, b) CS_JSON_NAME_(a, b)
#define cs_json_object_foreach(o, key, value)                                                                          \
    for (struct cs_json_member CS_JSON_NAME(member_, __LINE__) = {0}, *CS_JSON_NAME(in_, __LINE__) = NULL;             \
         CS_JSON_NAME(in_, __LINE__) == NULL                                                                           \
             ? (CS_JSON_NAME(in_, __LINE__) = &CS_JSON_NAME(member_, __LINE__),                                        \
                                  cs_json_first((o), CS_JSON_NAME(in_, __LINE__), &(key), &(value)))                   \
             : cs_json_next((o), CS_JSON_NAME(in_, __LINE__), &(key), &(value));)
#define cs_json_array_foreach(a, i, value)                                                                             \
    for ((i) = 0; (i) < cs_json_array_size(a) && ((value) = cs_json_array_get((a), (i))) != NULL; (i)++)

/* ---- canonical pieces -------------------------------------------------------------------------------- */

/* Appends n bytes of UTF-8 as a JSON string with its quotes. Only ", \ and control characters are escaped, byte for byte as
 * jansson does it (a test compares), at a fraction of the time: this is most of the work of making a request. */
void cs_json_str(struct cs_buf *out, const char *s, size_t n);
/* A finite number, shortest of the forms that are exact to 15 digits. */
void cs_json_number(struct cs_buf *out, double v);

#endif
