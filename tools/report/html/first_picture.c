/* The picture of the first screen: a row a comparison, a column a model; dot and interval over the margin and the noise floor. */
#include "tools/report/html/first.h"

#include <math.h>
#include <string.h>

enum { STACKED_MAX = 3 }; /* models that stand one below the other on a phone; more scroll sideways */

static struct cs_report_span drawn_interval(const struct cs_report_contrast *c)
{
    return c->ci_simultaneous.known ? c->ci_simultaneous : c->ci;
}

/* One scale an answer, over all rows and models. Intervals far wider than any shift end in arrowheads. */
static struct cs_scale scale_of(const struct cs_page *p, const struct cs_first_rows *f, const struct cs_first_answer *a)
{
    const struct cs_report_figure margin = p->r->outcomes[a->outcome].margin;
    double lo = 0, hi = 0, far = margin.known ? 2 * margin.value : 0;
    for (uint32_t i = a->first; i < a->first + a->n; i++) {
        for (uint32_t m = 0; m < f->n_models; m++) {
            const struct cs_report_contrast *c = cs_first_rows_in(p->r, &f->rows[i], f->models[m]);
            if (c == NULL || !c->shift.known)
                continue;
            const struct cs_report_span span = drawn_interval(c);
            far = fmax(far, 2.5 * fabs(c->shift.value));
            lo = fmin(lo, span.known ? span.low : c->shift.value);
            hi = fmax(hi, span.known ? span.high : c->shift.value);
        }
    }
    const double room = margin.known ? 1.2 * margin.value : 0;
    return cs_svg_scale_fit(fmin(fmax(lo, -far), -room), fmax(fmin(hi, far), room), 5);
}

/* ---- one answer ------------------------------------------------------------------------------------ */

/* What a step of the axis is. */
static void write_unit(struct cs_page *p, const struct cs_report_outcome *o)
{
    if (cs_html_page_is_share(o))
        fputs("more or fewer of 100", p->out);
    else if (o->kind == CS_OUTCOME_ORDINAL && o->n_categories > 0)
        cs_html(p->out, "steps: 0 %s to %u %s", o->categories[0], o->n_categories - 1,
                o->categories[o->n_categories - 1]);
    else
        cs_html(p->out, "%s", o->unit);
}

static void write_axes(struct cs_page *p, const struct cs_first_rows *f, const struct cs_first_answer *a,
                       const struct cs_scale *s)
{
    const struct cs_report_outcome *o = &p->r->outcomes[a->outcome];
    const double margin = o->margin.known ? o->margin.value : 0;
    char title[256], desc[512];

    fputs("<tr class=\"axes\"><th scope=\"rowgroup\"><b>", p->out);
    cs_html_page_words(p, o->label);
    fputs("</b><span class=\"why\">", p->out);
    write_unit(p, o);
    fputs("</span></th>", p->out);
    for (uint32_t m = 0; m < f->n_models; m++) {
        snprintf(title, sizeof title, "Shift of %s in %s", cs_html_page_label(p, a->outcome).s,
                 cs_html_page_model(p, f->models[m]));
        snprintf(desc, sizeof desc, "Scale from %g to %g %s; to the right of zero: %s.%s", s->lo, s->hi,
                 cs_html_page_unit(p, a->outcome), o->up, margin > 0 ? " The margin is shaded." : "");
        fputs("<td class=\"plot\">", p->out);
        cs_svg_axis(p->out, s, margin, true, title, desc);
        fputs("</td>", p->out);
    }
    fputs("</tr>\n", p->out);
}

/* What the drawing shows, for those who hear the page. */
static void write_said(struct cs_page *p, const struct cs_report_contrast *c)
{
    const int decimals = cs_html_page_decimals(p, c->outcome);
    const struct cs_report_span span = drawn_interval(c);
    cs_html(p->out, "<span class=\"sr\">%s: %s %s", cs_html_page_model(p, c->model),
            cs_num_signed(cs_html_page_figure_value(c->shift), decimals).s, cs_html_page_unit(p, c->outcome));
    if (span.known)
        cs_html(p->out, ", interval %s", cs_html_page_span(span, decimals).s);
    cs_html(p->out, ", %s", cs_words_verdict(c->verdict));
    if (c->decided_by.span.known)
        cs_html(p->out, " by %s: %s", cs_html_page_span(c->decided_by.span, decimals).s, c->decided_by.why);
    fputs("</span>", p->out);
}

/* The size beside the mark of a difference: whole points from 1 on. */
static struct cs_num size_of(const struct cs_page *p, const struct cs_report_contrast *c)
{
    const double shift = cs_html_page_figure_value(c->shift);
    const bool share = cs_html_page_is_share(&p->r->outcomes[c->outcome]);
    return cs_num_signed(shift, !share ? 2 : fabs(shift) >= 1 ? 0 : 1);
}

static void write_cell(struct cs_page *p, const struct cs_report_contrast *c, const struct cs_scale *s)
{
    if (c == NULL) {
        fputs("<td class=\"plot\"><span class=\"sr\">not compared</span></td>", p->out);
        return;
    }
    const struct cs_report_figure margin = p->r->outcomes[c->outcome].margin;
    const struct cs_report_span span = drawn_interval(c), floor = cs_first_rows_floor(p->r, c->model, c->outcome);
    const bool named = cs_words_verdict_is_different(c->verdict) && c->shift.known;
    char mark[16];
    snprintf(mark, sizeof mark, "m-%s", cs_html_page_verdict_css(c->verdict));
    const struct cs_svg_mark m = {.estimate = cs_html_page_figure_value(c->shift),
                                  .lo = span.known ? span.low : NAN,
                                  .hi = span.known ? span.high : NAN,
                                  .inner_lo = NAN,
                                  .inner_hi = NAN,
                                  .css = mark};
    cs_html(p->out, "<td class=\"plot\" data-h=\"%s\">", cs_html_page_model(p, c->model));
    cs_svg_row_said(p->out, s, margin.known ? margin.value : 0, floor.known ? floor.low : NAN,
                    floor.known ? floor.high : NAN, &m, named ? size_of(p, c).s : "");
    write_said(p, c);
    fputs("</td>", p->out);
}

static void write_row(struct cs_page *p, const struct cs_first_rows *f, const struct cs_first_row *row,
                      const struct cs_scale *s)
{
    cs_html(p->out, "<tr class=\"%s%s\"><th scope=\"row\"><a href=\"#%s\">", row->differs ? "who" : "pale",
            f->primary && !row->primary ? " explored" : "", row->any->anchor);
    cs_html_page_comparison(p, row->any);
    fputs("</a></th>", p->out);
    for (uint32_t m = 0; m < f->n_models; m++)
        write_cell(p, cs_first_rows_in(p->r, row, f->models[m]), s);
    fputs("</tr>\n", p->out);
}

/* ---- key ------------------------------------------------------------------------------------------------ */

static bool any_explored(const struct cs_first_rows *f)
{
    for (uint32_t i = 0; i < f->n_rows; i++) {
        if (f->primary && !f->rows[i].primary)
            return true;
    }
    return false;
}

static bool any_verdict(const struct cs_report *r, const struct cs_first_rows *f, enum cs_report_verdict v)
{
    for (uint32_t i = 0; i < f->n_rows; i++) {
        for (uint32_t m = 0; m < f->n_models; m++) {
            const struct cs_report_contrast *c = cs_first_rows_in(r, &f->rows[i], f->models[m]);
            if (c != NULL && c->verdict == v)
                return true;
        }
    }
    return false;
}

static bool any_margin(const struct cs_report *r, const struct cs_first_rows *f)
{
    for (uint32_t i = 0; i < f->n_answers; i++) {
        if (r->outcomes[f->answers[i].outcome].margin.known)
            return true;
    }
    return false;
}

static void write_key(struct cs_page *p, const struct cs_first_rows *f)
{
    static const struct {
        enum cs_report_verdict verdict;
        const char *symbol;
    } marks[] = {{CS_VERDICT_BEYOND, "\xE2\x97\x8F"},     {CS_VERDICT_UNCLEAR_SIZE, "\xE2\x97\x8F"},
                 {CS_VERDICT_DIFFERENT, "\xE2\x97\x8F"},  {CS_VERDICT_SMALLER, "\xE2\x97\x8B"},
                 {CS_VERDICT_EQUIVALENT, "\xE2\x97\x8F"}, {CS_VERDICT_EQUIVALENT_MEAN, "\xE2\x97\x8B"},
                 {CS_VERDICT_NOT_WORSE, "\xE2\x97\x8F"},  {CS_VERDICT_INCONCLUSIVE, "\xE2\x97\x8B"},
                 {CS_VERDICT_NONE, "\xE2\x97\x8B"}};
    fputs("<p class=\"legend\">", p->out);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (any_verdict(p->r, f, marks[i].verdict))
            cs_html(p->out, "<span class=\"k v-%s\">%s %s</span> ", cs_html_page_verdict_css(marks[i].verdict),
                    marks[i].symbol, cs_words_verdict(marks[i].verdict));
    }
    if (any_margin(p->r, f))
        fputs("<span class=\"k\"><i class=\"k-band\"></i>margin: declared too small to matter</span> ", p->out);
    if (cs_first_rows_any_floor(p->r))
        fputs("<span class=\"k\"><i class=\"k-floor\"></i>noise floor: what meaningless texts move</span> ", p->out);
    if (any_explored(f))
        fputs("<span class=\"k\"><em>slanted: exploratory</em></span> ", p->out);
    if (f->left_out > 0)
        cs_html(p->out, "<span class=\"k\">and <a href=\"#heat-map\">%u more that differ</a></span>", f->left_out);
    fputs("</p>\n", p->out);
}

/* ---- all of it -------------------------------------------------------------------------------------------- */

void cs_html_first_picture(struct cs_page *p, const struct cs_first_rows *f)
{
    char caption[256];
    if (f->n_rows == 0)
        return;
    snprintf(caption, sizeof caption, "Who differs, and how far: shifts, %g %% intervals%s.",
             100 * (1 - p->r->declared.alpha), p->r->declared.family > 0 ? " after adjustment" : "");
    cs_html_page_figure(p, "picture", CS_REPORT_NONE, caption);
    cs_html(p->out, "<table class=\"first%s\" aria-labelledby=\"fig-%u\"><thead><tr><td></td>",
            f->n_models <= STACKED_MAX ? " few" : "", p->figures);
    for (uint32_t m = 0; m < f->n_models; m++)
        cs_html_page_column(p, cs_html_page_model(p, f->models[m]), "");
    fputs("</tr></thead>\n", p->out);
    for (uint32_t i = 0; i < f->n_answers; i++) {
        const struct cs_scale s = scale_of(p, f, &f->answers[i]);
        fputs("<tbody>", p->out);
        write_axes(p, f, &f->answers[i], &s);
        for (uint32_t k = 0; k < f->answers[i].n; k++)
            write_row(p, f, &f->rows[f->answers[i].first + k], &s);
        fputs("</tbody>\n", p->out);
    }
    fputs("</table>", p->out);
    write_key(p, f);
    cs_html_page_figure_end(p);
}
