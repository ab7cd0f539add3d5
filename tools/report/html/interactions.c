/* Where the shift differs: the declared interactions, in words and number by number. */
#include "tools/report/html/page.h"

#include <string.h>

static void write_what(struct cs_page *p, const struct cs_report_interaction *x)
{
    const struct cs_report_contrast *c = &p->r->contrasts[x->contrast];
    const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
    cs_html_page_words(p, l == NULL ? "" : l->id);
    fputs(" <span class=\"why\">against</span> ", p->out);
    cs_html_page_words(p, c->comparator_text);
    fputs(" <span class=\"why\">by</span> ", p->out);
    cs_html_page_words(p, x->modifier);
}

static void write_shift(struct cs_page *p, const struct cs_report_interaction *x, uint32_t level)
{
    const struct cs_report_interaction_level *v = &p->r->interaction_levels[level];
    const int decimals = cs_html_page_decimals(p, x->outcome);
    cs_html(p->out, "<td class=\"n\">%s <span class=\"why\">",
            cs_num_signed(cs_html_page_figure_value(v->shift), decimals).s);
    cs_html_page_words(p, v->level);
    fputs("</span></td>", p->out);
}

static void write_row(struct cs_page *p, const struct cs_report_interaction *x)
{
    cs_html(p->out, "<tr id=\"%s\"><th scope=\"row\">", x->anchor);
    write_what(p, x);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, x->outcome));
    fputs("</td><td>", p->out);
    if (x->model == CS_REPORT_NONE)
        fputs("all", p->out);
    else
        cs_html_page_model_name(p, x->model);
    fputs("</td>", p->out);
    if (x->n_levels > 0) {
        write_shift(p, x, x->lowest);
        write_shift(p, x, x->highest);
    } else {
        fputs("<td></td><td></td>", p->out);
    }
    cs_html(p->out, "<td class=\"n p\">%s</td><td class=\"said\">",
            cs_num_p(cs_html_page_figure_value(x->p_adjusted)).s);
    cs_html_page_verdict(p, x->verdict, x->why);
    cs_html_page_decided(p, &x->decided_by, cs_html_page_decimals(p, x->outcome));
    if (x->reversed && cs_words_verdict_is_different(x->verdict))
        fputs("<br><b>opposite shifts: their mean says little</b>", p->out);
    fputs("</td></tr>\n", p->out);
}

static void write_table(struct cs_page *p, bool primary)
{
    bool open = false;
    for (uint32_t i = 0; i < p->r->n_interactions; i++) {
        const struct cs_report_interaction *x = &p->r->interactions[i];
        if (!x->in_family || x->primary != primary)
            continue;
        if (!open) {
            cs_html_page_table(p, "interactions", CS_REPORT_NONE,
                               primary
                                   ? "Primary: does the shift differ? Judged with the primary comparisons."
                                   : "Exploratory: does the shift differ? Judged with the exploratory comparisons.");
            fputs("<thead><tr>", p->out);
            cs_html_page_column(p, "Comparison", "");
            cs_html_page_column(p, "Answer", "");
            cs_html_page_column(p, "Model", "");
            cs_html_page_column(p, "Smallest shift", "n");
            cs_html_page_column(p, "Largest shift", "n");
            cs_html_page_column(p, "p, adjusted", "n");
            cs_html_page_column(p, "Do they differ?", "");
            fputs("</tr></thead><tbody>\n", p->out);
            open = true;
        }
        write_row(p, x);
    }
    if (!open)
        return;
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void write_level(struct cs_page *p, const struct cs_report_interaction *x, uint32_t at)
{
    const struct cs_report_interaction_level *v = &p->r->interaction_levels[at];
    const int decimals = cs_html_page_decimals(p, x->outcome);
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, v->level);
    fputs("</th>", p->out);
    cs_html_page_number(p, cs_num_count(v->clusters));
    cs_html(p->out, "<td class=\"n\">%s (%s)</td>", cs_num_signed(cs_html_page_figure_value(v->shift), decimals).s,
            cs_html_page_span(v->ci, decimals).s);
    if (at == x->first) {
        fputs("<td class=\"n\">reference</td><td></td></tr>\n", p->out);
        return;
    }
    cs_html(
        p->out, "<td class=\"n\">%s (%s)</td><td class=\"n p\">%s</td></tr>\n",
        cs_num_signed(cs_html_page_figure_value(v->difference), decimals).s,
        cs_html_page_span(v->difference_simultaneous.known ? v->difference_simultaneous : v->difference_ci, decimals).s,
        cs_num_p(cs_html_page_figure_value(v->p)).s);
}

static void write_numbers(struct cs_page *p, const struct cs_report_interaction *x)
{
    const char *unit = p->r->outcomes[x->outcome].unit;
    fputs("<details><summary>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, x->outcome));
    if (x->model != CS_REPORT_NONE)
        cs_html(p->out, ", %s", cs_html_page_model(p, x->model));
    fputs(": ", p->out);
    write_what(p, x);
    fputs("</summary>\n", p->out);
    cs_html_page_table(p, "interaction-levels", x->model, "Shift in each level, and how it differs from the first.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Clusters", "n");
    cs_html(p->out,
            "<th scope=\"col\" class=\"n\">Shift (CI), %s</th><th scope=\"col\" class=\"n\">Difference "
            "(simultaneous interval), %s</th>",
            unit, unit);
    cs_html_page_column(p, "p, alone", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = x->first; i < x->first + x->n_levels; i++)
        write_level(p, x, i);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    if (x->statistic.known && x->df2.known)
        cs_html(p->out, "<p class=\"small\">%s = %s on %s and %s degrees of freedom, p %s.</p>\n", x->test,
                cs_num_fixed(x->statistic.value, 2).s, cs_num_fixed(x->df1.value, 0).s, cs_num_fixed(x->df2.value, 1).s,
                cs_num_p(cs_html_page_figure_value(x->p)).s);
    else if (x->p.known)
        cs_html(p->out, "<p class=\"small\">%s, p %s.</p>\n", x->test, cs_num_p(x->p.value).s);
    fputs("</details>\n", p->out);
}

void cs_html_interactions(struct cs_page *p)
{
    if (p->r->n_interactions == 0) {
        fputs("<p>Not asked: the study declares no comparison whose shift may differ (<code>differs_by:</code> another "
              "factor, the model, or a kind of case). Each shift on this page is a mean over all of these.</p>\n",
              p->out);
        cs_html_trends(p);
        return;
    }
    fputs("<p>A shift is a mean. Here the study asked beforehand whether it is the same everywhere: in each level of "
          "another factor, in each model, or in each kind of case. <q>Different</q> means that one number does not "
          "describe the shift; <q>equivalent</q> that no two of its levels differ by more than the margin. A mean of "
          "opposite shifts can be near zero although every answer moves.</p>\n",
          p->out);
    write_table(p, true);
    write_table(p, false);
    for (uint32_t i = 0; i < p->r->n_interactions; i++) {
        if (p->r->interactions[i].n_levels > 1)
            write_numbers(p, &p->r->interactions[i]);
    }
    cs_html_trends(p);
}
