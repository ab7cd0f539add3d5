/* What was answered: the rate of every answer under every level, with its own interval; of all answers where nothing is varied. */
#include "tools/report/html/page.h"

enum { COLUMNS = 4, ROWS_OPEN = 12 };

static void open_table(struct cs_page *p, const struct cs_report_rate *first, uint32_t n)
{
    const bool open = first->factor == CS_REPORT_NONE || n <= ROWS_OPEN;
    char caption[512];
    snprintf(caption, sizeof caption, "%s in %s: mean over the clusters, each with its own %g %% interval (cluster t).",
             cs_html_page_label(p, first->outcome).s, cs_html_page_model(p, first->model),
             100 * (1 - p->r->declared.alpha));
    cs_html(p->out, "<details%s><summary>%s, %s</summary>\n", open ? " open" : "",
            cs_html_page_label(p, first->outcome).s, cs_html_page_model(p, first->model));
    cs_html_page_table(p, "rates", first->model, caption);
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Level", "");
    cs_html_page_column(p, "Clusters", "n");
    cs_html_page_column(p, "Answers", "n");
    cs_html_page_column(p, "Rate (CI)", "n");
    fputs("</tr></thead><tbody>\n", p->out);
}

static void write_row(struct cs_page *p, const struct cs_report_rate *row)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, row->factor, row->level);
    fputs("</th>", p->out);
    cs_html_page_number(p, cs_num_count(row->clusters));
    cs_html_page_number(p, cs_num_count(row->answers));
    cs_html(p->out, "<td class=\"n\">%s", cs_html_page_rate(p, row->outcome, row->rate).s);
    if (row->ci.known)
        cs_html(p->out, " (%s to %s)",
                cs_html_page_rate(p, row->outcome, (struct cs_report_figure){true, row->ci.low}).s,
                cs_html_page_rate(p, row->outcome, (struct cs_report_figure){true, row->ci.high}).s);
    fputs("</td></tr>\n", p->out);
}

/* Rows of one model and one answer are neighbours. */
static uint32_t run_of(const struct cs_report *r, uint32_t from)
{
    uint32_t n = 0;
    while (from + n < r->n_rates && r->rates[from + n].model == r->rates[from].model &&
           r->rates[from + n].outcome == r->rates[from].outcome)
        n++;
    return n;
}

void cs_html_level_rates(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    if (r->n_rates == 0) {
        fputs("<p>No answers were analysed.</p>\n", p->out);
        return;
    }
    fputs("<p>Rates describe; whether two of them differ is asked case by case, in the comparisons below.</p>\n",
          p->out);
    for (uint32_t at = 0; at < r->n_rates;) {
        const uint32_t n = run_of(r, at);
        uint32_t factor = r->rates[at].factor;
        open_table(p, &r->rates[at], n);
        for (uint32_t i = at; i < at + n; i++) {
            if (r->rates[i].factor != CS_REPORT_NONE && (i == at || r->rates[i].factor != factor))
                cs_html_page_group(p, COLUMNS, r->factors[r->rates[i].factor].name);
            factor = r->rates[i].factor;
            write_row(p, &r->rates[i]);
        }
        fputs("</tbody>", p->out);
        cs_html_page_table_end(p);
        fputs("</details>\n", p->out);
        at += n;
    }
}
