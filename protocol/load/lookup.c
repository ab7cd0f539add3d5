/* lookup.c - `lookup:` of a derived answer: a table whose rows say what each answer is worth. It becomes part of the study. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/loader.h"
#include "protocol/study/derive.h"

enum { LOOKUP_BYTES_MAX = 512 * 1024, COMBINATIONS_MAX = 65536 };

struct lookup_row {
    const char **cells; /* keys, value */
    uint32_t n_keys, row;
};

static int by_keys(const void *a, const void *b)
{
    const struct lookup_row *x = a, *y = b;
    const int order = cs_derive_compare_keys(x->cells, y->cells, x->n_keys);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static enum cs_err find_column(const struct cs_loader *l, const struct cs_table *t, const struct cs_node *n,
                               const char *name, bool at_key, uint32_t *out)
{
    *out = cs_table_read_column(t, name);
    if (*out != CS_NONE)
        return CS_OK;
    return (at_key ? cs_yaml_fail_key : cs_yaml_fail)(n, l->err, "%s has no column \"%s\"%s", t->path, name,
                                                      cs_names_hint(name, t->columns, t->n_columns).text);
}

static bool is_number(const char *text)
{
    char *end = NULL;
    const double v = strtod(text, &end);
    return end != text && *end == '\0' && v >= -1e300 && v <= 1e300;
}

/* The cells of a row in the order of the keys, the value behind them. */
static enum cs_err take_row(const struct cs_loader *l, const struct cs_table *t, uint32_t row, const uint32_t *columns,
                            uint32_t n_keys, enum cs_derive_kind kind, const char **cells)
{
    const char *const *v = t->rows[row].values;
    for (uint32_t i = 0; i <= n_keys; i++)
        cells[i] = v[columns[i]];
    if (kind == CS_DERIVES_NUMBER && cells[n_keys][0] != '\0' && !is_number(cells[n_keys]))
        return cs_table_fail(
            t, row, l->err,
            "%s is \"%.60s\", which is no number; write one with a decimal point, or as: text in the study",
            t->columns[columns[n_keys]], cells[n_keys]);
    return CS_OK;
}

static enum cs_err read_rows(const struct cs_loader *l, const struct cs_table *t, const uint32_t *columns,
                             enum cs_derive_kind kind, struct cs_derive_rule *r)
{
    const uint32_t width = r->n_terms + 1;
    struct lookup_row *rows = cs_xcalloc((size_t)t->n_rows + 1, sizeof *rows);
    const char **cells = cs_arena_array(l->arena, (size_t)t->n_rows * width + 1, sizeof *cells),
               **sorted = cs_arena_array(l->arena, (size_t)t->n_rows * width + 1, sizeof *sorted);
    size_t bytes = 0;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->n_rows && rc == CS_OK; i++) {
        rows[i] = (struct lookup_row){cells + (size_t)i * width, r->n_terms, i};
        rc = take_row(l, t, i, columns, r->n_terms, kind, rows[i].cells);
        for (uint32_t k = 0; k < width && rc == CS_OK; k++)
            bytes += strlen(rows[i].cells[k]) + 1;
    }
    if (rc == CS_OK && ((size_t)t->n_rows * width > CS_LOOKUP_CELLS_MAX || bytes > LOOKUP_BYTES_MAX))
        rc = cs_error_set(l->err, CS_ETOOBIG,
                          "%s: more than %d KiB of keys and values; leave out rows that no case needs", t->path,
                          LOOKUP_BYTES_MAX / 1024);
    if (rc == CS_OK)
        qsort(rows, t->n_rows, sizeof *rows, by_keys);
    for (uint32_t i = 0; i < t->n_rows && rc == CS_OK; i++) {
        if (i > 0 && cs_derive_compare_keys(rows[i - 1].cells, rows[i].cells, r->n_terms) == 0)
            rc = cs_table_fail(t, rows[i].row, l->err,
                               "the same keys stand in line %u already; keep one of the two rows",
                               t->rows[rows[i - 1].row].line);
        memcpy(sorted + (size_t)i * width, rows[i].cells, width * sizeof *sorted);
    }
    r->cells = sorted;
    r->n_cells = t->n_rows * width;
    free(rows);
    return rc;
}

/* Sets the keys of one combination of words; returns false where a key is not known before there are answers, or empty. */
static bool set_keys(const struct cs_loader *l, const struct cs_question *q, const struct cs_derive_rule *r,
                     uint32_t case_index, uint64_t combination, const char **keys)
{
    for (uint32_t i = 0; i < r->n_terms; i++) {
        const struct cs_derive_term *t = &r->terms[i];
        const struct cs_field *f = t->from == CS_DERIVE_FIELD ? &q->fields[t->at] : NULL;
        if (t->from == CS_DERIVE_COLUMN) {
            keys[i] = cs_loader_value(l, case_index, t->at);
        } else if (f != NULL && f->n_categories > 0) {
            keys[i] = f->categories[combination % f->n_categories];
            combination /= f->n_categories;
        } else {
            return false;
        }
        if (keys[i][0] == '\0')
            return false;
    }
    return true;
}

/* Every answer that a case can get has its row: a gap would be missing data that depends on the answer. */
static enum cs_err check_whole(const struct cs_loader *l, const struct cs_node *n, const struct cs_table *t,
                               const struct cs_question *q, const struct cs_derive_rule *r)
{
    const char *keys[CS_DERIVE_TERMS_MAX];
    uint64_t combinations = 1;
    bool by_case = false;
    for (uint32_t i = 0; i < r->n_terms; i++) {
        const struct cs_derive_term *k = &r->terms[i];
        by_case = by_case || k->from == CS_DERIVE_COLUMN;
        if (k->from == CS_DERIVE_FIELD && q->fields[k->at].n_categories > 0)
            combinations *= q->fields[k->at].n_categories;
        if (combinations > COMBINATIONS_MAX)
            return CS_OK;
    }
    for (uint32_t c = 0; c < (by_case ? l->s->n_cases : 1); c++) {
        for (uint64_t k = 0; k < combinations; k++) {
            if (!set_keys(l, q, r, c, k, keys) || cs_derive_look_up(r, keys) != NULL)
                continue;
            struct cs_buf said = CS_BUF_INIT(1024);
            const struct cs_node *key = cs_node_get(n, "by")->first;
            for (uint32_t i = 0; i < r->n_terms; i++, key = key->next)
                cs_buf_printf(&said, "%s%s \"%.60s\"", i > 0 ? ", " : "", key->key, keys[i]);
            const enum cs_err rc = cs_yaml_fail_key(
                n, l->err, "%s has no row for %s; add it, with an empty value where that is not known", t->path,
                cs_buf_cstr(&said));
            cs_buf_release(&said);
            return rc;
        }
    }
    return CS_OK;
}

enum cs_err cs_load_lookup(const struct cs_loader *l, const struct cs_node *n, const struct cs_question *q,
                           enum cs_derive_kind kind, struct cs_derive_rule *r)
{
    struct cs_table t = {0};
    uint32_t columns[CS_DERIVE_TERMS_MAX], i = 0;
    const struct cs_node *file = NULL, *value = NULL;
    const char *name = NULL;
    enum cs_err rc = cs_node_need(n, "lookup", "file", &file, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "lookup", "value", &value, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(value, "value", &name, l->err);
    if (rc == CS_OK)
        rc = cs_loader_table(l, file, &t);
    for (const struct cs_node *c = cs_node_get(n, "by")->first; c != NULL && rc == CS_OK; c = c->next)
        rc = find_column(l, &t, c, c->key, true, &columns[i++]);
    if (rc == CS_OK)
        rc = find_column(l, &t, value, name, false, &columns[i]);
    if (rc == CS_OK)
        rc = read_rows(l, &t, columns, kind, r);
    if (rc == CS_OK)
        rc = check_whole(l, n, &t, q, r);
    cs_table_release(&t);
    return rc;
}
