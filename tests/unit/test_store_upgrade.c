/* A store that an earlier version wrote is read as it is, and upgraded by its first writer, killed at any point. */
#include "tests/unit/fixture_store.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "store/addresses.h"
#include "store/keyspace.h"
#include "store/owners.h"
#include "store/record.h"
#include "store/rocks.h"

extern char **environ;

enum { GROUP = 7 };

static void run(const char *const *argv)
{
    int status;
    pid_t pid;
    assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void take_golden(const struct fixture *f, const char *name)
{
    char *from = cs_xasprintf("tests/golden/store-1/%s/store", name);
    char *acked = cs_xasprintf("tests/golden/store-1/%s/store.acked", name);
    char *dir_acked = cs_xasprintf("%s.acked", f->dir);
    run((const char *const[]){"rm", "-rf", f->dir, f->scratch, dir_acked, NULL});
    run((const char *const[]){"cp", "-r", from, f->dir, NULL});
    run((const char *const[]){"cp", acked, dir_acked, NULL});
    free(from);
    free(acked);
    free(dir_acked);
}

/* ---- everything that a store says, as text ---------------------------------------------------------- */

static enum cs_err tell_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *o,
                               struct cs_error *err)
{
    char hex[33];
    (void)err;
    cs_digest_hex(o->output.digest.b, 16, hex);
    cs_buf_printf(self, "%u:%llu %llu %u %s %s %lld\n", lane, (unsigned long long)position,
                  (unsigned long long)o->output_id, o->flags, hex, o->output.text, (long long)o->committed_wall_ms);
    return CS_OK;
}

static enum cs_err tell_place(void *self, uint32_t lane, uint64_t position, const struct cs_place *p)
{
    cs_buf_printf(self, "at %u:%llu %llu %u\n", lane, (unsigned long long)position, (unsigned long long)p->output_id,
                  p->flags);
    return CS_OK;
}

static void describe(struct cs_store *s, struct cs_buf *out)
{
    struct cs_error err = {0};
    struct cs_generation newest;
    assert_ok(cs_store_generation_newest(s, &newest, &err));
    assert_ok(cs_store_scan_outputs(s, 1, tell_output, out, &err));
    for (uint32_t gen = 1; gen <= newest.number; gen++) {
        cs_buf_printf(out, "generation %u\n", gen);
        assert_ok(cs_store_scan_places(s, gen, tell_place, out, &err));
        for (uint32_t lane = 0; lane < 3; lane++) {
            struct cs_counters c = {0};
            assert_ok(cs_store_scan(s, gen, lane, tell_output, out, &err));
            (void)!cs_store_rows_counters(s, gen, lane, &c, &err);
            cs_buf_printf(out, "ok %llu\n", (unsigned long long)c.outcome[CS_OUTCOME_ok]);
        }
    }
}

static char *as_reader(const struct fixture *f, uint32_t *format)
{
    struct cs_buf b = CS_BUF_INIT(4 * 1024 * 1024);
    struct cs_store *s = open_reader(f);
    *format = cs_store_format(s);
    describe(s, &b);
    cs_store_close(s);
    return cs_buf_take(&b);
}

/* ---- every answer has its index row, and nothing else has --------------------------------------------- */

struct indexed {
    struct cs_store *store;
    struct cs_owners *owners;
    uint64_t n;
    struct cs_error *err;
};

static enum cs_err check_row(void *self, const struct cs_digest *d, const struct cs_indexed *found)
{
    struct indexed *x = self;
    struct cs_arena arena = {0};
    struct cs_stored o;
    struct cs_owner owner;
    assert_int_equal(cs_store_scan_output(x->store, found->output_id, &arena, &o, x->err), CS_OK);
    assert_true(o.flags & CS_OUTPUT_CANONICAL);
    assert_true(cs_digest_equal(&o.output.digest, d));
    assert_int_equal(cs_owners_of(x->owners, o.output.gen, o.output.lane, o.output.position, &owner, x->err), CS_OK);
    assert_true(owner.lane == found->owner.lane && owner.bought_for == found->owner.bought_for);
    x->n++;
    cs_arena_release(&arena);
    return CS_OK;
}

static enum cs_err count_answers(void *self, uint32_t lane, uint64_t position, const struct cs_stored *o,
                                 struct cs_error *err)
{
    (void)lane, (void)position, (void)err;
    *(uint64_t *)self += (o->flags & CS_OUTPUT_CANONICAL) != 0;
    return CS_OK;
}

static uint32_t rows_of_kind(const struct fixture *f, enum cs_ledger_row row)
{
    struct cs_error err = {0};
    struct cs_rocks *db;
    struct cs_slice key, value;
    struct cs_key from, until;
    uint32_t n = 0;
    cs_keyspace_row(&from, row);
    until = from;
    cs_keyspace_after(&until);
    assert_ok(cs_rocks_open(&db, f->dir, f->scratch, 0, &err));
    struct cs_rocks_view *v = cs_rocks_view_open(db);
    struct cs_rocks_rows *rows = cs_rocks_rows_open(v, CS_CF_LEDGER, cs_keyspace_slice(&from),
                                                    cs_keyspace_slice(&until));
    while (cs_rocks_rows_next(rows, &key, &value))
        n++;
    assert_ok(cs_rocks_rows_close(rows, &err));
    cs_rocks_view_close(v);
    cs_rocks_close(db);
    return n;
}

static void assert_upgraded(const struct fixture *f, const char *before)
{
    struct cs_error err = {0};
    uint32_t format;
    uint64_t answers = 0;
    char *after = as_reader(f, &format);
    assert_int_equal(format, 2);
    assert_string_equal(after, before);
    assert_int_equal(rows_of_kind(f, CS_ROW_DIGEST), 0);
    struct cs_store *s = open_writer(f);
    struct indexed x = {.store = s, .owners = cs_owners_open(s), .err = &err};
    assert_ok(cs_store_scan_outputs(s, 1, count_answers, &answers, &err));
    assert_ok(cs_store_index(s, check_row, &x, &err));
    assert_true(answers > 0);
    assert_int_equal(x.n, answers);
    cs_owners_close(x.owners);
    cs_store_close(s);
    free(after);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static const char *const golden[] = {"main", "twin", "accounts"};

static void an_old_store_is_read_as_it_is(void **state)
{
    const struct fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        uint32_t format;
        take_golden(f, golden[i]);
        char *first = as_reader(f, &format), *second = as_reader(f, &format);
        assert_int_equal(format, 1); /* reading changes nothing */
        assert_string_equal(first, second);
        assert_non_null(strstr(first, "generation 2"));
        free(first);
        free(second);
    }
}

static void the_first_writer_upgrades(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    for (unsigned i = 0; i < 3; i++) {
        struct cs_generation g;
        uint32_t format;
        take_golden(f, golden[i]);
        char *before = as_reader(f, &format);
        struct cs_store *s = open_writer(f);
        assert_int_equal(cs_store_format(s), 2);
        assert_ok(cs_store_generation_newest(s, &g, &err));
        assert_true(g.study == cs_digest_study_key(i == 0 ? "golden" : i == 1 ? "golden-twin" : "golden-accounts"));
        assert_true(g.built);
        cs_store_close(s);
        assert_upgraded(f, before);
        free(before);
    }
}

/* Addresses of all generations are known: a changed one is refused in an upgraded store too. */
static void an_upgraded_store_knows_its_addresses(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_generation g;
    struct cs_generation_view view;
    take_golden(f, "accounts");
    struct cs_store *s = open_writer(f);
    assert_ok(cs_store_generation_newest(s, &g, &err));
    assert_ok(cs_store_generation_view_open(&view, s, &g, &err));
    struct cs_study moved = *view.spec.study;
    struct cs_account *accounts = cs_xcalloc(moved.n_accounts, sizeof *accounts);
    assert_ok(cs_addresses_check(s, &moved, &err));
    memcpy(accounts, moved.accounts, moved.n_accounts * sizeof *accounts);
    accounts[0].base_url = "http://127.0.0.1:1/elsewhere";
    moved.accounts = accounts;
    assert_int_equal(cs_addresses_check(s, &moved, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, view.spec.study->accounts[0].base_url));
    free(accounts);
    cs_store_generation_view_close(&view);
    cs_store_close(s);
}

struct bomb {
    int fuse;
};

static void tick(void *self, uint64_t done, uint64_t total)
{
    struct bomb *b = self;
    (void)done, (void)total;
    if (b->fuse-- == 0)
        raise(SIGKILL);
}

/* `test_store_upgrade upgrade DIR FUSE`: a process of its own, since RocksDB's threads do not survive a fork. */
static int run_upgrade(const char *dir, int fuse)
{
    struct bomb bomb = {fuse};
    struct cs_error err = {0};
    struct cs_store *s = NULL;
    struct cs_store_opts o = {.dir = dir, .write = true, .on_upgrade = tick, .self = &bomb, .upgrade_group = GROUP};
    if (cs_store_open(&s, &o, &err) != CS_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    cs_store_close(s);
    return 0;
}

/* True: it came to the end. */
static bool upgrade_killed_at(const struct fixture *f, int fuse)
{
    int status;
    pid_t pid;
    char number[16], program[] = "test_store_upgrade", verb[] = "upgrade";
    char *argv[] = {program, verb, f->dir, number, NULL};
    snprintf(number, sizeof number, "%d", fuse);
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return WIFEXITED(status);
}

/* After each batch: a reader sees the same store, and the next writer ends the work. */
static void killed_after_every_batch(void **state)
{
    const struct fixture *f = *state;
    uint32_t format;
    int kills = 0;
    bool over = false;
    take_golden(f, "main");
    char *before = as_reader(f, &format);
    for (int fuse = 0; !over; fuse += 3) {
        take_golden(f, "main");
        over = upgrade_killed_at(f, fuse);
        kills += !over;
        char *between = as_reader(f, &format);
        assert_string_equal(between, before);
        free(between);
        assert_true(upgrade_killed_at(f, 1 << 20));
        assert_upgraded(f, before);
    }
    assert_true(kills > 12); /* 164 outputs and the old index, 7 a batch, every third */
    free(before);
}

/* Killed again and again, a batch further each time: nothing is begun anew. */
static void every_attempt_goes_on(void **state)
{
    const struct fixture *f = *state;
    uint32_t format;
    int attempts = 0;
    take_golden(f, "main");
    char *before = as_reader(f, &format);
    while (!upgrade_killed_at(f, 2))
        assert_true(++attempts < 60);
    assert_true(attempts > 10);
    assert_upgraded(f, before);
    free(before);
}

/* What cannot be read does not stop it, and is not made good either. */
static void an_unreadable_output_is_passed_over(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_rocks *db;
    struct cs_key key;
    struct cs_arena arena = {0};
    struct cs_stored o;
    take_golden(f, "twin");
    assert_ok(cs_rocks_open(&db, f->dir, NULL, 0, &err));
    cs_keyspace_output(&key, 5);
    cs_rocks_put(db, CS_CF_OUTPUTS, cs_keyspace_slice(&key), (struct cs_slice){"rotten", 6});
    assert_ok(cs_rocks_commit(db, &err));
    cs_rocks_close(db);
    struct cs_store *s = open_writer(f);
    assert_int_equal(cs_store_format(s), 2);
    assert_int_equal(cs_store_scan_output(s, 5, &arena, &o, &err), CS_ECORRUPT);
    assert_ok(cs_store_scan_output(s, 6, &arena, &o, &err));
    cs_arena_release(&arena);
    cs_store_close(s);
    assert_int_equal(rows_of_kind(f, CS_ROW_INDEX), 11);
}

static void a_later_format_is_refused(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_rocks *db;
    struct cs_store *s = open_writer(f);
    struct cs_key key;
    cs_store_close(s);
    assert_ok(cs_rocks_open(&db, f->dir, NULL, 0, &err));
    cs_keyspace_system(&key, "format");
    cs_rocks_put(db, CS_CF_META, cs_keyspace_slice(&key), (struct cs_slice){"\0\0\0\3", 4});
    assert_ok(cs_rocks_commit(db, &err));
    cs_rocks_close(db);
    assert_int_equal(cs_store_open(&s, &(struct cs_store_opts){.dir = f->dir, .write = true}, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "format 3"));
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "upgrade") == 0)
        return run_upgrade(argv[2], (int)strtol(argv[3], NULL, 10));
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_make, fixture_remove)
    const struct CMUnitTest tests[] = {
        WITH_STORE(an_old_store_is_read_as_it_is),
        WITH_STORE(the_first_writer_upgrades),
        WITH_STORE(an_upgraded_store_knows_its_addresses),
        WITH_STORE(killed_after_every_batch),
        WITH_STORE(every_attempt_goes_on),
        WITH_STORE(an_unreadable_output_is_passed_over),
        WITH_STORE(a_later_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
