/* Extended regular expressions: what they find, what is refused, and that no pattern takes more than its bounded time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/pattern.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static void what_is_found(void **state)
{
    static const struct {
        const char *pattern, *text, *group; /* group NULL: not found; "-": found, and the group took no part */
    } t[] = {
        {"mg", "5 mg", "-"},
        {"mg", "5 ml", NULL},
        {"([0-9]+) ?mg", "give 250mg or 5 mg", "250"},
        {"([0-9]+([.,][0-9]+)?) ?mg", "give 2.5 mg", "2.5"},
        {"^(a|ab)(c|bcd)$", "abcd", "a"},
        {"^(ab|a)(c|bcd)$", "abcd", "a"},
        {"(a*)b", "xaaab", "aaa"},
        {"(a+)?b", "b", "-"},
        {"(a){3}", "aaa", "a"},
        {"^(a){2,3}$", "aaaa", NULL},
        {"^(a){2,}$", "aaaa", "a"},
        {"^a{0}b$", "b", "-"},
        {"[^0-9]+", "123", NULL},
        {"[]x]", "]", "-"},
        {"[a-]", "-", "-"},
        {"[[:digit:]]{2}", "a12", "-"},
        {"[[:alpha:][:space:]]+$", "ab c", "-"},
        {"a.c",
         "a\xc3\xa9"
         "c",
         "-"},
        {"[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", "-"},
        {"^.$", "\xe2\x82\xac", "-"},
        {"\\(([a-z])\\)", "f(x)", "x"},
        {"\\.", "a", NULL},
        {"^$", "", "-"},
        {"a|b|(c)", "c", "c"},
        {"(a*)*", "aa", "aa"},
        {"(a|b)*c", "abac", "a"},
        {"x", "", NULL},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_pattern *p;
        struct cs_error err = {0};
        if (cs_pattern_compile(t[i].pattern, &arena, &p, &err) != CS_OK)
            fail_msg("%s: %s", t[i].pattern, err.msg);
        const struct cs_pattern_match m = cs_pattern_find(p, t[i].text, strlen(t[i].text));
        char *group = m.group_at == SIZE_MAX ? NULL : cs_arena_strndup(&arena, t[i].text + m.group_at, m.group_n);
        if (m.found != (t[i].group != NULL) || (m.found && strcmp(group != NULL ? group : "-", t[i].group) != 0))
            fail_msg("%s in \"%s\": %s, group \"%s\"", t[i].pattern, t[i].text, m.found ? "found" : "not found",
                     group != NULL ? group : "-");
    }
    cs_arena_release(&arena);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *pattern, *part;
    } t[] = {{"", "empty"},
             {"(a", "without its \")\""},
             {"a)", "without its \"(\""},
             {"[a", "without its \"]\""},
             {"*a", "repeats nothing"},
             {"a{2", "{2,5}"},
             {"a{3,2}", "{2,5}"},
             {"a{300}", "255"},
             {"a**", "two repetitions"},
             {"a|", "alternative is empty"},
             {"|a", "alternative is empty"},
             {"(a)\\1", "refers back"},
             {"\\d+", "[0-9]"},
             {"a\\", "ends on"},
             {"[z-a]", "backwards"},
             {"[[:word:]]", "alpha digit"},
             {"((a{200}){200}){200}", "too long"},
             {"(((((((((((((a)?)?)?)?)?)?)?)?)?)?)?)?)?", "nested"}};
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_pattern *p;
        struct cs_error err = {0};
        if (cs_pattern_compile(t[i].pattern, &arena, &p, &err) != CS_EINVAL || strstr(err.msg, t[i].part) == NULL)
            fail_msg("%s: \"%s\", without \"%s\"", t[i].pattern, err.msg, t[i].part);
    }
    cs_arena_release(&arena);
}

/* Patterns that take others years, on 64 KiB that nearly match. Backtracking needs 2^65536 steps for the first. */
static void no_text_takes_long(void **state)
{
    static const char *const patterns[] = {"(a*)*b",
                                           "(a|a)*b",
                                           "(a|aa)+b$",
                                           "(.*)(.*)(.*)(.*)b",
                                           "a*a*a*a*a*a*b",
                                           "(a{0,9}){0,9}b",
                                           "(((((((a+)+)+)+)+)+)+)b"};
    const size_t n = 65536;
    char *text = cs_xmalloc(n);
    struct cs_arena arena = {0};
    (void)state;
    memset(text, 'a', n);
    for (size_t i = 0; i < LEN(patterns); i++) {
        const struct cs_pattern *p;
        const clock_t before = clock();
        assert_int_equal(cs_pattern_compile(patterns[i], &arena, &p, NULL), CS_OK);
        assert_false(cs_pattern_find(p, text, n).found);
        const double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (seconds > 5)
            fail_msg("%s took %.1f s", patterns[i], seconds);
    }
    free(text);
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_found),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(no_text_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
