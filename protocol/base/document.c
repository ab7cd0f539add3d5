#include "protocol/base/document.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/json.h"

enum { DIGITS = 15 }; /* 0.001062, not 0.0010620000000000001 */
static const char NANO[] = "nano_usd";

static void put(struct cs_json *to, const char *key, struct cs_json *v)
{
    CS_ASSERT(cs_json_object_set_new(to, key, v) == 0);
}

struct cs_json *cs_document_begin(const char *name, int64_t as_of_wall_ms)
{
    struct cs_json *root = cs_json_object();
    struct cs_buf schema = CS_BUF_INIT(128);
    char at[32];
    cs_clock_format_utc(as_of_wall_ms, at);
    cs_buf_printf(&schema, "clinsafe.%s", name);
    put(root, "schema", cs_json_string(cs_buf_cstr(&schema)));
    put(root, "as_of", cs_json_string(at));
    cs_buf_release(&schema);
    return root;
}

void cs_document_head(struct cs_buf *out, const char *name, int64_t as_of_wall_ms)
{
    char at[32];
    cs_clock_format_utc(as_of_wall_ms, at);
    cs_buf_printf(out, "{\"schema\":\"clinsafe.%s\",\"as_of\":\"%s\"", name, at);
}

/* ---- money ---------------------------------------------------------------------------------------- */

static bool is_nano(const char *key)
{
    const size_t n = strlen(key), m = sizeof NANO - 1;
    return n >= m && strcmp(key + n - m, NANO) == 0 && (n == m || key[n - m - 1] == '_');
}

static void put_dollars(struct cs_json *to, const char *key, const struct cs_json *nano)
{
    const int64_t v = cs_json_integer_value(nano);
    struct cs_buf name = CS_BUF_INIT(256);
    if (strcmp(key, NANO) == 0)
        cs_buf_str(&name, "amount_usd");
    else
        cs_buf_printf(&name, "%.*susd", (int)(strlen(key) - (sizeof NANO - 1)), key);
    put(to, cs_buf_cstr(&name), cs_json_is_integer(nano) && v >= 0 ? cs_json_real((double)v / 1e9) : cs_json_null());
    cs_buf_release(&name);
}

/* No deeper than a document is, which is made by us. */
struct cs_json *cs_document_money(struct cs_json *v)
{
    struct cs_json *out = NULL, *inner;
    if (cs_json_is_object(v)) {
        const char *key;
        out = cs_json_object();
        cs_json_object_foreach(v, key, inner)
        {
            if (is_nano(key))
                put_dollars(out, key, inner);
            else
                put(out, key, cs_document_money(cs_json_incref(inner)));
        }
    } else if (cs_json_is_array(v)) {
        size_t i;
        out = cs_json_array();
        cs_json_array_foreach(v, i, inner)
            CS_ASSERT(cs_json_array_append_new(out, cs_document_money(cs_json_incref(inner))) == 0);
    } else {
        return v;
    }
    cs_json_decref(v);
    return out;
}

void cs_document_add(struct cs_json *to, struct cs_json *from)
{
    struct cs_json *members = cs_document_money(from);
    CS_ASSERT(cs_json_object_update(to, members) == 0);
    cs_json_decref(members);
}

bool cs_document_print(struct cs_json *root, FILE *out)
{
    const bool bad = cs_json_dumpf(root, out, CS_JSON_INDENT(2) | CS_JSON_REAL_PRECISION(DIGITS)) != 0;
    cs_json_decref(root);
    return fputc('\n', out) != EOF && !bad && fflush(out) == 0;
}
