/* The wall screen's page: at every size of a terminal, with whatever is dead, it fits and says what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/wall/fields.h"
#include "tools/wall/lines.h"
#include "tools/wall/page.h"
#include "tools/wall/table.h"
#include "tools/wall/wide.h"

enum { LANES = 9, STUDIES = 3, WORKERS = 30 };
static const int64_t WALL_MS = 1795953600000; /* a day in 2026 */

struct world {
    struct cs_arena arena;
    struct cs_fleet_progress fleet;
    struct cs_wall_past *past;
    struct cs_wall_look look;
    struct cs_wall_choice choice;
    struct cs_wall_page page;
};

static struct cs_progress_lane lane(const char *model, uint64_t done, const char *state)
{
    struct cs_progress_lane l = {.gen = 1,
                                 .model = model,
                                 .state = state,
                                 .reason = strcmp(state, "paused") == 0 ? "50 of 50 answers unparsable" : "",
                                 .served = "",
                                 .planned = 192000,
                                 .done = done,
                                 .eta_s = strcmp(state, "open") == 0 ? (double)(192000 - done) / 5 : -1,
                                 .outputs_per_s = 5.2,
                                 .in_flight = 812,
                                 .binds = "requests_per_minute",
                                 .used = 39000,
                                 .limit = 40000};
    static struct cs_complaint errors[] = {
        {1, 0, "429 rate limit", 1204, 88120, 1795953500000, 1795953599000},
        {1, 0, "a sentence of a provider that is so long that it fits on no screen of eighty columns, nor here", 3, 7,
         1795953400000, 1795953590000}};
    l.errors = errors;
    l.n_errors = 2;
    l.counters.outcome[CS_OUTCOME_ok] = done - done / 10;
    l.counters.outcome[CS_OUTCOME_refused] = done / 20;
    l.counters.outcome[CS_OUTCOME_timeout] = done / 20;
    l.counters.attempts = done + 77;
    l.counters.cost_nano_usd = (int64_t)done * 500000;
    l.tally.ended[CS_TALLY_answered] = done;
    l.tally.recent[20] = 90;
    l.tally.recent[30] = 10;
    return l;
}

static void open_world(struct world *w)
{
    static const char *const models[LANES] = {"gpt-x",
                                              "claude-x",
                                              "llama-local",
                                              "qwen",
                                              "mistral",
                                              "deepseek",
                                              "a-model-with-a-very-long-name-2026-11-29-preview",
                                              "\xe6\xa8\xa1\xe5\x9e\x8b",
                                              "gemini"};
    static const char *const names[STUDIES] = {"ed-triage", "rheum", "pilot-notes"};
    memset(w, 0, sizeof *w);
    w->past = calloc(1, sizeof *w->past);
    w->fleet.fleet = "e7715c91aa00bb11";
    w->fleet.n_studies = STUDIES;
    w->fleet.studies = cs_arena_array(&w->arena, STUDIES, sizeof *w->fleet.studies);
    for (uint32_t i = 0; i < STUDIES; i++) {
        struct cs_progress *p = &w->fleet.studies[i];
        *p = (struct cs_progress){.study = names[i],
                                  .state = i < 2 ? "running" : "queued",
                                  .updated_wall_ms = WALL_MS,
                                  .budget_nano_usd = i == 0 ? 1500000000000 : -1,
                                  .committed_nano_usd = 812000000000,
                                  .outputs_per_s = 1912,
                                  .eta_s = 9000};
        p->n_lanes = i < 2 ? LANES : 0;
        p->lanes = cs_arena_array(&w->arena, LANES, sizeof *p->lanes);
        for (uint32_t k = 0; k < p->n_lanes; k++) {
            p->lanes[k] = lane(models[k], 20000 * (k + 1), i == 1 && k == 3 ? "paused" : "open");
            p->planned += p->lanes[k].planned;
            p->done += p->lanes[k].done;
        }
    }
    w->fleet.n_workers = WORKERS;
    w->fleet.workers = cs_arena_array(&w->arena, WORKERS, sizeof *w->fleet.workers);
    for (uint32_t i = 0; i < WORKERS; i++)
        w->fleet.workers[i] = (struct cs_worker_info){.name = cs_arena_printf(&w->arena, "node%02u:4711:beef", i),
                                                      .host = "node",
                                                      .version = "0.2",
                                                      .in_flight = 40,
                                                      .unacked = 3,
                                                      .rss_mb = 60,
                                                      .updated_wall_ms = WALL_MS - 2000,
                                                      .started_wall_ms = WALL_MS - 3600000};
    cs_wall_past_note(w->past, &w->fleet, 1000);
    w->look = (struct cs_wall_look){
        .fleet = &w->fleet,
        .past = w->past,
        .now_ms = 2000,
        .now_wall_ms = WALL_MS + 1000,
        .said = "",
        .shown =
            "case c1, group = black\n  request, 12 bytes:\n      a line of a prompt that is longer than sixty columns, and so goes on below it\n\n  output 7: ok",
        .may_act = true,
        .is_screen = true};
}

static void close_world(struct world *w)
{
    cs_arena_release(&w->arena);
    free(w->past);
}

static void make(struct world *w, unsigned columns, unsigned rows)
{
    cs_wall_page_make(&w->look, &w->choice, columns, rows, &w->arena, &w->page);
}

static bool says(const struct world *w, const char *text)
{
    for (unsigned i = 0; i < w->page.n; i++) {
        if (strstr(w->page.lines[i].text, text) != NULL)
            return true;
    }
    return false;
}

static enum cs_wall_style style_of(const struct world *w, const char *text)
{
    for (unsigned i = 0; i < w->page.n; i++) {
        if (strstr(w->page.lines[i].text, text) != NULL)
            return w->page.lines[i].style;
    }
    fail_msg("nobody says %s", text);
    return CS_WALL_PLAIN;
}

static void fits(const struct world *w, unsigned columns, unsigned rows)
{
    assert_true(w->page.n <= rows);
    for (unsigned i = 0; i < w->page.n; i++) {
        if (cs_wall_wide_columns(w->page.lines[i].text) > columns)
            fail_msg("%u x %u, line %u: %s", columns, rows, i, w->page.lines[i].text);
    }
}

static void test_it_fits_every_size(void **state)
{
    struct world w;
    (void)state;
    for (unsigned columns = CS_WALL_COLUMNS_MIN; columns <= 250; columns += 7) {
        for (unsigned rows = CS_WALL_ROWS_MIN; rows <= 80; rows += 4) {
            for (int dead = 0; dead < 3; dead++) {
                open_world(&w);
                if (dead == 1)
                    w.look.now_wall_ms = WALL_MS + 60000;
                if (dead == 2) {
                    w.look.trouble = "Connection refused";
                    w.look.now_ms = 20000;
                }
                for (int view = 0; view <= CS_WALL_TRIAL; view++) {
                    w.choice.view = (enum cs_wall_view)view;
                    w.choice.lane = 11;
                    make(&w, columns, rows);
                    fits(&w, columns, rows);
                    assert_true(says(&w, "ClinSafe"));
                    if (view == 0) {
                        assert_true(says(&w, "rheum")); /* which needs somebody */
                        assert_true(says(&w, "qwen paused: 50 of 50") || rows < 16);
                        assert_true(says(&w, "llama-l") || rows < 16);
                        assert_true(says(&w, "WORKER"));
                        assert_true(says(&w, "uit"));
                    }
                    if (dead == 1)
                        assert_true(says(&w, "COORDINATOR SILENT since"));
                    if (dead == 2)
                        assert_true(says(&w, "REDIS SILENT since") && !says(&w, "COORDINATOR SILENT"));
                }
                close_world(&w);
            }
        }
    }
}

static void test_columns_leave_by_rank_and_figures_are_never_cut(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    make(&w, 200, 60);
    assert_true(says(&w, "429/MIN") && says(&w, "RETRIED") && says(&w, "98 % of 40,000 requests a minute"));
    assert_true(says(&w, "$812") && says(&w, "$1500.00"));
    make(&w, 60, 24);
    assert_true(!says(&w, "RETRIED") && says(&w, "DONE") && says(&w, "BINDS"));
    for (unsigned i = 0; i < w.page.n; i++)
        assert_null(strstr(w.page.lines[i].text, "%~"));
    close_world(&w);
}

static void test_what_needs_a_person_is_said(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    make(&w, 160, 40);
    assert_true(says(&w, "NEEDS YOU"));
    assert_true(says(&w, "qwen paused: 50 of 50 answers unparsable"));
    assert_true(says(&w, "- (qwen)")); /* it ends never, however fast the others are */
    make(&w, 60, 20);
    assert_true(says(&w, "workers") && strstr(w.page.lines[0].text, "NEEDS YOU") != NULL);
    w.fleet.studies[1].lanes[3].state = "open";
    make(&w, 160, 40);
    assert_true(says(&w, "healthy"));
    w.fleet.n_workers = 0;
    make(&w, 160, 40);
    assert_true(says(&w, "NO WORKER is there") && !says(&w, "healthy"));
    assert_true(strstr(w.page.lines[0].text, "NO WORKER") != NULL);
    assert_int_equal(w.page.lines[0].style, CS_WALL_DEAD);
    close_world(&w);
}

/* A provider that answers nobody: red, since when, and why, at every size; lanes of one reason in one sentence. */
static void test_an_outage_is_red(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.fleet.studies[1].lanes[3].state = "open";
    for (uint32_t k = 0; k < 5; k++) {
        struct cs_progress_lane *l = &w.fleet.studies[0].lanes[k];
        l->held = "outage";
        l->held_since_wall_ms = WALL_MS - 83000 + 1000 * (int64_t)k;
        l->reason = k == 1 ? "2 workers: the provider at b answers with faults"
                           : "2 workers: no connection to the provider at a";
        l->eta_s = -1;
    }
    make(&w, 200, 60);
    assert_true(strstr(w.page.lines[0].text, "NEEDS YOU") != NULL);
    assert_int_equal(w.page.lines[0].style, CS_WALL_DEAD);
    assert_int_equal(style_of(&w, "NO ANSWER since"), CS_WALL_DEAD);
    assert_true(says(
        &w,
        "(1 min 24 s): gpt-x, llama-local, qwen and 1 more of ed-triage. 2 workers: no connection to the provider at a"));
    assert_true(says(&w, "(1 min 23 s): claude-x of ed-triage. 2 workers: the provider at b answers with faults"));
    assert_true(says(&w, "gpt-x no answer since ") && says(&w, "- (gpt-x)"));
    for (unsigned columns = 60; columns <= 250; columns += 19) {
        make(&w, columns, 40);
        fits(&w, columns, 40);
        assert_true(says(&w, "NEEDS YOU") && says(&w, "NO ANSWER since"));
    }
    w.choice.view = CS_WALL_LANE;
    make(&w, 120, 40);
    assert_int_equal(style_of(&w, "  no answer since"), CS_WALL_DEAD);
    close_world(&w);
}

/* What an operator has given up is not 100 % done: it is cancelled, with its share of the plan, and no end is named. */
static void test_a_cancelled_study_is_not_finished(void **state)
{
    const char *cells[CS_WALL_LANE_CELLS];
    struct world w;
    (void)state;
    open_world(&w);
    struct cs_progress *p = &w.fleet.studies[0];
    p->n_lanes = 2;
    p->lanes[0].planned = p->lanes[1].planned = 1000;
    p->lanes[0].done = 100;
    p->lanes[1].done = 178;
    p->lanes[0].cancelled = 900;
    p->lanes[1].cancelled = 822;
    p->planned = 2000;
    p->done = 278;
    p->cancelled = 1722;
    p->state = "finished";
    p->lanes[0].state = p->lanes[1].state = "cancelled";
    p->lanes[0].eta_s = p->lanes[1].eta_s = p->eta_s = 0;
    cs_wall_fields_study(p, WALL_MS, false, &w.arena, cells);
    assert_string_equal(cells[1], "cancelled");
    assert_string_equal(cells[2], "13.9 %");
    assert_string_equal(cells[5], "-");
    cs_wall_fields_lane(p, &p->lanes[0], NULL, true, false, &w.arena, cells);
    assert_string_equal(cells[2], "10.0 %");
    assert_string_equal(cells[4], "-");
    assert_string_equal(cells[14], "cancelled");
    w.choice.view = CS_WALL_LANE;
    w.choice.key = cs_wall_past_key(p->study, &p->lanes[0]);
    make(&w, 120, 40);
    assert_true(says(&w, "100 of 1,000 ended"));
    p->lanes[1].done = 1000; /* of two models one was given up, and the other has come to its end */
    p->lanes[1].cancelled = 0;
    p->done = 1100;
    p->cancelled = 900;
    cs_wall_fields_study(p, WALL_MS, false, &w.arena, cells);
    assert_string_equal(cells[1], "finished");
    assert_string_equal(cells[2], "100.0 %");
    close_world(&w);
}

static void test_the_chosen_lane_is_always_seen(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    for (w.choice.lane = 0; w.choice.lane < 2 * LANES; w.choice.lane++) {
        for (w.choice.sort = 0; w.choice.sort < CS_WALL_SORTS; w.choice.sort++) {
            unsigned chosen = 0;
            make(&w, 100, 18);
            for (unsigned i = 0; i < w.page.n; i++)
                chosen += w.page.lines[i].style == CS_WALL_CHOSEN;
            assert_int_equal(chosen, 1);
            assert_non_null(w.page.lane);
        }
    }
    w.choice.lane = 1000; /* lanes may have gone meanwhile */
    make(&w, 100, 18);
    assert_int_equal(w.page.n_lanes, 2 * LANES);
    assert_non_null(w.page.lane);
    close_world(&w);
}

/* Keys act on the chosen lane, so it stays that when others overtake it; and one that has ended hides none that has not. */
static void test_the_chosen_lane_stays_chosen(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.choice.sort = CS_WALL_BY_DONE;
    make(&w, 120, 40);
    const struct cs_progress_lane *first = w.page.lane;
    w.choice.lane = w.page.lane_at;
    w.choice.key = w.page.key;
    w.fleet.studies[0].lanes[0].done = 191999; /* the first is now the last */
    make(&w, 120, 40);
    assert_ptr_equal(w.page.lane, first);
    assert_int_not_equal(w.page.lane_at, 0);
    w.choice.key = 1; /* no lane's: it has gone */
    make(&w, 120, 40);
    assert_ptr_not_equal(w.page.lane, first);
    w.choice = (struct cs_wall_choice){0};
    for (uint32_t k = 0; k < LANES - 1; k++) {
        w.fleet.studies[0].lanes[k].done = 192000;
        w.fleet.studies[1].lanes[k].done = 192000;
    }
    make(&w, 100, 20);
    assert_ptr_equal(w.page.lane, &w.fleet.studies[0].lanes[LANES - 1]);
    assert_true(says(&w, "gemini") && says(&w, "and "));
    close_world(&w);
}

static void test_pace_is_per_minute_and_never_below_nothing(void **state)
{
    struct world w;
    struct cs_wall_pace pace;
    (void)state;
    open_world(&w);
    struct cs_progress_lane *l = &w.fleet.studies[0].lanes[0];
    const uint64_t key = cs_wall_past_key("ed-triage", l);
    struct cs_wall_figures now = cs_wall_past_figures(l);
    assert_false(cs_wall_past_pace(w.past, key, &now, 1000 + CS_WALL_PACE_MS - 1, &pace)); /* too early */
    now.ended[CS_TALLY_limited] += 7;
    now.ended[CS_TALLY_answered] -= 100; /* a worker went, and its count with it */
    assert_true(cs_wall_past_pace(w.past, key, &now, 1000 + 30000, &pace));
    assert_true(pace.ended[CS_TALLY_limited] > 13.9 && pace.ended[CS_TALLY_limited] < 14.1);
    assert_true(pace.ended[CS_TALLY_answered] == 0);
    assert_false(cs_wall_past_pace(w.past, key + 1, &now, 1000 + 30000, &pace)); /* nobody knows it */
    for (uint64_t i = 0; i < 2 * CS_WALL_LOOKS; i++)
        cs_wall_past_note(w.past, &w.fleet, 40000 + 1000 * i);
    assert_true(cs_wall_past_pace(w.past, key, &now, 40000 + 2000 * CS_WALL_LOOKS, &pace));
    close_world(&w);
}

/* Calls that all workers have told of together rise by 10 a second, whoever comes and goes with its count. */
static void test_pace_is_that_of_the_calls_when_workers_come_and_go(void **state)
{
    struct world w;
    struct cs_wall_pace pace;
    (void)state;
    open_world(&w);
    struct cs_progress_lane *l = &w.fleet.studies[0].lanes[0];
    const uint64_t key = cs_wall_past_key("ed-triage", l);
    const uint64_t all = l->tally.ended[CS_TALLY_answered];
    for (uint64_t s = 1; s < 50; s++) {
        w.fleet.n_workers = s < 20 ? WORKERS : s == 35 ? 0 : WORKERS - 1; /* one goes; Redis starts anew */
        l->tally.ended[CS_TALLY_answered] = s < 20 ? all + 10 * s : s == 35 ? 0 : all / 2 + 10 * s;
        cs_wall_past_note(w.past, &w.fleet, 1000 * (s + 1));
    }
    const struct cs_wall_figures now = cs_wall_past_figures(l);
    assert_true(cs_wall_past_pace(w.past, key, &now, 50000, &pace));
    assert_true(pace.ended[CS_TALLY_answered] > 570 && pace.ended[CS_TALLY_answered] < 630);
    close_world(&w);
}

/* A second passes, in which all workers tell but those that are dead. */
static void tick(struct world *w, uint64_t *now_ms, unsigned dead_from)
{
    *now_ms += 1000;
    w->look.now_ms = *now_ms;
    w->look.now_wall_ms += 1000;
    for (uint32_t i = 0; i < w->fleet.n_studies; i++)
        w->fleet.studies[i].updated_wall_ms = w->look.now_wall_ms;
    for (uint32_t i = 0; i < w->fleet.n_workers && i < dead_from; i++)
        w->fleet.workers[i].updated_wall_ms = w->look.now_wall_ms - 1000;
    cs_wall_past_note(w->past, &w->fleet, *now_ms);
}

static void test_a_worker_that_was_killed_is_missed_and_one_that_took_leave_is_not(void **state)
{
    struct world w;
    uint64_t now = 2000;
    (void)state;
    open_world(&w);
    w.fleet.studies[1].lanes[3].state = "open";
    for (int s = 0; s < 15; s++)
        tick(&w, &now, WORKERS - 1);
    w.fleet.n_workers = WORKERS - 1; /* what it told has expired */
    tick(&w, &now, WORKERS);
    w.fleet.n_workers = WORKERS - 2; /* another ends as it should */
    tick(&w, &now, WORKERS);
    make(&w, 120, 60);
    assert_true(says(&w, "1 worker LOST") && !says(&w, "healthy"));
    assert_true(says(&w, "node29") && says(&w, " s LOST") && !says(&w, "node28"));
    assert_int_equal(style_of(&w, "node29"), CS_WALL_DEAD);
    make(&w, 60, 12);
    assert_true(says(&w, "1 lost"));
    w.fleet.n_workers = WORKERS;
    tick(&w, &now, WORKERS);
    make(&w, 120, 60);
    assert_true(says(&w, "healthy") && !says(&w, " s LOST")); /* it is back */
    w.fleet.n_workers = 0;
    now += 20000; /* Redis was away, and starts anew: all are there again in a moment */
    tick(&w, &now, WORKERS);
    make(&w, 120, 60);
    assert_false(says(&w, " s LOST") || says(&w, "workers LOST"));
    close_world(&w);
}

static void test_a_silent_coordinator_runs_nothing_and_ends_never(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    make(&w, 200, 60);
    assert_true(says(&w, "running") && says(&w, "h ") && says(&w, "98 % of"));
    w.look.now_wall_ms = WALL_MS + 60000;
    w.fleet.studies[2].state = "finished";
    w.fleet.studies[2].planned = w.fleet.studies[2].done = 7;
    w.fleet.studies[2].outputs_per_s = 0;
    make(&w, 200, 60);
    assert_true(says(&w, "COORDINATOR SILENT since") && says(&w, "the coordinator is silent"));
    assert_false(says(&w, "running") || says(&w, "today") || says(&w, "98 % of") || says(&w, "1,912"));
    assert_true(says(&w, "finished") && says(&w, "50 of 50 answers unparsable"));
    close_world(&w);
}

/* A fleet that was told to end is not dead; one whose coordinator dies while it drains is. */
static void test_a_drained_fleet_is_not_dead(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    for (uint32_t i = 0; i < 2; i++) {
        w.fleet.studies[i].state = "draining";
        w.fleet.studies[i].workers = 1;
    }
    w.fleet.n_workers = 0;
    w.look.now_wall_ms = WALL_MS + 60000;
    make(&w, 120, 40);
    assert_true(says(&w, "COORDINATOR SILENT since") && says(&w, "PARTS ARE DEAD"));
    w.fleet.studies[0].workers = w.fleet.studies[1].workers = 0;
    make(&w, 60, 20);
    fits(&w, 60, 20);
    assert_int_equal(style_of(&w, "DRAINED: workers and coordinator"), CS_WALL_NEEDS);
    assert_non_null(strstr(w.page.lines[0].text, "DRAINED"));
    assert_int_equal(w.page.lines[0].style, CS_WALL_HEAD);
    assert_false(says(&w, "SILENT") || says(&w, "DEAD") || says(&w, "NO WORKER"));
    w.look.trouble = "Connection refused";
    w.look.now_ms += 60000;
    make(&w, 120, 40);
    assert_true(says(&w, "REDIS SILENT") && says(&w, "PARTS ARE DEAD"));
    close_world(&w);
}

static void test_while_redis_is_silent_nobody_else_is_accused(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.look.trouble = "Connection refused";
    w.look.now_ms += 60000;
    w.look.now_wall_ms += 60000;
    make(&w, 120, 60);
    assert_true(says(&w, "REDIS SILENT since"));
    assert_false(says(&w, " s silent"));
    close_world(&w);
}

/* Whichever of the two dies first: each is said with its own time, and what a silent coordinator said last is not shown as what goes on. */
static void test_redis_and_the_coordinator_die_in_either_order(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    for (uint64_t now = 11000; now <= 45000; now += 1000) /* Redis tells that the coordinator tells nothing */
        cs_wall_past_note(w.past, &w.fleet, now);
    w.look.trouble = "Connection refused";
    w.look.now_ms = 60000;
    w.look.now_wall_ms = WALL_MS + 59000;
    make(&w, 200, 60);
    assert_true(says(&w, "REDIS SILENT since") && says(&w, "COORDINATOR SILENT since") && says(&w, "(59 s)"));
    assert_false(says(&w, "running") || says(&w, "98 % of") || says(&w, "1,912"));
    cs_wall_past_note_heard(w.past, CS_WALL_SILENT, 59000);
    make(&w, 200, 60);
    assert_true(says(&w, "COORDINATOR SILENT since") && says(&w, "(59 s)"));
    cs_wall_past_note_heard(w.past, CS_WALL_ANSWERS, 59000); /* started again: what Redis holds is as old as before */
    make(&w, 200, 60);
    assert_true(says(&w, "REDIS SILENT since") && !says(&w, "COORDINATOR SILENT") && !says(&w, "running"));
    close_world(&w);

    open_world(&w);
    w.look.trouble = "Connection refused";
    w.look.now_ms = 61000; /* Redis is silent for a minute, the coordinator for 20 s */
    w.look.now_wall_ms = WALL_MS + 60000;
    cs_wall_past_note_heard(w.past, CS_WALL_ANSWERS, 41000);
    make(&w, 200, 60);
    assert_true(says(&w, "REDIS SILENT since") && !says(&w, "COORDINATOR SILENT") && says(&w, "running"));
    cs_wall_past_note_heard(w.past, CS_WALL_SILENT, 60500);
    make(&w, 200, 60);
    assert_true(says(&w, "REDIS SILENT since") && says(&w, "COORDINATOR SILENT since") && says(&w, "(20 s)"));
    close_world(&w);
}

/* Lanes whose names begin alike are told apart at every width; why one stands still is read whole. */
static void test_narrow_is_still_legible(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.fleet.n_studies = 2;
    w.fleet.studies[0].lanes[0].model = "simulated-biased";
    w.fleet.studies[0].lanes[1].model = "simulated-unbiased";
    w.fleet.studies[1].lanes[3].reason = "its key was refused by the provider: 401 Incorrect API key provided";
    for (unsigned columns = 60; columns <= 100; columns += 5) {
        make(&w, columns, 40);
        assert_true(says(&w, "simulated-b") && says(&w, "simulated-u"));
        assert_true(says(&w, "rheum: qwen paused: its key was refused by the"));
        assert_true(says(&w, "98 % of 40,000 req"));
    }
    make(&w, 60, 20); /* what needs somebody is first, where not all studies have room */
    w.fleet.studies[0].lanes[0].state = "open";
    assert_true(strncmp(w.page.lines[2].text, "rheum", 5) == 0 && w.page.lines[2].style == CS_WALL_NEEDS);
    close_world(&w);
}

static void test_a_sentence_and_a_lane_are_read_whole(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.choice.view = CS_WALL_ERRORS;
    w.choice.error = 1;
    make(&w, 60, 24);
    fits(&w, 60, 24);
    assert_true(says(&w, "a sentence of a provider that is so long that it fits on no"));
    assert_true(says(&w, "screen of eighty columns, nor here") && says(&w, "first: trial 7 of gpt-x, ed-triage"));
    w.choice.view = CS_WALL_LANE;
    make(&w, 60, 40);
    fits(&w, 60, 40);
    for (unsigned i = 0; i < w.page.n; i++)
        assert_null(strchr(w.page.lines[i].text, '~'));
    assert_true(says(&w, " to go") && says(&w, "nor here (first: trial") && says(&w, "a call takes"));
    struct cs_call_tally *tally = &w.fleet.studies[0].lanes[0].tally;
    memset(tally->recent, 0, sizeof tally->recent);
    make(&w, 60, 40);
    assert_false(says(&w, "a call takes")); /* there was none of late */
    for (int s = 0; s < 20; s++) {
        w.fleet.studies[0].lanes[0].counters.outcome[CS_OUTCOME_refused] += 5;
        cs_wall_past_note(w.past, &w.fleet, 2000 + 1000 * (uint64_t)s);
    }
    w.look.now_ms = 21000;
    make(&w, 80, 40);
    assert_true(says(&w, "+300 a minute")); /* 100 in 20 s */
    w.look.now_wall_ms = WALL_MS + 60000;
    struct cs_wall_past *fresh = calloc(1, sizeof *fresh);
    cs_wall_past_note(fresh, &w.fleet, 21000);
    w.look.past = fresh;
    make(&w, 80, 40);
    assert_true(says(&w, "when the coordinator was heard last") && !says(&w, "to go"));
    free(fresh);
    close_world(&w);
}

static void test_what_a_key_brought_is_read_whole(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.look.said =
        "set budget_usd=3.5 of ward-notes: the study has no budget_usd, and what flies is not reserved: give it one in its file";
    for (unsigned rows = 16; rows < 40; rows += 6) {
        make(&w, 60, rows);
        fits(&w, 60, rows);
        assert_int_equal(w.page.n, rows);
        assert_non_null(strstr(w.page.lines[rows - 1].text, "its file"));
    }
    close_world(&w);
}

static void test_an_announced_end_is_said_when_it_is_near_or_too_early(void **state)
{
    static struct cs_model models[LANES];
    static const int64_t day = 86400000;
    const struct cs_study study = {.name = "ed-triage", .models = models, .n_models = LANES}, *list[] = {&study};
    struct world w;
    (void)state;
    open_world(&w);
    for (uint32_t k = 0; k < LANES; k++)
        models[k] = (struct cs_model){.name = w.fleet.studies[0].lanes[k].model};
    for (uint32_t k = 0; k < LANES; k++)
        w.fleet.studies[0].lanes[k].lane = k;
    w.look.studies = list;
    w.look.n_studies = 1;
    models[0].sunset_ms = WALL_MS + 30 * day;
    make(&w, 120, 40);
    assert_false(says(&w, "its provider ends it"));
    models[0].sunset_ms = WALL_MS + 3 * day;
    w.fleet.studies[0].lanes[0].eta_s = -1; /* not known */
    make(&w, 120, 40);
    assert_int_equal(style_of(&w, "gpt-x of ed-triage: its provider ends it on"), CS_WALL_PLAIN);
    w.fleet.studies[0].lanes[0].eta_s = 40 * 86400.0;
    make(&w, 120, 40);
    assert_int_equal(style_of(&w, "BEFORE this would be done"), CS_WALL_NEEDS);
    close_world(&w);
}

static void test_a_disk_that_fills_up_is_said_a_day_before(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.fleet.studies[0].disk_full_s = 3600; /* of a coordinator that does not tell its disk */
    make(&w, 120, 40);
    assert_false(says(&w, "DISK FULL"));
    w.fleet.studies[0].disk_free_bytes = 41000000000;
    make(&w, 60, 24);
    assert_true(says(&w, "DISK FULL in 1 h 00 min at the pace of late (41.0 GB free)"));
    assert_int_equal(style_of(&w, "DISK FULL"), CS_WALL_NEEDS);
    w.fleet.studies[1].lanes[3].state = "open";
    make(&w, 120, 24);
    assert_true(strstr(w.page.lines[0].text, "NEEDS YOU") != NULL); /* for this alone */
    w.fleet.studies[0].disk_full_s = 2 * 86400;
    make(&w, 120, 40);
    assert_false(says(&w, "DISK FULL"));
    close_world(&w);
}

/* Charges are counted over some seconds: that is no limit overrun. */
static void test_more_than_all_is_all(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.fleet.studies[0].lanes[0].used = 48000;
    w.fleet.studies[0].lanes[1].binds = "concurrent";
    w.fleet.studies[0].lanes[1].used = 20;
    w.fleet.studies[0].lanes[1].limit = 12;
    make(&w, 200, 60);
    assert_true(says(&w, "100 % of 40,000 requests a minute") && says(&w, "12 calls at once; 20 still in flight"));
    assert_false(says(&w, "120 %") || says(&w, "167 %"));
    close_world(&w);
}

static void test_a_moment_of_another_day_has_its_day(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.choice.view = CS_WALL_EVENTS;
    w.look.events =
        "[{\"at\":1795600000000,\"by\":\"anna\",\"act\":\"pause\"},{\"at\":1795953600500,\"by\":\"anna\",\"act\":\"resume\"}]";
    make(&w, 80, 24);
    assert_true(says(&w, "25 Nov ") || says(&w, "26 Nov "));
    assert_true(says(&w, ":00  anna resume"));
    close_world(&w);
}

static void test_without_redis_from_the_start(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.look.fleet = NULL;
    w.look.trouble = "unix:/nowhere: No such file or directory";
    memset(w.past, 0, sizeof *w.past);
    make(&w, 80, 24);
    fits(&w, 80, 24);
    assert_true(says(&w, "REDIS DOES NOT ANSWER"));
    w.look.owns = true; /* nor does it answer a run */
    make(&w, 80, 24);
    assert_true(says(&w, "REDIS DOES NOT ANSWER") && says(&w, "PARTS ARE DEAD"));
    close_world(&w);
}

/* One that answers is not silent: it was told nothing yet, or has started anew while nobody was there to tell it. */
static void test_a_redis_that_knows_nothing_is_not_called_silent(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.look.trouble = "Redis knows no fleet: no coordinator has reported here";
    w.look.redis_is_empty = true;
    w.look.now_ms += 60000;
    w.look.now_wall_ms += 60000;
    make(&w, 80, 24);
    fits(&w, 80, 24);
    assert_int_equal(style_of(&w, "REDIS HAS FORGOTTEN this fleet"), CS_WALL_DEAD);
    assert_false(says(&w, "SILENT"));
    w.look.fleet = NULL;
    memset(w.past, 0, sizeof *w.past);
    make(&w, 80, 24);
    fits(&w, 80, 24);
    assert_int_equal(style_of(&w, "NO FLEET has reported here"), CS_WALL_DEAD);
    assert_false(says(&w, "REDIS") || says(&w, "0 workers"));
    w.look.owns = true; /* a run in its first second: nothing is wrong */
    make(&w, 80, 24);
    fits(&w, 80, 24);
    assert_true(says(&w, "starting") && says(&w, "being prepared") && says(&w, "uit"));
    for (unsigned i = 0; i < w.page.n; i++)
        assert_int_not_equal(w.page.lines[i].style, CS_WALL_DEAD);
    close_world(&w);
}

static void test_a_block_has_no_keys_and_is_not_filled(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.look.is_screen = false;
    make(&w, 120, 60);
    assert_false(says(&w, "[q]uit"));
    for (unsigned i = 1; i < w.page.n; i++)
        assert_false(w.page.lines[i].text[0] == '\0' && w.page.lines[i - 1].text[0] == '\0');
    close_world(&w);
}

static void test_errors_are_one_sentence_over_all_lanes(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    make(&w, 160, 40);
    assert_true(says(
        &w, "ERRORS  21,672 x 429 rate limit (first: trial 88,120 of gpt-x, ed-triage)  54 x a sen")); /* 18 lanes */
    make(&w, 60, 24);
    assert_true(says(&w, "ERRORS  21,672 x 429 rate limit  and 1 more") || says(&w, "54 x a sentence"));
    w.choice.view = CS_WALL_ERRORS;
    for (w.choice.error = 0; w.choice.error < 3; w.choice.error++) {
        make(&w, 120, 24);
        assert_int_equal(w.page.n_errors, 2);
        assert_int_equal(w.page.trial.position, w.choice.error == 0 ? 88120 : 7);
        assert_ptr_equal(w.page.trial.lane, &w.fleet.studies[0].lanes[0]);
    }
    assert_true(says(&w, "21,672") && says(&w, "trial 88,120 of gpt-x"));
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < LANES; k++)
            w.fleet.studies[i].lanes[k].n_errors = 0;
    }
    make(&w, 120, 24);
    assert_true(says(&w, "no call has gone wrong"));
    w.choice.view = CS_WALL_ALL;
    make(&w, 120, 24);
    assert_false(says(&w, "ERRORS"));
    close_world(&w);
}

static void test_a_trial_is_wrapped_and_moved_through(void **state)
{
    struct world w;
    (void)state;
    open_world(&w);
    w.choice.view = CS_WALL_TRIAL;
    make(&w, 60, 24);
    fits(&w, 60, 24);
    assert_true(says(&w, "      a line of a prompt that is longer than sixty columns,"));
    assert_true(says(&w, "      and so goes on below it"));
    assert_true(says(&w, "output 7") && says(&w, "[esc] back"));
    w.choice.top = 1000;
    make(&w, 60, 24);
    assert_int_equal(w.page.top, 0); /* all of it fits */
    make(&w, 60, 5);
    assert_true(w.page.top > 0 && w.page.top < 6);
    assert_true(says(&w, "output 7") && !says(&w, "case c1"));
    w.choice.top = 0;
    make(&w, 60, 5);
    assert_true(says(&w, "case c1") && !says(&w, "output 7"));
    close_world(&w);
}

/* Narrower than the indent of a line there is a letter a line, and an end. */
static void test_a_text_ends_at_every_width(void **state)
{
    struct cs_arena arena = {0};
    (void)state;
    for (unsigned columns = 1; columns <= 13; columns++) {
        static struct cs_wall_page page;
        page.n = 0;
        struct cs_wall_lines p = {.page = &page, .arena = &arena, .columns = columns, .until = 40};
        const unsigned n = cs_wall_lines_scrolled(&p, "one\n            t\xc3\xbcwo\n", 0);
        assert_in_range(n, 2, 7);
        assert_int_equal(page.n, n);
        for (unsigned i = 0; i < page.n; i++)
            assert_true(cs_wall_wide_columns(page.lines[i].text) <= columns);
        cs_arena_reset(&arena);
    }
    cs_arena_release(&arena);
}

static void test_of_lines_for_later_the_newest_are_kept(void **state)
{
    struct cs_buf kept = CS_BUF_INIT(12);
    (void)state;
    cs_wall_lines_keep(&kept, "one\n");
    cs_wall_lines_keep(&kept, "two\nsix\n"); /* just full */
    assert_string_equal(cs_buf_cstr(&kept), "one\ntwo\nsix\n");
    cs_wall_lines_keep(&kept, "ab\n");
    assert_string_equal(cs_buf_cstr(&kept), "two\nsix\nab\n");
    cs_wall_lines_keep(&kept, "twelve more\n");
    assert_string_equal(cs_buf_cstr(&kept), "twelve more\n");
    cs_wall_lines_keep(&kept, "that is too long\n");
    assert_string_equal(cs_buf_cstr(&kept), "is too long\n");
    assert_false(kept.overflow);
    cs_buf_release(&kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_fits_every_size),
        cmocka_unit_test(test_a_text_ends_at_every_width),
        cmocka_unit_test(test_of_lines_for_later_the_newest_are_kept),
        cmocka_unit_test(test_columns_leave_by_rank_and_figures_are_never_cut),
        cmocka_unit_test(test_what_needs_a_person_is_said),
        cmocka_unit_test(test_an_outage_is_red),
        cmocka_unit_test(test_a_cancelled_study_is_not_finished),
        cmocka_unit_test(test_the_chosen_lane_is_always_seen),
        cmocka_unit_test(test_the_chosen_lane_stays_chosen),
        cmocka_unit_test(test_pace_is_per_minute_and_never_below_nothing),
        cmocka_unit_test(test_pace_is_that_of_the_calls_when_workers_come_and_go),
        cmocka_unit_test(test_a_worker_that_was_killed_is_missed_and_one_that_took_leave_is_not),
        cmocka_unit_test(test_a_silent_coordinator_runs_nothing_and_ends_never),
        cmocka_unit_test(test_a_drained_fleet_is_not_dead),
        cmocka_unit_test(test_while_redis_is_silent_nobody_else_is_accused),
        cmocka_unit_test(test_redis_and_the_coordinator_die_in_either_order),
        cmocka_unit_test(test_narrow_is_still_legible),
        cmocka_unit_test(test_a_sentence_and_a_lane_are_read_whole),
        cmocka_unit_test(test_what_a_key_brought_is_read_whole),
        cmocka_unit_test(test_an_announced_end_is_said_when_it_is_near_or_too_early),
        cmocka_unit_test(test_a_disk_that_fills_up_is_said_a_day_before),
        cmocka_unit_test(test_more_than_all_is_all),
        cmocka_unit_test(test_a_moment_of_another_day_has_its_day),
        cmocka_unit_test(test_without_redis_from_the_start),
        cmocka_unit_test(test_a_redis_that_knows_nothing_is_not_called_silent),
        cmocka_unit_test(test_errors_are_one_sentence_over_all_lanes),
        cmocka_unit_test(test_a_trial_is_wrapped_and_moved_through),
        cmocka_unit_test(test_a_block_has_no_keys_and_is_not_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
