#include "tools/bill/compare.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* Requests and tokens are whole; a vendor rounds money to cents in each row, or finer. */
static const double least[CS_USAGE_FIGURES] = {0.5, 0.5, 0.5, 0.01};

static double figure(const struct cs_bill_account_row *r, enum cs_usage_figure f)
{
    switch (f) {
    case CS_USAGE_REQUESTS:
        return (double)r->calls;
    case CS_USAGE_INPUT:
        return (double)r->input;
    case CS_USAGE_OUTPUT:
        return (double)r->output_tokens;
    case CS_USAGE_USD:
        return (double)cs_bill_account_cost(r) / 1e9;
    case CS_USAGE_FIGURES:
        break;
    }
    return 0;
}

/* Of a call without a status line we know no tokens, and have counted it: they may be more, by those of so many calls. */
static void judge(struct cs_bill_compare_row *row, const struct cs_usage *theirs)
{
    if (row->ours != NULL)
        row->bound = cs_bill_account_ambiguous(row->ours);
    const double bound[CS_USAGE_FIGURES] = {(double)row->bound.calls, (double)row->bound.input,
                                            (double)row->bound.output, (double)row->bound.nano_usd / 1e9};
    row->explained = row->bound.calls > 0;
    for (int f = 0; f < CS_USAGE_FIGURES; f++) {
        if (!theirs->has[f])
            continue;
        row->more[f] = (row->theirs != NULL ? row->theirs->of[f] : 0) -
                       (row->ours != NULL ? figure(row->ours, (enum cs_usage_figure)f) : 0);
        row->differs |= fabs(row->more[f]) >= least[f];
        row->explained &= row->more[f] > -least[f] && row->more[f] < bound[f] + least[f];
    }
    row->explained &= row->differs;
}

void cs_bill_compare(const struct cs_bill_account *ours, struct cs_usage *theirs, struct cs_arena *arena,
                     struct cs_bill_comparison *out)
{
    *out = (struct cs_bill_comparison){.rows = cs_arena_array(arena, ours->n + theirs->n + 1, sizeof *out->rows)};
    for (uint32_t i = 0; i < ours->n; i++) {
        struct cs_bill_compare_row *row = &out->rows[out->n++];
        *row = (struct cs_bill_compare_row){
            .day = ours->rows[i].day, .model = ours->rows[i].model, .ours = &ours->rows[i]};
        for (uint32_t k = 0; k < theirs->n; k++) {
            if (strcmp(theirs->rows[k].day, row->day) != 0 || strcasecmp(theirs->rows[k].model, row->model) != 0)
                continue;
            row->theirs = &theirs->rows[k];
            theirs->rows[k].matched = true;
        }
    }
    for (uint32_t k = 0; k < theirs->n; k++) {
        if (!theirs->rows[k].matched)
            out->rows[out->n++] = (struct cs_bill_compare_row){
                .day = theirs->rows[k].day, .model = theirs->rows[k].model, .theirs = &theirs->rows[k]};
    }
    for (uint32_t i = 0; i < out->n; i++) {
        judge(&out->rows[i], theirs);
        out->differ += out->rows[i].differs;
        out->unexplained += out->rows[i].differs && !out->rows[i].explained;
    }
}
