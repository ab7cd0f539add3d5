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
