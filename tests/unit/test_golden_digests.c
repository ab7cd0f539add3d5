/* What names a running study and its analysis must not move under it: tests/golden/digests has both digests of every shipped study, as
 * the programs of tests/compat/previous made them. A study whose digest moved would become a new generation at an upgrade.
 *
 *     build/unit/test_golden_digests --print STUDY...      prints rows. In that commit's tree it builds with the names that the
 *     headers have there: study/digest.h, study/study_load.h, study/spec.h
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/digest.h"
#include "protocol/load/load.h"
#include "protocol/wire/spec.h"

#define PUBLISHED "ops/studies/rheumatology.yaml"

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

/* Data by others lies beside the checkout, or nowhere. */
static const char *data_of(const char *path)
{
    const char *env = getenv("CLINSAFE_DATA");
    if (strcmp(path, PUBLISHED) != 0)
        return NULL;
    return env != NULL ? env : "../shared/data/rheumatology";
}

/* "PATH SPEC ANALYSIS" */
static enum cs_err row_of(const char *path, struct cs_buf *row, struct cs_error *err)
{
    const struct cs_load_opts opts = {.data_dir = data_of(path)};
    struct cs_buf spec = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_loaded l = {0};
    uint8_t digest[32];
    char hex[2][65];
    enum cs_err rc = cs_load_study(path, &opts, &l, err);
    if (rc == CS_OK)
        rc = cs_spec_pack(l.study, &l.cases, &spec, no_sink, NULL, err);
    if (rc == CS_OK) {
        cs_digest_blake2b_256(spec.data, spec.len, digest);
        cs_digest_hex(digest, 32, hex[0]);
        cs_digest_hex(l.study->analysis_digest, 32, hex[1]);
        cs_buf_printf(row, "%s %s %s", path, hex[0], hex[1]);
    }
    cs_buf_release(&spec);
    cs_load_release(&l);
    return rc;
}

static void assert_row(const char *golden)
{
    char path[256];
    struct cs_buf row = CS_BUF_INIT(1024);
    struct cs_error err = {0};
    snprintf(path, sizeof path, "%.*s", (int)strcspn(golden, " "), golden);
    if (row_of(path, &row, &err) != CS_OK)
        fail_msg("%s cannot be loaded: %s", path, err.msg);
    if (strcmp(cs_buf_cstr(&row), golden) != 0)
        fail_msg(
            "a digest of %s moved. It was, and is:\n%s\n%s\n"
            "If the file itself was changed, give the row that the programs of tests/compat/previous print for it.",
            path, golden, cs_buf_cstr(&row));
    cs_buf_release(&row);
}

/* Each line of the table but the published one, or only that. */
static void check(bool published)
{
    char line[1024];
    unsigned n = 0;
    FILE *f = fopen("tests/golden/digests", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || (strncmp(line, PUBLISHED, strlen(PUBLISHED)) == 0) != published)
            continue;
        assert_row(line);
        n++;
    }
    (void)fclose(f);
    assert_true(published ? n == 1 : n >= 12);
}

static void no_study_moved(void **state)
{
    (void)state;
    check(false);
}

static void the_published_study_did_not_move(void **state)
{
    (void)state;
    if (access(data_of(PUBLISHED), R_OK) != 0) {
        print_message(
            "skipped: published data is not here: rheumatology (CLINSAFE_DATA, default ../shared/data/rheumatology)\n");
        skip();
    }
    check(true);
}

static int print(int n, char **paths)
{
    for (int i = 0; i < n; i++) {
        struct cs_buf row = CS_BUF_INIT(1024);
        struct cs_error err = {0};
        if (row_of(paths[i], &row, &err) != CS_OK) {
            fprintf(stderr, "%s\n", err.msg);
            return 1;
        }
        puts(cs_buf_cstr(&row));
        cs_buf_release(&row);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_study_moved),
        cmocka_unit_test(the_published_study_did_not_move),
    };
    if (argc > 2 && strcmp(argv[1], "--print") == 0)
        return print(argc - 2, argv + 2);
    return cmocka_run_group_tests_name("golden_digests", tests, NULL, NULL);
}
