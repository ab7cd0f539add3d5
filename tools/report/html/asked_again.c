/* What was asked again by a declared act: by arm, and the findings with the first and with the later answers. */
#include "tools/report/html/page.h"

static void write_arm(struct cs_page *p, const struct cs_report_again *a)
{
    const uint64_t counts[] = {a->planned, a->asked,  a->timeouts, a->unparsable,
                               a->ok,      a->others, a->waiting,  a->overload};
    fputs("<tr><th scope=\"row\">", p->out);
    if (a->factor == CS_REPORT_NONE)
        fputs("all", p->out);
    else
        cs_html_page_level_name(p, a->factor, a->level);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, a->factor == CS_REPORT_NONE ? "" : p->r->factors[a->factor].name);
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, a->model);
    fputs("</td>", p->out);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cs_html_page_number(p, cs_num_count(counts[i]));
    fputs("</tr>\n", p->out);
}

static void write_arms(struct cs_page *p)
{
    static const char *const titles[] = {"Planned", "Asked again",        "Timeout first", "Unparsable first",
                                         "Ok now",  "Something else now", "Waiting",       "Calls after overload"};
    cs_html_page_table(
        p, "asked-again-arms", CS_REPORT_NONE,
        "Trials that were asked again, by their first answer and by what stands now. Arms that differ here "
        "differ in how their answers came about.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Factor", "");
    cs_html_page_column(p, "Model", "");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_again; i++)
        write_arm(p, &p->r->again[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void write_finding(struct cs_page *p, uint32_t outcome, struct cs_report_figure shift, struct cs_report_span ci,
                          enum cs_report_verdict verdict, const struct cs_report_decided *decided)
{
    const int decimals = cs_html_page_decimals(p, outcome);
    cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(shift), decimals).s);
    if (ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(ci, decimals).s);
    cs_html(p->out, " %s</td><td>%s", p->r->outcomes[outcome].unit, cs_words_verdict(verdict));
    cs_html_page_decided(p, decided, decimals);
    fputs("</td>", p->out);
}

static void write_twice(struct cs_page *p, const struct cs_report_twice *t)
{
    const struct cs_report_contrast *c = &p->r->contrasts[t->contrast];
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, c->factor, c->level);
    fputs(" <span class=\"why\">against</span> ", p->out);
    cs_html_page_comparator(p, c->factor, c->comparator, c->comparator_text);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, c->outcome));
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, c->model);
    fputs("</td>", p->out);
    write_finding(p, c->outcome, t->shift_first, t->ci_first, t->first, &t->decided_first);
    write_finding(p, c->outcome, t->shift_later, t->ci_later, t->later, &t->decided_later);
    cs_html_page_cell(p, t->differ ? "none: the verdicts differ" : "the same");
    fputs("</tr>\n", p->out);
}

static void write_findings(struct cs_page *p)
{
    static const char *const titles[] = {"Shift with the first answers", "Verdict", "Shift with the later answers",
                                         "Verdict"};
    cs_html_page_table(
        p, "asked-again-findings", CS_REPORT_NONE,
        "Every tested comparison with the first answers and with those after asking again, intervals under the "
        "adjustment. A finding that depends on which are taken is none.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], i % 2 == 0 ? "n" : "");
    cs_html_page_column(p, "Verdict of this report", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_twice; i++)
        write_twice(p, &p->r->twice[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_asked_again(struct cs_page *p)
{
    if (p->r->n_again == 0)
        return;
    cs_html(
        p->out, "<h3 id=\"asked-again\">Asked again</h3>\n<p>%s</p>\n",
        "Timeouts and answers that could not be read may be asked again by declaration, once a trial. The first answer is "
        "kept, and what it cost is counted.");
    write_arms(p);
    if (p->r->n_twice > 0)
        write_findings(p);
}
