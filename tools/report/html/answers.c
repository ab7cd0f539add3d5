/* Answer by answer: a forest plot per model and line of the study file, its rows the table's rows. */
#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 6, ANSWERS_OPEN = 3 };

/* ---- scale: one for an answer and a kind of comparison, over all models, so that plots can be compared ------ */

static bool same_kind(const struct cs_report_contrast *c, const struct cs_forest *f)
{
    return c->outcome == f->outcome && c->against == f->against && (c->stratum[0] != '\0') == (f->stratum[0] != '\0');
}

static struct cs_report_span drawn_interval(const struct cs_report_contrast *c)
{
    return c->ci_simultaneous.known ? c->ci_simultaneous : c->ci;
}

/* Intervals far wider than any shift end in arrowheads instead of pressing everything else together. */
static struct cs_scale scale_of(const struct cs_page *p, const struct cs_forest *f)
{
    const struct cs_report_figure margin = p->r->outcomes[f->outcome].margin;
    double lo = 0, hi = 0, shift_max = margin.known ? margin.value : 0;

    for (uint32_t i = 0; i < p->r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &p->r->contrasts[i];
        struct cs_report_span span = drawn_interval(c);
        if (!same_kind(c, f))
            continue;
        if (c->shift.known)
            shift_max = fmax(shift_max, fabs(c->shift.value));
        if (span.known) {
            lo = fmin(lo, span.low);
            hi = fmax(hi, span.high);
        }
    }
    double far = 2.5 * shift_max, room = margin.known ? 1.2 * margin.value : 0;
    if (far <= 0)
        return cs_svg_scale_fit(lo, hi, 6);
    return cs_svg_scale_fit(fmin(fmax(lo, -far), -room), fmax(fmin(hi, far), room), 6);
}

/* ---- one plot ------------------------------------------------------------------------------------------------ */

static void write_axis(struct cs_page *p, const struct cs_forest *f, const struct cs_scale *s, double margin)
{
    const struct cs_report_outcome *o = &p->r->outcomes[f->outcome];
    char title[256], desc[512];
    snprintf(title, sizeof title, "Forest plot: shift of %s in %s, %s", cs_html_page_label(p, f->outcome).s,
             cs_html_page_model(p, f->model), cs_html_page_unit(p, f->outcome));
    snprintf(
        desc, sizeof desc,
        "A dot and an interval for each of %u comparisons; scale from %g to %g %s. To the right of zero: %s.%s The "
        "numbers of each row stand in the cells beside it.",
        f->n, s->lo, s->hi, cs_html_page_unit(p, f->outcome), o->up, margin > 0 ? " The margin is shaded." : "");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, f->against == CS_AGAINST_LEVEL ? "Pair" : "Level", "");
    fputs("<th scope=\"col\" class=\"plot\">", p->out);
    cs_svg_axis(p->out, s, margin, true, title, desc);
    cs_html(p->out, "</th><th scope=\"col\" class=\"n\">Shift (%g %% CI), %s</th>", 100 * (1 - p->r->declared.alpha),
            cs_html_page_unit(p, f->outcome));
    cs_html_page_column(p, "Comparator \xE2\x86\x92 level", "n");
    cs_html_page_column(p, "p, adjusted", "n");
    cs_html_page_column(p, "Verdict", "");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void write_name(struct cs_page *p, const struct cs_report_contrast *c)
{
    cs_html(p->out, "<th scope=\"row\"><a href=\"#%s\">", c->anchor);
    cs_html_page_level_name(p, c->factor, c->level);
    if (c->against == CS_AGAINST_LEVEL) {
        fputs(" <span class=\"why\">against</span> ", p->out);
        cs_html_page_comparator(p, c->factor, c->comparator, c->comparator_text);
    }
    fputs("</a></th>", p->out);
}

static void write_row(struct cs_page *p, const struct cs_report_contrast *c, const struct cs_scale *s, double margin)
{
    int decimals = cs_html_page_decimals(p, c->outcome);
    struct cs_report_span span = drawn_interval(c);
    char mark[16];
    snprintf(mark, sizeof mark, "m-%s", c->floor ? "ref" : cs_html_page_verdict_css(c->verdict));
    struct cs_svg_mark m = {
        .estimate = cs_html_page_figure_value(c->shift),
        .lo = span.known ? span.low : NAN,
        .hi = span.known ? span.high : NAN,
        .inner_lo = c->ci.known ? c->ci.low : NAN,
        .inner_hi = c->ci.known ? c->ci.high : NAN,
        .css = mark,
        .square = c->floor,
    };
    cs_html(p->out, "<tr id=\"%s\" data-v=\"%s\">", c->anchor,
            c->floor ? "floor" : cs_html_page_verdict_css(c->verdict));
    write_name(p, c);
    fputs("<td class=\"plot\">", p->out);
    cs_svg_row(p->out, s, margin, &m);
    cs_html(p->out, "</td><td class=\"n est\">%s", cs_num_signed(cs_html_page_figure_value(c->shift), decimals).s);
    if (span.known)
        cs_html(p->out, " (%s)", cs_html_page_span(span, decimals).s);
    cs_html(p->out, "</td><td class=\"n rates\">%s \xE2\x86\x92 %s</td>",
            cs_html_page_rate(p, c->outcome, c->rate_comparator).s, cs_html_page_rate(p, c->outcome, c->rate_level).s);
    cs_html(p->out, "<td class=\"n p\">%s</td><td class=\"said\">",
            cs_num_p(cs_html_page_figure_value(c->p_adjusted)).s);
    if (c->floor)
        cs_html(p->out, "<span class=\"why\">%s</span>", c->why[0] != '\0' ? c->why : "noise floor");
    else
        cs_html_page_verdict(p, c->verdict, c->why);
    cs_html_page_decided(p, &c->decided_by, decimals);
    cs_html_sentences_scope(p, c);
    fputs("</td></tr>\n", p->out);
}

static void write_rows(struct cs_page *p, const struct cs_forest *f, bool floor, const struct cs_scale *s,
                       double margin)
{
    const char *heading = "";
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_report_contrast *c = &f->rows[i];
        if (c->floor != floor)
            continue;
        const char *above = cs_html_page_heading(p, c->factor, c->level);
        if (f->against != CS_AGAINST_LEVEL && strcmp(above, heading) != 0) {
            cs_html_page_group(p, COLUMNS, above);
            heading = above;
        }
        write_row(p, c, s, margin);
    }
}

static bool has_primary(const struct cs_report *r, uint32_t outcome)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].outcome == outcome && r->contrasts[i].primary)
            return true;
    }
    return false;
}

/* Some comparisons of the outcome are primary, others exploratory: then each plot says which. */
static bool has_both(const struct cs_report *r, uint32_t outcome)
{
    bool primary = false, exploratory = false;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        primary = primary || (c->outcome == outcome && c->primary);
        exploratory = exploratory || (c->outcome == outcome && c->in_family && !c->primary);
    }
    return primary && exploratory;
}

static void write_caption(struct cs_page *p, const struct cs_forest *f, char *caption, size_t size)
{
    const struct cs_report_outcome *o = &p->r->outcomes[f->outcome];
    const char *against = f->floor_only                      ? "what should not matter against the control"
                          : f->against == CS_AGAINST_CONTROL ? "each level against the control"
                          : f->against == CS_AGAINST_PLACEBO ? "each level against the placebo sentences"
                                                             : "chosen pairs, the first against the second";
    const char *family = f->floor_only ? "" : f->primary ? ", primary comparisons" : ", exploratory comparisons";
    char where[256] = "";
    if (f->stratum[0] != '\0')
        snprintf(where, sizeof where, ", only cases with %s = %s", f->stratum, f->stratum_value);
    snprintf(caption, size,
             "%s in %s%s: %s%s. To the right of zero: %s. Thin line: the interval the verdict uses; thick line: %g %% "
             "interval of that row alone.",
             cs_html_page_label(p, f->outcome).s, cs_html_page_model(p, f->model),
             has_both(p->r, f->outcome) ? family : "", against, where, o->up, 100 * (1 - p->r->declared.alpha));
}

static void write_forest(struct cs_page *p, const struct cs_forest *f)
{
    const struct cs_report_figure margin = p->r->outcomes[f->outcome].margin;
    struct cs_scale s = scale_of(p, f);
    double band = margin.known ? margin.value : 0;
    char caption[1024], id[64];

    write_caption(p, f, caption, sizeof caption);
    snprintf(id, sizeof id, "forest-%u", p->figures + 1);
    cs_html_page_figure(p, id, f->model, caption);
    cs_html(p->out, "<table class=\"forest\" aria-labelledby=\"fig-%u\">\n", p->figures);
    write_axis(p, f, &s, band);
    write_rows(p, f, true, &s, band);
    write_rows(p, f, false, &s, band);
    fputs("</tbody></table>", p->out);
    cs_html_page_figure_end(p);
    cs_html_numbers(p, f);
}

/* ---- one answer ------------------------------------------------------------------------------------------------ */

/* Open is what was tested first; of an answer without such comparisons the first run, if the answer is among the first few. */
static bool is_open(const struct cs_page *p, const struct cs_forest *f, bool first)
{
    if (f->stratum[0] != '\0' || f->against == CS_AGAINST_PLACEBO)
        return false;
    return has_primary(p->r, f->outcome) ? f->primary : first && f->outcome < ANSWERS_OPEN;
}

/* What is folded, and what it comes to: "Against the control, exploratory: 26 comparisons, 7 different, 1 equivalent". */
static void write_summary(struct cs_page *p, const struct cs_forest *f)
{
    uint32_t n = 0, different = 0, equivalent = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        n += !f->rows[i].floor;
        different += !f->rows[i].floor && cs_words_verdict_is_different(f->rows[i].verdict);
        equivalent += !f->rows[i].floor && f->rows[i].verdict == CS_VERDICT_EQUIVALENT;
    }
    cs_html(p->out, "<details class=\"more\"><summary>%s",
            f->against == CS_AGAINST_PLACEBO   ? "Against the placebo sentences"
            : f->against == CS_AGAINST_CONTROL ? "Against the control"
                                               : "Chosen pairs");
    if (f->stratum[0] != '\0')
        cs_html(p->out, ", only %s = %s", f->stratum, f->stratum_value);
    cs_html(p->out, "%s: %u comparison%s", f->primary || f->floor_only ? "" : ", exploratory", n, n == 1 ? "" : "s");
    if (different + equivalent > 0)
        cs_html(p->out, ", %u different, %u equivalent", different, equivalent);
    fputs("</summary>\n", p->out);
}

static bool write_model(struct cs_page *p, uint32_t outcome, uint32_t model)
{
    bool any = false;
    for (uint32_t at = 0; at < p->r->n_contrasts;) {
        struct cs_forest f = cs_html_page_forest_at(p->r, at);
        at += f.n;
        if (f.model != model || f.outcome != outcome)
            continue;
        const bool open = is_open(p, &f, !any);
        if (!any) {
            cs_html(p->out, "<h4 id=\"answer-%u-model-%u\">%s</h4>\n", outcome, model, cs_html_page_model(p, model));
            any = true;
        }
        if (!open)
            write_summary(p, &f);
        write_forest(p, &f);
        if (!open)
            fputs("</details>\n", p->out);
    }
    return any;
}

static const char *role_text(enum cs_outcome_role role)
{
    switch (role) {
    case CS_OUTCOME_PRIMARY:
        return "Primary outcome";
    case CS_OUTCOME_EXPLORATORY:
        return "Exploratory outcome";
    case CS_OUTCOME_UNDECLARED:
        break;
    }
    return "Not declared: described, not tested";
}

/* The answers; of a scale also the number that means each, and what a step is. */
static void write_scale(struct cs_page *p, const struct cs_report_outcome *o)
{
    const bool scale = o->kind == CS_OUTCOME_ORDINAL;
    for (uint32_t i = 0; i < o->n_categories; i++) {
        fputs(i == 0 ? scale ? "Scale: " : "Answers: " : ", ", p->out);
        if (scale)
            cs_html(p->out, "%u ", i);
        cs_html(p->out, "%s", o->categories[i]);
    }
    fputs(o->n_categories > 0 ? "." : "", p->out);
    if (scale)
        fputs(" A step is one level of it: a shift of 0.1 steps is one step for 10 of 100 cases.", p->out);
}

static void write_answer(struct cs_page *p, uint32_t outcome)
{
    const struct cs_report_outcome *o = &p->r->outcomes[outcome];
    cs_html(p->out, "<section id=\"answer-%u\" aria-labelledby=\"answer-%u-title\"><h3 id=\"answer-%u-title\">",
            outcome, outcome, outcome);
    cs_html_text(p->out, cs_html_page_label(p, outcome).s);
    cs_html(p->out, "</h3>\n<p class=\"meta\">%s. A positive shift means: %s. ", role_text(o->role), o->up);
    if (o->margin.known)
        cs_html(p->out, "Largest shift declared unimportant (margin): \xC2\xB1%g %s. ", o->margin.value,
                cs_html_page_unit(p, outcome));
    else
        fputs("No margin was declared. ", p->out);
    write_scale(p, o);
    fputs("</p>\n", p->out);
    cs_html_given(p, outcome);
    bool any = false;
    for (uint32_t m = 0; m < p->r->n_models; m++)
        any = write_model(p, outcome, m) || any;
    if (!any)
        fputs("<p>This answer was not compared.</p>\n", p->out);
    fputs("</section>\n", p->out);
}

/* ---- how to read, whole-question tests --------------------------------------------------------------------------- */

static bool has_exploratory(const struct cs_report *r)
{
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].in_family && !r->contrasts[i].primary && r->declared.family > 0)
            return true;
    }
    return false;
}

static const char *adjust_text(const char *name)
{
    static const char *const names[][2] = {{"holm", "adjusted by Holm's method"},
                                           {"max-t", "adjusted by step-down max-T"},
                                           {"bh", "adjusted by Benjamini and Hochberg's method"},
                                           {"by", "adjusted by Benjamini and Yekutieli's method"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    }
    return "not adjusted";
}

static void write_reading(struct cs_page *p)
{
    static const enum cs_report_verdict order[] = {
        CS_VERDICT_BEYOND,          CS_VERDICT_UNCLEAR_SIZE, CS_VERDICT_SMALLER,      CS_VERDICT_EQUIVALENT,
        CS_VERDICT_EQUIVALENT_MEAN, CS_VERDICT_NOT_WORSE,    CS_VERDICT_INCONCLUSIVE, CS_VERDICT_DIFFERENT};
    fputs("<p>Each row compares the same cases under two conditions. The dot is the average shift over cases, the line "
          "its interval, widened so that all verdicts hold together. The shaded band is the margin: the largest shift "
          "that the study called unimportant before it saw an answer. Grey squares are texts that should not "
          "matter.</p>\n",
          p->out);
    if (has_exploratory(p->r))
        cs_html(p->out,
                "<p>The <b>%u primary comparisons</b> were chosen beforehand and are judged together (%s, at %g "
                "%%). <b>Exploratory</b> ones are judged apart: of those called different a share of at most %g %% is "
                "expected to be false. They suggest what to study next.</p>\n",
                p->r->declared.family, adjust_text(p->r->declared.adjust), 100 * p->r->declared.alpha,
                100 * p->r->declared.alpha);
    fputs("<p class=\"legend\">", p->out);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        fputs("<span class=\"k\">", p->out);
        cs_html_page_verdict(p, order[i], order[i] == CS_VERDICT_DIFFERENT ? "(no margin declared)" : "");
        fputs("</span> ", p->out);
    }
    fputs("</p>\n<div class=\"tools\" id=\"tools\" hidden><label>Show <select id=\"only\"><option value=\"\">every "
          "row</option><option value=\"different\">different</option><option "
          "value=\"equal\">equivalent</option><option value=\"open\">inconclusive</option></select></label> "
          "<label>with the words <input id=\"find\" type=\"search\" size=\"18\"></label></div>\n",
          p->out);
}

static void write_category_tests(struct cs_page *p)
{
    if (p->r->n_category_tests == 0)
        return;
    fputs("<h3 id=\"category-tests\">Answers with unordered categories, all categories at once</h3>\n", p->out);
    cs_html_page_table(p, "", CS_REPORT_NONE,
                       "Wald test on the shifts of all categories, covariance from a bootstrap of clusters.");
    fputs("<thead><tr>", p->out);
    static const char *const titles[] = {"Model", "Field",     "Level", "Against", "Cases",
                                         "df",    "Statistic", "p",     "Remark"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], i >= 4 && i <= 7 ? "n" : "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_category_tests; i++) {
        const struct cs_report_category_test *t = &p->r->category_tests[i];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_model_name(p, t->model);
        cs_html(p->out, "</th><td>%s</td><td>", t->field);
        cs_html_page_level_name(p, t->factor, t->level);
        fputs("</td><td>", p->out);
        cs_html_page_comparator(p, t->factor, t->comparator, t->comparator_text);
        fputs("</td>", p->out);
        cs_html_page_number(p, cs_num_count(t->clusters));
        cs_html_page_number(p, cs_num_count(t->df));
        cs_html_page_number(p, cs_num_fixed(cs_html_page_figure_value(t->statistic), 2));
        cs_html_page_number(p, cs_num_p(cs_html_page_figure_value(t->p)));
        cs_html_page_cell(p, t->why);
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

void cs_html_answers(struct cs_page *p)
{
    if (p->r->n_contrasts == 0) {
        fputs("<p>There is nothing to compare: no level has a comparator with answers.</p>\n", p->out);
    } else {
        write_reading(p);
    }
    for (uint32_t o = 0; o < p->r->n_outcomes; o++)
        write_answer(p, o);
    write_category_tests(p);
}
