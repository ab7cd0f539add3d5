/* factors.c - the `factors:` part. Levels come from levels.c; here: names, insertion, columns, repeats. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/levels.h"

/* `repeats: {control: 4x, placebo: 2x, LEVEL: 3x}`: a role first, then a level. */
static enum cs_err load_repeats(const struct cs_factor_draft *d, const struct cs_node *n)
{
    static const struct {
        const char *word;
        enum cs_role role;
    } words[] = {{"control", CS_ROLE_CONTROL}, {"placebo", CS_ROLE_PLACEBO}, {"aa", CS_ROLE_AA}};
    enum cs_err rc = cs_node_any_map(n, "repeats", d->l->err);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        uint32_t times, level, changed = 0;
        rc = cs_node_times(c, c->key, &times, d->l->err);
        if (rc != CS_OK)
            break;
        for (size_t w = 0; w < 3; w++) {
            for (uint32_t i = 0; i < d->f->n_levels && strcmp(words[w].word, c->key) == 0; i++) {
                if (d->levels[i].role == words[w].role) {
                    d->levels[i].repeats_times = times;
                    changed++;
                }
            }
        }
        if (changed > 0)
            continue;
        rc = cs_loader_level_ref(d->l, c, c->key, d->f, &level);
        if (rc == CS_OK)
            d->levels[level].repeats_times = times;
    }
    return rc;
}

/* Resolves the column that is inserted into or replaced; a new one is made, empty, where levels fill it. */
static enum cs_err load_into(const struct cs_factor_draft *d, const struct cs_node *into, bool filled)
{
    struct cs_loader *l = d->l;
    const char *name = "text";
    if (into != NULL) {
        enum cs_err rc = cs_node_text(into, "into", &name, l->err);
        if (rc != CS_OK)
            return rc;
        if (strncmp(name, "case.", 5) != 0 || name[5] == '\0')
            return cs_yaml_fail(into, l->err, "into is \"%s\"; write case. and a column, as in case.text", name);
        name += 5;
    }
    d->f->into_column = cs_names_get(&l->column_names, name);
    if (d->f->into_column != CS_NONE && cs_loader_is_list(l, d->f->into_column))
        return cs_yaml_fail(into != NULL ? into : d->node, l->err,
                            "%s is a list of the cases: no text can be inserted into one", name);
    if (d->f->into_column != CS_NONE)
        return CS_OK;
    if (filled) {
        d->f->into_column = cs_loader_add_column(l, name);
        return d->f->into_column != CS_NONE
                   ? CS_OK
                   : cs_yaml_fail(d->node, l->err, "more than %d case columns", CS_COLUMNS_MAX);
    }
    if (into != NULL)
        return cs_loader_column(l, into, "into", &d->f->into_column);
    return cs_yaml_fail(
        d->insert != NULL ? d->insert : d->node, l->err,
        "the cases have no column text to insert into; add into: case.COLUMN, or text: COLUMN to cases");
}

/* `insert: {into: case.text, after_first: ". ", text: sentence}` or `at: "{{slot}}"` */
static enum cs_err load_insert(const struct cs_factor_draft *d)
{
    static const char *const keys[] = {"into", "after_first", "at", "text", NULL};
    struct cs_loader *l = d->l;
    struct cs_factor *f = d->f;
    enum cs_err rc = cs_node_map(d->insert, "insert", keys, l->err);
    if (rc != CS_OK)
        return rc;
    const struct cs_node *after = cs_node_get(d->insert, "after_first"), *at = cs_node_get(d->insert, "at");
    const struct cs_node *text = cs_node_get(d->insert, "text");
    if ((after == NULL) == (at == NULL))
        return cs_yaml_fail(
            d->insert, l->err,
            "insert needs one place: after_first: \". \" (behind the first sentence) or at: \"{{slot}}\"");
    f->insert = after != NULL ? CS_INSERT_AFTER_FIRST : CS_INSERT_AT;
    rc = cs_node_text(after != NULL ? after : at, after != NULL ? "after_first" : "at", &f->anchor, l->err);
    const char *name = "text";
    if (rc == CS_OK && text != NULL)
        rc = cs_node_text(text, "text", &name, l->err);
    if (rc != CS_OK)
        return rc;
    bool per_case = false;
    for (uint32_t i = 0; i < f->n_levels; i++)
        per_case = per_case || f->levels[i].text_column != CS_NONE;
    for (uint32_t i = 0; i < f->n_columns; i++) {
        if (strcmp(f->columns[i], name) == 0)
            f->insert_column = i;
    }
    if (f->insert_column == CS_NONE && (text != NULL || !per_case))
        return cs_yaml_fail(text != NULL ? text : d->insert, l->err,
                            "insert takes its text from column \"%s\", but the levels have no such column%s", name,
                            cs_names_hint(name, f->columns, f->n_columns).text);
    return CS_OK;
}

/* Which column a level's text goes into, and how. */
static enum cs_err load_placing(struct cs_factor_draft *d)
{
    struct cs_factor *f = d->f;
    const struct cs_node *into = cs_node_get(d->node, "into");
    bool uses = false;
    if (d->insert != NULL && d->insert->kind == CS_NODE_LIST)
        return cs_load_slots(d);
    if (d->insert != NULL) {
        if (into != NULL)
            return cs_yaml_fail_key(into, d->l->err, "into stands here and insert is given too; put it inside insert");
        enum cs_err rc = load_insert(d);
        if (rc != CS_OK)
            return rc;
        into = cs_node_get(d->insert, "into");
    } else if (into != NULL) { /* texts per case replace the column */
        for (uint32_t i = 0; i < f->n_levels; i++) {
            if (d->levels[i].text_column != CS_NONE && d->levels[i].use_column == CS_NONE)
                d->levels[i].use_column = d->levels[i].text_column;
        }
    }
    for (uint32_t i = 0; i < f->n_levels; i++)
        uses = uses || f->levels[i].use_column != CS_NONE;
    if (into != NULL && d->insert == NULL && !uses)
        return cs_yaml_fail_key(into, d->l->err,
                                "into needs levels with use:, text_from: or texts:, or goes inside insert");
    return d->insert != NULL || uses ? load_into(d, into, uses) : CS_OK;
}

/* Every case must have the place where a text is inserted, unless an earlier factor may have put it there. */
static enum cs_err check_places(const struct cs_loader *l, uint32_t factor)
{
    const struct cs_factor *f = &l->s->factors[factor];
    if (f->insert == CS_INSERT_NONE)
        return CS_OK;
    for (uint32_t e = 0; e < factor; e++) {
        if (l->s->factors[e].into_column == f->into_column)
            return CS_OK;
    }
    for (uint32_t i = 0; i < f->n_levels; i++) {
        uint32_t use = f->levels[i].use_column, column = use != CS_NONE ? use : f->into_column;
        if (i > 0 && use == f->levels[i - 1].use_column)
            continue;
        for (uint32_t c = 0; c < l->s->n_cases; c++) {
            if (cs_loader_value(l, c, column)[0] == '\0')
                return cs_table_fail(&l->table, c, l->err, "the %s of case \"%s\" is empty", l->columns[column],
                                     l->all[c].id);
            if (strstr(cs_loader_value(l, c, column), f->anchor) == NULL)
                return cs_table_fail(
                    &l->table, c, l->err,
                    "case \"%s\" has no \"%s\" in %s, where factor \"%s\" inserts its text; add it there", l->all[c].id,
                    f->anchor, l->columns[column], f->name);
        }
    }
    return CS_OK;
}

static enum cs_err load_name(const struct cs_loader *l, const struct cs_node *n, const char **out)
{
    const struct cs_node *name;
    enum cs_err rc = cs_node_need(n, "a factor", "name", &name, l->err);
    if (rc == CS_OK)
        rc = cs_node_name(name, "name", CS_NAME_LOOSE, out, l->err);
    if (rc != CS_OK)
        return rc;
    if (strcmp(*out, "case") == 0 || strcmp(*out, "question") == 0 || strchr(*out, '.') != NULL)
        return cs_yaml_fail(name, l->err,
                            "a factor cannot be called \"%s\"; {{case.*}} and {{question.*}} are taken, and "
                            "a dot ends the name",
                            *out);
    if (cs_study_factor(l->s, *out) != CS_NONE)
        return cs_yaml_fail(name, l->err, "there are two factors called \"%s\"; rename one", *out);
    return CS_OK;
}

static enum cs_err load_factor(struct cs_loader *l, const struct cs_node *n, struct cs_factor *f)
{
    static const char *const keys[] = {"name",    "file",   "level",    "wording", "match",
                                       "control", "insert", "repeats",  "levels",  "columns",
                                       "texts",   "into",   "requires", "labels",  NULL};
    struct cs_factor_draft d = {.l = l, .node = n, .f = f};
    *f = (struct cs_factor){.match_column = CS_NONE, .into_column = CS_NONE, .insert_column = CS_NONE};
    enum cs_err rc = cs_node_map(n, "a factor", keys, l->err);
    if (rc == CS_OK)
        rc = load_name(l, n, &f->name);
    if (rc != CS_OK)
        return rc;
    d.insert = cs_node_get(n, "insert");
    d.texts = cs_node_get(n, "texts");
    rc = cs_load_levels(&d);
    if (rc == CS_OK)
        rc = cs_load_labels(&d);
    if (rc == CS_OK)
        rc = load_placing(&d);
    if (rc == CS_OK && cs_node_get(n, "repeats") != NULL)
        rc = load_repeats(&d, cs_node_get(n, "repeats"));
    cs_table_release(&d.table);
    return rc;
}

enum cs_err cs_load_factors(struct cs_loader *l)
{
    const struct cs_node *list = cs_node_get(l->root, "factors");
    if (list == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_list(list, "factors", l->err);
    if (rc == CS_OK && list->n > CS_FACTORS_MAX)
        rc = cs_yaml_fail(list, l->err, "%u factors; at most %d", list->n, CS_FACTORS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_factor *factors = cs_arena_array(l->arena, list->n, sizeof *factors);
    l->s->factors = factors;
    for (const struct cs_node *n = list->first; n != NULL && rc == CS_OK; n = n->next) {
        rc = load_factor(l, n, &factors[l->s->n_factors]);
        if (rc == CS_OK)
            rc = check_places(l, l->s->n_factors);
        l->s->n_factors++;
    }
    return rc;
}
