/* statistics_tally.h - what the parts of the statistics benchmark share: how many studies, and what passed. Thread: main. */
#ifndef CS_BENCH_STATISTICS_TALLY_H
#define CS_BENCH_STATISTICS_TALLY_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct tally {
    uint32_t studies, resampled; /* how many in a row; in a row whose every study is resampled 5,000 times */
    uint64_t seed;
    unsigned passed, failed;
};

static inline double se_of(double p, double n)
{
    return sqrt(fmax(p * (1 - p), 0.25 / n) / n);
}

static inline const char *judge(struct tally *t, bool ok)
{
    if (ok)
        t->passed++;
    else
        t->failed++;
    return ok ? "ok" : "FAILED";
}

/* statistics_differs.c: shifts that differ, few moved clusters, ratios. */
void bench_interactions(struct tally *t);
void bench_wordings(struct tally *t);
void bench_few_moved(struct tally *t);
void bench_ratios(struct tally *t);

/* statistics_lost.c: losses by arm, and what a look at a pilot costs. */
void bench_lost(struct tally *t);
void bench_pilot(struct tally *t);

/* statistics_judged.c: a judge's effect and the corrected one. */
void bench_judged(struct tally *t);

#endif
