#include "tools/simulator/timers.h"

#include <stdlib.h>
#include <time.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

struct cs_timer {
    uint64_t due_ms;
    void *arg;
};

void cs_timers_add(struct cs_timers *t, uint64_t due_ms, void *arg)
{
    CS_ASSERT(arg != NULL);
    if (t->n == t->cap) {
        t->cap = t->cap != 0 ? 2 * t->cap : 64;
        t->heap = cs_xrealloc(t->heap, t->cap, sizeof *t->heap);
    }
    size_t i = t->n++;
    for (; i > 0 && t->heap[(i - 1) / 2].due_ms > due_ms; i = (i - 1) / 2)
        t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = (struct cs_timer){due_ms, arg};
}

void *cs_timers_due(struct cs_timers *t, uint64_t now_ms)
{
    if (t->n == 0 || t->heap[0].due_ms > now_ms)
        return NULL;
    void *arg = t->heap[0].arg;
    const struct cs_timer x = t->heap[--t->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < t->n; i = child) {
        if (child + 1 < t->n && t->heap[child + 1].due_ms < t->heap[child].due_ms)
            child++;
        if (t->heap[child].due_ms >= x.due_ms)
            break;
        t->heap[i] = t->heap[child];
    }
    t->heap[i] = x;
    return arg;
}

uint64_t cs_timers_next_ms(const struct cs_timers *t)
{
    return t->n > 0 ? t->heap[0].due_ms : UINT64_MAX;
}

void cs_timers_release(struct cs_timers *t)
{
    free(t->heap);
    *t = (struct cs_timers){0};
}

uint64_t cs_timers_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}
