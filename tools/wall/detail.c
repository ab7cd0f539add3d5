#include "tools/wall/detail.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "tools/screen/screen.h"
#include "tools/wall/alive.h"
#include "tools/wall/fields.h"
#include "tools/wall/lines.h"

enum { WORKERS_ROWS_MAX = 12 };

/* ---- workers ------------------------------------------------------------------------------------------------- */

/* The lost ones, those that are there, and the headings. */
unsigned cs_wall_detail_workers_rows(const struct cs_wall_look *look, unsigned left)
{
    const unsigned most = left / 4 < WORKERS_ROWS_MAX ? left / 4 : WORKERS_ROWS_MAX;
    const unsigned want = look->past->n_lost + look->fleet->n_workers + 1;
    if (most < 4)
        return 1;
    return want < most ? want : most;
}

static bool is_silent(const struct cs_wall_look *l, const struct cs_worker_info *w)
{
    return l->now_wall_ms - w->updated_wall_ms > CS_WALL_WORKER_SILENT_MS;
}

static void summary(const struct cs_wall_look *look, struct cs_wall_lines *p)
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
    char trouble[64] = "";
    if (silent > 0 || look->past->n_lost > 0)
        snprintf(trouble, sizeof trouble, " (%u silent, %u lost)", silent, look->past->n_lost);
    cs_wall_lines_say(p,
                      look->past->n_lost > 0 ? CS_WALL_DEAD
                      : silent > 0           ? CS_WALL_NEEDS
                                             : CS_WALL_PLAIN,
                      "WORKERS %u%s  in flight %llu  not yet on disk %llu  memory %.*f %s", f->n_workers, trouble,
                      (unsigned long long)in_flight, (unsigned long long)unacked, mb < 1024 ? 0 : 1,
                      mb < 1024 ? (double)mb : (double)mb / 1024, mb < 1024 ? "MiB" : "GiB");
}

static void worker_cells(const struct cs_wall_look *look, const struct cs_worker_info *w, struct cs_arena *arena,
                         const char **cells)
{
    const double seen = (double)(look->now_wall_ms - w->updated_wall_ms) / 1e3;
    char text[CS_TEXT_MAX_LEN];
    cells[0] = w->name;
    cells[1] = w->host;
    cells[2] = cs_arena_strdup(arena, cs_text_duration(text, (double)(look->now_wall_ms - w->started_wall_ms) / 1e3));
    cells[3] = cs_arena_printf(arena, "%.0f s%s", seen > 0 ? seen : 0, is_silent(look, w) ? " silent" : "");
    cells[4] = cs_arena_printf(arena, "%u", w->in_flight);
    cells[5] = cs_arena_printf(arena, "%u", w->unacked);
    cells[6] = cs_arena_strdup(arena, cs_text_count(text, w->finished_calls));
    cells[7] = cs_arena_printf(arena, "%u MiB", w->rss_mb);
    cells[8] = w->version;
}

static void lost_cells(const struct cs_wall_look *look, const struct cs_wall_worker *w, struct cs_arena *arena,
                       const char **cells)
{
    char text[CS_TEXT_MAX_LEN];
    const uint64_t gone = look->now_ms > w->told_ms ? look->now_ms - w->told_ms : 0;
    cells[0] = w->name;
    cells[1] = w->host;
    cells[3] = cs_arena_printf(arena, "%s LOST", cs_text_duration(text, (double)gone / 1e3));
    for (int i = 4; i < 8; i++)
        cells[i] = "-";
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
    const uint32_t n_lost = look->past->n_lost;
    struct cs_wall_lines p = {out, arena, columns, out->n + rows};
    struct cs_wall_table t = {.arena = arena, .columns = table, .n_columns = sizeof table / sizeof *table};
    enum cs_wall_style *styles = cs_arena_array(arena, n_lost + f->n_workers + 1, sizeof *styles);
    if (rows < 2) {
        summary(look, &p);
        return;
    }
    for (uint32_t i = 0; i < n_lost; i++) {
        styles[i] = CS_WALL_DEAD;
        lost_cells(look, &look->past->lost[i], arena, cs_wall_table_row(&t));
    }
    for (uint32_t i = 0; i < f->n_workers; i++) {
        styles[n_lost + i] = is_silent(look, &f->workers[i]) ? CS_WALL_NEEDS : CS_WALL_PLAIN;
        worker_cells(look, &f->workers[i], arena, cs_wall_table_row(&t));
    }
    cs_wall_lines_table(&p, &t, rows, UINT_MAX, styles);
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

static void quarantined(const struct cs_progress_lane *l, struct cs_wall_lines *p)
{
    for (uint32_t i = 0; i < l->n_quarantine; i++) {
        const struct cs_progress_quarantined *q = &l->quarantine[i];
        cs_wall_lines_say(p, CS_WALL_NEEDS, "  quarantined: case %s %s %s repeat %u: %u workers ended during its call",
                          q->case_id, q->condition, q->question, q->repeat, q->losses);
    }
    if (l->quarantined > l->n_quarantine)
        cs_wall_lines_say(p, CS_WALL_NEEDS, "  quarantined: %llu more",
                          (unsigned long long)(l->quarantined - l->n_quarantine));
}

/* What has become of the trials, and what of late. */
static void outcomes(const struct cs_wall_look *look, const struct cs_wall_page *page, struct cs_wall_lines *p)
{
    const struct cs_progress_lane *l = page->lane;
    const struct cs_wall_figures now = cs_wall_past_figures(l);
    const uint64_t ended = now.done > 0 ? now.done : 1;
    struct cs_wall_pace pace;
    const bool known = cs_wall_past_pace(look->past, cs_wall_past_key(page->study->study, l), &now, look->now_ms,
                                         &pace);
    for (int o = 0; o < CS_OUTCOMES; o++) {
        const uint64_t n = l->counters.outcome[o];
        char count[CS_TEXT_MAX_LEN], rate[CS_TEXT_MAX_LEN], late[2 * CS_TEXT_MAX_LEN] = "";
        if (n == 0 && o != CS_OUTCOME_ok)
            continue;
        if (known && pace.outcome[o] > 0)
            snprintf(late, sizeof late, "  +%s a minute", cs_wall_fields_rate(rate, pace.outcome[o]));
        cs_wall_lines_say(p, CS_WALL_PLAIN, "  %-18s %12s  %5.1f %%%s", cs_outcome_name((enum cs_outcome)o),
                          cs_text_count(count, n), 100.0 * (double)n / (double)ended, late);
    }
}

static void counts(const struct cs_progress_lane *l, struct cs_arena *arena, struct cs_wall_lines *p)
{
    char a[CS_TEXT_MAX_LEN], b[CS_TEXT_MAX_LEN];
    cs_wall_lines_say(p, CS_WALL_PLAIN, "  tokens             %12s in   %s out",
                      cs_text_tokens(a, l->counters.input_tokens), cs_text_tokens(b, l->counters.output_tokens));
    cs_wall_lines_say(p, CS_WALL_PLAIN, "  cost               %12s", cs_wall_fields_cost(l, arena));
    for (int e = 0; e < CS_TALLY_ENDS_N; e++) {
        if (l->tally.ended[e] > 0)
            cs_wall_lines_say(p, CS_WALL_PLAIN, "  calls %-12s %12s", end_words((enum cs_tally_end)e),
                              cs_text_count(a, l->tally.ended[e]));
    }
}

static void errors(const struct cs_progress_lane *l, struct cs_wall_lines *p)
{
    char count[CS_TEXT_MAX_LEN], position[CS_TEXT_MAX_LEN];
    for (uint32_t i = 0; i < l->n_errors; i++) {
        const struct cs_complaint *c = &l->errors[i];
        cs_wall_lines_say(p, CS_WALL_PLAIN, "  %12s x %s (first: trial %s)", cs_text_count(count, c->count),
                          c->sentence, cs_text_count(position, c->position));
    }
}

/* ", 5.2 a second, 9 h 33 min to go" */
static const char *speed(const struct cs_progress_lane *l, struct cs_arena *arena)
{
    char eta[CS_TEXT_MAX_LEN];
    if (l->done + l->failed + l->cancelled >= l->planned)
        return "";
    return cs_arena_printf(arena, ", %.1f a second, %s", l->outputs_per_s,
                           l->eta_s < 0 ? "no end in sight"
                                        : cs_arena_printf(arena, "%s to go", cs_text_duration(eta, l->eta_s)));
}

void cs_wall_detail_lane(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                         struct cs_wall_page *out)
{
    struct cs_wall_lines p = {out, arena, columns, out->n + rows};
    const struct cs_progress_lane *l = out->lane;
    char done[CS_TEXT_MAX_LEN], wanted[CS_TEXT_MAX_LEN], p50[CS_TEXT_MAX_LEN], p95[CS_TEXT_MAX_LEN];
    char since[2 * CS_TEXT_MAX_LEN];
    if (l == NULL)
        return;
    const bool is_stale = cs_wall_alive_silent_ms(look) > 0;
    cs_wall_lines_say(&p, CS_WALL_HEAD, "%s of %s, generation %u: %s%s", l->model, out->study->study, l->gen, l->state,
                      is_stale ? " when the coordinator was heard last" : "");
    if (cs_progress_lane_is_out(l))
        cs_wall_lines_say(&p, CS_WALL_DEAD, "  no answer %s",
                          cs_text_since(since, look->now_wall_ms, l->held_since_wall_ms));
    if (cs_progress_lane_is_by_hand(l))
        cs_wall_lines_say(&p, CS_WALL_NEEDS, "  paused by hand %s%s%s",
                          cs_text_since(since, look->now_wall_ms, l->held_since_wall_ms),
                          l->reason[0] != '\0' ? ": " : "", l->reason);
    else if (l->reason[0] != '\0')
        cs_wall_lines_say(&p, CS_WALL_NEEDS, "  %s", l->reason);
    if (l->served != NULL && l->served[0] != '\0')
        cs_wall_lines_say(&p, CS_WALL_NEEDS, "  %s", l->served);
    cs_wall_lines_say(&p, CS_WALL_PLAIN, "  %s of %s ended%s; %u calls in flight, %llu trials leased",
                      cs_text_count(done, l->done + l->failed),
                      cs_text_count(wanted, cs_progress_lane_is_cancelled(l) ? l->planned : l->planned - l->cancelled),
                      is_stale ? "" : speed(l, arena), l->in_flight, (unsigned long long)l->leased);
    if (cs_tally_quantile(l->tally.recent, 0.5) >= 0) /* there were calls of late */
        cs_wall_lines_say(&p, CS_WALL_PLAIN, "  a call takes %s, one in twenty more than %s (of the last minutes)",
                          cs_wall_fields_seconds(p50, cs_tally_quantile(l->tally.recent, 0.5)),
                          cs_wall_fields_seconds(p95, cs_tally_quantile(l->tally.recent, 0.95)));
    cs_wall_lines_say(&p, CS_WALL_PLAIN, "  binds: %s", cs_screen_binds(l, arena));
    for (uint32_t i = 0; i < l->n_servers; i++)
        cs_wall_lines_say(&p, strcmp(l->servers[i].state, "up") == 0 ? CS_WALL_PLAIN : CS_WALL_NEEDS,
                          "  %s: %s, %u in flight%s%s", l->servers[i].url, l->servers[i].state, l->servers[i].in_flight,
                          l->servers[i].why[0] != '\0' ? ": " : "", l->servers[i].why);
    outcomes(look, out, &p);
    counts(l, arena, &p);
    quarantined(l, &p);
    errors(l, &p);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

void cs_wall_detail_events(const struct cs_wall_look *look, unsigned columns, unsigned rows, struct cs_arena *arena,
                           struct cs_wall_page *out)
{
    static const char *const words[] = {"by", "act", "study", "subject", "detail", "reason"};
    struct cs_wall_lines p = {out, arena, columns, out->n + rows};
    struct cs_json *list = look->events != NULL ? cs_json_loads(look->events, 0, NULL) : NULL;
    const size_t n = cs_json_array_size(list);
    if (n == 0)
        cs_wall_lines_add(&p, CS_WALL_SOFT,
                          look->events != NULL ? "no event yet" : "the coordinator does not tell its events");
    for (size_t i = n; i > 0 && out->n < p.until; i--) {
        const struct cs_json *e = cs_json_array_get(list, i - 1);
        char line[CS_WALL_LINE_MAX], at[CS_TEXT_MAX_LEN];
        int used = snprintf(line, sizeof line, "%s ",
                            cs_text_moment(at, look->now_wall_ms, cs_json_integer_value(cs_json_object_get(e, "at"))));
        for (size_t k = 0; k < sizeof words / sizeof *words && used > 0 && (size_t)used < sizeof line; k++) {
            const char *s = cs_json_string_value(cs_json_object_get(e, words[k]));
            if (s != NULL && s[0] != '\0')
                used += snprintf(line + used, sizeof line - (size_t)used, " %s", cs_plain_in(arena, s));
        }
        cs_wall_lines_add(&p, CS_WALL_PLAIN, line);
    }
    cs_json_decref(list);
}
