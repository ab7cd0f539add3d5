/* compare.h - our account beside the vendor's: row by row of day and model, what differs, and what may explain it. Pure. */
#ifndef CS_BILL_COMPARE_H
#define CS_BILL_COMPARE_H

#include "tools/bill/account.h"
#include "tools/bill/vendor.h"

/* One day and model. A figure that the vendor does not tell is not compared. */
struct cs_bill_compare_row {
    const char *day, *model;
    const struct cs_bill_account_row *ours; /* NULL: the vendor alone has it */
    const struct cs_usage_row *theirs;      /* NULL: we alone have it */
    double more[CS_USAGE_FIGURES];          /* theirs less ours */
    struct cs_bill_account_bound bound;     /* what our calls of unknown fate can have come to */
    bool differs;
    bool explained; /* no figure of theirs is lower, and none higher by more than the bound */
};
struct cs_bill_comparison {
    struct cs_bill_compare_row *rows; /* in the arena given */
    uint32_t n, differ, unexplained;
};
/* The account sorted. Usage rows are marked as matched. */
void cs_bill_compare(const struct cs_bill_account *ours, struct cs_usage *theirs, struct cs_arena *arena,
                     struct cs_bill_comparison *out);

#endif
