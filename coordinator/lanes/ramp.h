/* ramp.h - how many calls a lane may have in flight where nobody has declared it: found by trying, held for the whole fleet at once.
 *
 *   state    the level                                                                  leaves it
 *   climb    doubles per latency, while answers do not take longer                      they do -> hold, near the knee
 *   hold     stays; every few windows one trial step                                    answers take much longer -> hold, lower
 *   up       half as much again: kept if more gets done, and if much more -> climb          -> hold
 *   down     a quarter less: kept if as much gets done                                  -> hold
 *   shy      none but a probe from time to time: most calls ended at the time limit     an answer -> climb from 1
 *
 * What gets done at a level is level / latency (Little's law), so two levels are compared by the time that their answers took: the mean
 * of its logarithm over a window of answers to calls that began at that level. Where answers of unequal length make that time per
 * output token steadier, it is that. A window ends when the difference is clear of its own deviation, or when it is long enough.
 * Below CS_RAMP_FAST_MS nothing counts as longer: a queue that short is our own, and drowns nobody.
 *
 * A `jam` (429, 503, 529, connection refused) halves the level, once for all calls that were under way; up to nine tenths of where it
 * came the level doubles again, beyond that it grows by one a window for CS_RAMP_JAM_MS.
 *
 * With a declared limit (a rate, or `concurrent`) the pools pace and nothing is tried: CS_RAMP_UNTRIED calls until the first readable
 * answer, then no bound of ours. Only `shy` is the same.
 *
 * Overload is ours (decision 12) when the median answer of the last CS_RAMP_RECENT took over twice as long per token as at the lowest
 * load seen, and more calls than then are, or lately were, in flight.
 *
 * Pure; thread: the core's. Units: calls, milliseconds of the core's clock, output tokens.
 */
#ifndef CS_RAMP_H
#define CS_RAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/rng.h"

enum {
    CS_RAMP_START = 4,
    CS_RAMP_UNTRIED = 50,
    CS_RAMP_RECENT = 32,
    CS_RAMP_FAST_MS = 50,
    CS_RAMP_JAM_MS = 60 * 1000,
    CS_RAMP_SHY_MS = 2000, /* the first pause before a probe; doubles */
    CS_RAMP_SHY_MAX_MS = 5 * 60 * 1000,
    CS_RAMP_HOLDS = 2, /* windows between two trial steps, at first; doubles while steps bring nothing */
    CS_RAMP_HOLDS_MAX = 16,
};
#define CS_RAMP_UNBOUND UINT32_MAX

enum cs_ramp_state { CS_RAMP_CLIMB, CS_RAMP_HOLD, CS_RAMP_UP, CS_RAMP_DOWN, CS_RAMP_SHY };

/* Times of answers, as logarithms: [0] of the time, [1] of the time per output token. */
struct cs_ramp_window {
    uint32_t n, timeouts;
    double sum[2], squares[2];
    double took; /* ms, all together */
};

struct cs_ramp {
    bool declared, answered; /* answered: readably, at least once */
    enum cs_ramp_state state;
    uint32_t level, back; /* back: where a trial step came from */
    uint64_t since;       /* when the level became this */
    uint32_t could;       /* calls that all workers together could make at once */
    struct cs_ramp_window here, before;
    uint32_t holds, every; /* windows held since the last trial step; until the next */
    bool down_next;
    double ceiling; /* where the last jam came; HUGE_VAL: none */
    uint64_t jammed_at;
    struct { /* at the lowest load */
        uint32_t level;
        double mean[2];
    } low;
    struct {
        double x[2];
    } recent[CS_RAMP_RECENT]; /* a ring */
    uint32_t n_recent, crest; /* crest: the most calls that may have been in flight when the last timeouts began */
    uint64_t crest_until;
    uint32_t late; /* bits of the last 32 calls that ended: at the time limit */
    uint32_t n_late;
    uint32_t probes;
    uint64_t probe_at;
    uint32_t limit_ms; /* the study's time limit */
    double tokens;     /* mean logarithm of an answer's, lately */
    bool told;         /* they were, at least once */
};

struct cs_ramp_answer {
    uint32_t latency_ms; /* how long the last call took, as a whole */
    uint32_t tokens;     /* output tokens; 0: not told */
    bool timeout;        /* it ended at the time limit */
    bool fault;          /* neither: nothing is learned of the load */
};

void cs_ramp_init(struct cs_ramp *r, bool declared, bool answered, uint32_t limit_ms);
/* Calls that may be in flight now; CS_RAMP_UNBOUND: as many as the workers like. */
uint32_t cs_ramp_most(const struct cs_ramp *r, uint64_t now);
void cs_ramp_could(struct cs_ramp *r, uint32_t calls);
void cs_ramp_ended(struct cs_ramp *r, const struct cs_ramp_answer *a, uint64_t now, struct cs_rng *rng);
void cs_ramp_jam(struct cs_ramp *r, uint64_t now);
/* Whether a call that timed out now did so by our own overload. */
bool cs_ramp_overloaded(const struct cs_ramp *r, uint64_t now);
/* When cs_ramp_most changes by itself; UINT64_MAX: never. */
uint64_t cs_ramp_next(const struct cs_ramp *r, uint64_t now);
/* What there is to say to people of calls that ended at the time limit; "" otherwise. */
void cs_ramp_note(const struct cs_ramp *r, uint64_t now, char *out, size_t size);

#endif
