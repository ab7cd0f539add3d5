/* Trends over ordered levels, where the study declares any; part of "Where the shift differs". */
#include "tools/report/html/page.h"

static void write_row(struct cs_page *p, const struct cs_report_trend *t)
{
    const int decimals = cs_html_page_decimals(p, t->outcome);
    const struct cs_report_span ci = t->ci_simultaneous.known ? t->ci_simultaneous : t->ci;
    cs_html(p->out, "<tr id=\"%s\"><th scope=\"row\">", t->anchor);
    cs_html_page_words(p, p->r->factors[t->factor].name);
    fputs(" <span class=\"why\">", p->out);
    cs_html_page_words(p, t->steps);
    fputs("</span></th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, t->outcome));
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, t->model);
    cs_html(p->out, "</td><td class=\"n\">%s (%s) %s</td>",
            cs_num_signed(cs_html_page_figure_value(t->slope), decimals).s, cs_html_page_span(ci, decimals).s,
            p->r->outcomes[t->outcome].unit);
    cs_html(p->out, "<td class=\"n p\">%s</td><td class=\"said\">",
            cs_num_p(cs_html_page_figure_value(t->p_adjusted)).s);
    cs_html_page_verdict(p, t->verdict, t->why);
    cs_html_page_decided(p, &t->decided_by, decimals);
    fputs("</td></tr>\n", p->out);
}

void cs_html_trends(struct cs_page *p)
{
    if (p->r->n_trends == 0)
        return;
    fputs("<h3>Trends</h3>\n<p>The levels of these comparisons have an order. A trend is the shift for one step of it; "
          "its margin is the one of the answer, divided by the length of the way.</p>\n",
          p->out);
    cs_html_page_table(p, "trends", CS_REPORT_NONE, "Shift for one step along ordered levels.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Factor and steps", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Shift a step (interval)", "n");
    cs_html_page_column(p, "p, adjusted", "n");
    cs_html_page_column(p, "Verdict", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_trends; i++) {
        if (p->r->trends[i].in_family)
            write_row(p, &p->r->trends[i]);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
