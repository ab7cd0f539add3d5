/* The store under kill -9, beside readers and beside a second writer. The writer is this program again, as a child:
 *   test_store_crash write DIR BATCHES    64 outputs a batch over three lanes, every seventh failed; prints the outputs durable so far
 */
#include "tests/unit/fixture_store.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { LANES = 3, GROUP = 64, TEXT = 700 };

static enum cs_trial_state state_of(uint64_t position)
{
    return position % 7 == 3 ? CS_TRIAL_FAILED : CS_TRIAL_DONE;
}

/* Outputs n..n+GROUP-1; output k is position k / LANES of lane k % LANES. */
static void add_group(struct cs_batch *b, uint64_t n)
{
    char text[TEXT];
    for (uint64_t k = n; k < n + GROUP; k++) {
        uint64_t position = k / LANES;
        struct cs_batch_page page = {.gen = 1, .lane = (uint32_t)(k % LANES), .page = position / CS_PAGE_TRIALS};
        text_of(k, text, sizeof text);
        add_output(b, 1, page.lane, position, k,
                   state_of(position) == CS_TRIAL_FAILED ? CS_OUTPUT_FAILURE : CS_OUTPUT_CANONICAL, text);
        for (uint64_t p = page.page * CS_PAGE_TRIALS; p <= position; p++)
            set_state(page.bits, p % CS_PAGE_TRIALS, state_of(p));
        cs_batch_add_page(b, &page);
    }
}

static int run_writer(const char *dir, long batches)
{
    struct cs_store *s = NULL;
    struct cs_error err = {0};
    struct cs_batch b;
    cs_batch_init(&b);
    if (cs_store_open(&s, &(struct cs_store_opts){.dir = dir, .write = true}, &err) != CS_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return (int)err.code;
    }
    for (long i = 0; i < batches; i++) {
        add_group(&b, (uint64_t)i * GROUP);
        if (cs_store_write(s, &b, &err) != CS_OK)
            return (int)err.code;
        cs_store_note_acked(s);
        cs_batch_clear(&b);
        printf("%ld\n", (i + 1) * GROUP);
        fflush(stdout);
    }
    cs_batch_release(&b);
    cs_store_close(s);
    return 0;
}

struct child {
    pid_t pid;
    FILE *out;
};

static struct child start_writer(const struct fixture *f, const char *batches)
{
    int ends[2];
    struct child c;
    posix_spawn_file_actions_t actions;
    char program[] = "test_store_crash", mode[] = "write";
    char *count = cs_xstrdup(batches);
    char *argv[] = {program, mode, f->dir, count, NULL};
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    assert_int_equal(posix_spawn(&c.pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    c.out = fdopen(ends[0], "r");
    free(count);
    return c;
}

/* Reads its lines, at most n; returns the last number. */
static uint64_t durable_after(struct child *c, long n)
{
    char line[32];
    uint64_t last = 0;
    for (long i = 0; i < n && fgets(line, sizeof line, c->out) != NULL; i++)
        last = strtoull(line, NULL, 10);
    return last;
}

static int end_of(struct child *c)
{
    int status = 0;
    fclose(c->out);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    return status;
}

struct walk {
    uint64_t n, outputs;
    bool slow;
};

static enum cs_err check_row(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct walk *w = self;
    char text[TEXT];
    (void)err;
    assert_int_equal(position, w->n);
    assert_int_equal(stored->flags & CS_OUTPUT_FAILURE ? CS_TRIAL_FAILED : CS_TRIAL_DONE, state_of(position));
    text_of(position * LANES + lane, text, sizeof text);
    assert_string_equal(stored->output.text, text);
    if (w->slow && w->n % 256 == 0)
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    w->n++;
    w->outputs++;
    return CS_OK;
}

static enum cs_err count_row(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct walk *w = self;
    (void)lane, (void)position, (void)stored, (void)err;
    w->outputs++;
    return CS_OK;
}

/* Outputs in all lanes, each checked. */
static uint64_t walk_all(struct cs_store *s, bool slow)
{
    struct cs_error err = {0};
    struct walk w = {.slow = slow};
    for (uint32_t lane = 0; lane < LANES; lane++) {
        w.n = 0;
        assert_ok(cs_store_scan(s, 1, lane, check_row, &w, &err));
    }
    return w.outputs;
}

static void killed_writer_loses_nothing_durable(void **state)
{
    for (long lines = 1; lines < 200; lines = lines * 3 + 1) {
        struct fixture *f = *state;
        struct child c = start_writer(f, "1000000");
        uint64_t durable = durable_after(&c, lines);
        kill(c.pid, SIGKILL);
        uint64_t more = durable_after(&c, 1000000); /* what it said before it died */
        durable = more > durable ? more : durable;
        assert_true(WIFSIGNALED(end_of(&c)));
        struct cs_store *s = open_writer(f);
        uint64_t there = walk_all(s, false);
        assert_true(there >= durable);
        assert_true(there <= durable + GROUP);
        assert_int_equal(there % GROUP, 0); /* a batch is there or not */
        assert_int_equal(cs_store_commit_seq(s), 2 + there / GROUP);
        cs_store_close(s);
        fixture_remove(state);
        fixture_make(state);
    }
}

static void writer_in_another_process_is_refused(void **state)
{
    struct fixture *f = *state;
    struct cs_store *s = open_writer(f);
    struct child c = start_writer(f, "1");
    int status = end_of(&c);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CS_EBUSY);
    cs_store_close(s);
}

/* Opens a reader, lets the writer flush and compact what the reader has seen, and scans. False: the scan failed, and said so. */
static bool scan_after_compaction(const struct fixture *f, struct child *c, uint32_t open_files)
{
    struct cs_store *s = NULL;
    struct cs_error err = {0};
    struct walk w = {0};
    struct cs_store_opts o = {.dir = f->dir, .scratch = f->scratch, .open_files = open_files};
    uint64_t durable = durable_after(c, 1);
    assert_ok(cs_store_open(&s, &o, &err));
    durable_after(c, 400);
    enum cs_err rc = CS_OK;
    for (uint32_t lane = 0; rc == CS_OK && lane < LANES; lane++)
        rc = cs_store_scan(s, 1, lane, count_row, &w, &err);
    cs_store_close(s);
    assert_true(rc != CS_OK || w.outputs >= durable); /* never a silent loss: the ledger of the same view is compared */
    return rc == CS_OK;
}

/* Why readers keep every file open: of a bounded table, what the writer has compacted away is gone when it is needed. */
static void a_bounded_file_table_fails(void **state)
{
    struct fixture *f = *state;
    struct child c = start_writer(f, "1000000");
    durable_after(&c, 400);
    assert_true(scan_after_compaction(f, &c, 0));
    bool failed = false;
    for (int i = 0; i < 16 && !failed; i++)
        failed = !scan_after_compaction(f, &c, 10);
    assert_true(failed);
    assert_true(scan_after_compaction(f, &c, 0));
    kill(c.pid, SIGKILL);
    end_of(&c);
}

/* 60,000 outputs of 0.8 KB: several memtables are flushed and compacted under the readers' feet. */
static void scans_beside_a_writer(void **state)
{
    struct fixture *f = *state;
    struct child c = start_writer(f, "940");
    uint64_t before = durable_after(&c, 5);
    for (int round = 0; round < 8; round++) {
        struct cs_store *r = open_reader(f);
        uint64_t n = walk_all(r, true);
        assert_true(n >= before);
        before = n;
        cs_store_close(r);
    }
    durable_after(&c, 1000000);
    assert_int_equal(end_of(&c), 0);
    struct cs_store *r = open_reader(f);
    assert_int_equal(walk_all(r, false), 940 * GROUP);
    cs_store_close(r);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return run_writer(argv[2], strtol(argv[3], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_writer_loses_nothing_durable, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(writer_in_another_process_is_refused, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(scans_beside_a_writer, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_bounded_file_table_fails, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
