#include "protocol/dialects/retry_after.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/dialects/header.h"

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
    return ms < CS_RETRY_AFTER_MAX_MS ? (uint64_t)ceil(ms) : CS_RETRY_AFTER_MAX_MS;
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

uint64_t cs_retry_after_ms(const char *headers, struct cs_arena *arena)
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

uint64_t cs_retry_after_duration_ms(const char *s)
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

uint64_t cs_retry_after_in_text_ms(const char *text)
{
    static const char *const leads[] = {"try again in ", "retry after ", "retry in "};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const char *at = strstr(text, leads[i]);
        if (at == NULL)
            continue;
        at += strlen(leads[i]);
        uint64_t ms = cs_retry_after_duration_ms(at);
        char *end;
        double v = strtod(at, &end);
        if (ms == CS_NO_HINT && end != at && strncmp(end, " second", 7) == 0 && v >= 0 &&
            v < CS_RETRY_AFTER_MAX_MS / 1000.0)
            ms = (uint64_t)(v * 1000);
        if (ms != CS_NO_HINT)
            return ms;
    }
    return CS_NO_HINT;
}
