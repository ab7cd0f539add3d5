/* Bars of answers: how often each answer was given under each level, a column a model; part of an answer's section. */
#include "tools/report/html/page.h"

#include <string.h>

enum { SHADES = 9, ROWS_OPEN = 14 };

/* g0 the palest .. g8; yes is dark and no pale, a scale grows darker. */
static const char *shade(uint32_t k, uint32_t n)
{
    static const char *const css[SHADES] = {"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8"};
    return k + 2 == n ? "g-less" : k + 1 == n ? "s-refused" : css[n <= 3 ? SHADES - 1 : k * (SHADES - 1) / (n - 3)];
}

static const struct cs_report_given *find(const struct cs_report *r, uint32_t model, uint32_t outcome, uint32_t factor,
                                          uint32_t level)
{
    for (uint32_t i = 0; i < r->n_given; i++) {
        const struct cs_report_given *g = &r->given[i];
        if (g->model == model && g->outcome == outcome && g->factor == factor && g->level == level)
            return g;
    }
    return NULL;
}

/* Numbers of the darkest part stand beside: the share of the last answer (yes, the top of a scale). */
static void write_bar(struct cs_page *p, const struct cs_report_given *g)
{
    struct cs_svg_part parts[64];
    const uint32_t n = g->n_answers < 64 ? g->n_answers : 64, last = g->n_answers - 3;
    if (g->asked == 0) {
        fputs("<td class=\"hx\">\xE2\x80\x93</td>", p->out);
        return;
    }
    for (uint32_t k = 0; k < n; k++) { /* from the dark end, so that what is counted begins at the left */
        const uint32_t from = k <= last ? last - k : k;
        parts[k] = (struct cs_svg_part){(double)g->answers[from].n / (double)g->asked, shade(from, g->n_answers)};
    }
    fputs("<td class=\"bars\">", p->out);
    cs_svg_parts(p->out, parts, n);
    fputs("<span class=\"sr\">", p->out);
    for (uint32_t k = 0; k < g->n_answers; k++) {
        if (g->answers[k].n > 0)
            cs_html(p->out, "%s %s ", g->answers[k].name, cs_num_percent((double)g->answers[k].n / (double)g->asked).s);
    }
    fputs("</span></td>", p->out);
}

static void write_legend(struct cs_page *p, const struct cs_report_given *g)
{
    fputs("<p class=\"legend\">", p->out);
    for (uint32_t k = g->n_answers - 2; k-- > 0;)
        cs_html(p->out, "<span class=\"k\"><i class=\"%s\"></i>%s</span> ", shade(k, g->n_answers), g->answers[k].name);
    for (uint32_t k = g->n_answers - 2; k < g->n_answers; k++)
        cs_html(p->out, "<span class=\"k\"><i class=\"%s\"></i>%s</span> ", shade(k, g->n_answers), g->answers[k].name);
    fputs("</p>\n", p->out);
}

static void open_figure(struct cs_page *p, uint32_t outcome, uint32_t factor)
{
    char caption[320], id[64];
    snprintf(caption, sizeof caption, "%s: how often each answer was given, by %s and model.",
             cs_html_page_label(p, outcome).s, p->r->factors[factor].name);
    snprintf(id, sizeof id, "bars-%u-%u", outcome, factor);
    cs_html_page_figure(p, id, CS_REPORT_NONE, caption);
    cs_html(p->out, "<table class=\"given\" aria-labelledby=\"fig-%u\"><thead><tr>", p->figures);
    cs_html_page_column(p, p->r->factors[factor].name, "");
    for (uint32_t m = 0; m < p->r->n_models; m++)
        cs_html_page_column(p, cs_html_page_model(p, m), "");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void write_bars(struct cs_page *p, uint32_t outcome, uint32_t factor)
{
    const struct cs_report_factor *f = &p->r->factors[factor];
    const struct cs_report_given *any = find(p->r, 0, outcome, factor, 0);
    if (any == NULL || any->n_answers < 3)
        return;
    cs_html(p->out, "<details%s><summary>Bars: each answer under each ", f->n_levels <= ROWS_OPEN ? " open" : "");
    cs_html_page_words(p, f->name);
    fputs("</summary>\n", p->out);
    open_figure(p, outcome, factor);
    for (uint32_t l = 0; l < f->n_levels; l++) {
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_level_name(p, factor, l);
        fputs("</th>", p->out);
        for (uint32_t m = 0; m < p->r->n_models; m++) {
            const struct cs_report_given *g = find(p->r, m, outcome, factor, l);
            if (g != NULL)
                write_bar(p, g);
        }
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody></table>", p->out);
    write_legend(p, any);
    cs_html_page_figure_end(p);
    fputs("</details>\n", p->out);
}

void cs_html_given(struct cs_page *p, uint32_t outcome)
{
    for (uint32_t f = 0; f < p->r->n_factors; f++)
        write_bars(p, outcome, f);
}
