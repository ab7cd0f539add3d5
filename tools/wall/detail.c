#include "tools/wall/detail.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "tools/wall/fields.h"
#include "tools/wall/table.h"

enum { WORKERS_ROWS_MAX = 12 };

struct part { /* of a page */
    struct cs_wall_page *page;
    struct cs_arena *arena;
    unsigned columns, until; /* no line at or beyond this */
};

static void add(struct part *p, enum cs_wall_style style, const char *text)
{
    char line[CS_WALL_LINE_MAX];
    if (p->page->n >= p->until || p->page->n >= CS_WALL_ROWS_MAX)
        return;
    snprintf(line, sizeof line, "%s", text);
    cs_wall_table_cut(line, p->columns);
    p->page->lines[p->page->n++] = (struct cs_wall_line){cs_arena_strdup(p->arena, line), style};
}

__attribute__((format(printf, 3, 4))) static void say(struct part *p, enum cs_wall_style style, const char *format, ...)
{
    char line[CS_WALL_LINE_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    add(p, style, line);
}

/* ---- workers ------------------------------------------------------------------------------------------------- */

unsigned cs_wall_detail_workers_rows(const struct cs_fleet_progress *f, unsigned left)
{
    const unsigned most = left / 4 < WORKERS_ROWS_MAX ? left / 4 : WORKERS_ROWS_MAX;
    if (most < 4)
        return 1;
    return f->n_workers + 1 < most ? f->n_workers + 1 : most;
}

static bool is_silent(const struct cs_wall_look *l, const struct cs_worker_info *w)
{
    return l->now_wall_ms - w->updated_wall_ms > CS_WALL_WORKER_SILENT_MS;
}

static void summary(const struct cs_wall_look *look, struct part *p)
{
    const struct cs_fleet_progress *f = look->fleet;
    uint64_t in_flight = 0, unacked = 0, mb = 0;
    unsigned silent = 0;
    for (uint32_t i = 0; i < f->n_workers; i++) {
        in_flight += f->workers[i].in_flight;
        unacked += f->workers[i].unacked;
        mb += f->workers[i].rss_mb;
        silent += is_silent(look, &f->workers[i]);
    }
    char silence[64] = "";
    if (silent > 0)
        snprintf(silence, sizeof silence, " (%u silent)", silent);
    say(p, silent > 0 ? CS_WALL_NEEDS : CS_WALL_PLAIN,
        "WORKERS %u%s  in flight %llu  not yet on disk %llu  memory %.1f GB", f->n_workers, silence,
        (unsigned long long)in_flight, (unsigned long long)unacked, (double)mb / 1024);
}

void cs_wall_detail_workers(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                            struct cs_wall_page *out)
{
    static const struct cs_wall_column table[] = {
        {"WORKER", 0, false, 12}, {"HOST", 3, false, 8},     {"AGE", 4, true, 0},
        {"SEEN", 1, true, 0},     {"IN FLIGHT", 0, true, 0}, {"NOT ON DISK", 2, true, 0},
        {"CALLS", 3, true, 0},    {"MEMORY", 5, true, 0},    {"VERSION", 6, false, 0},
    };
    const struct cs_fleet_progress *f = look->fleet;
    struct part p = {out, arena, columns, out->n + rows};
    struct cs_wall_table t = {.arena = arena, .columns = table, .n_columns = sizeof table / sizeof *table};
    struct cs_wall_layout layout;
    char line[CS_WALL_LINE_MAX], text[CS_TEXT_MAX_LEN];
    if (rows < 2) {
        summary(look, &p);
        return;
    }
    for (uint32_t i = 0; i < f->n_workers; i++) {
        const struct cs_worker_info *w = &f->workers[i];
        const double seen = (double)(look->now_wall_ms - w->updated_wall_ms) / 1e3;
        const char **cells = cs_wall_table_row(&t);
        cells[0] = w->name;
        cells[1] = w->host;
        cells[2] = cs_arena_strdup(arena,
                                   cs_text_duration(text, (double)(look->now_wall_ms - w->started_wall_ms) / 1e3));
        cells[3] = cs_arena_printf(arena, "%.0f s%s", seen > 0 ? seen : 0, is_silent(look, w) ? " silent" : "");
        cells[4] = cs_arena_printf(arena, "%u", w->in_flight);
        cells[5] = cs_arena_printf(arena, "%u", w->unacked);
        cells[6] = cs_arena_strdup(arena, cs_text_count(text, w->finished_calls));
        cells[7] = cs_arena_printf(arena, "%u MiB", w->rss_mb);
        cells[8] = w->version;
    }
    cs_wall_table_fit(&t, columns, &layout);
    cs_wall_table_line(&t, &layout, UINT_MAX, line, sizeof line);
    add(&p, CS_WALL_SOFT, line);
    const unsigned shown = f->n_workers < rows ? f->n_workers : rows - 2;
    for (unsigned i = 0; i < shown; i++) {
        cs_wall_table_line(&t, &layout, i, line, sizeof line);
        add(&p, is_silent(look, &f->workers[i]) ? CS_WALL_NEEDS : CS_WALL_PLAIN, line);
    }
    if (shown < f->n_workers)
        say(&p, CS_WALL_SOFT, "and %u more", f->n_workers - shown);
}

/* ---- how calls end ------------------------------------------------------------------------------------------ */

static const char *end_words(enum cs_tally_end e)
{
    static const char *const words[] = {
        [CS_TALLY_answered] = "answered", [CS_TALLY_limited] = "limited (429)",   [CS_TALLY_timeouts] = "timed out",
        [CS_TALLY_lost] = "lost",         [CS_TALLY_refused] = "refused the key", [CS_TALLY_errors] = "errors",
    };
    return words[e];
}

void cs_wall_detail_ends(const struct cs_wall_look *look, char *out, size_t size)
{
    const struct cs_fleet_progress *f = look->fleet;
    double sum[CS_TALLY_ENDS_N] = {0};
    bool known = false;
    for (uint32_t i = 0; i < f->n_studies; i++) {
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++) {
            const struct cs_progress_lane *l = &f->studies[i].lanes[k];
            const struct cs_wall_figures now = cs_wall_past_figures(l);
            struct cs_wall_pace pace;
            if (!cs_wall_past_pace(look->past, cs_wall_past_key(f->studies[i].study, l), &now, look->now_ms, &pace))
                continue;
            known = true;
            for (int e = 0; e < CS_TALLY_ENDS_N; e++)
                sum[e] += pace.ended[e];
        }
    }
    int n = snprintf(out, size, "CALLS A MINUTE");
    if (!known)
        snprintf(out + n, size - (size_t)n, "  -");
    for (int e = 0; known && e < CS_TALLY_ENDS_N && n > 0 && (size_t)n < size; e++) {
        char count[CS_TEXT_MAX_LEN];
        if (sum[e] > 0.5 || e == CS_TALLY_answered)
            n += snprintf(out + n, size - (size_t)n, "  %s %s", cs_text_count(count, (uint64_t)(sum[e] + 0.5)),
                          end_words((enum cs_tally_end)e));
    }
}

/* ---- one lane --------------------------------------------------------------------------------------------------- */

static void quarantined(const struct cs_progress_lane *l, struct part *p)
{
    for (uint32_t i = 0; i < l->n_quarantine; i++) {
        const struct cs_progress_quarantined *q = &l->quarantine[i];
        say(p, CS_WALL_NEEDS, "  quarantined: case %s %s %s repeat %u: %u workers ended during its call", q->case_id,
            q->condition, q->question, q->repeat, q->losses);
    }
    if (l->quarantined > l->n_quarantine)
        say(p, CS_WALL_NEEDS, "  quarantined: %llu more", (unsigned long long)(l->quarantined - l->n_quarantine));
}

static void counts(const struct cs_progress_lane *l, struct part *p)
{
    char a[CS_TEXT_MAX_LEN], b[CS_TEXT_MAX_LEN];
    for (int o = 0; o < CS_OUTCOMES; o++) {
        const uint64_t n = l->counters.outcome[o];
        if (n > 0 || o == CS_OUTCOME_ok)
            say(p, CS_WALL_PLAIN, "  %-18s %12s  %5.1f %%", cs_outcome_name((enum cs_outcome)o), cs_text_count(a, n),
                100.0 * (double)n / (double)(l->done + l->failed > 0 ? l->done + l->failed : 1));
    }
    say(p, CS_WALL_PLAIN, "  tokens             %12s in   %s out", cs_text_tokens(a, l->counters.input_tokens),
        cs_text_tokens(b, l->counters.output_tokens));
    say(p, CS_WALL_PLAIN, "  cost               %12s",
        l->unpriced ? "unknown" : cs_text_usd(a, l->counters.cost_nano_usd));
    for (int e = 0; e < CS_TALLY_ENDS_N; e++) {
        if (l->tally.ended[e] > 0)
            say(p, CS_WALL_PLAIN, "  calls %-12s %12s", end_words((enum cs_tally_end)e),
                cs_text_count(a, l->tally.ended[e]));
    }
}

void cs_wall_detail_lane(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                         struct cs_wall_page *out)
{
    struct part p = {out, arena, columns, out->n + rows};
    const struct cs_progress_lane *l = out->lane;
    char done[CS_TEXT_MAX_LEN], wanted[CS_TEXT_MAX_LEN], eta[CS_TEXT_MAX_LEN], p50[CS_TEXT_MAX_LEN],
        p95[CS_TEXT_MAX_LEN];
    (void)look;
    if (l == NULL)
        return;
    say(&p, CS_WALL_HEAD, "%s of %s, generation %u: %s", l->model, out->study->study, l->gen, l->state);
    if (l->reason[0] != '\0')
        say(&p, CS_WALL_NEEDS, "  %s", l->reason);
    if (l->served != NULL && l->served[0] != '\0')
        say(&p, CS_WALL_NEEDS, "  %s", l->served);
    say(&p, CS_WALL_PLAIN, "  %s of %s ended, %.1f a second, %s; %u calls in flight, %llu trials leased",
        cs_text_count(done, l->done + l->failed), cs_text_count(wanted, l->planned - l->cancelled), l->outputs_per_s,
        l->eta_s < 0 ? "no end in sight" : cs_text_duration(eta, l->eta_s), l->in_flight,
        (unsigned long long)l->leased);
    say(&p, CS_WALL_PLAIN, "  a call takes %s, one in twenty more than %s (of the last minutes)",
        cs_wall_fields_seconds(p50, cs_tally_quantile(l->tally.recent, 0.5)),
        cs_wall_fields_seconds(p95, cs_tally_quantile(l->tally.recent, 0.95)));
    say(&p, CS_WALL_PLAIN, "  binds: %s", cs_wall_fields_binds(l, arena));
    counts(l, &p);
    quarantined(l, &p);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

void cs_wall_detail_events(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                           struct cs_wall_page *out)
{
    static const char *const words[] = {"by", "act", "study", "subject", "detail", "reason"};
    struct part p = {out, arena, columns, out->n + rows};
    struct cs_json *list = look->events != NULL ? cs_json_loads(look->events, 0, NULL) : NULL;
    const size_t n = cs_json_array_size(list);
    if (n == 0)
        add(&p, CS_WALL_SOFT, look->events != NULL ? "no event yet" : "the coordinator does not tell its events");
    for (size_t i = n; i > 0 && out->n < p.until; i--) {
        const struct cs_json *e = cs_json_array_get(list, i - 1);
        char line[CS_WALL_LINE_MAX], at[CS_TEXT_MAX_LEN];
        int used = snprintf(line, sizeof line, "%s ",
                            cs_wall_fields_clock(at, cs_json_integer_value(cs_json_object_get(e, "at"))));
        for (size_t k = 0; k < sizeof words / sizeof *words && used > 0 && (size_t)used < sizeof line; k++) {
            const char *s = cs_json_string_value(cs_json_object_get(e, words[k]));
            if (s != NULL && s[0] != '\0')
                used += snprintf(line + used, sizeof line - (size_t)used, " %s", cs_plain_in(arena, s));
        }
        add(&p, CS_WALL_PLAIN, line);
    }
    cs_json_decref(list);
}
