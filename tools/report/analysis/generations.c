/* generations.c - the declared analysis of every generation of the study, and whether it was changed after the first output. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/report/analysis/sections.h"

struct history {
    struct cs_report_work *w;
    struct cs_store *store;
    const struct cs_generation_view *view;
    struct cs_report_generation *list;
    uint32_t n;
    enum cs_err rc;
    struct cs_error *err;
};

/* Trials of a generation that have ended. */
static uint64_t ended(struct cs_store *store, const struct cs_generation_view *v)
{
    uint64_t n = 0;
    for (uint32_t lane = 0; lane < v->plan.n_lanes; lane++) {
        struct cs_counters c;
        if (cs_store_rows_counters(store, v->generation.number, lane, &c, NULL) != CS_OK)
            continue;
        for (int o = 0; o < CS_OUTCOMES; o++)
            n += c.outcome[o];
    }
    return n;
}

/* A store holds many studies. 0: of format 1, which held one only. */
static bool is_of_study(const struct history *h, const struct cs_generation *g)
{
    const uint64_t study = h->view->generation.study;
    return study == 0 || g->study == 0 || g->study == study;
}

static enum cs_err on_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct history *h = self;
    struct cs_generation g;
    struct cs_generation_view v = {0};
    (void)key;
    h->rc = cs_store_generation_unpack(value, len, &g, h->err);
    if (h->rc != CS_OK || !is_of_study(h, &g))
        return h->rc;
    h->rc = cs_store_generation_view_open(&v, h->store, &g, h->err);
    if (h->rc == CS_OK) {
        const uint64_t n = ended(h->store, &v);
        h->list = cs_xrealloc(h->list, h->n + 1, sizeof *h->list);
        h->list[h->n++] = (struct cs_report_generation){
            .number = g.number,
            .created = cs_analysis_work_time(h->w, g.created_wall_ms),
            .digest = cs_analysis_work_hex(h->w, v.spec.study->analysis_digest),
            .current = g.number == h->view->generation.number,
            .same_analysis = memcmp(v.spec.study->analysis_digest, h->w->study->analysis_digest, 32) == 0,
            .outputs = n > 0,
            .pilot = strncmp(v.spec.study->title, "PILOT", 5) == 0,
            .complete = n >= v.plan.n_planned,
            .analysis = cs_analysis_work_copy(h->w, v.spec.study->analysis),
        };
    }
    cs_store_generation_view_close(&v);
    return h->rc;
}

static const char *declared_sentence(enum cs_declared status, bool judged)
{
    switch (status) {
    case CS_DECLARED_UNCHANGED:
        return judged ? "The analysis is unchanged since the first verdict."
                      : "The analysis is unchanged since the first output.";
    case CS_DECLARED_CHANGED:
        return judged ? "The analysis was changed after the first verdict."
                      : "The analysis was changed after the first output.";
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
    struct cs_json *x = cs_json_loads(before, 0, NULL), *y = cs_json_loads(after, 0, NULL), *value;
    const char *text = "", *key;
    cs_json_object_foreach(y, key, value)
    {
        if (!cs_json_equal(cs_json_object_get(x, key), value))
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "", key);
    }
    cs_json_object_foreach(x, key, value)
    {
        if (cs_json_object_get(y, key) == NULL)
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? ", " : "", key);
    }
    cs_json_decref(x);
    cs_json_decref(y);
    return text[0] != '\0' ? text : "the order of its parts";
}

/* What changed and when, generation by generation. */
static const char *history_text(struct cs_report_work *w, const struct cs_report_declaration *d)
{
    struct cs_arena *a = &w->r->arena;
    const char *text = declared_sentence(d->status, w->source->judged.own != NULL);
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
    enum cs_err rc = cs_store_scan_metas(reader->store, "gen/", on_generation, &h, err);
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

void cs_analysis_generations(struct cs_report_work *w)
{
    struct cs_reader *reader = w->source->reader;
    struct cs_report_declaration *d = &w->r->declared;
    d->status = !w->declared->declared ? CS_DECLARED_NOTHING
                : reader == NULL       ? CS_DECLARED_UNKNOWN
                                       : CS_DECLARED_UNCHANGED;
    if (reader != NULL)
        w->rc = read_history(w, reader, w->err);
    d->analysis = cs_analysis_work_copy(w, w->study->analysis);
    d->digest = cs_analysis_work_hex(w, w->study->analysis_digest);
    d->alpha = w->declared->alpha;
    d->adjust = w->declared->adjust_name;
    d->sentence = d->status == CS_DECLARED_CHANGED ? history_text(w, d)
                                                   : declared_sentence(d->status, w->source->judged.own != NULL);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const char *digest_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_generation *g = row;
    return g->digest != NULL ? g->digest : r->declared.digest;
}

static const char *analysis_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_generation *g = row;
    return g->analysis != NULL ? g->analysis : r->declared.analysis;
}

static const char *sentence_word(const struct cs_report *r, const void *row)
{
    (void)row;
    return r->declared.sentence;
}

static struct cs_report_figure alpha_number(const struct cs_report *r, const void *row)
{
    (void)row;
    return (struct cs_report_figure){true, r->declared.alpha};
}

static const char *adjust_word(const struct cs_report *r, const void *row)
{
    (void)row;
    return r->declared.adjust;
}

static struct cs_report_figure family_number(const struct cs_report *r, const void *row)
{
    (void)row;
    return (struct cs_report_figure){true, r->declared.family};
}

/* A table has no generations: its declared analysis is a line all the same. */
static const struct cs_report_generation none = {.created = "", .current = true, .same_analysis = true};

static const struct cs_report_column columns[] = {
    CS_COLUMN(generation, number, "number", "generation"),
    CS_COLUMN_SAME(generation, created),
    CS_COLUMN_SAID(digest_word, "analysis_digest", "analysis_digest"),
    CS_COLUMN(generation, current, "current", "reported_here"),
    CS_COLUMN_SAME(generation, same_analysis),
    CS_COLUMN(generation, outputs, "outputs", NULL),
    CS_COLUMN_SAME(generation, pilot),
    CS_COLUMN_SAME(generation, complete),
    CS_COLUMN_SAID(analysis_word, "analysis", "analysis"),
    CS_COLUMN_SAID(sentence_word, NULL, "sentence"),
    {NULL, "alpha", .kind = CS_COLUMN_NUMBER, .number = alpha_number},
    CS_COLUMN_SAID(adjust_word, NULL, "adjust"),
    {NULL, "family", .kind = CS_COLUMN_NUMBER, .number = family_number},
    {0},
};
const struct cs_report_table cs_analysis_generations_tables[] = {
    {"generations", "declared", CS_TABLE_ROWS(declared.generations, declared.n_generations), .columns = columns,
     .none = &none},
    {0},
};
