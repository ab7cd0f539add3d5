/* warrant.c - `warrant:` and `labels:` of the analysis: which differences physicians declared warranted, and who set the labels.
 *
 * The rows of the table become part of the analysis, and so of its digest: what was flagged is fixed before the first output.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/load/loader.h"

enum { WARRANT_JSON_MAX = 512 * 1024 };

struct warrant {
    const struct cs_loader *l;
    struct cs_table table;
    const struct cs_factor *factor;
    struct cs_names cases;
    uint32_t case_id, level, answer, raters, agreement; /* columns */
};

static enum cs_err find_columns(struct warrant *w)
{
    const struct {
        uint32_t *to;
        const char *name;
    } columns[] = {{&w->case_id, "case_id"},
                   {&w->level, "level"},
                   {&w->answer, "answer"},
                   {&w->raters, "raters"},
                   {&w->agreement, "agreement"}};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        *columns[i].to = cs_table_read_column(&w->table, columns[i].name);
        if (*columns[i].to == CS_NONE)
            return cs_error_set(w->l->err, CS_EINVAL,
                                "%s:1: no column \"%s\"; want case_id, level, answer, raters, agreement", w->table.path,
                                columns[i].name);
    }
    return CS_OK;
}

/* How many questions have an answer of this name, FIELD or QUESTION.FIELD. */
static uint32_t count_answers(const struct cs_study *s, const char *name)
{
    const char *dot = strchr(name, '.'), *field = dot != NULL ? dot + 1 : name;
    uint32_t n = 0;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        if (dot != NULL &&
            (strncmp(question->name, name, (size_t)(dot - name)) != 0 || question->name[dot - name] != '\0'))
            continue;
        for (uint32_t i = 0; i < question->n_fields; i++)
            n += strcmp(question->fields[i].name, field) == 0 && question->fields[i].kind != CS_FIELD_TEXT &&
                 question->fields[i].kind != CS_FIELD_LIST;
        for (uint32_t i = 0; i < question->n_derived; i++)
            n += strcmp(question->derived[i].name, field) == 0 && question->derived[i].kind != CS_DERIVES_TEXT;
    }
    return n;
}

static bool is_whole(const char *text)
{
    return text[0] != '\0' && strlen(text) <= 6 && text[strspn(text, "0123456789")] == '\0';
}

static bool is_share(const char *text)
{
    char *end = NULL;
    const double v = strtod(text, &end);
    return end != text && *end == '\0' && v >= 0 && v <= 1;
}

static enum cs_err check_row(const struct warrant *w, uint32_t row)
{
    const char *const *v = w->table.rows[row].values;
    struct cs_error *err = w->l->err;
    if (strcmp(v[w->case_id], "*") != 0 && cs_names_get(&w->cases, v[w->case_id]) == UINT32_MAX)
        return cs_table_fail(&w->table, row, err, "no case \"%s\"; write * for every case", v[w->case_id]);
    if (cs_loader_level(w->factor, v[w->level]) == CS_NONE)
        return cs_table_fail(&w->table, row, err, "factor \"%s\" has no level \"%s\"", w->factor->name, v[w->level]);
    if (count_answers(w->l->s, v[w->answer]) != 1)
        return cs_table_fail(&w->table, row, err, "%s answer \"%s\" that can be compared%s",
                             count_answers(w->l->s, v[w->answer]) == 0 ? "no question has an"
                                                                       : "several questions have an",
                             v[w->answer], count_answers(w->l->s, v[w->answer]) == 0 ? "" : "; write QUESTION.ANSWER");
    if (!is_whole(v[w->raters]) || strtoul(v[w->raters], NULL, 10) == 0)
        return cs_table_fail(&w->table, row, err, "raters is \"%s\"; say how many physicians flagged it", v[w->raters]);
    if (v[w->agreement][0] != '\0' && !is_share(v[w->agreement]))
        return cs_table_fail(&w->table, row, err,
                             "agreement is \"%s\"; want the share of them that agreed, 0 to 1, or nothing",
                             v[w->agreement]);
    return CS_OK;
}

static void write_row(const struct warrant *w, uint32_t row, struct cs_buf *out)
{
    const uint32_t columns[] = {w->case_id, w->level, w->answer, w->raters, w->agreement};
    cs_buf_char(out, row > 0 ? ',' : '[');
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        const char *text = w->table.rows[row].values[columns[i]];
        cs_buf_char(out, i > 0 ? ',' : '[');
        cs_json_str(out, text, strlen(text));
    }
    cs_buf_char(out, ']');
}

static enum cs_err check_keys(const struct cs_loader *l, const struct cs_node *n, uint32_t *factor,
                              const struct cs_node **file)
{
    static const char *const keys[] = {"file", "factor", "source", NULL};
    const struct cs_node *name, *source;
    const char *text;
    enum cs_err rc = cs_node_map(n, "warrant", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "warrant", "file", file, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "warrant", "source", &source, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(source, "source", &text, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "warrant", "factor", &name, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(name, "factor", &text, l->err);
    return rc == CS_OK ? cs_loader_factor_ref(l, name, text, factor) : rc;
}

enum cs_err cs_load_warrant(const struct cs_loader *l, const struct cs_node *n, const char **json)
{
    struct warrant w = {.l = l};
    struct cs_buf out = CS_BUF_INIT(WARRANT_JSON_MAX);
    const struct cs_node *file = NULL;
    uint32_t factor = 0;
    enum cs_err rc = check_keys(l, n, &factor, &file);
    if (rc == CS_OK)
        rc = cs_loader_table(l, file, &w.table);
    if (rc == CS_OK)
        rc = find_columns(&w);
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++)
        cs_names_put(&w.cases, l->all[i].id, i);
    w.factor = rc == CS_OK ? &l->s->factors[factor] : NULL;
    for (uint32_t i = 0; i < w.table.n_rows && rc == CS_OK; i++) {
        rc = check_row(&w, i);
        if (rc == CS_OK)
            write_row(&w, i, &out);
    }
    cs_buf_char(&out, ']');
    if (rc == CS_OK && out.overflow)
        rc = cs_error_set(l->err, CS_ETOOBIG, "%s: more than %d KiB; write * for pairs that hold in every case",
                          w.table.path, WARRANT_JSON_MAX / 1024);
    if (rc == CS_OK)
        *json = cs_arena_strdup(l->arena, cs_buf_cstr(&out));
    cs_buf_release(&out);
    cs_names_release(&w.cases);
    cs_table_release(&w.table);
    return rc;
}

enum cs_err cs_load_warrant_label_source(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"source", "reviewed", "raters", "agreement", NULL};
    static const char *const words[] = {"yes", "no", NULL};
    const struct cs_node *source, *reviewed, *more;
    const char *text;
    uint32_t word;
    uint64_t raters;
    enum cs_err rc = cs_node_map(n, "labels", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "labels", "source", &source, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(source, "source", &text, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "labels", "reviewed", &reviewed, l->err);
    if (rc == CS_OK)
        rc = cs_node_word(reviewed, "reviewed", words, &word, l->err);
    if (rc == CS_OK && (more = cs_node_get(n, "raters")) != NULL)
        rc = cs_node_u64(more, "raters", 1, 100000, &raters, l->err);
    if (rc == CS_OK && (more = cs_node_get(n, "agreement")) != NULL)
        rc = cs_node_text(more, "agreement", &text, l->err);
    return rc;
}
