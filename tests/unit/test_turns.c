/* Whose turn it is: shares by weight, whatever the calls cost; nobody saves up, nobody starves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/calls/turns.h"

enum { LANES = 3 };

struct pool {
    struct cs_turn turn[LANES];
    double now, cost[LANES], taken[LANES];
    uint32_t weight[LANES];
};

/* The next call goes to the one with the least pass among those that have something to start (bits). */
static int start(struct pool *p, unsigned ready)
{
    int next = -1;
    for (int i = 0; i < LANES; i++) {
        if ((ready >> i & 1) == 0)
            continue;
        const double pass = cs_turns_stand(&p->turn[i], p->now);
        if (next < 0 || pass < p->turn[next].pass)
            next = i;
    }
    p->now = cs_turns_take(&p->turn[next], p->now, p->cost[next], p->weight[next]);
    p->taken[next] += p->cost[next];
    return next;
}

static void what_they_take_is_as_their_weights(void **state)
{
    struct pool p = {.cost = {0.01, 0.002, 0.05}, .weight = {1, 2, 4}};
    double sum = 0;
    (void)state;
    for (int i = 0; i < 5000; i++)
        start(&p, 7);
    for (int i = 0; i < LANES; i++)
        sum += p.taken[i];
    for (int i = 0; i < LANES; i++)
        assert_true(p.taken[i] > 0.99 * sum * p.weight[i] / 7 && p.taken[i] < 1.01 * sum * p.weight[i] / 7);
}

static void who_was_away_makes_up_for_little(void **state)
{
    struct pool p = {.cost = {0.01, 0.01, 0.01}, .weight = {1, 1, 1}};
    int first = 0;
    (void)state;
    for (int i = 0; i < 300; i++)
        start(&p, 7);
    for (int i = 0; i < 3000; i++)
        start(&p, 3);
    while (start(&p, 7) == 2)
        first++;
    assert_in_range(first, 1, CS_TURNS_CREDIT + 2);
}

static void a_new_one_begins_where_the_others_are(void **state)
{
    struct pool p = {.cost = {0.01, 0.01, 0.01}, .weight = {1, 1, 1}};
    int calls = 0;
    (void)state;
    for (int i = 0; i < 3000; i++)
        start(&p, 3);
    for (int i = 0; i < 30; i++)
        calls += start(&p, 7) == 2;
    assert_in_range(calls, 9, 11);
}

static void the_part_of_a_quota_is_that_of_its_scarcest_dimension(void **state)
{
    const double cost[3] = {1, 500, 100}, limit[3] = {100, 1000, 0}, none[3] = {0};
    (void)state;
    assert_true(cs_turns_part(cost, limit, 3) == 0.5);
    assert_true(cs_turns_part(cost, none, 3) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_they_take_is_as_their_weights),
        cmocka_unit_test(who_was_away_makes_up_for_little),
        cmocka_unit_test(a_new_one_begins_where_the_others_are),
        cmocka_unit_test(the_part_of_a_quota_is_that_of_its_scarcest_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
