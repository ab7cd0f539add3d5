#include "protocol/wire/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/zap.h"

struct cs_net {
    void *context;
    struct cs_zap *zap;
    atomic_uint sockets;
    atomic_uint monitors; /* ever made: an address is free only some time after its socket was closed */
};

struct cs_socket {
    struct cs_net *net;
    void *zmq;
    enum cs_socket_type type;
    bool curve, server;
    char endpoint[256];
    void *monitor; /* DEALER: of connections and handshakes */
    struct cs_reach reach;
    zmq_msg_t message; /* the last one received */
    uint64_t skipped;
};

/* ---- the context -------------------------------------------------------------------------------- */

enum cs_err cs_socket_net_open(struct cs_net **out, struct cs_error *err)
{
    *out = NULL;
    void *context = zmq_ctx_new();
    if (context == NULL)
        return cs_error_set(err, CS_EIO, "cannot start ZeroMQ: %s", zmq_strerror(errno));
    struct cs_net *n = cs_xcalloc(1, sizeof *n);
    n->context = context;
    *out = n;
    return CS_OK;
}

void cs_socket_net_close(struct cs_net *n)
{
    if (n == NULL)
        return;
    CS_ASSERT(n->sockets == 0); /* zmq_ctx_term would wait for them for ever */
    zmq_ctx_shutdown(n->context);
    cs_zap_close(n->zap);
    while (zmq_ctx_term(n->context) != 0)
        CS_ASSERT(errno == EINTR);
    free(n);
}

enum cs_err cs_socket_net_allow(struct cs_net *n, const char *allowed_file, struct cs_error *err)
{
    if (n->zap != NULL)
        return cs_error_set(err, CS_EEXIST, "there is an allow-list already");
    return cs_zap_open(n->context, allowed_file, &n->zap, err);
}

enum cs_err cs_socket_net_reload(struct cs_net *n, struct cs_error *err)
{
    return n->zap != NULL ? cs_zap_reload(n->zap, err) : CS_OK;
}

bool cs_socket_net_key(struct cs_net *n, const char *user_id, struct cs_allowed_key *out)
{
    return n->zap != NULL && cs_zap_find(n->zap, user_id, out);
}

/* ---- making a socket ------------------------------------------------------------------------------ */

enum { ROUTER_BIT = 1 << CS_SOCKET_ROUTER, DEALER_BIT = 1 << CS_SOCKET_DEALER, ALL_BITS = 15 };

/* The measurements behind each: facts of the queue, libzmq 4.3.4. */
static const struct option {
    int types, name, value;
} options[] = {
    {ALL_BITS, ZMQ_LINGER, 0},        /* acknowledgements make waiting needless; -1 hangs for ever */
    {ALL_BITS, ZMQ_HEARTBEAT_IVL, 0}, /* libzmq#3937: kills healthy links under load, and asserts */
    {ALL_BITS, ZMQ_HANDSHAKE_IVL, 5000},
    {ALL_BITS, ZMQ_BACKLOG, 1024},
    {ALL_BITS, ZMQ_SNDHWM, 1000}, /* never reached: credit is tighter */
    {ALL_BITS, ZMQ_RCVHWM, 10000},
    {ALL_BITS, ZMQ_RECONNECT_IVL, 200},
    {ALL_BITS, ZMQ_RECONNECT_IVL_MAX, 10000},
    {ALL_BITS, ZMQ_TCP_KEEPALIVE, 1},
    {ALL_BITS, ZMQ_TCP_KEEPALIVE_IDLE, 15},
    {ALL_BITS, ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ALL_BITS, ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ALL_BITS, ZMQ_TCP_MAXRT, 20000},
    {ROUTER_BIT, ZMQ_ROUTER_MANDATORY, 1}, /* else what cannot be sent vanishes */
    {DEALER_BIT, ZMQ_IMMEDIATE, 1},        /* else 100 stale messages arrive after a restart */
};

static bool set_int(void *zmq, int name, int value)
{
    return zmq_setsockopt(zmq, name, &value, sizeof value) == 0;
}

static bool set_options(void *zmq, const struct cs_socket_opts *o)
{
    const enum cs_socket_type type = o->type;
    const int64_t message_max = o->message_max != 0 ? (int64_t)o->message_max : CS_MESSAGE_MAX;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if ((options[i].types & 1 << type) != 0 && !set_int(zmq, options[i].name, options[i].value))
            return false;
    }
    if (o->queue_max != 0 && !set_int(zmq, ZMQ_RCVHWM, o->queue_max))
        return false;
    if (type == CS_SOCKET_SUB && zmq_setsockopt(zmq, ZMQ_SUBSCRIBE, "", 0) != 0)
        return false;
    return zmq_setsockopt(zmq, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0;
}

static bool set_key(void *zmq, int name, const char *key)
{
    return zmq_setsockopt(zmq, name, key, 41) == 0;
}

static enum cs_err set_curve(struct cs_socket *s, const struct cs_socket_opts *o, struct cs_error *err)
{
    static const char domain[] = "clinsafe";
    bool ok = set_key(s->zmq, ZMQ_CURVE_PUBLICKEY, o->own->public_key) &&
              set_key(s->zmq, ZMQ_CURVE_SECRETKEY, o->own->secret_key);
    if (ok && o->server)
        ok = set_int(s->zmq, ZMQ_CURVE_SERVER, 1) &&
             zmq_setsockopt(s->zmq, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) == 0;
    else if (ok)
        ok = set_key(s->zmq, ZMQ_CURVE_SERVERKEY, o->server_key);
    if (!ok)
        return cs_error_set(err, CS_EINVAL, "cannot use the CURVE keys: %s", zmq_strerror(errno));
    s->curve = true;
    s->server = o->server;
    return CS_OK;
}

/* CURVE is whole or absent: a half-configured socket must not fall back to plain text. */
static enum cs_err check_keys(const struct cs_socket_opts *o, struct cs_error *err)
{
    if (o->own == NULL && !o->server && o->server_key == NULL)
        return CS_OK;
    if (!zmq_has("curve"))
        return cs_error_set(err, CS_EINTERNAL, "this libzmq was built without CURVE");
    if (o->own == NULL)
        return cs_error_set(err, CS_EINVAL, "CURVE needs a key pair of one's own");
    if (o->server == (o->server_key != NULL))
        return cs_error_set(err, CS_EINVAL, "CURVE needs either to be the server or to know the server's key");
    if (!cs_curve_is_key(o->own->public_key) || !cs_curve_is_key(o->own->secret_key) ||
        (o->server_key != NULL && !cs_curve_is_key(o->server_key)))
        return cs_error_set(err, CS_EINVAL, "a CURVE key is 40 characters of Z85");
    return CS_OK;
}

/* A peer that is not there, or refuses us, is silent on the socket itself: libzmq tries again for ever. */
static enum cs_err watch_peer(struct cs_socket *s, struct cs_error *err)
{
    char address[64];
    snprintf(address, sizeof address, "inproc://handshakes-%u", atomic_fetch_add(&s->net->monitors, 1));
    s->monitor = zmq_socket(s->net->context, ZMQ_PAIR);
    if (s->monitor == NULL || !set_int(s->monitor, ZMQ_LINGER, 0) ||
        zmq_socket_monitor(s->zmq, address, ZMQ_EVENT_ALL) != 0 || zmq_connect(s->monitor, address) != 0)
        return cs_error_set(err, CS_EIO, "cannot watch a ZeroMQ socket: %s", zmq_strerror(errno));
    return CS_OK;
}

enum cs_err cs_socket_open(struct cs_net *n, const struct cs_socket_opts *o, struct cs_socket **out,
                           struct cs_error *err)
{
    static const int types[] = {
        [CS_SOCKET_ROUTER] = ZMQ_ROUTER,
        [CS_SOCKET_DEALER] = ZMQ_DEALER,
        [CS_SOCKET_PUB] = ZMQ_PUB,
        [CS_SOCKET_SUB] = ZMQ_SUB,
    };
    struct cs_socket *s = NULL;
    enum cs_err rc = check_keys(o, err);
    if (rc != CS_OK)
        goto out;
    s = cs_xcalloc(1, sizeof *s);
    s->net = n;
    s->type = o->type;
    zmq_msg_init(&s->message);
    n->sockets++;
    s->zmq = zmq_socket(n->context, types[o->type]);
    if (s->zmq == NULL || !set_options(s->zmq, o)) {
        rc = cs_error_set(err, CS_EIO, "cannot make a ZeroMQ socket: %s", zmq_strerror(errno));
        goto out;
    }
    if (o->own != NULL)
        rc = set_curve(s, o, err);
    if (rc == CS_OK && o->type == CS_SOCKET_DEALER)
        rc = watch_peer(s, err);
out:
    if (rc != CS_OK) {
        cs_socket_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void cs_socket_close(struct cs_socket *s)
{
    if (s == NULL)
        return;
    zmq_msg_close(&s->message);
    if (s->monitor != NULL) {
        zmq_socket_monitor(s->zmq, NULL, 0);
        zmq_close(s->monitor);
    }
    if (s->zmq != NULL)
        zmq_close(s->zmq);
    s->net->sockets--;
    free(s);
}

void cs_socket_close_after(struct cs_socket *s, int linger_ms)
{
    set_int(s->zmq, ZMQ_LINGER, linger_ms);
    cs_socket_close(s);
}

/* ---- endpoints ------------------------------------------------------------------------------------ */

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    return (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) || strcmp(host, "[::1]") == 0;
}

/* 1 to 65535, or "*". libzmq takes larger ones, modulo 65536. */
static bool is_port(const char *port)
{
    size_t digits = strspn(port, "0123456789");
    unsigned long number = strtoul(port, NULL, 10);
    return strcmp(port, "*") == 0 ||
           (digits > 0 && digits <= 5 && port[digits] == '\0' && number >= 1 && number <= 65535);
}

/* Writes the endpoint to use. Only addresses count as loopback, never names: localhost is made one (libzmq could
 * not bind it), and what another name means may change under us. */
static enum cs_err check_tcp(struct cs_socket *s, const char *address, char endpoint[256], struct cs_error *err)
{
    char host[200];
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    if (n == 0 || n >= sizeof host || !is_port(colon + 1))
        return cs_error_set(err, CS_EINVAL, "tcp://%s: want tcp://HOST:PORT", address);
    snprintf(host, sizeof host, "%.*s", (int)n, address);
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    if (!s->curve && !is_loopback(host))
        return cs_error_set(err, CS_EDENIED,
                            "tcp://%s: TCP beyond this machine needs CURVE keys (clinsafe keygen); "
                            "without them only 127.0.0.1, [::1], localhost and ipc:// are allowed",
                            address);
    if (host[0] == '[' && !set_int(s->zmq, ZMQ_IPV6, 1))
        return cs_error_set(err, CS_EINVAL, "tcp://%s: %s", address, zmq_strerror(errno));
    snprintf(endpoint, 256, "tcp://%s:%.5s", host, colon + 1);
    return CS_OK;
}

static enum cs_err check_ipc(const char *path, struct cs_error *err)
{
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (path[0] == '\0' || path[0] == '@' || path[0] == '*')
        return cs_error_set(err, CS_EINVAL, "ipc://%s: want the path of a file", path);
    if (strlen(path) > room)
        return cs_error_set(err, CS_ETOOBIG,
                            "ipc://%s: the path has %zu bytes, a socket's at most %zu; use a shorter one", path,
                            strlen(path), room);
    return CS_OK;
}

static enum cs_err check_endpoint(struct cs_socket *s, const char *given, char endpoint[256], struct cs_error *err)
{
    if (strncmp(given, "tcp://", 6) == 0)
        return check_tcp(s, given + 6, endpoint, err);
    if (strncmp(given, "ipc://", 6) != 0)
        return cs_error_set(err, CS_EINVAL, "%s: want tcp://HOST:PORT or ipc://PATH", given);
    enum cs_err rc = check_ipc(given + 6, err);
    if (rc == CS_OK)
        snprintf(endpoint, 256, "%s", given);
    return rc;
}

/* libzmq removes whatever stands at the path: a living server's socket, a file of another kind. */
static enum cs_err check_free(const char *path, struct cs_error *err)
{
    struct stat st;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (lstat(path, &st) != 0)
        return CS_OK; /* absent, or bind says what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return cs_error_set(err, CS_EEXIST, "ipc://%s: there is a file that is not a socket", path);
    CS_ASSERT(strlen(path) < sizeof to.sun_path); /* check_ipc */
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* EAGAIN: somebody listens whose backlog is full */
    bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return alive ? cs_error_set(err, CS_EBUSY, "ipc://%s: in use by another process", path) : CS_OK;
}

static enum cs_err endpoint_error(const char *endpoint, struct cs_error *err)
{
    enum cs_err rc = CS_EINVAL;
    if (errno == EADDRINUSE)
        rc = CS_EBUSY;
    else if (errno == EACCES || errno == EPERM)
        rc = CS_EDENIED;
    else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        rc = CS_EIO;
    return cs_error_set(err, rc, "%s: %s", endpoint, zmq_strerror(errno));
}

enum cs_err cs_socket_bind(struct cs_socket *s, const char *given, struct cs_error *err)
{
    char endpoint[256];
    enum cs_err rc = check_endpoint(s, given, endpoint, err);
    if (rc == CS_OK && strncmp(endpoint, "ipc://", 6) == 0)
        rc = check_free(endpoint + 6, err);
    if (rc != CS_OK)
        return rc;
    if (s->curve && !s->server)
        return cs_error_set(err, CS_EDENIED, "%s: a CURVE client's socket cannot be bound", endpoint);
    if (s->server && s->net->zap == NULL)
        return cs_error_set(err, CS_EDENIED, "%s: a CURVE server without an allow-list would admit every key",
                            endpoint);
    size_t n = sizeof s->endpoint;
    if (zmq_bind(s->zmq, endpoint) != 0 || zmq_getsockopt(s->zmq, ZMQ_LAST_ENDPOINT, s->endpoint, &n) != 0)
        return endpoint_error(endpoint, err);
    return CS_OK;
}

enum cs_err cs_socket_connect(struct cs_socket *s, const char *given, struct cs_error *err)
{
    char endpoint[256];
    enum cs_err rc = check_endpoint(s, given, endpoint, err);
    if (rc != CS_OK)
        return rc;
    if (s->server)
        return cs_error_set(err, CS_EDENIED, "%s: a CURVE server's socket cannot connect", endpoint);
    if (zmq_connect(s->zmq, endpoint) != 0)
        return endpoint_error(endpoint, err);
    snprintf(s->endpoint, sizeof s->endpoint, "%s", endpoint);
    return CS_OK;
}

const char *cs_socket_endpoint(struct cs_socket *s)
{
    return s->endpoint;
}

int cs_socket_fd(struct cs_socket *s)
{
    int fd = -1;
    size_t n = sizeof fd;
    CS_ASSERT(zmq_getsockopt(s->zmq, ZMQ_FD, &fd, &n) == 0);
    return fd;
}

/* ---- traffic -------------------------------------------------------------------------------------- */

static enum cs_err send_frame(struct cs_socket *s, const void *bytes, size_t n, int flags)
{
    while (zmq_send(s->zmq, bytes, n, flags | ZMQ_DONTWAIT) < 0) {
        if (errno == EHOSTUNREACH)
            return CS_ENOENT;
        if (errno == EAGAIN)
            return CS_EAGAIN;
        if (errno != EINTR)
            return CS_EIO;
    }
    return CS_OK;
}

enum cs_err cs_socket_send(struct cs_socket *s, const struct cs_peer *peer, const void *bytes, size_t n)
{
    CS_ASSERT((s->type == CS_SOCKET_ROUTER) == (peer != NULL));
    CS_ASSERT(n <= CS_MESSAGE_MAX);
    if (peer != NULL) {
        enum cs_err rc = send_frame(s, peer->id, peer->n, ZMQ_SNDMORE);
        if (rc != CS_OK)
            return rc;
        rc = send_frame(s, bytes, n, 0);
        CS_ASSERT(rc != CS_EAGAIN); /* the ROUTER has taken the first frame: it takes, or drops, the second */
        return rc;
    }
    return send_frame(s, bytes, n, 0);
}

static enum cs_err recv_frame(struct cs_socket *s)
{
    while (zmq_msg_recv(&s->message, s->zmq, ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN)
            return CS_EAGAIN;
        if (errno != EINTR)
            return CS_EIO;
    }
    return CS_OK;
}

/* Reads on to the end of the message at hand; false if that was not yet the end. */
static bool at_end(struct cs_socket *s)
{
    bool was_end = true;
    while (zmq_msg_more(&s->message)) {
        was_end = false;
        if (recv_frame(s) != CS_OK) /* cannot be: messages arrive whole */
            break;
    }
    return was_end;
}

/* User-Id is on the message frame: on the routing id's, 4.3.4 loses it. */
static bool identify(struct cs_socket *s, char *user_id)
{
    const char *user = zmq_msg_gets(&s->message, "User-Id");
    if (s->server && (user == NULL || !cs_zap_admits(s->net->zap, user)))
        return false;
    if (user_id != NULL)
        snprintf(user_id, 41, "%s", user != NULL ? user : "");
    return true;
}

enum cs_err cs_socket_recv(struct cs_socket *s, struct cs_peer *peer, const void **bytes, size_t *n, char *user_id)
{
    for (;; s->skipped++) {
        enum cs_err rc = recv_frame(s);
        if (rc != CS_OK)
            return rc;
        if (s->type == CS_SOCKET_ROUTER) {
            size_t id_n = zmq_msg_size(&s->message);
            if (id_n > CS_PEER_MAX || !zmq_msg_more(&s->message)) {
                (void)at_end(s);
                continue;
            }
            peer->n = (uint8_t)id_n;
            memcpy(peer->id, zmq_msg_data(&s->message), id_n);
            if ((rc = recv_frame(s)) != CS_OK)
                return rc;
        }
        if (at_end(s) && identify(s, user_id)) {
            *bytes = zmq_msg_data(&s->message);
            *n = zmq_msg_size(&s->message);
            return CS_OK;
        }
    }
}

uint64_t cs_socket_skipped(const struct cs_socket *s)
{
    return s->skipped;
}

/* Of a handshake that failed libzmq tells errno: the peer's end of the connection is EPIPE or ECONNRESET; when its timer ends it, what was left
 * there by the last read, EAGAIN. */
static void note_event(struct cs_reach *r, uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        cs_reach_note(r, CS_REACH_CONNECTED);
        break;
    case ZMQ_EVENT_CLOSED: /* the attempt to connect */
        cs_reach_note(r, CS_REACH_FAILED);
        break;
    case ZMQ_EVENT_CONNECT_RETRIED: /* says so after every failure; of a name that means nothing, only this */
        if (r->state == CS_REACH_IS_UNKNOWN)
            cs_reach_note(r, CS_REACH_FAILED);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        cs_reach_note(r, CS_REACH_LOST);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        cs_reach_note(r, value == EPIPE || value == ECONNRESET ? CS_REACH_ENDED : CS_REACH_UNANSWERED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: /* keys on one side alone, or another protocol */
        cs_reach_note(r, CS_REACH_ENDED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        cs_reach_note(r, CS_REACH_DENIED);
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        cs_reach_note(r, CS_REACH_READY);
        break;
    default:
        break;
    }
}

/* An event is two frames: its number with a value, and an address. */
const struct cs_reach *cs_socket_reach(struct cs_socket *s)
{
    char frame[256];
    int n, more = 0;
    size_t size = sizeof more;
    while (s->monitor != NULL && (n = zmq_recv(s->monitor, frame, sizeof frame, ZMQ_DONTWAIT)) >= 0) {
        uint16_t event = 0;
        uint32_t value = 0;
        if (n >= (int)(sizeof event + sizeof value) && zmq_getsockopt(s->monitor, ZMQ_RCVMORE, &more, &size) == 0 &&
            more) {
            memcpy(&event, frame, sizeof event);
            memcpy(&value, frame + sizeof event, sizeof value);
            note_event(&s->reach, event, value);
        }
    }
    return &s->reach;
}

enum cs_err cs_socket_reach_say(struct cs_socket *s, struct cs_error *err)
{
    return cs_reach_say(cs_socket_reach(s), s->endpoint, s->curve, err);
}

bool cs_socket_wait(struct cs_socket *s, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = s->zmq, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}
