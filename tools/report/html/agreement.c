/* Blinded ratings by people and their agreement. */
#include "tools/report/html/page.h"

static void write_agreement(struct cs_page *p, const struct cs_report_agreement *a)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, a->field);
    cs_html(p->out, "</th><td>%s</td><td>", cs_words_agreement(a->kind));
    cs_html(p->out, "%s%s</td>", a->who, a->simulated ? " (simulated)" : "");
    cs_html_page_number(p, cs_num_count(a->raters));
    cs_html_page_number(p, cs_num_count(a->items));
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(a->agreement)));
    cs_html_page_cell(p, a->statistic);
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(a->kappa), 2).s);
    if (a->kappa_ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(a->kappa_ci, 2).s);
    fputs("</td>", p->out);
    cs_html_page_cell(p, a->why);
    fputs("</tr>\n", p->out);
}

void cs_html_agreement(struct cs_page *p)
{
    if (p->r->n_agreements == 0)
        return;
    fputs("<h3 id=\"agreement\">Ratings by people</h3>\n<p>Raters saw answers without levels or models. Kappa is "
          "agreement beyond chance: 1 is perfect, 0 is what chance alone gives.</p>\n",
          p->out);
    cs_html_page_table(p, "agreements", CS_REPORT_NONE, "Agreement on blinded ratings.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Field", "");
    cs_html_page_column(p, "Between", "");
    cs_html_page_column(p, "Who", "");
    cs_html_page_column(p, "Raters", "n");
    cs_html_page_column(p, "Items", "n");
    cs_html_page_column(p, "Agree", "n");
    cs_html_page_column(p, "Statistic", "");
    cs_html_page_column(p, "Kappa (CI)", "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_agreements; i++)
        write_agreement(p, &p->r->agreements[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
