/* cases.c - the `cases:` part: table, ids, clusters, strata. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/table/generate.h"
#include "protocol/load/loader.h"

static enum cs_err generate(struct cs_loader *l, const struct cs_node *cases, const struct cs_node *kind)
{
    uint32_t which = 0;
    uint64_t n = 0, seed = 1;
    const struct cs_node *v;
    enum cs_err rc = cs_node_word(kind, "generate", cs_generate_names, &which, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(cases, "cases: {generate: ...}", "n", &v, l->err);
    if (rc == CS_OK)
        rc = cs_node_u64(v, "n", 1, CS_GENERATE_MAX, &n, l->err);
    if (rc == CS_OK && (v = cs_node_get(cases, "seed")) != NULL)
        rc = cs_node_u64(v, "seed", 0, UINT64_MAX, &seed, l->err);
    if (rc == CS_OK)
        cs_generate(which, (uint32_t)n, seed, l->arena, &l->table);
    return rc;
}

/* Fills l->table from the one source that the study names. */
static enum cs_err load_source(struct cs_loader *l, const struct cs_node *cases)
{
    const struct cs_node *lists = cs_node_get(cases, "lists");
    const char *const *names = NULL;
    uint32_t n_names = 0;
    static const char *const sources[] = {"file", "rows", "generate", "from_study"};
    const struct cs_node *source = NULL, *v;
    for (size_t i = 0; i < 4; i++) {
        v = cs_node_get(cases, sources[i]);
        if (v != NULL && source != NULL)
            return cs_yaml_fail_key(v, l->err, "cases come from %s and from %s; keep one of them", source->key, v->key);
        source = v != NULL ? v : source;
    }
    if (source == NULL)
        return cs_yaml_fail(cases, l->err, "cases has no source; add file: cases.csv, rows: [...] or generate: ed");
    v = cs_node_get(cases, "n") != NULL ? cs_node_get(cases, "n") : cs_node_get(cases, "seed");
    if (v != NULL && strcmp(source->key, "generate") != 0)
        return cs_yaml_fail_key(v, l->err, "%s belongs to generate; remove it, every case of %s is used", v->key,
                                source->key);
    if (strcmp(source->key, "from_study") == 0)
        return cs_load_from_study(l, cases, source);
    if (lists != NULL && strcmp(source->key, "file") != 0)
        return cs_yaml_fail_key(lists, l->err, "lists come from a file: JSON Lines, or cells with JSON; %s has none",
                                source->key);
    if (strcmp(source->key, "generate") == 0)
        return generate(l, cases, source);
    if (strcmp(source->key, "rows") == 0)
        return cs_table_from_node(source, "cases: rows", l->arena, &l->table, l->err);
    if (lists == NULL)
        return cs_loader_table(l, source, &l->table);
    enum cs_err rc = cs_loader_words(l, lists, "lists", &names, &n_names);
    if (rc == CS_OK)
        rc = cs_loader_table_lists(l, source, names, n_names, &l->table);
    for (uint32_t i = 0; i < n_names && rc == CS_OK; i++) {
        if (cs_table_read_column(&l->table, names[i]) == CS_NONE)
            rc = cs_yaml_fail(lists, l->err, "lists has \"%s\", but the cases have no such column%s", names[i],
                              cs_names_hint(names[i], l->table.columns, l->table.n_columns).text);
    }
    return rc;
}

/* The columns that a key names (default when absent), as numbers. */
static enum cs_err columns_of(struct cs_loader *l, const struct cs_node *n, const char *what, uint32_t **out,
                              uint32_t *n_out)
{
    const char *const *words;
    enum cs_err rc = cs_loader_words(l, n, what, &words, n_out);
    if (rc != CS_OK)
        return rc;
    *out = cs_arena_array(l->arena, *n_out, sizeof **out);
    const struct cs_node *c = n->kind == CS_NODE_LIST ? n->first : n;
    for (uint32_t i = 0; i < *n_out && rc == CS_OK; i++, c = c->next)
        rc = cs_loader_column(l, c, what, &(*out)[i]);
    return rc;
}

/* The texts of some columns of a case, joined by "/". */
static enum cs_err joined(struct cs_loader *l, uint32_t row, const uint32_t *columns, uint32_t n, const char *what,
                          const char **out)
{
    const char *id = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const char *part = cs_loader_value(l, row, columns[i]);
        if (part[0] == '\0' || strpbrk(part, "\r\n\t") != NULL || strlen(part) > 128)
            return cs_table_fail(
                &l->table, row, l->err,
                "%s %s of a case is empty, longer than 128 bytes or has line breaks; give it a short name", what,
                l->columns[columns[i]]);
        id = id == NULL ? part : cs_arena_printf(l->arena, "%s/%s", id, part);
    }
    *out = id;
    return CS_OK;
}

static enum cs_err load_ids(struct cs_loader *l, const struct cs_node *cases)
{
    struct cs_names seen = {0};
    uint32_t *id_columns, *cluster_columns = NULL, n_id = 1, n_cluster = 0;
    const struct cs_node *id = cs_node_get(cases, "id"), *cluster = cs_node_get(cases, "cluster");
    enum cs_err rc = CS_OK;
    if (id != NULL) {
        rc = columns_of(l, id, "id", &id_columns, &n_id);
    } else {
        id_columns = cs_arena_array(l->arena, 1, sizeof *id_columns);
        id_columns[0] = cs_names_get(&l->column_names, "case_id");
        if (id_columns[0] == CS_NONE)
            rc = cs_yaml_fail(cases, l->err, "the cases have no column case_id; say which names them, as in id: [%s]",
                              l->columns[0]);
    }
    if (rc == CS_OK && cluster != NULL)
        rc = columns_of(l, cluster, "cluster", &cluster_columns, &n_cluster);
    for (uint32_t i = 0; i < l->table.n_rows && rc == CS_OK; i++) {
        struct cs_case *c = &l->all[i];
        c->index = i;
        rc = joined(l, i, id_columns, n_id, "id", &c->id);
        c->cluster = c->id;
        if (rc == CS_OK && cluster != NULL)
            rc = joined(l, i, cluster_columns, n_cluster, "cluster", &c->cluster);
        if (rc == CS_OK && l->nth != NULL)
            c->id = cs_arena_printf(l->arena, "%s/%u", c->id, l->nth[i]);
        uint32_t twin = rc == CS_OK ? cs_names_put(&seen, c->id, i) : UINT32_MAX;
        if (twin != UINT32_MAX)
            rc = cs_table_fail(
                &l->table, i, l->err,
                "case \"%s\" stands here twice, first on line %u; give it another id, or name more columns "
                "in id: [...]",
                c->id, l->table.rows[twin].line);
    }
    cs_names_release(&seen);
    return rc;
}

/* `text: COLUMN`: that column may also be called text. */
static enum cs_err load_alias(struct cs_loader *l, const struct cs_node *text)
{
    uint32_t column;
    enum cs_err rc = cs_loader_column(l, text, "text", &column);
    if (rc != CS_OK || strcmp(l->columns[column], "text") == 0)
        return rc;
    if (cs_names_get(&l->column_names, "text") != UINT32_MAX)
        return cs_yaml_fail(text, l->err, "the cases have a column called text already; use {{case.%s}} in the prompt",
                            l->columns[column]);
    uint32_t alias = cs_loader_add_column(l, "text");
    CS_ASSERT(alias != CS_NONE); /* a table leaves room for two */
    for (uint32_t i = 0; i < l->table.n_rows; i++)
        l->added[alias][i] = cs_loader_value(l, i, column);
    return CS_OK;
}

enum cs_err cs_load_cases(struct cs_loader *l)
{
    static const char *const keys[] = {"file",    "rows",   "generate",  "from_study",   "n",           "seed",  "id",
                                       "cluster", "strata", "text",      "confidential", "identifiers", "lists", "each",
                                       "only",    "take",   "identical", "pair",         "order",       NULL};
    struct cs_study *s = l->s;
    const struct cs_node *cases, *n;
    enum cs_err rc = cs_node_need(l->root, "the study", "cases", &cases, l->err);
    if (rc == CS_OK)
        rc = cs_node_map(cases, "cases", keys, l->err);
    if (rc == CS_OK)
        rc = load_source(l, cases);
    const bool child = l->snapshot != NULL;
    static const char *const childs[] = {"take", "identical", "pair", "order"};
    for (size_t i = 0; i < sizeof childs / sizeof childs[0] && rc == CS_OK && !child; i++) {
        if ((n = cs_node_get(cases, childs[i])) != NULL)
            rc = cs_yaml_fail_key(n, l->err, "%s goes with from_study: the outputs of another study; remove it",
                                  childs[i]);
    }
    if (rc == CS_OK && !child && (n = cs_node_get(cases, "each")) != NULL)
        rc = cs_load_each(l, n);
    if (rc == CS_OK)
        rc = cs_load_judging_hide(l);
    if (rc != CS_OK)
        return rc;
    s->n_cases = l->table.n_rows;
    s->n_columns = l->table.n_columns;
    l->all = cs_xcalloc(s->n_cases, sizeof *l->all);
    for (uint32_t i = 0; i < s->n_columns; i++) {
        l->columns[i] = l->table.columns[i];
        cs_names_put(&l->column_names, l->columns[i], i);
    }
    if ((n = cs_node_get(cases, "text")) != NULL)
        rc = load_alias(l, n);
    if (rc == CS_OK && child)
        cs_load_from_study_ids(l);
    else if (rc == CS_OK)
        rc = load_ids(l, cases);
    uint32_t *strata = NULL;
    if (rc == CS_OK && (n = cs_node_get(cases, "strata")) != NULL)
        rc = columns_of(l, n, "strata", &strata, &s->n_strata);
    if (rc == CS_OK && s->n_strata > CS_STRATA_MAX)
        rc = cs_yaml_fail(n, l->err, "%u strata; at most %d", s->n_strata, CS_STRATA_MAX);
    s->strata = strata;
    bool confidential = false;
    if (rc == CS_OK && (n = cs_node_get(cases, "confidential")) != NULL)
        rc = cs_node_bool(n, "confidential", &confidential, l->err);
    s->confidential |= confidential; /* a parent's is inherited, whatever is said here */
    static const char *const fictional[] = {"fictional", NULL};
    uint32_t word = 0;
    if (rc == CS_OK && (n = cs_node_get(cases, "identifiers")) != NULL) {
        rc = cs_node_word(n, "identifiers", fictional, &word, l->err);
        s->fictional = rc == CS_OK;
    }
    return rc;
}
