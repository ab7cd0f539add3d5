/* price.h - what tokens cost: the one function by which budgets, progress, exports, reports and plans reckon.
 *
 * Prices are whole nano-USD a token (USD per million x 1000), rounded to the nearest, halves up, when providers.yaml is read; from
 * there on all is a sum of whole products, and nothing is rounded. Input that came from the provider's cache costs `cached`, input that
 * was written to it `cache_write`, or as any other input where no price of its own is known; there is never more of both than input, and
 * what is told beyond it is taken from the cached. Reasoning is part of output. Sums that do not fit stay at the largest amount there is.
 * Pure; any thread.
 */
#ifndef CS_PRICE_H
#define CS_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/study/protocols.h"

struct cs_price { /* nano-USD a token; -1 = unknown */
    int64_t input, cached, output;
    int64_t request; /* nano-USD a call, beside what its tokens cost; 0: none */
    int64_t cache_write;
};

struct cs_price_tokens { /* as told: cached and written are part of input */
    uint64_t input, cached, written, output;
};

/* What writing to the cache costs where nothing is declared: a quarter more than input, or -1 (as input) in dialects whose providers do
 * not charge for it. A study that leaves it at this has no price for it on the wire. */
int64_t cs_price_write_unsaid(enum cs_protocol protocol, int64_t input);
/* What so many calls cost, without their tokens. */
int64_t cs_price_requests(const struct cs_price *p, uint64_t calls);
/* What so many tokens cost, in nano-USD. False: some of them have no price; *cost is then that of the others. */
bool cs_price_of(const struct cs_price *p, const struct cs_price_tokens *t, int64_t *cost);
/* The most that so many calls can cost together, however much of their input is read from the cache or written to it. */
bool cs_price_most(const struct cs_price *p, uint64_t calls, uint64_t input, uint64_t output, int64_t *cost);
/* a + b, and n times a, of amounts that are not negative. */
int64_t cs_price_add(int64_t a, int64_t b);
int64_t cs_price_times(int64_t a, uint64_t n);

#endif
