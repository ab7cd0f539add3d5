#include "worker/providers/provider.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

const struct cs_provider *cs_provider_of(enum cs_protocol p)
{
    static const struct cs_provider *const all[] = {&cs_provider_openai_chat, &cs_provider_openai_responses,
                                                    &cs_provider_anthropic, &cs_provider_gemini, &cs_provider_bedrock};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i]->protocol == p)
            return all[i];
    }
    return NULL;
}

/* ---- where calls go ------------------------------------------------------------------------------- */

/* A model's id as a segment of a path. */
static void put_segment(struct cs_buf *url, const char *id)
{
    for (const char *s = id; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            cs_buf_char(url, *s);
        else
            cs_buf_printf(url, "%%%02X", (unsigned char)*s);
    }
}

char *cs_provider_url(const struct cs_provider *p, const struct cs_account *a, const char *simulator, const char *model)
{
    static const char place[] = "{model}";
    struct cs_buf url = CS_BUF_INIT(SIZE_MAX);
    const char *path = a->path != NULL && !a->simulated ? a->path : p->path, *at;
    cs_buf_str(&url, a->simulated ? simulator : a->base_url);
    cs_buf_str(&url, a->simulated ? p->root : "");
    while ((at = strstr(path, place)) != NULL) {
        cs_buf_append(&url, path, (size_t)(at - path));
        put_segment(&url, model);
        path = at + sizeof place - 1;
    }
    cs_buf_str(&url, path);
    return cs_buf_take(&url);
}

char *cs_provider_auth(const struct cs_provider *p, const struct cs_account *a, const char *key)
{
    switch (a->auth) {
    case CS_AUTH_BEARER:
        return cs_xasprintf("Authorization: Bearer %s", key);
    case CS_AUTH_API_KEY:
        return cs_xasprintf("api-key: %s", key);
    case CS_AUTH_DEFAULT:
        break;
    }
    return cs_xasprintf("%s%s", p->auth_prefix, key);
}

uint32_t cs_provider_headers(const struct cs_provider *p, const struct cs_account *a, const char **lines)
{
    uint32_t n = 0;
    bool own = false;
    CS_ASSERT(a->n_headers <= CS_HEADERS_MAX);
    for (uint32_t i = 0; i < a->n_headers; i++) {
        own |= p->header != NULL && strncasecmp(a->headers[i], p->header, strcspn(p->header, ":") + 1) == 0;
        lines[n++] = a->headers[i];
    }
    if (p->header != NULL && !own)
        lines[n++] = p->header;
    return n;
}

/* ---- headers of replies ----------------------------------------------------------------------------- */

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

/* A non-negative number, and nothing behind it. */
static double number(const char *s)
{
    char *end;
    if (!isdigit((unsigned char)s[0]) && s[0] != '.')
        return -1;
    double v = strtod(s, &end);
    return *end == '\0' && isfinite(v) ? v : -1;
}

static uint64_t clamp_ms(double ms)
{
    return ms < CS_RETRY_QUIET_MAX_MS ? (uint64_t)ceil(ms) : CS_RETRY_QUIET_MAX_MS;
}

static bool http_date(const char *s, time_t *out)
{
    struct tm tm = {0};
    const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S", &tm);
    if (end == NULL)
        return false;
    *out = timegm(&tm);
    return true;
}

uint64_t cs_header_wait_ms(const char *headers, struct cs_arena *arena)
{
    const char *v = cs_header(headers, "retry-after-ms", arena);
    if (v != NULL && number(v) >= 0)
        return clamp_ms(number(v));
    v = cs_header(headers, "retry-after", arena);
    if (v == NULL)
        return CS_NO_HINT;
    if (number(v) >= 0)
        return clamp_ms(number(v) * 1000);
    const char *date = cs_header(headers, "date", arena);
    time_t until, now;
    if (date == NULL || !http_date(v, &until) || !http_date(date, &now))
        return CS_NO_HINT;
    return until > now ? clamp_ms((double)(until - now) * 1000) : 0;
}

uint64_t cs_duration_ms(const char *s)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"us", 1e-3}, {"ns", 1e-6}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}};
    double total = 0;
    const char *at = s;
    while (isdigit((unsigned char)*at)) {
        char *end;
        double v = strtod(at, &end);
        size_t u = 0, n = sizeof units / sizeof *units;
        while (u < n && strncmp(end, units[u].name, strlen(units[u].name)) != 0)
            u++;
        if (u == n)
            break;
        total += v * units[u].ms;
        at = end + strlen(units[u].name);
    }
    return at != s ? clamp_ms(total) : CS_NO_HINT;
}
