#include "protocol/base/alloc.h"
#include "tools/report/read/judged_work.h"

static uint32_t rows_a_model(const struct cs_study *s)
{
    uint32_t n = 1;
    for (uint32_t f = 0; f < s->n_factors; f++)
        n += s->factors[f].n_levels;
    return n;
}

static struct cs_judged_count *count_row(const struct cs_judged *j, uint32_t model, uint32_t ballot, uint32_t factor,
                                         uint32_t level)
{
    const struct cs_study *s = &j->made.study;
    uint32_t at = (model * j->votes.n_ballots + ballot) * rows_a_model(s);
    if (factor == CS_NONE)
        return &j->counts[at];
    at++;
    for (uint32_t f = 0; f < factor; f++)
        at += s->factors[f].n_levels;
    return &j->counts[at + level];
}

void cs_judged_counts_make(struct cs_judged *j, struct cs_judged_source *out)
{
    const struct cs_study *s = &j->made.study;
    out->n_counts = s->n_models * j->votes.n_ballots * rows_a_model(s);
    j->counts = cs_xcalloc(out->n_counts + 1u, sizeof *j->counts);
    for (uint32_t m = 0; m < s->n_models; m++) {
        for (uint32_t b = 0; b < j->votes.n_ballots; b++) {
            *count_row(j, m, b, CS_NONE, 0) = (struct cs_judged_count){m, CS_NONE, CS_NONE, b, .planned = 0};
            for (uint32_t f = 0; f < s->n_factors; f++) {
                for (uint32_t l = 0; l < s->factors[f].n_levels; l++)
                    *count_row(j, m, b, f, l) = (struct cs_judged_count){m, f, l, b, .planned = 0};
            }
        }
    }
    out->counts = j->counts;
}

void cs_judged_counts_add(struct cs_judged *j, uint32_t model, uint32_t ballot, const uint32_t *levels,
                          const struct cs_judged_count *more)
{
    for (uint32_t f = 0; f <= j->made.study.n_factors; f++) {
        struct cs_judged_count *row = f == 0 ? count_row(j, model, ballot, CS_NONE, 0)
                                             : count_row(j, model, ballot, f - 1, levels[f - 1]);
        row->planned += more->planned;
        row->answered += more->answered;
        row->taken += more->taken;
        row->leaks += more->leaks;
        row->leaks_shown += more->leaks_shown;
        row->judged += more->judged;
        row->no_verdict += more->no_verdict;
        row->not_judged += more->not_judged;
        row->won += more->won;
        row->tied += more->tied;
        row->order_led += more->order_led;
        row->asked += more->asked;
        row->missing += more->missing;
        row->dropped += more->dropped;
    }
}
