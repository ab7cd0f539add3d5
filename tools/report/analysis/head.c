/* head.c - what was studied: models, factors, outcomes, and the figures that stand above all others. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/version.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/words.h"

/* ---- what was studied ---------------------------------------------------------------------------------- */

static void fill_model(struct cs_report_work *w, uint32_t m, struct cs_report_model *out)
{
    const struct cs_model *model = &w->study->models[m];
    const struct cs_account *account = &w->study->accounts[model->account];
    const struct cs_collected_lane *f = &w->got->facts[m];
    const struct cs_collected_names *names = &f->resolved;
    struct cs_report_count *resolved = cs_arena_array(&w->r->arena, names->n + 1, sizeof *resolved);
    uint64_t planned = 0;
    for (uint32_t i = 0; i < w->study->n_cases; i++)
        planned += w->got->grids[m].planned[i];
    for (uint32_t i = 0; i < names->n; i++) { /* most frequent first */
        uint32_t k = i;
        for (; k > 0 && resolved[k - 1].n < names->of[i].n; k--)
            resolved[k] = resolved[k - 1];
        resolved[k] = (struct cs_report_count){cs_analysis_work_copy(w, names->of[i].name), names->of[i].n};
    }
    *out = (struct cs_report_model){
        .name = cs_analysis_work_copy(w, model->name),
        .model_sent = cs_analysis_work_copy(w, model->model),
        .account = cs_analysis_work_copy(w, account->name),
        .resolved = resolved,
        .n_resolved = names->n,
        .parameters = cs_analysis_work_copy(w, model->parameters),
        .simulated = account->simulated,
        .planned = planned,
        .terminal = f->terminal,
        .complete = f->terminal == planned,
        .first_call = cs_analysis_work_time(w, f->first_ms),
        .last_call = cs_analysis_work_time(w, f->last_ms),
        .attempts = f->attempts,
        .ambiguous = f->ambiguous,
        .duplicates = f->duplicates,
        .adopted = f->adopted,
        .input_tokens = f->input_tokens,
        .output_tokens = f->output_tokens,
        .cost_usd = f->priced || f->terminal == 0 ? (double)f->cost_nano_usd / 1e9 : -1,
        .wasted_usd = (double)f->wasted_nano_usd / 1e9,
        .untold = f->untold,
        .cached = f->cached,
        .ambiguous_usd_max = f->ambiguous_nano_usd < 0 ? -1 : (double)f->ambiguous_nano_usd / 1e9,
    };
}

static void fill_models(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct cs_report_model *models = cs_arena_array(&r->arena, w->study->n_models + 1, sizeof *models);
    r->complete = true;
    for (uint32_t m = 0; m < w->study->n_models; m++) {
        fill_model(w, m, &models[m]);
        r->planned += models[m].planned;
        r->terminal += models[m].terminal;
        r->complete = r->complete && models[m].complete;
        r->simulated = r->simulated || models[m].simulated;
    }
    r->models = models;
    r->n_models = w->study->n_models;
}

/* What a level says: the column that it inserts, or `text`. */
static const char *level_text(const struct cs_factor *f, const struct cs_level *l)
{
    uint32_t column = f->insert_column;
    for (uint32_t i = 0; column == CS_NONE && i < f->n_columns; i++) {
        if (strcmp(f->columns[i], "text") == 0)
            column = i;
    }
    return column < f->n_columns ? l->wordings[0].values[column] : l->system != NULL ? l->system : "";
}

/* What the table of a factor says of a level in a column: `axis`, which groups levels under a heading, or `label`. */
static const char *level_says(const struct cs_factor *f, const struct cs_level *l, const char *column)
{
    for (uint32_t i = 0; i < f->n_columns; i++) {
        if (strcmp(f->columns[i], column) == 0)
            return l->wordings[0].values[i];
    }
    return "";
}

static void fill_factors(struct cs_report_work *w)
{
    static const enum cs_level_role roles[] = {[CS_ROLE_LEVEL] = CS_REPORT_LEVEL,
                                               [CS_ROLE_CONTROL] = CS_REPORT_CONTROL,
                                               [CS_ROLE_PLACEBO] = CS_REPORT_PLACEBO,
                                               [CS_ROLE_AA] = CS_REPORT_AA};
    struct cs_report_factor *factors = cs_arena_array(&w->r->arena, w->study->n_factors + 1, sizeof *factors);
    for (uint32_t i = 0; i < w->study->n_factors; i++) {
        const struct cs_factor *f = &w->study->factors[i];
        struct cs_report_level *levels = cs_arena_array(&w->r->arena, f->n_levels + 1, sizeof *levels);
        for (uint32_t k = 0; k < f->n_levels; k++)
            levels[k] = (struct cs_report_level){
                .id = cs_analysis_work_copy(w, f->levels[k].id),
                .role = roles[f->levels[k].role],
                .axis = cs_analysis_work_copy(w, level_says(f, &f->levels[k], "axis")),
                .label = cs_analysis_work_copy(w, level_says(f, &f->levels[k], "label")),
                .text = cs_analysis_work_copy(w, level_text(f, &f->levels[k]))};
        factors[i] = (struct cs_report_factor){cs_analysis_work_copy(w, f->name), levels, f->n_levels};
    }
    w->r->factors = factors;
    w->r->n_factors = w->study->n_factors;
}

/* Outcomes live in the declared analysis, which ends before the report does. */
static void fill_outcomes(struct cs_report_work *w)
{
    static const char *const unknown_labels =
        "The study file does not say who set the labels, how many raters, or how they agreed: the author must.";
    const struct cs_declared_analysis *d = w->declared;
    struct cs_report_outcome *list = cs_arena_array(&w->r->arena, d->n_outcomes + 1, sizeof *list);
    for (uint32_t i = 0; i < d->n_outcomes; i++) {
        list[i] = d->outcomes[i];
        const char **words = cs_arena_array(&w->r->arena, list[i].n_categories + 1, sizeof *words);
        for (uint32_t k = 0; k < list[i].n_categories; k++)
            words[k] = cs_analysis_work_copy(w, list[i].categories[k]);
        list[i].categories = words;
        list[i].name = cs_analysis_work_copy(w, list[i].name);
        list[i].label = cs_analysis_work_copy(w, list[i].label);
        list[i].question = cs_analysis_work_copy(w, list[i].question);
        list[i].field = cs_analysis_work_copy(w, list[i].field);
        list[i].category = cs_analysis_work_copy(w, list[i].category);
        list[i].up = cs_analysis_work_copy(w, list[i].up);
        if (list[i].has_label)
            w->r->label_note = d->label_note[0] != '\0' ? cs_analysis_work_copy(w, d->label_note) : unknown_labels;
    }
    w->r->outcomes = list;
    w->r->n_outcomes = d->n_outcomes;
}

static uint32_t most_repeats(const struct cs_report_work *w)
{
    uint32_t most = 0;
    for (uint32_t m = 0; m < w->got->n_lanes; m++) {
        const struct cs_grid *g = &w->got->grids[m];
        for (size_t i = 0; i < (size_t)g->n_cells * g->n_cases; i++) {
            const uint32_t *record = cs_grid_record(g, (uint32_t)(i / g->n_cells), (uint32_t)(i % g->n_cells));
            uint32_t n = 0;
            for (int o = 0; o < CS_GRID_CLASSES; o++)
                n += record[o];
            most = n > most ? n : most;
        }
    }
    return most;
}

static void fill_head(struct cs_report_work *w)
{
    const struct cs_report_source *source = w->source;
    struct cs_report *r = w->r;
    r->study = cs_analysis_work_copy(w, w->study->name);
    r->title = cs_analysis_work_copy(w, w->study->title);
    r->source = cs_analysis_work_copy(w, source->name);
    r->created = r->spec_digest = "";
    if (source->reader != NULL) {
        const struct cs_generation *g = &source->reader->view.generation;
        r->generation = g->number;
        r->created = cs_analysis_work_time(w, g->created_wall_ms);
        r->spec_digest = cs_analysis_work_hex(w, g->spec_digest);
    }
    r->software = cs_arena_printf(&r->arena, "clinsafe %s", cs_version);
    r->study_seed = w->study->seed;
    r->seed = w->seed;
    r->draws = w->draws;
    r->pilot = strncmp(r->title, "PILOT", 5) == 0;
    r->n_cases = w->study->n_cases;
    r->n_clusters = w->cases->n_clusters;
    r->repeats = source->inferred || source->judged.own != NULL ? most_repeats(w)
                 : w->study->n_rects > 0                        ? w->study->rects[0].repeats
                                                                : 0;
    r->label_note = "";
    r->warrant_note = cs_analysis_work_copy(w, w->declared->warrant_note);
    r->earlier = (struct cs_report_earlier){.source = "", .first_call = "", .last_call = ""};
}

void cs_analysis_head(struct cs_report_work *w)
{
    fill_head(w);
    fill_models(w);
    fill_factors(w);
    fill_outcomes(w);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static struct cs_report_figure ambiguous_usd(const struct cs_report *r, const void *row)
{
    const struct cs_report_model *m = row;
    (void)r;
    return (struct cs_report_figure){m->ambiguous_usd_max >= 0, m->ambiguous_usd_max};
}

static struct cs_report_figure cost_usd(const struct cs_report *r, const void *row)
{
    const struct cs_report_model *m = row;
    (void)r;
    return (struct cs_report_figure){m->cost_usd >= 0, m->cost_usd};
}

static const char *kind_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_outcome *o = row;
    (void)r;
    return cs_words_outcome_kind(o->kind);
}

static const char *role_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_outcome *o = row;
    (void)r;
    return cs_words_outcome_role(o->role);
}

static const struct cs_report_column model_columns[] = {
    CS_COLUMN(model, name, "name", "model"),
    CS_COLUMN(model, model_sent, "sent", "sent"),
    CS_COLUMN(model, simulated, "simulated", NULL),
    CS_COLUMN(model, account, NULL, "account"),
    CS_COLUMN_BESIDE(CS_COLUMN_COUNTS, model, resolved, n_resolved, NULL, "answered_by,answered_by_n"),
    CS_COLUMN(model, parameters, NULL, "parameters"),
    CS_COLUMN_SAME(model, planned),
    CS_COLUMN_SAME(model, terminal),
    CS_COLUMN_SAME(model, complete),
    CS_COLUMN_SAME(model, first_call),
    CS_COLUMN_SAME(model, last_call),
    CS_COLUMN_SAME(model, attempts),
    {"cost_usd", NULL, .kind = CS_COLUMN_NUMBER, .number = cost_usd},
    CS_COLUMN_SAME(model, ambiguous),
    {"ambiguous_max_usd", NULL, .kind = CS_COLUMN_NUMBER, .number = ambiguous_usd},
    CS_COLUMN_BESIDE(CS_COLUMN_COUNTS, model, resolved, n_resolved, "answered_by", NULL),
    CS_COLUMN(model, duplicates, NULL, "duplicates"),
    CS_COLUMN(model, adopted, NULL, "adopted"),
    CS_COLUMN(model, input_tokens, NULL, "input_tokens"),
    CS_COLUMN(model, output_tokens, NULL, "output_tokens"),
    {NULL, "cost_usd", .kind = CS_COLUMN_NUMBER, .number = cost_usd},
    CS_COLUMN_OF(CS_COLUMN_NOTE_FLAG, model, simulated, "note", "note"),
    {0},
};
static const struct cs_report_column outcome_columns[] = {
    CS_COLUMN(outcome, name, "name", "outcome"),
    CS_COLUMN_SAME(outcome, question),
    CS_COLUMN_SAME(outcome, field),
    CS_COLUMN_SAME(outcome, category),
    CS_COLUMN_SAID(kind_word, "kind", "kind"),
    CS_COLUMN_SAID(role_word, "role", "role"),
    CS_COLUMN_SAME(outcome, unit),
    CS_COLUMN_SAME(outcome, up),
    CS_COLUMN_SAME(outcome, margin),
    CS_COLUMN(outcome, has_label, NULL, "has_label"),
    {0},
};
const struct cs_report_table cs_analysis_head_tables[] = {
    {"models", "models", CS_TABLE_ROWS(models, n_models), .columns = model_columns},
    {"outcomes", "outcomes", CS_TABLE_ROWS(outcomes, n_outcomes), .columns = outcome_columns},
    {0},
};
