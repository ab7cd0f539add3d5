/* account.h - what a study has cost, by day and model: what was paid for once, twice, in vain, and what nobody knows.
 *
 * Money in nano-USD, by the prices of the generation that made the call (wire/bill.h). Days are UTC, those of a trial's first call. A row's
 * classes add up to its cost: unique (answers, and turns of conversations), twice (an answer of a trial that had one: a worker was lost),
 * wasted (replies that gave nothing to use: failures, further calls after our own overload, retried replies). Beside the cost: calls that
 * ended without a status line, and may have been billed. Answers borrowed from another study are in its bill. Pure; one owner.
 */
#ifndef CS_BILL_ACCOUNT_H
#define CS_BILL_ACCOUNT_H

#include "protocol/base/arena.h"
#include "protocol/wire/bill.h"
#include "store/store.h"

enum { CS_BILL_ACCOUNT_DAY = 11 }; /* "2026-11-29" */

struct cs_bill_account_row {
    char day[CS_BILL_ACCOUNT_DAY];
    const char *model; /* as the provider says who answered, else as it was asked */
    uint64_t calls, outputs, input, cached, written, output_tokens;
    int64_t unique, twice, wasted;
    uint64_t n_twice, n_wasted; /* outputs */
    uint64_t ambiguous;         /* calls */
    uint64_t ambiguous_output;  /* tokens that they may have written: each its lane's cap */
    uint64_t most_input;        /* tokens of the largest prompt that a reply told of */
    struct cs_price dearest;    /* of each price the highest */
    uint64_t untold, unpriced;  /* outputs whose cost is a lower bound, or has no price */
};
struct cs_bill_account { /* a zeroed struct is empty */
    struct cs_arena arena;
    struct cs_bill_account_row *rows;
    uint32_t n, cap;
};

/* price and cap: of its lane, in the generation it was asked for. */
void cs_bill_account_add(struct cs_bill_account *l, const struct cs_stored *stored, const char *sent,
                         const struct cs_price *price, uint32_t cap);
void cs_bill_account_sort(struct cs_bill_account *l); /* by day, then model */
int64_t cs_bill_account_cost(const struct cs_bill_account_row *r);
/* The most that the ambiguous calls of the row can have used: as many prompts of the largest size that was told, and every answer at its
 * cap. */
struct cs_bill_account_bound {
    uint64_t calls, input, output;
    int64_t nano_usd;
};
struct cs_bill_account_bound cs_bill_account_ambiguous(const struct cs_bill_account_row *r);
/* What the row counts is added to sum. */
void cs_bill_account_sum(struct cs_bill_account_row *sum, const struct cs_bill_account_row *r);
void cs_bill_account_release(struct cs_bill_account *l);

#endif
