#include "protocol/wire/codec.h"

#include <msgpack.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/wire/bounds.h"

enum { ZONE_BYTES = 1000 }; /* an output's fields; the C library keeps pieces of that size at hand */

struct frame {                  /* an array that is being walked */
    uint32_t left;              /* elements still to come */
    const msgpack_object *next; /* unpacking: the next of them */
};

struct cs_codec {
    enum cs_err rc;
    struct cs_error fault;
    struct frame frames[CS_CODEC_DEPTH_MAX + 1]; /* frames[0] holds the one value of the message */
    unsigned depth;
    struct cs_buf *out; /* packing */
    msgpack_packer packer;
    struct cs_arena *arena; /* unpacking */
    msgpack_zone zone;
    msgpack_object root;
};

static int append(void *out, const char *bytes, size_t n)
{
    cs_buf_append(out, bytes, n);
    return 0;
}

struct cs_codec *cs_codec_packer(struct cs_buf *out)
{
    struct cs_codec *c = cs_xcalloc(1, sizeof *c);
    CS_ASSERT(out != NULL);
    c->out = out;
    c->frames[0].left = 1;
    msgpack_packer_init(&c->packer, out, append);
    return c;
}

enum cs_err cs_codec_unpacker(const void *bytes, size_t n, struct cs_arena *arena, struct cs_codec **out,
                              struct cs_error *err)
{
    *out = NULL;
    const char *why = cs_bounds_fault(bytes, n, CS_CODEC_DEPTH_MAX);
    if (why != NULL)
        return cs_error_set(err, CS_EPROTO, "%s", why);
    struct cs_codec *c = cs_xcalloc(1, sizeof *c);
    size_t used = 0;
    if (!msgpack_zone_init(&c->zone, ZONE_BYTES)) {
        free(c);
        return cs_error_set(err, CS_EINTERNAL, "out of memory");
    }
    if (msgpack_unpack(bytes, n, &used, &c->zone, &c->root) != MSGPACK_UNPACK_SUCCESS || used != n) {
        msgpack_zone_destroy(&c->zone);
        free(c);
        return cs_error_set(err, CS_EPROTO, "the message is not well-formed MessagePack");
    }
    c->arena = arena;
    c->frames[0] = (struct frame){1, &c->root};
    *out = c;
    return CS_OK;
}

enum cs_err cs_codec_close(struct cs_codec *c, struct cs_error *err)
{
    if (c->rc == CS_OK && (c->depth != 0 || c->frames[0].left != 0))
        cs_codec_fail(c, "the message was left before its end");
    enum cs_err rc = c->rc;
    if (rc != CS_OK && err != NULL)
        *err = c->fault;
    else if (rc == CS_OK && c->out != NULL && c->out->overflow)
        rc = cs_error_set(err, CS_ETOOBIG, "the message is over its limit of %zu bytes", c->out->max);
    if (!cs_codec_packing(c))
        msgpack_zone_destroy(&c->zone);
    free(c);
    return rc;
}

struct cs_arena *cs_codec_arena(struct cs_codec *c)
{
    return c->arena;
}

bool cs_codec_packing(const struct cs_codec *c)
{
    return c->out != NULL;
}

bool cs_codec_ok(const struct cs_codec *c)
{
    return c->rc == CS_OK;
}

void cs_codec_fail(struct cs_codec *c, const char *fmt, ...)
{
    if (c->rc != CS_OK)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->fault.msg, sizeof c->fault.msg, fmt, ap);
    va_end(ap);
    c->rc = c->fault.code = cs_codec_packing(c) ? CS_EINVAL : CS_EPROTO;
}

/* ---- one value -------------------------------------------------------------------------------- */

/* Packing: counts one more value of the array at hand. False when there was a fault before. */
static bool put(struct cs_codec *c)
{
    if (c->rc != CS_OK)
        return false;
    CS_ASSERT(c->frames[c->depth].left > 0); /* a visitor that writes more than it announced */
    c->frames[c->depth].left--;
    return true;
}

/* Unpacking: the next value if it has the type, else a fault and NULL. */
static const msgpack_object *take(struct cs_codec *c, msgpack_object_type type, const char *what)
{
    struct frame *f = &c->frames[c->depth];
    if (c->rc != CS_OK)
        return NULL;
    if (f->left == 0) {
        cs_codec_fail(c, "an array ends where %s was expected", what);
        return NULL;
    }
    const msgpack_object *o = f->next++;
    f->left--;
    if (o->type != type) {
        cs_codec_fail(c, "%s was expected, not type %d", what, (int)o->type);
        return NULL;
    }
    return o;
}

static bool next_is_nil(const struct cs_codec *c)
{
    const struct frame *f = &c->frames[c->depth];
    return c->rc == CS_OK && f->left > 0 && f->next->type == MSGPACK_OBJECT_NIL;
}

static void open_frame(struct cs_codec *c, uint32_t n, const msgpack_object *first)
{
    CS_ASSERT(c->depth < CS_CODEC_DEPTH_MAX); /* bytes are checked before; this is a visitor's mistake */
    c->frames[++c->depth] = (struct frame){n, first};
}

/* ---- arrays ----------------------------------------------------------------------------------- */

void cs_codec_array(struct cs_codec *c, uint32_t *n, uint32_t max)
{
    const msgpack_object *o = NULL;
    if (cs_codec_packing(c)) {
        if (*n > max)
            cs_codec_fail(c, "%u elements are over the limit of %u", *n, max);
        if (put(c)) {
            msgpack_pack_array(&c->packer, *n);
            open_frame(c, *n, NULL);
        }
        return;
    }
    *n = 0;
    o = take(c, MSGPACK_OBJECT_ARRAY, "an array");
    if (o == NULL)
        return;
    if (o->via.array.size > max) {
        cs_codec_fail(c, "%u elements are over the limit of %u", o->via.array.size, max);
        return;
    }
    *n = o->via.array.size;
    open_frame(c, *n, o->via.array.ptr);
}

void cs_codec_begin(struct cs_codec *c, uint32_t fields)
{
    uint32_t n = fields;
    cs_codec_array(c, &n, cs_codec_packing(c) ? fields : UINT32_MAX);
    if (n < fields)
        cs_codec_fail(c, "a record has %u fields where %u are needed", n, fields);
}

bool cs_codec_more(const struct cs_codec *c)
{
    return c->rc == CS_OK && (cs_codec_packing(c) || c->frames[c->depth].left > 0);
}

void cs_codec_end(struct cs_codec *c)
{
    if (c->rc != CS_OK)
        return;
    CS_ASSERT(c->depth > 0);
    if (cs_codec_packing(c))
        CS_ASSERT(c->frames[c->depth].left == 0); /* a visitor that writes fewer than it announced */
    c->depth--;
}

/* ---- scalars ---------------------------------------------------------------------------------- */

static uint64_t unsigned_value(struct cs_codec *c, uint64_t v, uint64_t max)
{
    if (cs_codec_packing(c)) {
        if (put(c))
            msgpack_pack_uint64(&c->packer, v);
        return v;
    }
    const msgpack_object *o = take(c, MSGPACK_OBJECT_POSITIVE_INTEGER, "an unsigned number");
    if (o == NULL)
        return 0;
    if (o->via.u64 > max) {
        cs_codec_fail(c, "the number %llu is over %llu", (unsigned long long)o->via.u64, (unsigned long long)max);
        return 0;
    }
    return o->via.u64;
}

/* Packing only reads *v: what is packed may be shared, or in read-only memory. */
#define UNSIGNED(name, type, max)                                                                                      \
    void name(struct cs_codec *c, type *v)                                                                             \
    {                                                                                                                  \
        if (cs_codec_packing(c))                                                                                       \
            (void)unsigned_value(c, *v, max);                                                                          \
        else                                                                                                           \
            *v = (type)unsigned_value(c, 0, max);                                                                      \
    }
UNSIGNED(cs_codec_u64, uint64_t, UINT64_MAX)
UNSIGNED(cs_codec_u32, uint32_t, UINT32_MAX)
UNSIGNED(cs_codec_u16, uint16_t, UINT16_MAX)
UNSIGNED(cs_codec_u8, uint8_t, UINT8_MAX)
#undef UNSIGNED

void cs_codec_i64(struct cs_codec *c, int64_t *v)
{
    if (cs_codec_packing(c)) {
        if (put(c))
            msgpack_pack_int64(&c->packer, *v);
        return;
    }
    *v = 0;
    const struct frame *f = &c->frames[c->depth];
    bool negative = c->rc == CS_OK && f->left > 0 && f->next->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    const msgpack_object *o = take(c, negative ? MSGPACK_OBJECT_NEGATIVE_INTEGER : MSGPACK_OBJECT_POSITIVE_INTEGER,
                                   "a number");
    if (o == NULL)
        return;
    if (!negative && o->via.u64 > INT64_MAX)
        cs_codec_fail(c, "the number %llu is over %lld", (unsigned long long)o->via.u64, (long long)INT64_MAX);
    else
        *v = negative ? o->via.i64 : (int64_t)o->via.u64;
}

void cs_codec_bool(struct cs_codec *c, bool *v)
{
    if (cs_codec_packing(c)) {
        if (put(c))
            (void)(*v ? msgpack_pack_true(&c->packer) : msgpack_pack_false(&c->packer));
        return;
    }
    const msgpack_object *o = take(c, MSGPACK_OBJECT_BOOLEAN, "true or false");
    *v = o != NULL && o->via.boolean;
}

void cs_codec_double(struct cs_codec *c, double *v)
{
    if (cs_codec_packing(c)) {
        if (put(c))
            msgpack_pack_double(&c->packer, *v);
        return;
    }
    const msgpack_object *o = take(c, MSGPACK_OBJECT_FLOAT64, "a floating-point number");
    *v = o != NULL ? o->via.f64 : 0;
}

/* ---- strings ---------------------------------------------------------------------------------- */

/* What we pack must be such as the other side accepts. */
static bool string_fits(struct cs_codec *c, const char *s, size_t n, uint32_t max)
{
    if (n > max)
        cs_codec_fail(c, "a string of %zu bytes is over its limit of %u", n, max);
    else if (!cs_utf8_valid(s, n))
        cs_codec_fail(c, "a string is not UTF-8 without NUL");
    return c->rc == CS_OK;
}

static void pack_str(struct cs_codec *c, const char *s, uint32_t max)
{
    size_t n = s != NULL ? strlen(s) : 0;
    if (s == NULL) {
        if (put(c))
            msgpack_pack_nil(&c->packer);
    } else if (c->rc == CS_OK && string_fits(c, s, n, max) && put(c)) {
        msgpack_pack_str(&c->packer, n);
        msgpack_pack_str_body(&c->packer, s, n);
    }
}

/* A copy with a NUL behind it. The library gives NULL for no bytes. */
static const char *keep(struct cs_codec *c, const char *bytes, uint32_t n)
{
    return n > 0 ? cs_arena_strndup(c->arena, bytes, n) : "";
}

void cs_codec_str(struct cs_codec *c, const char **s, uint32_t max)
{
    if (cs_codec_packing(c)) {
        pack_str(c, *s, max);
        return;
    }
    *s = NULL;
    if (next_is_nil(c)) {
        (void)take(c, MSGPACK_OBJECT_NIL, "nil");
        return;
    }
    const msgpack_object *o = take(c, MSGPACK_OBJECT_STR, "a string");
    if (o != NULL && string_fits(c, o->via.str.ptr, o->via.str.size, max))
        *s = keep(c, o->via.str.ptr, o->via.str.size);
}

void cs_codec_bin(struct cs_codec *c, const uint8_t **p, uint32_t *n, uint32_t max)
{
    if (cs_codec_packing(c)) {
        if (*n > max)
            cs_codec_fail(c, "%u bytes are over the limit of %u", *n, max);
        if (put(c)) {
            msgpack_pack_bin(&c->packer, *n);
            msgpack_pack_bin_body(&c->packer, *p, *n);
        }
        return;
    }
    *p = NULL;
    *n = 0;
    const msgpack_object *o = take(c, MSGPACK_OBJECT_BIN, "a byte string");
    if (o == NULL)
        return;
    if (o->via.bin.size > max) {
        cs_codec_fail(c, "%u bytes are over the limit of %u", o->via.bin.size, max);
        return;
    }
    *n = o->via.bin.size;
    *p = (const uint8_t *)keep(c, o->via.bin.ptr, *n);
}

void cs_codec_fixed(struct cs_codec *c, void *p, uint32_t n)
{
    if (cs_codec_packing(c)) {
        if (put(c)) {
            msgpack_pack_bin(&c->packer, n);
            msgpack_pack_bin_body(&c->packer, p, n);
        }
        return;
    }
    memset(p, 0, n);
    const msgpack_object *o = take(c, MSGPACK_OBJECT_BIN, "a byte string");
    if (o == NULL)
        return;
    if (o->via.bin.size != n)
        cs_codec_fail(c, "%u bytes where %u are needed", o->via.bin.size, n);
    else if (n > 0)
        memcpy(p, o->via.bin.ptr, n);
}

void *cs_codec_alloc(struct cs_codec *c, uint32_t count, size_t size)
{
    CS_ASSERT(!cs_codec_packing(c));
    return cs_arena_array(c->arena, count, size);
}
