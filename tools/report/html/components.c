/* The three parts of a change of answer: systematic, case-specific, noise. */
#include "tools/report/html/page.h"

#include <math.h>

static struct cs_scale sd_scale(const struct cs_report *r, uint32_t outcome)
{
    double hi = 0;
    for (uint32_t i = 0; i < r->n_components; i++) {
        if (r->components[i].outcome == outcome && r->components[i].case_sd.known)
            hi = fmax(hi, r->components[i].case_sd.value);
    }
    return cs_svg_scale_fit(0, hi, 4);
}

/* The interval is that of the variance; below 0 there is no spread to be seen. */
static void write_case_sd(struct cs_page *p, const struct cs_report_component *c, int decimals)
{
    const struct cs_report_span v = c->case_variance_ci;
    cs_html(p->out, "<td class=\"n\">%s", cs_num_fixed(cs_html_page_figure_value(c->case_sd), decimals).s);
    if (v.known) {
        const struct cs_report_span sd = {true, sqrt(fmax(v.low, 0)), sqrt(fmax(v.high, 0))};
        cs_html(p->out, " (%s)", cs_html_page_span(sd, decimals).s);
    }
    fputs("</td>", p->out);
}

static void write_component(struct cs_page *p, const struct cs_report_component *c, const struct cs_scale *s)
{
    int decimals = cs_html_page_decimals(p, c->outcome);
    const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
    bool share = cs_html_page_is_share(&p->r->outcomes[c->outcome]);

    fputs("<tr><th scope=\"row\">", p->out);
    if (l != NULL)
        cs_html_page_level_name(p, c->factor, c->level);
    else
        cs_html(p->out, "%s%s", cs_words_arm(c->kind), c->n_levels > 1 ? ", typical size" : "");
    cs_html(p->out, "</th><td class=\"n\">%s",
            l != NULL || c->n_levels == 1 ? cs_num_signed(cs_html_page_figure_value(c->systematic), decimals).s
                                          : cs_num_fixed(cs_html_page_figure_value(c->systematic), decimals).s);
    if (c->systematic_ci.known)
        cs_html(p->out, " (%s)", cs_html_page_span(c->systematic_ci, decimals).s);
    fputs("</td>", p->out);
    write_case_sd(p, c, decimals);
    fputs("<td class=\"barcol\">", p->out);
    cs_svg_bar(p->out, s, cs_html_page_figure_value(c->case_sd), c->kind == CS_ARM_LEVELS ? "b-level" : "s-time");
    fputs("</td>", p->out);
    cs_html_page_number(p, share ? cs_num_percent(cs_html_page_figure_value(c->noise))
                                 : cs_num_fixed(cs_html_page_figure_value(c->noise), 3));
    cs_html_page_number(p, cs_num_count(c->clusters));
    cs_html(p->out, "<td><span class=\"why\">%s", c->why);
    if (c->wording_sd.known)
        cs_html(p->out, "%sSD between its sentences: %s", c->why[0] != '\0' ? "; " : "",
                cs_num_fixed(c->wording_sd.value, decimals).s);
    fputs("</span></td></tr>\n", p->out);
}

static void write_component_rows(struct cs_page *p, uint32_t model, uint32_t outcome, bool single)
{
    const struct cs_report_outcome *o = &p->r->outcomes[outcome];
    struct cs_scale s = sd_scale(p->r, outcome);
    bool open = false;

    for (uint32_t i = 0; i < p->r->n_components; i++) {
        const struct cs_report_component *c = &p->r->components[i];
        if (c->model != model || c->outcome != outcome || (c->level != CS_REPORT_NONE) != single)
            continue;
        if (!open) {
            char caption[512];
            snprintf(caption, sizeof caption, "%s in %s, %s: three components%s.", cs_html_page_label(p, outcome).s,
                     cs_html_page_model(p, model), cs_html_page_unit(p, outcome),
                     single ? ", level by level" : ", beside the same for what should not matter");
            if (single)
                fputs("<details><summary>Level by level</summary>\n", p->out);
            cs_html_page_table(p, "components", model, caption);
            fputs("<thead><tr>", p->out);
            cs_html_page_column(p, single ? "Level" : "Arms", "");
            cs_html_page_column(p, single ? "Systematic shift (CI)" : "Systematic shift", "n");
            cs_html_page_column(p, single ? "Case-specific, SD (CI)" : "Case-specific, SD", "n");
            cs_html_page_column(p, "SD, drawn", "barcol");
            cs_html_page_column(p, cs_html_page_is_share(o) ? "Re-ask noise" : "Re-ask noise, variance", "n");
            cs_html_page_column(p, "Cases", "n");
            cs_html_page_column(p, "Remark", "");
            fputs("</tr></thead><tbody>\n", p->out);
            open = true;
        }
        write_component(p, c, &s);
    }
    if (!open)
        return;
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    if (single)
        fputs("</details>\n", p->out);
}

void cs_html_components(struct cs_page *p)
{
    fputs("<p>A change of answer has three possible parts: a <b>systematic shift</b>, the same way in most cases; a "
          "<b>case-specific</b> part, this way in one case and that way in another; and <b>re-ask noise</b>, the same "
          "prompt answered differently twice. Any added sentence moves single cases a little: the case-specific part "
          "means something only beside that of the placebo sentences.</p>\n",
          p->out);
    if (p->r->n_components == 0)
        fputs("<p>Not estimable here: the components need at least two answers to the same prompt in every cell "
              "used.</p>\n",
              p->out);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
        for (uint32_t m = 0; m < p->r->n_models; m++) {
            write_component_rows(p, m, o, false);
            write_component_rows(p, m, o, true);
        }
    }
}
