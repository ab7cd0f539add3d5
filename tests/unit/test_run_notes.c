/* What `clinsafe run` says of lanes beside the figures: when, how often, and at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/screen/run_notes.h"

struct scene {
    struct cs_account account;
    struct cs_model model;
    struct cs_study study;
    struct cs_progress_lane lane;
    struct cs_progress progress;
    struct cs_run_notes notes;
};

static void begin(struct scene *s)
{
    *s = (struct scene){.account = {.name = "a", .base_url = "https://api.example.com/v1"}, .model = {.name = "m"}};
    s->study = (struct cs_study){.accounts = &s->account, .n_accounts = 1, .models = &s->model, .n_models = 1};
    s->lane = (struct cs_progress_lane){.model = "m", .state = "open", .reason = "", .planned = 100, .leased = 10};
    s->progress = (struct cs_progress){.state = "running", .lanes = &s->lane, .n_lanes = 1};
    cs_run_notes_init(&s->notes, &s->study, "Ctrl-C", "clinsafe resume --dir d", false);
}

/* What is said at that moment; the caller frees it. */
static char *said(struct scene *s, uint64_t now_ms)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (cs_run_notes_look(&s->notes, &s->progress, now_ms))
        cs_run_notes_say(&s->notes, &s->progress, now_ms, f);
    fclose(f);
    return text;
}

static void says(struct scene *s, uint64_t now_ms, const char *want)
{
    char *text = said(s, now_ms);
    if (want[0] == '\0')
        assert_string_equal(text, "");
    else
        assert_non_null(strstr(text, want));
    free(text);
}

#define HOW "Ctrl-C ends the run and keeps every answer; the same command continues it.\n"

static void silence_is_told_once(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    says(&s, 1000, "");
    says(&s, 5900, "");
    says(&s, 6100, "m: no answer yet from https://api.example.com/v1; waiting\n  " HOW);
    says(&s, 60000, "");
    cs_run_notes_release(&s.notes);
    begin(&s);
    says(&s, 1000, "");
    s.lane.done = 1; /* it has answered */
    says(&s, 60000, "");
    cs_run_notes_release(&s.notes);
    begin(&s);
    s.lane.leased = 0; /* nobody asks */
    says(&s, 1000, "");
    says(&s, 60000, "");
    cs_run_notes_release(&s.notes);
}

static void a_trouble_is_told_once_and_its_end(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.lane.reason = "1 worker: no connection";
    says(&s, 1000, "m: no connection\n  " HOW);
    s.lane.reason = "4 workers: no connection"; /* that more of them say so is nothing new */
    says(&s, 2000, "");
    says(&s, 100000, "");
    s.lane.reason = "";
    says(&s, 101000, "m: goes on\n");
    says(&s, 102000, "");
    s.lane.reason = "1 worker: no connection"; /* once more: not worth a line so soon */
    says(&s, 103000, "");
    s.lane.reason = "";
    says(&s, 104000, "");
    s.lane.reason = "1 worker: no connection";
    says(&s, 900000, "m: no connection\n");
    cs_run_notes_release(&s.notes);
}

static void troubles_that_take_turns_are_told_now_and_then(void **state)
{
    struct scene s;
    uint32_t lines = 0;
    (void)state;
    begin(&s);
    for (uint32_t i = 0; i < 600; i++) { /* two minutes, five looks a second */
        s.lane.reason = i % 2 ? "1 worker: connections break" : "1 worker: no connection";
        char *text = said(&s, 1000 + 200 * (uint64_t)i);
        for (const char *p = text; (p = strstr(p, "m: ")) != NULL; p++)
            lines++;
        free(text);
    }
    assert_in_range(lines, 2, 6);
    cs_run_notes_release(&s.notes);
}

static void a_lane_that_ends_does_not_go_on(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.lane.reason = "1 worker: no connection";
    says(&s, 1000, "m: no connection\n");
    s.lane.state = "stopped";
    says(&s, 2000, "");
    cs_run_notes_release(&s.notes);
}

static void a_model_that_paused_by_itself_is_told_with_the_command_that_resumes_it(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.lane.state = "paused";
    s.lane.model = "it's m";
    s.lane.reason = "50 trials in a row ended alike";
    char *text = said(&s, 1000);
    assert_string_equal(text, "it's m: 50 trials in a row ended alike\n"
                              "  clinsafe resume --dir d 'it'\\''s m' lets it go on all the same.\n  " HOW);
    free(text);
    cs_run_notes_release(&s.notes);
    s.study.name = "night";
    cs_run_notes_init(&s.notes, &s.study, "Ctrl-C", "clinsafe resume --dir d", true);
    s.lane.model = "m";
    says(&s, 1000, "  clinsafe resume --dir d m --study night lets it go on all the same.\n");
    cs_run_notes_release(&s.notes);
}

static void of_several_studies_each_line_says_which(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.study.name = "night";
    cs_run_notes_init(&s.notes, &s.study, "Ctrl-C", "clinsafe resume --dir d", true);
    s.lane.reason = "1 worker: no connection";
    char *text = said(&s, 1000);
    assert_string_equal(text, "night: m: no connection\n  " HOW);
    free(text);
    s.lane.reason = "";
    says(&s, 2000, "night: m: goes on\n");
    cs_run_notes_release(&s.notes);
    s.study.name = "day";
    cs_run_notes_init(&s.notes, &s.study, "Ctrl-C", "clinsafe resume --dir d", true);
    says(&s, 1000, "");
    says(&s, 7000, "day: m: no answer yet from ");
    cs_run_notes_release(&s.notes);
}

static char *shortfalls(struct scene *s, bool want)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    assert_int_equal(cs_run_notes_shortfalls(&s->study, &s->progress, "clinsafe run s.yaml", f), want);
    fclose(f);
    return text;
}

static void two_percent_of_a_lane_are_no_shortfall(void **state)
{
    struct scene s;
    (void)state;
    begin(&s);
    s.lane.done = 99;
    s.lane.failed = 1;
    s.lane.counters.outcome[CS_OUTCOME_timeout] = 1;
    s.lane.counters.outcome[CS_OUTCOME_refused] = 50; /* answers, like what was filtered */
    s.lane.counters.outcome[CS_OUTCOME_content_filtered] = 20;
    char *text = shortfalls(&s, false);
    assert_string_equal(text, "");
    free(text);
    s.lane.counters.outcome[CS_OUTCOME_truncated] = 1;
    text = shortfalls(&s, true);
    assert_non_null(
        strstr(text, "clinsafe: m: 3 of 100 trials (3.0 %) have no answer that can be used: 1 timeout, 1 truncated, "
                     "1 failed\n"));
    assert_non_null(strstr(text, "  timeout: `clinsafe run s.yaml --retry-timeouts` asks the timeouts again\n"));
    assert_non_null(
        strstr(text, "a larger max_output_tokens of the study, or `omit` for the model in the providers file"));
    assert_non_null(strstr(text, "`clinsafe run s.yaml --retry` plans the failed again"));
    assert_null(strstr(text, "unparsable"));
    free(text);
    s.lane.counters.outcome[CS_OUTCOME_unparsable] = 9;
    text = shortfalls(&s, true);
    assert_non_null(strstr(text, "after `reading: lenient` for its account")); /* a suite's study may not be edited */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_told_once),
        cmocka_unit_test(a_trouble_is_told_once_and_its_end),
        cmocka_unit_test(troubles_that_take_turns_are_told_now_and_then),
        cmocka_unit_test(a_lane_that_ends_does_not_go_on),
        cmocka_unit_test(a_model_that_paused_by_itself_is_told_with_the_command_that_resumes_it),
        cmocka_unit_test(of_several_studies_each_line_says_which),
        cmocka_unit_test(two_percent_of_a_lane_are_no_shortfall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
