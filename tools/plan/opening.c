#include "tools/plan/opening.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "protocol/load/keys_env.h"
#include "tools/base/text.h"

enum { REPEATS_TRIED = 200, CASES_TRIED = 1000 * 1000 };
static const double wanted_power = 0.8;

/* ---- figures ------------------------------------------------------------------------------------------ */

static uint32_t advise_repeats(const struct cs_power_row *row, double alpha, uint32_t repeats)
{
    for (uint32_t r = repeats; r <= REPEATS_TRIED; r++) {
        if (cs_plan_power_at_margin(row, alpha, row->clusters, (double)r / repeats) >= wanted_power)
            return r;
    }
    return 0;
}

/* The least number of clusters that is enough, as cases of the whole study. */
static uint32_t advise_cases(const struct cs_power_row *row, double alpha, uint32_t cases)
{
    uint32_t enough = row->clusters, less = enough;
    while (enough <= CASES_TRIED && cs_plan_power_at_margin(row, alpha, enough, 1) < wanted_power) {
        less = enough;
        enough *= 2;
    }
    if (enough > CASES_TRIED)
        return 0;
    while (enough - less > 1) {
        const uint32_t middle = less + (enough - less) / 2;
        *(cs_plan_power_at_margin(row, alpha, middle, 1) >= wanted_power ? &enough : &less) = middle;
    }
    return (uint32_t)ceil((double)cases * enough / row->clusters - 1e-9);
}

/* Rows of an outcome follow one another. */
static void add_sight(struct cs_opening *o, const struct cs_power_row *row)
{
    const bool assumed = row->tau_declared || fabs(row->tau - row->margin / 2) < 1e-12;
    struct cs_opening_sight *last = o->n_sights > 0 ? &o->sights[o->n_sights - 1] : NULL;
    if (!assumed)
        return;
    if (last == NULL || last->row->outcome != row->outcome)
        o->sights[o->n_sights++].row = row;
    else if (!last->row->known || (row->known && row->difference < last->row->difference))
        last->row = row;
}

void cs_opening_make(const struct cs_plan *plan, const struct cs_estimate *survey, const struct cs_plan_power *power,
                     struct cs_opening *out)
{
    const struct cs_study *s = plan->study;
    *out = (struct cs_opening){
        .trials = plan->n_planned, .cases = s->n_cases, .repeats = UINT32_MAX, .slowest = CS_NONE};
    for (uint32_t i = 0; i < s->n_rects; i++)
        out->repeats = s->rects[i].repeats < out->repeats ? s->rects[i].repeats : out->repeats;
    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        const struct cs_estimate_lane *l = &survey->lanes[i];
        out->calls += l->calls;
        out->unpriced += l->usd_low < 0;
        out->writes |= s->models[i].price.cache_write > s->models[i].price.input;
        out->usd_low += l->usd_low > 0 ? l->usd_low : 0;
        out->usd_high += l->usd_high > 0 ? l->usd_high : 0;
        out->unlimited += l->minutes_min <= 0;
        if (l->minutes_min > out->minutes) {
            out->minutes = l->minutes_min;
            out->slowest = i;
        }
    }
    out->sights = cs_xcalloc(power->n_rows + 1, sizeof *out->sights);
    for (uint32_t i = 0; i < power->n_rows; i++)
        add_sight(out, &power->rows[i]);
    for (uint32_t i = 0; i < out->n_sights; i++) {
        struct cs_opening_sight *v = &out->sights[i];
        if (!v->row->known)
            continue;
        v->repeats = advise_repeats(v->row, power->alpha_each, out->repeats);
        v->cases = advise_cases(v->row, power->alpha_each, out->cases);
    }
}

void cs_opening_release(struct cs_opening *o)
{
    free(o->sights);
    *o = (struct cs_opening){0};
}

/* ---- shown --------------------------------------------------------------------------------------------- */

static void print_price(const struct cs_opening *o, const struct cs_study *s, FILE *out)
{
    char usd[CS_TEXT_MAX_LEN];
    if (o->unpriced == s->n_models)
        fprintf(out, "Price: not known; no model has a price in the providers file");
    else
        fprintf(out, "Price: about $%.2f (short answers) to $%.2f (every answer at its cap%s)", o->usd_low, o->usd_high,
                o->writes ? ", every prompt written to the provider's cache" : "");
    if (o->unpriced > 0 && o->unpriced < s->n_models)
        fprintf(out, ", without the %u models that have no price", o->unpriced);
    if (s->budget_nano_usd >= 0)
        fprintf(out, "; budget %s", cs_text_usd(usd, s->budget_nano_usd));
    fprintf(out, ".\n");
}

static void print_time(const struct cs_opening *o, const struct cs_study *s, FILE *out)
{
    char time[CS_TEXT_MAX_LEN];
    if (o->slowest == CS_NONE) {
        fprintf(out, "Time: not known; no model has a declared limit. `run` shows it by the slowest model.\n");
        return;
    }
    fprintf(out, "Time: at least %s, by the slowest model, %s, at its declared limits",
            cs_text_duration(time, o->minutes * 60), s->models[o->slowest].name);
    if (o->unlimited > 0)
        fprintf(out, "; %u of %u have none", o->unlimited, s->n_models);
    fprintf(out, ".\n");
}

static void print_advice(const struct cs_opening *o, const struct cs_opening_sight *v, FILE *out)
{
    fprintf(out, "    For %g %s with 80 %%: ", v->row->margin, v->row->unit);
    if (v->repeats > 0)
        fprintf(out, "%u cases x %u repeats", o->cases, v->repeats);
    if (v->cases > 0)
        fprintf(out, "%s%u x %u", v->repeats > 0 ? ", or " : "", v->cases, o->repeats);
    if (v->repeats == 0 && v->cases == 0)
        fprintf(out, "more than a million cases");
    fprintf(out, "%s.\n",
            v->repeats == 0 && v->cases > 0 ? " (cases x repeats; more repeats alone are not enough)" : "");
}

static void print_sight(const struct cs_opening *o, const struct cs_opening_sight *v, FILE *out)
{
    const struct cs_power_row *r = v->row;
    if (!r->known) {
        fprintf(out, "  %s: not known%s.\n", r->outcome,
                r->noise_declared || strcmp(r->unit, "units") != 0
                    ? "; there are too few clusters"
                    : " without noise:, the SD between two answers to the same prompt");
        return;
    }
    if (strcmp(r->unit, "points") == 0 && r->smallest > 100)
        fprintf(out, "  %s: no shift with 90 %%, however large", r->outcome);
    else
        fprintf(out, "  %s: a shift of %.3g %s with 90 %%", r->outcome, r->smallest, r->unit);
    fprintf(out, "; of %g %s (its margin) with %.0f %%; that there is none beyond it, with %.0f %%", r->margin, r->unit,
            100 * r->difference, 100 * r->equivalence);
    const double least = fmin(r->least_0, r->least_1);
    if (r->margin <= least)
        fprintf(out, " (%u clusters that hardly move can meet no margin below %.3g)", r->clusters, least);
    fputs(".\n", out);
    if (r->difference < wanted_power)
        print_advice(o, v, out);
}

void cs_opening_text(const struct cs_opening *o, const struct cs_plan *plan, const struct cs_plan_power *power,
                     uint32_t clusters, FILE *out)
{
    enum { SHOWN = 3 };
    const struct cs_study *s = plan->study;
    char trials[CS_TEXT_MAX_LEN], cases[CS_TEXT_MAX_LEN], n[CS_TEXT_MAX_LEN], calls[64] = "one call each";
    if (o->calls != o->trials)
        snprintf(calls, sizeof calls, "%s calls", cs_text_count(n, o->calls));
    fprintf(out, "%s%s%s\n\n", s->name, s->title[0] != '\0' ? ": " : "", s->title);
    fprintf(out, "%s trials, %s: %s cases in %u clusters, %u model%s, %u question%s, each prompt %u time%s or more.\n",
            cs_text_count(trials, o->trials), calls, cs_text_count(cases, o->cases), clusters, s->n_models,
            s->n_models == 1 ? "" : "s", s->n_questions, s->n_questions == 1 ? "" : "s", o->repeats,
            o->repeats == 1 ? "" : "s");
    print_price(o, s, out);
    print_time(o, s, out);
    if (o->n_sights == 0 && s->parent != NULL) {
        fprintf(
            out,
            "What it can see is not computed: it hangs on the outputs that are judged, and on how the judges err.\n");
        return;
    }
    if (o->n_sights == 0) {
        fprintf(out,
                "What it can see is not known: no primary comparison is declared (analysis: primary and contrasts).\n");
        return;
    }
    fprintf(out, "It will see, each of %u tests at %.3g (%s):\n", power->family, power->alpha_each, power->adjust);
    for (uint32_t i = 0; i < o->n_sights && i < SHOWN; i++)
        print_sight(o, &o->sights[i], out);
    if (o->n_sights > SHOWN)
        fprintf(out, "  and %u more: --details\n", o->n_sights - SHOWN);
}

/* A variable that is misspelt is found out before `run` does. */
static unsigned warn_of_keys(const struct cs_study *s, FILE *out)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        struct cs_error err = {0};
        char *key = NULL;
        if (cs_keys_env_wanted(s, i) && cs_keys_env_find(&s->accounts[i], &key, &err) != CS_OK) {
            fprintf(out, "  Account %s cannot be called from here: %s.\n", s->accounts[i].name, err.msg);
            n++;
        }
        cs_keys_env_free(key);
    }
    return n;
}

static unsigned warn_of_prices(const struct cs_opening *o, const struct cs_plan *plan, const struct cs_estimate *v,
                               FILE *out)
{
    if (o->unpriced == 0)
        return 0;
    fprintf(out, "  Price unknown of");
    unsigned n = 0;
    for (uint32_t i = 0; i < plan->n_lanes && n < 5; i++) {
        if (v->lanes[i].usd_low < 0)
            fprintf(out, "%s %s", n++ > 0 ? "," : "", plan->study->models[i].name);
    }
    fprintf(out, "%s; write price: {input: ..., output: ...} in the providers file.\n", o->unpriced > n ? ", ..." : "");
    return 1;
}

/* Answers that cannot differ, or hardly, are not repeats. (A level may set other parameters.) */
static unsigned warn_of_repeats(const struct cs_study *s, FILE *out)
{
    uint32_t repeats = 0;
    unsigned n = 0;
    for (uint32_t i = 0; i < s->n_rects; i++)
        repeats = s->rects[i].repeats > repeats ? s->rects[i].repeats : repeats;
    for (uint32_t i = 0; i < s->n_models && repeats > 1; i++) {
        const char *text = s->models[i].parameters;
        struct cs_json *set = text != NULL ? cs_json_loadb(text, strlen(text), 0, NULL) : NULL;
        const struct cs_json *temperature = cs_json_object_get(set, "temperature"),
                             *seed = cs_json_object_get(set, "seed");
        if (cs_json_is_number(temperature) && cs_json_number_value(temperature) == 0) {
            fprintf(
                out,
                "  %s: up to %u repeats at temperature 0%s: the provider may give one answer again and again, and the noise "
                "between repeats says nothing%s.\n",
                s->models[i].name, repeats, seed != NULL ? " with a seed" : "",
                seed != NULL ? "; leave the seed out, or set repeats: 1" : "; set a temperature, or repeats: 1");
            n++;
        }
        cs_json_decref(set);
    }
    return n;
}

/* Whether a Claude is told to think. */
static bool thinks(const struct cs_study *s, const struct cs_model *m)
{
    const char *text = m->parameters;
    struct cs_json *set = text != NULL ? cs_json_loadb(text, strlen(text), 0, NULL) : NULL;
    const struct cs_json *thinking = s->accounts[m->account].protocol == CS_PROTOCOL_ANTHROPIC_MESSAGES
                                         ? cs_json_object_get(set, "thinking")
                                         : cs_json_object_get(
                                               cs_json_object_get(set, "additional_model_request_fields"), "thinking");
    const char *type = cs_json_string_value(cs_json_object_get(thinking, "type"));
    const bool found = cs_json_number_value(cs_json_object_get(set, "thinking_budget")) > 0 ||
                       (type != NULL && strcmp(type, "disabled") != 0);
    cs_json_decref(set);
    return found;
}

/* Found by the vendor at a trial's last call, when those before it are paid: `providers check` makes the first. */
static unsigned warn_of_thinking(const struct cs_study *s, FILE *out)
{
    bool fields = false;
    unsigned n = 0;
    for (uint32_t i = 0; i < s->n_questions; i++)
        fields |= s->questions[i].n_fields > 0;
    for (uint32_t i = 0; i < s->n_models && fields; i++) {
        const struct cs_account *a = &s->accounts[s->models[i].account];
        const bool claude = a->protocol == CS_PROTOCOL_ANTHROPIC_MESSAGES ||
                            a->protocol == CS_PROTOCOL_BEDROCK_CONVERSE;
        if (!claude || a->response_format != CS_FORM_TOOL || !thinks(s, &s->models[i]))
            continue;
        fprintf(
            out,
            "  %s: a Claude that thinks refuses response_format: tool, for the call of a tool cannot be forced then; "
            "write json_schema in account %s, or let it not think.\n",
            s->models[i].name, a->name);
        n++;
    }
    return n;
}

static unsigned warn_of_wordings(const struct cs_study *s, FILE *out)
{
    unsigned n = 0;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_factor *factor = &s->factors[f];
        uint32_t most = 0, levels = 0;
        for (uint32_t i = 0; i < factor->n_levels; i++) {
            const struct cs_level *l = &factor->levels[i];
            levels += l->role == CS_ROLE_LEVEL;
            most = l->n_wordings > most ? l->n_wordings : most;
        }
        if (factor->insert == CS_INSERT_NONE || factor->insert_column == CS_NONE || levels == 0 || most > 1)
            continue;
        fprintf(
            out,
            "  %s: one wording a level; what is found may belong to the sentence, not to who it names (wording: takes several).\n",
            factor->name);
        n++;
    }
    return n;
}

unsigned cs_opening_warnings(const struct cs_opening *o, const struct cs_plan *plan, const struct cs_estimate *survey,
                             FILE *out)
{
    return warn_of_keys(plan->study, out) + warn_of_prices(o, plan, survey, out) + warn_of_repeats(plan->study, out) +
           warn_of_thinking(plan->study, out) + warn_of_wordings(plan->study, out);
}

struct cs_json *cs_opening_json(const struct cs_opening *o, const struct cs_plan *plan)
{
    struct cs_json *sights = cs_json_array();
    for (uint32_t i = 0; i < o->n_sights; i++) {
        const struct cs_opening_sight *v = &o->sights[i];
        struct cs_json *j = cs_json_pack("{s:s}", "outcome", v->row->outcome);
        if (v->row->known) {
            cs_json_object_set_new(j, "smallest_shift_90", cs_json_real(v->row->smallest));
            cs_json_object_set_new(j, "power_at_margin", cs_json_real(v->row->difference));
        }
        if (v->repeats > 0)
            cs_json_object_set_new(j, "repeats_for_80", cs_json_integer(v->repeats));
        if (v->cases > 0)
            cs_json_object_set_new(j, "cases_for_80", cs_json_integer(v->cases));
        cs_json_array_append_new(sights, j);
    }
    struct cs_json *j = cs_json_pack("{s:I, s:i, s:f, s:f, s:i, s:o}", "calls", (int64_t)o->calls, "repeats",
                                     (int)o->repeats, "low_usd", o->usd_low, "high_usd", o->usd_high, "unpriced",
                                     (int)o->unpriced, "outcomes", sights);
    if (o->slowest != CS_NONE) {
        cs_json_object_set_new(j, "minutes", cs_json_real(o->minutes));
        cs_json_object_set_new(j, "slowest", cs_json_string(plan->study->models[o->slowest].name));
    }
    return j;
}
