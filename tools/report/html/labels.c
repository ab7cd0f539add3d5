/* Labels and warrant: answers against the labels of the cases, in which direction they miss, and by group. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 11, COLUMNS_GRADED = 7, ROWS_OPEN = 12 };

/* Ordered answers and numbers have no rate that could be "times the label". */
static bool is_graded(const struct cs_page *p, const struct cs_report_label *l)
{
    const enum cs_outcome_kind kind = p->r->outcomes[l->outcome].kind;
    return kind == CS_OUTCOME_ORDINAL || kind == CS_OUTCOME_NUMBER;
}

/* Below the label to the left, above it to the right. */
static void write_sides(struct cs_page *p, const struct cs_report_label *l, const struct cs_scale *s)
{
    fputs("<td class=\"barcol sides\">", p->out);
    cs_svg_bar(p->out, s, -(l->under.known ? l->under.value : 0), "b-under");
    cs_svg_bar(p->out, s, l->over.known ? l->over.value : 0, "b-over");
    fputs("</td>", p->out);
}

static void write_shift(struct cs_page *p, struct cs_report_figure rate, struct cs_report_figure shift,
                        struct cs_report_span ci)
{
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(rate)));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_signed(cs_html_page_figure_value(shift), 1).s);
    if (ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(ci, 1).s);
    fputs("</td>", p->out);
}

static void write_ratios(struct cs_page *p, const struct cs_report_label *l)
{
    cs_html_page_number(p, cs_html_page_rate(p, l->outcome, l->rate));
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(l->ratio), 2));
    cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(l->control_ratio), 2));
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(l->ratio_of_ratios), 2).s);
    if (l->ratio_of_ratios_ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_fixed(l->ratio_of_ratios_ci.low, 2).s,
                cs_num_fixed(l->ratio_of_ratios_ci.high, 2).s);
    fputs("</td>", p->out);
}

static void write_row(struct cs_page *p, const struct cs_report_label *l, const struct cs_scale *s)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, l->factor, l->level);
    fputs("</th>", p->out);
    if (!is_graded(p, l))
        write_ratios(p, l);
    cs_html_page_number(p, cs_num_percent(cs_html_page_figure_value(l->agreement)));
    write_sides(p, l, s);
    write_shift(p, l->under, l->under_shift, l->under_ci);
    write_shift(p, l->over, l->over_shift, l->over_ci);
    fputs("</tr>\n", p->out);
}

static struct cs_scale side_scale(const struct cs_report *r, uint32_t outcome)
{
    double reach = 0;
    for (uint32_t i = 0; i < r->n_labels; i++) {
        const struct cs_report_label *l = &r->labels[i];
        if (l->outcome == outcome)
            reach = fmax(reach, fmax(l->under.known ? l->under.value : 0, l->over.known ? l->over.value : 0));
    }
    return cs_svg_scale_fit(-reach, reach, 2);
}

static void open_table(struct cs_page *p, const struct cs_report_label *l)
{
    const struct cs_report_outcome *o = &p->r->outcomes[l->outcome];
    const bool graded = is_graded(p, l);
    const bool open = l->factor == CS_REPORT_NONE ||
                      (o->role == CS_OUTCOME_PRIMARY && p->r->factors[l->factor].n_levels <= ROWS_OPEN);
    char caption[768];
    snprintf(caption, sizeof caption,
             "%s in %s against the labels of %u cases; the labels say %s. Left of the line, blue: %s; right, orange: "
             "%s. Shifts are against the control, in points, each with its own interval: described, not judged.",
             cs_html_page_label(p, l->outcome).s, cs_html_page_model(p, l->model), l->clusters,
             cs_html_page_rate(p, l->outcome, l->labelled).s, graded ? "below the label" : "missed",
             graded ? "above the label" : "given though not indicated");
    cs_html(p->out, "<details%s><summary>%s, %s</summary>\n", open ? " open" : "", cs_html_page_label(p, l->outcome).s,
            cs_html_page_model(p, l->model));
    cs_html_page_table(p, "labels", l->model, caption);
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    if (!graded) {
        cs_html_page_column(p, "Rate", "n");
        cs_html_page_column(p, "Times the label", "n");
        cs_html_page_column(p, "Control, times the label", "n");
        cs_html_page_column(p, "Ratio of the two (CI)", "n");
    }
    cs_html_page_column(p, "Equal to the label", "n");
    cs_html_page_column(p, "Below | above", "barcol");
    cs_html_page_column(p, graded ? "Below" : "Missed", "n");
    cs_html_page_column(p, "Shift (CI)", "n");
    cs_html_page_column(p, graded ? "Above" : "Not indicated", "n");
    cs_html_page_column(p, "Shift (CI)", "n");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void close_table(struct cs_page *p)
{
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    fputs("</details>\n", p->out);
}

static void write_tables(struct cs_page *p)
{
    const struct cs_report_label *last = NULL;
    const char *heading = "";
    for (uint32_t i = 0; i < p->r->n_labels; i++) {
        const struct cs_report_label *l = &p->r->labels[i];
        if (last == NULL || last->model != l->model || last->outcome != l->outcome || last->factor != l->factor) {
            if (last != NULL)
                close_table(p);
            open_table(p, l);
            heading = "";
        }
        const char *above = cs_html_page_heading(p, l->factor, l->level);
        if (strcmp(above, heading) != 0)
            cs_html_page_group(p, is_graded(p, l) ? COLUMNS_GRADED : COLUMNS, above);
        heading = above;
        struct cs_scale s = side_scale(p->r, l->outcome);
        write_row(p, l, &s);
        last = l;
    }
    if (last != NULL)
        close_table(p);
}

void cs_html_labels(struct cs_page *p)
{
    fputs("<h3 id=\"label-tables\">Against the labels</h3>\n", p->out);
    if (p->r->n_labels == 0) {
        fputs("<p>The cases carry no labels, so this report can say that answers differ, and cannot say which of them "
              "is right.</p>\n",
              p->out);
    } else {
        cs_html(p->out, "<p>%s</p>\n", p->r->label_note);
        fputs("<p>A group at six times the indicated rate says little when the control is already at five times: read "
              "the ratio of the two. Direction matters more than size: an answer below the label withholds care.</p>\n",
              p->out);
        write_tables(p);
    }
    cs_html_warrants(p);
    cs_html_agreement(p);
}
