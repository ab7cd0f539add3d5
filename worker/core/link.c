/* The dialogue with the coordinator: HELLO and WELCOME, PING and PONG, silence, refusal.
 *
 * The lease clock `heard` is the time at which the last answered PING left, not the time at which its PONG came:
 * the coordinator counts its silence from what it has read, so only what it has surely read may lengthen a lease
 * here.
 */
#include "worker/core/link.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "worker/calls/alarm.h"
#include "worker/core/do.h"
#include "worker/core/lanes.h"
#include "worker/core/leases.h"
#include "worker/core/state.h"
#include "worker/core/talks.h"
#include "worker/calls/window.h"
#include "worker/core/work.h"

static void set_state(struct cs_worker *w, enum cs_worker_state s)
{
    if (w->state == s)
        return;
    cs_do_log(w, s == CS_WORKER_ISOLATED ? CS_WARN : CS_INFO, "session", "state=%s was=%s silent_ms=%llu",
              cs_do_state_name(s), cs_do_state_name(w->state),
              (unsigned long long)(w->last_term != 0 ? w->now - w->heard : 0));
    w->state = s;
}

/* No session any more; HELLO comes after `pause_ms`. */
static void lose_session(struct cs_worker *w, bool new_socket, uint64_t pause_ms)
{
    set_state(w, CS_WORKER_HELLO_SENT);
    w->session = 0;
    w->new_socket = new_socket;
    cs_alarm_clear(&w->alarms, &w->ping);
    cs_alarm_clear(&w->alarms, &w->flush);
    cs_alarm_clear(&w->alarms, &w->resend);
    cs_alarm_set(&w->alarms, &w->hello, w->now + pause_ms);
}

static uint64_t reconnect_pause(struct cs_worker *w)
{
    uint64_t most = w->silences < 6 ? 200ULL << w->silences : 10000;
    return cs_rng_below(&w->rng, most);
}

void cs_link_tick(struct cs_worker *w)
{
    if (w->last_term == 0)
        return;
    uint64_t silent = w->now - w->heard;
    if (silent >= CS_LEASE_LOST_WORKER_MS && w->unstarted > 0) {
        cs_do_log(w, CS_WARN, "leases_lost", "silent_ms=%llu unstarted=%u", (unsigned long long)silent, w->unstarted);
        cs_leases_give_back(w, NULL, true);
    }
    if (!cs_do_is_live(w) || w->said_bye)
        return;
    if (silent >= CS_RECONNECT_MS)
        lose_session(w, true, reconnect_pause(w));
    else if (silent >= CS_ISOLATED_MS)
        set_state(w, CS_WORKER_ISOLATED);
}

void cs_link_hello(struct cs_worker *w)
{
    if (w->said_bye)
        return;
    if (!w->socket || w->new_socket) {
        cs_do_action(w, CS_DO_CONNECT);
        w->socket = true;
        w->connected_at = w->now;
    }
    set_state(w, CS_WORKER_HELLO_SENT);
    struct cs_message *m = cs_do_send(w, CS_HELLO);
    struct cs_hello *h = &m->hello;
    m->seq = ++w->hellos; /* one that comes late, by an older connection, is to be known as such */
    h->worker = w->name;
    h->version = w->version;
    h->nonce = w->opts.nonce;
    h->last_term = w->last_term;
    h->n_leases = cs_leases_list(w, true, &h->leases);
    h->minor = CS_WIRE_MINOR;
    w->hello_at = w->now;
    w->new_socket = true; /* unless there is an answer before */
    cs_alarm_set(&w->alarms, &w->hello, w->now + CS_RECONNECT_MS + reconnect_pause(w));
    w->silences++;
}

void cs_link_unsent(struct cs_worker *w, enum cs_kind kind)
{
    if (w->said_bye || (kind != CS_HELLO && !cs_do_is_live(w)))
        return;
    if (kind == CS_HELLO && w->silences > 0)
        w->silences--; /* it never left */
    bool long_ago = w->now - w->connected_at >= CS_SOCKET_AGAIN_MS + cs_rng_below(&w->rng, CS_SOCKET_AGAIN_MS / 2);
    lose_session(w, long_ago, CS_HELLO_AGAIN_MS);
}

void cs_link_ping(struct cs_worker *w)
{
    if (!cs_do_is_live(w) || w->said_bye)
        return;
    struct cs_ping *p = &cs_do_send(w, CS_PING)->ping;
    p->now_ms = w->now;
    p->in_flight = w->in_flight;
    p->unstarted = w->unstarted;
    p->unacked = w->window.n;
    p->rss_mb = w->rss_mb;
    p->n_leases = cs_leases_list(w, false, &p->leases);
    p->n_want = cs_lanes_wants(w, &p->want);
    cs_alarm_set(&w->alarms, &w->ping, w->now + CS_PING_MS);
    w->ask_turns = w->untold > 0;
}

static void on_welcome(struct cs_worker *w, const struct cs_message *m)
{
    const struct cs_welcome *b = &m->welcome;
    if (w->state != CS_WORKER_HELLO_SENT || cs_do_is_live(w) || w->said_bye)
        return;
    if (w->fleet != NULL && strcmp(w->fleet, b->fleet) != 0) {
        cs_do_exit(w, CS_EDENIED, "the coordinator belongs to fleet %s, this worker works for %s", b->fleet, w->fleet);
        return;
    }
    if (b->term < w->last_term) {
        cs_do_exit(w, CS_ESTALE, "the coordinator's term %u is older than %u: it runs on an old copy of the store",
                   b->term, w->last_term);
        return;
    }
    if (w->fleet == NULL)
        w->fleet = cs_xstrdup(b->fleet);
    w->last_term = b->term;
    w->session = m->session;
    w->seq = 0;
    w->ack = m->seq;
    w->heard = w->hello_at;
    w->silences = 0;
    cs_alarm_clear(&w->alarms, &w->hello);
    set_state(w, CS_WORKER_READY);
    w->fresh_until = b->fresh != 0 ? w->now + CS_FRESH_MS : 0;
    cs_do_log(w, CS_INFO, "welcome", "term=%u protocol=%d.%u", b->term, CS_WIRE_MAJOR, b->minor);
    cs_window_limit(&w->window, b->window_outputs, b->window_bytes);
    if (w->window.outputs_max > w->window_peak)
        w->window_peak = w->window.outputs_max;
    cs_window_rewind(&w->window, true);
    cs_leases_adopt(w, b);
    cs_lanes_forget_wants(w);
    cs_lanes_announce(w, &b->announce, true);
    cs_lanes_ask_again(w);
    cs_worker_talks_ask_again(w);
    cs_worker_work_flush(w, true);
    cs_alarm_set(&w->alarms, &w->ping, w->now + CS_PING_MS);
}

static void on_reject(struct cs_worker *w, const struct cs_reject *r)
{
    if (r->retry_after_ms > 0) {
        cs_do_log(w, CS_WARN, "rejected", "code=%s retry_after_ms=%u text=\"%s\"", r->code, r->retry_after_ms, r->text);
        lose_session(w, false, r->retry_after_ms);
        return;
    }
    enum cs_err code = strcmp(r->code, "auth") == 0 ? CS_EDENIED : CS_EPROTO;
    cs_do_exit(w, code, "the coordinator sends this worker away (%s): %s", r->code, r->text);
}

static void on_pong(struct cs_worker *w, const struct cs_pong *p)
{
    if (p->echo_ms > w->heard && p->echo_ms <= w->now)
        w->heard = p->echo_ms;
    for (uint32_t i = 0; i < p->n_lost; i++)
        cs_leases_lost(w, p->lost[i]);
    cs_lanes_announce(w, &p->announce, true);
    if (w->now - w->heard < CS_ISOLATED_MS && w->state == CS_WORKER_ISOLATED) {
        set_state(w, CS_WORKER_READY);
        cs_worker_work_resend(
            w); /* what was sent into the silence may be lost, and its alarm may have passed meanwhile */
        cs_worker_work_flush(w, true);
    }
}

/* Messages of the session that this worker has now. */
static void on_message(struct cs_worker *w, const struct cs_message *m)
{
    if (m->seq > w->ack)
        w->ack = m->seq;
    switch (m->kind) {
    case CS_ASSIGN:
        cs_leases_assign(w, &m->leases);
        break;
    case CS_REVOKE:
        cs_leases_revoke(w, &m->leases);
        break;
    case CS_PONG:
        on_pong(w, &m->pong);
        break;
    case CS_ACK:
        cs_worker_work_acked(w, &m->ack_body);
        break;
    case CS_SPEC:
        cs_lanes_spec(w, &m->spec);
        break;
    case CS_TURNS:
        cs_worker_talks_told(w, &m->turns);
        break;
    case CS_STOP:
        cs_lanes_announce(w, &m->announce, true);
        break;
    case CS_DRAIN:
        cs_link_drain(w, "the coordinator asks for it");
        break;
    case CS_KIND_NONE:
    case CS_HELLO:
    case CS_WELCOME:
    case CS_REJECT:
    case CS_WHO:
    case CS_WANT:
    case CS_RELEASE:
    case CS_REVOKED:
    case CS_PING:
    case CS_OUTPUTS:
    case CS_SPEC_GET:
    case CS_TURNS_GET:
    case CS_BYE:
    case CS_ANNOUNCE:
    case CS_ADMIN:
    case CS_ADMIN_REPLY:
        cs_do_log(w, CS_WARN, "unexpected_message", "kind=%s", cs_message_kind_name(m->kind));
        break;
    }
}

void cs_link_message(struct cs_worker *w, const struct cs_message *m)
{
    if (w->said_bye)
        return;
    if (m->kind == CS_WELCOME) {
        on_welcome(w, m);
    } else if (m->kind == CS_REJECT) {
        on_reject(w, &m->reject);
    } else if (m->kind == CS_WHO) {
        if (cs_do_is_live(w)) /* else it answers something older than the HELLO under way */
            lose_session(w, false, 0);
    } else if (m->kind == CS_ANNOUNCE) {
        if (cs_do_is_live(w) && m->announce.term == w->last_term)
            cs_lanes_announce(w, &m->announce, false);
    } else if (cs_do_is_live(w) && m->session == w->session) {
        on_message(w, m);
    }
}

void cs_link_moved(struct cs_worker *w)
{
    if (w->said_bye || w->state == CS_WORKER_READY)
        return;
    w->silences = 0;
    lose_session(w, true, 0);
}

/* A moment before the deadline: what still flies then is cut off, and said so. */
static uint64_t last_moment(const struct cs_worker *w)
{
    const uint64_t deadline = w->opts.deadline_ms, last = w->now + CS_LEAVE_LAST_MS;

    if (deadline == 0)
        return CS_NEVER;
    return deadline > last ? deadline - CS_LEAVE_LAST_MS : w->now;
}

/* As long as the operator allows, and not beyond the deadline. */
static uint64_t drained_by(const struct cs_worker *w)
{
    const uint64_t last = last_moment(w), allowed = w->now + w->opts.drain_ms;

    return allowed < last ? allowed : last;
}

static void drain_until(struct cs_worker *w, const char *why, uint64_t end)
{
    w->draining = true;
    w->shares_stale = true;
    cs_do_log(w, CS_INFO, "drain", "why=\"%s\" in_flight=%u unstarted=%u unacked=%u", why, w->in_flight, w->unstarted,
              w->window.n);
    cs_leases_give_back(w, NULL, true);
    cs_alarm_set(&w->alarms, &w->drain, end);
}

void cs_link_drain(struct cs_worker *w, const char *why)
{
    if (!w->draining)
        drain_until(w, why, drained_by(w));
    else if (w->drain.place != 0 &&
             drained_by(w) < w->drain.at_ms) /* it left for its deadline, and now the site is in a hurry */
        cs_alarm_set(&w->alarms, &w->drain, drained_by(w));
}

void cs_link_drain_late(struct cs_worker *w, const char *why)
{
    if (!w->draining)
        drain_until(w, why, last_moment(w));
}
