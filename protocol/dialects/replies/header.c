#include "protocol/dialects/replies/header.h"

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
        if ((name[i] == 'c' || name[i] == 'C') && strncasecmp(name + i, "cache", 5) == 0)
            return true;
    }
    return false;
}

/* Among the words of the value: hit, HIT-STALE, TCP_MEM_HIT, true; several caches may each say one ("MISS, HIT"; "nginx; hit"). */
static bool says_hit(const char *value, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = 0;
        while (at + len < n && strchr(" \t,;", value[at + len]) == NULL)
            len++;
        const char *word = value + at;
        if ((len >= 3 && strncasecmp(word, "hit", 3) == 0) ||
            (len >= 4 && strncasecmp(word + len - 4, "_hit", 4) == 0) ||
            (at == 0 && len == 4 && strncasecmp(word, "true", 4) == 0))
            return true;
        at += len + 1;
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
        if (says_hit(value, (size_t)(line + len - value)) && speaks_of_cache(line, name))
            return true;
        line += len;
        line += strspn(line, "\r\n");
    }
    return false;
}
