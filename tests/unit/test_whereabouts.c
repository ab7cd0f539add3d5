/* The file that says where a coordinator is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/file.h"
#include "protocol/wire/whereabouts.h"

static char dir[] = "/tmp/clinsafe-whereabouts-XXXXXX", path[64];

static int make_dir(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/at", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct cs_whereabouts a = {.coordinator = "tcp://n1:7401", .announce = "", .admin = "tcp://n1:7403", .term = 7};
    struct cs_whereabouts b;
    struct cs_error err;
    struct stat st;

    memset(a.key, 'k', 40);
    snprintf(a.fleet, sizeof a.fleet, "0123456789abcdef");
    assert_int_equal(cs_whereabouts_write(path, &a, &err), CS_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_OK);
    assert_string_equal(b.coordinator, a.coordinator);
    assert_string_equal(b.announce, "");
    assert_string_equal(b.admin, a.admin);
    assert_string_equal(b.key, a.key);
    assert_string_equal(b.fleet, a.fleet);
    assert_int_equal(b.term, 7);
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        "tcp://n1:7401",
        "{\"coordinator\":\"\",\"announce\":\"\",\"admin\":\"\",\"key\":\"\",\"fleet\":\"\",\"term\":1}",
        "{\"coordinator\":\"tcp://n1:1\",\"announce\":\"\",\"admin\":\"\",\"key\":\"\",\"fleet\":\"\",\"term\":\"1\"}",
        "{\"coordinator\":\"tcp://n1:1\",\"announce\":\"\",\"admin\":\"\",\"key\":"
        "\"0123456789012345678901234567890123456789more\",\"fleet\":\"\",\"term\":1}",
        "{\"coordinator\":\"tcp://n1:1\",\"announce\":\"\",\"admin\":\"\",\"key\":\"short\",\"fleet\":\"\",\"term\":1}"};
    struct cs_whereabouts b;
    struct cs_error err;

    unlink(path);
    assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_ENOENT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(cs_file_write(path, bad[i], strlen(bad[i]), 0600, &err), CS_OK);
        assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_EINVAL);
        assert_non_null(strstr(err.msg, path));
    }
}

/* It would end whoever connects to it, with the answers that he holds. */
static void what_no_socket_connects_to_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"file:/x",        "n1:7401",    "tcp://n1",      "tcp://:7401",
                                      "tcp://n1:",      "tcp://n1:0", "tcp://n1:x",    "tcp://n1:99999",
                                      "tcp://n 1:7401", "ipc://",     "tcp://n1:7401x"},
                             *const good[] = {"tcp://n1.site:7401", "tcp://[fe80::1%eth0]:7401", "tcp://n-1_a:65535",
                                              "ipc:///run/s"};
    struct cs_whereabouts b;
    struct cs_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int k = 0; k < 3; k++) {
            struct cs_whereabouts a = {.coordinator = "tcp://n1:1", .announce = "tcp://n1:2", .admin = "tcp://n1:3"};
            char *const at[] = {a.coordinator, a.announce, a.admin};
            snprintf(at[k], CS_WHEREABOUTS_TEXT_MAX, "%s", bad[i]);
            assert_int_equal(cs_whereabouts_write(path, &a, &err), CS_OK);
            assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_EINVAL);
        }
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct cs_whereabouts a = {.term = 1};
        snprintf(a.coordinator, sizeof a.coordinator, "%s", good[i]);
        assert_int_equal(cs_whereabouts_write(path, &a, &err), CS_OK);
        assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_OK);
    }
}

static void a_file_that_others_can_write_is_refused(void **state)
{
    (void)state;
    const struct cs_whereabouts a = {.coordinator = "tcp://n1:7401"};
    struct cs_whereabouts b;
    struct cs_error err;

    assert_int_equal(cs_whereabouts_write(path, &a, &err), CS_OK);
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_EDENIED);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(cs_whereabouts_read(path, &b, &err), CS_OK);
}

static void a_wildcard_is_no_address(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"tcp://0.0.0.0:7401", "tcp://n1.site:7401"},
                                           {"tcp://[::]:7401", "tcp://n1.site:7401"},
                                           {"tcp://*:7401", "tcp://n1.site:7401"},
                                           {"tcp://10.0.0.5:7401", "tcp://10.0.0.5:7401"},
                                           {"ipc:///run/s", "ipc:///run/s"}};
    char out[CS_WHEREABOUTS_TEXT_MAX];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        cs_whereabouts_advertise(pairs[i][0], "n1.site", out);
        assert_string_equal(out, pairs[i][1]);
    }
    assert_null(cs_whereabouts_path("tcp://n1:1"));
    assert_string_equal(cs_whereabouts_path("file:/x"), "/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(what_no_socket_connects_to_is_refused),
        cmocka_unit_test(a_file_that_others_can_write_is_refused),
        cmocka_unit_test(a_wildcard_is_no_address),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
