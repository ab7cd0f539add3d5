/* provenance.c - what reporting guidelines ask for and a ledger knows; what only the author knows is left open, by name. */
#include <inttypes.h>
#include <string.h>

#include "tools/report/work.h"

enum { ITEMS_MAX = 64 };

struct items {
    struct cs_report_work *w;
    struct cs_report_provenance *list;
    uint32_t n;
};

static void add(struct items *l, const char *guideline, const char *item, bool filled, const char *text)
{
    if (l->n < ITEMS_MAX)
        l->list[l->n++] = (struct cs_report_provenance){guideline, item, text, filled};
}

static const char *models_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        const struct cs_report_model *model = &l->w->r->models[m];
        text = cs_arena_printf(a, "%s%s%s: sent as %s, answered by %s%s", text, m > 0 ? "; " : "", model->name,
                               model->model_sent, model->n_resolved > 0 ? model->resolved[0].name : "an unnamed model",
                               model->simulated ? " (" CS_SIMULATED_TEXT ")" : "");
        for (uint32_t i = 1; i < model->n_resolved; i++)
            text = cs_arena_printf(a, "%s, %s", text, model->resolved[i].name);
    }
    return text;
}

static const char *dates_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        const struct cs_report_model *model = &l->w->r->models[m];
        text = cs_arena_printf(a, "%s%s%s: %s to %s", text, m > 0 ? "; " : "", model->name,
                               model->first_call[0] != '\0' ? model->first_call : "no call",
                               model->last_call[0] != '\0' ? model->last_call : "no call");
    }
    return text;
}

static const char *parameters_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t m = 0; m < l->w->r->n_models; m++)
        text = cs_arena_printf(a, "%s%s%s: %s", text, m > 0 ? "; " : "", l->w->r->models[m].name,
                               l->w->r->models[m].parameters);
    return text;
}

static const char *prompts_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t i = 0; i < l->w->study->n_prompts; i++) {
        const struct cs_template_set *p = &l->w->study->prompts[i];
        text = cs_arena_printf(a, "%s%s%sSystem: %s\nUser: %s\n", text, p->when[0] != '\0' ? p->when : "",
                               p->when[0] != '\0' ? "\n" : "", p->system, p->user);
    }
    for (uint32_t q = 0; q < l->w->study->n_questions; q++)
        text = cs_arena_printf(a, "%sQuestion %s: %s\n", text, l->w->study->questions[q].name,
                               l->w->study->questions[q].ask);
    return cs_arena_printf(a, "%sAll prompts as sent: clinsafe plan --prompts book.csv", text);
}

static const char *missing_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    uint64_t outcome[CS_OUTCOMES] = {0};
    const char *text = cs_arena_printf(&l->w->r->arena, "%" PRIu64 " of %" PRIu64 " planned trials have ended",
                                       r->terminal, r->planned);
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        for (int o = 0; r->completeness[i].factor == CS_REPORT_NONE && o < CS_OUTCOMES; o++)
            outcome[o] += r->completeness[i].outcome[o];
    }
    for (int o = 0; o < CS_OUTCOMES; o++) {
        if (outcome[o] > 0)
            text = cs_arena_printf(&l->w->r->arena, "%s, %" PRIu64 " %s", text, outcome[o],
                                   cs_outcome_name((enum cs_outcome)o));
    }
    return text;
}

static const char *calls_text(const struct items *l)
{
    uint64_t attempts = 0, ambiguous = 0, duplicates = 0, adopted = 0;
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        attempts += l->w->r->models[m].attempts;
        ambiguous += l->w->r->models[m].ambiguous;
        duplicates += l->w->r->models[m].duplicates;
        adopted += l->w->r->models[m].adopted;
    }
    return cs_arena_printf(&l->w->r->arena,
                           "%" PRIu64 " calls, of which %" PRIu64 " without a status line; %" PRIu64
                           " duplicate answers, kept and not counted; %" PRIu64
                           " answers taken over from an earlier generation",
                           attempts, ambiguous, duplicates, adopted);
}

static const char *spend_text(const struct items *l)
{
    uint64_t input = 0, output = 0;
    double cost = 0;
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        input += l->w->r->models[m].input_tokens;
        output += l->w->r->models[m].output_tokens;
        cost += l->w->r->models[m].cost_usd;
    }
    return cs_arena_printf(&l->w->r->arena,
                           "%" PRIu64 " input and %" PRIu64 " output tokens, USD %.2f by the prices declared", input,
                           output, cost);
}

static void fill_known(struct items *l)
{
    const struct cs_report *r = l->w->r;
    struct cs_arena *a = &l->w->r->arena;
    add(l, "TRIPOD-LLM", "model versions", true, models_text(l));
    add(l, "CHART", "dates of the queries", true, dates_text(l));
    add(l, "TRIPOD-LLM", "parameters of generation, as sent", true, parameters_text(l));
    add(l, "CHART", "prompts", true, prompts_text(l));
    add(l, "CHART", "independence of the queries", true,
        "every trial is one call without history; repeats are separate calls in random order within a case");
    add(l, "TRIPOD-LLM", "sample size", true,
        cs_arena_printf(a, "%u cases in %u clusters, %" PRIu64 " planned trials", r->n_cases, r->n_clusters,
                        r->planned));
    add(l, "TRIPOD-LLM", "missing data", true, missing_text(l));
    add(l, "CHART", "calls, repeats and duplicates", true, calls_text(l));
    add(l, "CHART", "cost", true, spend_text(l));
    add(l, "TRIPOD-LLM", "analysis declared beforehand", r->declared.status != CS_DECLARED_NOTHING,
        r->declared.sentence);
    add(l, "TRIPOD-LLM", "statistical methods", true,
        cs_arena_printf(
            a,
            "t on one difference per cluster, alpha %g, adjusted by %s over %u tests; ratios by a cluster bootstrap of "
            "%u draws, seed %" PRIu64,
            r->declared.alpha, r->declared.adjust, r->declared.family, r->draws, r->seed));
    add(l, "TRIPOD-LLM", "software and reproducibility", true,
        cs_arena_printf(a, "%s, order of trials by seed %" PRIu64 ", study digest %s", r->software, r->study_seed,
                        r->spec_digest));
    if (r->label_note[0] != '\0')
        add(l, "TRIPOD-LLM", "reference labels", false, r->label_note);
}

static void leave_open(struct items *l)
{
    static const char *const open[][3] = {
        {"TRIPOD-LLM", "source of the cases", "say where the cases come from, and how they were chosen"},
        {"TRIPOD-LLM", "wording of the levels", "say who wrote and reviewed the level texts"},
        {"TRIPOD-LLM", "ethics approval", "name the board and the number, or why none was needed"},
        {"TRIPOD-LLM", "funding and conflicts of interest", "name them, or say that there are none"},
        {"TRIPOD-LLM", "availability of data and code", "say where the outputs and the study file can be had"},
        {"CHART", "clinical judgement of the answers", "say who judged, with which qualification, and how they agreed"},
        {"CHART", "limits and generalisability", "say what the cases, the languages and the dates do not cover"},
    };
    for (unsigned i = 0; i < sizeof open / sizeof open[0]; i++)
        add(l, open[i][0], open[i][1], false, open[i][2]);
}

void cs_work_provenance(struct cs_report_work *w)
{
    struct items l = {.w = w};
    l.list = cs_arena_array(&w->r->arena, ITEMS_MAX, sizeof *l.list);
    fill_known(&l);
    leave_open(&l);
    w->r->provenance = l.list;
    w->r->n_provenance = l.n;
}
