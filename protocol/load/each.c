/* each.c - `cases: {lists: [...], each: case.LIST}`: columns that hold lists, and a case for every element of one. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/elements.h"
#include "protocol/base/json.h"
#include "protocol/load/loader.h"

struct expand {
    struct cs_loader *l;
    const struct cs_table *from;
    struct cs_table to;
    const char **columns; /* CS_COLUMNS_MAX: those of the table, then each.KEY */
    const char **row;     /* CS_COLUMNS_MAX */
    uint32_t *since;      /* CS_COLUMNS_MAX: the number of elements before the column's first */
    struct cs_names known;
    uint32_t list; /* the column taken apart */
    uint32_t *nth, cap;
};

static enum cs_err put(struct expand *x, uint32_t row, const char *key, const struct cs_json *v)
{
    const char *name = cs_arena_printf(x->l->arena, "each.%s", key);
    uint32_t c = cs_names_get(&x->known, name);
    const char *text = cs_elements_text(x->l->arena, v);
    if (c == CS_NONE) {
        if (x->to.n_columns == CS_COLUMNS_MAX - 2)
            return cs_table_fail(x->from, row, x->l->err, "more than %d columns with those of each",
                                 CS_COLUMNS_MAX - 2);
        c = x->to.n_columns++;
        x->columns[c] = name;
        x->since[c] = x->to.n_rows;
        cs_names_put(&x->known, name, c);
    } else if (c < x->from->n_columns) {
        return cs_table_fail(x->from, row, x->l->err, "the cases have a column %s of their own; rename it", name);
    }
    if (strlen(text) > CS_TEXT_MAX)
        return cs_table_fail(x->from, row, x->l->err, "%s is longer than %d bytes", name, CS_TEXT_MAX);
    x->row[c] = text;
    return CS_OK;
}

static enum cs_err take_element(struct expand *x, uint32_t row, uint32_t nth, struct cs_json *v)
{
    enum cs_err rc = CS_OK;
    const char *key;
    struct cs_json *inner;
    if (x->to.n_rows == CS_CASES_MAX)
        return cs_table_fail(x->from, row, x->l->err, "more than %d cases with each", CS_CASES_MAX);
    memcpy(x->row, x->from->rows[row].values, x->from->n_columns * sizeof *x->row);
    for (uint32_t i = x->from->n_columns; i < x->to.n_columns; i++)
        x->row[i] = "";
    x->row[x->list] = "";
    if (!cs_json_is_object(v)) {
        rc = put(x, row, "text", v);
    } else {
        cs_json_object_foreach(v, key, inner)
        {
            rc = put(x, row, key, inner);
            if (rc != CS_OK)
                return rc;
        }
    }
    if (x->to.n_rows == x->cap) {
        x->cap = x->cap != 0 ? x->cap * 2 : 64;
        x->to.rows = cs_xrealloc(x->to.rows, x->cap, sizeof *x->to.rows);
        x->nth = cs_xrealloc(x->nth, x->cap, sizeof *x->nth);
    }
    const char **values = cs_arena_array(x->l->arena, x->to.n_columns, sizeof *values);
    memcpy(values, x->row, x->to.n_columns * sizeof *values);
    x->nth[x->to.n_rows] = nth;
    x->to.rows[x->to.n_rows++] = (struct cs_row){.line = x->from->rows[row].line, .values = values};
    return rc;
}

/* Elements read before the last column came have the empty text there. */
static void fill_up(struct expand *x)
{
    const char **values = NULL;
    uint32_t width = 0;
    for (uint32_t i = 0; i < x->to.n_rows; i++) {
        const char *const *had = x->to.rows[i].values;
        while (width < x->to.n_columns && x->since[width] <= i)
            width++;
        if (width == x->to.n_columns)
            return;
        values = cs_arena_array(x->l->arena, x->to.n_columns, sizeof *values);
        for (uint32_t c = 0; c < x->to.n_columns; c++)
            values[c] = c < width ? had[c] : "";
        x->to.rows[i].values = values;
    }
}

static enum cs_err expand(struct expand *x)
{
    enum cs_err rc = CS_OK;
    struct cs_json *v;
    size_t i;
    for (uint32_t row = 0; row < x->from->n_rows && rc == CS_OK; row++) {
        struct cs_json *list = cs_json_loads(x->from->rows[row].values[x->list], 0, NULL);
        cs_json_array_foreach(list, i, v)
        {
            rc = take_element(x, row, (uint32_t)i + 1, v);
            if (rc != CS_OK)
                break;
        }
        cs_json_decref(list);
    }
    if (rc == CS_OK)
        fill_up(x);
    return rc;
}

enum cs_err cs_load_each(struct cs_loader *l, const struct cs_node *each)
{
    const char *name;
    enum cs_err rc = cs_node_text(each, "each", &name, l->err);
    if (rc != CS_OK)
        return rc;
    name += strncmp(name, "case.", 5) == 0 ? 5 : 0;
    struct expand x = {.l = l, .from = &l->table, .to = l->table, .list = cs_table_read_column(&l->table, name)};
    bool listed = false;
    for (uint32_t i = 0; i < l->table.n_lists; i++)
        listed |= strcmp(l->table.lists[i], name) == 0;
    if (x.list == CS_NONE || !listed)
        return cs_yaml_fail(each, l->err, "each is \"%s\", which is no list; name it in lists: [...] of the cases%s",
                            each->text, cs_names_hint(name, l->table.columns, l->table.n_columns).text);
    x.to.rows = NULL;
    x.to.n_rows = x.to.cap = 0;
    x.columns = cs_arena_array(l->arena, CS_COLUMNS_MAX, sizeof *x.columns);
    x.row = cs_xcalloc(CS_COLUMNS_MAX, sizeof *x.row);
    x.since = cs_xcalloc(CS_COLUMNS_MAX, sizeof *x.since);
    for (uint32_t i = 0; i < l->table.n_columns; i++) {
        x.columns[i] = l->table.columns[i];
        cs_names_put(&x.known, x.columns[i], i);
    }
    rc = expand(&x);
    if (rc == CS_OK && x.to.n_rows == 0)
        rc = cs_yaml_fail(each, l->err, "each is \"%s\", but the lists of all cases are empty", each->text);
    if (rc == CS_OK) {
        free(l->table.rows);
        x.to.columns = x.columns;
        x.to.cap = x.cap;
        l->table = x.to;
        l->nth = x.nth;
    } else {
        free(x.to.rows);
        free(x.nth);
    }
    cs_names_release(&x.known);
    free(x.row);
    free(x.since);
    return rc;
}
