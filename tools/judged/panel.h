/* panel.h - from the votes of all judges and repeats on one answer about one output to the verdict of the panel.
 *
 * A vote is what one trial of the judging study came to. Those *asked* are all votes but the dropped ones (a judge on its own model's text,
 * `own: drop`). A vote that came to nothing is missing: it says neither yes nor no, and stays among those asked, so that a panel of three
 * with one missing does not become a panel of two.
 *   majority   the word of more than half of those asked
 *   mean       of the numbers that were given (steps of a scale count from 0); `given` says of how many
 * Either needs `quorum` votes that say something; not declared, a mean needs more than half of those asked (a majority has them by itself).
 * Some still to come: not judged. Else no such word, too few votes, or nobody left to ask: no verdict.
 * Never stored: whoever shows a verdict computes it from the votes, so that another rule costs nothing. Pure; any thread.
 */
#ifndef CS_PANEL_H
#define CS_PANEL_H

#include <stdbool.h>
#include <stdint.h>

enum cs_vote_kind {
    CS_VOTE_COMING,  /* planned: nothing yet */
    CS_VOTE_MISSING, /* asked, and no verdict came of it: timeout, failure, refusal, unreadable, this answer left out */
    CS_VOTE_DROPPED, /* its own model's text */
    CS_VOTE_WORD,    /* `word` */
    CS_VOTE_NUMBER,  /* `number` */
};
struct cs_vote {
    enum cs_vote_kind kind;
    uint32_t word; /* a category of the answer; the number of its categories: "insufficient information" */
    double number;
    bool order_led; /* a duel: the two orders named different sides, and the word is the tie's */
};

enum cs_panel_rule { CS_PANEL_MAJORITY, CS_PANEL_MEAN };

enum cs_panel_state { CS_PANEL_JUDGED, CS_PANEL_NO_VERDICT, CS_PANEL_NOT_JUDGED, CS_PANEL_STATES };
const char *cs_panel_state_name(enum cs_panel_state s); /* "judged", "no verdict", "not judged" */

struct cs_panel {
    enum cs_panel_state state;
    uint32_t word; /* majority */
    double number; /* mean */
    uint32_t asked, given, missing, dropped;
    uint32_t for_it;    /* votes for the word; of no verdict: for the most frequent one */
    uint32_t order_led; /* votes of asked */
};

/* quorum 0: not declared. n_words: categories and "insufficient information", at most CS_PANEL_WORDS_MAX. */
enum { CS_PANEL_WORDS_MAX = 257 };
struct cs_panel cs_panel_of(enum cs_panel_rule rule, uint32_t quorum, uint32_t n_words, const struct cs_vote *votes,
                            uint32_t n);

/* Two votes of one judge on a pair, shown in both orders; words are those of protocol/study/pair.h, sides those of `forth`. Both name one
 * side: that one. They differ, or one says tie: tie, and order-led where each named what stood in the same place. One is missing: so is the
 * vote. */
struct cs_vote cs_panel_duel(const struct cs_vote *forth, const struct cs_vote *back);

#endif
