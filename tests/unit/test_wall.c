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
#include "tools/wall/page.h"
#include "tools/wall/table.h"

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
    w->look = (struct cs_wall_look){.fleet = &w->fleet,
                                    .past = w->past,
                                    .now_ms = 2000,
                                    .now_wall_ms = WALL_MS + 1000,
                                    .said = "",
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

static void fits(const struct world *w, unsigned columns, unsigned rows)
{
    assert_true(w->page.n <= rows);
    for (unsigned i = 0; i < w->page.n; i++) {
        if (cs_wall_table_width(w->page.lines[i].text) > columns)
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
                for (int view = 0; view < 3; view++) {
                    w.choice.view = (enum cs_wall_view)view;
                    w.choice.lane = 11;
                    make(&w, columns, rows);
                    fits(&w, columns, rows);
                    assert_true(says(&w, "ClinSafe"));
                    if (view == 0) {
                        assert_true(says(&w, "ed-triage"));
                        assert_true(says(&w, "gpt-x") || rows < 16);
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
    w.fleet.studies[1].lanes[3].state = "open";
    make(&w, 160, 40);
    assert_true(says(&w, "healthy"));
    w.fleet.n_workers = 0;
    make(&w, 160, 40);
    assert_true(says(&w, "NO WORKER is there"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_fits_every_size),
        cmocka_unit_test(test_columns_leave_by_rank_and_figures_are_never_cut),
        cmocka_unit_test(test_what_needs_a_person_is_said),
        cmocka_unit_test(test_the_chosen_lane_is_always_seen),
        cmocka_unit_test(test_pace_is_per_minute_and_never_below_nothing),
        cmocka_unit_test(test_without_redis_from_the_start),
        cmocka_unit_test(test_a_block_has_no_keys_and_is_not_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
