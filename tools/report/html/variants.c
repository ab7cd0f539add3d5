/* The specification curve: how far each primary finding moves under other ways to count. */
#include <math.h>

#include "tools/report/html/page.h"
#include "tools/report/html/svg.h"

struct curve { /* the variants of one contrast */
    const struct cs_report_variant *list;
    uint32_t n, same; /* same: on the side of the reported one, and the interval excludes 0 */
    double low, high;
};

static struct curve curve_at(const struct cs_report *r, uint32_t first)
{
    struct curve v = {.list = &r->variants[first], .low = INFINITY, .high = -INFINITY};
    const double reported = cs_html_page_figure_value(r->contrasts[v.list->contrast].shift);
    for (uint32_t i = first; i < r->n_variants && r->variants[i].contrast == v.list->contrast; i++, v.n++) {
        const struct cs_report_variant *x = &r->variants[i];
        if (!x->shift.known)
            continue;
        v.low = fmin(v.low, x->shift.value);
        v.high = fmax(v.high, x->shift.value);
        v.same += x->ci.known && (x->ci.low > 0 || x->ci.high < 0) && (x->shift.value > 0) == (reported > 0);
    }
    return v;
}

static void write_row(struct cs_page *p, const struct curve *v, const struct cs_scale *s)
{
    const struct cs_report_contrast *c = &p->r->contrasts[v->list->contrast];
    const int decimals = cs_html_page_decimals(p, c->outcome);
    char css[16];
    snprintf(css, sizeof css, "m-%s", cs_html_page_verdict_css(c->verdict));
    const struct cs_svg_mark mark = {.estimate = cs_html_page_figure_value(c->shift),
                                     .lo = c->ci.known ? c->ci.low : NAN,
                                     .hi = c->ci.known ? c->ci.high : NAN,
                                     .inner_lo = NAN,
                                     .inner_hi = NAN,
                                     .css = css};
    cs_html(p->out, "<tr><th scope=\"row\"><a href=\"#%s\">", c->anchor);
    cs_html_page_comparison(p, c);
    fputs("</a> <span class=\"why\">", p->out);
    cs_html_page_words(p, cs_html_page_model(p, c->model));
    fputs("</span></th><td class=\"plot\">", p->out);
    cs_svg_row_reach(p->out, s, v->low, v->high, &mark);
    cs_html(p->out, "</td><td class=\"n est\">%s</td><td class=\"n\">%s</td><td class=\"n\">%u of %u</td></tr>\n",
            cs_num_signed(cs_html_page_figure_value(c->shift), decimals).s,
            cs_num_interval(v->low, v->high, decimals).s, v->same, v->n);
}

static struct cs_scale scale_of(const struct cs_report *r, uint32_t outcome)
{
    double lo = 0, hi = 0;
    for (uint32_t i = 0; i < r->n_variants; i++) {
        const struct cs_report_variant *v = &r->variants[i];
        if (r->contrasts[v->contrast].outcome != outcome)
            continue;
        lo = fmin(lo, v->reported && v->ci.known ? v->ci.low : v->shift.known ? v->shift.value : 0);
        hi = fmax(hi, v->reported && v->ci.known ? v->ci.high : v->shift.known ? v->shift.value : 0);
    }
    return cs_svg_scale_fit(lo, hi, 6);
}

static void write_outcome(struct cs_page *p, uint32_t outcome)
{
    char caption[320];
    const struct cs_scale s = scale_of(p->r, outcome);
    bool any = false;
    for (uint32_t i = 0; i < p->r->n_variants;) {
        const struct curve v = curve_at(p->r, i);
        i += v.n;
        if (p->r->contrasts[v.list->contrast].outcome != outcome)
            continue;
        if (!any) {
            snprintf(caption, sizeof caption, "%s: the shift as reported, and shaded its reach over all ways to count.",
                     cs_html_page_label(p, outcome).s);
            cs_html_page_table(p, "forest", CS_REPORT_NONE, caption);
            fputs("<thead><tr><th scope=\"col\">Comparison</th><th scope=\"col\" class=\"plot\">", p->out);
            cs_svg_axis(
                p->out, &s, 0, true, "Shifts under other ways to count",
                "A row a comparison: the mark is the shift as reported with its interval, the shaded reach goes "
                "from the smallest to the largest shift of all ways to count.");
            fputs("</th>", p->out);
            cs_html_page_column(p, "Reported", "n");
            cs_html_page_column(p, "From, to", "n");
            cs_html_page_column(p, "Same side, interval without 0", "n");
            fputs("</tr></thead><tbody>\n", p->out);
        }
        any = true;
        write_row(p, &v, &s);
    }
    if (!any)
        return;
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_variants(struct cs_page *p)
{
    fputs(
        "<p>Each primary comparison again, under every combination of the other ways to count that the outputs allow: which "
        "answers (as they stand; the first, where some were asked again; read strictly, where a lenient reader took some; "
        "every second repeat alone), refusals as no or as missing, each case a unit of its own, placebo sentences in the "
        "place of the control. Unadjusted intervals; no verdict depends on it. All rows: <code>variants.csv</code> of "
        "<code>report --csv</code>.</p>\n",
        p->out);
    if (p->r->n_variants == 0)
        fputs("<p>Not given: there is no primary comparison with a shift.</p>\n", p->out);
    if (p->r->variants_left > 0)
        cs_html(p->out, "<p>%u primary comparisons with larger p are left out, for time.</p>\n", p->r->variants_left);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++)
        write_outcome(p, o);
}
