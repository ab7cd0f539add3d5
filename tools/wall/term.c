#include "tools/wall/term.h"

#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/plain.h"
#include "tools/base/text.h"
#include "tools/wall/page.h"
#include "tools/wall/table.h"

enum { ASK_MS = 1000, LOOK_MS = 1000, AGAIN_MS = 1000, SAID_MS = 8000, EVENTS_MS = 3000, TYPED_MAX = 32 };
enum { BLOCK_COLUMNS = 120, BLOCK_ROWS = 60 };

enum typing { TYPES_NOTHING, TYPES_BUDGET, TYPES_DRAIN };

struct wall {
    const struct cs_wall_opts *o;
    struct cs_redis_sync *redis;
    uint64_t try_ms, looked_ms, events_ms;
    struct cs_arena arenas[2]; /* the look that holds, and the one under way */
    unsigned at;
    struct cs_fleet_progress fleet;
    bool has_fleet, is_screen;
    struct cs_error trouble;
    struct cs_wall_past *past;
    struct cs_wall_acts acts;
    struct cs_buf events, said;
    uint64_t said_ms;
    struct cs_wall_choice choice;
    enum typing types;
    char typed[TYPED_MAX], asks[400], subject[CS_TEXT_MAX_LEN * 4];
    struct cs_arena page_arena;
    struct cs_wall_page page;
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

static void look(struct wall *w)
{
    const uint64_t now = cs_clock_mono_ms();
    struct cs_arena *arena = &w->arenas[1 - w->at];
    struct cs_fleet_progress fleet;
    enum cs_err rc = CS_OK;
    if (now < w->looked_ms + LOOK_MS && w->looked_ms != 0)
        return;
    w->looked_ms = now;
    if (w->redis == NULL && now >= w->try_ms) {
        w->try_ms = now + AGAIN_MS;
        rc = cs_redis_sync_open(&w->redis, w->o->redis, ASK_MS, &w->trouble);
    }
    if (w->redis == NULL)
        return;
    cs_arena_reset(arena);
    rc = cs_progress_read_all(w->redis, w->o->fleet, arena, &fleet, &w->trouble);
    if (rc != CS_OK) {
        cs_redis_sync_close(w->redis);
        w->redis = NULL;
        return;
    }
    w->trouble = (struct cs_error){0};
    w->fleet = fleet;
    w->at = 1 - w->at;
    w->has_fleet = true;
    cs_wall_past_note(w->past, &w->fleet, cs_clock_mono_ms());
}

static void look_at_events(struct wall *w)
{
    const uint64_t now = cs_clock_mono_ms();
    if (w->choice.view != CS_WALL_EVENTS || now < w->events_ms + EVENTS_MS)
        return;
    w->events_ms = now;
    cs_wall_acts_events(&w->acts, &w->events);
}

static void make(struct wall *w, unsigned width, unsigned height)
{
    char plain[400];
    const struct cs_wall_look now = {
        .fleet = w->has_fleet ? &w->fleet : NULL,
        .past = w->past,
        .now_ms = cs_clock_mono_ms(),
        .now_wall_ms = cs_clock_wall_ms(),
        .trouble = w->trouble.code != CS_OK ? cs_plain_text(plain, sizeof plain, w->trouble.msg) : NULL,
        .events = w->events.len > 0 ? cs_buf_cstr(&w->events) : NULL,
        .said = cs_clock_mono_ms() < w->said_ms + SAID_MS ? cs_buf_cstr(&w->said) : "",
        .asks = w->types != TYPES_NOTHING ? w->asks : NULL,
        .may_act = cs_wall_acts_may(&w->acts),
        .is_screen = w->is_screen,
    };
    cs_arena_reset(&w->page_arena);
    cs_wall_page_make(&now, &w->choice, width, height, &w->page_arena, &w->page);
}

/* ---- keys ---------------------------------------------------------------------------------------------------- */

static void ask(struct wall *w, const char *verb, const char *const *args, const char *what)
{
    cs_wall_acts_ask(&w->acts, verb, args, what, &w->said);
    w->said_ms = cs_clock_mono_ms();
}

static void ask_of_lane(struct wall *w, const char *verb)
{
    const char *args[] = {w->page.lane->model, w->page.study->study, NULL};
    char *what = cs_xasprintf("%s %s of %s", verb, args[0], args[1]);
    ask(w, verb, args, what);
    free(what);
}

static void begin_typing(struct wall *w, enum typing what)
{
    w->types = what;
    w->typed[0] = '\0';
    if (w->page.study != NULL)
        snprintf(w->subject, sizeof w->subject, "%s", w->page.study->study);
}

static void word_question(struct wall *w)
{
    if (w->types == TYPES_BUDGET)
        snprintf(w->asks, sizeof w->asks, "budget of %s in USD, all generations (enter; esc leaves it): %s_",
                 w->subject, w->typed);
    else
        snprintf(w->asks, sizeof w->asks, "drain the whole fleet? Calls in flight end, and then its processes (y/n)");
}

static void typed_all(struct wall *w)
{
    char *pair = cs_xasprintf("budget_usd=%s", w->typed), *what = cs_xasprintf("set %s of %s", pair, w->subject);
    const char *args[] = {w->subject, "", "set", pair, NULL};
    if (w->typed[0] != '\0')
        ask(w, "set", args, what);
    free(what);
    free(pair);
    w->types = TYPES_NOTHING;
}

static void type(struct wall *w, int key)
{
    const size_t n = strlen(w->typed);
    if (key == 27) {
        w->types = TYPES_NOTHING;
    } else if (w->types == TYPES_DRAIN) {
        if (key == 'y')
            ask(w, "drain", (const char *[]){NULL}, "drain");
        w->types = TYPES_NOTHING;
    } else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
        typed_all(w);
    } else if ((key == KEY_BACKSPACE || key == 127 || key == 8) && n > 0) {
        w->typed[n - 1] = '\0';
    } else if (((key >= '0' && key <= '9') || key == '.') && n + 1 < sizeof w->typed) {
        w->typed[n] = (char)key;
        w->typed[n + 1] = '\0';
    }
    word_question(w);
}

static void act(struct wall *w, int key)
{
    if (!cs_wall_acts_may(&w->acts))
        return;
    if ((key == 'p' || key == 'r') && w->page.lane != NULL)
        ask_of_lane(w, key == 'p' ? "pause" : "resume");
    else if (key == 'b' && w->page.study != NULL)
        begin_typing(w, TYPES_BUDGET);
    else if (key == 'd')
        begin_typing(w, TYPES_DRAIN);
    else if (key == 'v')
        w->choice.view = w->choice.view == CS_WALL_EVENTS ? CS_WALL_ALL : CS_WALL_EVENTS;
    word_question(w);
}

/* False: it ends. */
static bool press(struct wall *w, int key)
{
    if (w->types != TYPES_NOTHING) {
        type(w, key);
        return true;
    }
    switch (key) {
    case 'q':
        return false;
    case 's':
        w->choice.sort = (enum cs_wall_sort)((w->choice.sort + 1) % CS_WALL_SORTS);
        break;
    case KEY_UP:
    case 'k':
        w->choice.lane -= w->choice.lane > 0;
        break;
    case KEY_DOWN:
    case 'j':
        w->choice.lane += w->choice.lane + 1 < w->page.n_lanes;
        break;
    case '\n':
    case '\r':
    case KEY_ENTER:
    case 'l':
        w->choice.view = w->choice.view == CS_WALL_LANE ? CS_WALL_ALL : CS_WALL_LANE;
        break;
    case 27:
        w->choice.view = CS_WALL_ALL;
        break;
    default:
        act(w, key);
    }
    return true;
}

/* ---- a terminal ---------------------------------------------------------------------------------------------- */

static bool has_colours;

static attr_t style(enum cs_wall_style s)
{
    switch (s) {
    case CS_WALL_HEAD:
        return A_BOLD;
    case CS_WALL_DEAD:
        return has_colours ? (attr_t)COLOR_PAIR(1) | A_BOLD : A_BOLD | A_REVERSE;
    case CS_WALL_NEEDS:
        return has_colours ? (attr_t)COLOR_PAIR(2) | A_BOLD : A_BOLD;
    case CS_WALL_CHOSEN:
        return A_REVERSE;
    case CS_WALL_SOFT:
        return A_DIM;
    case CS_WALL_PLAIN:
        break;
    }
    return A_NORMAL;
}

static void draw(struct wall *w)
{
    int rows, width;
    getmaxyx(stdscr, rows, width);
    make(w, (unsigned)width, (unsigned)rows);
    erase();
    for (unsigned i = 0; i < w->page.n; i++) {
        attrset(style(w->page.lines[i].style));
        mvaddstr((int)i, 0, w->page.lines[i].text);
        if (w->page.lines[i].style == CS_WALL_DEAD)
            hline(' ' | style(CS_WALL_DEAD), width);
    }
    attrset(A_NORMAL);
    refresh();
}

static void on_terminal(struct wall *w)
{
    bool on = true;
    w->is_screen = true;
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    set_escdelay(50);
    const char *no_color = getenv("NO_COLOR");
    has_colours = (no_color == NULL || no_color[0] == '\0') && has_colors() && start_color() == OK &&
                  use_default_colors() == OK;
    if (has_colours) {
        init_pair(1, COLOR_WHITE, COLOR_RED);
        init_pair(2, COLOR_YELLOW, -1);
    }
    timeout(250);
    while (on && !ended) {
        look(w);
        look_at_events(w);
        draw(w);
        const int key = getch();
        if (key != ERR && key != KEY_RESIZE)
            on = press(w, key);
    }
    endwin();
}

/* ---- blocks of text ---------------------------------------------------------------------------------------------- */

static unsigned block_columns(void)
{
    const char *said = getenv("COLUMNS");
    const unsigned long n = said != NULL ? strtoul(said, NULL, 10) : 0;
    return n >= CS_WALL_COLUMNS_MIN && n < CS_WALL_LINE_MAX ? (unsigned)n : BLOCK_COLUMNS;
}

static bool block(struct wall *w)
{
    look(w);
    make(w, block_columns(), BLOCK_ROWS);
    for (unsigned i = 0; i < w->page.n; i++)
        puts(w->page.lines[i].text);
    putchar('\n');
    return fflush(stdout) == 0;
}

static void as_blocks(struct wall *w)
{
    while (!ended && block(w) && !w->o->once) {
        for (uint32_t ms = 0; ms < w->o->every_s * 1000 && !ended; ms += 100)
            usleep(100 * 1000);
    }
}

static bool is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && kind != NULL && kind[0] != '\0' &&
           strcmp(kind, "dumb") != 0;
}

enum cs_err cs_wall_term_run(const struct cs_wall_opts *o, struct cs_error *err)
{
    struct wall *w = cs_xcalloc(1, sizeof *w);
    const struct sigaction action = {.sa_handler = on_end};
    enum cs_err rc = CS_OK;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    w->o = o;
    w->past = cs_xcalloc(1, sizeof *w->past);
    w->acts.whom = o->whom;
    w->events = CS_BUF_INIT(1024 * 1024);
    w->said = CS_BUF_INIT(1024);
    if (!o->once && is_terminal() && newterm(NULL, stdout, stdin) != NULL)
        on_terminal(w);
    else
        as_blocks(w);
    if (o->once && !w->has_fleet)
        rc = cs_error_set(err, w->trouble.code != CS_OK ? w->trouble.code : CS_EAGAIN, "%s", w->trouble.msg);
    cs_wall_acts_close(&w->acts);
    cs_redis_sync_close(w->redis);
    cs_arena_release(&w->arenas[0]);
    cs_arena_release(&w->arenas[1]);
    cs_arena_release(&w->page_arena);
    cs_buf_release(&w->events);
    cs_buf_release(&w->said);
    free(w->past);
    free(w);
    return rc;
}
