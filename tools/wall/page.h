/* page.h - the wall screen as lines: what is dead, what needs a person, studies, lanes, workers, events. Pure.
 *
 * A page is never wider or longer than it was asked to be, from CS_WALL_COLUMNS_MIN x CS_WALL_ROWS_MIN on: less room means fewer columns
 * and rows. Every foreign text has passed the door where it was read (store/redis/progress_fields.c).
 */
#ifndef CS_WALL_PAGE_H
#define CS_WALL_PAGE_H

#include "protocol/base/arena.h"
#include "protocol/study/study.h"
#include "tools/wall/past.h"

enum { CS_WALL_COLUMNS_MIN = 60, CS_WALL_ROWS_MIN = 12, CS_WALL_ROWS_MAX = 200 };
enum {
    CS_WALL_REDIS_SILENT_MS = 6000,
    CS_WALL_COORDINATOR_SILENT_MS = 6000,
    CS_WALL_CLOCKS_APART_MS = 15000, /* what is older than that at the first look is taken for silence */
    CS_WALL_LEASE_MS = 27000,        /* workers start no call after so long (protocol/README.md) */
    CS_WALL_WORKER_SILENT_MS = 12000,
    CS_WALL_DISK_SOON_S = 86400,
};

enum cs_wall_style { CS_WALL_PLAIN, CS_WALL_HEAD, CS_WALL_DEAD, CS_WALL_NEEDS, CS_WALL_CHOSEN, CS_WALL_SOFT };
enum cs_wall_sort { CS_WALL_BY_NAME, CS_WALL_BY_DONE, CS_WALL_BY_ETA, CS_WALL_BY_TROUBLE, CS_WALL_SORTS };
enum cs_wall_view { CS_WALL_ALL, CS_WALL_LANE, CS_WALL_EVENTS, CS_WALL_ERRORS, CS_WALL_TRIAL };

struct cs_wall_trial {
    const struct cs_progress *study;
    const struct cs_progress_lane *lane; /* NULL: none */
    uint64_t position;
};

struct cs_wall_look {
    const struct cs_fleet_progress *fleet; /* as it was when Redis answered last; NULL: it never has */
    const struct cs_wall_past *past;
    uint64_t now_ms;
    int64_t now_wall_ms;
    const char *trouble; /* Redis's own words, while it does not answer, or knows nothing of the fleet: */
    bool redis_is_empty; /* it answers, and was told nothing, or has lost all */
    const struct cs_study *const *studies; /* n_studies, as loaded from their files; may be none */
    uint32_t n_studies;
    const char *events; /* a JSON array, the newest last (store/events.h); NULL: not asked for, or no answer */
    const char *shown;  /* a trial in words (opened.h), lines that end with \n, plain; or NULL */
    const char *said;   /* what came of the last key, or "" */
    const char *asks;   /* what is being typed, or NULL */
    bool may_act;       /* keys reach a coordinator */
    bool owns;          /* q ends the run */
    bool is_screen;     /* it is filled, and has a line of keys; else a block of text */
};
struct cs_wall_choice { /* what a person has chosen */
    enum cs_wall_view view;
    enum cs_wall_sort sort;
    unsigned lane;  /* number among all lanes, as they are shown, */
    uint64_t key;   /* but this one, wherever it stands by now (cs_wall_past_key); 0, or gone: the number counts */
    unsigned error; /* number among the errors */
    unsigned top;   /* line of the trial that is shown first */
};
struct cs_wall_line {
    const char *text;
    enum cs_wall_style style;
};
struct cs_wall_page {
    struct cs_wall_line lines[CS_WALL_ROWS_MAX];
    unsigned n;
    /* The chosen lane; NULL: there is none. */
    const struct cs_progress *study;
    const struct cs_progress_lane *lane;
    unsigned lane_at;           /* its number, */
    uint64_t key;               /* and its key */
    unsigned n_lanes, n_errors; /* that can be chosen */
    struct cs_wall_trial trial; /* of the chosen error: the first that met it */
    unsigned top;               /* line of the trial that is shown first: not beyond its end */
};
/* Texts live in arena. A row below rows is for the cursor's sake not counted: the page has at most `rows` lines. */
void cs_wall_page_make(const struct cs_wall_look *look, const struct cs_wall_choice *choice, unsigned columns,
                       unsigned rows, struct cs_arena *arena, struct cs_wall_page *out);

#endif
