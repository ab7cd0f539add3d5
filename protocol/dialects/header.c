#include "protocol/dialects/header.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *cs_header(const char *headers, const char *name, struct cs_arena *arena)
{
    size_t n = strlen(name);
    for (const char *line = headers; *line != '\0';) {
        size_t len = strcspn(line, "\r\n");
        if (len > n && line[n] == ':' && strncasecmp(line, name, n) == 0) {
            const char *from = line + n + 1, *to = line + len;
            while (from < to && isspace((unsigned char)*from))
                from++;
            while (to > from && isspace((unsigned char)to[-1]))
                to--;
            return cs_arena_strndup(arena, from, (size_t)(to - from));
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

static bool speaks_of_cache(const char *name, size_t n)
{
    for (size_t i = 0; i + 5 <= n; i++) {
        if (strncasecmp(name + i, "cache", 5) == 0)
            return true;
    }
    return false;
}

bool cs_header_cache_hit(const char *headers)
{
    for (const char *line = headers; *line != '\0';) {
        const size_t len = strcspn(line, "\r\n"), name = strcspn(line, ":\r\n");
        const char *value = line + name + (name < len);
        value += strspn(value, " \t");
        if (name == 3 && strncasecmp(line, "age", 3) == 0 && *value >= '1' && *value <= '9')
            return true;
        if ((strncasecmp(value, "hit", 3) == 0 || strncasecmp(value, "true", 4) == 0) && speaks_of_cache(line, name))
            return true;
        line += len;
        line += strspn(line, "\r\n");
    }
    return false;
}
