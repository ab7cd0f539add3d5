/* Across models and dates: the range of each shift over models, and when each model was asked. */
#include "tools/report/html_page.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 6, CROSSED_MODELS_MIN = 8 }; /* below 8 the models of a study are no sample of models */

static struct cs_scale range_scale(const struct cs_report *r, uint32_t outcome)
{
    double lo = 0, hi = 0;
    for (uint32_t i = 0; i < r->n_ranges; i++) {
        if (r->ranges[i].outcome != outcome || !r->ranges[i].range.known)
            continue;
        lo = fmin(lo, r->ranges[i].range.low);
        hi = fmax(hi, r->ranges[i].range.high);
    }
    return cs_scale_fit(lo, hi, 6);
}

static void write_row(struct cs_page *p, const struct cs_report_range *g, const struct cs_scale *s)
{
    int decimals = cs_page_decimals(p, g->outcome);
    const struct cs_report_level *l = cs_page_level(p, g->factor, g->level);
    struct cs_svg_mark mark = {
        .estimate = cs_figure_value(g->mean),
        .lo = g->range.known ? g->range.low : NAN,
        .hi = g->range.known ? g->range.high : NAN,
        .inner_lo = g->mean_ci.known ? g->mean_ci.low : NAN,
        .inner_hi = g->mean_ci.known ? g->mean_ci.high : NAN,
        .css = "m-level",
    };
    fputs("<tr><th scope=\"row\">", p->out);
    cs_page_words(p, l == NULL ? "" : l->id);
    if (g->against != CS_AGAINST_CONTROL) {
        fputs(" <span class=\"why\">against</span> ", p->out);
        cs_page_words(p, g->comparator_text);
    }
    fputs("</th><td class=\"plot\">", p->out);
    cs_svg_row(p->out, s, 0, &mark);
    cs_html(p->out, "</td><td class=\"n est\">%s</td><td class=\"said\">%s / %s</td>",
            cs_span_text(g->range, decimals).s, cs_page_model(p, g->lowest), cs_page_model(p, g->highest));
    cs_html(p->out, "<td class=\"n rates\">%s", cs_num_signed(cs_figure_value(g->mean), decimals).s);
    if (g->mean_ci.known)
        cs_html(p->out, " (%s)", cs_span_text(g->mean_ci, decimals).s);
    fputs("</td>", p->out);
    cs_html(p->out, "<td class=\"n p\">%s</td></tr>\n", cs_num_count(g->clusters).s);
}

static void write_ranges(struct cs_page *p, uint32_t outcome)
{
    const struct cs_report_outcome *o = &p->r->outcomes[outcome];
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
                     cs_page_label(p, outcome).s, o->unit, g->n_models,
                     g->mean_ci.known ? " Thick line: interval of the mean, cases and models both drawn again." : "");
            snprintf(id, sizeof id, "range-%u", outcome);
            cs_page_figure(p, id, CS_REPORT_NONE, caption);
            cs_html(p->out, "<table class=\"forest\" aria-labelledby=\"fig-%u\"><thead><tr>", p->figures);
            cs_page_column(p, "Level", "");
            fputs("<th scope=\"col\" class=\"plot\">", p->out);
            cs_svg_axis(p->out, &s, 0, true, cs_page_label(p, outcome).s,
                        "Range of the shift over models; the numbers stand beside.");
            fputs("</th>", p->out);
            cs_page_column(p, "Range", "n");
            cs_page_column(p, "Lowest / highest", "");
            cs_page_column(p, "Mean", "n");
            cs_page_column(p, "Cases", "n");
            fputs("</tr></thead><tbody>\n", p->out);
            open = true;
        }
        const char *above = g->against == CS_AGAINST_CONTROL ? cs_page_heading(p, g->factor, g->level) : "";
        if (strcmp(above, heading) != 0)
            cs_page_group(p, COLUMNS, above[0] != '\0' ? above : "other comparisons");
        heading = above;
        write_row(p, g, &s);
    }
    if (!open)
        return;
    fputs("</tbody></table>", p->out);
    cs_page_figure_end(p);
}

static void write_dates(struct cs_page *p)
{
    cs_page_table(p, "dates", CS_REPORT_NONE,
                  "When each model was asked (UTC). Answers taken over from an earlier generation keep their date; "
                  "arms that do not overlap in time are not compared.");
    fputs("<thead><tr>", p->out);
    cs_page_column(p, "Model", "");
    cs_page_column(p, "First call", "");
    cs_page_column(p, "Last call", "");
    cs_page_column(p, "Answers taken over", "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        const struct cs_report_model *model = &p->r->models[m];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_page_model_name(p, m);
        fputs("</th>", p->out);
        cs_page_cell(p, model->first_call[0] != '\0' ? model->first_call : "\xE2\x80\x93");
        cs_page_cell(p, model->last_call[0] != '\0' ? model->last_call : "\xE2\x80\x93");
        cs_page_number(p, cs_num_count(model->adopted));
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_page_table_end(p);
}

void cs_page_across(struct cs_page *p)
{
    if (p->r->n_models < 2)
        fputs("<p>One model was asked; nothing can be said about others.</p>\n", p->out);
    else if (p->r->n_models < CROSSED_MODELS_MIN)
        cs_html(
            p->out,
            "<p>%u models are too few to stand for models in general: their results and their range are given, and no "
            "average with an interval (from %d models on).</p>\n",
            p->r->n_models, CROSSED_MODELS_MIN);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++)
        write_ranges(p, o);
    write_dates(p);
}
