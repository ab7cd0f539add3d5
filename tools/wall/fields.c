#include "tools/wall/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/base/buf.h"

enum { BAR = 16, WORDS_MAX = 600 };

enum stamp { CLOCK, DATE, TODAY, THIS_WEEK, LATER };

static const char *stamp(char out[CS_TEXT_MAX_LEN], int64_t wall_ms, enum stamp kind)
{
    const time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t n = 0;
    if (localtime_r(&t, &tm) == NULL)
        return snprintf(out, CS_TEXT_MAX_LEN, "-"), out;
    switch (kind) {
    case CLOCK:
        n = strftime(out, CS_TEXT_MAX_LEN, "%H:%M:%S", &tm);
        break;
    case DATE:
        n = strftime(out, CS_TEXT_MAX_LEN, "%F", &tm);
        break;
    case TODAY:
        n = strftime(out, CS_TEXT_MAX_LEN, "%H:%M today", &tm);
        break;
    case THIS_WEEK:
        n = strftime(out, CS_TEXT_MAX_LEN, "%a %H:%M", &tm);
        break;
    case LATER:
        n = strftime(out, CS_TEXT_MAX_LEN, "%d %b", &tm);
        break;
    }
    out[n] = '\0';
    return out;
}

const char *cs_wall_fields_clock(char out[CS_TEXT_MAX_LEN], int64_t wall_ms)
{
    return stamp(out, wall_ms, CLOCK);
}

const char *cs_wall_fields_when(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms, double seconds)
{
    const int64_t then = now_wall_ms + (int64_t)(seconds * 1e3);
    char today[CS_TEXT_MAX_LEN], day[CS_TEXT_MAX_LEN];
    if (seconds < 0 || seconds > 1e9)
        return snprintf(out, CS_TEXT_MAX_LEN, "-"), out;
    if (seconds < 600)
        return cs_text_duration(out, seconds);
    if (strcmp(stamp(today, now_wall_ms, DATE), stamp(day, then, DATE)) == 0)
        return stamp(out, then, TODAY);
    return stamp(out, then, seconds < 6 * 86400.0 ? THIS_WEEK : LATER);
}

const char *cs_wall_fields_seconds(char out[CS_TEXT_MAX_LEN], double s)
{
    if (s < 0)
        snprintf(out, CS_TEXT_MAX_LEN, "-");
    else if (isinf(s))
        snprintf(out, CS_TEXT_MAX_LEN, "> 460 s");
    else
        snprintf(out, CS_TEXT_MAX_LEN, s < 1 ? "%.2f s" : s < 10 ? "%.1f s" : "%.0f s", s);
    return out;
}

static double part_of(uint64_t ended, uint64_t wanted)
{
    return wanted > 0 ? (double)ended / (double)wanted : 1;
}

static const char *percent(struct cs_arena *arena, double part)
{
    /* 100 % is said of what is over only. */
    const double shown = part < 1 && part > 0.999 ? 0.999 : part;
    return cs_arena_printf(arena, "%.1f %%", 100 * shown);
}

static const char *rate(struct cs_arena *arena, double per_s)
{
    char text[CS_TEXT_MAX_LEN];
    if (per_s > 0 && per_s < 10)
        return cs_arena_printf(arena, "%.1f", per_s);
    return cs_arena_strdup(arena, cs_text_count(text, (uint64_t)(per_s + 0.5)));
}

static bool stands(const struct cs_progress_lane *l)
{
    return strcmp(l->state, "paused") == 0 || strcmp(l->state, "stopped") == 0;
}

const char *cs_wall_fields_needs(const struct cs_progress *p, struct cs_arena *arena)
{
    struct cs_buf b = CS_BUF_INIT(WORDS_MAX);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (stands(l))
            cs_buf_printf(&b, "%s%s %s%s%s", b.len > 0 ? "; " : "", l->model, l->state,
                          l->reason[0] != '\0' ? ": " : "", l->reason);
    }
    const char *text = cs_arena_strdup(arena, cs_buf_cstr(&b));
    cs_buf_release(&b);
    return text;
}

/* ---- a study ------------------------------------------------------------------------------------------------- */

/* "17:40 today (claude-x)" */
static const char *ends(const struct cs_progress *p, int64_t now_wall_ms, struct cs_arena *arena)
{
    const struct cs_progress_lane *slowest = NULL;
    char when[CS_TEXT_MAX_LEN];
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (l->done + l->failed + l->cancelled < l->planned && strcmp(l->state, "open") == 0 &&
            (slowest == NULL || (slowest->eta_s >= 0 && (l->eta_s < 0 || l->eta_s > slowest->eta_s))))
            slowest = l;
    }
    if (slowest == NULL)
        return "-";
    if (p->n_lanes == 1)
        return cs_arena_strdup(arena, cs_wall_fields_when(when, now_wall_ms, slowest->eta_s));
    return cs_arena_printf(arena, "%s (%s)", cs_wall_fields_when(when, now_wall_ms, slowest->eta_s), slowest->model);
}

static const char *bar(double part, struct cs_arena *arena)
{
    char text[BAR + 3];
    const int full = (int)(part * BAR);
    text[0] = '[';
    for (int i = 0; i < BAR; i++)
        text[i + 1] = i < full ? '#' : '.';
    text[BAR + 1] = ']';
    text[BAR + 2] = '\0';
    return cs_arena_strdup(arena, text);
}

static bool is_lower_bound(const struct cs_progress *p)
{
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        if (p->lanes[i].counters.untold > 0 || p->lanes[i].unpriced)
            return true;
    }
    return false;
}

void cs_wall_fields_study(const struct cs_progress *p, int64_t now_wall_ms, struct cs_arena *arena,
                          const char *cells[CS_WALL_STUDY_CELLS])
{
    const double part = p->planned > 0 ? part_of(p->done + p->failed, p->planned - p->cancelled) : 0;
    char usd[CS_TEXT_MAX_LEN];
    const char *needs = cs_wall_fields_needs(p, arena);
    cells[0] = p->study;
    cells[1] = p->state;
    cells[2] = percent(arena, part);
    cells[3] = bar(part, arena);
    cells[4] = rate(arena, p->outputs_per_s);
    cells[5] = ends(p, now_wall_ms, arena);
    cells[6] = cs_arena_printf(arena, "%s%s", is_lower_bound(p) ? ">=" : "", cs_text_usd(usd, p->committed_nano_usd));
    cells[7] = p->budget_nano_usd >= 0 ? cs_arena_strdup(arena, cs_text_usd(usd, p->budget_nano_usd)) : "-";
    cells[8] = needs[0] != '\0' ? needs : "-";
}

/* ---- a lane --------------------------------------------------------------------------------------------------- */

const char *cs_wall_fields_binds(const struct cs_progress_lane *l, struct cs_arena *arena)
{
    static const char *const sayings[][2] = {
        {"requests_per_minute", "requests a minute"},
        {"tokens_per_minute", "tokens a minute"},
        {"input_tokens_per_minute", "input tokens a minute"},
        {"output_tokens_per_minute", "output tokens a minute"},
        {"requests_per_day", "requests of the day"},
        {"tokens_per_day", "tokens of the day"},
        {"slots", "slots of its workers (--slots)"},
        {"concurrent", "calls at once"},
        {"no_trials", "nothing free to start: cases, budget or other lanes are waited for"},
        {"told_to_wait", "told to wait by the provider"},
        {"provider_away", "the provider does not answer"},
        {"cases", "cases are being fetched"},
        {"reply_memory", "replies fill its workers' memory (--reply-memory)"},
        {"unacknowledged", "answers wait to be written"},
    };
    char limit[CS_TEXT_MAX_LEN];
    const char *said = l->binds != NULL ? l->binds : "";
    if (stands(l))
        return cs_arena_printf(arena, "%s%s%s", l->state, l->reason[0] != '\0' ? ": " : "", l->reason);
    if (l->done + l->failed + l->cancelled >= l->planned)
        return "over";
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        if (strcmp(sayings[i][0], said) == 0)
            said = sayings[i][1];
    }
    if (said[0] == '\0')
        return strcmp(l->state, "open") == 0 ? "-" : l->state;
    if (l->limit > 0)
        return cs_arena_printf(arena, "%.0f %% of %s %s", 100 * l->used / l->limit,
                               cs_text_count(limit, (uint64_t)(l->limit + 0.5)), said);
    return said;
}

static const char *share(struct cs_arena *arena, uint64_t n, uint64_t of)
{
    return of > 0 ? cs_arena_printf(arena, "%.1f", 100.0 * (double)n / (double)of) : "-";
}

void cs_wall_fields_lane(const struct cs_progress *p, const struct cs_progress_lane *l, const struct cs_wall_pace *pace,
                         bool several, struct cs_arena *arena, const char *cells[CS_WALL_LANE_CELLS])
{
    const struct cs_wall_figures f = cs_wall_past_figures(l);
    const uint64_t adopted = l->counters.adopted < f.done ? l->counters.adopted : f.done, asked = f.done - adopted;
    char text[CS_TEXT_MAX_LEN];
    cells[0] = l->model;
    cells[1] = several ? p->study : "";
    cells[2] = percent(arena, part_of(f.done, l->planned - l->cancelled));
    cells[3] = rate(arena, l->outputs_per_s);
    cells[4] = l->eta_s < 0 ? "-" : cs_arena_strdup(arena, cs_text_duration(text, l->eta_s));
    cells[5] = cs_arena_printf(arena, "%u", l->in_flight);
    cells[6] = cs_arena_strdup(arena, cs_wall_fields_seconds(text, cs_tally_quantile(l->tally.recent, 0.5)));
    cells[7] = cs_arena_strdup(arena, cs_wall_fields_seconds(text, cs_tally_quantile(l->tally.recent, 0.95)));
    cells[8] = share(arena, l->counters.outcome[CS_OUTCOME_ok], f.done);
    cells[9] = share(arena, l->counters.outcome[CS_OUTCOME_refused], f.done);
    cells[10] = share(arena, f.lost, f.done);
    cells[11] = pace != NULL ? cs_arena_printf(arena, "%.0f", pace->ended[CS_TALLY_limited]) : "-";
    cells[12] = cs_arena_strdup(arena,
                                cs_text_count(text, l->counters.attempts > asked ? l->counters.attempts - asked : 0));
    cells[13] = l->unpriced ? "unknown" : cs_arena_strdup(arena, cs_text_usd(text, l->counters.cost_nano_usd));
    cells[14] = cs_wall_fields_binds(l, arena);
}
