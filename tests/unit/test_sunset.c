/* The day on which a provider ends a model: how it is read, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/study/sunset.h"

static void test_days_are_read_strictly(void **state)
{
    static const char *const bad[] = {"2027-02-30", "2027-3-1", "1 March 2027", "2027-03-01T00:00", "", "1027-03-01"};
    int64_t ms = 0;
    char day[16];
    (void)state;
    assert_true(cs_sunset_parse("2027-03-01", &ms));
    assert_int_equal(ms, 1803859200000);
    cs_sunset_day(ms, day);
    assert_string_equal(day, "2027-03-01");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cs_sunset_parse(bad[i], &ms));
}

static void test_it_warns_when_the_work_takes_longer(void **state)
{
    const int64_t day = 86400000, end = 1803859200000, now = end - 3 * day;
    char words[160];
    (void)state;
    assert_string_equal(cs_sunset_words(0, now, 1e9, words, sizeof words), "");
    assert_string_equal(cs_sunset_words(end, now, -1, words, sizeof words),
                        "its provider ends it on 2027-03-01, in 3 days");
    assert_non_null(strstr(cs_sunset_words(end, now, 4 * 86400.0, words, sizeof words), "BEFORE this would be done"));
    assert_non_null(strstr(cs_sunset_words(end, end, 1, words, sizeof words), "is over"));
    assert_false(cs_sunset_passes(end, now, 2 * 86400.0));
    assert_true(cs_sunset_passes(end, now, 3 * 86400.0));
    assert_false(cs_sunset_passes(0, now, 1e12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_days_are_read_strictly),
        cmocka_unit_test(test_it_warns_when_the_work_takes_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
