/* session.c - the life of a worker as the coordinator sees it.
 *
 *   state      event                                  next
 *   none       HELLO                                  active: WELCOME, held leases adopted
 *   none       anything else                          none: WHO
 *   active     any message                            active (6 s of silence: no new work; traffic ends that)
 *   active     HELLO of the same process              active: a new session, its leases adopted again
 *   active     HELLO of another process of that name  active: a new session; the old leases are free at once
 *   active     wrong digest, unreadable output        refused: REJECT, leases free, no more work
 *   active     3 malformed or impossible messages     none
 *   any        BYE                                    none: leases free
 *   any        30 s of silence                        none: leases free
 * tests/model/lease.pml proves what it does to leases (hello, adopt, give_back).
 * Where a session ends without a word, what it may have had in flight is suspected (suspicion.c).
 */
#include "coordinator/state.h"

enum { BANNED_MAX = 1024, CAPACITY_MAX = 1 << 20 };

struct cs_session *cs_session_find(struct cs_core *core, uint64_t id)
{
    struct cs_session *s;

    HASH_FIND(hh, core->sessions, &id, sizeof id, s);
    return s;
}

static struct cs_session *by_name(struct cs_core *core, const char *worker)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (strcmp(s->worker, worker) == 0)
            return s;
    }
    return NULL;
}

static bool same_peer(const struct cs_peer *a, const struct cs_peer *b)
{
    return a->n == b->n && memcmp(a->id, b->id, a->n) == 0;
}

static void drop_wants(struct cs_core *core, struct cs_session *s)
{
    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] == NULL)
            continue;
        cs_lease_want(core, s, core->lanes[i], 0);
        cs_lease_trouble(s, core->lanes[i], NULL);
        cs_lease_away(s, core->lanes[i], NULL);
    }
}

/* Presumed under a budget: what its holder may have begun, that is, what it has seen as far as we know. */
static void free_leases(struct cs_core *core, struct cs_session *s, uint64_t seen)
{
    struct cs_lease *l, *next;

    DL_FOREACH_SAFE (s->leases, l, next) {
        struct cs_bits all = l->open;

        if (l->assign_seq <= seen && l->assign_seq != CS_UNTOLD)
            cs_risk_presume(core, l);
        cs_lease_take(core, l, &all, true);
    }
}

static uint64_t process_print(const char *worker, uint64_t nonce)
{
    uint64_t h = cs_mix64(nonce);

    for (; *worker != '\0'; worker++)
        h = cs_mix64(h ^ (uint8_t)*worker);
    return h;
}

/* ---- the names of those who may hold leases, on disk (decision 10) ----------------------------------- */

static void name_row(struct cs_core *core, const char *worker, bool present)
{
    char key[40];
    uint64_t h = process_print(worker, 0);

    snprintf(key, sizeof key, "worker/%016llx", (unsigned long long)h);
    cs_batch_add_meta(core->open->batch, key, present ? worker : NULL, present ? (uint32_t)strlen(worker) + 1 : 0);
}

static void enrol(struct cs_core *core, struct cs_session *s)
{
    name_row(core, s->worker, true);
    s->registering = core->open->number;
    core->n_registering++;
}

void cs_session_registered(struct cs_core *core, uint64_t group)
{
    struct cs_session *s, *next;

    if (core->n_registering == 0)
        return;
    HASH_ITER (hh, core->sessions, s, next) {
        if (s->registered || s->registering > group)
            continue;
        s->registered = true;
        core->n_registering--;
        core->regrant = true;
    }
}

/* Heard of: it lists what it holds, or it holds nothing. */
static void expected_came(struct cs_core *core, const char *worker)
{
    for (uint32_t i = 0; i < core->expected.n; i++) {
        if (strcmp(core->expected.items[i], worker) != 0)
            continue;
        free(core->expected.items[i]);
        core->expected.items[i] = core->expected.items[--core->expected.n];
        return;
    }
}

void cs_session_unexpect(struct cs_core *core)
{
    for (uint32_t i = 0; i < core->expected.n; i++) {
        name_row(core, core->expected.items[i], false);
        free(core->expected.items[i]);
    }
    core->expected.n = 0;
}

void cs_session_end(struct cs_core *core, struct cs_session *s, enum cs_end_of how)
{
    if (!s->registered)
        core->n_registering--;
    if (how != CS_ENDED_RECONNECT)
        name_row(core, s->worker, false);
    drop_wants(core, s);
    if (how == CS_ENDED_LOST)
        cs_suspicion_lost(core, s);
    cs_suspicion_detach(core, s);
    free_leases(core, s, how == CS_ENDED_BYE ? s->seen : UINT64_MAX);
    cs_risk_gone(s);
    if (how == CS_ENDED_LOST && core->aparts != NULL)
        cs_suspicion_judge(core, s->worker);
    HASH_DEL(core->sessions, s);
    free(s->worker);
    free(s->version);
    free(s);
}

void cs_session_silence(struct cs_core *core)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (core->now_ms < s->heard_ms + CS_LEASE_LOST_MS)
            continue;
        cs_log(CS_WARN, "worker_lost", "worker=%s silent_ms=%llu", s->worker,
               (unsigned long long)(core->now_ms - s->heard_ms));
        cs_session_end(core, s, CS_ENDED_LOST);
    }
}

static void fault(struct cs_core *core, struct cs_session *s, const char *what)
{
    cs_log(CS_WARN, "message_refused", "worker=%s what=%s", s->worker, what);
    if (++s->faults < CS_FAULTS_MAX)
        return;
    cs_log(CS_WARN, "session_closed", "worker=%s faults=%u", s->worker, s->faults);
    cs_send_to(core, &s->peer, CS_WHO); /* if it lives on, it is to know that nothing is leased to it */
    cs_session_end(core, s, CS_ENDED_EXPELLED);
}

void cs_session_fault(struct cs_core *core, const struct cs_peer *peer)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (same_peer(&s->peer, peer)) {
            fault(core, s, "malformed");
            return;
        }
    }
}

/* ---- workers that render other prompts ------------------------------------------------------------- */

static bool is_banned(const struct cs_core *core, uint64_t print)
{
    for (uint32_t i = 0; i < core->banned.n; i++) {
        if (core->banned.items[i] == print)
            return true;
    }
    return false;
}

static void reject(struct cs_core *core, const struct cs_peer *peer, const char *code, uint32_t retry_after_ms,
                   const char *text)
{
    struct cs_message *m = cs_send_to(core, peer, CS_REJECT);

    m->reject.code = code;
    m->reject.text = text;
    m->reject.retry_after_ms = retry_after_ms;
}

static const char MISMATCH[] = "this worker's build makes other requests of the study than the coordinator's: "
                               "install the same version on both";

void cs_session_refuse(struct cs_core *core, struct cs_session *s)
{
    if (s->refused)
        return;
    cs_log(CS_ERROR, "worker_refused", "worker=%s version=%s reason=mismatch", s->worker, s->version);
    s->refused = true;
    if (core->banned.n == BANNED_MAX)
        core->banned.n = 0;
    *CS_APPEND(core->banned) = s->process;
    drop_wants(core, s);
    cs_suspicion_detach(core, s);
    free_leases(core, s, UINT64_MAX);
    reject(core, &s->peer, "mismatch", 0, MISMATCH);
}

/* ---- HELLO ------------------------------------------------------------------------------------------ */

/* The held lease lives on under a new epoch as far as its trials are free, and under a budget as far as its money is known: what is
 * not presumed has been settled, and its output is here. What its holder lists and cannot have is revoked. */
static void adopt(struct cs_core *core, struct cs_session *s, const struct cs_lease_ref *held,
                  struct cs_message *welcome)
{
    struct cs_lane *lane = cs_lane_find(core, held->gen, held->lane);
    struct cs_bits todo = cs_bits_from_wire(held->todo), busy = cs_bits_from_wire(held->busy), set = {{0}}, listed;
    struct cs_lease *l;
    uint32_t k = welcome->welcome.n_adopted;
    int64_t worst = 0;

    if (lane != NULL && held->page < lane->n_pages)
        set = cs_lane_free(lane, held->page);
    listed = cs_bits_or(&todo, &busy);
    set = cs_bits_and(&set, &listed);
    if (cs_budget_is_set(core))
        set = cs_risk_adopt(core, s, held, &set, &worst);
    if (cs_bits_none(&set))
        return;
    l = cs_lease_make(core, s, lane, held->page, &set, worst);
    l->assign_seq = welcome->seq;
    l->busy = busy;
    l->reported = true;
    todo = cs_bits_without(&todo, &set);
    l->revoking = !cs_bits_none(&todo) || !lane->open || lane->cancelled;
    cs_lane_adopted(lane, held->page);
    welcome->welcome.adopted[k].old_epoch = held->epoch;
    welcome->welcome.adopted[k].new_epoch = l->epoch;
    welcome->welcome.n_adopted = k + 1;
}

static struct cs_session *session_make(struct cs_core *core, const struct cs_event *e)
{
    struct cs_session *s = cs_xcalloc(1, sizeof *s);
    const struct cs_hello *h = &e->message.m->hello;

    do
        s->id = cs_rng_next(&core->rng);
    while (s->id == 0 || cs_session_find(core, s->id) != NULL);
    s->peer = *e->message.peer;
    snprintf(s->user_id, sizeof s->user_id, "%s", e->message.user_id);
    s->worker = cs_xstrdup(h->worker);
    s->version = cs_xstrdup(h->version != NULL ? h->version : "");
    s->nonce = h->nonce;
    s->hello = e->message.m->seq;
    s->process = process_print(s->worker, s->nonce);
    s->heard_ms = core->now_ms;
    HASH_ADD(hh, core->sessions, id, sizeof s->id, s);
    return s;
}

static void welcome(struct cs_core *core, struct cs_session *s, const struct cs_hello *h)
{
    struct cs_message *m = cs_send(core, s, CS_WELCOME);

    m->welcome.session = s->id;
    m->welcome.term = core->term;
    m->welcome.fleet = core->fleet;
    m->welcome.window_bytes = CS_WINDOW_BYTES;
    m->welcome.window_outputs = CS_WINDOW_OUTPUTS;
    m->welcome.adopted = cs_arena_array(&core->arena, h->n_leases + 1, sizeof *m->welcome.adopted);
    cs_risk_hello(core, s, h);
    for (uint32_t i = 0; i < h->n_leases; i++)
        adopt(core, s, &h->leases[i], m);
    cs_announce_make(core, &m->welcome.announce);
    cs_lease_revoke(core, s);
}

/* What it had of cancelled lanes, and has not any more. */
static void rejoined(struct cs_core *core)
{
    for (uint32_t i = 0; core->rejoining && i < CS_SLOTS; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->cancelled)
            cs_lane_cancel(core->lanes[i]);
    }
    core->rejoining = false;
}

static void hello(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_hello *h = &e->message.m->hello;
    struct cs_session *old, *s;
    struct cs_apart *apart = NULL;
    bool registered;

    if (h->worker == NULL || h->worker[0] == '\0') {
        reject(core, e->message.peer, "auth", 0, "a worker needs a name");
        return;
    }
    if (is_banned(core, process_print(h->worker, h->nonce))) {
        reject(core, e->message.peer, "mismatch", 0, MISMATCH);
        return;
    }
    old = by_name(core, h->worker);
    if (old != NULL && strcmp(old->user_id, e->message.user_id) != 0) {
        reject(core, e->message.peer, "auth", 0, "a worker of this name is here under another key");
        return;
    }
    if (old != NULL && old->nonce == h->nonce && e->message.m->seq != 0 && e->message.m->seq <= old->hello)
        return; /* by an older connection: what it lists is not so any more */
    if (old != NULL && old->nonce != h->nonce && core->now_ms - old->heard_ms < CS_SUSPECT_MS) {
        /* Two processes of one name would throw each other out for ever, and pay twice. A restarted one waits for the other's silence. */
        cs_log(CS_WARN, "name_in_use", "worker=%s", h->worker);
        reject(core, e->message.peer, "name", CS_NAME_RETRY_MS,
               "a worker of this name is at work; if that is another process, choose another --name");
        return;
    }
    if (old == NULL && HASH_COUNT(core->sessions) >= CS_SESSIONS_MAX) {
        reject(core, e->message.peer, "draining", CS_RETRY_AFTER_MS, "as many workers as the coordinator takes");
        return;
    }
    registered = old != NULL && old->registered && old->nonce == h->nonce;
    if (old != NULL && old->nonce == h->nonce)
        apart = cs_suspicion_detach(core, old);
    core->rejoining = old != NULL && old->nonce == h->nonce;
    if (old != NULL)
        cs_session_end(core, old, core->rejoining ? CS_ENDED_RECONNECT : CS_ENDED_LOST);
    s = session_make(core, e);
    expected_came(core, s->worker);
    s->registered = registered;
    if (!registered)
        enrol(core, s);
    cs_log(CS_INFO, "worker_hello", "worker=%s version=%s held=%u", s->worker, s->version, h->n_leases);
    welcome(core, s, h);
    rejoined(core);
    cs_suspicion_attach(s, apart);
    if (core->draining)
        cs_session_drain(core, s);
}

void cs_session_drain(struct cs_core *core, struct cs_session *s)
{
    if (s->drain_sent)
        return;
    s->drain_sent = true;
    cs_send(core, s, CS_DRAIN);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void want(struct cs_core *core, struct cs_session *s, const struct cs_want_lane *w, uint32_t n, uint64_t ack)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cs_lane *lane = cs_lane_find(core, w[i].gen, w[i].lane);
        uint32_t capacity = w[i].capacity < CAPACITY_MAX ? w[i].capacity : CAPACITY_MAX;
        bool trouble = capacity == 0 && w[i].trouble != NULL && w[i].trouble[0] != '\0';

        if (lane == NULL || s->refused || s->drain_sent)
            continue;
        cs_lease_want(core, s, lane, capacity);
        if (!trouble || ack >= s->resume_seq) /* else it was said before `resume` */
            cs_trouble_said(core, s, lane, &w[i]);
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
    struct cs_message *pong = cs_send(core, s, CS_PONG);

    pong->pong.echo_ms = m->ping.now_ms;
    reconcile(core, s, m, &pong->pong);
    cs_announce_make(core, &pong->pong.announce);
    want(core, s, m->ping.want, m->ping.n_want, m->ack);
    if (m->ping.unacked > 0 && s->durable > 0)
        cs_group_ack(core, s);
    cs_suspicion_paused(s);
    cs_lease_revoke(core, s);
    if (s->drain_sent)
        cs_send(core, s, CS_DRAIN);
    cs_lease_grant(core, s, true);
}

static void from_session(struct cs_core *core, struct cs_session *s, const struct cs_message *m)
{
    switch (m->kind) {
    case CS_WANT:
        want(core, s, m->want.lanes, m->want.n, m->ack);
        cs_lease_grant(core, s, false);
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
        struct cs_message *spec = cs_send(core, s, CS_SPEC);

        core->last_action->kind = CS_ACT_SPEC;
        memcpy(spec->spec.digest, m->spec_get.digest, sizeof spec->spec.digest);
        break;
    }
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
    case CS_STOP:
    case CS_DRAIN:
    case CS_ANNOUNCE:
    case CS_ADMIN:
    case CS_ADMIN_REPLY:
        fault(core, s, cs_kind_name(m->kind));
        break;
    }
}

void cs_session_message(struct cs_core *core, const struct cs_event *e)
{
    const struct cs_message *m = e->message.m;
    struct cs_session *s;

    if (m->kind == CS_HELLO) {
        hello(core, e);
        return;
    }
    s = cs_session_find(core, m->session);
    if (s == NULL || strcmp(s->user_id, e->message.user_id) != 0) {
        if (m->kind != CS_BYE)
            cs_send_to(core, e->message.peer, CS_WHO);
        return;
    }
    s->heard_ms = core->now_ms;
    s->seen = m->ack > s->seen ? m->ack : s->seen;
    s->peer = *e->message.peer; /* libzmq reconnects by itself: same session and key, another routing id */
    from_session(core, s, m);
}
