#include "tools/wall/page.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/base/text.h"
#include "tools/wall/fields.h"
#include "tools/wall/detail.h"
#include "tools/wall/table.h"

struct making {
    const struct cs_wall_look *look;
    const struct cs_wall_choice *choice;
    struct cs_arena *arena;
    unsigned columns, rows;
    struct cs_wall_page *out;
};

static void add(struct making *m, enum cs_wall_style style, const char *text)
{
    char line[CS_WALL_LINE_MAX];
    if (m->out->n >= m->rows)
        return;
    snprintf(line, sizeof line, "%s", text);
    cs_wall_table_cut(line, m->columns);
    m->out->lines[m->out->n++] = (struct cs_wall_line){cs_arena_strdup(m->arena, line), style};
}

/* At blanks, over as many lines as it needs: what is dead is never cut off. */
static void add_wrapped(struct making *m, enum cs_wall_style style, const char *text)
{
    char line[CS_WALL_LINE_MAX];
    while (*text != '\0') {
        size_t n = 0, end = 0;
        unsigned width = 0;
        for (; text[n] != '\0' && n + 1 < sizeof line; n++) {
            width += ((unsigned char)text[n] & 0xc0) != 0x80;
            if (width > m->columns)
                break;
            if (text[n + 1] == ' ' || text[n + 1] == '\0')
                end = n + 1;
        }
        end = end > 0 ? end : n;
        snprintf(line, sizeof line, "%.*s", (int)end, text);
        add(m, style, line);
        text += end;
        text += strspn(text, " ");
    }
}

static unsigned left(const struct making *m)
{
    return m->rows > m->out->n ? m->rows - m->out->n : 0;
}

/* ---- the head, and what is dead --------------------------------------------------------------------------- */

static bool stands(const struct cs_progress_lane *l)
{
    return strcmp(l->state, "paused") == 0 || strcmp(l->state, "stopped") == 0;
}

static unsigned needs(const struct cs_fleet_progress *f)
{
    unsigned n = 0;
    for (uint32_t i = 0; f != NULL && i < f->n_studies; i++)
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++)
            n += stands(&f->studies[i].lanes[k]);
    return n;
}

static bool redis_is_silent(const struct cs_wall_look *l)
{
    return l->trouble != NULL &&
           (l->fleet == NULL || cs_wall_past_redis_silent_ms(l->past, l->now_ms) >= CS_WALL_REDIS_SILENT_MS);
}

static int64_t coordinator_silent_ms(const struct cs_wall_look *l)
{
    const int64_t by_clock = l->now_wall_ms - l->past->coordinator_said;
    const uint64_t seen = cs_wall_past_coordinator_silent_ms(l->past);
    if (l->fleet == NULL || l->fleet->n_studies == 0 || redis_is_silent(l))
        return 0; /* nothing is known of it just now */
    if (seen >= CS_WALL_COORDINATOR_SILENT_MS)
        return by_clock > 0 ? by_clock : (int64_t)seen;
    return l->past->n < 3 && by_clock >= CS_WALL_CLOCKS_APART_MS ? by_clock : 0;
}

static void say_redis(struct making *m)
{
    const struct cs_wall_look *l = m->look;
    const int64_t since = l->now_wall_ms - (int64_t)cs_wall_past_redis_silent_ms(l->past, l->now_ms);
    char at[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX];
    if (l->fleet == NULL)
        snprintf(text, sizeof text, "REDIS DOES NOT ANSWER: %s", l->trouble);
    else
        snprintf(text, sizeof text,
                 "REDIS SILENT since %s. What stands below is from then. Workers use their last share x 0.9; no answer "
                 "depends on it.",
                 cs_wall_fields_clock(at, since));
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
                 cs_wall_fields_clock(at, since), cs_text_duration(ago, (double)silent_ms / 1e3),
                 cs_wall_fields_clock(end, until));
    else
        snprintf(
            text, sizeof text,
            "COORDINATOR SILENT since %s (%s). Workers keep their answers and start no calls. Nothing is lost: start it "
            "again.",
            cs_wall_fields_clock(at, since), cs_text_duration(ago, (double)silent_ms / 1e3));
    add_wrapped(m, CS_WALL_DEAD, text);
}

static bool is_running(const struct cs_fleet_progress *f)
{
    for (uint32_t i = 0; i < f->n_studies; i++) {
        if (strcmp(f->studies[i].state, "running") == 0)
            return true;
    }
    return false;
}

static void head(struct making *m)
{
    const struct cs_wall_look *l = m->look;
    const struct cs_fleet_progress *f = l->fleet;
    const int64_t silent_ms = coordinator_silent_ms(l);
    char at[CS_TEXT_MAX_LEN], text[CS_WALL_LINE_MAX], health[CS_TEXT_MAX_LEN] = "healthy";
    const bool dead = redis_is_silent(l) || silent_ms > 0;

    if (dead)
        snprintf(health, sizeof health, "PARTS ARE DEAD");
    else if (needs(f) > 0)
        snprintf(health, sizeof health, "NEEDS YOU");
    const int n = snprintf(text, sizeof text, "ClinSafe  %.8s  %u stud%s  %u worker%s  %s", f != NULL ? f->fleet : "-",
                           f != NULL ? f->n_studies : 0, f != NULL && f->n_studies == 1 ? "y" : "ies",
                           f != NULL ? f->n_workers : 0, f != NULL && f->n_workers == 1 ? "" : "s",
                           cs_wall_fields_clock(at, l->now_wall_ms));
    if (n > 0 && (unsigned)n + 2 + strlen(health) <= m->columns)
        snprintf(text + n, sizeof text - (size_t)n, "%*s", (int)m->columns - n, health);
    add(m, dead ? CS_WALL_DEAD : CS_WALL_HEAD, text);
    if (redis_is_silent(l))
        say_redis(m);
    if (silent_ms > 0 && f != NULL)
        say_coordinator(m, silent_ms);
    if (f != NULL && f->n_workers == 0 && is_running(f) && !dead)
        add_wrapped(m, CS_WALL_DEAD,
                    "NO WORKER is there: trials wait, and nothing is asked. Start one: clinsafe-worker --help");
}

/* ---- tables --------------------------------------------------------------------------------------------------- */

/* The headings and at most `most` rows, of which `chosen` is always one; what is left out is counted. */
static void put_table(struct making *m, const struct cs_wall_table *t, unsigned most, unsigned chosen,
                      const enum cs_wall_style *styles)
{
    struct cs_wall_layout layout;
    char line[CS_WALL_LINE_MAX];
    unsigned from = 0, shown = t->n_rows;
    if (most < 2)
        return;
    cs_wall_table_fit(t, m->columns, &layout);
    cs_wall_table_line(t, &layout, UINT_MAX, line, sizeof line);
    add(m, CS_WALL_SOFT, line);
    if (shown > most - 1) {
        shown = most > 2 ? most - 2 : 1; /* a line says how many more */
        if (chosen != UINT_MAX && chosen >= shown)
            from = chosen - shown + 1;
    }
    for (unsigned r = from; r < from + shown; r++) {
        cs_wall_table_line(t, &layout, r, line, sizeof line);
        add(m, styles != NULL ? styles[r] : CS_WALL_PLAIN, line);
    }
    if (shown < t->n_rows && most > 2) {
        snprintf(line, sizeof line, "and %u more", t->n_rows - shown);
        add(m, CS_WALL_SOFT, line);
    }
}

static void studies(struct making *m, unsigned most)
{
    static const struct cs_wall_column columns[] = {
        {"STUDY", 0, false, 12}, {"STATE", 5, false, 0},   {"DONE", 0, true, 0},
        {"", 6, false, 0},       {"A SECOND", 2, true, 0}, {"ENDS (slowest lane)", 1, false, 16},
        {"SPENT", 3, true, 0},   {"OF", 3, true, 0},       {"NEEDS YOU", 0, false, 9},
    };
    const struct cs_fleet_progress *f = m->look->fleet;
    struct cs_wall_table t = {.arena = m->arena, .columns = columns, .n_columns = sizeof columns / sizeof *columns};
    enum cs_wall_style *styles = cs_arena_array(m->arena, f->n_studies + 1, sizeof *styles);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        cs_wall_fields_study(&f->studies[i], m->look->now_wall_ms, m->arena, cs_wall_table_row(&t));
        styles[i] = cs_wall_fields_needs(&f->studies[i], m->arena)[0] != '\0' ? CS_WALL_NEEDS : CS_WALL_PLAIN;
    }
    put_table(m, &t, most, UINT_MAX, styles);
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
        return -(double)(cs_wall_past_figures(l).lost) / (ended > 0 ? ended : 1) - 10 * stands(l);
    case CS_WALL_BY_NAME:
    case CS_WALL_SORTS:
        break;
    }
    return 0;
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
    const unsigned chosen = m->choice->lane < n ? m->choice->lane : n > 0 ? n - 1 : 0;
    if (n > 0) {
        m->out->study = all[chosen].study;
        m->out->lane = all[chosen].lane;
    }
    return all;
}

static void lanes(struct making *m, unsigned most)
{
    static const struct cs_wall_column columns[] = {
        {"LANE", 0, false, 10},   {"STUDY", 9, false, 6},    {"DONE", 0, true, 0},    {"A SECOND", 1, true, 0},
        {"ENDS IN", 4, true, 0},  {"IN FLIGHT", 3, true, 0}, {"P50", 10, true, 0},    {"P95", 5, true, 0},
        {"OK %", 2, true, 0},     {"REFUSED %", 8, true, 0}, {"LOST %", 4, true, 0},  {"429/MIN", 6, true, 0},
        {"RETRIED", 11, true, 0}, {"COST", 12, true, 0},     {"BINDS", 0, false, 22},
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
        cs_wall_fields_lane(all[i].study, all[i].lane, known ? &pace : NULL, m->look->fleet->n_studies > 1, m->arena,
                            cs_wall_table_row(&t));
        styles[i] = stands(all[i].lane) ? CS_WALL_NEEDS : CS_WALL_PLAIN;
        if (all[i].lane == m->out->lane && m->look->is_screen)
            styles[chosen = i] = CS_WALL_CHOSEN;
    }
    put_table(m, &t, most, chosen, styles);
}

/* ---- the foot ----------------------------------------------------------------------------------------------------- */

static void foot(struct making *m)
{
    if (!m->look->is_screen)
        return;
    const char *keys =
        m->look->may_act
            ? "[q]uit [s]ort [enter] lane [p]ause [r]esume [b]udget [d]rain [v] events   quitting stops nothing"
            : "[q]uit [s]ort [enter] lane   quitting stops nothing";
    if (m->look->asks != NULL)
        add(m, CS_WALL_HEAD, m->look->asks);
    else if (m->look->said[0] != '\0')
        add(m, CS_WALL_HEAD, m->look->said);
    else
        add(m, CS_WALL_SOFT, keys);
}

/* Rows for studies and lanes, of what is left without the rest: lanes get what studies do not need. */
static void split(const struct making *m, unsigned room, unsigned *for_studies, unsigned *for_lanes)
{
    const unsigned want = m->look->fleet->n_studies + 1, half = room / 3 > 3 ? room / 3 : 3;
    *for_studies = want < half ? want : half;
    *for_lanes = room > *for_studies ? room - *for_studies : 0;
}

static void all_of_it(struct making *m)
{
    const struct cs_fleet_progress *f = m->look->fleet;
    const unsigned workers = cs_wall_detail_workers_rows(f, left(m)),
                   tail = workers + 1 + m->look->is_screen; /* how calls end, the foot */
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
}

void cs_wall_page_make(const struct cs_wall_look *look, const struct cs_wall_choice *choice, unsigned columns,
                       unsigned rows, struct cs_arena *arena, struct cs_wall_page *out)
{
    struct making m = {look, choice, arena, columns, rows < CS_WALL_ROWS_MAX ? rows : CS_WALL_ROWS_MAX, out};
    *out = (struct cs_wall_page){.n = 0};
    head(&m);
    if (look->fleet != NULL && choice->view == CS_WALL_LANE) {
        sorted_lanes(&m);
        cs_wall_detail_lane(look, columns, left(&m) > 1 ? left(&m) - 1 : 0, arena, out);
    } else if (look->fleet != NULL && choice->view == CS_WALL_EVENTS) {
        sorted_lanes(&m);
        cs_wall_detail_events(look, columns, left(&m) > 1 ? left(&m) - 1 : 0, arena, out);
    } else if (look->fleet != NULL) {
        all_of_it(&m);
    }
    foot(&m);
}
