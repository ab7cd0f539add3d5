/* What was declared before the first answer, and when it changed. */
#include "tools/report/html/page.h"

#include <string.h>

static const char *adjust_text(const char *adjust)
{
    if (strcmp(adjust, "holm") == 0)
        return "Holm: the chance of any false alarm in the family";
    if (strcmp(adjust, "max-t") == 0)
        return "step-down max-T: the chance of any false alarm in the family";
    if (strcmp(adjust, "bh") == 0)
        return "Benjamini and Hochberg: the share of false alarms among the differences called";
    if (strcmp(adjust, "by") == 0)
        return "Benjamini and Yekutieli: the share of false alarms, under any dependence";
    return adjust;
}

static void write_generations(struct cs_page *p)
{
    const struct cs_report_declaration *d = &p->r->declared;
    if (d->n_generations == 0)
        return;
    cs_html_page_table(p, "text", CS_REPORT_NONE, "Generations of the study and their declared analyses.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Generation", "");
    cs_html_page_column(p, "Created", "");
    cs_html_page_column(p, "Digest of the analysis", "");
    cs_html_page_column(p, "Same as reported here", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < d->n_generations; i++) {
        const struct cs_report_generation *g = &d->generations[i];
        cs_html(p->out, "<tr><th scope=\"row\">%u</th><td>%s</td><td><code>%s</code></td><td>%s%s</td></tr>\n",
                g->number, cs_html_page_minute(g->created).s, g->digest, g->same_analysis ? "yes" : "no: it differs",
                g->current ? " (this one)" : "");
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
    for (uint32_t i = 0; i < d->n_generations; i++) {
        const struct cs_report_generation *g = &d->generations[i];
        if (!g->same_analysis)
            cs_html(p->out, "<details><summary>Analysis declared in generation %u</summary><pre>%s</pre></details>\n",
                    g->number, g->analysis);
    }
}

void cs_html_declared(struct cs_page *p)
{
    const struct cs_report_declaration *d = &p->r->declared;
    bool sound = d->status == CS_DECLARED_UNCHANGED;
    cs_html(p->out, "<div class=\"banner%s\"><p><b>%s</b> %s</p></div>\n", sound ? "" : " open",
            sound ? "\xE2\x9C\x93" : "!", d->sentence);
    if (d->registration != NULL && d->registration[0] != '\0')
        cs_html(p->out, "<p>%s</p>\n", d->registration);
    if (d->status == CS_DECLARED_NOTHING)
        return;
    cs_html(
        p->out,
        "<p>Level of significance %g; adjustment %s; %s comparison%s in the family. Intervals are simultaneous with "
        "the verdicts.</p>\n",
        d->alpha, adjust_text(d->adjust), cs_num_count(d->family).s, d->family == 1 ? "" : "s");
    write_generations(p);
    cs_html(p->out,
            "<details><summary>The declared analysis, word for word</summary><pre>%s</pre><p class=\"small\">Digest "
            "<code>%s</code></p></details>\n",
            d->analysis, d->digest);
}
