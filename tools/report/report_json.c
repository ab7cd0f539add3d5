/* report_json.c - the same numbers as JSON: names instead of indexes, null for what is not known. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "tools/report/report.h"

static json_t *figure(struct cs_report_figure f)
{
    return f.known ? json_real(f.value) : json_null();
}

static json_t *span(struct cs_report_span s)
{
    return s.known ? json_pack("[f, f]", s.low, s.high) : json_null();
}

static const char *level(const struct cs_report *r, uint32_t factor, uint32_t l)
{
    return factor == CS_REPORT_NONE || l == CS_REPORT_NONE ? "" : r->factors[factor].levels[l].id;
}

static const char *factor(const struct cs_report *r, uint32_t f)
{
    return f == CS_REPORT_NONE ? "" : r->factors[f].name;
}

static const char *against(enum cs_comparator a)
{
    return a == CS_AGAINST_CONTROL ? "control" : a == CS_AGAINST_PLACEBO ? "placebo" : "level";
}

static json_t *models(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_models; i++) {
        const struct cs_report_model *m = &r->models[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:I, s:I, s:b, s:s, s:s, s:I, s:f}", "name", m->name,
                                              "sent", m->model_sent, "simulated", (int)m->simulated, "planned",
                                              (json_int_t)m->planned, "terminal", (json_int_t)m->terminal, "complete",
                                              (int)m->complete, "first_call", m->first_call, "last_call", m->last_call,
                                              "attempts", (json_int_t)m->attempts, "cost_usd", m->cost_usd));
    }
    return list;
}

static json_t *completeness(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        const struct cs_report_completeness *c = &r->completeness[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:I, s:I}", "model", r->models[c->model].name, "factor",
                                factor(r, c->factor), "level", level(r, c->factor, c->level), "planned",
                                (json_int_t)c->planned, "terminal", (json_int_t)c->terminal);
        for (int o = 0; o < CS_OUTCOMES; o++)
            json_object_set_new(row, cs_outcome_name((enum cs_outcome)o), json_integer((json_int_t)c->outcome[o]));
        json_array_append_new(list, row);
    }
    return list;
}

static void set_tests(json_t *row, const struct cs_report_contrast *c)
{
    json_object_set_new(row, "rate_level", figure(c->rate_level));
    json_object_set_new(row, "rate_comparator", figure(c->rate_comparator));
    json_object_set_new(row, "shift", figure(c->shift));
    json_object_set_new(row, "se", figure(c->se));
    json_object_set_new(row, "ci", span(c->ci));
    json_object_set_new(row, "ci_simultaneous", span(c->ci_simultaneous));
    json_object_set_new(row, "p", figure(c->p));
    json_object_set_new(row, "p_adjusted", figure(c->p_adjusted));
    json_object_set_new(row, "p_signflip", figure(c->p_signflip));
    json_object_set_new(row, "p_equivalence", figure(c->p_equivalence));
    json_object_set_new(row, "p_equivalence_adjusted", figure(c->p_equivalence_adjusted));
    json_object_set_new(row, "ratio", figure(c->ratio));
    json_object_set_new(row, "ratio_ci", span(c->ratio_ci));
    json_object_set_new(row, "up", figure(c->up));
    json_object_set_new(row, "down", figure(c->down));
    json_object_set_new(row, "p_mcnemar", figure(c->p_mcnemar));
    json_object_set_new(row, "p_wilcoxon", figure(c->p_wilcoxon));
    json_object_set_new(row, "usable_gap", figure(c->usable_gap));
    json_object_set_new(row, "bounds", span(c->bounds));
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
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:b, s:b, s:s, s:s}", "model",
            r->models[c->model].name, "outcome", r->outcomes[c->outcome].name, "unit", r->outcomes[c->outcome].unit,
            "factor", factor(r, c->factor), "level", level(r, c->factor, c->level), "against", against(c->against),
            "comparator", c->comparator_text, "stratum", c->stratum, "stratum_value", c->stratum_value, "clusters",
            (int)c->clusters, "answers", (json_int_t)c->n_level, "answers_comparator", (json_int_t)c->n_comparator,
            "unmatched", (json_int_t)c->unmatched, "floor", (int)c->floor, "in_family", (int)c->in_family, "verdict",
            cs_verdict_name(c->verdict), "why", c->why);
        set_tests(row, c);
        if (r->models[c->model].simulated)
            json_object_set_new(row, "note", json_string(CS_SIMULATED_TEXT));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *components(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_components; i++) {
        const struct cs_report_component *c = &r->components[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:s}", "model",
                                              r->models[c->model].name, "outcome", r->outcomes[c->outcome].name,
                                              "factor", factor(r, c->factor), "level", level(r, c->factor, c->level),
                                              "kind", cs_arm_kind_text(c->kind), "clusters", (int)c->clusters,
                                              "systematic", figure(c->systematic), "systematic_sq",
                                              figure(c->systematic_sq), "case_sd", figure(c->case_sd), "case_variance",
                                              figure(c->case_variance), "noise", figure(c->noise), "why", c->why));
    }
    return list;
}

static json_t *floors(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_floors; i++) {
        const struct cs_report_floor *f = &r->floors[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:o, s:o, s:s}", "model", r->models[f->model].name,
                                              "outcome", r->outcomes[f->outcome].name, "kind",
                                              cs_arm_kind_text(f->kind), "arms", (int)f->n_arms, "range",
                                              span(f->range), "disagreement", figure(f->disagreement), "why", f->why));
    }
    return list;
}

static json_t *labels(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_labels; i++) {
        const struct cs_report_label *l = &r->labels[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model",
                            r->models[l->model].name, "outcome", r->outcomes[l->outcome].name, "factor",
                            factor(r, l->factor), "level", level(r, l->factor, l->level), "clusters", (int)l->clusters,
                            "rate", figure(l->rate), "labelled", figure(l->labelled), "ratio", figure(l->ratio),
                            "control_ratio", figure(l->control_ratio), "ratio_of_ratios", figure(l->ratio_of_ratios),
                            "ratio_of_ratios_ci", span(l->ratio_of_ratios_ci), "agreement", figure(l->agreement),
                            "under", figure(l->under), "over", figure(l->over)));
    }
    return list;
}

enum cs_err cs_report_json(const struct cs_report *r, FILE *out, struct cs_error *err)
{
    json_t *notes = json_array(), *provenance = json_array();
    for (uint32_t i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, json_string(r->notes[i]));
    for (uint32_t i = 0; i < r->n_provenance; i++)
        json_array_append_new(provenance, json_pack("{s:s, s:s, s:s, s:b}", "guideline", r->provenance[i].guideline,
                                                    "item", r->provenance[i].item, "text", r->provenance[i].text,
                                                    "filled", (int)r->provenance[i].filled));
    json_t *o = json_pack("{s:s, s:s, s:i, s:s, s:I, s:i, s:b, s:s, s:f, s:s, s:i, s:o}", "study", r->study, "title",
                          r->title, "generation", (int)r->generation, "software", r->software, "seed",
                          (json_int_t)r->seed, "draws", (int)r->draws, "complete", (int)r->complete, "declared",
                          r->declared.sentence, "alpha", r->declared.alpha, "adjust", r->declared.adjust, "family",
                          (int)r->declared.family, "notes", notes);
    if (r->simulated)
        json_object_set_new(o, "simulated", json_string(CS_SIMULATED_TEXT));
    json_object_set_new(o, "models", models(r));
    json_object_set_new(o, "completeness", completeness(r));
    json_object_set_new(o, "floors", floors(r));
    json_object_set_new(o, "contrasts", contrasts(r));
    json_object_set_new(o, "components", components(r));
    json_object_set_new(o, "labels", labels(r));
    json_object_set_new(o, "provenance", provenance);
    const bool bad = json_dumpf(o, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0;
    json_decref(o);
    if (fputc('\n', out) == EOF || fflush(out) != 0 || bad)
        return cs_error_set(err, CS_EIO, "writing the report: %s", strerror(errno));
    return CS_OK;
}
