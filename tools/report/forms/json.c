/* report_json.c - the same numbers as JSON: names instead of indexes, null for what is not known. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "tools/report/forms/json.h"

json_t *cs_json_figure(struct cs_report_figure f)
{
    return f.known ? json_real(f.value) : json_null();
}

json_t *cs_json_span(struct cs_report_span s)
{
    return s.known ? json_pack("[f, f]", s.low, s.high) : json_null();
}

const char *cs_json_level(const struct cs_report *r, uint32_t factor, uint32_t l)
{
    return factor == CS_REPORT_NONE || l == CS_REPORT_NONE ? "" : r->factors[factor].levels[l].id;
}

const char *cs_json_factor(const struct cs_report *r, uint32_t f)
{
    return f == CS_REPORT_NONE ? "" : r->factors[f].name;
}

const char *cs_json_against(enum cs_comparator a)
{
    return a == CS_AGAINST_CONTROL ? "control" : a == CS_AGAINST_PLACEBO ? "placebo" : "level";
}

/* A simulated model says so on every figure. */
void cs_json_append(json_t *list, json_t *row, bool simulated)
{
    if (simulated)
        json_object_set_new(row, "note", json_string(CS_SIMULATED_TEXT));
    json_array_append_new(list, row);
}

static json_t *resolved(const struct cs_report_model *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_resolved; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:I}", "model", m->resolved[i].name, "answers", (json_int_t)m->resolved[i].n));
    return list;
}

static json_t *models(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_models; i++) {
        const struct cs_report_model *m = &r->models[i];
        json_t *row = json_pack("{s:s, s:s, s:b, s:I, s:I, s:b, s:s, s:s, s:I, s:f}", "name", m->name, "sent",
                                m->model_sent, "simulated", (int)m->simulated, "planned", (json_int_t)m->planned,
                                "terminal", (json_int_t)m->terminal, "complete", (int)m->complete, "first_call",
                                m->first_call, "last_call", m->last_call, "attempts", (json_int_t)m->attempts,
                                "cost_usd", m->cost_usd);
        json_object_set_new(row, "ambiguous", json_integer((json_int_t)m->ambiguous));
        json_object_set_new(row, "ambiguous_usd_max",
                            m->ambiguous_usd_max < 0 ? json_null() : json_real(m->ambiguous_usd_max));
        json_object_set_new(row, "answered_by", resolved(m));
        cs_json_append(list, row, m->simulated);
    }
    return list;
}

static json_t *completeness(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        const struct cs_report_completeness *c = &r->completeness[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I}", "model", r->models[c->model].name, "factor",
                                cs_json_factor(r, c->factor), "level", cs_json_level(r, c->factor, c->level), "planned",
                                (json_int_t)c->planned, "terminal", (json_int_t)c->terminal);
        for (int o = 0; o < CS_OUTCOMES; o++)
            json_object_set_new(row, cs_outcome_name((enum cs_outcome)o), json_integer((json_int_t)c->outcome[o]));
        cs_json_append(list, row, r->models[c->model].simulated);
    }
    return list;
}

static void set_tests(json_t *row, const struct cs_report_contrast *c)
{
    json_object_set_new(row, "rate_level", cs_json_figure(c->rate_level));
    json_object_set_new(row, "rate_comparator", cs_json_figure(c->rate_comparator));
    json_object_set_new(row, "shift", cs_json_figure(c->shift));
    json_object_set_new(row, "se", cs_json_figure(c->se));
    json_object_set_new(row, "ci", cs_json_span(c->ci));
    json_object_set_new(row, "ci_simultaneous", cs_json_span(c->ci_simultaneous));
    json_object_set_new(row, "p", cs_json_figure(c->p));
    json_object_set_new(row, "p_adjusted", cs_json_figure(c->p_adjusted));
    json_object_set_new(row, "p_signflip", cs_json_figure(c->p_signflip));
    json_object_set_new(row, "p_equivalence", cs_json_figure(c->p_equivalence));
    json_object_set_new(row, "p_equivalence_adjusted", cs_json_figure(c->p_equivalence_adjusted));
    json_object_set_new(row, "ratio", cs_json_figure(c->ratio));
    json_object_set_new(row, "ratio_ci", cs_json_span(c->ratio_ci));
    json_object_set_new(row, "up", cs_json_figure(c->up));
    json_object_set_new(row, "down", cs_json_figure(c->down));
    json_object_set_new(row, "p_mcnemar", cs_json_figure(c->p_mcnemar));
    json_object_set_new(row, "p_wilcoxon", cs_json_figure(c->p_wilcoxon));
    json_object_set_new(row, "usable_gap", cs_json_figure(c->usable_gap));
    json_object_set_new(row, "insufficient_gap", cs_json_figure(c->insufficient_gap));
    json_object_set_new(row, "warranted", json_integer((json_int_t)c->warranted));
    json_object_set_new(row, "bounds", cs_json_span(c->bounds));
    if (c->flips_known) {
        json_object_set_new(row, "flips_b", json_integer((json_int_t)c->flips_b));
        json_object_set_new(row, "flips_c", json_integer((json_int_t)c->flips_c));
    }
}

static json_t *contrasts(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        json_t *row = json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:b, s:b, s:s, s:s, s:s}", "model",
            r->models[c->model].name, "outcome", r->outcomes[c->outcome].name, "unit", r->outcomes[c->outcome].unit,
            "factor", cs_json_factor(r, c->factor), "level", cs_json_level(r, c->factor, c->level), "against",
            cs_json_against(c->against), "comparator", c->comparator_text, "stratum", c->stratum, "stratum_value",
            c->stratum_value, "clusters", (int)c->clusters, "answers", (json_int_t)c->n_level, "answers_comparator",
            (json_int_t)c->n_comparator, "unmatched", (json_int_t)c->unmatched, "floor", (int)c->floor, "in_family",
            (int)c->in_family, "family",
            c->primary     ? "primary"
            : c->in_family ? "exploratory"
                           : "",
            "verdict", cs_words_verdict_key(c->verdict), "why", c->why);
        set_tests(row, c);
        cs_json_append(list, row, r->models[c->model].simulated);
    }
    return list;
}

static json_t *components(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_components; i++) {
        const struct cs_report_component *c = &r->components[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "model",
                                 r->models[c->model].name, "outcome", r->outcomes[c->outcome].name, "factor",
                                 cs_json_factor(r, c->factor), "level", cs_json_level(r, c->factor, c->level), "kind",
                                 cs_words_arm(c->kind), "clusters", (int)c->clusters, "systematic",
                                 cs_json_figure(c->systematic), "systematic_ci", cs_json_span(c->systematic_ci),
                                 "systematic_sq", cs_json_figure(c->systematic_sq), "case_sd",
                                 cs_json_figure(c->case_sd), "case_variance", cs_json_figure(c->case_variance), "noise",
                                 cs_json_figure(c->noise), "why", c->why),
                       r->models[c->model].simulated);
    }
    return list;
}

static json_t *floors(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_floors; i++) {
        const struct cs_report_floor *f = &r->floors[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:s}", "model", r->models[f->model].name, "outcome",
                                 r->outcomes[f->outcome].name, "kind", cs_words_arm(f->kind), "arms", (int)f->n_arms,
                                 "range", cs_json_span(f->range), "disagreement", cs_json_figure(f->disagreement),
                                 "why", f->why),
                       r->models[f->model].simulated);
    }
    return list;
}

static json_t *labels(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_labels; i++) {
        const struct cs_report_label *l = &r->labels[i];
        json_t *row = json_pack(
            "{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model", r->models[l->model].name,
            "outcome", r->outcomes[l->outcome].name, "factor", cs_json_factor(r, l->factor), "level",
            cs_json_level(r, l->factor, l->level), "clusters", (int)l->clusters, "rate", cs_json_figure(l->rate),
            "labelled", cs_json_figure(l->labelled), "ratio", cs_json_figure(l->ratio), "control_ratio",
            cs_json_figure(l->control_ratio), "ratio_of_ratios", cs_json_figure(l->ratio_of_ratios),
            "ratio_of_ratios_ci", cs_json_span(l->ratio_of_ratios_ci), "agreement", cs_json_figure(l->agreement));
        json_object_set_new(row, "under", cs_json_figure(l->under));
        json_object_set_new(row, "under_shift", cs_json_figure(l->under_shift));
        json_object_set_new(row, "under_ci", cs_json_span(l->under_ci));
        json_object_set_new(row, "over", cs_json_figure(l->over));
        json_object_set_new(row, "over_shift", cs_json_figure(l->over_shift));
        json_object_set_new(row, "over_ci", cs_json_span(l->over_ci));
        cs_json_append(list, row, r->models[l->model].simulated);
    }
    return list;
}

enum cs_err cs_forms_json(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    json_t *notes = json_array(), *provenance = json_array();
    for (uint32_t i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, json_string(r->notes[i]));
    for (uint32_t i = 0; i < r->n_provenance; i++)
        json_array_append_new(provenance, json_pack("{s:s, s:s, s:s, s:b}", "guideline", r->provenance[i].guideline,
                                                    "item", r->provenance[i].item, "text", r->provenance[i].text,
                                                    "filled", (int)r->provenance[i].filled));
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:i, s:b, s:I, s:I, s:i, s:i, s:s, s:f, s:s, s:i, s:o}",
                          "study", r->study, "title", r->title, "source", r->source, "generation", (int)r->generation,
                          "software", r->software, "seed", (json_int_t)r->seed, "draws", (int)r->draws, "complete",
                          (int)r->complete, "planned", (json_int_t)r->planned, "terminal", (json_int_t)r->terminal,
                          "cases", (int)r->n_cases, "clusters", (int)r->n_clusters, "declared", r->declared.sentence,
                          "alpha", r->declared.alpha, "adjust", r->declared.adjust, "family", (int)r->declared.family,
                          "notes", notes);
    if (r->simulated)
        json_object_set_new(o, "simulated", json_string(CS_SIMULATED_TEXT));
    json_object_set_new(o, "label_note", json_string(r->label_note));
    json_object_set_new(o, "warrant_note", json_string(r->warrant_note));
    json_object_set_new(o, "models", models(r));
    json_object_set_new(o, "completeness", completeness(r));
    json_object_set_new(o, "floors", floors(r));
    json_object_set_new(o, "contrasts", contrasts(r));
    json_object_set_new(o, "components", components(r));
    json_object_set_new(o, "labels", labels(r));
    cs_report_json_more(r, o);
    json_object_set_new(o, "provenance", provenance);
    const bool bad = json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0;
    json_decref(o);
    if (fputc('\n', out) == EOF || fflush(out) != 0 || bad)
        return cs_error_set(err, CS_EIO, "writing the report: %s", strerror(errno));
    return CS_OK;
}
