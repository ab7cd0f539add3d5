#include "tools/report/html/num.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char MINUS[] = "\xE2\x88\x92", EN_DASH[] = "\xE2\x80\x93", NARROW_SPACE[] = "\xE2\x80\xAF";

static struct cs_num dash(void)
{
    struct cs_num num;
    snprintf(num.s, sizeof num.s, "%s", EN_DASH);
    return num;
}

/* x without its sign, as printed: tells a true zero from -0.04 that prints as 0.0. */
static struct cs_num magnitude(double x, int decimals)
{
    struct cs_num num;
    snprintf(num.s, sizeof num.s, "%.*f", decimals, fabs(x) > 1e12 ? 1e12 : fabs(x));
    return num;
}

static bool prints_as_zero(const struct cs_num *num)
{
    return strspn(num->s, "0.") == strlen(num->s);
}

static struct cs_num with_sign(double x, int decimals, const char *plus)
{
    if (isnan(x))
        return dash();
    if (isinf(x)) {
        struct cs_num far;
        snprintf(far.s, sizeof far.s, "%s\xE2\x88\x9E", x < 0 ? MINUS : plus);
        return far;
    }
    struct cs_num abs = magnitude(x, decimals), num;
    const char *sign = prints_as_zero(&abs) ? "" : x < 0 ? MINUS : plus;
    snprintf(num.s, sizeof num.s, "%s%.40s", sign, abs.s);
    return num;
}

struct cs_num cs_num_fixed(double x, int decimals)
{
    return with_sign(x, decimals, "");
}

struct cs_num cs_num_signed(double x, int decimals)
{
    return with_sign(x, decimals, "+");
}

struct cs_num cs_num_interval(double lo, double hi, int decimals)
{
    if (isnan(lo) || isnan(hi))
        return dash();
    struct cs_num a = cs_num_signed(lo, decimals), b = cs_num_signed(hi, decimals), num;
    snprintf(num.s, sizeof num.s, "%.24s to %.24s", a.s, b.s);
    return num;
}

struct cs_num cs_num_count(uint64_t n)
{
    char digits[24];
    struct cs_num num;
    size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n), used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            memcpy(num.s + used, NARROW_SPACE, 3);
            used += 3;
        }
        num.s[used++] = digits[i];
    }
    num.s[used] = '\0';
    return num;
}

struct cs_num cs_num_p(double p)
{
    struct cs_num num;
    if (isnan(p))
        return dash();
    if (p < 0.001)
        snprintf(num.s, sizeof num.s, "<%s0.001", NARROW_SPACE);
    else
        snprintf(num.s, sizeof num.s, "%.*f", p < 0.1 ? 3 : 2, p);
    return num;
}

struct cs_num cs_num_percent(double x)
{
    struct cs_num share = cs_num_fixed(100 * x, 1), num;
    if (isnan(x))
        return dash();
    snprintf(num.s, sizeof num.s, "%.40s%s%%", share.s, NARROW_SPACE);
    return num;
}
