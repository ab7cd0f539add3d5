/* The texts by which a truth knows its cases and levels: from the study's own tables, or made up in the same way. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/file.h"
#include "protocol/table/generate.h"
#include "protocol/table/names.h"
#include "tools/simulator/shown.h"
#include "tools/simulator/truth_load.h"

/* A table that the truth file names, and its id column(s) and text column. */
struct texts {
    uint32_t ids[8], n_ids, text;
    uint32_t wording, image; /* columns, or CS_NONE */
    const char *after_first; /* or NULL */
};

enum cs_err cs_truth_texts_column(struct cs_truth_loader *l, const struct cs_node *n, const char *what,
                                  const struct cs_table *table, uint32_t *out)
{
    const char *name;
    enum cs_err rc = cs_node_text(n, what, &name, l->err);
    if (rc != CS_OK)
        return rc;
    *out = cs_table_read_column(table, name);
    if (*out == CS_NONE)
        return cs_yaml_fail(n, l->err, "%s: %s has no column \"%s\"%s", what, table->path, name,
                            cs_names_hint(name, table->columns, table->n_columns).text);
    return CS_OK;
}

/* {generate: ed, n: 1000, seed: 1}: the same made-up cases as in a study. */
static enum cs_err generate(struct cs_truth_loader *l, const struct cs_node *map, const struct cs_node *kind,
                            struct cs_table *table)
{
    uint32_t which = 0;
    uint64_t n = 0, seed = 1;
    const struct cs_node *v;
    enum cs_err rc = cs_node_word(kind, "generate", cs_generate_names, &which, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(map, "generate", "n", &v, l->err);
    if (rc == CS_OK)
        rc = cs_node_u64(v, "n", 1, CS_GENERATE_MAX, &n, l->err);
    if (rc == CS_OK && (v = cs_node_get(map, "seed")) != NULL)
        rc = cs_node_u64(v, "seed", 0, UINT64_MAX, &seed, l->err);
    if (rc == CS_OK)
        cs_generate(which, (uint32_t)n, seed, l->arena, table);
    return rc;
}

/* A file, some of whose columns may hold lists. */
static enum cs_err read_file(struct cs_truth_loader *l, const struct cs_node *file, const struct cs_node *lists,
                             struct cs_table *table)
{
    const char *name, **names = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_node_text(file, "file", &name, l->err);
    if (rc == CS_OK && lists != NULL)
        rc = cs_node_list(lists, "lists", l->err);
    if (rc == CS_OK && lists != NULL)
        names = cs_arena_array(l->arena, lists->n, sizeof *names);
    for (const struct cs_node *c = rc == CS_OK && lists != NULL ? lists->first : NULL; c != NULL && rc == CS_OK;
         c = c->next)
        rc = cs_node_text(c, "lists", &names[n++], l->err);
    if (rc != CS_OK)
        return rc;
    char *path = cs_file_beside(l->path, name);
    rc = cs_table_load_lists(path, names, n, l->arena, table, l->err);
    free(path);
    return rc;
}

static enum cs_err fill_table(struct cs_truth_loader *l, const struct cs_node *map, const char *what,
                              struct cs_table *table)
{
    const struct cs_node *file = cs_node_get(map, "file"), *rows = cs_node_get(map, "rows");
    const struct cs_node *kind = cs_node_get(map, "generate");
    if ((file != NULL) + (rows != NULL) + (kind != NULL) != 1)
        return cs_yaml_fail(map, l->err, "%s: want one of file: FILE, rows: [...] and generate: KIND", what);
    if (rows != NULL)
        return cs_table_from_node(rows, what, l->arena, table, l->err);
    if (kind != NULL)
        return generate(l, map, kind, table);
    return read_file(l, file, cs_node_get(map, "lists"), table);
}

static enum cs_err open_table(struct cs_truth_loader *l, const struct cs_node *n, const char *what,
                              struct cs_table *table, struct texts *texts)
{
    static const char *const of_cases[] = {"file", "rows", "generate",    "n",     "seed",
                                           "id",   "text", "after_first", "lists", NULL};
    static const char *const of_levels[] = {"file", "rows", "id", "text", "wording", "image", NULL};
    const bool cases = table == &l->cases;
    const struct cs_node *id, *text = NULL, *after_first, *wording, *image = cs_node_get(n, "image");
    enum cs_err rc = cs_node_map(n, what, cases ? of_cases : of_levels, l->err);
    if (rc != CS_OK || (rc = cs_node_need(n, what, "id", &id, l->err)) != CS_OK ||
        (rc = image == NULL ? cs_node_need(n, what, "text", &text, l->err) : CS_OK) != CS_OK ||
        (rc = fill_table(l, n, what, table)) != CS_OK)
        return rc;
    text = cs_node_get(n, "text");
    *texts = (struct texts){.wording = CS_NONE, .image = CS_NONE, .text = CS_NONE};
    if (id->kind == CS_NODE_LIST) {
        if (id->n == 0 || id->n > sizeof texts->ids / sizeof texts->ids[0])
            return cs_yaml_fail(id, l->err, "id: want 1 to 8 columns");
        for (const struct cs_node *c = id->first; c != NULL && rc == CS_OK; c = c->next)
            rc = cs_truth_texts_column(l, c, "id", table, &texts->ids[texts->n_ids++]);
    } else {
        rc = cs_truth_texts_column(l, id, "id", table, &texts->ids[texts->n_ids++]);
    }
    if (rc == CS_OK && text != NULL)
        rc = cs_truth_texts_column(l, text, "text", table, &texts->text);
    if (rc == CS_OK && image != NULL)
        rc = cs_truth_texts_column(l, image, "image", table, &texts->image);
    after_first = cs_node_get(n, "after_first");
    if (rc == CS_OK && after_first != NULL)
        rc = cs_node_text(after_first, "after_first", &texts->after_first, l->err);
    wording = cs_node_get(n, "wording");
    if (rc == CS_OK && wording != NULL)
        rc = cs_truth_texts_column(l, wording, "wording", table, &texts->wording);
    return rc;
}

static const char *id_of(struct cs_truth_loader *l, const struct cs_row *row, const struct texts *texts)
{
    const char *id = row->values[texts->ids[0]];
    for (uint32_t i = 1; i < texts->n_ids; i++)
        id = cs_arena_printf(l->arena, "%s/%s", id, row->values[texts->ids[i]]);
    return id;
}

enum cs_err cs_truth_texts_load_cases(struct cs_truth_loader *l, const struct cs_node *n)
{
    struct cs_truth *t = l->truth;
    struct texts texts;
    struct cs_names seen = {0}, ids_seen = {0};
    enum cs_err rc = open_table(l, n, "cases", &l->cases, &texts);
    if (rc != CS_OK)
        return rc;
    const char **ids = cs_arena_array(l->arena, l->cases.n_rows + 1, sizeof *ids);
    const char **patterns = cs_arena_array(l->arena, l->cases.n_rows + 1, sizeof *patterns);
    for (uint32_t i = 0; i < l->cases.n_rows && rc == CS_OK; i++) {
        const struct cs_row *row = &l->cases.rows[i];
        ids[i] = id_of(l, row, &texts);
        patterns[i] = row->values[texts.text];
        if (texts.after_first != NULL) {
            const char *at = strstr(patterns[i], texts.after_first);
            if (at == NULL)
                rc = cs_table_fail(&l->cases, i, l->err, "case \"%s\": its text does not contain \"%s\"", ids[i],
                                   texts.after_first);
            else
                patterns[i] = at + strlen(texts.after_first);
        }
        if (rc != CS_OK)
            break;
        const uint32_t twin = cs_names_put(&seen, patterns[i], i);
        if (patterns[i][0] == '\0')
            rc = cs_table_fail(&l->cases, i, l->err, "case \"%s\" has no text to recognise it by", ids[i]);
        else if (twin != CS_NONE)
            rc = cs_table_fail(&l->cases, i, l->err, "cases \"%s\" and \"%s\" have the same text", ids[twin], ids[i]);
        else if (cs_names_put(&ids_seen, ids[i], i) != CS_NONE)
            rc = cs_table_fail(&l->cases, i, l->err, "two cases have the id \"%s\"", ids[i]);
    }
    cs_names_release(&seen);
    cs_names_release(&ids_seen);
    if (rc != CS_OK)
        return rc;
    t->cases = ids;
    t->n_cases = l->cases.n_rows;
    t->case_matcher = cs_matcher_open(patterns, t->n_cases);
    return CS_OK;
}

/* What tells a level's text from all others: its id, and its wording where the truth file names that column. */
static const char *name_of(struct cs_truth_loader *l, const char *id, const char *wording)
{
    return wording != NULL ? cs_arena_printf(l->arena, "%s\x1f%s", id, wording) : id;
}

/* What a level is recognised by: its text, or the mark of its image, whose path is relative to the truth file. */
static enum cs_err sentence_of(struct cs_truth_loader *l, const struct texts *texts, uint32_t row, const char **out)
{
    const char *const *values = l->levels.rows[row].values;
    const char *image = texts->image != CS_NONE ? values[texts->image] : "";
    char *path, *bytes = NULL;
    size_t n = 0;
    *out = texts->text != CS_NONE ? values[texts->text] : "";
    if ((*out)[0] != '\0' || image[0] == '\0')
        return CS_OK;
    path = cs_file_beside(l->path, image);
    enum cs_err rc = cs_file_read(path, CS_CHAT_BODY_MAX, &bytes, &n, l->err);
    if (rc == CS_OK)
        *out = cs_sim_shown_mark(bytes, n, l->arena);
    free(bytes);
    free(path);
    return rc;
}

enum cs_err cs_truth_texts_load_levels(struct cs_truth_loader *l, const struct cs_node *n)
{
    struct cs_truth *t = l->truth;
    struct texts texts = {.wording = CS_NONE, .image = CS_NONE};
    struct cs_names seen = {0}, ids_seen = {0};
    enum cs_err rc = n != NULL ? open_table(l, n, "levels", &l->levels, &texts) : CS_OK;
    if (rc != CS_OK)
        return rc;
    const char **ids = cs_arena_array(l->arena, l->levels.n_rows + 1, sizeof *ids);
    const char **sentences = cs_arena_array(l->arena, l->levels.n_rows + 1, sizeof *sentences);
    const char **wordings = cs_arena_array(l->arena, l->levels.n_rows + 1, sizeof *wordings);
    ids[0] = "control";
    cs_names_put(&ids_seen, ids[0], 0);
    t->n_levels = 1;
    for (uint32_t i = 0; i < l->levels.n_rows; i++) {
        const char *sentence = "";
        rc = sentence_of(l, &texts, i, &sentence);
        if (rc != CS_OK)
            break;
        if (sentence[0] == '\0')
            continue;
        if (cs_names_put(&seen, sentence, t->n_levels) != CS_NONE)
            continue;
        const char *id = ids[t->n_levels] = id_of(l, &l->levels.rows[i], &texts);
        const char *wording = texts.wording != CS_NONE ? l->levels.rows[i].values[texts.wording] : NULL;
        sentences[t->n_levels - 1] = sentence;
        wordings[t->n_levels] = wording;
        const bool control = strcmp(id, "control") == 0;
        if (cs_names_put(&ids_seen, name_of(l, id, wording), t->n_levels++) == CS_NONE && !control)
            continue;
        rc = control ? cs_table_fail(&l->levels, i, l->err,
                                     "\"control\" is the prompt without a text; call this level otherwise")
                     : cs_table_fail(&l->levels, i, l->err,
                                     "two texts have the level id \"%s\"; wording: or id: [...] may name the "
                                     "column that tells them apart",
                                     id);
        break;
    }
    cs_names_release(&ids_seen);
    cs_names_release(&seen);
    t->levels = ids;
    t->wordings = texts.wording != CS_NONE ? wordings : NULL;
    if (rc == CS_OK)
        t->level_matcher = cs_matcher_open(sentences, t->n_levels - 1);
    return rc;
}
