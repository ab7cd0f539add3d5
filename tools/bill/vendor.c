#include "tools/bill/vendor.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/clock.h"
#include "protocol/table/table.h"

enum { NAMES_MAX = 8 };

static const char *const day_names[] = {"day",        "date",           "usage_date", "usage_date_utc",
                                        "start_time", "start_time_iso", "timestamp",  NULL};
static const char *const model_names[] = {"model", "model_id", "model_version", "model_name", NULL};
static const char *const figure_names[CS_USAGE_FIGURES][NAMES_MAX] = {
    {"requests", "num_requests", "num_model_requests", "n_requests", "count"},
    {"input_tokens", "prompt_tokens", "n_context_tokens_total", "usage_input_tokens"},
    {"output_tokens", "completion_tokens", "n_generated_tokens_total", "usage_output_tokens"},
    {"cost", "cost_usd", "cost_in_usd", "amount", "amount_value", "usd"},
};

static uint32_t find(const struct cs_table *t, const char *const *names)
{
    for (; *names != NULL; names++) {
        for (uint32_t c = 0; c < t->n_columns; c++) {
            if (strcasecmp(t->columns[c], *names) == 0)
                return c;
        }
    }
    return UINT32_MAX;
}

/* "2026-11-29...", or Unix seconds. */
static const char *read_day(const char *text, struct cs_arena *arena)
{
    char *end, utc[32];
    const size_t n = strlen(text);
    const unsigned long long seconds = strtoull(text, &end, 10);
    if (n >= 9 && n <= 10 && *end == '\0') {
        cs_clock_format_utc((int64_t)seconds * 1000, utc);
        return cs_arena_strndup(arena, utc, 10);
    }
    if (n < 10 || text[4] != '-' || text[7] != '-')
        return NULL;
    for (int i = 0; i < 10; i++) {
        if (i != 4 && i != 7 && !isdigit((unsigned char)text[i]))
            return NULL;
    }
    const int month = 10 * (text[5] - '0') + text[6] - '0', day = 10 * (text[8] - '0') + text[9] - '0';
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return NULL;
    return cs_arena_strndup(arena, text, 10);
}

static struct cs_usage_row *row_of(struct cs_usage *u, const char *day, const char *model)
{
    for (uint32_t i = u->n; i-- > 0;) {
        if (strcmp(u->rows[i].day, day) == 0 && strcasecmp(u->rows[i].model, model) == 0)
            return &u->rows[i];
    }
    u->rows[u->n] = (struct cs_usage_row){.day = day, .model = model};
    return &u->rows[u->n++];
}

enum cs_err cs_bill_vendor_load(const char *path, struct cs_arena *arena, struct cs_usage *out, struct cs_error *err)
{
    struct cs_table t;
    enum cs_err rc = cs_table_load(path, arena, &t, err);
    if (rc != CS_OK)
        return rc;
    const uint32_t day = find(&t, day_names), model = find(&t, model_names);
    uint32_t column[CS_USAGE_FIGURES];
    bool some = false;
    *out = (struct cs_usage){.rows = cs_arena_array(arena, t.n_rows + 1, sizeof *out->rows)};
    for (int f = 0; f < CS_USAGE_FIGURES; f++) {
        column[f] = find(&t, figure_names[f]);
        out->has[f] = column[f] != UINT32_MAX;
        some |= out->has[f];
    }
    if (day == UINT32_MAX || model == UINT32_MAX || !some)
        rc = cs_error_set(err, CS_EINVAL,
                          "%s:1: %s; want a table with the columns date and model, and requests, input_tokens, "
                          "output_tokens or cost_usd",
                          path,
                          day == UINT32_MAX     ? "no column with the day"
                          : model == UINT32_MAX ? "no column with the model"
                                                : "no figure");
    for (uint32_t r = 0; r < t.n_rows && rc == CS_OK; r++) {
        const char *at = read_day(t.rows[r].values[day], arena);
        if (at == NULL) {
            rc = cs_table_fail(&t, r, err, "%s: \"%.40s\" is no day; want 2026-11-29, or Unix seconds", t.columns[day],
                               t.rows[r].values[day]);
            break;
        }
        struct cs_usage_row *row = row_of(out, at, t.rows[r].values[model]);
        for (int f = 0; f < CS_USAGE_FIGURES && rc == CS_OK; f++) {
            const char *text = out->has[f] ? t.rows[r].values[column[f]] : "";
            char *end;
            const double v = strtod(text, &end);
            if (*end != '\0' ||
                text[strspn(text, "0123456789.eE+-")] != '\0') /* nan differs from nothing, 0x10 is a slip */
                rc = cs_table_fail(&t, r, err, "%s: \"%.40s\" is no number", t.columns[column[f]], text);
            row->of[f] += v;
        }
    }
    cs_table_release(&t);
    return rc;
}
