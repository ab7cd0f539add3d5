/* report_text.c - the finding in some ten lines, for the terminal. */
#include <inttypes.h>
#include <math.h>

#include "tools/report/report.h"

static void largest(const struct cs_report *r, uint32_t model, uint32_t outcome, FILE *out)
{
    const struct cs_report_contrast *best = NULL;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model == model && c->outcome == outcome && c->primary && c->stratum[0] == '\0' &&
            c->against == CS_AGAINST_CONTROL && c->shift.known &&
            (best == NULL || fabs(c->shift.value) > fabs(best->shift.value)))
            best = c;
    }
    if (best == NULL)
        return;
    const char *level = r->factors[best->factor].levels[best->level].id;
    fprintf(out, "; largest: %s %+.2f %s", level, best->shift.value, r->outcomes[outcome].unit);
    if (best->ci_simultaneous.known)
        fprintf(out, " (%.2f to %.2f)", best->ci_simultaneous.low, best->ci_simultaneous.high);
}

static void outcome_line(const struct cs_report *r, uint32_t model, uint32_t outcome, FILE *out)
{
    uint32_t by_verdict[CS_VERDICTS] = {0}, different = 0, tested = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model != model || c->outcome != outcome || !c->primary)
            continue;
        by_verdict[c->verdict]++;
        different += cs_verdict_is_different(c->verdict);
        tested++;
    }
    fprintf(out, "  %s: of %u comparisons %u different (%u beyond the margin), %u equivalent, %u inconclusive",
            r->outcomes[outcome].label, tested, different, by_verdict[CS_VERDICT_BEYOND],
            by_verdict[CS_VERDICT_EQUIVALENT], by_verdict[CS_VERDICT_INCONCLUSIVE]);
    if (by_verdict[CS_VERDICT_NONE] > 0)
        fprintf(out, ", %u without a verdict", by_verdict[CS_VERDICT_NONE]);
    largest(r, model, outcome, out);
    fputc('\n', out);
}

void cs_report_text(const struct cs_report *r, FILE *out)
{
    fprintf(out, "%s: %" PRIu64 " of %" PRIu64 " trials have ended%s, %u cases in %u clusters\n", r->study, r->terminal,
            r->planned, r->complete ? " (complete)" : "", r->n_cases, r->n_clusters);
    fprintf(out, "%s\n", r->declared.sentence);
    for (uint32_t i = 0; i < r->n_notes; i++)
        fprintf(out, "%s\n", r->notes[i]);
    for (uint32_t m = 0; m < r->n_models; m++) {
        fprintf(out, "%s%s\n", r->models[m].name, r->models[m].simulated ? " [" CS_SIMULATED_TEXT "]" : "");
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            if (r->outcomes[o].role == CS_OUTCOME_PRIMARY)
                outcome_line(r, m, o, out);
        }
    }
}
