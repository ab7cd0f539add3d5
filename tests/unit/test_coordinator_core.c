/* The coordinator's rules, driven event by event. */
#include "tests/unit/coordinator_hand.h"

#include "coordinator/lanes/by_hand.h"
#include "protocol/base/log.h"

static void control(struct rig *r, enum cs_control verb, const char *model, uint64_t token)
{
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {verb, model, token}};

    rig_step(r, &e);
}

static struct cs_lane_view lane_of(struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

static struct cs_intake intake_of(struct rig *r)
{
    struct cs_core_view v;

    cs_core_view(r->core, 0, &v);
    return v.intake;
}

/* ---- leases --------------------------------------------------------------------------------------- */

static void grants_up_to_capacity_and_only_behind_the_frontier(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 3000);
    hand_open(&w, &r, "w", 1);
    rig_load(&r, 1, true, false);
    want(&w, 1, 0, 100);
    assert_int_equal(held(&w), 0); /* the frontier is not on disk yet */
    rig_commit(&r, CS_OK);
    note(&w);
    assert_int_equal(held(&w), 100);
    assert_true(r.disk->frontier[0] >= 100);
    want(&w, 1, 0, 300);
    assert_int_equal(held(&w), 300);
    want(&w, 1, 0, 300);
    assert_int_equal(held(&w), 300);
    result(&w, 0, 0);
    assert_int_equal(held(&w), 300); /* one is not worth a lease of its own */
    ping(&w, w.leases, w.n_leases, 0, 1);
    assert_int_equal(held(&w), 301);
    rig_close(&r);
}

static void the_rest_is_shared(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 100);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    control(&r, CS_CONTROL_PAUSE, NULL, 0);
    want(&a, 1, 0, 500);
    want(&b, 1, 0, 500);
    rig_commit_all(&r);
    assert_int_equal(held(&a) + held(&b), 0);
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    note(&a);
    note(&b);
    assert_true(held(&a) >= 25 && held(&b) >= 25);
    rig_close(&r);
}

static void what_a_ping_does_not_list_is_free(void **state)
{
    struct rig r;
    struct hand w;
    uint64_t before;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    before = w.last_seq;
    want(&w, 1, 0, 10);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    ping(&w, NULL, 0, before, 0); /* the ASSIGN is still on its way */
    assert_int_equal(lane_of(&r, 0).leased, 10);
    assert_null(rig_sent(&r, CS_ASSIGN, 0));
    ping(&w, NULL, 0, 0, 0); /* it has seen later messages, but not that one: given again, under another epoch */
    assert_int_equal(lane_of(&r, 0).leased, 10);
    assert_int_equal(w.n_leases, 2);
    assert_true(w.leases[1].epoch > w.leases[0].epoch);
    assert_memory_equal(w.leases[1].todo, w.leases[0].todo, CS_BITMAP_BYTES);
    ping(&w, w.leases, 1, 0, 0); /* the old epoch is stale and told so */
    assert_int_equal(rig_sent(&r, CS_PONG, 0)->pong.n_lost, 1);
    rig_close(&r);
}

static void silence_is_suspect_then_lost(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 10);
    rig_tick(&r, 5000);
    ping(&b, NULL, 0, 0, 0);
    rig_tick(&r, 2000);
    control(&r, CS_CONTROL_PAUSE, NULL, 0); /* something that makes it look at all sessions */
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    rig_tick(&r, CS_LEASE_LOST_MS - 7000 - 200);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    ping(&b, NULL, 0, 0, 0);
    rig_tick(&r, 200);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    want(&b, 1, 0, 5);
    assert_int_equal(b.leases[0].page, 0);
    assert_int_equal(b.leases[0].todo[0], 0x1f); /* the same trials, from the first */
    ping(&a, a.leases, a.n_leases, 0, 0);
    assert_non_null(rig_sent(&r, CS_WHO, 0));
    rig_close(&r);
}

static void suspects_get_no_work(void **state)
{
    struct rig r;
    struct hand a;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    control(&r, CS_CONTROL_PAUSE, NULL, 0);
    want(&a, 1, 0, 10);
    rig_tick(&r, CS_SUSPECT_MS);
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    note(&a);
    assert_int_equal(held(&a), 0);
    ping(&a, NULL, 0, 0, 0);
    assert_int_equal(held(&a), 10);
    rig_close(&r);
}

static void a_late_loop_loses_nobody(void **state)
{
    struct rig r;
    struct hand a;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    r.now += 100000; /* swapped out, stopped, suspended */
    rig_tick(&r, 200);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    rig_tick(&r, CS_LEASE_LOST_MS);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    rig_close(&r);
}

static void bye_frees_at_once_and_another_process_when_the_first_is_silent(void **state)
{
    struct rig r;
    struct hand a, again, thief;
    struct cs_message bye = {.kind = CS_BYE, .bye = {"done"}}, m;
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&thief.peer, "other key", &m}};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    thief = a;
    thief.peer.id[0] = 9;
    m = (struct cs_message){.kind = CS_HELLO, .hello = {.worker = "a", .nonce = 7}};
    rig_step(&r, &e);
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "auth");
    assert_int_equal(lane_of(&r, 0).leased, 10);
    again = a;
    again.nonce = 5;
    again.peer.id[0] = 2;
    hello(&again, NULL, 0); /* while the other is at work */
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "name");
    assert_int_equal(rig_sent(&r, CS_REJECT, 0)->reject.retry_after_ms, CS_PROBE_RETRY_MS);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    hello(&again, NULL, 0);
    hello(&again, NULL, 0); /* looked twice: it is there */
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "name");
    assert_int_equal(rig_sent(&r, CS_REJECT, 0)->reject.retry_after_ms, CS_NAME_RETRY_MS);
    assert_null(rig_probe(&r));
    rig_tick(&r, CS_SUSPECT_MS);
    hello(&again, NULL, 0);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    settle(&again);
    want(&again, 1, 0, 20);
    say(&again, &bye);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    rig_close(&r);
}

/* ---- outputs ---------------------------------------------------------------------------------------- */

static void acknowledged_after_the_commit_only(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    rig_commit_all(&r);
    result(&w, 0, 0);
    result(&w, 0, 1);
    result(&w, 0, 2); /* two groups are on their way, this one waits */
    assert_int_equal(r.n_batches, CS_PENDING_GROUPS);
    assert_null(rig_sent(&r, CS_ACK, 0));
    assert_int_equal(lane_of(&r, 0).done, 0); /* nothing is shown that is not on disk */
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    assert_int_equal(lane_of(&r, 0).done, 1);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 3);
    assert_int_equal(r.disk->outputs, 3);
    assert_int_equal(r.disk->counters[0].outcome[CS_OUTCOME_ok], 3);
    rig_close(&r);
}

static void a_failed_write_ends_it_without_an_ack(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    rig_commit_all(&r);
    result(&w, 0, 0);
    result(&w, 0, 1);
    rig_commit(&r, CS_EIO);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_EIO);
    assert_null(rig_sent(&r, CS_ACK, 0));
    result(&w, 0, 2);
    assert_null(r.acts);
    rig_close(&r);
}

static void the_second_answer_is_a_duplicate(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 1);
    result(&b, 0, 0); /* not its own: late, but a paid fact */
    assert_int_equal(lane_of(&r, 0).leased, 0);
    result(&a, 0, 0);
    rig_commit_all(&r);
    assert_int_equal(r.disk->outputs, 2);
    assert_int_equal(r.disk->duplicates, 1);
    assert_int_equal(lane_of(&r, 0).counters.duplicates, 1);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(intake_of(&r).late, 1);
    assert_int_equal(intake_of(&r).duplicate, 1);
    rig_close(&r);
}

static void a_lost_ack_is_repeated_not_counted_twice(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_lease_ref held_lease;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    result_as(&w, 1, 5001, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    result_as(&w, 1, 5001, 1, 0, 0, CS_OUTCOME_ok, GOOD); /* resent within the session */
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    ping(&w, w.leases, w.n_leases, 0, 1);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    held_lease = w.leases[0];
    hello(&w, &held_lease, 1); /* and again after a new HELLO: a new number 1 */
    result_as(&w, 1, 5001, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    rig_restart(&r, false); /* and to the next coordinator, which looks on the disk */
    hello(&w, &held_lease, 1);
    result_as(&w, 1, 5001, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    assert_int_equal(r.disk->outputs, 1);
    assert_int_equal(intake_of(&r).resent, 1);
    assert_int_equal(lane_of(&r, 0).counters.attempts, 1);
    rig_close(&r);
}

static void a_gap_is_answered_with_who(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    result_as(&w, 2, 1, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    assert_non_null(rig_sent(&r, CS_WHO, 0));
    rig_commit_all(&r);
    assert_int_equal(r.disk->outputs, 0);
    rig_close(&r);
}

static void another_rendering_stops_the_worker(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    result(&w, 0, 0);
    result_as(&w, ++w.number, 99, 1, 0, 1, CS_OUTCOME_ok, WRONG_DIGEST);
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "mismatch");
    assert_int_equal(lane_of(&r, 0).leased, 0);
    rig_commit(&r, CS_OK);
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 2);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.n_refused, 1);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].number, 2);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_DIGEST);
    want(&w, 1, 0, 10);
    ping(&w, NULL, 0, 0, 0);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    hello(&w, NULL, 0);
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "mismatch");
    rig_commit_all(&r);
    assert_int_equal(r.disk->outputs, 1);
    rig_close(&r);
}

static void unknown_and_unreadable_outputs_are_refused(void **state)
{
    struct rig r;
    struct hand w, v;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    result_as(&w, 1, 1, 1, 0, 1000, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_UNKNOWN);
    result_as(&w, 2, 2, 7, 0, 0, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_UNKNOWN);
    result_as(&v, 1, 3, 1, 0, 0, CS_OUTCOME_ok, GARBAGE);
    assert_non_null(rig_sent(&r, CS_REJECT, 0));
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_MALFORMED);
    assert_int_equal(r.disk->outputs, 0);
    assert_int_equal(intake_of(&r).refused, 3);
    rig_close(&r);
}

static void failures_are_retried_on_request_and_beaten_by_answers(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 2);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    result_as(&w, 1, 1, 1, 0, 0, CS_OUTCOME_transport, GOOD);
    result_as(&w, 2, 2, 1, 0, 1, CS_OUTCOME_provider_error, GOOD);
    result_as(&w, 3, 3, 1, 0, 1, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).failed, 1);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_DONE);
    control(&r, CS_CONTROL_RETRY, NULL, 42);
    assert_null(rig_reply(&r, 42)); /* not before it is on disk */
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_reply(&r, 42)->code, CS_OK);
    assert_int_equal(lane_of(&r, 0).failed, 0);
    assert_int_equal(lane_of(&r, 0).leased, 1);
    rig_close(&r);
}

static void an_unreadable_case_is_fatal(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 10);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    r.fail_digest = true;
    result(&w, 0, 0);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_ECORRUPT);
    rig_close(&r);
}

/* ---- restart ------------------------------------------------------------------------------------------ */

static void after_a_restart_new_trials_at_once_old_ones_by_adoption_or_grace(void **state)
{
    struct rig r;
    struct hand a, b, c;
    struct cs_lease_ref mine;
    uint64_t frontier;

    (void)state;
    rig_open(&r, 1, 9000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    hand_open(&c, &r, "c", 3); /* will not come again */
    want(&c, 1, 0, 2);
    result(&a, 0, 0);
    rig_commit_all(&r);
    frontier = r.disk->frontier[0];
    mine = a.leases[0];
    mine.todo[0] = 0xf8; /* 1 is lost, 2 flies, 3 to 9 are to do */
    mine.busy[0] = 0x04;
    rig_restart(&r, false);
    rig_commit_all(&r);
    hand_open(&b, &r, "b", 2);
    want(&b, 1, 0, 300);
    assert_int_equal(held(&b), 300);
    assert_int_equal(b.leases[0].page, frontier / CS_PAGE_TRIALS);
    hello(&a, &mine, 1);
    assert_int_equal(rig_sent(&r, CS_WELCOME, 0)->welcome.n_adopted, 1);
    assert_true(rig_sent(&r, CS_WELCOME, 0)->welcome.adopted[0].old_epoch == mine.epoch);
    assert_true(rig_sent(&r, CS_WELCOME, 0)->welcome.adopted[0].new_epoch > (uint64_t)2 << 32);
    assert_int_equal(lane_of(&r, 0).leased, 300 + 8);
    mine.epoch = rig_sent(&r, CS_WELCOME, 0)->welcome.adopted[0].new_epoch;
    for (unsigned i = 0; i < CS_GRACE_MS / 1000; i++) {
        ping(&a, &mine, 1, 0, 0);
        ping(&b, b.leases, b.n_leases, 0, 0);
        assert_int_equal(lane_of(&r, 0).leased, 300 + 8);
        rig_tick(&r, 1000);
    }
    want(&b, 1, 0, 400); /* after the grace what nobody claimed is free: trial 1, c's two ... */
    assert_int_equal(b.leases[b.n_leases - 1].page, 0);
    assert_int_equal(b.leases[b.n_leases - 1].todo[0], 0x02);
    assert_int_equal(b.leases[b.n_leases - 1].todo[1], 0xfc);
    rig_close(&r);
}

static void the_grace_is_over_when_all_have_come(void **state)
{
    struct rig r;
    struct hand a, b;

    (void)state;
    rig_open(&r, 1, 9000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    hand_open(&b, &r, "b", 2);
    want(&a, 1, 0, 10);
    rig_commit_all(&r);
    rig_restart(&r, false);
    rig_commit_all(&r);
    hand_open(&b, &r, "b", 4); /* another process: what b held is free */
    want(&b, 1, 0, 5);
    assert_true(b.leases[0].page > 0);
    hello(&a, a.leases, 0); /* the last one, with nothing in its hands */
    rig_tick(&r, CS_TICK_MS);
    settle(&b);
    want(&b, 1, 0, 20);
    assert_int_equal(b.leases[b.n_leases - 1].page, 0);
    assert_int_equal(b.leases[b.n_leases - 1].todo[0], 0xff);
    say(&a, &(struct cs_message){.kind = CS_BYE, .bye = {""}});
    rig_commit_all(&r);
    rig_restart(&r, false); /* one that has said BYE is not waited for */
    rig_commit_all(&r);
    hand_open(&b, &r, "b", 5);
    rig_tick(&r, CS_TICK_MS);
    want(&b, 1, 0, 3);
    assert_int_equal(b.leases[0].page, 0);
    rig_close(&r);
}

static void a_fresh_fleet_needs_no_grace(void **state)
{
    struct rig r;
    struct hand a;

    (void)state;
    rig_open(&r, 1, 9000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 10);
    rig_commit_all(&r);
    rig_restart(&r, true);
    rig_commit_all(&r);
    hand_open(&a, &r, "b", 2);
    want(&a, 1, 0, 5);
    assert_int_equal(a.leases[0].page, 0);
    assert_int_equal(a.leases[0].todo[0], 0x1f);
    rig_close(&r);
}

static void what_another_has_is_revoked_after_hello(void **state)
{
    struct rig r;
    struct hand a, b;
    struct cs_lease_ref mine;
    struct cs_message m = {.kind = CS_REVOKED};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&a, &r, "a", 1);
    want(&a, 1, 0, 8);
    mine = a.leases[0];
    rig_tick(&r, CS_LEASE_LOST_MS + 1000);
    hand_open(&b, &r, "b", 2);
    want(&b, 1, 0, 4); /* 0..3 are another's now */
    hello(&a, &mine, 1);
    assert_int_equal(rig_sent(&r, CS_WELCOME, 0)->welcome.n_adopted, 1);
    assert_int_equal(rig_sent(&r, CS_REVOKE, 0)->leases.n, 1);
    assert_int_equal(lane_of(&r, 0).leased, 8);
    mine.epoch = rig_sent(&r, CS_REVOKE, 0)->leases.leases[0].epoch;
    mine.todo[0] = 0x7f; /* 7 has begun meanwhile */
    m.leases = (struct cs_leases){1, &mine};
    say(&a, &m);
    assert_int_equal(lane_of(&r, 0).leased, 5);
    rig_close(&r);
}

/* Two connections of one worker are read in any order. */
static void a_hello_that_comes_late_is_ignored(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_message late = {.kind = CS_HELLO, .hello = {.worker = "w", .version = "t", .nonce = 1}};
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&w.peer, "", &late}};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    late.seq = w.sent;
    hello(&w, NULL, 0);
    settle(&w);
    want(&w, 1, 0, 10);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    rig_step(&r, &e);
    assert_null(r.acts);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    rig_close(&r);
}

static void what_flies_in_a_cancelled_lane_outlives_a_reconnection(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_lease_ref flies;

    (void)state;
    rig_open(&r, 1, 10);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    flies = w.leases[0];
    memset(flies.todo, 0, sizeof flies.todo);
    flies.busy[0] = 0x03;
    control(&r, CS_CONTROL_CANCEL, NULL, 0);
    hello(&w, &flies, 1);
    assert_int_equal(lane_of(&r, 0).leased, 2); /* the study is not idle: they are awaited */
    settle(&w);
    assert_int_equal(lane_of(&r, 0).cancelled, 8);
    result(&w, 0, 0);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).done, 1);
    rig_close(&r);
}

/* ---- the operator -------------------------------------------------------------------------------------- */

static void pause_by_hand(struct rig *r, const char *reason, int64_t wall_ms)
{
    struct cs_event e = {.kind = CS_EV_CONTROL,
                         .control = {.verb = CS_CONTROL_PAUSE, .reason = reason, .wall_ms = wall_ms}};

    rig_step(r, &e);
}

/* The row "hand/..." of lane 0 in the open group; NULL: none is written. */
static const struct cs_batch_meta *hand_row(const struct rig *r)
{
    const struct cs_batch *b = r->batches[r->n_batches - 1];

    for (uint32_t i = 0; i < b->n_metas; i++) {
        if (strcmp(b->metas[i].key, "hand/00000001/00000") == 0)
            return &b->metas[i];
    }
    return NULL;
}

static void who_pauses_is_quoted(void **state)
{
    static const char row[] = "1700000000123 the disk is full";
    struct cs_by_hand h;
    struct rig r;

    (void)state;
    rig_open(&r, 1, 100);
    rig_begin(&r);
    pause_by_hand(&r, "the disk is full", 1700000000123);
    assert_int_equal(hand_row(&r)->len, sizeof row - 1);
    assert_memory_equal(hand_row(&r)->value, row, sizeof row - 1);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).by_hand_wall_ms, 1700000000123);
    assert_string_equal(lane_of(&r, 0).reason, "the disk is full");
    pause_by_hand(&r, NULL, 1700000009999); /* other words, the same pause */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).by_hand_wall_ms, 1700000000123);
    assert_string_equal(lane_of(&r, 0).reason, "");
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    assert_null(hand_row(&r)->value);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).by_hand_wall_ms, 0);
    pause_by_hand(&r, "again", 1700000010000);
    rig_commit_all(&r);
    control(&r, CS_CONTROL_CANCEL, NULL, 0);
    assert_null(hand_row(&r)->value);
    rig_commit_all(&r);
    rig_close(&r);
    cs_by_hand_open(&h, row);
    assert_int_equal(h.wall_ms, 1700000000123);
    assert_string_equal(h.reason, "the disk is full");
    for (unsigned i = 0; i < 4; i++) {
        cs_by_hand_open(&h, ((const char *const[]){NULL, "", "-5 x", "17x"})[i]);
        assert_true(h.wall_ms == 0 && h.reason[0] == '\0');
    }
}

static void pause_resume_cancel_are_durable_before_the_reply(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 2, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    control(&r, CS_CONTROL_PAUSE, "beta", 1);
    assert_null(rig_reply(&r, 1));
    assert_int_equal(rig_sent(&r, CS_STOP, 0)->announce.lanes[1].state, CS_LANE_PAUSED); /* pushed at once */
    assert_non_null(rig_sent(&r, CS_ANNOUNCE, 0));
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_reply(&r, 1)->code, CS_OK);
    want(&w, 1, 1, 10);
    assert_int_equal(held(&w), 0);
    rig_commit_all(&r);
    rig_restart(&r, true);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 1).state, CS_LANE_PAUSED);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    control(&r, CS_CONTROL_RESUME, "nobody", 2);
    assert_int_equal(rig_reply(&r, 2)->code, CS_ENOENT);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    control(&r, CS_CONTROL_CANCEL, "alpha", 3);
    assert_int_equal(rig_sent(&r, CS_REVOKE, 0)->leases.n, 1);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).cancelled, 990);
    ping(&w, NULL, 0, 0, 0); /* it has given all back */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).cancelled, 1000);
    result(&w, 0, 4); /* one was on its way all the same */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_CANCELLED);
    control(&r, CS_CONTROL_PAUSE, "alpha", 4);
    assert_int_equal(rig_reply(&r, 4)->code, CS_EINVAL);
    control(&r, CS_CONTROL_RESUME, NULL, 5); /* resumes all, and not this one */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).cancelled, 999);
    control(&r, CS_CONTROL_RESUME, "alpha", 6);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    assert_int_equal(lane_of(&r, 0).planned, 999);
    assert_false(r.disk->cancelled[0]);
    assert_int_equal(lane_of(&r, 0).leased, 10); /* as many as it wants */
    rig_close(&r);
}

static void say_trouble(struct hand *h, uint64_t ack)
{
    struct cs_want_lane w = {.gen = 1, .lane = 0, .capacity = 0, .trouble = "no key: set EXAMPLE_API_KEY"};
    struct cs_message m = {.kind = CS_WANT, .ack = ack, .want = {1, &w}};

    say(h, &m);
}

static void a_lane_stops_when_no_worker_can_work_in_it(void **state)
{
    struct rig r;
    struct hand w, v;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    say_trouble(&w, 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN); /* the other one may have the key */
    say_trouble(&v, 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_STOPPED);
    assert_string_equal(lane_of(&r, 0).reason, "no key: set EXAMPLE_API_KEY");
    control(&r, CS_CONTROL_PAUSE, NULL, 0);
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    say_trouble(&w, w.last_seq); /* said before it saw the lane open again */
    say_trouble(&v, v.last_seq);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    note(&v);
    ping(&v, NULL, 0, 0, 0);
    say_trouble(&v, 0);
    ping(&w, NULL, 0, 0, 0);
    say_trouble(&w, 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_STOPPED);
    want(&v, 1, 0, 10);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    rig_close(&r);
}

static void say_refused(struct hand *h, const char *key, uint64_t ack)
{
    struct cs_want_lane w = {.gen = 1, .lane = 0, .trouble = "HTTP 401: no", .key = key};
    struct cs_message m = {.kind = CS_WANT, .ack = ack, .want = {1, &w}};

    say(h, &m);
}

static void a_refused_key_is_its_workers_alone(void **state)
{
    struct rig r;
    struct hand w, v;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    say_refused(&w, "0badc0de", 0);
    assert_null(rig_sent(&r, CS_STOP, 1));
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    assert_string_equal(lane_of(&r, 0).reason, "1 worker: HTTP 401: no");
    ping(&v, NULL, 0, 0, 0);
    assert_null(rig_sent(&r, CS_PONG, 0)->pong.announce.lanes[0].barred);
    say_refused(&v, "0badc0de", 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_STOPPED); /* now all have found it so */
    note(&v);
    control(&r, CS_CONTROL_RESUME, NULL, 0);
    assert_string_equal(lane_of(&r, 0).reason, "");
    rig_close(&r);
}

static void a_drain_ends_when_all_have_said_bye(void **state)
{
    struct rig r;
    struct hand w, v;
    struct cs_message bye = {.kind = CS_BYE, .bye = {"drained"}};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    want(&w, 1, 0, 10);
    control(&r, CS_CONTROL_DRAIN, NULL, 9);
    assert_non_null(rig_sent(&r, CS_DRAIN, 1));
    assert_true(rig_sent(&r, CS_ANNOUNCE, 0)->announce.draining);
    rig_commit_all(&r);
    assert_non_null(rig_reply(&r, 9)); /* once it is written down */
    want(&w, 1, 0, 20);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    result(&w, 0, 0);
    say(&w, &bye);
    assert_false(r.exited); /* the other one is there, and a group is on its way */
    rig_commit_all(&r);
    assert_false(r.exited);
    rig_tick(&r, CS_LEASE_LOST_MS); /* the other one is lost */
    rig_commit_all(&r);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_OK);
    assert_int_equal(r.disk->outputs, 1);
    rig_close(&r);
}

static void a_drain_ends_even_if_a_worker_never_does(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    control(&r, CS_CONTROL_DRAIN, NULL, 0);
    for (unsigned i = 0; i < 200 && !r.exited; i++) {
        ping(&w, w.leases, w.n_leases, 0, 0);
        rig_tick(&r, 1000);
    }
    assert_true(r.exited);
    rig_close(&r);
}

static void sigterm_commits_what_arrived_and_takes_no_more(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    rig_commit_all(&r);
    result(&w, 0, 0);
    control(&r, CS_CONTROL_STOP, NULL, 0);
    assert_false(r.exited);
    result(&w, 0, 1);
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.durable, 1);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_OK);
    rig_close(&r);
}

static void three_malformed_messages_close_the_session(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event e = {.kind = CS_EV_MALFORMED, .malformed = {&w.peer, false}};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    rig_step(&r, &e);
    rig_step(&r, &e);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    rig_step(&r, &e);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    want(&w, 1, 0, 10);
    assert_non_null(rig_sent(&r, CS_WHO, 0));
    e.malformed.other_version = true;
    rig_step(&r, &e);
    assert_string_equal(rig_sent(&r, CS_REJECT, 0)->reject.code, "version");
    rig_close(&r);
}

/* ---- generations ------------------------------------------------------------------------------------------ */

static void an_old_generation_is_closed_and_its_late_outputs_count(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event close = {.kind = CS_EV_CLOSE};
    struct cs_message m = {.kind = CS_REVOKED};

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    rig_step(&r, &close);
    assert_int_equal(rig_sent(&r, CS_REVOKE, 0)->leases.n, 1);
    assert_false(cs_core_is_idle(r.core, 0));
    want(&w, 1, 0, 20);
    assert_int_equal(lane_of(&r, 0).leased, 10);
    w.leases[0].todo[0] = 0xfe; /* 0 flies */
    m.leases = (struct cs_leases){1, w.leases};
    say(&w, &m);
    assert_int_equal(lane_of(&r, 0).leased, 1);
    assert_false(cs_core_is_idle(r.core, 0));
    result(&w, 0, 0);
    rig_commit_all(&r);
    assert_true(cs_core_is_idle(r.core, 0));
    rig_load(&r, 2, true, false);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).gen, 2);
    result(&w, 0, 5); /* a result of generation 1 */
    rig_commit_all(&r);
    assert_int_equal(intake_of(&r).late, 1);
    rig_load(&r, 3, true, false);
    result(&w, 0, 6);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_UNKNOWN);
    rig_close(&r);
}

/* ---- money ------------------------------------------------------------------------------------------------ */

/* Two cases with one text, or two endpoints of one model: what differs is where the answer belongs. */
static void equal_requests_in_one_millisecond_are_two(void **state)
{
    struct cs_output o = {.gen = 1, .lane = 2, .position = 3, .started_wall_ms = 5, .total_ms = 7, .worker = "w"},
                     other = o;
    (void)state;
    assert_true(cs_intake_fingerprint(&o) == cs_intake_fingerprint(&other));
    other.position = 4;
    assert_true(cs_intake_fingerprint(&o) != cs_intake_fingerprint(&other));
    other = o;
    other.lane = 3;
    assert_true(cs_intake_fingerprint(&o) != cs_intake_fingerprint(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_requests_in_one_millisecond_are_two),
        cmocka_unit_test(grants_up_to_capacity_and_only_behind_the_frontier),
        cmocka_unit_test(the_rest_is_shared),
        cmocka_unit_test(what_a_ping_does_not_list_is_free),
        cmocka_unit_test(silence_is_suspect_then_lost),
        cmocka_unit_test(suspects_get_no_work),
        cmocka_unit_test(a_late_loop_loses_nobody),
        cmocka_unit_test(bye_frees_at_once_and_another_process_when_the_first_is_silent),
        cmocka_unit_test(acknowledged_after_the_commit_only),
        cmocka_unit_test(a_failed_write_ends_it_without_an_ack),
        cmocka_unit_test(the_second_answer_is_a_duplicate),
        cmocka_unit_test(a_lost_ack_is_repeated_not_counted_twice),
        cmocka_unit_test(a_gap_is_answered_with_who),
        cmocka_unit_test(another_rendering_stops_the_worker),
        cmocka_unit_test(unknown_and_unreadable_outputs_are_refused),
        cmocka_unit_test(failures_are_retried_on_request_and_beaten_by_answers),
        cmocka_unit_test(an_unreadable_case_is_fatal),
        cmocka_unit_test(after_a_restart_new_trials_at_once_old_ones_by_adoption_or_grace),
        cmocka_unit_test(the_grace_is_over_when_all_have_come),
        cmocka_unit_test(a_fresh_fleet_needs_no_grace),
        cmocka_unit_test(what_another_has_is_revoked_after_hello),
        cmocka_unit_test(a_hello_that_comes_late_is_ignored),
        cmocka_unit_test(what_flies_in_a_cancelled_lane_outlives_a_reconnection),
        cmocka_unit_test(who_pauses_is_quoted),
        cmocka_unit_test(pause_resume_cancel_are_durable_before_the_reply),
        cmocka_unit_test(a_lane_stops_when_no_worker_can_work_in_it),
        cmocka_unit_test(a_refused_key_is_its_workers_alone),
        cmocka_unit_test(a_drain_ends_when_all_have_said_bye),
        cmocka_unit_test(a_drain_ends_even_if_a_worker_never_does),
        cmocka_unit_test(sigterm_commits_what_arrived_and_takes_no_more),
        cmocka_unit_test(three_malformed_messages_close_the_session),
        cmocka_unit_test(an_old_generation_is_closed_and_its_late_outputs_count),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("coordinator_core", tests, NULL, NULL);
}
