#include "tools/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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
    double usd = (double)nano_usd / 1e9;
    snprintf(out, CS_TEXT_MAX_LEN, usd != 0 && fabs(usd) < 0.1 ? "$%.4f" : "$%.2f", usd);
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
