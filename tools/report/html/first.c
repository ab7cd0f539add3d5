/* The first screen: what was asked, what came out in a sentence a model, one picture, and what follows from it. */
#include "tools/report/html/first.h"

/* ---- what is known about the study, in a line ------------------------------------------------------ */

static void chip(struct cs_page *p, const char *css, const char *text)
{
    cs_html(p->out, "<li class=\"%s\">%s</li>\n", css, text);
}

static void say_declared(struct cs_page *p)
{
    switch (p->r->declared.status) {
    case CS_DECLARED_UNCHANGED:
        chip(p, "good", "declared beforehand");
        break;
    case CS_DECLARED_CHANGED:
        chip(p, "bad", "analysis changed after the first answer");
        break;
    case CS_DECLARED_NOTHING:
        chip(p, "bad", "nothing declared beforehand");
        break;
    case CS_DECLARED_UNKNOWN:
        chip(p, "bad", "no proof that the analysis was declared beforehand");
        break;
    }
}

static void say_registered(struct cs_page *p)
{
    const struct cs_report_declaration *d = &p->r->declared;
    if (d->registered_on != NULL && d->registered_on[0] != '\0') {
        fputs("<li class=\"good\">registered ", p->out);
        cs_html_text(p->out, d->registered_on);
        fputs("</li>\n", p->out);
    } else if (d->registration != NULL && d->registration[0] != '\0') {
        fputs("<li>not registered</li>\n", p->out);
    }
}

static void say_design(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    cs_html(p->out, "<li>%s case%s", cs_num_count(r->n_cases).s, r->n_cases == 1 ? "" : "s");
    if (r->n_clusters != r->n_cases)
        cs_html(p->out, " in %s clusters", cs_num_count(r->n_clusters).s);
    for (uint32_t f = 0; f < r->n_factors; f++) {
        cs_html(p->out, " \xC3\x97 %u versions (", r->factors[f].n_levels);
        cs_html_page_words(p, r->factors[f].name);
        fputs(")", p->out);
    }
    fputs("</li>\n", p->out);
}

/* "as served: gpt-5-2026-01-31": a name is not a version. */
static void say_served(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    bool any = false;
    if (r->n_models > 3) {
        cs_html(p->out, "<li><a href=\"#provenance\">%u models, as served</a></li>\n", r->n_models);
        return;
    }
    for (uint32_t m = 0; m < r->n_models; m++) {
        const struct cs_report_model *model = &r->models[m];
        if (model->n_resolved == 0)
            continue;
        fputs(any ? ", " : "<li>as served: ", p->out);
        cs_html_text(p->out, model->resolved[0].name);
        if (model->n_resolved > 1)
            cs_html(p->out, " and %u other%s", model->n_resolved - 1, model->n_resolved == 2 ? "" : "s");
        any = true;
    }
    fputs(any ? "</li>\n" : "", p->out);
}

static void say_chips(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    fputs("<ul class=\"chips\">\n", p->out);
    say_declared(p);
    say_registered(p);
    cs_html(p->out, "<li class=\"%s\">%s: %s of %s</li>\n", r->complete ? "good" : "bad",
            r->complete ? "complete" : "not complete", cs_num_count(r->terminal).s, cs_num_count(r->planned).s);
    say_design(p);
    say_served(p);
    if (r->simulated)
        chip(p, "sim", "simulated models");
    fputs("</ul>\n", p->out);
}

/* ---- what must be said first ----------------------------------------------------------------------------- */

static void say_first(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    if (r->n_said_first > 0) {
        fputs("<div class=\"banner\" role=\"note\" id=\"banner\">", p->out);
        for (uint32_t i = 0; i < r->n_said_first; i++)
            cs_html(p->out, "<p>%s</p>", r->said_first[i]);
        fputs("</div>\n", p->out);
    }
}

static void say_notes(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    if (r->n_notes == 0)
        return;
    cs_html(p->out, "<details class=\"remarks\" id=\"remarks\"><summary>%u remark%s on these data</summary><ul>",
            r->n_notes, r->n_notes == 1 ? "" : "s");
    for (uint32_t i = 0; i < r->n_notes; i++)
        cs_html(p->out, "<li>%s</li>", r->notes[i]);
    fputs("</ul></details>\n", p->out);
}

void cs_html_first(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    struct cs_first_rows rows;

    cs_first_rows_choose(&rows, r);
    cs_html(p->out, "<header class=\"head\">\n<h1>%s</h1>\n", r->title[0] != '\0' ? r->title : r->study);
    say_first(p);
    say_chips(p);
    if (r->complete) {
        cs_html_first_words(p, &rows);
        cs_html_first_picture(p, &rows);
        cs_html_first_conclude(p, &rows);
    } else if (rows.n_rows > 0) {
        fputs("<details><summary>Shifts so far, without verdicts</summary>\n", p->out);
        cs_html_first_picture(p, &rows);
        fputs("</details>\n", p->out);
    }
    say_notes(p);
    fputs("</header>\n", p->out);
}
