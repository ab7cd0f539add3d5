#include "tools/wall/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/buf.h"
#include "tools/screen/screen.h"

enum { BAR = 16, WORDS_MAX = 600 };

const char *cs_wall_fields_when(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms, double seconds)
{
    const int64_t then = now_wall_ms + (int64_t)(seconds * 1e3);
    if (seconds < 0 || seconds > 1e9)
        return snprintf(out, CS_TEXT_MAX_LEN, "-"), out;
    if (seconds < 600)
        return cs_text_duration(out, seconds);
    return cs_text_day(out, now_wall_ms, then);
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

static const char *percent(struct cs_arena *arena, double part)
{
    /* 100 % is said of what is over only. */
    const double shown = part < 1 && part > 0.999 ? 0.999 : part;
    return cs_arena_printf(arena, "%.1f %%", 100 * shown);
}

const char *cs_wall_fields_rate(char out[CS_TEXT_MAX_LEN], double rate)
{
    if (rate > 0 && rate < 10)
        snprintf(out, CS_TEXT_MAX_LEN, "%.1f", rate);
    else
        cs_text_count(out, (uint64_t)(rate + 0.5));
    return out;
}

static const char *rate(struct cs_arena *arena, double per_s)
{
    char text[CS_TEXT_MAX_LEN];
    return cs_arena_strdup(arena, cs_wall_fields_rate(text, per_s));
}

const char *cs_wall_fields_needs(const struct cs_progress *p, int64_t now_wall_ms, struct cs_arena *arena)
{
    char at[CS_TEXT_MAX_LEN];
    struct cs_buf b = CS_BUF_INIT(WORDS_MAX);
    for (uint32_t i = 0; i < p->n_lanes; i++) {
        const struct cs_progress_lane *l = &p->lanes[i];
        if (cs_progress_lane_is_by_hand(l))
            cs_buf_printf(&b, "%s%s paused by hand since %s%s%s", b.len > 0 ? "; " : "", l->model,
                          cs_text_moment(at, now_wall_ms, l->held_since_wall_ms), l->reason[0] != '\0' ? ": " : "",
                          l->reason);
        else if (cs_progress_lane_stands(l))
            cs_buf_printf(&b, "%s%s %s%s%s", b.len > 0 ? "; " : "", l->model, l->state,
                          l->reason[0] != '\0' ? ": " : "", l->reason);
        else if (cs_progress_lane_is_out(l))
            cs_buf_printf(&b, "%s%s no answer since %s", b.len > 0 ? "; " : "", l->model,
                          cs_text_moment(at, now_wall_ms, l->held_since_wall_ms));
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
        const struct cs_progress_lane *l = &p->lanes[i]; /* one that stands still has no end: eta_s is -1 */
        if (l->done + l->failed + l->cancelled < l->planned &&
            (cs_progress_lane_stands(l) || strcmp(l->state, "open") == 0) &&
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

static bool is_over(uint64_t ended, uint64_t planned)
{
    return planned > 0 && ended >= planned;
}

void cs_wall_fields_study(const struct cs_progress *p, int64_t now_wall_ms, bool is_stale, struct cs_arena *arena,
                          const char *cells[CS_WALL_STUDY_CELLS])
{
    const double part = cs_progress_part(p);
    char usd[CS_TEXT_MAX_LEN];
    const char *needs = cs_wall_fields_needs(p, now_wall_ms, arena);
    cells[0] = p->study;
    is_stale &= !is_over(p->done + p->failed + p->cancelled, p->planned);
    cells[1] = is_stale ? "silent" : cs_progress_state_words(p);
    cells[2] = percent(arena, part);
    cells[3] = bar(part, arena);
    cells[4] = is_stale ? "-" : rate(arena, p->outputs_per_s);
    cells[5] = is_stale ? "-" : ends(p, now_wall_ms, arena);
    cells[6] = cs_arena_printf(arena, "%s%s", cs_progress_is_lower_bound(p) ? ">=" : "",
                               cs_text_usd(usd, p->committed_nano_usd));
    cells[7] = p->budget_nano_usd >= 0 ? cs_arena_strdup(arena, cs_text_usd(usd, p->budget_nano_usd)) : "-";
    cells[8] = needs[0] != '\0' ? needs : "-";
}

/* ---- a lane --------------------------------------------------------------------------------------------------- */

static const char *share(struct cs_arena *arena, uint64_t n, uint64_t of)
{
    return of > 0 ? cs_arena_printf(arena, "%.1f", 100.0 * (double)n / (double)of) : "-";
}

const char *cs_wall_fields_cost(const struct cs_progress_lane *l, struct cs_arena *arena)
{
    char usd[CS_TEXT_MAX_LEN];
    if (l->unpriced)
        return "unknown";
    return cs_arena_printf(arena, "%s%s", l->counters.untold > 0 ? ">=" : "",
                           cs_text_usd(usd, l->counters.cost_nano_usd));
}

void cs_wall_fields_lane(const struct cs_progress *p, const struct cs_progress_lane *l, const struct cs_wall_pace *pace,
                         bool several, bool is_stale, struct cs_arena *arena, const char *cells[CS_WALL_LANE_CELLS])
{
    const struct cs_wall_figures f = cs_wall_past_figures(l);
    const uint64_t adopted = l->counters.adopted < f.done ? l->counters.adopted : f.done, asked = f.done - adopted;
    char text[CS_TEXT_MAX_LEN];
    is_stale &= !is_over(l->done + l->failed + l->cancelled, l->planned) && !cs_progress_lane_stands(l);
    cells[0] = l->model;
    cells[1] = several ? p->study : "";
    cells[2] = percent(arena, cs_progress_lane_part(l));
    cells[3] = is_stale ? "-" : rate(arena, l->outputs_per_s);
    cells[4] = l->eta_s < 0 || is_stale || cs_progress_lane_is_cancelled(l)
                   ? "-"
                   : cs_arena_strdup(arena, cs_text_duration(text, l->eta_s));
    cells[5] = cs_arena_printf(arena, "%u", l->in_flight);
    cells[6] = cs_arena_strdup(arena, cs_wall_fields_seconds(text, cs_tally_quantile(l->tally.recent, 0.5)));
    cells[7] = cs_arena_strdup(arena, cs_wall_fields_seconds(text, cs_tally_quantile(l->tally.recent, 0.95)));
    cells[8] = share(arena, l->counters.outcome[CS_OUTCOME_ok], f.done);
    cells[9] = share(arena, l->counters.outcome[CS_OUTCOME_refused], f.done);
    cells[10] = share(arena, f.lost, f.done);
    cells[11] = pace != NULL ? cs_arena_printf(arena, "%.0f", pace->ended[CS_TALLY_limited]) : "-";
    cells[12] = cs_arena_strdup(arena,
                                cs_text_count(text, l->counters.attempts > asked ? l->counters.attempts - asked : 0));
    cells[13] = cs_wall_fields_cost(l, arena);
    cells[14] = is_stale ? "the coordinator is silent" : cs_screen_binds(l, arena);
}
