/* Who gets the name of a worker: the process that comes after it, and not one that lives beside it. */
#include "tests/unit/coordinator_hand.h"

static struct cs_lane_view lane_of(struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

/* A HELLO, and what the shell says of the probe that it brings. */
static bool is_welcome(struct rig *r, struct hand *h, bool routed)
{
    const struct cs_action *probe;

    hello(h, NULL, 0);
    if (rig_sent(r, CS_WELCOME, 0) != NULL)
        return true;
    assert_string_equal(rig_sent(r, CS_REJECT, 0)->reject.code, "name");
    probe = rig_probe(r);
    if (probe != NULL && !routed)
        rig_step(r, &(struct cs_event){.kind = CS_EV_GONE, .gone = {probe->token}});
    return false;
}

/* A process that died leaves no route: the next one of its name does not wait for its silence. */
static void a_successor_does_not_wait(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    b = a;
    b.nonce = 55;
    b.peer.id[0] = 2;
    assert_false(is_welcome(&r, &b, true)); /* its end is not yet known */
    assert_false(is_welcome(&r, &b, false));
    assert_int_equal(lane_of(&r, 0).leased, 10);
    assert_true(is_welcome(&r, &b, false));
    assert_int_equal(lane_of(&r, 0).leased, 0);
    settle(&b);
    want(&b, 1, 0, 20);
    assert_int_equal(lane_of(&r, 0).leased, 20);
    rig_close(&r);
}

/* The holder's connection breaks for a moment: who was alive beside it does not get its place by that; nor does one for whom there was
 * no route when the holder is heard again. */
static void a_rival_waits_for_the_silence(void **state)
{
    struct rig r;
    struct hand a, b, c;
    struct cs_message ping = {.kind = CS_PING};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    b = c = a;
    b.nonce = 55;
    b.peer.id[0] = 2;
    c.nonce = 66;
    c.peer.id[0] = 3;
    for (int i = 0; i < 3; i++)
        assert_false(is_welcome(&r, &b, true));
    assert_false(is_welcome(&r, &c, false)); /* the break */
    assert_false(is_welcome(&r, &b, false));
    say(&a, &ping);
    assert_false(is_welcome(&r, &c, true));
    assert_false(is_welcome(&r, &c, true));
    assert_int_equal(lane_of(&r, 0).leased, 10);
    rig_tick(&r, CS_SUSPECT_MS);
    assert_true(is_welcome(&r, &b, true));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_does_not_wait),
        cmocka_unit_test(a_rival_waits_for_the_silence),
    };
    return cmocka_run_group_tests_name("coordinator successor", tests, NULL, NULL);
}
