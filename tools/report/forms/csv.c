/* report_csv.c - every number of a report as tidy tables, one file each; README.md says what the columns mean. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "tools/base/csv_write.h"
#include "tools/report/analysis/report.h"

struct sheet {
    const struct cs_report *r;
    FILE *out;
    bool begun; /* in this row */
};

static void text(struct sheet *s, const char *value)
{
    cs_csv_field(s->out, value != NULL ? value : "", !s->begun);
    s->begun = true;
}

static void count(struct sheet *s, uint64_t value)
{
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, value);
    text(s, number);
}

static void real(struct sheet *s, double value)
{
    char number[40];
    snprintf(number, sizeof number, "%.12g", value);
    text(s, number);
}

static void figure(struct sheet *s, struct cs_report_figure f)
{
    if (f.known)
        real(s, f.value);
    else
        text(s, "");
}

static void span(struct sheet *s, struct cs_report_span v)
{
    figure(s, (struct cs_report_figure){v.known, v.low});
    figure(s, (struct cs_report_figure){v.known, v.high});
}

static void flag(struct sheet *s, bool value)
{
    text(s, value ? "true" : "false");
}

static void factor(struct sheet *s, uint32_t f)
{
    text(s, f == CS_REPORT_NONE ? "" : s->r->factors[f].name);
}

static void level(struct sheet *s, uint32_t f, uint32_t l)
{
    text(s, f == CS_REPORT_NONE || l == CS_REPORT_NONE ? "" : s->r->factors[f].levels[l].id);
}

static void end(struct sheet *s)
{
    cs_csv_end(s->out);
    s->begun = false;
}

/* The last column of every table about a model. */
static void end_of(struct sheet *s, bool simulated)
{
    text(s, simulated ? CS_SIMULATED_TEXT : "");
    end(s);
}

static void head(struct sheet *s, const char *columns)
{
    fputs(columns, s->out);
    fputc('\n', s->out);
}

static void outcome_of(struct sheet *s, uint32_t model, uint32_t outcome)
{
    text(s, s->r->models[model].name);
    text(s, s->r->outcomes[outcome].name);
    text(s, s->r->outcomes[outcome].unit);
}

/* ---- what was studied ------------------------------------------------------------------------------------------- */

static void models(struct sheet *s)
{
    head(s, "model,sent,account,answered_by,answered_by_n,parameters,planned,terminal,complete,first_call,last_call,"
            "attempts,ambiguous,duplicates,adopted,input_tokens,output_tokens,cost_usd,note");
    for (uint32_t i = 0; i < s->r->n_models; i++) {
        const struct cs_report_model *m = &s->r->models[i];
        for (uint32_t k = 0; k < m->n_resolved || k == 0; k++) { /* a row for every id that answered */
            text(s, m->name);
            text(s, m->model_sent);
            text(s, m->account);
            text(s, k < m->n_resolved ? m->resolved[k].name : "");
            count(s, k < m->n_resolved ? m->resolved[k].n : 0);
            text(s, m->parameters);
            count(s, m->planned);
            count(s, m->terminal);
            flag(s, m->complete);
            text(s, m->first_call);
            text(s, m->last_call);
            count(s, m->attempts);
            count(s, m->ambiguous);
            count(s, m->duplicates);
            count(s, m->adopted);
            count(s, m->input_tokens);
            count(s, m->output_tokens);
            real(s, m->cost_usd);
            end_of(s, m->simulated);
        }
    }
}

static void outcomes(struct sheet *s)
{
    static const char *const kinds[] = {"yes-no", "category", "ordinal", "number"};
    static const char *const roles[] = {"primary", "exploratory", "undeclared"};
    head(s, "outcome,question,field,category,kind,role,unit,up,margin,has_label");
    for (uint32_t i = 0; i < s->r->n_outcomes; i++) {
        const struct cs_report_outcome *o = &s->r->outcomes[i];
        text(s, o->name);
        text(s, o->question);
        text(s, o->field);
        text(s, o->category);
        text(s, kinds[o->kind]);
        text(s, roles[o->role]);
        text(s, o->unit);
        text(s, o->up);
        figure(s, o->margin);
        flag(s, o->has_label);
        end(s);
    }
}

static void declared(struct sheet *s)
{
    const struct cs_report_declaration *d = &s->r->declared;
    head(s, "generation,created,analysis_digest,reported_here,same_analysis,analysis,sentence,alpha,adjust,family");
    for (uint32_t i = 0; i < d->n_generations || i == 0; i++) {
        const struct cs_report_generation *g = i < d->n_generations ? &d->generations[i] : NULL;
        count(s, g != NULL ? g->number : 0);
        text(s, g != NULL ? g->created : "");
        text(s, g != NULL ? g->digest : d->digest);
        flag(s, g == NULL || g->current);
        flag(s, g == NULL || g->same_analysis);
        text(s, g != NULL ? g->analysis : d->analysis);
        text(s, d->sentence);
        real(s, d->alpha);
        text(s, d->adjust);
        count(s, d->family);
        end(s);
    }
}

/* ---- completeness ------------------------------------------------------------------------------------------------ */

static void completeness(struct sheet *s)
{
    fputs("model,factor,level,planned,terminal", s->out);
    for (int o = 0; o < CS_OUTCOMES; o++)
        fprintf(s->out, ",%s", cs_outcome_name((enum cs_outcome)o));
    head(s, ",note");
    for (uint32_t i = 0; i < s->r->n_completeness; i++) {
        const struct cs_report_completeness *c = &s->r->completeness[i];
        text(s, s->r->models[c->model].name);
        factor(s, c->factor);
        level(s, c->factor, c->level);
        count(s, c->planned);
        count(s, c->terminal);
        for (int o = 0; o < CS_OUTCOMES; o++)
            count(s, c->outcome[o]);
        end_of(s, s->r->models[c->model].simulated);
    }
}

static void usable(struct sheet *s)
{
    head(s, "model,outcome,unit,factor,level,asked,usable,insufficient,refused,unreadable,technical,usable_gap_points,"
            "insufficient_gap_points,note");
    for (uint32_t i = 0; i < s->r->n_usable; i++) {
        const struct cs_report_usable *u = &s->r->usable[i];
        outcome_of(s, u->model, u->outcome);
        factor(s, u->factor);
        level(s, u->factor, u->level);
        count(s, u->asked);
        count(s, u->usable);
        count(s, u->insufficient);
        count(s, u->refused);
        count(s, u->unreadable);
        count(s, u->technical);
        figure(s, u->gap);
        figure(s, u->insufficient_gap);
        end_of(s, s->r->models[u->model].simulated);
    }
}

static void rates(struct sheet *s)
{
    head(s, "model,outcome,unit,factor,level,clusters,answers,rate,rate_low,rate_high,note");
    for (uint32_t i = 0; i < s->r->n_rates; i++) {
        const struct cs_report_rate *v = &s->r->rates[i];
        outcome_of(s, v->model, v->outcome);
        factor(s, v->factor);
        level(s, v->factor, v->level);
        count(s, v->clusters);
        count(s, v->answers);
        figure(s, v->rate);
        span(s, v->ci);
        end_of(s, s->r->models[v->model].simulated);
    }
}

/* ---- contrasts ---------------------------------------------------------------------------------------------------- */

static const char *against(enum cs_comparator a)
{
    return a == CS_AGAINST_CONTROL ? "control" : a == CS_AGAINST_PLACEBO ? "placebo" : "level";
}

static void contrast_key(struct sheet *s, const struct cs_report_contrast *c)
{
    text(s, c->anchor);
    outcome_of(s, c->model, c->outcome);
    factor(s, c->factor);
    level(s, c->factor, c->level);
    text(s, against(c->against));
    text(s, c->comparator_text);
    text(s, c->stratum);
    text(s, c->stratum_value);
}
#define CONTRAST_KEY "contrast,model,outcome,unit,factor,level,against,comparator,stratum,stratum_value"

static void contrasts(struct sheet *s)
{
    head(s, CONTRAST_KEY
         ",family,floor,clusters,answers,answers_comparator,unmatched,warranted,rate_level,rate_comparator,shift,se,"
         "ci_low,ci_high,simultaneous_low,simultaneous_high,p,p_adjusted,p_signflip,p_equivalence,"
         "p_equivalence_adjusted,ratio,ratio_low,ratio_high,p_up,p_down,flips_b,flips_c,p_mcnemar,p_wilcoxon,"
         "usable_gap_points,insufficient_gap_points,worst,best,verdict,why,note");
    for (uint32_t i = 0; i < s->r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &s->r->contrasts[i];
        contrast_key(s, c);
        text(s, c->primary ? "primary" : c->in_family ? "exploratory" : "");
        flag(s, c->floor);
        count(s, c->clusters);
        count(s, c->n_level);
        count(s, c->n_comparator);
        count(s, c->unmatched);
        count(s, c->warranted);
        figure(s, c->rate_level);
        figure(s, c->rate_comparator);
        figure(s, c->shift);
        figure(s, c->se);
        span(s, c->ci);
        span(s, c->ci_simultaneous);
        figure(s, c->p);
        figure(s, c->p_adjusted);
        figure(s, c->p_signflip);
        figure(s, c->p_equivalence);
        figure(s, c->p_equivalence_adjusted);
        figure(s, c->ratio);
        span(s, c->ratio_ci);
        figure(s, c->up);
        figure(s, c->down);
        figure(s, (struct cs_report_figure){c->flips_known, (double)c->flips_b});
        figure(s, (struct cs_report_figure){c->flips_known, (double)c->flips_c});
        figure(s, c->p_mcnemar);
        figure(s, c->p_wilcoxon);
        figure(s, c->usable_gap);
        figure(s, c->insufficient_gap);
        span(s, c->bounds);
        text(s, cs_verdict_name(c->verdict));
        text(s, c->why);
        end_of(s, s->r->models[c->model].simulated);
    }
}

static void categories(struct sheet *s)
{
    head(s, "model,question,field,factor,level,against,comparator,clusters,df,statistic,p,why,note");
    for (uint32_t i = 0; i < s->r->n_category_tests; i++) {
        const struct cs_report_category_test *t = &s->r->category_tests[i];
        text(s, s->r->models[t->model].name);
        text(s, t->question);
        text(s, t->field);
        factor(s, t->factor);
        level(s, t->factor, t->level);
        text(s, against(t->against));
        text(s, t->comparator_text);
        count(s, t->clusters);
        count(s, t->df);
        figure(s, t->statistic);
        figure(s, t->p);
        text(s, t->why);
        end_of(s, s->r->models[t->model].simulated);
    }
}

static void warrant(struct sheet *s)
{
    head(s, CONTRAST_KEY ",cases,clusters,raters_min,raters_max,agreement,rate_level,rate_comparator,shift,ci_low,"
                         "ci_high,why,note");
    for (uint32_t i = 0; i < s->r->n_warrants; i++) {
        const struct cs_report_warrant *v = &s->r->warrants[i];
        const struct cs_report_contrast *c = &s->r->contrasts[v->contrast];
        contrast_key(s, c);
        count(s, v->cases);
        count(s, v->clusters);
        count(s, v->raters_min);
        count(s, v->raters_max);
        figure(s, v->agreement);
        figure(s, v->rate_level);
        figure(s, v->rate_comparator);
        figure(s, v->shift);
        span(s, v->ci);
        text(s, v->why);
        end_of(s, s->r->models[c->model].simulated);
    }
}

static void reruns(struct sheet *s)
{
    head(s, CONTRAST_KEY ",clusters,shift_now,shift_then,difference,ci_low,ci_high,p,why,note");
    for (uint32_t i = 0; i < s->r->n_reruns; i++) {
        const struct cs_report_rerun *v = &s->r->reruns[i];
        const struct cs_report_contrast *c = &s->r->contrasts[v->contrast];
        contrast_key(s, c);
        count(s, v->clusters);
        figure(s, v->now);
        figure(s, v->then);
        figure(s, v->difference);
        span(s, v->ci);
        figure(s, v->p);
        text(s, v->why);
        end_of(s, s->r->models[c->model].simulated);
    }
}

static void ranges(struct sheet *s)
{
    bool simulated = s->r->simulated;
    head(s, "outcome,unit,factor,level,against,comparator,models,clusters,lowest,highest,range_low,range_high,mean,"
            "mean_low,mean_high,note");
    for (uint32_t i = 0; i < s->r->n_ranges; i++) {
        const struct cs_report_range *v = &s->r->ranges[i];
        text(s, s->r->outcomes[v->outcome].name);
        text(s, s->r->outcomes[v->outcome].unit);
        factor(s, v->factor);
        level(s, v->factor, v->level);
        text(s, against(v->against));
        text(s, v->comparator_text);
        count(s, v->n_models);
        count(s, v->clusters);
        text(s, v->n_models > 0 ? s->r->models[v->lowest].name : "");
        text(s, v->n_models > 0 ? s->r->models[v->highest].name : "");
        span(s, v->range);
        figure(s, v->mean);
        span(s, v->mean_ci);
        end_of(s, simulated);
    }
}

/* ---- noise, labels, ratings, provenance -------------------------------------------------------------------------- */

static void floors(struct sheet *s)
{
    head(s, "model,outcome,unit,kind,arms,range_low,range_high,disagreement,why,note");
    for (uint32_t i = 0; i < s->r->n_floors; i++) {
        const struct cs_report_floor *f = &s->r->floors[i];
        outcome_of(s, f->model, f->outcome);
        text(s, cs_arm_kind_text(f->kind));
        count(s, f->n_arms);
        span(s, f->range);
        figure(s, f->disagreement);
        text(s, f->why);
        end_of(s, s->r->models[f->model].simulated);
    }
}

static void components(struct sheet *s)
{
    head(s, "model,outcome,unit,factor,level,kind,levels,clusters,systematic,systematic_low,systematic_high,"
            "systematic_sq,case_sd,case_variance,noise,why,note");
    for (uint32_t i = 0; i < s->r->n_components; i++) {
        const struct cs_report_component *c = &s->r->components[i];
        outcome_of(s, c->model, c->outcome);
        factor(s, c->factor);
        level(s, c->factor, c->level);
        text(s, cs_arm_kind_text(c->kind));
        count(s, c->n_levels);
        count(s, c->clusters);
        figure(s, c->systematic);
        span(s, c->systematic_ci);
        figure(s, c->systematic_sq);
        figure(s, c->case_sd);
        figure(s, c->case_variance);
        figure(s, c->noise);
        text(s, c->why);
        end_of(s, s->r->models[c->model].simulated);
    }
}

static void labels(struct sheet *s)
{
    head(s, "model,outcome,unit,factor,level,clusters,rate,labelled,ratio,control_ratio,ratio_of_ratios,"
            "ratio_of_ratios_low,ratio_of_ratios_high,agreement,under,over,under_shift_points,under_shift_low,"
            "under_shift_high,over_shift_points,over_shift_low,over_shift_high,label_source,note");
    for (uint32_t i = 0; i < s->r->n_labels; i++) {
        const struct cs_report_label *l = &s->r->labels[i];
        outcome_of(s, l->model, l->outcome);
        factor(s, l->factor);
        level(s, l->factor, l->level);
        count(s, l->clusters);
        figure(s, l->rate);
        figure(s, l->labelled);
        figure(s, l->ratio);
        figure(s, l->control_ratio);
        figure(s, l->ratio_of_ratios);
        span(s, l->ratio_of_ratios_ci);
        figure(s, l->agreement);
        figure(s, l->under);
        figure(s, l->over);
        figure(s, l->under_shift);
        span(s, l->under_ci);
        figure(s, l->over_shift);
        span(s, l->over_ci);
        text(s, s->r->label_note);
        end_of(s, s->r->models[l->model].simulated);
    }
}

static void agreement(struct sheet *s)
{
    head(s, "question,field,between,who,statistic,raters,items,agreement,kappa,kappa_low,kappa_high,why,note");
    for (uint32_t i = 0; i < s->r->n_agreements; i++) {
        const struct cs_report_agreement *a = &s->r->agreements[i];
        text(s, a->question);
        text(s, a->field);
        text(s, cs_agreement_kind_name(a->kind));
        text(s, a->who);
        text(s, a->statistic);
        count(s, a->raters);
        count(s, a->items);
        figure(s, a->agreement);
        figure(s, a->kappa);
        span(s, a->kappa_ci);
        text(s, a->why);
        end_of(s, a->simulated);
    }
}

static void provenance(struct sheet *s)
{
    head(s, "guideline,item,filled,text");
    for (uint32_t i = 0; i < s->r->n_provenance; i++) {
        const struct cs_report_provenance *p = &s->r->provenance[i];
        text(s, p->guideline);
        text(s, p->item);
        flag(s, p->filled);
        text(s, p->text);
        end(s);
    }
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*write)(struct sheet *s);
} sheets[] = {
    {"models", models},         {"outcomes", outcomes}, {"declared", declared},   {"completeness", completeness},
    {"usable", usable},         {"rates", rates},       {"contrasts", contrasts}, {"categories", categories},
    {"warrant", warrant},       {"reruns", reruns},     {"ranges", ranges},       {"floors", floors},
    {"components", components}, {"labels", labels},     {"agreement", agreement}, {"provenance", provenance},
};

static enum cs_err write_sheet(const struct cs_report *r, const char *dir, size_t i, struct cs_error *err)
{
    char *path = cs_xasprintf("%s/%s.csv", dir, sheets[i].name), *part = cs_xasprintf("%s.part", path);
    struct sheet s = {.r = r, .out = fopen(part, "w")};
    enum cs_err rc = CS_OK;
    if (s.out == NULL) {
        rc = cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno));
    } else {
        sheets[i].write(&s);
        const bool bad = ferror(s.out) != 0;
        if (fclose(s.out) != 0 || bad || rename(part, path) != 0) {
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
            unlink(part);
        }
    }
    free(part);
    free(path);
    return rc;
}

enum cs_err cs_report_csv(const struct cs_report *r, const char *dir, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", dir, strerror(errno));
    for (size_t i = 0; i < sizeof sheets / sizeof sheets[0] && rc == CS_OK; i++)
        rc = write_sheet(r, dir, i, err);
    return rc;
}
