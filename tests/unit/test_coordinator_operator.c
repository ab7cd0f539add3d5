/* What an operator says by hand: it is written down in the group that it is answered for, and holds for exactly what it names. */
#include "tests/unit/coordinator_hand.h"

#include "coordinator/settings.h"

struct notes {
    unsigned n;
    struct cs_batch *batch; /* the last one's */
};

static void write_note(void *self, struct cs_batch *batch)
{
    struct notes *n = self;

    n->n++;
    n->batch = batch;
}

static void control(struct rig *r, struct notes *n, enum cs_control verb, const char *model, const char *worker,
                    int64_t *trials)
{
    const struct cs_note note = {write_note, n};
    const struct cs_event e = {
        .kind = CS_EV_CONTROL,
        .note = &note,
        .control = {.verb = verb, .model = model, .token = 9, .worker = worker, .trials = trials}};

    rig_step(r, &e);
}

static struct cs_lane_view lane_of(struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

static void a_note_rides_in_the_group_that_the_answer_waits_for(void **state)
{
    struct rig r;
    struct notes n = {0};

    (void)state;
    rig_open(&r, 1, 10);
    rig_begin(&r);
    control(&r, &n, CS_CONTROL_PAUSE, "no such model", NULL, NULL);
    assert_int_equal(rig_reply(&r, 9)->code, CS_ENOENT);
    assert_int_equal(n.n, 0); /* what is refused is not written down */
    control(&r, &n, CS_CONTROL_PAUSE, NULL, NULL, NULL);
    assert_int_equal(n.n, 1);
    assert_null(rig_reply(&r, 9));
    assert_int_equal(r.n_batches, 1);
    assert_ptr_equal(n.batch, r.batches[0]);
    assert_int_equal(n.batch->n_metas, 1); /* the lane's mark, beside it */
    rig_commit(&r, CS_OK);
    assert_int_equal(rig_reply(&r, 9)->code, CS_OK);
    rig_close(&r);
}

static void one_worker_is_drained(void **state)
{
    struct rig r;
    struct hand w, v;
    struct notes n = {0};
    struct cs_message bye = {.kind = CS_BYE, .bye = {"drained"}};

    (void)state;
    rig_open(&r, 1, 20);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    want(&w, 1, 0, 10);
    want(&v, 1, 0, 4);
    control(&r, &n, CS_CONTROL_DRAIN, NULL, "u", NULL);
    assert_int_equal(rig_reply(&r, 9)->code, CS_ENOENT);
    assert_int_equal(n.n, 0);
    control(&r, &n, CS_CONTROL_DRAIN, NULL, "w", NULL);
    assert_non_null(rig_sent(&r, CS_DRAIN, 0));
    assert_null(rig_sent(&r, CS_DRAIN, 1));
    rig_commit_all(&r);
    assert_int_equal(n.n, 1);
    result(&v, 0, 10); /* something is free: not for the one that is drained */
    want(&w, 1, 0, 20);
    rig_tick(&r, 1000);
    assert_int_equal(held(&w), 10);
    say(&w, &bye);
    want(&v, 1, 0, 20);
    assert_int_equal(lane_of(&r, 0).leased, 19); /* the other goes on with what it gave back */
    assert_false(r.exited);
    rig_close(&r);
}

static void picked_failures_are_planned_again_and_no_other_trial(void **state)
{
    struct rig r;
    struct hand w;
    struct notes n = {0};
    int64_t trials = -1;
    const uint64_t positions[] = {0, 2, 3, 7};
    const struct cs_note note = {write_note, &n};
    const struct cs_event e = {.kind = CS_EV_RETRY, .note = &note, .retry = {1, 0, positions, 4, 9, &trials}};

    (void)state;
    rig_open(&r, 1, 8);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    for (uint64_t i = 0; i < 4; i++)
        result_as(&w, ++w.number, 100 + i, 1, 0, i, i == 3 ? CS_OUTCOME_ok : CS_OUTCOME_provider_error, GOOD);
    rig_commit_all(&r);
    want(&w, 1, 0, 4); /* nothing more is leased meanwhile */
    assert_int_equal(lane_of(&r, 0).failed, 3);
    rig_step(&r, &e);
    assert_int_equal(trials, 2); /* 3 is done, 7 is leased */
    assert_int_equal(n.n, 1);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).failed, 1);
    assert_int_equal(lane_of(&r, 0).done, 1);
    control(&r, &n, CS_CONTROL_RETRY, NULL, NULL, &trials);
    assert_int_equal(trials, 1);
    rig_close(&r);
}

static void another_budget_holds_at_once(void **state)
{
    enum { WORST = 2000 };
    struct rig r;
    struct hand w;
    struct cs_event e = {.kind = CS_EV_BUDGET, .study = {.budget_nano_usd = 6 * WORST}};

    (void)state;
    rig_open(&r, 1, 100);
    r.disk->price = (struct cs_price){10, -1, 100, 0, -1};
    r.disk->block_size = 1;
    r.disk->budget = 3 * WORST;
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 50);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).leased, 3);
    rig_step(&r, &e);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).leased, 6);
    e.study.budget_nano_usd = WORST;
    rig_step(&r, &e); /* less than is reserved: nothing more, and no harm */
    rig_commit_all(&r);
    want(&w, 1, 0, 60);
    assert_int_equal(lane_of(&r, 0).leased, 6);
    rig_close(&r);
}

static void limits_by_hand_are_pushed(void **state)
{
    struct rig r;
    struct hand w;
    const struct cs_event e = {.kind = CS_EV_LIMITS,
                               .limits = {0, "beta", {.requests_per_minute = 600, .concurrent = 3}}};

    (void)state;
    rig_open(&r, 2, 10);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    rig_step(&r, &e);
    const struct cs_message *stop = rig_sent(&r, CS_STOP, 0);
    assert_non_null(stop);
    assert_int_equal(stop->announce.lanes[0].limits.requests_per_minute, 0);
    assert_int_equal(stop->announce.lanes[1].limits.requests_per_minute, 600);
    assert_int_equal(stop->announce.lanes[1].limits.concurrent, 3);
    rig_step(&r, &e);
    assert_null(rig_sent(&r, CS_STOP, 0)); /* nothing has changed */
    rig_close(&r);
}

/* ---- settings ------------------------------------------------------------------------------------------- */

static void words_are_read_or_refused(void **state)
{
    static const struct {
        const char *text;
        bool lifts;
        uint64_t number; /* 0: refused */
        const char *says;
    } rows[] = {
        {"weight=7", false, 7, NULL},
        {"budget_usd=12.50", false, 12500000000, NULL},
        {"concurrent=4", false, 4, NULL},
        {"requests_per_minute=600", false, 600, NULL},
        {"weight=1001", false, 0, "set: weight=1001: not a whole number from 1 to 1000"},
        {"weight=", false, 0, "whole number"},
        {"weight=+7", false, 0, "whole number"},
        {"concurrent=0", false, 0, "from 1 to 1000000"},
        {"tokens_per_minute=1e6", false, 0, "whole number"},
        {"budget_usd=nan", false, 0, "an amount in USD"},
        {"budget_usd=1.2.3", false, 0, "an amount in USD"},
        {"budget_usd=-1", false, 0, "an amount in USD"},
        {"priority=top", false, 0, "low, normal or high"},
        {"speed=3", false, 0, "what can be set is weight"},
        {"weight", false, 0, "write weight=VALUE"},
        {"weight=3", true, 0, "takes no value"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cs_settings_word w;
        struct cs_error err = {0};
        const enum cs_err rc = cs_settings_parse(rows[i].text, rows[i].lifts, &w, &err);

        assert_int_equal(rc, rows[i].says == NULL ? CS_OK : CS_EUSAGE);
        if (rows[i].says == NULL)
            assert_int_equal(w.number, rows[i].number);
        else if (strstr(err.msg, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].text, err.msg);
    }
}

static void settings_come_back_from_their_row(void **state)
{
    struct cs_settings s = {0}, back = {0};
    struct cs_settings_word w;
    struct cs_buf row = CS_BUF_INIT(4096), said = CS_BUF_INIT(4096);
    struct cs_error err = {0};

    (void)state;
    cs_settings_write(&s, &row);
    assert_int_equal(row.len, 0);
    s.has_budget = true;
    s.budget_nano_usd = 20500000000;
    assert_int_equal(cs_settings_parse("concurrent=4", false, &w, &err), CS_OK);
    cs_settings_limit(&s, "model \"a\"", &w);
    cs_settings_write(&s, &row);
    assert_int_equal(cs_settings_read(&back, row.data, (uint32_t)row.len), CS_OK);
    cs_settings_say(&back, &said);
    assert_string_equal(cs_buf_cstr(&said), " budget_usd=20.5 concurrent=4 (model \"a\")");
    assert_int_equal(cs_settings_limits(&back, "model \"a\"").concurrent, 4);
    assert_int_equal(cs_settings_limits(&back, "b").concurrent, 0);
    assert_int_equal(cs_settings_parse("concurrent", true, &w, &err), CS_OK);
    cs_settings_limit(&back, "model \"a\"", &w);
    back.has_budget = false;
    cs_buf_clear(&row);
    cs_settings_write(&back, &row);
    assert_int_equal(row.len, 0);
    assert_int_equal(cs_settings_read(&s, "12", 2), CS_ECORRUPT);
    cs_settings_release(&s);
    cs_settings_release(&back);
    cs_buf_release(&row);
    cs_buf_release(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_rides_in_the_group_that_the_answer_waits_for),
        cmocka_unit_test(one_worker_is_drained),
        cmocka_unit_test(picked_failures_are_planned_again_and_no_other_trial),
        cmocka_unit_test(another_budget_holds_at_once),
        cmocka_unit_test(limits_by_hand_are_pushed),
        cmocka_unit_test(words_are_read_or_refused),
        cmocka_unit_test(settings_come_back_from_their_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
