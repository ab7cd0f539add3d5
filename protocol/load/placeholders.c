/* placeholders.c - {{...}} in the templates of a study file. */
#include <string.h>

#include "protocol/load/loader.h"
#include "protocol/study/template.h"

/* Copies "{{...}}" from where it opens, as far as it closes. */
static const char *placeholder(struct cs_arena *arena, const char *open)
{
    const char *close = strstr(open, "}}");
    size_t len = close != NULL ? (size_t)(close - open) + 2 : strnlen(open, 40);
    return cs_arena_strndup(arena, open, len < 200 ? len : 200);
}

/* The sentence about a placeholder that means nothing. */
static enum cs_err fail_placeholder(struct cs_loader *l, const struct cs_node *n, const char *what, const char *open)
{
    const char *text = placeholder(l->arena, open), *names[CS_FACTORS_MAX + 2];
    if (strstr(text, "}}") == NULL)
        return cs_yaml_fail_at(n, text, l->err, "%s: {{ is not closed; write {{case.text}}", what);
    const char *name = cs_arena_strndup(l->arena, text + 2, strlen(text) - 4);
    const bool fenced = strncmp(name, CS_TEMPLATE_FENCED, strlen(CS_TEMPLATE_FENCED)) == 0;
    name += fenced ? strlen(CS_TEMPLATE_FENCED) : 0;
    if (strchr(name, ' ') != NULL)
        return cs_yaml_fail_at(n, text, l->err, "%s: %s is not known; write it %s", what, text,
                               fenced ? "with one space, as in {{fenced output.text}}"
                                      : "without spaces, as in {{case.text}}");
    if (strncmp(name, "each.", 5) == 0 && l->nth == NULL)
        return cs_yaml_fail_at(n, text, l->err,
                               "%s: %s goes with cases: {each: case.LIST}, or with a turn {each: case.LIST, user: ...}",
                               what, text);
    if (strncmp(name, "each.", 5) == 0)
        return cs_yaml_fail_at(n, text, l->err,
                               "%s: %s is no key of the elements; they come from cases: {each: case.LIST}%s", what,
                               text, cs_names_hint(name, l->columns, l->s->n_columns).text);
    if (strncmp(name, "case.", 5) == 0 && cs_load_judging_by_name(l, n, what, name) != CS_OK)
        return CS_EINVAL;
    if (strncmp(name, "case.", 5) == 0)
        return cs_yaml_fail_at(n, text, l->err, "%s: %s names no column of the cases%s", what, text,
                               cs_names_hint(name + 5, l->columns, l->s->n_columns).text);
    const char *dot = strchr(name, '.');
    for (uint32_t i = 0; dot != NULL && i < l->s->n_factors; i++) {
        const struct cs_factor *f = &l->s->factors[i];
        if (strlen(f->name) == (size_t)(dot - name) && strncmp(f->name, name, strlen(f->name)) == 0)
            return cs_yaml_fail_at(n, text, l->err, "%s: %s names no column of factor \"%s\"%s", what, text, f->name,
                                   cs_names_hint(dot + 1, f->columns, f->n_columns).text);
    }
    enum cs_err rc = cs_template_names_output(name, strlen(name)) ? cs_load_judging_shown(l, n, what, name) : CS_OK;
    if (rc != CS_OK)
        return rc;
    if (cs_template_names_output(name, strlen(name)))
        return cs_yaml_fail_at(n, text, l->err,
                               "%s: %s names no column of the cases; a table of outputs to judge has one of that whole "
                               "name%s",
                               what, text, cs_names_hint(name, l->columns, l->s->n_columns).text);
    uint32_t count = 0;
    names[count++] = "case";
    names[count++] = "question";
    for (uint32_t i = 0; i < l->s->n_factors; i++)
        names[count++] = l->s->factors[i].name;
    if (dot != NULL && strncmp(name, "question.", 9) != 0)
        return cs_yaml_fail_at(
            n, text, l->err, "%s: %s names neither case nor question nor a factor%s", what, text,
            cs_names_hint(cs_arena_strndup(l->arena, name, (size_t)(dot - name)), names, count).text);
    return cs_yaml_fail_at(n, text, l->err,
                           "%s: %s is not known; write {{case.COLUMN}}, {{FACTOR.COLUMN}}, {{question.ask}} or "
                           "{{question.options}}",
                           what, text);
}

static bool has_answer(const struct cs_study *s, enum cs_field_kind kind)
{
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            if (s->questions[q].fields[i].kind == kind)
                return true;
        }
    }
    return false;
}

enum cs_err cs_load_placeholders(struct cs_loader *l, const struct cs_node *n, const char *what, bool of_each)
{
    struct cs_study now = {.columns = l->columns,
                           .n_columns = l->s->n_columns,
                           .factors = l->s->factors,
                           .n_factors = l->s->n_factors}; /* what the template reader looks at */
    const char *rest = n->text;
    struct cs_piece piece;
    do {
        const char *from = rest;
        if ((of_each ? cs_template_next_of_each : cs_template_next)(&now, &rest, &piece, NULL) != CS_OK)
            return fail_placeholder(l, n, what, from + piece.len);
        if (piece.slot == CS_SLOT_FACTOR || piece.slot == CS_SLOT_FACTOR_TEXT)
            l->placed[piece.factor] = true;
        if (l->s->parent != NULL && piece.slot == CS_SLOT_CASE && piece.column == l->s->parent->column)
            return cs_yaml_fail_at(n, "{{case." CS_PARENTS_COLUMN, l->err,
                                   "%s: {{case." CS_PARENTS_COLUMN "}} says where an output comes from, and is for no "
                                   "prompt; remove it",
                                   what);
        if (piece.slot == CS_SLOT_CASE) {
            enum cs_err rc = (piece.judged ? cs_load_judging_shown : cs_load_judging_by_name)(l, n, what,
                                                                                              l->columns[piece.column]);
            if (rc != CS_OK)
                return rc;
        }
        if (piece.slot == CS_SLOT_OPTIONS && !has_answer(l->s, CS_FIELD_OPTIONS))
            return cs_yaml_fail_at(n, "{{question.options}}", l->err,
                                   "%s: {{question.options}}, but no question has an answer with options", what);
        if (piece.slot == CS_SLOT_LIST && !has_answer(l->s, CS_FIELD_LIST))
            return cs_yaml_fail_at(n, "{{question.list}}", l->err,
                                   "%s: {{question.list}}, but no question has an answer that is a list", what);
    } while (piece.slot != CS_SLOT_END);
    return CS_OK;
}
