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
 *   any        its key is revoked                     none: REJECT, leases free
 *   any        BYE                                    none: leases free
 *   any        30 s of silence                        none: leases free
 * tests/model/lease.pml proves what it does to leases (hello, adopt, give_back).
 * Where a session ends without a word, what it may have had in flight is suspected (quarantine.c).
 */
#include "coordinator/core/session.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/lanes/risk.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/lanes/state.h"
#include "coordinator/lanes/trouble.h"
#include "protocol/base/plain.h"
#include "store/holders.h"

enum { BANNED_MAX = 1024, CAPACITY_MAX = 1 << 20 };

struct cs_session *cs_session_by_name(struct cs_core *core, const char *worker)
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
    for (uint32_t i = 0; i < core->n_slots; i++) {
        if (core->lanes[i] == NULL)
            continue;
        cs_lease_want(core, s, core->lanes[i], 0);
        cs_serving_left(s, core->lanes[i]);
        cs_coordinator_trouble_left(s, core->lanes[i]);
    }
}

/* Presumed under a budget: what its holder may have begun, that is, what it has seen as far as we know. */
static void free_leases(struct cs_core *core, struct cs_session *s, uint64_t seen)
{
    struct cs_lease *l, *next;

    DL_FOREACH_SAFE (s->leases, l, next) {
        struct cs_bits all = l->open;

        if (l->assign_seq <= seen && l->assign_seq != CS_UNTOLD)
            cs_risk_presume(l);
        cs_lease_take(core, l, &all, true);
    }
}

/* ---- the names of those who may hold leases, on disk (decision 10) ----------------------------------- */

void cs_session_enrol(struct cs_core *core, struct cs_session *s)
{
    cs_holders_note(core->open->batch, s->worker, true);
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
void cs_session_expected_came(struct cs_core *core, const char *worker)
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
        cs_holders_note(core->open->batch, core->expected.items[i], false);
        free(core->expected.items[i]);
    }
    core->expected.n = 0;
}

void cs_session_end(struct cs_core *core, struct cs_session *s, enum cs_end_of how)
{
    if (!s->registered)
        core->n_registering--;
    if (how != CS_ENDED_RECONNECT)
        cs_holders_note(core->open->batch, s->worker, false);
    drop_wants(core, s);
    core->fresh &= how != CS_ENDED_LOST && how != CS_ENDED_EXPELLED;
    if (how == CS_ENDED_LOST)
        cs_quarantine_lost(core, s);
    cs_quarantine_detach(core, s);
    free_leases(core, s, how == CS_ENDED_BYE ? s->seen : UINT64_MAX);
    cs_risk_gone(s);
    if (how == CS_ENDED_LOST && core->aparts != NULL)
        cs_quarantine_judge(core, s->worker);
    HASH_DEL(core->sessions, s);
    cs_deal_dirty(core, NULL);
    free(s->worker);
    free(s->version);
    free(s);
}

void cs_session_silence(struct cs_core *core)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        bool suspect = core->now_ms >= s->heard_ms + CS_SUSPECT_MS;

        if (suspect != s->suspect) /* others may have its part meanwhile */
            cs_deal_dirty(core, NULL);
        s->suspect = suspect;
        if (core->now_ms < s->heard_ms + CS_LEASE_LOST_MS)
            continue;
        cs_log(CS_WARN, "worker_lost", "worker=%s silent_ms=%llu", s->worker,
               (unsigned long long)(core->now_ms - s->heard_ms));
        cs_session_end(core, s, CS_ENDED_LOST);
    }
}

void cs_session_keys(struct cs_core *core, const struct cs_event *e)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (e->keys.may_work(e->keys.self, s->user_id))
            continue;
        cs_log(CS_WARN, "session_revoked", "worker=%s key=%.8s", s->worker, s->user_id);
        cs_session_reject(core, &s->peer, "auth", 0, "the key of this worker was revoked");
        cs_session_end(core, s, CS_ENDED_EXPELLED);
    }
}

uint32_t cs_session_count(const struct cs_core *core, const char *user_id)
{
    uint32_t n = 0;

    for (const struct cs_session *s = core->sessions; s != NULL; s = s->hh.next)
        n += strcmp(s->user_id, user_id) == 0;
    return n;
}

void cs_session_blame(struct cs_core *core, struct cs_session *s, const char *what)
{
    cs_log(CS_WARN, "message_refused", "worker=%s what=%s", s->worker, what);
    if (++s->faults < CS_FAULTS_MAX)
        return;
    cs_log(CS_WARN, "session_closed", "worker=%s faults=%u", s->worker, s->faults);
    cs_act_send_to(core, &s->peer, CS_WHO); /* if it lives on, it is to know that nothing is leased to it */
    cs_session_end(core, s, CS_ENDED_EXPELLED);
}

void cs_session_fault(struct cs_core *core, const struct cs_peer *peer)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (same_peer(&s->peer, peer)) {
            cs_session_blame(core, s, "malformed");
            return;
        }
    }
}

/* ---- workers that render other prompts ------------------------------------------------------------- */

void cs_session_reject(struct cs_core *core, const struct cs_peer *peer, const char *code, uint32_t retry_after_ms,
                       const char *text)
{
    struct cs_message *m = cs_act_send_to(core, peer, CS_REJECT);

    m->reject.code = code;
    m->reject.text = text;
    m->reject.retry_after_ms = retry_after_ms;
}

const char cs_session_mismatch[] = "this worker's build makes other requests of the study than the coordinator's: "
                                   "install the same version on both";

static void exclude(struct cs_core *core, struct cs_session *s)
{
    s->refused = true;
    if (core->banned.n == BANNED_MAX)
        core->banned.n = 0;
    *CS_APPEND(core->banned) = s->process;
    drop_wants(core, s);
    cs_deal_dirty(core, NULL);
    cs_quarantine_detach(core, s);
    free_leases(core, s, UINT64_MAX);
}

void cs_session_refuse(struct cs_core *core, struct cs_session *s)
{
    if (s->refused)
        return;
    cs_log(CS_ERROR, "worker_refused", "worker=%s version=%s reason=mismatch", s->worker, s->version);
    exclude(core, s);
    cs_act_own(core, "worker isolated", NULL, s->worker, cs_session_mismatch);
    cs_session_reject(core, &s->peer, "mismatch", 0, cs_session_mismatch);
}

void cs_session_exclude(struct cs_core *core, struct cs_session *s, const char *why)
{
    exclude(core, s);
    cs_act_own(core, "worker isolated", NULL, s->worker, why);
    cs_session_reject(core, &s->peer, "auth", 0, why);
}

/* ---- HELLO ------------------------------------------------------------------------------------------ */

bool cs_session_is_name(const char *text)
{
    return strpbrk(text, " \"\\") == NULL && cs_plain_is(text);
}

struct cs_session *cs_session_make(struct cs_core *core, const struct cs_event *e)
{
    struct cs_session *s = cs_xcalloc(1, sizeof *s);
    const struct cs_hello *h = &e->message.m->hello;

    do
        s->id = cs_rng_next(&core->rng);
    while (s->id == 0 || cs_act_session(core, s->id) != NULL);
    s->peer = *e->message.peer;
    snprintf(s->user_id, sizeof s->user_id, "%s", e->message.user_id);
    s->worker = cs_xstrdup(h->worker);
    s->version = cs_xstrdup(h->version != NULL && cs_session_is_name(h->version) ? h->version : "?");
    s->minor = h->minor;
    s->nonce = h->nonce;
    s->hello = e->message.m->seq;
    s->process = cs_holders_fingerprint(s->worker, s->nonce);
    s->heard_ms = s->worked_ms = s->seen_ms = core->now_ms;
    cs_deal_new(core, s);
    HASH_ADD(hh, core->sessions, id, sizeof s->id, s);
    return s;
}

void cs_session_drain(struct cs_core *core, struct cs_session *s)
{
    if (s->drain_sent)
        return;
    s->drain_sent = true;
    cs_act_send(core, s, CS_DRAIN);
}

/* ---- the rest ---------------------------------------------------------------------------------------- */
