#include "tools/report/read/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/table/names.h"
#include "tools/report/read/json_rows.h"

/* ---- the map --------------------------------------------------------------------------------------------------- */

static const char *const plain[] = {
    "case_id",    "cluster",        "model",   "question",     "block",         "state",       "outcome",
    "model_sent", "model_resolved", "account", "simulated",    "started",       "fingerprint", "attempts",
    "ambiguous",  "cost_usd",       "adopted", "input_tokens", "output_tokens", "salvaged",    "unparsable_why"};
static const char *const prefixes[] = {"factor.", "wording.", "role.", "answer.", "derived.", "case.", "rater."};

static bool is_ours(const char *name)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(plain[i], name) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        const size_t n = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], n) == 0 && name[n] != '\0')
            return true;
    }
    return false;
}

static enum cs_err add_pair(struct cs_foreign *f, const char *from, size_t n, struct cs_error *err)
{
    const char *pair = cs_arena_strndup(&f->arena, from, n), *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair || equals[1] == '\0')
        return cs_error_set(err, CS_EUSAGE, "--map: \"%s\" is no OURS=THEIRS, as in case_id=Q", pair);
    if (f->n == CS_FOREIGN_MAX)
        return cs_error_set(err, CS_EUSAGE, "--map: more than %d columns", CS_FOREIGN_MAX);
    const char *ours = cs_arena_strndup(&f->arena, pair, (size_t)(equals - pair));
    if (!is_ours(ours))
        return cs_error_set(
            err, CS_EUSAGE,
            "--map: there is no column \"%s\"%s; also factor.NAME, wording.NAME, role.NAME, answer.NAME, "
            "case.NAME, rater.WHO.NAME",
            ours, cs_names_hint(ours, plain, sizeof plain / sizeof plain[0]).text);
    for (uint32_t i = 0; i < f->n; i++) {
        if (strcmp(f->ours[i], ours) == 0)
            return cs_error_set(err, CS_EUSAGE, "--map: \"%s\" is mapped twice, to \"%s\" and \"%s\"", ours,
                                f->theirs[i], equals + 1);
    }
    f->ours[f->n] = ours;
    f->theirs[f->n++] = equals + 1;
    return CS_OK;
}

enum cs_err cs_foreign_read(struct cs_foreign *f, const char *text, struct cs_error *err)
{
    *f = (struct cs_foreign){.n = 0};
    enum cs_err rc = CS_OK;
    while (rc == CS_OK && text != NULL && text[0] != '\0') {
        const size_t n = strcspn(text, ",");
        rc = add_pair(f, text, n, err);
        text += n + (text[n] == ',');
    }
    return rc;
}

void cs_foreign_release(struct cs_foreign *f)
{
    cs_arena_release(&f->arena);
    *f = (struct cs_foreign){.n = 0};
}

/* ---- renamed rows ------------------------------------------------------------------------------------------------ */

struct renamed {
    const struct cs_foreign *f;
    const struct cs_table_sink *to;
    struct cs_table table; /* with our names */
    const char **columns, **values;
    uint32_t *from; /* for each, the column of the file */
};

static enum cs_err name_missing(const struct cs_foreign *f, const struct cs_table *t, struct cs_error *err)
{
    struct cs_buf text = CS_BUF_INIT(CS_TEXT_MAX);
    enum cs_err rc = CS_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        if (cs_table_read_column(t, f->theirs[i]) == CS_NONE)
            cs_buf_printf(&text, "%s\"%s\"", n++ > 0 ? ", " : "", f->theirs[i]);
    }
    cs_buf_printf(&text, "; there are:");
    for (uint32_t i = 0; i < t->n_columns; i++)
        cs_buf_printf(&text, "%s %s", i > 0 ? "," : "", t->columns[i]);
    if (n > 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:1: no column %s", t->path, cs_buf_cstr(&text));
    cs_buf_release(&text);
    return rc;
}

static bool is_mapped_to(const struct cs_foreign *f, const char *ours)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (strcmp(f->ours[i], ours) == 0)
            return true;
    }
    return false;
}

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct renamed *r = self;
    const struct cs_foreign *f = r->f;
    uint32_t n = 0;
    enum cs_err rc = name_missing(f, t, err);
    if (rc != CS_OK)
        return rc;
    r->columns = cs_xcalloc((size_t)t->n_columns + f->n + 1, sizeof *r->columns);
    r->values = cs_xcalloc((size_t)t->n_columns + f->n + 1, sizeof *r->values);
    r->from = cs_xcalloc((size_t)t->n_columns + f->n + 1, sizeof *r->from);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        if (is_mapped_to(f, t->columns[i]))
            continue;
        r->columns[n] = t->columns[i];
        r->from[n++] = i;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        r->columns[n] = f->ours[i];
        r->from[n++] = cs_table_read_column(t, f->theirs[i]);
    }
    r->table = (struct cs_table){.path = t->path, .columns = r->columns, .n_columns = n};
    return r->to->head(r->to->self, &r->table, err);
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                          struct cs_error *err)
{
    struct renamed *r = self;
    (void)t;
    for (uint32_t i = 0; i < r->table.n_columns; i++)
        r->values[i] = values[r->from[i]];
    return r->to->row(r->to->self, &r->table, line, r->values, err);
}

enum cs_err cs_foreign_stream(const struct cs_foreign *f, const char *path, const struct cs_table_sink *sink,
                              struct cs_error *err)
{
    struct renamed r = {.f = f, .to = sink};
    const struct cs_table_sink renaming = {&r, on_head, on_row};
    const struct cs_table_sink *to = f != NULL && f->n > 0 ? &renaming : sink;
    enum cs_err rc = cs_json_rows_is(path) ? cs_json_rows_stream(path, to, err) : cs_table_stream(path, to, err);
    free(r.columns);
    free(r.values);
    free(r.from);
    return rc;
}
