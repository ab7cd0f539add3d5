/* plan.h - the plan is arithmetic: index <-> coordinates <-> position, in O(rectangles) and no memory per trial.
 *
 * A lane is one model of the study. Its trials are numbered by case, then by rectangle in file order, then by the
 * mixed radix (factor 1, factor 2, ..., question, repeat), the last fastest: that is the *index*, and this the plan order.
 *     index = case * block_size + within,   0 <= within < block_size
 * A *cell* is all repeats of one prompt: (rectangle, arms, question); cells are numbered in plan order too.
 * The *position* is a trial's place in the order in which the lane is worked: cases in a random order that is the same in
 * every lane (decision 7), inside a case all trials of the lane shuffled:
 *     position = rank(case) * block_size + shuffle(lane, case)(within)
 * Cases of a child (parent.h) stand in groups: the rank is that of its group, then its own inside. All permutations are keyed by the
 * study's seed (rng.h). Pure; any thread.
 */
#ifndef CS_PLAN_H
#define CS_PLAN_H

#include "protocol/study/study.h"

enum { CS_CELLS_MAX = 65536 };            /* prompts of one case in one lane */
#define CS_TRIALS_MAX (UINT64_C(1) << 32) /* trials of one study */

struct cs_plan_rect { /* a rectangle as seen by one lane */
    uint32_t rect;    /* index into study->rects */
    uint64_t first;   /* first `within` */
    uint32_t first_cell;
    uint64_t size; /* trials per case */
    uint32_t cells;
};

struct cs_plan_lane {
    struct cs_plan_rect *rects;
    uint32_t n_rects;
    uint64_t block_size; /* trials per case */
    uint32_t n_cells;    /* prompts per case */
    uint64_t n_trials;   /* positions: block_size * n_cases */
    uint64_t n_planned;  /* of these, what is asked: all but those that a level's `requires` leaves out (applies.h) */
    uint64_t shuffle_key;
};

struct cs_plan {
    const struct cs_study *study;
    struct cs_plan_lane *lanes; /* one per study->models */
    uint32_t n_lanes;
    uint64_t n_trials, n_planned;
    uint64_t case_key;
    uint32_t n_groups;        /* 0: the cases are one */
    uint32_t *first_of_group; /* n_groups + 1: its first case */
    uint32_t *first_at_rank;  /* n_groups + 1: how many cases stand before the group with that rank */
};

struct cs_coords {
    uint32_t lane;
    uint32_t case_index;
    uint32_t rect;                      /* index into study->rects */
    struct cs_arm arms[CS_FACTORS_MAX]; /* wording CS_NONE where joined: see cs_render_wording */
    uint32_t question;
    uint32_t repeat; /* from 0, within its rectangle */
    uint32_t cell;   /* within the lane's cells of a case */
};

/* CS_ETOOBIG when the study has more cells or trials than the limits above, which cs_plan_init takes for granted. */
CS_WARN_UNUSED enum cs_err cs_plan_check(const struct cs_study *s, struct cs_error *err);
void cs_plan_init(struct cs_plan *p, const struct cs_study *study); /* borrows the study */
void cs_plan_release(struct cs_plan *p);

void cs_plan_coords(const struct cs_plan *p, uint32_t lane, uint64_t index, struct cs_coords *out);
uint64_t cs_plan_index(const struct cs_plan *p, const struct cs_coords *c);     /* inverse; `cell` is not read */
uint64_t cs_plan_at(const struct cs_plan *p, uint32_t lane, uint64_t position); /* -> index */
uint64_t cs_plan_position(const struct cs_plan *p, uint32_t lane, uint64_t index);
/* The place of a case in the order in which cases are opened; and its inverse. */
uint32_t cs_plan_rank(const struct cs_plan *p, uint32_t case_index);
uint32_t cs_plan_case_at(const struct cs_plan *p, uint32_t rank);
/* The rank behind the last case of the group that the case at this rank is of; without groups each case is one. */
uint32_t cs_plan_group_end(const struct cs_plan *p, uint32_t rank);
/* Coordinates of a cell of a case (repeat = 0). */
void cs_plan_cell(const struct cs_plan *p, uint32_t lane, uint32_t case_index, uint32_t cell, struct cs_coords *out);

#endif
