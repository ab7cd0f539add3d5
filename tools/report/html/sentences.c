/* What a verdict is about: the sentences that said the level, never more than these and others like them. */
#include "tools/report/html/page.h"

static void write_placebo(struct cs_page *p, const struct cs_report_contrast *c)
{
    const int decimals = cs_html_page_decimals(p, c->outcome);
    for (uint32_t i = 0; i < p->r->n_floors; i++) {
        const struct cs_report_floor *f = &p->r->floors[i];
        if (f->model == c->model && f->outcome == c->outcome && f->kind == CS_ARM_PLACEBO && f->range.known)
            cs_html(p->out, "; placebo sentences: %s to %s", cs_num_signed(f->range.low, decimals).s,
                    cs_num_signed(f->range.high, decimals).s);
    }
}

void cs_html_sentences_scope(struct cs_page *p, const struct cs_report_contrast *c)
{
    if (c->floor || c->verdict == CS_VERDICT_NONE || c->wordings == 0)
        return;
    if (c->wordings == 1) {
        fputs("<br><span class=\"why\">this sentence", p->out);
        write_placebo(p, c);
    } else if (!c->wording_sd.known) {
        cs_html(p->out, "<br><span class=\"why\">these %u sentences together", c->wordings);
    } else {
        cs_html(p->out, "<br><span class=\"why\">%u sentences, which differ by %s (SD)", c->wordings,
                cs_num_fixed(c->wording_sd.value, cs_html_page_decimals(p, c->outcome)).s);
    }
    fputs("</span>", p->out);
}
