/* Judges: who they are, which outputs have a verdict, what each of them alone would have found, and how they agree. */
#include <string.h>

#include "tools/report/html/page.h"

static void columns(struct cs_page *p, const char *const *titles, size_t n, uint32_t first_number)
{
    fputs("<thead><tr>", p->out);
    for (size_t i = 0; i < n; i++)
        cs_html_page_column(p, titles[i], i >= first_number ? "n" : "");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void end(struct cs_page *p)
{
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

static void write_judges(struct cs_page *p)
{
    static const char *const titles[] = {"Judge", "Served model", "First call", "Last call",
                                         "Asked", "In",           "No verdict", "Cost, USD"};
    cs_html_page_table(p, "judges", CS_REPORT_NONE, "The models that judged.");
    columns(p, titles, sizeof titles / sizeof *titles, 4);
    for (uint32_t i = 0; i < p->r->n_judges; i++) {
        const struct cs_report_judge *j = &p->r->judges[i];
        cs_html(p->out, "<tr><th scope=\"row\">%s%s</th><td>", j->name, j->simulated ? " (simulated)" : "");
        for (uint32_t k = 0; k < j->n_resolved; k++)
            cs_html(p->out, "%s%s", k > 0 ? ", " : "", j->resolved[k].name);
        fputs("</td>", p->out);
        cs_html_page_cell(p, cs_html_page_minute(j->first_call).s);
        cs_html_page_cell(p, cs_html_page_minute(j->last_call).s);
        cs_html_page_number(p, cs_num_count(j->planned));
        cs_html_page_number(p, cs_num_count(j->terminal));
        cs_html_page_number(p, cs_num_count(j->missing));
        cs_html_page_number(
            p,
            cs_num_fixed(j->cost_usd < 0 ? cs_html_page_figure_value((struct cs_report_figure){0}) : j->cost_usd, 2));
        fputs("</tr>\n", p->out);
    }
    end(p);
}

static void write_verdict_row(struct cs_page *p, const struct cs_report_verdicts *v)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, v->model);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, v->answer);
    fputs("</td><td>", p->out);
    if (v->factor == CS_REPORT_NONE)
        fputs("all", p->out);
    else
        cs_html_page_level_name(p, v->factor, v->level);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_count(v->planned));
    cs_html_page_number(p, cs_num_count(v->answered));
    cs_html_page_number(p, cs_num_count(v->taken));
    cs_html_page_number(p, cs_num_count(v->judged));
    cs_html_page_number(p, cs_num_count(v->no_verdict));
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(v->share)));
    cs_html_page_number(p, cs_num_count(v->not_judged));
    cs_html_page_number(p, cs_num_count(v->leaks_shown));
    fputs("</tr>\n", p->out);
}

static void write_verdicts(struct cs_page *p)
{
    static const char *const titles[] = {"Model", "Answer",          "Level",         "Planned",
                                         "Ended", "Given to judges", "Judged",        "No verdict",
                                         "Share", "Not judged",      "Tell their arm"};
    cs_html_page_table(
        p, "verdict-counts", CS_REPORT_NONE,
        "Outputs by level: planned, ended, given to judges, and what the panel made of them. An output "
        "without a verdict is missing, and stands in the worst and the best case of every finding. Outputs that tell their arm hold, as judges "
        "saw them, the text or id of a level or the name of a model.");
    columns(p, titles, sizeof titles / sizeof *titles, 3);
    for (uint32_t i = 0; i < p->r->n_verdicts; i++)
        write_verdict_row(p, &p->r->verdicts[i]);
    end(p);
}

static void write_shifts(struct cs_page *p)
{
    if (p->r->n_judge_shifts == 0)
        return;
    fputs("<h3>Each judge alone</h3>\n", p->out);
    cs_html_page_table(p, "judge-shifts", CS_REPORT_NONE,
                       "The comparisons by one judge's verdicts, beside the panel's; intervals alone, unadjusted.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Comparison", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Judge", "");
    cs_html_page_column(p, "Shift (CI)", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_judge_shifts; i++) {
        const struct cs_report_judge_shift *s = &p->r->judge_shifts[i];
        const struct cs_report_contrast *c = &p->r->contrasts[s->contrast];
        const int decimals = cs_html_page_decimals(p, c->outcome);
        cs_html_page_contrast(p, c);
        cs_html_page_cell(p, s->judge);
        cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(s->shift), decimals).s);
        if (s->ci.known)
            cs_html(p->out, " (%s)", cs_html_page_span(s->ci, decimals).s);
        fputs("</td></tr>\n", p->out);
    }
    end(p);
}

static void write_agreement(struct cs_page *p)
{
    static const char *const titles[] = {"Answer", "Judges", "Statistic", "Remark", "Outputs", "Agree", "Kappa (CI)"};
    if (p->r->n_judges_agreement == 0)
        return;
    fputs(
        "<h3>How judges agree</h3>\n<p>With each other, and with themselves when asked again. Kappa is agreement "
        "beyond chance: 1 is perfect, 0 is what chance alone gives. That judges agree does not make them right.</p>\n",
        p->out);
    cs_html_page_table(p, "agreements", CS_REPORT_NONE, "Agreement of judges.");
    columns(p, titles, sizeof titles / sizeof *titles, 4);
    for (uint32_t i = 0; i < p->r->n_judges_agreement; i++) {
        const struct cs_report_judges_agreement *a = &p->r->judges_agreement[i];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_words(p, a->answer);
        cs_html(p->out, "</th><td>%s%s</td>", a->who, a->kind == CS_JUDGES_AGAIN ? ", asked again" : "");
        cs_html_page_cell(p, a->statistic);
        cs_html_page_cell(p, a->why);
        cs_html_page_number(p, cs_num_count(a->items));
        cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(a->agreement)));
        cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(a->kappa), 2).s);
        if (a->kappa_ci.known)
            cs_html(p->out, " (%s)", cs_html_page_span(a->kappa_ci, 2).s);
        fputs("</td></tr>\n", p->out);
    }
    end(p);
}

void cs_html_judges(struct cs_page *p)
{
    const struct cs_report_judging *j = &p->r->judging;
    if (p->r->n_judges == 0)
        return;
    cs_html(p->out,
            "<p>The answers of this report are verdicts on outputs of <b>%s</b> (generation %u). The verdict of the "
            "panel is %s. A judge that gives no verdict says neither yes nor no: its vote is missing, and counts among "
            "those asked.</p>\n",
            j->parent, j->parent_generation, j->panel);
    cs_html(p->out, "<p>Judges saw %s.</p>\n",
            j->shows[0] != '\0' ? j->shows : "neither level, model nor prompt of what they judged");
    write_judges(p);
    write_verdicts(p);
    write_shifts(p);
    write_agreement(p);
}
