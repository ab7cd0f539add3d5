#include "tools/screen/run_notes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/study/sunset.h"
#include "protocol/study/template.h"
#include "tools/base/typed.h"

enum {
    SILENT_MS = 5000,    /* so long without any answer is worth a line */
    OTHER_MS = 20000,    /* so long one trouble of a lane is told, not the next; workers may see several in turn */
    AGAIN_MS = 300000,   /* the same trouble, when it comes back */
    SHORTFALL_PART = 50, /* one in so many: 2 % */
};

struct cs_lane_said {
    char *reason; /* as last said, NULL: none */
    uint64_t said_ms;
    bool troubled; /* it holds */
    bool waits;    /* "no answer yet" was said */
};

void cs_run_notes_init(struct cs_run_notes *n, const struct cs_study *study, const char *ending, const char *resuming,
                       bool of_several)
{
    *n = (struct cs_run_notes){.study = study, .ending = ending, .resuming = resuming, .of_several = of_several};
}

void cs_run_notes_release(struct cs_run_notes *n)
{
    for (uint32_t i = 0; i < n->n; i++)
        free(n->lanes[i].reason);
    free(n->lanes);
    *n = (struct cs_run_notes){0};
}

/* Without how many workers say so: that changes all the time. */
static const char *bare(const char *reason)
{
    const char *p = reason + strspn(reason, "0123456789");
    if (p == reason || strncmp(p, " worker", 7) != 0)
        return reason;
    p = strstr(p, ": ");
    return p != NULL ? p + 2 : reason;
}

static bool is_held_up(const struct cs_progress_lane *l)
{
    const bool on = strcmp(l->state, "open") == 0 || strcmp(l->state, "paused") == 0;
    return on && l->reason[0] != '\0';
}

/* Calls go out, or should, and nothing has ever come back. */
static bool is_silent(const struct cs_progress_lane *l)
{
    return strcmp(l->state, "open") == 0 && l->leased > 0 && l->done == 0 && l->failed == 0;
}

static bool is_new(const struct cs_run_notes *n, const struct cs_progress *p, uint32_t i, uint64_t now_ms)
{
    const struct cs_progress_lane *l = &p->lanes[i];
    const struct cs_lane_said *s = &n->lanes[i];
    if (is_held_up(l)) {
        const bool same = s->reason != NULL && strcmp(s->reason, bare(l->reason)) == 0;
        const uint64_t pause = !same ? OTHER_MS : s->troubled ? UINT64_MAX : AGAIN_MS;
        return s->reason == NULL || now_ms - s->said_ms > pause;
    }
    if (s->troubled)
        return true;
    return !s->waits && s->reason == NULL && is_silent(l) && now_ms - n->since_ms > SILENT_MS;
}

bool cs_run_notes_look(struct cs_run_notes *n, const struct cs_progress *p, uint64_t now_ms)
{
    bool some = false;
    if (n->since_ms == 0)
        n->since_ms = now_ms;
    if (n->n < p->n_lanes) {
        n->lanes = cs_xrealloc(n->lanes, p->n_lanes, sizeof *n->lanes);
        memset(n->lanes + n->n, 0, (p->n_lanes - n->n) * sizeof *n->lanes);
        n->n = p->n_lanes;
    }
    for (uint32_t i = 0; i < p->n_lanes; i++)
        some |= is_new(n, p, i, now_ms);
    return some;
}

static const char *address_of(const struct cs_study *study, uint32_t lane)
{
    const struct cs_account *a = lane < study->n_models ? &study->accounts[study->models[lane].account] : NULL;
    return a == NULL || a->simulated || a->base_url[0] == '\0' ? "the provider" : a->base_url;
}

/* A command that works as it stands there. */
static void say_resuming(const struct cs_run_notes *n, const struct cs_progress_lane *l, FILE *out)
{
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    cs_buf_str(&b, n->resuming);
    cs_typed_quote(&b, l->model);
    if (n->of_several) {
        cs_buf_str(&b, " --study");
        cs_typed_quote(&b, n->study->name);
    }
    fprintf(out, "  %s lets it go on all the same.\n", cs_buf_cstr(&b));
    cs_buf_release(&b);
}

void cs_run_notes_say(struct cs_run_notes *n, const struct cs_progress *p, uint64_t now_ms, FILE *out)
{
    const char *of = n->of_several ? n->study->name : "", *then = n->of_several ? ": " : "";
    bool how = false;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        struct cs_lane_said *s = &n->lanes[i];
        if (!is_new(n, p, i, now_ms))
            continue;
        if (is_held_up(l)) {
            fprintf(out, "%s%s%s: %s%s\n", of, then, l->model, cs_progress_lane_is_by_hand(l) ? "paused by hand: " : "",
                    bare(l->reason));
            if (strcmp(l->state, "paused") == 0)
                say_resuming(n, l, out);
            free(s->reason);
            s->reason = cs_xstrdup(bare(l->reason));
            s->said_ms = now_ms;
            s->troubled = how = true;
        } else if (s->troubled) {
            if (strcmp(l->state, "open") == 0)
                fprintf(out, "%s%s%s: goes on\n", of, then, l->model);
            s->troubled = false;
        } else {
            fprintf(out, "%s%s%s: no answer yet from %s; waiting\n", of, then, l->model, address_of(n->study, l->lane));
            s->waits = how = true;
        }
    }
    if (!how || (n->told_ms != 0 && now_ms - n->told_ms < AGAIN_MS))
        return;
    n->told_ms = now_ms;
    fprintf(out, "  %s ends the run and keeps every answer; the same command continues it.\n", n->ending);
}

void cs_run_notes_sunsets(const struct cs_study *s, FILE *out)
{
    char words[160];
    for (uint32_t i = 0; i < s->n_models; i++) {
        cs_sunset_words(s->models[i].sunset_ms, cs_clock_wall_ms(), 0, words, sizeof words);
        if (words[0] != '\0')
            fprintf(out, "%s: %s\n", s->models[i].name, words);
    }
}

/* ---- at the end ------------------------------------------------------------------------------------ */

enum { KINDS = 4 };
static const struct kind {
    const char *name;
    enum cs_outcome outcome; /* how an answer ended; CS_OUTCOMES: trials that failed */
    const char *option, *does;
} kinds[KINDS] = {
    {"timeout", CS_OUTCOME_timeout, "--retry-timeouts", "asks the timeouts again"},
    {"truncated", CS_OUTCOME_truncated, NULL,
     "a larger max_output_tokens of the study, or `omit` for the model in the providers file, leaves room for whole answers"},
    {"unparsable", CS_OUTCOME_unparsable, "--retry-unparsable",
     "asks the unparsable again; `clinsafe export` shows their texts, and after `reading: lenient` for its account `clinsafe "
     "reread --dry-run` how many of them read, at no cost"},
    {"failed", CS_OUTCOMES, "--retry", "plans the failed again; `clinsafe export --all` shows why they failed"},
};

static uint64_t count_of(const struct cs_progress_lane *l, int kind)
{
    return kinds[kind].outcome == CS_OUTCOMES ? l->failed : l->counters.outcome[kinds[kind].outcome];
}

static bool say_shortfall(const struct cs_progress_lane *l, FILE *out)
{
    uint64_t n = 0;
    const char *separator = "";
    for (int k = 0; k < KINDS; k++)
        n += count_of(l, k);
    if (l->planned == 0 || n * SHORTFALL_PART <= l->planned)
        return false;
    fprintf(out,
            "clinsafe: %s: %" PRIu64 " of %" PRIu64 " trials (%.1f %%) have no answer that can be used: ", l->model, n,
            l->planned, 100 * (double)n / (double)l->planned);
    for (int k = 0; k < KINDS; k++) {
        if (count_of(l, k) == 0)
            continue;
        fprintf(out, "%s%" PRIu64 " %s", separator, count_of(l, k), kinds[k].name);
        separator = ", ";
    }
    fputc('\n', out);
    return true;
}

/* A judge's reply is read strictly, and drawn again by declaration. */
static const char *what_it_does(const struct cs_study *s, const struct kind *k)
{
    if (k->outcome == CS_OUTCOME_unparsable && cs_template_study_judges(s))
        return "asks the unparsable again; `clinsafe export` shows their texts; judge: {again: N} in the study does it by "
               "itself";
    return k->does;
}

bool cs_run_notes_shortfalls(const struct cs_study *s, const struct cs_progress *p, const char *again, FILE *out)
{
    bool some = false, has[KINDS] = {false};
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (!say_shortfall(&p->lanes[i], out))
            continue;
        some = true;
        for (int k = 0; k < KINDS; k++)
            has[k] |= count_of(&p->lanes[i], k) > 0;
    }
    for (int k = 0; k < KINDS; k++) {
        if (has[k] && kinds[k].option != NULL)
            fprintf(out, "  %s: `%s %s` %s\n", kinds[k].name, again, kinds[k].option, what_it_does(s, &kinds[k]));
        else if (has[k])
            fprintf(out, "  %s: %s\n", kinds[k].name, kinds[k].does);
    }
    return some;
}

int cs_run_notes_end(const struct cs_study *s, const struct cs_progress *p, const char *again, FILE *out)
{
    const bool short_of = cs_run_notes_shortfalls(s, p, again, out);
    if (p->done == p->planned)
        return short_of ? 2 : 0;
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (strcmp(p->lanes[i].state, "stopped") == 0)
            fprintf(out, "clinsafe: %s stopped: %s\n", p->lanes[i].model, p->lanes[i].reason);
    }
    uint64_t quarantined = 0;
    for (uint32_t i = 0; i < p->n_lanes; i++)
        quarantined += p->lanes[i].quarantined;
    if (quarantined > 0)
        fprintf(out, "clinsafe: %llu trials are quarantined: each of them ended its workers, whichever they were\n",
                (unsigned long long)quarantined);
    if (p->failed > 0 && !short_of)
        fprintf(out,
                "clinsafe: %llu trials failed; `clinsafe export` shows why, `clinsafe run --retry` plans them again\n",
                (unsigned long long)p->failed);
    return 2;
}
