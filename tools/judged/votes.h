/* votes.h - what every judge and repeat of a judging study said of every case of it, answer by answer, read from its store in one pass.
 *
 * A *ballot* is one answer under one condition of the judging study: all votes on it about a case are one panel. Texts are no votes: they
 * are there to be read; nor are lists, of which what is derived is. A scale is a word of its own under `rule: majority`, else the mean of its
 * steps counted from 0; with one judge asked once it stays a word. Other words go by majority whatever the rule. A pair that is shown in both
 * orders is one panel: each vote is what the two orders say together (panel.h), and sides are those of the case that is asked about.
 *
 * Memory: nine bytes a vote, in a file without a name that the kernel may write out; no text of an output is kept.
 * Thread: main while it is read; any afterwards. Errors: those of the store; CS_EIO for that file.
 */
#ifndef CS_VOTES_H
#define CS_VOTES_H

#include "protocol/study/parent.h"
#include "store/generation.h"
#include "tools/judged/panel.h"

struct cs_ballot {
    const char *
        name; /* of the answer, with its question where two have it, and "(level, ...)" where the study has factors of its own */
    struct cs_coords at; /* a trial that asks it: question and arms of the judging study */
    uint32_t field;      /* of the question, or its derived answer */
    bool derived, pair;  /* pair: which of two outputs; words are first, second, tie */
    enum cs_panel_rule rule;
    uint32_t n_words;         /* "insufficient information" included where it may be said */
    const char *const *words; /* by cs_vote.word: a yes/no answer's "no" stands first */
    double min, max;          /* of a mean; equal: no bounds */
    uint32_t first, n;        /* its slots */
};
struct cs_votes_slot {
    uint32_t judge, repeat; /* model of the judging study; from 0 */
};

struct cs_votes {
    const struct cs_generation_view *view;
    struct cs_arena arena;
    struct cs_ballot *ballots;
    uint32_t n_ballots;
    struct cs_votes_slot *slots;
    uint32_t n_slots;
    uint32_t quorum;
    bool drop_own;
    uint32_t
        *twin; /* by case: the same pair the other way round (of two equal texts: itself), or CS_NONE; NULL: no pairs */
    /* Where a trial's votes stand: [judge][cell of its plan], the slot of its first repeat on its first ballot, and that ballot; further
     * ballots of the cell follow, their slots `n` apart. */
    struct cs_votes_place {
        uint32_t slot, ballot, n_ballots;
    } * *places;
    void *memory;
    size_t size;
    double *value; /* [case][slot] */
    uint8_t *kind;
    int64_t *when; /* by case: when a judge was first asked about it; 0: never */
};

/* Lays out; all votes are to come. The view must outlive it. */
CS_WARN_UNUSED enum cs_err cs_votes_open(struct cs_votes *v, const struct cs_generation_view *view,
                                         struct cs_error *err);
/* Takes in every output that stands. seen (or NULL) is told of each, too. */
typedef void (*cs_votes_seen)(void *self, uint32_t judge, const struct cs_stored *stored);
CS_WARN_UNUSED enum cs_err cs_votes_read(struct cs_votes *v, struct cs_store *store, cs_votes_seen seen, void *self,
                                         struct cs_error *err);
void cs_votes_close(struct cs_votes *v); /* a zeroed struct is fine */

/* Whether a judge and a model of the judged study are one: the same id is sent, whatever studies and accounts call it. */
bool cs_votes_is_own(const struct cs_study *judging, uint32_t judge, uint32_t model);

struct cs_vote cs_votes_at(const struct cs_votes *v, uint32_t case_index, uint32_t slot);
/* The panel on one case, as it counts for one of the outputs that the case came from (NULL: votes are nobody's own). */
struct cs_panel cs_votes_panel(const struct cs_votes *v, uint32_t ballot, uint32_t case_index,
                               const struct cs_parent *about);
/* The same of one judge alone, its own texts included: its repeats are its panel, without a quorum. */
struct cs_panel cs_votes_judge(const struct cs_votes *v, uint32_t ballot, uint32_t case_index, uint32_t judge);

#endif
