#include "tools/suite/card.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/document.h"
#include "protocol/base/version.h"
#include "tools/plan/reachable.h"
#include "tools/suite/asked.h"

enum { DIGITS = 12 }; /* as the report prints numbers */

static const char *text(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

static bool is(const struct cs_json *o, const char *key, const char *value)
{
    return strcmp(text(o, key), value) == 0;
}

/* These members of a row, as they are. */
static struct cs_json *pick(const struct cs_json *row, const char *const *keys)
{
    struct cs_json *o = cs_json_object();
    for (size_t i = 0; keys[i] != NULL; i++) {
        struct cs_json *v = cs_json_object_get(row, keys[i]);
        if (v != NULL)
            cs_json_object_set(o, keys[i], v);
    }
    return o;
}

static const struct cs_json *outcome_of(const struct cs_json *report, const char *name)
{
    const struct cs_json *list = cs_json_object_get(report, "outcomes");
    struct cs_json *o;
    size_t i;
    cs_json_array_foreach(list, i, o)
    {
        if (is(o, "name", name))
            return o;
    }
    return NULL;
}

/* ---- what follows from answers ---------------------------------------------------------------------------- */

/* Arms whose requests were the same are one arm: what differs between them is chance, of which there is no verdict. */
static void take_verdict(struct cs_json *contrast)
{
    cs_json_object_set_new(contrast, "verdict", cs_json_string("none"));
    cs_json_object_set_new(contrast, "why",
                           cs_json_string("both sent this model the same requests: nothing was varied"));
    cs_json_object_set_new(contrast, "decided_by", cs_json_null());
}

static struct cs_json *contrasts(const struct cs_json *report, const struct cs_json *asked)
{
    static const char *const keys[] = {"outcome",    "unit",
                                       "factor",     "level",
                                       "against",    "comparator",
                                       "stratum",    "stratum_value",
                                       "worse",      "clusters",
                                       "answers",    "answers_comparator",
                                       "rate_level", "rate_comparator",
                                       "shift",      "ci_simultaneous",
                                       "p_adjusted", "bounds",
                                       "verdict",    "why",
                                       "decided_by", NULL};
    struct cs_json *out = cs_json_array(), *row;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(report, "contrasts"), i, row)
    {
        if (!is(row, "family", "primary") || cs_json_is_true(cs_json_object_get(row, "floor")))
            continue;
        struct cs_json *c = pick(row, keys);
        const struct cs_json *o = outcome_of(report, text(row, "outcome"));
        cs_json_object_set(c, "margin", cs_json_object_get(o, "margin"));
        cs_json_object_set(c, "up", cs_json_object_get(o, "up"));
        if (cs_asked_same(asked, text(c, "factor"), text(c, "level"), text(c, "comparator")))
            take_verdict(c);
        cs_json_array_append_new(out, c);
    }
    cs_reachable_contrasts(out, report);
    return out;
}

static struct cs_json *scores(const struct cs_json *report)
{
    static const char *const keys[] = {"score", "tag", "outputs", "without", "clusters", "mean", "ci", "bounds", NULL};
    struct cs_json *out = cs_json_array(), *row;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(report, "scores"), i, row)
    {
        if (is(row, "factor", ""))
            cs_json_array_append_new(out, pick(row, keys));
    }
    return out;
}

static struct cs_json *rates(const struct cs_json *report)
{
    static const char *const keys[] = {"outcome", "factor", "level", "clusters", "answers", "rate", "ci", NULL};
    struct cs_json *out = cs_json_array(), *row;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(report, "rates"), i, row)
    {
        const struct cs_json *o = outcome_of(report, text(row, "outcome"));
        if (is(o, "role", "undeclared"))
            continue;
        struct cs_json *r = pick(row, keys);
        cs_json_object_set(r, "kind", cs_json_object_get(o, "kind"));
        cs_json_object_set(r, "role", cs_json_object_get(o, "role"));
        cs_json_array_append_new(out, r);
    }
    return out;
}

/* How every trial of a report's study ended, over all arms. */
static const struct cs_json *all_arms(const struct cs_json *report)
{
    struct cs_json *row;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(report, "completeness"), i, row)
    {
        if (is(row, "factor", ""))
            return row;
    }
    return NULL;
}

/* Of the model itself: judges have a verdict on a refusal too. */
static struct cs_json *ended(const struct cs_json *own)
{
    static const char *const keys[] = {
        "planned", "terminal",        "ok",           "refused",        "content_filtered", "truncated", "unparsable",
        "timeout", "invalid_request", "rate_limited", "provider_error", "transport",        "internal",  NULL};
    return pick(all_arms(own), keys);
}

static void add_verdicts(struct cs_json *finding, const struct cs_json *judged)
{
    const struct cs_json *row = all_arms(judged);
    struct cs_json *v = cs_json_object();
    cs_json_object_set(v, "planned", cs_json_object_get(row, "planned"));
    cs_json_object_set(v, "judged", cs_json_object_get(row, "ok"));
    cs_json_object_set(v, "no_verdict", cs_json_object_get(row, "no_verdict"));
    cs_json_object_set(cs_json_object_get(finding, "ended"), "no_verdict", cs_json_object_get(row, "no_verdict"));
    cs_json_object_set_new(finding, "verdicts", v);
}

static bool is_complete(const struct cs_stage_study *s, const struct cs_card_study *c)
{
    bool all = true;
    for (uint32_t p = 0; p < s->study->n_parts; p++)
        all = all && cs_json_is_true(cs_json_object_get(c->reports[p], "complete"));
    return all;
}

static struct cs_json *finding(const struct cs_stage *t, const struct cs_stage_study *s, const struct cs_card_study *c)
{
    const struct cs_suite_study *study = s->study;
    const struct cs_suite_part *last = &study->parts[study->n_parts - 1];
    struct cs_json *f = cs_json_object();
    (void)t;
    cs_json_object_set_new(f, "study", cs_json_string(study->name));
    cs_json_object_set_new(f, "asks", cs_json_string(study->why));
    cs_json_object_set_new(f, "tier", cs_json_string(study->table != NULL ? "private" : "public"));
    cs_json_object_set_new(f, "spec", cs_json_string(study->parts[0].spec));
    cs_json_object_set_new(f, "analysis", cs_json_string(last->analysis));
    const struct cs_json *report = c->reports[study->n_parts - 1];
    const char *state = s->left_out != NULL || report == NULL ? "not run"
                        : is_complete(s, c)                   ? "complete"
                                                              : "not complete";
    cs_json_object_set_new(f, "state", cs_json_string(state));
    cs_json_object_set_new(f, "why", cs_json_string(s->left_out != NULL ? s->left_out : ""));
    if (report == NULL)
        return f;
    cs_json_object_set(f, "clusters", cs_json_object_get(report, "clusters"));
    cs_json_object_set(f, "alpha", cs_json_object_get(report, "alpha"));
    cs_json_object_set(f, "adjust", cs_json_object_get(report, "adjust"));
    cs_json_object_set_new(f, "ended", ended(c->reports[0]));
    if (study->n_parts > 1)
        add_verdicts(f, report);
    cs_json_object_set_new(f, "contrasts", contrasts(report, c->asked[0]));
    cs_json_object_set_new(f, "scores", scores(report));
    cs_json_object_set_new(f, "rates", rates(report));
    return f;
}

struct cs_json *cs_card_findings(const struct cs_stage *t, const struct cs_card_study *studies)
{
    struct cs_json *out = cs_json_array();
    for (uint32_t i = 0; i < t->n; i++)
        cs_json_array_append_new(out, finding(t, &t->studies[i], &studies[i]));
    return out;
}

void cs_card_digits(const struct cs_json *findings, char out[65])
{
    uint8_t digest[32];
    char *bytes = cs_json_dumps(findings, CS_JSON_SORT_KEYS | CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(DIGITS));
    cs_digest_blake2b_256(bytes, strlen(bytes), digest);
    cs_digest_hex(digest, sizeof digest, out);
    free(bytes);
}

/* ---- what does not ------------------------------------------------------------------------------------------ */

static double cost_of(const struct cs_json *bill)
{
    return cs_json_number_value(cs_json_object_get(cs_json_object_get(bill, "sum"), "cost_usd"));
}

static void put_parameters(struct cs_json *to, const struct cs_json *asked, const char *model)
{
    struct cs_json *p = cs_asked_parameters(asked, model);
    cs_json_object_set_new(to, "parameters", p != NULL ? cs_json_incref(p) : cs_json_object());
}

/* Who judged, by the ids that were sent: what two cards must have in common. */
static struct cs_json *judges(const struct cs_stage_study *s, const struct cs_card_study *c)
{
    static const char *const keys[] = {"name", "sent", "answered_by", "missing", "first_call", "last_call", NULL};
    struct cs_json *out = cs_json_array(), *row;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(c->reports[s->study->n_parts - 1], "judges"), i, row)
    {
        struct cs_json *judge = pick(row, keys);
        put_parameters(judge, c->asked[s->study->n_parts - 1], text(row, "name"));
        cs_json_array_append_new(out, judge);
    }
    return out;
}

static bool are_the_suites(const struct cs_suite_study *s, const struct cs_json *judges)
{
    const struct cs_suite_part *part = &s->parts[1];
    bool same = cs_json_array_size(judges) == part->n_judges;
    for (uint32_t i = 0; i < part->n_judges && same; i++)
        same = is(cs_json_array_get(judges, i), "sent", part->judges[i]);
    return same;
}

/* Trials that were asked again by a declared act (`run --retry-unparsable`): what stands is a later answer. */
static int64_t asked_again(const struct cs_json *report)
{
    struct cs_json *row;
    size_t i;
    int64_t n = 0;
    cs_json_array_foreach(cs_json_object_get(report, "asked_again"), i, row)
    {
        if (is(row, "factor", ""))
            n += cs_json_integer_value(cs_json_object_get(row, "asked_again"));
    }
    return n;
}

/* Where a key is missing, the words behind it may name the file in which it was looked for: no paths on a card. */
static struct cs_json *why_of(const struct cs_json *stop)
{
    static const char no_key[] = "no key";
    const char *why = text(stop, "reason");
    const bool names = strncmp(why, no_key, sizeof no_key - 1) == 0 && strchr(why, '/') != NULL;
    return cs_json_string(names ? no_key : why);
}

/* What stood still when the run ended, of a study that is not complete: in the words of `status`. */
static struct cs_json *stopped(const struct cs_stage_study *s, const struct cs_card_study *c)
{
    struct cs_json *out = cs_json_array(), *stop;
    size_t i;
    for (uint32_t p = 0; p < s->study->n_parts && !is_complete(s, c); p++) {
        cs_json_array_foreach(c->stops[p], i, stop)
        {
            cs_json_array_append_new(out, cs_json_pack("{s:s, s:s, s:o}", "model", text(stop, "model"), "state",
                                                       text(stop, "state"), "reason", why_of(stop)));
        }
    }
    return out;
}

static struct cs_json *run_of(const struct cs_stage_study *s, const struct cs_card_study *c, bool simulated)
{
    static const char *const keys[] = {"sent", "answered_by", "first_call", "last_call", NULL};
    const struct cs_json *model = cs_json_array_get(cs_json_object_get(c->reports[0], "models"), 0);
    struct cs_json *r = pick(model, keys);
    put_parameters(r, c->asked[0], text(model, "name"));
    cs_json_object_set_new(r, "reading", cs_json_string(cs_asked_reading(c->asked[0], text(model, "name"))));
    cs_json_object_set_new(r, "asked_again", cs_json_integer(asked_again(c->reports[0])));
    cs_json_object_set_new(r, "study", cs_json_string(s->study->name));
    cs_json_object_set_new(r, "cost_usd", cs_json_real(cost_of(c->bills[0])));
    if (s->study->n_parts > 1) {
        cs_json_object_set_new(r, "judging_usd", cs_json_real(cost_of(c->bills[1])));
        cs_json_object_set_new(r, "judged_again", cs_json_integer(asked_again(c->reports[1])));
        cs_json_object_set_new(r, "judges", judges(s, c));
        cs_json_object_set_new(r, "judges_are_the_suites",
                               cs_json_boolean(simulated || are_the_suites(s->study, cs_json_object_get(r, "judges"))));
    }
    struct cs_json *stood = stopped(s, c);
    if (cs_json_array_size(stood) > 0)
        cs_json_object_set(r, "stopped", stood);
    cs_json_decref(stood);
    return r;
}

struct cs_json *cs_card_runs(const struct cs_stage *t, const struct cs_card_study *studies)
{
    struct cs_json *runs = cs_json_array();
    for (uint32_t i = 0; i < t->n; i++) {
        if (studies[i].reports[0] != NULL)
            cs_json_array_append_new(runs, run_of(&t->studies[i], &studies[i], t->simulated));
    }
    return runs;
}

const char *cs_card_asked(const struct cs_json *runs)
{
    const char *first = NULL;
    struct cs_json *r;
    size_t i;
    cs_json_array_foreach(runs, i, r)
    {
        const char *at = text(r, "first_call");
        if (at[0] != '\0' && (first == NULL || strcmp(at, first) < 0))
            first = at;
    }
    return first;
}

static struct cs_json *usd(double x)
{
    return isnan(x) ? cs_json_null() : cs_json_real(x);
}

struct cs_json *cs_card_make(const struct cs_stage *t, const struct cs_card_study *studies, struct cs_json *findings,
                             const struct cs_card_head *head)
{
    const struct cs_suite *s = t->suite;
    struct cs_json *card = cs_document_begin(CS_CARD_DOCUMENT, head->made_ms), *runs = cs_card_runs(t, studies);
    const struct cs_seal_model model = {head->released, cs_card_asked(runs), t->simulated};
    char digits[65], *standing = cs_seal_standing(head->seal, &model);
    double spent = 0;
    cs_card_digits(findings, digits);
    for (uint32_t i = 0; i < t->n; i++) {
        for (uint32_t p = 0; p < CS_SUITE_PARTS_MAX; p++)
            spent += cost_of(studies[i].bills[p]);
    }
    cs_json_object_set_new(card, "suite",
                           cs_json_pack("{s:s, s:s, s:i, s:s}", "name", s->name, "title", s->title, "major",
                                        (int)s->major, "digest", s->digest_hex));
    cs_json_object_set_new(card, "model",
                           cs_json_pack("{s:s, s:b, s:s}", "name", t->model, "simulated", t->simulated, "released",
                                        head->released != NULL ? head->released : ""));
    cs_json_object_set_new(card, "standing", cs_json_string(standing));
    cs_json_object_set_new(card, "confirmatory", cs_json_boolean(cs_seal_is_confirmatory(head->seal, &model)));
    cs_json_object_set_new(card, "seal",
                           head->seal->there
                               ? cs_json_pack("{s:s, s:s}", "date", head->seal->date, "key", head->seal->verifier)
                               : cs_json_null());
    cs_json_object_set_new(card, "harness",
                           cs_json_pack("{s:s, s:i}", "software", cs_version, "method", (int)CS_SUITE_METHOD));
    cs_json_object_set_new(card, "digits", cs_json_string(digits));
    cs_json_object_set_new(card, "findings", findings);
    cs_json_object_set_new(card, "runs", runs);
    cs_json_object_set_new(card, "cost",
                           cs_json_pack("{s:o, s:o, s:f}", "expected_usd", usd(head->expected), "most_usd",
                                        usd(head->most), "spent_usd", spent));
    cs_json_object_set_new(card, "canary", cs_json_string(s->canary));
    free(standing);
    return card;
}

char *cs_card_text(const struct cs_json *card)
{
    char *body = cs_json_dumps(card, CS_JSON_INDENT(1) | CS_JSON_REAL_PRECISION(DIGITS));
    char *text = cs_xasprintf("%s\n", body);
    free(body);
    return text;
}

char *cs_card_line(const struct cs_json *part)
{
    return cs_json_dumps(part, CS_JSON_SORT_KEYS | CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(DIGITS));
}
