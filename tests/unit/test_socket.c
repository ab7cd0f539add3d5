/* Real sockets over ipc and the loopback: who may bind where, who is let in, and what happens to bad frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include <zmq.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/wire/keys.h"
#include "protocol/wire/socket.h"

enum { SOON_MS = 5000, NEVER_MS = 400 };
#define LEN(a) (sizeof(a) / sizeof(a)[0])

struct fixture {
    char dir[64];
    struct cs_net *net;
    struct cs_socket *open[8]; /* closed by tear_down if the test does not get that far */
    struct cs_error err;
};

static void shut(struct fixture *f, struct cs_socket *s)
{
    for (size_t i = 0; i < LEN(f->open); i++) {
        if (f->open[i] == s)
            f->open[i] = NULL;
    }
    cs_socket_close(s);
}

static int set_up(void **state)
{
    struct fixture *f = cs_xcalloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/cs-socket-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(cs_socket_net_open(&f->net, &f->err), CS_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"s", "allowed", "live", "file", "log", "raw"};
    for (size_t i = 0; i < LEN(f->open); i++)
        cs_socket_close(f->open[i]);
    cs_socket_net_close(f->net);
    for (size_t i = 0; i < LEN(names); i++) {
        char *path = cs_xasprintf("%s/%s", f->dir, names[i]);
        unlink(path);
        free(path);
    }
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

/* ---- shorthand ------------------------------------------------------------------------------------- */

#define ok(f, call)                                                                                                    \
    do {                                                                                                               \
        if ((call) != CS_OK)                                                                                           \
            fail_msg("%s: %s", #call, (f)->err.msg);                                                                   \
    } while (0)

static struct cs_socket *open_with(struct fixture *f, struct cs_socket_opts o)
{
    size_t i = 0;
    while (f->open[i] != NULL)
        assert_true(++i < LEN(f->open));
    ok(f, cs_socket_open(f->net, &o, &f->open[i], &f->err));
    return f->open[i];
}

static struct cs_socket *open_plain(struct fixture *f, enum cs_socket_type type)
{
    return open_with(f, (struct cs_socket_opts){.type = type});
}

static struct cs_socket *open_server(struct fixture *f, enum cs_socket_type type, const struct cs_keypair *own)
{
    return open_with(f, (struct cs_socket_opts){.type = type, .own = own, .server = true});
}

static struct cs_socket *open_client(struct fixture *f, enum cs_socket_type type, const struct cs_keypair *own,
                                     const char *server_key)
{
    return open_with(f, (struct cs_socket_opts){.type = type, .own = own, .server_key = server_key});
}

static struct cs_socket *connected(struct fixture *f, struct cs_socket *s, const char *endpoint)
{
    ok(f, cs_socket_connect(s, endpoint, &f->err));
    return s;
}

static char *ipc(struct fixture *f, const char *name)
{
    return cs_xasprintf("ipc://%s/%s", f->dir, name);
}

static void wait_a_little(void)
{
    (void)poll(NULL, 0, 5);
}

/* A fresh DEALER has no connection yet: tries until it is taken, or the time is up. */
static bool send_within(struct cs_socket *s, const char *text, int ms)
{
    for (int i = 0; i < ms / 5; i++) {
        if (cs_socket_send(s, NULL, text, strlen(text)) == CS_OK)
            return true;
        wait_a_little();
    }
    return false;
}

/* "(nothing)" if nothing comes. */
static const char *recv_within(struct cs_socket *s, struct cs_peer *peer, char *user_id, int ms)
{
    static char text[256];
    const void *bytes;
    size_t n;
    for (int i = 0; i <= ms / 20; i++) {
        if (cs_socket_recv(s, peer, &bytes, &n, user_id) == CS_OK) {
            assert_true(n < sizeof text);
            memcpy(text, bytes, n);
            text[n] = '\0';
            return text;
        }
        cs_socket_wait(s, 20);
    }
    return "(nothing)";
}

/* Nothing is heard before so many messages were left out, nor then. */
static void skips(struct cs_socket *s, uint64_t n)
{
    struct cs_peer peer;
    char user[41];
    for (int i = 0; i < SOON_MS / 20 && cs_socket_skipped(s) < n; i++)
        assert_string_equal(recv_within(s, &peer, user, 20), "(nothing)");
    assert_int_equal(cs_socket_skipped(s), n);
    assert_string_equal(recv_within(s, &peer, user, NEVER_MS), "(nothing)");
    assert_int_equal(cs_socket_skipped(s), n);
}

static void round_trip(struct cs_socket *router, struct cs_socket *dealer, const char *expected_user)
{
    struct cs_peer peer;
    char user[41] = "?";
    assert_true(send_within(dealer, "hello", SOON_MS));
    assert_string_equal(recv_within(router, &peer, user, SOON_MS), "hello");
    assert_string_equal(user, expected_user);
    assert_int_equal(cs_socket_send(router, &peer, "welcome", 7), CS_OK);
    assert_string_equal(recv_within(dealer, NULL, NULL, SOON_MS), "welcome");
}

static void allow(struct fixture *f, const char *text)
{
    char *path = cs_xasprintf("%s/allowed", f->dir);
    ok(f, cs_file_write(path, text, strlen(text), 0644, &f->err));
    free(path);
}

static enum cs_err start_allowing(struct fixture *f)
{
    char *path = cs_xasprintf("%s/allowed", f->dir);
    enum cs_err rc = cs_socket_net_allow(f->net, path, &f->err);
    free(path);
    return rc;
}

static struct cs_keypair pair(struct fixture *f)
{
    struct cs_keypair k;
    ok(f, cs_keys_pair_make(&k, &f->err));
    return k;
}

/* ---- plain sockets --------------------------------------------------------------------------------- */

static void test_ipc(void **state)
{
    struct fixture *f = *state;
    char *endpoint = ipc(f, "s");
    struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER), *dealer = open_plain(f, CS_SOCKET_DEALER);
    ok(f, cs_socket_bind(router, endpoint, &f->err));
    assert_string_equal(cs_socket_endpoint(router), endpoint);
    round_trip(router, connected(f, dealer, endpoint), "");
    assert_int_equal(cs_socket_skipped(router), 0);
    shut(f, dealer);
    shut(f, router);
    free(endpoint);
}

static void test_tcp_loopback(void **state)
{
    static const char *const endpoints[] = {"tcp://127.0.0.1:*", "tcp://localhost:*", "tcp://127.9.8.7:*"};
    struct fixture *f = *state;
    for (size_t i = 0; i < LEN(endpoints); i++) {
        struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER), *dealer = open_plain(f, CS_SOCKET_DEALER);
        ok(f, cs_socket_bind(router, endpoints[i], &f->err));
        assert_null(strchr(cs_socket_endpoint(router), '*'));
        round_trip(router, connected(f, dealer, cs_socket_endpoint(router)), "");

        struct cs_socket *second = open_plain(f, CS_SOCKET_ROUTER);
        assert_int_equal(cs_socket_bind(second, cs_socket_endpoint(router), &f->err), CS_EBUSY);
        shut(f, second);
        shut(f, dealer);
        shut(f, router);
    }
}

static void test_plain_tcp_elsewhere_is_refused(void **state)
{
    static const char *const endpoints[] = {
        "tcp://0.0.0.0:5555",
        "tcp://*:5555",
        "tcp://*:*",
        "tcp://192.0.2.1:5555",
        "tcp://128.0.0.1:5555",
        "tcp://[::]:5555",
        "tcp://127.0.0.1.example.org:5555",
        "tcp://localhost.example.org:5555",
        "tcp://eth0:5555",
        "tcp://lo:5555",
        "tcp://127.0.0.1;192.0.2.1:5555",
        "tcp://192.0.2.1;127.0.0.1:5555",
        "tcp:// 127.0.0.1:5555",
        "tcp://127.1:5555",
        "tcp://0177.0.0.1:5555",
    };
    struct fixture *f = *state;
    struct cs_socket *s = open_plain(f, CS_SOCKET_DEALER);
    for (size_t i = 0; i < LEN(endpoints); i++) {
        if (cs_socket_bind(s, endpoints[i], &f->err) != CS_EDENIED ||
            cs_socket_connect(s, endpoints[i], &f->err) != CS_EDENIED)
            fail_msg("%s was not refused", endpoints[i]);
        assert_non_null(strstr(f->err.msg, "CURVE"));
    }
    shut(f, s);
}

static void test_bad_endpoints(void **state)
{
    static const char *const endpoints[] = {"",
                                            "127.0.0.1:5555",
                                            "udp://127.0.0.1:5555",
                                            "inproc://x",
                                            "tcp://",
                                            "tcp://127.0.0.1",
                                            "tcp://127.0.0.1:",
                                            "tcp://:5555",
                                            "ipc://",
                                            "ipc://@abstract",
                                            "ipc://*",
                                            "tcp://127.0.0.1:70000"};
    struct fixture *f = *state;
    struct cs_socket *s = open_plain(f, CS_SOCKET_ROUTER);
    for (size_t i = 0; i < LEN(endpoints); i++) {
        if (cs_socket_bind(s, endpoints[i], &f->err) != CS_EINVAL)
            fail_msg("%s: %s", endpoints[i], f->err.msg);
    }
    shut(f, s);
}

static void test_ipc_path_length(void **state)
{
    struct fixture *f = *state;
    char path[200], endpoint[256];
    struct cs_socket *s = open_plain(f, CS_SOCKET_ROUTER);
    size_t n = strlen(f->dir);
    memcpy(path, f->dir, n);
    memset(path + n, 'x', sizeof path - n);
    path[n] = '/';
    path[108] = '\0';
    snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
    assert_int_equal(cs_socket_bind(s, endpoint, &f->err), CS_ETOOBIG);
    assert_non_null(strstr(f->err.msg, "107"));
    endpoint[strlen(endpoint) - 1] = '\0';
    ok(f, cs_socket_bind(s, endpoint, &f->err));
    path[107] = '\0';
    assert_int_equal(access(path, F_OK), 0);
    shut(f, s);
    unlink(path);
}

static int listening_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(strlen(path) < sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_ipc_stale_and_live_files(void **state)
{
    struct fixture *f = *state;
    char *endpoint = ipc(f, "live"), *file_endpoint = ipc(f, "file");
    const char *path = endpoint + 6, *file = file_endpoint + 6;
    struct cs_socket *s = open_plain(f, CS_SOCKET_ROUTER);
    int fd = listening_at(path);
    assert_int_equal(cs_socket_bind(s, endpoint, &f->err), CS_EBUSY);
    close(fd); /* as after kill -9: the file stays */
    assert_int_equal(access(path, F_OK), 0);
    ok(f, cs_socket_bind(s, endpoint, &f->err));
    struct cs_socket *dealer = open_plain(f, CS_SOCKET_DEALER);
    round_trip(s, connected(f, dealer, endpoint), "");

    ok(f, cs_file_write(file, "precious", 8, 0600, &f->err));
    assert_int_equal(cs_socket_bind(s, file_endpoint, &f->err), CS_EEXIST);
    assert_int_equal(access(file, F_OK), 0);
    shut(f, dealer);
    shut(f, s);
    free(endpoint);
    free(file_endpoint);
}

static void test_unknown_peer(void **state)
{
    struct fixture *f = *state;
    char *endpoint = ipc(f, "s");
    struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER);
    struct cs_peer nobody = {.n = 5, .id = {0, 1, 2, 3, 4}};
    ok(f, cs_socket_bind(router, endpoint, &f->err));
    assert_int_equal(cs_socket_send(router, &nobody, "x", 1), CS_ENOENT);
    struct cs_socket *dealer = connected(f, open_plain(f, CS_SOCKET_DEALER), endpoint);
    round_trip(router, dealer, ""); /* a refused first frame leaves nothing behind */
    shut(f, dealer);
    shut(f, router);
    free(endpoint);
}

/* Nothing is queued for a coordinator that is not there: it would arrive stale after a restart (facts 2.2-8). */
static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    char *endpoint = ipc(f, "s");
    struct cs_socket *dealer = connected(f, open_plain(f, CS_SOCKET_DEALER), endpoint);
    assert_int_equal(cs_socket_send(dealer, NULL, "stale", 5), CS_EAGAIN);
    struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER);
    ok(f, cs_socket_bind(router, endpoint, &f->err));
    round_trip(router, dealer, "");
    shut(f, router);
    shut(f, dealer);
    free(endpoint);
}

static void raw_send(void *zmq, const char *const *frames, int n)
{
    for (int i = 0; i < n; i++)
        assert_true(zmq_send(zmq, frames[i], strlen(frames[i]), i + 1 < n ? ZMQ_SNDMORE : 0) >= 0);
}

static void test_malformed_frames_are_skipped(void **state)
{
    struct fixture *f = *state;
    char *endpoint = ipc(f, "raw"), name[100];
    struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER);
    struct cs_peer peer;
    char user[41];
    ok(f, cs_socket_bind(router, endpoint, &f->err));
    void *context = zmq_ctx_new(), *raw = zmq_socket(context, ZMQ_DEALER), *named = zmq_socket(context, ZMQ_DEALER);
    assert_int_equal(zmq_connect(raw, endpoint), 0);
    raw_send(raw, (const char *const[]){"", "a request as of REQ"}, 2);
    raw_send(raw, (const char *const[]){"one", "two", "three", "four"}, 4);
    raw_send(raw, (const char *const[]){"good"}, 1);
    assert_string_equal(recv_within(router, &peer, user, SOON_MS), "good");
    assert_int_equal(cs_socket_skipped(router), 2);
    raw_send(raw, (const char *const[]){""}, 1); /* an empty frame is one frame: for the codec to refuse */
    assert_string_equal(recv_within(router, &peer, user, SOON_MS), "");

    memset(name, 'n', sizeof name); /* a routing id longer than ours are */
    assert_int_equal(zmq_setsockopt(named, ZMQ_ROUTING_ID, name, sizeof name), 0);
    assert_int_equal(zmq_connect(named, endpoint), 0);
    raw_send(named, (const char *const[]){"unseen"}, 1);
    skips(router, 3);

    const int linger = 0;
    zmq_setsockopt(raw, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(named, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(raw);
    zmq_close(named);
    zmq_ctx_term(context);
    shut(f, router);
    free(endpoint);
}

/* The descriptor tells once of many messages: read on to CS_EAGAIN. */
static void test_descriptor(void **state)
{
    enum { MANY = 300 };
    struct fixture *f = *state;
    char *endpoint = ipc(f, "s"), text[16];
    struct cs_socket *router = open_plain(f, CS_SOCKET_ROUTER), *dealer = open_plain(f, CS_SOCKET_DEALER);
    struct cs_peer peer;
    const void *bytes;
    size_t n;
    int got = 0;
    ok(f, cs_socket_bind(router, endpoint, &f->err));
    connected(f, dealer, endpoint);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_true(send_within(dealer, text, SOON_MS));
    }
    for (int rounds = 0; got < MANY && rounds < 1000; rounds++) {
        while (cs_socket_recv(router, &peer, &bytes, &n, NULL) == CS_OK) {
            snprintf(text, sizeof text, "%d", got++);
            assert_int_equal(n, strlen(text));
            assert_memory_equal(bytes, text, n);
        }
        struct pollfd p = {.fd = cs_socket_fd(router), .events = POLLIN};
        if (got < MANY)
            assert_true(poll(&p, 1, SOON_MS) == 1);
    }
    assert_int_equal(got, MANY);
    assert_false(cs_socket_wait(router, 0));
    shut(f, dealer);
    shut(f, router);
    free(endpoint);
}

/* ---- CURVE ----------------------------------------------------------------------------------------- */

static void test_half_a_curve(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair k = pair(f), broken = k;
    struct cs_socket *s;
    broken.secret_key[3] = '~';
    const struct cs_socket_opts bad[] = {
        {.type = CS_SOCKET_DEALER, .own = &k},
        {.type = CS_SOCKET_DEALER, .server_key = k.public_key},
        {.type = CS_SOCKET_ROUTER, .server = true},
        {.type = CS_SOCKET_ROUTER, .server = true, .own = &k, .server_key = k.public_key},
        {.type = CS_SOCKET_DEALER, .own = &k, .server_key = "short"},
        {.type = CS_SOCKET_DEALER, .own = &broken, .server_key = k.public_key},
    };
    for (size_t i = 0; i < LEN(bad); i++) {
        assert_int_equal(cs_socket_open(f->net, &bad[i], &s, &f->err), CS_EINVAL);
        assert_null(s);
    }
}

static void test_no_server_without_list(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair k = pair(f);
    struct cs_socket *s = open_server(f, CS_SOCKET_ROUTER, &k);
    assert_int_equal(cs_socket_bind(s, "tcp://127.0.0.1:*", &f->err), CS_EDENIED);
    assert_int_equal(start_allowing(f), CS_ENOENT); /* no file */
    assert_int_equal(cs_socket_bind(s, "tcp://127.0.0.1:*", &f->err), CS_EDENIED);
    allow(f, "# nobody yet\n");
    ok(f, start_allowing(f));
    assert_int_equal(start_allowing(f), CS_EEXIST);
    ok(f, cs_socket_bind(s, "tcp://*:*", &f->err)); /* with CURVE and a list: any address */
    shut(f, s);
}

static void test_allow_list(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair server = pair(f), listed = pair(f), stranger = pair(f), other = pair(f);
    char text[200], user[41];
    struct cs_peer peer;
    snprintf(text, sizeof text, "# workers\n\n  %s  w1\n%s\n", listed.public_key, other.public_key);
    allow(f, text);
    ok(f, start_allowing(f));
    struct cs_socket *router = open_server(f, CS_SOCKET_ROUTER, &server);
    ok(f, cs_socket_bind(router, "tcp://127.0.0.1:*", &f->err));
    const char *endpoint = cs_socket_endpoint(router);

    struct cs_socket *good = connected(f, open_client(f, CS_SOCKET_DEALER, &listed, server.public_key), endpoint);
    round_trip(router, good, listed.public_key);

    struct cs_socket *bad[] = {
        open_client(f, CS_SOCKET_DEALER, &stranger, server.public_key), /* not listed */
        open_client(f, CS_SOCKET_DEALER, &listed, other.public_key),    /* takes another for the server */
        open_plain(f, CS_SOCKET_DEALER),                                /* no CURVE at all */
    };
    for (size_t i = 0; i < LEN(bad); i++) {
        connected(f, bad[i], endpoint);
        (void)send_within(bad[i], "let me in", NEVER_MS);
        assert_string_equal(recv_within(router, &peer, user, NEVER_MS), "(nothing)");
        shut(f, bad[i]);
    }
    round_trip(router, good, listed.public_key);
    shut(f, good);
    shut(f, router);
}

static void test_reload(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair server = pair(f), first = pair(f), second = pair(f);
    char text[200];
    ok(f, cs_socket_net_reload(f->net, &f->err)); /* nothing to reload */
    allow(f, first.public_key);
    ok(f, start_allowing(f));
    struct cs_socket *router = open_server(f, CS_SOCKET_ROUTER, &server);
    ok(f, cs_socket_bind(router, "tcp://127.0.0.1:*", &f->err));
    const char *endpoint = cs_socket_endpoint(router);
    struct cs_socket *one = connected(f, open_client(f, CS_SOCKET_DEALER, &first, server.public_key), endpoint);
    round_trip(router, one, first.public_key);

    /* a faulty file changes nothing, and says where */
    snprintf(text, sizeof text, "%s\nnot a key\n", second.public_key);
    allow(f, text);
    assert_int_equal(cs_socket_net_reload(f->net, &f->err), CS_EINVAL);
    assert_non_null(strstr(f->err.msg, "allowed:2:"));
    round_trip(router, one, first.public_key);

    /* the second replaces the first: it is let in, and the first is no longer heard on its old connection */
    allow(f, second.public_key);
    ok(f, cs_socket_net_reload(f->net, &f->err));
    struct cs_socket *two = connected(f, open_client(f, CS_SOCKET_DEALER, &second, server.public_key), endpoint);
    round_trip(router, two, second.public_key);
    assert_true(send_within(one, "still here", SOON_MS));
    skips(router, 1);
    shut(f, one);
    shut(f, two);
    shut(f, router);
}

/* The refusal is logged with the head of the key, once and not at every attempt. */
static void test_denied_is_logged(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair server = pair(f), stranger = pair(f);
    char *log = cs_xasprintf("%s/log", f->dir), *text = NULL, want[64];
    allow(f, "");
    ok(f, start_allowing(f));
    struct cs_socket *router = open_server(f, CS_SOCKET_ROUTER, &server);
    ok(f, cs_socket_bind(router, "tcp://127.0.0.1:*", &f->err));
    fflush(stderr);
    int real = dup(STDERR_FILENO), fd = open(log, O_CREAT | O_RDWR | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    snprintf(want, sizeof want, "ev=zap_denied key=%.8s address=127.0.0.1", stranger.public_key);
    const char *at = NULL;
    for (int i = 0; i < 3 || (at == NULL && i < SOON_MS / NEVER_MS); i++) { /* a hand-shake may take its time */
        struct cs_socket *s = connected(f, open_client(f, CS_SOCKET_DEALER, &stranger, server.public_key),
                                        cs_socket_endpoint(router));
        (void)send_within(s, "x", NEVER_MS);
        shut(f, s);
        free(text);
        ok(f, cs_file_read(log, 65536, &text, NULL, &f->err));
        at = strstr(text, want);
    }
    dup2(real, STDERR_FILENO);
    close(real);
    close(fd);
    if (at == NULL)
        fail_msg("'%s' is not in the log: %s", want, text);
    assert_null(strstr(at + strlen(want), "zap_denied"));
    assert_null(strstr(text, stranger.public_key));
    free(text);
    free(log);
    shut(f, router);
}

static void test_pub_sub(void **state)
{
    struct fixture *f = *state;
    struct cs_keypair server = pair(f), client = pair(f);
    bool heard = false;
    allow(f, client.public_key);
    ok(f, start_allowing(f));
    struct cs_socket *pub = open_server(f, CS_SOCKET_PUB, &server);
    ok(f, cs_socket_bind(pub, "tcp://127.0.0.1:*", &f->err));
    struct cs_socket *sub = open_client(f, CS_SOCKET_SUB, &client, server.public_key);
    connected(f, sub, cs_socket_endpoint(pub));
    for (int i = 0; i < SOON_MS / 20 && !heard; i++) { /* lossy until the subscription has arrived */
        assert_int_equal(cs_socket_send(pub, NULL, "pause", 5), CS_OK);
        heard = strcmp(recv_within(sub, NULL, NULL, 20), "pause") == 0;
    }
    assert_true(heard);
    shut(f, sub);
    shut(f, pub);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_ipc),           CASE(test_tcp_loopback),    CASE(test_plain_tcp_elsewhere_is_refused),
        CASE(test_bad_endpoints), CASE(test_ipc_path_length), CASE(test_ipc_stale_and_live_files),
        CASE(test_unknown_peer),  CASE(test_nobody_there),    CASE(test_malformed_frames_are_skipped),
        CASE(test_descriptor),    CASE(test_half_a_curve),    CASE(test_no_server_without_list),
        CASE(test_allow_list),    CASE(test_reload),          CASE(test_denied_is_logged),
        CASE(test_pub_sub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
