#include "worker/core/talks.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/system/mask.h"
#include "protocol/dialects/dialect_tools.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/leases.h"

/* ---- asking ------------------------------------------------------------------------------------------ */

static bool is_to_ask(const struct cs_worker *w, const struct cs_worker_lease *l)
{
    return l->n_untold > 0 && !l->dead && (l->asked_ms == 0 || w->now >= l->asked_ms + CS_TURNS_AGAIN_MS);
}

void cs_worker_talks_ask(struct cs_worker *w)
{
    struct cs_worker_lease *l;
    struct cs_leases *b;
    if (!w->ask_turns || !cs_do_is_live(w) || w->said_bye)
        return;
    w->ask_turns = false;
    if (w->untold == 0)
        return;
    const uint32_t most = w->n_leases < CS_TURNS_LEASES_MAX ? w->n_leases : CS_TURNS_LEASES_MAX;
    struct cs_lease_ref *refs = cs_arena_array(&w->arena, most, sizeof *refs);
    uint32_t n = 0;
    LIST_FOREACH(l, &w->leases, all)
    {
        if (n == most)
            break;
        if (!is_to_ask(w, l))
            continue;
        l->asked_ms = w->now;
        refs[n] = (struct cs_lease_ref){.epoch = l->epoch, .gen = l->lane->gen, .lane = l->lane->lane, .page = l->page};
        memcpy(refs[n++].todo, l->untold, sizeof l->untold);
    }
    if (n == 0)
        return;
    b = &cs_do_send(w, CS_TURNS_GET)->leases;
    b->n = n;
    b->leases = refs;
    w->asking = n;
}

void cs_worker_talks_ask_again(struct cs_worker *w)
{
    struct cs_worker_lease *l;
    LIST_FOREACH(l, &w->leases, all)
    l->asked_ms = 0;
    w->ask_turns = w->untold > 0;
}

/* ---- going on ---------------------------------------------------------------------------------------- */

static void go_on(struct cs_worker *w, struct cs_call *c)
{
    c->going = true;
    TAILQ_INSERT_TAIL(&c->lane->going, c, in_lane);
    cs_worker_lane_wake(w, c->lane);
}

/* One of which turns stand: it waits for a slot as if it had begun here. */
static void resume(struct cs_worker *w, struct cs_worker_lease *l, const struct cs_turns_of *t)
{
    struct cs_call *c = cs_xcalloc(1, sizeof *c);
    c->lane = l->lane;
    c->lease = l;
    c->bit = t->bit;
    c->slot = CS_NO_SLOT;
    c->alarm.kind = CS_ALARM_CALL;
    c->alarm.owner = c;
    for (uint32_t i = 0; i < t->n; i++)
        cs_worker_call_next(c, t->texts[i]);
    cs_lease_wait(w, c);
    go_on(w, c);
}

void cs_worker_talks_told(struct cs_worker *w, const struct cs_turns_reply *t)
{
    struct cs_worker_lease *l;
    HASH_FIND(hh, w->by_epoch, &t->epoch, sizeof t->epoch, l);
    if (l == NULL || l->dead)
        return;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->trials[i].n > 0 && cs_lease_is_untold(l, t->trials[i].bit) && !l->lane->facts.remembers)
            resume(w, l, &t->trials[i]);
    }
    for (unsigned bit = 0; bit < CS_SHARD_SIZE; bit++) {
        if (t->positions[bit / 8] >> bit % 8 & 1)
            cs_lease_told(w, l, (uint8_t)bit);
    }
    if (l->n_untold > 0) { /* there was no room for all of them */
        l->asked_ms = 0;
        w->ask_turns = true;
    }
    if (w->asking > 0 && --w->asking == 0) /* about those that were too many for one question */
        w->ask_turns = true;
    cs_worker_lane_wake(w, l->lane);
}

/* ---- sessions ---------------------------------------------------------------------------------------- */

static bool is_in_session(const struct cs_call *c)
{
    return c->lane->facts.remembers && c->turns > 1;
}

const struct cs_session_told *cs_worker_talks_session(const struct cs_call *c)
{
    static const struct cs_session_told none;
    CS_ASSERT(!is_in_session(c) || c->n_said == 0 || c->session != NULL);
    return !is_in_session(c) ? NULL : c->n_said > 0 ? c->session : &none;
}

bool cs_worker_talks_lost(const struct cs_call *c, const struct cs_http_reply *reply, const struct cs_verdict *v)
{
    enum { NOT_FOUND = 404, GONE = 410 };
    if (!is_in_session(c) || c->n_said == 0)
        return false;
    return (v->next == CS_NEXT_RETRY && reply->transfer != CS_TRANSFER_UNSENT) || reply->status == NOT_FOUND ||
           reply->status == GONE;
}

/* ---- a call ---------------------------------------------------------------------------------------- */

void cs_worker_talks_start(struct cs_worker *w, struct cs_call *c)
{
    if (c->going)
        TAILQ_REMOVE(&c->lane->going, c, in_lane);
    else
        TAILQ_REMOVE(&c->lane->due, c, in_lane);
    c->due = c->going = false;
    cs_worker_lane_warm(c, false);
    cs_lease_forget_waiting(w, c);
}

const char *cs_worker_talks_round(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                                  const struct cs_reading *reading, enum cs_outcome *outcome,
                                  enum cs_answer_fault *fault)
{
    const struct cs_lane_facts *facts = &c->lane->facts;
    enum cs_answer_fault why;
    if (c->tools == 0 || c->last || (*outcome != CS_OUTCOME_ok && *outcome != CS_OUTCOME_truncated))
        return NULL;
    const char *round = cs_dialect_tools_round(facts->provider->protocol, reply, reading, c->tools,
                                               CS_OUTPUT_TEXT_MAX - strlen(reading->text), &w->arena, &why);
    if (round == NULL && (why != CS_ANSWER_EMPTY || *outcome == CS_OUTCOME_ok)) {
        *outcome = CS_OUTCOME_unparsable;
        *fault = why;
    }
    return round != NULL ? cs_mask_text(round, facts->endpoint != NULL ? facts->endpoint->secret : NULL, &w->arena)
                         : NULL;
}

/* A round holds the calls, and all that was thought: what is kept beside it is for people, as far as there is room. */
static void take_round(struct cs_output *o, const char *round)
{
    o->round = round;
    o->tool_calls = "";
    o->tool_calls_cut = false;
    if (strlen(o->text) + strlen(o->reasoning) + strlen(round) > CS_OUTPUT_TEXT_MAX) {
        o->reasoning = "";
        o->reasoning_cut = true;
    }
}

bool cs_worker_talks_reply(const struct cs_call *c, const char *round, struct cs_output *o)
{
    const uint32_t turn = c->n_said + 1;
    if (c->turns <= 1)
        return false;
    if (round != NULL)
        take_round(o, round);
    const bool ends = c->tools > 0 ? c->last : turn == c->turns;
    const bool goes_on = !ends && cs_output_goes_on(o) && cs_output_is_round(o) == (c->tools > 0);
    *(goes_on ? &o->turn : &o->turns_done) = turn;
    memcpy(o->sent, c->sent, sizeof o->sent);
    return goes_on;
}

void cs_worker_talks_keep(struct cs_call *c, const char *text)
{
    cs_worker_call_next(c, text);
    cs_worker_lane_warm(c, true);
}

void cs_worker_talks_acked(struct cs_worker *w, struct cs_call *c, uint8_t why)
{
    struct cs_worker_lease *l = c->lease;
    const uint8_t bit = c->bit;
    cs_worker_lane_wake(w, c->lane);
    if ((why == 0 || why == CS_REFUSED_TURN) && cs_worker_lane_may_repeat(w, c, 0)) {
        if (why == 0) {
            cs_lease_pause(w, c);
            go_on(w, c);
            return;
        }
        cs_lease_renew(w, l, bit);
    } else if (why == 0 || why == CS_REFUSED_TURN) {
        cs_leases_give_back_one(w, l, bit);
    } else {
        cs_lease_done(w, l, bit);
    }
    cs_worker_lane_warm(c, false);
    cs_worker_call_free(c);
}

void cs_worker_talks_close(struct cs_worker *w)
{
    for (uint32_t i = 0; i < w->window.n; i++) {
        struct cs_call *c = cs_window_at(&w->window, i)->goes_on;
        if (c != NULL)
            cs_worker_call_free(c);
    }
}
