/* Which model the servers of a lane name, and what becomes of those that name another: by itself, and in a worker. */
#include "tests/unit/worker_bench.h"

#include "worker/calls/servers.h"
#include "worker/core/report.h"
#include "worker/core/spread.h"

enum { N = 3 };
static const struct cs_endpoint endpoints[N] = {
    {.serial = 1, .url = "http://a"}, {.serial = 2, .url = "http://b"}, {.serial = 3, .url = "http://c"}};
static const struct cs_server_entry entries[N] = {
    {"http://a", &endpoints[0], ""}, {"http://b", &endpoints[1], ""}, {"http://c", &endpoints[2], ""}};

static struct cs_servers *open_servers(uint32_t n)
{
    struct cs_servers *s = cs_xcalloc(1, sizeof *s);
    const struct cs_server_list l = {.version = 1, .model = "llama-3-8b", .n = n, .all = entries};
    cs_worker_servers_sync(s, &l);
    return s;
}

static struct cs_worker_server *call(struct cs_servers *s, uint64_t block, uint64_t now)
{
    struct cs_worker_server *v = cs_worker_servers_pick(s, block, 0, now);
    if (v != NULL)
        v->in_flight++;
    return v;
}

/* Servers that are still loading are not waited for, and who answers first comes up. */
static void all_are_away_and_one_answers(void **state)
{
    struct cs_rng rng = {1};
    struct cs_servers *s = open_servers(N);
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        assert_true(cs_worker_servers_fault(s, s->all[i], true, "no connection to it", 10, 10, &rng));
    assert_int_equal(cs_worker_servers_named(s, s->all[1], "/m/x.gguf", 900), CS_SERVES_IT);
    cs_worker_servers_answered(s, s->all[1], 600, 900);
    assert_int_equal(s->all[1]->state, CS_SERVER_UP);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], "/m/y.gguf", 950), CS_SERVES_OTHER);
    cs_worker_servers_close(s);
    /* So does one that had denied the key, and then has it. */
    s = open_servers(2);
    cs_worker_servers_out(s, s->all[0], "HTTP 401", CS_SERVERS_OUT_MS, 10);
    cs_worker_servers_fault(s, s->all[1], true, "no connection to it", 10, 10, &rng);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], "/m/x.gguf", 900), CS_SERVES_IT);
    cs_worker_servers_close(s);
}

/* Under a hard budget what is not taken is a trial lost: for one name there is none, for two as few as can be. */
static void a_metered_lane_loses_few(void **state)
{
    struct cs_servers *s = open_servers(N);
    struct cs_worker_server **v = s->all;
    (void)state;
    s->metered = true;
    assert_int_equal(cs_worker_servers_named(s, v[0], "other.gguf", 10), CS_SERVES_IT); /* nobody says anything else */
    assert_string_equal(s->serves, "");
    assert_int_equal(cs_worker_servers_named(s, v[1], "/m/x.gguf", 11), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, v[0], "other.gguf", 12), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, v[2], "/m/x.gguf", 13), CS_SERVES_IT);
    assert_int_equal(cs_worker_servers_named(s, v[0], "other.gguf", 14), CS_SERVES_OTHER);
    cs_worker_servers_out(s, v[0], "it names another model", UINT64_MAX, 14);
    assert_int_equal(cs_worker_servers_next_ms(s, 14), UINT64_MAX);
    for (uint32_t i = 0; i < 20; i++)
        assert_ptr_not_equal(cs_worker_servers_pick(s, i, 0, UINT64_MAX - 1), v[0]);
    const struct cs_server_list without = {.version = 2, .model = "llama-3-8b", .n = 2, .all = entries + 1},
                                again = {.version = 3, .model = "llama-3-8b", .n = N, .all = entries};
    cs_worker_servers_sync(s, &without);
    cs_worker_servers_sync(s, &again);
    assert_int_equal(v[0]->state, CS_SERVER_UP);
    cs_worker_servers_close(s);
}

/* The vendor puts another model behind an alias: each server's first answer by it is not taken, the last one's is. */
static void an_alias_that_moves(void **state)
{
    static const char *const old = "llama-3-8b-2026-03-01", *const new = "llama-3-8b-2026-06-01";
    struct cs_servers *s = open_servers(N);
    struct cs_worker_server **v = s->all;
    struct cs_rng rng = {1};
    (void)state;
    cs_worker_servers_told(s, NULL, 0, old);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(cs_worker_servers_named(s, v[i], old, 10), CS_SERVES_IT);
    for (uint32_t i = 0; i + 1 < N; i++) {
        assert_int_equal(cs_worker_servers_named(s, v[i], new, 20), CS_SERVES_OTHER);
        cs_worker_servers_out(s, v[i], "another", i == 0 ? UINT64_MAX : CS_SERVERS_OUT_MS, 20);
    }
    assert_int_equal(cs_worker_servers_named(s, v[2], old, 25), CS_SERVES_IT); /* sent before; it is up and says so */
    assert_int_equal(cs_worker_servers_named(s, v[2], new, 30), CS_SERVES_IT);
    cs_worker_servers_told(s, NULL, 0, old); /* what it said before is no news */
    assert_string_equal(s->serves, new);
    assert_ptr_equal(call(s, 1, 31), v[0]); /* those left out come back at once */
    assert_ptr_equal(call(s, 2, 31), v[1]);
    cs_worker_servers_answered(s, v[0], 31, 40);
    assert_int_equal(v[0]->state, CS_SERVER_UP);
    cs_worker_servers_close(s);
    /* Where most cannot say, one alone does not: the lane may not go over to a server that was set up wrongly. */
    s = open_servers(N);
    v = s->all;
    cs_worker_servers_told(s, NULL, 0, old);
    cs_worker_servers_fault(s, v[1], true, "no connection to it", 5, 5, &rng);
    cs_worker_servers_fault(s, v[2], true, "no connection to it", 5, 5, &rng);
    assert_int_equal(cs_worker_servers_named(s, v[0], new, 10), CS_SERVES_OTHER);
    cs_worker_servers_close(s);
    /* Nor do all for a model of quite another name, nor for what was asked for before. */
    s = open_servers(1);
    cs_worker_servers_told(s, NULL, 0, old);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], "gemma", 10), CS_SERVES_OTHER);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], new, 11), CS_SERVES_IT);
    cs_worker_servers_told(s, NULL, 0, "llama-3-8b-2026-09-01"); /* another worker has heard it */
    assert_string_equal(s->serves, "llama-3-8b-2026-09-01");
    cs_worker_servers_close(s);
}

/* ---- in a worker ------------------------------------------------------------------------------------ */

static const struct cs_server_list two = {.version = 1, .model = "m-1", .n = 2, .all = entries};

static void open_bench(struct bench *b, bool metered)
{
    bench_init(b, 8);
    b->source.servers = &two;
    b->source.metered = metered;
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(b, 0, 0, 1, 40);
}

static struct cs_worker_server *server_of(struct bench *b, uint32_t slot)
{
    return b->w->slots[slot]->server;
}

/* A slot with a call at the server. */
static uint32_t slot_at(struct bench *b, const char *url)
{
    for (uint32_t i = 0; i < BENCH_SLOTS; i++) {
        if (b->call[i].live && strcmp(server_of(b, i)->url, url) == 0)
            return i;
    }
    fail_msg("there is no call at %s", url);
    return 0;
}

static void answers(struct bench *b, uint32_t slot, const char *model)
{
    char body[400];
    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"choices\":[{\"message\":{\"content\":\"good\"},\"finish_reason\":\"stop\"}],"
             "\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":9}}",
             model);
    bench_reply(b, slot, bench_http(200, "", body));
}

/* One trial is lost by it, and no further one by trying it again. */
static void a_wrong_server_costs_one_trial(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b, true);
    answers(&b, slot_at(&b, "http://b"), "m-1");
    const uint32_t slot = slot_at(&b, "http://a");
    struct cs_worker_server *a = server_of(&b, slot);
    answers(&b, slot, "q-9");
    assert_int_equal(a->state, CS_SERVER_OUT);
    assert_int_equal(b.w->window.n, 2); /* the trial's end, too */
    assert_int_equal(a->probe_ms, UINT64_MAX);
    bench_done(&b);
}

/* A sound server under a name of its own costs none. */
static void another_name_costs_no_trial(void **state)
{
    struct bench b;
    struct cs_arena arena = {0};
    (void)state;
    open_bench(&b, true);
    answers(&b, slot_at(&b, "http://a"), "/m/x.gguf");
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(bench_output(&b, 0, &arena).outcome, CS_OUTCOME_ok);
    cs_arena_release(&arena);
    bench_done(&b);
}

/* No connection to any of them at first; then one that has another name answers. */
static void the_lane_begins_when_one_has_loaded(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b, false);
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_fault(CS_TRANSFER_UNSENT, 0));
    for (uint32_t i = 0; i < 1000 && b.in_flight == 0; i++)
        bench_wait(&b, 10);
    const uint32_t slot = bench_slot(&b);
    struct cs_worker_server *at = server_of(&b, slot);
    assert_int_equal(at->state, CS_SERVER_AWAY);
    answers(&b, slot, "/m/x.gguf");
    assert_int_equal(at->state, CS_SERVER_UP);
    assert_int_equal(b.w->window.n, 1);
    bench_done(&b);
}

static const struct cs_server_list none = {.version = 2, .model = "m-1", .place = "servers.txt"},
                                   another = {.version = 3, .model = "m-1", .n = 1, .all = entries + 2};

static void relist(struct bench *b, const struct cs_server_list *list)
{
    b->source.servers = list;
    b->w->lanes->facts.servers = list;
    cs_worker_spread_look(b->w, b->w->lanes);
}

/* What people are told names servers of the list alone, and what binds is its own name. */
static void an_outage_names_no_server_that_has_left(void **state)
{
    struct bench b;
    (void)state;
    open_bench(&b, false);
    struct cs_worker_lane *l = b.w->lanes;
    for (uint32_t i = 0; i < 10000 && !l->outage.away; i++) {
        if (b.in_flight > 0)
            bench_reply(&b, bench_slot(&b), bench_fault(CS_TRANSFER_UNSENT, 0));
        else
            bench_wait(&b, 10);
    }
    assert_true(b.now < 30000); /* two servers that are asked now and then are enough */
    assert_non_null(strstr(l->away, "none of its 2 servers answers: "));
    assert_int_equal(cs_worker_report_binding(b.w, l), CS_BIND_AWAY);
    relist(&b, &none);
    assert_non_null(strstr(l->away, "no server is listed in servers.txt"));
    assert_int_equal(cs_worker_report_binding(b.w, l), CS_BIND_SERVERS);
    relist(&b, &another);
    assert_null(strstr(l->away, "http://"));
    assert_non_null(strstr(l->away, "those of the new list are asked"));
    bench_wait(&b, 10); /* at once */
    assert_string_equal(server_of(&b, bench_slot(&b))->url, entries[2].url);
    bench_reply(&b, bench_slot(&b), bench_fault(CS_TRANSFER_UNSENT, 0));
    assert_null(strstr(l->away, "servers"));
    assert_int_equal(cs_worker_report_binding(b.w, l), CS_BIND_AWAY);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_away_and_one_answers),
        cmocka_unit_test(a_metered_lane_loses_few),
        cmocka_unit_test(an_alias_that_moves),
        cmocka_unit_test(a_wrong_server_costs_one_trial),
        cmocka_unit_test(another_name_costs_no_trial),
        cmocka_unit_test(the_lane_begins_when_one_has_loaded),
        cmocka_unit_test(an_outage_names_no_server_that_has_left),
    };
    return cmocka_run_group_tests_name("worker spread", tests, NULL, NULL);
}
