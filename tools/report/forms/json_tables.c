#include "tools/report/forms/json.h"

static json_t *outcomes(const struct cs_report *r)
{
    static const char *const kinds[] = {"yes-no", "category", "ordinal", "number"};
    static const char *const roles[] = {"primary", "exploratory", "undeclared"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_outcomes; i++) {
        const struct cs_report_outcome *o = &r->outcomes[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "name", o->name,
                                              "question", o->question, "field", o->field, "category", o->category,
                                              "kind", kinds[o->kind], "role", roles[o->role], "unit", o->unit, "up",
                                              o->up, "margin", cs_json_figure(o->margin)));
    }
    return list;
}

static json_t *generations(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->declared.n_generations; i++) {
        const struct cs_report_generation *g = &r->declared.generations[i];
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:b, s:b, s:b, s:s}", "number", (int)g->number,
                                              "created", g->created, "analysis_digest", g->digest, "current",
                                              (int)g->current, "same_analysis", (int)g->same_analysis, "outputs",
                                              (int)g->outputs, "analysis", g->analysis));
    }
    return list;
}

static json_t *usable(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_usable; i++) {
        const struct cs_report_usable *u = &r->usable[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "model",
                                 r->models[u->model].name, "outcome", r->outcomes[u->outcome].name, "factor",
                                 cs_json_factor(r, u->factor), "level", cs_json_level(r, u->factor, u->level), "asked",
                                 (json_int_t)u->asked, "usable", (json_int_t)u->usable, "insufficient",
                                 (json_int_t)u->insufficient, "refused", (json_int_t)u->refused, "unreadable",
                                 (json_int_t)u->unreadable, "technical", (json_int_t)u->technical, "usable_gap",
                                 cs_json_figure(u->gap), "insufficient_gap", cs_json_figure(u->insufficient_gap)),
                       r->models[u->model].simulated);
    }
    return list;
}

static json_t *rates(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_rates; i++) {
        const struct cs_report_rate *v = &r->rates[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:o, s:o}", "model", r->models[v->model].name,
                                 "outcome", r->outcomes[v->outcome].name, "factor", cs_json_factor(r, v->factor),
                                 "level", cs_json_level(r, v->factor, v->level), "clusters", (int)v->clusters,
                                 "answers", (json_int_t)v->answers, "rate", cs_json_figure(v->rate), "ci",
                                 cs_json_span(v->ci)),
                       r->models[v->model].simulated);
    }
    return list;
}

static json_t *category_tests(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_category_tests; i++) {
        const struct cs_report_category_test *t = &r->category_tests[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:s}", "model",
                                 r->models[t->model].name, "question", t->question, "field", t->field, "factor",
                                 cs_json_factor(r, t->factor), "level", cs_json_level(r, t->factor, t->level),
                                 "against", cs_json_against(t->against), "comparator", t->comparator_text, "clusters",
                                 (int)t->clusters, "df", (int)t->df, "statistic", cs_json_figure(t->statistic), "p",
                                 cs_json_figure(t->p), "why", t->why),
                       r->models[t->model].simulated);
    }
    return list;
}

static json_t *ranges(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_ranges; i++) {
        const struct cs_report_range *v = &r->ranges[i];
        const bool any = v->n_models > 0;
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:o, s:o}", "outcome",
                                 r->outcomes[v->outcome].name, "factor", cs_json_factor(r, v->factor), "level",
                                 cs_json_level(r, v->factor, v->level), "against", cs_json_against(v->against),
                                 "comparator", v->comparator_text, "models", (int)v->n_models, "clusters",
                                 (int)v->clusters, "lowest", any ? r->models[v->lowest].name : "", "highest",
                                 any ? r->models[v->highest].name : "", "range", cs_json_span(v->range), "mean",
                                 cs_json_figure(v->mean), "mean_ci", cs_json_span(v->mean_ci)),
                       r->simulated);
    }
    return list;
}

/* What names a contrast. */
static json_t *contrast(const struct cs_report *r, uint32_t at)
{
    const struct cs_report_contrast *c = &r->contrasts[at];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "contrast", c->anchor, "model",
                     r->models[c->model].name, "outcome", r->outcomes[c->outcome].name, "factor",
                     cs_json_factor(r, c->factor), "level", cs_json_level(r, c->factor, c->level), "against",
                     cs_json_against(c->against), "comparator", c->comparator_text, "stratum", c->stratum,
                     "stratum_value", c->stratum_value);
}

static json_t *warrants(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_warrants; i++) {
        const struct cs_report_warrant *v = &r->warrants[i];
        json_t *row = contrast(r, v->contrast);
        json_object_update_new(row, json_pack("{s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s}", "cases",
                                              (int)v->cases, "clusters", (int)v->clusters, "raters_min",
                                              (int)v->raters_min, "raters_max", (int)v->raters_max, "agreement",
                                              cs_json_figure(v->agreement), "rate_level", cs_json_figure(v->rate_level),
                                              "rate_comparator", cs_json_figure(v->rate_comparator), "shift",
                                              cs_json_figure(v->shift), "ci", cs_json_span(v->ci), "why", v->why));
        cs_json_append(list, row, r->models[r->contrasts[v->contrast].model].simulated);
    }
    return list;
}

static json_t *agreements(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_agreements; i++) {
        const struct cs_report_agreement *a = &r->agreements[i];
        cs_json_append(list,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:s}", "question", a->question,
                                 "field", a->field, "between", cs_words_agreement(a->kind), "who", a->who, "statistic",
                                 a->statistic, "raters", (int)a->raters, "items", (int)a->items, "agreement",
                                 cs_json_figure(a->agreement), "kappa", cs_json_figure(a->kappa), "kappa_ci",
                                 cs_json_span(a->kappa_ci), "why", a->why),
                       a->simulated);
    }
    return list;
}

static json_t *reruns(const struct cs_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->n_reruns; i++) {
        const struct cs_report_rerun *v = &r->reruns[i];
        json_t *row = contrast(r, v->contrast);
        json_object_update_new(row, json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:s}", "clusters", (int)v->clusters,
                                              "now", cs_json_figure(v->now), "then", cs_json_figure(v->then),
                                              "difference", cs_json_figure(v->difference), "ci", cs_json_span(v->ci),
                                              "p", cs_json_figure(v->p), "why", v->why));
        cs_json_append(list, row, r->models[r->contrasts[v->contrast].model].simulated);
    }
    return list;
}

void cs_report_json_more(const struct cs_report *r, json_t *to)
{
    const struct cs_report_earlier *e = &r->earlier;
    json_object_set_new(to, "outcomes", outcomes(r));
    json_object_set_new(to, "generations", generations(r));
    json_object_set_new(to, "usable", usable(r));
    json_object_set_new(to, "rates", rates(r));
    json_object_set_new(to, "category_tests", category_tests(r));
    json_object_set_new(to, "warrants", warrants(r));
    json_object_set_new(to, "agreements", agreements(r));
    json_object_set_new(to, "ranges", ranges(r));
    if (e->source[0] == '\0')
        return;
    json_object_set_new(to, "earlier",
                        json_pack("{s:s, s:i, s:s, s:s, s:b, s:I, s:i}", "source", e->source, "generation",
                                  (int)e->generation, "first_call", e->first_call, "last_call", e->last_call,
                                  "complete", (int)e->complete, "shared", (json_int_t)e->shared, "unmatched",
                                  (int)e->unmatched));
    json_object_set_new(to, "reruns", reruns(r));
}
