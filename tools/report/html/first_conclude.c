/* What can and cannot be concluded, and where to look next. */
#include "tools/report/html/first.h"

enum { MODELS_MAX = 4, OPEN_MAX = 3 };

static uint32_t say_known(struct cs_page *p, const struct cs_first_rows *f)
{
    uint32_t said = 0;
    for (uint32_t m = 0; m < p->r->n_models && said < MODELS_MAX; m++) {
        const struct cs_first_tally t = cs_first_rows_tally(p->r, f, m);
        if (t.beyond_floor + t.equivalent == 0)
            continue;
        cs_html(p->out, "<li>%s: ", cs_html_page_model(p, m));
        if (t.beyond_floor > 0)
            cs_html(p->out, "%u of %u differences exceed what meaningless texts cause%s", t.beyond_floor, t.different,
                    t.equivalent > 0 ? "; " : "");
        if (t.equivalent > 0)
            cs_html(p->out, "%u of %u comparisons are the same within the margin", t.equivalent, t.tested);
        fputs(".</li>\n", p->out);
        said++;
    }
    return said;
}

static uint32_t undecided(const struct cs_report *r, const struct cs_first_rows *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        n += cs_first_rows_told(f, &r->contrasts[i]) && r->contrasts[i].verdict == CS_VERDICT_INCONCLUSIVE;
    return n;
}

/* Who is neither shown to differ nor to be the same, and how far the shift may still reach. */
static void say_open(struct cs_page *p, const struct cs_first_rows *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->n_rows; i++) {
        for (uint32_t m = 0; m < f->n_models; m++) {
            const struct cs_report_contrast *c = cs_first_rows_told_in(p->r, f, i, f->models[m]);
            if (c == NULL || c->verdict != CS_VERDICT_INCONCLUSIVE || n++ >= OPEN_MAX)
                continue;
            const bool share = cs_html_page_is_share(&p->r->outcomes[c->outcome]);
            fputs("<li>Whether ", p->out);
            cs_html_page_comparison(p, c);
            cs_html(p->out, " differs in %s", cs_html_page_model(p, c->model));
            if (c->ci_simultaneous.known)
                cs_html(p->out, ": %s %s remain possible", cs_html_page_span(c->ci_simultaneous, share ? 0 : 2).s,
                        share ? "of 100" : cs_html_page_unit(p, c->outcome));
            fputs(".</li>\n", p->out);
        }
    }
    const uint32_t all = undecided(p->r, f);
    if (all > OPEN_MAX)
        cs_html(p->out, "<li>Nor %u more that are undecided.</li>\n", all - (n < OPEN_MAX ? n : OPEN_MAX));
}

void cs_html_first_conclude(struct cs_page *p, const struct cs_first_rows *f)
{
    const struct cs_report *r = p->r;
    if (f->n_rows == 0)
        return;
    fputs("<div class=\"can\"><div><h2>This can be concluded</h2><ul>\n", p->out);
    if (say_known(p, f) == 0)
        fputs("<li>Nothing yet beyond the intervals shown.</li>\n", p->out);
    fputs("</ul></div>\n<div><h2>This cannot</h2><ul>\n", p->out);
    say_open(p, f);
    if (!cs_first_rows_any_floor(r))
        fputs("<li>Whether a shift exceeds noise: no meaningless text was tried.</li>\n", p->out);
    fputs("<li>Anything about other cases, wordings or model versions.</li>\n</ul></div>\n"
          "<div><h2>Look next</h2><ul>\n<li><a href=\"#heat-map\">All groups and answers at a glance</a></li>\n"
          "<li><a href=\"#answers\">Answer by answer, every number</a></li>\n"
          "<li><a href=\"#appendix\">How it was done</a></li>\n</ul></div></div>\n",
          p->out);
}
