/* The commit thread: batches come back in order and durable; after the first failed write nothing more is written. */
#include "tests/unit/fixture_store.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "store/commit.h"

static struct cs_batch *batch_of(uint64_t group, uint32_t outputs)
{
    struct cs_batch *b = cs_xmalloc(sizeof *b);
    char text[900];
    cs_batch_init(b);
    b->group = group;
    for (uint32_t i = 0; i < outputs; i++) {
        text_of(group * 1000 + i, text, sizeof text);
        add_output(b, 1, 0, group * 1000 + i, group * 1000 + i, CS_OUTPUT_CANONICAL, text);
    }
    return b;
}

static bool readable(const struct cs_commit *c, int timeout_ms)
{
    struct pollfd p = {.fd = cs_commit_fd(c), .events = POLLIN};
    return poll(&p, 1, timeout_ms) == 1;
}

static struct cs_batch *wait_for(struct cs_commit *c, enum cs_err *rc, struct cs_error *err)
{
    assert_true(readable(c, 10000));
    return cs_commit_take(c, rc, err);
}

static void finish(struct cs_batch *b)
{
    cs_batch_release(b);
    free(b);
}

static void batches_come_back_in_order(void **state)
{
    struct cs_error err = {0};
    struct cs_commit *c = NULL;
    enum cs_err rc;
    struct cs_store *s = open_writer(*state);
    uint64_t seq = cs_store_commit_seq(s), submitted = 0, taken = 0, outputs = 0;
    assert_ok(cs_commit_open(&c, s, &err));
    assert_null(cs_commit_take(c, &rc, &err));
    assert_false(readable(c, 0));
    while (taken < 200) {
        while (submitted < 200 && submitted - taken < 2) {
            submitted++;
            cs_commit_submit(c, batch_of(submitted, (uint32_t)(submitted % 9)));
        }
        struct cs_batch *b = wait_for(c, &rc, &err);
        for (; b != NULL; b = cs_commit_take(c, &rc, &err)) {
            assert_int_equal(rc, CS_OK);
            assert_int_equal(b->group, ++taken);
            assert_true(cs_store_commit_seq(s) >= seq + taken);
            for (uint32_t i = 0; i < b->n_outputs; i++)
                assert_int_equal(b->outputs[i].output_id, ++outputs);
            cs_store_note_acked(s);
            finish(b);
        }
    }
    assert_false(readable(c, 0));
    assert_null(cs_commit_take(c, &rc, &err));
    cs_commit_close(c);
    assert_int_equal(cs_store_commit_seq(s), seq + 200);
    cs_store_close(s);
}

static void closing_writes_what_was_submitted(void **state)
{
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct cs_commit *c = NULL;
    struct cs_store *s = open_writer(*state);
    assert_ok(cs_commit_open(&c, s, &err));
    for (uint64_t i = 1; i <= CS_COMMIT_MAX; i++)
        cs_commit_submit(c, batch_of(i, 3));
    cs_commit_close(c);
    assert_ok(cs_store_scan_output(s, 3 * CS_COMMIT_MAX, &arena, &stored, &err));
    cs_arena_release(&arena);
    cs_store_close(s);
}

/* A file that may not grow stands for the full disk: RocksDB's log fails in the middle of a batch. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void nothing_is_written_after_a_failure(void **state)
{
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_stored stored;
    struct cs_commit *c = NULL;
    enum cs_err rc = CS_OK;
    uint64_t good = 0, group = 0;
    struct cs_store *s = open_writer(*state);
    assert_ok(cs_commit_open(&c, s, &err));
    signal(SIGXFSZ, SIG_IGN);
    limit_files(300 * 1024);
    while (rc == CS_OK && group < 100) {
        cs_commit_submit(c, batch_of(++group, 16));
        finish(wait_for(c, &rc, &err));
        good += rc == CS_OK ? 16 : 0;
    }
    assert_int_equal(rc, CS_EIO);
    assert_true(strlen(err.msg) > 0);
    limit_files(RLIM_INFINITY); /* room again: it must not start again */
    uint64_t seq = cs_store_commit_seq(s);
    for (int i = 0; i < 3; i++) {
        cs_commit_submit(c, batch_of(++group, 1));
        err.msg[0] = '\0';
        finish(wait_for(c, &rc, &err));
        assert_int_equal(rc, CS_EIO);
        assert_true(strlen(err.msg) > 0);
    }
    cs_commit_close(c);
    struct cs_batch *direct = batch_of(++group, 1);
    assert_int_equal(cs_store_write(s, direct, &err), CS_EIO);
    finish(direct);
    assert_int_equal(cs_store_commit_seq(s), seq);
    cs_store_close(s);

    s = open_writer(*state);
    assert_ok(cs_store_scan_output(s, good, &arena, &stored, &err));
    assert_true(good >= 16 * 5);
    struct cs_batch *b = batch_of(++group, 1);
    assert_ok(cs_store_write(s, b, &err));
    finish(b);
    cs_arena_release(&arena);
    cs_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_come_back_in_order, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(closing_writes_what_was_submitted, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(nothing_is_written_after_a_failure, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
