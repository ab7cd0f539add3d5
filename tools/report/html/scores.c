/* The declared scores of judged outputs. */
#include "tools/report/html/page.h"

static void write_score(struct cs_page *p, const struct cs_report_score *s)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, s->score);
    fputs("</th><td>", p->out);
    cs_html_page_model_name(p, s->model);
    fputs("</td><td>", p->out);
    if (s->factor == CS_REPORT_NONE)
        fputs("all", p->out);
    else
        cs_html_page_level_name(p, s->factor, s->level);
    fputs("</td>", p->out);
    cs_html_page_cell(p, s->tag);
    cs_html_page_number(p, cs_num_count(s->outputs));
    cs_html_page_number(p, cs_num_count(s->without));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(s->mean), 3).s);
    if (s->ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(s->ci, 3).s);
    fputs("</td><td class=\"n\">", p->out);
    if (s->bounds.known)
        cs_html(p->out, "%s", cs_html_page_span(s->bounds, 3).s);
    fputs("</td>", p->out);
    cs_html_page_cell(p, s->why);
    fputs("</tr>\n", p->out);
}

void cs_html_scores(struct cs_page *p)
{
    fputs(
        "<p>Numbers put together from the verdicts on each output; the mean is over clusters, and clipped after it where that was "
        "declared. An output that lacks a verdict has no score; worst and best say what these could change.</p>\n",
        p->out);
    cs_html_page_table(p, "scores", CS_REPORT_NONE, "Declared scores.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Score", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Tag", "");
    cs_html_page_column(p, "Outputs", "n");
    cs_html_page_column(p, "Without a score", "n");
    cs_html_page_column(p, "Mean (CI)", "n");
    cs_html_page_column(p, "Worst, best", "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_scores; i++)
        write_score(p, &p->r->scores[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
