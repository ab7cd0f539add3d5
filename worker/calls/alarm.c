#include "worker/calls/alarm.h"

#include <stddef.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

static void put(struct cs_alarms *all, uint32_t place, struct cs_alarm *a)
{
    all->heap[place - 1] = a;
    a->place = place;
}

static void rise(struct cs_alarms *all, struct cs_alarm *a)
{
    uint32_t place = a->place;
    while (place > 1 && all->heap[place / 2 - 1]->at_ms > a->at_ms) {
        put(all, place, all->heap[place / 2 - 1]);
        place /= 2;
    }
    put(all, place, a);
}

static void sink(struct cs_alarms *all, struct cs_alarm *a)
{
    uint32_t place = a->place;
    for (;;) {
        uint32_t child = place * 2;
        if (child > all->n)
            break;
        if (child < all->n && all->heap[child]->at_ms < all->heap[child - 1]->at_ms)
            child++;
        if (all->heap[child - 1]->at_ms >= a->at_ms)
            break;
        put(all, place, all->heap[child - 1]);
        place = child;
    }
    put(all, place, a);
}

void cs_alarms_release(struct cs_alarms *all)
{
    free(all->heap);
    *all = (struct cs_alarms){0};
}

void cs_alarm_set(struct cs_alarms *all, struct cs_alarm *a, uint64_t at_ms)
{
    a->at_ms = at_ms;
    if (a->place == 0) {
        if (all->n == all->cap) {
            all->cap = all->cap != 0 ? all->cap * 2 : 64;
            all->heap = cs_xrealloc(all->heap, all->cap, sizeof *all->heap);
        }
        all->n++;
        put(all, all->n, a);
    }
    rise(all, a);
    sink(all, a);
}

void cs_alarm_clear(struct cs_alarms *all, struct cs_alarm *a)
{
    if (a->place == 0)
        return;
    CS_ASSERT(a->place <= all->n);
    CS_ASSERT(all->heap[a->place - 1] == a);
    uint32_t place = a->place;
    struct cs_alarm *last = all->heap[all->n - 1];
    all->n--;
    a->place = 0;
    if (last == a)
        return;
    put(all, place, last);
    rise(all, last);
    sink(all, last);
}

struct cs_alarm *cs_alarm_due(struct cs_alarms *all, uint64_t now_ms)
{
    if (all->n == 0 || all->heap[0]->at_ms > now_ms)
        return NULL;
    struct cs_alarm *a = all->heap[0];
    cs_alarm_clear(all, a);
    return a;
}

uint64_t cs_alarm_next(const struct cs_alarms *all)
{
    return all->n != 0 ? all->heap[0]->at_ms : CS_NEVER;
}
