/* Means put together into one number, as the study declares. */
#include "tools/report/html/page.h"

static void write_row(struct cs_page *p, const struct cs_report_composite *v)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, v->name);
    fputs("</th><td>", p->out);
    cs_html(p->out, "%s</td><td>", v->parts);
    cs_html_page_model_name(p, v->model);
    fputs("</td><td>", p->out);
    cs_html_page_level_name(p, v->factor, v->level);
    cs_html(p->out, "</td><td class=\"n\">%u</td>", v->clusters);
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(v->value), 3));
    fputs("<td class=\"n\">", p->out);
    if (v->ci.known)
        cs_html(p->out, "%s to %s", cs_num_fixed(v->ci.low, 3).s, cs_num_fixed(v->ci.high, 3).s);
    fputs("</td>", p->out);
    cs_html_page_cell(p, v->why);
    fputs("</tr>\n", p->out);
}

void cs_html_composites(struct cs_page *p)
{
    fputs(
        "<p>Harmonic mean n / (1/x1 + ... + 1/xn) of the mean of each part (of precision and recall: F1 = 2PR/(P + R)); each part is "
        "averaged within its clusters first. Interval: jackknife over clusters, within what the parts can be.</p>\n",
        p->out);
    cs_html_page_table(p, "composites", CS_REPORT_NONE, "Means put together.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Name", "");
    cs_html_page_column(p, "Of", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Clusters", "n");
    cs_html_page_column(p, "Value", "n");
    cs_html_page_column(p, "Interval", "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_composites; i++)
        write_row(p, &p->r->composites[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
