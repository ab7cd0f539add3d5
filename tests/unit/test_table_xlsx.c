/* Excel workbooks as tables: what is read, what is refused by the name of its cell, bombs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/table/table.h"
#include "tests/unit/fixture_files.h"
#include "tests/unit/fixture_xlsx.h"

#define SHEET(rows) "<worksheet><sheetData>" rows "</sheetData></worksheet>"

static struct folder dir;
static struct cs_arena arena;
static struct cs_table table;
static struct cs_error err;

static const char strings[] =
    "<sst><si><t>id</t></si><si><t>text</t></si><si><r><t>A woman </t></r><r><t>of 60</t></r>"
    "<rPh><t>reading</t></rPh></si><si><t xml:space='preserve'> a_x000D_b &amp; c</t></si></sst>";
static const char styles[] =
    "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm\\-dd'/>"
    "<numFmt numFmtId='165' formatCode='0.0 \"days\"'/><numFmt numFmtId='166' formatCode='[Red]0'/>"
    "</numFmts><cellStyleXfs><xf numFmtId='14'/></cellStyleXfs>"
    "<cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='164'/><xf numFmtId='165'/>"
    "<xf numFmtId='166'/></cellXfs></styleSheet>";

static enum cs_err load_parts(const char *workbook, const char *first, const char *second)
{
    const struct book_part parts[] = {
        {"xl/workbook.xml", workbook, strlen(workbook)},
        {"xl/_rels/workbook.xml.rels", BOOK_RELATIONS, strlen(BOOK_RELATIONS)},
        {"xl/sharedStrings.xml", strings, strlen(strings)},
        {"xl/styles.xml", styles, strlen(styles)},
        {"xl/worksheets/sheet1.xml", first, strlen(first)},
        {"xl/worksheets/sheet2.xml", second, second != NULL ? strlen(second) : 0},
    };
    const char *path = folder_file(&dir, "t.xlsx");
    assert_true(book_write(path, parts, sizeof parts / sizeof parts[0]));
    cs_table_release(&table);
    return cs_table_load(path, &arena, &table, &err);
}

static enum cs_err load(const char *sheet)
{
    return load_parts(BOOK_ONE_SHEET, sheet, NULL);
}

static void assert_cell(uint32_t row, const char *column, const char *text)
{
    assert_true(row < table.n_rows);
    uint32_t c = cs_table_read_column(&table, column);
    assert_true(c < table.n_columns);
    assert_string_equal(table.rows[row].values[c], text);
}

static void assert_refused(const char *sheet, const char *sentence)
{
    assert_int_equal(load(sheet), CS_EINVAL);
    if (strstr(err.msg, sentence) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.msg, sentence);
}

#define HEAD                                                                                                           \
    "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='s'><v>1</v></c><c r='C1' t='inlineStr'><is><t>n</t></is></c></row>"

static void values_are_read(void **state)
{
    (void)state;
    assert_int_equal(
        load(SHEET(
            HEAD
            "<row r='2'><c r='A2'><v>1</v></c><c r='B2' t='s'><v>2</v></c><c r='C2' s='3'><v>0.10000000000000001</v></c></row>"
            "<row r='5'><c r='A5' t='str'><f>A2&amp;B2</f><v>b</v></c><c r='B5' t='s'><v>3</v></c></row>")),
        CS_OK);
    assert_int_equal(table.n_rows, 2);
    assert_int_equal(table.n_columns, 3);
    assert_cell(0, "id", "1");
    assert_cell(0, "text", "A woman of 60"); /* runs together, the reading left out */
    assert_cell(0, "n", "0.1");
    assert_int_equal(table.rows[1].line, 5);
    assert_cell(1, "id", "b"); /* the value that Excel kept */
    assert_cell(1, "text", " a\rb & c");
    assert_cell(1, "n", "");
}

static void empty_ends_are_passed_over(void **state)
{
    (void)state;
    assert_int_equal(
        load(SHEET(
            "<row r='1'/><row r='3'><c r='A3' t='s'><v>0</v></c><c r='B3' t='s'><v>1</v></c><c r='C3' t='str'><v></v></c></row>"
            "<row><c t='b'><v>1</v></c><c><v>1E+20</v></c><c/><c s='1'/></row><row r='9'><c r='F9' s='2'/></row>")),
        CS_OK);
    assert_int_equal(table.n_rows, 1);
    assert_cell(0, "id", "TRUE");
    assert_cell(0, "text", "1e+20");
    assert_int_equal(table.rows[0].line, 4);
}

static void a_second_sheet(void **state)
{
    (void)state;
    const char *first = SHEET(HEAD "<row r='2'><c r='A2'><v>1</v></c></row>");
    assert_int_equal(load_parts(BOOK_TWO_SHEETS, first, SHEET("<row r='1'><c r='A1' s='1'/></row>")),
                     CS_OK); /* empty */
    assert_int_equal(load_parts(BOOK_TWO_SHEETS, first, SHEET("<row r='1'><c r='A1'><v>7</v></c></row>")), CS_EINVAL);
    assert_non_null(strstr(err.msg, "t.xlsx: a second sheet \"Old\" beside \"Cases\""));
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2'><v>1</v></c><c r='B2' s='1'><v>45000</v></c></row>"),
                   "t.xlsx:2: cell B2 is a date");
    assert_refused(SHEET(HEAD "<row r='2'><c r='AA2' s='2'><v>45000</v></c></row>"), "cell AA2 is a date");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2' t='d'><v>2026-01-01</v></c></row>"), "cell A2 is a date");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2' t='e'><v>#N/A</v></c></row>"), "cell A2 holds an error");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2'><f>1+1</f></c></row>"),
                   "cell A2 is a formula that was never computed");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2'><f>1+1</f><v></v></c></row>"),
                   "cell A2 is a formula that was never computed");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2' t='s'><v>4</v></c></row>"),
                   "cell A2 names a text that is not there");
    assert_refused(SHEET(HEAD "<row r='2'><c r='D2'><v>4</v></c></row>"), "t.xlsx:2: a cell right of the columns");
    assert_refused(SHEET(HEAD "<row r='2'><c r='A2'><v>nan</v></c></row>"), "cell A2 is not the number");
    assert_refused(SHEET(HEAD "<row r='1'/>"), "rows out of order after row 1");
    assert_refused(SHEET(HEAD "<row r='2'><c r='B2'/><c r='A2'/></row>"), "a cell out of its place");
    assert_refused(SHEET(HEAD), "no rows");
    assert_refused(
        "<worksheet><sheetData>" HEAD
        "<row r='2'><c r='A2'><v>1</v></c></row></sheetData><mergeCells><mergeCell ref='A2:A3'/></mergeCells></worksheet>",
        "cells A2:A3 are merged");
    assert_refused("<worksheet><sheetData>", "the XML inside is damaged");
    assert_refused("<!DOCTYPE x [<!ENTITY a 'aaaa'>]><worksheet/>", "declares a document type");
}

static void files_that_are_not_what_they_are_called(void **state)
{
    (void)state;
    assert_int_equal(cs_table_load(folder_put(&dir, "t.xlsx", "id,text\n1,x\n"), &arena, &table, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "no Excel workbook, whatever its name says"));
    assert_int_equal(cs_table_load(folder_put(&dir, "t.xlsx", "PK\3\4 cut short"), &arena, &table, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "damaged or cut short"));
    assert_int_equal(cs_table_load(folder_put(&dir, "t.csv", "PK\3\4 and so on"), &arena, &table, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "this is an Excel workbook; name it .xlsx"));
    assert_int_equal(cs_table_load(folder_put(&dir, "t.xlsx", "\xD0\xCF\x11\xE0 old"), &arena, &table, &err),
                     CS_EINVAL);
    assert_non_null(strstr(err.msg, "of the old kind (.xls) or with a password"));
    assert_int_equal(cs_table_load(folder_put_bytes(&dir, "t.csv", "\xFF\xFEi\0d\0", 6), &arena, &table, &err),
                     CS_EINVAL);
    assert_non_null(strstr(err.msg, "UTF-16"));
    const struct book_part other = {"word/document.xml", "<x/>", 4};
    assert_true(book_write(folder_file(&dir, "t.xlsx"), &other, 1));
    assert_int_equal(cs_table_load(folder_file(&dir, "t.xlsx"), &arena, &table, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "a zip file, but no Excel workbook"));
}

/* A part of zeros that packs to a thousandth, and one shared text in very many cells. */
static void small_files_cannot_become_large_ones(void **state)
{
    (void)state;
    const size_t n = 160u << 20;
    char *blank = malloc(n);
    assert_non_null(blank);
    memset(blank, ' ', n);
    memcpy(blank, "<worksheet>", 11);
    const struct book_part parts[] = {
        {"xl/workbook.xml", BOOK_ONE_SHEET, strlen(BOOK_ONE_SHEET)},
        {"xl/_rels/workbook.xml.rels", BOOK_RELATIONS, strlen(BOOK_RELATIONS)},
        {"xl/worksheets/sheet1.xml", blank, n},
    };
    const char *path = folder_file(&dir, "t.xlsx");
    assert_true(book_write(path, parts, 3));
    assert_int_equal(cs_table_load(path, &arena, &table, &err), CS_ETOOBIG);
    assert_non_null(strstr(err.msg, "expands to more than 128 MiB"));
    free(blank);

    struct cs_buf many = CS_BUF_INIT(1 << 20), text = CS_BUF_INIT(1 << 20);
    cs_buf_str(&text, "<sst><si><t>");
    for (int i = 0; i < 200 * 1024; i++)
        cs_buf_char(&text, 'x');
    cs_buf_str(&text, "</t></si></sst>");
    cs_buf_str(&many, "<worksheet><sheetData><row><c t='str'><v>id</v></c></row>");
    for (int i = 0; i < 3000; i++)
        cs_buf_str(&many, "<row><c t='s'><v>0</v></c></row>");
    cs_buf_str(&many, "</sheetData></worksheet>");
    const struct book_part shared[] = {parts[0],
                                       parts[1],
                                       {"xl/sharedStrings.xml", cs_buf_cstr(&text), text.len},
                                       {"xl/worksheets/sheet1.xml", cs_buf_cstr(&many), many.len}};
    assert_true(book_write(path, shared, 4));
    assert_int_equal(cs_table_load(path, &arena, &table, &err), CS_ETOOBIG);
    assert_non_null(strstr(err.msg, "more than 256 MiB of text"));
    cs_buf_release(&many);
    cs_buf_release(&text);
    cs_arena_release(&arena);
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
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(empty_ends_are_passed_over),
        cmocka_unit_test(a_second_sheet),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(files_that_are_not_what_they_are_called),
        cmocka_unit_test(small_files_cannot_become_large_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
