/* tally.h - how the calls of a lane ended and how long they took: counted by each worker (worker/calls/lane_tally.h), summed by whoever shows it.
 *
 * Bucket i holds latencies of at most 10 ms x 2^(i/4), the last one all others: a quantile lies within a factor of 2^(1/4), 19 %, of the
 * truth. Pure; any thread.
 */
#ifndef CS_TALLY_H
#define CS_TALLY_H

#include <stdint.h>

struct cs_json;

enum { CS_TALLY_BUCKETS = 64 }; /* the last bound is 463 s */

/* One call is in one of these. The words are keys of JSON: appended, never renamed. */
#define CS_TALLY_ENDS(X)                                                                                               \
    X(answered) /* a whole reply that the dialect reads as an answer, of whatever outcome */                           \
    X(limited)  /* 429 and its kin: the provider says that it is too much */                                           \
    X(timeouts) /* not answered within the study's limit */                                                            \
    X(lost)     /* no connection, or one that broke; an incomplete body */                                             \
    X(refused)  /* 401, 402, 403, 404, a quota that is used up */                                                      \
    X(errors)   /* all else: 5xx, a reply that makes no sense, an invalid request */
enum cs_tally_end {
#define X(name) CS_TALLY_##name,
    CS_TALLY_ENDS(X)
#undef X
        CS_TALLY_ENDS_N
};

struct cs_call_tally {
    uint64_t ended[CS_TALLY_ENDS_N];
    uint64_t latency[CS_TALLY_BUCKETS]; /* of all that were answered */
    uint64_t recent[CS_TALLY_BUCKETS];  /* of the last minute or two */
    double seconds;                     /* sum of all latencies in `latency` */
};

const char *cs_tally_end_name(enum cs_tally_end e);
double cs_tally_bound(uint32_t bucket); /* seconds; INFINITY for the last */
uint32_t cs_tally_bucket(uint64_t took_ms);
void cs_tally_add(struct cs_call_tally *sum, const struct cs_call_tally *one);
/* Seconds below which the q-th part lies (0 < q < 1), evenly spread over the logarithm inside a bucket; -1: there is none; INFINITY: beyond
 * the last bound. */
double cs_tally_quantile(const uint64_t buckets[CS_TALLY_BUCKETS], double q);
struct cs_json *cs_tally_to_json(const struct cs_call_tally *t);
void cs_tally_from_json(const struct cs_json *json, struct cs_call_tally *out); /* what is missing is 0 */

#endif
