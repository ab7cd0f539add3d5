/* Minor versions: what a study needs, what a spec states, and who gets leases of it. */
#include "tests/unit/coordinator_hand.h"
#include "tests/unit/fixture_study.h"

#include "protocol/base/log.h"
#include "protocol/wire/minor.h"
#include "protocol/wire/spec.h"

/* ---- what a study needs ---------------------------------------------------------------------------- */

static bool is_seeded(const struct cs_study *s)
{
    return s->seed == 5;
}
static bool is_confidential(const struct cs_study *s)
{
    return s->confidential;
}

static void the_highest_of_its_keys(void **state)
{
    static const struct cs_minor_row rows[] = {{1, "seed", is_seeded}, {3, "cases.confidential", is_confidential}, {0}};
    struct cs_study s = {.seed = 4};

    (void)state;
    assert_int_equal(cs_minor_needed_by(rows, &s).minor, 0);
    assert_string_equal(cs_minor_needed_by(rows, &s).key, "");
    s.seed = 5;
    assert_int_equal(cs_minor_needed_by(rows, &s).minor, 1);
    assert_string_equal(cs_minor_needed_by(rows, &s).key, "seed");
    s.confidential = true;
    assert_int_equal(cs_minor_needed_by(rows, &s).minor, 3);
    assert_string_equal(cs_minor_needed_by(rows, &s).key, "cases.confidential");
}

/* ---- what a spec states ---------------------------------------------------------------------------- */

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

static void a_spec_states_its_minor_at_its_end(void **state)
{
    struct cs_study s = fx_study();
    struct cs_case_source source = fx_source();
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;
    struct cs_error err;

    (void)state;
    assert_int_equal(cs_spec_pack(&s, &source, &bytes, no_sink, NULL, NULL), CS_OK);
    assert_memory_equal(bytes.data, "\xdc\x00\x12", 3); /* nothing is stated that 1.0 has */
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
    assert_int_equal(spec.needs.minor, 0);
    cs_spec_release(&spec);

    bytes.data[2] = 0x13;
    cs_buf_char(&bytes, CS_WIRE_MINOR);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err), CS_OK);
    assert_int_equal(spec.needs.minor, CS_WIRE_MINOR);
    cs_spec_release(&spec);

    bytes.data[bytes.len - 1] = CS_WIRE_MINOR + 1;
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "use a newer one"));
    cs_buf_release(&bytes);
}

/* A price that is what it is unsaid is not on the wire: older studies keep their bytes, and are read as priced so. */
static void only_a_price_of_its_own_for_writing_is_in_a_spec(void **state)
{
    const int64_t unsaid = cs_price_write_unsaid(CS_PROTOCOL_OPENAI_CHAT, 150);

    (void)state;
    for (int64_t price = unsaid; price < unsaid + 2; price++) {
        struct cs_study s = fx_study();
        struct cs_case_source source = fx_source();
        struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
        struct cs_model models[CS_MODELS_MAX];
        struct cs_spec spec;

        memcpy(models, s.models, s.n_models * sizeof *models);
        models[0].price.cache_write = price;
        s.models = models;
        assert_int_equal(cs_spec_pack(&s, &source, &bytes, no_sink, NULL, NULL), CS_OK);
        assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
        assert_int_equal(spec.study->models[0].price.cache_write, price);
        assert_int_equal(spec.study->models[0].price.request, 0);
        assert_int_equal(spec.study->models[1].price.cache_write, -1); /* nor is input priced */
        assert_int_equal(spec.needs.minor, price == unsaid ? 0 : 5);
        cs_spec_release(&spec);
        cs_buf_release(&bytes);
    }
}

/* What is written to a cache costs more than other input: a budget counts on workers that tell it. */
static void a_budget_needs_workers_that_tell_what_was_written(void **state)
{
    (void)state;
    for (int64_t budget = -1; budget < 2; budget++) {
        struct cs_study s = fx_study();
        struct cs_case_source source = fx_source();
        struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
        struct cs_spec spec;

        s.budget_nano_usd = budget;
        assert_int_equal(cs_spec_pack(&s, &source, &bytes, no_sink, NULL, NULL), CS_OK);
        assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
        assert_true(spec.study->models[0].price.cache_write > spec.study->models[0].price.input);
        assert_int_equal(spec.needs.minor, budget < 0 ? 0 : 5);
        cs_spec_release(&spec);
        cs_buf_release(&bytes);
    }
}

/* ---- who gets leases ------------------------------------------------------------------------------- */

static struct cs_lane_view lane(const struct rig *r)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, 0, &v);
    return v;
}

/* A fleet whose store has a study that needs 1.2. */
static void open_newer(struct rig *r)
{
    rig_open(r, 1, 1000);
    r->disk->needs_minor = 2;
    rig_begin(r);
}

static void hello_as(struct hand *h, struct rig *r, const char *name, uint8_t id, uint32_t minor)
{
    *h = (struct hand){.r = r, .name = name, .nonce = id, .peer = {1, {id}}, .minor = minor};
    hello(h, NULL, 0);
    settle(h);
}

static void only_who_states_enough_gets_leases(void **state)
{
    struct rig r;
    struct hand none, older, equal, newer;

    (void)state;
    open_newer(&r);
    hello_as(&none, &r, "none", 1, 0);
    hello_as(&older, &r, "older", 2, 1);
    want(&none, 1, 0, 10);
    want(&older, 1, 0, 10);
    ping(&none, NULL, 0, 0, 0);
    ping(&older, NULL, 0, 0, 0);
    assert_int_equal(none.n_leases + older.n_leases, 0);
    hello_as(&equal, &r, "equal", 3, 2);
    hello_as(&newer, &r, "newer", 4, 3);
    want(&equal, 1, 0, 10);
    want(&newer, 1, 0, 10);
    assert_int_equal(lane(&r).leased, 20);
    assert_int_equal(none.n_leases + older.n_leases, 0);
    assert_true(equal.n_leases > 0 && newer.n_leases > 0);
    rig_close(&r);
}

static void status_names_the_worker_and_what_it_lacks(void **state)
{
    struct rig r;
    struct hand older, newer;

    (void)state;
    open_newer(&r);
    hello_as(&older, &r, "host-7", 1, 0);
    assert_int_equal(lane(&r).state, CS_LANE_STOPPED); /* nobody else is there */
    assert_string_equal(lane(&r).reason,
                        "host-7 speaks version 1.0 of the protocol, the study needs 1.2 (a.key): update it");
    hello_as(&newer, &r, "host-8", 2, 2);
    want(&newer, 1, 0, 10);
    assert_int_equal(lane(&r).state, CS_LANE_OPEN);
    assert_string_equal(lane(&r).reason,
                        "1 worker: host-7 speaks version 1.0 of the protocol, the study needs 1.2 (a.key): update it");
    want(&older, 1, 0, 10); /* its own word does not help it */
    assert_int_equal(older.n_leases, 0);
    assert_non_null(strstr(lane(&r).reason, "host-7"));
    say(&older, &(struct cs_message){.kind = CS_BYE, .bye = {"updated"}});
    assert_string_equal(lane(&r).reason, "");
    rig_close(&r);
}

/* What an older coordinator leased to it before: that coordinator skipped what the study needs, too. */
static void a_held_lease_is_not_adopted(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_lease_ref mine;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    mine = w.leases[0];
    r.disk->needs_minor = 1;
    rig_restart(&r, false);
    rig_commit_all(&r);
    hello(&w, &mine, 1);
    assert_int_equal(rig_sent(&r, CS_WELCOME, 0)->welcome.n_adopted, 0);
    assert_int_equal(rig_sent(&r, CS_WELCOME, 0)->welcome.minor, CS_WIRE_MINOR);
    assert_int_equal(lane(&r).leased, 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_of_its_keys),
        cmocka_unit_test(a_spec_states_its_minor_at_its_end),
        cmocka_unit_test(only_a_price_of_its_own_for_writing_is_in_a_spec),
        cmocka_unit_test(a_budget_needs_workers_that_tell_what_was_written),
        cmocka_unit_test(only_who_states_enough_gets_leases),
        cmocka_unit_test(status_names_the_worker_and_what_it_lacks),
        cmocka_unit_test(a_held_lease_is_not_adopted),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("minor", tests, NULL, NULL);
}
