/* The Redis clients against a real server: replies of every kind, and every way in which a server goes away. */
#include "tests/unit/fixture_redis.h"

struct answer {
    bool done;
    int calls;
    bool null;
    enum cs_reply_kind kind;
    int64_t integer;
    char text[100];
    size_t len, n_items;
};

static void keep(void *self, const struct cs_reply *reply)
{
    struct answer *a = self;
    a->done = true;
    a->calls++;
    a->null = reply == NULL;
    if (reply == NULL)
        return;
    a->kind = reply->kind;
    a->integer = reply->integer;
    a->len = reply->len;
    a->n_items = reply->n_items;
    snprintf(a->text, sizeof a->text, "%s", reply->str);
}

#define COMMAND(r, a, ...)                                                                                             \
    cs_redis_command((r), (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                               \
                     (const char *[]){__VA_ARGS__}, NULL, keep, (a))

static struct cs_redis *connected(uv_loop_t *loop, const struct server *s)
{
    struct cs_redis *r = NULL;
    struct cs_error err = {0};
    assert_int_equal(uv_loop_init(loop), 0);
    assert_int_equal(cs_redis_open(&r, loop, s->address, &err), CS_OK);
    assert_false(cs_redis_connected(r));
    assert_true(run_until_connected(loop, r, true, 3000));
    return r;
}

static struct answer ask_async(uv_loop_t *loop, struct cs_redis *r, const char *a, const char *b, const char *c)
{
    struct answer answer = {0};
    const char *argv[] = {a, b, c};
    cs_redis_command(r, c != NULL ? 3 : b != NULL ? 2 : 1, argv, NULL, keep, &answer);
    assert_true(run_until(loop, &answer.done, 4000));
    return answer;
}

/* ---- replies --------------------------------------------------------------------------------------- */

static void replies_of_every_kind(void **state)
{
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, *state);
    struct answer a = {0};
    const char *binary[] = {"SET", "k", "a\0b c%s\r\n"};
    const size_t lens[] = {3, 1, 9};
    cs_redis_command(r, 3, binary, lens, keep, &a);
    assert_true(run_until(&loop, &a.done, 4000));
    assert_int_equal(a.kind, CS_REPLY_STATUS);
    assert_string_equal(a.text, "OK");
    a = ask_async(&loop, r, "GET", "k", NULL);
    assert_int_equal(a.kind, CS_REPLY_STR);
    assert_int_equal(a.len, 9);
    a = ask_async(&loop, r, "GET", "absent", NULL);
    assert_int_equal(a.kind, CS_REPLY_NIL);
    a = ask_async(&loop, r, "INCRBY", "n", "-5");
    assert_int_equal(a.kind, CS_REPLY_INT);
    assert_int_equal(a.integer, -5);
    a = ask_async(&loop, r, "NONSENSE", NULL, NULL);
    assert_int_equal(a.kind, CS_REPLY_ERROR);
    a = ask_async(&loop, r, "EVAL", "return {1,{2,'x',{3}},false}", "0");
    assert_int_equal(a.kind, CS_REPLY_ARRAY);
    assert_int_equal(a.n_items, 3);
    cs_redis_command(r, 2, (const char *[]){"DEL", "k"}, NULL, NULL, NULL); /* nobody listens */
    a = ask_async(&loop, r, "EXISTS", "k", NULL);
    assert_int_equal(a.integer, 0);
    close_and_finish(&loop, r);
}

static void answers_come_in_order(void **state)
{
    enum { N = 1000 };
    static struct answer a[N];
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, *state);
    memset(a, 0, sizeof a);
    for (int i = 0; i < N; i++)
        COMMAND(r, &a[i], "INCR", "counter");
    assert_true(run_until(&loop, &a[N - 1].done, 4000));
    for (int i = 0; i < N; i++)
        assert_int_equal(a[i].integer, i + 1);
    close_and_finish(&loop, r);
}

static void too_many_commands_are_answered_at_once(void **state)
{
    enum { N = 1030 };
    static struct answer a[N];
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, *state);
    memset(a, 0, sizeof a);
    for (int i = 0; i < N; i++)
        COMMAND(r, &a[i], "PING");
    assert_false(a[1023].done);
    assert_true(a[1024].done && a[1024].null);
    assert_true(run_until(&loop, &a[1023].done, 4000));
    assert_false(a[1023].null);
    close_and_finish(&loop, r);
}

/* ---- outages --------------------------------------------------------------------------------------- */

static void without_a_server_commands_get_null(void **state)
{
    struct server *s = *state;
    uv_loop_t loop;
    struct cs_redis *r = NULL;
    struct cs_error err = {0};
    struct answer a = {0};
    const bool never = false;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(cs_redis_open(&r, &loop, s->address, &err), CS_OK);
    COMMAND(r, &a, "PING");
    assert_true(a.done && a.null);
    run_until(&loop, &never, 500);
    assert_false(cs_redis_connected(r));
    server_start(s, NULL); /* it comes later */
    assert_true(run_until_connected(&loop, r, true, 3000));
    close_and_finish(&loop, r);
}

static void refused_tcp_port_gets_null(void **state)
{
    uv_loop_t loop;
    struct cs_redis *r = NULL;
    struct cs_error err = {0};
    const bool never = false;
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(cs_redis_open(&r, &loop, "tcp://127.0.0.1:1", &err), CS_OK);
    run_until(&loop, &never, 700); /* several attempts */
    assert_false(cs_redis_connected(r));
    close_and_finish(&loop, r);
}

static void killed_server_and_the_next_one(void **state)
{
    struct server *s = *state;
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, s);
    for (int round = 0; round < 3; round++) {
        struct answer a = {0}, b = {0};
        kill(s->pid, SIGSTOP);
        COMMAND(r, &a, "PING"); /* on its way when the server dies */
        COMMAND(r, &b, "PING");
        run_until(&loop, &a.done, 50);
        assert_false(a.done);
        server_kill(s);
        assert_true(run_until(&loop, &b.done, 1000));
        assert_true(a.null && b.null);
        assert_int_equal(a.calls + b.calls, 2);
        assert_false(cs_redis_connected(r));
        COMMAND(r, &a, "PING");
        assert_int_equal(a.calls, 2);
        assert_true(a.null);
        server_start(s, NULL);
        assert_true(run_until_connected(&loop, r, true, 3000));
        a = ask_async(&loop, r, "PING", NULL, NULL);
        assert_string_equal(a.text, "PONG");
    }
    close_and_finish(&loop, r);
}

static void silent_server_is_given_up_but_not_before_two_seconds(void **state)
{
    struct server *s = *state;
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, s);
    struct answer a = {0};
    kill(s->pid, SIGSTOP);
    uint64_t start = uv_hrtime();
    COMMAND(r, &a, "PING");
    assert_true(run_until(&loop, &a.done, 60000));
    assert_true(a.null);
    assert_true(uv_hrtime() - start >= 1990 * (uint64_t)1000000); /* a server that is slow for less is not lost */
    assert_false(cs_redis_connected(r));
    kill(s->pid, SIGCONT);
    assert_true(run_until_connected(&loop, r, true, 4000));
    close_and_finish(&loop, r);
}

/* The process slept, not the server: what waits in the socket counts. */
static void stalled_loop_loses_no_answer(void **state)
{
    uv_loop_t loop;
    struct cs_redis *r = connected(&loop, *state);
    struct answer a = {0};
    const bool never = false;
    COMMAND(r, &a, "PING");
    run_until(&loop, &never, 0); /* it is sent */
    if (!a.done) {
        nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 200000000}, NULL);
        assert_true(run_until(&loop, &a.done, 4000));
    }
    assert_false(a.null);
    struct answer b = {0};
    COMMAND(r, &b, "PING");
    nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 200000000}, NULL); /* not even sent */
    assert_true(run_until(&loop, &b.done, 4000));
    assert_true(run_until_connected(&loop, r, true, 3000));
    close_and_finish(&loop, r);
}

struct chain {
    struct cs_redis *r;
    bool done, close;
    int nulls;
};

static void then_more(void *self, const struct cs_reply *reply)
{
    struct chain *c = self;
    c->done = true;
    if (reply == NULL) {
        c->nulls++;
        return;
    }
    if (c->close)
        cs_redis_close(c->r);
    else
        cs_redis_command(c->r, 1, (const char *[]){"PING"}, NULL, then_more, c);
}

static void closing_inside_a_reply_answers_the_rest(void **state)
{
    uv_loop_t loop;
    struct chain c = {.r = connected(&loop, *state), .close = true};
    for (int i = 0; i < 10; i++)
        cs_redis_command(c.r, 1, (const char *[]){"PING"}, NULL, then_more, &c);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(c.done);
    assert_int_equal(c.nulls, 9);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void commands_issued_while_dying_get_null(void **state)
{
    struct server *s = *state;
    uv_loop_t loop;
    const bool never = false;
    struct chain c = {.r = connected(&loop, s)};
    cs_redis_command(c.r, 1, (const char *[]){"PING"}, NULL, then_more, &c);
    run_until(&loop, &never, 100);
    server_kill(s);
    run_until(&loop, &never, 300);
    assert_int_equal(c.nulls, 1);
    close_and_finish(&loop, c.r);
}

/* ---- doors ----------------------------------------------------------------------------------------- */

static void password_and_user(void **state)
{
    struct server *s = *state;
    uv_loop_t loop;
    struct cs_redis *r = NULL;
    struct cs_redis_sync *sync = NULL;
    struct cs_error err = {0};
    const bool never = false;
    server_start(s, (const char *[]){"--requirepass", "open sesame", NULL});

    assert_int_equal(cs_redis_sync_open(&sync, s->address, 1000, &err), CS_EDENIED);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(cs_redis_open(&r, &loop, s->address, &err), CS_OK);
    run_until(&loop, &never, 600);
    assert_false(cs_redis_connected(r));
    close_and_finish(&loop, r);

    char *file = cs_xasprintf("%s/password", s->folder);
    FILE *f = fopen(file, "w");
    fputs("open sesame\n", f);
    fclose(f);
    setenv("CLINSAFE_REDIS_PASSWORD_FILE", file, 1);
    r = connected(&loop, s);
    close_and_finish(&loop, r);
    assert_int_equal(cs_redis_sync_open(&sync, s->address, 1000, &err), CS_OK);
    const struct cs_reply *reply;
    assert_int_equal(
        cs_redis_sync_command(sync, 5, (const char *[]){"ACL", "SETUSER", "ann", "on", ">pw"}, NULL, &reply, &err),
        CS_OK);
    assert_int_equal(
        cs_redis_sync_command(sync, 5, (const char *[]){"ACL", "SETUSER", "ann", "+@all", "~*"}, NULL, &reply, &err),
        CS_OK);
    cs_redis_sync_close(sync);
    setenv("CLINSAFE_REDIS_USER", "ann", 1);
    setenv("CLINSAFE_REDIS_PASSWORD", "pw", 1); /* wins over the file */
    r = connected(&loop, s);
    struct answer a = ask_async(&loop, r, "ACL", "WHOAMI", NULL);
    assert_string_equal(a.text, "ann");
    close_and_finish(&loop, r);
    unsetenv("CLINSAFE_REDIS_PASSWORD");
    unsetenv("CLINSAFE_REDIS_PASSWORD_FILE");
    assert_int_equal(cs_redis_sync_open(&sync, s->address, 1000, &err), CS_EINVAL);
    unsetenv("CLINSAFE_REDIS_USER");
    setenv("CLINSAFE_REDIS_PASSWORD_FILE", "/nowhere/at/all", 1);
    assert_int_equal(cs_redis_sync_open(&sync, s->address, 1000, &err), CS_ENOENT);
    unsetenv("CLINSAFE_REDIS_PASSWORD_FILE");
    free(file);
}

static void wrong_addresses(void **state)
{
    static const char *const wrong[] = {"",
                                        "unix:",
                                        "127.0.0.1:6379",
                                        "tcp://127.0.0.1",
                                        "tcp://127.0.0.1:",
                                        "tcp://:6379",
                                        "tcp://127.0.0.1:70000",
                                        "tcp://127.0.0.1:63x",
                                        "tcp://redis.example:6379",
                                        "http://127.0.0.1:1",
                                        "tcp://[::1:6379"};
    struct cs_redis_sync *r = NULL;
    struct cs_error err = {0};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err.msg[0] = '\0';
        assert_int_equal(cs_redis_sync_open(&r, wrong[i], 100, &err), CS_EINVAL);
        assert_null(r);
        assert_non_null(strstr(err.msg, wrong[i]));
    }
    assert_int_equal(cs_redis_sync_open(&r, "tcp://localhost:1", 100, &err), CS_EAGAIN);
    assert_int_equal(cs_redis_sync_open(&r, "unix:/nowhere/at/all", 100, &err), CS_EAGAIN);
}

/* ---- the blocking client --------------------------------------------------------------------------- */

static void blocking_client(void **state)
{
    struct server *s = *state;
    struct cs_redis_sync *r = NULL;
    struct cs_error err = {0};
    const struct cs_reply *reply = NULL;
    const char *ping[] = {"PING"};
    assert_int_equal(cs_redis_sync_open(&r, s->address, 2000, &err), CS_OK);
    assert_int_equal(cs_redis_sync_command(r, 1, ping, NULL, &reply, &err), CS_OK);
    assert_string_equal(reply->str, "PONG");
    assert_int_equal(cs_redis_sync_command(r, 3, (const char *[]){"RPUSH", "l", "x"}, NULL, &reply, &err), CS_OK);
    assert_int_equal(cs_redis_sync_command(r, 4, (const char *[]){"LRANGE", "l", "0", "-1"}, NULL, &reply, &err),
                     CS_OK);
    assert_int_equal(reply->n_items, 1);
    assert_string_equal(reply->items[0].str, "x");
    assert_int_equal(cs_redis_sync_command(r, 1, (const char *[]){"NONSENSE"}, NULL, &reply, &err), CS_OK);
    assert_int_equal(reply->kind, CS_REPLY_ERROR);
    kill(s->pid, SIGSTOP);
    assert_int_equal(cs_redis_sync_command(r, 1, ping, NULL, &reply, &err), CS_ETIMEDOUT);
    assert_null(reply);
    server_kill(s);
    assert_int_equal(cs_redis_sync_command(r, 1, ping, NULL, &reply, &err), CS_EAGAIN);
    assert_non_null(strstr(err.msg, s->address));
    server_start(s, NULL);
    assert_int_equal(cs_redis_sync_command(r, 1, ping, NULL, &reply, &err), CS_OK);
    server_kill(s); /* while connected: no SIGPIPE */
    assert_int_equal(cs_redis_sync_command(r, 1, ping, NULL, &reply, &err), CS_EAGAIN);
    cs_redis_sync_close(r);
}

int main(void)
{
    unsetenv("CLINSAFE_REDIS_USER");
    unsetenv("CLINSAFE_REDIS_PASSWORD");
    unsetenv("CLINSAFE_REDIS_PASSWORD_FILE");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(replies_of_every_kind, server_up, server_down),
        cmocka_unit_test_setup_teardown(answers_come_in_order, server_up, server_down),
        cmocka_unit_test_setup_teardown(too_many_commands_are_answered_at_once, server_up, server_down),
        cmocka_unit_test_setup_teardown(without_a_server_commands_get_null, server_folder, server_down),
        cmocka_unit_test(refused_tcp_port_gets_null),
        cmocka_unit_test_setup_teardown(killed_server_and_the_next_one, server_up, server_down),
        cmocka_unit_test_setup_teardown(silent_server_is_given_up_but_not_before_two_seconds, server_up, server_down),
        cmocka_unit_test_setup_teardown(stalled_loop_loses_no_answer, server_up, server_down),
        cmocka_unit_test_setup_teardown(closing_inside_a_reply_answers_the_rest, server_up, server_down),
        cmocka_unit_test_setup_teardown(commands_issued_while_dying_get_null, server_up, server_down),
        cmocka_unit_test_setup_teardown(password_and_user, server_folder, server_down),
        cmocka_unit_test(wrong_addresses),
        cmocka_unit_test_setup_teardown(blocking_client, server_up, server_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
