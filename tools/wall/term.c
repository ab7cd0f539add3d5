#include "tools/wall/term.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/plain.h"
#include "tools/wall/lines.h"
#include "tools/wall/press.h"
#include "tools/wall/table.h"

enum { ASK_MS = 1000, LOOK_MS = 1000, AGAIN_MS = 1000, SAID_MS = 8000, TURN_MS = 250 };
enum { EVENTS_MS = 3000, PING_MS = 3000 };
enum { BLOCK_COLUMNS = 120, BLOCK_ROWS = 60, SHOWN_MAX = 4 * 1024 * 1024, TOLD_MAX = 64 * 1024 };

static volatile sig_atomic_t ended;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

static void look(struct cs_wall *w)
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
        rc = cs_redis_sync_open(&w->redis, w->o.redis, ASK_MS, &w->trouble);
    }
    if (w->redis == NULL)
        return;
    cs_arena_reset(arena);
    const char *id = w->o.fleet != NULL ? w->o.fleet : w->has_fleet ? w->fleet_id : NULL;
    rc = cs_progress_read_all(w->redis, id, arena, &fleet, &w->trouble);
    if (rc != CS_OK) {
        cs_redis_sync_close(w->redis);
        w->redis = NULL;
        return;
    }
    w->trouble = (struct cs_error){0};
    w->fleet = fleet;
    w->at = 1 - w->at;
    if (!w->has_fleet)
        snprintf(w->fleet_id, sizeof w->fleet_id, "%s", w->fleet.fleet);
    w->has_fleet = true;
    cs_wall_past_note(w->past, &w->fleet, cs_clock_mono_ms());
}

/* Redis tells of the coordinator; while it does not, the coordinator does. */
static void look_at_coordinator(struct cs_wall *w)
{
    const uint64_t now = cs_clock_mono_ms();
    if (!w->has_fleet || w->trouble.code == CS_OK || now < w->pinged_ms + PING_MS)
        return;
    const enum cs_wall_heard heard = cs_wall_acts_heard(&w->acts);
    w->pinged_ms = cs_clock_mono_ms();
    cs_wall_past_note_heard(w->past, heard, w->pinged_ms);
}

static void look_at_events(struct cs_wall *w)
{
    const uint64_t now = cs_clock_mono_ms();
    if (w->choice.view != CS_WALL_EVENTS || now < w->events_ms + EVENTS_MS)
        return;
    w->events_ms = now;
    cs_wall_acts_events(&w->acts, &w->events);
}

static void make(struct cs_wall *w, unsigned width, unsigned height)
{
    char plain[400];
    const struct cs_wall_look now = {
        .fleet = w->has_fleet ? &w->fleet : NULL,
        .past = w->past,
        .now_ms = cs_clock_mono_ms(),
        .now_wall_ms = cs_clock_wall_ms(),
        .redis_is_empty = w->trouble.code == CS_ENOENT,
        .trouble = w->trouble.code != CS_OK ? cs_plain_text(plain, sizeof plain, w->trouble.msg) : NULL,
        .events = w->events.len > 0 ? cs_buf_cstr(&w->events) : NULL,
        .shown = w->shown.len > 0 ? cs_buf_cstr(&w->shown) : NULL,
        .said = cs_clock_mono_ms() < w->said_ms + SAID_MS ? cs_buf_cstr(&w->said) : "",
        .asks = w->types != TYPES_NOTHING ? w->asks : NULL,
        .may_act = cs_wall_acts_may(&w->acts),
        .is_screen = w->is_screen,
        .owns = w->o.owns,
        .studies = w->o.studies,
        .n_studies = w->o.n_studies,
    };
    cs_arena_reset(&w->page_arena);
    cs_wall_page_make(&now, &w->choice, width, height, &w->page_arena, &w->page);
    w->choice.lane = w->page.lane_at; /* it stays chosen when the order changes: keys act on it */
    w->choice.key = w->page.key;
}

/* ---- a terminal ---------------------------------------------------------------------------------------------- */

static attr_t style(const struct cs_wall *w, enum cs_wall_style s)
{
    switch (s) {
    case CS_WALL_HEAD:
        return A_BOLD;
    case CS_WALL_DEAD:
        return w->has_colours ? (attr_t)COLOR_PAIR(1) | A_BOLD : A_BOLD | A_REVERSE;
    case CS_WALL_NEEDS:
        return w->has_colours ? (attr_t)COLOR_PAIR(2) | A_BOLD : A_BOLD;
    case CS_WALL_CHOSEN:
        return A_REVERSE;
    case CS_WALL_SOFT:
        return A_DIM;
    case CS_WALL_PLAIN:
        break;
    }
    return A_NORMAL;
}

static void draw(struct cs_wall *w)
{
    int rows, width;
    getmaxyx(stdscr, rows, width);
    make(w, (unsigned)width, (unsigned)rows);
    erase();
    for (unsigned i = 0; i < w->page.n; i++) {
        attrset(style(w, w->page.lines[i].style));
        mvaddstr((int)i, 0, w->page.lines[i].text);
        if (w->page.lines[i].style == CS_WALL_DEAD)
            hline(' ' | style(w, CS_WALL_DEAD), width);
    }
    attrset(A_NORMAL);
    refresh();
}

static void begin_screen(struct cs_wall *w)
{
    const char *no_color = getenv("NO_COLOR");
    w->is_screen = true;
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    set_escdelay(50);
    w->has_colours = (no_color == NULL || no_color[0] == '\0') && has_colors() && start_color() == OK &&
                     use_default_colors() == OK;
    if (w->has_colours) {
        init_pair(1, COLOR_WHITE, COLOR_RED);
        init_pair(2, COLOR_YELLOW, -1);
    }
}

/* As press.h has it; ERR: none. */
static int key_of(int key)
{
    switch (key) {
    case KEY_UP:
        return CS_WALL_KEY_UP;
    case KEY_DOWN:
        return CS_WALL_KEY_DOWN;
    case KEY_PPAGE:
        return CS_WALL_KEY_PAGE_UP;
    case KEY_NPAGE:
        return CS_WALL_KEY_PAGE_DOWN;
    case '\n':
    case '\r':
    case KEY_ENTER:
        return CS_WALL_KEY_ENTER;
    case KEY_BACKSPACE:
    case 127:
    case 8:
        return CS_WALL_KEY_BACK;
    case KEY_RESIZE:
        return ERR;
    default:
        return key;
    }
}

static bool screen_turn(struct cs_wall *w, uint32_t ms)
{
    look(w);
    look_at_coordinator(w);
    look_at_events(w);
    draw(w);
    timeout((int)ms);
    const int key = key_of(getch());
    return key == ERR || cs_wall_press_key(w, key);
}

/* ---- blocks of text ---------------------------------------------------------------------------------------------- */

/* Of $COLUMNS, else of the terminal that has no cursor; into a pipe a usual width. */
static unsigned block_columns(FILE *out)
{
    const char *said = getenv("COLUMNS");
    struct winsize size;
    unsigned long n = said != NULL ? strtoul(said, NULL, 10) : 0;
    if (n == 0 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
        n = size.ws_col;
    return n >= CS_WALL_COLUMNS_MIN && n < CS_WALL_LINE_MAX ? (unsigned)n : BLOCK_COLUMNS;
}

/* Changes when something has come about. */
static uint64_t key_of_fleet(const struct cs_wall *w)
{
    uint64_t key = w->has_fleet + 1;
    for (uint32_t i = 0; w->has_fleet && i < w->fleet.n_studies; i++) {
        const struct cs_progress *p = &w->fleet.studies[i];
        key = key * 31 + p->done + p->failed + p->cancelled;
        for (uint32_t k = 0; k < p->n_lanes; k++)
            key = key * 31 + (uint64_t)p->lanes[k].state[0] + strlen(p->lanes[k].reason);
    }
    return w->trouble.code != CS_OK ? ~key : key;
}

static bool block(struct cs_wall *w)
{
    look(w);
    look_at_coordinator(w);
    const uint64_t key = key_of_fleet(w);
    if (w->o.owns && (key == w->block_key || !w->has_fleet))
        return true; /* a log needs the same no second time */
    w->block_key = key;
    w->block_ms = cs_clock_mono_ms() + (uint64_t)w->o.every_s * 1000;
    make(w, block_columns(w->o.out), BLOCK_ROWS);
    for (unsigned i = 0; i < w->page.n; i++)
        fprintf(w->o.out, "%s\n", w->page.lines[i].text);
    fputc('\n', w->o.out);
    return fflush(w->o.out) == 0;
}

static bool block_turn(struct cs_wall *w, uint32_t ms)
{
    const bool on = cs_clock_mono_ms() < w->block_ms || block(w);
    for (uint32_t slept = 0; slept < ms && !ended; slept += 50)
        usleep(50 * 1000);
    return on;
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

/* Whoever is not in the foreground (`clinsafe run STUDY &`, `timeout 8h clinsafe run STUDY`) is stopped by the terminal as soon as he reads
 * keys or sets it up. One that controls nobody stops nobody (-1). */
static bool is_ours(int fd)
{
    const pid_t front = isatty(fd) ? tcgetpgrp(fd) : 0;
    return front == -1 || front == getpgrp();
}

static bool is_terminal(FILE *out)
{
    const char *kind = getenv("TERM");
    return is_ours(fileno(out)) && is_ours(STDIN_FILENO) && kind != NULL && kind[0] != '\0' &&
           strcmp(kind, "dumb") != 0;
}

struct cs_wall *cs_wall_term_open(const struct cs_wall_opts *o)
{
    struct cs_wall *w = cs_xcalloc(1, sizeof *w);
    w->o = *o;
    w->past = cs_xcalloc(1, sizeof *w->past);
    w->acts.whom = o->whom;
    w->events = CS_BUF_INIT(1024 * 1024);
    w->said = CS_BUF_INIT(1024);
    w->told = CS_BUF_INIT(TOLD_MAX);
    w->shown = CS_BUF_INIT(SHOWN_MAX);
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8"); /* what we write is UTF-8 */
    if (!o->once && is_terminal(o->out) && newterm(NULL, o->out, stdin) != NULL)
        begin_screen(w);
    return w;
}

bool cs_wall_term_is_screen(const struct cs_wall *w)
{
    return w->is_screen;
}

void cs_wall_term_say(struct cs_wall *w, const char *lines)
{
    if (!w->is_screen) {
        fputs(lines, w->o.out);
        return;
    }
    cs_buf_clear(&w->said);
    cs_buf_append(&w->said, lines, strcspn(lines, "\n"));
    w->said_ms = cs_clock_mono_ms();
    cs_wall_lines_keep(&w->told, lines);
}

bool cs_wall_term_turn(struct cs_wall *w, uint32_t ms)
{
    return w->is_screen ? screen_turn(w, ms) : block_turn(w, ms);
}

void cs_wall_term_close(struct cs_wall *w)
{
    if (w == NULL)
        return;
    if (w->is_screen)
        endwin();
    fputs(cs_buf_cstr(&w->told), w->o.out);
    cs_buf_release(&w->told);
    cs_wall_acts_close(&w->acts);
    cs_redis_sync_close(w->redis);
    cs_arena_release(&w->arenas[0]);
    cs_arena_release(&w->arenas[1]);
    cs_arena_release(&w->page_arena);
    cs_buf_release(&w->events);
    cs_buf_release(&w->said);
    cs_buf_release(&w->shown);
    free(w->past);
    free(w);
}

enum cs_err cs_wall_term_run(const struct cs_wall_opts *o, struct cs_error *err)
{
    const struct sigaction action = {.sa_handler = on_end};
    enum cs_err rc = CS_OK;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    struct cs_wall *w = cs_wall_term_open(o);
    bool is_wrong = false; /* an address that is none, several fleets: no waiting helps */
    while (!is_wrong && cs_wall_term_turn(w, o->once ? 0 : TURN_MS) && !ended && !o->once)
        is_wrong = !w->has_fleet && w->trouble.code == CS_EINVAL;
    if ((o->once || is_wrong) && !w->has_fleet)
        rc = cs_error_set(err, w->trouble.code != CS_OK ? w->trouble.code : CS_EAGAIN, "%s", w->trouble.msg);
    cs_wall_term_close(w);
    return rc;
}
