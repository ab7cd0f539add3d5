/* vendor.h - a vendor's own account of the usage, as its console exports it: a table with a day, a model, and figures.
 *
 * Columns are found by their names, capitals aside: day, date, usage_date, usage_date_utc, start_time, start_time_iso, timestamp (the first ten
 * characters, or Unix seconds); model, model_id, model_version, model_name; requests, num_requests, num_model_requests, n_requests, count;
 * input_tokens, prompt_tokens, n_context_tokens_total, usage_input_tokens; output_tokens, completion_tokens, n_generated_tokens_total,
 * usage_output_tokens; cost, cost_usd, cost_in_usd, amount, amount_value, usd. Day and model must be there, and one of the figures. Rows of
 * one day and model are added up. Thread: any.
 */
#ifndef CS_BILL_VENDOR_H
#define CS_BILL_VENDOR_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum cs_usage_figure { CS_USAGE_REQUESTS, CS_USAGE_INPUT, CS_USAGE_OUTPUT, CS_USAGE_USD, CS_USAGE_FIGURES };

struct cs_usage_row {
    const char *day, *model;
    double of[CS_USAGE_FIGURES];
    bool matched; /* the caller's */
};
struct cs_usage {
    bool has[CS_USAGE_FIGURES];
    struct cs_usage_row *rows; /* in the arena given */
    uint32_t n;
};
/* CS_EINVAL with FILE:LINE: a column that is missing, a cell that is no number or no day. */
CS_WARN_UNUSED enum cs_err cs_bill_vendor_load(const char *path, struct cs_arena *arena, struct cs_usage *out,
                                               struct cs_error *err);

#endif
