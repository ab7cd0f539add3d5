#include "protocol/load/loader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"

const char *cs_loader_value(const struct cs_loader *l, uint32_t case_index, uint32_t column)
{
    CS_ASSERT(case_index < l->table.n_rows);
    CS_ASSERT(column < l->s->n_columns);
    if (column < l->table.n_columns)
        return l->table.rows[case_index].values[column];
    return l->added[column][case_index];
}

uint32_t cs_loader_add_column(struct cs_loader *l, const char *name)
{
    uint32_t column = l->s->n_columns;
    if (column == CS_COLUMNS_MAX)
        return CS_NONE;
    CS_ASSERT(cs_names_put(&l->column_names, name, column) == UINT32_MAX);
    l->columns[column] = name;
    l->added[column] = cs_xcalloc(l->table.n_rows, sizeof *l->added[column]);
    for (uint32_t i = 0; i < l->table.n_rows; i++)
        l->added[column][i] = "";
    l->s->n_columns++;
    return column;
}

enum cs_err cs_loader_column(const struct cs_loader *l, const struct cs_node *n, const char *what, uint32_t *out)
{
    const char *name;
    enum cs_err rc = cs_node_text(n, what, &name, l->err);
    if (rc != CS_OK)
        return rc;
    if (strncmp(name, "case.", 5) == 0)
        name += 5;
    *out = cs_names_get(&l->column_names, name);
    if (*out == CS_NONE)
        return cs_yaml_fail(n, l->err, "%s is \"%s\", but the cases have no such column%s", what, n->text,
                            cs_names_hint(name, l->columns, l->s->n_columns).text);
    return CS_OK;
}

enum cs_err cs_loader_words(const struct cs_loader *l, const struct cs_node *n, const char *what,
                            const char *const **out, uint32_t *n_out)
{
    enum cs_err rc = CS_OK;
    if (n->kind != CS_NODE_TEXT)
        rc = cs_node_list(n, what, l->err);
    if (rc != CS_OK)
        return rc;
    uint32_t count = 0;
    const char **words = cs_arena_array(l->arena, n->kind == CS_NODE_LIST ? n->n : 1, sizeof *words);
    for (const struct cs_node *c = n->kind == CS_NODE_LIST ? n->first : n; c != NULL; c = c->next) {
        rc = cs_node_text(c, what, &words[count], l->err);
        if (rc != CS_OK)
            return rc;
        for (uint32_t i = 0; i < count; i++) {
            if (strcmp(words[i], words[count]) == 0)
                return cs_yaml_fail(c, l->err, "\"%s\" stands twice in %s; name it once", words[i], what);
        }
        count++;
        if (n->kind == CS_NODE_TEXT)
            break;
    }
    *out = words;
    *n_out = count;
    return CS_OK;
}

enum cs_err cs_loader_table(const struct cs_loader *l, const struct cs_node *file, struct cs_table *out)
{
    return cs_loader_table_lists(l, file, NULL, 0, out);
}

enum cs_err cs_loader_table_lists(const struct cs_loader *l, const struct cs_node *file, const char *const *lists,
                                  uint32_t n_lists, struct cs_table *out)
{
    const char *name;
    enum cs_err rc = cs_node_text(file, "file", &name, l->err);
    if (rc != CS_OK)
        return rc;
    char *beside = cs_file_beside(l->path, name), *in_data = NULL;
    if (l->data_dir != NULL && name[0] != '/')
        in_data = cs_xasprintf("%s/%s", l->data_dir, name);
    const char *path = in_data != NULL && access(in_data, F_OK) == 0 ? in_data : beside;
    if (access(path, F_OK) != 0)
        rc = in_data == NULL
                 ? cs_yaml_fail(file, l->err, "there is no file %s; paths are relative to the study file", beside)
                 : cs_yaml_fail(file, l->err,
                                "there is no file %s, and no %s; set data_dir, --data or CLINSAFE_DATA to where it is",
                                in_data, beside);
    else
        rc = cs_table_load_lists(path, lists, n_lists, l->arena, out, l->err);
    free(beside);
    free(in_data);
    return rc;
}

bool cs_loader_is_list(const struct cs_loader *l, uint32_t column)
{
    for (uint32_t i = 0; i < l->table.n_lists; i++) {
        if (strcmp(l->columns[column], l->table.lists[i]) == 0)
            return true;
    }
    return false;
}

uint32_t cs_loader_level(const struct cs_factor *f, const char *id)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (strcmp(f->levels[i].id, id) == 0)
            return i;
    }
    return CS_NONE;
}

/* At the key when the name is that, else at the value. */
static enum cs_err fail_name(const struct cs_loader *l, const struct cs_node *n, const char *name, const char *sentence)
{
    return name == n->key ? cs_yaml_fail_key(n, l->err, "%s", sentence) : cs_yaml_fail(n, l->err, "%s", sentence);
}

enum cs_err cs_loader_level_ref(const struct cs_loader *l, const struct cs_node *n, const char *id,
                                const struct cs_factor *f, uint32_t *out)
{
    *out = cs_loader_level(f, id);
    if (*out != CS_NONE)
        return CS_OK;
    const char **names = cs_xcalloc(f->n_levels + 1, sizeof *names);
    for (uint32_t i = 0; i < f->n_levels; i++)
        names[i] = f->levels[i].id;
    const char *sentence = cs_arena_printf(l->arena, "factor \"%s\" has no level \"%s\"%s", f->name, id,
                                           cs_names_hint(id, names, f->n_levels).text);
    free(names);
    return fail_name(l, n, id, sentence);
}

enum cs_err cs_loader_factor_ref(const struct cs_loader *l, const struct cs_node *n, const char *name, uint32_t *out)
{
    const char *names[CS_FACTORS_MAX];
    *out = cs_study_factor(l->s, name);
    if (*out != CS_NONE)
        return CS_OK;
    for (uint32_t i = 0; i < l->s->n_factors; i++)
        names[i] = l->s->factors[i].name;
    return fail_name(l, n, name,
                     cs_arena_printf(l->arena, "there is no factor \"%s\"%s", name,
                                     cs_names_hint(name, names, l->s->n_factors).text));
}
