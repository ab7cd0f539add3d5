#include "coordinator/core/dialogue.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/announce.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/core/grant.h"
#include "coordinator/core/acks.h"
#include "coordinator/core/caps.h"
#include "coordinator/core/intake.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/lanes/risk.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/core/session.h"
#include "coordinator/core/talks.h"
#include "coordinator/lanes/skew.h"
#include "coordinator/lanes/trouble.h"
#include "store/holders.h"

enum { CAPACITY_MAX = 1 << 20 };

static bool is_banned(const struct cs_core *core, uint64_t fingerprint)
{
    for (uint32_t i = 0; i < core->banned.n; i++) {
        if (core->banned.items[i] == fingerprint)
            return true;
    }
    return false;
}

/* The held lease lives on under a new epoch as far as its trials are free, and under a budget as far as its money is known: what is
 * not presumed has been settled, and its output is here. What its holder lists and cannot have is revoked. */
static void adopt(struct cs_core *core, struct cs_session *s, const struct cs_lease_ref *held,
                  struct cs_message *welcome)
{
    struct cs_lane *lane = cs_coordinator_lane_find(core, held->gen, held->lane);
    struct cs_bits todo = cs_bits_from_wire(held->todo), busy = cs_bits_from_wire(held->busy), set = {{0}}, listed;
    struct cs_lease *l;
    uint32_t k = welcome->welcome.n_adopted;
    struct cs_worst worst = {0, 0};

    if (lane != NULL && held->page < lane->n_pages && !cs_skew_lacks(s, lane))
        set = cs_coordinator_lane_free(lane, held->page);
    listed = cs_bits_or(&todo, &busy);
    set = cs_bits_and(&set, &listed);
    if (lane != NULL && cs_budget_is_set(lane->study))
        set = cs_risk_adopt(core, s, held, &set, &worst);
    if (cs_bits_none(&set))
        return;
    l = cs_lease_make(core, s, lane, held->page, &set, &worst);
    l->assign_seq = welcome->seq;
    l->busy = busy;
    l->reported = true;
    todo = cs_bits_without(&todo, &set);
    l->revoking = !cs_bits_none(&todo) || !lane->open || lane->cancelled;
    cs_coordinator_lane_adopted(lane, held->page);
    welcome->welcome.adopted[k].old_epoch = held->epoch;
    welcome->welcome.adopted[k].new_epoch = l->epoch;
    welcome->welcome.n_adopted = k + 1;
}

static void welcome(struct cs_core *core, struct cs_session *s, const struct cs_hello *h)
{
    struct cs_message *m = cs_act_send(core, s, CS_WELCOME);

    m->welcome.session = s->id;
    m->welcome.term = core->term;
    m->welcome.fleet = core->fleet;
    m->welcome.window_bytes = CS_WINDOW_BYTES;
    m->welcome.window_outputs = CS_WINDOW_OUTPUTS;
    m->welcome.minor = CS_WIRE_MINOR;
    m->welcome.fresh = core->fresh && core->intake.received == 0 && h->n_leases == 0;
    m->welcome.adopted = cs_arena_array(&core->arena, h->n_leases + 1, sizeof *m->welcome.adopted);
    cs_risk_hello(core, s, h);
    for (uint32_t i = 0; i < h->n_leases; i++)
        adopt(core, s, &h->leases[i], m);
    cs_announce_make(core, s, &m->welcome.announce);
    cs_lease_revoke(core, s);
}

/* What it had of cancelled lanes, and no longer has. */
static void rejoined(struct cs_core *core)
{
    for (uint32_t i = 0; core->rejoining && i < core->n_slots; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->cancelled)
            cs_coordinator_lane_cancel(core->lanes[i]);
    }
    core->rejoining = false;
}

/* Two processes of one name would throw each other out for ever, and pay twice: the one that is here stays. But one that has died must
 * not keep its successor waiting for its silence: if there is no route to it any more when its successor appears, it is
 * gone. One that was once told that the other is there has been alive beside it: it is not a successor, and waits for the silence
 * even if the other's connection breaks. */
static bool may_succeed(struct cs_core *core, struct cs_session *old, uint64_t nonce, uint32_t *retry_ms)
{
    uint32_t i = 0;

    *retry_ms = CS_NAME_RETRY_MS;
    if (core->now_ms - old->heard_ms >= CS_SUSPECT_MS || (nonce != 0 && old->gone_for == nonce))
        return true;
    while (i < CS_RIVALS && old->rivals[i].nonce != nonce && old->rivals[i].probes > 0)
        i++;
    if (i == CS_RIVALS || old->rivals[i].probes == CS_PROBES)
        return false;
    old->rivals[i].nonce = old->probed_for = nonce;
    old->rivals[i].probes++;
    struct cs_action *a = cs_act_add(core, CS_ACT_PROBE); /* something that a worker may be told at any time */
    a->peer = old->peer;
    a->token = old->id;
    a->message.version = CS_WIRE_MAJOR * 256 + CS_WIRE_MINOR;
    a->message.kind = CS_ANNOUNCE;
    cs_announce_make(core, NULL, &a->message.announce);
    *retry_ms = CS_PROBE_RETRY_MS;
    return false;
}

void cs_dialogue_gone(struct cs_core *core, uint64_t session)
{
    struct cs_session *s = cs_act_session(core, session);

    if (s == NULL)
        return;
    s->gone_for = s->probed_for;
    cs_log(CS_INFO, "worker_gone", "worker=%s silent_ms=%llu", s->worker,
           (unsigned long long)(core->now_ms - s->heard_ms));
}

static void hello(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_hello *h = &e->message.m->hello;
    struct cs_session *old, *s;
    struct cs_apart *apart = NULL;
    bool registered;
    uint32_t retry_ms;

    if (h->worker == NULL || h->worker[0] == '\0' || !cs_session_is_name(h->worker)) {
        cs_session_reject(core, e->message.peer, "auth", 0,
                          "a worker needs a name, of printable characters without blanks and quotes");
        return;
    }
    if (is_banned(core, cs_holders_fingerprint(h->worker, h->nonce))) {
        cs_session_reject(core, e->message.peer, "mismatch", 0, cs_session_mismatch);
        return;
    }
    old = cs_session_by_name(core, h->worker);
    if (old != NULL && strcmp(old->user_id, e->message.user_id) != 0) {
        cs_session_reject(core, e->message.peer, "auth", 0, "a worker of this name is here under another key");
        return;
    }
    if (old != NULL && old->nonce == h->nonce && e->message.m->seq != 0 && e->message.m->seq <= old->hello)
        return; /* by an older connection: what it lists is not so any more */
    if (old != NULL && old->nonce != h->nonce && !may_succeed(core, old, h->nonce, &retry_ms)) {
        cs_log(CS_WARN, "name_in_use", "worker=%s", h->worker);
        cs_session_reject(core, e->message.peer, "name", retry_ms,
                          "a worker of this name is at work; if that is another process, choose another --name");
        return;
    }
    if (old == NULL && HASH_COUNT(core->sessions) >= CS_SESSIONS_MAX) {
        cs_session_reject(core, e->message.peer, "draining", CS_RETRY_AFTER_MS,
                          "as many workers as the coordinator takes");
        return;
    }
    if (old == NULL && e->message.sessions > 0 && cs_session_count(core, e->message.user_id) >= e->message.sessions) {
        cs_session_reject(core, e->message.peer, "draining", CS_RETRY_AFTER_MS,
                          "as many workers as its key may have (sessions= in the allow-list)");
        return;
    }
    registered = old != NULL && old->registered && old->nonce == h->nonce;
    if (old != NULL && old->nonce == h->nonce)
        apart = cs_quarantine_detach(core, old);
    core->rejoining = old != NULL && old->nonce == h->nonce;
    if (old != NULL)
        cs_session_end(core, old, core->rejoining ? CS_ENDED_RECONNECT : CS_ENDED_LOST);
    s = cs_session_make(core, e);
    cs_session_expected_came(core, s->worker);
    s->registered = registered;
    if (!registered)
        cs_session_enrol(core, s);
    cs_log(CS_INFO, "worker_hello", "worker=%s version=%s protocol=%d.%u held=%u", s->worker, s->version, CS_WIRE_MAJOR,
           s->minor, h->n_leases);
    welcome(core, s, h);
    cs_skew_say(core, s);
    rejoined(core);
    cs_quarantine_attach(s, apart);
    if (core->draining)
        cs_session_drain(core, s);
}

static void want(struct cs_core *core, struct cs_session *s, const struct cs_want_lane *w, uint32_t n, uint64_t ack)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cs_lane *lane = cs_coordinator_lane_find(core, w[i].gen, w[i].lane);
        uint32_t capacity = w[i].capacity < CAPACITY_MAX ? w[i].capacity : CAPACITY_MAX;
        bool trouble = capacity == 0 && w[i].trouble != NULL && w[i].trouble[0] != '\0';

        if (lane == NULL || s->refused || s->drain_sent || cs_skew_lacks(s, lane))
            continue;
        if (capacity != s->lanes[lane->slot].capacity)
            cs_deal_dirty(core, lane);
        cs_lease_want(core, s, lane, capacity);
        cs_deal_said(core, s, lane, w[i].jams, ack);
        if (cs_serving_said(core, s, lane, &w[i], ack >= s->lanes[lane->slot].told_seq))
            cs_deal_dirty(core, lane);
        if (!trouble || ack >= s->resume_seq) /* else it was said before `resume` */
            cs_coordinator_trouble_said(core, s, lane, &w[i]);
    }
}

/* RELEASE and REVOKED. A stale epoch changes no lease (the next PONG says that it is lost), but settles what was presumed of it. */
static void give_back(struct cs_core *core, struct cs_session *s, const struct cs_message *m)
{
    for (uint32_t i = 0; i < m->leases.n; i++) {
        const struct cs_lease_ref *ref = &m->leases.leases[i];
        struct cs_lease *l = cs_lease_find(core, ref->epoch);
        struct cs_bits todo = cs_bits_from_wire(ref->todo);

        cs_risk_told(core, s, ref->gen, ref->lane, ref->page, &todo);
        if (l == NULL || l->session != s)
            continue;
        if (m->kind == CS_REVOKED)
            l->revoking = false;
        cs_lease_take(core, l, &todo, true);
    }
}

/* What a PING does not list although its sender has seen the message that gave it is not held: an ASSIGN or RELEASE was lost. */
static void reconcile(struct cs_core *core, struct cs_session *s, const struct cs_message *m, struct cs_pong *pong)
{
    struct cs_lease *l, *next;

    s->pings++;
    pong->lost = cs_arena_array(&core->arena, m->ping.n_leases + 1, sizeof *pong->lost);
    for (uint32_t i = 0; i < m->ping.n_leases; i++) {
        const struct cs_lease_ref *ref = &m->ping.leases[i];
        struct cs_bits todo = cs_bits_from_wire(ref->todo), busy = cs_bits_from_wire(ref->busy), gone;

        l = cs_lease_find(core, ref->epoch);
        if (l == NULL || l->session != s) {
            pong->lost[pong->n_lost++] = ref->epoch;
            continue;
        }
        l->ping = s->pings;
        l->busy = busy;
        l->reported = true;
        if (!cs_bits_none(&busy))
            cs_caps_worked(core, s, NULL);
        todo = cs_bits_or(&todo, &busy);
        gone = cs_bits_without(&l->open, &todo);
        if (m->ack >= l->assign_seq)
            cs_lease_take(core, l, &gone, true);
    }
    DL_FOREACH_SAFE (s->leases, l, next) {
        struct cs_bits all = l->open;

        if (l->ping != s->pings && m->ack >= l->assign_seq)
            cs_lease_take(core, l, &all, true);
    }
}

static void ping(struct cs_core *core, struct cs_session *s, const struct cs_message *m)
{
    struct cs_message *pong;

    if (!cs_caps_reads(core, s))
        return;
    pong = cs_act_send(core, s, CS_PONG);
    pong->pong.echo_ms = m->ping.now_ms;
    reconcile(core, s, m, &pong->pong);
    cs_skew_say(core, s);
    want(core, s, m->ping.want, m->ping.n_want, m->ack);
    cs_announce_make(core, s, &pong->pong.announce);
    if (m->ping.unacked > 0 && s->durable > 0)
        cs_acks_send(core, s);
    cs_quarantine_paused(s);
    cs_lease_revoke(core, s);
    if (s->drain_sent)
        cs_act_send(core, s, CS_DRAIN);
    cs_grant_session(core, s, true);
}

static void from_session(struct cs_core *core, struct cs_session *s, const struct cs_message *m)
{
    switch (m->kind) {
    case CS_WANT:
        want(core, s, m->want.lanes, m->want.n, m->ack);
        cs_grant_session(core, s, false);
        break;
    case CS_RELEASE:
    case CS_REVOKED:
        give_back(core, s, m);
        break;
    case CS_PING:
        ping(core, s, m);
        break;
    case CS_OUTPUTS:
        cs_intake_outputs(core, s, m);
        break;
    case CS_SPEC_GET: {
        struct cs_message *spec = cs_act_send(core, s, CS_SPEC);

        core->last_action->kind = CS_ACT_SPEC;
        memcpy(spec->spec.digest, m->spec_get.digest, sizeof spec->spec.digest);
        break;
    }
    case CS_TURNS_GET:
        cs_coordinator_talks_get(core, s, &m->leases, m->seq);
        break;
    case CS_BYE:
        cs_log(CS_INFO, "worker_bye", "worker=%s", s->worker);
        cs_session_end(core, s, CS_ENDED_BYE);
        break;
    case CS_KIND_NONE:
    case CS_HELLO:
    case CS_WELCOME:
    case CS_REJECT:
    case CS_WHO:
    case CS_ASSIGN:
    case CS_REVOKE:
    case CS_PONG:
    case CS_ACK:
    case CS_SPEC:
    case CS_TURNS:
    case CS_STOP:
    case CS_DRAIN:
    case CS_ANNOUNCE:
    case CS_ADMIN:
    case CS_ADMIN_REPLY:
        cs_session_blame(core, s, cs_message_kind_name(m->kind));
        break;
    }
}

void cs_dialogue_message(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_message *m = e->message.m;
    struct cs_session *s;

    if (m->kind == CS_HELLO) {
        hello(core, e);
        return;
    }
    s = cs_act_session(core, m->session);
    if (s == NULL || strcmp(s->user_id, e->message.user_id) != 0) {
        if (m->kind != CS_BYE)
            cs_act_send_to(core, e->message.peer, CS_WHO);
        return;
    }
    s->heard_ms = core->now_ms;
    s->gone_for = 0;
    if (m->ack > s->seen || s->seen == s->seq_out)
        s->seen_ms = core->now_ms;
    s->seen = m->ack > s->seen ? m->ack : s->seen;
    s->peer = *e->message.peer; /* libzmq reconnects by itself: same session and key, another routing id */
    from_session(core, s, m);
}
