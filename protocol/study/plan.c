#include "protocol/study/plan.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/rng.h"
#include "protocol/base/digest.h"

static bool has_model(const struct cs_rect *r, uint32_t model)
{
    for (uint32_t i = 0; i < r->n_models; i++)
        if (r->models[i] == model)
            return true;
    return false;
}

/* Prompts of one case; saturates just above CS_CELLS_MAX. */
static uint64_t cells_of(const struct cs_study *s, const struct cs_rect *r)
{
    uint64_t cells = r->n_questions;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        cells *= r->n_arms[f];
        if (cells > CS_CELLS_MAX)
            return CS_CELLS_MAX + UINT64_C(1);
    }
    return cells;
}

enum cs_err cs_plan_check(const struct cs_study *s, struct cs_error *err)
{
    uint64_t trials = 0;
    for (uint32_t m = 0; m < s->n_models; m++) {
        uint64_t cells = 0, block = 0;
        for (uint32_t i = 0; i < s->n_rects; i++) {
            if (!has_model(&s->rects[i], m))
                continue;
            uint64_t n = cells_of(s, &s->rects[i]); /* at most 2^16, repeats 2^17, rectangles 2^10: no overflow */
            cells += n;
            block += n * s->rects[i].repeats;
        }
        if (cells > CS_CELLS_MAX)
            return cs_error_set(err, CS_ETOOBIG, "more than %u different prompts for each case and model",
                                CS_CELLS_MAX);
        trials += block * s->n_cases; /* 2^33 * 2^22, checked after each model */
        if (trials > CS_TRIALS_MAX)
            return cs_error_set(err, CS_ETOOBIG, "more than %llu trials", (unsigned long long)CS_TRIALS_MAX);
    }
    return CS_OK;
}

/* A key for one purpose: any seed and name give unrelated keys, the same on every machine. */
static uint64_t order_key(const char *purpose, uint64_t seed, const char *name)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    uint8_t d[32];
    uint64_t key = 0;
    cs_buf_printf(&b, "clinsafe-order-1 %s %llu %s", purpose, (unsigned long long)seed, name);
    cs_digest_blake2b_256(b.data, b.len, d);
    cs_buf_release(&b);
    for (int i = 0; i < 8; i++)
        key = key << 8 | d[i];
    return key;
}

static void lane_init(struct cs_plan_lane *lane, const struct cs_study *s, uint32_t model)
{
    lane->rects = cs_xcalloc(s->n_rects, sizeof *lane->rects);
    for (uint32_t i = 0; i < s->n_rects; i++) {
        const struct cs_rect *r = &s->rects[i];
        uint32_t cells = (uint32_t)cells_of(s, r);
        if (cells == 0 || !has_model(r, model))
            continue;
        lane->rects[lane->n_rects++] = (struct cs_plan_rect){
            .rect = i,
            .first = lane->block_size,
            .first_cell = lane->n_cells,
            .size = (uint64_t)cells * r->repeats,
            .cells = cells,
        };
        lane->block_size += (uint64_t)cells * r->repeats;
        lane->n_cells += cells;
    }
    lane->n_trials = lane->n_planned = lane->block_size * s->n_cases;
    if (s->left_out != NULL)
        lane->n_planned -= s->left_out[model] < lane->n_trials ? s->left_out[model] : lane->n_trials;
    lane->shuffle_key = order_key("lane", s->seed, s->models[model].name);
}

/* A pilot has the first cases only. */
static void groups_init(struct cs_plan *p, const struct cs_parent_study *parent)
{
    const uint32_t n_cases = p->study->n_cases;
    uint32_t at = 0;
    p->first_of_group = cs_xcalloc(parent->n_groups + 1u, sizeof *p->first_of_group);
    p->first_at_rank = cs_xcalloc(parent->n_groups + 1u, sizeof *p->first_at_rank);
    for (uint32_t i = 0; i < parent->n_groups && at < n_cases; i++) {
        const uint32_t left = n_cases - at;
        at += parent->group_cases[i] < left ? parent->group_cases[i] : left;
        p->first_of_group[++p->n_groups] = at;
    }
    for (uint32_t r = 0; r < p->n_groups; r++) {
        const uint64_t g = cs_rng_unpermute(p->case_key, p->n_groups, r);
        p->first_at_rank[r + 1] = p->first_at_rank[r] + p->first_of_group[g + 1] - p->first_of_group[g];
    }
}

void cs_plan_init(struct cs_plan *p, const struct cs_study *study)
{
    CS_ASSERT(cs_plan_check(study, NULL) == CS_OK);
    *p = (struct cs_plan){.study = study, .n_lanes = study->n_models};
    p->lanes = cs_xcalloc(p->n_lanes, sizeof *p->lanes);
    p->case_key = order_key("case", study->seed, "");
    if (study->parent != NULL)
        groups_init(p, study->parent);
    for (uint32_t m = 0; m < p->n_lanes; m++) {
        lane_init(&p->lanes[m], study, m);
        p->n_trials += p->lanes[m].n_trials;
        p->n_planned += p->lanes[m].n_planned;
    }
}

void cs_plan_release(struct cs_plan *p)
{
    for (uint32_t m = 0; m < p->n_lanes; m++)
        free(p->lanes[m].rects);
    free(p->lanes);
    free(p->first_of_group);
    free(p->first_at_rank);
    *p = (struct cs_plan){0};
}

/* ---- index <-> coordinates -------------------------------------------------------------------- */

static const struct cs_plan_lane *lane_of(const struct cs_plan *p, uint32_t lane)
{
    CS_ASSERT(lane < p->n_lanes);
    return &p->lanes[lane];
}

static void cell_coords(const struct cs_study *s, const struct cs_plan_rect *pr, uint32_t cell_in_rect,
                        struct cs_coords *out)
{
    const struct cs_rect *r = &s->rects[pr->rect];
    out->rect = pr->rect;
    out->cell = pr->first_cell + cell_in_rect;
    out->question = r->questions[cell_in_rect % r->n_questions];
    cell_in_rect /= r->n_questions;
    for (uint32_t f = s->n_factors; f-- > 0;) {
        out->arms[f] = r->arms[f][cell_in_rect % r->n_arms[f]];
        cell_in_rect /= r->n_arms[f];
    }
    CS_ASSERT(cell_in_rect == 0);
}

void cs_plan_coords(const struct cs_plan *p, uint32_t lane, uint64_t index, struct cs_coords *out)
{
    const struct cs_plan_lane *l = lane_of(p, lane);
    CS_ASSERT(index < l->n_trials);
    uint64_t within = index % l->block_size;
    uint32_t i = l->n_rects - 1;
    while (l->rects[i].first > within)
        i--;
    const struct cs_plan_rect *pr = &l->rects[i];
    uint32_t repeats = p->study->rects[pr->rect].repeats;
    within -= pr->first;
    *out = (struct cs_coords){
        .lane = lane,
        .case_index = (uint32_t)(index / l->block_size),
        .repeat = (uint32_t)(within % repeats),
    };
    cell_coords(p->study, pr, (uint32_t)(within / repeats), out);
}

void cs_plan_cell(const struct cs_plan *p, uint32_t lane, uint32_t case_index, uint32_t cell, struct cs_coords *out)
{
    const struct cs_plan_lane *l = lane_of(p, lane);
    CS_ASSERT(case_index < p->study->n_cases);
    CS_ASSERT(cell < l->n_cells);
    uint32_t i = l->n_rects - 1;
    while (l->rects[i].first_cell > cell)
        i--;
    *out = (struct cs_coords){.lane = lane, .case_index = case_index};
    cell_coords(p->study, &l->rects[i], cell - l->rects[i].first_cell, out);
}

static uint32_t digit_of_arm(const struct cs_rect *r, uint32_t factor, const struct cs_arm *arm)
{
    uint32_t i = 0;
    while (i < r->n_arms[factor] &&
           (r->arms[factor][i].level != arm->level || r->arms[factor][i].wording != arm->wording))
        i++;
    CS_ASSERT(i < r->n_arms[factor]);
    return i;
}

uint64_t cs_plan_index(const struct cs_plan *p, const struct cs_coords *c)
{
    const struct cs_study *s = p->study;
    const struct cs_plan_lane *l = lane_of(p, c->lane);
    uint32_t i = 0, question = 0, cell = 0;
    while (i < l->n_rects && l->rects[i].rect != c->rect)
        i++;
    CS_ASSERT(i < l->n_rects);
    const struct cs_rect *r = &s->rects[c->rect];
    for (uint32_t f = 0; f < s->n_factors; f++)
        cell = cell * r->n_arms[f] + digit_of_arm(r, f, &c->arms[f]);
    while (question < r->n_questions && r->questions[question] != c->question)
        question++;
    CS_ASSERT(question < r->n_questions);
    CS_ASSERT(c->repeat < r->repeats);
    CS_ASSERT(c->case_index < s->n_cases);
    cell = cell * r->n_questions + question;
    return c->case_index * l->block_size + l->rects[i].first + (uint64_t)cell * r->repeats + c->repeat;
}

/* ---- index <-> position ----------------------------------------------------------------------- */

static uint64_t block_key(const struct cs_plan_lane *l, uint64_t case_index)
{
    return cs_rng_mix64(l->shuffle_key + cs_rng_mix64(case_index + 1));
}

/* The last of the ascending `first`, which begins with 0, that is not above i. */
static uint32_t part_of(const uint32_t *first, uint32_t n, uint32_t i)
{
    uint32_t low = 0, high = n;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (first[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static uint64_t group_key(const struct cs_plan *p, uint32_t group)
{
    return cs_rng_mix64(p->case_key + cs_rng_mix64(group + UINT64_C(1)));
}

uint32_t cs_plan_rank(const struct cs_plan *p, uint32_t case_index)
{
    if (p->n_groups == 0)
        return (uint32_t)cs_rng_permute(p->case_key, p->study->n_cases, case_index);
    const uint32_t g = part_of(p->first_of_group, p->n_groups, case_index), first = p->first_of_group[g],
                   n = p->first_of_group[g + 1] - first;
    return p->first_at_rank[cs_rng_permute(p->case_key, p->n_groups, g)] +
           (uint32_t)cs_rng_permute(group_key(p, g), n, case_index - first);
}

uint32_t cs_plan_case_at(const struct cs_plan *p, uint32_t rank)
{
    if (p->n_groups == 0)
        return (uint32_t)cs_rng_unpermute(p->case_key, p->study->n_cases, rank);
    const uint32_t r = part_of(p->first_at_rank, p->n_groups, rank),
                   g = (uint32_t)cs_rng_unpermute(p->case_key, p->n_groups, r), first = p->first_of_group[g],
                   n = p->first_of_group[g + 1] - first;
    return first + (uint32_t)cs_rng_unpermute(group_key(p, g), n, rank - p->first_at_rank[r]);
}

uint32_t cs_plan_group_end(const struct cs_plan *p, uint32_t rank)
{
    return p->n_groups == 0 ? rank + 1 : p->first_at_rank[part_of(p->first_at_rank, p->n_groups, rank) + 1];
}

uint64_t cs_plan_at(const struct cs_plan *p, uint32_t lane, uint64_t position)
{
    const struct cs_plan_lane *l = lane_of(p, lane);
    CS_ASSERT(position < l->n_trials);
    uint64_t c = cs_plan_case_at(p, (uint32_t)(position / l->block_size));
    return c * l->block_size + cs_rng_unpermute(block_key(l, c), l->block_size, position % l->block_size);
}

uint64_t cs_plan_position(const struct cs_plan *p, uint32_t lane, uint64_t index)
{
    const struct cs_plan_lane *l = lane_of(p, lane);
    CS_ASSERT(index < l->n_trials);
    uint64_t c = index / l->block_size;
    return (uint64_t)cs_plan_rank(p, (uint32_t)c) * l->block_size +
           cs_rng_permute(block_key(l, c), l->block_size, index % l->block_size);
}
