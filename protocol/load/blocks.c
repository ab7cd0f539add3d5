/* blocks.c - the `blocks:` part, as rectangles.
 *
 * A block names levels of some factors; any other factor stays at its control, or at its first level when it has none.
 * Without blocks the plan is one full cross. Levels with different multiples of repeats cannot share a rectangle, so a
 * block becomes one for every combination of multiples.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/loader.h"

struct group { /* arms of a factor with the same multiple */
    uint32_t times, n;
    struct cs_arm *arms;
};

struct block {
    struct cs_loader *l;
    const struct cs_node *node; /* or NULL: the full cross */
    uint32_t number;
    struct group *groups[CS_FACTORS_MAX];
    uint32_t n_groups[CS_FACTORS_MAX];
    const uint32_t *questions, *models;
    uint32_t n_questions, n_models, repeats;
};

/* Adds the arms of a level to the group of its multiple. Groups have room for n_levels, arms for all of the factor. */
static void add_level(struct block *b, uint32_t factor, uint32_t level, uint32_t arms_max)
{
    const struct cs_factor *f = &b->l->s->factors[factor];
    const struct cs_level *lv = &f->levels[level];
    uint32_t g = 0;
    while (g < b->n_groups[factor] && b->groups[factor][g].times != lv->repeats_times)
        g++;
    struct group *group = &b->groups[factor][g];
    if (g == b->n_groups[factor]) {
        b->n_groups[factor]++;
        *group = (struct group){.times = lv->repeats_times,
                                .arms = cs_arena_array(b->l->arena, arms_max, sizeof *group->arms)};
    }
    if (f->joined) {
        group->arms[group->n++] = (struct cs_arm){level, CS_NONE};
        return;
    }
    for (uint32_t w = 0; w < lv->n_wordings; w++)
        group->arms[group->n++] = (struct cs_arm){level, w};
}

/* The level at which a factor stays when a block does not name it. */
static uint32_t resting_level(const struct cs_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (f->levels[i].role == CS_ROLE_CONTROL)
            return i;
    }
    return 0;
}

/* `all`, one id, or a list of ids. */
static enum cs_err named_levels(struct block *b, uint32_t factor, const struct cs_node *n, uint32_t arms_max)
{
    const struct cs_factor *f = &b->l->s->factors[factor];
    const char *const *ids;
    uint32_t n_ids = 0, level;
    if (n->kind == CS_NODE_TEXT && strcmp(n->text, "all") == 0) {
        for (uint32_t i = 0; i < f->n_levels; i++)
            add_level(b, factor, i, arms_max);
        return CS_OK;
    }
    enum cs_err rc = cs_loader_words(b->l, n, f->name, &ids, &n_ids);
    const struct cs_node *c = n->kind == CS_NODE_LIST ? n->first : n;
    for (uint32_t i = 0; i < n_ids && rc == CS_OK; i++, c = c->next) {
        rc = cs_loader_level_ref(b->l, c, ids[i], f, &level);
        if (rc == CS_OK)
            add_level(b, factor, level, arms_max);
    }
    return rc;
}

static enum cs_err load_levels(struct block *b)
{
    struct cs_study *s = b->l->s;
    const struct cs_node *factors = b->node != NULL ? cs_node_get(b->node, "factors") : NULL;
    enum cs_err rc = factors != NULL ? cs_node_any_map(factors, "factors", b->l->err) : CS_OK;
    uint32_t unused;
    for (const struct cs_node *n = factors != NULL ? factors->first : NULL; n != NULL && rc == CS_OK; n = n->next)
        rc = cs_loader_factor_ref(b->l, n, n->key, &unused);
    for (uint32_t i = 0; i < s->n_factors && rc == CS_OK; i++) {
        const struct cs_factor *f = &s->factors[i];
        const struct cs_node *named = factors != NULL ? cs_node_get(factors, f->name) : NULL;
        uint32_t arms_max = 0;
        for (uint32_t k = 0; k < f->n_levels; k++)
            arms_max += f->joined ? 1 : f->levels[k].n_wordings;
        b->groups[i] = cs_arena_array(b->l->arena, f->n_levels, sizeof *b->groups[i]);
        if (named != NULL) {
            rc = named_levels(b, i, named, arms_max);
        } else if (b->node != NULL) {
            add_level(b, i, resting_level(f), arms_max);
        } else {
            for (uint32_t k = 0; k < f->n_levels; k++)
                add_level(b, i, k, arms_max);
        }
    }
    return rc;
}

/* A list of names out of `n_all`, as indexes; all of them when the key is absent. */
static enum cs_err pick(struct block *b, const char *key, const char *const *all, uint32_t n_all, const uint32_t **out,
                        uint32_t *n_out)
{
    const struct cs_node *n = b->node != NULL ? cs_node_get(b->node, key) : NULL;
    uint32_t *picked = cs_arena_array(b->l->arena, n_all, sizeof *picked), count = 0;
    const char *const *words = all;
    uint32_t n_words = n_all;
    enum cs_err rc = n != NULL ? cs_loader_words(b->l, n, key, &words, &n_words) : CS_OK;
    const struct cs_node *c = n != NULL && n->kind == CS_NODE_LIST ? n->first : n;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c != NULL ? c->next : NULL) {
        uint32_t k = 0;
        while (k < n_all && strcmp(all[k], words[i]) != 0)
            k++;
        if (k == n_all)
            return cs_yaml_fail(c, b->l->err, "\"%s\" is not among the study's %s%s", words[i], key,
                                cs_names_hint(words[i], all, n_all).text);
        picked[count++] = k;
    }
    *out = picked;
    *n_out = count;
    return rc;
}

static enum cs_err load_block(struct block *b)
{
    static const char *const keys[] = {"factors", "questions", "models", "repeats", NULL};
    struct cs_study *s = b->l->s;
    const char *questions[CS_QUESTIONS_MAX], *models[CS_MODELS_MAX];
    const struct cs_node *n;
    uint64_t repeats = b->l->repeats;
    enum cs_err rc = b->node != NULL ? cs_node_map(b->node, "a block", keys, b->l->err) : CS_OK;
    if (rc == CS_OK)
        rc = load_levels(b);
    for (uint32_t i = 0; i < s->n_questions; i++)
        questions[i] = s->questions[i].name;
    for (uint32_t i = 0; i < s->n_models; i++)
        models[i] = s->models[i].name;
    if (rc == CS_OK)
        rc = pick(b, "questions", questions, s->n_questions, &b->questions, &b->n_questions);
    if (rc == CS_OK)
        rc = pick(b, "models", models, s->n_models, &b->models, &b->n_models);
    if (rc == CS_OK && b->node != NULL && (n = cs_node_get(b->node, "repeats")) != NULL)
        rc = cs_node_u64(n, "repeats", 1, CS_REPEATS_MAX, &repeats, b->l->err);
    b->repeats = (uint32_t)repeats;
    return rc;
}

static enum cs_err fail_block(const struct block *b, const char *sentence)
{
    return cs_yaml_fail(b->node != NULL ? b->node : b->l->root, b->l->err, "%s", sentence);
}

/* One rectangle for every combination of groups, the last factor fastest. */
static enum cs_err add_rects(const struct block *b, struct cs_rect *rects)
{
    struct cs_study *s = b->l->s;
    uint32_t at[CS_FACTORS_MAX] = {0};
    for (;;) {
        uint64_t repeats = b->repeats;
        if (s->n_rects == CS_RECTS_MAX)
            return fail_block(b, "more than 1024 rectangles; use fewer blocks or fewer different multiples in repeats");
        struct cs_rect *r = &rects[s->n_rects++];
        *r = (struct cs_rect){.block = b->number,
                              .questions = b->questions,
                              .n_questions = b->n_questions,
                              .models = b->models,
                              .n_models = b->n_models};
        for (uint32_t f = 0; f < s->n_factors; f++) {
            const struct group *g = &b->groups[f][at[f]];
            r->arms[f] = g->arms;
            r->n_arms[f] = g->n;
            repeats *= g->times;
            if (repeats > CS_REPEATS_MAX)
                return fail_block(b, "more than 100000 repeats of one prompt; lower repeats, here or in a factor");
        }
        r->repeats = (uint32_t)repeats;
        uint32_t f = s->n_factors;
        while (f > 0 && ++at[f - 1] == b->n_groups[f - 1])
            at[--f] = 0;
        if (f == 0)
            return CS_OK;
    }
}

enum cs_err cs_load_blocks(struct cs_loader *l)
{
    const struct cs_node *list = cs_node_get(l->root, "blocks"), *n = NULL;
    enum cs_err rc = list != NULL ? cs_node_list(list, "blocks", l->err) : CS_OK;
    if (rc != CS_OK)
        return rc;
    struct cs_rect *rects = cs_xcalloc(CS_RECTS_MAX, sizeof *rects);
    n = list != NULL ? list->first : NULL;
    for (uint32_t number = 0; rc == CS_OK; number++, n = n->next) {
        struct block b = {.l = l, .node = n, .number = number};
        rc = load_block(&b);
        if (rc == CS_OK)
            rc = add_rects(&b, rects);
        if (n == NULL || n->next == NULL)
            break;
    }
    struct cs_rect *kept = cs_arena_array(l->arena, l->s->n_rects, sizeof *kept);
    memcpy(kept, rects, l->s->n_rects * sizeof *kept);
    l->s->rects = kept;
    free(rects);
    return rc;
}
