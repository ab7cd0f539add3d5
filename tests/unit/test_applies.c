/* What a study leaves out: which cells, how many trials, on the wire, and in the coordinator's hands. */
#include "tests/unit/coordinator_hand.h"
#include "tests/unit/fixture_study.h"

#include "protocol/study/applies.h"
#include "protocol/wire/spec.h"

/* ---- counted ---------------------------------------------------------------------------------------- */

struct required { /* the fixture, whose "rich" is asked in cities and "warned" of one case only */
    struct cs_study s;
    struct cs_factor factors[N_FACTORS];
    struct cs_level group[COUNT(fx_group)], arm[COUNT(fx_arm)];
};
static const char *const cities[] = {"urban", "mars"}, *const urban[] = {"urban"}, *const first[] = {"r1"},
                         *const opt_b[] = {"opt_b"};
static const struct cs_require in_cities = {SETTING, cities, 2};
static const struct cs_require of_one[] = {{SETTING, urban, 1}, {REPHRASE, first, 1}, {CUE, opt_b, 1}};

static void require(struct required *r)
{
    r->s = fx_study();
    memcpy(r->factors, fx_factors, sizeof r->factors);
    memcpy(r->group, fx_group, sizeof r->group);
    memcpy(r->arm, fx_arm, sizeof r->arm);
    r->factors[GROUP].levels = r->group;
    r->factors[ARM].levels = r->arm;
    r->group[3].requires = &in_cities;
    r->group[3].n_requires = 1;
    r->arm[1].requires = of_one;
    r->arm[1].n_requires = 3;
    r->s.factors = r->factors;
}

/* What the arithmetic says is what looking at every trial says; positions stay where they were. */
static void every_trial_left_out_is_counted(void **state)
{
    struct required r;
    struct cs_case_source source = fx_source();
    struct cs_study plain = fx_study();
    struct cs_plan plan, before;

    (void)state;
    require(&r);
    assert_false(cs_applies_is_used(&plain));
    assert_int_equal(cs_applies_count(&plain, &source, NULL), CS_OK);
    assert_null(plain.left_out);
    assert_true(cs_applies_is_used(&r.s));
    assert_int_equal(cs_applies_count(&r.s, &source, NULL), CS_OK);
    cs_plan_init(&before, &plain);
    cs_plan_init(&plan, &r.s);
    assert_int_equal(before.n_planned, before.n_trials);
    assert_int_equal(plan.n_trials, before.n_trials);
    for (uint32_t lane = 0; lane < plan.n_lanes; lane++) {
        uint64_t asked = 0;

        for (uint64_t i = 0; i < plan.lanes[lane].n_trials; i++) {
            struct cs_coords at;

            cs_plan_coords(&plan, lane, i, &at);
            const struct cs_case *c = &fx_cases[at.case_index];
            const bool rich = at.arms[GROUP].level == 3, warned = at.arms[ARM].level == 1;
            const bool want = (!rich || strcmp(c->id, "c2") != 0) && (!warned || strcmp(c->id, "c1") == 0);
            assert_int_equal(cs_applies_cell(&r.s, &at, c), want);
            asked += want;
            assert_int_equal(cs_plan_position(&plan, lane, i), cs_plan_position(&before, lane, i));
        }
        assert_int_equal(plan.lanes[lane].n_planned, asked);
        assert_true(asked > 0 && asked < plan.lanes[lane].n_trials);
    }
    cs_plan_release(&plan);
    cs_plan_release(&before);
    cs_arena_release(&r.s.arena);
}

/* ---- on the wire ------------------------------------------------------------------------------------- */

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

static void it_travels_and_needs_who_knows_it(void **state)
{
    struct required r;
    struct cs_case_source source = fx_source();
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX), again = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;

    (void)state;
    require(&r);
    assert_int_equal(cs_spec_pack(&r.s, &source, &bytes, no_sink, NULL, NULL), CS_EINVAL); /* not counted yet */
    assert_int_equal(cs_applies_count(&r.s, &source, NULL), CS_OK);
    assert_int_equal(cs_spec_pack(&r.s, &source, &bytes, no_sink, NULL, NULL), CS_OK);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, NULL), CS_OK);
    assert_int_equal(spec.needs.minor, 3);
    assert_string_equal(spec.needs.key, "requires");
    const struct cs_level *rich = &spec.study->factors[GROUP].levels[3], *warned = &spec.study->factors[ARM].levels[1];
    assert_int_equal(rich->n_requires, 1);
    assert_int_equal(rich->requires[0].column, SETTING);
    assert_int_equal(rich->requires[0].n_values, 2);
    assert_string_equal(rich->requires[0].values[1], "mars");
    assert_int_equal(warned->n_requires, 3);
    assert_int_equal(spec.study->factors[GROUP].levels[2].n_requires, 0);
    for (uint32_t i = 0; i < r.s.n_models; i++)
        assert_int_equal(spec.study->left_out[i], r.s.left_out[i]);
    assert_int_equal(cs_spec_pack(spec.study, &source, &again, no_sink, NULL, NULL), CS_OK);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    cs_spec_release(&spec);
    cs_buf_release(&bytes);
    cs_buf_release(&again);
    cs_arena_release(&r.s.arena);
}

static void a_column_that_is_not_there_is_refused(void **state)
{
    static const struct cs_require nowhere = {N_COLUMNS, urban, 1};
    struct required r;
    struct cs_case_source source = fx_source();
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_error err = {0};

    (void)state;
    require(&r);
    assert_int_equal(cs_applies_count(&r.s, &source, NULL), CS_OK);
    r.group[3].requires = &nowhere;
    assert_int_equal(cs_spec_pack(&r.s, &source, &bytes, no_sink, NULL, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "level \"rich\" requires something of a column that is not there"));
    cs_buf_release(&bytes);
    cs_arena_release(&r.s.arena);
}

/* ---- in the coordinator's hands ------------------------------------------------------------------------ */

static void control(struct rig *r, enum cs_control verb)
{
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {verb, "alpha", 1}};

    rig_step(r, &e);
    rig_commit_all(r);
}

static struct cs_lane_view lane(const struct rig *r)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, 0, &v);
    return v;
}

/* 300 of 1,000 trials: more than a page. */
static void open_with_left_out(struct rig *r)
{
    rig_open(r, 1, 1000);
    r->disk->left_out = 300;
    for (uint64_t p = 0; p < 2; p++) {
        const struct cs_bits out = cs_bits_range(0, p == 0 ? 256 : 44);

        cs_ledger_set(r->disk->ledger[0] + p * CS_PAGE_BYTES, &out, CS_TRIAL_CANCELLED);
    }
    rig_begin(r);
    rig_restart(r, true); /* as the builder left it on disk */
    rig_commit_all(r);
}

static void no_operator_asks_it(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_with_left_out(&r);
    assert_int_equal(lane(&r).left_out, 300);
    assert_int_equal(lane(&r).planned, 700);
    assert_int_equal(lane(&r).cancelled, 0); /* nobody has cancelled anything */
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    assert_int_equal(w.leases[0].page, 1);
    const struct cs_bits todo = cs_bits_from_wire(w.leases[0].todo), out = cs_bits_range(0, 44);
    const struct cs_bits both = cs_bits_and(&todo, &out);
    assert_true(cs_bits_none(&both));
    control(&r, CS_CONTROL_CANCEL);
    ping(&w, NULL, 0, 0, 0); /* it has given all back */
    rig_commit_all(&r);
    assert_int_equal(lane(&r).cancelled, 700);
    control(&r, CS_CONTROL_RESUME);
    assert_int_equal(lane(&r).planned, 700);
    assert_int_equal(lane(&r).cancelled, 0);
    rig_close(&r);
}

static void a_case_that_cannot_be_read_ends_it(void **state)
{
    struct rig r;
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RESUME, "alpha", 1}};

    (void)state;
    open_with_left_out(&r);
    control(&r, CS_CONTROL_CANCEL);
    r.fail_digest = true;
    rig_step(&r, &e);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_ECORRUPT);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_trial_left_out_is_counted),       cmocka_unit_test(it_travels_and_needs_who_knows_it),
        cmocka_unit_test(a_column_that_is_not_there_is_refused), cmocka_unit_test(no_operator_asks_it),
        cmocka_unit_test(a_case_that_cannot_be_read_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
