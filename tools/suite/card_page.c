/* card_page.c - the score card as a page: what stands in its JSON, in the style of the report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/html/page.h"
#include "tools/suite/card.h"

static const char style[] =
    ".page{display:block;max-width:62rem}\n"
    "#studies td,#studies th{vertical-align:top}\n"
    ".mono{font:.8em ui-monospace,'DejaVu Sans Mono',Menlo,monospace;overflow-wrap:anywhere}\n"
    ".left{color:var(--soft)}\n"
    "#studies .ended{display:block;white-space:normal;max-width:15rem;margin-left:auto}\n"
    "section.study{break-inside:auto}\n"
    ".rates tbody th{min-width:9rem}\n"
    "@media (max-width:640px){\n"
    " #studies thead{display:none}\n"
    " #studies tr{display:grid;grid-template-columns:1fr auto;padding:.45rem 0;border-bottom:1px solid var(--line)}\n"
    " #studies tr>*{border:0!important;padding:0}\n"
    " #studies th{grid-column:1/-1;font-weight:600}\n"
    " #studies th .why{font-weight:400}\n"
    " #studies td.n{text-align:right}\n"
    " #studies .ended{max-width:11rem}\n"
    " #studies td:last-child{grid-column:1/-1}\n"
    "}\n"
    "@media print{\n"
    " details::details-content{content-visibility:visible;block-size:auto;display:block}\n" /* rates are estimates */
    " caption,.small,.kicker,summary,.chips li,svg text{font-size:7.5pt}\n"
    " .stamp{font-size:6pt}\n"
    " h2{margin-top:1.2rem;font-size:1.1rem}\n"
    " section.study{break-inside:avoid}\n"
    "}\n";

/* ---- members ------------------------------------------------------------------------------------------- */

static const char *text(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

static double number(const struct cs_json *o, const char *key)
{
    const struct cs_json *v = cs_json_object_get(o, key);
    return cs_json_is_number(v) ? cs_json_number_value(v) : NAN;
}

static uint64_t count(const struct cs_json *o, const char *key)
{
    const double v = number(o, key);
    return v > 0 ? (uint64_t)v : 0;
}

static struct cs_report_span span(const struct cs_json *o, const char *key)
{
    const struct cs_json *v = cs_json_object_get(o, key), *low = cs_json_array_get(v, 0),
                         *high = cs_json_array_get(v, 1);
    if (!cs_json_is_number(low) || !cs_json_is_number(high))
        return (struct cs_report_span){.known = false};
    return (struct cs_report_span){true, cs_json_number_value(low), cs_json_number_value(high)};
}

static enum cs_report_verdict verdict(const struct cs_json *row)
{
    const char *key = text(row, "verdict");
    for (int v = 0; v < CS_VERDICTS; v++) {
        if (strcmp(cs_words_verdict_key((enum cs_report_verdict)v), key) == 0)
            return (enum cs_report_verdict)v;
    }
    return CS_VERDICT_NONE;
}

struct brief { /* the beginning of a digest */
    char s[13];
};
static struct brief brief(const char *hex)
{
    struct brief b;
    snprintf(b.s, sizeof b.s, "%s", hex);
    return b;
}

/* "low_income" as people read it. */
static void words(FILE *out, const char *id)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", id);
    for (char *c = copy; c[0] != '\0'; c++)
        c[0] = c[0] == '_' ? ' ' : c[0];
    cs_html_text(out, copy);
}

static bool is_simulated(const struct cs_json *card)
{
    return cs_json_is_true(cs_json_object_get(cs_json_object_get(card, "model"), "simulated"));
}

static const char *stamp(const struct cs_json *card)
{
    return is_simulated(card) ? " <strong class=\"stamp\">" CS_SIMULATED_TEXT "</strong>" : "";
}

/* ---- head ------------------------------------------------------------------------------------------------ */

static void write_top(const struct cs_json *card, FILE *out)
{
    const struct cs_json *suite = cs_json_object_get(card, "suite"), *model = cs_json_object_get(card, "model");
    cs_html(out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
            "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n<meta name=\"referrer\" "
            "content=\"no-referrer\">\n<link rel=\"icon\" href=\"data:,\">\n<title>%s on suite %s</title>\n<style>\n",
            text(model, "name"), text(suite, "name"));
    fputs(cs_style_css, out);
    fputs(style, out);
    fputs(
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the findings</a>\n<div class=\"page\">\n",
        out);
    cs_html(out, "<header class=\"head\">\n<p class=\"kicker\">ClinSafe score card, suite %s</p>\n<h1>",
            text(suite, "name"));
    cs_html_text(out, text(model, "name"));
    fputs("</h1>\n", out);
    cs_html(out, "<p>%s</p>\n", text(suite, "title"));
}

static void write_chips(const struct cs_json *card, FILE *out)
{
    const struct cs_json *findings = cs_json_object_get(card, "findings"), *suite = cs_json_object_get(card, "suite");
    struct cs_json *f;
    size_t i, complete = 0, all = 0, hidden = 0;
    cs_json_array_foreach(findings, i, f)
    {
        const bool unseen = strcmp(text(f, "tier"), "private") == 0 && strcmp(text(f, "state"), "not run") == 0;
        complete += strcmp(text(f, "state"), "complete") == 0;
        hidden += unseen;
        all += !unseen;
    }
    fputs("<ul class=\"chips\">\n", out);
    cs_html(out, "<li class=\"%s\">%zu of %zu studies complete</li>\n", complete == all ? "good" : "bad", complete,
            all);
    if (hidden > 0)
        fputs("<li>private tier not run</li>\n", out);
    cs_html(out, "<li class=\"%s\">%s</li>\n",
            cs_json_is_true(cs_json_object_get(card, "confirmatory")) ? "good" : "plain", text(card, "standing"));
    cs_html(out, "<li>suite %s, digest %s\xE2\x80\xA6</li>\n", text(suite, "name"), brief(text(suite, "digest")).s);
    cs_html(out, "<li>digits %s\xE2\x80\xA6</li>\n", brief(text(card, "digits")).s);
    if (is_simulated(card))
        fputs("<li class=\"sim\">simulated model, planted effects</li>\n", out);
    fputs("</ul>\n", out);
}

/* ---- all studies in a table ---------------------------------------------------------------------------------- */

static const struct cs_json *run_of(const struct cs_json *card, const char *study)
{
    struct cs_json *r;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(card, "runs"), i, r)
    {
        if (strcmp(text(r, "study"), study) == 0)
            return r;
    }
    return NULL;
}

static void write_verdicts(const struct cs_json *f, FILE *out)
{
    unsigned by[CS_VERDICTS] = {0};
    struct cs_json *c;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(f, "contrasts"), i, c)
    {
        by[verdict(c)]++;
    }
    for (int v = 0; v < CS_VERDICTS; v++) {
        if (by[v] > 0)
            cs_html(out, "<span class=\"v v-%s\"><span class=\"sym\" aria-hidden=\"true\">%s</span> %u %s</span><br>",
                    cs_html_page_verdict_css((enum cs_report_verdict)v),
                    cs_html_page_verdict_symbol((enum cs_report_verdict)v), by[v],
                    cs_words_verdict((enum cs_report_verdict)v));
    }
    if (cs_json_array_size(cs_json_object_get(f, "contrasts")) == 0)
        fputs("<span class=\"left\">nothing is compared: means below</span>", out);
}

/* How the model's own trials ended, as people say it: each kind that there was. */
static void write_ended(const struct cs_json *f, FILE *out)
{
    static const struct {
        const char *key, *words;
    } kinds[] = {
        {"refused", "refused"},
        {"content_filtered", "filtered"},
        {"truncated", "cut off"},
        {"unparsable", "not readable"},
        {"timeout", "timed out"},
        {"invalid_request", "request refused"},
        {"rate_limited", "over a limit"},
        {"provider_error", "failed at the provider"},
        {"transport", "failed on the way"},
        {"internal", "failed here"},
    };
    const struct cs_json *e = cs_json_object_get(f, "ended"), *v = cs_json_object_get(f, "verdicts");
    const uint64_t whole = count(e, "ok");
    cs_html(out, "%s whole answer%s", cs_num_count(whole).s, whole == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (count(e, kinds[i].key) > 0)
            cs_html(out, ", %s %s", cs_num_count(count(e, kinds[i].key)).s, kinds[i].words);
    }
    if (v != NULL)
        cs_html(out, "; judges: %s of %s with a verdict", cs_num_count(count(v, "judged")).s,
                cs_num_count(count(v, "planned")).s);
}

/* Whether more than one in twenty was no whole answer: verdicts are read otherwise then. */
static bool is_thin(const struct cs_json *e)
{
    return (count(e, "terminal") - count(e, "ok")) * 20 > count(e, "terminal");
}

static void write_study_row(const struct cs_json *card, const struct cs_json *f, FILE *out)
{
    const struct cs_json *e = cs_json_object_get(f, "ended"), *run = run_of(card, text(f, "study"));
    cs_html(out, "<tr><th scope=\"row\"><a href=\"#s-%s\">", text(f, "study"));
    words(out, text(f, "study"));
    cs_html(out, "</a><br><span class=\"why\">%s</span></th>", text(f, "asks"));
    if (e == NULL || run == NULL) {
        cs_html(out, "<td colspan=\"3\" class=\"left\">not run: %s</td></tr>\n", text(f, "why"));
        return;
    }
    const double judging = number(run, "judging_usd");
    fputs("<td>", out);
    write_verdicts(f, out);
    cs_html(out, "</td><td class=\"n\">%s of %s<span class=\"why ended\">", cs_num_count(count(e, "terminal")).s,
            cs_num_count(count(e, "planned")).s);
    fputs(is_thin(e) ? "<b>" : "", out);
    write_ended(f, out);
    fputs(is_thin(e) ? "</b></span></td>" : "</span></td>", out);
    cs_html(out, "<td class=\"n\">$%s", cs_num_fixed(number(run, "cost_usd"), 2).s);
    if (!isnan(judging))
        cs_html(out, "<br><span class=\"why\">and $%s for judges</span>", cs_num_fixed(judging, 2).s);
    fputs("</td></tr>\n", out);
}

static void write_money(double usd, FILE *out)
{
    if (isnan(usd))
        fputs("unknown", out);
    else
        cs_html(out, "$%s", cs_num_fixed(usd, 2).s);
}

static void write_overview(const struct cs_json *card, FILE *out)
{
    const struct cs_json *cost = cs_json_object_get(card, "cost");
    struct cs_json *f;
    size_t i;
    fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"studies-caption\"><table "
          "id=\"studies\"><caption id=\"studies-caption\">Each study by itself. No number is put together from several "
          "of them, and nothing is ranked.",
          out);
    fputs(stamp(card), out);
    fputs("</caption>\n<thead><tr><th scope=\"col\">Study</th><th scope=\"col\">Primary comparisons</th><th "
          "scope=\"col\" class=\"n\">Answers</th><th scope=\"col\" class=\"n\">Cost</th></tr></thead><tbody>\n",
          out);
    cs_json_array_foreach(cs_json_object_get(card, "findings"), i, f)
    {
        write_study_row(card, f, out);
    }
    fputs("</tbody></table></div>\n", out);
    cs_html(out, "<p class=\"small\">Spent $%s; said beforehand: about ", cs_num_fixed(number(cost, "spent_usd"), 2).s);
    write_money(number(cost, "expected_usd"), out);
    fputs(", at most ", out);
    write_money(number(cost, "most_usd"), out);
    fputs(".</p>\n</header>\n", out);
}

/* ---- one study ------------------------------------------------------------------------------------------------- */

static bool is_share(const char *kind)
{
    return strcmp(kind, "yes-no") == 0 || strcmp(kind, "category") == 0;
}

static struct cs_scale scale_of(const struct cs_json *list, double margin)
{
    double low = -margin, high = margin;
    struct cs_json *c;
    size_t i;
    cs_json_array_foreach(list, i, c)
    {
        const struct cs_report_span s = span(c, "ci_simultaneous");
        const double shift = number(c, "shift");
        low = fmin(low, s.known ? s.low : isnan(shift) ? 0 : shift);
        high = fmax(high, s.known ? s.high : isnan(shift) ? 0 : shift);
    }
    return cs_svg_scale_fit(low, high, 5);
}

/* The interval that the verdict was read off, where it is not the one shown. */
static void write_decided(const struct cs_json *c, int decimals, FILE *out)
{
    const struct cs_json *d = cs_json_object_get(c, "decided_by");
    if (!cs_json_is_object(d))
        return;
    cs_html(out, "<br><span class=\"why\">decided by %s",
            cs_num_interval(number(d, "low"), number(d, "high"), decimals).s);
    if (strcmp(text(d, "why"), text(c, "why")) != 0)
        cs_html(out, ": %s", text(d, "why"));
    fputs("</span>", out);
}

/* What the comparison could have come to, where that is not all; the sentence stands under the table. */
static void write_reach(const struct cs_json *c, FILE *out)
{
    const struct cs_json *r = cs_json_object_get(c, "reach");
    const enum cs_report_verdict v = verdict(c);
    const bool alike = cs_json_is_true(cs_json_object_get(r, "equivalent")) || v == CS_VERDICT_EQUIVALENT ||
                       v == CS_VERDICT_EQUIVALENT_MEAN || v == CS_VERDICT_NOT_WORSE,
               differ = cs_json_is_true(cs_json_object_get(r, "different"));
    if (!cs_json_is_object(r) || (alike && differ))
        return;
    cs_html(out, "<br><span class=\"why\">different %s be reached; %s %s</span>", differ ? "can" : "cannot",
            text(c, "worse")[0] != '\0' ? "not worse" : "equivalent", alike ? "can" : "cannot where answers are alike");
}

/* Each sentence once. */
static void write_reach_notes(const struct cs_json *list, FILE *out)
{
    struct cs_json *c;
    size_t i;
    cs_json_array_foreach(list, i, c)
    {
        const char *why = text(cs_json_object_get(c, "reach"), "why");
        bool said = why[0] == '\0';
        for (size_t k = 0; k < i && !said; k++)
            said = strcmp(text(cs_json_object_get(cs_json_array_get(list, k), "reach"), "why"), why) == 0;
        if (!said)
            cs_html(out, "<p class=\"small\">What %zu clusters can show: %s.</p>\n", (size_t)count(c, "clusters"), why);
    }
}

static void write_contrast(const struct cs_json *c, const struct cs_scale *scale, double margin, FILE *out)
{
    const struct cs_report_span s = span(c, "ci_simultaneous");
    const int decimals = strcmp(text(c, "unit"), "points") == 0 ? 1 : 2;
    const enum cs_report_verdict v = verdict(c);
    char mark[32];
    snprintf(mark, sizeof mark, "m-%s", cs_html_page_verdict_css(v));
    const struct cs_svg_mark m = {.estimate = number(c, "shift"),
                                  .lo = s.known ? s.low : NAN,
                                  .hi = s.known ? s.high : NAN,
                                  .inner_lo = NAN,
                                  .inner_hi = NAN,
                                  .css = mark};
    fputs("<tr><th scope=\"row\">", out);
    words(out, text(c, "level"));
    fputs(" <span class=\"why\">against ", out);
    words(out, text(c, "comparator"));
    if (text(c, "stratum")[0] != '\0')
        cs_html(out, ", %s = %s", text(c, "stratum"), text(c, "stratum_value"));
    fputs("</span></th><td class=\"plot\">", out);
    cs_svg_row(out, scale, margin, &m);
    cs_html(out, "</td><td class=\"n est\">%s", cs_num_signed(number(c, "shift"), decimals).s);
    if (s.known)
        cs_html(out, " (%s)", cs_num_interval(s.low, s.high, decimals).s);
    cs_html(
        out,
        "</td><td class=\"said\"><span class=\"v v-%s\"><span class=\"sym\" aria-hidden=\"true\">%s</span> %s</span>",
        cs_html_page_verdict_css(v), cs_html_page_verdict_symbol(v), cs_words_verdict(v));
    if (text(c, "why")[0] != '\0')
        cs_html(out, "<br><span class=\"why\">%s</span>", text(c, "why"));
    write_decided(c, decimals, out);
    write_reach(c, out);
    fputs("</td></tr>\n", out);
}

/* Neighbours with the same answer share a plot. */
static size_t write_forest(const struct cs_json *card, const struct cs_json *f, const struct cs_json *list, size_t from,
                           FILE *out)
{
    const struct cs_json *first = cs_json_array_get(list, from);
    const double margin = isnan(number(first, "margin")) ? 0 : number(first, "margin");
    struct cs_json *of = cs_json_array(), *c;
    size_t i;
    for (i = from; (c = cs_json_array_get(list, i)) != NULL && strcmp(text(c, "outcome"), text(first, "outcome")) == 0;
         i++)
        cs_json_array_append(of, c);
    const struct cs_scale scale = scale_of(of, margin);
    char title[256], desc[256];
    snprintf(title, sizeof title, "Shift of %s", text(first, "outcome"));
    snprintf(desc, sizeof desc, "Scale from %g to %g %s; the margin is shaded. Numbers stand beside each row.",
             scale.lo, scale.hi, text(first, "unit"));
    fputs(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"table\"><table class=\"forest\"><caption><b>",
        out);
    words(out, text(first, "outcome"));
    cs_html(out, "</b>: to the right %s; margin %g %s; intervals at %g %%, adjusted (%s).", text(first, "up"), margin,
            text(first, "unit"), 100 * (1 - number(f, "alpha")), text(f, "adjust"));
    fputs(stamp(card), out);
    fputs("</caption>\n<thead><tr><th scope=\"col\">Level</th><th scope=\"col\" class=\"plot\">", out);
    cs_svg_axis(out, &scale, margin, true, title, desc);
    cs_html(out,
            "</th><th scope=\"col\" class=\"n\">Shift, %s</th><th scope=\"col\">Verdict</th></tr></thead><tbody>\n",
            text(first, "unit"));
    cs_json_array_foreach(of, i, c)
    {
        write_contrast(c, &scale, margin, out);
    }
    fputs("</tbody></table></div>\n", out);
    write_reach_notes(of, out);
    i = from + cs_json_array_size(of);
    cs_json_decref(of);
    return i;
}

static bool has_bounds(const struct cs_json *list)
{
    struct cs_json *s;
    size_t i;
    cs_json_array_foreach(list, i, s)
    {
        if (span(s, "bounds").known)
            return true;
    }
    return false;
}

/* Where outputs have no verdict: what the mean could be, whatever they hold. */
static void write_scores(const struct cs_json *card, const struct cs_json *list, FILE *out)
{
    const bool bounded = has_bounds(list);
    struct cs_json *s;
    size_t i;
    if (cs_json_array_size(list) == 0)
        return;
    cs_html(
        out,
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"table\"><table class=\"rates\"><caption>Scores: mean "
        "over talks, with its interval%s.",
        bounded ? "; its bounds, whatever the outputs without a verdict hold" : "");
    fputs(stamp(card), out);
    fputs("</caption>\n<thead><tr><th scope=\"col\">Score</th><th scope=\"col\" class=\"n\">Mean (interval)</th>", out);
    fputs(bounded ? "<th scope=\"col\" class=\"n\">Bounds</th>" : "", out);
    fputs(
        "<th scope=\"col\" class=\"n\">Outputs</th><th scope=\"col\" class=\"n\">Without verdict</th></tr></thead><tbody>\n",
        out);
    cs_json_array_foreach(list, i, s)
    {
        fputs("<tr><th scope=\"row\">", out);
        words(out, text(s, "score"));
        if (text(s, "tag")[0] != '\0')
            cs_html(out, " <span class=\"why\">%s</span>", text(s, "tag"));
        const struct cs_report_span ci = span(s, "ci"), bounds = span(s, "bounds");
        cs_html(out, "</th><td class=\"n\">%s", cs_num_fixed(number(s, "mean"), 3).s);
        if (ci.known)
            cs_html(out, " (%s to %s)", cs_num_fixed(ci.low, 3).s, cs_num_fixed(ci.high, 3).s);
        if (bounded)
            fputs("</td><td class=\"n\">", out);
        if (bounds.known)
            cs_html(out, "%s to %s", cs_num_fixed(bounds.low, 3).s, cs_num_fixed(bounds.high, 3).s);
        cs_html(out, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td></tr>\n", cs_num_count(count(s, "outputs")).s,
                cs_num_count(count(s, "without")).s);
    }
    fputs("</tbody></table></div>\n", out);
}

static void write_rates(const struct cs_json *card, const struct cs_json *list, bool folded, FILE *out)
{
    struct cs_json *r;
    size_t i;
    if (cs_json_array_size(list) == 0)
        return;
    cs_html(
        out,
        "<details%s><summary>What was answered under each level</summary><div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"table\"><table "
        "class=\"rates\"><caption>Mean over cases, with its interval.",
        folded ? "" : " open");
    fputs(stamp(card), out);
    fputs("</caption>\n<thead><tr><th scope=\"col\">Answer</th><th scope=\"col\">Level</th><th scope=\"col\" "
          "class=\"n\">Rate or mean (interval)</th><th scope=\"col\" class=\"n\">Counted</th></tr></thead><tbody>\n",
          out);
    cs_json_array_foreach(list, i, r)
    {
        const bool share = is_share(text(r, "kind"));
        const double rate = number(r, "rate"), times = share ? 100 : 1;
        const struct cs_report_span ci = span(r, "ci");
        fputs("<tr><th scope=\"row\">", out);
        words(out, text(r, "outcome"));
        fputs("</th><td>", out);
        words(out, text(r, "level")[0] != '\0' ? text(r, "level") : "all");
        cs_html(out, "</td><td class=\"n\">%s", share ? cs_num_percent(rate).s : cs_num_fixed(rate, 2).s);
        if (ci.known)
            cs_html(out, " (%s to %s)", cs_num_fixed(times * ci.low, share ? 1 : 2).s,
                    cs_num_fixed(times * ci.high, share ? 1 : 2).s);
        cs_html(out, "</td><td class=\"n\">%s</td></tr>\n", cs_num_count(count(r, "answers")).s);
    }
    fputs("</tbody></table></div></details>\n", out);
}

/* " with temperature 0.7, max_output_tokens 400" */
static void write_parameters(const struct cs_json *asked, FILE *out)
{
    struct cs_json *p = cs_json_object_get(asked, "parameters"), *v;
    const char *key, *before = " with ";
    if (cs_json_object_size(p) == 0)
        fputs(" without parameters", out);
    cs_json_object_foreach(p, key, v)
    {
        char *value = cs_json_is_string(v)
                          ? cs_xstrdup(cs_json_string_value(v))
                          : cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(6));
        cs_html(out, "%s%s ", before, key);
        cs_html_text(out, value != NULL ? value : "");
        before = ", ";
        free(value);
    }
}

static void write_judges(const struct cs_json *run, FILE *out)
{
    const struct cs_json *list = cs_json_object_get(run, "judges");
    struct cs_json *j;
    size_t i;
    if (cs_json_array_size(list) == 0)
        return;
    fputs("<p class=\"small\">Judged by ", out);
    cs_json_array_foreach(list, i, j)
    {
        cs_html(out, "%s%s", i > 0 ? ", " : "", text(j, "sent"));
        write_parameters(j, out);
    }
    fputs(
        cs_json_is_true(cs_json_object_get(run, "judges_are_the_suites"))
            ? ".</p>\n"
            : ". <b>These are not the judges that the suite names</b>: comparable only with cards of the same judges.</p>\n",
        out);
}

/* ", answered by a (880), b (2)": nothing where the model answered by the id that was sent. */
static void write_answered(const struct cs_json *run, FILE *out)
{
    enum { SHOWN = 6 };
    const struct cs_json *list = cs_json_object_get(run, "answered_by");
    const size_t n = cs_json_array_size(list);
    if (n == 0 || (n == 1 && strcmp(text(cs_json_array_get(list, 0), "model"), text(run, "sent")) == 0))
        return;
    fputs(", answered by ", out);
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        const struct cs_json *m = cs_json_array_get(list, i);
        cs_html(out, "%s%s", i > 0 ? ", " : "",
                text(m, "model")[0] != '\0' ? text(m, "model") : "a model without a name");
        if (n > 1)
            cs_html(out, " (%s)", cs_num_count(count(m, "answers")).s);
    }
    if (n > SHOWN)
        cs_html(out, " and %s others", cs_num_count(n - SHOWN).s);
}

/* What was not as in other runs: answers in place of first ones, replies that a strict reader would not have taken. */
static void write_again(const struct cs_json *run, FILE *out)
{
    const uint64_t again = count(run, "asked_again"), judged = count(run, "judged_again");
    if (again + judged > 0)
        cs_html(
            out,
            "<div class=\"banner\" role=\"note\"><p>%s %s asked again after a time-out or a reply that could not be "
            "read: rates and means are of the later answers. A verdict that the first ones would change is "
            "none.</p></div>\n",
            cs_num_count(again + judged).s, again + judged == 1 ? "trial was" : "trials were");
    if (cs_json_array_size(cs_json_object_get(run, "answered_by")) > 1) {
        fputs(
            "<div class=\"banner\" role=\"note\"><p>The provider names more than one model behind these answers: sent as ",
            out);
        cs_html(out, "%s", text(run, "sent"));
        write_answered(run, out);
        fputs(". Rates and shifts are of the mixture.</p></div>\n", out);
    }
    if (strcmp(text(run, "reading"), "lenient") == 0)
        fputs(
            "<div class=\"banner\" role=\"note\"><p>Read leniently (<code>reading: lenient</code>): comparable only with "
            "cards that were read so.</p></div>\n",
            out);
}

/* With what stood still, and why. */
static void write_incomplete(const struct cs_json *run, FILE *out)
{
    struct cs_json *stop;
    size_t i;
    fputs("<div class=\"banner\" role=\"note\"><p>Not complete: no verdicts.", out);
    cs_json_array_foreach(cs_json_object_get(run, "stopped"), i, stop)
    {
        cs_html(out, "<br>%s %s: %s", text(stop, "model"), text(stop, "state"), text(stop, "reason"));
    }
    fputs("</p></div>\n", out);
}

static void write_study(const struct cs_json *card, const struct cs_json *f, FILE *out)
{
    const struct cs_json *list = cs_json_object_get(f, "contrasts"), *run = run_of(card, text(f, "study")),
                         *v = cs_json_object_get(f, "verdicts");
    cs_html(out, "\n<section class=\"study\" id=\"s-%s\" aria-labelledby=\"t-%s\">\n<h2 id=\"t-%s\">", text(f, "study"),
            text(f, "study"), text(f, "study"));
    words(out, text(f, "study"));
    cs_html(out, "</h2>\n<p>%s</p>\n", text(f, "asks"));
    if (run == NULL) {
        cs_html(out, "<p class=\"left\">Not run: %s.</p>\n</section>\n", text(f, "why"));
        return;
    }
    if (strcmp(text(f, "state"), "complete") != 0)
        write_incomplete(run, out);
    if (is_thin(cs_json_object_get(f, "ended"))) {
        fputs("<div class=\"banner\" role=\"note\"><p>Of its trials: ", out);
        write_ended(f, out);
        fputs(v != NULL
                  ? ". Judges have a verdict on a refusal too: below stands what they made of these.</p></div>\n"
                  : ". A reply that is no whole answer counts in a rate below as not \"yes\", so that the rate is "
                    "lower than among the answers, and in a mean it does not count; what timed out or failed is in "
                    "neither.</p></div>\n",
              out);
    }
    write_again(run, out);
    write_judges(run, out);
    for (size_t i = 0; i < cs_json_array_size(list);)
        i = write_forest(card, f, list, i, out);
    write_scores(card, cs_json_object_get(f, "scores"), out);
    write_rates(card, cs_json_object_get(f, "rates"), cs_json_array_size(list) > 0, out);
    cs_html(out, "<p class=\"small\">%s cases; model sent as %s", cs_num_count(count(f, "clusters")).s,
            text(run, "sent"));
    write_parameters(run, out);
    write_answered(run, out);
    cs_html(out, ", %s to %s. The suite's study, as it ships, has the spec <span class=\"mono\">%s</span></p>\n",
            cs_html_page_minute(text(run, "first_call")).s, cs_html_page_minute(text(run, "last_call")).s,
            text(f, "spec"));
    fputs("</section>\n", out);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static void write_foot(const struct cs_json *card, FILE *out)
{
    const struct cs_json *suite = cs_json_object_get(card, "suite"), *harness = cs_json_object_get(card, "harness");
    const struct cs_json *seal = cs_json_object_get(card, "seal");
    fputs(
        "<section id=\"about\" aria-labelledby=\"about-title\">\n<h2 id=\"about-title\">What this card is</h2>\n<dl>\n",
        out);
    cs_html(out, "<dt>Standing</dt><dd>%s.</dd>\n", text(card, "standing"));
    if (cs_json_is_object(seal))
        cs_html(out, "<dt>Seal</dt><dd>%s, by <span class=\"mono\">%s</span>. The date is the signer's word.</dd>\n",
                text(seal, "date"), text(seal, "key"));
    cs_html(
        out,
        "<dt>Suite</dt><dd>%s, <span class=\"mono\">%s</span>: names by digest what was asked, how it is analysed, and "
        "who judges.</dd>\n"
        "<dt>Digits</dt><dd><span class=\"mono\">%s</span>: of all findings above; the same for whoever has the same "
        "answers.</dd>\n",
        text(suite, "name"), text(suite, "digest"), text(card, "digits"));
    cs_html(out, "<dt>Made</dt><dd>%s with ClinSafe %s, method %s.</dd>\n</dl>\n",
            cs_html_page_minute(text(card, "as_of")).s, text(harness, "software"),
            cs_num_count(count(harness, "method")).s);
    fputs(
        "<p class=\"small\">Research software: cases, labels and margins were not reviewed by a clinician, and nothing here says "
        "that a model is safe to use. Re-check this card: <code>clinsafe suite check card.json</code>.</p>\n",
        out);
    cs_html(out, "<p class=\"small\">Not for training: <span class=\"mono\">%s</span></p>\n</section>\n",
            text(card, "canary"));
}

void cs_card_page(const struct cs_json *card, FILE *out)
{
    struct cs_json *f;
    size_t i;
    write_top(card, out);
    write_chips(card, out);
    write_overview(card, out);
    fputs("<main id=\"main\">\n", out);
    cs_json_array_foreach(cs_json_object_get(card, "findings"), i, f)
    {
        write_study(card, f, out);
    }
    write_foot(card, out);
    fputs("</main>\n</div>\n</body>\n</html>\n", out);
}
