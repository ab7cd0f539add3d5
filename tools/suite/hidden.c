#include "tools/suite/hidden.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/base/sign.h"
#include "protocol/table/table.h"

enum { SALT = 32, SALT_FILE_MAX = 256, ROW_MAX = 8 * 1024 * 1024 };

char *cs_hidden_table(const char *dir, const struct cs_suite_study *study)
{
    return cs_xasprintf("%s/%s/%s", dir, study->name, study->table);
}

static enum cs_err read_salt(const char *dir, uint8_t salt[SALT], struct cs_error *err)
{
    char *path = cs_xasprintf("%s/salt", dir), *text = NULL;
    enum cs_err rc = cs_file_read(path, SALT_FILE_MAX, &text, NULL, err);
    if (rc == CS_OK) {
        text[strcspn(text, " \t\r\n")] = '\0';
        if (!cs_digest_unhex(text, salt, SALT))
            rc = cs_error_set(err, CS_EINVAL, "%s: want 64 hexadecimal digits", path);
    }
    free(text);
    free(path);
    return rc;
}

static enum cs_err need_salt(const char *dir, uint8_t salt[SALT], struct cs_error *err)
{
    enum cs_err rc = read_salt(dir, salt, err);
    if (rc != CS_ENOENT)
        return rc;
    char hex[2 * SALT + 2], *path = cs_xasprintf("%s/salt", dir);
    cs_sign_random(salt, SALT);
    cs_digest_hex(salt, SALT, hex);
    hex[2 * SALT] = '\n';
    rc = cs_file_write(path, hex, 2 * SALT + 1, 0600, err);
    free(path);
    return rc;
}

static void put(struct cs_buf *b, const char *cell)
{
    const size_t n = strlen(cell);
    cs_buf_printf(b, "%zu:", n);
    cs_buf_append(b, cell, n);
    cs_buf_char(b, ',');
}

static void commitment(const struct cs_table *t, uint32_t row, const uint8_t salt[SALT], char hex[65])
{
    struct cs_buf b = CS_BUF_INIT(ROW_MAX);
    uint8_t out[32];
    for (uint32_t c = 0; c < t->n_columns; c++)
        put(&b, t->columns[c]);
    for (uint32_t c = 0; c < t->n_columns; c++)
        put(&b, t->rows[row].values[c]);
    cs_sign_hmac(salt, b.data, b.len, out);
    cs_digest_hex(out, sizeof out, hex);
    cs_buf_release(&b);
}

static bool holds(const struct cs_table *t, uint32_t row, const char *canary)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        if (strstr(t->rows[row].values[c], canary) != NULL)
            return true;
    }
    return false;
}

enum cs_err cs_hidden_check(const struct cs_suite *s, const struct cs_suite_study *study, const char *dir,
                            const char *path, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_table t = {0};
    uint8_t salt[SALT];
    char hex[65];
    enum cs_err rc = read_salt(dir, salt, err);
    if (rc == CS_OK)
        rc = cs_table_load(path, &arena, &t, err);
    if (rc == CS_OK && t.n_rows != study->n_hmacs)
        rc = cs_error_set(err, CS_EINVAL, "%s: %u rows; suite %s has committed to %u", path, t.n_rows, s->name,
                          study->n_hmacs);
    for (uint32_t i = 0; rc == CS_OK && i < t.n_rows; i++) {
        commitment(&t, i, salt, hex);
        if (strcmp(hex, study->hmacs[i]) != 0)
            rc = cs_error_set(err, CS_EINVAL,
                              "%s:%u: this is not the row that suite %s has committed to, or not its salt", path,
                              t.rows[i].line, s->name);
        else if (holds(&t, i, s->canary))
            rc = cs_error_set(err, CS_EINVAL, "%s:%u: the suite's canary stands in a text that models are shown", path,
                              t.rows[i].line);
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_hidden_commit(const char *dir, const char *table, struct cs_json *rows, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_table t = {0};
    uint8_t salt[SALT];
    char hex[65];
    enum cs_err rc = cs_table_load(table, &arena, &t, err);
    if (rc == CS_OK)
        rc = need_salt(dir, salt, err);
    for (uint32_t i = 0; rc == CS_OK && i < t.n_rows; i++) {
        commitment(&t, i, salt, hex);
        cs_json_array_append_new(rows, cs_json_string(hex));
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
    return rc;
}
