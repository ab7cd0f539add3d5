/* Connections as TCP has them: a prefix of what was sent arrives; only the tail is lost, when one breaks. */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

enum { DOWN, UP, AGAIN_MS = 1000 };

struct cs_peer sim_net_peer(uint32_t worker, uint64_t serial)
{
    struct cs_peer p = {.n = 12};

    memcpy(p.id, &serial, sizeof serial);
    memcpy(p.id + 8, &worker, sizeof worker);
    return p;
}

static struct sim_connection *find(struct sim_worker *w, uint64_t serial)
{
    for (uint32_t i = 0; serial != 0 && i < SIM_CONNECTIONS; i++) {
        if (w->link.connections[i].serial == serial)
            return &w->link.connections[i];
    }
    return NULL;
}

/* From somewhere in the tail under way, everything is lost. */
static void cut(struct sim *s, struct sim_connection *c, int way)
{
    uint64_t from = c->arrived[way] + 1 + sim_below(s, c->sent[way] - c->arrived[way] + 1);

    if (from < c->cut[way])
        c->cut[way] = from;
}

static void try_again(struct sim *s, struct sim_worker *w, uint64_t at)
{
    w->link.state = SIM_LINK_CONNECTING;
    w->link.serial = 0;
    sim_push(s, at + sim_below(s, AGAIN_MS), SIM_LINK_UP, w->index, w->link.socket, NULL);
}

/* ---- connecting -------------------------------------------------------------------------------------- */

void sim_net_connect(struct sim *s, struct sim_worker *w)
{
    sim_net_close(s, w);
    w->link.socket = ++s->connections;
    w->link.state = SIM_LINK_CONNECTING;
    sim_push(s, s->now + 1 + sim_below(s, s->limits.net_ms), SIM_LINK_UP, w->index, w->link.socket, NULL);
}

void sim_net_close(struct sim *s, struct sim_worker *w)
{
    struct sim_connection *c = find(w, w->link.serial);

    if (c != NULL) {
        cut(s, c, UP);
        c->cut[DOWN] = 0;
    }
    w->link.state = SIM_LINK_NONE;
    w->link.serial = w->link.socket = 0;
}

static uint64_t latest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A DEALER forgets what an earlier connection brought and nobody read; a ROUTER may read two tails in any order. */
static void link_up(struct sim *s, struct sim_worker *w)
{
    uint64_t wait = latest(w->link.down_until, latest(s->coordinator.paused_until, w->paused_until));
    struct sim_connection *c;

    if (s->coordinator.core == NULL)
        return; /* its start brings the next try */
    if (wait > s->now) {
        try_again(s, w, wait);
        return;
    }
    for (uint32_t i = 0; i < SIM_CONNECTIONS; i++)
        w->link.connections[i].cut[DOWN] = 0;
    w->link.serial = ++s->connections;
    w->link.state = SIM_LINK_OPEN;
    c = &w->link.connections[w->link.serial % SIM_CONNECTIONS];
    *c = (struct sim_connection){.serial = w->link.serial, .socket = w->link.socket, .cut = {UINT64_MAX, UINT64_MAX}};
    sim_trace(s, "%s    connected", w->name);
}

void sim_net_event(struct sim *s, const struct sim_event *e)
{
    struct sim_worker *w = &s->workers[e->who];

    if (e->kind == SIM_LINK_UP && w->link.state == SIM_LINK_CONNECTING && w->link.socket == e->tag)
        link_up(s, w);
    if (e->kind == SIM_LINK_DOWN && w->link.state == SIM_LINK_HALF && w->link.serial == e->tag)
        try_again(s, w, w->link.down_until);
}

void sim_net_core_gone(struct sim *s)
{
    for (uint32_t k = 0; k < s->limits.n_workers; k++) {
        struct sim_worker *w = &s->workers[k];

        for (uint32_t i = 0; i < SIM_CONNECTIONS; i++) {
            w->link.connections[i].cut[UP] = 0;
            cut(s, &w->link.connections[i], DOWN);
        }
        if (w->link.state != SIM_LINK_NONE) {
            w->link.state = SIM_LINK_CONNECTING;
            w->link.serial = 0;
        }
    }
}

void sim_net_core_back(struct sim *s)
{
    for (uint32_t k = 0; k < s->limits.n_workers; k++) {
        if (s->workers[k].link.state == SIM_LINK_CONNECTING)
            try_again(s, &s->workers[k], s->now);
    }
}

/* ---- faults ------------------------------------------------------------------------------------------ */

void sim_net_break(struct sim *s, struct sim_worker *w, uint64_t for_ms, uint64_t half_open_ms)
{
    struct sim_connection *c = find(w, w->link.serial);

    w->link.down_until = s->now + half_open_ms + for_ms;
    if (w->link.state != SIM_LINK_OPEN || c == NULL)
        return;
    cut(s, c, UP);
    cut(s, c, DOWN);
    if (half_open_ms > 0) { /* neither end knows yet */
        w->link.state = SIM_LINK_HALF;
        sim_push(s, s->now + half_open_ms, SIM_LINK_DOWN, w->index, c->serial, NULL);
    } else {
        try_again(s, w, w->link.down_until);
    }
}

void sim_net_stall(struct sim *s, struct sim_worker *w, bool up, uint64_t for_ms)
{
    struct sim_connection *c = find(w, w->link.serial);

    if (c != NULL && c->stalled_ms[up] < s->now + for_ms)
        c->stalled_ms[up] = s->now + for_ms;
}

/* ---- messages ---------------------------------------------------------------------------------------- */

static struct sim_packet *packet(const struct cs_message *m, bool up)
{
    struct cs_buf buf = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct sim_packet *p;

    cs_message_pack(m, &buf);
    CS_ASSERT(!buf.overflow);
    p = cs_xmalloc(sizeof *p + buf.len);
    *p = (struct sim_packet){.len = (uint32_t)buf.len, .up = up};
    memcpy(p->bytes, buf.data, buf.len);
    cs_buf_release(&buf);
    return p;
}

static void send(struct sim *s, struct sim_worker *w, const struct cs_message *m, bool up)
{
    struct sim_connection *c = find(w, w->link.serial);
    uint64_t at = s->now + s->limits.net_ms / 2 + sim_below(s, s->limits.net_ms);
    struct sim_packet *p;

    if (w->link.state != SIM_LINK_OPEN)
        return; /* half open: into the void */
    CS_ASSERT(c != NULL);
    p = packet(m, up);
    p->connection = c->serial;
    p->number = ++c->sent[up];
    if (at < c->stalled_ms[up])
        at = c->stalled_ms[up];
    if (at < c->last_ms[up])
        at = c->last_ms[up];
    c->last_ms[up] = at;
    sim_push(s, at, SIM_DELIVER, w->index, 0, p);
}

bool sim_net_up(struct sim *s, struct sim_worker *w, const struct cs_message *m)
{
    if (w->link.state != SIM_LINK_OPEN && w->link.state != SIM_LINK_HALF)
        return false;
    sim_trace_message(s, w->name, "->", "C", m);
    send(s, w, m, true);
    return true;
}

/* A host that lost its power leaves its connection behind. */
bool sim_net_is_routed(const struct sim *s, const struct cs_peer *peer)
{
    uint64_t serial;
    uint32_t index;

    memcpy(&serial, peer->id, sizeof serial);
    memcpy(&index, peer->id + 8, sizeof index);
    return s->workers[index].link.serial == serial || serial % 4 == 0;
}

void sim_net_down(struct sim *s, const struct cs_peer *peer, const struct cs_message *m)
{
    uint64_t serial;
    uint32_t index;
    struct sim_worker *w;

    memcpy(&serial, peer->id, sizeof serial);
    memcpy(&index, peer->id + 8, sizeof index);
    w = &s->workers[index];
    sim_trace_message(s, "C", w->link.serial == serial ? "->" : "has no route to", w->name, m);
    if (w->link.serial == serial)
        send(s, w, m, false);
}

void sim_net_publish(struct sim *s, const struct cs_message *m)
{
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        struct sim_worker *w = &s->workers[i];

        if (w->core == NULL || w->link.down_until > s->now)
            continue;
        if (sim_chance(s, s->limits.permille[SIM_PUB_LOSS])) {
            sim_fired(s, SIM_PUB_LOSS);
            continue;
        }
        sim_push(s, s->now + sim_below(s, 2 * s->limits.net_ms), SIM_ANNOUNCED, i, 0, packet(m, false));
    }
}

bool sim_net_is_whole(struct sim_worker *w, const struct sim_packet *p)
{
    const struct sim_connection *c = find(w, p->connection);

    return c != NULL && p->number < c->cut[p->up];
}

bool sim_net_arrives(struct sim *s, struct sim_worker *w, struct sim_packet *p, struct cs_message *out)
{
    struct sim_connection *c = find(w, p->connection);
    struct cs_error err = {0};

    if (p->connection != 0) {
        if (!sim_net_is_whole(w, p) || (!p->up && c->socket != w->link.socket))
            return false;
        CS_ASSERT(p->number == c->arrived[p->up] + 1);
        c->arrived[p->up] = p->number;
    }
    cs_arena_reset(&s->arena);
    if (cs_message_unpack(p->bytes, p->len, &s->arena, out, &err) != CS_OK)
        sim_fail(s, "a message does not unpack: %s", err.msg);
    return true;
}
