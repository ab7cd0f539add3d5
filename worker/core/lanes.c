/* Lanes as announced: their facts, their share of the slots, what is wanted of them, and the specs and cases to
 * ask for. */
#include "worker/core/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "worker/calls/alarm.h"
#include "worker/calls/brake.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/leases.h"
#include "worker/calls/outage.h"
#include "worker/core/pools.h"
#include "worker/core/spread.h"
#include "worker/core/state.h"
#include "worker/core/trouble.h"

enum { WEIGHT_UNIT = 256 }; /* so that a weight can be divided */

static void drop_facts(struct cs_worker *w, struct cs_worker_lane *l)
{
    if (l->known)
        w->source.release(w->source.self, l->facts.study);
    l->known = false;
    l->draw = NULL;
    cs_worker_spread_drop(l);
    l->facts = (struct cs_lane_facts){0};
}

static void remove_lane(struct cs_worker *w, struct cs_worker_lane *l)
{
    CS_ASSERT(l->n_leases == 0);
    CS_ASSERT(l->in_flight == 0);
    if (l->ready)
        TAILQ_REMOVE(&w->ring, l, in_ring);
    cs_alarm_clear(&w->alarms, &l->alarm);
    drop_facts(w, l);
    HASH_DEL(w->lanes, l);
    free(l);
}

void cs_lanes_close(struct cs_worker *w)
{
    while (w->lanes != NULL) {
        struct cs_worker_lane *l = w->lanes;
        l->n_leases = l->in_flight = 0;
        remove_lane(w, l);
    }
}

/* ---- the announcement ------------------------------------------------------------------------------ */

static struct cs_worker_lane *add_lane(struct cs_worker *w, const struct cs_lane_info *info)
{
    struct cs_worker_lane *l = cs_xcalloc(1, sizeof *l);
    l->key = cs_worker_lane_key(info->gen, info->lane);
    l->gen = info->gen;
    l->lane = info->lane;
    l->state = CS_LANE_PAUSED;
    l->dealt = CS_SHARES_FREE;
    l->weight = CS_LANE_WEIGHT_USUAL;
    l->turns = 1;
    cs_brake_init(&l->brake, true);
    cs_outage_init(&l->outage);
    memcpy(l->spec, info->spec_digest, sizeof l->spec);
    l->alarm.kind = CS_ALARM_LANE;
    l->alarm.owner = l;
    TAILQ_INIT(&l->open);
    TAILQ_INIT(&l->due);
    TAILQ_INIT(&l->going);
    HASH_ADD(hh, w->lanes, key, sizeof l->key, l);
    return l;
}

static bool may_hold(enum cs_lane_state s)
{
    return s == CS_LANE_OPEN || s == CS_LANE_PAUSED;
}

static void set_lane(struct cs_worker *w, struct cs_worker_lane *l, enum cs_lane_state state, bool available)
{
    if (l->state == state && l->available == available)
        return;
    w->shares_stale = true;
    l->available = available;
    if (l->state == state)
        return;
    l->state = state;
    if (state == CS_LANE_OPEN) {
        if (l->trouble[0] != '\0' && l->in_flight == 0) /* reopened by a person: perhaps the key is right now */
            drop_facts(w, l);
        l->trouble[0] = '\0';
        l->key_refused = false;
        l->denials = (struct cs_denials){0};
        cs_worker_lane_wake(w, l);
    }
    if (!may_hold(state))
        cs_leases_give_back(w, l, true);
}

/* The part of the lane's calls that is this worker's. */
static void set_dealt(struct cs_worker *w, struct cs_worker_lane *l, uint32_t calls)
{
    uint32_t dealt = calls > 0 ? calls - 1 : CS_SHARES_FREE;
    if (dealt == l->dealt)
        return;
    if (dealt < l->dealt)
        l->jammed_at = w->now; /* what was sent before was sent as one of more */
    l->dealt = dealt;
    w->shares_stale = true;
}

static void set_weight(struct cs_worker *w, struct cs_worker_lane *l, uint32_t weight)
{
    const uint32_t now = weight > 0 ? weight : CS_LANE_WEIGHT_USUAL;
    w->shares_stale |= now != l->weight;
    l->weight = now;
}

static bool same_limits(const struct cs_limits *a, const struct cs_limits *b)
{
    return a->requests_per_minute == b->requests_per_minute && a->tokens_per_minute == b->tokens_per_minute &&
           a->input_tokens_per_minute == b->input_tokens_per_minute &&
           a->output_tokens_per_minute == b->output_tokens_per_minute && a->concurrent == b->concurrent;
}

/* An operator has set limits by hand, or lifted them. */
static void set_limits(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_limits *limits)
{
    const bool had = l->draw != NULL;
    if (same_limits(&l->by_hand, limits))
        return;
    l->by_hand = *limits;
    w->shares_stale = true;
    if (!l->known)
        return;
    cs_pools_join(w, l);
    if (had != (l->draw != NULL))
        cs_brake_init(&l->brake, l->draw != NULL);
    cs_do_log(w, CS_INFO, "limits_by_hand", "gen=%u lane=%u requests_per_minute=%llu concurrent=%u", l->gen, l->lane,
              (unsigned long long)limits->requests_per_minute, limits->concurrent);
    cs_worker_lane_wake(w, l);
}

void cs_lanes_announce(struct cs_worker *w, const struct cs_announce *a, bool in_order)
{
    w->announcements++;
    for (uint32_t i = 0; i < a->n_lanes; i++) {
        struct cs_worker_lane *l = cs_worker_lane_find(w, a->lanes[i].gen, a->lanes[i].lane);
        if (l == NULL)
            l = add_lane(w, &a->lanes[i]);
        l->seen = w->announcements;
        set_weight(w, l, a->lanes[i].weight);
        set_lane(w, l, (enum cs_lane_state)a->lanes[i].state, a->lanes[i].available != 0);
        if (!in_order) /* PUB may bring what stood before a `resume` after it */
            continue;
        set_limits(w, l, &a->lanes[i].limits);
        set_dealt(w, l, a->lanes[i].calls);
        cs_worker_spread_told(w, l, &a->lanes[i]);
        l->parted = l->told_capacity > 0;
    }
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->seen != w->announcements)
            set_lane(w, l, CS_LANE_CANCELLED, false);
    }
    if (w->fleet_draining != a->draining) {
        w->fleet_draining = a->draining;
        w->shares_stale = true;
    }
    if (w->fleet_draining)
        cs_leases_give_back(w, NULL, true);
}

/* ---- specs and cases ------------------------------------------------------------------------------- */

static void ask_for(struct cs_worker *w, const uint8_t digest[32], uint32_t bytes)
{
    for (uint32_t i = 0; i < w->n_asked; i++) {
        if (memcmp(w->asked[i].digest, digest, 32) == 0)
            return;
    }
    if (w->n_asked == w->cap_asked) {
        w->cap_asked = w->cap_asked != 0 ? w->cap_asked * 2 : 16;
        w->asked = cs_xrealloc(w->asked, w->cap_asked, sizeof *w->asked);
    }
    memcpy(w->asked[w->n_asked].digest, digest, 32);
    w->asked[w->n_asked++].bytes = bytes;
    w->asked_bytes += bytes;
    memcpy(cs_do_send(w, CS_SPEC_GET)->spec_get.digest, digest, 32);
    if (w->spec.place == 0)
        cs_alarm_set(&w->alarms, &w->spec, w->now + CS_SPEC_AGAIN_MS);
}

void cs_lanes_ask(struct cs_worker *w)
{
    uint8_t digest[32];
    uint32_t bytes;
    while (cs_do_is_live(w) && w->asked_bytes < CS_SPEC_BYTES && w->source.missing(w->source.self, digest, &bytes))
        ask_for(w, digest, bytes);
}

bool cs_lanes_may_ask(const struct cs_worker *w)
{
    return w->asked_bytes < CS_SPEC_BYTES / 2;
}

static void unblock(struct cs_worker *w)
{
    w->shares_stale = true; /* facts may be there now */
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->blocked)
            cs_worker_lane_wake(w, l);
        l->blocked = false;
    }
}

/* Forgets what was asked: whoever still needs it runs into its absence and asks again. */
void cs_lanes_ask_again(struct cs_worker *w)
{
    w->n_asked = 0;
    w->asked_bytes = 0;
    cs_alarm_clear(&w->alarms, &w->spec);
    unblock(w);
}

void cs_lanes_spec(struct cs_worker *w, const struct cs_spec_reply *s)
{
    uint32_t i = 0;
    while (i < w->n_asked && memcmp(w->asked[i].digest, s->digest, 32) != 0)
        i++;
    if (i == w->n_asked)
        return;
    char hex[17];
    cs_digest_hex(s->digest, 8, hex);
    if (s->len == 0) {
        cs_do_log(w, CS_WARN, "spec_unknown", "digest=%s", hex); /* asked again when the alarm rings */
        return;
    }
    struct cs_error err = {0};
    if (w->source.put(w->source.self, s->digest, s->bytes, s->len, &err) != CS_OK) {
        cs_do_log(w, CS_ERROR, "spec_bad", "digest=%s why=\"%s\"", hex, err.msg);
        return;
    }
    w->asked_bytes -= w->asked[i].bytes;
    w->asked[i] = w->asked[--w->n_asked];
    if (w->n_asked == 0)
        cs_alarm_clear(&w->alarms, &w->spec);
    else /* the rest is on its way, on a slow line behind what has come */
        cs_alarm_set(&w->alarms, &w->spec, w->now + CS_SPEC_AGAIN_MS);
    unblock(w);
}

/* ---- facts and shares ------------------------------------------------------------------------------ */

static void load_facts(struct cs_worker *w, struct cs_worker_lane *l)
{
    struct cs_error err = {0};
    enum cs_err rc = w->source.lane(w->source.self, l->spec, l->lane, &l->facts, &err);
    if (rc == CS_EAGAIN) {
        l->blocked = true;
        return;
    }
    l->known = rc == CS_OK;
    if (l->known) {
        cs_pools_join(w, l);
        cs_brake_init(&l->brake, l->draw != NULL);
        cs_worker_spread_look(w, l);
        if (l->facts.talks)
            cs_leases_untold(w, l);
    }
    const char *trouble = rc == CS_OK ? l->facts.trouble : err.msg;
    if (trouble[0] != '\0')
        cs_worker_trouble_stop(w, l, trouble);
}

static bool has_work(const struct cs_worker_lane *l)
{
    return l->available || l->n_todo > 0 || l->in_flight > 0 || l->n_warm > 0;
}

static bool takes_part(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    return !w->draining && !w->fleet_draining && l->state == CS_LANE_OPEN && l->known && l->trouble[0] == '\0' &&
           cs_worker_lane_fits(w, l, 0) && has_work(l);
}

/* What keeps a lane to few calls besides what is dealt out. */
static uint32_t own_limit(const struct cs_worker_lane *l)
{
    return l->outage.away || l->stranded ? 1 : l->facts.concurrent != 0 ? l->facts.concurrent : CS_SHARES_FREE;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A study's weight is shared by those of its lanes that work: of its slots by all, of a quota by those that draw from it. */
static uint64_t weigh(struct cs_worker *w, struct cs_worker_lane *l)
{
    uint32_t lanes = 0, here = 0;
    if (!takes_part(w, l))
        return 1;
    for (const struct cs_worker_lane *o = w->lanes; o != NULL; o = o->hh.next) {
        if (o->gen != l->gen || !takes_part(w, o))
            continue;
        lanes++;
        here += o->draw == l->draw;
    }
    l->turns = WEIGHT_UNIT * l->weight / here;
    return (uint64_t)WEIGHT_UNIT * l->weight / lanes;
}

/* Most workers have lanes of one study: nothing is to be weighed then. */
static bool has_several(const struct cs_worker *w)
{
    uint32_t gen = 0;
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (!takes_part(w, l))
            continue;
        if (gen != 0 && l->gen != gen)
            return true;
        gen = l->gen;
    }
    return false;
}

static void count_draws(struct cs_worker *w)
{
    for (struct cs_draw *d = w->draws; d != NULL; d = d->hh.next)
        d->n_lanes = 0;
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->draw != NULL && takes_part(w, l))
            l->draw->n_lanes++;
    }
}

static void share_slots(struct cs_worker *w)
{
    w->several = has_several(w);
    struct cs_share *shares = cs_arena_array(&w->arena, HASH_COUNT(w->lanes) + 1, sizeof *shares);
    uint32_t n = 0;
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        shares[n++] = (struct cs_share){.works = takes_part(w, l),
                                        .weight = w->several ? weigh(w, l) : 1,
                                        .trusted = l->answered_at != 0 && !l->silent,
                                        .limit = least(own_limit(l), l->dealt)};
    count_draws(w);
    cs_shares(shares, n, w->opts.slots);
    n = 0;
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next, n++) {
        l->share = shares[n].share;
        l->wish = least(shares[n].wish, own_limit(l));
        if (l->servers != NULL)
            cs_worker_servers_part(l->servers, cs_worker_spread_part(l));
        if (l->parted && l->dealt < CS_SHARES_FREE / 2)
            cs_leases_give_back_beyond(w, l, 2 * l->dealt);
    }
    cs_worker_lane_wake_all(w);
}

void cs_lanes_look(struct cs_worker *w)
{
    uint32_t works = 0;
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        works += takes_part(w, l);
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        uint64_t since = l->answered_at > l->started_at ? l->answered_at : l->started_at;
        uint64_t patience = CS_SILENT_LATENCIES * l->slowest_ms;
        if (works > 1 && l->in_flight > 0 && !l->silent &&
            w->now - since > (patience > CS_SILENT_MS ? patience : CS_SILENT_MS)) {
            cs_do_log(w, CS_INFO, "lane_silent", "gen=%u lane=%u in_flight=%u silent_ms=%llu", l->gen, l->lane,
                      l->in_flight, (unsigned long long)(w->now - since));
            cs_worker_lane_silent(w, l, true);
        }
    }
    if (works > 1)
        cs_alarm_set(&w->alarms, &w->look, w->now + CS_LOOK_MS);
}

/* A share to work on, and as much again so that it never runs dry. */
static struct cs_want_lane want_of(struct cs_worker *w, const struct cs_worker_lane *l)
{
    struct cs_want_lane want = {
        .gen = l->gen,
        .lane = l->lane,
        .capacity = 2 * l->wish,
        .trouble = l->trouble[0] != '\0' ? l->trouble : l->away,
        .key = l->key_refused ? l->facts.endpoint->key : "",
        .jams = 1 + l->jams,
    };
    cs_worker_spread_want(l, &w->arena, &want);
    return want;
}

static uint8_t trouble_of(const struct cs_worker_lane *l)
{
    return l->trouble[0] != '\0' ? 1 : l->away[0] != '\0' ? 2 : 0;
}

uint32_t cs_lanes_wants(struct cs_worker *w, struct cs_want_lane **out)
{
    uint32_t n = 0;
    *out = cs_arena_array(&w->arena, HASH_COUNT(w->lanes), sizeof **out);
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        l->told_capacity = 2 * l->wish;
        l->told_jams = l->jams;
        l->told_trouble = trouble_of(l);
        if (l->servers != NULL)
            l->servers->moved = false;
        if (l->seen == w->announcements)
            (*out)[n++] = want_of(w, l);
    }
    return n;
}

void cs_lanes_forget_wants(struct cs_worker *w)
{
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        l->told_capacity = l->told_trouble = l->parted = 0;
    w->shares_stale = true;
}

/* Little more or less of a lane can wait for the next PING. */
static bool has_moved(const struct cs_worker_lane *l)
{
    uint32_t now = 2 * l->wish, told = l->told_capacity, by = now > told ? now - told : told - now;
    return (by > 0 && (now == 0 || told == 0 || by > told / 8)) || trouble_of(l) != l->told_trouble ||
           l->jams != l->told_jams || (l->servers != NULL && l->servers->moved);
}

static void tell_wants(struct cs_worker *w)
{
    bool changed = false;
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        changed |= has_moved(l);
    if (!changed)
        return;
    struct cs_want *b = &cs_do_send(w, CS_WANT)->want;
    b->n = cs_lanes_wants(w, &b->lanes);
}

void cs_lanes_settle(struct cs_worker *w)
{
    if (!w->shares_stale)
        return;
    w->shares_stale = false;
    for (struct cs_worker_lane *l = w->lanes, *next; l != NULL; l = next) {
        next = l->hh.next;
        if (l->seen != w->announcements && l->n_leases == 0)
            remove_lane(w, l);
        else if (l->state == CS_LANE_OPEN && !l->known && !l->blocked && l->trouble[0] == '\0' && has_work(l))
            load_facts(w, l);
    }
    share_slots(w);
    if (w->look.place == 0 && HASH_COUNT(w->lanes) > 1)
        cs_alarm_set(&w->alarms, &w->look, w->now + CS_LOOK_MS);
    if (cs_do_is_live(w) && !w->said_bye)
        tell_wants(w);
}
