/* Model x level: the shift against the control as a number, the verdict as a symbol, its size as a colour of nine. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

enum { MODELS_MANY = 6 }; /* from here on their columns stand close */

static const struct cs_report_contrast *find(const struct cs_report *r, uint32_t model, uint32_t outcome,
                                             uint32_t factor, uint32_t level)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model == model && c->outcome == outcome && c->factor == factor && c->level == level &&
            c->against == CS_AGAINST_CONTROL && c->stratum[0] == '\0')
            return c;
    }
    return NULL;
}

static double largest_shift(const struct cs_report *r, uint32_t outcome)
{
    double largest = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->outcome == outcome && c->against == CS_AGAINST_CONTROL && c->stratum[0] == '\0' && c->shift.known)
            largest = fmax(largest, fabs(c->shift.value));
    }
    return largest;
}

/* hn4 .. h0 .. hp4 */
static const char *shade(double shift, double largest)
{
    static const char *const css[] = {"hn4", "hn3", "hn2", "hn1", "h0", "hp1", "hp2", "hp3", "hp4"};
    if (isnan(shift))
        return "hx";
    if (largest <= 0)
        return "h0";
    int step = (int)lround(4 * fmax(-1, fmin(1, shift / largest)));
    return css[step + 4];
}

/* Whether the page can say of anything more than how large it is. */
static bool any_verdict(const struct cs_report *r)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (!r->contrasts[i].floor && r->contrasts[i].verdict != CS_VERDICT_NONE)
            return true;
    }
    return false;
}

static void write_cell(struct cs_page *p, uint32_t outcome, const struct cs_report_contrast *c, double largest)
{
    if (c == NULL) {
        fputs("<td class=\"hx\">\xE2\x80\x93</td>", p->out);
        return;
    }
    double shift = cs_html_page_figure_value(c->shift);
    const char *said = c->floor                        ? "noise floor"
                       : c->verdict == CS_VERDICT_NONE ? "no verdict"
                                                       : cs_words_verdict(c->verdict);
    const bool undecided = !c->floor && (c->verdict == CS_VERDICT_INCONCLUSIVE || c->verdict == CS_VERDICT_NONE);
    cs_html(p->out, "<td class=\"%s%s\" title=\"%s\">", shade(shift, largest), undecided ? " pale" : "", said);
    if (!c->floor && any_verdict(p->r))
        cs_html(p->out, "<span class=\"sym\" role=\"img\" aria-label=\"%s\">%s</span>", said,
                cs_html_page_verdict_symbol(c->verdict));
    cs_html(p->out, "%s</td>", cs_num_signed(shift, cs_html_page_decimals(p, outcome)).s);
}

static bool in_any_model(const struct cs_report *r, uint32_t outcome, uint32_t factor, uint32_t level)
{
    for (uint32_t m = 0; m < r->n_models; m++) {
        if (find(r, m, outcome, factor, level) != NULL)
            return true;
    }
    return false;
}

static void write_map(struct cs_page *p, uint32_t outcome, uint32_t factor, double largest)
{
    const struct cs_report_factor *f = &p->r->factors[factor];
    const struct cs_report_outcome *o = &p->r->outcomes[outcome];
    const char *heading = "";
    bool open = false;

    for (uint32_t l = 0; l < f->n_levels; l++) {
        if (!in_any_model(p->r, outcome, factor, l))
            continue;
        if (!open) {
            char caption[512], id[64];
            snprintf(caption, sizeof caption,
                     "%s: shift against the control, %s, by level and model. Blue: less, orange: more (%s).",
                     cs_html_page_label(p, outcome).s, cs_html_page_unit(p, outcome), o->up);
            snprintf(id, sizeof id, "heat-%u-%u", outcome, factor);
            cs_html_page_figure(p, id, CS_REPORT_NONE, caption);
            cs_html(p->out, "<table class=\"heat%s\" aria-labelledby=\"fig-%u\"><thead><tr>",
                    p->r->n_models > MODELS_MANY ? " many" : "", p->figures);
            cs_html_page_column(p, f->name, "");
            for (uint32_t m = 0; m < p->r->n_models; m++)
                cs_html_page_column(p, cs_html_page_model(p, m), "");
            fputs("</tr></thead><tbody>\n", p->out);
            open = true;
        }
        const char *above = cs_html_page_heading(p, factor, l);
        if (strcmp(above, heading) != 0)
            cs_html_page_group(p, p->r->n_models + 1, above);
        heading = above;
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_level_name(p, factor, l);
        fputs("</th>", p->out);
        for (uint32_t m = 0; m < p->r->n_models; m++)
            write_cell(p, outcome, find(p->r, m, outcome, factor, l), largest);
        fputs("</tr>\n", p->out);
    }
    if (!open)
        return;
    fputs("</tbody></table>", p->out);
    cs_html_page_figure_end(p);
}

static void write_legend(struct cs_page *p)
{
    static const enum cs_report_verdict order[] = {
        CS_VERDICT_BEYOND,    CS_VERDICT_UNCLEAR_SIZE, CS_VERDICT_SMALLER,
        CS_VERDICT_DIFFERENT, CS_VERDICT_EQUIVALENT,   CS_VERDICT_EQUIVALENT_MEAN,
        CS_VERDICT_NOT_WORSE, CS_VERDICT_INCONCLUSIVE, CS_VERDICT_NONE};
    fputs("<p class=\"legend\">", p->out);
    for (size_t i = 0; i < sizeof order / sizeof *order && any_verdict(p->r); i++)
        cs_html(p->out, "<span class=\"k\"><span class=\"sym\">%s</span> %s</span> ",
                cs_html_page_verdict_symbol(order[i]),
                order[i] == CS_VERDICT_NONE ? "no verdict" : cs_words_verdict(order[i]));
    fputs(any_verdict(p->r) ? "<br>" : "Shifts without a verdict. ", p->out);
    fputs("Strongest colour: the largest shift of that answer, in any model.</p>\n", p->out);
}

void cs_html_heat(struct cs_page *p)
{
    if (p->r->n_contrasts == 0) {
        fputs("<p>There are no comparisons against a control to map.</p>\n", p->out);
        return;
    }
    write_legend(p);
    fputs("<div class=\"maps\">\n", p->out);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
        double largest = largest_shift(p->r, o);
        for (uint32_t f = 0; f < p->r->n_factors; f++)
            write_map(p, o, f, largest);
    }
    fputs("</div>\n", p->out);
}
