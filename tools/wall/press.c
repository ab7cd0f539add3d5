#include "tools/wall/press.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"

static void ask(struct cs_wall *w, const char *verb, const char *const *args, const char *what)
{
    cs_wall_acts_ask(&w->acts, verb, args, what, &w->said);
    w->said_ms = cs_clock_mono_ms();
}

static void ask_of_lane(struct cs_wall *w, const char *verb)
{
    const char *args[] = {w->page.lane->model, w->page.study->study, NULL};
    char *what = cs_xasprintf("%s %s of %s", verb, args[0], args[1]);
    ask(w, verb, args, what);
    free(what);
}

static void begin_typing(struct cs_wall *w, enum cs_wall_typing what)
{
    w->types = what;
    w->typed[0] = '\0';
    if (w->page.study != NULL)
        snprintf(w->subject, sizeof w->subject, "%s", w->page.study->study);
    if (w->page.lane != NULL) {
        snprintf(w->model, sizeof w->model, "%s", w->page.lane->model);
        w->gen = w->page.lane->gen;
    }
}

/* ---- trials -------------------------------------------------------------------------------------------------- */

static void open_trial(struct cs_wall *w, const struct cs_wall_wish *wish)
{
    cs_wall_opened_read(&w->o.place, wish, &w->shown);
    if (w->choice.view != CS_WALL_TRIAL)
        w->before = w->choice.view;
    w->choice.view = CS_WALL_TRIAL;
    w->choice.top = 0;
}

/* The first that met the chosen error. */
static void open_first(struct cs_wall *w)
{
    const struct cs_wall_trial *t = &w->page.trial;
    char number[32];
    if (t->lane == NULL)
        return;
    snprintf(number, sizeof number, "%llu", (unsigned long long)t->position);
    open_trial(w, &(struct cs_wall_wish){t->study->study, t->lane->model, t->lane->gen, number});
}

static void shift_top(struct cs_wall *w, int by)
{
    const unsigned from = w->page.top;
    w->choice.top = by < 0 && from < (unsigned)-by ? 0 : from + (unsigned)by;
}

static void word_question(struct cs_wall *w)
{
    if (w->types == TYPES_BUDGET)
        snprintf(w->asks, sizeof w->asks, "budget of %s in USD, all generations (enter; esc leaves it): %s_",
                 w->subject, w->typed);
    else if (w->types == TYPES_TRIAL)
        snprintf(w->asks, sizeof w->asks, "trial of %.60s: its number, or CASE [LEVEL [REPEAT]]: %s_", w->model,
                 w->typed);
    else if (w->types == TYPES_END)
        snprintf(w->asks, sizeof w->asks,
                 "end this run? Calls in flight finish, every answer is kept, the same command continues it (y/n)");
    else
        snprintf(w->asks, sizeof w->asks, "drain the whole fleet? Calls in flight end, and then its processes (y/n)");
}

static void typed_all(struct cs_wall *w)
{
    if (w->types == TYPES_TRIAL) {
        w->types = TYPES_NOTHING;
        if (w->typed[0] != '\0')
            open_trial(w, &(struct cs_wall_wish){w->subject, w->model, w->gen, w->typed});
        return;
    }
    char *pair = cs_xasprintf("budget_usd=%s", w->typed), *what = cs_xasprintf("set %s of %s", pair, w->subject);
    const char *args[] = {w->subject, "", "set", pair, NULL};
    if (w->typed[0] != '\0')
        ask(w, "set", args, what);
    free(what);
    free(pair);
    w->types = TYPES_NOTHING;
}

/* Ids of cases and levels may be in any script: bytes of UTF-8 come one by one. */
static bool is_typed(enum cs_wall_typing what, int key)
{
    return what == TYPES_TRIAL ? key >= ' ' && key <= 0xff && key != 0x7f : (key >= '0' && key <= '9') || key == '.';
}

static void type(struct cs_wall *w, int key)
{
    const size_t n = strlen(w->typed);
    if (key == CS_WALL_KEY_ESCAPE) {
        w->types = TYPES_NOTHING;
    } else if (w->types == TYPES_END) {
        w->types = TYPES_NOTHING;
    } else if (w->types == TYPES_DRAIN) {
        if (key == 'y')
            ask(w, "drain", (const char *[]){NULL}, "drain");
        w->types = TYPES_NOTHING;
    } else if (key == CS_WALL_KEY_ENTER) {
        typed_all(w);
    } else if (key == CS_WALL_KEY_BACK) {
        w->typed[n > 0 ? n - 1 : 0] = '\0';
    } else if (n + 1 < sizeof w->typed && is_typed(w->types, key)) {
        w->typed[n] = (char)key;
        w->typed[n + 1] = '\0';
    }
    word_question(w);
}

static void toggle(struct cs_wall *w, enum cs_wall_view view)
{
    w->choice.view = w->choice.view == view ? CS_WALL_ALL : view;
}

static void act(struct cs_wall *w, int key)
{
    if (!cs_wall_acts_may(&w->acts))
        return;
    if ((key == 'p' || key == 'r') && w->page.lane != NULL)
        ask_of_lane(w, key == 'p' ? "pause" : "resume");
    else if (key == 'b' && w->page.study != NULL)
        begin_typing(w, TYPES_BUDGET);
    else if (key == 'd')
        begin_typing(w, w->o.owns ? TYPES_END : TYPES_DRAIN);
    else if (key == 'v')
        toggle(w, CS_WALL_EVENTS);
    word_question(w);
}

/* The next order, with its first lane chosen. */
static void sort(struct cs_wall *w)
{
    static const char *const words[CS_WALL_SORTS] = {"by study and name, ended ones last", "the least done first",
                                                     "the one that ends last first", "most trouble first"};
    w->choice.sort = (enum cs_wall_sort)((w->choice.sort + 1) % CS_WALL_SORTS);
    w->choice.lane = 0;
    w->choice.key = 0;
    cs_buf_clear(&w->said);
    cs_buf_printf(&w->said, "lanes: %s", words[w->choice.sort]);
    w->said_ms = cs_clock_mono_ms();
}

/* Up and down, by so many. */
static void step(struct cs_wall *w, int by)
{
    if (w->choice.view == CS_WALL_TRIAL) {
        shift_top(w, by);
    } else if (w->choice.view == CS_WALL_ERRORS) {
        if (by < 0)
            w->choice.error -= w->choice.error > 0;
        else
            w->choice.error += w->choice.error + 1 < w->page.n_errors;
    } else {
        w->choice.key = 0;
        if (by < 0)
            w->choice.lane -= w->choice.lane > 0;
        else
            w->choice.lane += w->choice.lane + 1 < w->page.n_lanes;
    }
}

static void enter(struct cs_wall *w)
{
    if (w->choice.view == CS_WALL_ERRORS)
        open_first(w);
    else if (w->choice.view != CS_WALL_TRIAL)
        toggle(w, CS_WALL_LANE);
}

bool cs_wall_press_key(struct cs_wall *w, int key)
{
    if (w->types != TYPES_NOTHING) {
        const bool ends = w->types == TYPES_END && key == 'y';
        type(w, key);
        return !ends;
    }
    switch (key) {
    case 'q':
        if (!w->o.owns)
            return false;
        begin_typing(w, TYPES_END);
        word_question(w);
        break;
    case 's':
        sort(w);
        break;
    case CS_WALL_KEY_UP:
    case 'k':
        step(w, -1);
        break;
    case CS_WALL_KEY_DOWN:
    case 'j':
        step(w, 1);
        break;
    case CS_WALL_KEY_PAGE_UP:
        step(w, -(int)w->page.n / 2);
        break;
    case CS_WALL_KEY_PAGE_DOWN:
    case ' ':
        step(w, (int)w->page.n / 2);
        break;
    case CS_WALL_KEY_ENTER:
        enter(w);
        break;
    case 'l':
        toggle(w, CS_WALL_LANE);
        break;
    case 'e':
        toggle(w, CS_WALL_ERRORS);
        break;
    case 't':
        if (w->page.lane != NULL)
            begin_typing(w, TYPES_TRIAL);
        word_question(w);
        break;
    case CS_WALL_KEY_ESCAPE:
    case CS_WALL_KEY_BACK:
        w->choice.view = w->choice.view == CS_WALL_TRIAL ? w->before : CS_WALL_ALL;
        break;
    default:
        act(w, key);
    }
    return true;
}
