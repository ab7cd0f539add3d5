#include "worker/deadline.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PARTS_MAX = 3, DIGITS_MAX = 9 };

static const char wanted[] = "want seconds, [DAYS-]HOURS:MINUTES:SECONDS, a moment such as 2026-11-29T03:00:00Z, "
                             "a time of day such as T03:00, or slurm";

/* A number of a few digits; moves *at behind it. */
static bool number(const char **at, uint64_t *out)
{
    const size_t n = strspn(*at, "0123456789");

    if (n == 0 || n > DIGITS_MAX)
        return false;
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out = *out * 10 + (uint64_t)(*(*at)++ - '0');
    return true;
}

/* SECONDS, or M:S, H:M:S, D-H, D-H:M, D-H:M:S. */
static bool read_span(const char *at, uint64_t *seconds)
{
    static const uint64_t unit[] = {3600, 60, 1};
    uint64_t days = 0, part[PARTS_MAX] = {0};
    unsigned n = 0, from;

    if (!number(&at, &part[n++]))
        return false;
    const bool has_days = *at == '-';
    if (has_days) {
        days = part[0];
        at++;
        if (!number(&at, &part[0]))
            return false;
    }
    for (; *at == ':' && n < PARTS_MAX; n++) {
        at++;
        if (!number(&at, &part[n]) || part[n] > 59)
            return false;
    }
    from = has_days ? 0 : PARTS_MAX - n;
    *seconds = days * 86400;
    for (unsigned i = 0; i < n; i++)
        *seconds += part[i] * unit[from + i];
    return *at == '\0';
}

static bool is_same_moment(const struct tm *a, const struct tm *b)
{
    return a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday && a->tm_hour == b->tm_hour && a->tm_min == b->tm_min &&
           a->tm_sec == b->tm_sec;
}

/* With a Z in UTC, without one by this machine's clock; seconds may be left out. */
static bool read_moment(const char *text, int64_t *seconds)
{
    struct tm tm = {.tm_isdst = -1};
    int used = 0, minute = 0;

    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d%n:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &minute, &tm.tm_sec, &used) < 5 ||
        minute == 0)
        return false;
    used = used > 0 ? used : minute;
    if (text[used] != '\0' && strcmp(text + used, "Z") != 0)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    const struct tm said = tm;
    *seconds = text[used] == 'Z' ? timegm(&tm) : mktime(&tm); /* which mend a 31st of February: that is refused */
    return is_same_moment(&tm, &said);
}

/* THH:MM or THH:MM:SS: the next time that this machine's clock shows it. */
static bool read_time_of_day(const char *text, int64_t wall_s, int64_t *seconds)
{
    const time_t now = wall_s;
    struct tm tm, said;
    uint64_t part[3] = {0};
    const char *at = text + 1;

    if (text[0] != 'T' || localtime_r(&now, &tm) == NULL || !number(&at, &part[0]) || part[0] > 23)
        return false;
    for (unsigned i = 1; i < 3 && *at == ':'; i++) {
        at++;
        if (!number(&at, &part[i]) || part[i] > 59)
            return false;
    }
    if (*at != '\0' || strchr(text, ':') == NULL)
        return false;
    tm.tm_hour = (int)part[0], tm.tm_min = (int)part[1], tm.tm_sec = (int)part[2], tm.tm_isdst = -1;
    said = tm;
    *seconds = mktime(&tm);
    if (*seconds <= wall_s) {
        said.tm_mday++;
        *seconds = mktime(&said);
    }
    return true;
}

enum cs_err cs_deadline_parse(const char *text, int64_t wall_ms, uint64_t *left_ms, struct cs_error *err)
{
    uint64_t span;
    int64_t moment;

    *left_ms = 0;
    if (strcmp(text, "UNLIMITED") == 0 || strcmp(text, "NOT_SET") == 0)
        return CS_OK;
    if (read_span(text, &span)) {
        if (span == 0)
            return cs_error_set(err, CS_EUSAGE, "--deadline %s: no time is left", text);
        *left_ms = span * 1000;
        return CS_OK;
    }
    if (!read_moment(text, &moment) && !read_time_of_day(text, wall_ms / 1000, &moment))
        return cs_error_set(err, CS_EUSAGE, "--deadline %.60s: %s", text, wanted);
    if (moment * 1000 <= wall_ms)
        return cs_error_set(err, CS_EUSAGE, "--deadline %s: that moment has passed", text);
    *left_ms = (uint64_t)(moment * 1000 - wall_ms);
    return CS_OK;
}
