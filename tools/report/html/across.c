/* Across models and dates: the range of each shift over models, and when each model was asked. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 6, CROSSED_MODELS_MIN = 8 }; /* below 8 the models of a study are not a sample of models */

static struct cs_scale range_scale(const struct cs_report *r, uint32_t outcome)
{
    double lo = 0, hi = 0;
    for (uint32_t i = 0; i < r->n_ranges; i++) {
        if (r->ranges[i].outcome != outcome || !r->ranges[i].range.known)
            continue;
        lo = fmin(lo, r->ranges[i].range.low);
        hi = fmax(hi, r->ranges[i].range.high);
    }
    return cs_svg_scale_fit(lo, hi, 6);
}

static void write_row(struct cs_page *p, const struct cs_report_range *g, const struct cs_scale *s)
{
    int decimals = cs_html_page_decimals(p, g->outcome);
    struct cs_svg_mark mark = {
        .estimate = cs_html_page_figure_value(g->mean),
        .lo = g->range.known ? g->range.low : NAN,
        .hi = g->range.known ? g->range.high : NAN,
        .inner_lo = g->mean_ci.known ? g->mean_ci.low : NAN,
        .inner_hi = g->mean_ci.known ? g->mean_ci.high : NAN,
        .css = "m-level",
    };
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, g->factor, g->level);
    if (g->against != CS_AGAINST_CONTROL) {
        fputs(" <span class=\"why\">against</span> ", p->out);
        cs_html_page_comparator(p, g->factor, g->comparator, g->comparator_text);
    }
    fputs("</th><td class=\"plot\">", p->out);
    cs_svg_row(p->out, s, 0, &mark);
    cs_html(p->out, "</td><td class=\"n est\">%s</td><td class=\"said\">%s<br>%s</td>",
            cs_html_page_span(g->range, decimals).s, cs_html_page_model(p, g->lowest),
            cs_html_page_model(p, g->highest));
    cs_html(p->out, "<td class=\"n rates\" data-h=\"mean\">%s",
            cs_num_signed(cs_html_page_figure_value(g->mean), decimals).s);
    if (g->mean_ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(g->mean_ci, decimals).s);
    fputs("</td>", p->out);
    cs_html(p->out, "<td class=\"n p\">%s</td></tr>\n", cs_num_count(g->clusters).s);
}

static void write_ranges(struct cs_page *p, uint32_t outcome)
{
    struct cs_scale s = range_scale(p->r, outcome);
    const char *heading = "";
    bool open = false;

    for (uint32_t i = 0; i < p->r->n_ranges; i++) {
        const struct cs_report_range *g = &p->r->ranges[i];
        if (g->outcome != outcome)
            continue;
        if (!open) {
            char caption[512], id[64];
            snprintf(caption, sizeof caption,
                     "%s: shift in %s, from the lowest to the highest of %u models, on cases complete in all of "
                     "them.%s",
                     cs_html_page_label(p, outcome).s, cs_html_page_unit(p, outcome), g->n_models,
                     g->mean_ci.known ? " Thick line: interval of the mean, cases and models both drawn again." : "");
            snprintf(id, sizeof id, "range-%u", outcome);
            cs_html(p->out, "<details class=\"more\"><summary>%s: from model to model</summary>\n",
                    cs_html_page_label(p, outcome).s);
            cs_html_page_figure(p, id, CS_REPORT_NONE, caption);
            cs_html(p->out, "<table class=\"forest\" aria-labelledby=\"fig-%u\"><thead><tr>", p->figures);
            cs_html_page_column(p, "Level", "");
            fputs("<th scope=\"col\" class=\"plot\">", p->out);
            cs_svg_axis(p->out, &s, 0, true, cs_html_page_label(p, outcome).s,
                        "Range of the shift over models; the numbers stand beside.");
            fputs("</th>", p->out);
            cs_html_page_column(p, "Range", "n");
            cs_html_page_column(p, "Lowest, highest", "");
            cs_html_page_column(p, "Mean", "n");
            cs_html_page_column(p, "Cases", "n");
            fputs("</tr></thead><tbody>\n", p->out);
            open = true;
        }
        const char *above = g->against == CS_AGAINST_CONTROL ? cs_html_page_heading(p, g->factor, g->level) : "";
        if (strcmp(above, heading) != 0)
            cs_html_page_group(p, COLUMNS, above[0] != '\0' ? above : "other comparisons");
        heading = above;
        write_row(p, g, &s);
    }
    if (!open)
        return;
    fputs("</tbody></table>", p->out);
    cs_html_page_figure_end(p);
    fputs("</details>\n", p->out);
}

static void write_dates(struct cs_page *p)
{
    cs_html_page_table(p, "dates", CS_REPORT_NONE,
                       "When each model was asked. Answers taken over from an earlier generation keep their date; "
                       "arms that do not overlap in time are not compared.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "First call", "");
    cs_html_page_column(p, "Last call", "");
    cs_html_page_column(p, "Answers taken over", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        const struct cs_report_model *model = &p->r->models[m];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_model_name(p, m);
        fputs("</th>", p->out);
        cs_html_page_cell(p, cs_html_page_minute(model->first_call).s);
        cs_html_page_cell(p, cs_html_page_minute(model->last_call).s);
        cs_html_page_number(p, cs_num_count(model->adopted));
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

/* ---- two runs ------------------------------------------------------------------------------------------ */

static void write_rerun(struct cs_page *p, const struct cs_report_rerun *g)
{
    const struct cs_report_contrast *c = &p->r->contrasts[g->contrast];
    const int decimals = cs_html_page_decimals(p, c->outcome);
    cs_html_page_contrast(p, c);
    cs_html_page_number(p, cs_num_count(g->clusters));
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(g->then), decimals));
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(g->now), decimals));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(g->difference), decimals).s);
    if (g->ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(g->ci, decimals).s);
    cs_html(p->out, " %s</td>", p->r->outcomes[c->outcome].unit);
    cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(g->p)));
    cs_html_page_cell(p, g->why);
    fputs("</tr>\n", p->out);
}

static void write_earlier(struct cs_page *p)
{
    static const char *const titles[] = {"Cases", "Then", "Now", "Change (CI)", "p, not adjusted"};
    const struct cs_report_earlier *e = &p->r->earlier;
    if (e->source[0] == '\0')
        return;
    cs_html(p->out,
            "<h3 id=\"earlier\">Then and now</h3>\n<p>Compared with %s, asked from %s to %s. Answers that both runs "
            "share: %s; they were not asked again.%s</p>\n",
            e->source, cs_html_page_minute(e->first_call).s, cs_html_page_minute(e->last_call).s,
            cs_num_count(e->shared).s, e->complete ? "" : " That run is not complete.");
    if (e->unmatched > 0)
        cs_html(p->out, "<p>%s comparisons of this run are not in the other.</p>\n", cs_num_count(e->unmatched).s);
    if (p->r->n_reruns == 0)
        return;
    cs_html_page_table(p, "reruns", CS_REPORT_NONE,
                       "Each shift in both runs, over the cases that both have, and by how much it changed.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Model", "");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], "n");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_reruns; i++)
        write_rerun(p, &p->r->reruns[i]);
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_across(struct cs_page *p)
{
    if (p->r->n_models < 2)
        fputs("<p>One model was asked; nothing can be said about others.</p>\n", p->out);
    else if (p->r->n_models < CROSSED_MODELS_MIN)
        cs_html(
            p->out,
            "<p>%u models are too few to stand for models in general: their results and their range are given, and no "
            "average with an interval (from %d models on).</p>\n",
            p->r->n_models, CROSSED_MODELS_MIN);
    else
        fputs(
            "<p>The interval of a mean over models resamples cases and models at once. It is known to be about 15 % too "
            "wide: it holds more often than it says, never less.</p>\n",
            p->out);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++)
        write_ranges(p, o);
    write_dates(p);
    write_earlier(p);
}
