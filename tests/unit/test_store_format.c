/* Format 2: equal requests keep apart, answers that were asked again stay and are linked, and what a later version adds is skipped. */
#include "tests/unit/fixture_store.h"

#include "protocol/study/address.h"
#include "protocol/study/answer.h"
#include "store/addresses.h"
#include "store/claims.h"
#include "store/keyspace.h"
#include "store/rocks.h"

static void write_batch(struct cs_store *s, struct cs_batch *b)
{
    struct cs_error err = {0};
    assert_ok(cs_store_write(s, b, &err));
    cs_batch_clear(b);
}

struct an_output { /* what of an output matters here */
    uint32_t gen, lane;
    uint64_t position, request; /* trials with the same number ask the same */
    struct cs_owner owner;
    enum cs_outcome outcome;
    uint8_t flags;
};

static void put(struct cs_batch *b, struct an_output o)
{
    static int64_t started = 1700000000000;
    struct cs_buf packed = CS_BUF_INIT(1 << 20);
    struct cs_output out = {.gen = o.gen,
                            .lane = o.lane,
                            .position = o.position,
                            .digest = digest_of(o.request),
                            .outcome = o.outcome,
                            .attempts = 1,
                            .text = "text",
                            .started_wall_ms = started++,
                            .worker = "w1"};
    cs_output_pack(&out, &packed);
    cs_batch_add_output(b, &(struct cs_batch_output){.gen = o.gen,
                                                     .lane = o.lane,
                                                     .position = o.position,
                                                     .digest = out.digest,
                                                     .owner = o.owner,
                                                     .flags = o.flags != 0 ? o.flags : CS_OUTPUT_CANONICAL,
                                                     .bytes = (const uint8_t *)packed.data,
                                                     .len = (uint32_t)packed.len});
    cs_buf_release(&packed);
}

/* Sets the states of a lane's first trials: 'd'one, 'p'lanned, 'f'ailed, 'c'ancelled. */
static void set_states(struct cs_batch *b, uint32_t gen, uint32_t lane, const char *states)
{
    struct cs_batch_page page = {.gen = gen, .lane = lane};
    for (uint64_t i = 0; states[i] != '\0'; i++)
        set_state(page.bits, i,
                  states[i] == 'd'   ? CS_TRIAL_DONE
                  : states[i] == 'f' ? CS_TRIAL_FAILED
                  : states[i] == 'c' ? CS_TRIAL_CANCELLED
                                     : CS_TRIAL_PLANNED);
    cs_batch_add_page(b, &page);
}

/* "position:output flags" of each row of a scan; flags: S superseded, A adopted, F failure. */
static enum cs_err tell(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                        struct cs_error *err)
{
    (void)lane, (void)err;
    cs_buf_printf(self, "%llu:%llu%s%s%s ", (unsigned long long)position, (unsigned long long)stored->output_id,
                  stored->flags & CS_OUTPUT_SUPERSEDED ? "S" : "", stored->flags & CS_OUTPUT_ADOPTED ? "A" : "",
                  stored->flags & CS_OUTPUT_FAILURE ? "F" : "");
    for (uint32_t i = 0; i < stored->n_earlier; i++)
        cs_buf_printf(self, "<%llu ", (unsigned long long)stored->earlier[i]);
    return CS_OK;
}

static void assert_scan(struct cs_store *s, uint32_t gen, uint32_t lane, bool all, const char *wanted)
{
    struct cs_buf got = CS_BUF_INIT(4096);
    struct cs_error err = {0};
    if (all)
        assert_ok(cs_store_scan_all(s, gen, lane, tell, &got, &err));
    else
        assert_ok(cs_store_scan(s, gen, lane, tell, &got, &err));
    assert_string_equal(cs_buf_cstr(&got), wanted);
    cs_buf_release(&got);
}

static struct cs_indexed find(struct cs_store *s, uint64_t request, uint64_t lane, uint32_t at, uint32_t wanted)
{
    struct cs_error err = {0};
    const struct cs_indexed *found = NULL;
    struct cs_digest d = digest_of(request);
    struct cs_indexed one = {0};
    uint32_t n = 0;
    struct cs_finder *f = cs_index_finder_open(s);
    assert_ok(cs_index_finder_get(f, &d, lane, &found, &n, &err));
    assert_int_equal(n, wanted);
    if (at < n)
        one = found[at];
    cs_index_finder_close(f);
    return one;
}

/* ---- equal requests ------------------------------------------------------------------------------ */

enum { LANE_A = 101, LANE_B = 102, CASE_1 = 201, CASE_2 = 202 };

static void equal_requests_keep_apart(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 7, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){1, 0, 1, 7, {LANE_A, CASE_2}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){1, 1, 0, 7, {LANE_B, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "dd");
    set_states(&b, 1, 1, "d");
    write_batch(s, &b);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(find(s, 7, LANE_A, 0, 2).output_id, 1);
        assert_int_equal(find(s, 7, LANE_A, 1, 2).output_id, 2);
        assert_int_equal(find(s, 7, LANE_A, 1, 2).owner.bought_for, CASE_2);
        assert_int_equal(find(s, 7, LANE_B, 0, 1).output_id, 3);
        assert_int_equal(find(s, 7, 0, 2, 3).owner.lane, LANE_B);
        assert_int_equal(find(s, 8, LANE_A, 0, 0).output_id, 0);
        cs_store_close(s);
        s = open_writer(*state);
    }
    cs_batch_release(&b);
    cs_store_close(s);
}

/* ---- asked again --------------------------------------------------------------------------------- */

static void ask_again(struct cs_store *s, struct cs_batch *b, uint32_t gen, uint32_t lane, uint64_t position,
                      const char *states)
{
    cs_batch_add_again(b, &(struct cs_batch_again){gen, lane, position});
    set_states(b, gen, lane, states);
    write_batch(s, b);
}

static void a_later_answer_links_the_earlier(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_place place;
    struct cs_error err = {0};
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 1, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){1, 0, 1, 2, {LANE_A, CASE_1}, CS_OUTCOME_timeout, 0});
    set_states(&b, 1, 0, "dd");
    write_batch(s, &b);
    ask_again(s, &b, 1, 0, 1, "dp");
    assert_scan(s, 1, 0, false, "0:1 ");
    assert_scan(s, 1, 0, true, "0:1 1:2S ");
    assert_int_equal(find(s, 2, LANE_A, 0, 1).flags, CS_OUTPUT_SUPERSEDED);

    cs_store_close(s); /* the later answer comes after a restart, and after a failure that was planned again */
    s = open_writer(*state);
    put(&b, (struct an_output){1, 0, 1, 2, {LANE_A, CASE_1}, CS_OUTCOME_provider_error, CS_OUTPUT_FAILURE});
    set_states(&b, 1, 0, "df");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1 1:2S 1:3F <2 ");
    set_states(&b, 1, 0, "dp");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1 1:2S ");
    put(&b, (struct an_output){1, 0, 1, 2, {LANE_A, CASE_1}, CS_OUTCOME_unparsable, 0});
    set_states(&b, 1, 0, "dd");
    write_batch(s, &b);
    assert_scan(s, 1, 0, false, "0:1 1:4 <2 ");
    assert_scan(s, 1, 0, true, "0:1 1:2S 1:4 <2 ");
    assert_int_equal(find(s, 2, LANE_A, 1, 2).earlier, 2);
    assert_int_equal(find(s, 2, LANE_A, 1, 2).flags, 0);

    ask_again(s, &b, 1, 0, 1, "dp"); /* and once more */
    put(&b, (struct an_output){1, 0, 1, 2, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "dd");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1 1:2S 1:4S 1:5 <4 <2 ");
    assert_int_equal(find(s, 2, LANE_A, 2, 3).earlier, 4);
    assert_ok(cs_store_rows_place(s, 1, 0, 1, &place, &err));
    assert_int_equal(place.output_id, 5);
    assert_int_equal(place.n_earlier, 2);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* The question and its answer may come to the disk together, with others around them. */
static void asked_and_answered_in_one_batch(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    cs_batch_init(&b);
    for (uint64_t i = 0; i < 4; i++)
        put(&b, (struct an_output){1, 0, i, i, {LANE_A, CASE_1}, i % 2 ? CS_OUTCOME_timeout : CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "dddd");
    write_batch(s, &b);
    cs_batch_add_again(&b, &(struct cs_batch_again){1, 0, 1});
    cs_batch_add_again(&b, &(struct cs_batch_again){1, 0, 3});
    put(&b, (struct an_output){1, 0, 3, 3, {LANE_A, CASE_1}, CS_OUTCOME_provider_error, CS_OUTPUT_FAILURE});
    put(&b, (struct an_output){1, 0, 3, 3, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){1, 0, 2, 2, {LANE_A, CASE_1}, CS_OUTCOME_ok, CS_OUTPUT_DUPLICATE});
    set_states(&b, 1, 0, "dpdd");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1 1:2S 2:3 3:4S 3:6 <4 ");
    set_states(&b, 1, 0, "dcdd"); /* its lane is cancelled meanwhile */
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1 1:2S 2:3 3:4S 3:6 <4 ");
    cs_batch_release(&b);
    cs_store_close(s);
}

/* As a judge's unparsable answers are: each is superseded in the write that brings it. */
static void drawn_again_in_the_write_that_brings_it(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_place place;
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct cs_error err = {0};
    const struct an_output draw = {
        1, 0, 0, 7, {LANE_A, CASE_1}, CS_OUTCOME_unparsable, CS_OUTPUT_CANONICAL | CS_OUTPUT_SUPERSEDED};
    cs_batch_init(&b);
    put(&b, draw);
    set_states(&b, 1, 0, "p");
    write_batch(s, &b);
    assert_scan(s, 1, 0, false, "");
    assert_scan(s, 1, 0, true, "0:1S ");
    assert_int_equal(find(s, 7, LANE_A, 0, 1).flags, CS_OUTPUT_SUPERSEDED);
    assert_ok(cs_store_scan_output(s, 1, &arena, &stored, &err));
    assert_int_equal(stored.flags, CS_OUTPUT_CANONICAL); /* the record is what it was when it came */

    cs_store_close(s); /* the next one comes after a restart */
    s = open_writer(*state);
    put(&b, draw);
    put(&b, draw); /* and, of a worker that was given up, one more beside it */
    set_states(&b, 1, 0, "p");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1S 0:2S 0:3S ");
    assert_ok(cs_store_rows_place(s, 1, 0, 0, &place, &err));
    assert_int_equal(place.n_earlier, 2);
    put(&b, (struct an_output){1, 0, 0, 7, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "d");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:1S 0:2S 0:3S 0:4 <3 <2 <1 ");
    assert_int_equal(find(s, 7, LANE_A, 3, 4).earlier, 3);
    assert_int_equal(find(s, 7, LANE_A, 3, 4).flags, 0);
    cs_arena_release(&arena);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void only_timeouts_and_unparsable_answers_are_asked_again(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_error err = {0};
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 0, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){1, 0, 1, 1, {LANE_A, CASE_1}, CS_OUTCOME_timeout, 0});
    put(&b, (struct an_output){1, 0, 2, 2, {LANE_A, CASE_1}, CS_OUTCOME_refused, 0});
    set_states(&b, 1, 0, "dddp");
    write_batch(s, &b);
    for (uint64_t position = 0; position < 4; position += position == 0 ? 2 : 1) { /* 0, 2, 3 */
        cs_batch_add_again(&b, &(struct cs_batch_again){1, 0, 1});
        cs_batch_add_again(&b, &(struct cs_batch_again){1, 0, position});
        assert_int_equal(cs_store_write(s, &b, &err), CS_EINVAL);
        cs_batch_clear(&b);
        cs_store_close(s); /* a failed write latches */
        s = open_writer(*state);
        assert_scan(s, 1, 0, true, "0:1 1:2 2:3 ");
        assert_int_equal(find(s, 1, LANE_A, 0, 1).flags, 0);
    }
    cs_batch_release(&b);
    cs_store_close(s);
}

static void a_further_call_is_kept_without_a_place(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct cs_error err = {0};
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 7, {0, 0}, CS_OUTCOME_timeout, CS_OUTPUT_ATTEMPT});
    put(&b, (struct an_output){1, 0, 0, 7, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "d");
    write_batch(s, &b);
    assert_scan(s, 1, 0, true, "0:2 ");
    assert_int_equal(find(s, 7, 0, 0, 1).output_id, 2);
    assert_ok(cs_store_scan_output(s, 1, &arena, &stored, &err));
    assert_int_equal(stored.flags, CS_OUTPUT_ATTEMPT);
    assert_int_equal(stored.output.outcome, CS_OUTCOME_timeout);
    cs_arena_release(&arena);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void an_edit_carries_the_links(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    const uint64_t earlier[] = {2};
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 0, {LANE_A, CASE_1}, CS_OUTCOME_timeout, 0});
    put(&b, (struct an_output){1, 0, 1, 1, {LANE_A, CASE_1}, CS_OUTCOME_timeout, 0});
    set_states(&b, 1, 0, "dd");
    write_batch(s, &b);
    ask_again(s, &b, 1, 0, 1, "dp");
    put(&b, (struct an_output){1, 0, 1, 1, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "dd");
    write_batch(s, &b);
    ask_again(s, &b, 1, 0, 0, "pd");
    cs_batch_add_adoption(&b, &(struct cs_batch_adoption){.gen = 2, .position = 5, .output_id = 1, .superseded = true});
    cs_batch_add_adoption(
        &b, &(struct cs_batch_adoption){.gen = 2, .position = 6, .output_id = 3, .earlier = earlier, .n_earlier = 1});
    set_states(&b, 2, 0, "ppppppd");
    write_batch(s, &b);
    assert_scan(s, 2, 0, true, "5:1SA 6:2S 6:3A <2 ");
    put(&b, (struct an_output){2, 0, 5, 0, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 2, 0, "pppppdd");
    write_batch(s, &b);
    assert_scan(s, 2, 0, true, "5:1S 5:4 <1 6:2S 6:3A <2 ");
    assert_int_equal(find(s, 0, LANE_A, 1, 2).earlier, 1);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* ---- who gets what ------------------------------------------------------------------------------- */

/* A study with two models on two accounts, as far as claims look at it. */
static struct cs_study two_lanes(void)
{
    static const struct cs_account accounts[] = {{.name = "one"}, {.name = "two"}};
    static const struct cs_model models[] = {{.name = "m1", .account = 0}, {.name = "m2", .account = 1}};
    return (struct cs_study){.name = "s", .accounts = accounts, .n_accounts = 2, .models = models, .n_models = 2};
}

static enum cs_claim own(struct cs_claims *c, uint32_t lane, uint64_t request, const char *case_id, uint64_t *id)
{
    struct cs_error err = {0};
    struct cs_digest d = digest_of(request);
    struct cs_claimed one = {0};
    enum cs_claim kind;
    assert_ok(cs_claims_own(c, lane, &d, cs_digest_case_key(case_id), &kind, &one, &err));
    *id = one.output_id;
    return kind;
}

static uint64_t rest(struct cs_claims *c, uint32_t lane, uint64_t request, const char *case_id,
                     enum cs_claim_stage stage)
{
    struct cs_error err = {0};
    struct cs_digest d = digest_of(request);
    struct cs_claimed one = {0};
    enum cs_claim kind;
    assert_ok(cs_claims_rest(c, lane, &d, cs_digest_case_key(case_id), stage, &kind, &one, &err));
    return kind == CS_CLAIM_ANSWER ? one.output_id : 0;
}

static void prepare(struct cs_claims *c)
{
    struct cs_error err = {0};
    bool done = false;
    while (!done)
        assert_ok(cs_claims_prepare(c, 1, &done, &err));
}

static void an_answer_goes_to_one_trial_its_own_case_first(void **state)
{
    const struct cs_study study = two_lanes();
    const uint64_t m1 = cs_digest_lane_key("s", "m1", "one"), m2 = cs_digest_lane_key("s", "m2", "two"),
                   gone = cs_digest_lane_key("s", "m1", "elsewhere"),
                   other_study = cs_digest_lane_key("t", "m1", "one");
    struct cs_store *s = open_writer(*state);
    struct cs_claims *c;
    struct cs_batch b;
    struct cs_error err = {0};
    uint64_t id;
    static const struct cs_account accounts[] = {{.name = "one", .base_url = "http://a"},
                                                 {.name = "two", .base_url = "http://b"},
                                                 {.name = "elsewhere", .base_url = "http://c"}};
    static const struct cs_model models[] = {
        {.name = "m1", .account = 0}, {.name = "m2", .account = 1}, {.name = "m1", .account = 2}};
    const struct cs_study
        before = {.name = "s", .accounts = accounts, .n_accounts = 3, .models = models, .n_models = 3},
        another = {.name = "t", .accounts = accounts, .n_accounts = 1, .models = models, .n_models = 1};
    cs_batch_init(&b);
    assert_ok(cs_addresses_add(s, &b, 1, &before, &err));
    assert_ok(cs_addresses_add(s, &b, 1, &another, &err));
    put(&b, (struct an_output){1, 0, 0, 7, {m1, cs_digest_case_key("b")}, CS_OUTCOME_ok, 0});      /* 1 */
    put(&b, (struct an_output){1, 0, 1, 7, {m1, cs_digest_case_key("a")}, CS_OUTCOME_timeout, 0}); /* 2 */
    put(&b, (struct an_output){1, 1, 0, 7, {m2, cs_digest_case_key("a")}, CS_OUTCOME_ok, 0});      /* 3 */
    put(&b, (struct an_output){1, 2, 0, 7, {gone, cs_digest_case_key("d")}, CS_OUTCOME_ok, 0});    /* 4 */
    put(&b, (struct an_output){1, 2, 1, 7, {gone, cs_digest_case_key("e")}, CS_OUTCOME_ok, 0});    /* 5 */
    put(&b, (struct an_output){1, 3, 0, 7, {other_study, cs_digest_case_key("a")}, CS_OUTCOME_ok, 0});
    put(&b, (struct an_output){
                1, 0, 2, 9, {m1, cs_digest_case_key("a")}, CS_OUTCOME_timeout, 0}); /* 7, asked again below */
    set_states(&b, 1, 0, "ddd");
    write_batch(s, &b);
    ask_again(s, &b, 1, 0, 2, "ddp");
    for (int others = 0; others < 2; others++) {
        assert_ok(cs_claims_open(&c, s, &study, others, &err));
        if (others)
            prepare(c);
        assert_int_equal(own(c, 0, 7, "a", &id), CS_CLAIM_ANSWER);
        assert_int_equal(id, 2);
        assert_int_equal(own(c, 0, 7, "c", &id), CS_CLAIM_LATER); /* b's, if b does not come */
        assert_int_equal(own(c, 1, 7, "a", &id), CS_CLAIM_ANSWER);
        assert_int_equal(id, 3);
        assert_int_equal(own(c, 1, 7, "e", &id), others ? CS_CLAIM_LATER : CS_CLAIM_NONE);
        assert_int_equal(own(c, 0, 8, "a", &id), CS_CLAIM_NONE);
        assert_int_equal(own(c, 0, 9, "a", &id), CS_CLAIM_ASKED);
        assert_int_equal(id, 7);
        assert_int_equal(rest(c, 0, 7, "c", CS_REST_OF_LANE), 1);
        assert_int_equal(rest(c, 0, 7, "f", CS_REST_OF_LANE), 0); /* nothing twice */
        assert_int_equal(rest(c, 1, 7, "e", CS_REST_OF_LANE), 0);
        assert_int_equal(rest(c, 1, 7, "e", CS_REST_SAME_CASE), others ? 5 : 0);
        assert_int_equal(rest(c, 0, 7, "f", CS_REST_SAME_CASE), 0);
        assert_int_equal(rest(c, 0, 7, "f", CS_REST_OTHERS), others ? 4 : 0);
        assert_int_equal(rest(c, 0, 7, "g", CS_REST_OTHERS), 0);  /* never another study's */
        assert_int_equal(rest(c, 0, 9, "b", CS_REST_OF_LANE), 0); /* never one that was asked again */
        cs_claims_close(c);
    }
    cs_batch_release(&b);
    cs_store_close(s);
}

/* ---- addresses ----------------------------------------------------------------------------------- */

static struct cs_study at_address(struct cs_account *a, struct cs_model *m, const char *model, const char *account,
                                  const char *url)
{
    *a = (struct cs_account){.name = account, .base_url = url};
    *m = (struct cs_model){.name = model};
    return (struct cs_study){.name = "s", .accounts = a, .n_accounts = 1, .models = m, .n_models = 1};
}

static void a_changed_address_is_another_lane(void **state)
{
    struct cs_store *s = open_writer(*state);
    struct cs_batch b;
    struct cs_error err = {0};
    struct cs_account a;
    struct cs_model m;
    struct cs_study study = at_address(&a, &m, "m", "one", "http://here/v1");
    struct cs_batch_counters c = {.gen = 1};
    uint64_t heir = 1;
    cs_batch_init(&b);
    assert_ok(cs_addresses_check(s, &study, &err)); /* nothing is known yet */
    assert_ok(cs_addresses_add(s, &b, 1, &study, &err));
    write_batch(s, &b);
    study = at_address(&a, &m, "m", "one", "http://there/v1");
    assert_ok(cs_addresses_check(s, &study, &err)); /* nothing was answered: a slip of the pen */
    c.counters.outcome[CS_OUTCOME_internal] = 1;
    cs_batch_add_counters(&b, &c);
    write_batch(s, &b);
    assert_ok(cs_addresses_check(s, &study, &err));
    c.counters.outcome[CS_OUTCOME_refused] = 1;
    cs_batch_add_counters(&b, &c);
    write_batch(s, &b);
    assert_int_equal(cs_addresses_check(s, &study, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "http://here/v1"));
    assert_non_null(strstr(err.msg, "http://there/v1"));
    assert_non_null(strstr(err.msg, "--adopt-from-other"));
    study = at_address(&a, &m, "m", "one", " HTTP://Here:80/v1/ ");
    assert_ok(cs_addresses_check(s, &study, &err));
    study = at_address(&a, &m, "m", "two",
                       "http://there/v1"); /* by another name it is another lane, and buys its own */
    assert_ok(cs_addresses_check(s, &study, &err));
    assert_ok(cs_addresses_heirs(s, &study, &heir, &err));
    assert_int_equal(heir, 0);
    study = at_address(&a, &m, "m", "two", "http://here/v1"); /* at the same address it is the same */
    assert_ok(cs_addresses_heirs(s, &study, &heir, &err));
    assert_true(heir == cs_digest_lane_key("s", "m", "one"));
    study = at_address(&a, &m, "renamed", "one", "http://here/v1");
    assert_ok(cs_addresses_heirs(s, &study, &heir, &err));
    assert_true(heir == cs_digest_lane_key("s", "m", "one"));
    study = at_address(&a, &m, "renamed", "two", "http://here/v1");
    assert_ok(cs_addresses_heirs(s, &study, &heir, &err));
    assert_int_equal(heir, 0);
    /* A lane that comes back after a generation without it. */
    study = at_address(&a, &m, "x", "one", "http://there/v1");
    assert_ok(cs_addresses_add(s, &b, 2, &study, &err));
    write_batch(s, &b);
    study = at_address(&a, &m, "m", "one", "http://there/v1");
    assert_int_equal(cs_addresses_check(s, &study, &err), CS_EINVAL);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void assert_address(const char *written, const char *wanted)
{
    const struct cs_account a = {.base_url = written};
    struct cs_buf got = CS_BUF_INIT(1000);
    cs_address_of_account(&a, &got);
    assert_string_equal(cs_buf_cstr(&got), wanted);
    cs_buf_release(&got);
}

static void addresses_are_compared_as_places(void **state)
{
    (void)state;
    assert_address("https://API.example.com:443/V1/", "https://api.example.com/V1");
    assert_address("http://b:8000/v1, http://a:8000/v1\n http://b:8000/v1/", "http://a:8000/v1 http://b:8000/v1");
    assert_address("https://a:80", "https://a:80");
    assert_address("http://a:80/", "http://a");
    assert_address("http://user@A/x//", "http://user@a/x");
    assert_address("", "");
    assert_address("A/B", "a/B");
    assert_address("://", ":");
}

/* ---- after an edit ------------------------------------------------------------------------------- */

/* Taken over from another, it is its own from then on. */
static void what_is_taken_over_is_found_by_the_next_edit(void **state)
{
    const struct cs_study study = two_lanes();
    const uint64_t gone = cs_digest_lane_key("s", "m1", "elsewhere"), m1 = cs_digest_lane_key("s", "m1", "one");
    struct cs_store *s = open_writer(*state);
    struct cs_claims *c;
    struct cs_batch b;
    struct cs_error err = {0};
    uint64_t id;
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 7, {gone, cs_digest_case_key("old")}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "d");
    write_batch(s, &b);
    cs_batch_add_adoption(&b, &(struct cs_batch_adoption){.gen = 2,
                                                          .output_id = 1,
                                                          .from = {gone, cs_digest_case_key("old")},
                                                          .owner = {m1, cs_digest_case_key("new")},
                                                          .digest = digest_of(7)});
    set_states(&b, 2, 0, "d");
    write_batch(s, &b);
    assert_int_equal(find(s, 7, 0, 0, 1).owner.lane, m1);
    assert_ok(cs_claims_open(&c, s, &study, false, &err));
    assert_int_equal(own(c, 0, 7, "new", &id), CS_CLAIM_ANSWER);
    assert_int_equal(id, 1);
    cs_claims_close(c);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* While the claims are in use, more is bought: known after cs_claims_renew, and what was handed out stays so. */
static void what_comes_meanwhile_is_known_when_renewed(void **state)
{
    const struct cs_study study = two_lanes();
    const struct cs_owner a = {cs_digest_lane_key("s", "m1", "one"), cs_digest_case_key("a")};
    struct cs_store *s = open_writer(*state);
    struct cs_claims *c;
    struct cs_batch b;
    struct cs_error err = {0};
    uint64_t id;
    cs_batch_init(&b);
    put(&b, (struct an_output){1, 0, 0, 7, a, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "d");
    write_batch(s, &b);
    assert_ok(cs_claims_open(&c, s, &study, false, &err));
    prepare(c);
    assert_int_equal(own(c, 0, 7, "a", &id), CS_CLAIM_ANSWER);
    for (uint64_t i = 1; i < 20; i++)
        put(&b, (struct an_output){1, 0, i, 7 + i, a, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "dddddddddddddddddddd");
    write_batch(s, &b);
    assert_int_equal(cs_claims_last(c), 1);
    assert_int_equal(own(c, 0, 8, "a", &id), CS_CLAIM_NONE);
    assert_ok(cs_claims_renew(c, &err));
    assert_int_equal(cs_claims_last(c), 20);
    assert_int_equal(own(c, 0, 7, "a", &id), CS_CLAIM_NONE); /* it has gone to a trial */
    for (uint64_t i = 1; i < 20; i++) {
        assert_int_equal(own(c, 0, 7 + i, "a", &id), CS_CLAIM_ANSWER);
        assert_int_equal(id, i + 1);
        assert_int_equal(own(c, 0, 7 + i, "a", &id), CS_CLAIM_NONE);
    }
    cs_claims_close(c);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void those_put_off_come_in_plan_order(void **state)
{
    const struct cs_study study = two_lanes();
    struct cs_store *s = open_writer(*state);
    struct cs_claims *c;
    struct cs_error err = {0};
    uint64_t n = 0;
    assert_ok(cs_claims_open(&c, s, &study, false, &err));
    for (uint64_t i = 0; i < 500; i++)
        cs_claims_put_off(c, i % 2 == 0, i * 7919 % 500);
    const struct cs_put_off *p = cs_claims_all_put_off(c, &n);
    assert_int_equal(n, 500);
    for (uint64_t i = 1; i < n; i++)
        assert_true(p[i - 1].lane < p[i].lane || (p[i - 1].lane == p[i].lane && p[i - 1].index < p[i].index));
    cs_claims_close(c);
    cs_store_close(s);
}

/* ---- what a later version adds ------------------------------------------------------------------- */

static void add_row(struct cs_rocks *db, enum cs_cf cf, const char *key, size_t n)
{
    cs_rocks_put(db, cf, (struct cs_slice){key, n}, (struct cs_slice){"later", 5});
}

/* Appends bytes to every row of a kind, and sets a flag that nobody knows yet where there are flags. */
static void grow_rows(struct cs_rocks *db, enum cs_ledger_row row, size_t flags_at)
{
    struct cs_error err = {0};
    struct cs_key from, until;
    struct cs_slice key, value;
    uint8_t grown[CS_PLACE_MAX + 400];
    cs_keyspace_row(&from, row);
    until = from;
    cs_keyspace_after(&until);
    struct cs_rocks_view *v = cs_rocks_view_open(db);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (cs_rocks_rows_next(rows, &key, &value)) {
        size_t n = value.n;
        memcpy(grown, value.p, n);
        if (row == CS_ROW_PLACE && n == CS_PLACE_BYTES) { /* appended is what follows the fields of today */
            memset(grown + n, 0, 6);
            n += 6;
        } else if (row == CS_ROW_INDEX && n < CS_INDEX_BYTES) {
            memset(grown + n, 0, CS_INDEX_BYTES - n);
            n = CS_INDEX_BYTES;
        }
        if (row != CS_ROW_COUNTERS)
            grown[flags_at] |= CS_OUTPUT_TURN;
        memcpy(grown + n, "12345678", 8);
        cs_rocks_put(db, CS_CF_LEDGER, key, (struct cs_slice){grown, n + 8});
    }
    assert_int_equal(cs_rocks_rows_close(rows, &err), CS_OK);
    cs_rocks_view_close(v);
}

static void what_a_later_version_adds_is_skipped(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = open_writer(f);
    struct cs_batch b;
    struct cs_rocks *db;
    struct cs_counters counters;
    struct cs_batch_counters c = {.gen = 1, .counters = {.adopted = 5, .carried = 3}};
    cs_batch_init(&b);
    for (uint64_t i = 0; i < 3; i++)
        put(&b, (struct an_output){1, 0, i, i, {LANE_A, CASE_1}, i == 1 ? CS_OUTCOME_timeout : CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "ddd");
    cs_batch_add_counters(&b, &c);
    write_batch(s, &b);
    ask_again(s, &b, 1, 0, 1, "dpd");
    put(&b, (struct an_output){1, 0, 1, 1, {LANE_A, CASE_1}, CS_OUTCOME_ok, 0});
    set_states(&b, 1, 0, "ddd");
    write_batch(s, &b);
    cs_store_close(s);

    assert_ok(cs_rocks_open(&db, f->dir, NULL, 0, &err));
    grow_rows(db, CS_ROW_PLACE, 8);
    grow_rows(db, CS_ROW_INDEX, 0);
    grow_rows(db, CS_ROW_COUNTERS, 0);
    add_row(db, CS_CF_LEDGER, "e\0\0\0\1", 5);
    add_row(db, CS_CF_LEDGER, "ttttttttttttttttttttttttt", 25);
    add_row(db, CS_CF_LEDGER, "z", 1);
    add_row(db, CS_CF_META, "sevents", 7);
    add_row(db, CS_CF_META, "mevent/1", 8);
    add_row(db, CS_CF_META, "x", 1);
    assert_ok(cs_rocks_commit(db, &err));
    cs_rocks_close(db);

    for (int writer = 0; writer < 2; writer++) {
        s = writer ? open_writer(f) : open_reader(f);
        assert_scan(s, 1, 0, false, "0:1 1:4 <2 2:3 ");
        assert_scan(s, 1, 0, true, "0:1 1:2S 1:4 <2 2:3 ");
        assert_int_equal(find(s, 1, LANE_A, 1, 2).earlier, 2);
        assert_int_equal(find(s, 1, LANE_A, 0, 2).flags & CS_OUTPUT_SUPERSEDED, CS_OUTPUT_SUPERSEDED);
        assert_ok(cs_store_rows_counters(s, 1, 0, &counters, &err));
        assert_int_equal(counters.adopted, 5);
        assert_int_equal(counters.carried, 3);
        cs_store_close(s);
    }
    cs_batch_release(&b);
}

/* ---- bytes that never change ---------------------------------------------------------------------- */

static void assert_hex(const void *p, size_t n, const char *wanted)
{
    char hex[2 * 512 + 1];
    assert_true(n <= 512);
    cs_digest_hex(p, n, hex);
    assert_string_equal(hex, wanted);
}

static void golden_rows(void **state)
{
    struct cs_digest d;
    struct cs_key key;
    struct cs_place place = {.output_id = 0x0102, .flags = CS_OUTPUT_CANONICAL};
    struct cs_indexed found = {.output_id = 0x0102, .owner = {0x1112131415161718, 0x2122232425262728}};
    struct cs_counters counters = {.outcome = {[CS_OUTCOME_ok] = 1}, .carried = 2};
    uint8_t bytes[CS_PLACE_MAX], row[CS_INDEX_BYTES], counted[CS_COUNTERS_BYTES];
    struct cs_place read;
    (void)state;
    for (int i = 0; i < 16; i++)
        d.b[i] = (uint8_t)(0xa0 + i);
    cs_keyspace_index(&key, &d, found.owner.lane, found.output_id);
    assert_hex(key.b, key.n, "78a0a1a2a3a4a5a6a7a8a9aaabacadaeaf11121314151617180000000000000102");
    assert_hex(row, cs_keyspace_index_encode(row, &found), "002122232425262728");
    cs_keyspace_turn(&key, &d, &found.owner, 1, 2);
    assert_hex(key.b, key.n, "74a0a1a2a3a4a5a6a7a8a9aaabacadaeaf111213141516171821222324252627280000000100000002");
    cs_keyspace_history(&key, 0x0102);
    assert_hex(key.b, key.n, "680000000000000102");
    found.flags = CS_OUTPUT_SUPERSEDED;
    found.earlier = 0x33;
    assert_hex(row, cs_keyspace_index_encode(row, &found), "2021222324252627280000000000000033");
    cs_keyspace_at(&key, CS_ROW_PLACE, 1, 2, 3);
    assert_hex(key.b, key.n, "6c00000001000000020000000000000003");
    cs_keyspace_at(&key, CS_ROW_AGAIN, 1, 2, 3);
    assert_hex(key.b, key.n, "6100000001000000020000000000000003");
    assert_hex(bytes, cs_keyspace_place_encode(bytes, &place), "000000000000010201");
    place.reading = (struct cs_rereading){.number = 7, .outcome = CS_OUTCOME_ok};
    place.n_earlier = 2;
    place.earlier[0] = 0x44;
    place.earlier[1] = 0x33;
    assert_hex(bytes, cs_keyspace_place_encode(bytes, &place),
               "000000000000010201"
               "0000000700"
               "02"
               "0000000000000044"
               "0000000000000033");
    place.reading.salvaged = true; /* appended, where one of them is not 0 */
    place.reading.fault = CS_ANSWER_WORD;
    assert_hex(bytes, cs_keyspace_place_encode(bytes, &place),
               "000000000000010201"
               "0000000700"
               "02"
               "0000000000000044"
               "0000000000000033"
               "0105");
    assert_true(cs_keyspace_place_decode((struct cs_slice){bytes, 33}, &read));
    assert_true(read.reading.number == 7 && read.reading.outcome == CS_OUTCOME_ok && read.reading.salvaged);
    assert_int_equal(read.reading.fault, CS_ANSWER_WORD);
    assert_int_equal(read.n_earlier, 2);
    bytes[13] = CS_OUTCOME_internal; /* no answer's outcome */
    assert_false(cs_keyspace_place_decode((struct cs_slice){bytes, 33}, &read));
    bytes[13] = 0xff; /* nobody's */
    assert_false(cs_keyspace_place_decode((struct cs_slice){bytes, 33}, &read));
    uint32_t n = cs_keyspace_counters_encode(counted, &counters);
    assert_hex(counted, 10, "010b0000000000000001");
    assert_hex(counted + n - 8, 8, "0000000000000002");
    assert_int_equal(n, 2 + 8 * (11 + 13));
    counters.salvaged = 3; /* appended, where it is not 0 */
    assert_int_equal(cs_keyspace_counters_encode(counted, &counters), n + 8);
    assert_hex(counted + n, 8, "0000000000000003");
    counters.turns = 5; /* what stands before it is there too */
    assert_int_equal(cs_keyspace_counters_encode(counted, &counters), CS_COUNTERS_BYTES - 8);
    assert_hex(counted + CS_COUNTERS_BYTES - 16, 8, "0000000000000005");
    counters.cache_write_tokens = 6; /* the last of all */
    assert_int_equal(cs_keyspace_counters_encode(counted, &counters), CS_COUNTERS_BYTES);
    assert_hex(counted + CS_COUNTERS_BYTES - 16, 16, "00000000000000050000000000000006");
}

/* Stores are full of them: they may never come out otherwise. */
static void golden_keys(void **state)
{
    (void)state;
    assert_true(cs_digest_study_key("ed-triage") == 0x8482a12269cfd09e);
    assert_true(cs_digest_lane_key("ed-triage", "gpt-5", "openai") == 0xf5c9ccef421f6a9b);
    assert_true(cs_digest_case_key("case-1") == 0x0ed93d2de28ede18);
    assert_true(cs_digest_lane_key("ab", "c", "d") != cs_digest_lane_key("a", "bc", "d"));
    assert_true(cs_digest_lane_key("a", "b", "c") != cs_digest_lane_key("a", "c", "b"));
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
    const struct CMUnitTest tests[] = {
        WITH_STORE(equal_requests_keep_apart),
        WITH_STORE(a_later_answer_links_the_earlier),
        WITH_STORE(asked_and_answered_in_one_batch),
        WITH_STORE(drawn_again_in_the_write_that_brings_it),
        WITH_STORE(only_timeouts_and_unparsable_answers_are_asked_again),
        WITH_STORE(a_further_call_is_kept_without_a_place),
        WITH_STORE(an_edit_carries_the_links),
        WITH_STORE(an_answer_goes_to_one_trial_its_own_case_first),
        WITH_STORE(a_changed_address_is_another_lane),
        cmocka_unit_test(addresses_are_compared_as_places),
        WITH_STORE(what_is_taken_over_is_found_by_the_next_edit),
        WITH_STORE(what_comes_meanwhile_is_known_when_renewed),
        WITH_STORE(those_put_off_come_in_plan_order),
        WITH_STORE(what_a_later_version_adds_is_skipped),
        cmocka_unit_test(golden_rows),
        cmocka_unit_test(golden_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
