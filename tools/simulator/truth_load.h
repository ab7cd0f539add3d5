/* truth_load.h - inside the reader of truth files (truth_load.c, truth_rates.c, truth_shift.c, truth_texts.c, planted_judge_load.c) only: what its parts share. */
#ifndef CS_SIM_TRUTH_LOAD_H
#define CS_SIM_TRUTH_LOAD_H

#include "protocol/table/node.h"
#include "protocol/table/table.h"
#include "tools/simulator/truth.h"

struct cs_truth_loader {
    struct cs_truth *truth;
    struct cs_arena *arena; /* the truth's */
    const char *path;
    struct cs_table cases, levels;
    struct cs_error *err;
};

/* Fills the truth's cases and case_matcher; CS_EINVAL: no text, the same text twice, the same id twice. */
CS_WARN_UNUSED enum cs_err cs_truth_texts_load_cases(struct cs_truth_loader *l, const struct cs_node *n);
/* Fills the truth's levels and level_matcher; n NULL: the control alone. Levels without a sentence are the control;
 * levels with the same sentence are the first of them. */
CS_WARN_UNUSED enum cs_err cs_truth_texts_load_levels(struct cs_truth_loader *l, const struct cs_node *n);
/* The column that n names. */
CS_WARN_UNUSED enum cs_err cs_truth_texts_column(struct cs_truth_loader *l, const struct cs_node *n, const char *what,
                                                 const struct cs_table *table, uint32_t *out);
/* A list of n_words chances that add up to 1, of the words of `field`. */
CS_WARN_UNUSED enum cs_err cs_truth_rates_read(struct cs_truth_loader *l, const struct cs_node *n, const char *field,
                                               uint32_t n_words, double *out);
/* Everything by which n, an answer, says that it is moved (truth_shift.c). */
CS_WARN_UNUSED enum cs_err cs_truth_shift_load(struct cs_truth_loader *l, const struct cs_node *n,
                                               struct cs_truth_answer *a);
/* {level: log-odds, ...}; for a nominal answer {level: {word: log-odds, ...}, ...}. n may be NULL: none is moved. */
CS_WARN_UNUSED enum cs_err cs_truth_shift_levels(struct cs_truth_loader *l, const struct cs_node *n,
                                                 const struct cs_truth_answer *nominal, const double **out);
/* The first number in truth->levels of the level that n's key names; the control is refused. */
CS_WARN_UNUSED enum cs_err cs_truth_shift_level(struct cs_truth_loader *l, const struct cs_node *n, uint32_t *out);
/* The judge of a model, when the answers of all models are known (planted_judge_load.c). */
struct cs_planted_judge;
CS_WARN_UNUSED enum cs_err cs_planted_judge_load(struct cs_truth_loader *l, const struct cs_node *n,
                                                 const struct cs_planted_judge **out);
/* `tools:` of a model (tooling_load.c). */
struct cs_planted_tools;
CS_WARN_UNUSED enum cs_err cs_tooling_load(struct cs_truth_loader *l, const struct cs_node *n,
                                           const struct cs_planted_tools **out);

#endif
