#include "protocol/dialects/replies/retry_after.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol/dialects/replies/header.h"

enum { NAME_MAX_SHOWN = 80 }; /* longest name of a header that is read as a reset */

/* A wait of nothing is none: who says so with an error would have us back at once, and again. */
static uint64_t hint(double ms)
{
    if (!(ms > 0))
        return CS_NO_HINT;
    return ms < (double)CS_RETRY_AFTER_MAX_MS ? (uint64_t)ceil(ms) : CS_RETRY_AFTER_MAX_MS;
}

/* ---- spans ------------------------------------------------------------------------------------- */

/* Digits with a point, no sign, no exponent, no "inf". */
static bool number(const char **s, double *out)
{
    const char *at = *s;
    char *end;
    if (!isdigit((unsigned char)at[0]) && !(at[0] == '.' && isdigit((unsigned char)at[1])))
        return false;
    size_t n = strspn(at, "0123456789.");
    char digits[40];
    if (n >= sizeof digits)
        n = sizeof digits - 1;
    memcpy(digits, at, n);
    digits[n] = '\0';
    *out = strtod(digits, &end);
    *s = at + (end - digits);
    return end != digits;
}

static const struct {
    const char *name;
    double ms;
} units[] = {
    {"milliseconds", 1}, {"millisecond", 1}, {"ms", 1},         {"us", 1e-3},     {"ns", 1e-6},      {"hours", 3600e3},
    {"hour", 3600e3},    {"hrs", 3600e3},    {"hr", 3600e3},    {"h", 3600e3},    {"minutes", 60e3}, {"minute", 60e3},
    {"mins", 60e3},      {"min", 60e3},      {"m", 60e3},       {"seconds", 1e3}, {"second", 1e3},   {"secs", 1e3},
    {"sec", 1e3},        {"s", 1e3},         {"days", 86400e3}, {"day", 86400e3}, {"d", 86400e3},
};

/* One number and its unit; nothing is taken when there is none. */
static bool part(const char **s, double *ms)
{
    const char *at = *s;
    double v;
    if (!number(&at, &v))
        return false;
    at += strspn(at, " ");
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        const size_t n = strlen(units[u].name);
        if (strncasecmp(at, units[u].name, n) != 0 || isalpha((unsigned char)at[n]))
            continue;
        *ms += v * units[u].ms;
        *s = at + n;
        return true;
    }
    return false;
}

/* *s: behind it. */
static bool span(const char **s, double *ms)
{
    const char *at = *s;
    bool any = false;
    *ms = 0;
    while (part(&at, ms)) {
        any = true;
        *s = at;
        at += strspn(at, " ,");
        if (strncasecmp(at, "and ", 4) == 0)
            at += 4;
    }
    return any;
}

uint64_t cs_retry_after_duration_ms(const char *s)
{
    double ms;
    return span(&s, &ms) ? hint(ms) : CS_NO_HINT;
}

/* ---- moments ----------------------------------------------------------------------------------- */

/* "+02:00", "-0500", "Z" or nothing behind an ISO date. */
static double zone(const char *s)
{
    int h, m;
    if ((s[0] != '+' && s[0] != '-') || (sscanf(s + 1, "%2d:%2d", &h, &m) != 2 && sscanf(s + 1, "%2d%2d", &h, &m) != 2))
        return 0;
    return (s[0] == '-' ? -1 : 1) * (h * 3600e3 + m * 60e3);
}

/* Unix milliseconds of an HTTP date in its three forms, or an ISO date. */
static bool date_ms(const char *s, double *out)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
                                        "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(s, forms[i], &tm);
        double fraction = 0;
        if (end == NULL)
            continue;
        *out = (double)timegm(&tm) * 1000;
        if (i >= 3) {
            if (*end == '.')
                (void)number(&end, &fraction);
            *out += fraction * 1000 - zone(end + strspn(end, " "));
        }
        return true;
    }
    return false;
}

static bool now_of(const char *headers, int64_t wall_ms, struct cs_arena *arena, double *now)
{
    const char *date = cs_header(headers, "date", arena);
    if (date != NULL && date_ms(date, now))
        return true;
    *now = (double)wall_ms;
    return wall_ms > 0;
}

/* A value of Retry-After or of a reset: a span, a bare number of seconds, or a moment. Beyond the year 2001 a number is Unix time. */
static uint64_t value_ms(const char *v, const char *headers, int64_t wall_ms, struct cs_arena *arena)
{
    v += strspn(v, "\" ");
    const char *at = v;
    double x, now;
    if (number(&at, &x) && strchr("\",", at[strspn(at, " ")]) != NULL) { /* quoted, or said twice */
        if (x < 1e9)
            return hint(x * 1000);
        x = x < 1e11 ? x * 1000 : x;
    } else if (at = strncasecmp(v, "PT", 2) == 0 ? v + 2 : v, span(&at, &x)) {
        return at[strspn(at, " ")] == '\0' ? hint(x) : CS_NO_HINT;
    } else if (!date_ms(v, &x)) {
        return CS_NO_HINT;
    }
    return now_of(headers, wall_ms, arena, &now) ? hint(x - now) : CS_NO_HINT;
}

uint64_t cs_retry_after_ms(const char *headers, int64_t wall_ms, struct cs_arena *arena)
{
    static const char *const names[] = {"retry-after-ms", "x-ms-retry-after-ms" /* Azure */};
    const char *v, *at;
    double ms;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        at = v = cs_header(headers, names[i], arena);
        if (v != NULL && number(&at, &ms) && at[strspn(at, " ms")] == '\0' && hint(ms) != CS_NO_HINT)
            return hint(ms);
    }
    v = cs_header(headers, "retry-after", arena);
    return v != NULL ? value_ms(v, headers, wall_ms, arena) : CS_NO_HINT;
}

/* ---- resets ------------------------------------------------------------------------------------ */

/* Is something left of the limit that `name` ("...reset...", its word at `reset`) is about? Unknown: no. */
static bool some_left(const char *headers, const char *name, size_t n, size_t reset, struct cs_arena *arena)
{
    char *remaining = cs_arena_printf(arena, "%.*sremaining%.*s", (int)reset, name, (int)(n - reset - 5),
                                      name + reset + 5);
    const char *v = cs_header(headers, remaining, arena);
    return v != NULL && strtod(v, NULL) > 0;
}

/* The line behind this one; NULL: it was the last. */
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : NULL;
}

static size_t find_word(const char *name, size_t n, const char *word)
{
    const size_t len = strlen(word);
    for (size_t i = 0; i + len <= n; i++) {
        if (strncasecmp(name + i, word, len) == 0)
            return i;
    }
    return n;
}

/* A number behind one of the names that a member of the IETF's RateLimit may have. */
static bool member(const char *v, const char *const *names, double *out)
{
    for (; *names != NULL; names++) {
        const char *at = strcasestr(v, *names);
        if (at != NULL && (at == v || strchr(" ;,", at[-1]) != NULL) && (at += strlen(*names), number(&at, out)))
            return true;
    }
    return false;
}

/* RateLimit: "default";r=0;t=12, or in its earlier form limit=100, remaining=0, reset=12. */
static uint64_t ratelimit_ms(const char *headers, struct cs_arena *arena)
{
    static const char *const remaining[] = {"r=", "remaining=", NULL}, *const resets[] = {"t=", "reset=", NULL};
    const char *v = cs_header(headers, "ratelimit", arena);
    double some, s;
    return v == NULL || (member(v, remaining, &some) && some > 0) || !member(v, resets, &s) ? CS_NO_HINT
                                                                                            : hint(s * 1000);
}

uint64_t cs_retry_after_reset_ms(const char *headers, int64_t wall_ms, struct cs_arena *arena, const char **source)
{
    uint64_t longest = ratelimit_ms(headers, arena);
    if (longest != CS_NO_HINT)
        *source = "ratelimit";
    for (const char *line = headers; line != NULL && *line != '\0'; line = next_line(line)) {
        const size_t n = strcspn(line, ":\r\n"), reset = find_word(line, n, "reset");
        if (line[n] != ':' || n > NAME_MAX_SHOWN || reset == n ||
            (find_word(line, n, "ratelimit") == n && find_word(line, n, "rate-limit") == n))
            continue;
        char *name = cs_arena_strndup(arena, line, n);
        const char *v = cs_header(headers, name, arena);
        const uint64_t ms = v != NULL ? value_ms(v, headers, wall_ms, arena) : CS_NO_HINT;
        if (ms == CS_NO_HINT || (longest != CS_NO_HINT && ms <= longest) || some_left(headers, name, n, reset, arena))
            continue;
        longest = ms;
        *source = name;
    }
    return longest;
}

/* ---- texts ------------------------------------------------------------------------------------- */

uint64_t cs_retry_after_in_text_ms(const char *text)
{
    static const char *const leads[] = {
        "try again in ",          "try again after ", "retry after ", "retry in ",       "retry your request after ",
        "retry your request in ", "please wait ",     "resets in ",   "reset in ",       "available in ",
        "reset after ",           "resets after ",    "wait for ",    "available after "};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        for (const char *at = strcasestr(text, leads[i]); at != NULL; at = strcasestr(at, leads[i])) {
            at += strlen(leads[i]);
            const uint64_t ms = cs_retry_after_duration_ms(at);
            if (ms != CS_NO_HINT)
                return ms;
        }
    }
    return CS_NO_HINT;
}
