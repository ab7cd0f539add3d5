/* gates.h - the first call to an endpoint goes alone, so that a name is looked up once and not by hundreds of threads at a time. Pure. */
#ifndef CS_GATES_H
#define CS_GATES_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_GATES_MAX = 64 };

struct cs_gate_call { /* lives inside a call */
    uint64_t endpoint;
    struct cs_gate_call *next;
};

struct cs_gates {
    struct cs_gate {
        uint64_t endpoint;
        bool open;
        struct cs_gate_call *first; /* on its way */
        struct cs_gate_call *waiting;
    } all[CS_GATES_MAX];
    uint32_t n; /* more endpoints than anybody has: those have no gate */
};

/* Whether the call may go now; else it waits, and comes out of cs_gates_next. */
bool cs_gates_enter(struct cs_gates *g, struct cs_gate_call *c);
/* The call got through, or came to its end. Whether others may go now. */
bool cs_gates_open(struct cs_gates *g, const struct cs_gate_call *c);
/* Takes out a call that waits; false: it does not. */
bool cs_gates_leave(struct cs_gates *g, struct cs_gate_call *c);
/* A call that need not wait any more, taken out; NULL: none. */
struct cs_gate_call *cs_gates_next(struct cs_gates *g);

#endif
