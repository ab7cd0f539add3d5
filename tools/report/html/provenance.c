/* The models as they were asked, and the ledger's part of the reporting checklists. */
#include "tools/report/html/page.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

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
    cs_html_page_table(p, "text", CS_REPORT_NONE,
                       "Models as sent and as the provider says they answered, and what it took.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Model", "");
    cs_html_page_column(p, "Sent as", "");
    cs_html_page_column(p, "Answered as (times)", "");
    cs_html_page_column(p, "Parameters sent", "");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cs_html_page_column(p, counts[i], "n");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_models; i++) {
        const struct cs_report_model *m = &p->r->models[i];
        fputs("<tr><th scope=\"row\">", p->out);
        cs_html_page_model_name(p, i);
        cs_html(p->out, "</th><td><code>%s</code>%s%s</td><td>", m->model_sent,
                m->account[0] != '\0' ? ", account " : "", m->account);
        write_resolved(p, m);
        cs_html(p->out, "</td><td><code>%s</code></td>", m->parameters);
        cs_html_page_number(p, cs_num_count(m->attempts));
        cs_html_page_number(p, cs_num_count(m->ambiguous));
        cs_html_page_number(p, cs_num_count(m->duplicates));
        cs_html_page_number(p, cs_num_count(m->input_tokens));
        cs_html_page_number(p, cs_num_count(m->output_tokens));
        cs_html_page_number(p, cs_num_fixed(m->cost_usd >= 0 ? m->cost_usd : NAN, 2)); /* prices may not be known */
        fputs("</tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
}

/* ---- checklists -------------------------------------------------------------------------------------------- */

static void write_items(struct cs_page *p)
{
    const char *guideline = "";
    if (p->r->n_provenance == 0)
        return;
    cs_html_page_table(
        p, "text", CS_REPORT_NONE,
        "Items of the reporting guidelines: what the ledger knows is filled in, what only the author can "
        "say is left open.");
    fputs("<thead><tr>", p->out);
    cs_html_page_column(p, "Item", "");
    cs_html_page_column(p, "By", "");
    cs_html_page_column(p, "What is known", "");
    fputs("</tr></thead><tbody>\n", p->out);
    for (uint32_t i = 0; i < p->r->n_provenance; i++) {
        const struct cs_report_provenance *v = &p->r->provenance[i];
        if (strcmp(v->guideline, guideline) != 0) {
            cs_html(p->out, "<tr class=\"group\"><th scope=\"colgroup\" colspan=\"3\">%s</th></tr>\n", v->guideline);
            guideline = v->guideline;
        }
        cs_html(p->out, "<tr><th scope=\"row\">%s</th><td class=\"nowrap\">%s</td><td>%s", v->item,
                v->filled   ? "\xE2\x9C\x93 ledger"
                : v->partly ? "\xE2\x97\x90 partly"
                            : "\xE2\x98\x90 author",
                v->text);
        if (v->partly)
            cs_html(p->out, " <b>Still: %s.</b>", v->ask);
        fputs(v->filled ? "</td></tr>\n" : "<span class=\"blank\"></span></td></tr>\n", p->out);
    }
    fputs("</tbody>", p->out);
    cs_html_page_table_end(p);
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
