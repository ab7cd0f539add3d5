/* lexicon.h - words that say something of a patient: whose sex, race, housing. What plan compares levels and cases by.
 *
 * A word says one thing about one thing ("she": about sex, says female). Two words about the same that say different things contradict
 * each other. Words are matched whole, the longest first, so that "transgender man" is not "man"; one that is written with a capital
 * letter here (Black) matches only that way (not "black stool"). The list is ours, for English, not reviewed, and can be made longer by a
 * table with the columns word, about, says. Thread: main.
 */
#ifndef CS_LEXICON_H
#define CS_LEXICON_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum { CS_LEXICON_SAYS_MAX = 64, CS_LEXICON_MAX = 4096 };

struct cs_lexicon_word {
    const char *word, *about, *says;
    uint32_t bit; /* stands for what it says */
};

struct cs_lexicon {
    struct cs_arena arena;
    struct cs_lexicon_word *list; /* longest first */
    uint32_t n;
    uint64_t against[CS_LEXICON_SAYS_MAX]; /* by bit: what contradicts it */
    const char *about[CS_LEXICON_SAYS_MAX];
    uint32_t n_says;
    uint32_t heads[257], *by_head; /* words by their first letter, as indexes of list */
};

/* path NULL: only our own words. */
CS_WARN_UNUSED enum cs_err cs_lexicon_open(struct cs_lexicon *w, const char *path, struct cs_error *err);
void cs_lexicon_release(struct cs_lexicon *w); /* a zeroed struct is fine */

/* The word that begins at text + at, where a word begins; NULL: none. */
const struct cs_lexicon_word *cs_lexicon_at(const struct cs_lexicon *w, const char *text, uint32_t at);
/* All that a text says, as bits. */
uint64_t cs_lexicon_of(const struct cs_lexicon *w, const char *text);
/* The first word of a text that says one of these; NULL: none. */
const struct cs_lexicon_word *cs_lexicon_find(const struct cs_lexicon *w, const char *text, uint64_t bits,
                                              uint32_t *at);

#endif
