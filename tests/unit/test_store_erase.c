/* A deleted study leaves the store, and nothing else does; a pass that is broken off anywhere is begun again. What operators did is kept in
 * a ring. */
#include "tests/unit/fixture_store.h"

#include "store/erase.h"
#include "store/events.h"

enum { OURS = 1, ALSO_OURS = 2, THEIRS = 3, TRIALS = 40 };

static void write_batch(struct cs_store *s, struct cs_batch *b)
{
    struct cs_error err = {0};
    assert_ok(cs_store_write(s, b, &err));
    cs_batch_clear(b);
}

static void add_page(struct cs_batch *b, uint32_t gen, uint64_t n)
{
    struct cs_batch_page page = {.gen = gen};
    for (uint64_t i = 0; i < n; i++)
        set_state(page.bits, i, CS_TRIAL_DONE);
    cs_batch_add_page(b, &page);
    cs_batch_add_counters(b, &(struct cs_batch_counters){.gen = gen});
    cs_batch_add_frontier(b, &(struct cs_batch_frontier){.gen = gen, .frontier = n});
}

/* Outputs of two studies, one after the other by turns; trial 0 of theirs stands on an output that ours has bought, trial 1 did once. */
static void fill(struct cs_store *s)
{
    struct cs_batch b;
    cs_batch_init(&b);
    for (uint64_t i = 0; i < TRIALS; i++) {
        add_output(&b, i % 2 == 0 ? OURS : ALSO_OURS, 0, i, 1000 + i, CS_OUTPUT_CANONICAL, "ours");
        add_output(&b, THEIRS, 0, i + 1, 2000 + i, CS_OUTPUT_CANONICAL, "theirs");
    }
    add_output(&b, OURS, 0, 0, 3000, CS_OUTPUT_DUPLICATE, "ours twice");
    write_batch(s, &b);
    const uint64_t earlier[] = {5}; /* of ours */
    cs_batch_add_adoption(&b, &(struct cs_batch_adoption){
                                  .gen = THEIRS, .position = 0, .output_id = 3, .earlier = earlier, .n_earlier = 1});
    add_page(&b, OURS, TRIALS);
    add_page(&b, ALSO_OURS, TRIALS);
    add_page(&b, THEIRS, TRIALS + 1);
    write_batch(s, &b);
    cs_batch_release(&b);
}

static enum cs_err is_row(void *self, uint32_t lane, uint64_t position, const struct cs_place *place)
{
    (void)lane, (void)position, (void)place;
    ++*(unsigned *)self;
    return CS_OK;
}

struct left {
    unsigned theirs, ours, erased, index;
};

static enum cs_err look(void *self, uint32_t lane, uint64_t position, const struct cs_stored *o, struct cs_error *err)
{
    struct left *l = self;
    (void)lane, (void)position, (void)err;
    l->theirs += strcmp(o->output.text, "theirs") == 0;
    l->ours += strncmp(o->output.text, "ours", 4) == 0;
    if (cs_output_is_erased(&o->output)) {
        l->erased++;
        assert_int_equal(o->flags, CS_OUTPUT_ATTEMPT);
        assert_true(o->output.gen == OURS || o->output.gen == ALSO_OURS);
        assert_int_equal(o->output.input_tokens, 0);
    }
    return CS_OK;
}

static enum cs_err count_index(void *self, const struct cs_digest *d, const struct cs_indexed *found)
{
    (void)d, (void)found;
    ((struct left *)self)->index++;
    return CS_OK;
}

static struct left left_in(struct cs_store *s)
{
    struct cs_error err = {0};
    struct left l = {0};
    assert_ok(cs_store_scan_outputs(s, 0, look, &l, &err)); /* no hole among the ids */
    assert_ok(cs_store_index(s, count_index, &l, &err));
    return l;
}

static unsigned places_of(struct cs_store *s, uint32_t gen)
{
    struct cs_error err = {0};
    unsigned n = 0;
    assert_ok(cs_store_scan_places(s, gen, is_row, &n, &err));
    return n;
}

/* At most `steps` slices, each on disk before the next; true: it came to its end. */
static bool erase(struct cs_store *s, const struct cs_tomb *t, unsigned steps, struct cs_erase **pass)
{
    struct cs_error err = {0};
    struct cs_batch b;
    bool done = false;
    cs_batch_init(&b);
    *pass = cs_erase_open(s, t);
    for (unsigned i = 0; i < steps && !done; i++) {
        assert_ok(cs_erase_step(*pass, 7, &b, &done, &err));
        write_batch(s, &b);
    }
    cs_batch_release(&b);
    return done;
}

static void assert_only_theirs(struct cs_store *s)
{
    struct cs_counters c;
    uint64_t id;
    const struct left l = left_in(s);
    struct cs_digest kept = digest_of(1001), gone = digest_of(1000);
    assert_int_equal(l.theirs, TRIALS);
    assert_int_equal(l.ours, 2); /* outputs 3 and 5, which theirs points to */
    assert_int_equal(l.erased, TRIALS + 1 - 2);
    assert_int_equal(l.index, TRIALS + 2);
    assert_int_equal(found_by(s, &kept, &id), 1);
    assert_int_equal(found_by(s, &gone, &id), 0);
    assert_int_equal(places_of(s, OURS) + places_of(s, ALSO_OURS), 0);
    assert_int_equal(places_of(s, THEIRS), TRIALS + 1);
    assert_int_equal(cs_store_rows_counters(s, OURS, 0, &c, NULL), CS_ENOENT);
    assert_int_equal(cs_store_rows_counters(s, THEIRS, 0, &c, NULL), CS_OK);
}

/* Broken off after each number of slices, with the store closed or not; then begun again. */
static void a_pass_may_be_broken_off_anywhere(void **state)
{
    struct cs_tomb_generation gens[] = {{.number = OURS}, {.number = ALSO_OURS}};
    const struct cs_tomb t = {.n = 2, .generations = gens};
    const struct fixture *f = *state;
    struct cs_erase *pass;
    bool whole = false;
    for (unsigned steps = 1; !whole; steps++) {
        struct cs_store *s = open_writer(f);
        fill(s);
        whole = erase(s, &t, steps, &pass);
        cs_erase_close(pass);
        if (steps % 2 == 0) {
            cs_store_close(s);
            s = open_writer(f);
        }
        assert_true(erase(s, &t, 1000, &pass));
        assert_int_equal(cs_erase_erased(pass), TRIALS + 1 - 2);
        assert_int_equal(cs_erase_kept(pass), 2);
        cs_erase_close(pass);
        assert_only_theirs(s);
        struct cs_error err = {0};
        struct seen seen = {0};
        assert_ok(cs_store_scan(s, THEIRS, 0, see, &seen, &err)); /* its ledger and its rows agree */
        assert_int_equal(seen.n, TRIALS + 1);
        cs_store_close(s);
        nftw(f->dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
        remove(f->acked);
    }
}

/* ---- events -------------------------------------------------------------------------------------------- */

static void add_event(struct cs_batch *b, enum cs_events_ring ring, uint64_t number, int64_t at, const char *study)
{
    const struct cs_events_row row = {
        .act = "pause", .at_wall_ms = at, .study = study, .reason = "\"quoted\"\n", .trials = -1, .nano_usd = -1};
    cs_events_add(b, ring, number, &row);
}

static uint64_t list(struct cs_store *s, struct cs_events_query q, struct cs_buf *out)
{
    struct cs_error err = {0};
    uint64_t left_off = 0;
    cs_buf_clear(out);
    assert_ok(cs_events_list(s, &q, out, &left_off, &err));
    return left_off;
}

static unsigned count(const struct cs_buf *out)
{
    unsigned n = 0;
    for (const char *p = out->data; p != NULL && (p = strstr(p, "\"at\":")) != NULL; p++)
        n++;
    return n;
}

static void events_are_kept_in_two_rings(void **state)
{
    enum { TOO_MANY = CS_EVENTS_OWN + 20 };
    struct cs_buf out = CS_BUF_INIT(1 << 24);
    struct cs_error err = {0};
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    uint64_t last;
    cs_batch_init(&b);
    add_event(&b, CS_EVENTS_RING_ACT, 1, 1000, "alpha");
    add_event(&b, CS_EVENTS_RING_ACT, 2, 5000, "beta");
    for (uint64_t i = 1; i <= TOO_MANY; i++)
        add_event(&b, CS_EVENTS_RING_OWN, i, (int64_t)(2000 + i), NULL);
    write_batch(s, &b);
    assert_ok(cs_events_last(s, CS_EVENTS_RING_OWN, &last, &err));
    assert_int_equal(last, TOO_MANY);
    assert_int_equal(list(s, (struct cs_events_query){0}, &out), 0);
    assert_int_equal(count(&out), CS_EVENTS_OWN + 2); /* those of operators stay, whatever the other ring has */
    assert_non_null(
        strstr(out.data,
               "[{\"at\":1000,\"act\":\"pause\",\"study\":\"alpha\",\"reason\":\"\\\"quoted\\\"\\n\"},{\"at\":2021,"));
    assert_string_equal(strstr(out.data, "{\"at\":5000"),
                        "{\"at\":5000,\"act\":\"pause\",\"study\":\"beta\",\"reason\":\"\\\"quoted\\\"\\n\"}]");
    list(s, (struct cs_events_query){.study = "alpha"}, &out);
    assert_int_equal(count(&out), 1);
    list(s, (struct cs_events_query){.since_wall_ms = 2000 + TOO_MANY}, &out);
    assert_int_equal(count(&out), 2);
    const uint64_t left_off = list(s, (struct cs_events_query){.bytes_max = 200}, &out);
    assert_int_equal(left_off, CS_EVENTS_OWN + 2 - count(&out));
    assert_true(out.len <= 200 && count(&out) >= 2);
    assert_non_null(strstr(out.data, "beta"));
    cs_batch_release(&b);
    cs_buf_release(&out);
    cs_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pass_may_be_broken_off_anywhere, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(events_are_kept_in_two_rings, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
