/* One model on many servers: the list and its file, which of them gets a call, when one is left alone and comes back, and what the
 * coordinator makes of it for the whole fleet. */
#include "tests/unit/coordinator_hand.h"
#include "tests/unit/fixture_files.h"

#include "coordinator/lanes/serving.h"
#include "protocol/base/log.h"
#include "protocol/load/servers.h"
#include "protocol/study/address.h"
#include "protocol/wire/output.h"
#include "worker/calls/servers.h"

/* ---- the file --------------------------------------------------------------------------------------- */

static void a_file_has_one_address_a_line(void **state)
{
    static const char *const bad[][2] = {
        {"http://127.0.0.1:1/v1\nhttp://10.0.0.1:1/v1\n", ":2:1: http:// to another machine"},
        {"  not an address\n", ":1:3: this is no address"},
        {"http://127.0.0.1:1/v1 http://127.0.0.1:2/v1\n", ":1:1: host and path only, one address a line"},
        {"https://user:secret@h.example/v1\n", ":1:1: there is a user or key before @"},
        {"http://127.0.0.1:1/v1\n http://127.0.0.1:2/v\xff\n", ":2:2: there is a byte that no address may have"},
        {"http://127.0.0.1:1/m\xc3\xbcnchen\n", ":1:1: there is a byte that no address may have"},
        {"http://127.0.0.1:1/\x01\n", ":1:1: there is a byte that no address may have"},
    };
    struct folder dir;
    struct cs_arena arena = {0};
    struct cs_servers_list l;
    struct cs_error err = {0};
    (void)state;
    folder_open(&dir);
    const char *path = folder_file(&dir, "servers.txt");
    assert_int_equal(cs_load_servers_file(path, false, &arena, &l, &err), CS_ENOENT);
    static const char good[] =
        "# ours\r\n\n http://127.0.0.1:8001/v1/  # a note\nhttps://h.example\nhttp://127.0.0.1:8001/v1";
    folder_put_bytes(&dir, "servers.txt", good, strlen(good));
    assert_int_equal(cs_load_servers_file(path, false, &arena, &l, &err), CS_OK);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.urls[0], "http://127.0.0.1:8001/v1");
    assert_string_equal(l.urls[1], "https://h.example");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        folder_put_bytes(&dir, "servers.txt", bad[i][0], strlen(bad[i][0]));
        assert_int_equal(cs_load_servers_file(path, false, &arena, &l, &err), CS_EINVAL);
        assert_non_null(strstr(err.msg, bad[i][1]));
        assert_null(strstr(err.msg, "secret")); /* a study may name any file */
    }
    folder_put_bytes(&dir, "servers.txt", "http://127.0.0.1:1\n\0http://127.0.0.1:2\n", 39);
    assert_int_equal(cs_load_servers_file(path, false, &arena, &l, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "a NUL byte"));
    folder_put_bytes(&dir, "servers.txt", "http://10.0.0.1:1/v1\n", 21);
    assert_int_equal(cs_load_servers_file(path, true, &arena, &l, &err), CS_OK);
    assert_int_equal(cs_load_servers_file(dir.path, true, &arena, &l, &err), CS_EINVAL);
    cs_arena_release(&arena);
    unlink(path);
    rmdir(dir.path);
}

static void a_list_is_one_place_while_a_server_stays(void **state)
{
    struct cs_account one = {.base_url = "https://h.example/v1"}, file = {.base_url = "file:/srv/list"},
                      list = {.base_url = "http://b/v1 http://a/v1"};
    struct cs_buf text = CS_BUF_INIT(1000);
    (void)state;
    assert_false(cs_address_has_servers(&one));
    assert_true(cs_address_has_servers(&list));
    assert_true(cs_address_has_servers(&file));
    assert_string_equal(cs_address_file(file.base_url), "/srv/list");
    cs_address_of_account(&list, &text);
    assert_string_equal(cs_buf_cstr(&text), "http://a/v1 http://b/v1");
    assert_true(cs_address_is_same("http://a/v1 http://b/v1", "http://b/v1 http://c/v1"));
    assert_true(cs_address_is_same("http://a/v1", "http://a/v1 http://b/v1"));
    assert_false(cs_address_is_same("http://a/v1", "http://b/v1"));
    assert_false(cs_address_is_same("http://a/v1 http://b/v1", "http://c/v1 http://a/v2"));
    assert_false(cs_address_is_same("file:/srv/list", "file:/srv/other"));
    assert_false(cs_address_is_same("the simulated provider", "the other provider"));
    cs_buf_release(&text);
}

/* What a worker could not tell of, it would end by. */
static void an_address_can_be_told(void **state)
{
    char url[CS_ADDRESS_URL_MAX + 20], list[2 * sizeof url];
    struct cs_buf many = CS_BUF_INIT(100000);
    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "http://", 7);
    url[CS_ADDRESS_URL_MAX] = '\0';
    snprintf(list, sizeof list, "http://b %s", url);
    assert_true(cs_address_is_sound(list));
    memcpy(url + CS_ADDRESS_URL_MAX, "a", 2);
    snprintf(list, sizeof list, "http://b %s", url);
    assert_false(cs_address_is_sound(list));
    assert_false(cs_address_is_sound("http://a http://b/\xff"));
    assert_false(cs_address_is_sound("http://a\x7f,http://b"));
    assert_true(cs_address_is_sound("file:/srv/m\xc3\xbcnchen"));
    for (uint32_t i = 0; i < CS_ADDRESS_SERVERS_MAX; i++)
        cs_buf_printf(&many, "http://%u ", i);
    assert_true(cs_address_is_sound(cs_buf_cstr(&many)));
    cs_buf_str(&many, "http://one.more");
    assert_false(cs_address_is_sound(cs_buf_cstr(&many)));
    cs_buf_release(&many);
}

/* ---- which one -------------------------------------------------------------------------------------- */

enum { N = 3 };
static const struct cs_endpoint endpoints[N];
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

static void the_least_busy_first_and_a_block_stays(void **state)
{
    struct cs_servers *s = open_servers(N);
    struct cs_worker_server *first[N];
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        first[i] = call(s, 100 + i, 0);
    assert_true(first[0] != first[1] && first[1] != first[2] && first[0] != first[2]);
    assert_ptr_equal(call(s, 100, 0), first[0]); /* one more is no load */
    first[0]->in_flight = 9;
    assert_ptr_not_equal(call(s, 100, 0), first[0]); /* this is */
    first[0]->in_flight = 1;
    assert_ptr_equal(call(s, 100, 0), first[0]); /* and it comes back */
    assert_ptr_not_equal(cs_worker_servers_pick(s, 100, first[0]->number, 0), first[0]);
    cs_worker_servers_close(s);
}

static void each_has_its_part(void **state)
{
    struct cs_servers *s = open_servers(N);
    static const struct cs_lane_server told[] = {
        {.url = "http://a", .calls = 4}, {.url = "http://b", .calls = 32}, {.url = "http://x", .calls = 9}};
    uint32_t n = 0;
    (void)state;
    cs_worker_servers_told(s, told, 3, "");
    cs_worker_servers_part(s, 18); /* half of the 36 that all may have */
    assert_int_equal(s->all[0]->most, 2);
    assert_int_equal(s->all[1]->most, 16);
    assert_int_equal(s->all[2]->most, 1); /* not known to the coordinator yet */
    while (call(s, n, 0) != NULL)
        n++;
    assert_int_equal(n, 19);
    assert_int_equal(s->all[1]->in_flight, 16);
    cs_worker_servers_part(s, UINT32_MAX);
    assert_non_null(call(s, 0, 0));
    cs_worker_servers_close(s);
}

static void one_that_fails_is_left_alone_and_comes_back(void **state)
{
    struct cs_rng rng = {1};
    struct cs_servers *s = open_servers(2);
    struct cs_worker_server *a = s->all[0], *b = s->all[1];
    (void)state;
    assert_false(cs_worker_servers_fault(s, a, false, "breaks", 10, 20, &rng));
    cs_worker_servers_answered(s, a, 15, 30); /* the row is broken */
    for (uint64_t t = 40; t < 42; t++)
        assert_false(cs_worker_servers_fault(s, a, false, "breaks", t, t + 1, &rng));
    assert_true(cs_worker_servers_fault(s, a, false, "breaks", 45, 50, &rng));
    assert_int_equal(a->state, CS_SERVER_AWAY);
    assert_string_equal(a->why, "breaks");
    assert_int_equal(cs_worker_servers_up(s), 1);
    for (uint32_t i = 0; i < 20; i++)
        assert_ptr_equal(cs_worker_servers_pick(s, i, 0, 51), b);
    cs_worker_servers_answered(s, a, 44, 60); /* it was sent before: that it came is no news */
    assert_int_equal(a->state, CS_SERVER_AWAY);
    const uint64_t due = cs_worker_servers_next_ms(s, 60);
    assert_true(due >= 50 + CS_SERVERS_PROBE_MS / 2 && due <= 50 + CS_SERVERS_PROBE_MS);
    assert_ptr_equal(call(s, 1, due), a);
    assert_ptr_equal(call(s, 2, due), b); /* one is enough */
    a->in_flight = 0;
    cs_worker_servers_fault(s, a, false, "breaks", due, due + 5, &rng);
    assert_true(cs_worker_servers_next_ms(s, due + 5) >= due + 5 + CS_SERVERS_PROBE_MS / 2);
    const uint64_t again = cs_worker_servers_next_ms(s, due + 5);
    assert_ptr_equal(call(s, 1, again), a);
    cs_worker_servers_answered(s, a, again, again + 9);
    assert_int_equal(a->state, CS_SERVER_UP);
    assert_true(cs_worker_servers_fault(s, b, true, "no connection to it", again, again, &rng)); /* at once */
    cs_worker_servers_close(s);
}

static void too_much_is_a_pause_of_one_server(void **state)
{
    struct cs_servers *s = open_servers(2);
    (void)state;
    cs_worker_servers_jam(s, s->all[0], 1000, 5, 10);
    cs_worker_servers_jam(s, s->all[0], 500, 6, 11); /* of the same time */
    assert_int_equal(s->all[0]->jams, 1);
    for (uint32_t i = 0; i < 9; i++)
        assert_ptr_equal(cs_worker_servers_pick(s, i, 0, 900), s->all[1]);
    assert_int_equal(cs_worker_servers_next_ms(s, 900), 1010);
    cs_worker_servers_close(s);
}

static void who_answers(void **state)
{
    struct cs_servers *s = open_servers(N);
    struct cs_worker_server **v = s->all;
    (void)state;
    /* The name that was asked for is right, whoever says another one first. */
    assert_int_equal(cs_worker_servers_named(s, v[0], "llama-3-70b", 10), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, v[1], "llama-3-8b", 11), CS_SERVES_IT);
    assert_int_equal(cs_worker_servers_named(s, v[0], "llama-3-70b", 12), CS_SERVES_OTHER);
    assert_int_equal(cs_worker_servers_named(s, v[2], "", 13), CS_SERVES_IT);
    cs_worker_servers_close(s);
    /* None sounds like it: what most say, once each has said something. */
    s = open_servers(N);
    v = s->all;
    assert_int_equal(cs_worker_servers_named(s, v[0], "other.gguf", 10), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, v[1], "/m/x.gguf", 11), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, v[2], "/m/x.gguf", 12), CS_SERVES_IT);
    assert_int_equal(cs_worker_servers_named(s, v[0], "other.gguf", 13), CS_SERVES_OTHER);
    cs_worker_servers_out(s, v[0], "it names another model", CS_SERVERS_OUT_MS, 13);
    assert_int_equal(cs_worker_servers_next_ms(s, 13), 13 + CS_SERVERS_OUT_MS);
    cs_worker_servers_close(s);
    /* One that says nothing is not waited for for ever. */
    s = open_servers(N);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], "x.gguf", 10), CS_SERVES_UNSURE);
    assert_int_equal(cs_worker_servers_named(s, s->all[0], "x.gguf", 10 + CS_SERVERS_UNSURE_MS), CS_SERVES_IT);
    cs_worker_servers_close(s);
}

static void a_list_that_changes(void **state)
{
    struct cs_servers *s = open_servers(N);
    struct cs_worker_server *a = call(s, 7, 0);
    const struct cs_server_list none = {.version = 2, .model = "m", .place = "/srv/list"};
    const struct cs_server_list all = {.version = 3, .model = "m", .n = N, .all = entries};
    char why[200];
    (void)state;
    a->state = CS_SERVER_AWAY;
    cs_worker_servers_sync(s, &none);
    assert_null(cs_worker_servers_pick(s, 7, 0, 1));
    cs_worker_servers_stranded(s, why, sizeof why);
    assert_non_null(strstr(why, "no server is listed in /srv/list"));
    const struct cs_server_list bad = {
        .version = 4, .model = "m", .place = "/srv/list", .fault = "/srv/list:1:1: none"};
    cs_worker_servers_sync(s, &bad);
    cs_worker_servers_stranded(s, why, sizeof why);
    assert_non_null(strstr(why, "cannot be used: /srv/list:1:1: none"));
    cs_worker_servers_sync(s, &all);
    assert_int_equal(a->state, CS_SERVER_UP); /* whoever wrote it down again knows more than we do */
    assert_int_equal(a->in_flight, 1);
    cs_worker_servers_stranded(s, why, sizeof why);
    assert_string_equal(why, "");
    cs_worker_servers_close(s);
}

/* ---- the fleet -------------------------------------------------------------------------------------- */

static const struct cs_session *session_of(const struct hand *h)
{
    struct cs_session *s = NULL;
    HASH_FIND(hh, h->r->core->sessions, &h->session, sizeof h->session, s);
    assert_non_null(s);
    return s;
}

static void tells(struct hand *h, struct cs_lane_server *servers, uint32_t n)
{
    struct cs_want_lane w = {.gen = 1, .capacity = 100, .trouble = "", .jams = 1, .n_servers = n, .servers = servers};
    struct cs_message m = {.kind = CS_WANT, .ack = session_of(h)->seq_out, .want = {1, &w}};
    say(h, &m);
}

static void the_lane_bears_what_its_servers_bear(void **state)
{
    struct rig r;
    struct hand h[2];
    struct cs_lane_server up[] = {{.url = "http://a"}, {.url = "http://b"}, {.url = "http://c"}};
    (void)state;
    rig_open(&r, 1, 4000);
    r.disk->undeclared = true;
    rig_begin(&r);
    struct cs_lane *lane = r.core->lanes[0];
    hand_open(&h[0], &r, "w0", 1);
    hand_open(&h[1], &r, "w1", 2);
    tells(&h[0], up, 3);
    tells(&h[1], up, 3);
    rig_tick(&r, CS_TICK_MS);
    assert_int_equal(lane->n_servers, 3);
    assert_int_equal(cs_serving_most(lane, r.core->now_ms), 3 * CS_RAMP_START);
    lane->servers[1].ramp.level = 32; /* this one bears more */
    rig_tick(&r, CS_TICK_MS);
    assert_int_equal(lane->most, 2 * CS_RAMP_START + 32);
    assert_int_equal(r.core->sessions->lanes[0].part, (2 * CS_RAMP_START + 32) / 2);
    up[1].state = CS_SERVER_AWAY; /* to one of them only */
    tells(&h[0], up, 3);
    assert_int_equal(cs_serving_most(lane, r.core->now_ms), 2 * CS_RAMP_START + 32);
    tells(&h[1], up, 3);
    rig_tick(&r, CS_TICK_MS);
    assert_int_equal(lane->most, 2 * CS_RAMP_START);
    up[0].jams = 1;
    tells(&h[0], up, 1); /* the others have left its list */
    assert_int_equal(lane->servers[0].ramp.level, CS_RAMP_START / 2);
    assert_int_equal(lane->servers[2].n_listed, 1);
    struct cs_message bye = {.kind = CS_BYE, .bye = {"drained"}};
    say(&h[1], &bye);
    assert_int_equal(lane->servers[2].n_listed, 0);
    assert_int_equal(cs_serving_most(lane, r.core->now_ms), CS_RAMP_START / 2);
    rig_close(&r);
}

/* Servers that have a new address with each job: those that left make room, with all that was said of them. */
static void places_are_used_again(void **state)
{
    enum { ROUNDS = 2 * CS_SERVINGS_MAX / CS_SERVERS_MAX + 1 };
    static char urls[CS_SERVERS_MAX][32];
    static struct cs_lane_server list[CS_SERVERS_MAX];
    struct rig r;
    struct hand h[2];
    (void)state;
    rig_open(&r, 1, 4000);
    r.disk->undeclared = true;
    rig_begin(&r);
    struct cs_lane *lane = r.core->lanes[0];
    hand_open(&h[0], &r, "w0", 1);
    hand_open(&h[1], &r, "w1", 2);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < CS_SERVERS_MAX; i++) {
            snprintf(urls[i], sizeof urls[i], "http://h%u:%u", round, i);
            list[i] = (struct cs_lane_server){.url = urls[i], .jams = round};
        }
        tells(&h[0], list, CS_SERVERS_MAX);
        tells(&h[1], list, CS_SERVERS_MAX);
        rig_tick(&r, CS_TICK_MS);
    }
    assert_int_equal(lane->n_servers, CS_SERVINGS_MAX);
    assert_int_equal(cs_serving_most(lane, r.core->now_ms), CS_SERVERS_MAX * CS_RAMP_START); /* none jammed */
    uint32_t up = 0;
    for (uint32_t k = 0; k < lane->n_servers; k++)
        up += lane->servers[k].n_up == 2 && lane->servers[k].n_listed == 2;
    assert_int_equal(up, CS_SERVERS_MAX);
    rig_close(&r);
}

/* Who comes later begins with the name that is right now. */
static void the_newest_name_is_told(void **state)
{
    struct cs_arena arena = {0};
    struct cs_served s;
    (void)state;
    cs_coordinator_served_open(&s, NULL, "1\tgpt-5-2026-03-01\tfp\n2\tgpt-5-2026-06-01\t\n3\t\tfp2\n");
    assert_string_equal(cs_coordinator_served_newest(&s, &arena), "gpt-5-2026-06-01");
    cs_coordinator_served_close(&s);
    cs_coordinator_served_open(&s, NULL, "1\t\tfp\n");
    assert_string_equal(cs_coordinator_served_newest(&s, &arena), "");
    cs_coordinator_served_close(&s);
    cs_arena_release(&arena);
}

/* ---- the wire --------------------------------------------------------------------------------------- */

static void there_and_back(void **state)
{
    struct cs_lane_server servers[] = {{.url = "http://a", .calls = 7}, {.url = "http://b", .calls = 0}};
    struct cs_lane_info lane = {.gen = 3, .calls = 9, .n_servers = 2, .servers = servers, .serves = "m-1"};
    struct cs_message stop = {.version = CS_WIRE_VERSION,
                              .kind = CS_STOP,
                              .session = 1,
                              .seq = 1,
                              .announce = {1, false, 1, &lane}},
                      got;
    struct cs_output o = {.text = "x", .server = "http://b"}, back;
    struct cs_buf b = CS_BUF_INIT(1 << 20);
    struct cs_arena arena = {0};
    struct cs_error err = {0};
    (void)state;
    cs_message_pack(&stop, &b);
    assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &got, &err), CS_OK);
    assert_int_equal(got.announce.lanes[0].n_servers, 2);
    assert_int_equal(got.announce.lanes[0].servers[0].calls, 7);
    assert_string_equal(got.announce.lanes[0].servers[1].url, "http://b");
    assert_string_equal(got.announce.lanes[0].serves, "m-1");
    servers[0].state = CS_SERVER_OUT;
    servers[1].jams = 5;
    struct cs_want_lane w = {.gen = 1, .capacity = 2, .trouble = "", .n_servers = 2, .servers = servers};
    struct cs_message want = {.version = CS_WIRE_VERSION, .kind = CS_WANT, .session = 1, .seq = 1, .want = {1, &w}};
    cs_buf_clear(&b);
    cs_message_pack(&want, &b);
    assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &got, &err), CS_OK);
    assert_int_equal(got.want.lanes[0].servers[0].state, CS_SERVER_OUT);
    assert_int_equal(got.want.lanes[0].servers[1].jams, 5);
    cs_buf_clear(&b);
    cs_output_pack(&o, &b);
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
    assert_string_equal(back.server, "http://b");
    o.server = NULL;
    cs_buf_clear(&b);
    cs_output_pack(&o, &b);
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
    assert_string_equal(back.server, "");
    cs_arena_release(&arena);
    cs_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_one_address_a_line),
        cmocka_unit_test(an_address_can_be_told),
        cmocka_unit_test(a_list_is_one_place_while_a_server_stays),
        cmocka_unit_test(the_least_busy_first_and_a_block_stays),
        cmocka_unit_test(each_has_its_part),
        cmocka_unit_test(one_that_fails_is_left_alone_and_comes_back),
        cmocka_unit_test(too_much_is_a_pause_of_one_server),
        cmocka_unit_test(who_answers),
        cmocka_unit_test(a_list_that_changes),
        cmocka_unit_test(the_lane_bears_what_its_servers_bear),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(the_newest_name_is_told),
        cmocka_unit_test(there_and_back),
    };
    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("servers", tests, NULL, NULL);
}
