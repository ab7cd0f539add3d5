#include "tools/report/html/svg.h"

#include <math.h>

#include "protocol/base/assert.h"
#include "tools/report/html/html.h"
#include "tools/report/html/num.h"

enum { ROW_PX = 28, LOW_ROW_PX = 19, AXIS_PX = 30, TICKS_MAX = 40 };

static double finite_or_zero(double x)
{
    return isfinite(x) ? x : 0;
}

struct cs_scale cs_svg_scale_fit(double lo, double hi, int ticks)
{
    lo = finite_or_zero(lo);
    hi = finite_or_zero(hi);
    CS_ASSERT(ticks >= 1 && ticks < TICKS_MAX / 2);
    if (!(hi - lo > 1e-9 * fmax(fabs(lo), fabs(hi))) || hi - lo < 1e-9) {
        lo -= 1;
        hi += 1;
    }
    double rough = (hi - lo) / ticks, unit = pow(10, floor(log10(rough))), step = 10 * unit;
    const double nice[] = {1, 2, 5};
    for (unsigned i = 0; i < 3; i++) {
        if (nice[i] * unit >= rough * (1 - 1e-9)) {
            step = nice[i] * unit;
            break;
        }
    }
    int decimals = (int)-floor(log10(step) + 1e-9);
    return (struct cs_scale){floor(lo / step + 1e-9) * step, ceil(hi / step - 1e-9) * step, step,
                             decimals < 0 ? 0 : decimals};
}

double cs_svg_scale_percent(const struct cs_scale *s, double x)
{
    return fmin(100, fmax(0, 100 * (x - s->lo) / (s->hi - s->lo)));
}

static void open_row(FILE *out, int height)
{
    cs_html(out, "<svg class=\"row\" width=\"100%%\" height=\"%d\" aria-hidden=\"true\" focusable=\"false\">", height);
}

static void reach(FILE *out, const struct cs_scale *s, double lo, double hi, const char *css)
{
    if (!(hi > lo))
        return;
    double x = cs_svg_scale_percent(s, lo);
    cs_html(out, "<rect class=\"%s\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"100%%\"/>", css, x,
            cs_svg_scale_percent(s, hi) - x);
}

static void upright(FILE *out, const struct cs_scale *s, double x, const char *css)
{
    double at = cs_svg_scale_percent(s, x);
    cs_html(out, "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>", css, at, at);
}

void cs_svg_axis(FILE *out, const struct cs_scale *s, double band, bool signed_ticks, const char *title,
                 const char *desc)
{
    cs_html(out, "<svg class=\"axis\" role=\"img\" width=\"100%%\" height=\"%d\"><title>%s</title><desc>%s</desc>",
            AXIS_PX, title, desc);
    reach(out, s, -band, band, "band");
    cs_html(out, "<line class=\"rule\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>", AXIS_PX - 1, AXIS_PX - 1);
    int n = (int)lround((s->hi - s->lo) / s->step);
    CS_ASSERT(n < TICKS_MAX);
    for (int i = 0; i <= n; i++) {
        double x = s->lo + i * s->step, at = cs_svg_scale_percent(s, x);
        struct cs_num label = signed_ticks ? cs_num_signed(x, s->decimals) : cs_num_fixed(x, s->decimals);
        cs_html(out, "<line class=\"rule\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%d\" y2=\"%d\"/>", at, at, AXIS_PX - 6,
                AXIS_PX);
        cs_html(out, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"middle\">%s</text>", at, AXIS_PX - 11, label.s);
    }
    fputs("</svg>", out);
}

/* Percentages and pixels do not add up: shapes are drawn around 0 in an <svg> placed at the percentage. */
static void shape_at(FILE *out, double percent, const char *css, const char *path)
{
    cs_html(out, "<svg x=\"%.2f%%\" y=\"50%%\" overflow=\"visible\"><path class=\"%s\" d=\"%s\"/></svg>", percent, css,
            path);
}

static void span(FILE *out, const struct cs_scale *s, double lo, double hi, const char *css, const char *thickness)
{
    if (isnan(lo) || isnan(hi))
        return;
    cs_html(out, "<line class=\"%s %s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"50%%\" y2=\"50%%\"/>", thickness, css,
            cs_svg_scale_percent(s, lo), cs_svg_scale_percent(s, hi));
}

static void draw_mark(FILE *out, const struct cs_scale *s, const struct cs_svg_mark *m)
{
    double e = m->estimate;
    span(out, s, m->lo, m->hi, m->css, "whisker");
    if (m->lo < s->lo)
        shape_at(out, 0, m->css, "M0 0l6 -4v8z");
    if (m->hi > s->hi)
        shape_at(out, 100, m->css, "M0 0l-6 -4v8z");
    span(out, s, m->inner_lo, m->inner_hi, m->css, "inner");
    if (e >= s->lo && e <= s->hi)
        shape_at(out, cs_svg_scale_percent(s, e), m->css,
                 m->square ? "M-4 -4h8v8h-8z" : "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z");
}

void cs_svg_row(FILE *out, const struct cs_scale *s, double band, const struct cs_svg_mark *mark)
{
    open_row(out, ROW_PX);
    reach(out, s, -band, band, "band");
    upright(out, s, 0, "zero");
    draw_mark(out, s, mark);
    fputs("</svg>", out);
}

void cs_svg_row_reach(FILE *out, const struct cs_scale *s, double lo, double hi, const struct cs_svg_mark *mark)
{
    open_row(out, ROW_PX);
    reach(out, s, lo, hi, "floor");
    upright(out, s, 0, "zero");
    draw_mark(out, s, mark);
    fputs("</svg>", out);
}

void cs_svg_row_said(FILE *out, const struct cs_scale *s, double band, double lo, double hi,
                     const struct cs_svg_mark *mark, const char *words)
{
    open_row(out, LOW_ROW_PX);
    reach(out, s, -band, band, "band");
    reach(out, s, lo, hi, "floor");
    upright(out, s, 0, "zero");
    draw_mark(out, s, mark);
    const double right = cs_svg_scale_percent(s, isnan(mark->hi) ? mark->estimate : mark->hi),
                 left = cs_svg_scale_percent(s, isnan(mark->lo) ? mark->estimate : mark->lo);
    if (words[0] != '\0' && mark->estimate < 0 && left > 9)
        cs_html(out, "<text class=\"lab\" x=\"%.2f%%\" dx=\"-6\" y=\"14\" text-anchor=\"end\">%s</text>", left, words);
    else if (words[0] != '\0')
        cs_html(out, "<text class=\"lab\" x=\"%.2f%%\" dx=\"%d\" y=\"14\" text-anchor=\"%s\">%s</text>",
                right > 90 ? left : right, right > 90 ? -6 : 6, right > 90 ? "end" : "start", words);
    fputs("</svg>", out);
}

void cs_svg_parts(FILE *out, const struct cs_svg_part *parts, unsigned n)
{
    double x = 0;
    cs_html(out, "<svg class=\"parts\" width=\"100%%\" height=\"12\" aria-hidden=\"true\" focusable=\"false\">");
    for (unsigned i = 0; i < n; i++) {
        double width = fmin(100 - x, 100 * fmax(0, finite_or_zero(parts[i].share)));
        if (width > 0)
            cs_html(out, "<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\"/>", parts[i].css, x, width);
        x += width;
    }
    fputs("</svg>", out);
}

void cs_svg_bar(FILE *out, const struct cs_scale *s, double x, const char *css)
{
    x = finite_or_zero(x);
    double from = cs_svg_scale_percent(s, fmin(x, 0)), to = cs_svg_scale_percent(s, fmax(x, 0));
    cs_html(out, "<svg class=\"bar\" width=\"100%%\" height=\"12\" aria-hidden=\"true\" focusable=\"false\">");
    cs_html(out, "<rect class=\"%s\" x=\"%.2f%%\" width=\"%.2f%%\" height=\"100%%\"/>", css, from, to - from);
    fputs("</svg>", out);
}
