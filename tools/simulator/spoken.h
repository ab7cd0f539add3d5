/* spoken.h - free replies of a simulated model, which carry what was planted, so that a simulated judge can be right or wrong about them.
 *
 *   Simulated reply 3f2a9c01, reference 5b7e1d20c3a4. SENTENCE SENTENCE ...
 *
 * The first number is U(seed, "random", digest, ""); the reference tells model and level (12 hex digits of a hash of both) without a word
 * of either; then comes, for every answer with `says`, the sentence of the word that was drawn. Pure; any thread.
 */
#ifndef CS_SIM_SPOKEN_H
#define CS_SIM_SPOKEN_H

#include "protocol/base/buf.h"
#include "tools/simulator/flips.h"
#include "tools/simulator/truth.h"

/* Has the model something to say in a free reply? */
bool cs_spoken_has(const struct cs_truth_model *m);
/* digest: 32 hex digits, of a later turn with "/TURN" behind them; trial: the digits alone. talk: what was said before (flips.h). */
void cs_spoken_write(const struct cs_truth *t, uint64_t seed, const struct cs_truth_model *m, struct cs_truth_place at,
                     const char *digest, const char *trial, const struct cs_sim_talk *talk, struct cs_buf *out);

/* A spoken text inside a prompt, from its reference to the next one's or the end. */
struct cs_spoken {
    const char *text;
    size_t len;
    uint32_t model, level; /* numbers in the truth; model is n_models where the text has no reference that it knows */
};
enum { CS_SPOKEN_MAX = 64 };
/* In their order; a prompt without any is one text of no model at the control. Returns how many, at least 1. */
uint32_t cs_spoken_find(const struct cs_truth *t, const char *prompt, size_t len, struct cs_spoken out[CS_SPOKEN_MAX]);
/* The word of this answer that the text says: the number of the first of its sentences, CS_NONE when there is none. */
uint32_t cs_spoken_word(const struct cs_truth *t, const struct cs_spoken *text, const char *field);

#endif
