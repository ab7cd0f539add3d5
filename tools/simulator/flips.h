/* flips.h - what was said before, in a request of any dialect, and what a model that was asked before answers now.
 *
 * The turn of a request is 1 + the number of the model's messages in it. From the second turn on a planted answer is not drawn anew: the model
 * holds the one that its latest reply with such an answer gives (as JSON, or with a sentence of `says`; where none does, the one that it would have given at the first turn), and
 * changes it at each turn since then with the chance that is planted as `flip`, of the level that the request is of and of the turn:
 *   it changes at turn j when U(seed, "flip", digest, field, j) < flip, to the floor(U(seed, "flipped", digest, field, j) (n - 1))-th of
 *   the other words, in the truth file's order.
 * Pure; any thread.
 */
#ifndef CS_SIM_FLIPS_H
#define CS_SIM_FLIPS_H

#include "tools/simulator/json_read.h"
#include "tools/simulator/truth.h"

enum { CS_SIM_TURNS_MAX = 256 };

struct cs_sim_talk {
    uint32_t turn; /* at least 1 */
    const struct cs_j
        *replies[CS_SIM_TURNS_MAX]; /* the texts of the model's messages: turn - 1 of them, in the request */
};

/* `messages`, `input` or `contents`, whichever there is. */
void cs_flips_talk(const struct cs_j *root, struct cs_sim_talk *out);

/* The word that is answered at the talk's turn; `digest` is the trial's 32 hex digits. */
const char *cs_flips_answer(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m,
                            const struct cs_truth_answer *a, struct cs_truth_place at, const char *digest,
                            const struct cs_sim_talk *talk);

#endif
