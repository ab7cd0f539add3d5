/* alarm.h - moments at which something is due: a binary heap of alarms that live inside their owners.
 *
 * Thread: the one of the core that owns it; pure. An alarm must be cleared before its owner is freed.
 * Units: milliseconds of the clock that the core is given.
 */
#ifndef CS_ALARM_H
#define CS_ALARM_H

#include <stdint.h>

#define CS_NEVER UINT64_MAX

struct cs_alarm {
    uint64_t at_ms;
    uint32_t place; /* in the heap, from 1; 0: not set */
    int kind;       /* what it is for, and whose: for the owner of the heap */
    void *owner;
};

struct cs_alarms {
    struct cs_alarm **heap;
    uint32_t n, cap;
};

void cs_alarms_release(struct cs_alarms *all);
void cs_alarm_set(struct cs_alarms *all, struct cs_alarm *a, uint64_t at_ms); /* moves it if it is set */
void cs_alarm_clear(struct cs_alarms *all, struct cs_alarm *a);               /* nothing if it is not set */
/* Takes out the earliest alarm if it is due; NULL otherwise. */
struct cs_alarm *cs_alarm_due(struct cs_alarms *all, uint64_t now_ms);
uint64_t cs_alarm_next(const struct cs_alarms *all); /* CS_NEVER: none */

#endif
