/* columns.h - the tables of the finding as lists of columns: one list serves JSON and CSV, so that the two cannot drift apart.
 *
 * A column has a name in each form (NULL: it is not in that one) and says where in the row's struct its value is and what it is. In JSON a
 * row is an object in the order of the columns, in CSV a line. Where a number has its place early in one form and late in the other, it
 * has a column for each. Tables stand in analysis/, beside what fills them in. Any thread.
 */
#ifndef CS_REPORT_COLUMNS_H
#define CS_REPORT_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/report/model.h"

enum cs_column_kind {
    CS_COLUMN_END,
    CS_COLUMN_TEXT, /* const char * */
    CS_COLUMN_U32,
    CS_COLUMN_U64,
    CS_COLUMN_REAL, /* double */
    CS_COLUMN_FLAG, /* bool */
    CS_COLUMN_FIGURE,
    CS_COLUMN_SPAN,    /* CSV: two cells, their names "low,high" */
    CS_COLUMN_DECIDED, /* struct cs_report_decided. JSON: an object or null; CSV: three cells, as named */
    CS_COLUMN_KNOWN,   /* uint64_t, if the bool at `beside` is true; JSON leaves it out otherwise */
    CS_COLUMN_MODEL,   /* uint32_t, an index: the name of the model; "" of NONE */
    CS_COLUMN_OUTCOME, /* likewise */
    CS_COLUMN_UNIT,    /* uint32_t, index of an outcome: its unit */
    CS_COLUMN_FACTOR,
    CS_COLUMN_LEVEL,    /* uint32_t; of the factor at `beside` */
    CS_COLUMN_AGAINST,  /* enum cs_comparator */
    CS_COLUMN_WORD,     /* what `word` says of the row */
    CS_COLUMN_NUMBER,   /* what `number` says of the row */
    CS_COLUMN_CONTRAST, /* uint32_t, an index: all that names the contrast, a column each */
    CS_COLUMN_CLASSES,  /* uint64_t[CS_REPORT_CLASSES]: a column a class; no verdict where there are judges */
    CS_COLUMN_OUTCOMES, /* the same without it: of replies, which judges do not grade */
    CS_COLUMN_COUNTS, /* const struct cs_report_count *, as many as the uint32_t at `beside`. JSON: a list; CSV: a line for each */
    CS_COLUMN_NOTE_MODEL, /* uint32_t, a model (NONE: any). CS_SIMULATED_TEXT if it is simulated; JSON leaves the key out otherwise */
    CS_COLUMN_NOTE_FLAG,     /* likewise: bool */
    CS_COLUMN_NOTE_CONTRAST, /* likewise: uint32_t, a contrast */
    CS_COLUMN_NOTE_ANY,      /* likewise: whether any model is */
};

struct cs_report_column {
    const char *json, *csv;
    enum cs_column_kind kind;
    size_t at, beside; /* offsets in the row's struct */
    const char *(*word)(const struct cs_report *r, const void *row);
    struct cs_report_figure (*number)(const struct cs_report *r, const void *row);
};

struct cs_report_table {
    const char *json, *csv;                      /* key; name of the file without .csv. NULL: not in that form */
    size_t rows, n, size;                        /* in struct cs_report: pointer to the rows, how many; bytes of one */
    const struct cs_report_column *columns;      /* end with CS_COLUMN_END */
    bool (*is_shown)(const struct cs_report *r); /* whether JSON has it; NULL: always */
    bool is_rare;                                /* what is_shown says goes for CSV too: no file otherwise */
    const void *none;                            /* a row that CSV shows where there is none, or NULL */
};

/* ---- how tables are written down ---------------------------------------------------------------------------- */

/* The rows of a table; `member` and n_`member` are those of struct cs_report (or of a struct in it: declared.generations). */
#define CS_TABLE_ROWS(member, n_member)                                                                                \
    .rows = offsetof(struct cs_report, member), .n = offsetof(struct cs_report, n_member),                             \
    .size = sizeof *((struct cs_report *)NULL)->member

/* A struct in struct cs_report instead: one row, in JSON an object and no list. */
#define CS_TABLE_ONE SIZE_MAX
#define CS_TABLE_ROW(member) .rows = offsetof(struct cs_report, member), .n = CS_TABLE_ONE

/* A member of struct cs_report_TYPE that is what it says: text, count, number, flag, figure, span. */
#define CS_COLUMN(type, member, json_name, csv_name)                                                                     \
    {                                                                                                                    \
        .json = json_name, .csv = csv_name, .at = offsetof(struct cs_report_##type, member),                           \
        .kind = _Generic(((struct cs_report_##type *)NULL)->member,                                                    \
                         const char *: CS_COLUMN_TEXT,                                                                 \
                         uint32_t: CS_COLUMN_U32,                                                                      \
                         uint64_t: CS_COLUMN_U64,                                                                      \
                         double: CS_COLUMN_REAL,                                                                       \
                         bool: CS_COLUMN_FLAG,                                                                         \
                         struct cs_report_figure: CS_COLUMN_FIGURE,                                                    \
                         struct cs_report_span: CS_COLUMN_SPAN,                                                        \
                         struct cs_report_decided: CS_COLUMN_DECIDED) \
    }
/* The same under one name, that of the member. */
#define CS_COLUMN_SAME(type, member) CS_COLUMN(type, member, #member, #member)
/* A member that is an index, or counts of a kind of their own. */
#define CS_COLUMN_OF(column_kind, type, member, json_name, csv_name)                                                   \
    {                                                                                                                  \
        .json = json_name, .csv = csv_name, .kind = column_kind, .at = offsetof(struct cs_report_##type, member)       \
    }
#define CS_COLUMN_BESIDE(column_kind, type, member, other, json_name, csv_name)                                        \
    {                                                                                                                  \
        .json = json_name, .csv = csv_name, .kind = column_kind, .at = offsetof(struct cs_report_##type, member),      \
        .beside = offsetof(struct cs_report_##type, other)                                                             \
    }
#define CS_COLUMN_SAID(function, json_name, csv_name)                                                                  \
    {                                                                                                                  \
        .json = json_name, .csv = csv_name, .kind = CS_COLUMN_WORD, .word = function                                   \
    }
/* What most tables begin with, and end on. */
#define CS_COLUMN_MODEL_OUTCOME(type)                                                                                  \
    CS_COLUMN_OF(CS_COLUMN_MODEL, type, model, "model", "model"),                                                      \
        CS_COLUMN_OF(CS_COLUMN_OUTCOME, type, outcome, "outcome", "outcome"),                                          \
        CS_COLUMN_OF(CS_COLUMN_UNIT, type, outcome, NULL, "unit")
#define CS_COLUMN_FACTOR_LEVEL(type)                                                                                   \
    CS_COLUMN_OF(CS_COLUMN_FACTOR, type, factor, "factor", "factor"),                                                  \
        CS_COLUMN_BESIDE(CS_COLUMN_LEVEL, type, level, factor, "level", "level")
/* What names a contrast. */
#define CS_COLUMN_CONTRAST_KEY(anchor_json, unit_json)                                                                 \
    CS_COLUMN(contrast, anchor, anchor_json, "contrast"),                                                              \
        CS_COLUMN_OF(CS_COLUMN_MODEL, contrast, model, "model", "model"),                                              \
        CS_COLUMN_OF(CS_COLUMN_OUTCOME, contrast, outcome, "outcome", "outcome"),                                      \
        CS_COLUMN_OF(CS_COLUMN_UNIT, contrast, outcome, unit_json, "unit"), CS_COLUMN_FACTOR_LEVEL(contrast),          \
        CS_COLUMN_OF(CS_COLUMN_AGAINST, contrast, against, "against", "against"),                                      \
        CS_COLUMN(contrast, comparator_text, "comparator", "comparator"), CS_COLUMN_SAME(contrast, stratum),           \
        CS_COLUMN_SAME(contrast, stratum_value)
#define CS_COLUMN_END_MODEL(type)                                                                                      \
    CS_COLUMN_OF(CS_COLUMN_NOTE_MODEL, type, model, "note", "note"),                                                   \
    {                                                                                                                  \
        0                                                                                                              \
    }

/* ---- how they are read --------------------------------------------------------------------------------------- */

struct cs_column_value {
    enum {
        CS_VALUE_TEXT,
        CS_VALUE_NOTE, /* text; "": there is none, and JSON leaves the key out */
        CS_VALUE_COUNT,
        CS_VALUE_FLAG,
        CS_VALUE_FIGURE,
        CS_VALUE_SPAN,
        CS_VALUE_DECIDED, /* span, and text: why */
        CS_VALUE_KNOWN,   /* count, unless figure.known is false: JSON leaves the key out */
        CS_VALUE_COUNTS,
    } kind;
    const char *text;
    uint64_t count;
    bool flag;
    struct cs_report_figure figure;
    struct cs_report_span span;
    const struct cs_report_count *counts;
    uint32_t n_counts;
};
enum cs_report_form { CS_FORM_JSON, CS_FORM_CSV };

uint32_t cs_columns_rows(const struct cs_report *r, const struct cs_report_table *t);
const void *cs_columns_row(const struct cs_report *r, const struct cs_report_table *t, uint32_t i);
/* Calls `each` with the columns of a row that the form has, in order. row NULL: only their names, values are NULL. */
void cs_columns_each(const struct cs_report *r, const struct cs_report_column *columns, const void *row,
                     enum cs_report_form form,
                     void (*each)(void *self, const char *name, const struct cs_column_value *v), void *self);

#endif
