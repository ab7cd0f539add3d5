/* The trace of a seed: messages in a line each, positions as ranges. */
#include "tests/sim/sim.h"

#include <stdio.h>

enum { LINE_MAX = 1000 };

struct line {
    char text[LINE_MAX];
    size_t n;
};

static void CS_PRINTF(2, 3) say(struct line *l, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(l->text + l->n, sizeof l->text - l->n, fmt, ap);
    va_end(ap);
    if (n > 0)
        l->n = l->n + (size_t)n < sizeof l->text ? l->n + (size_t)n : sizeof l->text - 1;
}

static bool has(const uint8_t *map, unsigned i)
{
    return (map[i / 8] >> (i % 8) & 1) != 0;
}

static void say_set(struct line *l, const char *name, uint64_t page, const uint8_t *map)
{
    for (unsigned i = 0, end; i < CS_SHARD_SIZE; i = end + 1) {
        end = i;
        if (!has(map, i))
            continue;
        while (end + 1 < CS_SHARD_SIZE && has(map, end + 1))
            end++;
        say(l, "%s%llu", name, (unsigned long long)(page * CS_SHARD_SIZE + i));
        if (end > i)
            say(l, "-%llu", (unsigned long long)(page * CS_SHARD_SIZE + end));
        name = ",";
    }
}

static void say_leases(struct line *l, uint32_t n, const struct cs_lease_ref *leases)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_lease_ref *r = &leases[i];

        say(l, " [%u.%u m%u", (unsigned)(r->epoch >> 32), (unsigned)r->epoch, r->lane);
        say_set(l, " ", r->page, r->todo);
        say_set(l, " busy ", r->page, r->busy);
        say(l, "]");
    }
}

static void say_announce(struct line *l, const struct cs_announce *a)
{
    static const char *const states[] = {"open", "paused", "stopped", "done", "cancelled"};

    for (uint32_t i = 0; i < a->n_lanes; i++) {
        say(l, " %u.m%u=%s%s", a->lanes[i].gen, a->lanes[i].lane, states[a->lanes[i].state],
            a->lanes[i].available ? "+" : "");
        if (a->lanes[i].calls > 0)
            say(l, ":%u", a->lanes[i].calls - 1);
    }
    if (a->draining)
        say(l, " draining");
}

static void say_body(struct line *l, const struct cs_message *m)
{
    if (m->kind == CS_HELLO)
        say_leases(l, m->hello.n_leases, m->hello.leases);
    else if (m->kind == CS_PING)
        say_leases(l, m->ping.n_leases, m->ping.leases);
    else if (m->kind == CS_ASSIGN || m->kind == CS_RELEASE || m->kind == CS_REVOKE || m->kind == CS_REVOKED)
        say_leases(l, m->leases.n, m->leases.leases);
    else if (m->kind == CS_OUTPUTS)
        say(l, " %llu..%llu", (unsigned long long)m->outputs.first,
            (unsigned long long)(m->outputs.first + m->outputs.n - 1));
    else if (m->kind == CS_ACK)
        say(l, " ..%llu", (unsigned long long)m->ack_body.durable);
    else if (m->kind == CS_STOP || m->kind == CS_ANNOUNCE)
        say_announce(l, &m->announce);
    else if (m->kind == CS_WANT)
        for (uint32_t i = 0; i < m->want.n; i++)
            say(l, " %u.m%u=%u%s", m->want.lanes[i].gen, m->want.lanes[i].lane, m->want.lanes[i].capacity,
                m->want.lanes[i].trouble[0] ? "!" : "");
    else if (m->kind == CS_WELCOME)
        for (uint32_t i = 0; i < m->welcome.n_adopted; i++)
            say(l, " %u.%u=%u.%u", (unsigned)(m->welcome.adopted[i].old_epoch >> 32),
                (unsigned)m->welcome.adopted[i].old_epoch, (unsigned)(m->welcome.adopted[i].new_epoch >> 32),
                (unsigned)m->welcome.adopted[i].new_epoch);
    else if (m->kind == CS_PONG)
        for (uint32_t i = 0; i < m->pong.n_lost; i++)
            say(l, " lost %u.%u", (unsigned)(m->pong.lost[i] >> 32), (unsigned)m->pong.lost[i]);
}

void sim_trace_message(const struct sim *s, const char *from, const char *verb, const char *to,
                       const struct cs_message *m)
{
    struct line l = {.n = 0};

    if (!s->trace)
        return;
    say_body(&l, m);
    sim_trace(s, "%s %s %s  %s %llu ack %llu%s", from, verb, to, cs_message_kind_name(m->kind),
              (unsigned long long)m->seq, (unsigned long long)m->ack, l.text);
}
