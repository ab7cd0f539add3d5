/* How long a task may be that a model still does. */
#include "tools/report/html/page.h"

static void minutes(struct cs_page *p, const struct cs_report_task_horizon *h, int share)
{
    cs_html(p->out, "<td class=\"n\">%s</td>", cs_words_horizon(h, share).s);
}

static void write_row(struct cs_page *p, const struct cs_report_task_horizon *h)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, h->model);
    fputs("</th><td>", p->out);
    cs_html_page_level_name(p, h->factor, h->level);
    cs_html(p->out, "</td><td class=\"n\">%u</td><td class=\"n\">%u</td>", h->tasks, h->families);
    cs_html(p->out, "<td class=\"n\">%u of %u</td>", h->successes, h->runs);
    minutes(p, h, CS_REPORT_HORIZON_50);
    minutes(p, h, CS_REPORT_HORIZON_80);
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(h->slope), 2));
    fputs("</tr>\n", p->out);
}

void cs_html_task_horizons(struct cs_page *p)
{
    fputs(
        "<p>The horizon is the length of a task, in minutes that a person needs, at which half of the runs succeed (and four of five): a logistic "
        "curve of success over log2(minutes), fitted as METR does (arXiv 2503.14499: tasks of a family share their weight, the slope is held "
        "back a little). Interval: families, tasks and runs drawn anew. It says how success falls with length in these tasks; "
        "a horizon beyond the longest of them, or below the shortest, is given as that and not as a number. Runs that ended in a timeout or a "
        "failure are left out; what they can have hidden stands beside: the same fit with all of them failed, and with all of them done.</p>\n",
        p->out);
    cs_html_page_table(p, "task-horizon", CS_REPORT_NONE, "Horizons, in minutes.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Tasks", "n");
    cs_html_page_column(p, "Families", "n");
    cs_html_page_column(p, "Runs that succeed", "n");
    cs_html_page_column(p, "50 % horizon", "n");
    cs_html_page_column(p, "80 % horizon", "n");
    cs_html_page_column(p, "Slope per doubling", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_task_horizons; i++)
        write_row(p, &p->r->task_horizons[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
