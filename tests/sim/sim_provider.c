/* The provider: it errs, and it keeps the account of what was paid. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

#include "coordinator/lanes/ramp.h"
#include "protocol/base/assert.h"

enum { MINE = 0x51, STRANGE = 0x52 };
enum { SLOT = 0x3f, UNANSWERED = 0x40, TIMED_OUT = 0x80 }; /* in the low byte of a REPLY's tag */
_Static_assert((int)SIM_CALLS_MAX <= (int)SLOT, "a slot fits there");
_Static_assert((int)SIM_SLOW_MS >= 2 * (int)CS_RAMP_SHY_MAX_MS, "a pause, a call, and the loss of its worker");

void sim_digest(uint32_t lane, uint64_t position, bool stranger, struct cs_digest *out)
{
    uint32_t magic = stranger ? STRANGE : MINE;

    memcpy(out->b, &lane, sizeof lane);
    memcpy(out->b + 4, &magic, sizeof magic);
    memcpy(out->b + 8, &position, sizeof position);
}

bool sim_trial_of(struct sim *s, const struct cs_digest *d, struct sim_trial **out)
{
    uint32_t lane, magic;
    uint64_t position;

    memcpy(&lane, d->b, sizeof lane);
    memcpy(&magic, d->b + 4, sizeof magic);
    memcpy(&position, d->b + 8, sizeof position);
    if (magic != MINE || lane >= s->limits.n_lanes || position >= s->store.lanes[lane].n_trials)
        return false;
    *out = &s->store.lanes[lane].trials[position];
    return true;
}

uint32_t sim_talk_body(uint32_t lane, uint64_t position, const char *const *said, uint32_t n, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "%u %llu", lane, (unsigned long long)position);

    for (uint32_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, " %s", said[i]);
    CS_ASSERT(at < size);
    return (uint32_t)at;
}

/* ---- the dialect: one letter, then words ---------------------------------------------------------------- */

static void read_reply(const struct cs_http_reply *reply, enum cs_form form, struct cs_arena *arena,
                       struct cs_reading *out)
{
    unsigned long long wait = 0;

    (void)form;
    *out = (struct cs_reading){.says = CS_SAYS_NOTHING,
                               .finish = "stop",
                               .model = "m",
                               .request_id = "",
                               .fingerprint = "",
                               .limit = "",
                               .wait_source = "",
                               .wait_ms = CS_NO_HINT};
    out->text = cs_arena_strdup(arena, reply->body);
    if (strchr("ARU", reply->body[0]) != NULL && reply->body[0] != '\0') {
        out->says = CS_SAYS_ANSWER;
        out->outcome = reply->body[0] == 'A'   ? CS_OUTCOME_ok
                       : reply->body[0] == 'R' ? CS_OUTCOME_refused
                                               : CS_OUTCOME_unparsable;
        out->input_tokens = SIM_INPUT_TOKENS;
        out->output_tokens = SIM_OUTPUT_TOKENS;
    } else if (reply->body[0] == 'E') {
        out->says = CS_SAYS_ERROR;
    }
    if (sscanf(reply->body, "E wait %llu", &wait) == 1)
        out->wait_ms = wait;
}

const struct cs_dialect sim_provider = {
    .protocol = CS_PROTOCOL_OPENAI_CHAT, .path = "/", .auth_prefix = "", .read = read_reply};
/* A dialect whose providers settle by the usage: not ours. */
const struct cs_dialect sim_settling = {
    .protocol = CS_PROTOCOL_BEDROCK_CONVERSE, .path = "/", .auth_prefix = "", .read = read_reply};

/* ---- calls ----------------------------------------------------------------------------------------------- */

/* How long a call takes: at a server with a queue, from when a slot is free. The slot of one that nobody waits for is lost all the same. */
static uint64_t time_of(struct sim *s, struct sim_server *v)
{
    uint64_t takes = sim_spread(s, s->limits.latency_ms) * (v->slower > 0 ? v->slower : 1), start = s->now;
    uint32_t best = 0;

    if (s->profile == SIM_PROFILE_FAIR) /* chance is not what is measured */
        takes = s->limits.latency_ms + sim_below(s, s->limits.latency_ms / 4);

    if (v->slots == 0)
        return takes;
    for (uint32_t i = 1; i < v->slots; i++)
        best = v->free_at[i] < v->free_at[best] ? i : best;
    start = v->free_at[best] > start ? v->free_at[best] : start;
    v->free_at[best] = start + takes;
    return start + takes - s->now;
}

void sim_provider_call(struct sim *s, struct sim_worker *w, const struct cs_worker_action *a)
{
    struct sim_call *c = &w->calls[a->slot];
    struct sim_server *v;
    uint64_t takes, tag;
    struct sim_trial *t;

    CS_ASSERT(a->slot < CS_WORKER_SLOTS_PARKED * s->limits.slots && c->number == 0);
    memcpy(&c->lane, a->digest->b, sizeof c->lane);
    memcpy(&c->position, a->digest->b + 8, sizeof c->position);
    c->number = ++s->calls;
    c->sent = s->now;
    v = &s->store.lanes[c->lane].server;
    s->store.lanes[c->lane].study->calls++;
    sim_profile_call(s);
    sim_redis_judge(s);
    s->result->calls++;
    sim_trace(s, "%s    call %llu: %s %llu, attempt %u", w->name, (unsigned long long)c->number,
              s->store.lanes[c->lane].name, (unsigned long long)c->position, a->attempt);
    if (!sim_trial_of(s, a->digest, &t)) {
        if (!w->stranger)
            sim_fail(s, "%s asks what nobody planned", w->name);
    } else {
        sim_check_start(s, w, t);
        t->in_flight++;
    }
    tag = c->number << 8 | a->slot;
    c->denied = s->now < w->denied_until;
    if (c->denied) {
        sim_push(s, s->now + 20 + sim_below(s, 100), SIM_REPLY, w->index, tag, NULL);
        return;
    }
    if (s->now < v->dead_until) {
        sim_push(s, s->now + SIM_CONNECT_MS, SIM_REPLY, w->index, tag | UNANSWERED, NULL);
        return;
    }
    takes = time_of(s, v);
    if (takes > a->timeout_ms || sim_chance(s, s->limits.permille[SIM_TIMEOUT])) {
        takes = a->timeout_ms;
        tag |= TIMED_OUT;
    }
    sim_push(s, s->now + takes, SIM_REPLY, w->index, tag, NULL);
}

static void error(struct sim *s, struct cs_http_reply *r, enum sim_fault fault, uint16_t status, char *body,
                  size_t size)
{
    static const enum cs_transfer bad[] = {CS_TRANSFER_LOST, CS_TRANSFER_CUT, CS_TRANSFER_UNSENT};

    sim_fired(s, fault);
    r->status = status;
    snprintf(body, size, "E");
    if (status == 429 && sim_below(s, 2) == 0)
        snprintf(body, size, "E wait %u", (unsigned)sim_below(s, 8000));
    if (status == 0) {
        r->transfer = bad[sim_below(s, 3)];
        r->status = r->transfer == CS_TRANSFER_CUT ? 200 : 0;
        body[0] = '\0';
    }
}

/* How the call ends, as the provider has it. True: it counts as paid. */
static bool decide(struct sim *s, uint64_t number, struct cs_http_reply *r, char *body, size_t size)
{
    static const struct {
        enum sim_fault fault;
        uint16_t status;
    } errors[] = {{SIM_RATE_LIMIT, 429},
                  {SIM_SERVER_ERROR, 503},
                  {SIM_REPLY_LOST, 0},
                  {SIM_BAD_REQUEST, 400},
                  {SIM_BAD_KEY, 401}};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (sim_chance(s, s->limits.permille[errors[i].fault])) {
            error(s, r, errors[i].fault, errors[i].status, body, size);
            return false;
        }
    }
    r->status = 200;
    if (sim_chance(s, s->limits.permille[SIM_REFUSAL])) {
        sim_fired(s, SIM_REFUSAL);
        snprintf(body, size, "R %llu", (unsigned long long)number);
    } else if (s->limits.draws > 0 && cs_rng_mix64(s->seed ^ number) % 3 == 0) {
        sim_fired(s, SIM_UNREADABLE);
        snprintf(body, size, "U %llu", (unsigned long long)number);
    } else {
        snprintf(body, size, "A %llu", (unsigned long long)number);
    }
    return true;
}

/* The provider hears nothing of it. */
static void deny(struct sim *s, struct sim_worker *w, struct cs_http_reply *r, char *body, size_t size)
{
    static const uint16_t words[] = {401, 403, 404};

    w->denied++;
    error(s, r, SIM_BAD_NODE, words[sim_below(s, 3)], body, size);
}

static void count(struct sim *s, struct sim_worker *w, bool paid)
{
    if (!paid || s->profile != SIM_PROFILE_BAD_NODE)
        return;
    if (w->index > 0)
        s->others += s->now < s->workers[0].denied_until;
    else if (w->denied > 0)
        w->answered_since++;
}

/* What the provider has done it bills, whether its words arrive or not. */
static bool is_billed(struct sim *s, const struct cs_http_reply *r)
{
    if (r->transfer == CS_TRANSFER_TIMEOUT || r->transfer == CS_TRANSFER_LOST || r->transfer == CS_TRANSFER_CUT)
        return sim_below(s, 2) == 0;
    return r->transfer == CS_TRANSFER_WHOLE && r->status == 200;
}

static void bill(struct sim *s, const struct sim_call *c)
{
    const struct sim_lane *l = &s->store.lanes[c->lane];

    if (!l->is_free)
        l->study->bill_nano_usd += SIM_CALL_NANO_USD;
}

/* A server that is slow, or became so, is not healed. Where its answers come near the time limit or beyond, the plan is asked one call at a time, with
 * the ramp's pauses between them: that takes as long as it takes, and ends, since no trial is asked more often than is excused (check.c).
 * What must not be is that no call ends while something is planned. */
static void bear_with(struct sim *s, const struct sim_server *v)
{
    bool slow = v->slower > 1 || 2 * s->limits.latency_ms > s->limits.timeout_ms;

    if (s->calm && slow && s->due_ms < s->now + SIM_SLOW_MS)
        s->due_ms = s->now + SIM_SLOW_MS;
}

/* The end of a call that somebody waits for. A timeout is an answer, and may have been billed. */
void sim_provider_reply(struct sim *s, struct sim_worker *w, uint64_t tag)
{
    uint32_t slot = (uint32_t)(tag & SLOT);
    struct sim_call *c = &w->calls[slot];
    uint64_t number = tag >> 8;
    char body[64] = "";
    struct cs_http_reply r = {.headers = "", .latency_ms = (uint32_t)(s->now - c->sent), .why = "", .body = body};
    struct cs_digest d;
    struct sim_trial *t;
    bool paid = true;

    if (c->number != number)
        return;
    if ((tag & UNANSWERED) == 0 && !c->denied && s->limits.poison && !w->stranger && c->lane == s->limits.poison_lane &&
        c->position == s->limits.poison_position) {
        sim_fired(s, SIM_POISON);
        sim_worker_end(s, w);
        return;
    }
    if ((tag & UNANSWERED) != 0) {
        r.transfer = CS_TRANSFER_UNSENT;
        r.below = CS_BELOW_TIME;
        paid = false;
    } else if ((tag & TIMED_OUT) != 0) {
        sim_fired(s, SIM_TIMEOUT);
        r.transfer = CS_TRANSFER_TIMEOUT;
    } else if (c->denied) {
        deny(s, w, &r, body, sizeof body);
        paid = false;
    } else {
        paid = decide(s, number, &r, body, sizeof body);
        count(s, w, paid);
    }
    r.body_len = strlen(body);
    sim_digest(c->lane, c->position, w->stranger, &d);
    if (sim_trial_of(s, &d, &t)) {
        t->in_flight--;
        t->paid += paid;
        if (is_billed(s, &r))
            bill(s, c);
        sim_check_paid(s, &s->store.lanes[c->lane], t);
    }
    c->number = 0;
    if (!w->stranger)
        bear_with(s, &s->store.lanes[c->lane].server);
    sim_trace(s, "%s    reply %llu: %s%u %s", w->name, (unsigned long long)number,
              r.transfer == CS_TRANSFER_WHOLE ? "" : "broken, ", r.status, body);
    sim_worker_reply(s, w, slot, &r);
}

void sim_provider_cut(struct sim *s, struct sim_worker *w, uint32_t slot)
{
    struct sim_call *c = &w->calls[slot];
    struct sim_trial *t = &s->store.lanes[c->lane].trials[c->position];

    if (c->number != 0 && !w->stranger) {
        t->in_flight--;
        t->paid++;
        t->excused++;
        bill(s, c);
        sim_check_paid(s, &s->store.lanes[c->lane], t);
    }
    c->number = 0;
}
