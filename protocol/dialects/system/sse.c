#include "protocol/dialects/system/sse.h"

#include <stdint.h>
#include <string.h>

#include "protocol/base/buf.h"
#include "protocol/base/utf8.h"

struct cs_sse cs_sse_begin(const char *body, size_t n)
{
    if (n >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0)
        return (struct cs_sse){body + 3, body + n};
    return (struct cs_sse){body, body + n};
}

/* The next line; false: there is none. */
static bool next_line(struct cs_sse *e, const char **line, size_t *n)
{
    const char *s = e->at;
    if (s == e->end)
        return false;
    while (s < e->end && *s != '\r' && *s != '\n')
        s++;
    *line = e->at;
    *n = (size_t)(s - e->at);
    e->at = s + (s == e->end ? 0 : *s == '\r' && s + 1 < e->end && s[1] == '\n' ? 2 : 1);
    return true;
}

/* The value of a field of this name, behind its colon and one blank. */
static bool is_field(const char *line, size_t n, const char *name, const char **value, size_t *len)
{
    const size_t k = strlen(name);
    if (n < k || memcmp(line, name, k) != 0 || (n > k && line[k] != ':'))
        return false;
    const char *from = line + (n > k ? k + 1 : k);
    if (from < line + n && *from == ' ')
        from++;
    *value = from;
    *len = (size_t)(line + n - from);
    return true;
}

bool cs_sse_next(struct cs_sse *e, struct cs_arena *arena, struct cs_sse_event *out)
{
    struct cs_buf data = CS_BUF_INIT(SIZE_MAX);
    const char *line, *value;
    size_t n, len;
    unsigned lines = 0;
    *out = (struct cs_sse_event){"", ""};
    while (next_line(e, &line, &n) && (n > 0 || (lines == 0 && out->name[0] == '\0'))) {
        if (is_field(line, n, "event", &value, &len)) {
            out->name = len > 0 ? cs_utf8_clean(arena, value, len, len) : "";
        } else if (is_field(line, n, "data", &value, &len)) {
            if (lines++ > 0)
                cs_buf_char(&data, '\n');
            cs_buf_append(&data, value, len);
        }
    }
    out->data = data.len > 0 ? cs_utf8_clean(arena, data.data, data.len, data.len) : "";
    cs_buf_release(&data);
    return lines > 0 || out->name[0] != '\0';
}

const char *cs_sse_named(const struct cs_json *data, struct cs_arena *arena)
{
    static const char *const members[] = {"event", "type"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct cs_json *v = cs_json_object_get(data, members[i]);
        if (cs_json_is_string(v))
            return cs_arena_strdup(arena, cs_json_string_value(v));
    }
    return "";
}
