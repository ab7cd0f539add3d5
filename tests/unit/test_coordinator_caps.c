/* What one session, and one key, may take of the coordinator. */
#include "tests/unit/coordinator_hand.h"

#include "coordinator/core/caps.h"

static uint64_t leased(struct rig *r)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, 0, &v);
    return v.leased;
}

static uint32_t sessions(struct rig *r)
{
    struct cs_core_view v;

    cs_core_view(r->core, 0, &v);
    return v.sessions;
}

/* `a` lives and reads, and does what is said; `b` answers one trial after the other. */
static void pass(struct rig *r, struct hand *a, struct hand *b, bool busy, uint32_t seconds)
{
    for (uint32_t i = 0; i < seconds; i += 2) {
        struct cs_lease_ref listed[64];

        memcpy(listed, a->leases, sizeof listed);
        for (uint32_t k = 0; busy && k < a->n_leases; k++) {
            memcpy(listed[k].busy, listed[k].todo, sizeof listed[k].busy);
            memset(listed[k].todo, 0, sizeof listed[k].todo);
        }
        ping(a, listed, a->n_leases, 0, 0);
        if (b != NULL)
            result(b, 0, 500 + b->calls);
        if (b != NULL)
            settle(b);
        rig_tick(r, 2000);
    }
}

/* It holds, begins nothing and gives nothing back, while another gets answers: what it holds is free again, and it gets no more. */
static void a_hoarder_loses_its_leases(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 40);
    assert_int_equal(leased(&r), 40);
    for (int times = 1; times <= CS_CAPS_TIMES; times++) {
        pass(&r, &a, &b, false, 28);
        assert_int_equal(leased(&r), 0);
        hello(&a, NULL, 0); /* the same process again */
        assert_true((rig_sent(&r, CS_REJECT, 0) != NULL) == (times == CS_CAPS_TIMES));
        settle(&a);
        want(&a, 1, 0, 40);
        assert_int_equal(leased(&r), times == CS_CAPS_TIMES ? 0 : 40);
    }
    rig_close(&r);
}

/* Calls that take long are work, and where nobody gets an answer nobody is to blame. */
static void who_works_or_waits_as_all_do_keeps_them(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 40);
    pass(&r, &a, &b, true, 60);
    assert_int_equal(leased(&r), 40);
    pass(&r, &a, NULL, false, 60); /* a provider that is away, a limit that is used up */
    assert_int_equal(leased(&r), 40);
    rig_close(&r);
}

/* After an outage one is the first to ask: the other is not idle beside it at once, but when it does nothing as long as anybody may. */
static void who_is_back_later_has_its_time(void **state)
{
    struct rig r;
    struct hand a, b;
    uint32_t seconds = 0;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 40);
    pass(&r, &a, &b, true, 20);
    for (int i = 0; i < 10; i++) {
        ping(&b, NULL, 0, 0, 0);
        pass(&r, &a, NULL, false, 2);
    }
    do {
        pass(&r, &a, &b, false, 2);
        seconds += 2;
    } while (rig_sent(&r, CS_REVOKE, 0) == NULL && seconds < 60);
    assert_in_range(1000 * seconds, CS_CAPS_IDLE_MS, CS_CAPS_IDLE_MS + 6000);
    rig_close(&r);
}

/* An honest worker that a limit keeps from beginning gives back when it is asked, and may want again. */
static void who_gives_back_may_want_again(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 40);
    pass(&r, &a, &b, false, 14);
    struct cs_message back = {.kind = CS_REVOKED, .leases = {a.n_leases, a.leases}};
    say(&a, &back);
    a.n_leases = 0;
    settle(&a);
    pass(&r, &a, &b, false, 10);
    want(&a, 1, 0, 40);
    assert_int_equal(leased(&r), 40);
    rig_close(&r);
}

/* It sends and never reads: its session ends before what waits for it fills memory. */
static void who_does_not_read_is_let_go(void **state)
{
    struct rig r;
    struct hand a;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    for (uint32_t i = 0; i < CS_CAPS_UNREAD - 8; i++) {
        assert_int_equal(sessions(&r), 1);
        ping(&a, NULL, 0, 1, 0);
    }
    for (uint32_t i = 0; i < 16; i++)
        ping(&a, NULL, 0, 1, 0);
    assert_int_equal(sessions(&r), 0);
    rig_close(&r);
}

static bool is_not_evil(void *self, const char *user_id)
{
    (void)self;
    return strcmp(user_id, "evil") != 0;
}

static void hello_of(struct rig *r, struct hand *h, const char *key, uint32_t most)
{
    struct cs_message m = {.version = CS_WIRE_MAJOR * 256,
                           .kind = CS_HELLO,
                           .seq = ++h->sent,
                           .hello = {.worker = h->name, .version = "t", .nonce = h->nonce}};
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&h->peer, key, &m, most}};

    rig_step(r, &e);
}

/* sessions= of a key, whatever names its workers take; and all of them end when it is revoked. */
static void a_key_has_so_many_sessions_and_none_when_revoked(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct rig r;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    for (uint8_t i = 0; i < 4; i++) {
        struct hand h = {.r = &r, .name = names[i], .nonce = i + 1u, .peer = {1, {i + 1}}};

        hello_of(&r, &h, i < 3 ? "evil" : "good", 2);
        assert_true((rig_sent(&r, CS_WELCOME, 0) != NULL) == (i != 2));
    }
    assert_int_equal(sessions(&r), 3);
    rig_step(&r, &(struct cs_event){.kind = CS_EV_KEYS, .keys = {is_not_evil, NULL}});
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "auth");
    assert_int_equal(sessions(&r), 1);
    rig_commit_all(&r);
    rig_close(&r);
}

/* A name is a value in logs, and may not write lines of them. */
static void a_name_is_a_word(void **state)
{
    static const char *const bad[] = {"x\nts=now ev=forged", "e\x1b[2J", "a b", "a\"b", "\xe2\x80\xae", ""};
    struct rig r;

    (void)state;
    rig_open(&r, 1, 1000);
    for (uint8_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hand h = {.r = &r, .name = bad[i], .nonce = i + 1u, .peer = {1, {i + 1}}};

        hello_of(&r, &h, "", 0);
        assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "auth");
    }
    assert_int_equal(sessions(&r), 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hoarder_loses_its_leases),
        cmocka_unit_test(who_works_or_waits_as_all_do_keeps_them),
        cmocka_unit_test(who_is_back_later_has_its_time),
        cmocka_unit_test(who_gives_back_may_want_again),
        cmocka_unit_test(who_does_not_read_is_let_go),
        cmocka_unit_test(a_key_has_so_many_sessions_and_none_when_revoked),
        cmocka_unit_test(a_name_is_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
