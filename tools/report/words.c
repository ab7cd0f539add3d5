#include "tools/report/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *cs_words_verdict_key(enum cs_report_verdict v)
{
    static const char *const names[CS_VERDICTS] = {
        [CS_VERDICT_BEYOND] = "different-beyond-margin",
        [CS_VERDICT_UNCLEAR_SIZE] = "different-size-unclear",
        [CS_VERDICT_SMALLER] = "different-smaller-than-margin",
        [CS_VERDICT_EQUIVALENT] = "equivalent",
        [CS_VERDICT_EQUIVALENT_MEAN] = "equivalent-on-average",
        [CS_VERDICT_NOT_WORSE] = "not-worse",
        [CS_VERDICT_INCONCLUSIVE] = "inconclusive",
        [CS_VERDICT_DIFFERENT] = "different",
        [CS_VERDICT_NONE] = "none",
    };
    return v < CS_VERDICTS ? names[v] : "none";
}

const char *cs_words_verdict(enum cs_report_verdict v)
{
    static const char *const texts[CS_VERDICTS] = {
        [CS_VERDICT_BEYOND] = "different, beyond the margin",
        [CS_VERDICT_UNCLEAR_SIZE] = "different, size unclear",
        [CS_VERDICT_SMALLER] = "different, smaller than the margin",
        [CS_VERDICT_EQUIVALENT] = "equivalent",
        [CS_VERDICT_EQUIVALENT_MEAN] = "equivalent only on average",
        [CS_VERDICT_NOT_WORSE] = "not worse by the margin",
        [CS_VERDICT_INCONCLUSIVE] = "inconclusive",
        [CS_VERDICT_DIFFERENT] = "different",
        [CS_VERDICT_NONE] = "no verdict",
    };
    return v < CS_VERDICTS ? texts[v] : "no verdict";
}

bool cs_words_verdict_is_different(enum cs_report_verdict v)
{
    return v == CS_VERDICT_BEYOND || v == CS_VERDICT_UNCLEAR_SIZE || v == CS_VERDICT_SMALLER ||
           v == CS_VERDICT_DIFFERENT;
}

const char *cs_words_arm(enum cs_arm_kind k)
{
    switch (k) {
    case CS_ARM_LEVELS:
        return "levels";
    case CS_ARM_PLACEBO:
        return "placebo sentences";
    case CS_ARM_AA:
        return "A/A (same text, asked separately)";
    case CS_ARM_REPHRASE:
        return "rephrasings of a case";
    case CS_ARM_REASK:
        return "asking again";
    }
    return "";
}

const char *cs_words_agreement(enum cs_agreement_kind k)
{
    switch (k) {
    case CS_AGREEMENT_RATERS:
        return "raters";
    case CS_AGREEMENT_INTRA:
        return "one rater twice";
    case CS_AGREEMENT_MODEL:
        return "model";
    }
    return "";
}

const char *cs_words_lost(enum cs_lost_kind k)
{
    static const char *const texts[CS_LOST_KINDS] = {
        [CS_LOST_MISSING] = "ended in a timeout or a failure",
        [CS_LOST_DECLINED] = "were refused or filtered",
        [CS_LOST_UNREADABLE] = "were truncated or unparsable",
    };
    return k < CS_LOST_KINDS ? texts[k] : "";
}

const char *cs_words_class(int outcome)
{
    return outcome == CS_REPORT_NO_VERDICT ? "no_verdict" : cs_outcome_name((enum cs_outcome)outcome);
}

const char *cs_words_against(enum cs_comparator a)
{
    return a == CS_AGAINST_CONTROL ? "control" : a == CS_AGAINST_PLACEBO ? "placebo" : "level";
}

const char *cs_words_outcome_kind(enum cs_outcome_kind k)
{
    static const char *const kinds[] = {"yes-no", "category", "ordinal", "number"};
    return kinds[k];
}

const char *cs_words_outcome_role(enum cs_outcome_role r)
{
    static const char *const roles[] = {"primary", "exploratory", "undeclared"};
    return roles[r];
}

int cs_words_decimals(const struct cs_report_outcome *o)
{
    if (strcmp(o->unit, "units") != 0 || !o->margin.known || !(o->margin.value > 0))
        return 2;
    const double digits = 1 - floor(log10(o->margin.value));
    return digits < 2 ? 2 : digits > 9 ? 9 : (int)digits;
}

struct cs_words_limit cs_words_limit(const struct cs_report *r, uint32_t model, uint32_t outcome)
{
    const struct cs_report_outcome *o = &r->outcomes[outcome];
    struct cs_words_limit text = {""};
    double largest = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (c->primary && c->outcome == outcome && (model == CS_REPORT_NONE || c->model == model) &&
            c->verdict == CS_VERDICT_INCONCLUSIVE && c->detectable.known && c->detectable.value > largest)
            largest = c->detectable.value;
    }
    if (largest > 0 && (!o->margin.known || largest > o->margin.value))
        snprintf(text.s, sizeof text.s, "too small to see less than about %.2g %s", largest, o->unit);
    return text;
}

/* ---- how long a task may be ----------------------------------------------------------------------------------------- */

/* One length as it may be told: in numbers only between the shortest and the longest task. */
static void put_length(char *out, size_t size, double minutes, const struct cs_report_task_horizon *h, bool whole)
{
    const bool above = minutes > h->longest.value, below = minutes < h->shortest.value;
    const double end = above ? h->longest.value : h->shortest.value;
    if (!above && !below)
        snprintf(out, size, whole ? "%.3g minutes" : "%.3g", minutes);
    else if (whole)
        snprintf(out, size, "%s task, %.6g minutes", above ? "longer than the longest" : "shorter than the shortest",
                 end);
    else
        snprintf(out, size, "%s %.6g", above ? "over" : "under", end);
}

static void put_lost(char *out, size_t size, const struct cs_report_task_horizon *h, int share)
{
    const struct cs_report_figure bound[] = {h->lost_failed[share], h->lost_done[share]};
    char text[2][64];
    for (int i = 0; i < 2; i++) {
        snprintf(text[i], sizeof text[i], "not known");
        if (bound[i].known)
            put_length(text[i], sizeof text[i], bound[i].value, h, false);
    }
    snprintf(out, size, "; %u runs lost: %s if all failed, %s if all succeeded", h->lost, text[0], text[1]);
}

struct cs_words_horizon cs_words_horizon(const struct cs_report_task_horizon *h, int share)
{
    const struct cs_report_figure at = h->horizon[share];
    const struct cs_report_span ci = h->horizon_ci[share];
    const bool outside = at.known && ((at.value > h->longest.value && ci.low > h->longest.value) ||
                                      (at.value < h->shortest.value && ci.high < h->shortest.value));
    char point[96] = "no horizon", low[64] = "", high[64] = "", lost[192] = "";
    struct cs_words_horizon out;
    if (at.known)
        put_length(point, sizeof point, at.value, h, true);
    if (at.known && ci.known && !outside) {
        put_length(low, sizeof low, ci.low, h, false);
        put_length(high, sizeof high, ci.high, h, false);
    }
    if (h->lost > 0)
        put_lost(lost, sizeof lost, h, share);
    snprintf(out.s, sizeof out.s, "%s%s%s%s%s%s%s%s%s", point, low[0] != '\0' ? " (" : "", low,
             low[0] != '\0' ? " to " : "", high, low[0] != '\0' ? ")" : "", h->why[0] != '\0' ? "; " : "", h->why,
             lost);
    return out;
}
