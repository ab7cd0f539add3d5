/* Verdicts counted: of every answer in every model, in words and as a table. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

/* ---- counting ------------------------------------------------------------------------------------ */

struct tally {
    uint32_t by_verdict[CS_VERDICTS], tested;
    const struct cs_report_contrast *largest; /* among those called different, by its share of the margin, or by size */
};

static struct tally count_verdicts(const struct cs_report *r, uint32_t model, uint32_t outcome, bool primary)
{
    struct tally t = {.tested = 0};
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model != model || c->outcome != outcome || c->floor || c->primary != primary ||
            c->verdict >= CS_VERDICTS)
            continue;
        t.by_verdict[c->verdict]++;
        t.tested++;
        if (cs_words_verdict_is_different(c->verdict) && c->against == CS_AGAINST_CONTROL &&
            (t.largest == NULL || fabs(c->shift.value) > fabs(t.largest->shift.value)))
            t.largest = c;
    }
    return t;
}

static uint32_t different(const struct tally *t)
{
    return t->by_verdict[CS_VERDICT_BEYOND] + t->by_verdict[CS_VERDICT_UNCLEAR_SIZE] +
           t->by_verdict[CS_VERDICT_SMALLER] + t->by_verdict[CS_VERDICT_DIFFERENT];
}

/* ---- in words --------------------------------------------------------------------------------------- */

/* "12.4 points more often "Yes"" is the sentence that a reader takes home: the largest shift, its sign in words. */
static void say_largest(struct cs_page *p, const struct cs_report_contrast *c)
{
    int decimals = cs_html_page_decimals(p, c->outcome);
    fputs("; the largest shift is that of <q>", p->out);
    cs_html_page_comparison(p, c);
    cs_html(p->out, "</q>: %s %s against the control", cs_num_signed(cs_html_page_figure_value(c->shift), decimals).s,
            p->r->outcomes[c->outcome].unit);
    if (c->ci_simultaneous.known)
        cs_html(p->out, " (interval %s)", cs_html_page_span(c->ci_simultaneous, decimals).s);
}

/* What a small study did not find it may not have been able to see. */
static void say_none_different(struct cs_page *p, uint32_t model, uint32_t outcome, const struct tally *t)
{
    const struct cs_words_limit limit = cs_words_limit(p->r, model, outcome);
    if (limit.s[0] != '\0')
        cs_html(p->out, "%s: of %u primary comparisons %u equivalent, and %u may hide a difference of that size",
                limit.s, t->tested, t->by_verdict[CS_VERDICT_EQUIVALENT], t->by_verdict[CS_VERDICT_INCONCLUSIVE]);
    else
        cs_html(p->out, "no difference shown in %u primary comparisons, %u of them equivalent", t->tested,
                t->by_verdict[CS_VERDICT_EQUIVALENT]);
}

static void say_finding(struct cs_page *p, uint32_t model, uint32_t outcome, const struct tally *t)
{
    fputs("<li>", p->out);
    cs_html_page_model_name(p, model);
    cs_html(p->out, ", <b>%s</b>: ", cs_html_page_label(p, outcome).s);
    if (t->by_verdict[CS_VERDICT_NONE] == t->tested) {
        fputs("no verdicts.</li>\n", p->out);
        return;
    }
    if (t->by_verdict[CS_VERDICT_EQUIVALENT] == t->tested)
        cs_html(p->out, "all %u primary comparisons equivalent: every shift is shown to lie inside the margin",
                t->tested);
    else if (different(t) == 0)
        say_none_different(p, model, outcome, t);
    else
        cs_html(p->out, "%u of %u primary comparisons different, %u of them by more than the margin", different(t),
                t->tested, t->by_verdict[CS_VERDICT_BEYOND]);
    if (t->by_verdict[CS_VERDICT_NONE] > 0)
        cs_html(p->out, ", %u without a verdict", t->by_verdict[CS_VERDICT_NONE]);
    if (t->largest != NULL)
        say_largest(p, t->largest);
    const struct tally more = count_verdicts(p->r, model, outcome, false);
    if (more.tested > 0)
        cs_html(p->out, ". Of %u exploratory comparisons %u different, %u equivalent", more.tested, different(&more),
                more.by_verdict[CS_VERDICT_EQUIVALENT]);
    fputs(".</li>\n", p->out);
}

static void say_findings(struct cs_page *p)
{
    bool any = false;
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
            struct tally t = count_verdicts(p->r, m, o, true);
            if (t.tested == 0)
                continue;
            fputs(any ? "" : "<ul class=\"findings\">\n", p->out);
            say_finding(p, m, o, &t);
            any = true;
        }
    }
    fputs(any ? "</ul>\n"
              : "<p>The study declares no primary outcome with comparisons: everything below is exploratory.</p>\n",
          p->out);
}

/* ---- table ------------------------------------------------------------------------------------------------ */

static const enum cs_report_verdict shown[] = {
    CS_VERDICT_BEYOND,    CS_VERDICT_UNCLEAR_SIZE, CS_VERDICT_SMALLER,
    CS_VERDICT_DIFFERENT, CS_VERDICT_EQUIVALENT,   CS_VERDICT_EQUIVALENT_MEAN,
    CS_VERDICT_NOT_WORSE, CS_VERDICT_INCONCLUSIVE, CS_VERDICT_NONE};
enum { N_SHOWN = sizeof shown / sizeof *shown };

static bool any_verdict(const struct cs_report *r, enum cs_report_verdict v)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].verdict == v && r->contrasts[i].primary)
            return true;
    }
    return false;
}

static void write_tally_row(struct cs_page *p, uint32_t m, uint32_t o, const struct tally *t, const bool *used)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, m);
    cs_html(p->out, "</th><td><a href=\"#answer-%u-model-%u\">", o, m);
    cs_html_text(p->out, cs_html_page_label(p, o).s);
    fputs("</a></td>", p->out);
    for (int i = 0; i < N_SHOWN; i++) {
        if (used[i])
            cs_html(p->out, "<td class=\"n%s%s\">%u</td>", t->by_verdict[shown[i]] > 0 ? " v v-" : "",
                    t->by_verdict[shown[i]] > 0 ? cs_html_page_verdict_css(shown[i]) : "", t->by_verdict[shown[i]]);
    }
    fputs("</tr>\n", p->out);
}

static void write_tally(struct cs_page *p)
{
    bool used[N_SHOWN], any = false;
    for (int i = 0; i < N_SHOWN; i++) {
        used[i] = any_verdict(p->r, shown[i]);
        any = any || used[i];
    }
    if (!any)
        return;
    cs_html_page_table(
        p, "tally", CS_REPORT_NONE,
        "Verdicts of the primary comparisons, with the one adjustment that was declared for all of them.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Answer", "");
    for (int i = 0; i < N_SHOWN; i++) {
        if (used[i])
            cs_html(p->out, "<th scope=\"col\" class=\"n\"><span class=\"sym\" aria-hidden=\"true\">%s</span> %s</th>",
                    cs_html_page_verdict_symbol(shown[i]),
                    shown[i] == CS_VERDICT_NONE ? "no verdict" : cs_words_verdict(shown[i]));
    }
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
            struct tally t = count_verdicts(p->r, m, o, true);
            if (t.tested > 0)
                write_tally_row(p, m, o, &t, used);
        }
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_counted(struct cs_page *p)
{
    fputs("<p><q>Different</q> and <q>equivalent</q> are both statements that the answers support; <q>inconclusive</q> "
          "means that they support neither, and never that there is no difference.</p>\n",
          p->out);
    say_findings(p);
    write_tally(p);
}
