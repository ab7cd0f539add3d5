/* Columns of a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/wall/lines.h"
#include "tools/wall/wide.h"

/* Wide characters take two columns, and what stands upon another none: a Chinese reply is read whole. */
static void test_wide_characters_take_two_columns(void **state)
{
    static const char reply[] =
        "\xe8\x83\xb8\xe7\x97\x9b: \xe7\xab\x8b\xe5\x8d\xb3\xe5\xb0\xb1\xe5\x8c\xbb; e\xcc\x81t\xc3\xa9 \xf0\x9f\x9a\x91\n";
    struct cs_arena arena = {0};
    (void)state;
    assert_int_equal(cs_wall_wide_columns("\xe8\x83\xb8\xe7\x97\x9b"), 4);
    assert_int_equal(cs_wall_wide_columns("e\xcc\x81t\xc3\xa9"), 3);
    assert_int_equal(cs_wall_wide_columns("\xf0\x9f\x9a\x91"), 2);
    assert_int_equal(cs_wall_wide_columns("\xff\x80"), 2); /* no UTF-8 */
    for (unsigned columns = 1; columns <= 24; columns++) {
        static struct cs_wall_page page;
        struct cs_buf all = CS_BUF_INIT(SIZE_MAX);
        page.n = 0;
        struct cs_wall_lines p = {.page = &page, .arena = &arena, .columns = columns, .until = 40};
        cs_wall_lines_scrolled(&p, reply, 0);
        for (unsigned i = 0; i < page.n; i++) {
            assert_true(cs_wall_wide_columns(page.lines[i].text) <= columns);
            cs_buf_str(&all, page.lines[i].text);
        }
        if (columns >= 2) { /* but for blanks and the end of the line nothing is missing */
            const char *at = reply;
            for (const char *c = cs_buf_cstr(&all); *c != '\0'; c++) {
                at += strspn(at, " ");
                if (*c != ' ')
                    assert_int_equal(*c, *at++);
            }
            assert_string_equal(at, "\n");
        }
        cs_buf_release(&all);
        cs_arena_reset(&arena);
    }
    char name[] = "\xe8\x83\xb8\xe7\x97\x9b\xe7\xab\x8b";
    cs_wall_table_cut(name, 4);
    assert_string_equal(name, "\xe8\x83\xb8~"); /* three columns: half a character is none */
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_characters_take_two_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
