/* What people read (numbers, CSV) and the study directory: its lock, and ending what a killed run left behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "tools/base/csv_write.h"
#include "tools/base/study_dir.h"
#include "tools/base/text.h"

static void numbers_read_well(void **state)
{
    char b[CS_TEXT_MAX_LEN];
    (void)state;
    assert_string_equal(cs_text_count(b, 0), "0");
    assert_string_equal(cs_text_count(b, 999), "999");
    assert_string_equal(cs_text_count(b, 1728000), "1,728,000");
    assert_string_equal(cs_text_duration(b, 59.4), "59 s");
    assert_string_equal(cs_text_duration(b, 200), "3 min 20 s");
    assert_string_equal(cs_text_duration(b, 7500), "2 h 05 min");
    assert_string_equal(cs_text_duration(b, 86400 * 3 + 4 * 3600), "3 d 4 h");
    assert_string_equal(cs_text_duration(b, -1), "unknown");
    assert_string_equal(cs_text_usd(b, 12340000000), "$12.34");
    assert_string_equal(cs_text_usd(b, 4200000), "$0.0042");
    assert_string_equal(cs_text_usd(b, 0), "$0.00");
    assert_string_equal(cs_text_usd(b, 100000), "$0.0001");
    assert_string_equal(cs_text_usd(b, 21300), "$0.000021"); /* one call */
    assert_string_equal(cs_text_usd(b, 1), "$0.000000001");
    assert_string_equal(cs_text_tokens(b, 4560000), "4.56M");
}

static void csv_quotes_what_needs_it(void **state)
{
    char *text = NULL;
    size_t n;
    (void)state;
    FILE *f = open_memstream(&text, &n);
    cs_csv_write_field(f, "plain", true);
    cs_csv_write_field(f, "a,b", false);
    cs_csv_write_field(f, "say \"no\"", false);
    cs_csv_write_field(f, "two\nlines", false);
    cs_csv_write_field(f, " blank", false);
    cs_csv_write_field(f, "", false);
    cs_csv_write_end(f);
    fclose(f);
    assert_string_equal(text, "plain,\"a,b\",\"say \"\"no\"\"\",\"two\nlines\",\" blank\",\n");
    free(text);
}

static char *temp_study(void)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = cs_xasprintf("%s/cs-tools-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(folder));
    char *study = cs_xasprintf("%s/s.yaml", folder);
    free(folder);
    return study;
}

static void directory_lies_beside_the_study(void **state)
{
    struct cs_study_dir d;
    (void)state;
    cs_study_dir_init(&d, "a/b/study.yaml", NULL);
    assert_string_equal(d.path, "a/b/study.clinsafe");
    assert_string_equal(d.store, "a/b/study.clinsafe/store");
    cs_study_dir_release(&d);
    cs_study_dir_init(&d, "a/b/study.yaml", "elsewhere");
    assert_string_equal(d.path, "elsewhere");
    cs_study_dir_release(&d);
}

static void second_lock_is_refused_with_the_pid(void **state)
{
    struct cs_study_dir first, second;
    struct cs_error err = {0};
    char want[64], *study = temp_study();
    (void)state;
    cs_study_dir_init(&first, study, NULL);
    cs_study_dir_init(&second, study, NULL);
    assert_int_equal(cs_study_dir_lock(&first, &err), CS_OK);
    assert_int_equal(cs_study_dir_lock(&second, &err), CS_EBUSY);
    snprintf(want, sizeof want, "pid %d;", (int)getpid());
    assert_non_null(strstr(err.msg, want));
    cs_study_dir_release(&second);
    cs_study_dir_release(&first);
    cs_study_dir_init(&second, study, NULL);
    assert_int_equal(cs_study_dir_lock(&second, &err), CS_OK); /* free again */
    cs_study_dir_release(&second);
    free(study);
}

/* A recorded process is ended; one that merely has the same pid as a record with another start time is left alone. */
static void only_recorded_processes_are_ended(void **state)
{
    struct cs_study_dir d;
    struct cs_error err = {0};
    char *study = temp_study(), *text = NULL;
    (void)state;
    cs_study_dir_init(&d, study, NULL);
    assert_int_equal(cs_study_dir_lock(&d, &err), CS_OK);
    pid_t ours = fork();
    if (ours == 0)
        for (;;)
            pause();
    assert_int_equal(cs_study_dir_record(&d, &ours, 1, &err), CS_OK);

    assert_int_equal(cs_file_read(d.run_json, 65536, &text, NULL, &err), CS_OK);
    char *started = strstr(text, "\"started\": ");
    assert_non_null(started);
    started[11] = started[11] == '9' ? '8' : '9'; /* another process once had that pid */
    assert_int_equal(cs_file_write(d.run_json, text, strlen(text), 0640, &err), CS_OK);
    assert_int_equal(cs_study_dir_reap(&d, &err), CS_OK);
    assert_int_equal(waitpid(ours, NULL, WNOHANG), 0);
    free(text);

    assert_int_equal(cs_study_dir_record(&d, &ours, 1, &err), CS_OK);
    assert_int_equal(cs_study_dir_reap(&d, &err), CS_OK);
    int status;
    assert_int_equal(waitpid(ours, &status, 0), ours);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cs_study_dir_release(&d);
    free(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_well),
        cmocka_unit_test(csv_quotes_what_needs_it),
        cmocka_unit_test(directory_lies_beside_the_study),
        cmocka_unit_test(second_lock_is_refused_with_the_pid),
        cmocka_unit_test(only_recorded_processes_are_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
