/* All levels of a factor at once: whether any of them moves an answer. */
#include "tools/report/html/page.h"

static void write_row(struct cs_page *p, const struct cs_report_omnibus *v)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, p->r->factors[v->factor].name);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, v->outcome));
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, v->model);
    cs_html(p->out, "</td><td class=\"n\">%u</td><td class=\"n\">%u</td><td>", v->levels, v->clusters);
    cs_html_page_words(p, v->test[0] != '\0' ? v->test : v->why);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(v->statistic), 2));
    cs_html(p->out, "<td class=\"n p\">%s</td></tr>\n", cs_num_p(cs_html_page_figure_value(v->p)).s);
}

void cs_html_omnibus(struct cs_page *p)
{
    fputs(
        "<p>One test of all levels of a factor against its control together: whether any of them moves the answer. It says "
        "nothing of which, stands outside the declared family, is not adjusted, and no verdict depends on it.</p>\n",
        p->out);
    if (p->r->n_omnibus == 0) {
        fputs("<p>Not given: it takes two levels against one control.</p>\n", p->out);
        return;
    }
    cs_html_page_table(p, "omnibus", CS_REPORT_NONE, "All levels of a factor at once.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Factor", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Levels", "n");
    cs_html_page_column(p, "Clusters", "n");
    cs_html_page_column(p, "Test", "");
    cs_html_page_column(p, "Statistic", "n");
    cs_html_page_column(p, "p", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_omnibus; i++)
        write_row(p, &p->r->omnibus[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}
