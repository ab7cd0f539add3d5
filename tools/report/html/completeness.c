/* Completeness: the matrix of models and arms by outcome class, and which arms gave fewer usable answers. */
#include "tools/report/html/page.h"

#include <math.h>

/* Outcome classes as columns: answers one by one, technical failures together. */
static const struct class_column {
    const char *title, *css;
    int first, last;
} classes[] = {
    {"usable reply", "s-ok", CS_OUTCOME_ok, CS_OUTCOME_ok},
    {"refused", "s-refused", CS_OUTCOME_refused, CS_OUTCOME_refused},
    {"filtered", "s-filtered", CS_OUTCOME_content_filtered, CS_OUTCOME_content_filtered},
    {"cut off", "s-cut", CS_OUTCOME_truncated, CS_OUTCOME_truncated},
    {"not readable", "s-bad", CS_OUTCOME_unparsable, CS_OUTCOME_unparsable},
    {"timed out", "s-time", CS_OUTCOME_timeout, CS_OUTCOME_timeout},
    {"failed", "s-fail", CS_OUTCOME_invalid_request, CS_OUTCOME_internal},
    {"no verdict", "s-none", CS_REPORT_NO_VERDICT, CS_REPORT_NO_VERDICT}, /* of judges alone */
};
enum { CLASSES_MAX = sizeof classes / sizeof *classes, COLUMNS = CLASSES_MAX + 4 };

static int n_classes(const struct cs_page *p)
{
    return p->r->n_judges > 0 ? CLASSES_MAX : CLASSES_MAX - 1;
}

static uint64_t in_class(const struct cs_report_completeness *c, int k)
{
    uint64_t n = 0;
    for (int o = classes[k].first; o <= classes[k].last; o++)
        n += c->outcome[o];
    return n;
}

/* Of a study of judges the first class of what is analysed is a verdict, of what was judged a reply. */
static const char *title_of(const struct cs_page *p, int k, bool judged)
{
    return k == 0 && p->r->n_judges > 0 && !judged ? "judged" : classes[k].title;
}

static void write_legend(struct cs_page *p, bool judged)
{
    fputs("<p class=\"legend\">", p->out);
    for (int k = 0; k < n_classes(p); k++)
        cs_html(p->out, "<span class=\"k\"><i class=\"%s\"></i>%s</span> ", classes[k].css, title_of(p, k, judged));
    fputs("<span class=\"k\"><i style=\"background:var(--line)\"></i>not yet in</span></p>\n", p->out);
}

static void write_columns(struct cs_page *p, const char *first, bool judged)
{
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, first, "");
    cs_html_page_column(p, "Planned", "n");
    cs_html_page_column(p, "In", "n");
    cs_html_page_column(p, "Share of planned", "barcol");
    for (int k = 0; k < n_classes(p); k++)
        cs_html_page_column(p, title_of(p, k, judged), "n");
    fputs("</tr></thead><tbody>\n", p->out);
}

/* The cells of one row after its head. */
static void write_counts(struct cs_page *p, const struct cs_report_completeness *c)
{
    struct cs_svg_part parts[CLASSES_MAX];
    cs_html_page_number(p, cs_num_count(c->planned));
    cs_html_page_number(p, cs_num_count(c->terminal));
    for (int k = 0; k < n_classes(p); k++)
        parts[k] = (struct cs_svg_part){c->planned == 0 ? NAN : (double)in_class(c, k) / (double)c->planned,
                                        classes[k].css};
    fputs("<td class=\"barcol\">", p->out);
    cs_svg_parts(p->out, parts, n_classes(p));
    fputs("</td>", p->out);
    for (int k = 0; k < n_classes(p); k++)
        cs_html_page_number(p, cs_num_count(in_class(c, k)));
    fputs("</tr>\n", p->out);
}

static void write_models(struct cs_page *p, const struct cs_report_completeness *rows, uint32_t n, bool judged)
{
    write_columns(p, "Model", judged);
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_report_completeness *c = &rows[i];
        if (c->factor != CS_REPORT_NONE)
            continue;
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_model_name(p, c->model);
        fputs("</th>", p->out);
        write_counts(p, c);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    write_legend(p, judged);
}

static void write_arms(struct cs_page *p, uint32_t model)
{
    uint32_t factor = CS_REPORT_NONE;
    bool any = false;

    for (uint32_t i = 0; i < p->r->n_completeness; i++) {
        const struct cs_report_completeness *c = &p->r->completeness[i];
        const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
        if (c->model != model || l == NULL)
            continue;
        if (!any) {
            cs_html(p->out, "<details%s><summary>%s, arm by arm</summary>\n",
                    p->r->models[model].complete ? "" : " open", cs_html_page_model(p, model));
            cs_html_page_table(p, "complete", model, "Planned trials by arm.");
            write_columns(p, "Arm", false);
            any = true;
        }
        if (factor != c->factor) {
            factor = c->factor;
            cs_html_page_group(p, COLUMNS, p->r->factors[factor].name);
        }
        fputs(c->terminal == 0 ? "<tr class=\"none\"><th scope=\"row\">" : "<tr><th scope=\"row\">", p->out);
        cs_html_page_level_name(p, c->factor, c->level);
        fputs("</th>", p->out);
        write_counts(p, c);
    }
    if (!any)
        return;
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    fputs("</details>\n", p->out);
}

/* ---- usable answers ------------------------------------------------------------------------------------ */

static bool lost_any(const struct cs_report_usable *u)
{
    return u->insufficient + u->refused + u->unreadable + u->technical > 0;
}

static bool is_like(const struct cs_report_usable *a, const struct cs_report_usable *b)
{
    return a->model == b->model && a->factor == b->factor && a->level == b->level && a->asked == b->asked &&
           a->usable == b->usable && a->insufficient == b->insufficient && a->refused == b->refused &&
           a->unreadable == b->unreadable && a->technical == b->technical;
}

/* A refusal is one for all answers of its question: the arm then has the same row under every answer, and is shown once. */
static uint32_t rows_like(const struct cs_report *r, const struct cs_report_usable *u, bool *first)
{
    uint32_t alike = 0;
    *first = true;
    for (uint32_t i = 0; i < r->n_usable; i++) {
        if (!is_like(&r->usable[i], u))
            continue;
        *first = *first && (alike > 0 || &r->usable[i] == u);
        alike++;
    }
    return alike;
}

static void write_usable_row(struct cs_page *p, const struct cs_report_usable *u)
{
    const struct cs_report_level *l = cs_html_page_level(p, u->factor, u->level);
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_model_name(p, u->model);
    fputs("</th><td>", p->out);
    bool first;
    const uint32_t alike = rows_like(p->r, u, &first);
    if (alike == p->r->n_outcomes && alike > 1)
        fputs("every answer", p->out);
    else
        cs_html_page_words(p, cs_html_page_outcome(p, u->outcome));
    fputs("</td><td>", p->out);
    if (l == NULL)
        fputs("all arms", p->out);
    else
        cs_html_page_level_name(p, u->factor, u->level);
    fputs("</td>", p->out);
    cs_html_page_number(p, cs_num_count(u->asked));
    cs_html_page_number(p, cs_num_count(u->usable));
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(u->gap), 1));
    cs_html_page_number(p, cs_num_count(u->insufficient));
    cs_html_page_number(p, cs_num_count(u->refused));
    cs_html_page_number(p, cs_num_count(u->unreadable));
    cs_html_page_number(p, cs_num_count(u->technical));
    fputs("</tr>\n", p->out);
}

static void write_usable(struct cs_page *p)
{
    static const char *const titles[] = {"Asked",
                                         "Usable",
                                         "Gap to control, points",
                                         "Insufficient information",
                                         "Refused or filtered",
                                         "Not readable",
                                         "Technical, missing"};
    uint32_t lossy = 0;
    for (uint32_t i = 0; i < p->r->n_usable; i++)
        lossy += lost_any(&p->r->usable[i]);
    fputs("<h3 id=\"usable\">Usable answers</h3>\n", p->out);
    if (lossy == 0) {
        cs_html(p->out, "<p>%s</p>\n",
                p->r->n_usable == 0 ? "No answers were analysed."
                                    : "Every answer was usable, in every model and every arm.");
        return;
    }
    fputs("<p>A model that refuses more often for some patients treats them differently, whatever the rest of its "
          "answers say. Arms that are not listed gave usable answers throughout.</p>\n<details><summary>Arms "
          "with unusable answers</summary>\n",
          p->out);
    cs_html_page_table(p, "usable", CS_REPORT_NONE,
                       "Answers that cannot be used, by arm. Technical failures are missing data, never a "
                       "\xE2\x80\x9Cno\xE2\x80\x9D.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Answer", "");
    cs_html_page_column(p, "Arm", "");
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        cs_html_page_column(p, titles[i], "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_usable; i++) {
        bool first;
        const struct cs_report_usable *u = &p->r->usable[i];
        const bool whole = lost_any(u) && rows_like(p->r, u, &first) == p->r->n_outcomes;
        if (lost_any(u) && (!whole || first))
            write_usable_row(p, u);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    fputs("</details>\n", p->out);
}

void cs_html_completeness(struct cs_page *p)
{
    fputs("<p>Read this first: missing answers can make or hide a difference. A refusal is an answer and is counted "
          "as one; a technical failure is missing data.</p>\n",
          p->out);
    if (p->r->n_judges > 0) {
        cs_html_page_table(p, "judged-ended", CS_REPORT_NONE,
                           "How the replies had ended that judges were to see, by model; a refusal has a text, and is "
                           "judged like any other. By arm: the table judged_ended.");
        write_models(p, p->r->judged_ended, p->r->n_judged_ended, true);
    }
    cs_html_page_table(p, "complete", CS_REPORT_NONE,
                       p->r->n_judges > 0 ? "Planned verdicts by model: what came in, and as what."
                                          : "Planned trials by model: what came in, and as what.");
    write_models(p, p->r->completeness, p->r->n_completeness, false);
    for (uint32_t m = 0; m < p->r->n_models; m++)
        write_arms(p, m);
    write_usable(p);
    cs_html_asked_again(p);
}
