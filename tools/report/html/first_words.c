/* The finding in words: a sentence a model. */
#include "tools/report/html/first.h"

#include <math.h>
#include <string.h>

enum { SENTENCES_MAX = 4, NAMES_MAX = 3 }; /* names: of the answer that differs most; one less of each other */

/* ---- a sentence a model ----------------------------------------------------------------------------- */

static void say_size(struct cs_page *p, const struct cs_report_contrast *c)
{
    const struct cs_report_outcome *o = &p->r->outcomes[c->outcome];
    const double shift = c->shift.value, size = fabs(shift);
    if (cs_html_page_is_share(o))
        cs_html(p->out, "%s %s of 100 ", cs_num_fixed(size, size < 1 ? 1 : 0).s, shift < 0 ? "fewer" : "more");
    else if (o->kind == CS_OUTCOME_ORDINAL && o->n_categories > 0)
        cs_html(p->out, "%s steps towards \xE2\x80\x9C%s\xE2\x80\x9D ", cs_num_fixed(size, 2).s,
                o->categories[shift < 0 ? 0 : o->n_categories - 1]);
    else
        cs_html(p->out, "%s %s ", cs_num_fixed(size, 2).s, shift < 0 ? "lower" : "higher");
}

static void say_who(struct cs_page *p, const struct cs_report_contrast *c)
{
    const struct cs_report_level *l = cs_html_page_level(p, c->factor, c->level);
    const bool labelled = l != NULL && l->label != NULL && l->label[0] != '\0';
    const bool whose = cs_html_page_is_share(&p->r->outcomes[c->outcome]); /* "13 more of 100 transgender women" */
    fputs(!labelled ? "(" : whose ? "" : "for ", p->out);
    cs_html_page_comparison(p, c);
    fputs(labelled ? "" : ")", p->out);
}

/* "answered "Yes" to mental health assessment for": what the sizes that follow are about. */
static void say_answer(struct cs_page *p, const struct cs_report_outcome *o)
{
    if (o->kind == CS_OUTCOME_BINARY && o->n_categories > 0)
        cs_html(p->out, "answered \xE2\x80\x9C%s\xE2\x80\x9D to <em>", o->categories[0]);
    else
        fputs(o->kind == CS_OUTCOME_CATEGORY ? "answered <em>" : "moved <em>", p->out);
    cs_html_page_words(p, o->label);
    fputs(cs_html_page_is_share(o) ? "</em> for " : "</em> by ", p->out);
}

static const char *comma(uint32_t i, uint32_t n)
{
    return i == 0 ? "" : i + 1 == n ? " and " : ", ";
}

/* All differences of one answer in one model; how many. */
static uint32_t say_differences(struct cs_page *p, const struct cs_first_rows *f, const struct cs_first_answer *a,
                                uint32_t model, bool again)
{
    const struct cs_report_contrast *list[CS_FIRST_ROWS_MAX];
    uint32_t n = 0;
    for (uint32_t i = a->first; i < a->first + a->n; i++) {
        const struct cs_report_contrast *c = cs_first_rows_told_in(p->r, f, i, model);
        if (c != NULL && cs_words_verdict_is_different(c->verdict) && c->against == f->rows[a->first].any->against)
            list[n++] = c; /* a pair says again what its two levels say */
    }
    if (n == 0)
        return 0;
    fputs(again ? "; it " : " ", p->out);
    say_answer(p, &p->r->outcomes[a->outcome]);
    const uint32_t room = NAMES_MAX - again, named = n > room ? room : n;
    for (uint32_t i = 0; i < named; i++) {
        fputs(comma(i, n > named ? n : named), p->out);
        cs_html(p->out, "<b class=\"v-%s\">", cs_html_page_verdict_css(list[i]->verdict)); /* as in the picture */
        say_size(p, list[i]);
        say_who(p, list[i]);
        fputs("</b>", p->out);
    }
    if (n > named)
        cs_html(p->out, " and %u more", n - named);
    return n;
}

static bool is_against_control(const struct cs_first_rows *f)
{
    return f->n_rows > 0 && f->rows[0].any->against == CS_AGAINST_CONTROL;
}

static void say_model(struct cs_page *p, const struct cs_first_rows *f, uint32_t model)
{
    bool any = false;
    cs_html(p->out, "<p><b>%s</b>", cs_html_page_model(p, model));
    for (uint32_t i = 0; i < f->n_answers; i++)
        any = say_differences(p, f, &f->answers[i], model, any) > 0 || any;
    fputs(is_against_control(f) ? " than for the same cases without that detail.</p>\n" : ".</p>\n", p->out);
}

/* "within 5 of 100 and 0.1 steps" */
static void say_margins(struct cs_page *p, const struct cs_first_rows *f)
{
    bool any = false;
    for (uint32_t i = 0; i < f->n_answers; i++) {
        const struct cs_report_outcome *o = &p->r->outcomes[f->answers[i].outcome];
        if (!o->margin.known)
            continue;
        cs_html(p->out, "%s%g %s", any ? " and " : ", within ", o->margin.value,
                cs_html_page_is_share(o) ? "of 100" : cs_html_page_unit(p, f->answers[i].outcome));
        any = true;
    }
}

/* Models in which nothing differs, together: all the same within the margins, or some undecided. */
static void say_without(struct cs_page *p, const struct cs_first_rows *f, bool equivalent)
{
    uint32_t n = 0, tested = 0, same = 0;
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        const struct cs_first_tally t = cs_first_rows_tally(p->r, f, m);
        if (t.tested == 0 || t.different > 0 || (t.equivalent == t.tested) != equivalent)
            continue;
        fputs(n++ == 0 ? "<p>" : ", ", p->out);
        cs_html(p->out, "<b>%s</b>", cs_html_page_model(p, m));
        tested += t.tested;
        same += t.equivalent;
    }
    if (n == 0)
        return;
    if (equivalent) {
        cs_html(p->out, " answered <b class=\"s\">the same</b> in all %u comparisons", tested);
        say_margins(p, f);
        fputs(".</p>\n", p->out);
    } else if (same > 0) {
        cs_html(p->out, ": no difference shown; %u of %u comparisons the same, %u undecided.</p>\n", same, tested,
                tested - same);
    } else {
        cs_html(p->out, ": all %u comparisons are undecided; neither a difference nor sameness could be shown.</p>\n",
                tested);
    }
}

/* ""Yes" in 27.6 %", "on average 2.08 (0 non-urgent to 4 immediate)" */
static void say_rate(struct cs_page *p, const struct cs_report_rate *rate)
{
    const struct cs_report_outcome *o = &p->r->outcomes[rate->outcome];
    const struct cs_num value = cs_html_page_rate(p, rate->outcome, rate->rate);
    if (o->kind == CS_OUTCOME_BINARY && o->n_categories > 0)
        cs_html(p->out, "\xE2\x80\x9C%s\xE2\x80\x9D in %s", o->categories[0], value.s);
    else if (cs_html_page_is_share(o))
        fputs(value.s, p->out);
    else if (o->kind == CS_OUTCOME_ORDINAL && o->n_categories > 0)
        cs_html(p->out, "on average %s (0 %s to %u %s)", value.s, o->categories[0], o->n_categories - 1,
                o->categories[o->n_categories - 1]);
    else
        cs_html(p->out, "on average %s", value.s);
}

/* "0.71 (0.66 to 0.75), between 0.60 and 0.80 whatever the 12 without a score hold" */
static void say_figure(struct cs_page *p, uint32_t model, const char *name, struct cs_report_figure value,
                       struct cs_report_span ci, struct cs_report_span bounds, uint64_t without)
{
    cs_html(p->out, "<p><b>%s</b>, <em>", cs_html_page_model(p, model));
    cs_html_page_words(p, name);
    cs_html(p->out, "</em>: %s", cs_num_fixed(value.value, 2).s);
    if (ci.known)
        cs_html(p->out, " (%s to %s)", cs_num_fixed(ci.low, 2).s, cs_num_fixed(ci.high, 2).s);
    if (without > 0 && bounds.known)
        cs_html(p->out, ", between %s and %s whatever the %s without a score hold", cs_num_fixed(bounds.low, 2).s,
                cs_num_fixed(bounds.high, 2).s, cs_num_count(without).s);
    fputs(".</p>\n", p->out);
}

/* Where nothing is varied: the first declared score of each model, its mean put together, its horizon. Returns how many. */
static uint32_t say_declared(struct cs_page *p)
{
    const struct cs_report *r = p->r;
    uint32_t said = 0;
    for (uint32_t i = 0; i < r->n_scores && said < SENTENCES_MAX; i++) {
        const struct cs_report_score *s = &r->scores[i];
        if (s->factor != CS_REPORT_NONE || s->tag[0] != '\0' || !s->mean.known ||
            strcmp(s->score, r->scores[0].score) != 0)
            continue;
        say_figure(p, s->model, s->score, s->mean, s->ci, s->bounds, s->without);
        said++;
    }
    for (uint32_t i = 0; i < r->n_composites && said < SENTENCES_MAX; i++) {
        const struct cs_report_composite *c = &r->composites[i];
        if (c->factor != CS_REPORT_NONE || !c->value.known)
            continue;
        say_figure(p, c->model, c->name, c->value, c->ci, (struct cs_report_span){0}, 0);
        said++;
    }
    for (uint32_t i = 0; i < r->n_task_horizons && said < SENTENCES_MAX; i++) {
        const struct cs_report_task_horizon *h = &r->task_horizons[i];
        if (h->factor != CS_REPORT_NONE)
            continue;
        cs_html(p->out, "<p><b>%s</b>, <em>50 %% horizon</em>: %s.</p>\n", cs_html_page_model(p, h->model),
                cs_words_horizon(h, CS_REPORT_HORIZON_50).s);
        said++;
    }
    return said;
}

/* Where nothing is varied: what was answered, and how often that is the label. */
static void say_rates(struct cs_page *p)
{
    uint32_t said = say_declared(p);
    for (uint32_t i = 0; i < p->r->n_rates && said < SENTENCES_MAX; i++) {
        const struct cs_report_rate *rate = &p->r->rates[i];
        if (rate->factor != CS_REPORT_NONE || !rate->rate.known)
            continue;
        cs_html(p->out, "<p><b>%s</b>, <em>", cs_html_page_model(p, rate->model));
        cs_html_page_words(p, p->r->outcomes[rate->outcome].label);
        fputs("</em>: ", p->out);
        say_rate(p, rate);
        for (uint32_t k = 0; k < p->r->n_labels; k++) {
            const struct cs_report_label *l = &p->r->labels[k];
            if (l->model == rate->model && l->outcome == rate->outcome && l->factor == CS_REPORT_NONE &&
                l->agreement.known)
                cs_html(p->out, ", equal to the label in %s", cs_num_percent(l->agreement.value).s);
        }
        fputs(".</p>\n", p->out);
        said++;
    }
}

void cs_html_first_words(struct cs_page *p, const struct cs_first_rows *f)
{
    uint32_t said = 0, more = 0, tested = 0;
    fputs("<div class=\"say\">\n", p->out);
    for (uint32_t m = 0; m < p->r->n_models; m++) {
        const struct cs_first_tally t = cs_first_rows_tally(p->r, f, m);
        tested += t.tested;
        if (t.different == 0)
            continue;
        if (said++ < SENTENCES_MAX)
            say_model(p, f, m);
        else
            more++;
    }
    if (more > 0)
        cs_html(p->out, "<p>%u more model%s in the picture.</p>\n", more, more == 1 ? " differs" : "s differ");
    say_without(p, f, true);
    say_without(p, f, false);
    if (tested == 0 && p->r->n_contrasts > 0)
        fputs("<p>No verdict could be given: below are shifts and their intervals.</p>\n", p->out);
    if (p->r->n_contrasts == 0)
        say_rates(p);
    fputs("</div>\n", p->out);
}
