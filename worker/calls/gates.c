#include "worker/calls/gates.h"

#include <stddef.h>

static struct cs_gate *gate_of(struct cs_gates *g, uint64_t endpoint)
{
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->all[i].endpoint == endpoint)
            return &g->all[i];
    }
    if (g->n == CS_GATES_MAX)
        return NULL;
    g->all[g->n] = (struct cs_gate){.endpoint = endpoint};
    return &g->all[g->n++];
}

bool cs_gates_enter(struct cs_gates *g, struct cs_gate_call *c)
{
    struct cs_gate *gate = gate_of(g, c->endpoint);
    if (gate == NULL || gate->open)
        return true;
    if (gate->first == NULL) {
        gate->first = c;
        return true;
    }
    c->next = gate->waiting;
    gate->waiting = c;
    return false;
}

bool cs_gates_open(struct cs_gates *g, const struct cs_gate_call *c)
{
    struct cs_gate *gate = gate_of(g, c->endpoint);
    if (gate == NULL || gate->open || gate->first != c)
        return false;
    gate->open = true;
    gate->first = NULL;
    return gate->waiting != NULL;
}

bool cs_gates_leave(struct cs_gates *g, struct cs_gate_call *c)
{
    struct cs_gate *gate = gate_of(g, c->endpoint);
    for (struct cs_gate_call **at = gate != NULL ? &gate->waiting : NULL; at != NULL && *at != NULL;
         at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            return true;
        }
    }
    return false;
}

struct cs_gate_call *cs_gates_next(struct cs_gates *g)
{
    for (uint32_t i = 0; i < g->n; i++) {
        struct cs_gate_call *c = g->all[i].open ? g->all[i].waiting : NULL;
        if (c != NULL) {
            g->all[i].waiting = c->next;
            return c;
        }
    }
    return NULL;
}
