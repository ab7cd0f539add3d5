#include "protocol/base/json.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

/* What jansson cannot get ends the process in one line, as with all memory of sizes that we choose (alloc.h): it does not always survive
 * a NULL itself. Before main, because its first value may be made anywhere. */
__attribute__((constructor)) static void own_memory(void)
{
    json_set_alloc_funcs(cs_xmalloc, free);
}

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
