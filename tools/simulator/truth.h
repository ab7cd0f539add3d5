/* truth.h - the planted truth: how a simulated model answers, so that a report can be compared with what was put in.
 *
 * Which case and level a prompt is about is found by its texts alone (matcher.h). README.md has the formulas; in
 * short, with s = shift[level] + shift_where[level] + placebo_shift + case_sd Z(case) + shift_sd[level] Z(case, level) + wording_sd Z(case, level,
 * wording), in log-odds (placebo_shift and shift_sd: of every level but the control):
 *   boolean  P(first word) = sigmoid(logit(rate) + s)
 *   ordinal  P(answer <= k) = sigmoid(logit(r1 + ... + rk) - s): positive moves towards the last word
 *   nominal  P(k) in proportion to rk exp(sk), each word with its own s
 * The answer is the first word whose cumulative probability exceeds U(seed, "answer", digest, field); about an element of a list field is its path,
 * as in "grades.2.GradeAI", in this U alone.
 *
 * Never changed once loaded; any thread. All memory is the truth's.
 */
#ifndef CS_SIM_TRUTH_H
#define CS_SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "tools/simulator/matcher.h"

enum { CS_TRUTH_WORDS_MAX = 256 };

enum cs_truth_kind { CS_TRUTH_BOOLEAN, CS_TRUTH_ORDINAL, CS_TRUTH_NOMINAL };

enum { CS_TRUTH_TURNS_MAX = 32 };
struct cs_truth_flips { /* chances that an answer changes at turn 2, 3, ...; the last holds on; none: never */
    const double *p;
    uint32_t n;
};

struct cs_truth_answer {
    const char *field;
    enum cs_truth_kind kind;
    const char *const *words; /* boolean: the counted one first; ordinal: lowest first */
    uint32_t n_words;
    const char *const *says;       /* per word: the sentence that stands for it in a free reply; NULL: none */
    const double *rates;           /* a row per label; boolean: one rate, else n_words */
    const uint32_t *label_of_case; /* row of each case; NULL: one row for all */
    /* Of an answer about the elements of a list of the case: a row for each of them; NULL: it is none, or has one row for all. */
    const uint32_t *const *label_of_element;
    const uint32_t *n_elements; /* of each case */
    double case_sd, wording_sd;
    const double *shift_sd; /* per level, 0 for the control */
    const double *shift;    /* per level, 0 = control, placebo_shift included; nominal: per level and word */
    const double *const *shift_of_case; /* further ones of each case, as `shift`; NULL, or NULL of a case: none */
    const struct cs_truth_flips *flips; /* per level (flips.h) */
};

struct cs_planted_judge;
struct cs_planted_tools;
struct cs_truth_model {
    const char *id; /* as sent in a request */
    const struct cs_truth_answer *answers;
    uint32_t n_answers;
    double refusal_rate;
    const double *refusal_shift; /* per level */
    double latency_median_ms, latency_sigma;
    const struct cs_planted_tools *tools; /* how it uses tools (tooling.h); NULL: it calls none */
    const struct cs_planted_judge *judge; /* it judges what other models say (planted_judge.h); NULL: it does not */
};

struct cs_truth {
    struct cs_arena arena;
    uint64_t seed;
    const char *const *cases; /* ids */
    uint32_t n_cases;
    /* Ids; 0 is "control", then one for each sentence, identical sentences once. With wordings several have the same id. */
    const char *const *levels;
    const char *const *wordings; /* each level's; NULL: the truth file tells none apart */
    uint32_t n_levels;
    struct cs_matcher *case_matcher, *level_matcher; /* case_matcher NULL: one case, "-", and every prompt is of it */
    const struct cs_truth_model *models;
    uint32_t n_models;
};

CS_WARN_UNUSED enum cs_err cs_truth_load(const char *path, struct cs_truth **out, struct cs_error *err);
void cs_truth_free(struct cs_truth *t); /* NULL is fine */

const struct cs_truth_model *cs_truth_model(const struct cs_truth *t, const char *id);            /* NULL if absent */
const struct cs_truth_answer *cs_truth_answer(const struct cs_truth_model *m, const char *field); /* NULL if absent */

struct cs_truth_place {
    uint32_t case_index, level;
};
enum cs_truth_match { CS_MATCH_OK, CS_MATCH_NO_CASE, CS_MATCH_SEVERAL_CASES, CS_MATCH_SEVERAL_LEVELS };
enum cs_truth_match cs_truth_match(const struct cs_truth *t, const char *prompt, size_t len,
                                   struct cs_truth_place *place);

/* The cumulative probabilities of the answer's words; the last is 1. Boolean: cumulative[0] = P(first word). */
void cs_truth_cumulative(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                         const struct cs_truth_answer *a, struct cs_truth_place at,
                         double cumulative[CS_TRUTH_WORDS_MAX]);
/* The word that is answered; `digest` is 32 hex digits. */
const char *cs_truth_draw(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                          const struct cs_truth_answer *a, struct cs_truth_place at, const char *digest);
/* About an element of a list of the case: its number from 1, its path "grades.2.GradeAI". NULL: the case does not have it. */
const char *cs_truth_draw_element(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                                  const struct cs_truth_answer *a, struct cs_truth_place at, uint32_t element,
                                  const char *path, const char *digest);
bool cs_truth_refuses(const struct cs_truth_model *m, uint64_t seed, struct cs_truth_place at, const char *digest);

#endif
