/* Files that are read: regular ones, and what the shell gives as a pipe. */
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
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_error err;

static void nobody_waits_for_a_named_pipe(void **state)
{
    (void)state;
    const char *fifo = folder_file(&dir, "fifo");
    char *text;
    int fd;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(cs_file_open(fifo, &fd, &err), CS_EINVAL);
    assert_int_equal(fd, -1);
    assert_int_equal(cs_file_read(fifo, 100, &text, NULL, &err), CS_EINVAL);
    assert_null(text);
    assert_non_null(strstr(err.msg, "fifo: not a regular file"));
    assert_int_equal(cs_file_open(dir.path, &fd, &err), CS_EINVAL);
    assert_int_equal(cs_file_open(folder_file(&dir, "none"), &fd, &err), CS_ENOENT);
}

static void a_pipe_of_the_shell_is_read_to_its_end(void **state)
{
    char path[32], *text = NULL;
    int ends[2];
    size_t n;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "study: x", 8), 8);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(cs_file_read(path, 100, &text, &n, &err), CS_OK);
    assert_int_equal(n, 8);
    assert_string_equal(text, "study: x");
    free(text);
    close(ends[0]);
}

static void no_more_is_read_than_is_wanted(void **state)
{
    (void)state;
    char *text;
    assert_int_equal(cs_file_read(folder_put(&dir, "f", "four"), 4, &text, NULL, &err), CS_OK);
    free(text);
    assert_int_equal(cs_file_read(folder_put(&dir, "f", "fives"), 4, &text, NULL, &err), CS_ETOOBIG);
    assert_int_equal(cs_file_read("/dev/zero", 4, &text, NULL, &err), CS_ETOOBIG);
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_a_named_pipe),
        cmocka_unit_test(a_pipe_of_the_shell_is_read_to_its_end),
        cmocka_unit_test(no_more_is_read_than_is_wanted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
