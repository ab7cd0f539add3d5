/* What a worker shows of its lanes and of the pools that they draw from. */
#include "worker/core/report.h"

#include <string.h>

#include "worker/calls/binding.h"
#include "worker/calls/brake.h"
#include "worker/core/lane.h"
#include "worker/calls/pacer.h"
#include "worker/core/state.h"

/* The dimension, among those with a declared rate, that lets the fewest calls through; without any, that of the day. */
static enum cs_bind tightest(const struct cs_pacer *p)
{
    enum cs_bind least = CS_BIND_SLOTS;
    double calls = 0;
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++) {
        const double fit = p->limit[d] > 0 && p->typical[d] > 0 ? p->limit[d] / p->typical[d] : 0;
        if (fit > 0 && (least == CS_BIND_SLOTS || fit < calls)) {
            least = (enum cs_bind)d;
            calls = fit;
        }
    }
    for (int d = CS_QUOTA_PER_MINUTE; d < CS_QUOTA_DIMS && least == CS_BIND_SLOTS; d++) {
        if (p->limit[d] > 0)
            least = (enum cs_bind)d;
    }
    return least;
}

enum cs_bind cs_worker_report_outage(const struct cs_worker_lane *l)
{
    if (l->stranded)
        return CS_BIND_SERVERS;
    return l->outage.away || (l->servers != NULL && cs_worker_servers_up(l->servers) == 0) ? CS_BIND_AWAY : CS_BINDS;
}

enum cs_bind cs_worker_report_binding(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    const struct cs_pacer *p = l->draw != NULL ? &l->draw->pacer : NULL;
    if (cs_worker_report_outage(l) != CS_BINDS)
        return cs_worker_report_outage(l); /* also where it has given everything back, or a single call is under way */
    if (TAILQ_EMPTY(&l->open) && TAILQ_EMPTY(&l->due) && TAILQ_EMPTY(&l->going))
        return CS_BIND_NOTHING;
    if (l->blocked || !l->known)
        return CS_BIND_CASES;
    if (w->now < l->quiet_until || (p != NULL && w->now < p->quiet_until))
        return CS_BIND_QUIET;
    if (!cs_worker_lane_is_borne(w, l))
        return CS_BIND_MEMORY;
    if (l->in_flight >= cs_worker_lane_most(l))
        return cs_worker_lane_most(l) < l->wish || l->share == l->facts.concurrent ? CS_BIND_CONCURRENT : CS_BIND_SLOTS;
    if (p != NULL && p->in_flight >= cs_pacer_most(p))
        return CS_BIND_CONCURRENT;
    return p != NULL ? tightest(p) : CS_BIND_SLOTS;
}

static void report_lane(struct cs_worker *w, struct cs_worker_lane *l, struct cs_worker_lane_info *out)
{
    if (!l->ready) /* what kept it then may have gone since, with nobody to say so: its last trial, say */
        cs_binding_note(&l->binding, cs_worker_report_binding(w, l), w->now);
    *out = (struct cs_worker_lane_info){
        .gen = l->gen,
        .lane = l->lane,
        .binds = cs_binding_name(cs_binding_most(&l->binding, w->now)),
        .in_flight = l->in_flight,
        .slots = cs_worker_lane_most(l),
        .draw = l->draw != NULL ? l->draw->number + 1 : 0,
    };
    cs_lane_tally_sum(&l->tally, w->now, &out->tally);
}

static void report_pool(const struct cs_draw *d, uint32_t pool, double minutes, struct cs_worker_pool_info *out)
{
    const struct cs_pacer_pool *p = &d->pacer.pool[pool];
    *out = (struct cs_worker_pool_info){.draw = d->number + 1,
                                        .group = d->group,
                                        .name = d->name[pool],
                                        .in_flight = d->pacer.in_flight,
                                        .concurrent = p->concurrent};
    for (int k = 0; k < CS_QUOTA_DIMS; k++) {
        const double told = k < CS_QUOTA_PER_MINUTE && p->was_told ? p->told[k] : 0;
        out->limit[k] = told > 0 && told < p->declared[k] ? told : p->declared[k];
        if (k < CS_QUOTA_PER_MINUTE && minutes > 0)
            out->used[k] = (d->pacer.charged[k] - d->reported[k]) / minutes;
    }
}

/* A list that was not taken stands among the servers: whoever wrote it looks there. */
static void report_list(const struct cs_worker_lane *l, struct cs_arena *arena, struct cs_worker_info *out)
{
    const struct cs_server_list *list = l->facts.servers;
    if (l->servers == NULL || list == NULL || list->fault == NULL)
        return;
    out->servers[out->n_servers++] = (struct cs_worker_server_info){
        .gen = l->gen,
        .lane = l->lane,
        .url = cs_arena_printf(arena, "file:%s", list->place),
        .state = "out",
        .why = cs_arena_printf(arena, "%s%s", list->fault, list->n > 0 ? "; the list before it stays" : ""),
    };
}

static void report_servers(struct cs_worker *w, struct cs_arena *arena, struct cs_worker_info *out)
{
    static const char *const states[] = {"up", "away", "out"};
    uint32_t n = 0;
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        n += l->servers != NULL ? l->servers->n + 1 : 0;
    out->servers = cs_arena_array(arena, n + 1, sizeof *out->servers);
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        for (uint32_t i = 0; l->servers != NULL && i < l->servers->n; i++) {
            const struct cs_worker_server *v = l->servers->all[i];
            if (v->listed)
                out->servers[out->n_servers++] = (struct cs_worker_server_info){
                    .gen = l->gen,
                    .lane = l->lane,
                    .url = v->url,
                    .state = states[v->state],
                    .why = v->why,
                    .in_flight = v->in_flight,
                    .slots = v->most != UINT32_MAX ? v->most : 0,
                    .answers = v->answers,
                };
        }
        report_list(l, arena, out);
    }
}

void cs_worker_report_lanes(struct cs_worker *w, uint64_t now_ms, struct cs_arena *arena, struct cs_worker_info *out)
{
    out->lanes = cs_arena_array(arena, HASH_COUNT(w->lanes) + 1, sizeof *out->lanes);
    w->now = now_ms > w->now ? now_ms : w->now;
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->state == CS_LANE_OPEN || l->tally.minute_ms != 0)
            report_lane(w, l, &out->lanes[out->n_lanes++]);
    }
    report_servers(w, arena, out);
}

void cs_worker_report_errors(struct cs_worker *w, struct cs_arena *arena, struct cs_complaint **out, uint32_t *n)
{
    *out = cs_arena_array(arena, CS_MISHAPS_ROWS, sizeof **out);
    *n = cs_mishaps_take(&w->mishaps, *out);
}

void cs_worker_report(struct cs_worker *w, uint64_t now_ms, struct cs_arena *arena, struct cs_worker_info *out)
{
    const uint32_t n_pools = HASH_COUNT(w->draws) * CS_QUOTA_POOLS_MAX;
    cs_worker_report_lanes(w, now_ms, arena, out);
    out->pools = cs_arena_array(arena, n_pools + 1, sizeof *out->pools);
    for (struct cs_draw *d = w->draws; d != NULL; d = d->hh.next) {
        const double minutes = d->reported_at != 0 ? (double)(w->now - d->reported_at) / 60e3 : 0;
        for (uint32_t k = 0; k < d->pacer.n_pools; k++)
            report_pool(d, k, minutes, &out->pools[out->n_pools++]);
        memcpy(d->reported, d->pacer.charged, sizeof d->reported);
        d->reported_at = w->now;
    }
}
