#include "tools/report/html/page.h"

#include <math.h>
#include <string.h>

#include "protocol/base/assert.h"

const char *cs_html_page_model(const struct cs_page *p, uint32_t model)
{
    return model < p->r->n_models ? p->r->models[model].name : "";
}

const char *cs_html_page_outcome(const struct cs_page *p, uint32_t outcome)
{
    return outcome < p->r->n_outcomes ? p->r->outcomes[outcome].label : "";
}

const struct cs_report_level *cs_html_page_level(const struct cs_page *p, uint32_t factor, uint32_t level)
{
    if (factor >= p->r->n_factors || level >= p->r->factors[factor].n_levels)
        return NULL;
    return &p->r->factors[factor].levels[level];
}

void cs_html_page_words(struct cs_page *p, const char *id)
{
    char word[256];
    if (id == NULL)
        return;
    while (*id != '\0') {
        size_t n = strcspn(id, "_");
        if (n >= sizeof word) { /* longer than any id should be: as it is */
            cs_html_text(p->out, id);
            return;
        }
        memcpy(word, id, n);
        word[n] = '\0';
        cs_html_text(p->out, word);
        id += n;
        if (*id == '_') {
            fputc(' ', p->out);
            id++;
        }
    }
}

void cs_html_page_level_name(struct cs_page *p, uint32_t factor, uint32_t level)
{
    const struct cs_report_level *l = cs_html_page_level(p, factor, level);
    if (l != NULL && l->label != NULL && l->label[0] != '\0')
        cs_html_text(p->out, l->label);
    else
        cs_html_page_words(p, l != NULL ? l->id : "all answers");
}

void cs_html_page_comparator(struct cs_page *p, uint32_t factor, uint32_t comparator, const char *text)
{
    const struct cs_report_level *l = cs_html_page_level(p, factor, comparator);
    if (l != NULL && l->role == CS_REPORT_LEVEL)
        cs_html_page_level_name(p, factor, comparator);
    else
        cs_html_page_words(p, text);
}

void cs_html_page_comparison(struct cs_page *p, const struct cs_report_contrast *c)
{
    cs_html_page_level_name(p, c->factor, c->level);
    if (c->against == CS_AGAINST_LEVEL) {
        fputs(" <span class=\"why\">against</span> ", p->out);
        cs_html_page_comparator(p, c->factor, c->comparator, c->comparator_text);
    }
    if (c->stratum[0] != '\0') {
        fputs(", ", p->out);
        cs_html_page_words(p, c->stratum_value);
    }
}

const char *cs_html_page_unit(const struct cs_page *p, uint32_t outcome)
{
    if (outcome >= p->r->n_outcomes)
        return "";
    return p->r->outcomes[outcome].kind == CS_OUTCOME_ORDINAL ? "steps" : p->r->outcomes[outcome].unit;
}

struct cs_label cs_html_page_label(const struct cs_page *p, uint32_t outcome)
{
    struct cs_label label;
    const char *id = cs_html_page_outcome(p, outcome);
    size_t n = strnlen(id, sizeof label.s - 1);
    while (n > 0 && id[n] != '\0' && ((unsigned char)id[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        label.s[i] = id[i] == '_' ? ' ' : id[i];
    label.s[n] = '\0';
    return label;
}

/* Levels that stand under a heading of their own, so that the others need one too. */
static bool has_reference(const struct cs_report_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (f->levels[i].role == CS_REPORT_PLACEBO || f->levels[i].role == CS_REPORT_AA)
            return true;
    }
    return false;
}

const char *cs_html_page_heading(const struct cs_page *p, uint32_t factor, uint32_t level)
{
    const struct cs_report_level *l = cs_html_page_level(p, factor, level);
    if (l == NULL)
        return "";
    switch (l->role) {
    case CS_REPORT_CONTROL:
        return "control";
    case CS_REPORT_PLACEBO:
        return "placebo sentences (should not matter)";
    case CS_REPORT_AA:
        return "control asked again (A/A)";
    case CS_REPORT_LEVEL:
        break;
    }
    if (l->axis != NULL && l->axis[0] != '\0')
        return l->axis;
    return has_reference(&p->r->factors[factor]) ? "levels under study" : "";
}

const char *cs_html_page_verdict_symbol(enum cs_report_verdict v)
{
    switch (v) {
    case CS_VERDICT_BEYOND:
        return "\xE2\x97\x8F"; /* filled circle */
    case CS_VERDICT_UNCLEAR_SIZE:
        return "\xE2\x97\x8A"; /* lozenge */
    case CS_VERDICT_SMALLER:
        return "\xE2\x97\x8B"; /* open circle */
    case CS_VERDICT_DIFFERENT:
        return "\xE2\x89\xA0"; /* not equal */
    case CS_VERDICT_EQUIVALENT:
        return "\xE2\x89\x88"; /* almost equal */
    case CS_VERDICT_EQUIVALENT_MEAN:
        return "\xE2\x89\x83"; /* asymptotically equal */
    case CS_VERDICT_NOT_WORSE:
        return "\xE2\x89\xA5"; /* at least as good */
    case CS_VERDICT_INCONCLUSIVE:
        return "?";
    case CS_VERDICT_NONE:
    case CS_VERDICTS:
        break;
    }
    return "\xE2\x80\x93"; /* en dash */
}

const char *cs_html_page_verdict_css(enum cs_report_verdict v)
{
    static const char *const css[CS_VERDICTS] = {
        [CS_VERDICT_BEYOND] = "beyond",    [CS_VERDICT_UNCLEAR_SIZE] = "unclear",    [CS_VERDICT_SMALLER] = "smaller",
        [CS_VERDICT_EQUIVALENT] = "equal", [CS_VERDICT_INCONCLUSIVE] = "open",       [CS_VERDICT_DIFFERENT] = "differs",
        [CS_VERDICT_NONE] = "none",        [CS_VERDICT_EQUIVALENT_MEAN] = "unclear", [CS_VERDICT_NOT_WORSE] = "equal",
    };
    CS_ASSERT(v < CS_VERDICTS);
    return css[v];
}

void cs_html_page_verdict(struct cs_page *p, enum cs_report_verdict v, const char *why)
{
    cs_html(p->out, "<span class=\"v v-%s\"><span class=\"sym\" aria-hidden=\"true\">%s</span> %s</span>",
            cs_html_page_verdict_css(v), cs_html_page_verdict_symbol(v),
            v == CS_VERDICT_NONE ? "no verdict" : cs_words_verdict(v));
    if (why[0] != '\0')
        cs_html(p->out, "<br><span class=\"why\">%s</span>", why);
}

void cs_html_page_decided(struct cs_page *p, const struct cs_report_decided *d, int decimals)
{
    if (d->span.known)
        cs_html(p->out, "<br><span class=\"why\">decided by %s</span>", cs_html_page_span(d->span, decimals).s);
}

bool cs_html_page_is_share(const struct cs_report_outcome *o)
{
    return o->kind == CS_OUTCOME_BINARY || o->kind == CS_OUTCOME_CATEGORY;
}

int cs_html_page_decimals(const struct cs_page *p, uint32_t outcome)
{
    if (outcome >= p->r->n_outcomes)
        return 2;
    return strcmp(p->r->outcomes[outcome].unit, "points") == 0 ? 1 : cs_words_decimals(&p->r->outcomes[outcome]);
}

double cs_html_page_figure_value(struct cs_report_figure f)
{
    return f.known ? f.value : NAN;
}

struct cs_num cs_html_page_minute(const char *utc)
{
    struct cs_num out;
    const bool whole = strlen(utc) >= 16 && utc[10] == 'T';
    snprintf(out.s, sizeof out.s, whole ? "%.10s %.5s UTC" : "%.19s%.0s", utc[0] != '\0' ? utc : "\xE2\x80\x93",
             whole ? utc + 11 : "");
    return out;
}

struct cs_num cs_html_page_span(struct cs_report_span i, int decimals)
{
    return i.known ? cs_num_interval(i.low, i.high, decimals) : cs_num_interval(NAN, NAN, decimals);
}

struct cs_num cs_html_page_rate(const struct cs_page *p, uint32_t outcome, struct cs_report_figure rate)
{
    CS_ASSERT(outcome < p->r->n_outcomes);
    enum cs_outcome_kind kind = p->r->outcomes[outcome].kind;
    bool share = kind == CS_OUTCOME_BINARY || kind == CS_OUTCOME_CATEGORY;
    return share ? cs_num_percent(cs_html_page_figure_value(rate)) : cs_num_fixed(cs_html_page_figure_value(rate), 2);
}

void cs_html_page_section(struct cs_page *p, const char *id, const char *title)
{
    cs_html(p->out, "\n<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">%s</h2>\n", id, id, id,
            title);
}

void cs_html_page_section_end(struct cs_page *p)
{
    fputs("</section>\n", p->out);
}

void cs_html_page_stamp(struct cs_page *p, uint32_t model)
{
    bool simulated = model < p->r->n_models ? p->r->models[model].simulated : p->r->simulated;
    if (simulated)
        cs_html(p->out, " <strong class=\"stamp\">%s</strong>", CS_SIMULATED_TEXT);
}

void cs_html_page_model_name(struct cs_page *p, uint32_t model)
{
    cs_html_text(p->out, cs_html_page_model(p, model));
    if (model < p->r->n_models && p->r->models[model].simulated)
        fputs(" <span class=\"tag\">simulated</span>", p->out);
}

void cs_html_page_figure(struct cs_page *p, const char *id, uint32_t model, const char *caption)
{
    unsigned n = ++p->figures;
    cs_html(p->out, "<figure id=\"%s\"><figcaption id=\"fig-%u\"><b>Figure %u.</b> %s", id, n, n, caption);
    cs_html_page_stamp(p, model);
    cs_html(p->out, "</figcaption>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"fig-%u\">\n",
            n);
}

void cs_html_page_figure_end(struct cs_page *p)
{
    fputs("</div></figure>\n", p->out);
}

void cs_html_page_table(struct cs_page *p, const char *css, uint32_t model, const char *caption)
{
    unsigned n = ++p->tables;
    cs_html(p->out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"table-%u\">\n", n);
    cs_html(p->out, "<table class=\"%s\"><caption id=\"table-%u\"><b>Table %u.</b> %s", css, n, n, caption);
    cs_html_page_stamp(p, model);
    fputs("</caption>\n", p->out);
}

void cs_html_page_table_end(struct cs_page *p)
{
    fputs("</table></div>\n", p->out);
}

void cs_html_page_cell(struct cs_page *p, const char *text)
{
    cs_html(p->out, "<td>%s</td>", text);
}

void cs_html_page_number(struct cs_page *p, struct cs_num num)
{
    cs_html(p->out, "<td class=\"n\">%s</td>", num.s);
}

void cs_html_page_column(struct cs_page *p, const char *title, const char *css)
{
    cs_html(p->out, "<th scope=\"col\" class=\"%s\">%s</th>", css, title);
}

void cs_html_page_group(struct cs_page *p, unsigned columns, const char *words)
{
    cs_html(p->out, "<tr class=\"group\"><th scope=\"colgroup\" colspan=\"%u\">", columns);
    cs_html_page_words(p, words);
    fputs("</th></tr>\n", p->out);
}

struct cs_forest cs_html_page_forest_at(const struct cs_report *r, uint32_t at)
{
    CS_ASSERT(at < r->n_contrasts);
    const struct cs_report_contrast *first = &r->contrasts[at];
    struct cs_forest f = {.model = first->model,
                          .outcome = first->outcome,
                          .factor = first->factor,
                          .against = first->against,
                          .stratum = first->stratum,
                          .stratum_value = first->stratum_value,
                          .rows = first,
                          .floor_only = true};
    for (uint32_t i = at; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->model != f.model || c->outcome != f.outcome || c->factor != f.factor || c->against != f.against ||
            strcmp(c->stratum, f.stratum) != 0 || strcmp(c->stratum_value, f.stratum_value) != 0)
            break;
        if (!c->floor && !f.floor_only && c->primary != f.primary)
            break;
        if (!c->floor) {
            f.primary = c->primary;
            f.floor_only = false;
        }
        f.n++;
    }
    return f;
}

void cs_html_page_contrast(struct cs_page *p, const struct cs_report_contrast *c)
{
    fputs("<tr><th scope=\"row\">", p->out);
    cs_html_page_level_name(p, c->factor, c->level);
    fputs(" <span class=\"why\">against</span> ", p->out);
    cs_html_page_comparator(p, c->factor, c->comparator, c->comparator_text);
    fputs("</th><td>", p->out);
    cs_html_page_words(p, cs_html_page_outcome(p, c->outcome));
    fputs("</td><td>", p->out);
    cs_html_page_model_name(p, c->model);
    fputs("</td>", p->out);
}
