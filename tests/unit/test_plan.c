/* The plan: index, coordinates and position are bijections for any study, and agree with a plain enumeration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/study/plan.h"
#include "tests/unit/fixture_study.h"

/* ---- random studies --------------------------------------------------------------------------- */

enum { LEVELS = 5, MODELS = 4, QUESTIONS = 3, RECTS = 5 };

/* Some of 0..n-1 in a random order, at least one. */
static uint32_t pick(struct cs_rng *r, uint32_t n, uint32_t *out)
{
    for (uint32_t i = 0; i < n; i++)
        out[i] = i;
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t j = (uint32_t)cs_rng_below(r, i + 1), t = out[i];
        out[i] = out[j];
        out[j] = t;
    }
    return 1 + (uint32_t)cs_rng_below(r, n);
}

static void random_rect(struct cs_rng *r, struct cs_arena *a, const struct cs_study *s, struct cs_rect *rect)
{
    uint32_t some[LEVELS + MODELS + QUESTIONS];
    for (uint32_t f = 0; f < s->n_factors; f++) {
        uint32_t n = pick(r, s->factors[f].n_levels, some);
        struct cs_arm *arms = cs_arena_array(a, n, sizeof *arms);
        for (uint32_t i = 0; i < n; i++)
            arms[i] = (struct cs_arm){some[i], s->factors[f].joined ? CS_NONE : 0};
        rect->arms[f] = arms;
        rect->n_arms[f] = n;
    }
    uint32_t *questions = cs_arena_array(a, QUESTIONS, 4), *models = cs_arena_array(a, MODELS, 4);
    rect->n_questions = pick(r, s->n_questions, questions);
    rect->n_models = pick(r, s->n_models, models);
    rect->questions = questions;
    rect->models = models;
    rect->repeats = 1 + (uint32_t)cs_rng_below(r, 4);
}

static void random_study(struct cs_rng *r, struct cs_arena *a, struct cs_study *s)
{
    static const char *const names[MODELS] = {"m0", "m1", "m2", "m3"};
    *s = (struct cs_study){.seed = cs_rng_next(r), .n_cases = 1 + (uint32_t)cs_rng_below(r, 9)};
    struct cs_factor *f = cs_arena_array(a, CS_FACTORS_MAX, sizeof *f);
    struct cs_model *m = cs_arena_array(a, MODELS, sizeof *m);
    struct cs_rect *rects = cs_arena_array(a, RECTS, sizeof *rects);
    s->n_factors = (uint32_t)cs_rng_below(r, 5);
    for (uint32_t i = 0; i < s->n_factors; i++)
        f[i] = (struct cs_factor){
            .name = "f", .n_levels = 1 + (uint32_t)cs_rng_below(r, LEVELS), .joined = cs_rng_below(r, 4) == 0};
    s->factors = f;
    s->n_models = 1 + (uint32_t)cs_rng_below(r, MODELS);
    for (uint32_t i = 0; i < s->n_models; i++)
        m[i].name = names[i];
    s->models = m;
    s->n_questions = 1 + (uint32_t)cs_rng_below(r, QUESTIONS);
    s->n_rects = 1 + (uint32_t)cs_rng_below(r, RECTS);
    for (uint32_t i = 0; i < s->n_rects; i++)
        random_rect(r, a, s, &rects[i]);
    s->rects = rects;
}

/* ---- against a plain enumeration --------------------------------------------------------------- */

static bool same_coords(const struct cs_study *s, const struct cs_coords *a, const struct cs_coords *b)
{
    for (uint32_t f = 0; f < s->n_factors; f++)
        if (a->arms[f].level != b->arms[f].level || a->arms[f].wording != b->arms[f].wording)
            return false;
    return a->lane == b->lane && a->case_index == b->case_index && a->rect == b->rect && a->question == b->question &&
           a->repeat == b->repeat && a->cell == b->cell;
}

/* Counts the arms up like an odometer, the last factor fastest; false when it starts over. */
static bool next_arms(const struct cs_study *s, const struct cs_rect *r, uint32_t *digits)
{
    for (uint32_t f = s->n_factors; f-- > 0;) {
        if (++digits[f] < r->n_arms[f])
            return true;
        digits[f] = 0;
    }
    return false;
}

static void check_cell(const struct cs_plan *p, struct cs_coords *want, uint32_t repeats, uint64_t *index)
{
    struct cs_coords got;
    cs_plan_cell(p, want->lane, want->case_index, want->cell, &got);
    want->repeat = 0;
    assert_true(same_coords(p->study, &got, want));
    for (uint32_t k = 0; k < repeats; k++, (*index)++) {
        want->repeat = k;
        cs_plan_coords(p, want->lane, *index, &got);
        assert_true(same_coords(p->study, &got, want));
        assert_int_equal(cs_plan_index(p, want), *index);
    }
}

static void check_lane_of_case(const struct cs_plan *p, uint32_t lane, uint32_t case_index, uint64_t *index)
{
    const struct cs_study *s = p->study;
    struct cs_coords want = {.lane = lane, .case_index = case_index};
    for (uint32_t i = 0; i < s->n_rects; i++) {
        const struct cs_rect *r = &s->rects[i];
        uint32_t digits[CS_FACTORS_MAX] = {0}, k = 0;
        while (k < r->n_models && r->models[k] != lane)
            k++;
        if (k == r->n_models)
            continue;
        want.rect = i;
        do {
            for (uint32_t f = 0; f < s->n_factors; f++)
                want.arms[f] = r->arms[f][digits[f]];
            for (uint32_t q = 0; q < r->n_questions; q++, want.cell++) {
                want.question = r->questions[q];
                check_cell(p, &want, r->repeats, index);
            }
        } while (next_arms(s, r, digits));
    }
    assert_int_equal(want.cell, p->lanes[lane].n_cells);
}

static void check_positions(const struct cs_plan *p, uint32_t lane, uint32_t *order)
{
    const struct cs_plan_lane *l = &p->lanes[lane];
    uint8_t *seen = cs_xcalloc(l->n_trials, 1);
    for (uint64_t position = 0; position < l->n_trials; position++) {
        uint64_t index = cs_plan_at(p, lane, position);
        assert_true(index < l->n_trials);
        assert_int_equal(cs_plan_position(p, lane, index), position);
        assert_int_equal(seen[index]++, 0);
        uint64_t rank = position /
                        l->block_size; /* a case's positions lie together, its rank is the same in all lanes */
        if (order[rank] == CS_NONE)
            order[rank] = (uint32_t)(index / l->block_size);
        assert_int_equal(index / l->block_size, order[rank]);
    }
    free(seen);
}

/* Cases in groups, which may hold more than the study has: a pilot's. */
static const struct cs_parent_study *random_groups(struct cs_rng *r, struct cs_arena *a, uint32_t n_cases)
{
    struct cs_parent_study *p = cs_arena_alloc(a, sizeof *p);
    uint32_t *cases = cs_arena_array(a, 16, sizeof *cases), n = 0;
    while (n < n_cases)
        n += cases[p->n_groups++] = 1 + (uint32_t)cs_rng_below(r, 4);
    p->group_cases = cases;
    return p;
}

/* The cases of a group are opened one after the other. order: CS_NONE where no lane asks anything. */
static void check_groups(const struct cs_plan *p, const uint32_t *order)
{
    const struct cs_parent_study *parent = p->study->parent;
    uint32_t first = 0;
    for (uint32_t g = 0; parent != NULL && g < parent->n_groups && order[0] != CS_NONE; g++) {
        const uint32_t end = first + parent->group_cases[g] < p->study->n_cases ? first + parent->group_cases[g]
                                                                                : p->study->n_cases;
        uint32_t least = CS_NONE, most = 0;
        for (uint32_t rank = 0; rank < p->study->n_cases; rank++) {
            assert_int_equal(cs_plan_case_at(p, rank), order[rank]);
            assert_int_equal(cs_plan_rank(p, order[rank]), rank);
            if (order[rank] < first || order[rank] >= end)
                continue;
            least = least == CS_NONE ? rank : least;
            most = rank;
        }
        assert_int_equal(most - least + 1, end - first);
        for (uint32_t rank = least; rank <= most; rank++)
            assert_int_equal(cs_plan_group_end(p, rank), most + 1);
        first = end;
    }
}

static void any_plan_is_a_bijection(void **state)
{
    (void)state;
    struct cs_rng r = {7};
    struct cs_arena a = {0};
    uint32_t used_lanes = 0;
    for (int round = 0; round < 300; round++) {
        struct cs_study s;
        struct cs_plan p;
        uint32_t order[16];
        uint64_t trials = 0;
        memset(order, 0xff, sizeof order);
        random_study(&r, &a, &s);
        if (round % 2 == 1)
            s.parent = random_groups(&r, &a, s.n_cases);
        cs_plan_init(&p, &s);
        for (uint32_t lane = 0; lane < p.n_lanes; lane++) {
            uint64_t index = 0;
            for (uint32_t c = 0; c < s.n_cases; c++)
                check_lane_of_case(&p, lane, c, &index);
            assert_int_equal(index, p.lanes[lane].n_trials);
            trials += index;
            if (index > 0)
                used_lanes++;
            check_positions(&p, lane, order);
        }
        check_groups(&p, order);
        assert_int_equal(trials, p.n_trials);
        cs_plan_release(&p);
        cs_arena_reset(&a);
    }
    assert_true(used_lanes > 300);
    cs_arena_release(&a);
}

/* ---- order ------------------------------------------------------------------------------------ */

static void the_order_is_shuffled_and_keyed(void **state)
{
    (void)state;
    struct cs_study s = fx_study(), other = fx_study();
    struct cs_plan p, q;
    s.n_cases = other.n_cases = 1000;
    other.seed++;
    cs_plan_init(&p, &s);
    cs_plan_init(&q, &other);
    const uint64_t block = p.lanes[0].block_size;
    uint32_t in_place = 0, same_as_other_seed = 0, same_as_next_case = 0;
    for (uint64_t i = 0; i < s.n_cases; i++) {
        uint64_t c = cs_plan_at(&p, 0, i * block) / block;
        in_place += c == i;
        same_as_other_seed += c == cs_plan_at(&q, 0, i * block) / block;
        same_as_next_case += cs_plan_at(&p, 0, i * block) % block == cs_plan_at(&p, 0, (i + 1) % 1000 * block) % block;
    }
    assert_true(in_place < 20);
    assert_true(same_as_other_seed < 20);
    assert_true(same_as_next_case < 100); /* a block has 96 trials: about 10 by chance */
    cs_plan_release(&p);
    cs_plan_release(&q);
}

/* The order is part of a generation: a worker and a coordinator of different builds must agree on it. */
static void the_order_never_changes(void **state)
{
    (void)state;
    static const uint64_t first[8] = {177, 184, 148, 141,
                                      173, 127, 103, 170}; /* by a second implementation, in Python */
    struct cs_study s = fx_study();
    struct cs_plan p;
    cs_plan_init(&p, &s);
    assert_int_equal(p.lanes[0].block_size, 4 * 2 * 2 * 3 + 2 * 2 * 3 * 2 * 2);
    assert_int_equal(p.lanes[1].block_size, 4 * 2 * 2 * 3);
    for (uint64_t i = 0; i < 8; i++)
        assert_int_equal(cs_plan_at(&p, 0, i), first[i]);
    cs_plan_release(&p);
}

/* ---- size ------------------------------------------------------------------------------------- */

static void large_plans_cost_no_memory_per_trial(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_rect rects[] = {fx_rects[0], fx_rects[1]};
    struct cs_plan p;
    rects[0].repeats = 1000;
    s.rects = rects;
    s.n_cases = 20000;
    cs_plan_init(&p, &s);
    assert_true(p.n_trials > 600 * 1000 * 1000);
    struct cs_rng r = {3};
    for (int i = 0; i < 20000; i++) {
        uint64_t position = cs_rng_below(&r, p.lanes[0].n_trials);
        uint64_t index = cs_plan_at(&p, 0, position);
        struct cs_coords c;
        cs_plan_coords(&p, 0, index, &c);
        assert_int_equal(cs_plan_index(&p, &c), index);
        assert_int_equal(cs_plan_position(&p, 0, index), position);
    }
    cs_plan_release(&p);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_rect r = fx_rects[0];
    struct cs_error err;
    static struct cs_arm many[CS_LEVELS_MAX];
    s.rects = &r;
    s.n_rects = 1;
    r.repeats = CS_REPEATS_MAX;
    s.n_cases = CS_CASES_MAX;
    assert_int_equal(cs_plan_check(&s, &err), CS_ETOOBIG); /* trials */
    r = fx_rects[0];
    s.n_cases = 1;
    for (uint32_t f = 0; f < s.n_factors; f++) {
        r.arms[f] = many;
        r.n_arms[f] = CS_LEVELS_MAX;
    }
    assert_int_equal(cs_plan_check(&s, &err), CS_ETOOBIG); /* cells: 4096 to the fifth */
    assert_int_equal(cs_plan_check(&(struct cs_study){.n_models = 1, .models = fx_models}, &err), CS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_plan_is_a_bijection),      cmocka_unit_test(the_order_is_shuffled_and_keyed),
        cmocka_unit_test(the_order_never_changes),      cmocka_unit_test(large_plans_cost_no_memory_per_trial),
        cmocka_unit_test(what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
