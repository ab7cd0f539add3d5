/* The door for foreign text: what passes, what is written out, and that nothing gets by it in any form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/error.h"
#include "protocol/base/log.h"
#include "protocol/base/plain.h"

static const struct {
    const char *text, *plain;
} cases[] = {
    {"", ""},
    {"chest pain, 37.5 \xc2\xb0"
     "C",
     "chest pain, 37.5 \xc2\xb0"
     "C"},
    {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80", NULL}, /* any script */
    {"\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"},
    {"a\r\nts=now lvl=error", "a\\r\\nts=now lvl=error"},
    {"a\tb\x7f", "a\\tb\\x7f"},
    {"\xc2\x9b"
     "31m",
     "\\u009b31m"},                                   /* CSI in one character */
    {"x\xe2\x80\xaetxt.exe", "x\\u202etxt.exe"},      /* right to left override */
    {"\xe2\x81\xa6i\xe2\x81\xa9", "\\u2066i\\u2069"}, /* isolates */
    {"a\xe2\x80\xa8"
     "b\xef\xbb\xbf",
     "a\\u2028b\\ufeff"},
    {"\xf3\xa0\x81\x81", "\\U000e0041"}, /* tag characters */
    {"bad \xff\xc0\x80 end \xe2\x80", "bad \\xff\\xc0\\x80 end \\xe2\\x80"},
};

static void test_text(void **state)
{
    char out[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *want = cases[i].plain != NULL ? cases[i].plain : cases[i].text;
        assert_string_equal(cs_plain_text(out, sizeof out, cases[i].text), want);
        assert_int_equal(cs_plain_is(cases[i].text), strcmp(cases[i].text, want) == 0);
        assert_true(cs_plain_is(out));
        struct cs_arena arena = {0};
        assert_string_equal(cs_plain_in(&arena, cases[i].text), want);
        cs_arena_release(&arena);
    }
}

/* Cut at every length: terminated, plain, never in the middle of what belongs together. */
static void test_cut(void **state)
{
    static const char text[] = "ab\x1b\xe6\x97\xa5\xf0\x9f\x98\x80\xe2\x80\xae!";
    char out[64];
    (void)state;
    for (size_t size = 1; size <= sizeof out; size++) {
        memset(out, 'z', sizeof out);
        cs_plain_text(out, size, text);
        assert_true(strlen(out) < size);
        assert_true(cs_plain_is(out));
    }
    assert_string_equal(cs_plain_text(out, 8, "123456789"), "1234...");
    assert_string_equal(cs_plain_text(out, 10, "123456789"), "123456789");
    assert_string_equal(cs_plain_text(out, 8, "123\x1b..."), "123...");
}

/* Characters arrive in pieces; lines and tabs stay. */
static void test_file(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 5; piece++) {
        static const char in[] = "a\tb\n\x1b[1m\xe6\x97\xa5\xe2\x80\xae\xf0\x9f\x98\x80\xff\n\xe2\x80";
        char *text = NULL;
        size_t n = 0;
        FILE *real = open_memstream(&text, &n), *door = cs_plain_file(real);
        for (size_t i = 0; i < sizeof in - 1; i += piece) {
            fwrite(in + i, 1, i + piece < sizeof in ? piece : sizeof in - 1 - i, door);
            fflush(door);
        }
        fclose(door);
        fclose(real);
        assert_string_equal(text, "a\tb\n\\x1b[1m\xe6\x97\xa5\\u202e\xf0\x9f\x98\x80\\xff\n\\xe2\\x80");
        free(text);
    }
}

static void test_errors_are_plain(void **state)
{
    struct cs_error err;
    char longer[600];
    (void)state;
    cs_error_set(&err, CS_EINVAL, "the provider says: %s", "\x1b[31mno\n");
    assert_string_equal(err.msg, "the provider says: \\x1b[31mno\\n");
    cs_error_wrap(&err, CS_EINVAL, "model %s", "\xe2\x80\xae");
    assert_string_equal(err.msg, "model \\u202e: the provider says: \\x1b[31mno\\n");
    memset(longer, '\x1b', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cs_error_set(&err, CS_EINVAL, "%s", longer);
    assert_true(strlen(err.msg) < sizeof err.msg && cs_plain_is(err.msg));
}

/* One call, one line, whatever is in a value, however long. */
static void test_log_is_a_line(void **state)
{
    FILE *f = tmpfile();
    char longer[3000], read[4096] = "";
    (void)state;
    memset(longer, '\n', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    fflush(stderr);
    int real = dup(STDERR_FILENO);
    dup2(fileno(f), STDERR_FILENO);
    cs_log(CS_ERROR, "one", "worker=%s", "x\nts=2026 lvl=error ev=forged\x1b[2J");
    cs_log(CS_ERROR, "two", "worker=%s", longer);
    dup2(real, STDERR_FILENO);
    close(real);
    rewind(f);
    size_t n = fread(read, 1, sizeof read - 1, f), lines = 0;
    fclose(f);
    read[n] = '\0';
    for (const char *c = read; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 2);
    assert_null(strchr(read, '\x1b'));
    assert_non_null(strstr(read, "worker=x\\nts=2026"));
}

/* Whoever can cause a warning cannot fill the disk with it, and errors are always written. */
static void test_log_bounds_a_kind_of_warning(void **state)
{
    FILE *f = tmpfile();
    char line[1024], *left_out = NULL;
    size_t floods = 0, others = 0, errors = 0;
    (void)state;
    fflush(stderr);
    int real = dup(STDERR_FILENO);
    dup2(fileno(f), STDERR_FILENO);
    for (int i = 0; i < 5000; i++)
        cs_log(CS_WARN, "flood", "i=%d", i);
    cs_log(CS_WARN, "other", "i=%d", 0);
    for (int i = 0; i < 1000; i++)
        cs_log(CS_ERROR, "fault", "i=%d", i);
    usleep(1100 * 1000);
    cs_log(CS_WARN, "flood", "i=%d", 5000);
    dup2(real, STDERR_FILENO);
    close(real);
    rewind(f);
    while (fgets(line, sizeof line, f) != NULL) {
        floods += strstr(line, "ev=flood ") != NULL;
        others += strstr(line, "ev=other ") != NULL;
        errors += strstr(line, "ev=fault ") != NULL;
        if (strstr(line, "i=5000") != NULL)
            left_out = strstr(line, " left_out=");
    }
    fclose(f);
    assert_in_range(floods, 501, 510);
    assert_int_equal(others, 1);
    assert_int_equal(errors, 1000);
    assert_non_null(left_out);
    assert_in_range(strtol(left_out + strlen(" left_out="), NULL, 10), 4490, 4500);
}

/* Both words that `--log-level` takes for it; another one is the default. */
static void test_log_level_of_the_environment(void **state)
{
    static const char *const words[][2] = {{"warning", "ev=two "}, {"warn", "ev=two "}, {"error", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        FILE *f = tmpfile();
        char line[1024] = "";
        assert_int_equal(cs_log_level("info", NULL), CS_OK);
        setenv("CS_LOG", words[i][0], 1);
        cs_log_init("clinsafe");
        fflush(stderr);
        int real = dup(STDERR_FILENO);
        dup2(fileno(f), STDERR_FILENO);
        cs_log(CS_INFO, "one", "i=%d", 1);
        cs_log(CS_WARN, "two", "i=%d", 2);
        dup2(real, STDERR_FILENO);
        close(real);
        rewind(f);
        assert_true((fgets(line, sizeof line, f) != NULL) == (words[i][1] != NULL));
        if (words[i][1] != NULL)
            assert_non_null(strstr(line, words[i][1]));
        fclose(f);
    }
    unsetenv("CS_LOG");
    assert_int_equal(cs_log_level("info", NULL), CS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_level_of_the_environment),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_errors_are_plain),
        cmocka_unit_test(test_log_is_a_line),
        cmocka_unit_test(test_log_bounds_a_kind_of_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
