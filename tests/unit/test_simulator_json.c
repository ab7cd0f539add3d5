/* The simulator's JSON reader against jansson: the same texts accepted, the same values read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "tools/simulator/json_read.h"
#include "protocol/base/json.h"

static bool same(const struct cs_j *a, const struct cs_json *b)
{
    size_t i = 0;
    switch (a->kind) {
    case CS_J_NULL:
        return cs_json_is_null(b);
    case CS_J_FALSE:
        return cs_json_typeof(b) == CS_JSON_FALSE;
    case CS_J_TRUE:
        return cs_json_is_true(b);
    case CS_J_INTEGER:
        return cs_json_is_integer(b) && cs_json_integer_value(b) == a->integer;
    case CS_J_REAL:
        return cs_json_typeof(b) == CS_JSON_REAL && !(cs_json_real_value(b) < a->number) &&
               !(cs_json_real_value(b) > a->number);
    case CS_J_TEXT:
        return cs_json_is_string(b) && cs_json_string_length(b) == a->n &&
               memcmp(cs_json_string_value(b), a->text, a->n) == 0;
    case CS_J_LIST:
        if (!cs_json_is_array(b) || cs_json_array_size(b) != a->n)
            return false;
        for (const struct cs_j *c = cs_json_read_first(a); c != NULL; c = cs_json_read_next(a, c)) {
            if (!same(c, cs_json_array_get(b, i++)))
                return false;
        }
        return i == a->n;
    case CS_J_MAP:
        if (!cs_json_is_object(b) || cs_json_object_size(b) > a->n)
            return false;
        for (const struct cs_j *c = cs_json_read_first(a); c != NULL; c = cs_json_read_next(a, c)) {
            const struct cs_json *other = cs_json_object_get(b, c->key);
            if (other == NULL || !same(cs_json_read_get(a, c->key), other))
                return false;
        }
        return true;
    }
    return false;
}

static bool has_a_very_long_number(const char *s)
{
    return strspn(strpbrk(s, "0123456789") != NULL ? strpbrk(s, "0123456789") : "", "0123456789.eE+-") > 60;
}

static void compare(const char *s, size_t n)
{
    struct cs_j_document d;
    char *copy = cs_xmalloc(n + 1); /* without a byte behind it that could be read by mistake */
    memcpy(copy, s, n);
    struct cs_json *want = cs_json_loadb(copy, n, CS_JSON_DECODE_ANY, NULL);
    const bool got = cs_json_read(&d, copy, n);
    if (got != (want != NULL))
        fail_msg("%.*s: %s", (int)n, s, got ? "jansson refuses it" : "jansson takes it");
    if (got && !same(d.values, want))
        fail_msg("%.*s: read differently", (int)n, s);
    cs_json_decref(want);
    cs_json_read_release(&d);
    free(copy);
}

static void agrees_with_jansson_on_edges(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "null",
        "true",
        "false",
        "nul",
        "truex",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        ".5",
        "1.5e3",
        "1e",
        "1E+2",
        "1e-400",
        "1e400",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "\"\"",
        "\"a",
        "\"\\\"\"",
        "\"\\u0041\\n\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83dx\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\xc3\xa9\"",
        "\"\xc3\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\xff\"",
        "[]",
        "[ ]",
        "[1]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1,2",
        "]",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\" : 1 , \"b\":[{}]}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "[1] 2",
        "[[[[]]],{\"x\":[{}]}]",
        "{\"a\":[1,{\"b\":null}],\"c\":\"d\"}",
        "\n[\t1\r]\n",
        "{\"a\":1}}",
        "\"\\u00e9\\u20ac\"",
        "[true,false,null,\"x\",-1.25]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        compare(texts[i], strlen(texts[i]));
}

/* A real request, each time with a few bytes changed, dropped or repeated. */
static void agrees_with_jansson_on_damaged_requests(void **state)
{
    (void)state;
    static const char request[] =
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"A 58-year-old \\\"patient\\\" \\u2013 \xc3\xa9t\xc3\xa9.\\n\"}],"
        "\"temperature\":0.7,\"max_completion_tokens\":400,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
        "\"name\":\"q\",\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[\"Yes\",\"No\",null,1e2]}},"
        "\"required\":[\"a\"],\"additionalProperties\":false}}}}";
    static const char spice[] = "{}[]\",:\\u0ntf \n-+.eE19\xc3\xa9\xff";
    struct cs_rng r = {.state = 11};
    compare(request, sizeof request - 1);
    for (int round = 0; round < 100000; round++) {
        char s[sizeof request + 8];
        size_t n = sizeof request - 1;
        memcpy(s, request, n);
        for (uint64_t k = 1 + cs_rng_below(&r, 3); k > 0; k--) {
            const size_t at = cs_rng_below(&r, n);
            switch (cs_rng_below(&r, 3)) {
            case 0:
                s[at] = spice[cs_rng_below(&r, sizeof spice - 1)];
                break;
            case 1:
                memmove(s + at, s + at + 1, --n - at);
                break;
            default:
                memmove(s + at + 1, s + at, n++ - at);
                break;
            }
        }
        s[n] = '\0';
        if (!has_a_very_long_number(s))
            compare(s, n);
    }
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char s[2 * CS_J_DEPTH_MAX + 2];
    struct cs_j_document d;
    for (size_t depth = CS_J_DEPTH_MAX; depth <= CS_J_DEPTH_MAX + 1; depth++) {
        memset(s, '[', depth);
        memset(s + depth, ']', depth);
        assert_int_equal(cs_json_read(&d, s, 2 * depth), depth == CS_J_DEPTH_MAX);
        cs_json_read_release(&d);
    }
}

static void looking_for_what_is_not_there(void **state)
{
    (void)state;
    static const char s[] = "{\"a\":[1,\"x\",{\"b\": [ 2 ] }],\"a\":7}";
    struct cs_j_document d;
    assert_true(cs_json_read(&d, s, sizeof s - 1));
    assert_null(cs_json_read_get(d.values, "b"));
    assert_null(cs_json_read_get(NULL, "b"));
    assert_null(cs_json_read_at(d.values, 0)); /* a map is not a list */
    assert_int_equal(cs_json_read_get(d.values, "a")->integer, 7);
    const struct cs_j *list = cs_json_read_first(d.values);
    assert_int_equal(cs_json_read_size(list), 3);
    assert_string_equal(cs_json_read_text(cs_json_read_at(list, 1)), "x");
    assert_null(cs_json_read_at(list, 3));
    assert_null(cs_json_read_text(cs_json_read_at(list, 0)));
    assert_int_equal(cs_json_read_at(list, 2)->raw_len, strlen("{\"b\": [ 2 ] }"));
    assert_memory_equal(cs_json_read_at(list, 2)->raw, "{\"b\": [ 2 ] }", 13);
    cs_json_read_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_jansson_on_edges),
        cmocka_unit_test(agrees_with_jansson_on_damaged_requests),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(looking_for_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
