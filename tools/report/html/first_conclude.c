/* What can and cannot be concluded, and where to look next. */
#include "tools/report/html/first.h"

enum { MODELS_MAX = 4, NAMES_MAX = 3 };

/* Whether differences are more than noise; models without any are told in a sentence above. */
static uint32_t say_known(struct cs_page *p, const struct cs_first_rows *f)
{
    uint32_t said = 0;
    for (uint32_t m = 0; m < p->r->n_models && said < MODELS_MAX; m++) {
        const struct cs_first_tally t = cs_first_rows_tally(p->r, f, m);
        if (t.different == 0 || t.beyond_floor + t.equivalent == 0)
            continue;
        cs_html(p->out, "<li>%s: ", cs_html_page_model(p, m));
        if (t.beyond_floor > 0)
            cs_html(p->out, "%u of %u differences exceed the noise floor%s", t.beyond_floor, t.different,
                    t.equivalent > 0 ? "; " : "");
        if (t.equivalent > 0)
            cs_html(p->out, "%u of %u comparisons are the same", t.equivalent, t.tested);
        fputs(".</li>\n", p->out);
        said++;
    }
    return said;
}

static bool is_undecided(const struct cs_first_rows *f, const struct cs_report_contrast *c)
{
    return cs_first_rows_told(f, c) && c->verdict == CS_VERDICT_INCONCLUSIVE;
}

/* An undecided comparison that no one before it names: the same in another model or answer. */
static bool is_new_name(const struct cs_report *r, const struct cs_first_rows *f, uint32_t at)
{
    const struct cs_report_contrast *c = &r->contrasts[at];
    for (uint32_t i = 0; i < at; i++) {
        const struct cs_report_contrast *o = &r->contrasts[i];
        if (is_undecided(f, o) && o->factor == c->factor && o->level == c->level && o->against == c->against &&
            o->comparator == c->comparator)
            return false;
    }
    return true;
}

/* Who is neither shown to differ nor to be the same; of one alone also how far the shift may reach. */
static void say_open(struct cs_page *p, const struct cs_first_rows *f)
{
    const struct cs_report_contrast *only = NULL;
    uint32_t names = 0, all = 0;
    for (uint32_t i = 0; i < p->r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &p->r->contrasts[i];
        if (!is_undecided(f, c))
            continue;
        all++;
        only = c;
        if (!is_new_name(p->r, f, i) || names++ >= NAMES_MAX)
            continue;
        fputs(names == 1 ? "<li>Undecided: " : ", ", p->out);
        cs_html_page_comparison(p, c);
    }
    if (names > NAMES_MAX)
        cs_html(p->out, " and %u more", names - NAMES_MAX);
    if (all == 1 && only->ci_simultaneous.known) {
        const struct cs_report_span span = only->decided_by.span.known ? only->decided_by.span : only->ci_simultaneous;
        const bool share = cs_html_page_is_share(&p->r->outcomes[only->outcome]);
        cs_html(p->out, " in %s, %s %s", cs_html_page_model(p, only->model), cs_html_page_span(span, share ? 0 : 2).s,
                share ? "of 100" : cs_html_page_unit(p, only->outcome));
        if (only->decided_by.span.known)
            cs_html(p->out, " (%s)", only->decided_by.why);
    }
    fputs(names > 0 ? ".</li>\n" : "", p->out);
}

void cs_html_first_conclude(struct cs_page *p, const struct cs_first_rows *f)
{
    if (f->n_rows == 0)
        return;
    fputs("<div class=\"can\"><div><h2>This can be concluded</h2><ul>\n", p->out);
    if (say_known(p, f) == 0)
        fputs("<li>No more than stands above.</li>\n", p->out);
    fputs("</ul></div>\n<div><h2>This cannot</h2><ul>\n", p->out);
    say_open(p, f);
    if (!cs_first_rows_any_floor(p->r))
        fputs("<li>Whether shifts exceed noise: no meaningless text was tried.</li>\n", p->out);
    fputs("<li>Anything about other cases, wordings, model versions.</li>\n</ul></div>\n"
          "<div><h2>Look next</h2><ul>\n<li><a href=\"#heat-map\">All groups and answers</a></li>\n"
          "<li><a href=\"#moved\">Moved cases</a></li>\n"
          "<li><a href=\"#answers\">Answer by answer</a></li>\n"
          "<li><a href=\"#appendix\">How it was done</a></li>\n</ul></div></div>\n",
          p->out);
}
