/* judging.c - the `judge:` part, and what holds of every study that shows outputs of models to its own: what a prompt may show (an allow-list),
 * which words are hidden, and that a verdict is read strictly.
 */
#include "protocol/study/judge.h"

#include <string.h>

#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/load/loader.h"
#include "protocol/study/hide.h"
#include "protocol/study/phrases.h"
#include "protocol/study/template.h"

static bool has_parent(const struct cs_loader *l)
{
    const struct cs_node *cases = cs_node_get(l->root, "cases");
    return cases != NULL && cs_node_get(cases, "from_study") != NULL;
}

/* ---- as it is written ----------------------------------------------------------------------------- */

static void put_words(struct cs_buf *out, const char *key, const char *const *words, uint32_t n)
{
    cs_buf_printf(out, "\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_str(out, i > 0 ? "," : "");
        cs_json_str(out, words[i], strlen(words[i]));
    }
    cs_buf_char(out, ']');
}

static enum cs_err load_shows(const struct cs_loader *l, const struct cs_node *n, struct cs_buf *out)
{
    const char *const *words;
    uint32_t count;
    enum cs_err rc = cs_loader_words(l, n, "shows", &words, &count);
    if (rc == CS_OK && count > CS_JUDGE_SHOWS_MAX)
        rc = cs_yaml_fail(n, l->err, "shows has %u names; at most %d", count, CS_JUDGE_SHOWS_MAX);
    if (rc == CS_OK)
        put_words(out, "shows", words, count);
    return rc;
}

/* The column `term` of the table. */
static enum cs_err load_terms(const struct cs_loader *l, const struct cs_node *file, struct cs_buf *out)
{
    struct cs_table t = {0};
    struct cs_names seen = {0};
    size_t bytes = 0;
    enum cs_err rc = cs_loader_table(l, file, &t);
    const uint32_t column = rc == CS_OK ? cs_table_read_column(&t, "term") : CS_NONE;
    if (rc == CS_OK && column == CS_NONE)
        rc = cs_yaml_fail(file, l->err, "%s has no column term; it holds the words to hide, one a row", t.path);
    const char **terms = cs_arena_array(l->arena, t.n_rows + 1, sizeof *terms);
    for (uint32_t i = 0; i < t.n_rows && rc == CS_OK; i++) {
        const char *term = terms[i] = t.rows[i].values[column];
        const size_t len = strlen(term);
        bytes += len;
        const uint32_t twin = cs_names_put(&seen, term, i);
        if (term[strspn(term, " \t\n\v\f\r")] == '\0')
            rc = cs_table_fail(&t, i, l->err, "term is empty; remove the row");
        else if (len > CS_PHRASE_MAX)
            rc = cs_table_fail(&t, i, l->err, "a term has %zu bytes; at most %d", len, CS_PHRASE_MAX);
        else if (bytes > CS_JUDGE_HIDDEN_MAX)
            rc = cs_table_fail(&t, i, l->err, "more than %d bytes of terms", CS_JUDGE_HIDDEN_MAX);
        else if (twin != UINT32_MAX)
            rc = cs_table_fail(&t, i, l->err, "\"%.80s\" stands here twice, first on line %u; remove one", term,
                               t.rows[twin].line);
    }
    if (rc == CS_OK)
        put_words(out, "terms", terms, t.n_rows);
    cs_names_release(&seen);
    cs_table_release(&t);
    return rc;
}

static enum cs_err load_hide(const struct cs_loader *l, const struct cs_node *n, struct cs_buf *out)
{
    static const char *const keys[] = {"file", "as", NULL};
    const struct cs_node *file, *as;
    const char *mask = "[...]";
    enum cs_err rc = cs_node_map(n, "hide", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "hide", "file", &file, l->err);
    if (rc == CS_OK && (as = cs_node_get(n, "as")) != NULL) {
        rc = cs_node_any_text(as, "as", &mask, l->err);
        if (rc == CS_OK && strlen(mask) > CS_JUDGE_AS_MAX)
            rc = cs_yaml_fail(as, l->err, "as is longer than %d bytes; it stands for every hidden word",
                              CS_JUDGE_AS_MAX);
    }
    if (rc != CS_OK)
        return rc;
    cs_buf_str(out, "\"hide\":{\"as\":");
    cs_json_str(out, mask, strlen(mask));
    cs_buf_char(out, ',');
    rc = load_terms(l, file, out);
    cs_buf_char(out, '}');
    return rc;
}

static enum cs_err load_panel(const struct cs_loader *l, const struct cs_node *n, struct cs_buf *out)
{
    static const char *const keys[] = {"rule", "quorum", "own", NULL}, *const rules[] = {"majority", "mean", NULL},
                             *const own[] = {"drop", "keep", NULL};
    const char *between = "";
    const struct cs_node *v;
    uint32_t word = 0;
    uint64_t quorum = 0;
    enum cs_err rc = cs_node_map(n, "panel", keys, l->err);
    if (rc == CS_OK && !has_parent(l))
        rc = cs_yaml_fail_key(n, l->err,
                              "panel goes with cases: {from_study: ...}; the outputs of this table are judged one by "
                              "one, remove it");
    cs_buf_str(out, "\"panel\":{");
    if (rc == CS_OK && (v = cs_node_get(n, "rule")) != NULL) {
        rc = cs_node_word(v, "rule", rules, &word, l->err);
        cs_buf_printf(out, "\"rule\":\"%s\"", rules[word]);
        between = ",";
    }
    if (rc == CS_OK && (v = cs_node_get(n, "quorum")) != NULL) {
        rc = cs_node_u64(v, "quorum", 1, INT32_MAX, &quorum, l->err);
        cs_buf_printf(out, "%s\"quorum\":%llu", between, (unsigned long long)quorum);
        between = ",";
    }
    if (rc == CS_OK && (v = cs_node_get(n, "own")) != NULL) {
        rc = cs_node_word(v, "own", own, &word, l->err);
        cs_buf_printf(out, "%s\"own\":\"%s\"", between, own[word]);
    }
    cs_buf_char(out, '}');
    return rc;
}

static enum cs_err load_keys(const struct cs_loader *l, const struct cs_node *judge, struct cs_buf *out)
{
    const struct cs_node *shows = cs_node_get(judge, "shows"), *hide = cs_node_get(judge, "hide"),
                         *panel = cs_node_get(judge, "panel"), *again = cs_node_get(judge, "again");
    uint64_t n = 0;
    enum cs_err rc = CS_OK;
    if (shows != NULL)
        rc = load_shows(l, shows, out);
    if (rc == CS_OK && hide != NULL) {
        cs_buf_str(out, shows != NULL ? "," : "");
        rc = load_hide(l, hide, out);
    }
    if (rc == CS_OK && panel != NULL) {
        cs_buf_str(out, shows != NULL || hide != NULL ? "," : "");
        rc = load_panel(l, panel, out);
    }
    if (rc == CS_OK && again != NULL) {
        rc = cs_node_u64(again, "again", 1, CS_JUDGE_AGAIN_MAX, &n, l->err);
        cs_buf_printf(out, "%s\"again\":%llu", shows != NULL || hide != NULL || panel != NULL ? "," : "",
                      (unsigned long long)n);
    }
    return rc;
}

enum cs_err cs_load_judging(struct cs_loader *l)
{
    static const char *const keys[] = {"shows", "hide", "panel", "again", NULL};
    const struct cs_node *judge = cs_node_get(l->root, "judge");
    struct cs_buf json = CS_BUF_INIT(8 * (size_t)CS_JUDGE_HIDDEN_MAX);
    l->s->judge = "";
    if (judge == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_map(judge, "judge", keys, l->err);
    cs_buf_char(&json, '{');
    if (rc == CS_OK)
        rc = load_keys(l, judge, &json);
    cs_buf_char(&json, '}');
    if (rc == CS_OK) {
        l->s->judge = cs_arena_strdup(l->arena, cs_buf_cstr(&json));
        rc = cs_judge_parse(l->s->judge, l->arena, &l->judge, l->err);
    }
    cs_buf_release(&json);
    return rc;
}

/* ---- what is shown -------------------------------------------------------------------------------- */

/* What `shows` has to name, and does not, for a column to stand in a prompt; NULL: nothing. What was asked is in a conversation, too. */
static const char *shut(const struct cs_loader *l, const char *column)
{
    static const char parent[] = "parent.";
    const char *dot = strchr(column, '.'), *open = NULL;
    if (strncmp(column, parent, sizeof parent - 1) == 0)
        open = column + sizeof parent - 1;
    else if (strcmp(dot, ".prompt") == 0 ||
             (strcmp(dot, ".conversation") == 0 && l->s->parent != NULL && l->s->parent->factors_in_prompt))
        open = "prompt";
    return open == NULL || cs_judge_shows(&l->judge, open) ? NULL : open;
}

enum cs_err cs_load_judging_shown(struct cs_loader *l, const struct cs_node *n, const char *what, const char *column)
{
    const char *placeholder = cs_arena_printf(l->arena, "%s}}", column), *open = shut(l, column);
    l->judges = true;
    l->first_shown |= strncmp(column, "first.", 6) == 0;
    l->second_shown |= strncmp(column, "second.", 7) == 0;
    if (open == NULL)
        return CS_OK;
    return cs_yaml_fail_at(n, placeholder, l->err,
                           "%s: {{%s}} would tell the judge where an output comes from; remove it, or declare it with "
                           "judge: {shows: [%s]}, which the report then says",
                           what, column, open);
}

static enum cs_err fail_by_name(const struct cs_loader *l)
{
    return cs_yaml_fail_at(l->by_name.node, l->by_name.column, l->err,
                           "%s: case.%s would tell the judge where an output comes from; remove it, or declare it with "
                           "judge: {shows: [%s]}, which the report then says",
                           l->by_name.what, l->by_name.column, shut(l, l->by_name.column));
}

enum cs_err cs_load_judging_by_name(struct cs_loader *l, const struct cs_node *n, const char *what, const char *name)
{
    name += strncmp(name, "case.", 5) == 0 ? 5 : 0;
    if (l->by_name.node != NULL || !cs_template_names_output(name, strlen(name)) || shut(l, name) == NULL)
        return CS_OK;
    l->by_name = (struct cs_loader_by_name){n, what, name};
    return l->s->parent != NULL ? fail_by_name(l) : CS_OK;
}

enum cs_err cs_load_judging_column(struct cs_loader *l, const struct cs_node *n, const char *what, uint32_t *out)
{
    const char *name;
    enum cs_err rc = cs_node_text(n, what, &name, l->err);
    if (rc == CS_OK)
        rc = cs_load_judging_by_name(l, n, what, name);
    return rc == CS_OK ? cs_loader_column(l, n, what, out) : rc;
}

/* Of the study that is judged. */
static enum cs_err check_shown_of_parent(const struct cs_loader *l, const struct cs_node *n, const char *name)
{
    const char *names[CS_FACTORS_MAX + 2] = {"prompt", "model"};
    const struct cs_parent_study *p = l->s->parent;
    uint32_t count = 2;
    for (uint32_t f = 0; f < p->n_factors; f++)
        names[count++] = p->factors[f].name;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return CS_OK;
    }
    return cs_yaml_fail(n, l->err, "shows has \"%s\", but \"%s\" has no such factor%s", name, p->study,
                        cs_names_hint(name, names, count).text);
}

/* Names in `shows` that open nothing. */
static enum cs_err check_shows(const struct cs_loader *l, const struct cs_node *shows)
{
    const struct cs_node *c = shows->kind == CS_NODE_LIST ? shows->first : shows;
    for (uint32_t i = 0; i < l->judge.n_shows; i++, c = c->next) {
        const char *name = l->judge.shows[i];
        if (l->s->parent != NULL) {
            enum cs_err rc = check_shown_of_parent(l, c, name);
            if (rc != CS_OK)
                return rc;
        } else if (strcmp(name, "prompt") != 0 &&
                   cs_names_get(&l->column_names, cs_arena_printf(l->arena, "parent.%s", name)) == CS_NONE)
            return cs_yaml_fail(
                c, l->err,
                "shows has \"%s\", but the cases have no column parent.%s; it may name prompt, and what "
                "else there is of the study that is judged",
                name, name);
    }
    return CS_OK;
}

/* Where outputs are judged, an answer is what the schema holds, and nothing that is found in prose. */
static enum cs_err check_reading(const struct cs_loader *l)
{
    const struct cs_node *n = cs_node_get(l->root, "questions");
    bool lenient = false;
    for (uint32_t i = 0; i < l->s->n_accounts; i++)
        lenient |= l->s->accounts[i].reads == CS_READS_LENIENT;
    n = n->first;
    for (uint32_t i = 0; i < l->s->n_questions; i++, n = n->next) {
        struct cs_question *q = (struct cs_question *)(uintptr_t)&l->s->questions[i]; /* this loader made it */
        if (q->reads == CS_READS_LENIENT)
            return cs_yaml_fail(cs_node_get(n, "reading"), l->err,
                                "a judge's verdict is what its schema holds, and is not looked for in prose; remove "
                                "reading: lenient (judge: {again: 2} draws an unreadable one again)");
        if (lenient)
            q->reads = CS_READS_STRICT;
    }
    return CS_OK;
}

enum cs_err cs_load_judging_check(struct cs_loader *l)
{
    const struct cs_node *judge = cs_node_get(l->root, "judge"), *shows, *panel, *quorum;
    const uint64_t votes = (uint64_t)l->s->n_models * l->repeats;
    l->judges |= has_parent(l);
    if (l->pair != NULL && !(l->first_shown && l->second_shown))
        return cs_yaml_fail_key(l->pair, l->err,
                                "pair says which of two outputs it is, but no prompt shows {{first.text}} and "
                                "{{second.text}}; show both, or write nominal");
    if (!l->judges)
        return judge == NULL ? CS_OK
                             : cs_yaml_fail_key(judge, l->err,
                                                "judge goes with outputs: cases: {from_study: ...}, or a table whose "
                                                "prompt shows {{output.text}}; add one, or remove it");
    enum cs_err rc = l->by_name.node != NULL ? fail_by_name(l) : check_reading(l);
    if (rc != CS_OK || judge == NULL)
        return rc;
    if ((shows = cs_node_get(judge, "shows")) != NULL)
        rc = check_shows(l, shows);
    if (rc == CS_OK && (panel = cs_node_get(judge, "panel")) != NULL &&
        (quorum = cs_node_get(panel, "quorum")) != NULL && l->judge.quorum > votes)
        rc = cs_yaml_fail(quorum, l->err, "quorum is %u, but an output has %llu votes at most: %u models x %u repeats",
                          l->judge.quorum, (unsigned long long)votes, l->s->n_models, l->repeats);
    return rc;
}

/* ---- hidden words of a table ---------------------------------------------------------------------- */

static enum cs_err hide_row(struct cs_loader *l, const struct cs_hide *hide, uint32_t row)
{
    struct cs_row *r = &l->table.rows[row];
    const char **values = cs_arena_array(l->arena, l->table.n_columns, sizeof *values);
    enum cs_err rc = CS_OK;
    memcpy(values, r->values, l->table.n_columns * sizeof *values);
    for (uint32_t c = 0; c < l->table.n_columns && rc == CS_OK; c++) {
        struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
        if (!cs_hide_masks(l->table.columns[c]))
            continue;
        if (cs_hide_put(hide, values[c], &text) > 0)
            values[c] = cs_arena_strdup(l->arena, cs_buf_cstr(&text));
        if (text.overflow)
            rc = cs_table_fail(&l->table, row, l->err, "with its words hidden, %s is longer than %d bytes",
                               l->table.columns[c], CS_TEXT_MAX);
        cs_buf_release(&text);
    }
    r->values = values;
    return rc;
}

enum cs_err cs_load_judging_hide(struct cs_loader *l)
{
    struct cs_hide *hide = has_parent(l) ? NULL : cs_hide_open(l->judge.hidden, l->judge.n_hidden, l->judge.hide_as);
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < l->table.n_rows && hide != NULL && rc == CS_OK; i++)
        rc = hide_row(l, hide, i);
    cs_hide_close(hide);
    return rc;
}
