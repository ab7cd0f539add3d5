/* json.c - the same numbers as JSON: names instead of indexes, null for what is not known. */
#include <errno.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "tools/report/analysis/tables.h"
#include "tools/report/forms/forms.h"

/* json_string refuses what is not UTF-8; one such word must not take the whole away. */
static struct cs_json *text(const char *s)
{
    struct cs_json *json = cs_json_string(s);
    return json != NULL ? json : cs_json_string("(not UTF-8)");
}

/* What was counted: answers by the model that gave them, or each answer of a list called so. */
static struct cs_json *counts(const char *list_name, const struct cs_column_value *v)
{
    const bool by_answer = strcmp(list_name, "answers") == 0;
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < v->n_counts; i++)
        cs_json_array_append_new(list, cs_json_pack("{s:s, s:I}", by_answer ? "answer" : "model", v->counts[i].name,
                                                    by_answer ? "n" : "answers", (int64_t)v->counts[i].n));
    return list;
}

/* NULL: the key is left out. */
static struct cs_json *value(const char *name, const struct cs_column_value *v)
{
    switch (v->kind) {
    case CS_VALUE_TEXT:
        return text(v->text);
    case CS_VALUE_NOTE:
        return v->text[0] != '\0' ? text(v->text) : NULL;
    case CS_VALUE_COUNT:
        return cs_json_integer((int64_t)v->count);
    case CS_VALUE_KNOWN:
        return v->figure.known ? cs_json_integer((int64_t)v->count) : NULL;
    case CS_VALUE_FLAG:
        return cs_json_boolean(v->flag);
    case CS_VALUE_FIGURE:
        return v->figure.known ? cs_json_real(v->figure.value) : cs_json_null();
    case CS_VALUE_SPAN:
        return v->span.known ? cs_json_pack("[f, f]", v->span.low, v->span.high) : cs_json_null();
    case CS_VALUE_DECIDED:
        return v->span.known ? cs_json_pack("{s:f, s:f, s:s}", "low", v->span.low, "high", v->span.high, "why", v->text)
                             : cs_json_null();
    case CS_VALUE_COUNTS:
        return counts(name, v);
    }
    return NULL;
}

static void set_value(void *self, const char *name, const struct cs_column_value *v)
{
    struct cs_json *json = value(name, v);
    if (json != NULL)
        CS_ASSERT(cs_json_object_set_new(self, name, json) == 0);
}

static struct cs_json *row_of(const struct cs_report *r, const struct cs_report_table *t, uint32_t i)
{
    struct cs_json *row = cs_json_object();
    cs_columns_each(r, t->columns, cs_columns_row(r, t, i), CS_FORM_JSON, set_value, row);
    return row;
}

static struct cs_json *table(const struct cs_report *r, const struct cs_report_table *t)
{
    if (t->n == CS_TABLE_ONE)
        return row_of(r, t, 0);
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < cs_columns_rows(r, t); i++)
        cs_json_array_append_new(list, row_of(r, t, i));
    return list;
}

/* The same outputs make the same bytes, whenever they are asked for: it is of when the newest call was made. */
static struct cs_json *as_of(const struct cs_report *r)
{
    const char *newest = "";
    for (uint32_t i = 0; i < r->n_models; i++)
        newest = strcmp(r->models[i].last_call, newest) > 0 ? r->models[i].last_call : newest;
    return newest[0] != '\0' ? cs_json_string(newest) : cs_json_null();
}

static struct cs_json *head(const struct cs_report *r)
{
    struct cs_json *notes = cs_json_array();
    for (uint32_t i = 0; i < r->n_said_first; i++)
        cs_json_array_append_new(notes, text(r->said_first[i]));
    for (uint32_t i = 0; i < r->n_notes; i++)
        cs_json_array_append_new(notes, text(r->notes[i]));
    struct cs_json *o = cs_json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:i, s:s, s:I, s:i, s:b, s:I, s:I, s:i, s:i, s:s, s:f, s:s, s:i, s:o}", "schema",
        "clinsafe.report/1", "as_of", as_of(r), "study", r->study, "title", r->title, "source", r->source, "generation",
        (int)r->generation, "software", r->software, "seed", (int64_t)r->seed, "draws", (int)r->draws, "complete",
        (int)r->complete, "planned", (int64_t)r->planned, "terminal", (int64_t)r->terminal, "cases", (int)r->n_cases,
        "clusters", (int)r->n_clusters, "declared", r->declared.sentence, "alpha", r->declared.alpha, "adjust",
        r->declared.adjust, "family", (int)r->declared.family, "notes", notes);
    if (r->simulated)
        cs_json_object_set_new(o, "simulated", cs_json_string(CS_SIMULATED_TEXT));
    cs_json_object_set_new(o, "registration", text(r->declared.registration));
    cs_json_object_set_new(o, "label_note", text(r->label_note));
    cs_json_object_set_new(o, "warrant_note", text(r->warrant_note));
    return o;
}

enum cs_err cs_forms_json(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    /* Readers find these where they always stood; tables that came later follow. */
    static const char *const first[] = {"models",         "completeness", "floors",      "contrasts", "components",
                                        "labels",         "outcomes",     "generations", "usable",    "rates",
                                        "category_tests", "warrants",     "agreements",  "ranges",    "earlier",
                                        "reruns",         "provenance"};
    struct cs_json *o = head(r), *tables = cs_json_object();
    for (size_t i = 0; cs_tables_all[i] != NULL; i++) {
        for (const struct cs_report_table *t = cs_tables_all[i]; t->columns != NULL; t++) {
            if (t->json != NULL && (t->is_shown == NULL || t->is_shown(r)))
                cs_json_object_set_new(tables, t->json, table(r, t));
        }
    }
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        cs_json_object_set(o, first[i], cs_json_object_get(tables, first[i])); /* refuses what is not there */
        cs_json_object_del(tables, first[i]);
    }
    cs_json_object_update(o, tables);
    cs_json_decref(tables);
    const bool bad = cs_json_dumpf(o, out, CS_JSON_INDENT(1) | CS_JSON_REAL_PRECISION(12)) != 0;
    cs_json_decref(o);
    if (fputc('\n', out) == EOF || fflush(out) != 0 || bad)
        return cs_error_set(err, CS_EIO, "writing the report: %s", strerror(errno));
    return CS_OK;
}
