/* Tables: CSV as others write it, JSON Lines, line numbers, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/table/table.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_arena arena;
static struct cs_table table;
static struct cs_error err;

static enum cs_err load_bytes(const char *name, const void *bytes, size_t n)
{
    cs_table_release(&table);
    return cs_table_load(folder_put_bytes(&dir, name, bytes, n), &arena, &table, &err);
}

static enum cs_err load(const char *name, const char *text)
{
    return load_bytes(name, text, strlen(text));
}

static void assert_cell(uint32_t row, const char *column, const char *text)
{
    assert_true(row < table.n_rows);
    uint32_t c = cs_table_read_column(&table, column);
    assert_true(c < table.n_columns);
    assert_string_equal(table.rows[row].values[c], text);
}

static void assert_refused(const char *name, const char *text, const char *message)
{
    char full[1024];
    assert_int_equal(load(name, text), CS_EINVAL);
    snprintf(full, sizeof full, "%s/%s", dir.path, message);
    assert_memory_equal(err.msg, full, strlen(full));
}

static void csv_cells_are_kept_byte_for_byte(void **state)
{
    (void)state;
    assert_int_equal(load("t.csv", "id, text ,n\n a ,\"x \"\"y\"\", z \",1\n"), CS_OK);
    assert_int_equal(table.n_columns, 3);
    assert_cell(0, "id", " a ");
    assert_cell(0, "text", "x \"y\", z "); /* the name of the column is trimmed, the cell is not */
    assert_cell(0, "n", "1");
}

static void csv_lines_are_those_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(load("t.csv", "\xEF\xBB\xBFid,text\r\na,\"one\ntwo\n\nfour\"\r\n\r\nb,x\r\nc,y"), CS_OK);
    assert_int_equal(table.n_rows, 3);
    assert_string_equal(table.columns[0], "id");
    assert_cell(0, "text", "one\ntwo\n\nfour");
    assert_int_equal(table.rows[0].line, 2);
    assert_int_equal(table.rows[1].line, 7);
    assert_int_equal(table.rows[2].line, 8);
    assert_cell(2, "text", "y"); /* no newline at the end */
}

static void csv_of_an_old_mac(void **state)
{
    (void)state;
    assert_int_equal(load("t.csv", "id,text\ra,x\rb,y\r"), CS_OK);
    assert_int_equal(table.n_rows, 2);
    assert_cell(1, "text", "y");
}

static void csv_empty_cells_are_empty_texts(void **state)
{
    (void)state;
    assert_int_equal(load("t.csv", "id,text,role\na,,\n,\"\",null\n"), CS_OK);
    assert_cell(0, "text", "");
    assert_cell(0, "role", "");
    assert_cell(1, "id", "");
    assert_cell(1, "role", "null");
}

static void csv_longer_than_a_piece(void **state)
{
    (void)state;
    struct cs_buf b = CS_BUF_INIT(4 << 20);
    cs_buf_str(&b, "id,text\n");
    for (int i = 0; i < 20; i++) { /* cells across the boundaries of 64 KiB, one of them with line breaks */
        cs_buf_printf(&b, "%d,\"", i);
        for (int k = 0; k < 9000; k++)
            cs_buf_printf(&b, "%d%c", k % 1000, k % 100 == 0 ? '\n' : ' ');
        cs_buf_str(&b, "\"\n");
    }
    assert_int_equal(load("t.csv", cs_buf_cstr(&b)), CS_OK);
    assert_int_equal(table.n_rows, 20);
    for (uint32_t i = 1; i < 20; i++) {
        assert_string_equal(table.rows[i].values[1], table.rows[0].values[1]);
        assert_int_equal(table.rows[i].line, 2 + 91 * i);
    }
    cs_buf_release(&b);
}

static void csv_faults_are_named(void **state)
{
    (void)state;
    assert_refused("t.csv", "id,text\na,b\nc\n", "t.csv:3: 1 cells");
    assert_refused("t.csv", "id,text\na,b\n\"c,d\n\n\n", "t.csv:3: a quote that is opened here");
    assert_refused("t.csv", "id,text\na,b \"c\"\n", "t.csv:2: a quote inside");
    assert_refused("t.csv", "id,id\n", "t.csv:1: two columns");
    assert_refused("t.csv", "id,,text\n", "t.csv:1: column 2 has no usable name");
    assert_refused("t.csv", "id;text\n", "t.csv:1: no rows");
    assert_refused("t.csv", "id;text\na;b;c\n",
                   "t.csv:2: 3 cells, but the first line names 2 columns; is a semicolon not");
    assert_refused("t.csv", "id,text,\na,b,c\n", "t.csv:2: 3 cells");
    assert_refused("t.csv", "id,text\n", "t.csv:1: no rows");
    assert_refused("t.csv", "", "t.csv:1: no rows");
    assert_refused("t.csv", "id\n\xED\xA0\x80\n", "t.csv:2: cell 1 is not UTF-8"); /* a surrogate */
    assert_refused("t.csv", "id\n\xC0\xAF\n", "t.csv:2: cell 1 is not UTF-8");     /* an overlong slash */
    assert_int_equal(load_bytes("t.csv", "id\na\0b\n", 7), CS_EINVAL);
    assert_non_null(strstr(err.msg, "t.csv:2: a zero byte"));
}

static void a_row_has_a_limit(void **state)
{
    (void)state;
    struct cs_buf b = CS_BUF_INIT(4 << 20);
    cs_buf_str(&b, "id,text\na,\"");
    while (b.len < (2u << 20))
        cs_buf_str(&b, "never closed\n");
    assert_int_equal(load("t.csv", cs_buf_cstr(&b)), CS_EINVAL);
    assert_non_null(strstr(err.msg, "t.csv:2: a row longer than 1 MiB; is a quote not closed?"));
    cs_buf_release(&b);
}

static void csv_as_excel_writes_it(void **state)
{
    (void)state;
    assert_int_equal(load("t.csv", "\xEF\xBB\xBFid;text;n\r\na;\"x; y, z\";0,7\r\n;;\r\n"), CS_OK);
    assert_int_equal(table.n_rows, 1);
    assert_cell(0, "text", "x; y, z");
    assert_cell(0, "n", "0,7"); /* cells stay as they are */
    assert_int_equal(load("t.csv", "sep=;\nid;text\na;b,c\n"), CS_OK);
    assert_cell(0, "text", "b,c");
    assert_int_equal(table.rows[0].line, 3);
    assert_int_equal(load("t.csv", "\"sep=|\"\r\nid|a;b\r\nx|y\r\n"), CS_OK);
    assert_cell(0, "a;b", "y");
    assert_int_equal(load("t.csv", "id,text,,\na,b,,\n,,,\nc,d\n,,,\n"), CS_OK);
    assert_int_equal(table.n_columns, 2);
    assert_int_equal(table.n_rows, 2);
    assert_int_equal(table.rows[1].line, 4);
    assert_int_equal(load("t.csv", "\"id;x\",text\na,b;c\n"), CS_OK); /* a semicolon in quotes separates nothing */
    assert_cell(0, "id;x", "a");
    assert_int_equal(load("t.csv", "id\xC2\xA0,\xE2\x80\x8Btext\na,b\n"), CS_OK);
    assert_cell(0, "text", "b");
    assert_cell(0, "id", "a");
    assert_int_equal(load("t.csv", "id\ttext\na\tb, c\n"), CS_OK); /* tabs, whatever the name says */
    assert_cell(0, "text", "b, c");
}

static void tsv_is_separated_by_tabs(void **state)
{
    (void)state;
    assert_int_equal(load("t.tsv", "id\ttext\na\tx, y\n"), CS_OK);
    assert_cell(0, "text", "x, y");
}

static void json_lines_become_texts(void **state)
{
    (void)state;
    assert_int_equal(load("t.jsonl", "{\"id\": 7, \"p\": 0.1, \"ok\": true, \"x\": null, \"t\": \"a\\nb\"}\n\n"
                                     "{\"t\": \"\", \"x\": \"null\", \"ok\": \"Yes\", \"p\": 1e300, \"id\": -1}"),
                     CS_OK);
    assert_int_equal(table.n_rows, 2);
    assert_cell(0, "id", "7");
    assert_cell(0, "p", "0.1");
    assert_cell(0, "ok", "true");
    assert_cell(0, "x", "");
    assert_cell(0, "t", "a\nb");
    assert_cell(1, "id", "-1");
    assert_cell(1, "ok", "Yes");
    assert_int_equal(table.rows[1].line, 3);
}

static void json_lines_may_be_nested_and_lack_keys(void **state)
{
    (void)state;
    assert_int_equal(load("t.jsonl",
                          "{\"id\": 1, \"meta\": {\"sex\": \"F\", \"more\": {}}, \"options\": [\"a\", \"b\"]}\n"
                          "{\"id\": 2, \"label\": \"x\"}\n{\"label\": \"y\", \"id\": 3, \"meta\": {\"sex\": null}}\n"),
                     CS_OK);
    assert_int_equal(table.n_columns, 5);
    assert_cell(0, "meta.sex", "F");
    assert_cell(0, "options.2", "b");
    assert_cell(0, "label", "");
    assert_cell(1, "meta.sex", "");
    assert_cell(1, "label", "x");
    assert_cell(2, "label", "y");
    assert_cell(2, "options.1", "");
}

static void json_lists_are_tables(void **state)
{
    (void)state;
    const char *list = " [\n {\"id\": 1,\n  \"text\": \"a\\nb\"},\n\n {\"id\": 2, \"text\": \"c\"} ]\n";
    const char *const names[] = {"t.json", "t.jsonl"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(load(names[i], list), CS_OK);
        assert_int_equal(table.n_rows, 2);
        assert_cell(0, "text", "a\nb");
        assert_cell(1, "text", "c");
        assert_int_equal(table.rows[0].line, 2);
        assert_int_equal(table.rows[1].line, 5);
    }
    assert_int_equal(load("t.json", "{\"id\": 1}\n{\"id\": 2}\n"), CS_OK); /* lines, whatever the name says */
    assert_int_equal(table.n_rows, 2);
    assert_refused("t.json", "[]", "t.json:1: the list is empty");
    assert_refused("t.json", "[{\"id\": 1},\n{\"id\": 2}", "t.json:2: the list that opens this file is not closed");
    assert_refused("t.json", "[{\"id\": 1}\n{\"id\": 2}]", "t.json:2: a comma is missing");
    assert_refused("t.json", "[{\"id\": 1}, 2]", "t.json:1: not a JSON object");
    assert_refused("t.json", "[{\"id\": 1}] x", "t.json:1: text after the list");
    assert_refused("t.json", "[{\"id\": 1},\n{\"id\":\n }]", "t.json:3: not valid JSON");
}

static void json_lines_faults_are_named(void **state)
{
    (void)state;
    assert_refused("t.jsonl", "{\"id\": 1}\n{\"id\": 2", "t.jsonl:2: not one JSON object");
    assert_refused("t.jsonl", "[1]\n", "t.jsonl:1: not a JSON object");
    assert_refused("t.jsonl", "{\"text\": 1}\n{\"txt\": 2}\n",
                   "t.jsonl:2: unknown key \"txt\"; did you mean \"text\"?");
    assert_refused("t.jsonl", "{\"a\": {\"b\": 1}, \"a.b\": 2}\n", "t.jsonl:1: two values for \"a.b\"");
    assert_refused("t.jsonl", "{\"id\": [[[[[[[[[1]]]]]]]]]}\n", "t.jsonl:1: \"id.1");
    assert_refused("t.jsonl", "{\"id\": 12345678901234567890123}\n",
                   "t.jsonl:1: not one JSON object in one line (too big integer");
    assert_refused("t.jsonl", "{}\n", "t.jsonl:1: 0 columns");
}

static void only_regular_files_are_tables(void **state)
{
    (void)state;
    const char *fifo = folder_file(&dir, "fifo.csv");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(cs_table_load(fifo, &arena, &table, &err), CS_EINVAL); /* and it does not wait for a writer */
    assert_int_equal(cs_table_load(folder_file(&dir, "none.csv"), &arena, &table, &err), CS_ENOENT);
    assert_int_equal(load("t.doc", "x"), CS_EINVAL);
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_table_release(&table);
    cs_arena_release(&arena);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_cells_are_kept_byte_for_byte),
        cmocka_unit_test(csv_lines_are_those_of_the_file),
        cmocka_unit_test(csv_of_an_old_mac),
        cmocka_unit_test(csv_empty_cells_are_empty_texts),
        cmocka_unit_test(csv_longer_than_a_piece),
        cmocka_unit_test(csv_faults_are_named),
        cmocka_unit_test(a_row_has_a_limit),
        cmocka_unit_test(csv_as_excel_writes_it),
        cmocka_unit_test(tsv_is_separated_by_tabs),
        cmocka_unit_test(json_lines_become_texts),
        cmocka_unit_test(json_lines_may_be_nested_and_lack_keys),
        cmocka_unit_test(json_lists_are_tables),
        cmocka_unit_test(json_lines_faults_are_named),
        cmocka_unit_test(only_regular_files_are_tables),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
