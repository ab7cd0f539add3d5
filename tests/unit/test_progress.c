/* Progress through a real Redis and back: every field, several fleets, workers that die, and foreign rubbish. */
#include "tests/unit/fixture_redis.h"

#include <math.h>

#include "protocol/base/json.h"
#include "store/redis/progress.h"
#include "store/redis/progress_fields.h"
#include "protocol/base/json.h"

struct both {
    uv_loop_t loop;
    struct cs_redis *async;
    struct cs_redis_sync *sync;
    struct cs_arena arena;
};

static void both_open(struct both *b, const struct server *s)
{
    struct cs_error err = {0};
    *b = (struct both){0};
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(cs_redis_open(&b->async, &b->loop, s->address, &err), CS_OK);
    assert_int_equal(cs_redis_sync_open(&b->sync, s->address, 2000, &err), CS_OK);
    assert_true(run_until_connected(&b->loop, b->async, true, 3000));
}

static void both_close(struct both *b)
{
    close_and_finish(&b->loop, b->async);
    cs_redis_sync_close(b->sync);
    cs_arena_release(&b->arena);
}

static void arrived(void *self, const struct cs_reply *reply)
{
    assert_non_null(reply);
    *(bool *)self = true;
}

/* All that was sent before is done when this is answered. */
static void flush(struct both *b)
{
    bool done = false;
    cs_redis_command(b->async, 1, (const char *[]){"PING"}, NULL, arrived, &done);
    assert_true(run_until(&b->loop, &done, 4000));
}

static void sync_command(struct both *b, const char *name, const char *key, const char *value)
{
    struct cs_error err = {0};
    const struct cs_reply *reply = NULL;
    assert_int_equal(cs_redis_sync_command(b->sync, 3, (const char *[]){name, key, value}, NULL, &reply, &err), CS_OK);
    assert_int_not_equal(reply->kind, CS_REPLY_ERROR);
}

static enum cs_err read_fleet(struct both *b, const char *fleet, struct cs_progress *p, struct cs_worker_info **w,
                              uint32_t *n_workers, struct cs_error *err)
{
    cs_arena_reset(&b->arena);
    return cs_progress_read(b->sync, fleet, NULL, &b->arena, p, w, n_workers, err);
}

static struct cs_progress_quarantined guilty[] = {
    {.case_id = "c17/2",
     .condition = "group=black arm=\"x\"",
     .question = "q",
     .repeat = 3,
     .position = 1ull << 33,
     .losses = 7,
     .workers = 3},
    {.case_id = "c18", .condition = "", .question = "q", .repeat = 1, .position = 2, .losses = 5, .workers = 2}};

static void fill_lane(struct cs_progress_lane *l, uint32_t gen, uint32_t lane)
{
    *l = (struct cs_progress_lane){
        .gen = gen, .lane = lane, .model = "gpt-5", .state = "stopped", .reason = "401: \"no\" key"};
    l->planned = 1000 + lane;
    l->done = 900;
    l->failed = 10;
    l->cancelled = 5;
    l->leased = 85;
    l->quarantined = 2;
    l->quarantine = guilty;
    l->n_quarantine = 2;
    for (uint64_t i = 0; i < CS_OUTCOMES; i++)
        l->counters.outcome[i] = 100 * lane + i;
    l->counters.adopted = 7;
    l->counters.duplicates = 8;
    l->counters.attempts = 9;
    l->counters.ambiguous = 10;
    l->counters.input_tokens = 1ull << 40;
    l->counters.cached_tokens = 12;
    l->counters.cache_write_tokens = 11;
    l->counters.output_tokens = 13;
    l->counters.reasoning_tokens = 14;
    l->counters.cost_nano_usd = 123456789012345;
    l->counters.ambiguous_nano_usd = -1;
}

static struct cs_progress some_progress(const char *fleet, struct cs_progress_lane *lanes, uint32_t n)
{
    return (struct cs_progress){.fleet = fleet,
                                .study = "ed-triage",
                                .title = "Does triage follow the patient\xe2\x80\x99s group?",
                                .state = "running",
                                .term = 3,
                                .gen = 2,
                                .workers = 4,
                                .started_wall_ms = 1700000000001,
                                .updated_wall_ms = 1700000000002,
                                .planned = 1728000,
                                .done = 17,
                                .failed = 18,
                                .cancelled = 19,
                                .outputs_per_s = 1234.5,
                                .eta_s = -1,
                                .budget_nano_usd = -1,
                                .lanes = lanes,
                                .n_lanes = n};
}

static void assert_same_lane(const struct cs_progress_lane *a, const struct cs_progress_lane *b)
{
    assert_int_equal(a->gen, b->gen);
    assert_int_equal(a->lane, b->lane);
    assert_string_equal(a->model, b->model);
    assert_string_equal(a->state, b->state);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->planned, b->planned);
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->cancelled, b->cancelled);
    assert_int_equal(a->leased, b->leased);
    assert_memory_equal(&a->counters, &b->counters, sizeof a->counters);
    assert_int_equal(a->quarantined, b->quarantined);
    assert_int_equal(a->n_quarantine, b->n_quarantine);
    for (uint32_t i = 0; i < a->n_quarantine; i++) {
        const struct cs_progress_quarantined *p = &a->quarantine[i], *q = &b->quarantine[i];
        assert_string_equal(p->case_id, q->case_id);
        assert_string_equal(p->condition, q->condition);
        assert_string_equal(p->question, q->question);
        assert_int_equal(p->repeat, q->repeat);
        assert_int_equal(p->position, q->position);
        assert_int_equal(p->losses, q->losses);
        assert_int_equal(p->workers, q->workers);
    }
}

static void assert_same_progress(const struct cs_progress *a, const struct cs_progress *b)
{
    assert_string_equal(a->fleet, b->fleet);
    assert_string_equal(a->study, b->study);
    assert_string_equal(a->title, b->title);
    assert_string_equal(a->state, b->state);
    assert_int_equal(a->term, b->term);
    assert_int_equal(a->gen, b->gen);
    assert_int_equal(a->workers, b->workers);
    assert_int_equal(a->started_wall_ms, b->started_wall_ms);
    assert_int_equal(a->updated_wall_ms, b->updated_wall_ms);
    assert_int_equal(a->planned, b->planned);
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->failed, b->failed);
    assert_int_equal(a->cancelled, b->cancelled);
    assert_true(a->outputs_per_s == b->outputs_per_s);
    assert_true(a->eta_s == b->eta_s);
    assert_int_equal(a->budget_nano_usd, b->budget_nano_usd);
    assert_int_equal(a->n_lanes, b->n_lanes);
}

static void progress_comes_back_whole(void **state)
{
    struct both b;
    struct cs_error err = {0};
    struct cs_progress_lane lanes[12];
    struct cs_progress got, p = some_progress("f00d", lanes, 12);
    struct cs_worker_info *workers = NULL;
    uint32_t n = 9;
    both_open(&b, *state);
    for (uint32_t i = 0; i < 12; i++)
        fill_lane(&lanes[i], 2, i);
    cs_progress_publish(b.async, &p);
    flush(&b);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_OK);
    assert_same_progress(&got, &p);
    for (uint32_t i = 0; i < 12; i++) /* in order of their numbers: 2 before 10 */
        assert_same_lane(&got.lanes[i], &lanes[i]);
    assert_int_equal(n, 0);
    p.n_lanes = 1; /* a new generation with fewer lanes: the old ones are gone */
    p.gen = lanes[0].gen = 3;
    p.outputs_per_s = 0;
    cs_progress_publish(b.async, &p);
    flush(&b);
    assert_int_equal(read_fleet(&b, "f00d", &got, &workers, &n, &err), CS_OK);
    assert_same_progress(&got, &p);
    assert_same_lane(&got.lanes[0], &lanes[0]);
    both_close(&b);
}

static void fleets_are_told_apart(void **state)
{
    struct both b;
    struct cs_error err = {0};
    struct cs_progress got, one = some_progress("aaaa", NULL, 0), two = some_progress("bbbb", NULL, 0);
    struct cs_worker_info *workers;
    uint32_t n;
    both_open(&b, *state);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_ENOENT);
    cs_progress_publish(b.async, &one);
    cs_progress_publish(b.async, &two);
    flush(&b);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "aaaa"));
    assert_non_null(strstr(err.msg, "bbbb"));
    assert_int_equal(read_fleet(&b, "bbbb", &got, &workers, &n, &err), CS_OK);
    assert_string_equal(got.fleet, "bbbb");
    assert_int_equal(read_fleet(&b, "cccc", &got, &workers, &n, &err), CS_ENOENT);
    sync_command(&b, "DEL", "clinsafe:aaaa:progress", "x"); /* as when it expires */
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_OK);
    assert_string_equal(got.fleet, "bbbb");
    both_close(&b);
}

static void workers_come_and_go(void **state)
{
    struct both b;
    struct cs_error err = {0};
    struct cs_progress got, p = some_progress("f00d", NULL, 0);
    struct cs_worker_info *workers, w = {.name = "node2-77",
                                         .host = "node2",
                                         .version = "v1",
                                         .pid = 77,
                                         .in_flight = 1000,
                                         .unstarted = 3,
                                         .unacked = 4,
                                         .rss_mb = 55,
                                         .started_calls = 5000000000,
                                         .finished_calls = 4999999000,
                                         .started_wall_ms = 1700000000003,
                                         .updated_wall_ms = 1700000000004};
    uint32_t n;
    both_open(&b, *state);
    cs_progress_publish(b.async, &p);
    cs_progress_worker_publish(b.async, "f00d", &w);
    w.name = "node1-12";
    cs_progress_worker_publish(b.async, "f00d", &w);
    w.name = "node3-5";
    cs_progress_worker_publish(b.async, "f00d", &w);
    flush(&b);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_OK);
    assert_int_equal(n, 3);
    assert_string_equal(workers[0].name, "node1-12");
    assert_string_equal(workers[1].name, "node2-77");
    assert_string_equal(workers[1].host, "node2");
    assert_int_equal(workers[1].pid, 77);
    assert_int_equal(workers[1].in_flight, 1000);
    assert_int_equal(workers[1].rss_mb, 55);
    assert_int_equal(workers[1].started_calls, 5000000000);
    assert_int_equal(workers[1].updated_wall_ms, 1700000000004);
    cs_progress_worker_unpublish(b.async, "f00d", "node1-12");
    flush(&b);
    sync_command(&b, "PEXPIRE", "clinsafe:f00d:worker:node3-5", "1"); /* dies without a word */
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_OK);
    assert_int_equal(n, 1);
    assert_string_equal(workers[0].name, "node2-77");
    const struct cs_reply *reply;
    assert_int_equal(
        cs_redis_sync_command(b.sync, 2, (const char *[]){"TTL", "clinsafe:f00d:worker:node2-77"}, NULL, &reply, &err),
        CS_OK);
    assert_in_range(reply->integer, 1, 15);
    both_close(&b);
}

static void rubbish_is_named_and_missing_fields_read_as_none(void **state)
{
    struct both b;
    struct cs_error err = {0};
    struct cs_progress got;
    struct cs_worker_info *workers;
    uint32_t n;
    const struct cs_reply *reply;
    both_open(&b, *state);
    sync_command(&b, "SADD", "clinsafe:fleets", "f00d");
    const char *hset[] = {"HSET",  "clinsafe:f00d:progress",
                          "fleet", "{\"fleet\":\"f00d\",\"term\":-3,\"done\":\"x\",\"state\":7}",
                          "1/0",   "{\"lane\":99999999999}"};
    assert_int_equal(cs_redis_sync_command(b.sync, 6, hset, NULL, &reply, &err), CS_OK);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_OK);
    assert_string_equal(got.fleet, "f00d");
    assert_string_equal(got.state, "");
    assert_string_equal(got.title, "");
    assert_int_equal(got.term, 0);
    assert_int_equal(got.done, 0);
    assert_int_equal(got.lanes[0].lane, UINT32_MAX);
    assert_string_equal(got.lanes[0].model, "");
    hset[5] = "[1,2";
    assert_int_equal(cs_redis_sync_command(b.sync, 6, hset, NULL, &reply, &err), CS_OK);
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "clinsafe:f00d:progress"));
    sync_command(&b, "SET", "clinsafe:f00d:progress", "a string");
    assert_int_equal(read_fleet(&b, NULL, &got, &workers, &n, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "WRONGTYPE"));
    both_close(&b);
}

static void json_text(void **state)
{
    struct cs_progress_lane lanes[2];
    struct cs_progress p = some_progress("f00d", lanes, 2);
    struct cs_buf out = CS_BUF_INIT(100000);
    (void)state;
    fill_lane(&lanes[0], 2, 0);
    fill_lane(&lanes[1], 2, 1);
    lanes[0].reason = "\xff\xfe";
    lanes[1].reason = NULL;
    p.eta_s = INFINITY;
    cs_buf_str(&out, "x");
    cs_progress_json(&p, &out);
    struct cs_json *json = cs_json_loads(cs_buf_cstr(&out) + 1, 0, NULL);
    assert_non_null(json);
    assert_int_equal(cs_json_integer_value(cs_json_object_get(json, "planned")), 1728000);
    assert_true(cs_json_real_value(cs_json_object_get(json, "eta_s")) == -1);
    struct cs_json *lane = cs_json_array_get(cs_json_object_get(json, "lanes"), 1);
    struct cs_json *counters = cs_json_object_get(lane, "counters");
    assert_int_equal(cs_json_integer_value(cs_json_object_get(cs_json_object_get(counters, "outcome"), "timeout")),
                     105);
    assert_int_equal(cs_json_integer_value(cs_json_object_get(counters, "cost_nano_usd")), 123456789012345);
    assert_string_equal(cs_json_string_value(cs_json_object_get(lane, "reason")), "");
    cs_json_decref(json);
    cs_buf_release(&out);
}

/* What providers and workers said is shown by whoever reads it: it comes out plain. */
static void words_come_back_plain(void **state)
{
    struct cs_progress_lane lane = {.model = "m\x1b[2J", .state = "open", .reason = "401\nts=now \xe2\x80\xae\xff"},
                            back = {0};
    struct cs_arena arena = {0};
    struct cs_json *json = cs_progress_fields_lane_to_json(&lane);
    (void)state;
    assert_string_equal(cs_json_string_value(cs_json_object_get(json, "reason")), "401\\nts=now \\u202e\\xff");
    assert_int_equal(cs_json_object_set_new(json, "state", cs_json_string("\x1b]0;x\x07")), 0); /* another wrote it */
    cs_progress_fields_lane_from_json(json, &back, &arena);
    assert_string_equal(back.model, "m\\x1b[2J");
    assert_string_equal(back.state, "\\x1b]0;x\\x07");
    cs_json_decref(json);
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(progress_comes_back_whole, server_up, server_down),
        cmocka_unit_test_setup_teardown(fleets_are_told_apart, server_up, server_down),
        cmocka_unit_test_setup_teardown(workers_come_and_go, server_up, server_down),
        cmocka_unit_test_setup_teardown(rubbish_is_named_and_missing_fields_read_as_none, server_up, server_down),
        cmocka_unit_test(words_come_back_plain),
        cmocka_unit_test(json_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
