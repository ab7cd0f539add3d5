/* svg.h - the pieces that plots are made of: a scale, its axis, a dot with its interval, a bar.
 *
 * Positions are percentages of the drawing's width, and the words stand in HTML beside it: a plot is as wide as its
 * column, from a phone to a printed page, and its text never shrinks. Colours are classes of the style sheet
 * (style.c), so both colour schemes hold. What a plot shows stands as a number beside it: the drawings of rows are
 * hidden from screen readers, the axis of a plot carries its title and description. Thread: any, one FILE each.
 */
#ifndef CS_REPORT_SVG_H
#define CS_REPORT_SVG_H

#include <stdbool.h>
#include <stdio.h>

struct cs_scale {
    double lo, hi, step; /* hi > lo; ticks at whole multiples of step */
    int decimals;        /* as many as tell two ticks apart */
};

/* The narrowest scale with about `ticks` round ticks that holds lo..hi. Values that are not finite count as 0. */
struct cs_scale cs_svg_scale_fit(double lo, double hi, int ticks);
double cs_svg_scale_percent(const struct cs_scale *s, double x); /* 0..100, clamped */

/* A point estimate and what surrounds it. NaN: not estimable, left out. */
struct cs_svg_mark {
    double estimate, lo, hi;
    double inner_lo, inner_hi; /* a second, narrower interval drawn thicker; NaN: none */
    const char *css;           /* class that colours the mark */
    bool square;               /* a square, not a dot: a reference, not a finding */
};

/* The axis of a plot: role="img" with title and description, both escaped. signed_ticks: "+5". band is shaded from
 * -band to +band, on the axis and in each row; 0 or NaN: none. */
void cs_svg_axis(FILE *out, const struct cs_scale *s, double band, bool signed_ticks, const char *title,
                 const char *desc);
/* One row of a forest plot. An interval that leaves the scale ends in an arrowhead. */
void cs_svg_row(FILE *out, const struct cs_scale *s, double band, const struct cs_svg_mark *mark);
/* As cs_svg_row with a shaded reach lo..hi (the noise floor) in place of the margin band. */
void cs_svg_row_reach(FILE *out, const struct cs_scale *s, double lo, double hi, const struct cs_svg_mark *mark);

/* A low row with both, and with a few words beside the mark; "" none. */
void cs_svg_row_said(FILE *out, const struct cs_scale *s, double band, double lo, double hi,
                     const struct cs_svg_mark *mark, const char *words);

/* A bar whose parts stand one behind the other; shares of the whole, NaN and negative parts have no width. */
struct cs_svg_part {
    double share;
    const char *css;
};
void cs_svg_parts(FILE *out, const struct cs_svg_part *parts, unsigned n);
/* One bar from 0 to x on the scale. */
void cs_svg_bar(FILE *out, const struct cs_scale *s, double x, const char *css);

#endif
