/* Shifts drawn towards their mean: which of many are large, without the luck of the largest. */
#include "tools/report/html/page.h"

static bool same_group(const struct cs_report *r, uint32_t a, uint32_t b)
{
    const struct cs_report_contrast *x = &r->contrasts[r->pooled[a].contrast],
                                    *y = &r->contrasts[r->pooled[b].contrast];
    return x->model == y->model && x->outcome == y->outcome && x->factor == y->factor;
}

static void write_head(struct cs_page *p, const struct cs_report_pooled *v)
{
    const struct cs_report_contrast *c = &p->r->contrasts[v->contrast];
    const int decimals = cs_html_page_decimals(p, c->outcome);
    char caption[512];
    snprintf(caption, sizeof caption,
             "%s in %s, %s: shifts as found and drawn towards their mean of %s; the true ones differ by about %s (SD).",
             cs_html_page_label(p, c->outcome).s, cs_html_page_model(p, c->model), p->r->outcomes[c->outcome].unit,
             cs_num_signed(cs_html_page_figure_value(v->mean), decimals).s,
             cs_num_fixed(cs_html_page_figure_value(v->tau), decimals).s);
    cs_html_page_table(p, "pooled", c->model, caption);
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "As found", "n");
    cs_html_page_column(p, "Drawn to the mean", "n");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void write_row(struct cs_page *p, const struct cs_report_pooled *v)
{
    const struct cs_report_contrast *c = &p->r->contrasts[v->contrast];
    const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
    const int decimals = cs_html_page_decimals(p, c->outcome);
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_words(p, l == NULL ? "" : l->id);
    fputs("</th>", p->out);
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(v->shift), decimals));
    cs_html_page_number(p, cs_num_signed(cs_html_page_figure_value(v->pooled), decimals));
    fputs("</tr>\n", p->out);
}

void cs_html_pooled(struct cs_page *p)
{
    fputs("<p>The largest of many shifts is large also because chance was on its side. Drawn towards the mean of all "
          "levels, by as much as their errors deserve, it is not too large on average. Exploratory: for a ranking or a "
          "headline; no verdict depends on it.</p>\n",
          p->out);
    if (p->r->n_pooled == 0)
        fputs("<p>Not given: it takes three levels against one control, and more clusters than levels.</p>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_pooled; i++) {
        if (i == 0 || !same_group(p->r, i - 1, i))
            write_head(p, &p->r->pooled[i]);
        write_row(p, &p->r->pooled[i]);
        if (i + 1 < p->r->n_pooled && same_group(p->r, i, i + 1))
            continue;
        fputs("</tbody>", p->out);
        cs_html_page_table_end(p);
    }
}
