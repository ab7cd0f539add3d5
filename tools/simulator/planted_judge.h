/* planted_judge.h - how a simulated judge errs: right with a planted chance about what a spoken text says, by level; silent, partial.
 *
 * README.md has the formulas. A prompt may hold one text, or two for a verdict of `pair`. Never changed once loaded; any thread.
 */
#ifndef CS_SIM_PLANTED_JUDGE_H
#define CS_SIM_PLANTED_JUDGE_H

#include "tools/simulator/spoken.h"

struct cs_planted_verdict {
    const char *field;
    const char *const *words; /* yes, no; of a pair: first, second, tie; or steps */
    uint32_t n_words;
    bool pair, steps;
    const double *given; /* of steps: for each word of the judged answer the chance of each of them; else NULL */
    const char *const
        *of; /* answers of the judged models; which is asked for: the one whose text stands last in the prompt */
    const char *const *asked; /* per `of`; NULL: there is one */
    uint32_t n_of;
    const double *sensitivity, *specificity; /* per level */
    const char *better;                      /* the judged answer's word that is better, or NULL */
    const double *self;                      /* per model of the truth: log-odds towards the better word */
    double strength, order, tie;             /* of a pair */
};

struct cs_planted_judge {
    const struct cs_planted_verdict *verdicts;
    uint32_t n_verdicts;
    const double *unparsable, *refused; /* per level: chances */
};

/* A prompt as the judge sees it. */
struct cs_planted_case {
    const struct cs_truth *truth;
    const char *prompt;
    size_t len;
    struct cs_spoken texts[CS_SPOKEN_MAX];
    uint32_t n_texts;
};
void cs_planted_judge_read(struct cs_planted_case *c, const struct cs_truth *t, const char *prompt, size_t len);

const struct cs_planted_verdict *cs_planted_judge_verdict(const struct cs_planted_judge *j, const char *field);
/* The verdict's word; NULL: the prompt holds no text that says anything about it. digest: 32 hex digits. */
const char *cs_planted_judge_draw(const struct cs_planted_verdict *v, const struct cs_planted_case *c, uint64_t seed,
                                  const char *digest);
bool cs_planted_judge_refuses(const struct cs_planted_judge *j, const struct cs_planted_case *c, uint64_t seed,
                              const char *digest);
/* Does it answer with prose instead of a verdict? before: how often it was asked this before; asked again it may do better. */
bool cs_planted_judge_rambles(const struct cs_planted_judge *j, const struct cs_planted_case *c, uint64_t seed,
                              const char *digest, uint64_t before);

#endif
