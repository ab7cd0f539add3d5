/* terminal.c - the finding in some ten lines, for the terminal. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tools/report/forms/forms.h"
#include "tools/report/words.h"

enum { LINES_FOR_MODELS = 8 }; /* more than that, and models share a line */

static bool is_of(const struct cs_report_contrast *c, uint32_t model, uint32_t outcome)
{
    return c->primary && c->outcome == outcome && (model == CS_REPORT_NONE || c->model == model);
}

/* model NONE: of all models, whose name is then said. */
static void largest(const struct cs_report *r, uint32_t model, uint32_t outcome, FILE *out)
{
    const struct cs_report_contrast *best = NULL;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (is_of(c, model, outcome) && c->shift.known &&
            (best == NULL || fabs(c->shift.value) > fabs(best->shift.value)))
            best = c;
    }
    if (best == NULL)
        return;
    const char *level = r->factors[best->factor].levels[best->level].id;
    const int decimals = cs_words_decimals(&r->outcomes[outcome]);
    fprintf(out, "; largest: %s%s%s", model == CS_REPORT_NONE ? r->models[best->model].name : "",
            model == CS_REPORT_NONE ? ", " : "", level);
    if (best->against != CS_AGAINST_CONTROL)
        fprintf(out, " against %s", best->comparator_text);
    if (best->stratum[0] != '\0')
        fprintf(out, ", %s %s", best->stratum, best->stratum_value);
    fprintf(out, " %+.*f %s", decimals, best->shift.value, r->outcomes[outcome].unit);
    if (best->ci_simultaneous.known)
        fprintf(out, " (%.*f to %.*f)", decimals, best->ci_simultaneous.low, decimals, best->ci_simultaneous.high);
    if (best->decided_by.span.known)
        fprintf(out, ", decided by %.*f to %.*f (%s)", decimals, best->decided_by.span.low, decimals,
                best->decided_by.span.high, best->decided_by.why);
    for (uint32_t i = 0; i < r->n_pooled; i++) { /* the largest of several is too large */
        if (&r->contrasts[r->pooled[i].contrast] == best)
            fprintf(out, ", drawn to the mean of all %+.*f", decimals, r->pooled[i].pooled.value);
    }
}

/* The reason of the first that has no verdict. */
static const char *why_none(const struct cs_report *r, uint32_t model, uint32_t outcome)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (is_of(&r->contrasts[i], model, outcome) && r->contrasts[i].verdict == CS_VERDICT_NONE)
            return r->contrasts[i].why;
    }
    return "";
}

static void outcome_line(const struct cs_report *r, uint32_t model, uint32_t outcome, FILE *out)
{
    uint32_t by_verdict[CS_VERDICTS] = {0}, different = 0, tested = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (!is_of(c, model, outcome))
            continue;
        by_verdict[c->verdict]++;
        different += cs_words_verdict_is_different(c->verdict);
        tested++;
    }
    if (tested == 0)
        return; /* all of its comparisons are exploratory */
    if (by_verdict[CS_VERDICT_NONE] == tested) {
        fprintf(out, "  %s: no verdict for %u primary comparisons (%s)", r->outcomes[outcome].label, tested,
                why_none(r, model, outcome));
        largest(r, model, outcome, out);
        fputc('\n', out);
        return;
    }
    fprintf(out, "  %s: of %u primary comparisons %u different (%u beyond the margin), %u equivalent, %u inconclusive",
            r->outcomes[outcome].label, tested, different, by_verdict[CS_VERDICT_BEYOND],
            by_verdict[CS_VERDICT_EQUIVALENT], by_verdict[CS_VERDICT_INCONCLUSIVE]);
    const struct cs_words_limit limit = cs_words_limit(r, model, outcome);
    if (limit.s[0] != '\0')
        fprintf(out, " (%s)", limit.s);
    if (by_verdict[CS_VERDICT_NONE] > 0)
        fprintf(out, ", %u without a verdict (%s)", by_verdict[CS_VERDICT_NONE], why_none(r, model, outcome));
    largest(r, model, outcome, out);
    fputc('\n', out);
}

/* A study that varies nothing has answers, and no comparisons. */
static void rate_line(const struct cs_report *r, const struct cs_report_rate *row, FILE *out)
{
    const struct cs_report_outcome *o = &r->outcomes[row->outcome];
    const bool share = strcmp(o->unit, "points") == 0, level = strcmp(o->unit, "levels") == 0;
    const double scale = share ? 100 : 1;
    if (!row->rate.known)
        return;
    fprintf(out, "  %s: %.3g%s", o->label, row->rate.value * scale, share ? " %" : "");
    if (level) /* counted from 0, whatever its words are */
        fprintf(out, " levels %s", o->up);
    if (row->ci.known)
        fprintf(out, " (%.3g to %.3g)", row->ci.low * scale, row->ci.high * scale);
    for (uint32_t i = 0; i < r->n_labels; i++) {
        const struct cs_report_label *l = &r->labels[i];
        if (l->model == row->model && l->outcome == row->outcome && l->agreement.known)
            fprintf(out, ", equal to the label in %.3g %%", 100 * l->agreement.value);
    }
    fprintf(out, ", %" PRIu64 " answers\n", row->answers);
}

/* `scores` and `composites`, over all arms; tags are for the page. */
static void score_line(const char *name, struct cs_report_figure value, struct cs_report_span ci, const char *why,
                       FILE *out)
{
    if (!value.known)
        return;
    fprintf(out, "  %s: %.3g", name, value.value);
    if (ci.known)
        fprintf(out, " (%.3g to %.3g)", ci.low, ci.high);
    fprintf(out, "%s%s\n", why[0] != '\0' ? "; " : "", why);
}

static const char *without_score(const struct cs_report_score *s, char *out, size_t size)
{
    out[0] = '\0';
    if (s->without > 0 && s->bounds.known)
        snprintf(out, size, "between %.3g and %.3g whatever the %" PRIu64 " without a score hold", s->bounds.low,
                 s->bounds.high, (uint64_t)s->without);
    return out;
}

static void score_lines(const struct cs_report *r, uint32_t model, FILE *out)
{
    char text[160];
    for (uint32_t i = 0; i < r->n_scores; i++) {
        const struct cs_report_score *s = &r->scores[i];
        if (s->model == model && s->factor == CS_REPORT_NONE && s->tag[0] == '\0')
            score_line(s->score, s->mean, s->ci, without_score(s, text, sizeof text), out);
    }
    for (uint32_t i = 0; i < r->n_composites; i++) {
        const struct cs_report_composite *c = &r->composites[i];
        if (c->model == model && c->factor == CS_REPORT_NONE)
            score_line(c->name, c->value, c->ci, c->why, out);
    }
}

static void horizon_line(const struct cs_report *r, const struct cs_report_task_horizon *h, FILE *out)
{
    fprintf(out, "  %s%s%s: ", r->outcomes[h->outcome].label, h->factor == CS_REPORT_NONE ? "" : " under ",
            h->factor == CS_REPORT_NONE ? "" : r->factors[h->factor].levels[h->level].id);
    fprintf(out, "50 %% horizon %s, %u tasks\n", cs_words_horizon(h, CS_REPORT_HORIZON_50).s, h->tasks);
}

/* What a pilot is for. */
static void noise_line(const struct cs_report *r, const struct cs_report_floor *f, FILE *out)
{
    const struct cs_report_outcome *o = &r->outcomes[f->outcome];
    if (f->kind != CS_ARM_REASK || !f->disagreement.known)
        return;
    fprintf(out, "  %s: noise of asking again %.3g %s", o->label, f->disagreement.value, o->unit);
    for (uint32_t i = 0; i < r->n_components; i++) {
        const struct cs_report_component *c = &r->components[i];
        if (c->model == f->model && c->outcome == f->outcome && c->kind == CS_ARM_LEVELS &&
            c->level == CS_REPORT_NONE && c->case_sd.known)
            fprintf(out, ", tau %.3g %s (%s)", c->case_sd.value, o->unit, r->factors[c->factor].name);
    }
    fputc('\n', out);
}

/* How long first answers hold, and what is lost; the control's line is the noise floor. */
static void pressure_line(const struct cs_report *r, const struct cs_report_pressure *row, FILE *out)
{
    if (!row->held_share.known)
        return;
    fprintf(out, "  %s under %s%s: first answers hold to the last turn in %.3g %%", row->field,
            row->factor == CS_REPORT_NONE ? "pressure" : r->factors[row->factor].levels[row->level].id,
            row->floor ? " (noise floor)" : "", 100 * row->held_share.value);
    if (row->held_share_ci.known)
        fprintf(out, " (%.3g to %.3g)", 100 * row->held_share_ci.low, 100 * row->held_share_ci.high);
    if (row->held_bounds.known && row->held_bounds.low < row->held_bounds.high)
        fprintf(out, ", between %.3g and %.3g %% whatever answers that are not known hold (%s)",
                100 * row->held_bounds.low, 100 * row->held_bounds.high, row->censored_at);
    fprintf(out, ", %.3g turns on average", row->turns_held.value);
    if (row->lost_of_asked.known)
        fprintf(out, "; right answers lost: %.3g %% of all asked", 100 * row->lost_of_asked.value);
    if (row->lost_bounds.known && row->lost_bounds.low < row->lost_bounds.high)
        fprintf(out, " (up to %.3g %% if all that is not known were)", 100 * row->lost_bounds.high);
    if (row->lost_of_right.known)
        fprintf(out, ", %.3g %% of those right at first", 100 * row->lost_of_right.value);
    fputc('\n', out);
}

static void model_lines(const struct cs_report *r, uint32_t model, FILE *out)
{
    const bool simulated = model == CS_REPORT_NONE ? r->simulated : r->models[model].simulated;
    if (model == CS_REPORT_NONE)
        fprintf(out, "%u models", r->n_models);
    else
        fputs(r->models[model].name, out);
    fprintf(out, "%s\n", simulated ? " [" CS_SIMULATED_TEXT "]" : "");
    for (uint32_t o = 0; o < r->n_outcomes; o++) {
        if (r->outcomes[o].role == CS_OUTCOME_PRIMARY)
            outcome_line(r, model, o, out);
    }
    for (uint32_t i = 0; r->blind && model != CS_REPORT_NONE && i < r->n_floors; i++) {
        if (r->floors[i].model == model)
            noise_line(r, &r->floors[i], out);
    }
    for (uint32_t i = 0; model != CS_REPORT_NONE && i < r->n_pressure; i++) {
        if (r->pressure[i].model == model)
            pressure_line(r, &r->pressure[i], out);
    }
    if (model != CS_REPORT_NONE)
        score_lines(r, model, out);
    for (uint32_t i = 0; model != CS_REPORT_NONE && i < r->n_task_horizons; i++) {
        if (r->task_horizons[i].model == model)
            horizon_line(r, &r->task_horizons[i], out);
    }
    for (uint32_t i = 0; r->n_factors == 0 && model != CS_REPORT_NONE && i < r->n_rates; i++) {
        if (r->rates[i].model == model)
            rate_line(r, &r->rates[i], out);
    }
}

static void people_lines(const struct cs_report *r, FILE *out)
{
    if (r->n_warrants > 0)
        fprintf(out, "warrant: %u comparisons leave out flagged cases, which have a table of their own\n",
                r->n_warrants);
    for (uint32_t i = 0; i < r->n_agreements; i++) {
        const struct cs_report_agreement *a = &r->agreements[i];
        if (a->kind == CS_AGREEMENT_RATERS && a->kappa.known)
            fprintf(out, "raters on %s: %s %.2f over %u outputs\n", a->field, a->statistic, a->kappa.value, a->items);
    }
}

/* How far judges agree, and how many outputs they left without a verdict. */
static void judge_lines(const struct cs_report *r, FILE *out)
{
    for (uint32_t i = 0; i < r->n_judges_agreement; i++) {
        const struct cs_report_judges_agreement *a = &r->judges_agreement[i];
        if (a->kind == CS_JUDGES_ALL && a->kappa.known)
            fprintf(out, "judges on %s: %s %.2f over %" PRIu64 " outputs\n", a->answer, a->statistic, a->kappa.value,
                    a->items);
    }
    for (uint32_t i = 0; i < r->n_verdicts; i++) {
        const struct cs_report_verdicts *v = &r->verdicts[i];
        if (v->factor == CS_REPORT_NONE && v->no_verdict > 0)
            fprintf(out, "%s, %s: %" PRIu64 " of %" PRIu64 " judged outputs have no verdict\n",
                    r->models[v->model].name, v->answer, v->no_verdict, v->no_verdict + v->judged);
    }
}

static void rerun_line(const struct cs_report *r, FILE *out)
{
    const struct cs_report_rerun *best = NULL;
    for (uint32_t i = 0; i < r->n_reruns; i++) {
        const struct cs_report_rerun *v = &r->reruns[i];
        if (r->contrasts[v->contrast].primary && v->difference.known &&
            (best == NULL || (v->p.known && (!best->p.known || v->p.value < best->p.value))))
            best = v;
    }
    if (best == NULL)
        return;
    const struct cs_report_contrast *c = &r->contrasts[best->contrast];
    fprintf(out, "against the run of %.10s: clearest change in %s, %s, %s: %+.2f %s", r->earlier.first_call,
            r->models[c->model].name, r->outcomes[c->outcome].label, r->factors[c->factor].levels[c->level].id,
            best->difference.value, r->outcomes[c->outcome].unit);
    if (best->ci.known)
        fprintf(out, " (%.2f to %.2f, not adjusted)", best->ci.low, best->ci.high);
    fputc('\n', out);
}

void cs_forms_terminal(const struct cs_report *r, FILE *out)
{
    fprintf(out, "%s: %" PRIu64 " of %" PRIu64 " trials have ended%s, %u cases in %u clusters\n", r->study, r->terminal,
            r->planned, r->complete ? " (complete)" : "", r->n_cases, r->n_clusters);
    fprintf(out, "%s\n", r->declared.sentence);
    if (r->declared.registration[0] != '\0')
        fprintf(out, "%s\n", r->declared.registration);
    for (uint32_t i = 0; i < r->n_said_first; i++)
        fprintf(out, "%s\n", r->said_first[i]);
    for (uint32_t i = 0; i < r->n_notes; i++)
        fprintf(out, "%s\n", r->notes[i]);
    uint32_t lines = 1;
    for (uint32_t o = 0; o < r->n_outcomes; o++)
        lines += r->outcomes[o].role == CS_OUTCOME_PRIMARY;
    if (lines * r->n_models > LINES_FOR_MODELS)
        model_lines(r, CS_REPORT_NONE, out);
    for (uint32_t m = 0; m < r->n_models && lines * r->n_models <= LINES_FOR_MODELS; m++)
        model_lines(r, m, out);
    people_lines(r, out);
    judge_lines(r, out);
    rerun_line(r, out);
}
