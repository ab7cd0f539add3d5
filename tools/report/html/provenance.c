/* What was declared before the first answer, and the ledger's part of the reporting checklists. */
#include "tools/report/html/page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- declared beforehand ------------------------------------------------------------------------------ */

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
    cs_page_table(p, "text", CS_REPORT_NONE, "Generations of the study and their declared analyses.");
    fputs("<thead><tr>", p->out);
    cs_page_column(p, "Generation", "");
    cs_page_column(p, "Created", "");
    cs_page_column(p, "Digest of the analysis", "");
    cs_page_column(p, "Same as reported here", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < d->n_generations; i++) {
        const struct cs_report_generation *g = &d->generations[i];
        cs_html(p->out, "<tr><th scope=\"row\">%u</th><td>%s</td><td><code>%s</code></td><td>%s%s</td></tr>\n",
                g->number, cs_page_minute(g->created).s, g->digest, g->same_analysis ? "yes" : "no: it differs",
                g->current ? " (this one)" : "");
    }
    fputs("</tbody>", p->out);
    cs_page_table_end(p);
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

/* ---- models as they were asked --------------------------------------------------------------------------- */

static void write_resolved(struct cs_page *p, const struct cs_report_model *m)
{
    if (m->n_resolved == 0)
        fputs("not reported by the provider", p->out);
    for (uint32_t i = 0; i < m->n_resolved; i++)
        cs_html(p->out, "%s<code>%s</code> (%s)", i == 0 ? "" : "<br>", m->resolved[i].name,
                cs_num_count(m->resolved[i].n).s);
}

static void write_models(struct cs_page *p)
{
    static const char *const counts[] = {"Attempts",  "Outcome unknown", "Duplicates",
                                         "Tokens in", "Tokens out",      "Cost, USD"};
    cs_page_table(p, "text", CS_REPORT_NONE,
                  "Models as sent and as the provider says they answered, and what it took.");
    fputs("<thead><tr>", p->out);
    cs_page_column(p, "Model", "");
    cs_page_column(p, "Sent as", "");
    cs_page_column(p, "Answered as (times)", "");
    cs_page_column(p, "Parameters sent", "");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cs_page_column(p, counts[i], "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_models; i++) {
        const struct cs_report_model *m = &p->r->models[i];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_page_model_name(p, i);
        cs_html(p->out, "</th><td><code>%s</code>%s%s</td><td>", m->model_sent,
                m->account[0] != '\0' ? ", account " : "", m->account);
        write_resolved(p, m);
        cs_html(p->out, "</td><td><code>%s</code></td>", m->parameters);
        cs_page_number(p, cs_num_count(m->attempts));
        cs_page_number(p, cs_num_count(m->ambiguous));
        cs_page_number(p, cs_num_count(m->duplicates));
        cs_page_number(p, cs_num_count(m->input_tokens));
        cs_page_number(p, cs_num_count(m->output_tokens));
        cs_page_number(p, cs_num_fixed(m->cost_usd > 0 ? m->cost_usd : NAN, 2)); /* prices may not be known */
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_page_table_end(p);
}

/* ---- checklists -------------------------------------------------------------------------------------------- */

static void write_items(struct cs_page *p)
{
    const char *guideline = "";
    if (p->r->n_provenance == 0)
        return;
    cs_page_table(p, "text", CS_REPORT_NONE,
                  "Items of the reporting guidelines: what the ledger knows is filled in, what only the author can "
                  "say is left open.");
    fputs("<thead><tr>", p->out);
    cs_page_column(p, "Item", "");
    cs_page_column(p, "By", "");
    cs_page_column(p, "What is known", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_provenance; i++) {
        const struct cs_report_provenance *v = &p->r->provenance[i];
        if (strcmp(v->guideline, guideline) != 0) {
            cs_html(p->out, "<tr class=\"group\"><th scope=\"colgroup\" colspan=\"3\">%s</th></tr>\n", v->guideline);
            guideline = v->guideline;
        }
        cs_html(p->out, "<tr><th scope=\"row\">%s</th><td class=\"nowrap\">%s</td><td>%s", v->item,
                v->filled ? "\xE2\x9C\x93 ledger" : "\xE2\x98\x90 author", v->text);
        fputs(v->filled ? "</td></tr>\n" : "<span class=\"blank\"></span></td></tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_page_table_end(p);
}

void cs_html_provenance(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    cs_html(p->out,
            "<p>Source: %s. Software: %s. Seed of the order of trials: %" PRIu64 "; seed of this analysis: %" PRIu64
            ", %s bootstrap draws.",
            r->source, r->software, r->study_seed, r->seed, cs_num_count(r->draws).s);
    if (r->spec_digest[0] != '\0')
        cs_html(p->out, " Digest of the study as run: <code>%s</code>.", r->spec_digest);
    fputs("</p>\n", p->out);
    write_models(p);
    write_items(p);
}
