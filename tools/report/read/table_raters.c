#include "tools/report/read/table_raters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

struct rater_column {
    const char *who, *field;
    uint32_t column, answer; /* answer: the model's own in this field, or CS_NONE */
};

struct raters {
    struct cs_ratings *out;
    const struct cs_study *s;
    struct rater_column *columns;
    uint32_t n, model, question, state, simulated;
};

/* "dr_a.visit" of "rater.dr_a.visit", or NULL. */
static const char *rater_of(const char *column)
{
    const char *who = strncmp(column, "rater.", 6) == 0 ? column + 6 : NULL,
               *dot = who != NULL ? strchr(who, '.') : NULL;
    return dot != NULL && dot > who && dot[1] != '\0' ? who : NULL;
}

uint32_t cs_table_raters_columns(const struct cs_table *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_columns; i++)
        n += rater_of(t->columns[i]) != NULL;
    return n;
}

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct raters *r = self;
    struct cs_arena *a = &r->out->arena;
    (void)err;
    r->columns = cs_xcalloc(cs_table_raters_columns(t) + 1, sizeof *r->columns);
    r->model = cs_table_read_column(t, "model");
    r->question = cs_table_read_column(t, "question");
    r->state = cs_table_read_column(t, "state");
    r->simulated = cs_table_read_column(t, "simulated");
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const char *who = rater_of(t->columns[i]);
        if (who == NULL)
            continue;
        const size_t n = strcspn(who, ".");
        struct rater_column *c = &r->columns[r->n++];
        *c = (struct rater_column){
            .who = cs_arena_strndup(a, who, n), .field = cs_arena_strdup(a, who + n + 1), .column = i};
        c->answer = cs_table_read_column(t, cs_arena_printf(a, "answer.%s", c->field));
    }
    return CS_OK;
}

static const char *cell_of(const char *const *values, uint32_t column, const char *otherwise)
{
    return column != CS_NONE && values[column][0] != '\0' ? values[column] : otherwise;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                          struct cs_error *err)
{
    struct raters *r = self;
    char row[32];
    (void)t, (void)err;
    if (strcmp(cell_of(values, r->state, ""), "superseded") == 0)
        return CS_OK;
    snprintf(row, sizeof row, "line %u", line);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct rater_column *c = &r->columns[i];
        const struct cs_rating rating = {.item = row,
                                         .digest = row,
                                         .model = cell_of(values, r->model, r->s->models[0].name),
                                         .question = cell_of(values, r->question, r->s->questions[0].name),
                                         .field = c->field,
                                         .simulated = strcmp(cell_of(values, r->simulated, ""), "true") == 0,
                                         .pass = 1,
                                         .rater = c->who,
                                         .rating = values[c->column],
                                         .answer = cell_of(values, c->answer, ""),
                                         .imported = "",
                                         .sample = "",
                                         .pi = ""};
        if (rating.rating[0] != '\0')
            cs_ratings_put(r->out, &rating);
    }
    return CS_OK;
}

enum cs_err cs_table_raters_read(struct cs_ratings *out, const struct cs_study *s, const struct cs_foreign *f,
                                 const char *path, struct cs_error *err)
{
    struct raters r = {.out = out, .s = s};
    const struct cs_table_sink sink = {&r, on_head, on_row};
    enum cs_err rc = cs_foreign_stream(f, path, &sink, err);
    free(r.columns);
    return rc;
}
