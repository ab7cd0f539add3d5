#include "worker/core/spread.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/plain.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/trouble.h"

enum { WHY = CS_SERVERS_WHY, UNSURE_MS = 200 };

/* ---- the list --------------------------------------------------------------------------------------- */

static void note_stranded(struct cs_worker *w, struct cs_worker_lane *l)
{
    char why[CS_TROUBLE_MAX];
    cs_worker_servers_stranded(l->servers, why, sizeof why);
    if ((why[0] != '\0' || !l->outage.away) && !l->waits && strcmp(why, l->away) != 0)
        snprintf(l->away, sizeof l->away, "%s", why);
    if (l->stranded == (why[0] != '\0'))
        return;
    l->stranded = why[0] != '\0';
    w->shares_stale = true;
    if (l->stranded)
        cs_do_log(w, CS_WARN, "servers_none", "gen=%u lane=%u why=\"%s\"", l->gen, l->lane, why);
}

static void say_state(struct cs_worker *w, const struct cs_worker_lane *l, const struct cs_worker_server *at)
{
    if (at->state == CS_SERVER_UP)
        cs_do_log(w, CS_INFO, "server_up", "gen=%u lane=%u server=%s why=\"%s\"", l->gen, l->lane, at->url, at->why);
    else
        cs_do_log(w, CS_WARN, at->state == CS_SERVER_AWAY ? "server_away" : "server_out",
                  "gen=%u lane=%u server=%s why=\"%s\"", l->gen, l->lane, at->url, at->why);
    w->shares_stale = true;
}

void cs_worker_spread_look(struct cs_worker *w, struct cs_worker_lane *l)
{
    const struct cs_server_list *list = l->facts.servers;
    if (!l->known || list == NULL)
        return;
    if (l->servers == NULL)
        l->servers = cs_xcalloc(1, sizeof *l->servers);
    l->servers->metered = l->facts.metered;
    if (l->servers->version == list->version)
        return;
    cs_worker_servers_sync(l->servers, list);
    for (uint32_t i = 0; i < list->n && l->facts.endpoint == NULL; i++)
        l->facts.endpoint = list->all[i].endpoint;
    cs_do_log(w, CS_INFO, "servers", "gen=%u lane=%u servers=%u", l->gen, l->lane, list->n);
    note_stranded(w, l);
    cs_worker_trouble_relisted(l, w->now);
    w->shares_stale = true;
    cs_worker_lane_wake(w, l);
}

void cs_worker_spread_drop(struct cs_worker_lane *l)
{
    cs_worker_servers_close(l->servers);
    l->servers = NULL;
    l->stranded = false;
}

void cs_worker_spread_told(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_lane_info *info)
{
    if (l->servers == NULL)
        return;
    cs_worker_servers_told(l->servers, info->servers, info->n_servers, info->serves);
    cs_worker_servers_part(l->servers, cs_worker_spread_part(l));
    cs_worker_lane_wake(w, l);
}

uint32_t cs_worker_spread_part(const struct cs_worker_lane *l)
{
    if (l->dealt >= CS_SHARES_FREE)
        return UINT32_MAX;
    return l->dealt < l->share ? l->dealt : l->share;
}

void cs_worker_spread_want(const struct cs_worker_lane *l, struct cs_arena *arena, struct cs_want_lane *out)
{
    if (l->servers == NULL)
        return;
    out->servers = cs_arena_array(arena, l->servers->n + 1, sizeof *out->servers);
    for (uint32_t i = 0; i < l->servers->n && out->n_servers < CS_SERVERS_MAX; i++) {
        const struct cs_worker_server *v = l->servers->all[i];
        if (v->listed)
            out->servers[out->n_servers++] = (struct cs_lane_server){
                .url = v->url, .state = (uint8_t)v->state, .jams = v->jams};
    }
}

/* ---- calls ------------------------------------------------------------------------------------------ */

struct cs_worker_server *cs_worker_spread_pick(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_trial *t,
                                               const struct cs_call *c)
{
    struct cs_worker_server *at = cs_worker_servers_pick(l->servers, t->block, c != NULL ? c->failed_at : 0, w->now);
    if (at == NULL)
        cs_worker_trouble_wait(w, l);
    return at;
}

void cs_worker_spread_sent(struct cs_call *c, struct cs_worker_server *at, uint64_t block)
{
    c->block = block;
    c->server = at;
    if (at != NULL)
        at->in_flight++;
}

struct cs_worker_server *cs_worker_spread_ended(struct cs_call *c)
{
    struct cs_worker_server *at = c->server;
    c->server = NULL;
    if (at != NULL)
        at->in_flight--;
    return at;
}

static bool has_others(const struct cs_worker_lane *l, const struct cs_worker_server *at)
{
    const uint32_t up = cs_worker_servers_up(l->servers);
    return up > 1 || (up == 1 && !(at->listed && at->state == CS_SERVER_UP));
}

bool cs_worker_spread_in_doubt(const struct cs_worker_lane *l, const struct cs_worker_server *at)
{
    return has_others(l, at) && (at->state != CS_SERVER_UP || at->row > 0);
}

/* An answer is of the lane's model, or it is none of its. */
static bool take_answer(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at,
                        const struct cs_reading *reading, struct cs_verdict *v)
{
    struct cs_worker_lane *l = c->lane;
    char why[WHY], named[2][48];
    const bool was_up = at->state == CS_SERVER_UP;
    const enum cs_outcome outcome = v->outcome;
    v->outcome = CS_OUTCOME_provider_error; /* if it may not be asked again */
    switch (cs_worker_servers_named(l->servers, at, reading->model, w->now)) {
    case CS_SERVES_IT:
        cs_worker_servers_answered(l->servers, at, c->sent_ms, w->now);
        if (!was_up && at->state == CS_SERVER_UP)
            say_state(w, l, at);
        v->outcome = outcome;
        return false;
    case CS_SERVES_UNSURE:
        v->next = CS_NEXT_RETRY; /* nobody can say yet whether it is an answer of this model */
        v->wait_ms = UNSURE_MS;
        return true;
    case CS_SERVES_OTHER:
        break;
    }
    cs_plain_text(named[0], sizeof named[0], reading->model);
    cs_plain_text(named[1], sizeof named[1], l->servers->serves);
    snprintf(why, sizeof why, "it names the model %s, and the others name %s", named[0], named[1]);
    cs_worker_servers_out(l->servers, at, why, l->facts.metered ? UINT64_MAX : CS_SERVERS_OUT_MS, w->now);
    if (was_up)
        say_state(w, l, at);
    v->next = CS_NEXT_RETRY;
    v->wait_ms = 0;
    return true;
}

static bool take_denial(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at, uint16_t status,
                        const struct cs_reading *reading, struct cs_verdict *v)
{
    struct cs_worker_lane *l = c->lane;
    char why[WHY];
    if (!has_others(l, at))
        return false;
    c->faults++;
    v->wait_ms = cs_retry_pause(c->faults - 1, &w->rng);
    v->next = CS_NEXT_RETRY;
    switch (cs_denials_add(&at->denials, c->prompt, reading->says == CS_SAYS_BLOCKED, ++c->denied, w->now)) {
    case CS_DENIED_AGAIN:
        break;
    case CS_DENIED_ALONE:
        v->next = CS_NEXT_FAIL;
        break;
    case CS_DENIED_STOP:
        snprintf(why, sizeof why, "HTTP %u: %s", status, v->rule.reason != NULL ? v->rule.reason : "it says no");
        c->denied = 0;
        cs_worker_servers_out(l->servers, at, why, CS_SERVERS_OUT_MS, w->now);
        say_state(w, l, at);
    }
    return true;
}

static bool take_fault(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at,
                       const struct cs_http_reply *reply, const struct cs_verdict *v)
{
    struct cs_worker_lane *l = c->lane;
    const bool unsent = reply->transfer == CS_TRANSFER_UNSENT;
    char why[WHY];
    if (reply->status != 0)
        snprintf(why, sizeof why, "it answers with faults (HTTP %u)", reply->status);
    else
        snprintf(why, sizeof why, "%s", unsent ? "no connection to it" : "connections to it break");
    if (v->rule.pause == CS_PAUSE_EASE)
        cs_worker_servers_jam(l->servers, at, cs_retry_pause(at->quiets, &w->rng), c->sent_ms, w->now);
    if (cs_worker_servers_fault(l->servers, at, unsent && reply->below != CS_BELOW_FILES, why, c->sent_ms, w->now,
                                &w->rng))
        say_state(w, l, at);
    return has_others(l, at);
}

static bool take_full(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at, const struct cs_verdict *v)
{
    const uint64_t hint = v->wait_ms;
    cs_worker_servers_jam(c->lane->servers, at, hint != CS_NO_HINT ? hint : cs_retry_pause(at->quiets, &w->rng),
                          c->sent_ms, w->now);
    w->shares_stale = true;
    return has_others(c->lane, at);
}

bool cs_worker_spread_reply(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at,
                            const struct cs_http_reply *reply, const struct cs_reading *reading, struct cs_verdict *v)
{
    struct cs_worker_lane *l = c->lane;
    bool own = false;
    if (reply->transfer == CS_TRANSFER_CROWDED || l->servers == NULL)
        return false; /* our own limit: it says nothing of the server */
    switch (v->rule.next) {
    case CS_NEXT_ANSWER:
        own = v->outcome != CS_OUTCOME_timeout && take_answer(w, c, at, reading, v);
        break;
    case CS_NEXT_RETRY:
        own = take_fault(w, c, at, reply, v);
        v->wait_ms = own && c->faults < 2 ? 0 : v->wait_ms; /* another one may be asked at once */
        break;
    case CS_NEXT_DENIED:
        own = take_denial(w, c, at, reply->status, reading, v);
        break;
    case CS_NEXT_WAIT:
        own = take_full(w, c, at, v);
        break;
    case CS_NEXT_FAIL: /* it works, and does not like this request */
        cs_worker_servers_answered(l->servers, at, c->sent_ms, w->now);
        break;
    case CS_NEXT_STOP:
    case CS_NEXT_DAY:
        break;
    }
    c->failed_at = own ? at->number : 0;
    w->shares_stale |= l->servers->moved;
    note_stranded(w, l);
    cs_worker_trouble_wait(w, l);
    return own;
}
