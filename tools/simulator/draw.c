#include "tools/simulator/draw.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/digest.h"

enum { KEY_MAX = 64 * 1024 * 1024 }; /* a field's name comes from the request, which is 32 MiB at most */

static void key_start(struct cs_buf *key, uint64_t seed, va_list words)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)seed);
    cs_buf_str(key, digits);
    for (const char *w; (w = va_arg(words, const char *)) != NULL;) {
        cs_buf_char(key, 0x1f);
        cs_buf_str(key, w);
    }
}

static double unit_of(const struct cs_buf *key)
{
    uint8_t hash[32];
    uint64_t x = 0;
    CS_ASSERT(!key->overflow);
    cs_digest_blake2b_256(key->data, key->len, hash);
    for (int i = 0; i < 8; i++)
        x = x << 8 | hash[i];
    return (double)(x >> 11) * 0x1p-53;
}

double cs_sim_draw_unit(uint64_t seed, ...)
{
    struct cs_buf key = CS_BUF_INIT(KEY_MAX);
    va_list words;
    va_start(words, seed);
    key_start(&key, seed, words);
    va_end(words);
    const double u = unit_of(&key);
    cs_buf_release(&key);
    return u;
}

double cs_sim_draw_normal(uint64_t seed, ...)
{
    struct cs_buf key = CS_BUF_INIT(KEY_MAX);
    va_list words;
    va_start(words, seed);
    key_start(&key, seed, words);
    va_end(words);
    cs_buf_str(&key, "\x1f"
                     "1");
    const double u1 = unit_of(&key);
    key.data[key.len - 1] = '2';
    const double u2 = unit_of(&key);
    cs_buf_release(&key);
    return sqrt(-2.0 * log(1.0 - u1)) * cos(2.0 * M_PI * u2);
}
