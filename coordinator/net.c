/* net.c - the loop: every message that is there is read before a deadline is looked at, and before it sleeps.
 *
 * ZMQ_FD is edge-triggered and a send can swallow its edge: the descriptors only wake the loop, and the prepare callback reads all
 * doors until a whole round finds nothing. A bound on that keeps commits and timers going; then the idle handle forbids sleep.
 */

#include "coordinator/net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/admin.h"
#include "coordinator/again.h"
#include "coordinator/build.h"
#include "coordinator/checkpoint.h"
#include "coordinator/core/core.h"
#include "coordinator/days.h"
#include "coordinator/delete.h"
#include "coordinator/feed.h"
#include "coordinator/persist.h"
#include "coordinator/present.h"
#include "coordinator/publish.h"
#include "coordinator/pick.h"
#include "coordinator/rights.h"
#include "coordinator/roster.h"
#include "coordinator/signals.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/keys.h"

enum {
    WORK_MESSAGE_MAX = 4 * 1024 * 1024 + 512 * 1024, /* a whole window of outputs */
    ADMIN_MESSAGE_MAX = 2 * 1024 * 1024,             /* a spec, or a chunk of cases */
    WORK_QUEUE_MAX = 16,
    ADMIN_QUEUE_MAX = 8,
};
enum { ROUND_MAX = 256, ROUND_MS = 30 }; /* messages and time between two looks at commits and timers */
enum { LAST_REPLY_MS = 5000 };           /* whoever asked for the end hears of it, also from a busy machine */
/* libzmq drops what a DEALER that sends only where it is connected (ZMQ_IMMEDIATE) has received and not yet read as soon as the other side hangs
 * up: a reply is given time to be read. */
enum { LAST_READ_MS = 250 };

/* ---- doors ------------------------------------------------------------------------------------------- */

static enum cs_err open_door(struct cs_server *sv, enum cs_door_kind kind, const char *endpoint, struct cs_error *err)
{
    struct cs_door *d = &sv->doors[sv->n_doors];
    bool curve = sv->opts.key != NULL && strncmp(endpoint, "tcp://", 6) == 0;
    struct cs_socket_opts o = {.type = kind == CS_DOOR_PUB ? CS_SOCKET_PUB : CS_SOCKET_ROUTER,
                               .own = curve ? &sv->key : NULL,
                               .server = curve};
    /* Whoever comes from afar may fill that much of our memory, and no more, with what we have not read yet. */
    if (curve) {
        o.message_max = kind == CS_DOOR_WORK ? WORK_MESSAGE_MAX : ADMIN_MESSAGE_MAX;
        o.queue_max = kind == CS_DOOR_WORK ? WORK_QUEUE_MAX : ADMIN_QUEUE_MAX;
    }
    enum cs_err rc = cs_socket_open(sv->net, &o, &d->socket, err);

    if (rc != CS_OK)
        return rc;
    d->kind = kind;
    sv->n_doors++;
    return cs_socket_bind(d->socket, endpoint, err);
}

enum cs_err cs_coordinator_net_open(struct cs_server *sv, struct cs_error *err)
{
    enum cs_err rc = cs_socket_net_open(&sv->net, err);

    if (rc == CS_OK && sv->opts.key != NULL)
        rc = cs_keys_pair_load(sv->opts.key, &sv->key, err);
    if (rc == CS_OK && sv->opts.key != NULL)
        rc = cs_socket_net_allow(sv->net, sv->opts.allow, err);
    for (unsigned i = 0; rc == CS_OK && i < sv->opts.bind.n; i++)
        rc = open_door(sv, CS_DOOR_WORK, sv->opts.bind.v[i], err);
    if (rc == CS_OK)
        rc = open_door(sv, CS_DOOR_ADMIN, sv->opts.admin, err);
    if (rc == CS_OK && sv->opts.pub != NULL)
        rc = open_door(sv, CS_DOOR_PUB, sv->opts.pub, err);
    return rc;
}

void cs_coordinator_net_close(struct cs_server *sv)
{
    for (unsigned i = 0; i < sv->n_doors; i++) {
        if (sv->doors[i].kind != CS_DOOR_ADMIN)
            cs_socket_close(sv->doors[i].socket);
    }
    for (uint64_t now; sv->answered_ms != 0 && (now = cs_clock_mono_ms()) < sv->answered_ms + LAST_READ_MS;)
        usleep((useconds_t)(sv->answered_ms + LAST_READ_MS - now) * 1000);
    for (unsigned i = 0; i < sv->n_doors; i++) {
        if (sv->doors[i].kind == CS_DOOR_ADMIN)
            cs_socket_close_after(sv->doors[i].socket, LAST_REPLY_MS);
    }
    cs_socket_net_close(sv->net);
    explicit_bzero(&sv->key, sizeof sv->key);
    cs_buf_release(&sv->out);
    cs_arena_release(&sv->arena);
}

/* ---- actions ------------------------------------------------------------------------------------------- */

/* ---- messages -------------------------------------------------------------------------------------------- */

static void malformed(struct cs_server *sv, const struct cs_door *door, const struct cs_peer *peer, bool other_version)
{
    struct cs_event e = {.kind = CS_EV_MALFORMED, .malformed = {peer, other_version}};

    if (door->kind == CS_DOOR_WORK)
        cs_feed_event(sv, &e);
}

/* Only a worker's key gets a session. */
static void hello(struct cs_server *sv, const struct cs_peer *peer, const char *user_id, const struct cs_message *m)
{
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {peer, user_id, m, 0}};
    struct cs_message no = {.version = CS_WIRE_VERSION, .kind = CS_REJECT, .reject = {.code = "auth"}};

    if (cs_rights_work(sv, user_id, &e.message.sessions, &no.reject.text))
        cs_feed_event(sv, &e);
    else
        cs_feed_send(sv, CS_DOOR_WORK, peer, &no);
}

/* A message of more bytes than the leases that there are could fill, and that carries no outputs and lists none that we may have
 * forgotten: not worth the time to unpack. Ours begin with a version of three bytes. */
static bool is_bloated(const struct cs_server *sv, const struct cs_door *door, const uint8_t *bytes, size_t n)
{
    const bool ours = n > 4 && bytes[0] == 0x96 && bytes[1] == 0xcd;
    return door->kind == CS_DOOR_WORK && n > cs_core_ping_max(sv->core) &&
           !(ours && (bytes[4] == CS_OUTPUTS || bytes[4] == CS_HELLO));
}

/* One message, if there is one. */
static bool receive(struct cs_server *sv, unsigned i)
{
    struct cs_door *door = &sv->doors[i];
    struct cs_peer outside = {0}, peer = {0};
    struct cs_message m;
    const void *bytes;
    size_t n;
    char user_id[41] = "";
    enum cs_err rc;

    if (door->kind == CS_DOOR_PUB || cs_socket_recv(door->socket, &outside, &bytes, &n, user_id) != CS_OK)
        return false;
    if (outside.n + 1 > CS_PEER_MAX)
        return true;
    peer.n = (uint8_t)(outside.n + 1);
    peer.id[0] = (uint8_t)i;
    memcpy(peer.id + 1, outside.id, outside.n);
    cs_arena_reset(&sv->arena);
    rc = is_bloated(sv, door, bytes, n) ? CS_EPROTO : cs_message_unpack(bytes, n, &sv->arena, &m, NULL);
    if (rc != CS_OK) {
        malformed(sv, door, &peer, rc == CS_ESTALE);
    } else if (door->kind == CS_DOOR_ADMIN) {
        cs_admin_message(sv, &peer, user_id, &m);
    } else if (m.kind == CS_HELLO) {
        hello(sv, &peer, user_id, &m);
    } else {
        struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&peer, user_id, &m, 0}};

        cs_feed_event(sv, &e);
    }
    return true;
}

/* One message of each door after the other: nobody waits behind all that workers are given. False: there may be more. */
static bool read_all(struct cs_server *sv)
{
    const uint64_t end = cs_clock_mono_ms() + ROUND_MS;
    bool found = true;

    for (unsigned n = 0; found && n < ROUND_MAX && !sv->over && cs_clock_mono_ms() <= end; n++) {
        found = false;
        for (unsigned i = 0; i < sv->n_doors && !sv->over; i++)
            found = receive(sv, i) || found;
    }
    return !found;
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static void nothing(uv_idle_t *h)
{
    (void)h;
}

static void before_sleep(uv_prepare_t *h)
{
    struct cs_server *sv = h->data;
    struct cs_event tick = {.kind = CS_EV_TICK};
    struct cs_event stop = {.kind = CS_EV_CONTROL, .control = {.verb = CS_CONTROL_STOP}};
    bool rest, work;

    cs_roster_tell_awaited(sv); /* before anybody is welcomed */
    rest = read_all(sv);
    work = cs_build_turn(sv);
    work = cs_coordinator_again_turn(sv) || work;
    work = cs_pick_turn(sv) || work;
    work = cs_delete_turn(sv) || work;
    work = cs_present_turn(sv, cs_admin_message) || work;
    if (rest && cs_clock_mono_ms() >= sv->ticked_ms + CS_TICK_MS) {
        sv->ticked_ms = cs_clock_mono_ms();
        cs_feed_event(sv, &tick);
    }
    if (rest && sv->stop_asked && !sv->stop_told) {
        sv->stop_told = true;
        cs_feed_event(sv, &stop);
    }
    if (!rest || work || !read_all(sv))
        uv_idle_start(&sv->busy, nothing);
    else
        uv_idle_stop(&sv->busy);
}

static void wake(uv_poll_t *h, int status, int events)
{
    (void)h, (void)status, (void)events;
}

static void committed(uv_poll_t *h, int status, int events)
{
    (void)status, (void)events;
    cs_persist_collect(h->data);
}

static void woken(uv_timer_t *h)
{
    (void)h;
}

static void publish(uv_timer_t *h)
{
    cs_publish_now(h->data);
    cs_checkpoint_tick(h->data);
}

static void on_signal(uv_signal_t *h, int number)
{
    struct cs_server *sv = h->data;
    struct cs_error err = {0};

    if (number == SIGHUP) {
        (void)!cs_rights_reload(sv, &err); /* it has said why not */
        return;
    }
    cs_log(CS_INFO, "signal", "number=%d", number);
    if (sv->stop_asked)
        _exit(cs_error_exit_code(CS_EINTERRUPTED)); /* safe: nothing was acknowledged that is not on disk */
    sv->stop_asked = true;
}

static void close_handle(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (!uv_is_closing(h))
        uv_close(h, NULL);
}

void cs_coordinator_net_signals(struct cs_server *sv, bool on)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    for (unsigned i = 0; i < 3; i++) {
        if (!on) {
            uv_close((uv_handle_t *)&sv->signals[i], NULL);
            continue;
        }
        uv_signal_init(&sv->loop, &sv->signals[i]);
        sv->signals[i].data = sv;
        uv_signal_start(&sv->signals[i], on_signal, numbers[i]);
    }
}

enum cs_err cs_coordinator_net_loop(struct cs_server *sv, struct cs_error *err)
{
    uv_prepare_init(&sv->loop, &sv->prepare);
    uv_idle_init(&sv->loop, &sv->busy);
    uv_timer_init(&sv->loop, &sv->timer);
    uv_timer_init(&sv->loop, &sv->publish_timer);
    sv->prepare.data = sv->publish_timer.data = sv->commit_poll.data = sv;
    uv_prepare_start(&sv->prepare, before_sleep);
    uv_timer_start(&sv->timer, woken, CS_TICK_MS, CS_TICK_MS);
    uv_timer_start(&sv->publish_timer, publish, 0, 1000);
    cs_days_open(sv);
    uv_poll_init(&sv->loop, &sv->commit_poll, cs_commit_fd(sv->commit));
    uv_poll_start(&sv->commit_poll, UV_READABLE, committed);
    for (unsigned i = 0; i < sv->n_doors; i++) {
        if (sv->doors[i].kind == CS_DOOR_PUB)
            continue;
        uv_poll_init(&sv->loop, &sv->doors[i].poll, cs_socket_fd(sv->doors[i].socket));
        uv_poll_start(&sv->doors[i].poll, UV_READABLE, wake);
    }
    if (!sv->over)
        uv_run(&sv->loop, UV_RUN_DEFAULT);
    uv_prepare_stop(&sv->prepare); /* no more messages, commits or ticks */
    uv_idle_stop(&sv->busy);
    uv_timer_stop(&sv->timer);
    uv_poll_stop(&sv->commit_poll);
    for (unsigned i = 0; i < sv->n_doors; i++) {
        if (sv->doors[i].kind != CS_DOOR_PUB)
            uv_poll_stop(&sv->doors[i].poll);
    }
    cs_coordinator_signals_close(sv);
    cs_publish_last(sv);
    cs_publish_close(sv);
    uv_walk(&sv->loop, close_handle, NULL);
    while (uv_run(&sv->loop, UV_RUN_DEFAULT) != 0)
        ;
    if (sv->exit_code != CS_OK)
        return cs_error_set(err, sv->exit_code, "%s", sv->exit_text);
    return CS_OK;
}
