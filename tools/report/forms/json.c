/* json.c - the same numbers as JSON: names instead of indexes, null for what is not known. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "tools/report/analysis/tables.h"
#include "tools/report/forms/forms.h"

/* json_string refuses what is not UTF-8; one such word must not take the whole away. */
static json_t *text(const char *s)
{
    json_t *json = json_string(s);
    return json != NULL ? json : json_string("(not UTF-8)");
}

static json_t *counts(const struct cs_column_value *v)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < v->n_counts; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:I}", "model", v->counts[i].name, "answers", (json_int_t)v->counts[i].n));
    return list;
}

/* NULL: the key is left out. */
static json_t *value(const struct cs_column_value *v)
{
    switch (v->kind) {
    case CS_VALUE_TEXT:
        return text(v->text);
    case CS_VALUE_NOTE:
        return v->text[0] != '\0' ? text(v->text) : NULL;
    case CS_VALUE_COUNT:
        return json_integer((json_int_t)v->count);
    case CS_VALUE_KNOWN:
        return v->figure.known ? json_integer((json_int_t)v->count) : NULL;
    case CS_VALUE_FLAG:
        return json_boolean(v->flag);
    case CS_VALUE_FIGURE:
        return v->figure.known ? json_real(v->figure.value) : json_null();
    case CS_VALUE_SPAN:
        return v->span.known ? json_pack("[f, f]", v->span.low, v->span.high) : json_null();
    case CS_VALUE_COUNTS:
        return counts(v);
    }
    return NULL;
}

static void set_value(void *self, const char *name, const struct cs_column_value *v)
{
    json_t *json = value(v);
    if (json != NULL)
        CS_ASSERT(json_object_set_new(self, name, json) == 0);
}

static json_t *row_of(const struct cs_report *r, const struct cs_report_table *t, uint32_t i)
{
    json_t *row = json_object();
    cs_columns_each(r, t->columns, cs_columns_row(r, t, i), CS_FORM_JSON, set_value, row);
    return row;
}

static json_t *table(const struct cs_report *r, const struct cs_report_table *t)
{
    if (t->n == CS_TABLE_ONE)
        return row_of(r, t, 0);
    json_t *list = json_array();
    for (uint32_t i = 0; i < cs_columns_rows(r, t); i++)
        json_array_append_new(list, row_of(r, t, i));
    return list;
}

static json_t *head(const struct cs_report *r)
{
    json_t *notes = json_array();
    for (uint32_t i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, text(r->notes[i]));
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:i, s:b, s:I, s:I, s:i, s:i, s:s, s:f, s:s, s:i, s:o}",
                          "study", r->study, "title", r->title, "source", r->source, "generation", (int)r->generation,
                          "software", r->software, "seed", (json_int_t)r->seed, "draws", (int)r->draws, "complete",
                          (int)r->complete, "planned", (json_int_t)r->planned, "terminal", (json_int_t)r->terminal,
                          "cases", (int)r->n_cases, "clusters", (int)r->n_clusters, "declared", r->declared.sentence,
                          "alpha", r->declared.alpha, "adjust", r->declared.adjust, "family", (int)r->declared.family,
                          "notes", notes);
    if (r->simulated)
        json_object_set_new(o, "simulated", json_string(CS_SIMULATED_TEXT));
    json_object_set_new(o, "label_note", text(r->label_note));
    json_object_set_new(o, "warrant_note", text(r->warrant_note));
    return o;
}

enum cs_err cs_forms_json(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    /* Readers find these where they always stood; tables that came later follow. */
    static const char *const first[] = {"models",         "completeness", "floors",      "contrasts", "components",
                                        "labels",         "outcomes",     "generations", "usable",    "rates",
                                        "category_tests", "warrants",     "agreements",  "ranges",    "earlier",
                                        "reruns",         "provenance"};
    json_t *o = head(r), *tables = json_object();
    for (size_t i = 0; cs_tables_all[i] != NULL; i++) {
        for (const struct cs_report_table *t = cs_tables_all[i]; t->columns != NULL; t++) {
            if (t->json != NULL && (t->is_shown == NULL || t->is_shown(r)))
                json_object_set_new(tables, t->json, table(r, t));
        }
    }
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        json_object_set(o, first[i], json_object_get(tables, first[i])); /* refuses what is not there */
        json_object_del(tables, first[i]);
    }
    json_object_update(o, tables);
    json_decref(tables);
    const bool bad = json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0;
    json_decref(o);
    if (fputc('\n', out) == EOF || fflush(out) != 0 || bad)
        return cs_error_set(err, CS_EIO, "writing the report: %s", strerror(errno));
    return CS_OK;
}
