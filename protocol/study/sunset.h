/* sunset.h - the day on which a provider ends a model, as it has announced: `sunset: 2027-03-01` in providers.yaml. For people alone: it changes
 * no request, and is not on the wire. Pure. Times in ms of the wall clock; 0: none is announced.
 */
#ifndef CS_SUNSET_H
#define CS_SUNSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "2027-03-01", UTC. False: no such day. */
bool cs_sunset_parse(const char *text, int64_t *wall_ms);
void cs_sunset_day(int64_t wall_ms, char out[16]);
/* Whether work that takes so many seconds from now on (below 0: unknown) is over too late. */
bool cs_sunset_passes(int64_t sunset_ms, int64_t now_ms, double seconds);
/* "its provider ends it on 2027-03-01, in 92 days", and what follows from it. Returns out, "" where none is announced. */
const char *cs_sunset_words(int64_t sunset_ms, int64_t now_ms, double seconds, char *out, size_t size);

#endif
