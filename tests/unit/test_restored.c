/* A backup is sound file by file, also those it shares with the one before; a restored store knows whom to wait for, however often it is opened. */
#include "tests/unit/fixture_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "protocol/base/file.h"
#include "protocol/base/folder.h"
#include "store/holders.h"
#include "tools/backup/counted.h"
#include "tools/backup/restored.h"
#include "tools/backup/taken.h"

static void fill(const struct fixture *f)
{
    struct cs_error err = {0};
    struct cs_store *s = open_writer(f);
    struct cs_batch b;
    cs_batch_init(&b);
    for (uint64_t i = 0; i < 100; i++)
        add_output(&b, 1, 0, i, i, CS_OUTPUT_CANONICAL, "text");
    cs_holders_note(&b, "old", true);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_release(&b);
    cs_store_close(s);
    cs_store_close(open_writer(f)); /* what was in the log becomes a table */
}

static void note_rotten(void *self, const char *path)
{
    (void)path;
    ++*(uint32_t *)self;
}

static uint32_t n_rotten;

/* A new backup in `shelf`, of the store as it is called by whoever asks. */
static const char *take(const struct fixture *f, struct cs_shelf *shelf, const char *called, struct cs_manifest *m)
{
    struct cs_error err = {0};
    char *path = cs_xasprintf("%s/shelf", f->root);
    assert_ok(cs_shelf_open(shelf, path, true, &err));
    assert_ok(cs_taken_backup(
        shelf, &(struct cs_taken_opts){.source = f->dir, .store = called, .on_rotten = note_rotten, .self = &n_rotten},
        m, &err));
    free(path);
    return m->id;
}

static const struct cs_manifest_file *largest_table(const struct cs_manifest *m)
{
    const struct cs_manifest_file *found = NULL;
    for (uint32_t i = 0; i < m->n_files; i++)
        if (strstr(m->files[i].name, ".sst") != NULL && (found == NULL || m->files[i].bytes > found->bytes))
            found = &m->files[i];
    assert_non_null(found);
    return found;
}

/* A bit turns on the disk of the backups, before the end of the file, where nothing but its sum tells. */
static void rot(const char *path)
{
    uint8_t byte = 0;
    assert_int_equal(chmod(path, 0640), 0);
    const int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 10), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 10), 1);
    close(fd);
}

static void a_rotten_table_is_not_shared(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_store *s = open_writer(f);
    struct cs_shelf shelf;
    struct cs_manifest m, second;
    struct cs_batch b;
    struct stat was, is;
    char text[2000];

    cs_batch_init(&b); /* longer than the tail by which a table is told */
    for (uint64_t i = 0; i < 200; i++) {
        text_of(i, text, sizeof text);
        add_output(&b, 1, 0, i, i, CS_OUTPUT_CANONICAL, text);
    }
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_release(&b);
    cs_store_close(s);
    cs_store_close(open_writer(f));
    take(f, &shelf, f->dir, &m);
    const struct cs_manifest_file *table = largest_table(&m);
    assert_true(table->bytes > 2 * 65536);
    char *old = cs_xasprintf("%s/shelf/%s/%s", f->root, m.id, table->name), *name = cs_xstrdup(table->name);
    rot(old);
    cs_shelf_close(&shelf);

    n_rotten = 0;
    take(f, &shelf, f->dir, &second);
    assert_int_equal(n_rotten, 1);
    char *new = cs_xasprintf("%s/shelf/%s/%s", f->root, second.id, name);
    struct cs_manifest_file found = {0};
    assert_ok(cs_copied_sums(new, &(struct cs_copied_opts){0}, &found, &err));
    assert_memory_equal(found.sum, cs_manifest_find(&second, name)->sum, sizeof found.sum);
    assert_int_equal(stat(old, &was), 0);
    assert_int_equal(stat(new, &is), 0);
    assert_int_not_equal(was.st_ino, is.st_ino);
    cs_shelf_close(&shelf);

    take(f, &shelf, f->dir, &m); /* and a sound one is shared */
    assert_int_equal(n_rotten, 1);
    free(old);
    old = cs_xasprintf("%s/shelf/%s/%s", f->root, m.id, name);
    assert_int_equal(stat(old, &was), 0);
    assert_int_equal(was.st_ino, is.st_ino);
    cs_shelf_close(&shelf);
    free(old);
    free(new);
    free(name);
}

static void a_slash_at_the_end_loses_no_ratings(void **state)
{
    static const char *const slashes[] = {"", "/", "//"};
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_shelf shelf;
    struct cs_manifest m;
    char *acts = cs_xasprintf("%s.acts.csv", f->dir);
    fill(f);
    assert_ok(cs_file_write(acts, "act\n", 4, 0644, &err));
    for (size_t i = 0; i < sizeof slashes / sizeof *slashes; i++) {
        char *called = cs_xasprintf("%s%s", f->dir, slashes[i]);
        take(f, &shelf, called, &m);
        assert_non_null(cs_manifest_find(&m, "beside/acts.csv"));
        cs_shelf_close(&shelf);
        free(called);
    }
    free(acts);
}

static enum cs_err see_name(void *self, const char *key, const void *value, uint32_t len)
{
    (void)key, (void)len;
    cs_buf_printf(self, "%s;", (const char *)value);
    return CS_OK;
}

static void a_restored_store_waits_until_somebody_came(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_restored_since since;
    struct cs_shelf shelf;
    struct cs_manifest m;
    char *to = cs_xasprintf("%s/restored", f->root);
    fill(f);
    const char *id = take(f, &shelf, f->dir, &m);
    const uint32_t term = m.term;
    char *path = cs_xasprintf("%s/shelf/%s", f->root, id);
    assert_ok(cs_manifest_read(path, &shelf.arena, &m, &err));
    const struct cs_shelf_item item = {.id = m.id, .path = path, .m = m};
    assert_ok(cs_restored_put(&item, &(struct cs_restored_opts){.to = to}, &arena, &since, &err));
    cs_shelf_close(&shelf);
    for (uint32_t i = 1; i <= 3; i++) { /* a start that fails, an upgrade, and one that goes on */
        struct cs_store *s = NULL;
        assert_ok(cs_store_open(&s, &(struct cs_store_opts){.dir = to, .write = true}, &err));
        assert_true(cs_store_term(s) > term + CS_STORE_TERMS_SKIPPED + i);
        struct cs_buf names = CS_BUF_INIT(1024);
        assert_ok(cs_store_scan_metas(s, "worker/", see_name, &names, &err));
        assert_non_null(strstr(cs_buf_cstr(&names), "old;"));
        assert_non_null(strstr(cs_buf_cstr(&names), "(since the backup);"));
        cs_buf_release(&names);
        cs_store_close(s);
    }
    cs_arena_release(&arena);
    free(path);
    free(to);
}

static bool note_total(void *self, uint64_t done, uint64_t total)
{
    (void)done;
    *(uint64_t *)self = total;
    return true;
}

/* A backup of the last term that was given up says nothing of what is to be read now; one of the term after it does. */
static void what_was_given_up_was_not_read(void **state)
{
    const struct fixture *f = *state;
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_manifest m = {0};
    struct cs_batch b;
    struct cs_store *s = open_writer(f);
    const uint32_t given_up = cs_store_term(s);
    char text[16];

    cs_batch_init(&b);
    for (uint64_t i = 0; i < 2048; i++)
        add_output(&b, 1, 0, i, i, CS_OUTPUT_CANONICAL, "text");
    const int n = snprintf(text, sizeof text, "%u", given_up);
    cs_batch_add_meta(&b, "accepted", text, (uint32_t)n + 1);
    assert_ok(cs_store_write(s, &b, &err));
    cs_batch_release(&b);
    cs_store_close(s);
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t total = 0;
        const struct cs_counted_opts o = {
            .from_output = 49, .from_term = given_up + i, .on_output = note_total, .self = &total};
        assert_ok(cs_backup_counted_store(f->dir, &o, &arena, &m, &err));
        assert_int_equal(total, i == 0 ? 2048 : 2048 - 49);
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rotten_table_is_not_shared, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_slash_at_the_end_loses_no_ratings, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_restored_store_waits_until_somebody_came, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(what_was_given_up_was_not_read, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
