/* The verdict of a panel: who was asked stays who was asked, a missing vote says nothing, and both orders of a pair must agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tools/judged/panel.h"

enum { YES = 1, NO = 0, TIE = 2, WORDS = 3 }; /* the third word: insufficient information */

/* y, n, i(nsufficient), m(issing), d(ropped), c(oming) */
static struct cs_panel majority(const char *votes, uint32_t quorum)
{
    struct cs_vote v[16] = {{0}};
    const uint32_t n = (uint32_t)strlen(votes);
    for (uint32_t i = 0; i < n; i++) {
        const char at = votes[i];
        v[i].kind = at == 'm'   ? CS_VOTE_MISSING
                    : at == 'd' ? CS_VOTE_DROPPED
                    : at == 'c' ? CS_VOTE_COMING
                                : CS_VOTE_WORD;
        v[i].word = at == 'y' ? YES : at == 'n' ? NO : 2;
    }
    return cs_panel_of(CS_PANEL_MAJORITY, quorum, WORDS, v, n);
}

static void is(const char *votes, uint32_t quorum, enum cs_panel_state state, uint32_t word, uint32_t for_it,
               uint32_t asked)
{
    const struct cs_panel p = majority(votes, quorum);
    assert_string_equal(cs_panel_state_name(p.state), cs_panel_state_name(state));
    assert_int_equal(p.for_it, for_it);
    assert_int_equal(p.asked, asked);
    if (state == CS_PANEL_JUDGED)
        assert_int_equal(p.word, word);
}

static void a_word_needs_more_than_half_of_those_asked(void **state)
{
    (void)state;
    is("yyn", 0, CS_PANEL_JUDGED, YES, 2, 3);
    is("nny", 0, CS_PANEL_JUDGED, NO, 2, 3);
    is("y", 0, CS_PANEL_JUDGED, YES, 1, 1);
    is("yn", 0, CS_PANEL_NO_VERDICT, 0, 1, 2);
    is("yyni", 0, CS_PANEL_NO_VERDICT, 0, 2, 4); /* the most frequent word is not enough */
    is("yiin", 0, CS_PANEL_NO_VERDICT, 0, 2, 4);
    is("iiy", 0, CS_PANEL_JUDGED, 2, 2, 3); /* that the information does not suffice is an answer */
}

static void a_missing_vote_stays_in_the_denominator(void **state)
{
    (void)state;
    is("ymm", 0, CS_PANEL_NO_VERDICT, 0, 1, 3); /* not "1 of 1" */
    is("ynm", 0, CS_PANEL_NO_VERDICT, 0, 1, 3); /* and never a no */
    is("yym", 0, CS_PANEL_JUDGED, YES, 2, 3);
    is("yymm", 0, CS_PANEL_NO_VERDICT, 0, 2, 4);
    is("mmm", 0, CS_PANEL_NO_VERDICT, 0, 0, 3);
    assert_int_equal(majority("ymm", 0).missing, 2);
}

static void the_quorum_is_of_votes_that_say_something(void **state)
{
    (void)state;
    is("yym", 2, CS_PANEL_JUDGED, YES, 2, 3);
    is("yym", 3, CS_PANEL_NO_VERDICT, 0, 2, 3);
    is("ydd", 2, CS_PANEL_NO_VERDICT, 0, 1, 1);
}

static void a_dropped_vote_was_not_asked(void **state)
{
    (void)state;
    is("ydd", 0, CS_PANEL_JUDGED, YES, 1, 1);
    is("ynd", 0, CS_PANEL_NO_VERDICT, 0, 1, 2);
    is("yyd", 0, CS_PANEL_JUDGED, YES, 2, 2);
    is("ddd", 0, CS_PANEL_NO_VERDICT, 0, 0, 0);
    is("", 0, CS_PANEL_NO_VERDICT, 0, 0, 0);
}

static void nothing_is_said_while_a_vote_is_to_come(void **state)
{
    (void)state;
    is("yyc", 0, CS_PANEL_NOT_JUDGED, 0, 2, 3);
    is("ccc", 0, CS_PANEL_NOT_JUDGED, 0, 0, 3);
}

static struct cs_panel mean_of(const double *numbers, uint32_t n, uint32_t missing, uint32_t quorum)
{
    struct cs_vote v[16] = {{0}};
    for (uint32_t i = 0; i < n + missing; i++) {
        v[i].kind = i < n ? CS_VOTE_NUMBER : CS_VOTE_MISSING;
        v[i].number = i < n ? numbers[i] : 0;
    }
    return cs_panel_of(CS_PANEL_MEAN, quorum, 0, v, n + missing);
}

static void numbers_have_their_mean_and_how_many(void **state)
{
    const double four[] = {1, 2, 5, 4};
    (void)state;
    struct cs_panel p = mean_of(four, 4, 0, 0);
    assert_int_equal(p.state, CS_PANEL_JUDGED);
    assert_true(p.number == 3);
    assert_int_equal(p.given, 4);
    p = mean_of(four, 2, 1, 0); /* a missing score is no lowest score: MedHELM's jury gave 1.0 */
    assert_int_equal(p.state, CS_PANEL_JUDGED);
    assert_true(p.number == 1.5);
    assert_int_equal(p.given, 2);
    assert_int_equal(p.asked, 3);
    assert_int_equal(mean_of(four, 1, 2, 0).state, CS_PANEL_NO_VERDICT);
    assert_int_equal(mean_of(four, 1, 2, 1).state, CS_PANEL_JUDGED); /* declared so */
    assert_int_equal(mean_of(four, 2, 1, 3).state, CS_PANEL_NO_VERDICT);
    assert_int_equal(mean_of(four, 0, 3, 0).state, CS_PANEL_NO_VERDICT);
    assert_int_equal(mean_of(four, 0, 0, 0).state, CS_PANEL_NO_VERDICT);
}

static struct cs_vote word(uint32_t w)
{
    return (struct cs_vote){.kind = CS_VOTE_WORD, .word = w};
}

static void both_orders_of_a_pair_must_name_one_side(void **state)
{
    static const struct {
        uint32_t forth, back, word;
        bool led;
    } cases[] = {
        {0, 1, 0, false},                             /* the side that stood first, then second */
        {1, 0, 1, false},                             /* the other one */
        {0, 0, TIE, true},                            /* whichever stood first */
        {1, 1, TIE, true},                            /* whichever stood second */
        {TIE, TIE, TIE, false}, {0, TIE, TIE, false}, /* not led by the order: undecided */
        {TIE, 1, TIE, false},
    };
    const struct cs_vote missing = {.kind = CS_VOTE_MISSING}, coming = {.kind = CS_VOTE_COMING};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct cs_vote forth = word(cases[i].forth), back = word(cases[i].back);
        const struct cs_vote v = cs_panel_duel(&forth, &back);
        assert_int_equal(v.kind, CS_VOTE_WORD);
        assert_int_equal(v.word, cases[i].word);
        assert_int_equal(v.order_led, cases[i].led);
    }
    const struct cs_vote first = word(0);
    assert_int_equal(cs_panel_duel(&first, &missing).kind, CS_VOTE_MISSING);
    assert_int_equal(cs_panel_duel(&missing, &first).kind, CS_VOTE_MISSING);
    assert_int_equal(cs_panel_duel(&coming, &first).kind, CS_VOTE_COMING);
    assert_int_equal(cs_panel_duel(&missing, &coming).kind, CS_VOTE_COMING);
    assert_int_equal(cs_panel_duel(&coming, &missing).kind, CS_VOTE_COMING);
}

static void a_duel_led_by_the_order_is_counted(void **state)
{
    const struct cs_vote forth = word(0), back = word(0);
    struct cs_vote v[3] = {cs_panel_duel(&forth, &back), word(TIE), word(0)};
    (void)state;
    const struct cs_panel p = cs_panel_of(CS_PANEL_MAJORITY, 0, 3, v, 3);
    assert_int_equal(p.state, CS_PANEL_JUDGED);
    assert_int_equal(p.word, TIE);
    assert_int_equal(p.order_led, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_needs_more_than_half_of_those_asked),
        cmocka_unit_test(a_missing_vote_stays_in_the_denominator),
        cmocka_unit_test(the_quorum_is_of_votes_that_say_something),
        cmocka_unit_test(a_dropped_vote_was_not_asked),
        cmocka_unit_test(nothing_is_said_while_a_vote_is_to_come),
        cmocka_unit_test(numbers_have_their_mean_and_how_many),
        cmocka_unit_test(both_orders_of_a_pair_must_name_one_side),
        cmocka_unit_test(a_duel_led_by_the_order_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
