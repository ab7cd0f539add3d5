/* registered.c - what happened before the first output and since: registration, pilots, abandoned runs, looks at a pilot's contrasts. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/base/acts.h"
#include "tools/report/analysis/sections.h"

/* Days since 1970 of "2026-03-01..."; false: it is none. */
static bool day_of(const char *text, int64_t *out)
{
    struct tm tm = {0};
    if (strlen(text) < 10 || strptime(text, "%Y-%m-%d", &tm) == NULL)
        return false;
    *out = (int64_t)timegm(&tm) / 86400;
    return true;
}

/* The last registration of this analysis, else the last of all; NULL: none. */
static const struct cs_act *registration_of(const struct cs_report_work *w, const char *digest)
{
    const struct cs_act *found = NULL, *any = NULL;
    for (uint32_t i = 0; i < w->acts->n; i++) {
        const struct cs_act *a = &w->acts->list[i];
        if (strcmp(a->kind, CS_ACT_REGISTERED) != 0)
            continue;
        any = a;
        if (strcmp(a->analysis_digest, digest) == 0)
            found = a;
    }
    return found != NULL ? found : any;
}

static const char *first_output(const struct cs_report *r)
{
    const char *first = "";
    for (uint32_t m = 0; m < r->n_models; m++) {
        if (r->models[m].first_call[0] != '\0' && (first[0] == '\0' || strcmp(r->models[m].first_call, first) < 0))
            first = r->models[m].first_call;
    }
    return first;
}

static const char *days_text(struct cs_arena *a, int64_t days)
{
    return days == 0 ? "the same day"
                     : cs_arena_printf(a, "%" PRId64 " day%s %s", days < 0 ? -days : days,
                                       days == 1 || days == -1 ? "" : "s", days < 0 ? "earlier" : "later");
}

static const char *sentence_of(struct cs_report_work *w)
{
    struct cs_arena *a = &w->r->arena;
    const struct cs_report_declaration *d = &w->r->declared;
    const struct cs_act *act = registration_of(w, d->digest);
    const char *first = first_output(w->r);
    int64_t registered, output;
    if (act == NULL)
        return "The study is not registered.";
    const char *text = cs_arena_printf(a, "Registered %s (%s)", act->date, act->what);
    if (first[0] == '\0' || !day_of(act->date, &registered) || !day_of(first, &output))
        text = cs_arena_printf(a, "%s, no output yet.", text);
    else
        text = cs_arena_printf(a, "%s, first output %.10s: %s.", text, first, days_text(a, output - registered));
    if (strcmp(act->analysis_digest, d->digest) != 0)
        text = cs_arena_printf(
            a, "%s What was registered is another analysis (digest %.16s) than the one reported here (%.16s).", text,
            act->analysis_digest, d->digest);
    return text;
}

static void note_generations(struct cs_report_work *w)
{
    const struct cs_report_declaration *d = &w->r->declared;
    uint32_t run = 0, pilots = 0, abandoned = 0;
    for (uint32_t i = 0; i < d->n_generations; i++) {
        const struct cs_report_generation *g = &d->generations[i];
        run += g->outputs;
        pilots += g->outputs && g->pilot;
        abandoned += g->outputs && !g->pilot && !g->complete && !g->current;
    }
    if (run > 1)
        cs_analysis_work_note(
            w,
            "%u generations of the study were run: %u pilot%s, %u abandoned before completion. Reported is "
            "generation %u.",
            run, pilots, pilots == 1 ? "" : "s", abandoned, w->r->generation);
}

static void note_unblinded(struct cs_report_work *w)
{
    const struct cs_act *first = NULL;
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->acts->n; i++) {
        if (strcmp(w->acts->list[i].kind, CS_ACT_UNBLINDED) != 0)
            continue;
        first = first != NULL ? first : &w->acts->list[i];
        n++;
    }
    if (n > 0)
        cs_analysis_work_say_first(
            w, "The contrasts of a pilot (generation %u) were looked at, first on %.16s, %u time%s.", first->generation,
            first->when, n, n == 1 ? "" : "s");
}

void cs_analysis_registered(struct cs_report_work *w)
{
    struct cs_report_declaration *d = &w->r->declared;
    const struct cs_act *act;
    d->registration = d->registered_on = "";
    if (w->source->reader == NULL || w->acts == NULL)
        return;
    d->registration = sentence_of(w);
    act = registration_of(w, d->digest);
    d->registered_on = act != NULL ? cs_arena_strdup(&w->r->arena, act->date) : ""; /* the acts end before the page */
    note_generations(w);
    note_unblinded(w);
}

const struct cs_report_table cs_analysis_registered_tables[] = {{0}};
