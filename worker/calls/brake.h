/* brake.h - how many calls a lane may have in flight when nobody has declared it: found by trying.
 *
 * Additive increase, multiplicative decrease: at the provider's "too much" (429, 503, 529, connection refused) half of what is in
 * flight is left, and each full window of answers adds one call. Replies to calls that were sent before the last cut belong to the
 * time before it, so that a round trip cuts once, and what was too much does not let it grow. The way back up to nine tenths of where the
 * cut came, and the way up before the first one, doubles with each window.
 *
 * Where rates are declared, those pace: there is no bound before the first cut, and the way back doubles all along.
 *
 * Pure; thread: the core's. Units: calls, milliseconds.
 */
#ifndef CS_BRAKE_H
#define CS_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_BRAKE_START = 256 };

struct cs_brake {
    double most, ceiling; /* in flight; where growth begins to be slow */
    bool rated, was_cut;
    uint64_t cut_at;
};

void cs_brake_init(struct cs_brake *b, bool rated);
uint32_t cs_brake_most(const struct cs_brake *b); /* UINT32_MAX: no bound */
/* The provider is back from an outage: one call, and its answers let more begin. */
void cs_brake_weak(struct cs_brake *b);
/* A call sent at `sent` has ended; in_flight: with it. Overloaded: true if this is a new overload. */
void cs_brake_answered(struct cs_brake *b, uint64_t sent, uint32_t in_flight);
bool cs_brake_overloaded(struct cs_brake *b, uint64_t sent, uint32_t in_flight, uint64_t now);

#endif
