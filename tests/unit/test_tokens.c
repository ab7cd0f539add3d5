/* Estimated tokens: between what two real tokenizers count (o200k, SmolLM2: tests/conformance/tokens_referee.py), within 15 % of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/study/tokens.h"

static void near_real_tokenizers(void **state)
{
    static const struct {
        const char *text;
        double o200k, smollm2;
    } t[] = {
        {"No morning stiffness beyond 10 min. Grip weak. No swelling of MCPs or wrists. No rash. Takes acetaminophen.\n\nDecide "
         "on referral, tests, procedures and acuity.",
         39, 41},
        {"A 58-year-old patient presents to the emergency department with crushing chest pressure. Vital signs are temperature "
         "36.8 C, heart rate 104, blood pressure 152/94.",
         38, 47},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        const double n = (double)cs_tokens_estimate(t[i].text, strlen(t[i].text));
        if (n < 0.85 * t[i].o200k || n > 1.15 * t[i].o200k || n < 0.85 * t[i].smollm2 || n > 1.15 * t[i].smollm2)
            fail_msg("%g tokens of: %s", n, t[i].text);
    }
}

static void odd_texts_have_tokens_too(void **state)
{
    (void)state;
    assert_int_equal(cs_tokens_estimate("", 0), 0);
    assert_int_equal(cs_tokens_estimate("a", 1), 1);
    assert_true(cs_tokens_estimate("\xff\xfe\x80", 3) > 0);
    assert_int_equal(cs_tokens_estimate("漢字かな", 12), 5); /* four characters */
    assert_true(cs_tokens_estimate("1234567890", 10) > cs_tokens_estimate("123", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_real_tokenizers),
        cmocka_unit_test(odd_texts_have_tokens_too),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
