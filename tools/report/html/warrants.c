/* Differences declared warranted, with their cases apart. */
#include "tools/report/html/page.h"

#include <math.h>

static void write_raters(struct cs_page *p, const struct cs_report_warrant *w)
{
    if (w->raters_min == w->raters_max)
        cs_html_page_number(p, cs_num_count(w->raters_min));
    else
        cs_html(p->out, "<td class=\"n\">%s to %s</td>", cs_num_count(w->raters_min).s, cs_num_count(w->raters_max).s);
}

static void write_warrant(struct cs_page *p, const struct cs_report_warrant *w)
{
    const struct cs_report_contrast *c = &p->r->contrasts[w->contrast];
    const int decimals = cs_html_page_decimals(p, c->outcome);
    cs_html_page_contrast(p, c);
    cs_html_page_number(p, cs_num_count(w->cases));
    write_raters(p, w);
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(w->agreement)));
    cs_html(p->out, "<td class=\"n\">%s \xE2\x86\x92 %s</td><td class=\"n\">%s",
            cs_html_page_rate(p, c->outcome, w->rate_comparator).s, cs_html_page_rate(p, c->outcome, w->rate_level).s,
            cs_num_signed(cs_html_page_figure_value(w->shift), decimals).s);
    if (w->ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(w->ci, decimals).s);
    cs_html(p->out, " %s</td>", p->r->outcomes[c->outcome].unit);
    cs_html_page_cell(p, w->why);
    fputs("</tr>\n", p->out);
}

void cs_html_warrants(struct cs_page *p)
{
    static const char *const titles[] = {"Cases", "Physicians", "Their agreement", "Comparator \xE2\x86\x92 level",
                                         "Shift (CI)"};
    cs_html(p->out, "<h3 id=\"warrant\">Warranted differences</h3>\n<p>%s</p>\n",
            p->r->warrant_note[0] != '\0'
                ? p->r->warrant_note
                : "The study declares no case, level and answer for which physicians hold a difference to be "
                  "warranted. Nobody knows the size of a warranted effect, so nothing is subtracted.");
    if (p->r->n_warrants == 0)
        return;
    cs_html_page_table(p, "warrants", CS_REPORT_NONE,
                       "Cases in which physicians declared beforehand that a difference is warranted: left out of the "
                       "comparisons above, shown here, and never judged.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_warrants; i++)
        write_warrant(p, &p->r->warrants[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
