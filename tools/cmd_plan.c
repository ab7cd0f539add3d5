/* clinsafe plan - what a study file means, before a cent is spent. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "protocol/study/sunset.h"
#include "protocol/study/applies.h"
#include "protocol/study/judge.h"
#include "protocol/study/render.h"
#include "tools/base/part_file.h"
#include "tools/base/study_dir.h"
#include "tools/base/text.h"
#include "tools/commands.h"
#include "tools/fleet/unanswered.h"
#include "tools/judged/leaked.h"
#include "tools/plan/already_paid.h"
#include "tools/plan/estimate.h"
#include "tools/plan/fits.h"
#include "tools/plan/fleet.h"
#include "tools/plan/identifiers.h"
#include "tools/plan/judges_near.h"
#include "tools/plan/lint.h"
#include "tools/plan/opening.h"
#include "tools/plan/power.h"
#include "tools/plan/prompt_book.h"

enum { EXAMPLES = 2 };

struct example {
    struct cs_coords at;
    struct cs_prompt prompt;
    const char *shown; /* of it */
};

struct planned {
    struct cs_loaded loaded;
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_estimate survey;
    struct cs_already_paid paid;
    struct cs_unanswered standing;
    const char *path; /* the study file's path */
    struct cs_plan_power power;
    struct cs_opening opening;
    bool sized; /* what fleet it takes is asked for */
    struct cs_plan_fleet fleet;
    struct cs_lint lint;
    struct cs_error barred; /* why no account may see the cases; code CS_OK: they may */
    struct example examples[EXAMPLES];
    unsigned n_examples;
};

static const char *role_name(enum cs_role r)
{
    static const char *const names[] = {"", "control", "placebo", "aa"};
    return names[r];
}

/* ---- examples: the first case under its first cell, and under the first cell that differs ----------- */

static enum cs_err make_examples(struct planned *p, struct cs_error *err)
{
    const struct cs_study *s = p->plan.study;
    const struct cs_plan_lane *lane = &p->plan.lanes[0];
    for (unsigned i = 0; i < EXAMPLES; i++)
        p->examples[i].prompt = CS_PROMPT_INIT;
    for (uint32_t cell = 0; s->n_cases > 0 && cell < lane->n_cells && p->n_examples < EXAMPLES; cell++) {
        struct example *e = &p->examples[p->n_examples];
        cs_plan_cell(&p->plan, 0, 0, cell, &e->at);
        if (!cs_applies_cell(s, &e->at, &p->loaded.all[0]))
            continue;
        enum cs_err rc = cs_render(s, &e->at, &p->loaded.all[0], &e->prompt, err);
        if (rc != CS_OK)
            return rc;
        e->shown = cs_render_shown(&e->prompt);
        if (p->n_examples == 0 || strcmp(e->shown, p->examples[0].shown) != 0)
            p->n_examples++;
    }
    return CS_OK;
}

/* Prompts of a lane, over all cases. */
static uint64_t requests_of(const struct planned *p, uint32_t lane)
{
    const struct cs_study *s = p->plan.study;
    const uint32_t cells = p->plan.lanes[lane].n_cells;
    uint64_t n = 0;
    if (!cs_applies_is_used(s))
        return (uint64_t)cells * s->n_cases;
    for (uint32_t c = 0; c < s->n_cases; c++) {
        for (uint32_t i = 0; i < cells; i++) {
            struct cs_coords at;
            cs_plan_cell(&p->plan, lane, c, i, &at);
            n += cs_applies_cell(s, &at, &p->loaded.all[c]);
        }
    }
    return n;
}

/* Cases that a level applies to. */
static uint32_t cases_of(const struct planned *p, const struct cs_level *l)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < p->plan.study->n_cases; c++)
        n += cs_applies_level(l, &p->loaded.all[c]);
    return n;
}

static void condition_text(const struct cs_study *s, const struct cs_coords *at, struct cs_buf *out)
{
    for (uint32_t f = 0; f < s->n_factors; f++)
        cs_buf_printf(out, "%s%s=%s", f > 0 ? ", " : "", s->factors[f].name,
                      s->factors[f].levels[at->arms[f].level].id);
}

/* ---- text --------------------------------------------------------------------------------------- */

static void print_factor(const struct cs_study *s, uint32_t f, const struct cs_estimate *v, FILE *out)
{
    const struct cs_factor *factor = &s->factors[f];
    uint32_t controls = 0, placebos = 0, aa = 0, wordings = 0;
    for (uint32_t i = 0; i < factor->n_levels; i++) {
        const struct cs_level *l = &factor->levels[i];
        controls += l->role == CS_ROLE_CONTROL;
        placebos += l->role == CS_ROLE_PLACEBO;
        aa += l->role == CS_ROLE_AA;
        wordings += l->n_wordings;
    }
    fprintf(out, "\n  %s: %u levels (%u control, %u placebo, %u A/A), %u wordings%s\n", factor->name, factor->n_levels,
            controls, placebos, aa, wordings, factor->joined ? ", chosen by the case" : "");
    for (uint32_t i = 0; i < factor->n_levels; i++) {
        const struct cs_level *l = &factor->levels[i];
        char times[32] = "", length[32] = "not in the plan";
        if (l->repeats_times > 1)
            snprintf(times, sizeof times, "repeats x %u", l->repeats_times);
        if (v->level_chars[f][i] >= 0)
            snprintf(length, sizeof length, "%.0f bytes a request", v->level_chars[f][i]);
        fprintf(out, "    %-28s %-8s %-13s %s\n", l->id, role_name(l->role), times, length);
    }
}

static void print_sunsets(const struct planned *p, FILE *out)
{
    char words[160];
    for (uint32_t i = 0; i < p->plan.n_lanes; i++) {
        const struct cs_model *m = &p->plan.study->models[i];
        cs_sunset_words(m->sunset_ms, cs_clock_wall_ms(), p->survey.lanes[i].minutes_min * 60, words, sizeof words);
        if (words[0] != '\0')
            fprintf(out, "%s: %s.\n", m->name, words);
    }
}

static void print_lanes(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    fprintf(out, "\n%-24s %12s %10s %17s %19s %22s  %s\n", "model", "trials", "requests", "tokens in", "tokens out",
            "price", "time at its limits");
    for (uint32_t i = 0; i < p->plan.n_lanes; i++) {
        const struct cs_estimate_lane *l = &p->survey.lanes[i];
        char trials[CS_TEXT_MAX_LEN], prompts[CS_TEXT_MAX_LEN], in[CS_TEXT_MAX_LEN], whole[CS_TEXT_MAX_LEN],
            low[CS_TEXT_MAX_LEN], high[CS_TEXT_MAX_LEN], time[CS_TEXT_MAX_LEN], price[64] = "unknown", tokens[64],
                                                                                input[64];
        snprintf(input, sizeof input, "%s - %s", cs_text_tokens(in, l->input_tokens),
                 cs_text_tokens(whole, l->input_high));
        snprintf(tokens, sizeof tokens, "%s - %s", cs_text_tokens(low, l->output_low),
                 l->output_high != 0 ? cs_text_tokens(high, l->output_high) : "no cap");
        if (l->usd_low >= 0)
            snprintf(price, sizeof price, "$%.2f - $%.2f", l->usd_low, l->usd_high);
        fprintf(out, "%-24s %12s %10s %17s %19s %22s  %s\n", s->models[i].name,
                cs_text_count(trials, p->plan.lanes[i].n_planned), cs_text_count(prompts, requests_of(p, i)), input,
                tokens, price, l->minutes_min > 0 ? cs_text_duration(time, l->minutes_min * 60) : "no limit declared");
    }
    print_sunsets(p, out);
    for (uint32_t i = 0; cs_image_is_used(s) && i < p->plan.n_lanes; i++) {
        if (!cs_images_counted(s, &s->models[i]))
            fprintf(
                out,
                "  %s: what an image counts there is unknown, and is not in these figures; images: {tokens: N} of this "
                "model in the providers file says it.\n",
                s->models[i].name);
    }
    for (uint32_t i = 0; cs_script_is_used(s) && i < p->plan.n_lanes; i++) {
        char calls[CS_TEXT_MAX_LEN];
        fprintf(
            out, "%s  %s: %s calls, one a turn; each sends all that was said before once more%s.\n", i == 0 ? "\n" : "",
            s->models[i].name, cs_text_count(calls, p->survey.lanes[i].calls),
            cs_request_marks(&s->accounts[s->models[i].account])
                ? ", and what another turn of the same form shares is marked for the provider's cache: this price counts on none of it"
                : "");
    }
}

static void print_paid(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    const bool all = p->paid.sampled == s->n_cases;
    if (p->paid.lanes == NULL)
        return;
    fprintf(out, "\nPaid for already%s:\n", all ? "" : ", estimated");
    for (uint32_t i = 0; i < p->plan.n_lanes; i++) {
        const struct cs_already_paid_lane *l = &p->paid.lanes[i];
        const double share = (double)(l->own + l->borrowed) / (double)l->looked_up;
        char count[CS_TEXT_MAX_LEN];
        const uint64_t n = (uint64_t)(share * (double)p->plan.lanes[i].n_planned + 0.5);
        fprintf(out, "  %-24s %12s trials, %5.1f %%", s->models[i].name, cs_text_count(count, n), 100 * share);
        if (l->borrowed > 0)
            fprintf(out, " (%.1f %% by another study)", 100 * (double)l->borrowed / (double)l->looked_up);
        if (p->survey.lanes[i].usd_low >= 0)
            fprintf(out, "; left to pay $%.2f - $%.2f", p->survey.lanes[i].usd_low * (1 - share),
                    p->survey.lanes[i].usd_high * (1 - share));
        fputc('\n', out);
    }
    if (!all)
        fprintf(out, "  (%u of %u cases looked up)\n", p->paid.sampled, s->n_cases);
}

/* What stands is of the study as it ran last: this file may name other models. */
static void print_standing(const struct planned *p, FILE *out)
{
    uint64_t stand = 0;
    for (uint32_t i = 0; i < p->standing.n; i++)
        stand += p->standing.lanes[i].timeouts + p->standing.lanes[i].unparsable;
    if (stand == 0)
        return;
    char *command = cs_xasprintf("clinsafe run %s", p->path);
    fprintf(out, "\nAnswers that may be asked again:\n");
    cs_unanswered_print(&p->standing, out, command, "--retry-");
    free(command);
}

static void print_notes(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    const struct cs_estimate *v = &p->survey;
    if (v->n_alike > 0)
        fprintf(out,
                "\nLevels that give the same request (each is still asked on its own; %u of %u cases looked at):\n",
                v->sampled, s->n_cases);
    for (uint32_t i = 0; i < v->n_alike; i++) {
        const struct cs_factor *f = &s->factors[v->alike[i].factor];
        fprintf(out, "  %s: %s and %s", f->name, f->levels[v->alike[i].a].id, f->levels[v->alike[i].b].id);
        if (v->alike[i].lanes < s->n_models)
            fprintf(out, " (in %u of %u models, for example %s)", v->alike[i].lanes, s->n_models,
                    s->models[v->alike[i].lane].name);
        fputc('\n', out);
    }
    if (v->n_doubts > 0)
        fprintf(out, "\nInsertion points to look at:\n");
    for (uint32_t i = 0; i < v->n_doubts; i++)
        fprintf(out, "  %s: %u cases, for example %s: %s\n", s->factors[v->doubts[i].factor].name, v->doubts[i].cases,
                p->loaded.all[v->doubts[i].case_index].id, v->doubts[i].why);
    if (v->n_same > 0)
        fprintf(out, "\n%u cases repeat the text of an earlier one, for example %s and %s.\n", v->n_same,
                p->loaded.all[v->same_a].id, p->loaded.all[v->same_b].id);
}

static void print_examples(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    for (unsigned i = 0; i < p->n_examples; i++) {
        const struct example *e = &p->examples[i];
        struct cs_buf cond = CS_BUF_INIT(4096);
        condition_text(s, &e->at, &cond);
        fprintf(out, "\n--- example %u: case %s%s%s\n", i + 1, p->loaded.all[0].id, cond.len > 0 ? ", " : "",
                cs_buf_cstr(&cond));
        if (e->prompt.system.len > 0)
            fprintf(out, "[system] %s\n", cs_buf_cstr(&e->prompt.system));
        fprintf(out, "[user] %s\n", e->shown);
        cs_buf_release(&cond);
    }
}

/* What only some readers need: lengths, tokens, digests, formulas. */
static void print_details(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    char hex[65];
    fprintf(out, "\nFactors%s\n", s->n_factors == 0 ? ": none" : "");
    for (uint32_t f = 0; f < s->n_factors; f++)
        print_factor(s, f, &p->survey, out);
    fprintf(
        out,
        "\nSeed %" PRIu64
        ". Tokens and prices are estimates from %u cases: words, digits and signs, between a\nlarge vocabulary and a small one.\n",
        s->seed, p->survey.sampled);
    cs_digest_hex(s->analysis_digest, 32, hex);
    fprintf(out, "\nDeclared analysis: %s\n", strcmp(s->analysis, "{}") == 0 ? "none" : hex);
    cs_plan_power_text(&p->power, out);
}

/* A factor in a line, its levels as far as there is room. */
static void print_levels(const struct planned *p, FILE *out)
{
    enum { SHOWN = 16 };
    const struct cs_study *s = p->plan.study;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_factor *factor = &s->factors[f];
        fprintf(out, "%s%s, %u levels:", f == 0 ? "\n" : "", factor->name, factor->n_levels);
        for (uint32_t i = 0; i < factor->n_levels && i < SHOWN; i++) {
            const struct cs_level *l = &factor->levels[i];
            fprintf(out, "%s %s", i > 0 ? "," : "", l->id);
            if (l->role != CS_ROLE_LEVEL && strcmp(l->id, role_name(l->role)) != 0)
                fprintf(out, " (%s)", l->role == CS_ROLE_AA ? "A/A" : role_name(l->role));
            if (l->repeats_times > 1)
                fprintf(out, " x%u", l->repeats_times);
            if (l->n_requires > 0)
                fprintf(out, " (in %u of %u cases)", cases_of(p, l), s->n_cases);
        }
        fprintf(out, factor->n_levels > SHOWN ? ", and %u more\n" : "\n", factor->n_levels - SHOWN);
    }
}

static void print_warnings(const struct planned *p, FILE *out)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    if (to == NULL)
        return;
    unsigned lines = cs_opening_warnings(&p->opening, &p->plan, &p->survey, to);
    if (p->barred.code != CS_OK)
        lines += fprintf(to, "  `run` will refuse: %s.\n", p->barred.msg) > 0;
    if (p->lint.n_groups > 0)
        lines += fprintf(to, "  %u kind%s of contradictions and leftovers in cases and levels: below.\n",
                         p->lint.n_groups, p->lint.n_groups == 1 ? "" : "s") > 0;
    fclose(to);
    if (lines > 0)
        fprintf(out, "Before you pay:\n%s", text);
    free(text);
}

/* What a judge sees of where outputs come from, and what its unreadable replies may cost. */
static void print_blinding(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    struct cs_arena arena = {0};
    struct cs_judge judge;
    if (cs_judge_parse(s->judge, &arena, &judge, NULL) != CS_OK) /* the loader has read it before */
        judge = (struct cs_judge){0};
    for (uint32_t i = 0; i < judge.n_shows; i++)
        fprintf(out, "%s%s%s", i == 0 ? "The judge may be shown where outputs come from: " : ", ", judge.shows[i],
                i + 1 == judge.n_shows ? ".\n" : "");
    if (s->parent != NULL)
        cs_leaked_print(s->parent, judge.n_hidden > 0, out);
    if (judge.again > 0)
        fprintf(out,
                "A reply that cannot be parsed is drawn again, at most %u times: at the very worst %u times the price "
                "below.\n",
                judge.again, judge.again + 1);
    cs_arena_release(&arena);
}

static void print_text(const struct planned *p, bool details, FILE *out)
{
    cs_opening_text(&p->opening, &p->plan, &p->power, p->survey.clusters, out);
    cs_judges_near_print(p->plan.study, out);
    print_blinding(p, out);
    print_warnings(p, out);
    print_lanes(p, out);
    print_paid(p, out);
    print_standing(p, out);
    print_levels(p, out);
    print_notes(p, out);
    cs_lint_text(&p->lint, &p->loaded, details, out);
    if (details)
        print_details(p, out);
    print_examples(p, out);
    if (!details)
        fprintf(out,
                "\nLengths, digests and the formulas behind the figures: --details. Every prompt: --prompts FILE.\n");
}

/* ---- JSON ----------------------------------------------------------------------------------------- */

static struct cs_json *json_factors(const struct planned *p)
{
    const struct cs_study *s = p->plan.study;
    struct cs_json *factors = cs_json_array();
    for (uint32_t f = 0; f < s->n_factors; f++) {
        struct cs_json *levels = cs_json_array();
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++) {
            const struct cs_level *l = &s->factors[f].levels[i];
            struct cs_json *o = cs_json_pack("{s:s, s:s, s:i, s:i}", "id", l->id, "role", role_name(l->role),
                                             "wordings", (int)l->n_wordings, "repeats_times", (int)l->repeats_times);
            if (l->n_requires > 0)
                cs_json_object_set_new(o, "cases", cs_json_integer(cases_of(p, l)));
            if (p->survey.level_chars[f][i] >= 0)
                cs_json_object_set_new(o, "mean_request_bytes", cs_json_real(p->survey.level_chars[f][i]));
            cs_json_array_append_new(levels, o);
        }
        cs_json_array_append_new(factors, cs_json_pack("{s:s, s:b, s:o}", "name", s->factors[f].name, "joined",
                                                       (int)s->factors[f].joined, "levels", levels));
    }
    return factors;
}

static struct cs_json *json_lanes(const struct planned *p)
{
    const struct cs_study *s = p->plan.study;
    struct cs_json *lanes = cs_json_array();
    for (uint32_t i = 0; i < p->plan.n_lanes; i++) {
        const struct cs_estimate_lane *l = &p->survey.lanes[i];
        const struct cs_model *m = &s->models[i];
        struct cs_json *o = cs_json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "model", m->name,
                                         "model_sent", m->model, "account", s->accounts[m->account].name, "trials",
                                         (int64_t)p->plan.lanes[i].n_planned, "distinct_requests",
                                         (int64_t)requests_of(p, i), "input_tokens", (int64_t)l->input_tokens,
                                         "input_tokens_high", (int64_t)l->input_high, "output_tokens_low",
                                         (int64_t)l->output_low, "output_tokens_high", (int64_t)l->output_high);
        if (l->usd_low >= 0) {
            cs_json_object_set_new(o, "low_usd", cs_json_real(l->usd_low));
            cs_json_object_set_new(o, "high_usd", cs_json_real(l->usd_high));
        }
        if (p->paid.lanes != NULL) {
            const struct cs_already_paid_lane *paid = &p->paid.lanes[i];
            cs_json_object_set_new(o, "paid",
                                   cs_json_pack("{s:I, s:I, s:I}", "looked_up", (int64_t)paid->looked_up, "own",
                                                (int64_t)paid->own, "borrowed", (int64_t)paid->borrowed));
        }
        if (cs_script_is_used(s))
            cs_json_object_set_new(o, "calls", cs_json_integer((int64_t)l->calls));
        if (l->minutes_min > 0)
            cs_json_object_set_new(o, "minutes_at_limits", cs_json_real(l->minutes_min));
        if (m->sunset_ms != 0) {
            char day[16];
            cs_sunset_day(m->sunset_ms, day);
            cs_json_object_set_new(o, "sunset", cs_json_string(day));
        }
        cs_json_array_append_new(lanes, o);
    }
    return lanes;
}

static struct cs_json *json_standing(const struct planned *p)
{
    struct cs_json *list = cs_json_array();
    for (uint32_t i = 0; i < p->standing.n; i++) {
        const struct cs_unanswered_lane *l = &p->standing.lanes[i];
        cs_json_array_append_new(list,
                                 cs_json_pack("{s:s, s:I, s:I, s:I}", "model", l->model, "answers", (int64_t)l->answers,
                                              "timeouts", (int64_t)l->timeouts, "unparsable", (int64_t)l->unparsable));
    }
    return list;
}

static struct cs_json *json_notes(const struct planned *p, struct cs_json *root)
{
    const struct cs_study *s = p->plan.study;
    const struct cs_estimate *v = &p->survey;
    struct cs_json *alike = cs_json_array(), *doubts = cs_json_array(), *examples = cs_json_array();
    for (uint32_t i = 0; i < v->n_alike; i++) {
        const struct cs_factor *f = &s->factors[v->alike[i].factor];
        cs_json_array_append_new(alike, cs_json_pack("{s:s, s:s, s:s, s:i}", "factor", f->name, "a",
                                                     f->levels[v->alike[i].a].id, "b", f->levels[v->alike[i].b].id,
                                                     "models", (int)v->alike[i].lanes));
    }
    for (uint32_t i = 0; i < v->n_doubts; i++)
        cs_json_array_append_new(doubts,
                                 cs_json_pack("{s:s, s:i, s:s, s:s}", "factor", s->factors[v->doubts[i].factor].name,
                                              "cases", (int)v->doubts[i].cases, "example",
                                              p->loaded.all[v->doubts[i].case_index].id, "why", v->doubts[i].why));
    for (unsigned i = 0; i < p->n_examples; i++) {
        const struct example *e = &p->examples[i];
        struct cs_json *condition = cs_json_object();
        for (uint32_t f = 0; f < s->n_factors; f++)
            cs_json_object_set_new(condition, s->factors[f].name,
                                   cs_json_string(s->factors[f].levels[e->at.arms[f].level].id));
        cs_json_array_append_new(examples,
                                 cs_json_pack("{s:s, s:o, s:s, s:s, s:s}", "case", p->loaded.all[0].id, "condition",
                                              condition, "question", s->questions[e->at.question].name, "system",
                                              cs_buf_cstr(&e->prompt.system), "user", e->shown));
    }
    cs_json_object_set_new(root, "identical_levels", alike);
    cs_json_object_set_new(root, "ambiguous_insertions", doubts);
    cs_json_object_set_new(root, "examples", examples);
    return root;
}

static void print_json(const struct planned *p, FILE *out)
{
    const struct cs_study *s = p->plan.study;
    char hex[65];
    cs_digest_hex(s->analysis_digest, 32, hex);
    struct cs_json *root = cs_json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:i, s:s, s:o, s:o}", "study", s->name, "title",
                                        s->title, "seed", (int64_t)s->seed, "trials", (int64_t)p->plan.n_planned,
                                        "cases", (int)s->n_cases, "clusters", (int)p->survey.clusters, "repeated_cases",
                                        (int)p->survey.n_same, "analysis_digest", hex, "factors", json_factors(p),
                                        "lanes", json_lanes(p));
    if (s->budget_nano_usd >= 0)
        cs_json_object_set_new(root, "budget_usd", cs_json_real((double)s->budget_nano_usd / 1e9));
    if (s->parent != NULL) {
        cs_json_object_set_new(root, "judges", cs_judges_near_json(s));
        cs_json_object_set_new(root, "leaks", cs_leaked_json(s->parent));
    }
    if (p->standing.n > 0)
        cs_json_object_set_new(root, "standing", json_standing(p));
    if (p->sized)
        cs_json_object_set_new(root, "fleet", cs_plan_fleet_json(&p->fleet, &p->plan));
    cs_json_object_set_new(root, "lint", cs_lint_json(&p->lint, &p->loaded));
    cs_json_object_set_new(root, "summary", cs_opening_json(&p->opening, &p->plan));
    cs_json_object_set_new(root, "power", cs_plan_power_json(&p->power));
    struct cs_json *all = cs_document_begin("plan/1", cs_clock_wall_ms());
    cs_document_add(all, json_notes(p, root));
    cs_document_print(all, out);
}

/* ---- command ---------------------------------------------------------------------------------------- */

static enum cs_err write_prompts(const struct planned *p, const char *path, bool excel, struct cs_error *err)
{
    uint64_t n;
    FILE *f = cs_part_file_private(path);
    if (f == NULL)
        return cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    enum cs_err rc = cs_prompt_book(&p->plan, &p->loaded, f, excel, &n, err);
    if (fclose(f) != 0 && rc == CS_OK)
        rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
    if (rc == CS_OK)
        fprintf(stderr, "%" PRIu64 " distinct prompts written to %s\n", n, path);
    return rc;
}

static enum cs_err find_paid(struct planned *p, const char *path, const char *dir, const struct cs_option_list *reuse,
                             struct cs_error *err)
{
    struct cs_study_dir d;
    cs_study_dir_init(&d, path, dir);
    enum cs_err rc = cs_already_paid_make(&p->plan, p->requests, &p->loaded, d.path, reuse, &p->paid, err);
    cs_study_dir_release(&d);
    return rc;
}

struct fleet_args {
    bool asked;
    const char *latency;
    uint64_t workers, slots;
};

static enum cs_err size_fleet(struct planned *p, const struct fleet_args *a, struct cs_error *err)
{
    enum { WORKERS_MAX = 100000, SLOTS_MAX = 65536 };
    char *end = NULL;
    struct cs_plan_fleet_opts o = {.latency_s = a->latency != NULL ? strtod(a->latency, &end) : 10,
                                   .workers = (uint32_t)a->workers,
                                   .slots = a->slots > 0 ? (uint32_t)a->slots : 256};
    if (!a->asked)
        return a->latency == NULL && a->workers == 0 && a->slots == 0
                   ? CS_OK
                   : cs_error_set(err, CS_EUSAGE, "--latency, --workers and --slots go with --fleet");
    if ((end != NULL && (*end != '\0' || end == a->latency)) || !(o.latency_s >= 0.001 && o.latency_s <= 86400))
        return cs_error_set(err, CS_EUSAGE, "--latency \"%.40s\": want the seconds of a call, as in 12.5", a->latency);
    if (a->workers > WORKERS_MAX || a->slots > SLOTS_MAX)
        return cs_error_set(err, CS_EUSAGE, "at most %d workers with %d slots each", WORKERS_MAX, SLOTS_MAX);
    p->sized = true;
    cs_plan_fleet_make(&p->plan, &p->survey, &o, &p->fleet);
    return CS_OK;
}

/* Texts and names are those of the study's files. */
static void print_plain(struct planned *p, bool details)
{
    FILE *out = cs_plain_file(stdout);
    if (p->sized)
        cs_plan_fleet_text(&p->fleet, &p->plan, out);
    else
        print_text(p, details, out);
    fclose(out);
}

int cmd_plan(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct cs_option_list reuse = {.n = 0};
    const char *prompts = NULL, *words = NULL;
    bool json = false, details = false, excel = false;
    struct fleet_args fleet = {.asked = false};
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_STUDY_OPTIONS(args),
        CS_PARTIAL_OPTION(args),
        {"reuse", CS_OPT_LIST, &reuse, "DIR", "count what another study's directory has paid for; may be repeated"},
        {"prompts", CS_OPT_STR, &prompts, "FILE", "write every distinct prompt to FILE as CSV"},
        {"excel", CS_OPT_FLAG, &excel, NULL, "that file for Excel: byte-order mark, no cell that runs as a formula"},
        {"words", CS_OPT_STR, &words, "FILE", "more words to look for: a table with the columns word, about, says"},
        {"details", CS_OPT_FLAG, &details, NULL,
         "lengths of levels, digests, and the power of every comparison with its formula"},
        {"fleet", CS_OPT_FLAG, &fleet.asked, NULL,
         "only: the workers, slots, CPUs, memory that it takes to use the models' limits"},
        {"latency", CS_OPT_STR, &fleet.latency, "S",
         "with --fleet: how long a call takes (10); `status` tells while a study runs"},
        {"workers", CS_OPT_U64, &fleet.workers, "N", "with --fleet: how fast this many would be,"},
        {"slots", CS_OPT_U64, &fleet.slots, "N", "... with so many slots each (256)"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe plan STUDY [options]",
        "Shows what a study file means: first what decides (trials, price, time, what it will be able to see, and what would let it see more),\n"
        "then models, levels, example prompts, levels that render identically, insertion points to look at, and what is paid for already. Sends\n"
        "nothing and pays for nothing.",
        "clinsafe plan ops/studies/demo/study.yaml --prompts prompts.csv",
    };
    struct planned p = {.path = NULL};
    struct cs_error err = {0};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 1, 1, &n_args, &status))
        return status;
    if (excel && prompts == NULL)
        return cs_command_fail(cs_error_set(&err, CS_EUSAGE, "--excel goes with --prompts FILE"), &err);
    args.planned = true;
    enum cs_err rc = cs_command_load_study(&args, argv[1], &p.loaded, &err);
    if (rc != CS_OK)
        return cs_command_fail(rc, &err);
    p.path = argv[1];
    cs_plan_init(&p.plan, p.loaded.study);
    rc = cs_requests_open(&p.requests, &p.plan, &err);
    if (rc == CS_OK)
        rc = cs_estimate_make(&p.plan, p.requests, &p.loaded, &p.survey, &err);
    if (rc == CS_OK)
        rc = cs_fits_check(&p.loaded, &err);
    if (rc == CS_OK)
        rc = cs_plan_power_make(&p.plan, &p.loaded, &p.power, &err);
    if (rc == CS_OK)
        cs_opening_make(&p.plan, &p.survey, &p.power, &p.opening);
    if (rc == CS_OK)
        rc = cs_lint_make(&p.loaded, words, &p.lint, &err);
    if (rc == CS_OK)
        (void)!cs_identifiers_check(&p.loaded, &p.barred);
    if (rc == CS_OK)
        rc = size_fleet(&p, &fleet, &err);
    if (rc == CS_OK)
        rc = make_examples(&p, &err);
    if (rc == CS_OK)
        rc = find_paid(&p, argv[1], args.dir, &reuse, &err);
    if (rc == CS_OK)
        rc = cs_unanswered_of_store(&p.standing, argv[1], args.dir, p.loaded.study->name, &err);
    if (rc == CS_OK && prompts != NULL)
        rc = write_prompts(&p, prompts, excel, &err);
    if (rc != CS_OK)
        status = cs_command_fail(rc, &err);
    else if (json)
        print_json(&p, stdout);
    else
        print_plain(&p, details);
    for (unsigned i = 0; i < EXAMPLES; i++)
        cs_render_release(&p.examples[i].prompt);
    cs_lint_release(&p.lint);
    cs_opening_release(&p.opening);
    cs_plan_fleet_release(&p.fleet);
    cs_plan_power_release(&p.power);
    cs_unanswered_release(&p.standing);
    cs_already_paid_release(&p.paid);
    cs_estimate_release(&p.survey);
    cs_requests_close(p.requests);
    cs_plan_release(&p.plan);
    cs_load_release(&p.loaded);
    return status;
}
