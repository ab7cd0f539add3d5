/* prompt.c - the `prompt:` part. */
#include <string.h>

#include "protocol/load/loader.h"
#include "protocol/study/template.h"

/* {system, user}, {system, messages}, {system, history, user} or {system, turns} */
static enum cs_err load_set(struct cs_loader *l, const struct cs_node *n, const char *const *keys,
                            struct cs_template_set *out)
{
    const struct cs_node *system = NULL, *user = NULL, *messages = cs_node_get(n, "messages"),
                         *history = cs_node_get(n, "history"), *turns = cs_node_get(n, "turns");
    enum cs_err rc = cs_node_map(n, "prompt", keys, l->err);
    out->system = "";
    if (rc == CS_OK && (system = cs_node_get(n, "system")) != NULL)
        rc = cs_node_any_text(system, "system", &out->system, l->err);
    out->user = "";
    if (rc == CS_OK && messages != NULL && (cs_node_get(n, "user") != NULL || history != NULL))
        return cs_yaml_fail_key(messages, l->err,
                                "messages is the whole talk; for a question after it write history: and user:");
    if (rc == CS_OK && turns != NULL && (messages != NULL || history != NULL || cs_node_get(n, "user") != NULL))
        return cs_yaml_fail_key(turns, l->err,
                                "turns is the whole conversation; write a user: of the prompt as its first turn");
    if (rc == CS_OK && messages == NULL && turns == NULL)
        rc = cs_node_need(n, "prompt", "user", &user, l->err);
    if (rc == CS_OK && user != NULL)
        rc = cs_node_text(user, "user", &out->user, l->err);
    if (rc == CS_OK && system != NULL)
        rc = cs_load_placeholders(l, system, "prompt system", false);
    if (rc == CS_OK && user != NULL)
        rc = cs_load_placeholders(l, user, "prompt user", false);
    if (rc == CS_OK && (messages != NULL || history != NULL))
        rc = cs_load_history(l, messages != NULL ? messages : history, out);
    if (rc == CS_OK && turns != NULL)
        rc = cs_load_turn_list(l, turns, out);
    return rc == CS_OK ? cs_load_image_files(l, n, out) : rc;
}

/* {by: case.source, each: {VALUE: {system, user}, ...}} */
static enum cs_err load_each(struct cs_loader *l, const struct cs_node *prompt, const struct cs_node *by)
{
    static const char *const keys[] = {"by", "each", NULL}, *const set_keys[] = {"system",  "user",  "messages",
                                                                                 "history", "turns", "images",
                                                                                 NULL};
    struct cs_study *s = l->s;
    const struct cs_node *each;
    enum cs_err rc = cs_node_map(prompt, "prompt", keys, l->err);
    if (rc == CS_OK)
        rc = cs_load_judging_column(l, by, "by", &s->prompt_by_column);
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
                rc = cs_load_placeholders(l, system, "system of a level", false);
        }
    }
    return rc;
}

enum cs_err cs_load_prompt(struct cs_loader *l)
{
    static const char *const keys[] = {"system", "user", "messages", "history", "turns", "images", "by", "each", NULL};
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
    if (rc == CS_OK)
        rc = cs_load_turn_list_check(l);
    return rc == CS_OK ? check_factors_shown(l) : rc;
}
