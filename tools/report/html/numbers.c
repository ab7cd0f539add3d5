/* The numbers behind a forest plot, all of them, in a table to unfold. */
#include "tools/report/html/page.h"

#include <math.h>

static const char *const titles[] = {
    "Clusters",
    "Answers",
    "Unmatched",
    "SE",
    "CI, this row alone",
    "p",
    "p, sign flip",
    "p, equivalence",
    "same, adjusted",
    "Rate ratio (CI)",
    "Odds c/b",
    "P(up)",
    "P(down)",
    "b (1\xE2\x86\x92"
    "0)",
    "c (0\xE2\x86\x92"
    "1)",
    "p, McNemar",
    "p, signed rank",
    "Usable gap, points",
    "Worst and best case",
};
enum { N_TITLES = sizeof titles / sizeof *titles };

static void write_flips(struct cs_page *p, const struct cs_report_contrast *c)
{
    double odds = c->flips_known && c->flips_b > 0 ? (double)c->flips_c / (double)c->flips_b : NAN;
    bool pairs = c->flips_known;
    cs_html_page_number(p, cs_num_fixed(odds, 2));
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(c->up), 3));
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(c->down), 3));
    cs_html_page_number(p, pairs ? cs_num_count(c->flips_b) : cs_num_fixed(NAN, 0));
    cs_html_page_number(p, pairs ? cs_num_count(c->flips_c) : cs_num_fixed(NAN, 0));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p_mcnemar)));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p_wilcoxon)));
}

static void write_row(struct cs_page *p, const struct cs_report_contrast *c)
{
    int decimals = cs_html_page_decimals(p, c->outcome);
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, c->factor, c->level);
    if (c->against == CS_AGAINST_LEVEL) {
        fputs(" / ", p->out);
        cs_html_page_comparator(p, c->factor, c->comparator, c->comparator_text);
    }
    fputs("</th>", p->out);
    cs_html_page_number(p, cs_num_count(c->clusters));
    cs_html(p->out, "<td class=\"n\">%s / %s</td>", cs_num_count(c->n_level).s, cs_num_count(c->n_comparator).s);
    cs_html_page_number(p, cs_num_count(c->unmatched));
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(c->se), decimals + 1));
    cs_html_page_number(p, cs_html_page_span(c->ci, decimals));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p)));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p_signflip)));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p_equivalence)));
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(c->p_equivalence_adjusted)));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(c->ratio), 2).s);
    if (c->ratio_ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_fixed(c->ratio_ci.low, 2).s, cs_num_fixed(c->ratio_ci.high, 2).s);
    fputs("</td>", p->out);
    write_flips(p, c);
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(c->usable_gap), 1));
    cs_html_page_number(p, cs_html_page_span(c->bounds, decimals));
    fputs("</tr>\n", p->out);
}

void cs_html_numbers(struct cs_page *p, const struct cs_forest *f)
{
    fputs("<details class=\"numbers\"><summary>All numbers of this plot</summary>\n", p->out);
    cs_html_page_table(
        p, "wide", f->model,
        "Everything computed for these comparisons; an en dash stands for what cannot be known or does not "
        "apply. Terms and sources: see words and formulas.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, f->against == CS_AGAINST_LEVEL ? "Pair" : "Level", "");
    for (int i = 0; i < N_TITLES; i++)
        cs_html_page_column(p, titles[i], "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < f->n; i++)
        write_row(p, &f->rows[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    fputs("</details>\n", p->out);
}
