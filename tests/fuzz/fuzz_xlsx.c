/* Excel workbooks of others. After the first byte: an even one, the file as it is; an odd one, its parts with zero bytes between them,
 * which are packed here, so that what is inside need not be found through a checksum. What is read is UTF-8 within the limits. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/table/table.h"
#include "tests/unit/fixture_xlsx.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char path[256];

static void clean_up(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/clinsafe-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CS_ASSERT(mkdtemp(path) != NULL);
    memcpy(path + strlen(path), "/t.xlsx", sizeof "/t.xlsx");
    atexit(clean_up);
    return 0;
}

static bool write_parts(const char *data, size_t n)
{
    struct book_part parts[] = {
        {.name = "xl/worksheets/sheet1.xml"}, {.name = "xl/sharedStrings.xml"}, {.name = "xl/styles.xml"},
        {.name = "xl/worksheets/sheet2.xml"}, {.name = "xl/workbook.xml"},      {.name = "xl/_rels/workbook.xml.rels"}};
    enum { N = sizeof parts / sizeof parts[0] };
    for (size_t i = 0; i < N && data != NULL; i++) {
        const char *end = memchr(data, '\0', n);
        parts[i].bytes = data;
        parts[i].n = end != NULL ? (size_t)(end - data) : n;
        n -= end != NULL ? parts[i].n + 1 : n;
        data = end != NULL ? end + 1 : NULL;
    }
    if (parts[4].bytes == NULL)
        parts[4] = (struct book_part){parts[4].name, BOOK_TWO_SHEETS, strlen(BOOK_TWO_SHEETS)};
    if (parts[5].bytes == NULL)
        parts[5] = (struct book_part){parts[5].name, BOOK_RELATIONS, strlen(BOOK_RELATIONS)};
    return book_store(path, parts, N);
}

static void write_whole(const uint8_t *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    CS_ASSERT(f != NULL && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cs_arena arena = {0};
    struct cs_table t = {0};
    struct cs_error err = {0};
    if (n < 1)
        return 0;
    if (data[0] % 2 == 0)
        write_whole(data + 1, n - 1);
    else if (!write_parts((const char *)data + 1, n - 1))
        return 0;
    enum cs_err rc = cs_table_load(path, &arena, &t, &err);
    CS_ASSERT(rc == CS_OK || (err.code == rc && err.msg[0] != '\0'));
    for (uint32_t r = 0; rc == CS_OK && r < t.n_rows; r++) {
        for (uint32_t c = 0; c < t.n_columns; c++)
            CS_ASSERT(cs_utf8_valid(t.rows[r].values[c], strlen(t.rows[r].values[c])) &&
                      strlen(t.rows[r].values[c]) <= CS_TEXT_MAX);
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
    return 0;
}
