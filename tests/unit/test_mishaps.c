/* What went wrong, by sentence: how calls are worded, that numbers and ids make no sentence of their own, and the first trial of each through
 * a real Redis, whoever meets it. */
#include "tests/unit/fixture_redis.h"

#include "store/redis/complaints.h"
#include "store/redis/progress.h"
#include "worker/calls/mishaps.h"

static void test_numbers_and_ids_are_evened(void **state)
{
    static const char *const rows[][2] = {
        {"Limit 20000, used 19,876.5. Try again in 978ms.", "Limit N, used N. Try again in N."},
        {"wait 1m30s, 6s", "wait N, N"},
        {"request req_011CSHoEeqs5C35K is gone", "request ID is gone"},
        {"gpt-4 has no such thing", "gpt-4 has no such thing"},
        {"7", "N"},
        {"", ""},
        {"a-very-long-word-without-any", "a-very-long-word-without-any"},
        {"(id 550e8400-e29b-41d4-a716-446655440000)", "(id ID)"},
        {"\xe6\xa8\xa1 42", "\xe6\xa8\xa1 N"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[CS_COMPLAINT_MAX];
        snprintf(text, sizeof text, "%s", rows[i][0]);
        cs_mishaps_even(text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void test_a_call_is_worded(void **state)
{
    struct cs_http_reply r = {.transfer = CS_TRANSFER_WHOLE, .status = 429};
    struct cs_reading said = {.text = "Rate limit\nof 30 \x1b[31m reached"};
    char text[CS_COMPLAINT_MAX], longest[2 * CS_COMPLAINT_MAX];
    (void)state;
    cs_mishaps_word(&r, &said, true, text);
    assert_string_equal(text, "429 Rate limit\\nof N \\x1b[N reached");
    cs_mishaps_word(&r, &said, false, text); /* it may repeat a patient's words */
    assert_string_equal(text, "429");
    said.status = 503; /* what the body says of itself */
    cs_mishaps_word(&r, &said, false, text);
    assert_string_equal(text, "503");
    /* What is cut off does not depend on how long an id is. */
    char same[2][CS_COMPLAINT_MAX];
    for (int i = 0; i < 2; i++) {
        snprintf(longest, sizeof longest, "no capacity for %s: %0100d and then some words that do not fit any more",
                 i == 0 ? "model-2026" : "a-model-with-a-longer-name-2026-11-29", 7);
        said.text = longest;
        cs_mishaps_word(&r, &said, true, same[i]);
    }
    assert_string_equal(same[0], same[1]);
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    said.text = longest;
    cs_mishaps_word(&r, &said, true, text);
    assert_true(strlen(text) < CS_COMPLAINT_MAX);
    for (int t = CS_TRANSFER_WHOLE + 1; t < CS_TRANSFERS; t++) {
        r.transfer = (enum cs_transfer)t;
        cs_mishaps_word(&r, &said, true, text);
        assert_true(strlen(text) > 10);
        assert_null(strstr(text, "xxx"));
    }
}

static struct cs_mishaps_where at(uint32_t gen, uint32_t lane, uint64_t position, int64_t wall_ms)
{
    return (struct cs_mishaps_where){gen, lane, position, wall_ms};
}

static void test_what_was_told_is_not_told_again(void **state)
{
    static struct cs_mishaps s;
    struct cs_complaint out[CS_MISHAPS_ROWS];
    const struct cs_mishaps_where first = at(1, 0, 88120, 1000), later = at(1, 0, 3, 2000), other = at(1, 1, 4, 3000);
    (void)state;
    cs_mishaps_note(&s, "429", &first);
    cs_mishaps_note(&s, "429", &later);
    cs_mishaps_note(&s, "429", &other);
    assert_int_equal(cs_mishaps_take(&s, out), 2);
    assert_int_equal(out[0].count, 2);
    assert_int_equal(out[0].position, 88120);
    assert_int_equal(out[0].first_wall_ms, 1000);
    assert_int_equal(out[0].last_wall_ms, 2000);
    assert_int_equal(cs_mishaps_take(&s, out), 0);
    cs_mishaps_note(&s, "429", &later);
    assert_int_equal(cs_mishaps_take(&s, out), 1);
    assert_int_equal(out[0].count, 1);
    assert_int_equal(out[0].position, 3); /* of those: were Redis lost meanwhile, the first would not be of its count */
    assert_int_equal(out[0].first_wall_ms, 2000);
    for (int i = 0; i < 2 * CS_MISHAPS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof text, "a%c%c", 'a' + i % 26, 'a' + i / 26);
        cs_mishaps_note(&s, text, &first);
    }
    const uint32_t n = cs_mishaps_take(&s, out);
    assert_int_equal(n, CS_MISHAPS_MAX + 1);
    assert_string_equal(out[n - 1].sentence, CS_COMPLAINT_OTHER);
}

static void note_many(struct cs_mishaps *s, char kind, const struct cs_mishaps_where *where)
{
    for (int i = 0; i < CS_MISHAPS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof text, "%c%c%c", kind, 'a' + i % 26, 'a' + i / 26);
        cs_mishaps_note(s, text, where);
    }
}

/* A worker that lives for long meets more sentences than it can hold: those of today are sentences still, and nobody else's. */
static void test_what_was_told_gives_way_and_others_are_of_their_lane(void **state)
{
    static struct cs_mishaps s;
    struct cs_complaint out[CS_MISHAPS_ROWS];
    const struct cs_mishaps_where before = at(1, 0, 5, 1000), now = at(2, 3, 7, 2000), beside = at(2, 4, 8, 2001);
    (void)state;
    note_many(&s, 'a', &before);
    assert_int_equal(cs_mishaps_take(&s, out), CS_MISHAPS_MAX);
    cs_mishaps_note(&s, "429 of today", &now);
    assert_int_equal(cs_mishaps_take(&s, out), 1);
    assert_string_equal(out[0].sentence, "429 of today");
    assert_int_equal(out[0].count, 1);
    assert_int_equal(out[0].position, 7);
    note_many(&s, 'b', &before);
    cs_mishaps_note(&s, "429 of today", &now);
    cs_mishaps_note(&s, "503", &now);
    cs_mishaps_note(&s, "503", &beside);
    assert_int_equal(cs_mishaps_take(&s, out), CS_MISHAPS_MAX + 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct cs_complaint *c = &out[CS_MISHAPS_MAX + i];
        assert_string_equal(c->sentence, CS_COMPLAINT_OTHER);
        assert_int_equal(c->gen, 2);
        assert_int_equal(c->lane, 3 + i);
        assert_int_equal(c->count, 2 - i);
        assert_int_equal(c->position, 7 + i);
    }
    for (uint32_t lane = 0; lane < 3 * CS_MISHAPS_OTHERS; lane++) {
        const struct cs_mishaps_where one = at(9, lane, 1, 3000);
        cs_mishaps_note(&s, "x", &one);
    }
    assert_int_equal(cs_mishaps_take(&s, out), CS_MISHAPS_ROWS); /* and no more */
}

/* ---- through Redis ---------------------------------------------------------------------------------------------- */

struct fleet {
    uv_loop_t loop;
    struct cs_redis *async;
    struct cs_redis_sync *sync;
    struct cs_arena arena;
    struct cs_complaint *list;
    uint32_t n;
};

static void answered(void *self, const struct cs_reply *reply)
{
    assert_non_null(reply);
    *(bool *)self = true;
}

static void read_back(struct fleet *f)
{
    struct cs_error err = {0};
    const struct cs_reply *reply = NULL;
    bool done = false;
    cs_redis_command(f->async, 1, (const char *[]){"PING"}, NULL, answered, &done); /* all before it is done then */
    assert_true(run_until(&f->loop, &done, 4000));
    cs_arena_reset(&f->arena);
    const char *const argv[] = {"HGETALL", "clinsafe:f1:errors"};
    assert_int_equal(cs_redis_sync_command(f->sync, 2, argv, NULL, &reply, &err), CS_OK);
    cs_complaints_parse(reply, &f->arena, &f->list, &f->n);
}

static void open_fleet(struct fleet *f, const struct server *s)
{
    struct cs_error err = {0};
    *f = (struct fleet){0};
    assert_int_equal(uv_loop_init(&f->loop), 0);
    assert_int_equal(cs_redis_open(&f->async, &f->loop, s->address, &err), CS_OK);
    assert_int_equal(cs_redis_sync_open(&f->sync, s->address, 2000, &err), CS_OK);
    assert_true(run_until_connected(&f->loop, f->async, true, 3000));
}

static void close_fleet(struct fleet *f)
{
    close_and_finish(&f->loop, f->async);
    cs_redis_sync_close(f->sync);
    cs_arena_release(&f->arena);
}

static void test_the_first_trial_of_all_workers_is_kept(void **state)
{
    struct fleet f;
    const struct cs_complaint one[] = {{3, 1, "429 slow \"down\"", 5, 700, 2000, 2500},
                                       {3, 1, "the reply broke off", 1, 1, 1, 1}};
    const struct cs_complaint two[] = {{3, 1, "429 slow \"down\"", 7, 90, 1500, 2400}};
    open_fleet(&f, *state);
    cs_complaints_add(f.async, "f1", one, 2);
    cs_complaints_add(f.async, "f1", two, 1); /* another worker: fewer of the clock, the same sentence */
    cs_complaints_add(f.async, "f1", NULL, 0);
    read_back(&f);
    assert_int_equal(f.n, 2);
    assert_string_equal(f.list[0].sentence, "429 slow \"down\"");
    assert_int_equal(f.list[0].gen, 3);
    assert_int_equal(f.list[0].lane, 1);
    assert_int_equal(f.list[0].count, 12);
    assert_int_equal(f.list[0].position, 90);
    assert_int_equal(f.list[0].first_wall_ms, 1500);
    assert_int_equal(f.list[0].last_wall_ms, 2500);
    cs_complaints_forget(f.async, "f1");
    read_back(&f);
    assert_int_equal(f.n, 0);
    close_fleet(&f);
}

static void test_there_is_a_bound_and_rubbish_is_passed_over(void **state)
{
    struct fleet f;
    struct cs_error err = {0};
    const struct cs_reply *reply = NULL;
    open_fleet(&f, *state);
    const char *const junk[] = {"SET", "clinsafe:f1:errors", "x"};
    assert_int_equal(cs_redis_sync_command(f.sync, 3, junk, NULL, &reply, &err), CS_OK);
    for (int i = 0; i < CS_COMPLAINTS_KEPT + 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "s%d", i);
        const struct cs_complaint c = {1, 2, text, 1, 10, 20, 30};
        cs_complaints_add(f.async, "f1", &c, 1);
    }
    read_back(&f); /* all of it is there */
    const char *const odd[] = {"HSET",    "clinsafe:f1:errors", "no lane", "1 2 3 4", "1/2 \x1b[31mred",
                               "9 8 7 6", "1/3 half",           "9 8"};
    assert_int_equal(cs_redis_sync_command(f.sync, 8, odd, NULL, &reply, &err), CS_OK);
    read_back(&f);
    assert_int_equal(f.n, CS_COMPLAINTS_KEPT + 2);
    assert_string_equal(f.list[0].sentence, CS_COMPLAINT_OTHER);
    assert_int_equal(f.list[0].count, 20);
    assert_string_equal(f.list[1].sentence, "\\x1b[31mred");
    close_fleet(&f);
}

static const struct cs_complaint *find(const struct fleet *f, const char *sentence)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (strcmp(f->list[i].sentence, sentence) == 0)
            return &f->list[i];
    }
    return NULL;
}

static void test_where_it_is_full_the_oldest_give_way(void **state)
{
    struct fleet f;
    char text[32];
    open_fleet(&f, *state);
    for (int i = 0; i < CS_COMPLAINTS_KEPT; i++) {
        snprintf(text, sizeof text, "s%d", i);
        cs_complaints_add(f.async, "f1", &(struct cs_complaint){1, 2, text, 1, 10, 20, 1000 + i}, 1);
    }
    const int64_t last = 1000 + CS_COMPLAINTS_QUIET_MS + 49; /* fifty of them are quiet */
    const struct cs_complaint two[] = {{2, 0, "new", 1, 7, last, last}, {2, 0, "newer", 1, 8, last, last}};
    cs_complaints_add(f.async, "f1", two, 2);
    read_back(&f);
    assert_int_equal(f.n, CS_COMPLAINTS_KEPT - 50 + 2);
    assert_non_null(find(&f, "new"));
    assert_non_null(find(&f, "newer"));
    assert_null(find(&f, "s0"));
    assert_null(find(&f, "s49"));
    assert_non_null(find(&f, "s50"));
    assert_null(find(&f, CS_COMPLAINT_OTHER));
    for (int i = 0; i < 48; i++) {
        snprintf(text, sizeof text, "t%d", i);
        cs_complaints_add(f.async, "f1", &(struct cs_complaint){2, 1, text, 1, 10, last, last}, 1);
    }
    const int64_t later = 10 * last; /* all are: a tenth goes, not all that is known */
    cs_complaints_add(f.async, "f1", &(struct cs_complaint){3, 0, "later", 1, 9, later, later}, 1);
    read_back(&f);
    assert_int_equal(f.n, CS_COMPLAINTS_KEPT - CS_COMPLAINTS_KEPT / 10 + 1);
    assert_null(find(&f, "s149"));
    assert_non_null(find(&f, "s150"));
    close_fleet(&f);
}

static void test_those_of_a_generation_go_with_it(void **state)
{
    struct fleet f;
    struct cs_error err = {0};
    const struct cs_reply *reply = NULL;
    const struct cs_complaint all[] = {
        {1, 0, "a", 3, 1, 1, 1}, {1, 1, "b", 2, 1, 1, 1}, {11, 0, "1/c", 1, 1, 1, 1}, {2, 0, "d", 1, 1, 1, 1}};
    const uint32_t gone[] = {1, 2};
    open_fleet(&f, *state);
    cs_complaints_drop(f.async, "f1", gone, 2); /* nothing is there */
    cs_complaints_add(f.async, "f1", all, 4);
    cs_complaints_drop(f.async, "f1", gone, 2);
    read_back(&f);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.list[0].gen, 11);
    const char *const junk[] = {"SET", "clinsafe:f1:errors", "x"};
    assert_int_equal(cs_redis_sync_command(f.sync, 3, junk, NULL, &reply, &err), CS_OK);
    cs_complaints_drop(f.async, "f1", &all[2].gen, 1);
    read_back(&f);
    close_fleet(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_ids_are_evened),
        cmocka_unit_test(test_a_call_is_worded),
        cmocka_unit_test(test_what_was_told_is_not_told_again),
        cmocka_unit_test(test_what_was_told_gives_way_and_others_are_of_their_lane),
        cmocka_unit_test_setup_teardown(test_the_first_trial_of_all_workers_is_kept, server_up, server_down),
        cmocka_unit_test_setup_teardown(test_there_is_a_bound_and_rubbish_is_passed_over, server_up, server_down),
        cmocka_unit_test_setup_teardown(test_where_it_is_full_the_oldest_give_way, server_up, server_down),
        cmocka_unit_test_setup_teardown(test_those_of_a_generation_go_with_it, server_up, server_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
