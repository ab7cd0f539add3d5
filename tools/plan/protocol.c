#include "tools/plan/protocol.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/study/script.h"
#include "protocol/study/tools.h"
#include "protocol/study/rule_words.h"
#include "protocol/base/buf.h"
#include "protocol/base/digest.h"
#include "protocol/base/version.h"
#include "protocol/table/node.h"
#include "protocol/wire/spec.h"
#include "tools/report/analysis/declared.h"

struct writing {
    const struct cs_plan *plan;
    const struct cs_study *s;
    const struct cs_loaded *l;
    const struct cs_plan_power *power;
    struct cs_case_facts cases;
    struct cs_declared_analysis declared;
    struct cs_json *analysis;
    FILE *out;
};

/* ---- design ---------------------------------------------------------------------------------------------------- */

/* Text of the study as a quoted block, whatever lines it has. */
static void quote(FILE *out, const char *text)
{
    fputs("> ", out);
    for (const char *c = text; *c != '\0'; c++) {
        fputc(*c, out);
        if (*c == '\n')
            fputs("> ", out);
    }
    fputs("\n\n", out);
}

static void write_levels(const struct writing *w, const struct cs_factor *f)
{
    static const char *const roles[] = {[CS_ROLE_LEVEL] = "",
                                        [CS_ROLE_CONTROL] = ", the control",
                                        [CS_ROLE_PLACEBO] = ", a placebo (should not matter)",
                                        [CS_ROLE_AA] = ", the control's text asked separately (A/A)"};
    fprintf(w->out, "**%s** has %u levels; the rest of a case stays the same byte for byte:\n\n", f->name, f->n_levels);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const struct cs_level *l = &f->levels[i];
        const char *text = f->insert_column < f->n_columns ? l->wordings[0].values[f->insert_column] : "";
        fprintf(w->out, "- `%s`%s", l->id, roles[l->role]);
        if (text[0] != '\0')
            fprintf(w->out, ": \"%s\"", text);
        if (l->n_wordings > 1)
            fprintf(w->out, " and %u more wordings", l->n_wordings - 1);
        for (uint32_t k = 0; k < l->n_requires; k++) {
            fprintf(w->out, "%s `%s` is ", k == 0 ? "; asked only of cases whose" : " and whose",
                    w->s->columns[l->requires[k].column]);
            for (uint32_t v = 0; v < l->requires[k].n_values; v++)
                fprintf(w->out, "%s`%s`", v > 0 ? " or " : "", l->requires[k].values[v]);
        }
        fputc('\n', w->out);
    }
    fputc('\n', w->out);
}

static void write_models(const struct writing *w)
{
    for (uint32_t m = 0; m < w->s->n_models; m++) {
        const struct cs_model *model = &w->s->models[m];
        fprintf(w->out, "- `%s`, sent as `%s`, parameters `%s`", model->name, model->model, model->parameters);
        if (model->max_output_tokens > 0)
            fprintf(w->out, ", at most %u tokens out", model->max_output_tokens);
        fprintf(w->out, ", a call ends after %g s%s\n", model->timeout_ms / 1000.0,
                w->s->accounts[model->account].simulated ? " (a simulated model)" : "");
    }
    fputc('\n', w->out);
}

static void write_prompts(const struct writing *w)
{
    for (uint32_t i = 0; i < w->s->n_prompts; i++) {
        const struct cs_template_set *p = &w->s->prompts[i];
        if (p->when[0] != '\0')
            fprintf(w->out, "Where %s:\n\n", p->when);
        if (p->system[0] != '\0')
            quote(w->out, p->system);
        if (p->turns == NULL)
            quote(w->out, p->user);
        for (uint32_t k = 0; k < p->n_turns; k++) {
            fprintf(w->out, "%s%s:\n\n",
                    p->turns[k].by_model ? "Then a reply that is given"
                    : k == 0             ? "First"
                                         : "Then",
                    p->turns[k].each != 0 ? ", for each element of a list" : "");
            quote(w->out, p->turns[k].text);
        }
    }
    for (uint32_t q = 0; q < w->s->n_questions; q++) {
        fprintf(w->out, "Question `%s`:\n\n", w->s->questions[q].name);
        quote(w->out, w->s->questions[q].ask);
    }
}

/* What the model may look up, and what it is told. */
static void write_tools(const struct writing *w)
{
    for (uint32_t i = 0; i < w->s->n_toolsets; i++) {
        const struct cs_toolset *set = &w->s->toolsets[i];
        fprintf(
            w->out,
            "### Tools\n\nBefore it answers, the model may make up to %u calls of these%s. Nothing is run: what they return is fixed.\n\n",
            set->max_calls, set->all ? "; who has not used all of them is reminded once" : "");
        for (uint32_t k = 0; k < set->n_tools; k++) {
            const struct cs_tool *t = &set->tools[k];
            fprintf(w->out, "`%s`:\n\n", t->name);
            quote(w->out, t->describe);
            if (t->returns != NULL) {
                fputs("returns:\n\n", w->out);
                quote(w->out, t->returns);
            } else {
                fprintf(w->out, "returns what a table of %u rows has for its arguments and the case.\n\n",
                        t->n_cells / (t->n_keys + 1));
            }
        }
        if (set->all) {
            fputs("The reminder:\n\n", w->out);
            quote(w->out, set->remind);
        }
        fputs("When it stops calling:\n\n", w->out);
        quote(w->out, set->last);
    }
}

/* What one trial is, in words. */
static const char *kind_of_trial(const struct writing *w)
{
    if (cs_tools_is_used(w->s))
        return "one in which sources may be looked up before the answer; each call sends all that was said, called and "
               "returned before it";
    if (cs_script_is_used(w->s))
        return "one whose user's texts are fixed beforehand; each call sends the texts of all turns before it, and "
               "reasoning that a vendor returns apart from a reply is not shown to the model again, what a model writes "
               "into the reply itself is";
    return "call without history";
}

static void write_design(const struct writing *w)
{
    const bool talks = cs_script_is_used(w->s);
    fprintf(w->out,
            "## Design\n\n%u cases in %u clusters (a cluster is a base case with all its versions, and the unit of "
            "statistics)",
            w->s->n_cases, w->cases.n_clusters);
    for (uint32_t i = 0; i < w->s->n_strata; i++)
        fprintf(w->out, "%s`%s`", i == 0 ? ", described by " : ", ", w->s->columns[w->s->strata[i]]);
    fprintf(w->out,
            ". %" PRIu64 " %s are planned: every combination as often as the study file says, in %zu block%s, each an "
            "independent %s.\n\n",
            w->plan->n_planned, talks ? "conversations" : "calls", (size_t)w->s->n_rects, w->s->n_rects == 1 ? "" : "s",
            kind_of_trial(w));
    for (uint32_t f = 0; f < w->s->n_factors; f++)
        write_levels(w, &w->s->factors[f]);
    fputs("### Models\n\n", w->out);
    write_models(w);
    fputs("### Prompt\n\n`{{...}}` stands for the text of the case, of a level, and the question.\n\n", w->out);
    write_prompts(w);
    write_tools(w);
    fprintf(
        w->out,
        "Cases are worked through in a random order, the same for every model, and within a case all conditions, questions "
        "and repeats are shuffled (seed %" PRIu64 "): drift of a model cannot pass for an effect.\n\n",
        w->s->seed);
}

/* ---- estimands --------------------------------------------------------------------------------------------------- */

static const char *said_of(const struct writing *w, const struct cs_report_outcome *o, const char *key)
{
    const struct cs_json *primary = cs_json_object_get(w->analysis, "primary"),
                         *said = cs_json_object_get(primary, o->field);
    if (said == NULL)
        said = cs_json_object_get(primary, o->name);
    return cs_json_string_value(cs_json_object_get(said, key));
}

static void write_contrasts(const struct writing *w)
{
    const struct cs_declared_analysis *d = &w->declared;
    for (uint32_t i = 0, n = 0; i < d->n_contrasts; i++) {
        const struct cs_spec_contrast *c = &d->contrasts[i];
        if (c->floor || c->exploratory)
            continue;
        fprintf(w->out, "%s`%s` minus `%s`", n++ > 0 ? "; " : "", w->s->factors[c->factor].levels[c->level].id,
                c->comparator_text);
        if (c->stratum != CS_NONE)
            fprintf(w->out, " where `%s` is `%s`", w->s->columns[w->s->strata[c->stratum]],
                    w->cases.strata[c->stratum].values[c->value]);
    }
}

/* How a derived answer comes about. */
static void write_rule(const struct writing *w, const struct cs_report_outcome *o)
{
    struct cs_buf words = CS_BUF_INIT(CS_TEXT_MAX);
    for (uint32_t q = 0; q < w->s->n_questions && o->derived; q++) {
        const struct cs_question *question = &w->s->questions[q];
        for (uint32_t i = 0; i < question->n_derived; i++) {
            if (strcmp(question->name, o->question) == 0 && strcmp(question->derived[i].name, o->field) == 0)
                cs_rule_words(w->s, question, &question->derived[i], &words);
        }
    }
    if (words.len > 0)
        fprintf(w->out, "- **Derived** from the answers: %s.\n", cs_buf_cstr(&words));
    cs_buf_release(&words);
}

static void write_estimand(const struct writing *w, const struct cs_report_outcome *o)
{
    const char *why = said_of(w, o, "why"), *margin = said_of(w, o, "margin");
    const bool share = o->kind == CS_OUTCOME_BINARY || o->kind == CS_OUTCOME_CATEGORY;
    fprintf(w->out, "### %s\n\n", o->label);
    fprintf(
        w->out,
        "- **Population**: the %u cases of this study, each cluster once. Whom they stand for: *the author must say*.\n",
        w->s->n_cases);
    fputs("- **Contrast**: ", w->out);
    write_contrasts(w);
    fprintf(w->out, "; in each model by itself.\n- **Answer**: %s, in %s; a positive difference means %s.\n",
            share                           ? "the share of this answer"
            : o->kind == CS_OUTCOME_ORDINAL ? "the mean step of the scale"
                                            : "the mean",
            o->unit, o->up);
    write_rule(w, o);
    fputs(
        share
            ? "- **Refusals, filtered and unreadable answers** count as \"not this answer\"; the difference in usable answers stands "
              "beside, and the worst and the best case that they leave open must give the same verdict.\n"
            : "- **Refusals, filtered and unreadable answers** are in no mean; the difference in usable answers stands beside, and "
              "the worst and the best case that they leave open must give the same verdict.\n",
        w->out);
    fputs(
        "- **Failures and timeouts** are missing data, never a \"no\": they stand in the worst and the best case; where over 5 % of a "
        "side are lost, or they could change the verdict, there is none. Their rate by arm is tested and said first.\n",
        w->out);
    fputs("- **Weight**: every cluster counts once; within it repeats, wordings and other factors are averaged.\n",
          w->out);
    fprintf(w->out, "- **Margin**: %s, the largest difference that is called unimportant. Reason: %s\n\n",
            margin != NULL ? margin : "none", why != NULL ? why : "*the author must say (`why:` beside `margin:`).*");
}

static void write_estimands(const struct writing *w)
{
    uint32_t primary = 0;
    fputs("## Estimands\n\n", w->out);
    for (uint32_t i = 0; i < w->declared.n_outcomes; i++) {
        if (w->declared.outcomes[i].role != CS_OUTCOME_PRIMARY)
            continue;
        write_estimand(w, &w->declared.outcomes[i]);
        primary++;
    }
    if (primary == 0)
        fputs("The study declares no primary outcome: everything that it finds is exploratory.\n\n", w->out);
    for (uint32_t i = 0, n = 0; i < w->declared.n_outcomes; i++) {
        if (w->declared.outcomes[i].role == CS_OUTCOME_EXPLORATORY)
            fprintf(w->out, "%s%s", n++ == 0 ? "Exploratory: " : ", ", w->declared.outcomes[i].label);
    }
    fputs("\n\n", w->out);
}

/* ---- analysis ---------------------------------------------------------------------------------------------------- */

static const char *method_of(const char *adjust)
{
    static const char *const names[][2] = {{"holm", "Holm's method"},
                                           {"max-t", "step-down max-T"},
                                           {"bh", "Benjamini and Hochberg's method"},
                                           {"by", "Benjamini and Yekutieli's method"},
                                           {"none", "nothing: each stands alone"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i][0], adjust) == 0)
            return names[i][1];
    }
    return adjust;
}

static void write_analysis(const struct writing *w)
{
    fprintf(
        w->out,
        "## Analysis\n\nOne difference per cluster, a t test and interval on these (clusters - 1 degrees of freedom). The %u primary "
        "comparisons are one family at alpha %g, adjusted by %s; exploratory ones are adjusted apart. Equivalence by two one-sided "
        "tests at the margin, adjusted likewise.\n\n",
        w->power->family, w->power->alpha, method_of(w->power->adjust));
    fputs(
        "Verdicts: *different, beyond the margin*; *different, size unclear*; *different, smaller than the margin*; *equivalent*; else "
        "*inconclusive*, which is no statement that there is no difference. No verdict before the study is complete, with fewer than 5 "
        "clusters, or between sides that were not asked at the same time.\n\n",
        w->out);
}

static void write_power(const struct writing *w)
{
    fputs("## Power\n\n", w->out);
    if (w->power->n_rows == 0) {
        fputs("There is nothing to compute it for.\n\n", w->out);
        return;
    }
    fputs(
        "| answer | comparisons | clusters | margin | spread over cases | noise | smallest difference found 9 times in 10 | power for "
        "equivalence |\n|---|---|---|---|---|---|---|---|\n",
        w->out);
    for (uint32_t i = 0; i < w->power->n_rows; i++) {
        const struct cs_power_row *r = &w->power->rows[i];
        fprintf(w->out, "| %s | %u | %u | %g %s | %g (%s) | %g (%s) | ", r->outcome, r->comparisons, r->clusters,
                r->margin, r->unit, r->tau, r->tau_declared ? "declared" : "assumed", r->noise,
                r->noise_declared ? "declared" : "assumed");
        if (r->known)
            fprintf(w->out, "%.2g %s | %.0f %% |\n", r->smallest, r->unit, 100 * r->equivalence);
        else
            fputs("not known | not known |\n", w->out);
    }
    fputc('\n', w->out);
}

static void write_stopping(const struct writing *w)
{
    fputs(
        "## Stopping\n\nThe study is over when every planned trial has an answer or a final failure. Differences are not looked at before, and "
        "no result stops it",
        w->out);
    if (w->s->budget_nano_usd >= 0)
        fprintf(w->out, "; a budget of $%.2f may, and an incomplete study has no verdicts",
                (double)w->s->budget_nano_usd / 1e9);
    fputs(
        ". A pilot is a run of the first cases; its report shows noise, refusals, failures and prices, not differences, unless it is unblinded, "
        "which every later report says. Answers are asked once; a timeout or an unparsable answer may be asked again once by a declared act, "
        "and then findings are given with the first and with the later answers.\n\n",
        w->out);
}

static void write_sensitivity(const struct writing *w)
{
    bool placebo = false, aa = false;
    for (uint32_t f = 0; f < w->s->n_factors; f++) {
        placebo = placebo || cs_analysis_declared_level_of_role(&w->s->factors[f], CS_ROLE_PLACEBO) != CS_REPORT_NONE;
        aa = aa || cs_analysis_declared_level_of_role(&w->s->factors[f], CS_ROLE_AA) != CS_REPORT_NONE;
    }
    fputs(
        "## Sensitivity analyses\n\n- worst and best case for all unusable and missing answers\n- a sign-flip test beside each t test, exact "
        "McNemar where each cluster gives one pair\n- the first answers and those asked again, where any were\n- three components: systematic "
        "difference, sensitivity to the case, noise of asking again\n- each primary comparison under every combination of the other ways to "
        "count that the answers allow: the first answers, a strict reading, every second repeat, refusals as missing, each case a unit, the "
        "placebo sentences in the place of the control\n",
        w->out);
    if (placebo)
        fputs("- each difference beside the range of the placebo sentences, which should not matter\n", w->out);
    if (aa)
        fputs("- the A/A levels: the same text asked separately\n", w->out);
    if (w->declared.warrant.pairs > 0)
        fprintf(w->out, "- %u (case, level, answer) where a difference was declared warranted, apart from the rest\n",
                w->declared.warrant.pairs);
    fputc('\n', w->out);
}

static enum cs_err ignore_chunk(void *self, const uint8_t digest[32], const void *bytes, uint32_t n,
                                struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

static enum cs_err write_digests(const struct writing *w, struct cs_error *err)
{
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    uint8_t digest[32];
    char hex[65];
    enum cs_err rc = cs_spec_pack(w->s, &w->l->cases, &spec, ignore_chunk, NULL, err);
    if (rc == CS_OK) {
        cs_digest_blake2b_256(spec.data, spec.len, digest);
        cs_digest_hex(digest, 32, hex);
        fprintf(w->out,
                "## Digests\n\nWhoever has the study file and clinsafe %s can check them with `clinsafe protocol`.\n\n"
                "- of the study (design, cases, prompts, models, analysis): `%s`\n",
                cs_version, hex);
        cs_digest_hex(w->s->analysis_digest, 32, hex);
        fprintf(w->out, "- of the analysis: `%s`\n\nThe analysis, word for word:\n\n```json\n%s\n```\n", hex,
                w->s->analysis);
    }
    cs_buf_release(&spec);
    return rc;
}

enum cs_err cs_plan_protocol_write(const struct cs_plan *plan, const struct cs_loaded *l,
                                   const struct cs_plan_power *power, FILE *out, struct cs_error *err)
{
    struct writing w = {.plan = plan, .s = l->study, .l = l, .power = power, .out = out};
    enum cs_err rc = cs_case_facts_read(&w.cases, l->study, &l->cases, err);
    if (rc == CS_OK)
        rc = cs_analysis_declared_read(&w.declared, l->study, &w.cases, err);
    if (rc == CS_OK) {
        w.analysis = cs_json_loads(l->study->analysis, 0, NULL);
        fprintf(out, "# %s\n\nProtocol of the study `%s`, made from its file by clinsafe %s.\n\n",
                l->study->title[0] != '\0' ? l->study->title : l->study->name, l->study->name, cs_version);
        write_design(&w);
        write_estimands(&w);
        write_analysis(&w);
        write_power(&w);
        write_stopping(&w);
        write_sensitivity(&w);
        rc = write_digests(&w, err);
    }
    cs_json_decref(w.analysis);
    cs_analysis_declared_release(&w.declared);
    cs_case_facts_release(&w.cases);
    return rc;
}

/* ---- what comes back ----------------------------------------------------------------------------------------------- */

static bool is_date(const char *text)
{
    struct tm tm = {0};
    const char *rest = strlen(text) == 10 ? strptime(text, "%Y-%m-%d", &tm) : NULL;
    return rest != NULL && *rest == '\0';
}

enum cs_err cs_plan_protocol_registered(const char *path, struct cs_arena *arena,
                                        struct cs_plan_protocol_registered *out, struct cs_error *err)
{
    static const char *const keys[] = {"doi", "url", "tag", "date", NULL}, *const words[] = {"DOI", "", "tag"};
    const struct cs_yaml *doc;
    const struct cs_node *date;
    const char *text;
    uint32_t n = 0;
    enum cs_err rc = cs_yaml_load(path, arena, &doc, err);
    if (rc == CS_OK)
        rc = cs_node_map(doc->root, "a registration", keys, err);
    for (uint32_t i = 0; i < 3 && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(doc->root, keys[i]);
        if (v == NULL)
            continue;
        rc = cs_node_text(v, keys[i], &text, err);
        out->what = cs_arena_printf(arena, "%s%s%s", words[i], words[i][0] != '\0' ? " " : "", text);
        n++;
    }
    if (rc == CS_OK && n != 1)
        rc = cs_yaml_fail(doc->root, err,
                          "a registration has one of doi, url and tag; write {doi: ..., date: 2026-03-01}");
    if (rc == CS_OK)
        rc = cs_node_need(doc->root, "a registration", "date", &date, err);
    if (rc == CS_OK)
        rc = cs_node_text(date, "date", &out->date, err);
    if (rc == CS_OK && !is_date(out->date))
        rc = cs_yaml_fail(date, err, "date is \"%s\"; write it as in 2026-03-01", out->date);
    return rc;
}
