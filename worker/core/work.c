/* Calls and outputs: what is started, how it ends, and the way of its output to the coordinator's disk. */
#include "worker/core/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/dialects/system/mask.h"
#include "worker/calls/alarm.h"
#include "worker/calls/binding.h"
#include "worker/calls/brake.h"
#include "worker/calls/call.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/lanes.h"
#include "worker/core/leases.h"
#include "worker/calls/outage.h"
#include "worker/core/pools.h"
#include "worker/core/report.h"
#include "worker/calls/retry.h"
#include "worker/core/spread.h"
#include "worker/core/state.h"
#include "worker/core/talks.h"
#include "worker/core/trouble.h"
#include "worker/calls/window.h"
#include "worker/calls/pictures.h"

enum { LOOK_AHEAD = 64 }; /* trials */

static void deliver(struct cs_worker *w, struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading, enum cs_outcome outcome, const struct cs_worker_server *at);

/* ---- starting -------------------------------------------------------------------------------------- */

static bool lane_may_start(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    return l->state == CS_LANE_OPEN && l->known && !l->blocked && l->trouble[0] == '\0' && w->now >= l->quiet_until &&
           cs_worker_lane_fits(w, l, 0) && l->in_flight < cs_worker_lane_most(l) && cs_worker_lane_is_borne(w, l) &&
           cs_outage_may_call(&l->outage, l->in_flight, w->now);
}

static void emit_call(struct cs_worker *w, struct cs_call *c, const struct cs_trial *t)
{
    struct cs_worker_action *a = cs_do_action(w, CS_DO_CALL);
    a->slot = c->slot;
    a->endpoint = c->server != NULL ? c->server->endpoint : c->lane->facts.endpoint;
    a->digest = &c->digest;
    a->attempt = c->calls;
    a->turn = c->n_said + 1;
    a->session = cs_worker_talks_session(c);
    a->body = cs_arena_strndup(&w->arena, t->body, t->body_len); /* the next trial may drive it out of the cache */
    a->body_len = t->body_len;
    a->held = cs_pictures_keep(t->held);
    a->timeout_ms = c->lane->facts.timeout_ms;
    w->starts++;
    w->start_bytes += t->body_len;
    w->calls_started++;
}

/* The next trial of the lane: a conversation that goes on, then one whose pause is over, else a fresh one. The other way round while it seems that nobody is answered:
 * what has failed before tells less about the provider, and a trial that never fits must not keep others from being tried. */
static bool next_trial(struct cs_worker_lane *l, struct cs_call **due, struct cs_worker_lease **lease, uint8_t *bit)
{
    const bool room = l->in_flight + l->n_warm < cs_worker_lane_most(l); /* for a conversation that is new */
    *due = TAILQ_FIRST(&l->going);
    if (*due == NULL && ((l->outage.row == 0 && l->quiets < 2) || TAILQ_EMPTY(&l->open)))
        *due = TAILQ_FIRST(&l->due);
    if (*due != NULL) {
        *lease = (*due)->lease;
        *bit = (*due)->bit;
        return true;
    }
    *lease = TAILQ_FIRST(&l->open);
    if (*lease == NULL || !room)
        return false;
    int next = cs_lease_next(*lease);
    CS_ASSERT(next >= 0);
    *bit = (uint8_t)next;
    return true;
}

/* With the replies that it has to hold, the request is larger than any may be: the conversation ends here. */
static void end_too_large(struct cs_worker *w, struct cs_call *c, const struct cs_trial *t, const char *why)
{
    const struct cs_http_reply none = {.headers = "", .body = "", .why = why};
    struct cs_reading nothing = {.text = "", .wait_ms = CS_NO_HINT};
    cs_worker_talks_start(w, c);
    cs_lease_start(w, c->lease, c->bit);
    c->digest = t->digest;
    c->question = t->question;
    c->turns = t->calls;
    c->first_ms = w->now;
    c->first_wall_ms = w->wall;
    deliver(w, c, &none, &nothing, CS_OUTCOME_invalid_request, NULL);
}

static enum cs_err look_at(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_worker_lease *lease, int bit)
{
    struct cs_trial t = {0};
    return w->source.trial(w->source.self, l->facts.study, l->lane, lease->page * CS_SHARD_SIZE + (unsigned)bit, NULL,
                           0, &t, NULL);
}

/* A trial waits for what it lacks. What those after it lack is to come with that, not after it: else each picture costs the time there and
 * back. The first is looked at last, so that what it has is the last that a cache lets go. */
static void look_ahead(struct cs_worker *w, struct cs_worker_lane *l)
{
    const struct cs_worker_lease *first = TAILQ_FIRST(&l->open), *lease;
    int n = 0;
    if (first == NULL || !cs_lanes_may_ask(w))
        return;
    TAILQ_FOREACH(lease, &l->open, in_lane)
    {
        for (int bit = cs_lease_next(lease); bit >= 0 && n < LOOK_AHEAD; bit = cs_lease_after(lease, bit), n++)
            (void)!look_at(w, l, lease, bit);
    }
    (void)!look_at(w, l, first, cs_lease_next(first));
}

/* Starts one call of the lane; false when it cannot start any for now. */
static bool start_one(struct cs_worker *w, struct cs_worker_lane *l)
{
    struct cs_call *c;
    struct cs_worker_lease *lease;
    struct cs_trial trial = {0};
    struct cs_error err = {0};
    uint8_t bit;
    double cost[CS_QUOTA_DIMS] = {0};

    if (!lane_may_start(w, l) || cs_pools_shut(w, l) || !next_trial(l, &c, &lease, &bit))
        return false;
    enum cs_err rc = w->source.trial(w->source.self, l->facts.study, l->lane, lease->page * CS_SHARD_SIZE + bit,
                                     c != NULL ? (const char *const *)c->said : NULL, c != NULL ? c->n_said : 0, &trial,
                                     &err);
    if (rc == CS_EAGAIN) {
        l->blocked = true; /* until a SPEC comes; what is missing is asked for at the end of the step */
        look_ahead(w, l);
        return false;
    }
    if (rc == CS_ETOOBIG && c != NULL && c->n_said > 0) {
        end_too_large(w, c, &trial, err.msg);
        return true;
    }
    if (rc != CS_OK) {
        cs_worker_trouble_stop(w, l, err.msg);
        return false;
    }
    struct cs_worker_server *server = NULL;
    if (l->servers != NULL && (server = cs_worker_spread_pick(w, l, &trial, c)) == NULL)
        return false;
    if (!cs_pools_admit(w, l, (size_t)trial.body_len + trial.extra, cost))
        return false;
    if (c != NULL) {
        cs_worker_talks_start(w, c);
    } else {
        c = cs_xcalloc(1, sizeof *c);
        c->lane = l;
        c->lease = lease;
        c->bit = bit;
        c->alarm.kind = CS_ALARM_CALL;
        c->alarm.owner = c;
    }
    c->digest = trial.digest;
    c->question = trial.question;
    c->elements = trial.elements;
    c->turns = trial.calls;
    c->free = trial.free;
    c->tools = trial.tools;
    c->last = trial.last;
    memcpy(c->sent, trial.sent, sizeof c->sent);
    c->draw = l->draw;
    memcpy(c->cost, cost, sizeof cost);
    c->bytes = trial.body_len + trial.extra;
    c->prompt = trial.prompt;
    if (l->draw != NULL)
        l->draw->pass = cs_turns_take(&l->turn, l->draw->pass,
                                      cs_turns_part(cost, l->draw->pacer.limit, CS_QUOTA_PER_MINUTE), l->turns);
    cs_lease_start(w, lease, bit);
    uint32_t slot = w->free_slots[--w->n_free];
    CS_ASSERT(w->slots[slot] == NULL);
    w->slots[slot] = c;
    cs_worker_lane_flies(w, l, 1);
    cs_worker_spread_sent(c, server, trial.block);
    cs_worker_call_sent(c, slot, w->now, w->wall);
    emit_call(w, c, &trial);
    return true;
}

/* For one more call, and for its output. */
static bool has_room(const struct cs_worker *w)
{
    return w->n_free > 0 && w->in_flight - w->parked < w->opts.slots && cs_window_open(&w->window) &&
           w->in_flight + w->window.n < w->opts.slots + w->window.outputs_max;
}

static enum cs_bind why_not_begun(const struct cs_worker_lane *l, enum cs_bind full)
{
    const enum cs_bind outage = cs_worker_report_outage(l);
    return outage != CS_BINDS ? outage : l->n_todo > 0 ? full : CS_BIND_NOTHING;
}

/* Lanes whose turn did not come. */
static void note_rest(struct cs_worker *w)
{
    struct cs_worker_lane *l;
    const enum cs_bind full = w->in_flight - w->parked >= w->opts.slots ? CS_BIND_SLOTS : CS_BIND_WINDOW;
    if (!cs_do_may_start(w))
        return;
    TAILQ_FOREACH(l, &w->ring, in_ring)
    cs_binding_note(&l->binding, why_not_begun(l, full), w->now);
}

/* Whose turn it is: the first in the ring, or, of those that draw from the same quotas, the one that the weights name. */
static struct cs_worker_lane *next_lane(struct cs_worker *w)
{
    struct cs_worker_lane *first = TAILQ_FIRST(&w->ring), *next = first, *l;
    if (!w->several || first->draw == NULL || first->draw->n_lanes < 2)
        return first;
    double least = cs_turns_stand(&first->turn, first->draw->pass);
    TAILQ_FOREACH(l, &w->ring, in_ring)
    {
        if (l->draw != first->draw || cs_turns_stand(&l->turn, l->draw->pass) >= least)
            continue;
        least = l->turn.pass;
        next = l;
    }
    return next;
}

void cs_worker_work_start(struct cs_worker *w)
{
    while (!TAILQ_EMPTY(&w->ring) && has_room(w) && cs_do_may_start(w)) {
        if (w->starts >= CS_STARTS_PER_STEP || w->start_bytes >= CS_START_BYTES_PER_STEP) {
            cs_alarm_set(&w->alarms, &w->go, w->now);
            return;
        }
        struct cs_worker_lane *l = next_lane(w);
        TAILQ_REMOVE(&w->ring, l, in_ring);
        l->ready = false;
        if (start_one(w, l))
            cs_worker_lane_wake(w, l); /* at the end: lanes take turns */
        else
            cs_binding_note(&l->binding, cs_worker_report_binding(w, l), w->now);
    }
    note_rest(w);
}

/* ---- ending ---------------------------------------------------------------------------------------- */

/* For the errors that people see by sentence. */
static void complain(struct cs_worker *w, const struct cs_call *c, const char *sentence)
{
    const struct cs_mishaps_where at = {c->lane->gen, c->lane->lane, c->lease->page * CS_SHARD_SIZE + c->bit, w->wall};
    cs_mishaps_note(&w->mishaps, sentence, &at);
}

static void note_error(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                       const struct cs_reading *reading)
{
    char sentence[CS_COMPLAINT_MAX];
    cs_mishaps_word(reply, reading, !c->lane->facts.confidential, sentence);
    complain(w, c, sentence);
}

/* An answer that cannot be read is no error of its call; people look for both in one place. */
static void note_unparsable(struct cs_worker *w, const struct cs_call *c, const char *fault)
{
    char sentence[CS_COMPLAINT_MAX];
    snprintf(sentence, sizeof sentence, "unparsable: %s", fault);
    complain(w, c, sentence);
}

static void deliver(struct cs_worker *w, struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading, enum cs_outcome outcome, const struct cs_worker_server *at)
{
    struct cs_worker_lane *l = c->lane;
    struct cs_output o;
    struct cs_answer_check check = {CS_ANSWER_NONE, false};
    const char *round = cs_worker_talks_round(w, c, reply, reading, &outcome, &check.fault);
    if (outcome == CS_OUTCOME_ok && round == NULL && !(c->free && cs_outcome_goes_on(outcome, reading->text)))
        check = w->source.parses(w->source.self, l->facts.study, l->lane, c->question, c->elements, reading->text,
                                 strlen(reading->text));
    if (check.fault != CS_ANSWER_NONE)
        outcome = CS_OUTCOME_unparsable;
    cs_worker_call_output(c, reply, reading, outcome, w->now, &o);
    o.salvaged = check.salvaged;
    if (check.fault != CS_ANSWER_NONE)
        o.cause = cs_answer_fault_name(check.fault);
    if (outcome == CS_OUTCOME_unparsable)
        note_unparsable(w, c, o.cause);
    o.gen = l->gen;
    o.lane = l->lane;
    o.position = c->lease->page * CS_SHARD_SIZE + c->bit;
    o.epoch = c->lease->epoch; /* a dead one too: the coordinator may presume its cost */
    o.worker = w->name;
    o.server = at != NULL ? at->url : NULL;
    const bool goes_on = cs_worker_talks_reply(c, round, &o);
    cs_buf_clear(&w->pack);
    cs_output_pack(&o, &w->pack);
    CS_ASSERT(!w->pack.overflow);
    struct cs_window_entry e = {.len = (uint32_t)w->pack.len, .digest = c->digest, .lease = c->lease, .bit = c->bit};
    e.bytes = cs_xmalloc(e.len);
    memcpy(e.bytes, w->pack.data, e.len);
    if (goes_on) {
        cs_worker_talks_keep(c, cs_output_said(&o));
        e.goes_on = c;
    }
    cs_window_push(&w->window, &e);
    if (!goes_on)
        cs_worker_call_free(c);
}

/* The trial goes back to the coordinator as if it had not been started. */
static void abandon(struct cs_worker *w, struct cs_call *c)
{
    cs_leases_give_back_one(w, c->lease, c->bit);
    cs_worker_call_free(c);
}

/* The provider is full. Replies to calls that were sent before the quiet period began belong to the same jam. */
static void quiet_lane(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_call *c, uint64_t hint_ms,
                       bool soon)
{
    bool again = l->quiets == 0 || c->sent_ms > l->quiet_since;
    uint64_t pause = hint_ms;
    if (hint_ms == CS_NO_HINT)
        pause = again ? cs_retry_pause(soon && l->quiets > 1 ? 1 : l->quiets, &w->rng) : 0;
    else
        pause += cs_rng_below(&w->rng,
                              hint_ms < 8000 ? hint_ms / 8 + 50 : 1050); /* workers do not come back all at once */
    if (again) {
        l->quiets++;
        l->quiet_since = w->now;
        cs_do_log(w, l->quiets > 1 ? CS_INFO : CS_DEBUG, "lane_quiet", "gen=%u lane=%u pause_ms=%llu calls_at_once=%u",
                  l->gen, l->lane, (unsigned long long)pause, cs_worker_lane_most(l));
    }
    if (w->now + pause > l->quiet_until)
        l->quiet_until = w->now + pause;
}

static void lane_answered(struct cs_worker *w, struct cs_worker_lane *l, uint64_t sent_ms)
{
    l->progress++;
    l->quiets = 0;
    cs_denials_answered(&l->denials, sent_ms, w->now);
    l->refusals = 0;
    if (cs_worker_lane_brakes(l))
        cs_brake_answered(&l->brake, sent_ms, l->in_flight + 1);
    cs_worker_trouble_waited(w, l);
}

/* The key or the model is refused, or only this prompt is. */
static void deny(struct cs_worker *w, struct cs_worker_lane *l, struct cs_call *c, const struct cs_reading *reading,
                 struct cs_verdict *v)
{
    static const enum cs_next follows[] = {
        [CS_DENIED_AGAIN] = CS_NEXT_RETRY, [CS_DENIED_ALONE] = CS_NEXT_FAIL, [CS_DENIED_STOP] = CS_NEXT_STOP};
    c->faults++;
    c->denied += !cs_outage_in_doubt(&l->outage);
    v->next = follows[cs_denials_add(&l->denials, c->prompt, reading->says == CS_SAYS_BLOCKED, c->denied, w->now)];
    v->wait_ms = cs_retry_pause(c->faults - 1, &w->rng);
}

/* In our words: what a provider writes here may repeat a part of the key (decision 22). */
static void stop_lane(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_http_reply *reply,
                      const struct cs_retry_rule *rule, const struct cs_reading *reading)
{
    char why[CS_TROUBLE_MAX], when[64] = "";
    CS_ASSERT(rule->reason != NULL && l->facts.endpoint != NULL);
    if (rule->next == CS_NEXT_DAY && reading->wait_ms != CS_NO_HINT)
        cs_worker_trouble_until(w, reading->wait_ms, when, sizeof when);
    snprintf(why, sizeof why, "HTTP %u: %s%s%s (%s%s); %s%s, then resume or run again", reply->status,
             reply->broken != NULL ? reply->broken : rule->reason, reading->limit[0] != '\0' ? ": " : "",
             reading->limit, strcmp(l->facts.endpoint->key, "no-key") == 0 ? "" : "key ", l->facts.endpoint->key,
             rule->remedy, when);
    cs_worker_trouble_refused(w, l, why);
}

/* A whole good reply, readable or not, comes from a provider that works; unless it says itself that it does not. */
static bool is_heard(const struct cs_http_reply *reply, const struct cs_reading *reading)
{
    return reply->transfer == CS_TRANSFER_WHOLE && reply->status >= 200 && reply->status <= 299 &&
           reading->status < 500;
}

/* The provider says that it is too much: half as many at once, once for all calls that were under way together. */
static void jam(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_call *c)
{
    if (cs_worker_lane_brakes(l)) {
        cs_brake_overloaded(&l->brake, c->sent_ms, l->in_flight, w->now);
    } else if (c->sent_ms > l->jammed_at) {
        l->jammed_at = w->now;
        l->jams++;
        w->shares_stale = true; /* to be told at once */
    }
}

/* A sign of life: the lane is trusted with its share. */
static void heard_of(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_call *c)
{
    uint64_t took = w->now - c->sent_ms, fading = l->slowest_ms - l->slowest_ms / 128;
    if (l->answered_at == 0)
        w->shares_stale = true;
    l->answered_at = w->now;
    l->slowest_ms = took > fading ? took : fading;
    cs_worker_lane_silent(w, l, false);
}

/* Whether these are not the last trials of the lane. Of the last ones that fail nobody can say whether it is they; they are to end. */
static bool has_more(const struct cs_worker_lane *l)
{
    return l->available || !TAILQ_EMPTY(&l->open);
}

/* Whether a fault tells nothing about its trial. For its last try a suspicion is enough. */
static bool is_in_doubt(const struct cs_worker_lane *l, const struct cs_call *c)
{
    const bool last = c->tries + 1 >= CS_RETRY_TRIES_MAX;
    return cs_outage_in_doubt(&l->outage) ||
           (last && l->outage.row > 0 && has_more(l) && !cs_outage_heard(&l->outage, c->failed_last_ms));
}

/* Whether a fault of this trial belongs to a row: nothing shows that it is the trial. It does once, or, while there is more to ask, again
 * and again: a lane with few calls at once holds no others. */
static bool tells_of_outage(const struct cs_worker_lane *l, struct cs_call *c, enum cs_transfer transfer)
{
    const bool first = c->failed_first_ms == 0;
    if (first)
        c->failed_first_ms = c->sent_ms;
    c->failed_last_ms = c->sent_ms;
    return first || transfer == CS_TRANSFER_UNSENT || (has_more(l) && !cs_outage_heard(&l->outage, c->failed_first_ms));
}

/* Does the provider work at all? 429 says that it is there, a timeout says nothing. */
static void note_health(struct cs_worker *w, struct cs_worker_lane *l, struct cs_call *c,
                        const struct cs_worker_server *at, const struct cs_http_reply *reply,
                        const struct cs_reading *reading, const struct cs_verdict *v)
{
    if (reply->transfer == CS_TRANSFER_CROWDED)
        return; /* our own limit: it says nothing of the provider */
    bool timeout = v->outcome == CS_OUTCOME_timeout;
    const bool denied = v->rule.next == CS_NEXT_DENIED && cs_denials_is_fresh(&l->denials, w->now);
    if ((v->rule.next == CS_NEXT_RETRY && !is_heard(reply, reading)) || denied || (timeout && l->outage.away)) {
        bool tells = tells_of_outage(l, c, reply->transfer);
        const bool begins = cs_outage_fault(&l->outage, tells, c->sent_ms, w->now, &w->rng);
        if (l->outage.away)
            cs_worker_trouble_away(w, l, at, reply, begins);
    } else if (!timeout && (v->rule.next != CS_NEXT_WAIT || l->outage.away)) {
        if (cs_outage_answer(&l->outage, c->sent_ms)) {
            cs_brake_weak(&l->brake);
            cs_worker_trouble_back(w, l);
        }
    }
    if (v->rule.pause == CS_PAUSE_LANE || v->rule.pause == CS_PAUSE_EASE || reply->below == CS_BELOW_CONNECT)
        jam(w, l, c);
    if (v->rule.pause == CS_PAUSE_LANE)
        quiet_lane(w, l, c, v->wait_ms, v->soon);
    if (v->rule.pause == CS_PAUSE_LANE && v->next == CS_NEXT_WAIT)
        cs_worker_trouble_waits(w, l, reading);
    cs_worker_trouble_wait(w, l);
}

/* The end of a large reply may let any lane go on. */
static void note_size(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_http_reply *reply)
{
    enum { LARGE = 64 * 1024 };
    cs_replies_note(&l->replies, reply->received);
    if (reply->received >= LARGE)
        cs_worker_lane_wake_all(w);
}

/* It may have been billed: another call needs another grant (decision 15). */
static bool needs_grant(const struct cs_verdict *v, const struct cs_http_reply *reply, const struct cs_reading *reading)
{
    const bool told = reading->input_tokens > 0 || reading->output_tokens > 0,
               taken = reply->broken != NULL ? reply->was_taken : reply->status >= 200 && reply->status <= 299;
    if (v->next == CS_NEXT_WAIT)
        return told;
    return v->next == CS_NEXT_RETRY && (told || v->rule.ambiguous || taken);
}

void cs_worker_work_reply(struct cs_worker *w, uint32_t slot, const struct cs_http_reply *reply)
{
    CS_ASSERT(slot < CS_WORKER_SLOTS_PARKED * w->opts.slots);
    struct cs_call *c = w->slots[slot];
    CS_ASSERT(c != NULL);
    struct cs_worker_lane *l = c->lane;
    struct cs_worker_server *const at = cs_worker_spread_ended(c);
    struct cs_reading reading;

    if (reply->transfer == CS_TRANSFER_WHOLE)
        heard_of(w, l, c);
    w->slots[slot] = NULL;
    w->free_slots[w->n_free++] = slot;
    w->calls_ended++;
    note_size(w, l, reply);
    l->facts.provider->read(reply, c->free ? CS_FORM_NONE : l->facts.form, &w->arena, &reading);
    if (reading.says == CS_SAYS_PIECES && l->progress > 0)
        reading.says = CS_SAYS_IN_VAIN;
    if (reading.says == CS_SAYS_NO_TEXT && l->progress > 0)
        cs_worker_call_no_text(reply, &reading);
    cs_mask_reading(&reading, l->facts.endpoint != NULL ? l->facts.endpoint->secret : NULL, &w->arena);
    cs_pools_ended(w, c, reply, &reading);
    const bool doubt = is_in_doubt(l, c) || (at != NULL && cs_worker_spread_in_doubt(l, at));
    struct cs_call_world world = {l->progress, doubt && !is_heard(reply, &reading), w->now, &w->rng};
    struct cs_verdict v = cs_worker_call_ended(c, reply, &reading, &world);
    if (reply->session != NULL)
        cs_worker_call_in(c, reply->session);
    if (cs_worker_talks_lost(c, reply, &v)) {
        v.next = CS_NEXT_FAIL;
        v.outcome = v.outcome == CS_OUTCOME_transport ? v.outcome : CS_OUTCOME_provider_error;
    }
    if (cs_lane_tally_note(&l->tally, &v.rule, reply->transfer, w->now - c->sent_ms, w->now) != CS_TALLY_answered)
        note_error(w, c, reply, &reading);
    if (at == NULL || !cs_worker_spread_reply(w, c, at, reply, &reading, &v)) { /* else it is the server's own affair */
        if (v.next == CS_NEXT_DENIED)
            deny(w, l, c, &reading, &v);
        note_health(w, l, c, at, reply, &reading, &v);
    }
    if (l->facts.metered && needs_grant(&v, reply, &reading))
        v.next = CS_NEXT_FAIL;
    cs_worker_lane_flies(w, l, -1);
    switch (v.next) {
    case CS_NEXT_ANSWER:
        if (reading.says == CS_SAYS_ANSWER)
            lane_answered(w, l, c->sent_ms);
        deliver(w, c, reply, &reading, v.outcome, at);
        break;
    case CS_NEXT_FAIL:
        deliver(w, c, reply, &reading, v.outcome, at);
        break;
    case CS_NEXT_RETRY:
    case CS_NEXT_WAIT:
        if (!cs_worker_lane_may_repeat(w, c, v.next == CS_NEXT_RETRY ? v.wait_ms : 0)) {
            abandon(w, c);
            break;
        }
        cs_worker_call_waste(c, reply, &reading);
        cs_lease_pause(w, c);
        if (v.next == CS_NEXT_WAIT)
            cs_worker_work_due(w, c); /* it is the lane that waits */
        else
            cs_alarm_set(&w->alarms, &c->alarm, w->now + v.wait_ms);
        break;
    case CS_NEXT_STOP:
        stop_lane(w, l, reply, &v.rule, &reading);
        if (l->facts.metered && cs_worker_call_is_billed(reply, &reading))
            deliver(w, c, reply, &reading, v.outcome, at); /* given back it would have cost nothing */
        else
            abandon(w, c);
        break;
    case CS_NEXT_DENIED:
    case CS_NEXT_DAY:
        CS_ASSERT(false); /* decided above */
    }
    if (l->n_todo == 0 && l->in_flight == 0)
        w->shares_stale = true;
    cs_worker_lane_wake(w, l);
}

void cs_worker_work_due(struct cs_worker *w, struct cs_call *c)
{
    c->due = true;
    TAILQ_INSERT_TAIL(&c->lane->due, c, in_lane);
    cs_worker_lane_wake(w, c->lane);
}

void cs_worker_work_abort_all(struct cs_worker *w)
{
    for (uint32_t slot = 0; w->in_flight > 0 && slot < CS_WORKER_SLOTS_PARKED * w->opts.slots; slot++) {
        struct cs_call *c = w->slots[slot];
        if (c == NULL)
            continue;
        cs_do_action(w, CS_DO_ABORT)->slot = slot;
        w->slots[slot] = NULL;
        w->free_slots[w->n_free++] = slot;
        cs_worker_lane_flies(w, c->lane, -1);
        cs_worker_spread_ended(c);
        cs_lease_done(w, c->lease, c->bit);
        cs_worker_call_free(c);
    }
}

/* ---- outputs --------------------------------------------------------------------------------------- */

static void send_batch(struct cs_worker *w, uint32_t n)
{
    struct cs_window *win = &w->window;
    struct cs_outputs *b = &cs_do_send(w, CS_OUTPUTS)->outputs;
    b->first = win->first + win->sent;
    b->n = n;
    b->outputs = cs_arena_array(&w->arena, n, sizeof *b->outputs);
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_window_entry *e = cs_window_at(win, win->sent + i);
        b->outputs[i].bytes = e->bytes;
        b->outputs[i].len = e->len;
    }
    cs_window_sent(win, n);
    if (w->resend.place == 0)
        cs_alarm_set(&w->alarms, &w->resend, w->now + CS_RESEND_MS);
}

void cs_worker_work_flush(struct cs_worker *w, bool all)
{
    struct cs_window *win = &w->window;
    if (w->state != CS_WORKER_READY || w->said_bye)
        return; /* isolated: held back until the coordinator is heard again */
    for (;;) {
        uint32_t n = cs_window_sendable(win, CS_OUTPUTS_PER_MESSAGE_MAX, CS_OUTPUT_MAX);
        bool enough = win->n - win->sent >= CS_FLUSH_OUTPUTS || win->bytes - win->sent_bytes >= CS_FLUSH_BYTES;
        if (n == 0)
            break; /* nothing, or the coordinator's credit is used up: the next ACK goes on */
        if (!all && !enough) {
            if (w->flush.place == 0)
                cs_alarm_set(&w->alarms, &w->flush, w->now + CS_FLUSH_MS);
            return;
        }
        send_batch(w, n);
    }
    cs_alarm_clear(&w->alarms, &w->flush);
}

void cs_worker_work_resend(struct cs_worker *w)
{
    if (w->state != CS_WORKER_READY || w->window.sent == 0)
        return;
    cs_do_log(w, CS_WARN, "resend", "first=%llu outputs=%u", (unsigned long long)w->window.first, w->window.sent);
    cs_window_rewind(&w->window, false);
    cs_worker_work_flush(w, true);
}

static uint8_t refusal_of(const struct cs_ack *a, uint64_t number)
{
    for (uint32_t i = 0; i < a->n_refused; i++) {
        if (a->refused[i].number == number)
            return a->refused[i].why;
    }
    return 0;
}

static void settle_one(struct cs_worker *w, const struct cs_ack *a)
{
    struct cs_window_entry e;
    uint64_t number = w->window.first;
    uint8_t why = refusal_of(a, number);
    cs_window_pop(&w->window, &e);
    if (why != 0) {
        char hex[33];
        cs_digest_hex(e.digest.b, sizeof e.digest.b, hex);
        cs_do_log(w, why == CS_REFUSED_TURN ? CS_INFO : CS_ERROR, "output_refused", "digest=%s why=%u", hex, why);
        w->outputs_refused++;
    } else {
        w->outputs_acked++;
        if (w->opts.report_acks) {
            struct cs_digest *copy = cs_arena_alloc(&w->arena, sizeof *copy);
            *copy = e.digest;
            cs_do_action(w, CS_DO_ACKED)->digest = copy;
        }
    }
    if (e.goes_on != NULL)
        cs_worker_talks_acked(w, e.goes_on, why);
    else
        cs_lease_done(w, e.lease, e.bit);
    free(e.bytes);
}

void cs_worker_work_acked(struct cs_worker *w, const struct cs_ack *a)
{
    uint64_t first = w->window.first;
    while (w->window.sent > 0 && w->window.first <= a->durable)
        settle_one(w, a);
    if (w->window.sent == 0)
        cs_alarm_clear(&w->alarms, &w->resend);
    else if (w->window.first != first)
        cs_alarm_set(&w->alarms, &w->resend, w->now + CS_RESEND_MS);
}
