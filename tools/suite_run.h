/* suite_run.h - a suite's studies run and read, each by the commands that every study has. Thread: main. */
#ifndef CS_SUITE_RUN_H
#define CS_SUITE_RUN_H

#include "tools/suite/card.h"
#include "tools/suite/quote.h"

struct cs_suite_run_options { /* what `clinsafe run` is told besides; NULL: nothing */
    const char *workers, *slots, *simulator_args;
};

/* A study whose prompts, answers or limits do not fit what the providers file says of a model gets that as its `left_out`. */
CS_WARN_UNUSED enum cs_err cs_suite_run_fit(struct cs_stage *t, struct cs_error *err);
/* What it will ask and cost, a line a study, in out. */
CS_WARN_UNUSED enum cs_err cs_suite_run_quote(const struct cs_stage *t, FILE *out, struct cs_quote *sum,
                                              struct cs_error *err);
/* Which verdicts its comparisons can come to, a line each (reachable.h); NULL out: into the list alone, which is the caller's. */
CS_WARN_UNUSED enum cs_err cs_suite_run_reach(const struct cs_stage *t, FILE *out, struct cs_json **list,
                                              struct cs_error *err);
struct cs_json *cs_suite_run_quote_json(const struct cs_stage *t, const struct cs_quote *sum);
/* Runs what is not finished, study by study: 0; 2: some trials have no answer; else the status that a run ended with, as it was. */
int cs_suite_run_studies(const struct cs_stage *t, const struct cs_suite_run_options *o);
/* What reports and bills say of it, into `studies` (as many as the stage has); with a report for people beside each study. */
int cs_suite_run_read(const struct cs_stage *t, bool pages, struct cs_card_study *studies);
void cs_suite_run_free(struct cs_card_study *studies, uint32_t n);
/* CS_EINVAL: a store does not hold the study that lies beside it. */
CS_WARN_UNUSED enum cs_err cs_suite_run_is_of(const struct cs_stage *t, uint32_t study, struct cs_error *err);

#endif
