/* What is said of a peer that is not reached, from what the monitor of its socket tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/wire/reach.h"

enum { EVENTS_MAX = 8 };

struct said {
    enum cs_reach_event events[EVENTS_MAX];
    int n;
    enum cs_err code;
    const char *words;
};

static void check(const struct said *s, size_t n, bool with_keys)
{
    for (size_t i = 0; i < n; i++) {
        struct cs_reach r = {0};
        struct cs_error err = {0};
        for (int k = 0; k < s[i].n; k++)
            cs_reach_note(&r, s[i].events[k]);
        const enum cs_err rc = cs_reach_say(&r, "tcp://h:1", with_keys, &err);
        if (rc != s[i].code || strstr(err.msg, s[i].words) == NULL)
            fail_msg("%zu: %s: %s", i, cs_error_name(rc), err.msg);
    }
}

static void test_each_has_its_sentence(void **state)
{
    static const struct said all[] = {
        {{0}, 0, CS_ETIMEDOUT, "no answer from there"},
        {{CS_REACH_FAILED}, 1, CS_ETIMEDOUT, "nobody listens there"},
        {{CS_REACH_CONNECTED}, 1, CS_ETIMEDOUT, "connected, but it does not answer"},
        {{CS_REACH_CONNECTED, CS_REACH_UNANSWERED, CS_REACH_LOST}, 3, CS_ETIMEDOUT, "does not answer"},
        {{CS_REACH_CONNECTED, CS_REACH_ENDED, CS_REACH_LOST}, 3, CS_EDENIED, "does not have this server key"},
        {{CS_REACH_CONNECTED, CS_REACH_ENDED, CS_REACH_LOST, CS_REACH_CONNECTED},
         4,
         CS_EDENIED,
         "does not have this server key"},
        {{CS_REACH_CONNECTED, CS_REACH_DENIED, CS_REACH_LOST}, 3, CS_EDENIED, "allow-list lacks it"},
        {{CS_REACH_CONNECTED, CS_REACH_READY}, 2, CS_OK, ""},
    };
    static const struct said bare[] = {
        {{CS_REACH_CONNECTED, CS_REACH_ENDED, CS_REACH_LOST}, 3, CS_EDENIED, "wants keys"},
        {{CS_REACH_CONNECTED}, 1, CS_ETIMEDOUT, "does not answer"},
    };
    (void)state;
    check(all, sizeof all / sizeof *all, true);
    check(bare, sizeof bare / sizeof *bare, false);
}

/* It ends, nobody is there, it starts anew and hangs: at no time is that a matter of keys. */
static void test_a_coordinator_that_ends_says_nothing_of_keys(void **state)
{
    static const struct said all[] = {
        {{CS_REACH_CONNECTED, CS_REACH_READY, CS_REACH_LOST}, 3, CS_ETIMEDOUT, "no answer from there"},
        {{CS_REACH_CONNECTED, CS_REACH_READY, CS_REACH_LOST, CS_REACH_FAILED}, 4, CS_ETIMEDOUT, "nobody listens there"},
        {{CS_REACH_CONNECTED, CS_REACH_READY, CS_REACH_LOST, CS_REACH_FAILED, CS_REACH_CONNECTED},
         5,
         CS_ETIMEDOUT,
         "does not answer"},
        {{CS_REACH_CONNECTED, CS_REACH_READY, CS_REACH_LOST, CS_REACH_FAILED, CS_REACH_CONNECTED, CS_REACH_READY},
         6,
         CS_OK,
         ""},
        {{CS_REACH_CONNECTED, CS_REACH_ENDED, CS_REACH_LOST, CS_REACH_FAILED}, 4, CS_ETIMEDOUT, "nobody listens there"},
        {{CS_REACH_CONNECTED, CS_REACH_ENDED, CS_REACH_CONNECTED, CS_REACH_UNANSWERED},
         4,
         CS_ETIMEDOUT,
         "does not answer"},
    };
    (void)state;
    check(all, sizeof all / sizeof *all, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_sentence),
        cmocka_unit_test(test_a_coordinator_that_ends_says_nothing_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
