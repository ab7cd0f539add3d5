/* Answers to one prompt: how far apart they lie by arm, and what a majority of several says. */
#include "tools/report/html/page.h"

static void write_row(struct cs_page *p, const struct cs_report_spread *v)
{
    const struct cs_report_contrast *c = &p->r->contrasts[v->contrast];
    const int decimals = cs_html_page_decimals(p, c->outcome);
    cs_html(p->out, "<tr><th scope=\"row\"><a href=\"#%s\">", c->anchor);
    cs_html_page_comparison(p, c);
    fputs("</a></th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, c->outcome));
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, c->model);
    cs_html(p->out, "</td><td class=\"n\">%s \xE2\x86\x92 %s %s</td>",
            cs_num_fixed(cs_html_page_figure_value(v->comparator), decimals).s,
            cs_num_fixed(cs_html_page_figure_value(v->level), decimals).s, cs_html_page_unit(p, c->outcome));
    cs_html(p->out, "<td class=\"n p\">%s</td>", cs_num_p(cs_html_page_figure_value(v->p)).s);
    if (p->r->majority > 0) {
        cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(c->shift), decimals));
        cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(v->decided), decimals).s);
        if (v->decided_ci.known)
            cs_html(p->out, " (%s)", cs_html_page_span(v->decided_ci, decimals).s);
        cs_html(p->out, "%s%s</td>", v->why[0] != '\0' ? " " : "", v->why);
    }
    fputs("</tr>\n", p->out);
}

void cs_html_spread(struct cs_page *p)
{
    fputs(
        "<p>How far the answers to one and the same prompt lie apart (their SD; yes and no half and half: 50 points), under "
        "the comparator and under the level. A level may leave the mean and make the model less sure. Primary comparisons, "
        "unadjusted; no verdict depends on it.</p>\n",
        p->out);
    if (p->r->majority > 0)
        cs_html(
            p->out,
            "<p>Beside it the shift of what a majority of %u answers says (of an ordered answer: their median; a tie counts "
            "half), averaged over all choices of %u among the answers that there are: where it is as large as the shift "
            "itself, asking more often does not help.</p>\n",
            p->r->majority, p->r->majority);
    if (p->r->n_spread == 0) {
        fputs("<p>Not given: nothing is asked twice, or no comparison is primary.</p>\n", p->out);
        return;
    }
    cs_html_page_table(p, "spread", CS_REPORT_NONE, "Spread of the answers to one prompt, comparator and level.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Comparison", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "SD of answers", "n");
    cs_html_page_column(p, "p of no change", "n");
    if (p->r->majority > 0) {
        cs_html_page_column(p, "Shift", "n");
        cs_html_page_column(p, "Shift of the majority", "n");
    }
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_spread; i++)
        write_row(p, &p->r->spread[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
