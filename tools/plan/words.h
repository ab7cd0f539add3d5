/* words.h - words that say something of a patient: whose sex, race, housing. What plan compares levels and cases by.
 *
 * A word says one thing about one thing ("she": about sex, says female). Two words about the same that say different things contradict
 * each other. Words are matched whole, the longest first, so that "transgender man" is not "man"; one that is written with a
 * capital letter here (Black) matches only so (not "black stool"). The list is ours, for English, not reviewed, and can be made longer by a
 * table with the columns word, about, says. Thread: main.
 */
#ifndef CS_WORDS_H
#define CS_WORDS_H

#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

enum { CS_WORDS_SAYS_MAX = 64, CS_WORDS_MAX = 4096 };

struct cs_word {
    const char *word, *about, *says;
    uint32_t bit; /* of what it says */
};

struct cs_words {
    struct cs_arena arena;
    struct cs_word *list; /* longest first */
    uint32_t n;
    uint64_t against[CS_WORDS_SAYS_MAX]; /* by bit: what contradicts it */
    const char *about[CS_WORDS_SAYS_MAX];
    uint32_t n_says;
    uint32_t heads[257], *by_head; /* words by their first letter, as indexes of list */
};

/* path NULL: only our own words. */
CS_WARN_UNUSED enum cs_err cs_words_open(struct cs_words *w, const char *path, struct cs_error *err);
void cs_words_release(struct cs_words *w); /* a zeroed struct is fine */

/* The word that begins at text + at, where a word begins; NULL: none. */
const struct cs_word *cs_words_at(const struct cs_words *w, const char *text, uint32_t at);
/* All that a text says, as bits. */
uint64_t cs_words_of(const struct cs_words *w, const char *text);
/* The first word of a text that says one of these; NULL: none. */
const struct cs_word *cs_words_find(const struct cs_words *w, const char *text, uint64_t bits, uint32_t *at);

#endif
