/* Tables of others, cases and labels: CSV, TSV, JSON Lines, JSON lists. Loaded whole, or read row by row, they are the same table, or the same
 * sentence is said. The first byte chooses the kind. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/table/table.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const kinds[] = {"csv", "tsv", "jsonl", "json"};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };
static char folder[256];

static void clean_up(void)
{
    char path[512];
    for (size_t i = 0; i < N_KINDS; i++) {
        snprintf(path, sizeof path, "%s/table.%s", folder, kinds[i]);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/clinsafe-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
    CS_ASSERT(mkdtemp(folder) != NULL);
    atexit(clean_up);
    return 0;
}

struct walk {
    const struct cs_table *whole;
    uint32_t row;
};

static enum cs_err head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct walk *w = self;
    (void)err;
    if (w->whole != NULL) {
        CS_ASSERT(t->n_columns == w->whole->n_columns);
        for (uint32_t i = 0; i < t->n_columns; i++)
            CS_ASSERT(strcmp(t->columns[i], w->whole->columns[i]) == 0);
    }
    return CS_OK;
}

static enum cs_err row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                       struct cs_error *err)
{
    struct walk *w = self;
    (void)err;
    if (w->whole != NULL) {
        CS_ASSERT(w->row < w->whole->n_rows);
        CS_ASSERT(line == w->whole->rows[w->row].line);
        for (uint32_t i = 0; i < t->n_columns; i++)
            CS_ASSERT(strcmp(values[i], w->whole->rows[w->row].values[i]) == 0);
    }
    w->row++;
    return CS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[512];
    struct cs_arena arena = {0};
    struct cs_table t = {0};
    struct cs_error err = {0}, err2 = {0};
    if (n < 1)
        return 0;
    const char *kind = kinds[data[0] % N_KINDS];
    snprintf(path, sizeof path, "%s/table.%s", folder, kind);
    FILE *f = fopen(path, "wb");
    CS_ASSERT(f != NULL);
    CS_ASSERT(fwrite(data + 1, 1, n - 1, f) == n - 1);
    CS_ASSERT(fclose(f) == 0);
    enum cs_err rc = cs_table_load(path, &arena, &t, &err);
    CS_ASSERT(rc == CS_OK || (err.code == rc && err.msg[0] != '\0'));
    for (uint32_t r = 0; rc == CS_OK && r < t.n_rows; r++) {
        for (uint32_t c = 0; c < t.n_columns; c++)
            CS_ASSERT(cs_utf8_valid(t.rows[r].values[c], strlen(t.rows[r].values[c])));
    }
    if (kind[0] != 'j') {
        struct walk w = {.whole = rc == CS_OK ? &t : NULL};
        struct cs_table_sink sink = {&w, head, row};
        enum cs_err rc2 = cs_table_stream(path, &sink, &err2);
        if (rc == CS_OK)
            CS_ASSERT(rc2 == CS_OK && w.row == t.n_rows);
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
    return 0;
}
