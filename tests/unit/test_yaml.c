/* YAML: positions, words that stay words, refusals, limits; typed reading of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/table/node.h"

static struct cs_arena arena;

static const struct cs_node *parse(const char *text)
{
    const struct cs_yaml *doc;
    struct cs_error err = {0};
    enum cs_err rc = cs_yaml_parse("f.yaml", text, strlen(text), &arena, &doc, &err);
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
    return doc->root;
}

static void refuse(const char *text, const char *message)
{
    const struct cs_yaml *doc;
    struct cs_error err = {0};
    assert_int_equal(cs_yaml_parse("f.yaml", text, strlen(text), &arena, &doc, &err), CS_EINVAL);
    assert_null(doc);
    assert_memory_equal(err.msg, message, strlen(message));
}

static int teardown(void **state)
{
    (void)state;
    cs_arena_release(&arena);
    return 0;
}

static void positions_count_characters_from_one(void **state)
{
    (void)state;
    const struct cs_node *root = parse("a: 1\nnames: [M\xC3\xBCller, x]\nlast:\n    b: c\n");
    const struct cs_node *names = cs_node_get(root, "names"), *last = cs_node_get(root, "last");
    assert_int_equal(root->n, 3);
    assert_int_equal(names->kind, CS_NODE_LIST);
    assert_int_equal(names->line, 2);
    assert_int_equal(names->column, 8);
    assert_int_equal(names->key_column, 1);
    assert_int_equal(names->first->next->column, 17); /* the umlaut is one character */
    assert_int_equal(last->first->line, 4);
    assert_int_equal(last->first->column, 8);
    assert_int_equal(last->first->key_column, 5);
}

static void words_are_never_booleans_or_nulls(void **state)
{
    (void)state;
    static const char *const words[] = {"Yes",  "no",   "None",  "null",       "~",
                                        "true", "0x1F", "1_000", "2026-01-01", ".inf"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "k: %s\n", words[i]);
        const struct cs_node *v = parse(text)->first;
        assert_int_equal(v->kind, CS_NODE_TEXT);
        assert_string_equal(v->text, words[i]);
        assert_true(v->plain);
    }
    assert_false(parse("k: \"1\"\n")->first->plain);
}

static void texts_keep_their_line_breaks(void **state)
{
    (void)state;
    assert_string_equal(parse("k: |-\n  a\n  b\n")->first->text, "a\nb");
    assert_string_equal(parse("k: \"a\\n\\u00e9\"\n")->first->text, "a\n\xC3\xA9");
    assert_string_equal(parse("\xEF\xBB\xBFk: v\n")->first->text, "v"); /* with a byte-order mark */
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    (void)state;
    const struct cs_node *root = parse("\xEF\xBB\xBF"
                                       "a: 1\n");
    assert_string_equal(root->first->key, "a");
    assert_int_equal(root->first->key_column, 1);
}

static void what_could_surprise_is_refused(void **state)
{
    (void)state;
    refuse("a: &x 1\n", "f.yaml:1:4: anchors");
    refuse("a: 1\nb: *x\n", "f.yaml:2:4: anchors");
    refuse("a: !!int 1\n", "f.yaml:1:4: tags");
    refuse("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\" stands here twice; the first is on line 1");
    refuse("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document");
    refuse("{[a]: 1}\n", "f.yaml:1:2: a key must be a text");
    refuse("a: \"x\\0y\"\n", "f.yaml:1:4: a text with a zero byte");
    refuse("", "f.yaml:1:1: the file is empty");
    refuse("# nothing\n", "f.yaml:1:1: the file is empty");
    refuse("a:\n\t- b\n", "f.yaml:2:1: this character");
    refuse("a: 'open\n", "f.yaml:1:4: a quote that is opened here is not closed");
    refuse("a: \"open\nb: \"c\"\n",
           "f.yaml:2:5: the text before this goes over several lines; is the quote that opens it on line 1");
    refuse("a: b: c\n", "f.yaml:1:5: a colon and a blank inside a text without quotes; put the text in quotes");
    refuse("\xEF\xBB\xBF a: [\n", "f.yaml:2:1: not valid YAML");
    refuse("ab: \xFF\n", "f.yaml:1:5: not readable as text");
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    char deep[64];
    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    const struct cs_yaml *doc;
    struct cs_error err = {0};
    assert_int_equal(cs_yaml_parse("f.yaml", deep, 64, &arena, &doc, &err), CS_OK);
    char deeper[66];
    memset(deeper, '[', 33);
    memset(deeper + 33, ']', 33);
    assert_int_equal(cs_yaml_parse("f.yaml", deeper, 66, &arena, &doc, &err), CS_EINVAL);
    assert_string_equal(err.msg, "f.yaml:1:33: nested deeper than 32 levels");

    struct cs_buf keys = CS_BUF_INIT(1 << 20);
    for (int i = 0; i <= CS_YAML_KEYS_MAX; i++)
        cs_buf_printf(&keys, "k%d: v\n", i);
    refuse(cs_buf_cstr(&keys), "f.yaml:1025:1: more than 1024 keys");
    cs_buf_release(&keys);
}

static void part_of_a_text_is_found_where_it_stands(void **state)
{
    (void)state;
    struct cs_error err = {0};
    const struct cs_node *n = parse("a: x {{p}}\nuser: |\n  first\n  and {{p}} here\n");
    assert_int_equal(cs_yaml_fail_at(cs_node_get(n, "user"), "{{p}}", &err, "oh"), CS_EINVAL);
    assert_string_equal(err.msg, "f.yaml:4:7: oh");
    assert_int_equal(cs_yaml_fail_at(cs_node_get(n, "user"), "{{q}}", &err, "oh"), CS_EINVAL);
    assert_string_equal(err.msg, "f.yaml:2:7: oh"); /* written otherwise in the source: the start of the text */
}

static void numbers_are_read_whole(void **state)
{
    (void)state;
    struct cs_error err;
    uint64_t u;
    double d;
    uint32_t times;
    const struct cs_node *n = parse("[3, 03, 3.5, -1, 1e3, 18446744073709551616, 4x, x4, 0x10, nan, \"7\"]")->first;
    const struct cs_node *v[11];
    for (int i = 0; i < 11; i++, n = n->next)
        v[i] = n;
    assert_int_equal(cs_node_u64(v[0], "n", 1, 9, &u, &err), CS_OK);
    assert_int_equal(u, 3);
    assert_int_equal(cs_node_u64(v[0], "n", 4, 9, &u, &err), CS_EINVAL);
    assert_string_equal(err.msg, "f.yaml:1:2: n is \"3\"; write a whole number from 4 to 9");
    assert_int_equal(cs_node_u64(v[2], "n", 0, 9, &u, &err), CS_EINVAL);
    assert_int_equal(cs_node_u64(v[3], "n", 0, 9, &u, &err), CS_EINVAL);
    assert_int_equal(cs_node_u64(v[5], "n", 0, UINT64_MAX, &u, &err), CS_EINVAL);
    assert_int_equal(cs_node_u64(v[10], "n", 0, 9, &u, &err), CS_OK);
    assert_int_equal(cs_node_number(v[4], "n", 0, 2000, &d, &err), CS_OK);
    assert_true(d > 999.9 && d < 1000.1);
    assert_int_equal(cs_node_number(v[8], "n", 0, 2000, &d, &err), CS_EINVAL);
    assert_int_equal(cs_node_number(v[9], "n", 0, 2000, &d, &err), CS_EINVAL);
    assert_int_equal(cs_node_times(v[6], "n", &times, &err), CS_OK);
    assert_int_equal(times, 4);
    assert_int_equal(cs_node_times(v[7], "n", &times, &err), CS_EINVAL);
    assert_int_equal(cs_node_times(v[0], "n", &times, &err), CS_EINVAL);
}

static void empty_texts_need_quotes(void **state)
{
    (void)state;
    struct cs_error err;
    const char *text;
    const struct cs_node *n = parse("a:\nb: \"\"\n");
    assert_int_equal(cs_node_any_text(cs_node_get(n, "a"), "a", &text, &err), CS_EINVAL);
    assert_int_equal(cs_node_any_text(cs_node_get(n, "b"), "b", &text, &err), CS_OK);
    assert_string_equal(text, "");
    assert_int_equal(cs_node_text(cs_node_get(n, "b"), "b", &text, &err), CS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_count_characters_from_one),
        cmocka_unit_test(words_are_never_booleans_or_nulls),
        cmocka_unit_test(texts_keep_their_line_breaks),
        cmocka_unit_test(a_byte_order_mark_is_passed_over),
        cmocka_unit_test(what_could_surprise_is_refused),
        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(part_of_a_text_is_found_where_it_stands),
        cmocka_unit_test(numbers_are_read_whole),
        cmocka_unit_test(empty_texts_need_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
