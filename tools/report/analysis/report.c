#include "tools/report/analysis/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/version.h"
#include "tools/report/analysis/work.h"

/* ---- head ------------------------------------------------------------------------------------------------ */

static const char *copy(struct cs_report_work *w, const char *text)
{
    return cs_arena_strdup(&w->r->arena, text != NULL ? text : "");
}

static const char *time_text(struct cs_report_work *w, int64_t ms)
{
    char text[32];
    if (ms == 0)
        return "";
    cs_format_utc(ms, text);
    return copy(w, text);
}

static const char *hex_text(struct cs_report_work *w, const uint8_t digest[32])
{
    char hex[65];
    cs_hex(digest, 32, hex);
    return copy(w, hex);
}

void cs_work_note(struct cs_report_work *w, const char *fmt, ...)
{
    struct cs_report *r = w->r;
    const char **notes = cs_arena_array(&r->arena, r->n_notes + 1, sizeof *notes);
    va_list ap;
    char text[512];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (uint32_t i = 0; i < r->n_notes; i++)
        notes[i] = r->notes[i];
    notes[r->n_notes++] = copy(w, text);
    r->notes = notes;
}

static void fill_model(struct cs_report_work *w, uint32_t m, struct cs_report_model *out)
{
    const struct cs_model *model = &w->study->models[m];
    const struct cs_account *account = &w->study->accounts[model->account];
    const struct cs_lane_facts *f = &w->got->facts[m];
    struct cs_report_count *resolved = cs_arena_array(&w->r->arena, f->n_resolved + 1, sizeof *resolved);
    uint64_t planned = 0;
    for (uint32_t i = 0; i < w->study->n_cases; i++)
        planned += w->got->grids[m].planned[i];
    for (uint32_t i = 0; i < f->n_resolved; i++) { /* most frequent first */
        uint32_t k = i;
        for (; k > 0 && resolved[k - 1].n < f->resolved_n[i]; k--)
            resolved[k] = resolved[k - 1];
        resolved[k] = (struct cs_report_count){copy(w, f->resolved[i]), f->resolved_n[i]};
    }
    *out = (struct cs_report_model){
        .name = copy(w, model->name),
        .model_sent = copy(w, model->model),
        .account = copy(w, account->name),
        .resolved = resolved,
        .n_resolved = f->n_resolved,
        .parameters = copy(w, model->parameters),
        .simulated = account->simulated,
        .planned = planned,
        .terminal = f->terminal,
        .complete = f->terminal == planned,
        .first_call = time_text(w, f->first_ms),
        .last_call = time_text(w, f->last_ms),
        .attempts = f->attempts,
        .ambiguous = f->ambiguous,
        .duplicates = f->duplicates,
        .adopted = f->adopted,
        .input_tokens = f->input_tokens,
        .output_tokens = f->output_tokens,
        .cost_usd = (double)f->cost_nano_usd / 1e9,
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

/* What groups levels under a heading: the column `axis` of their table. */
static const char *level_axis(const struct cs_factor *f, const struct cs_level *l)
{
    for (uint32_t i = 0; i < f->n_columns; i++) {
        if (strcmp(f->columns[i], "axis") == 0)
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
            levels[k] = (struct cs_report_level){.id = copy(w, f->levels[k].id),
                                                 .role = roles[f->levels[k].role],
                                                 .axis = copy(w, level_axis(f, &f->levels[k])),
                                                 .text = copy(w, level_text(f, &f->levels[k]))};
        factors[i] = (struct cs_report_factor){copy(w, f->name), levels, f->n_levels};
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
            words[k] = copy(w, list[i].categories[k]);
        list[i].categories = words;
        list[i].name = copy(w, list[i].name);
        list[i].label = copy(w, list[i].label);
        list[i].question = copy(w, list[i].question);
        list[i].field = copy(w, list[i].field);
        list[i].category = copy(w, list[i].category);
        list[i].up = copy(w, list[i].up);
        if (list[i].has_label)
            w->r->label_note = d->label_note[0] != '\0' ? copy(w, d->label_note) : unknown_labels;
    }
    w->r->outcomes = list;
    w->r->n_outcomes = d->n_outcomes;
}

/* ---- declared beforehand ------------------------------------------------------------------------------------ */

struct history {
    struct cs_report_work *w;
    struct cs_store *store;
    const struct cs_generation_view *view;
    struct cs_report_generation *list;
    uint32_t n;
    enum cs_err rc;
    struct cs_error *err;
};

static bool has_outputs(struct cs_store *store, const struct cs_generation_view *v)
{
    for (uint32_t lane = 0; lane < v->plan.n_lanes; lane++) {
        struct cs_counters c;
        if (cs_store_counters(store, v->generation.number, lane, &c, NULL) != CS_OK)
            continue;
        for (int o = 0; o < CS_OUTCOMES; o++) {
            if (c.outcome[o] > 0)
                return true;
        }
    }
    return false;
}

static enum cs_err on_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct history *h = self;
    struct cs_generation g;
    struct cs_generation_view v = {0};
    (void)key;
    h->rc = cs_generation_unpack(value, len, &g, h->err);
    if (h->rc == CS_OK)
        h->rc = cs_generation_view_open(&v, h->store, &g, h->err);
    if (h->rc == CS_OK) {
        h->list = cs_xrealloc(h->list, h->n + 1, sizeof *h->list);
        h->list[h->n++] = (struct cs_report_generation){
            .number = g.number,
            .created = time_text(h->w, g.created_wall_ms),
            .digest = hex_text(h->w, v.spec.study->analysis_digest),
            .current = g.number == h->view->generation.number,
            .same_analysis = memcmp(v.spec.study->analysis_digest, h->w->study->analysis_digest, 32) == 0,
            .outputs = has_outputs(h->store, &v),
            .analysis = copy(h->w, v.spec.study->analysis),
        };
    }
    cs_generation_view_close(&v);
    return h->rc;
}

static const char *declared_sentence(enum cs_declared status)
{
    switch (status) {
    case CS_DECLARED_UNCHANGED:
        return "The analysis is unchanged since the first output.";
    case CS_DECLARED_CHANGED:
        return "The analysis was changed after the first output.";
    case CS_DECLARED_NOTHING:
        return "The study declares no analysis: everything here is exploratory.";
    case CS_DECLARED_UNKNOWN:
        return "Read from a table: nothing proves that the analysis was declared before the first output.";
    }
    return "";
}

/* The parts of an analysis that differ from those of another: "primary, contrasts". */
static const char *changed_parts(struct cs_arena *a, const char *before, const char *after)
{
    json_t *x = json_loads(before, 0, NULL), *y = json_loads(after, 0, NULL), *value;
    const char *text = "", *key;
    json_object_foreach(y, key, value)
    {
        if (!json_equal(json_object_get(x, key), value))
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "", key);
    }
    json_object_foreach(x, key, value)
    {
        if (json_object_get(y, key) == NULL)
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "", key);
    }
    json_decref(x);
    json_decref(y);
    return text[0] != '\0' ? text : "the order of its parts";
}

/* What changed and when, generation by generation. */
static const char *history_text(struct cs_report_work *w, const struct cs_report_declaration *d)
{
    struct cs_arena *a = &w->r->arena;
    const char *text = declared_sentence(d->status);
    bool seen = false; /* outputs, before this generation */
    for (uint32_t i = 1; i < d->n_generations; i++) {
        const struct cs_report_generation *before = &d->generations[i - 1], *g = &d->generations[i];
        seen = seen || before->outputs;
        if (seen && strcmp(before->digest, g->digest) != 0)
            text = cs_arena_printf(a, "%s Generation %u (%s) changed %s.", text, g->number, g->created,
                                   changed_parts(a, before->analysis, g->analysis));
    }
    return text;
}

static enum cs_err read_history(struct cs_report_work *w, struct cs_reader *reader, struct cs_error *err)
{
    struct history h = {.w = w, .store = reader->store, .view = &reader->view, .err = err};
    struct cs_report_declaration *d = &w->r->declared;
    enum cs_err rc = cs_store_metas(reader->store, "gen/", on_generation, &h, err);
    rc = h.rc != CS_OK ? h.rc : rc;
    struct cs_report_generation *list = cs_arena_array(&w->r->arena, h.n + 1, sizeof *list);
    for (uint32_t i = 0; i < h.n; i++) {
        list[i] = h.list[i];
        if (!list[i].same_analysis && list[i].outputs && w->declared->declared)
            d->status = CS_DECLARED_CHANGED;
    }
    free(h.list);
    d->generations = list;
    d->n_generations = h.n;
    return rc;
}

static enum cs_err fill_declared(struct cs_report_work *w, struct cs_reader *reader, struct cs_error *err)
{
    struct cs_report_declaration *d = &w->r->declared;
    enum cs_err rc = CS_OK;
    d->status = !w->declared->declared ? CS_DECLARED_NOTHING
                : reader == NULL       ? CS_DECLARED_UNKNOWN
                                       : CS_DECLARED_UNCHANGED;
    if (reader != NULL)
        rc = read_history(w, reader, err);
    d->analysis = copy(w, w->study->analysis);
    d->digest = hex_text(w, w->study->analysis_digest);
    d->alpha = w->declared->alpha;
    d->adjust = w->declared->adjust_name;
    d->sentence = d->status == CS_DECLARED_CHANGED ? history_text(w, d) : declared_sentence(d->status);
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static uint32_t most_repeats(const struct cs_report_work *w)
{
    uint32_t most = 0;
    for (uint32_t m = 0; m < w->got->n_lanes; m++) {
        const struct cs_grid *g = &w->got->grids[m];
        for (size_t i = 0; i < (size_t)g->n_cells * g->n_cases; i++) {
            const uint32_t *record = cs_grid_record(g, (uint32_t)(i / g->n_cells), (uint32_t)(i % g->n_cells));
            uint32_t n = 0;
            for (int o = 0; o < CS_OUTCOMES; o++)
                n += record[o];
            most = n > most ? n : most;
        }
    }
    return most;
}

static void fill_head(struct cs_report_work *w, const struct cs_report_source *source)
{
    struct cs_report *r = w->r;
    r->study = copy(w, w->study->name);
    r->title = copy(w, w->study->title);
    r->source = copy(w, source->name);
    r->created = r->spec_digest = "";
    if (source->reader != NULL) {
        const struct cs_generation *g = &source->reader->view.generation;
        r->generation = g->number;
        r->created = time_text(w, g->created_wall_ms);
        r->spec_digest = hex_text(w, g->spec_digest);
    }
    r->software = cs_arena_printf(&r->arena, "clinsafe %s", cs_version);
    r->study_seed = w->study->seed;
    r->seed = w->seed;
    r->draws = w->draws;
    r->pilot = strncmp(r->title, "PILOT", 5) == 0;
    r->n_cases = w->study->n_cases;
    r->n_clusters = w->cases->n_clusters;
    r->repeats = source->inferred ? most_repeats(w) : w->study->n_rects > 0 ? w->study->rects[0].repeats : 0;
    r->label_note = "";
    r->warrant_note = copy(w, w->declared->warrant_note);
    r->earlier = (struct cs_report_earlier){.source = "", .first_call = "", .last_call = ""};
}

static void fill_notes(struct cs_report_work *w, const struct cs_report_source *source)
{
    const struct cs_report *r = w->r;
    if (source->inferred)
        cs_work_note(
            w,
            "Read without a study file: factors and answers are what the columns of %s show, what is planned is what has "
            "a row, and nothing was declared beforehand.",
            source->name);
    if (r->pilot)
        cs_work_note(w, "This is a pilot: it shows that the study works, not what it finds.");
    if (!r->complete)
        cs_work_note(w,
                     "Not complete: %" PRIu64 " of %" PRIu64 " trials have ended. Counts and intervals, no verdicts.",
                     r->terminal, r->planned);
    if (r->n_clusters < CS_CLUSTERS_MIN)
        cs_work_note(w, "%u clusters are too few for verdicts: 5 are needed, 30 are better.", r->n_clusters);
    if (r->n_contrasts == 0)
        cs_work_note(w, "Nothing is compared: the study names no contrast and has no control.");
    for (uint32_t m = 0; m < r->n_models; m++) {
        uint64_t usable = 0;
        for (uint32_t i = 0; i < r->n_usable; i++)
            usable += r->usable[i].model == m ? r->usable[i].usable : 0;
        if (r->models[m].terminal > 0 && usable == 0)
            cs_work_note(w, "%s gave no usable answer at all.", r->models[m].name);
        if (w->got->facts[m].mismatched > 0)
            cs_work_note(w, "%s: %" PRIu64 " answers marked ok cannot be read, and count as unparsable.",
                         r->models[m].name, w->got->facts[m].mismatched);
    }
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        const struct cs_report_completeness *c = &r->completeness[i];
        if (c->factor != CS_REPORT_NONE && c->planned > 0 && c->terminal == 0)
            cs_work_note(w, "%s has no output for level \"%s\" of \"%s\".", r->models[c->model].name,
                         r->factors[c->factor].levels[c->level].id, r->factors[c->factor].name);
    }
    if (r->earlier.source[0] != '\0' && !r->earlier.complete)
        cs_work_note(w, "The run compared with is not complete.");
    if (r->earlier.source[0] != '\0' && r->earlier.shared > 0)
        cs_work_note(
            w,
            "%" PRIu64
            " answers of this run were taken over from earlier and not asked again: where the other run has the "
            "same ones, the two differ less than two dates would.",
            r->earlier.shared);
    if (r->earlier.source[0] != '\0' && r->earlier.unmatched > 0)
        cs_work_note(w, "%u comparisons have no counterpart in the run compared with.", r->earlier.unmatched);
    for (uint32_t i = 0; i < w->declared->n_notes; i++)
        cs_work_note(w, "%s", w->declared->notes[i]);
}

static enum cs_err analyse(struct cs_report_work *w, const struct cs_report_source *source,
                           const struct cs_report_opts *opts, struct cs_error *err)
{
    fill_head(w, source);
    fill_models(w);
    fill_factors(w);
    fill_outcomes(w);
    enum cs_err rc = fill_declared(w, source->reader, err);
    if (rc != CS_OK)
        return rc;
    cs_analysis_completeness(w);
    cs_analysis_level_rates(w);
    cs_analysis_contrasts(w);
    cs_verdicts_judge(w);
    cs_analysis_warrants(w);
    cs_analysis_noise(w);
    cs_analysis_labels(w);
    cs_analysis_agreement(w, opts->ratings);
    cs_analysis_ranges(w);
    if (opts->against != NULL)
        rc = cs_analysis_reruns(w, opts->against, err);
    cs_analysis_provenance(w);
    fill_notes(w, source);
    return rc;
}

enum cs_err cs_analysis_run(struct cs_report **out, const struct cs_report_source *source,
                            const struct cs_report_opts *opts, struct cs_error *err)
{
    struct cs_case_facts cases = {0};
    struct cs_declared_analysis declared = {0};
    struct cs_report *r = cs_xcalloc(1, sizeof *r);
    struct cs_report_work w = {.study = source->study,
                               .plan = source->plan,
                               .got = &source->got,
                               .cases = &cases,
                               .declared = &declared,
                               .seed = opts->seed,
                               .draws = CS_REPORT_DRAWS,
                               .threads = opts->threads,
                               .r = r};
    enum cs_err rc = cs_case_facts_read(&cases, source->study, &source->cases, err);
    if (rc == CS_OK)
        rc = cs_declared_read(&declared, source->study, &cases, err);
    if (rc == CS_OK)
        rc = analyse(&w, source, opts, err);
    for (uint32_t i = 0; w.paired != NULL && i < r->n_contrasts; i++)
        cs_reduce_paired_release(&w.paired[i]);
    free(w.paired);
    cs_declared_release(&declared);
    cs_case_facts_release(&cases);
    if (rc == CS_OK)
        *out = r;
    else
        cs_analysis_free(r);
    return rc;
}

void cs_analysis_free(struct cs_report *r)
{
    if (r == NULL)
        return;
    cs_arena_release(&r->arena);
    free(r);
}
