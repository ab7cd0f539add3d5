/* The store: what is written is read back, after any reopening; what rotted, was rolled back or does not agree is named. */
#include "tests/unit/fixture_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/base/file.h"
#include "store/keyspace.h"
#include "store/record.h"
#include "store/rocks.h"

static void write_batch(struct cs_store *s, struct cs_batch *b)
{
    struct cs_error err = {0};
    assert_ok(cs_store_write(s, b, &err));
    cs_batch_clear(b);
}

/* A lane's trials 0..n-1 as answers, in one batch. */
static void add_answers(struct cs_batch *b, uint32_t gen, uint32_t lane, uint64_t n)
{
    char text[200];
    struct cs_batch_page page = {.gen = gen, .lane = lane};
    for (uint64_t i = 0; i < n; i++) {
        text_of(i, text, sizeof text);
        add_output(b, gen, lane, i, lane * 1000 + i, CS_OUTPUT_CANONICAL, text);
        page.page = i / CS_PAGE_TRIALS;
        if (i % CS_PAGE_TRIALS == 0)
            memset(page.bits, 0, sizeof page.bits);
        set_state(page.bits, i % CS_PAGE_TRIALS, CS_TRIAL_DONE);
        cs_batch_add_page(b, &page);
    }
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void term_grows_and_fleet_stays(void **state)
{
    struct cs_store *s = open_writer(*state);
    char fleet[32];
    assert_int_equal(cs_store_term(s), 1);
    assert_int_equal(strlen(cs_store_fleet(s)), 16);
    snprintf(fleet, sizeof fleet, "%s", cs_store_fleet(s));
    cs_store_close(s);
    for (uint32_t term = 2; term < 5; term++) {
        s = open_writer(*state);
        assert_int_equal(cs_store_term(s), term);
        assert_string_equal(cs_store_fleet(s), fleet);
        cs_store_close(s);
    }
    s = open_reader(*state);
    assert_int_equal(cs_store_term(s), 4);
    assert_string_equal(cs_store_fleet(s), fleet);
    cs_store_close(s);
}

static void second_writer_is_refused(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = open_writer(f), *other = NULL;
    struct cs_store_opts opts = {.dir = f->dir, .write = true};
    assert_int_equal(cs_store_open(&other, &opts, &err), CS_EBUSY);
    assert_null(other);
    assert_non_null(strstr(err.msg, f->dir));
    cs_store_close(s);
    cs_store_close(open_writer(f));
}

static void reader_of_nothing(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = NULL;
    struct cs_store_opts opts = {.dir = f->dir, .scratch = f->scratch};
    assert_int_equal(cs_store_open(&s, &opts, &err), CS_ENOENT);
    assert_non_null(strstr(err.msg, f->dir));
    assert_int_equal(access(f->dir, F_OK), -1);
}

static void write_acked(const struct fixture *f, uint64_t seq)
{
    uint8_t bytes[8], sum[32];
    struct cs_error err = {0};
    cs_keyspace_put_u64(bytes, seq);
    cs_digest_blake2b_256(bytes, 8, sum);
    uint8_t file[16];
    memcpy(file, bytes, 8);
    memcpy(file + 8, sum, 8);
    assert_ok(cs_file_write(f->acked, file, sizeof file, 0640, &err));
}

static void rollback_is_refused_unless_accepted(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_batch b;
    struct cs_store *s = open_writer(f);
    struct cs_store_opts opts = {.dir = f->dir, .write = true};
    cs_batch_init(&b);
    add_answers(&b, 1, 0, 3);
    write_batch(s, &b);
    cs_store_note_acked(s);
    uint64_t seq = cs_store_commit_seq(s);
    cs_store_close(s);
    cs_store_close(open_writer(f)); /* nothing missing */

    write_acked(f, seq + 100);
    assert_int_equal(cs_store_open(&s, &opts, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "--accept-rollback"));
    opts.accept_rollback = true;
    assert_ok(cs_store_open(&s, &opts, &err));
    assert_true(cs_store_term(s) > 2 + CS_STORE_TERMS_SKIPPED); /* workers may know terms that are lost */
    cs_store_close(s);
    cs_store_close(open_writer(f)); /* accepted once for all */
    cs_batch_release(&b);
}

static void vanished_database_is_a_rollback(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = NULL;
    struct cs_store_opts opts = {.dir = f->dir, .write = true};
    write_acked(f, 7);
    assert_int_equal(cs_store_open(&s, &opts, &err), CS_ECORRUPT);
    assert_int_equal(access(f->dir, F_OK), 0); /* the folder at most: */
    assert_int_equal(rmdir(f->dir), 0);
}

static void damaged_side_file_counts_as_none(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    cs_store_close(open_writer(f));
    assert_ok(cs_file_write(f->acked, "0123456789abcdef", 16, 0640, &err));
    cs_store_close(open_writer(f));
    assert_ok(cs_file_write(f->acked, "short", 5, 0640, &err));
    cs_store_close(open_writer(f));
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static enum cs_err collect_key(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_buf *b = self;
    cs_buf_printf(b, "%s=%.*s;", key, (int)len, (const char *)value);
    return CS_OK;
}

static void metas(void **state)
{
    struct cs_error err = {0};
    struct cs_batch b;
    struct cs_buf all = CS_BUF_INIT(1000);
    void *value = NULL;
    uint32_t len = 0;
    struct cs_store *s = open_writer(*state);
    cs_batch_init(&b);
    cs_batch_add_meta(&b, "study/1", "one", 3);
    cs_batch_add_meta(&b, "study/2", "two", 3);
    cs_batch_add_meta(&b, "study/3", "", 0);
    cs_batch_add_meta(&b, "studz", "no", 2);
    cs_batch_add_meta(&b, "fleet", "mine", 4); /* not the store's own row */
    write_batch(s, &b);
    cs_batch_add_meta(&b, "study/2", NULL, 0);
    cs_batch_add_meta(&b, "study/1", "1", 1);
    write_batch(s, &b);
    assert_ok(cs_store_scan_metas(s, "study/", collect_key, &all, &err));
    assert_string_equal(cs_buf_cstr(&all), "study/1=1;study/3=;");
    assert_ok(cs_store_rows_meta(s, "fleet", &value, &len, &err));
    assert_int_equal(len, 4);
    assert_memory_equal(value, "mine", 4);
    free(value);
    assert_int_equal(cs_store_rows_meta(s, "study/2", &value, &len, &err), CS_ENOENT);
    assert_non_null(strstr(err.msg, "study/2"));
    cs_buf_release(&all);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void counters_and_frontier(void **state)
{
    struct cs_error err = {0};
    struct cs_batch b;
    struct cs_batch_counters c = {.gen = 2, .lane = 3}, copy;
    struct cs_counters read;
    uint64_t frontier = 9;
    struct cs_store *s = open_writer(*state);
    assert_int_equal(cs_store_rows_counters(s, 2, 3, &read, &err), CS_ENOENT);
    assert_int_equal(cs_store_rows_frontier(s, 2, 3, &frontier, &err), CS_ENOENT);
    assert_int_equal(frontier, 0);
    uint64_t *numbers = (uint64_t *)&c.counters;
    for (size_t i = 0; i < sizeof c.counters / 8; i++)
        numbers[i] = 1000 + i;
    c.counters.cost_nano_usd = -5;
    cs_batch_init(&b);
    copy = c;
    copy.counters.attempts = 0;
    cs_batch_add_counters(&b, &copy);
    cs_batch_add_counters(&b, &c); /* the later one counts */
    cs_batch_add_frontier(&b, &(struct cs_batch_frontier){2, 3, 256});
    cs_batch_add_frontier(&b, &(struct cs_batch_frontier){2, 4, 1});
    cs_batch_add_frontier(&b, &(struct cs_batch_frontier){2, 3, 512});
    assert_int_equal(b.n_counters, 1);
    assert_int_equal(b.n_frontiers, 2);
    write_batch(s, &b);
    cs_store_close(s);
    s = open_writer(*state);
    assert_ok(cs_store_rows_counters(s, 2, 3, &read, &err));
    assert_memory_equal(&read, &c.counters, sizeof read);
    assert_ok(cs_store_rows_frontier(s, 2, 3, &frontier, &err));
    assert_int_equal(frontier, 512);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void pages_are_replaced_within_a_batch(void **state)
{
    struct cs_batch b;
    struct cs_batch_page p = {.gen = 1};
    (void)state;
    cs_batch_init(&b);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            p.lane = i % 7;
            p.page = i;
            p.bits[0] = (uint8_t)(round + i);
            cs_batch_add_page(&b, &p);
        }
        assert_int_equal(b.n_pages, 1000);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(b.pages[i].page, i);
        assert_int_equal(b.pages[i].bits[0], (uint8_t)(2 + i));
    }
    assert_false(cs_batch_is_empty(&b));
    cs_batch_clear(&b);
    assert_true(cs_batch_is_empty(&b));
    p.page = 5;
    cs_batch_add_page(&b, &p);
    cs_batch_add_page(&b, &p);
    assert_int_equal(b.n_pages, 1);
    cs_batch_release(&b);
}

static void find_by_digest(void **state)
{
    enum { N = 700 };
    static struct cs_digest digests[2 * N];
    struct cs_batch b;
    uint64_t id = 0;
    struct cs_store *s = open_writer(*state);
    cs_batch_init(&b);
    add_answers(&b, 1, 0, N);
    add_output(&b, 1, 1, 0, 5000, CS_OUTPUT_DUPLICATE, "d");
    add_output(&b, 1, 1, 1, 5001, CS_OUTPUT_FAILURE, "f");
    write_batch(s, &b);
    for (uint64_t i = 0; i < 2 * N; i++)
        digests[i] = digest_of(i % 2 == 0 ? i / 2 : 5000 + i);
    digests[1] = digest_of(5000);
    digests[3] = digest_of(5001);
    for (uint64_t i = 0; i < 2 * N; i++) {
        assert_int_equal(found_by(s, &digests[i], &id), i % 2 == 0);
        assert_int_equal(id, i % 2 == 0 ? i / 2 + 1 : 0);
    }
    cs_batch_release(&b);
    cs_store_close(s);
}

static void output_comes_back_whole(void **state)
{
    struct cs_error err = {0};
    struct cs_batch b;
    struct cs_arena arena = {0};
    struct cs_stored got;
    struct cs_store *s = open_writer(*state);
    cs_batch_init(&b);
    add_output(&b, 4, 2, 1234567, 99, CS_OUTPUT_CANONICAL, "Yes, immediately \xc3\xa9.");
    add_output(&b, 4, 2, 1234568, 98, CS_OUTPUT_FAILURE | CS_OUTPUT_DUPLICATE, "late");
    assert_ok(cs_store_write(s, &b, &err));
    assert_int_equal(b.outputs[0].output_id, 1);
    assert_int_equal(b.outputs[1].output_id, 2);
    assert_ok(cs_store_scan_output(s, 1, &arena, &got, &err));
    assert_int_equal(got.flags, CS_OUTPUT_CANONICAL);
    assert_true(got.committed_wall_ms > 1700000000000);
    assert_string_equal(got.output.text, "Yes, immediately \xc3\xa9.");
    assert_int_equal(got.output.position, 1234567);
    assert_int_equal(got.output.gen, 4);
    assert_string_equal(got.output.worker, "w1");
    struct cs_digest d = digest_of(99);
    assert_true(cs_digest_equal(&got.output.digest, &d));
    assert_int_equal(cs_store_scan_output(s, 3, &arena, &got, &err), CS_ENOENT);
    assert_non_null(strstr(err.msg, "output 3"));
    cs_arena_release(&arena);
    cs_batch_release(&b);
    cs_store_close(s);
}

/* ---- damage -------------------------------------------------------------------------------------- */

static void every_flipped_bit_of_a_record_is_found(void **state)
{
    struct cs_error err = {0};
    uint8_t value[CS_RECORD_HEAD + 40];
    struct cs_record r = {77, CS_OUTPUT_CANONICAL, 1700000000123, value + CS_RECORD_HEAD, 40}, got;
    (void)state;
    memset(value, 'a', sizeof value);
    cs_record_head(&r, value);
    assert_ok(cs_record_read(77, value, sizeof value, &got, &err));
    assert_int_equal(got.committed_wall_ms, 1700000000123);
    assert_int_equal(got.len, 40);
    for (size_t bit = 0; bit < 8 * sizeof value; bit++) {
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(cs_record_read(77, value, sizeof value, &got, &err), CS_ECORRUPT);
        assert_non_null(strstr(err.msg, "output 77"));
        value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < sizeof value; n++)
        assert_int_equal(cs_record_read(77, value, n, &got, &err), CS_ECORRUPT);
    assert_int_equal(cs_record_read(78, value, sizeof value, &got, &err), CS_ECORRUPT); /* at another id */
}

/* Changes a row behind the store's back. */
static void tamper(const struct fixture *f, enum cs_cf cf, const struct cs_key *key, const char *value)
{
    struct cs_error err = {0};
    struct cs_rocks *db = NULL;
    assert_ok(cs_rocks_open(&db, f->dir, NULL, 0, &err));
    if (value == NULL)
        cs_rocks_remove(db, cf, cs_keyspace_slice(key));
    else
        cs_rocks_put(db, cf, cs_keyspace_slice(key), (struct cs_slice){value, strlen(value)});
    assert_ok(cs_rocks_commit(db, &err));
    cs_rocks_close(db);
}

struct unread {
    struct seen *seen;
    uint32_t n;
    uint64_t position, output_id;
    char why[256];
};

static enum cs_err see_readable(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                                struct cs_error *err)
{
    return see(((struct unread *)self)->seen, lane, position, stored, err);
}

static void see_unreadable(void *self, uint32_t lane, uint64_t position, uint64_t output_id, const char *why)
{
    struct unread *u = self;
    (void)lane;
    u->n++;
    u->position = position;
    u->output_id = output_id;
    snprintf(u->why, sizeof u->why, "%s", why);
}

/* A survey goes on behind it. */
static void survey(struct cs_store *s, uint32_t lane, struct seen *seen, uint64_t output_id, const char *why)
{
    struct cs_error err = {0};
    struct unread u = {.seen = seen};
    seen->n = 0;
    assert_ok(cs_store_scan_survey(s, 1, lane, see_readable, see_unreadable, &u, &err));
    assert_int_equal(seen->n, 9);
    assert_int_equal(u.n, 1);
    assert_int_equal(u.position, 4);
    assert_int_equal(u.output_id, output_id);
    assert_non_null(strstr(u.why, why));
}

static void lost_and_damaged_rows_are_named(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_batch b;
    struct cs_key key;
    struct seen *seen = cs_xcalloc(1, sizeof *seen);
    struct cs_store *s = open_writer(f);
    cs_batch_init(&b);
    for (uint32_t lane = 0; lane < 5; lane++)
        add_answers(&b, 1, lane, 10);
    write_batch(s, &b);
    cs_store_close(s);

    cs_keyspace_output(&key, 5); /* lane 0 */
    tamper(f, CS_CF_OUTPUTS, &key, "\x01\x01rubbish, rubbish, rubbish");
    cs_keyspace_output(&key, 15); /* lane 1 */
    tamper(f, CS_CF_OUTPUTS, &key, NULL);
    cs_keyspace_at(&key, CS_ROW_PLACE, 1, 2, 9);
    tamper(f, CS_CF_LEDGER, &key, NULL);
    cs_keyspace_at(&key, CS_ROW_PAGE, 1, 3, 0);
    tamper(f, CS_CF_LEDGER, &key, NULL);

    s = open_reader(f);
    assert_int_equal(cs_store_scan(s, 1, 0, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "lane 0, position 4, output 5: "));
    assert_int_equal(seen->n, 4);
    assert_int_equal(cs_store_scan(s, 1, 1, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "output 15 is missing"));
    assert_int_equal(cs_store_scan(s, 1, 2, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "counts 10 answers and failures, 9 are there"));
    assert_int_equal(cs_store_scan(s, 1, 3, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "position 0"));
    survey(s, 0, seen, 5, "checksum");
    survey(s, 1, seen, 15, "missing");
    seen->n = 0;
    assert_ok(cs_store_scan(s, 1, 4, see, seen, &err));
    assert_int_equal(seen->n, 10);
    assert_int_equal(cs_store_scan_outputs(s, 6, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "output 15 is missing"));
    seen->n = 0;
    assert_ok(cs_store_scan_outputs(s, 16, see, seen, &err));
    assert_int_equal(seen->n, 35);
    cs_store_close(s);

    cs_keyspace_output(&key, 50); /* the last one: nothing follows that would show the hole */
    tamper(f, CS_CF_OUTPUTS, &key, NULL);
    s = open_reader(f);
    assert_int_equal(cs_store_scan_outputs(s, 16, see, seen, &err), CS_ECORRUPT);
    assert_non_null(strstr(err.msg, "output 50 is missing"));
    cs_store_close(s);
    cs_batch_release(&b);
    free(seen);
}

/* ---- scans --------------------------------------------------------------------------------------- */

static void scan_of_answers_failures_retries_duplicates_adoptions(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_batch b;
    struct seen *seen = cs_xcalloc(1, sizeof *seen);
    struct cs_batch_page page = {.gen = 1, .lane = 6, .page = 0}, adopted = {.gen = 2, .lane = 0, .page = 1};
    struct cs_store *s = open_writer(f);
    cs_batch_init(&b);
    add_output(&b, 1, 6, 3, 1, CS_OUTPUT_CANONICAL, "answer 3");
    add_output(&b, 1, 6, 1, 2, CS_OUTPUT_FAILURE, "failure 1");
    add_output(&b, 1, 6, 2, 3, CS_OUTPUT_FAILURE, "failure 2");
    add_output(&b, 1, 6, 5, 4, CS_OUTPUT_FAILURE, "failure 5");
    add_output(&b, 1, 6, 3, 5, CS_OUTPUT_DUPLICATE, "again 3");
    set_state(page.bits, 3, CS_TRIAL_DONE);
    set_state(page.bits, 1, CS_TRIAL_FAILED);
    set_state(page.bits, 2, CS_TRIAL_FAILED);
    set_state(page.bits, 5, CS_TRIAL_FAILED);
    cs_batch_add_page(&b, &page);
    write_batch(s, &b);

    set_state(page.bits, 1, CS_TRIAL_PLANNED); /* retry */
    set_state(page.bits, 2, CS_TRIAL_PLANNED);
    set_state(page.bits, 5, CS_TRIAL_CANCELLED);
    cs_batch_add_page(&b, &page);
    write_batch(s, &b);
    assert_ok(cs_store_scan(s, 1, 6, see, seen, &err));
    assert_int_equal(seen->n, 1);

    add_output(&b, 1, 6, 1, 2, CS_OUTPUT_CANONICAL, "answer 1");
    add_output(&b, 1, 6, 2, 3, CS_OUTPUT_FAILURE, "failure 2 again");
    set_state(page.bits, 1, CS_TRIAL_DONE);
    set_state(page.bits, 2, CS_TRIAL_FAILED);
    cs_batch_add_page(&b, &page);
    cs_batch_add_adoption(&b, &(struct cs_batch_adoption){.gen = 2, .position = 300, .output_id = 1});
    set_state(adopted.bits, 300 - 256, CS_TRIAL_DONE);
    cs_batch_add_page(&b, &adopted);
    write_batch(s, &b);
    cs_store_close(s);

    s = open_reader(f);
    memset(seen, 0, sizeof *seen);
    assert_ok(cs_store_scan(s, 1, 6, see, seen, &err));
    assert_int_equal(seen->n, 3);
    assert_int_equal(seen->failures, 1);
    assert_string_equal(seen->texts[0], "answer 1");
    assert_string_equal(seen->texts[1], "failure 2 again");
    assert_string_equal(seen->texts[2], "answer 3");
    memset(seen, 0, sizeof *seen);
    assert_ok(cs_store_scan(s, 2, 0, see, seen, &err));
    assert_int_equal(seen->n, 1);
    assert_int_equal(seen->adopted, 1);
    assert_int_equal(seen->positions[0], 300);
    assert_string_equal(seen->texts[0], "answer 3");
    memset(seen, 0, sizeof *seen);
    assert_ok(cs_store_scan_outputs(s, 0, see, seen, &err));
    assert_int_equal(seen->n, 7);
    assert_string_equal(seen->texts[4], "again 3");
    assert_ok(cs_store_scan(s, 3, 0, see, seen, &err)); /* nothing is no fault */
    cs_store_close(s);
    cs_batch_release(&b);
    free(seen);
}

static enum cs_err stop_at_third(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                                 struct cs_error *err)
{
    (void)lane, (void)stored, (void)err;
    ++*(int *)self;
    return position == 2 ? CS_EINTERRUPTED : CS_OK;
}

static void scan_stops_when_told(void **state)
{
    struct cs_error err = {0};
    struct cs_batch b;
    int calls = 0;
    struct cs_store *s = open_writer(*state);
    cs_batch_init(&b);
    add_answers(&b, 1, 0, 300);
    write_batch(s, &b);
    assert_int_equal(cs_store_scan(s, 1, 0, stop_at_third, &calls, &err), CS_EINTERRUPTED);
    assert_int_equal(calls, 3);
    cs_batch_release(&b);
    cs_store_close(s);
}

static void reader_sees_more_only_after_refresh(void **state)
{
    struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_batch b;
    struct seen *seen = cs_xcalloc(1, sizeof *seen);
    struct cs_store *s = open_writer(f);
    cs_batch_init(&b);
    add_answers(&b, 1, 0, 300);
    write_batch(s, &b);
    struct cs_store *r = open_reader(f);
    add_answers(&b, 1, 1, 300);
    write_batch(s, &b);
    assert_ok(cs_store_scan(r, 1, 0, see, seen, &err));
    assert_int_equal(seen->n, 300);
    assert_ok(cs_store_scan(r, 1, 1, see, seen, &err));
    assert_int_equal(seen->n, 300);
    assert_ok(cs_store_refresh(r, &err));
    assert_int_equal(cs_store_commit_seq(r), cs_store_commit_seq(s));
    assert_ok(cs_store_scan(r, 1, 1, see, seen, &err));
    assert_int_equal(seen->n, 600);
    cs_store_close(r);
    cs_store_close(s);
    cs_batch_release(&b);
    free(seen);
}

/* ---- against a model ----------------------------------------------------------------------------- */

enum { LANES = 3, POSITIONS = 700, PAGES = POSITIONS / CS_PAGE_TRIALS + 1, OUTPUTS = 4000 };

struct model {
    uint8_t bits[LANES][PAGES][CS_PAGE_BYTES];
    uint64_t id[LANES][POSITIONS]; /* the place row's */
    uint32_t n_outputs;
    uint8_t flags[OUTPUTS + 1];
    uint64_t made[OUTPUTS + 1]; /* digest and text number */
};

static enum cs_trial_state model_state(const struct model *m, uint32_t lane, uint64_t position)
{
    uint64_t i = position % CS_PAGE_TRIALS;
    return (enum cs_trial_state)(m->bits[lane][position / CS_PAGE_TRIALS][i / 4] >> (2 * (i % 4)) & 3);
}

static void random_batch(struct model *m, struct cs_rng *rng, struct cs_batch *b)
{
    static uint64_t numbers;
    char text[64];
    for (uint64_t k = cs_rng_below(rng, 20) + 1; k > 0 && m->n_outputs < OUTPUTS; k--) {
        uint32_t lane = (uint32_t)cs_rng_below(rng, LANES);
        uint64_t position = cs_rng_below(rng, POSITIONS), n = ++numbers;
        enum cs_trial_state state = model_state(m, lane, position);
        uint8_t *bits = m->bits[lane][position / CS_PAGE_TRIALS];
        uint8_t flags = state == CS_TRIAL_DONE      ? CS_OUTPUT_DUPLICATE
                        : cs_rng_below(rng, 4) == 0 ? CS_OUTPUT_FAILURE
                                                    : CS_OUTPUT_CANONICAL;
        if (state == CS_TRIAL_FAILED && cs_rng_below(rng, 2) == 0) { /* retried, not yet asked */
            set_state(bits, position % CS_PAGE_TRIALS, CS_TRIAL_PLANNED);
        } else {
            text_of(n, text, sizeof text);
            add_output(b, 1, lane, position, n, flags, text);
            m->flags[++m->n_outputs] = flags;
            m->made[m->n_outputs] = n;
            if (flags != CS_OUTPUT_DUPLICATE) {
                m->id[lane][position] = m->n_outputs;
                set_state(bits, position % CS_PAGE_TRIALS,
                          flags == CS_OUTPUT_FAILURE ? CS_TRIAL_FAILED : CS_TRIAL_DONE);
            }
        }
        struct cs_batch_page page = {.gen = 1, .lane = lane, .page = position / CS_PAGE_TRIALS};
        memcpy(page.bits, bits, CS_PAGE_BYTES);
        cs_batch_add_page(b, &page);
    }
}

static enum cs_err check_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct model *m = self;
    assert_memory_equal(bits, m->bits[lane][page], CS_PAGE_BYTES);
    return CS_OK;
}

static void check_against_model(struct cs_store *s, struct model *m)
{
    struct cs_error err = {0};
    struct seen *seen = cs_xcalloc(1, sizeof *seen);
    char text[64];
    uint64_t id;
    assert_ok(cs_store_scan_pages(s, 1, check_page, m, &err));
    for (uint32_t lane = 0; lane < LANES; lane++) {
        uint64_t n = 0;
        memset(seen, 0, sizeof *seen);
        assert_ok(cs_store_scan(s, 1, lane, see, seen, &err));
        for (uint64_t position = 0; position < POSITIONS; position++) {
            enum cs_trial_state state = model_state(m, lane, position);
            if (state != CS_TRIAL_DONE && state != CS_TRIAL_FAILED)
                continue;
            assert_int_equal(seen->positions[n], position);
            assert_int_equal(seen->ids[n], m->id[lane][position]);
            text_of(m->made[seen->ids[n]], text, sizeof text);
            assert_memory_equal(seen->texts[n], text, sizeof seen->texts[0] - 1);
            n++;
        }
        assert_int_equal(seen->n, n);
    }
    memset(seen, 0, sizeof *seen);
    assert_ok(cs_store_scan_outputs(s, 0, see, seen, &err));
    assert_int_equal(seen->n, m->n_outputs);
    for (uint32_t i = 1; i <= m->n_outputs; i++) {
        struct cs_digest d = digest_of(m->made[i]);
        const bool canonical = m->flags[i] == CS_OUTPUT_CANONICAL;
        assert_int_equal(found_by(s, &d, &id), canonical);
        assert_int_equal(id, canonical ? i : 0);
    }
    free(seen);
}

static void random_batches_agree_with_a_model(void **state)
{
    struct fixture *f = *state;
    struct cs_rng rng = {20260301};
    struct model *m = cs_xcalloc(1, sizeof *m);
    struct cs_batch b;
    struct cs_store *s = open_writer(f), *r;
    uint32_t openings = 1;
    cs_batch_init(&b);
    for (int i = 0; i < 200; i++) {
        random_batch(m, &rng, &b);
        write_batch(s, &b);
        cs_store_note_acked(s);
        if (cs_rng_below(&rng, 20) == 0) {
            cs_store_close(s);
            s = open_writer(f);
            assert_int_equal(cs_store_term(s), ++openings);
            check_against_model(s, m);
        }
    }
    r = open_reader(f);
    check_against_model(r, m);
    cs_store_close(r);
    cs_store_close(s);
    cs_batch_release(&b);
    free(m);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(term_grows_and_fleet_stays),
        IN_FOLDER(second_writer_is_refused),
        IN_FOLDER(reader_of_nothing),
        IN_FOLDER(rollback_is_refused_unless_accepted),
        IN_FOLDER(vanished_database_is_a_rollback),
        IN_FOLDER(damaged_side_file_counts_as_none),
        IN_FOLDER(metas),
        IN_FOLDER(counters_and_frontier),
        cmocka_unit_test(pages_are_replaced_within_a_batch),
        IN_FOLDER(find_by_digest),
        IN_FOLDER(output_comes_back_whole),
        cmocka_unit_test(every_flipped_bit_of_a_record_is_found),
        IN_FOLDER(lost_and_damaged_rows_are_named),
        IN_FOLDER(scan_of_answers_failures_retries_duplicates_adoptions),
        IN_FOLDER(scan_stops_when_told),
        IN_FOLDER(reader_sees_more_only_after_refresh),
        IN_FOLDER(random_batches_agree_with_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
