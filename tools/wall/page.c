#include "tools/wall/page.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/base/buf.h"
#include "protocol/study/sunset.h"
#include "tools/base/text.h"
#include "tools/wall/alive.h"
#include "tools/wall/fields.h"
#include "tools/wall/detail.h"
#include "tools/wall/errors.h"
#include "tools/wall/lines.h"
#include "tools/wall/wide.h"

struct making {
    const struct cs_wall_look *look;
    const struct cs_wall_choice *choice;
    struct cs_arena *arena;
    unsigned columns, rows;
    bool is_stale; /* the coordinator is silent: what it said of states, rates and ends holds no more */
    struct cs_wall_page *out;
};

static struct cs_wall_lines lines_of(const struct making *m)
{
    return (struct cs_wall_lines){m->out, m->arena, m->columns, m->rows};
}

static void add(struct making *m, enum cs_wall_style style, const char *text)
{
    struct cs_wall_lines p = lines_of(m);
    cs_wall_lines_add(&p, style, text);
}

/* What is dead is never cut off. */
static void add_wrapped(struct making *m, enum cs_wall_style style, const char *text)
{
    struct cs_wall_lines p = lines_of(m);
    cs_wall_lines_wrapped(&p, style, text);
}

static unsigned left(const struct making *m)
{
    return m->rows > m->out->n ? m->rows - m->out->n : 0;
}

/* ---- the head, and what is dead --------------------------------------------------------------------------- */

static unsigned needs_of(const struct cs_progress *p)
{
    unsigned n = 0;
    for (uint32_t k = 0; k < p->n_lanes; k++)
        n += cs_progress_lane_needs(&p->lanes[k]);
    return n;
}

static unsigned needs(const struct cs_fleet_progress *f)
{
    unsigned n = 0;
    for (uint32_t i = 0; f != NULL && i < f->n_studies; i++)
        n += needs_of(&f->studies[i]);
    return n;
}

static void say_redis(struct making *m)
{
    const struct cs_wall_look *l = m->look;
    const int64_t since = l->now_wall_ms - (int64_t)cs_wall_past_redis_silent_ms(l->past, l->now_ms);
    char at[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    if (l->fleet == NULL && l->redis_is_empty)
        snprintf(
            text, sizeof text,
            "NO FLEET has reported here: Redis answers, and knows of none, or not of this one. Is its coordinator up, "
            "was it given this Redis, and has it a study?");
    else if (l->fleet == NULL)
        snprintf(text, sizeof text, "REDIS DOES NOT ANSWER: %s", l->trouble);
    else if (l->redis_is_empty)
        snprintf(
            text, sizeof text,
            "REDIS HAS FORGOTTEN this fleet: it answers, but knows nothing of it since %s. What stands below is from "
            "then. The coordinator tells it all anew; no answer depends on it.",
            cs_text_moment(at, l->now_wall_ms, since));
    else
        snprintf(text, sizeof text,
                 "REDIS SILENT since %s. What stands below is from then. Workers use their last share x 0.9; no answer "
                 "depends on it.",
                 cs_text_moment(at, l->now_wall_ms, since));
    add_wrapped(m, CS_WALL_DEAD, text);
}

static void say_coordinator(struct making *m, int64_t silent_ms)
{
    const struct cs_wall_look *l = m->look;
    const int64_t since = l->now_wall_ms - silent_ms, until = since + CS_WALL_LEASE_MS;
    char at[CS_TEXT_MAX_LEN], ago[CS_TEXT_MAX_LEN], end[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    if (silent_ms < CS_WALL_LEASE_MS)
        snprintf(text, sizeof text,
                 "COORDINATOR SILENT since %s (%s). Workers keep their answers and go on with what they hold until %s.",
                 cs_text_moment(at, l->now_wall_ms, since), cs_text_duration(ago, (double)silent_ms / 1e3),
                 cs_text_clock(end, until));
    else
        snprintf(
            text, sizeof text,
            "COORDINATOR SILENT since %s (%s). Workers keep their answers and start no calls. Nothing is lost: start it "
            "again.",
            cs_text_moment(at, l->now_wall_ms, since), cs_text_duration(ago, (double)silent_ms / 1e3));
    add_wrapped(m, CS_WALL_DEAD, text);
}

/* The coordinator that is silent has ended as it was told. */
static bool is_drained(const struct cs_fleet_progress *f)
{
    for (uint32_t i = 0; f != NULL && i < f->n_studies; i++) {
        if (cs_progress_is_drained(&f->studies[i]))
            return true;
    }
    return false;
}

static void say_drained(struct making *m, int64_t silent_ms)
{
    char at[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    snprintf(
        text, sizeof text,
        "DRAINED: workers and coordinator were told to end, and have ended, the coordinator at %s. Nothing is asked "
        "any more, and nothing is lost. To go on, start them again.",
        cs_text_moment(at, m->look->now_wall_ms, m->look->now_wall_ms - silent_ms));
    add_wrapped(m, CS_WALL_NEEDS, text);
}

/* Of a model that its provider ends soon, or before its lane does: what is not asked until then is lost. */
static void say_sunset(struct making *m, const struct cs_progress *p, const struct cs_study *s)
{
    enum { SUNSET_SOON_S = 7 * 86400 };
    char words[160], text[CS_WALL_LINE_MAX];
    for (uint32_t k = 0; k < p->n_lanes; k++) {
        const struct cs_progress_lane *l = &p->lanes[k];
        if (l->lane >= s->n_models || strcmp(s->models[l->lane].name, l->model) != 0 ||
            l->done + l->failed + l->cancelled >= l->planned ||
            !cs_sunset_passes(s->models[l->lane].sunset_ms, m->look->now_wall_ms, fmax(l->eta_s, SUNSET_SOON_S)))
            continue;
        const bool passes = cs_sunset_passes(s->models[l->lane].sunset_ms, m->look->now_wall_ms, l->eta_s);
        cs_sunset_words(s->models[l->lane].sunset_ms, m->look->now_wall_ms, l->eta_s, words, sizeof words);
        snprintf(text, sizeof text, "%s of %s: %s", l->model, p->study, words);
        add_wrapped(m, passes ? CS_WALL_NEEDS : CS_WALL_PLAIN, text);
    }
}

static void say_sunsets(struct making *m)
{
    const struct cs_fleet_progress *f = m->look->fleet;
    for (uint32_t i = 0; i < f->n_studies; i++) {
        for (uint32_t k = 0; k < m->look->n_studies; k++) {
            if (strcmp(m->look->studies[k]->name, f->studies[i].study) == 0)
                say_sunset(m, &f->studies[i], m->look->studies[k]);
        }
    }
}

static bool is_running(const struct cs_fleet_progress *f)
{
    for (uint32_t i = 0; i < f->n_studies; i++) {
        if (strcmp(f->studies[i].state, "running") == 0)
            return true;
    }
    return false;
}

/* Seconds until the store's disk is full, as the coordinator said last; -1: not in sight. */
static double disk_full_s(const struct cs_fleet_progress *f)
{
    const struct cs_progress *p = f != NULL && f->n_studies > 0 ? &f->studies[0] : NULL;
    return p != NULL && p->disk_free_bytes > 0 ? p->disk_full_s : -1;
}

/* Nothing is asked, since nobody is there to ask. */
static bool has_no_worker(const struct cs_fleet_progress *f)
{
    return f != NULL && f->n_workers == 0 && is_running(f);
}

static bool is_disk_full_soon(const struct cs_fleet_progress *f)
{
    return disk_full_s(f) >= 0 && disk_full_s(f) <= CS_WALL_DISK_SOON_S;
}

/* A run whose fleet has not told anything yet. */
static bool is_starting(const struct cs_wall_look *l)
{
    return l->owns && l->fleet == NULL && (l->trouble == NULL || l->redis_is_empty);
}

static const char *health(const struct cs_wall_look *l, bool dead, struct cs_arena *arena)
{
    if (is_starting(l))
        return "starting";
    if (is_drained(l->fleet) && !cs_wall_alive_redis_is_silent(l))
        return dead ? "DRAINED" : "draining";
    if (dead)
        return "PARTS ARE DEAD";
    if (has_no_worker(l->fleet))
        return "NO WORKER";
    if (needs(l->fleet) > 0 || is_disk_full_soon(l->fleet))
        return "NEEDS YOU";
    if (l->past->n_lost > 0)
        return cs_arena_printf(arena, "%u worker%s LOST", l->past->n_lost, l->past->n_lost == 1 ? "" : "s");
    return "healthy";
}

static void say_disk(struct making *m)
{
    const double s = disk_full_s(m->look->fleet);
    char left[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    if (!is_disk_full_soon(m->look->fleet))
        return;
    snprintf(
        text, sizeof text,
        "DISK FULL in %s at the pace of late (%.1f GB free): then the coordinator stops, and workers wait. Make room.",
        cs_text_duration(left, s), (double)m->look->fleet->studies[0].disk_free_bytes / 1e9);
    add_wrapped(m, CS_WALL_NEEDS, text);
}

/* ---- a provider that answers nobody ---- */

static bool has_outage(const struct cs_fleet_progress *f)
{
    for (uint32_t i = 0; f != NULL && i < f->n_studies; i++) {
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++) {
            if (cs_progress_lane_is_out(&f->studies[i].lanes[k]))
                return true;
        }
    }
    return false;
}

/* Lanes from `first` on that are out for its reason: "gpt-x, gpt-y and 3 more", and since when. False: one before it has said so. */
static bool out_alike(const struct cs_progress *p, uint32_t first, struct cs_buf *names, int64_t *since)
{
    enum { NAMED = 3 };
    unsigned n = 0;
    for (uint32_t k = 0; k < p->n_lanes; k++) {
        const struct cs_progress_lane *l = &p->lanes[k];
        if (!cs_progress_lane_is_out(l) || strcmp(l->reason, p->lanes[first].reason) != 0)
            continue;
        if (k < first)
            return false;
        if (n++ < NAMED)
            cs_buf_printf(names, "%s%s", n > 1 ? ", " : "", l->model);
        *since = l->held_since_wall_ms < *since ? l->held_since_wall_ms : *since;
    }
    if (n > NAMED)
        cs_buf_printf(names, " and %u more", n - NAMED);
    return true;
}

static void say_outages(struct making *m, const struct cs_progress *p)
{
    for (uint32_t k = 0; k < p->n_lanes; k++) {
        char since[2 * CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
        struct cs_buf names = CS_BUF_INIT(CS_WALL_LINE_MAX / 2);
        int64_t from = p->lanes[k].held_since_wall_ms;
        if (cs_progress_lane_is_out(&p->lanes[k]) && out_alike(p, k, &names, &from)) {
            snprintf(text, sizeof text, "NO ANSWER %s: %s of %s. %s", cs_text_since(since, m->look->now_wall_ms, from),
                     cs_buf_cstr(&names), p->study, p->lanes[k].reason);
            add_wrapped(m, CS_WALL_DEAD, text);
        }
        cs_buf_release(&names);
    }
}

/* The fleet's id leaves first, the health last. */
static const char *title(const struct making *m, bool dead)
{
    const struct cs_wall_look *l = m->look;
    const struct cs_fleet_progress *f = l->fleet;
    const char *how = health(l, dead, m->arena);
    char at[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    int n = snprintf(text, sizeof text, "  ");
    if (f != NULL)
        n += snprintf(text + n, sizeof text - (size_t)n, "%u stud%s  %u worker%s  ", f->n_studies,
                      f->n_studies == 1 ? "y" : "ies", f->n_workers, f->n_workers == 1 ? "" : "s");
    n += snprintf(text + n, sizeof text - (size_t)n, "%s", cs_text_clock(at, l->now_wall_ms));
    const char *fleet = f != NULL ? cs_arena_printf(m->arena, "  %.8s", f->fleet) : "";
    const unsigned used = (unsigned)(n + (int)strlen("ClinSafe"));
    if (used + strlen(fleet) + 2 + strlen(how) > m->columns)
        fleet = "";
    const unsigned gap = used + strlen(fleet) + 2 + strlen(how) < m->columns
                             ? m->columns - used - (unsigned)strlen(fleet) - (unsigned)strlen(how)
                             : 2;
    return cs_arena_printf(m->arena, "ClinSafe%s%s%*s%s", fleet, text, (int)gap, "", how);
}

static void head(struct making *m)
{
    const struct cs_wall_look *l = m->look;
    const struct cs_fleet_progress *f = l->fleet;
    const int64_t silent_ms = cs_wall_alive_silent_ms(l);
    const bool dead = !is_starting(l) && (cs_wall_alive_redis_is_silent(l) || silent_ms > 0);

    const bool drained = is_drained(f) && !cs_wall_alive_redis_is_silent(l);
    add(m, (dead && !drained) || has_no_worker(f) || has_outage(f) ? CS_WALL_DEAD : CS_WALL_HEAD, title(m, dead));
    if (is_starting(l))
        add_wrapped(m, CS_WALL_PLAIN,
                    "The studies are being prepared; figures come with the coordinator's first report.");
    else if (cs_wall_alive_redis_is_silent(l))
        say_redis(m);
    if (silent_ms > 0 && is_drained(f))
        say_drained(m, silent_ms);
    else if (silent_ms > 0 && f != NULL)
        say_coordinator(m, silent_ms);
    say_disk(m);
    if (f != NULL)
        say_sunsets(m);
    for (uint32_t i = 0; f != NULL && i < f->n_studies; i++)
        say_outages(m, &f->studies[i]);
    if (has_no_worker(f) && !dead)
        add_wrapped(m, CS_WALL_DEAD,
                    "NO WORKER is there: trials wait, and nothing is asked. Start one: clinsafe-worker --help");
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

static void put_table(struct making *m, const struct cs_wall_table *t, unsigned most, unsigned chosen,
                      const enum cs_wall_style *styles)
{
    struct cs_wall_lines p = lines_of(m);
    cs_wall_lines_table(&p, t, most, chosen, styles);
}

/* Those that need a person stand on top. */
static const struct cs_progress **needy_first(const struct cs_fleet_progress *f, struct cs_arena *arena)
{
    const struct cs_progress **all = cs_arena_array(arena, f->n_studies + 1, sizeof *all);
    uint32_t n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < f->n_studies; i++) {
            if ((needs_of(&f->studies[i]) > 0) == (pass == 0))
                all[n++] = &f->studies[i];
        }
    }
    return all;
}

static void studies(struct making *m, unsigned most)
{
    enum { NEEDS_COLUMN = CS_WALL_STUDY_CELLS - 1 };
    static const struct cs_wall_column columns[] = {
        {"STUDY", 0, false, 12}, {"STATE", 5, false, 0},   {"DONE", 0, true, 0},
        {"", 6, false, 0},       {"A SECOND", 2, true, 0}, {"ENDS (slowest)", 1, false, 16},
        {"SPENT", 3, true, 0},   {"OF", 3, true, 0},       {"NEEDS YOU", 0, false, 9},
    };
    const struct cs_fleet_progress *f = m->look->fleet;
    const struct cs_progress **all = needy_first(f, m->arena);
    struct cs_wall_table t = {.arena = m->arena, .columns = columns, .n_columns = NEEDS_COLUMN + 1};
    struct cs_wall_layout layout;
    enum cs_wall_style *styles = cs_arena_array(m->arena, f->n_studies + 1, sizeof *styles);
    const char *cut = ""; /* what somebody must do does not fit */
    for (uint32_t i = 0; i < f->n_studies; i++) {
        cs_wall_fields_study(all[i], m->look->now_wall_ms, m->is_stale, m->arena, cs_wall_table_row(&t));
        styles[i] = needs_of(all[i]) > 0 ? CS_WALL_NEEDS : CS_WALL_PLAIN;
    }
    cs_wall_table_fit(&t, m->columns, &layout);
    for (uint32_t i = 0; i < f->n_studies && layout.n > 0; i++) {
        const char **needs = &t.cells[i * t.n_columns + NEEDS_COLUMN];
        if (cs_wall_wide_columns(*needs) > layout.width[layout.n - 1])
            cut = cs_arena_printf(m->arena, "%s%s%s: %s", cut, cut[0] != '\0' ? "; " : "", all[i]->study, *needs);
    }
    for (uint32_t i = 0; i < f->n_studies && cut[0] != '\0'; i++)
        t.cells[i * t.n_columns + NEEDS_COLUMN] = styles[i] == CS_WALL_NEEDS ? "below" : "";
    put_table(m, &t, most, UINT_MAX, styles);
    if (cut[0] != '\0')
        add_wrapped(m, CS_WALL_NEEDS, cs_arena_printf(m->arena, "  %s", cut));
}

/* ---- lanes ----------------------------------------------------------------------------------------------------- */

struct shown_lane {
    const struct cs_progress *study;
    const struct cs_progress_lane *lane;
    double key;
    unsigned order;
};

static int by_key(const void *a, const void *b)
{
    const struct shown_lane *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static double key_of(enum cs_wall_sort sort, const struct cs_progress_lane *l)
{
    const double wanted = (double)(l->planned - l->cancelled), ended = (double)(l->done + l->failed);
    switch (sort) {
    case CS_WALL_BY_DONE:
        return wanted > 0 ? ended / wanted : 1;
    case CS_WALL_BY_ETA:
        return ended >= wanted ? 1 : l->eta_s < 0 ? -1e12 : -l->eta_s; /* the slowest first */
    case CS_WALL_BY_TROUBLE:
        return -(double)(cs_wall_past_figures(l).lost) / (ended > 0 ? ended : 1) - 10 * cs_progress_lane_needs(l);
    case CS_WALL_BY_NAME: /* where there is no room for all, those that have ended are left out */
    case CS_WALL_SORTS:
        break;
    }
    return ended >= wanted;
}

static struct shown_lane *sorted_lanes(struct making *m)
{
    const struct cs_fleet_progress *f = m->look->fleet;
    unsigned n = 0;
    for (uint32_t i = 0; i < f->n_studies; i++)
        n += f->studies[i].n_lanes;
    struct shown_lane *all = cs_arena_array(m->arena, n + 1, sizeof *all);
    n = 0;
    for (uint32_t i = 0; i < f->n_studies; i++)
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++, n++)
            all[n] = (struct shown_lane){&f->studies[i], &f->studies[i].lanes[k],
                                         key_of(m->choice->sort, &f->studies[i].lanes[k]), n};
    qsort(all, n, sizeof *all, by_key);
    m->out->n_lanes = n;
    unsigned chosen = m->choice->lane < n ? m->choice->lane : n > 0 ? n - 1 : 0;
    for (unsigned i = 0; i < n && m->choice->key != 0; i++) {
        if (cs_wall_past_key(all[i].study->study, all[i].lane) == m->choice->key)
            chosen = i;
    }
    if (n > 0) {
        m->out->lane_at = chosen;
        m->out->key = cs_wall_past_key(all[chosen].study->study, all[chosen].lane);
        m->out->study = all[chosen].study;
        m->out->lane = all[chosen].lane;
    }
    return all;
}

static void lanes(struct making *m, unsigned most)
{
    static const struct cs_wall_column columns[] = {
        {"LANE", 0, false, 10},   {"STUDY", 1, false, 6},    {"DONE", 0, true, 0},    {"A SECOND", 1, true, 0},
        {"ENDS IN", 4, true, 0},  {"IN FLIGHT", 3, true, 0}, {"P50", 10, true, 0},    {"P95", 5, true, 0},
        {"OK %", 2, true, 0},     {"REFUSED %", 8, true, 0}, {"LOST %", 4, true, 0},  {"429/MIN", 6, true, 0},
        {"RETRIED", 11, true, 0}, {"COST", 12, true, 0},     {"BINDS", 0, false, 25},
    };
    struct cs_wall_table t = {.arena = m->arena, .columns = columns, .n_columns = sizeof columns / sizeof *columns};
    const struct shown_lane *all = sorted_lanes(m);
    enum cs_wall_style *styles = cs_arena_array(m->arena, m->out->n_lanes + 1, sizeof *styles);
    unsigned chosen = UINT_MAX;
    for (unsigned i = 0; i < m->out->n_lanes; i++) {
        struct cs_wall_pace pace;
        const struct cs_wall_figures now = cs_wall_past_figures(all[i].lane);
        const bool known = cs_wall_past_pace(m->look->past, cs_wall_past_key(all[i].study->study, all[i].lane), &now,
                                             m->look->now_ms, &pace);
        cs_wall_fields_lane(all[i].study, all[i].lane, known ? &pace : NULL, m->look->fleet->n_studies > 1, m->is_stale,
                            m->arena, cs_wall_table_row(&t));
        styles[i] = cs_progress_lane_needs(all[i].lane) ? CS_WALL_NEEDS : CS_WALL_PLAIN;
        if (all[i].lane == m->out->lane && m->look->is_screen)
            styles[chosen = i] = CS_WALL_CHOSEN;
    }
    put_table(m, &t, most, chosen, styles);
}

/* ---- the foot ----------------------------------------------------------------------------------------------------- */

static const char *keys_of(const struct making *m)
{
    switch (m->choice->view) {
    case CS_WALL_TRIAL:
        return "[esc] back  [up] [down] [page up] [page down] move";
    case CS_WALL_ERRORS:
        return "[esc] back  [up] [down] choose  [enter] its first trial  [t]rial";
    case CS_WALL_LANE:
    case CS_WALL_EVENTS:
        return "[esc] back  [e]rrors  [t]rial  [v] events  [q]uit";
    case CS_WALL_ALL:
        break;
    }
    if (m->look->owns && m->columns < 80)
        return "[q]uit [enter] [s]ort [e]rror [t]rial [p] [r] [b] [v]";
    if (m->look->owns)
        return m->columns < 110
                   ? "[q]uit: ends [s]ort [enter] [e]rrors [t]rial [p]ause [r]esume [b]udget [v]"
                   : "[q]uit: ends the run [s]ort [enter] lane [e]rrors [t]rial [p]ause [r]esume [b]udget [v] events";
    if (!m->look->may_act)
        return m->columns < 80 ? "[q]uit [s]ort [enter] lane [e]rrors [t]rial"
                               : "[q]uit [s]ort [enter] lane [e]rrors [t]rial   quitting stops nothing";
    if (m->columns < 80)
        return "[q]uit [enter] [s]ort [e]rror [t]rial [p] [r] [b] [d] [v]";
    return m->columns < 120
               ? "[q]uit [s]ort [enter] [e]rrors [t]rial [p]ause [r]esume [b]udget [d]rain [v]iew"
               : "[q]uit [s]ort [enter] lane [e]rrors [t]rial [p]ause [r]esume [b]udget [d]rain [v] events   "
                 "quitting stops nothing";
}

/* What a key has brought, or is about to do, is read whole: it may say why not. */
static const char *foot_words(const struct making *m)
{
    return m->look->asks != NULL ? m->look->asks : m->look->said[0] != '\0' ? m->look->said : NULL;
}

static unsigned foot_rows(const struct making *m)
{
    enum { MOST = 4 };
    const char *words = foot_words(m);
    const unsigned n = words != NULL ? cs_wall_lines_wraps(words, m->columns) : 1;
    return !m->look->is_screen ? 0 : n < MOST ? n : MOST;
}

static void foot(struct making *m)
{
    if (!m->look->is_screen)
        return;
    if (foot_words(m) != NULL)
        add_wrapped(m, CS_WALL_HEAD, foot_words(m));
    else
        add(m, CS_WALL_SOFT, keys_of(m));
}

/* Rows for studies and lanes, of what is left without the rest: lanes get what studies do not need. */
static void split(const struct making *m, unsigned room, unsigned *for_studies, unsigned *for_lanes)
{
    const unsigned want = m->look->fleet->n_studies + 1, half = room / 2 > 3 ? room / 2 : 3;
    *for_studies = want < half ? want : half;
    *for_lanes = room > *for_studies ? room - *for_studies : 0;
}

static void all_of_it(struct making *m)
{
    char errors[CS_WALL_LINE_MAX];
    cs_wall_errors_line(m->look, m->columns, m->arena, errors, sizeof errors);
    const unsigned workers = cs_wall_detail_workers_rows(m->look, left(m)),
                   tail = workers + 1 + (errors[0] != '\0') + foot_rows(m); /* 1: how calls end */
    unsigned for_studies, for_lanes;
    split(m, left(m) > tail ? left(m) - tail : 0, &for_studies, &for_lanes);
    studies(m, for_studies);
    if (left(m) > tail + for_lanes && for_lanes > 4)
        add(m, CS_WALL_PLAIN, "");
    lanes(m, left(m) > tail ? left(m) - tail : 0);
    while (left(m) > tail && m->look->is_screen)
        add(m, CS_WALL_PLAIN, "");
    cs_wall_detail_workers(m->look, m->columns, workers, m->arena, m->out);
    char text[CS_WALL_LINE_MAX];
    cs_wall_detail_ends(m->look, text, sizeof text);
    add(m, CS_WALL_PLAIN, text);
    if (errors[0] != '\0')
        add(m, CS_WALL_PLAIN, errors);
}

/* A trial in words, from the line on that was moved to. */
static void trial(struct making *m, unsigned rows)
{
    struct cs_wall_lines p = {m->out, m->arena, m->columns, m->out->n + rows};
    const char *text = m->look->shown != NULL ? m->look->shown : "";
    const unsigned all = cs_wall_lines_scrolled(&p, text, UINT_MAX), most = all > rows ? all - rows : 0;
    m->out->top = m->choice->top < most ? m->choice->top : most;
    cs_wall_lines_scrolled(&p, text, m->out->top);
}

void cs_wall_page_make(const struct cs_wall_look *look, const struct cs_wall_choice *choice, unsigned columns,
                       unsigned rows, struct cs_arena *arena, struct cs_wall_page *out)
{
    struct making m = {look, choice, arena, columns, rows < CS_WALL_ROWS_MAX ? rows : CS_WALL_ROWS_MAX, false, out};
    *out = (struct cs_wall_page){.n = 0};
    head(&m);
    const struct cs_wall_look then = cs_wall_alive_as_left(look);
    look = m.look = &then;
    m.is_stale = cs_wall_alive_silent_ms(&then) > 0;
    const unsigned below = foot_rows(&m) > 1 ? foot_rows(&m) : 1, room = left(&m) > below ? left(&m) - below : 0;
    if (look->fleet != NULL && choice->view != CS_WALL_ALL)
        sorted_lanes(&m);
    if (look->fleet == NULL)
        ; /* the head says why */
    else if (choice->view == CS_WALL_LANE)
        cs_wall_detail_lane(look, columns, room, arena, out);
    else if (choice->view == CS_WALL_EVENTS)
        cs_wall_detail_events(look, columns, room, arena, out);
    else if (choice->view == CS_WALL_ERRORS)
        cs_wall_errors_page(look, choice, columns, room, arena, out);
    else if (choice->view == CS_WALL_TRIAL)
        trial(&m, room);
    else
        all_of_it(&m);
    while (look->is_screen && left(&m) > below)
        add(&m, CS_WALL_PLAIN, "");
    foot(&m);
}
