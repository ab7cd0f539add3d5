/* timers.h - thousands of waits: a binary heap. Time is an argument; thread: one owner. */
#ifndef CS_SIM_TIMERS_H
#define CS_SIM_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_timer;
struct cs_timers {         /* a zeroed struct is an empty one */
    struct cs_timer *heap; /* the earliest first */
    size_t n, cap;
};

void cs_timers_add(struct cs_timers *t, uint64_t due_ms, void *arg);
/* Takes out one that is due; NULL when there is none. */
void *cs_timers_due(struct cs_timers *t, uint64_t now_ms);
/* When the next one is due; UINT64_MAX when there is none. */
uint64_t cs_timers_next_ms(const struct cs_timers *t);
void cs_timers_release(struct cs_timers *t);

uint64_t cs_timers_now_ms(void); /* the time that the loop gives them: monotonic */

#endif
