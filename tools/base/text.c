#include "tools/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

const char *cs_text_count(char out[CS_TEXT_MAX_LEN], uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n), o = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = '\0';
    return out;
}

const char *cs_text_duration(char out[CS_TEXT_MAX_LEN], double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return snprintf(out, CS_TEXT_MAX_LEN, "unknown"), out;
    uint64_t s = (uint64_t)llround(seconds);
    if (s < 60)
        snprintf(out, CS_TEXT_MAX_LEN, "%" PRIu64 " s", s);
    else if (s < 3600)
        snprintf(out, CS_TEXT_MAX_LEN, "%" PRIu64 " min %02" PRIu64 " s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, CS_TEXT_MAX_LEN, "%" PRIu64 " h %02" PRIu64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, CS_TEXT_MAX_LEN, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
    return out;
}

const char *cs_text_usd(char out[CS_TEXT_MAX_LEN], int64_t nano_usd)
{
    const double usd = (double)nano_usd / 1e9;
    int digits = usd != 0 && fabs(usd) < 0.1 ? 4 : 2;
    if (usd != 0 && fabs(usd) < 0.0001) /* two that count: what one call costs is not nothing */
        digits = (int)fmin(9, 1 - floor(log10(fabs(usd))));
    snprintf(out, CS_TEXT_MAX_LEN, "$%.*f", digits, usd);
    return out;
}

const char *cs_text_tokens(char out[CS_TEXT_MAX_LEN], uint64_t n)
{
    if (n < 1000)
        snprintf(out, CS_TEXT_MAX_LEN, "%" PRIu64, n);
    else if (n < 1000 * 1000)
        snprintf(out, CS_TEXT_MAX_LEN, "%.1fk", (double)n / 1e3);
    else
        snprintf(out, CS_TEXT_MAX_LEN, "%.2fM", (double)n / 1e6);
    return out;
}

/* ---- times of this machine's day ----------------------------------------------------------------------------- */

enum stamp { CLOCK, DATE, DAY, TODAY, THIS_WEEK, LATER };

static const char *stamp(char out[CS_TEXT_MAX_LEN], int64_t wall_ms, enum stamp kind)
{
    const time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t n = 0;
    if (localtime_r(&t, &tm) == NULL)
        return snprintf(out, CS_TEXT_MAX_LEN, "-"), out;
    switch (kind) {
    case CLOCK:
        n = strftime(out, CS_TEXT_MAX_LEN, "%H:%M:%S", &tm);
        break;
    case DATE:
        n = strftime(out, CS_TEXT_MAX_LEN, "%F", &tm);
        break;
    case DAY:
        n = strftime(out, CS_TEXT_MAX_LEN, "%d %b %H:%M", &tm);
        break;
    case TODAY:
        n = strftime(out, CS_TEXT_MAX_LEN, "%H:%M today", &tm);
        break;
    case THIS_WEEK:
        n = strftime(out, CS_TEXT_MAX_LEN, "%a %H:%M", &tm);
        break;
    case LATER:
        n = strftime(out, CS_TEXT_MAX_LEN, "%d %b", &tm);
        break;
    }
    out[n] = '\0';
    return out;
}

const char *cs_text_clock(char out[CS_TEXT_MAX_LEN], int64_t wall_ms)
{
    return stamp(out, wall_ms, CLOCK);
}

static bool is_today(int64_t now_wall_ms, int64_t wall_ms)
{
    char today[CS_TEXT_MAX_LEN], day[CS_TEXT_MAX_LEN];
    return strcmp(stamp(today, now_wall_ms, DATE), stamp(day, wall_ms, DATE)) == 0;
}

const char *cs_text_moment(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms, int64_t wall_ms)
{
    return stamp(out, wall_ms, is_today(now_wall_ms, wall_ms) ? CLOCK : DAY);
}

const char *cs_text_day(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms, int64_t wall_ms)
{
    enum { SIX_DAYS_MS = 6 * 86400 * 1000 };
    return stamp(out, wall_ms,
                 is_today(now_wall_ms, wall_ms)        ? TODAY
                 : wall_ms < now_wall_ms + SIX_DAYS_MS ? THIS_WEEK
                                                       : LATER);
}

const char *cs_text_since(char out[2 * CS_TEXT_MAX_LEN], int64_t now_wall_ms, int64_t wall_ms)
{
    char at[CS_TEXT_MAX_LEN], ago[CS_TEXT_MAX_LEN];
    const int64_t ms = now_wall_ms > wall_ms ? now_wall_ms - wall_ms : 0;
    snprintf(out, 2 * CS_TEXT_MAX_LEN, "since %.30s (%.30s)", cs_text_moment(at, now_wall_ms, wall_ms),
             cs_text_duration(ago, (double)ms / 1e3));
    return out;
}
