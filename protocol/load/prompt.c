/* prompt.c - the `prompt:` part, and all placeholders. */
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
static enum cs_err fail_placeholder(const struct cs_loader *l, const struct cs_node *n, const char *what,
                                    const char *open)
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
    if (strncmp(name, "each.", 5) == 0)
        return cs_yaml_fail_at(n, text, l->err,
                               "%s: %s is no key of the elements; they come from cases: {each: case.LIST}%s", what,
                               text, cs_names_hint(name, l->columns, l->s->n_columns).text);
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

static bool has_options(const struct cs_study *s)
{
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            if (s->questions[q].fields[i].kind == CS_FIELD_OPTIONS)
                return true;
        }
    }
    return false;
}

static enum cs_err load_template(struct cs_loader *l, const struct cs_node *n, const char *what)
{
    struct cs_study now = {.columns = l->columns,
                           .n_columns = l->s->n_columns,
                           .factors = l->s->factors,
                           .n_factors = l->s->n_factors}; /* what the template reader looks at */
    const char *rest = n->text;
    struct cs_piece piece;
    do {
        const char *from = rest;
        if (cs_template_next(&now, &rest, &piece, NULL) != CS_OK)
            return fail_placeholder(l, n, what, from + piece.len);
        if (piece.slot == CS_SLOT_FACTOR || piece.slot == CS_SLOT_FACTOR_TEXT)
            l->placed[piece.factor] = true;
        if (piece.slot == CS_SLOT_OPTIONS && !has_options(l->s))
            return cs_yaml_fail_at(n, "{{question.options}}", l->err,
                                   "%s: {{question.options}}, but no question has an answer with options", what);
    } while (piece.slot != CS_SLOT_END);
    return CS_OK;
}

/* {system, user}, {system, messages} or {system, history, user} */
static enum cs_err load_set(struct cs_loader *l, const struct cs_node *n, const char *const *keys,
                            struct cs_template_set *out)
{
    const struct cs_node *system = NULL, *user = NULL, *messages = cs_node_get(n, "messages"),
                         *history = cs_node_get(n, "history");
    enum cs_err rc = cs_node_map(n, "prompt", keys, l->err);
    out->system = "";
    if (rc == CS_OK && (system = cs_node_get(n, "system")) != NULL)
        rc = cs_node_any_text(system, "system", &out->system, l->err);
    out->user = "";
    if (rc == CS_OK && messages != NULL && (cs_node_get(n, "user") != NULL || history != NULL))
        return cs_yaml_fail_key(messages, l->err,
                                "messages is the whole talk; for a question after it write history: and user:");
    if (rc == CS_OK && messages == NULL)
        rc = cs_node_need(n, "prompt", "user", &user, l->err);
    if (rc == CS_OK && user != NULL)
        rc = cs_node_text(user, "user", &out->user, l->err);
    if (rc == CS_OK && system != NULL)
        rc = load_template(l, system, "prompt system");
    if (rc == CS_OK && user != NULL)
        rc = load_template(l, user, "prompt user");
    if (rc == CS_OK && (messages != NULL || history != NULL))
        rc = cs_load_history(l, messages != NULL ? messages : history, out);
    return rc;
}

/* {by: case.source, each: {VALUE: {system, user}, ...}} */
static enum cs_err load_each(struct cs_loader *l, const struct cs_node *prompt, const struct cs_node *by)
{
    static const char *const keys[] = {"by", "each", NULL}, *const set_keys[] = {"system", "user", "messages",
                                                                                 "history", NULL};
    struct cs_study *s = l->s;
    const struct cs_node *each;
    enum cs_err rc = cs_node_map(prompt, "prompt", keys, l->err);
    if (rc == CS_OK)
        rc = cs_loader_column(l, by, "by", &s->prompt_by_column);
    if (rc == CS_OK)
        rc = cs_node_need(prompt, "prompt", "each", &each, l->err);
    if (rc == CS_OK)
        rc = cs_node_any_map(each, "each", l->err);
    if (rc != CS_OK)
        return rc;
    struct cs_template_set *sets = cs_arena_array(l->arena, each->n, sizeof *sets);
    s->prompts = sets;
    struct cs_names values = {0};
    for (const struct cs_node *n = each->first; n != NULL && rc == CS_OK; n = n->next) {
        sets[s->n_prompts].when = n->key;
        cs_names_put(&values, n->key, s->n_prompts);
        rc = load_set(l, n, set_keys, &sets[s->n_prompts++]);
    }
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        const char *value = cs_loader_value(l, i, s->prompt_by_column);
        if (cs_names_get(&values, value) == UINT32_MAX)
            rc = cs_yaml_fail_key(each, l->err, "there is no prompt for %s \"%s\" (case \"%s\"); add it to each",
                                  l->columns[s->prompt_by_column], value, l->all[i].id);
    }
    cs_names_release(&values);
    return rc;
}

/* A factor that nothing shows to the model is a slip of the pen, and would cost a whole study. */
static enum cs_err check_factors_shown(const struct cs_loader *l)
{
    const struct cs_node *n = cs_node_get(l->root, "factors");
    n = n != NULL ? n->first : NULL;
    for (uint32_t i = 0; i < l->s->n_factors; i++, n = n->next) {
        const struct cs_factor *f = &l->s->factors[i];
        bool shown = l->placed[i] || f->insert != CS_INSERT_NONE;
        for (uint32_t k = 0; k < f->n_levels && !shown; k++) {
            const struct cs_level *level = &f->levels[k];
            shown = level->use_column != CS_NONE || level->system != NULL || level->parameters != NULL ||
                    level->order != NULL;
        }
        if (!shown)
            return cs_yaml_fail(
                n, l->err,
                "factor \"%s\" changes nothing; add insert:, or {{%s.COLUMN}} to the prompt, or levels with "
                "system, parameters, use or order",
                f->name, f->name);
    }
    return CS_OK;
}

/* `system:` of a level is a template too. */
static enum cs_err check_level_systems(struct cs_loader *l)
{
    const struct cs_node *factors = cs_node_get(l->root, "factors");
    enum cs_err rc = CS_OK;
    for (const struct cs_node *f = factors != NULL ? factors->first : NULL; f != NULL && rc == CS_OK; f = f->next) {
        const struct cs_node *levels = cs_node_get(f, "levels");
        for (const struct cs_node *n = levels != NULL ? levels->first : NULL; n != NULL && rc == CS_OK; n = n->next) {
            const struct cs_node *system = cs_node_get(n, "system");
            if (system != NULL)
                rc = load_template(l, system, "system of a level");
        }
    }
    return rc;
}

enum cs_err cs_load_prompt(struct cs_loader *l)
{
    static const char *const keys[] = {"system", "user", "messages", "history", "by", "each", NULL};
    struct cs_study *s = l->s;
    const struct cs_node *prompt, *by;
    s->prompt_by_column = CS_NONE;
    enum cs_err rc = cs_node_need(l->root, "the study", "prompt", &prompt, l->err);
    if (rc == CS_OK)
        rc = cs_node_any_map(prompt, "prompt", l->err);
    if (rc != CS_OK)
        return rc;
    if ((by = cs_node_get(prompt, "by")) != NULL) {
        rc = load_each(l, prompt, by);
    } else {
        struct cs_template_set *set = cs_arena_alloc(l->arena, sizeof *set);
        set->when = "";
        s->prompts = set;
        s->n_prompts = 1;
        rc = load_set(l, prompt, keys, set);
        if (rc == CS_OK && cs_node_get(prompt, "each") != NULL)
            rc = cs_yaml_fail_key(cs_node_get(prompt, "each"), l->err, "each goes with by: case.COLUMN; add it");
    }
    if (rc == CS_OK)
        rc = check_level_systems(l);
    return rc == CS_OK ? check_factors_shown(l) : rc;
}
