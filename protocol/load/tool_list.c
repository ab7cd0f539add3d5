/* tool_list.c - `tools:`, sources that the model may call before it answers. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/load/loader.h"
#include "protocol/study/tool_rows.h"

enum { TABLES_BYTES_MAX = 512 * 1024 };

static const char default_missing[] = "Nothing found.";
static const char default_remind[] = "Before you answer, use every one of the tools.";
static const char default_last[] = "Please give your answer now.";

static const char *const settings[] = {"max_calls", "require", "remind", "last", "order", NULL};

static bool is_in(const char *const *words, const char *word)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

struct tool_in {
    struct cs_loader *l;
    const struct cs_node *node;
    struct cs_tool *t;
};

/* ---- arguments ------------------------------------------------------------------------------------------- */

static enum cs_err load_arguments(struct tool_in *in)
{
    struct cs_loader *l = in->l;
    const struct cs_node *n = cs_node_get(in->node, "arguments");
    enum cs_err rc = n != NULL ? cs_node_any_map(n, "arguments", l->err) : CS_OK;
    if (rc != CS_OK || n == NULL)
        return rc;
    if (n->n > CS_TOOL_ARGUMENTS_MAX)
        return cs_yaml_fail(n, l->err, "%u arguments; at most %d", n->n, CS_TOOL_ARGUMENTS_MAX);
    struct cs_field *fields = cs_arena_array(l->arena, n->n + 1, sizeof *fields);
    in->t->arguments = fields;
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        struct cs_field *f = &fields[in->t->n_arguments++];
        rc = cs_load_questions_field(l, c, f);
        if (rc == CS_OK && (f->kind == CS_FIELD_OPTIONS || f->kind == CS_FIELD_LIST || f->truth_column != CS_NONE))
            rc = cs_yaml_fail_key(c, l->err,
                                  "an argument is boolean, ordinal, nominal, number or text, without a truth");
    }
    return rc;
}

static uint32_t argument_of(const struct cs_tool *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_arguments; i++) {
        if (strcmp(t->arguments[i].name, name) == 0)
            return i;
    }
    return CS_NONE;
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static enum cs_err find_column(const struct cs_loader *l, const struct cs_table *t, const struct cs_node *n,
                               const char *name, uint32_t *out)
{
    *out = cs_table_read_column(t, name);
    return *out != CS_NONE ? CS_OK
                           : cs_yaml_fail(n, l->err, "%s has no column \"%s\"%s", t->path, name,
                                          cs_names_hint(name, t->columns, t->n_columns).text);
}

/* A key: an argument, or `case.COLUMN`. In a list the table's column has the same name, in a map it is the key's. */
static enum cs_err load_key(const struct tool_in *in, const struct cs_node *n, const struct cs_table *table,
                            uint32_t *key, uint32_t *column)
{
    const char *names[CS_TOOL_ARGUMENTS_MAX], *name, *in_table;
    enum cs_err rc = cs_node_text(n, "by", &name, in->l->err);
    if (rc != CS_OK)
        return rc;
    in_table = name;
    if (strncmp(name, "case.", 5) == 0) {
        in_table = name + 5;
        rc = cs_load_judging_column(in->l, n, "by", key);
        *key += CS_TOOL_KEY_COLUMN;
    } else if ((*key = argument_of(in->t, name)) == CS_NONE) {
        for (uint32_t i = 0; i < in->t->n_arguments; i++)
            names[i] = in->t->arguments[i].name;
        rc = cs_yaml_fail(n, in->l->err, "\"%s\" is no argument of the tool%s; for a column of the cases write case.%s",
                          name, cs_names_hint(name, names, in->t->n_arguments).text, name);
    }
    if (rc == CS_OK)
        rc = find_column(in->l, table, n, n->key != NULL ? n->key : in_table, column);
    return rc;
}

struct row {
    const char **cells;
    uint32_t n_keys, row;
};

static int by_keys(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    const int order = cs_tool_rows_compare(x->cells, y->cells, x->n_keys);
    return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static enum cs_err check_row(const struct cs_loader *l, const struct cs_table *t, const struct row *r, size_t *bytes)
{
    for (uint32_t k = 0; k <= r->n_keys; k++)
        *bytes += strlen(r->cells[k]) + 1;
    if (strlen(r->cells[r->n_keys]) > CS_TOOL_TEXT_MAX)
        return cs_table_fail(t, r->row, l->err, "a result of over %d KiB; shorten it", CS_TOOL_TEXT_MAX / 1024);
    if (r->cells[r->n_keys][strspn(r->cells[r->n_keys], " \t\r\n")] == '\0')
        return cs_table_fail(t, r->row, l->err,
                             "there is nothing to return; leave the row out, or write what is found");
    if (*bytes > TABLES_BYTES_MAX)
        return cs_error_set(l->err, CS_ETOOBIG,
                            "%s: more than %d KiB of keys and results; leave out rows that no case needs", t->path,
                            TABLES_BYTES_MAX / 1024);
    return CS_OK;
}

static enum cs_err read_rows(const struct tool_in *in, const struct cs_table *t, const uint32_t *columns)
{
    const struct cs_loader *l = in->l;
    const uint32_t n_keys = in->t->n_keys, width = n_keys + 1;
    struct row *rows = cs_xcalloc((size_t)t->n_rows + 1, sizeof *rows);
    const char **cells = cs_arena_array(l->arena, (size_t)t->n_rows * width + 1, sizeof *cells),
               **sorted = cs_arena_array(l->arena, (size_t)t->n_rows * width + 1, sizeof *sorted);
    size_t bytes = 0;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->n_rows && rc == CS_OK; i++) {
        rows[i] = (struct row){cells + (size_t)i * width, n_keys, i};
        for (uint32_t k = 0; k < width; k++)
            rows[i].cells[k] = cs_arena_strdup(l->arena, t->rows[i].values[columns[k]]);
        rc = check_row(l, t, &rows[i], &bytes);
    }
    if (rc == CS_OK)
        qsort(rows, t->n_rows, sizeof *rows, by_keys);
    for (uint32_t i = 0; i < t->n_rows && rc == CS_OK; i++) {
        if (i > 0 && cs_tool_rows_compare(rows[i - 1].cells, rows[i].cells, n_keys) == 0)
            rc = cs_table_fail(t, rows[i].row, l->err,
                               "the same keys stand in line %u already; keep one of the two rows",
                               t->rows[rows[i - 1].row].line);
        memcpy(sorted + (size_t)i * width, rows[i].cells, width * sizeof *sorted);
    }
    in->t->cells = sorted;
    in->t->n_cells = t->n_rows * width;
    free(rows);
    return rc;
}

/* Keys of the case go first, in their order: the rows of a case are neighbours then (tool_rows.h). */
static void put_case_first(uint32_t *keys, uint32_t *columns, uint32_t n)
{
    uint32_t sorted[2][CS_TOOL_KEYS_MAX], at = 0;
    for (int of_case = 1; of_case >= 0; of_case--) {
        for (uint32_t k = 0; k < n; k++) {
            if ((keys[k] >= CS_TOOL_KEY_COLUMN) != of_case)
                continue;
            sorted[0][at] = keys[k];
            sorted[1][at++] = columns[k];
        }
    }
    memcpy(keys, sorted[0], n * sizeof *keys);
    memcpy(columns, sorted[1], n * sizeof *columns);
}

/* `returns: {file: F, by: [ARGUMENT, case.COLUMN], value: COLUMN}` */
static enum cs_err load_table(struct tool_in *in, const struct cs_node *n)
{
    static const char *const keys[] = {"file", "by", "value", NULL};
    struct cs_loader *l = in->l;
    struct cs_table t = {0};
    const struct cs_node *file = NULL, *by = NULL, *value = NULL;
    const char *name = NULL;
    uint32_t columns[CS_TOOL_KEYS_MAX + 1];
    enum cs_err rc = cs_node_map(n, "returns", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "returns", "file", &file, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "returns", "by", &by, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "returns", "value", &value, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(value, "value", &name, l->err);
    if (rc == CS_OK &&
        ((by->kind != CS_NODE_LIST && by->kind != CS_NODE_MAP) || by->n == 0 || by->n > CS_TOOL_KEYS_MAX))
        rc = cs_yaml_fail(by, l->err, "by names 1 to %d keys of the table, as in [test, case.case_id]",
                          CS_TOOL_KEYS_MAX);
    if (rc == CS_OK)
        rc = cs_loader_table(l, file, &t);
    uint32_t *own = cs_arena_array(l->arena, CS_TOOL_KEYS_MAX, sizeof *own);
    in->t->keys = own;
    for (const struct cs_node *c = rc == CS_OK ? by->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        rc = load_key(in, c, &t, &own[in->t->n_keys], &columns[in->t->n_keys]);
        in->t->n_keys++;
    }
    if (rc == CS_OK)
        put_case_first(own, columns, in->t->n_keys);
    if (rc == CS_OK)
        rc = find_column(l, &t, value, name, &columns[in->t->n_keys]);
    if (rc == CS_OK)
        rc = read_rows(in, &t, columns);
    if (rc == CS_OK)
        cs_tool_rows_seal(in->t);
    cs_table_release(&t);
    return rc;
}

/* ---- a tool ---------------------------------------------------------------------------------------------- */

/* `case.COLUMN`, or a template. */
static enum cs_err load_returns(struct tool_in *in)
{
    struct cs_loader *l = in->l;
    const struct cs_node *n;
    uint32_t column;
    enum cs_err rc = cs_node_need(in->node, in->node->key, "returns", &n, l->err);
    if (rc != CS_OK || n->kind == CS_NODE_MAP)
        return rc == CS_OK ? load_table(in, n) : rc;
    rc = cs_node_text(n, "returns", &in->t->returns, l->err);
    if (rc == CS_OK && strncmp(in->t->returns, "case.", 5) == 0 && strpbrk(in->t->returns, " {\n") == NULL) {
        rc = cs_load_judging_column(l, n, "returns", &column);
        if (rc == CS_OK)
            in->t->returns = cs_arena_printf(l->arena, "{{case.%s}}", l->columns[column]);
        return rc;
    }
    return rc == CS_OK ? cs_load_placeholders(l, n, "returns", false) : rc;
}

/* A text of the study's, or the default. */
static enum cs_err load_text(struct cs_loader *l, const struct cs_node *of, const char *key, const char *otherwise,
                             const char **out)
{
    const struct cs_node *n = cs_node_get(of, key);
    *out = otherwise;
    enum cs_err rc = n != NULL ? cs_node_text(n, key, out, l->err) : CS_OK;
    return rc == CS_OK && n != NULL ? cs_load_placeholders(l, n, key, false) : rc;
}

static enum cs_err load_tool(struct cs_loader *l, const struct cs_node *n, struct cs_tool *out)
{
    static const char *const keys[] = {"describe", "arguments", "returns", "missing", NULL};
    static const char *const words[] = {"none", "any", NULL};
    struct tool_in in = {l, n, out};
    const struct cs_node *describe, *missing;
    enum cs_err rc = cs_load_answers_name(l, n, "the name of a tool", CS_NAME_MEMBER);
    *out = (struct cs_tool){.name = n->key, .missing = default_missing};
    if (rc == CS_OK && is_in(words, n->key))
        rc = cs_yaml_fail_key(n, l->err, "a tool cannot be called \"%s\", which means something else; rename it",
                              n->key);
    if (rc == CS_OK)
        rc = cs_node_map(n, n->key, keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "describe", &describe, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(describe, "describe", &out->describe, l->err);
    if (rc == CS_OK)
        rc = cs_load_placeholders(l, describe, "describe", false);
    if (rc == CS_OK)
        rc = load_arguments(&in);
    if (rc == CS_OK)
        rc = load_returns(&in);
    missing = rc == CS_OK ? cs_node_get(n, "missing") : NULL;
    if (missing != NULL) /* it stands as it is written, so that all tables can be alike */
        rc = cs_node_text(missing, "missing", &out->missing, l->err);
    return rc;
}

/* ---- a set ----------------------------------------------------------------------------------------------- */

/* `order: random`, or a factor whose levels have an order of the tools. */
static enum cs_err load_order(const struct cs_loader *l, const struct cs_node *n, struct cs_toolset *out)
{
    const char *name;
    enum cs_err rc = cs_node_text(n, "order", &name, l->err);
    out->shuffled = rc == CS_OK && strcmp(name, "random") == 0;
    if (rc == CS_OK && !out->shuffled)
        rc = cs_loader_factor_ref(l, n, name, &out->order_factor);
    bool ordered = out->shuffled;
    for (uint32_t i = 0; rc == CS_OK && !out->shuffled && i < l->s->factors[out->order_factor].n_levels; i++) {
        const struct cs_level *level = &l->s->factors[out->order_factor].levels[i];
        ordered = ordered || level->order != NULL;
        if (level->order != NULL && level->n_order != out->n_tools)
            rc = cs_yaml_fail(n, l->err, "level \"%s\" of factor \"%s\" orders %u tools, but there are %u", level->id,
                              name, level->n_order, out->n_tools);
    }
    if (rc == CS_OK && !ordered)
        rc = cs_yaml_fail(n, l->err, "no level of factor \"%s\" has an order; add order: [2, 1, ...] to its levels",
                          name);
    return rc;
}

static enum cs_err load_require(struct cs_loader *l, const struct cs_node *n, struct cs_toolset *out)
{
    static const char *const words[] = {"all", NULL};
    const struct cs_node *require = cs_node_get(n, "require"), *remind = cs_node_get(n, "remind");
    uint32_t word;
    enum cs_err rc = require != NULL ? cs_node_word(require, "require", words, &word, l->err) : CS_OK;
    out->all = require != NULL;
    if (rc == CS_OK && remind != NULL && !out->all)
        rc = cs_yaml_fail_key(remind, l->err, "remind goes with require: all; add it");
    if (rc == CS_OK && out->all && out->max_calls < out->n_tools)
        rc = cs_yaml_fail_key(require, l->err, "max_calls is %u, which is too few to use all %u tools", out->max_calls,
                              out->n_tools);
    return rc == CS_OK ? load_text(l, n, "remind", default_remind, &out->remind) : rc;
}

static enum cs_err load_set(struct cs_loader *l, const struct cs_node *n, struct cs_toolset *out)
{
    const struct cs_node *most, *order = cs_node_get(n, "order");
    struct cs_tool *tools = cs_arena_array(l->arena, CS_TOOLS_MAX, sizeof *tools);
    uint64_t max_calls = 0;
    enum cs_err rc = CS_OK;
    *out = (struct cs_toolset){.tools = tools, .order_factor = CS_NONE};
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        if (is_in(settings, c->key))
            continue;
        if (out->n_tools == CS_TOOLS_MAX)
            return cs_yaml_fail_key(c, l->err, "more than %d tools", CS_TOOLS_MAX);
        rc = load_tool(l, c, &tools[out->n_tools++]);
    }
    if (rc == CS_OK && out->n_tools == 0)
        rc = cs_yaml_fail_key(n, l->err,
                              "there is no tool; write NAME: {describe: \"...\", returns: case.COLUMN}, and max_calls");
    if (rc == CS_OK)
        rc = cs_node_need(n, "tools", "max_calls", &most, l->err);
    if (rc == CS_OK)
        rc = cs_node_u64(most, "max_calls", 1, CS_TOOL_CALLS_MAX, &max_calls, l->err);
    out->max_calls = (uint32_t)max_calls;
    if (rc == CS_OK)
        rc = load_require(l, n, out);
    if (rc == CS_OK)
        rc = load_text(l, n, "last", default_last, &out->last);
    return rc == CS_OK && order != NULL ? load_order(l, order, out) : rc;
}

/* *out: 1 + its set; 0: none. */
static enum cs_err load_tools(struct cs_loader *l, const struct cs_node *n, uint32_t *out)
{
    if (n == NULL)
        return CS_OK;
    *out = 0;
    if (n->kind == CS_NODE_TEXT && strcmp(n->text, "none") == 0)
        return CS_OK;
    enum cs_err rc = cs_node_any_map(n, "tools", l->err);
    if (rc == CS_OK)
        rc = load_set(l, n, &l->toolsets[l->s->n_toolsets]);
    *out = ++l->s->n_toolsets;
    return rc;
}

enum cs_err cs_load_tool_list(struct cs_loader *l)
{
    const struct cs_node *questions = cs_node_get(l->root, "questions");
    uint32_t of_study = 0, i = 0;
    l->toolsets = cs_arena_array(l->arena, CS_QUESTIONS_MAX + 1, sizeof *l->toolsets);
    l->s->toolsets = l->toolsets;
    enum cs_err rc = load_tools(l, cs_node_get(l->root, "tools"), &of_study);
    for (const struct cs_node *q = questions != NULL ? questions->first : NULL;
         q != NULL && rc == CS_OK && i < CS_QUESTIONS_MAX; q = q->next, i++) {
        l->question_tools[i] = of_study;
        rc = load_tools(l, q->kind == CS_NODE_MAP ? cs_node_get(q, "tools") : NULL, &l->question_tools[i]);
    }
    return rc;
}

/* ---- with all else --------------------------------------------------------------------------------------- */

static enum cs_err check_question(const struct cs_loader *l, const struct cs_node *n, const struct cs_question *q)
{
    const struct cs_toolset *set = cs_tools_of(l->s, q);
    const struct cs_node *at = cs_node_get(n, "answer_at");
    if (at != NULL)
        return cs_yaml_fail_key(at, l->err,
                                "answer_at goes with prompt: {turns: [...]}; with tools the last turn answers");
    for (uint32_t i = 0; i < set->n_tools; i++) {
        if (strcmp(set->tools[i].name, q->name) == 0)
            return cs_yaml_fail(n, l->err, "question \"%s\" has a tool of its own name; rename one of them", q->name);
    }
    for (uint32_t i = 0; i < l->s->n_prompts; i++) {
        if (l->s->prompts[i].turns != NULL)
            return cs_yaml_fail(n, l->err,
                                "question \"%s\" has tools, and the prompt has turns; write prompt: {user: ...}, or "
                                "tools: none here",
                                q->name);
    }
    return CS_OK;
}

enum cs_err cs_load_tool_list_check(struct cs_loader *l)
{
    const struct cs_node *n = cs_node_get(l->root, "questions")->first, *models = cs_node_get(l->root, "models");
    enum cs_err rc = CS_OK;
    struct cs_error why = {0};
    for (uint32_t i = 0; i < l->s->n_questions && rc == CS_OK; i++, n = n->next) {
        if (l->s->questions[i].tools != 0)
            rc = check_question(l, n, &l->s->questions[i]);
    }
    if (rc == CS_OK && cs_dialect_tools_check(l->s, &why) != CS_OK)
        rc = cs_yaml_fail(models, l->err, "%s", why.msg);
    return rc;
}
