/* day.h - limits per day: how much of one may have been granted is on disk before it may be (store/redis/quota_days.h).
 *
 * The rules are pure: a pool is asked about, what Redis tells comes in, and what is to be written goes out. When Redis has
 * forgotten what was granted, it is taken to be the ceiling on disk: at most a step of the limit stays unused each time, and it is never
 * exceeded. The shell around it (days.c) asks every CS_DAYS_TICK_MS about the pools that workers have named.
 *
 * Fleets that share a Redis and an account keep a row each, all of them with the highest ceiling they have seen. What a call cost
 * beyond its estimate stands in Redis only, until the next ceiling. Thread: the loop's.
 */
#ifndef CS_DAY_H
#define CS_DAY_H

#include "store/redis/quota_days.h"

enum { CS_DAY_STEPS = 50 /* a step is a limit divided by this */ };

struct cs_day_row { /* as it is in the store: "day/GROUP/POOL" */
    int64_t day;    /* 0: none was written yet */
    uint64_t ceiling[CS_DAY_DIMS];
};

struct cs_day_pool {
    char group[33], name[33];
    uint64_t limit[CS_DAY_DIMS];   /* 0: none */
    struct cs_day_row row;         /* on disk */
    uint64_t granted[CS_DAY_DIMS]; /* at most so much was, of row.day: the ceiling that Redis may have been told */
    struct cs_day_row next;        /* on its way to the disk; day 0: nothing is */
};

/* What to ask; from then on Redis may grant up to the ceiling of the row. */
void cs_day_ask(struct cs_day_pool *p, struct cs_day_ask *out);
/* What Redis told: true when p->next is to be written. */
bool cs_day_told(struct cs_day_pool *p, const struct cs_day_told *told);
void cs_day_written(struct cs_day_pool *p); /* p->next is on disk */

enum { CS_DAY_ROW_MAX = 80 };
void cs_day_row_text(const struct cs_day_row *row, char out[CS_DAY_ROW_MAX]);
bool cs_day_row_read(const char *text, size_t n, struct cs_day_row *out);

#endif
