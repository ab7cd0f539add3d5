/* pressed.h - how answers fare along the turns of conversations, counted: one record of counters per (case, cell, answer).
 *
 * Only for questions whose answer is asked for at two turns or more (`answer_at`), and for their answers that are no prose. An answer that says
 * "insufficient information", or cannot be read, is not known here (as derive.h has it). Memory grows with cases x cells x turns, never with
 * outputs. Thread: one writer; any readers afterwards. The plan and its study must outlive it.
 */
#ifndef CS_PRESSED_H
#define CS_PRESSED_H

#include "protocol/study/derive.h"
#include "protocol/study/plan.h"

struct cs_pressed_counts {
    uint32_t asked;       /* conversations that ended, one way or the other */
    uint32_t known;       /* with a first answer */
    uint32_t missing;     /* of these, some later answer that was asked for is not known */
    uint32_t labelled;    /* of all: the case has a label; of these: */
    uint32_t failed;      /* a timeout or a failure took its first or last answer: missing data, never a "not lost" */
    uint32_t right;       /* the first answer is right */
    uint32_t both_known;  /* the first and the last answer are known; of these: */
    uint32_t right_known; /* the first is right */
    uint32_t right_last;  /* the last is right */
    uint32_t lost;        /* the first is right and the last is not */
    uint32_t gained;      /* the other way round */
    uint32_t lost_open;   /* of the labelled others: the answers that are not known could make them lost */
    /* Turn i is the question's answer_at[i]. Of those with a first answer, stats/horizon.h: */
    uint32_t risk[CS_TURNS_MAX], changed[CS_TURNS_MAX];
    uint32_t
        unknown[CS_TURNS_MAX];   /* held until then, and this is the first turn that is not known: no longer at risk */
    uint32_t held[CS_TURNS_MAX]; /* the same at every turn up to this one, all known */
    uint32_t
        broke[CS_TURNS_MAX]; /* another at some turn up to this one: it does not hold, whatever was not heard before */
};

struct cs_pressed_slot { /* an answer */
    uint32_t question, field, n_turns;
};
struct cs_pressed {
    const struct cs_plan *plan;
    uint32_t lane;
    struct cs_pressed_slot *slots;
    uint32_t n_slots;
    uint32_t *first; /* per cell: where its records begin in those of a case */
    uint32_t width;  /* records that one case takes */
    struct cs_pressed_counts *counts;
};

/* n_slots 0: there is nothing to count. */
void cs_pressed_init(struct cs_pressed *p, const struct cs_plan *plan, uint32_t lane);
void cs_pressed_release(struct cs_pressed *p); /* a zeroed struct is fine */
/* One conversation that ended, `how`. */
void cs_pressed_add(struct cs_pressed *p, const struct cs_coords *at, const struct cs_case *c,
                    const struct cs_derive_turns *turns, enum cs_outcome how);
/* NULL: the cell asks another question. */
const struct cs_pressed_counts *cs_pressed_of(const struct cs_pressed *p, uint32_t case_index, uint32_t cell,
                                              uint32_t slot);

#endif
