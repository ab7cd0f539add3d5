/* Judges against people: the corrected effect beside the judges' own, and how judges err. */
#include "tools/report/html/page.h"

static void write_span(struct cs_page *p, struct cs_report_figure f, struct cs_report_span ci, int decimals)
{
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(f), decimals).s);
    if (ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(ci, decimals).s);
    fputs("</td>", p->out);
}

static void write_share(struct cs_page *p, struct cs_report_figure f, struct cs_report_span ci, uint64_t n)
{
    cs_html(p->out, "<td class=\"n\">%s", cs_num_percent(cs_html_page_figure_value(f)).s);
    if (ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_percent(ci.low).s, cs_num_percent(ci.high).s);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_count(n));
}

static void write_effects(struct cs_page *p)
{
    cs_html_page_table(p, "corrected", CS_REPORT_NONE,
                       "The effect as judges say it, and corrected by what people said of a sample.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Comparison", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Judges alone (CI)", "n");
    cs_html_page_column(p, "Corrected (CI)", "n");
    cs_html_page_column(p, "Lambda", "n");
    cs_html_page_column(p, "Rated: level, comparator", "n");
    cs_html_page_column(p, "Without raters' own errors", "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_corrected; i++) {
        const struct cs_report_corrected *c = &p->r->corrected[i];
        const int decimals = cs_html_page_decimals(p, p->r->contrasts[c->contrast].outcome);
        cs_html_page_contrast(p, &p->r->contrasts[c->contrast]);
        write_span(p, c->judge_shift, c->judge_ci, decimals);
        write_span(p, c->shift, c->ci, decimals);
        cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(c->lambda_used), 2));
        cs_html(p->out, "<td class=\"n\">%s, ", cs_num_count(c->rated_level).s);
        cs_html(p->out, "%s</td>", cs_num_count(c->rated_comparator).s);
        cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(c->without_rater_error), decimals));
        cs_html_page_cell(p, c->why);
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void write_error(struct cs_page *p, const struct cs_report_judge_errors *e)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, e->model);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, e->answer);
    fputs("</td><td>", p->out);
    if (e->factor == CS_REPORT_NONE)
        fputs("all", p->out);
    else
        cs_html_page_level_name(p, e->factor, e->level);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_count(e->outputs));
    cs_html_page_number(p, cs_num_count(e->no_verdict));
    cs_html_page_number(p, cs_num_count(e->rated));
    write_share(p, e->sensitivity, e->sensitivity_ci, e->n_yes);
    write_share(p, e->specificity, e->specificity_ci, e->n_no);
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(e->kappa), 2));
    fputs("</tr>\n", p->out);
}

static void write_errors(struct cs_page *p)
{
    cs_html_page_table(
        p, "judge-errors", CS_REPORT_NONE,
        "How often judges are right, by what people said: each rated text counts by the chance that it was sampled with.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model judged", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Outputs", "n");
    cs_html_page_column(p, "No verdict", "n");
    cs_html_page_column(p, "Rated", "n");
    cs_html_page_column(p, "Sensitivity (CI)", "n");
    cs_html_page_column(p, "of", "n");
    cs_html_page_column(p, "Specificity (CI)", "n");
    cs_html_page_column(p, "of", "n");
    cs_html_page_column(p, "Kappa", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_judge_errors; i++)
        write_error(p, &p->r->judge_errors[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_corrected(struct cs_page *p)
{
    fputs(
        "<p>A judge errs, and may err more often in one arm than in another: its own effect is then wrong. People rated a sample of "
        "the texts, drawn with a known chance by model, level and verdict, and the corrected effect is about what they would have "
        "said of all. Verdicts of these comparisons are about the corrected effect. People are no gold standard either: the "
        "last figure is the effect if each rater errs as often as their disagreement suggests.</p>\n",
        p->out);
    if (p->r->n_corrected > 0)
        write_effects(p);
    if (p->r->n_judge_errors > 0)
        write_errors(p);
}
