#include "tools/report/columns.h"

#include "protocol/base/assert.h"
#include "tools/report/words.h"

static const struct cs_report_column contrast_key[] = {CS_COLUMN_CONTRAST_KEY("contrast", NULL), {0}};

static const void *pointer_at(const void *from, size_t at)
{
    return *(const void *const *)(const void *)((const char *)from + at);
}

static uint32_t u32_at(const void *from, size_t at)
{
    return *(const uint32_t *)(const void *)((const char *)from + at);
}

uint32_t cs_columns_rows(const struct cs_report *r, const struct cs_report_table *t)
{
    return t->n == CS_TABLE_ONE ? 1 : u32_at(r, t->n);
}

const void *cs_columns_row(const struct cs_report *r, const struct cs_report_table *t, uint32_t i)
{
    CS_ASSERT(i < cs_columns_rows(r, t));
    return t->n == CS_TABLE_ONE ? (const char *)r + t->rows : (const char *)pointer_at(r, t->rows) + i * t->size;
}

static struct cs_column_value text(const char *word)
{
    return (struct cs_column_value){.kind = CS_VALUE_TEXT, .text = word != NULL ? word : ""};
}

static struct cs_column_value count(uint64_t n)
{
    return (struct cs_column_value){.kind = CS_VALUE_COUNT, .count = n};
}

static struct cs_column_value figure(struct cs_report_figure f)
{
    return (struct cs_column_value){.kind = CS_VALUE_FIGURE, .figure = f};
}

static struct cs_column_value note(bool simulated)
{
    return (struct cs_column_value){.kind = CS_VALUE_NOTE, .text = simulated ? CS_SIMULATED_TEXT : ""};
}

static const char *model_name(const struct cs_report *r, uint32_t model)
{
    return model == CS_REPORT_NONE ? "" : r->models[model].name;
}

static bool is_simulated(const struct cs_report *r, uint32_t model)
{
    return model == CS_REPORT_NONE ? r->simulated : r->models[model].simulated;
}

static const char *factor_name(const struct cs_report *r, uint32_t factor)
{
    return factor == CS_REPORT_NONE ? "" : r->factors[factor].name;
}

static const char *level_name(const struct cs_report *r, uint32_t factor, uint32_t level)
{
    return factor == CS_REPORT_NONE || level == CS_REPORT_NONE ? "" : r->factors[factor].levels[level].id;
}

/* The kinds that are one value; the others are taken apart by cs_columns_each. */
static struct cs_column_value value_of(const struct cs_report *r, const struct cs_report_column *c, const void *row)
{
    const void *at = (const char *)row + c->at;
    switch (c->kind) {
    case CS_COLUMN_TEXT:
        return text(*(const char *const *)at);
    case CS_COLUMN_U32:
        return count(*(const uint32_t *)at);
    case CS_COLUMN_U64:
        return count(*(const uint64_t *)at);
    case CS_COLUMN_REAL:
        return figure((struct cs_report_figure){true, *(const double *)at});
    case CS_COLUMN_FLAG:
        return (struct cs_column_value){.kind = CS_VALUE_FLAG, .flag = *(const bool *)at};
    case CS_COLUMN_FIGURE:
        return figure(*(const struct cs_report_figure *)at);
    case CS_COLUMN_SPAN:
        return (struct cs_column_value){.kind = CS_VALUE_SPAN, .span = *(const struct cs_report_span *)at};
    case CS_COLUMN_DECIDED: {
        const struct cs_report_decided *d = at;
        return (struct cs_column_value){
            .kind = CS_VALUE_DECIDED, .span = d->span, .text = d->why != NULL ? d->why : ""};
    }
    case CS_COLUMN_KNOWN:
        return (struct cs_column_value){.kind = CS_VALUE_KNOWN,
                                        .count = *(const uint64_t *)at,
                                        .figure.known = *(const bool *)((const char *)row + c->beside)};
    case CS_COLUMN_MODEL:
        return text(model_name(r, *(const uint32_t *)at));
    case CS_COLUMN_OUTCOME:
        return text(r->outcomes[*(const uint32_t *)at].name);
    case CS_COLUMN_UNIT:
        return text(r->outcomes[*(const uint32_t *)at].unit);
    case CS_COLUMN_FACTOR:
        return text(factor_name(r, *(const uint32_t *)at));
    case CS_COLUMN_LEVEL:
        return text(level_name(r, u32_at(row, c->beside), *(const uint32_t *)at));
    case CS_COLUMN_AGAINST:
        return text(cs_words_against(*(const enum cs_comparator *)at));
    case CS_COLUMN_WORD:
        return text(c->word(r, row));
    case CS_COLUMN_NUMBER:
        return figure(c->number(r, row));
    case CS_COLUMN_COUNTS:
        return (struct cs_column_value){
            .kind = CS_VALUE_COUNTS, .counts = pointer_at(row, c->at), .n_counts = u32_at(row, c->beside)};
    case CS_COLUMN_NOTE_MODEL:
        return note(is_simulated(r, *(const uint32_t *)at));
    case CS_COLUMN_NOTE_CONTRAST:
        return note(r->models[r->contrasts[*(const uint32_t *)at].model].simulated);
    case CS_COLUMN_NOTE_FLAG:
        return note(*(const bool *)at);
    case CS_COLUMN_NOTE_ANY:
        return note(r->simulated);
    case CS_COLUMN_END:
    case CS_COLUMN_CONTRAST:
    case CS_COLUMN_CLASSES:
    case CS_COLUMN_OUTCOMES:
        break;
    }
    CS_ASSERT(false);
    return (struct cs_column_value){0};
}

typedef void (*cs_column_visit)(void *self, const char *name, const struct cs_column_value *v);

static void each_class(const struct cs_report *r, const struct cs_report_column *c, const void *row,
                       cs_column_visit each, void *self)
{
    for (int o = 0; o < (c->kind == CS_COLUMN_CLASSES && r->n_judges > 0 ? CS_REPORT_CLASSES : CS_OUTCOMES); o++) {
        const struct cs_column_value v = count(
            row != NULL ? ((const uint64_t *)(const void *)((const char *)row + c->at))[o] : 0);
        each(self, cs_words_class(o), row != NULL ? &v : NULL);
    }
}

void cs_columns_each(const struct cs_report *r, const struct cs_report_column *columns, const void *row,
                     enum cs_report_form form, cs_column_visit each, void *self)
{
    for (const struct cs_report_column *c = columns; c->kind != CS_COLUMN_END; c++) {
        const char *name = form == CS_FORM_JSON ? c->json : c->csv;
        if (c->kind == CS_COLUMN_CONTRAST) {
            cs_columns_each(r, contrast_key, row != NULL ? &r->contrasts[u32_at(row, c->at)] : NULL, form, each, self);
        } else if (c->kind == CS_COLUMN_CLASSES || c->kind == CS_COLUMN_OUTCOMES) {
            each_class(r, c, row, each, self);
        } else if (name != NULL && row != NULL) {
            const struct cs_column_value v = value_of(r, c, row);
            each(self, name, &v);
        } else if (name != NULL) {
            each(self, name, NULL);
        }
    }
}
