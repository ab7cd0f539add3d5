/* Backups: sums and tails, manifests, which one is meant, checkpoints that open, terms above all that were. */
#include "tests/unit/fixture_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/base/folder.h"
#include "store/at_rest.h"
#include "tools/backup/copied.h"
#include "tools/backup/counted.h"
#include "tools/backup/shelf.h"

static const struct cs_copied_opts plain = {0};

static char *put(const struct fixture *f, const char *name, const void *bytes, size_t n)
{
    char *path = cs_xasprintf("%s/%s", f->root, name);
    assert_int_equal(cs_file_write(path, bytes, n, 0644, NULL), CS_OK);
    return path;
}

static void a_copy_is_summed_as_a_whole_and_at_its_end(void **state)
{
    static const size_t sizes[] = {0,       1,       65535,   65536,       65537,
                                   1048575, 1048576, 1048577, 3 * 1048576, 3 * 1048576 + 70000};
    const struct fixture *f = *state;
    uint8_t *bytes = cs_xmalloc(4 << 20), sum[32];
    struct cs_rng rng = {7};

    for (size_t i = 0; i < 4 << 20; i++)
        bytes[i] = (uint8_t)cs_rng_next(&rng);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i], tail_n = n < 65536 ? n : 65536;
        struct cs_manifest_file copied = {0}, found = {0};
        uint8_t tail[CS_MANIFEST_TAIL];
        char *from = put(f, "from", bytes, n), *to = cs_xasprintf("%s/to", f->root);

        assert_int_equal(cs_copied_copy(from, to, 0440, &plain, &copied, NULL), CS_OK);
        assert_int_equal(cs_copied_sums(to, &plain, &found, NULL), CS_OK);
        assert_int_equal(cs_copied_tail(to, n, tail, NULL), CS_OK);
        cs_digest_blake2b_256(bytes, n, sum);
        assert_memory_equal(copied.sum, sum, 32);
        assert_memory_equal(found.sum, sum, 32);
        cs_digest_blake2b_256(bytes + n - tail_n, tail_n, sum);
        assert_memory_equal(copied.tail, sum, CS_MANIFEST_TAIL);
        assert_memory_equal(found.tail, sum, CS_MANIFEST_TAIL);
        assert_memory_equal(tail, sum, CS_MANIFEST_TAIL);
        assert_int_equal(found.bytes, n);
        assert_int_equal(unlink(to), 0);
        free(from);
        free(to);
    }
    free(bytes);
}

static void make_backup(const struct fixture *f, const char *id, const char *name)
{
    struct cs_manifest_file file = {.name = name, .bytes = 3};
    const struct cs_manifest m = {
        .id = id, .fleet = "f00d", .version = "v", .format = 2, .outputs = 7, .files = &file, .n_files = 1};
    struct cs_buf text = CS_BUF_INIT(65536);
    char *folder = cs_xasprintf("%s/%s", f->root, id), *path = cs_xasprintf("%s/%s", folder, CS_MANIFEST_NAME);

    assert_int_equal(cs_file_mkdir_p(folder, NULL), CS_OK);
    cs_manifest_text(&m, &text);
    assert_int_equal(cs_file_write(path, text.data, text.len, 0644, NULL), CS_OK);
    cs_buf_release(&text);
    free(folder);
    free(path);
}

static void the_one_that_is_meant(void **state)
{
    static const char *const ids[] = {"20260101T000000Z", "20260102T000000Z", "20260102T000000Za",
                                      "20260103T000000Z.part"};
    const struct fixture *f = *state;
    const struct cs_shelf_item *item = NULL;
    struct cs_shelf s, other;
    struct cs_error err = {0};
    uint32_t removed = 0;

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        make_backup(f, ids[i], "store/CURRENT");
    assert_int_equal(cs_shelf_open(&s, f->root, true, &err), CS_OK);
    assert_int_equal(cs_shelf_open(&other, f->root, true, &err), CS_EBUSY);
    cs_shelf_close(&other);
    assert_int_equal(s.n_items, 3);
    assert_int_equal(s.n_broken_off, 1);
    assert_int_equal(cs_shelf_find(&s, "latest", &item, &err), CS_OK);
    assert_string_equal(item->id, ids[2]);
    assert_int_equal(cs_shelf_find(&s, ids[1], &item, &err), CS_OK); /* an id is itself, though another begins so */
    assert_string_equal(item->id, ids[1]);
    assert_int_equal(cs_shelf_find(&s, "20260101", &item, &err), CS_OK);
    assert_int_equal(cs_shelf_find(&s, "2026", &item, &err), CS_ENOENT);
    assert_int_equal(cs_shelf_find(&s, "", &item, &err), CS_ENOENT);
    assert_string_equal(cs_shelf_new_id(&s, 0), "20260102T000000Zaa"); /* a clock that was set back */
    assert_int_equal(cs_shelf_prune(&s, 1, &removed, &err), CS_OK);
    assert_int_equal(removed, 2);
    cs_shelf_close(&s);
    assert_int_equal(cs_shelf_open(&s, f->root, false, &err), CS_OK);
    assert_int_equal(s.n_items, 1);
    cs_shelf_close(&s);
}

static void a_manifest_leads_nowhere_else(void **state)
{
    static const char *const names[] = {"/etc/passwd", "../x", "store/../../x", ""};
    const struct fixture *f = *state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct cs_arena arena = {0};
        struct cs_manifest m;
        struct cs_error err = {0};
        char *folder = cs_xasprintf("%s/20260101T000000Z", f->root);

        make_backup(f, "20260101T000000Z", names[i]);
        assert_int_equal(cs_manifest_read(folder, &arena, &m, &err), CS_ECORRUPT);
        cs_arena_release(&arena);
        free(folder);
    }
}

static void a_checkpoint_opens_and_a_restored_term_is_above(void **state)
{
    const struct fixture *f = *state;
    struct cs_store *s = open_writer(f);
    struct cs_batch b;
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_manifest m = {0};
    const struct cs_counted_opts o = {0};
    char *copy = cs_xasprintf("%s/copy", f->root);

    cs_batch_init(&b);
    for (uint64_t i = 0; i < 100; i++)
        add_output(&b, 1, 0, i, i, CS_OUTPUT_CANONICAL, "text");
    assert_int_equal(cs_store_write(s, &b, &err), CS_OK);
    assert_int_equal(cs_store_checkpoint(s, copy, &err), CS_OK);
    assert_int_equal(cs_store_checkpoint(s, copy, &err), CS_EIO); /* is there already */
    cs_batch_clear(&b);
    add_output(&b, 1, 0, 100, 100, CS_OUTPUT_CANONICAL, "later");
    assert_int_equal(cs_store_write(s, &b, &err), CS_OK);
    cs_batch_release(&b);
    assert_int_equal(cs_backup_counted_store(copy, &o, &arena, &m, &err), CS_OK);
    assert_int_equal(m.outputs, 100);
    assert_int_equal(m.commit, cs_store_commit_seq(s) - 1);
    assert_string_equal(m.fleet, cs_store_fleet(s));
    cs_store_close(s);

    const struct cs_store_opts so = {.dir = copy, .write = true, .term_above = 1000};
    assert_int_equal(cs_store_open(&s, &so, &err), CS_OK);
    assert_int_equal(cs_store_term(s), 1001);
    cs_store_close(s);
    cs_arena_release(&arena);
    free(copy);
}

static enum cs_err no(void *self, struct cs_store *s, uint32_t *term_above, struct cs_error *err)
{
    *term_above = 99; /* changes nothing either */
    *(uint64_t *)self = cs_store_commit_seq(s);
    return cs_error_set(err, CS_ECORRUPT, "no");
}

static void whoever_says_no_has_changed_nothing(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = open_writer(f);
    uint64_t seen[2] = {0};
    const uint32_t term = cs_store_term(s);

    cs_store_close(s);
    for (int i = 0; i < 2; i++) {
        const struct cs_store_opts o = {.dir = f->dir, .write = true, .on_recovered = no, .self = &seen[i]};
        assert_int_equal(cs_store_open(&s, &o, &err), CS_ECORRUPT);
    }
    assert_int_equal(seen[0], seen[1]);
    s = open_writer(f);
    assert_int_equal(cs_store_term(s), term + 1);
    cs_store_close(s);
}

static void at_rest_is_held(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    int fd;

    assert_int_equal(cs_at_rest_hold(f->dir, &fd, &err), CS_ENOENT);
    cs_store_close(open_writer(f));
    assert_int_equal(cs_at_rest_hold(f->dir, &fd, &err), CS_OK);
    assert_true(fd >= 0);
    cs_at_rest_release(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_copy_is_summed_as_a_whole_and_at_its_end, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(the_one_that_is_meant, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_manifest_leads_nowhere_else, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_checkpoint_opens_and_a_restored_term_is_above, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(whoever_says_no_has_changed_nothing, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(at_rest_is_held, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
