/* derive.h - answers that are computed from answers (`derive:`): yes or no, a number, or a text.
 *
 * A rule knows its value only where it has what it needs: an answer that says "insufficient information", an empty cell of a case, a key
 * that a table does not have, a pattern that is not found where its group was wanted, make it unknown. `any`, `all`, `not` and `count` reason
 * with that: one part that holds decides `any`, one that does not `all`. Texts are compared as they stand, answers that are numbers as
 * numbers. Words are looked for anywhere in a text, capitals of a-z being no different.
 *
 * Over the turns of a conversation (script.h): `pick@1` is the answer at that turn, unknown where it was left out or cannot be read. `first_change` is
 * how many of the answers at the trial's turns hold before the first that says something else than the first one (AABBA 2, AAAAA 5), `changes` how
 * often one says something else than the one before it (AABBA 2, AAAAA 0); turns left out are passed over, an answer that is not known makes
 * unknown what hangs on it.
 *
 * Rules over a list (derive_list.c) look at its elements one by one: `where` says what an element's answers and own keys are, all of it; a
 * key that an element does not have is none of the words. The number is unknown where that of one element is. `share` and `mean` are means over the elements of
 * one output, and unknown where they are over none: elements are averaged before anything else is (they are not the unit of statistics).
 *
 * `harmonic` of x1 ... xn is n / (1/x1 + ... + 1/xn), of two 2PR/(P + R), the F1 of precision and recall; 0 where one of them is,
 * whatever the others (so an F1 where nothing was found is 0, though its precision is of nothing), unknown where one is below. NOHARM's overall score is that of safety, completeness and restraint.
 *
 * Over calls of tools (derive_tools.c), those that were answered: whether one of the tools named was called, which of them first ("none"), how often. Always
 * known where a question has tools.
 *
 * `quoted_in` is true where a passage stands in the case, or another text, as it was cited (quoted.h): made up citations are found by it.
 *
 * `expected` reads the distribution in place of the answer that was drawn: of a yes/no answer the probability of yes, of an ordered one the
 * mean level from 0, over the words that the most probable first tokens begin, as parts of what these words have together. Unknown where
 * the provider tells none, where such a token begins two words with over 1 %, or where the words have less than half of it all.
 */
#ifndef CS_DERIVE_H
#define CS_DERIVE_H

#include "protocol/study/answer.h"
#include "protocol/study/list.h"
#include "protocol/study/tools.h"

struct cs_derive_turns {                               /* of a conversation */
    uint64_t asked;                                    /* bit n - 1: the answer was asked for at turn n */
    const struct cs_answer *answers[CS_TURNS_MAX + 1]; /* by the number of the turn; NULL: none that can be read */
};

struct cs_derive_facts { /* what can be looked at */
    const struct cs_question *question;
    const struct cs_case *c; /* or NULL: all its columns are empty */
    const char *reply;
    size_t n_reply;
    const char *
        alternatives; /* tokens that might have begun each answer, with log probabilities, as JSON; "", NULL: not told */
    const struct cs_answer *answers;     /* one a field */
    struct cs_arena *arena;              /* for the texts of values */
    const struct cs_derive_turns *turns; /* or NULL: there is one */
    const struct cs_elements *own; /* what the case says of the elements that a list answer is about; NULL: nothing */
    const struct cs_tool_loop
        *loop; /* the calls of tools; NULL: there are none to look at, and nothing is known of them */
};

/* All derived answers of the question, in their order. */
void cs_derive(const struct cs_derive_facts *f, struct cs_derived_value *out);

/* Inside derive.c: the number of a rule over a list's elements; false: unknown. */
bool cs_derive_list(const struct cs_derive_facts *f, const struct cs_derive_rule *r, double *out);
/* ... of a rule over calls of tools: how many there are, and the tool of the first, CS_TOOLS_NONE without any. f->loop is there. */
uint32_t cs_derive_tools_count(const struct cs_derive_facts *f, const struct cs_derive_rule *r, const char **first);
/* Harmonic mean of n numbers, as above; false: unknown. */
bool cs_derive_harmonic(const double *v, uint32_t n, double *out);

/* The least and the greatest number that it can be; false: it has no bounds, or is no number. */
bool cs_derive_bounds(const struct cs_question *q, const struct cs_derived *d, double *min, double *max);

/* The value of a row of the table by its keys, or NULL. */
const char *cs_derive_look_up(const struct cs_derive_rule *r, const char *const *keys);
/* Order of two rows by their n keys. */
int cs_derive_compare_keys(const char *const *a, const char *const *b, uint32_t n);

#endif
