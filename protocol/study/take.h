/* take.h - what a child takes of its parent's outputs, as its study file says it: `cases: {from_study, take, identical, each, pair, order}`,
 * and what of the judge's part decides over the cases (`shows`, `hide`).
 *
 * Made by load/from_study.c with the names as they stand there, or from canonical JSON, in which it travels to whoever makes the snapshot.
 * Names are looked up in the parent by the maker. Pure; any thread. Strings live in the arena that is given.
 */
#ifndef CS_TAKE_H
#define CS_TAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/error.h"

struct cs_take_words { /* n 0: nothing is said */
    const char *const *words;
    uint32_t n;
};

struct cs_take_levels { /* of one factor */
    const char *factor;
    struct cs_take_words ids;
};

enum { CS_TAKE_LEVELS_MAX = 12, CS_TAKE_PAIRS_MAX = 256, CS_TAKE_HIDE_MAX = 4096 };

struct cs_take {
    const char *parent; /* the name of the study */
    uint64_t seed;      /* the child's: for `sample` and `order: random` */
    struct cs_take_words outcomes, models, questions;
    struct cs_take_levels levels[CS_TAKE_LEVELS_MAX];
    uint32_t n_levels;
    uint64_t sample;                      /* that many outputs at most, drawn by the seed; 0: all */
    bool apart;                           /* identical: apart */
    const char *each;                     /* a column of lists of the parent's cases, or "" */
    const char *pair;                     /* the factor whose levels stand against each other, or "" */
    struct cs_take_words firsts, seconds; /* pairs of its levels; none: each level against the control */
    bool random_order;                    /* of a pair: one order, drawn by the seed; else both */
    struct cs_take_words columns; /* names that the child mentions: what of them is a column of the snapshot is made */
    struct cs_take_words shows;   /* prompt, model and names of factors that the judge is shown */
    struct cs_take_words hide;    /* words put out of sight in output.*, whole words, any case */
    const char *hide_as;
};

/* Appends canonical JSON: keys in this order, left out when nothing is said. */
void cs_take_json(const struct cs_take *t, struct cs_buf *out);
/* CS_EINVAL: not such a text. */
CS_WARN_UNUSED enum cs_err cs_take_parse(const char *json, struct cs_arena *arena, struct cs_take *out,
                                         struct cs_error *err);
bool cs_take_has(const struct cs_take_words *w, const char *word);

#endif
