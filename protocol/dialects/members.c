#include "protocol/dialects/members.h"

#include <string.h>

#include "protocol/base/json.h"

static int append(const char *bytes, size_t n, void *out)
{
    cs_buf_append(out, bytes, n);
    return 0;
}

void cs_members(const struct cs_json *object, struct cs_buf *out)
{
    if (cs_json_object_size(object) == 0)
        return;
    cs_buf_char(out, ',');
    const size_t before = out->len;
    (void)cs_json_dump_callback(object, append, out, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
    if (out->overflow)
        return;
    memmove(out->data + before, out->data + before + 1, out->len - before - 2); /* without its braces */
    out->len -= 2;
    out->data[out->len] = '\0';
}
