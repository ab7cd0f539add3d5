#include "protocol/load/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"
#include "protocol/load/loader.h"
#include "protocol/dialects/request.h"
#include "protocol/study/applies.h"
#include "protocol/study/study_check.h"

/* ---- the study as a whole ----------------------------------------------------------------------- */

/* `accept: [unparsable]`: what a lane does not pause for. */
static enum cs_err load_accept(const struct cs_node *n, struct cs_study *s, struct cs_error *err)
{
    static const char *const words[] = {"unparsable", NULL};
    uint32_t word;
    enum cs_err rc = cs_node_list(n, "accept", err);
    for (const struct cs_node *at = n->first; rc == CS_OK && at != NULL; at = at->next)
        rc = cs_node_word(at, "a word of accept", words, &word, err);
    if (rc != CS_OK)
        return rc;
    s->accept_unparsable = true;
    return CS_OK;
}

static enum cs_err load_head(struct cs_loader *l)
{
    static const char *const keys[] = {"study",   "title",      "seed",      "data_dir",   "cases",
                                       "factors", "prompt",     "questions", "tools",      "repeats",
                                       "models",  "parameters", "blocks",    "budget_usd", "analysis",
                                       "accept",  "judge",      "scores",    NULL};
    struct cs_study *s = l->s;
    const struct cs_node *n;
    enum cs_err rc = cs_node_map(l->root, "the study", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(l->root, "the study", "study", &n, l->err);
    if (rc == CS_OK)
        rc = cs_node_name(n, "study", CS_NAME_LOOSE, &s->name, l->err);
    s->title = "";
    if (rc == CS_OK && (n = cs_node_get(l->root, "title")) != NULL)
        rc = cs_node_text(n, "title", &s->title, l->err);
    s->seed = 1;
    if (rc == CS_OK && (n = cs_node_get(l->root, "seed")) != NULL)
        rc = cs_node_u64(n, "seed", 0, UINT64_MAX, &s->seed, l->err);
    uint64_t repeats = 1;
    if (rc == CS_OK && (n = cs_node_get(l->root, "repeats")) != NULL)
        rc = cs_node_u64(n, "repeats", 1, CS_REPEATS_MAX, &repeats, l->err);
    l->repeats = (uint32_t)repeats;
    s->budget_nano_usd = -1;
    double budget = 0;
    if (rc == CS_OK && (n = cs_node_get(l->root, "budget_usd")) != NULL) {
        rc = cs_node_number(n, "budget_usd", 0.01, 1e9, &budget, l->err);
        s->budget_nano_usd = (int64_t)(budget * 1e9 + 0.5);
    }
    if (rc == CS_OK && (n = cs_node_get(l->root, "accept")) != NULL)
        rc = load_accept(n, s, l->err);
    return rc;
}

/* --data and CLINSAFE_DATA (folded into opts) go before the study's own data_dir. */
static enum cs_err load_data_dir(struct cs_loader *l)
{
    const struct cs_node *n = cs_node_get(l->root, "data_dir");
    const char *dir = NULL;
    enum cs_err rc = n != NULL ? cs_node_text(n, "data_dir", &dir, l->err) : CS_OK;
    if (l->opts->data_dir != NULL) {
        l->data_dir = l->opts->data_dir;
    } else if (dir != NULL && rc == CS_OK) {
        char *path = cs_file_beside(l->path, dir);
        l->data_dir = cs_arena_strdup(l->arena, path);
        free(path);
    }
    return rc;
}

/* Gives every case its values in all columns, once no more are added. */
static void finish_cases(struct cs_loader *l)
{
    struct cs_study *s = l->s;
    const char **columns = cs_arena_array(l->arena, s->n_columns, sizeof *columns);
    memcpy(columns, l->columns, s->n_columns * sizeof *columns);
    s->columns = columns;
    for (uint32_t i = 0; i < s->n_cases; i++) {
        if (s->n_columns == l->table.n_columns) {
            l->all[i].values = l->table.rows[i].values;
            continue;
        }
        const char **values = cs_arena_array(l->arena, s->n_columns, sizeof *values);
        for (uint32_t c = 0; c < s->n_columns; c++)
            values[c] = cs_loader_value(l, i, c);
        l->all[i].values = values;
    }
}

static enum cs_err get_case(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    (void)err;
    const struct cs_case *all = self; /* the source has no room for their number: indexes come from the plan */
    *out = all[index];
    return CS_OK;
}

/* A study without images is the same, whatever its providers say of them. */
static void forget_image_tokens(struct cs_loader *l)
{
    struct cs_model *models = (struct cs_model *)(uintptr_t)l->s->models; /* still being made */
    for (uint32_t i = 0; i < l->s->n_models && !cs_image_is_used(l->s); i++)
        models[i].image_tokens = 0;
}

static enum cs_err load_parts(struct cs_loader *l)
{
    static enum cs_err (*const parts[])(struct cs_loader *) = {
        load_head,
        load_data_dir,
        cs_load_from_study_carried,
        cs_load_judging,
        cs_load_cases,
        cs_load_factors,
        cs_load_tool_list,
        cs_load_questions,
        cs_load_models,
        cs_load_prompt,
        cs_load_tool_list_check,
        cs_load_graded_fits,
        cs_load_judging_check,
        cs_load_blocks,
        cs_load_analysis,
        cs_load_scores,
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        enum cs_err rc = parts[i](l);
        if (rc != CS_OK)
            return rc;
    }
    finish_cases(l);
    forget_image_tokens(l);
    enum cs_err rc = cs_load_only(l);
    if (rc != CS_OK)
        return rc;
    const struct cs_case_source all = {.self = l->all, .get = get_case};
    rc = cs_applies_count(l->s, &all, l->err);
    if (rc == CS_OK)
        rc = cs_study_check(l->s, l->err);
    if (rc == CS_OK)
        rc = cs_requests_check(l->s, l->err);
    return rc == CS_OK ? CS_OK : cs_error_wrap(l->err, rc, "%s", l->path);
}

static void loader_release(struct cs_loader *l)
{
    for (uint32_t i = 0; i < CS_COLUMNS_MAX; i++)
        free(l->added[i]);
    free(l->columns);
    cs_names_release(&l->column_names);
    cs_table_release(&l->table);
    free(l->nth);
    cs_names_release(&l->picture_names);
    free(l->pictures);
    free(l->all);
    free(l->values);
    cs_snapshot_close(l->snapshot);
    cs_study_free(l->s);
    free(l);
}

enum cs_err cs_load_study(const char *path, const struct cs_load_opts *opts, struct cs_loaded *out,
                          struct cs_error *err)
{
    static const struct cs_load_opts none = {0};
    *out = (struct cs_loaded){0};
    struct cs_loader *l = cs_xcalloc(1, sizeof *l);
    l->s = cs_xcalloc(1, sizeof *l->s);
    l->arena = &l->s->arena;
    l->path = path;
    l->opts = opts != NULL ? opts : &none;
    l->err = err;
    l->columns = cs_xcalloc(CS_COLUMNS_MAX, sizeof *l->columns);
    const struct cs_yaml *doc;
    enum cs_err rc = cs_yaml_load(path, l->arena, &doc, err);
    if (rc == CS_OK) {
        l->root = doc->root;
        rc = load_parts(l);
    }
    if (rc == CS_OK) {
        out->path = cs_arena_strdup(l->arena, path);
        out->study = l->s;
        out->all = l->all;
        out->cases = (struct cs_case_source){.self = l->all, .get = get_case};
        out->snapshot = l->snapshot;
        out->values = l->values;
        out->pictures = l->pictures;
        out->n_pictures = l->n_pictures;
        l->pictures = NULL;
        l->s = NULL;
        l->all = NULL;
        l->snapshot = NULL;
        l->values = NULL;
    }
    loader_release(l);
    return rc;
}

void cs_load_trim(const struct cs_loaded *l)
{
    if (l->snapshot != NULL)
        cs_snapshot_trim(l->snapshot);
}

void cs_load_release(struct cs_loaded *l)
{
    cs_study_free(l->study);
    free(l->all);
    free(l->values);
    free(l->pictures);
    cs_snapshot_close(l->snapshot);
    *l = (struct cs_loaded){0};
}
