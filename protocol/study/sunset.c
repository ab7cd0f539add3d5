#include "protocol/study/sunset.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const int64_t DAY_MS = 86400000;

bool cs_sunset_parse(const char *text, int64_t *wall_ms)
{
    struct tm t = {0}, back;
    const char *end = strptime(text, "%Y-%m-%d", &t);
    if (strlen(text) != 10 || end == NULL || *end != '\0' || t.tm_year < 100)
        return false;
    const int day = t.tm_mday;
    const time_t at = timegm(&t);
    gmtime_r(&at, &back);
    *wall_ms = (int64_t)at * 1000;
    return back.tm_mday == day; /* there is no 30 February */
}

void cs_sunset_day(int64_t wall_ms, char out[16])
{
    const time_t at = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&at, &t);
    out[strftime(out, 16, "%Y-%m-%d", &t)] = '\0';
}

bool cs_sunset_passes(int64_t sunset_ms, int64_t now_ms, double seconds)
{
    return sunset_ms != 0 && (double)now_ms + (seconds > 0 ? seconds * 1e3 : 0) >= (double)sunset_ms;
}

const char *cs_sunset_words(int64_t sunset_ms, int64_t now_ms, double seconds, char *out, size_t size)
{
    char day[16];
    out[0] = '\0';
    if (sunset_ms == 0)
        return out;
    cs_sunset_day(sunset_ms, day);
    const long long days = (long long)((sunset_ms - now_ms + DAY_MS - 1) / DAY_MS);
    if (now_ms >= sunset_ms)
        snprintf(out, size, "its provider has announced its end for %s, which is over: calls may fail", day);
    else if (cs_sunset_passes(sunset_ms, now_ms, seconds))
        snprintf(out, size, "its provider ends it on %s, in %lld day%s: BEFORE this would be done", day, days,
                 days == 1 ? "" : "s");
    else
        snprintf(out, size, "its provider ends it on %s, in %lld day%s", day, days, days == 1 ? "" : "s");
    return out;
}
