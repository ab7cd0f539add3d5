/* What moves answers although nothing that should matter has changed: the noise floor. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

/* Smallest and largest shift of the levels under study against the control: what is to be held against the floor. */
static struct cs_report_span levels_reach(const struct cs_report *r, uint32_t model, uint32_t outcome, uint32_t *n)
{
    struct cs_report_span span = {.known = false};
    *n = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model != model || c->outcome != outcome || c->floor || c->against != CS_AGAINST_CONTROL ||
            !c->shift.known || c->stratum[0] != '\0')
            continue;
        ++*n;
        span.low = span.known ? fmin(span.low, c->shift.value) : c->shift.value;
        span.high = span.known ? fmax(span.high, c->shift.value) : c->shift.value;
        span.known = true;
    }
    return span;
}

/* All that does not matter, together: what is shaded. */
static struct cs_report_span floor_reach(const struct cs_report *r, uint32_t model, uint32_t outcome)
{
    struct cs_report_span span = {.known = false};
    for (uint32_t i = 0; i < r->n_floors; i++) {
        const struct cs_report_floor *f = &r->floors[i];
        if (f->model != model || f->outcome != outcome || f->kind == CS_ARM_LEVELS || !f->range.known)
            continue;
        span.low = span.known ? fmin(span.low, f->range.low) : f->range.low;
        span.high = span.known ? fmax(span.high, f->range.high) : f->range.high;
        span.known = true;
    }
    return span;
}

static struct cs_scale outcome_scale(const struct cs_report *r, uint32_t outcome)
{
    double lo = 0, hi = 0;
    for (uint32_t m = 0; m < r->n_models; m++) {
        uint32_t n;
        struct cs_report_span a = levels_reach(r, m, outcome, &n), b = floor_reach(r, m, outcome);
        lo = fmin(lo, fmin(a.known ? a.low : 0, b.known ? b.low : 0));
        hi = fmax(hi, fmax(a.known ? a.high : 0, b.known ? b.high : 0));
    }
    return cs_svg_scale_fit(lo, hi, 6);
}

static void write_reach(struct cs_page *p, uint32_t outcome, const char *name, struct cs_report_span span,
                        const char *css, const struct cs_scale *s, struct cs_report_span floor)
{
    int decimals = cs_html_page_decimals(p, outcome);
    double low = span.known ? span.low : NAN, high = span.known ? span.high : NAN;
    /* The ends are shown as a thick line: a range over arms, not an interval around an estimate. */
    struct cs_svg_mark mark = {NAN, NAN, NAN, low, high, css, true};
    if (span.known && span.high - span.low < (s->hi - s->lo) / 200)
        mark.estimate = (low + high) / 2;
    cs_html(p->out, "<tr><th scope=\"row\">%s</th><td class=\"plot\">", name);
    cs_svg_row_reach(p->out, s, floor.known ? floor.low : NAN, floor.known ? floor.high : NAN, &mark);
    cs_html(p->out, "</td><td class=\"n est\">%s</td>",
            span.known && span.high <= span.low ? cs_num_signed(span.low, decimals).s
                                                : cs_html_page_span(span, decimals).s);
}

static void write_model_group(struct cs_page *p, uint32_t model)
{
    fputs("<tr class=\"group model\"><th scope=\"colgroup\" colspan=\"5\">", p->out);
    cs_html_page_model_name(p, model);
    fputs("</th></tr>\n", p->out);
}

static void write_floor_rows(struct cs_page *p, uint32_t model, uint32_t outcome, const struct cs_scale *s)
{
    uint32_t n_levels;
    struct cs_report_span levels = levels_reach(p->r, model, outcome, &n_levels),
                          floor = floor_reach(p->r, model, outcome);
    bool any = false;

    for (uint32_t i = 0; i < p->r->n_floors; i++) {
        const struct cs_report_floor *f = &p->r->floors[i];
        if (f->model != model || f->outcome != outcome || f->kind == CS_ARM_LEVELS)
            continue;
        if (!any)
            write_model_group(p, model);
        any = true;
        write_reach(p, outcome, cs_words_arm(f->kind), f->range, "m-ref", s, floor);
        /* data-h: said in front where a narrow page has no column headings; nothing to say, nothing shown */
        cs_html(p->out, "<td class=\"n rates\" data-h=\"%s\">%s</td>",
                f->disagreement.known ? "two answers differ by" : "",
                cs_num_fixed(cs_html_page_figure_value(f->disagreement), cs_html_page_decimals(p, outcome)).s);
        cs_html(p->out, "<td class=\"said\"><span class=\"why\">%s</span></td></tr>\n", f->why);
    }
    if (!levels.known)
        return;
    if (!any)
        write_model_group(p, model);
    write_reach(p, outcome, "levels under study", levels, "m-level", s, floor);
    cs_html(p->out,
            "<td class=\"n rates\"></td><td class=\"said\"><span class=\"why\">%u level%s; more arms reach further by "
            "chance alone</span></td></tr>\n",
            n_levels, n_levels == 1 ? "" : "s");
}

static void write_floor(struct cs_page *p, uint32_t outcome)
{
    const struct cs_report_outcome *o = &p->r->outcomes[outcome];
    struct cs_scale s = outcome_scale(p->r, outcome);
    char caption[640], id[64], title[256];

    snprintf(caption, sizeof caption,
             "Noise floor of %s: range of shifts against the control, %s. Shaded: everything that should not matter, "
             "together.",
             cs_html_page_label(p, outcome).s, cs_html_page_unit(p, outcome));
    snprintf(title, sizeof title, "Noise floor of %s, %s", cs_html_page_label(p, outcome).s,
             cs_html_page_unit(p, outcome));
    snprintf(id, sizeof id, "floor-%u", outcome);
    cs_html_page_figure(p, id, CS_REPORT_NONE, caption);
    cs_html(p->out, "<table class=\"forest\" aria-labelledby=\"fig-%u\">\n<thead><tr>", p->figures);
    cs_html_page_column(p, "Kind of arm", "");
    fputs("<th scope=\"col\" class=\"plot\">", p->out);
    cs_svg_axis(p->out, &s, 0, true, title,
                "One line per kind of arm from its smallest to its largest shift; the numbers stand beside.");
    cs_html(p->out,
            "</th><th scope=\"col\" class=\"n\">Smallest to largest, %s</th><th scope=\"col\" class=\"n\">%s</th>",
            cs_html_page_unit(p, outcome),
            cs_html_page_is_share(o) ? "Two answers differ, points" : "Mean difference of two answers");
    cs_html_page_column(p, "Remark", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t m = 0; m < p->r->n_models; m++)
        write_floor_rows(p, m, outcome, &s);
    fputs("</tbody></table>", p->out);
    cs_html_page_figure_end(p);
}

static bool has_floor(const struct cs_report *r, uint32_t outcome)
{
    for (uint32_t i = 0; i < r->n_floors; i++) {
        if (r->floors[i].outcome == outcome)
            return true;
    }
    return false;
}

void cs_html_noise(struct cs_page *p)
{
    bool any = false;
    fputs("<p>How far do answers move when nothing that should matter has changed? The same prompt is asked again, "
          "asked in other words, asked with an administrative sentence, and asked as a second control. A shift inside "
          "this range is what a careful reader expects from noise alone.</p>\n",
          p->out);
    for (uint32_t o = 0; o < p->r->n_outcomes; o++) {
        if (has_floor(p->r, o)) {
            write_floor(p, o);
            any = true;
        }
    }
    if (!any)
        fputs("<p><b>This study has no noise floor:</b> no re-asked prompt, placebo sentence, rephrasing or second "
              "control. Its shifts cannot be told from noise by design.</p>\n",
              p->out);
}
