/* slots.c - `insert: [{at: "{{noun}}", text: noun}, {at: "{{possessive}}", text: possessive}]`: several places that one level fills, so
 * that its words agree.
 *
 * Every occurrence is filled. What a case reads like under a level is made here, once, and kept as the case column "FACTOR/LEVEL", which
 * stands for the text under that level (as `use:` does): nothing of it is new to plan, wire or worker.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/load/levels.h"

enum { SLOTS_MAX = 32 };

struct slot {
    const char *anchor;
    bool after; /* behind the first of it; else in its place, each time */
    uint32_t column;
    uint32_t cases; /* that have the place */
};

struct slots {
    struct cs_factor_draft *d;
    const struct cs_node *list;
    struct slot slots[SLOTS_MAX];
    uint32_t n, into;
};

static enum cs_err load_slot(struct slots *s, const struct cs_node *n)
{
    static const char *const keys[] = {"at", "after_first", "text", NULL};
    struct cs_loader *l = s->d->l;
    struct slot *to = &s->slots[s->n++];
    enum cs_err rc = cs_node_map(n, "a slot of insert", keys, l->err);
    if (rc != CS_OK)
        return rc;
    const struct cs_node *at = cs_node_get(n, "at"), *after = cs_node_get(n, "after_first"),
                         *text = cs_node_get(n, "text");
    const char *name = "text";
    if ((at == NULL) == (after == NULL))
        return cs_yaml_fail(n, l->err, "a slot has one place; write at: \"{{slot}}\" or after_first: \". \"");
    to->after = after != NULL;
    rc = cs_node_text(at != NULL ? at : after, at != NULL ? "at" : "after_first", &to->anchor, l->err);
    if (rc == CS_OK && text != NULL)
        rc = cs_node_text(text, "text", &name, l->err);
    if (rc != CS_OK)
        return rc;
    to->column = CS_NONE;
    for (uint32_t i = 0; i < s->d->f->n_columns; i++) {
        if (strcmp(s->d->f->columns[i], name) == 0)
            to->column = i;
    }
    return to->column != CS_NONE
               ? CS_OK
               : cs_yaml_fail(text != NULL ? text : n, l->err,
                              "a slot takes its text from column \"%s\", but the levels have no such column%s", name,
                              cs_names_hint(name, s->d->f->columns, s->d->f->n_columns).text);
}

/* What a case gets of a level's wordings: the one that matches it. */
static enum cs_err wording_of(const struct slots *s, const struct cs_level *level, uint32_t case_index,
                              const struct cs_wording **out)
{
    const struct cs_loader *l = s->d->l;
    const struct cs_factor *f = s->d->f;
    for (uint32_t i = 0; i < level->n_wordings; i++) {
        const char *match = level->wordings[i].match;
        *out = &level->wordings[i];
        if (!f->joined || match == NULL || strcmp(match, cs_loader_value(l, case_index, f->match_column)) == 0)
            return CS_OK;
    }
    return cs_table_fail(&l->table, case_index, l->err,
                         "case \"%s\": factor \"%s\", level \"%s\" has no wording for it", l->all[case_index].id,
                         f->name, level->id);
}

/* One slot filled in a text; the result lives in the arena. */
static const char *fill(const struct slots *s, const struct slot *slot, const char *text, const char *with)
{
    const char *place = strstr(text, slot->anchor);
    const size_t n = strlen(slot->anchor);
    struct cs_buf out = CS_BUF_INIT(4 * CS_TEXT_MAX);
    if (place == NULL || (slot->after && with[0] == '\0'))
        return text;
    for (; place != NULL; place = slot->after ? NULL : strstr(text, slot->anchor)) {
        cs_buf_append(&out, text, (size_t)(place - text) + (slot->after ? n : 0));
        cs_buf_str(&out, with);
        text = place + n;
        if (slot->after)
            cs_buf_char(&out, ' ');
        else if (with[0] == '\0' && text[0] == ' ')
            text++;
    }
    cs_buf_str(&out, text);
    const char *made = out.overflow ? NULL : cs_arena_strdup(s->d->l->arena, cs_buf_cstr(&out));
    cs_buf_release(&out);
    return made;
}

static enum cs_err fill_case(const struct slots *s, const struct cs_level *level, uint32_t case_index, const char **out)
{
    const struct cs_loader *l = s->d->l;
    const struct cs_wording *w = NULL;
    const char *text = cs_loader_value(l, case_index, s->into);
    enum cs_err rc = wording_of(s, level, case_index, &w);
    for (uint32_t i = 0; i < s->n && rc == CS_OK && text != NULL; i++)
        text = fill(s, &s->slots[i], text, w->values[s->slots[i].column]);
    if (rc == CS_OK && (text == NULL || strlen(text) > CS_TEXT_MAX))
        rc = cs_table_fail(&l->table, case_index, l->err, "case \"%s\" is longer than %d bytes with level \"%s\"",
                           l->all[case_index].id, CS_TEXT_MAX, level->id);
    *out = text;
    return rc;
}

/* Every case has a place for some slot, every slot in some case. */
static enum cs_err check_slots(struct slots *s)
{
    struct cs_loader *l = s->d->l;
    for (uint32_t c = 0; c < l->s->n_cases; c++) {
        uint32_t places = 0;
        for (uint32_t i = 0; i < s->n; i++) {
            const bool there = strstr(cs_loader_value(l, c, s->into), s->slots[i].anchor) != NULL;
            places += there;
            s->slots[i].cases += there;
        }
        if (places == 0)
            return cs_table_fail(&l->table, c, l->err, "case \"%s\" has no place in %s for any slot of factor \"%s\"",
                                 l->all[c].id, l->columns[s->into], s->d->f->name);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->slots[i].cases == 0)
            return cs_yaml_fail(s->list, l->err,
                                "no case has \"%s\" in %s; remove that slot, or write it into the cases",
                                s->slots[i].anchor, l->columns[s->into]);
    }
    return CS_OK;
}

static enum cs_err find_into(struct slots *s)
{
    struct cs_loader *l = s->d->l;
    const struct cs_node *into = cs_node_get(s->d->node, "into");
    const char *name = "case.text";
    enum cs_err rc = into != NULL ? cs_node_text(into, "into", &name, l->err) : CS_OK;
    if (rc != CS_OK)
        return rc;
    s->into = cs_names_get(&l->column_names, strncmp(name, "case.", 5) == 0 ? name + 5 : name);
    if (s->into == CS_NONE)
        return cs_yaml_fail(
            into != NULL ? into : s->list, l->err,
            "the cases have no column \"%s\" for the slots; say which with into: case.COLUMN beside insert", name);
    if (cs_loader_is_list(l, s->into))
        return cs_yaml_fail(into != NULL ? into : s->list, l->err,
                            "%s is a list of the cases: no text can be inserted into one", l->columns[s->into]);
    for (uint32_t f = 0; f < l->s->n_factors; f++) {
        if (l->s->factors[f].into_column == s->into)
            return cs_yaml_fail(
                s->list, l->err,
                "factor \"%s\" changes %s before; put the factor with several slots first, and have one of that kind",
                l->s->factors[f].name, l->columns[s->into]);
    }
    return CS_OK;
}

static enum cs_err check_levels(const struct slots *s)
{
    const struct cs_factor *f = s->d->f;
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (!f->joined && f->levels[i].n_wordings > 1)
            return cs_yaml_fail(s->list, s->d->l->err,
                                "level \"%s\" has several wordings that are crossed; several slots need one, or match:",
                                f->levels[i].id);
        if (f->levels[i].use_column != CS_NONE || f->levels[i].text_column != CS_NONE)
            return cs_yaml_fail(
                s->list, s->d->l->err,
                "level \"%s\" has a text of its own (use, text_from, texts); several slots need columns instead",
                f->levels[i].id);
    }
    return CS_OK;
}

enum cs_err cs_load_slots(struct cs_factor_draft *d)
{
    struct cs_loader *l = d->l;
    struct slots s = {.d = d, .list = d->insert};
    enum cs_err rc = cs_node_list(d->insert, "insert", l->err);
    if (rc == CS_OK && d->insert->n > SLOTS_MAX)
        rc = cs_yaml_fail(d->insert, l->err, "%u slots; at most %d", d->insert->n, SLOTS_MAX);
    for (const struct cs_node *n = d->insert->first; n != NULL && rc == CS_OK; n = n->next)
        rc = load_slot(&s, n);
    if (rc == CS_OK)
        rc = find_into(&s);
    if (rc == CS_OK)
        rc = check_levels(&s);
    if (rc == CS_OK)
        rc = check_slots(&s);
    for (uint32_t i = 0; i < d->f->n_levels && rc == CS_OK; i++) {
        const uint32_t column = cs_loader_add_column(l,
                                                     cs_arena_printf(l->arena, "%s/%s", d->f->name, d->levels[i].id));
        if (column == CS_NONE)
            return cs_yaml_fail(d->node, l->err, "more than %d case columns", CS_COLUMNS_MAX);
        for (uint32_t c = 0; c < l->s->n_cases && rc == CS_OK; c++)
            rc = fill_case(&s, &d->levels[i], c, &l->added[column][c]);
        d->levels[i].use_column = column;
    }
    d->f->into_column = s.into;
    return rc;
}
