/* provenance.c - what reporting guidelines ask for and a ledger knows; what only the author knows is left open, by name. */
#include <inttypes.h>
#include <string.h>

#include "tools/report/analysis/sections.h"
#include "tools/report/words.h"

struct items {
    struct cs_report_work *w;
};

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

/* What a level sets over them. */
static const char *level_parameters(const struct items *l, const char *text)
{
    const struct cs_study *s = l->w->study;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++) {
            const struct cs_level *level = &s->factors[f].levels[i];
            if (level->parameters != NULL)
                text = cs_arena_printf(&l->w->r->arena, "%s; over them, under %s = %s: %s", text, s->factors[f].name,
                                       level->id, level->parameters);
        }
    }
    return text;
}

static const char *parameters_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        const struct cs_model *model = &l->w->study->models[m];
        if (model->parameters[0] == '\0')
            return NULL; /* from a table without a study file */
        text = cs_arena_printf(a, "%s%s%s: %s", text, m > 0 ? "; " : "", model->name, model->parameters);
        if (model->max_output_tokens > 0)
            text = cs_arena_printf(a, "%s, at most %u tokens out", text, model->max_output_tokens);
        text = cs_arena_printf(a, "%s, a call ends after %g s", text, model->timeout_ms / 1000.0);
    }
    return level_parameters(l, text);
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
    if (l->w->study->n_prompts == 0)
        return NULL; /* from a table without a study file */
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
    uint64_t input = 0, output = 0, untold = 0, unpriced = 0;
    double cost = 0, wasted = 0;
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        input += l->w->r->models[m].input_tokens;
        output += l->w->r->models[m].output_tokens;
        unpriced += l->w->r->models[m].cost_usd < 0;
        cost += l->w->r->models[m].cost_usd < 0 ? 0 : l->w->r->models[m].cost_usd;
        wasted += l->w->r->models[m].wasted_usd;
        untold += l->w->r->models[m].untold;
    }
    const char *text = cs_arena_printf(&l->w->r->arena, "%" PRIu64 " input and %" PRIu64 " output tokens, ", input,
                                       output);
    if (unpriced == l->w->r->n_models && unpriced > 0)
        return cs_arena_printf(&l->w->r->arena, "%sat a cost that is not known, for no prices are declared", text);
    text = cs_arena_printf(&l->w->r->arena, "%s%sUSD %.2f by the prices declared", text,
                           untold > 0 || unpriced > 0 ? "at least " : "", cost);
    if (unpriced > 0)
        text = cs_arena_printf(&l->w->r->arena, "%s; %" PRIu64 " models have none", text, unpriced);
    if (untold > 0)
        text = cs_arena_printf(&l->w->r->arena, "%s; %" PRIu64 " answers do not tell their whole usage", text, untold);
    if (wasted > 0)
        text = cs_arena_printf(&l->w->r->arena, "%s; USD %.2f of it for replies that gave nothing to use", text,
                               wasted);
    return text;
}

static const char *task_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    const char *text = r->title[0] != '\0' ? r->title : r->study;
    return cs_arena_printf(&l->w->r->arena, "evaluation, without training or tuning: %s", text);
}

static const char *sample_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    struct cs_arena *a = &l->w->r->arena;
    const char *text = cs_arena_printf(a, "%u cases in %u clusters, %" PRIu64 " planned trials", r->n_cases,
                                       r->n_clusters, r->planned);
    for (uint32_t f = 0; f < r->n_factors; f++)
        text = cs_arena_printf(a, "%s; %s: %u levels", text, r->factors[f].name, r->factors[f].n_levels);
    return text;
}

static const char *answers_text(const struct items *l)
{
    const struct cs_study *s = l->w->study;
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            const struct cs_field *f = &s->questions[q].fields[i];
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? "; " : "", f->name);
            for (uint32_t k = 0; k < f->n_categories; k++)
                text = cs_arena_printf(a, "%s%s%s", text, k == 0 ? ": " : ", ", f->categories[k]);
        }
        for (uint32_t i = 0; i < s->questions[q].n_derived; i++)
            text = cs_arena_printf(a, "%s%s%s (derived)", text, text[0] != '\0' ? "; " : "",
                                   s->questions[q].derived[i].name);
    }
    return cs_arena_printf(
        a, "%s. Replies are parsed by their form alone; what cannot be read is counted as unparsable.", text);
}

static const char *methods_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    return cs_arena_printf(
        &l->w->r->arena,
        "t on one difference per cluster, alpha %g, adjusted by %s over %u tests; equivalence by two one-sided tests; "
        "ratios by a cluster bootstrap of %u draws, seed %" PRIu64,
        r->declared.alpha, r->declared.adjust, r->declared.family, r->draws, r->seed);
}

static const char *declared_text(const struct items *l)
{
    return l->w->r->declared.sentence;
}

static const char *independence_text(const struct items *l)
{
    (void)l;
    return "every trial is one call without history; repeats are separate calls in random order within a case";
}

static const char *software_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    struct cs_arena *a = &l->w->r->arena;
    const char *text = cs_arena_printf(a, "%s, order of trials by seed %" PRIu64, r->software, r->study_seed);
    if (r->spec_digest[0] != '\0')
        text = cs_arena_printf(a, "%s, study digest %s", text, r->spec_digest);
    return text;
}

/* NULL: no person has rated anything. */
static const char *raters_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    struct cs_arena *a = &l->w->r->arena;
    const char *text = NULL;
    for (uint32_t i = 0; i < r->n_agreements; i++) {
        const struct cs_report_agreement *g = &r->agreements[i];
        if (g->kind != CS_AGREEMENT_RATERS)
            continue;
        text = cs_arena_printf(a, "%s%s%s: %u raters, %u outputs", text != NULL ? text : "", text != NULL ? "; " : "",
                               g->field, g->raters, g->items);
        if (g->kappa.known)
            text = cs_arena_printf(a, "%s, %s %.2f", text, g->statistic, g->kappa.value);
    }
    return text;
}

static const char *labels_text(const struct items *l)
{
    return l->w->declared->label_note[0] != '\0' ? l->w->r->label_note : NULL;
}

static const char *compared_text(const struct items *l)
{
    return l->w->r->n_models > 1
               ? cs_arena_printf(&l->w->r->arena, "%u models on the same cases, prompts and dates; see Across models",
                                 l->w->r->n_models)
               : NULL;
}

static const char *results_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    uint32_t by[CS_VERDICTS] = {0};
    const char *text = "";
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].primary)
            by[r->contrasts[i].verdict]++;
    }
    for (int v = 0; v < CS_VERDICTS; v++) {
        if (by[v] > 0)
            text = cs_arena_printf(&l->w->r->arena, "%s%s%u %s", text, text[0] != '\0' ? ", " : "", by[v],
                                   cs_words_verdict((enum cs_report_verdict)v));
    }
    return text[0] != '\0' ? cs_arena_printf(&l->w->r->arena, "primary comparisons: %s", text) : NULL;
}

/* Items as the checklists number them, in words of our own: TRIPOD-LLM, Nat Med 31 (2025) 60; CHART, BMJ Med 4 (2025) e001632.
 * text NULL, or returning NULL: only the author can say it, and `open` asks for it. */
static const struct {
    const char *guideline, *item;
    const char *(*text)(const struct items *);
    const char *open;
} checklist[] = {
    {"TRIPOD-LLM", "2a task and kind of study", task_text, NULL},
    {"TRIPOD-LLM", "3a, 3b health-care context, target population, intended users", NULL,
     "say in which care pathway, for whom, and why"},
    {"TRIPOD-LLM", "5a, 5b source and description of the cases", NULL,
     "say where the cases come from, how they were chosen, and in which languages"},
    {"TRIPOD-LLM", "5c dates of the texts", NULL, "say from when the oldest and the newest case are"},
    {"TRIPOD-LLM", "5d preparation and review of texts and levels", NULL, "say who wrote and reviewed the level texts"},
    {"TRIPOD-LLM", "5e missing data", missing_text, NULL},
    {"TRIPOD-LLM", "6a name and version of each model", models_text, NULL},
    {"TRIPOD-LLM", "6a dates of use", dates_text, NULL},
    {"TRIPOD-LLM", "6b settings of generation, as sent", parameters_text, "give the parameters as sent"},
    {"TRIPOD-LLM", "6d outputs, and how they are read", answers_text, NULL},
    {"TRIPOD-LLM", "7a outcomes and metrics, statistical methods", methods_text, NULL},
    {"TRIPOD-LLM", "7b assessors and their agreement", raters_text,
     "say whether people judged the answers, with which qualification, and how they agreed"},
    {"TRIPOD-LLM", "7c comparison with other models", compared_text,
     "say with which models, people or standards the model was compared"},
    {"TRIPOD-LLM", "8a-8c reference labels: who, how many, agreement", labels_text,
     "say who labelled the cases, by which rules, and how they agreed; or that there are no labels"},
    {"TRIPOD-LLM", "9a prompts", prompts_text, "give the prompts as sent"},
    {"TRIPOD-LLM", "9b data used to develop the prompts", NULL, "say on which cases the prompts were tried"},
    {"TRIPOD-LLM", "12 compute: calls, tokens, cost", spend_text, NULL},
    {"TRIPOD-LLM", "13 ethics approval", NULL, "name the board and the number, or why none was needed"},
    {"TRIPOD-LLM", "14a, 14b funding and conflicts of interest", NULL, "name them, or say that there are none"},
    {"TRIPOD-LLM", "14c analysis declared beforehand", declared_text, NULL},
    {"TRIPOD-LLM", "14d registration", NULL, "name register and number, or say that the study was not registered"},
    {"TRIPOD-LLM", "14e availability of the data", NULL, "say where outputs and study file can be had"},
    {"TRIPOD-LLM", "14f software and reproducibility", software_text, NULL},
    {"TRIPOD-LLM", "15 patient and public involvement", NULL, "say who was involved and how, or that nobody was"},
    {"TRIPOD-LLM", "16 cases and trials", sample_text, NULL},
    {"TRIPOD-LLM", "17 results by the measures declared", results_text, "no verdict was reached: say what was found"},
    {"TRIPOD-LLM", "19a-19c interpretation, fairness, limitations", NULL,
     "say what the cases, the languages and the dates do not cover"},
    {"TRIPOD-LLM", "19d-19g use in context, next steps", NULL, "say what the finding means for use in care"},
    {"CHART", "1a, 1b title and summary", NULL, "name model, version and date in both"},
    {"CHART", "2a, 2b background and aims", NULL, "say what was known, and what is asked"},
    {"CHART", "3a, 3b model identifiers", models_text, NULL},
    {"CHART", "4a-4c model details: settings, access, dates", parameters_text, "give the parameters as sent"},
    {"CHART", "5a, 5b prompt engineering", NULL, "say how the prompts were developed, and by whom"},
    {"CHART", "6a query strategy: prompts as sent", prompts_text, "give the prompts as sent"},
    {"CHART", "6b query strategy: dates of the queries", dates_text, NULL},
    {"CHART", "6c query strategy: independence of the queries", independence_text, NULL},
    {"CHART", "6d query strategy: calls, repeats, duplicates", calls_text, NULL},
    {"CHART", "7a, 7b performance evaluation: reference and evaluators", labels_text,
     "say against what the answers were judged, by whom, and how the evaluators were blinded"},
    {"CHART", "8 sample size", sample_text, NULL},
    {"CHART", "9a data analysis", methods_text, NULL},
    {"CHART", "10a-10c results, missing data", missing_text, NULL},
    {"CHART", "11a-11c discussion, limitations, implications", NULL,
     "say what the cases, the languages and the dates do not cover"},
    {"CHART", "12a, 12b disclosures and funding", NULL, "name them, or say that there are none"},
    {"CHART", "12c ethics", NULL, "name the board and the number, or why none was needed"},
    {"CHART", "12d protocol", declared_text, NULL},
    {"CHART", "12e data availability", NULL, "say where outputs and study file can be had"},
};

void cs_analysis_provenance(struct cs_report_work *w)
{
    enum { ITEMS = sizeof checklist / sizeof checklist[0] };
    const struct items l = {.w = w};
    struct cs_report_provenance *list = cs_arena_array(&w->r->arena, ITEMS, sizeof *list);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const char *text = checklist[i].text != NULL ? checklist[i].text(&l) : NULL;
        /* what nobody declared beforehand the author must account for */
        const bool open = text == NULL ||
                          (checklist[i].text == declared_text && w->r->declared.status != CS_DECLARED_UNCHANGED);
        list[i] = (struct cs_report_provenance){checklist[i].guideline, checklist[i].item,
                                                text != NULL ? text : checklist[i].open, !open};
    }
    w->r->provenance = list;
    w->r->n_provenance = ITEMS;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_SAME(provenance, guideline),         CS_COLUMN_SAME(provenance, item),
    CS_COLUMN(provenance, filled, NULL, "filled"), CS_COLUMN_SAME(provenance, text),
    CS_COLUMN(provenance, filled, "filled", NULL), {0},
};
const struct cs_report_table cs_analysis_provenance_tables[] = {
    {"provenance", "provenance", CS_TABLE_ROWS(provenance, n_provenance), .columns = columns},
    {0},
};
