/* from_study.c - `cases: {from_study: F, take, identical, each, pair, order}`: the outputs of another study as cases.
 *
 * What is taken is written down (study/take.h) and handed to whoever can make a snapshot of it (load.h); its cases are then the table. Only
 * the columns that the study file mentions are in it.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/load/loader.h"
#include "protocol/load/params.h"
#include "protocol/study/outcome.h"
#include "protocol/study/take.h"

enum { MENTIONS_MAX = 4096, MENTION_MAX = 128 };

/* ---- what the study file mentions -------------------------------------------------------------------------------- */

struct mentions {
    struct cs_arena *arena;
    struct cs_names known;
    const char *words[MENTIONS_MAX];
    uint32_t n;
};

/* A name as columns have it, with or without "case." before it. */
static void mention(struct mentions *m, const char *name, size_t n)
{
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    if (n > 5 && strncmp(name, "case.", 5) == 0) {
        name += 5;
        n -= 5;
    }
    if (n == 0 || n > MENTION_MAX || m->n == MENTIONS_MAX)
        return;
    const char *word = cs_arena_strndup(m->arena, name, n);
    if (word[strspn(word, of_names)] == '\0' && cs_names_put(&m->known, word, m->n) == UINT32_MAX)
        m->words[m->n++] = word;
}

static void mention_text(struct mentions *m, const char *text)
{
    const char *open = strstr(text, "{{");
    if (open == NULL) {
        mention(m, text, strlen(text));
        return;
    }
    for (const char *close; open != NULL && (close = strstr(open, "}}")) != NULL; open = strstr(close, "{{")) {
        const char *from = open + 2;
        for (const char *p = from; p < close; p++) /* {{fenced output.text}} */
            from = *p == ' ' ? p + 1 : from;
        mention(m, from, (size_t)(close - from));
    }
}

/* Words that say of what kind an answer is. */
static bool is_kind(const char *text)
{
    static const char *const kinds[] = {"text", "free", "number", "boolean"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(text, kinds[i]) == 0)
            return true;
    }
    return false;
}

static void mention_node(struct mentions *m, const struct cs_node *n, bool answer, bool keys)
{
    if (n->kind == CS_NODE_TEXT && !(answer && is_kind(n->text)))
        mention_text(m, n->text);
    for (const struct cs_node *c = n->first; c != NULL; c = c->next) {
        if (c->key != NULL && keys)
            mention(m, c->key, strlen(c->key));
        mention_node(m, c, answer || (c->key != NULL && strcmp(c->key, "answer") == 0),
                     c->key != NULL && strcmp(c->key, "requires") == 0);
    }
}

static struct cs_take_words mentions_of(struct cs_loader *l)
{
    struct mentions m = {.arena = l->arena};
    for (const struct cs_node *c = l->root->first; c != NULL; c = c->next) {
        if (strcmp(c->key, "cases") != 0 && strcmp(c->key, "title") != 0)
            mention_node(&m, c, false, false);
    }
    const char **words = cs_arena_array(l->arena, m.n + 1u, sizeof *words);
    memcpy(words, m.words, m.n * sizeof *words);
    cs_names_release(&m.known);
    return (struct cs_take_words){words, m.n};
}

/* ---- take: ------------------------------------------------------------------------------------------------------- */

static enum cs_err words_of(struct cs_loader *l, const struct cs_node *map, const char *key, struct cs_take_words *out)
{
    const struct cs_node *n = cs_node_get(map, key);
    return n != NULL ? cs_loader_words(l, n, key, &out->words, &out->n) : CS_OK;
}

static enum cs_err load_outcomes(struct cs_loader *l, const struct cs_node *take, struct cs_take *t)
{
    static const char *const known[] = {"ok", "refused", "content_filtered", "truncated", "unparsable", NULL};
    const struct cs_node *n = cs_node_get(take, "outcomes");
    uint32_t which;
    enum cs_err rc = words_of(l, take, "outcomes", &t->outcomes);
    if (rc != CS_OK || n == NULL)
        return rc;
    for (const struct cs_node *c = n->kind == CS_NODE_LIST ? n->first : n; c != NULL && rc == CS_OK; c = c->next) {
        rc = cs_node_word(c, "an outcome with a text to judge", known, &which, l->err);
        if (n->kind == CS_NODE_TEXT)
            break;
    }
    return rc;
}

static enum cs_err load_levels(struct cs_loader *l, const struct cs_node *levels, struct cs_take *t)
{
    enum cs_err rc = cs_node_any_map(levels, "take: levels", l->err);
    if (rc == CS_OK && levels->n > CS_TAKE_LEVELS_MAX)
        rc = cs_yaml_fail(levels, l->err, "%u factors; a study has at most %d", levels->n, CS_TAKE_LEVELS_MAX);
    for (const struct cs_node *c = levels->first; c != NULL && rc == CS_OK; c = c->next) {
        struct cs_take_levels *of = &t->levels[t->n_levels++];
        of->factor = c->key;
        rc = cs_loader_words(l, c, "levels", &of->ids.words, &of->ids.n);
    }
    return rc;
}

static enum cs_err load_take(struct cs_loader *l, const struct cs_node *take, struct cs_take *t)
{
    static const char *const keys[] = {"outcomes", "models", "levels", "questions", "sample", NULL};
    const struct cs_node *n;
    enum cs_err rc = cs_node_map(take, "take", keys, l->err);
    if (rc == CS_OK)
        rc = load_outcomes(l, take, t);
    if (rc == CS_OK)
        rc = words_of(l, take, "models", &t->models);
    if (rc == CS_OK)
        rc = words_of(l, take, "questions", &t->questions);
    if (rc == CS_OK && (n = cs_node_get(take, "levels")) != NULL)
        rc = load_levels(l, n, t);
    if (rc == CS_OK && (n = cs_node_get(take, "sample")) != NULL)
        rc = cs_node_u64(n, "sample", 1, CS_CASES_MAX, &t->sample, l->err);
    return rc;
}

/* ---- pair: ------------------------------------------------------------------------------------------------------- */

static enum cs_err load_pairs(struct cs_loader *l, const struct cs_node *pairs, struct cs_take *t)
{
    enum cs_err rc = cs_node_list(pairs, "pairs", l->err);
    if (rc == CS_OK && pairs->n > CS_TAKE_PAIRS_MAX)
        rc = cs_yaml_fail(pairs, l->err, "%u pairs; at most %d", pairs->n, CS_TAKE_PAIRS_MAX);
    if (rc != CS_OK)
        return rc;
    const char **firsts = cs_arena_array(l->arena, pairs->n, sizeof *firsts),
               **seconds = cs_arena_array(l->arena, pairs->n, sizeof *seconds);
    uint32_t n = 0;
    for (const struct cs_node *c = pairs->first; c != NULL && rc == CS_OK; c = c->next, n++) {
        const char *const *both;
        uint32_t two = 0;
        rc = cs_node_list(c, "a pair", l->err);
        if (rc == CS_OK)
            rc = cs_loader_words(l, c, "a pair", &both, &two);
        if (rc == CS_OK && two != 2)
            rc = cs_yaml_fail(c, l->err, "a pair has two levels, as in [a, b]; this one has %u", two);
        if (rc == CS_OK) {
            firsts[n] = both[0];
            seconds[n] = both[1];
        }
    }
    t->firsts = (struct cs_take_words){firsts, n};
    t->seconds = (struct cs_take_words){seconds, n};
    return rc;
}

static enum cs_err load_pair(struct cs_loader *l, const struct cs_node *pair, struct cs_take *t)
{
    static const char *const keys[] = {"factor", "each", "pairs", NULL}, *const control[] = {"control", NULL};
    const struct cs_node *factor, *each = cs_node_get(pair, "each"), *pairs = cs_node_get(pair, "pairs");
    uint32_t word;
    enum cs_err rc = cs_node_map(pair, "pair", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(pair, "pair", "factor", &factor, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(factor, "factor", &t->pair, l->err);
    if (rc == CS_OK && (each == NULL) == (pairs == NULL))
        rc = cs_yaml_fail(pair, l->err,
                          "which levels stand against each other? Write each: control, or pairs: [[a, b]]");
    if (rc == CS_OK && each != NULL)
        rc = cs_node_word(each, "each of a pair", control, &word, l->err);
    if (rc == CS_OK && pairs != NULL)
        rc = load_pairs(l, pairs, t);
    return rc;
}

enum cs_err cs_load_from_study_carried(struct cs_loader *l)
{
    const struct cs_node *scores = cs_node_get(l->root, "scores");
    l->s->scores = scores != NULL ? cs_params_node_json(scores, l->arena) : "";
    return CS_OK;
}

/* ---- the cases --------------------------------------------------------------------------------------------------- */

/* What the study of the file is called. */
static enum cs_err name_of(struct cs_loader *l, const struct cs_node *from, const char *path, const char **out)
{
    const struct cs_yaml *doc;
    const struct cs_node *name;
    struct cs_error e = {0};
    enum cs_err rc = cs_yaml_load(path, l->arena, &doc, &e);
    if (rc == CS_OK)
        rc = cs_node_need(doc->root, "the study", "study", &name, &e);
    if (rc == CS_OK)
        rc = cs_node_name(name, "study", CS_NAME_LOOSE, out, &e);
    if (rc != CS_OK)
        return cs_yaml_fail(from, l->err, "from_study is the file of a study, beside this one: %s", e.msg);
    if (strcmp(*out, l->s->name) == 0)
        return cs_yaml_fail(from, l->err, "from_study is \"%s\", which is this study itself", *out);
    return CS_OK;
}

static enum cs_err load_wishes(struct cs_loader *l, const struct cs_node *cases, struct cs_take *t)
{
    static const char *const keys[] = {"from_study", "take",         "identical",   "each", "pair",
                                       "order",      "confidential", "identifiers", NULL};
    static const char *const identical[] = {"once", "apart", NULL}, *const orders[] = {"both", "random", NULL};
    const struct cs_node *n;
    uint32_t word = 0;
    enum cs_err rc = cs_node_map(cases, "cases of another study", keys, l->err);
    t->each = t->pair = t->hide_as = "";
    t->seed = l->s->seed;
    if (rc == CS_OK && (n = cs_node_get(cases, "take")) != NULL)
        rc = load_take(l, n, t);
    if (rc == CS_OK && (n = cs_node_get(cases, "identical")) != NULL)
        rc = cs_node_word(n, "identical", identical, &word, l->err);
    t->apart = word == 1;
    if (rc == CS_OK && (n = cs_node_get(cases, "each")) != NULL)
        rc = cs_node_text(n, "each", &t->each, l->err);
    t->each += strncmp(t->each, "case.", 5) == 0 ? 5 : 0;
    if (rc == CS_OK && (n = cs_node_get(cases, "pair")) != NULL)
        rc = load_pair(l, n, t);
    word = 0;
    if (rc == CS_OK && (n = cs_node_get(cases, "order")) != NULL) {
        rc = cs_node_word(n, "order", orders, &word, l->err);
        if (rc == CS_OK && t->pair[0] == '\0')
            rc = cs_yaml_fail_key(n, l->err, "order belongs to pair: who stands first of two; remove it");
    }
    t->random_order = word == 1;
    t->shows = (struct cs_take_words){l->judge.shows, l->judge.n_shows};
    t->hide = (struct cs_take_words){l->judge.hidden, l->judge.n_hidden};
    t->hide_as = l->judge.hide_as;
    return rc;
}

static enum cs_err take_cases(struct cs_loader *l, const struct cs_node *from)
{
    struct cs_snapshot *s = l->snapshot;
    struct cs_parent_study *p;
    const uint32_t n = cs_snapshot_n_cases(s), columns = cs_snapshot_n_columns(s);
    const struct cs_parent_study *parsed;
    enum cs_err rc = cs_parent_json_parse(cs_snapshot_about(s), l->arena, &parsed, l->err);
    if (rc != CS_OK)
        return rc;
    if (n == 0)
        return cs_yaml_fail(from, l->err, "nothing of \"%s\" is left to judge by what take says", parsed->study);
    p = (struct cs_parent_study *)(uintptr_t)parsed; /* made here, in this study's arena */
    l->s->parent = p;
    l->s->confidential = p->confidential;
    const char **names = cs_arena_array(l->arena, columns, sizeof *names);
    for (uint32_t i = 0; i < columns; i++)
        names[i] = cs_arena_strdup(l->arena, cs_snapshot_column(s, i));
    l->table = (struct cs_table){.path = from->text, .columns = names, .n_columns = columns, .n_rows = n, .cap = n};
    l->table.rows = cs_xcalloc(n, sizeof *l->table.rows);
    l->values = cs_xcalloc((size_t)n * columns, sizeof *l->values);
    for (uint32_t i = 0; i < n; i++) {
        const char **values = l->values + (size_t)i * columns;
        cs_snapshot_values(s, i, values);
        l->table.rows[i] = (struct cs_row){.line = i + 1, .values = values};
    }
    cs_snapshot_trim(s);
    return CS_OK;
}

enum cs_err cs_load_from_study(struct cs_loader *l, const struct cs_node *cases, const struct cs_node *from)
{
    const char *file;
    struct cs_take take = {0};
    enum cs_err rc = cs_node_text(from, "from_study", &file, l->err);
    if (rc == CS_OK)
        rc = load_wishes(l, cases, &take);
    if (rc != CS_OK)
        return rc;
    char *path = cs_file_beside(l->path, file);
    rc = name_of(l, from, path, &take.parent);
    take.columns = mentions_of(l);
    if (rc == CS_OK && l->opts->parents == NULL)
        rc = cs_yaml_fail(from, l->err, "the outputs of \"%s\" are not at hand here", take.parent);
    if (rc == CS_OK)
        rc = l->opts->parents->snapshot(l->opts->parents->self, l->path, l->s->name, path, &take, &l->snapshot, l->err);
    free(path);
    return rc == CS_OK ? take_cases(l, from) : rc;
}

void cs_load_from_study_ids(struct cs_loader *l)
{
    for (uint32_t i = 0; i < l->s->n_cases; i++)
        l->all[i] = (struct cs_case){
            .index = i, .id = cs_snapshot_id(l->snapshot, i), .cluster = cs_snapshot_cluster(l->snapshot, i)};
    cs_snapshot_trim(l->snapshot);
}
