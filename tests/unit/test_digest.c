/* Digests: fixed values, computed with another implementation (Python's hashlib). They may never change: they name what
 * was paid for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/digest.h"

static void assert_digest(const uint8_t *bytes, size_t n, const char *hex)
{
    char text[65];
    cs_digest_hex(bytes, n, text);
    assert_string_equal(text, hex);
}

/* hashlib.blake2b(data, digest_size=32) */
static void bodies(void **state)
{
    (void)state;
    uint8_t d[32];
    cs_digest_blake2b_256("", 0, d);
    assert_digest(d, 32, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
    cs_digest_blake2b_256("abc", 3, d);
    assert_digest(d, 32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

/* hashlib.blake2b(b"clinsafe-trial-1\0openai-chat\0gpt-test\0" + body + struct.pack(">II", repeat, twin), ...)[:16] */
static void trials(void **state)
{
    (void)state;
    static const char body[] = "{\"model\":\"m\"}";
    uint8_t b[32];
    struct cs_digest d, e;
    cs_digest_blake2b_256(body, sizeof body - 1, b);
    cs_digest_trial("openai-chat", "gpt-test", b, 2, 1, &d);
    assert_digest(d.b, 16, "d45a4b2cda5b5c28a780dc3ff8ab9a6a");
    cs_digest_trial("openai-chat", "gpt-test", b, 0x01020304, 0, &e);
    assert_digest(e.b, 16, "6c783d1c373885a224c289356d736316");
    assert_false(cs_digest_equal(&d, &e));
    assert_true(cs_digest_equal(&d, &d));
}

static void every_part_counts(void **state)
{
    (void)state;
    uint8_t body[32] = {1}, other[32] = {2};
    struct cs_digest d[7];
    cs_digest_trial("openai-chat", "m", body, 0, 0, &d[0]);
    cs_digest_trial("openai-chat", "m", body, 1, 0, &d[1]);
    cs_digest_trial("openai-chat", "m", body, 0, 1, &d[2]);
    cs_digest_trial("openai-chat", "m", other, 0, 0, &d[3]);
    cs_digest_trial("openai-chat", "n", body, 0, 0, &d[4]);
    cs_digest_trial("openai-chatm", "", body, 0, 0, &d[5]); /* the NULs keep neighbours apart */
    cs_digest_trial("openai", "m", body, 0, 0, &d[6]);
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < i; j++)
            assert_false(cs_digest_equal(&d[i], &d[j]));
}

static void hex_there_and_back(void **state)
{
    (void)state;
    uint8_t out[3] = {0};
    assert_true(cs_digest_unhex("00fFa1", out, 3));
    assert_memory_equal(out, "\x00\xff\xa1", 3);
    assert_false(cs_digest_unhex("00ff", out, 3));
    assert_false(cs_digest_unhex("00ffa1b", out, 3));
    assert_false(cs_digest_unhex("00fg00", out, 3));
    assert_false(cs_digest_unhex("00 f00", out, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(trials),
        cmocka_unit_test(every_part_counts),
        cmocka_unit_test(hex_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
