/* Answers lost, arm by arm: which arms end without an answer more often, or less, than the control. */
#include "tools/report/html/page.h"

static void write_row(struct cs_page *p, const struct cs_report_lost *row)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, row->model);
    fputs("</th><td>", p->out);
    cs_html_page_level_name(p, row->factor, row->level);
    fputs("</td>", p->out);
    cs_html_page_cell(p, cs_words_lost(row->kind));
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(row->share)));
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(row->share_control)));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(row->gap), 1).s);
    if (row->ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(row->ci, 1).s);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(row->p_adjusted)));
    cs_html_page_cell(p, row->differs ? "differs from the control" : "");
    fputs("</tr>\n", p->out);
}

static void write_table(struct cs_page *p, bool differs)
{
    static const char *const titles[] = {"Model",   "Level",       "Trials that", "Level's share",
                                         "Control", "Gap, points", "p, adjusted", ""};
    cs_html_page_table(
        p, "lost", CS_REPORT_NONE,
        "Trials without an answer, each arm against the control. Timeouts and failures as a share of all that "
        "ended, the others of all that were answered; p by Holm's method over all arms, models and kinds.");
    fputs("<thead><tr>", p->out);
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], i >= 3 && i <= 6 ? "n" : "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_lost; i++) {
        if (p->r->lost[i].differs == differs)
            write_row(p, &p->r->lost[i]);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_lost(struct cs_page *p)
{
    uint32_t differ = 0;
    for (uint32_t i = 0; i < p->r->n_lost; i++)
        differ += p->r->lost[i].differs;
    if (p->r->n_lost == 0) {
        fputs("<p>No arm that has a control lost an answer.</p>\n", p->out);
        return;
    }
    fputs(
        "<p>Answers that are missing may be those that differ. Every finding below is given with the worst and the best "
        "case that they leave open, and an arm that lost over 5 % of its trials to timeouts and failures has no "
        "verdict.</p>\n",
        p->out);
    if (differ == 0)
        fputs("<p>No arm is shown to lose answers more or less often than its control.</p>\n", p->out);
    else
        write_table(p, true);
    if (differ == p->r->n_lost)
        return;
    fputs("<details><summary>Arms that are not shown to differ</summary>\n", p->out);
    write_table(p, false);
    fputs("</details>\n", p->out);
}
