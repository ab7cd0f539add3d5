/* provenance.c - what reporting guidelines ask for and a ledger knows; what only the author knows is left open, by name. */
#include <inttypes.h>
#include <string.h>

#include "protocol/study/script.h"
#include "protocol/study/rule_words.h"
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
        text = cs_arena_printf(a, "%s%s%sSystem: %s\n", text, p->when[0] != '\0' ? p->when : "",
                               p->when[0] != '\0' ? "\n" : "", p->system);
        const char *said;
        for (uint32_t k = 0; (said = cs_script_text(p, k)) != NULL; k++)
            text = cs_arena_printf(a, "%s%s: %s\n", text,
                                   p->turns != NULL && p->turns[k].by_model ? "Given reply" : "User", said);
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
    uint64_t outcome[CS_REPORT_CLASSES] = {0};
    const char *text = cs_arena_printf(&l->w->r->arena, "%" PRIu64 " of %" PRIu64 " planned trials have ended",
                                       r->terminal, r->planned);
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        for (int o = 0; r->completeness[i].factor == CS_REPORT_NONE && o < CS_REPORT_CLASSES; o++)
            outcome[o] += r->completeness[i].outcome[o];
    }
    for (int o = 0; o < CS_REPORT_CLASSES; o++) {
        if (outcome[o] > 0)
            text = cs_arena_printf(&l->w->r->arena, "%s, %" PRIu64 " %s", text, outcome[o], cs_words_class(o));
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

static const char *derived_text(const struct items *l, const struct cs_question *q, const struct cs_derived *d)
{
    struct cs_buf words = CS_BUF_INIT(CS_TEXT_MAX);
    cs_rule_words(l->w->study, q, d, &words);
    const char *text = cs_arena_printf(&l->w->r->arena, "%s (derived%s%s)", d->name, words.len > 0 ? ": " : "",
                                       words.len > 0 ? cs_buf_cstr(&words) : "");
    cs_buf_release(&words);
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
            text = cs_arena_printf(a, "%s%s%s", text, text[0] != '\0' ? "; " : "",
                                   derived_text(l, &s->questions[q], &s->questions[q].derived[i]));
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

/* The served models and the versions behind them, and from when to when each answered: what tells whether a model was updated. */
static const char *names_text(const struct items *l, const char *text, const struct cs_collected_names *names,
                              const char *what)
{
    struct cs_arena *a = &l->w->r->arena;
    for (uint32_t i = 0; i < names->n; i++) {
        const struct cs_collected_name *n = &names->of[i];
        text = cs_arena_printf(a, "%s%s %s, %" PRIu64 " answers", text, i > 0 ? "," : what, n->name, n->n);
        if (n->first_ms != 0)
            text = cs_arena_printf(a, "%s from %s to %s", text, cs_analysis_work_time(l->w, n->first_ms),
                                   cs_analysis_work_time(l->w, n->last_ms));
    }
    return text;
}

static const char *updates_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "";
    bool told = false;
    for (uint32_t m = 0; m < l->w->r->n_models; m++) {
        const struct cs_collected_lane *f = &l->w->got->facts[m];
        text = cs_arena_printf(a, "%s%s%s:", text, m > 0 ? "; " : "", l->w->r->models[m].name);
        text = names_text(l, text, &f->resolved, " answered by");
        text = names_text(l, text, &f->fingerprints, "; system fingerprints");
        if (f->resolved.n == 0)
            text = cs_arena_printf(a, "%s the provider names no version", text);
        told = told || f->resolved.n > 0;
    }
    return told ? text : NULL;
}

static const char *settings_text(const struct items *l)
{
    const char *text = parameters_text(l);
    for (uint32_t i = 0; text != NULL && i < l->w->study->n_prompts; i++) {
        if (l->w->study->prompts[i].system[0] != '\0')
            text = cs_arena_printf(&l->w->r->arena, "%s. System prompt: %s", text, l->w->study->prompts[i].system);
    }
    return text;
}

static const char *inputs_text(const struct items *l)
{
    return l->w->source->inferred
               ? NULL
               : "a case's text goes out as it stands in the table of cases, with what its levels insert; "
                 "nothing is cut or rewritten";
}

static const char *outcome_text(const struct items *l)
{
    return cs_arena_printf(&l->w->r->arena, "%s Dates of inference: %s", answers_text(l), dates_text(l));
}

static const char *plan_text(const struct items *l)
{
    const struct cs_report_declaration *d = &l->w->r->declared;
    return d->status == CS_DECLARED_NOTHING || d->status == CS_DECLARED_UNKNOWN
               ? NULL
               : cs_arena_printf(&l->w->r->arena, "%s Digest of the analysis: %s", d->sentence, d->digest);
}

/* Versions of the study file, which is all that the ledger knows of how prompts came to be. */
static const char *versions_text(const struct items *l)
{
    const struct cs_report_declaration *d = &l->w->r->declared;
    struct cs_arena *a = &l->w->r->arena;
    const char *text = d->n_generations > 0
                           ? cs_arena_printf(a, "%u versions of the study file were run", d->n_generations)
                           : NULL;
    for (uint32_t i = 0; i < d->n_generations; i++)
        text = cs_arena_printf(a, "%s%s %.10s", text, i == 0 ? ":" : ",", d->generations[i].created);
    return text;
}

static const char *route_text(const struct items *l)
{
    struct cs_arena *a = &l->w->r->arena;
    const char *text = "programming interface (API)";
    if (l->w->source->inferred)
        return NULL;
    for (uint32_t m = 0; m < l->w->study->n_models; m++) {
        const struct cs_account *account = &l->w->study->accounts[l->w->study->models[m].account];
        text = cs_arena_printf(a, "%s%s %s: %s%s%s", text, m == 0 ? ":" : ",", l->w->study->models[m].name,
                               cs_protocol_name(account->protocol), account->base_url[0] != '\0' ? " at " : "",
                               account->base_url);
    }
    return text;
}

static const char *sessions_text(const struct items *l)
{
    return cs_arena_printf(&l->w->r->arena, "%s; up to %u repeats of a prompt. %s", independence_text(l),
                           l->w->r->repeats, calls_text(l));
}

static const char *outputs_text(const struct items *l)
{
    if (l->w->source->reader == NULL)
        return NULL;
    return cs_arena_printf(&l->w->r->arena,
                           "%" PRIu64 " outputs, verbatim and each with the digest of its request: clinsafe export "
                           "(duplicates and superseded ones with --superseded)",
                           l->w->r->terminal);
}

/* Declared for the power that `plan` computes: tau and noise of a primary answer. */
static const char *size_text(const struct items *l)
{
    const struct cs_report_declaration *d = &l->w->r->declared;
    const bool told = strstr(d->analysis, "\"tau\"") != NULL || strstr(d->analysis, "\"noise\"") != NULL;
    return told && d->status == CS_DECLARED_UNCHANGED
               ? cs_arena_printf(
                     &l->w->r->arena,
                     "%s. Power was computed beforehand (clinsafe plan, clinsafe protocol) from the declared margins, "
                     "spread over cases and noise: %s",
                     sample_text(l), d->analysis)
               : NULL;
}

static const char *noise_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    const char *text = NULL;
    for (uint32_t i = 0; i < r->n_floors; i++) {
        const struct cs_report_floor *f = &r->floors[i];
        if (f->kind == CS_ARM_REASK && f->disagreement.known)
            text = cs_arena_printf(&l->w->r->arena, "%s%s%s, %s: %.1f %s", text != NULL ? text : "",
                                   text != NULL ? "; " : "answers that differ when the same prompt is asked again: ",
                                   r->models[f->model].name, r->outcomes[f->outcome].label, f->disagreement.value,
                                   r->outcomes[f->outcome].unit);
    }
    return text;
}

static const char *agreement_text(const struct items *l)
{
    const struct cs_report *r = l->w->r;
    return cs_arena_printf(
        &l->w->r->arena, "%s%s", missing_text(l),
        r->n_labels > 0 ? "; agreement with the labels, and on which side of them: see Labels and warrant" : "");
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

/* Items as the checklists number them, in words of our own: TRIPOD-LLM, Nat Med 31 (2025) 60, table 2; CHART, BMJ Med 4 (2025) e001632.
 * An item is ticked only where the ledger holds what it asks for. */
static const struct checklist_item {
    const char *guideline, *item;
    const char *(*text)(const struct items *); /* what the ledger knows; NULL, or returning NULL: nothing */
    enum holds {
        AUTHOR,
        PARTLY,
        LEDGER
    } holds;         /* how much of the item that is. AUTHOR: `text` is offered for it, and no answer */
    const char *ask; /* what the author is asked, unless the ledger holds all */
} checklist[] = {
    {"TRIPOD-LLM", "1, 2a-2l title and abstract", task_text, AUTHOR,
     "say in both what was evaluated, on what, and what was found"},
    {"TRIPOD-LLM", "3a, 3b health-care context, target population, intended users", NULL, AUTHOR,
     "say in which care pathway, for whom, and why"},
    {"TRIPOD-LLM", "4 objectives", NULL, AUTHOR, "say what the study is to find out"},
    {"TRIPOD-LLM", "5a, 5b source and description of the cases", NULL, AUTHOR,
     "say where the cases come from, how they were chosen, and in which languages"},
    {"TRIPOD-LLM", "5c dates of the texts", NULL, AUTHOR, "say from when the oldest and the newest case are"},
    {"TRIPOD-LLM", "5d preparation and review of texts and levels", NULL, AUTHOR,
     "say who wrote and reviewed the level texts"},
    {"TRIPOD-LLM", "5e missing data", missing_text, LEDGER, ""},
    {"TRIPOD-LLM", "6a name, version and last training date of each model", models_text, PARTLY,
     "say when each model was last trained"},
    {"TRIPOD-LLM", "6b how each model was developed", NULL, AUTHOR, "say how, or that its maker does not"},
    {"TRIPOD-LLM", "6c settings of generation, system prompt", settings_text, LEDGER, "give the parameters as sent"},
    {"TRIPOD-LLM", "6d outputs, and how they are read", answers_text, LEDGER, ""},
    {"TRIPOD-LLM", "6e handling of the model's input", inputs_text, PARTLY,
     "say how texts were prepared before they came into the table of cases"},
    {"TRIPOD-LLM", "7a metrics of the quality of the output", methods_text, LEDGER, ""},
    {"TRIPOD-LLM", "7b relevance of the metrics to deployment", NULL, AUTHOR, "say what the metrics mean in use"},
    {"TRIPOD-LLM", "7c definition of the outcome, dates of inference", outcome_text, LEDGER, ""},
    {"TRIPOD-LLM", "7d assessors, blinding, agreement", raters_text, PARTLY,
     "say whether people judged the answers, with which qualification, and how they agreed"},
    {"TRIPOD-LLM", "7e comparison with other models or people", compared_text, LEDGER,
     "say with which models, people or standards the model was compared"},
    {"TRIPOD-LLM", "8a-8c reference labels: rules, who, how many, agreement", labels_text, PARTLY,
     "say who labelled the cases, by which rules, and how they agreed; or that there are no labels"},
    {"TRIPOD-LLM", "9a process of the prompts' design", versions_text, AUTHOR,
     "say how the prompts were designed and chosen"},
    {"TRIPOD-LLM", "9b data used to develop the prompts", NULL, AUTHOR, "say on which cases the prompts were tried"},
    {"TRIPOD-LLM", "12 compute: calls, tokens, cost", spend_text, LEDGER, ""},
    {"TRIPOD-LLM", "13 ethics approval", NULL, AUTHOR, "name the board and the number, or why none was needed"},
    {"TRIPOD-LLM", "14a, 14b funding and conflicts of interest", NULL, AUTHOR, "name them, or say that there are none"},
    {"TRIPOD-LLM", "14c protocol", plan_text, PARTLY, "say where the protocol can be read"},
    {"TRIPOD-LLM", "14d registration", NULL, AUTHOR,
     "name register and number, or say that the study was not registered"},
    {"TRIPOD-LLM", "14e availability of the data", NULL, AUTHOR, "say where outputs and study file can be had"},
    {"TRIPOD-LLM", "14f availability of the code", software_text, AUTHOR, "say where the code can be had"},
    {"TRIPOD-LLM", "15 patient and public involvement", NULL, AUTHOR,
     "say who was involved and how, or that nobody was"},
    {"TRIPOD-LLM", "16a-16d flow of patients or records", sample_text, AUTHOR,
     "say how the cases came from patients or records, or that they did not"},
    {"TRIPOD-LLM", "17 results by the measures declared", results_text, LEDGER,
     "no verdict was reached: say what was found"},
    {"TRIPOD-LLM", "18 updating of the models during the study", updates_text, LEDGER,
     "say whether a model was updated while the study ran"},
    {"TRIPOD-LLM", "19a, 19b interpretation, limitations", NULL, AUTHOR,
     "say what the cases, the languages and the dates do not cover"},
    {"TRIPOD-LLM", "19c-19g usability in the context of care", NULL, AUTHOR,
     "say what the finding means for use in care"},
    {"CHART", "1a, 1b title and summary", NULL, AUTHOR, "name model, version and date in both"},
    {"CHART", "2a, 2b background and aims", NULL, AUTHOR, "say what was known, and what is asked"},
    {"CHART", "3a, 3b model identifiers", models_text, PARTLY,
     "say when each version was released or last updated, and whether it is open or closed"},
    {"CHART", "4a-4c base, novel, tuned or fine-tuned model", NULL, AUTHOR,
     "say which each model is, cite it, and name the data of its tuning"},
    {"CHART", "5a i-iii prompt engineering: process and participants", NULL, AUTHOR,
     "say how the prompts were developed, and by whom"},
    {"CHART", "5b the prompts", prompts_text, LEDGER, "give the prompts as sent"},
    {"CHART", "6a route of access", route_text, LEDGER,
     "say how the models were reached: a programming interface, an app"},
    {"CHART", "6b dates and place of the queries", dates_text, PARTLY, "say in which city and country"},
    {"CHART", "6c sessions and repeats", sessions_text, LEDGER, ""},
    {"CHART", "6d all outputs", outputs_text, LEDGER, "give all outputs"},
    {"CHART", "7a, 7b i-iii definition of performance, evaluators, patients, blinding", labels_text, PARTLY,
     "say against what the answers were judged, by whom, whether patients took part, and how the evaluators were blinded"},
    {"CHART", "8 how the size was determined", size_text, LEDGER, "say how the size was determined"},
    {"CHART", "9a methods of analysis", methods_text, LEDGER, ""},
    {"CHART", "9a i reproducibility", noise_text, LEDGER,
     "say how far answers differ when asked again: each prompt was asked once"},
    {"CHART", "10a-10c agreement with the reference, deviations, harm", agreement_text, PARTLY,
     "say of what nature the deviations are, and which answers were harmful or biased"},
    {"CHART", "11a-11c discussion, limitations, implications", NULL, AUTHOR,
     "say what the cases, the languages and the dates do not cover"},
    {"CHART", "12a, 12b disclosures and funding", NULL, AUTHOR, "name them, or say that there are none"},
    {"CHART", "12c i, ii, 12d data, code, the protocol itself", software_text, AUTHOR, "say where each can be had"},
};

static struct cs_report_provenance item_of(const struct items *l, const struct checklist_item *c)
{
    const char *known = c->text != NULL ? c->text(l) : NULL;
    const enum holds holds = known != NULL ? c->holds : AUTHOR;
    struct cs_report_provenance p = {.guideline = c->guideline,
                                     .item = c->item,
                                     .text = known,
                                     .ask = "",
                                     .filled = holds == LEDGER,
                                     .partly = holds == PARTLY};
    if (holds == PARTLY)
        p.ask = c->ask;
    if (holds == AUTHOR)
        p.text = known != NULL ? cs_arena_printf(&l->w->r->arena, "%s (known: %s)", c->ask, known) : c->ask;
    return p;
}

void cs_analysis_provenance(struct cs_report_work *w)
{
    enum { ITEMS = sizeof checklist / sizeof checklist[0] };
    const struct items l = {.w = w};
    struct cs_report_provenance *list = cs_arena_array(&w->r->arena, ITEMS, sizeof *list);
    for (uint32_t i = 0; i < ITEMS; i++)
        list[i] = item_of(&l, &checklist[i]);
    w->r->provenance = list;
    w->r->n_provenance = ITEMS;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_SAME(provenance, guideline),
    CS_COLUMN_SAME(provenance, item),
    CS_COLUMN(provenance, filled, NULL, "filled"),
    CS_COLUMN_SAME(provenance, text),
    CS_COLUMN(provenance, filled, "filled", NULL),
    CS_COLUMN_SAME(provenance, partly),
    CS_COLUMN_SAME(provenance, ask),
    {0},
};
const struct cs_report_table cs_analysis_provenance_tables[] = {
    {"provenance", "provenance", CS_TABLE_ROWS(provenance, n_provenance), .columns = columns},
    {0},
};
