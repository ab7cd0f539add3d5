/* A study of another one's outputs: what is taken, what the parent was, which outputs a case came from, and the mapped file of the cases. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fixture_study.h"

#include "tests/unit/fixture_files.h"

#include "protocol/base/digest.h"
#include "protocol/study/parent.h"
#include "protocol/study/hide.h"
#include "protocol/study/take.h"
#include "protocol/table/snapshot.h"
#include "protocol/wire/spec.h"

/* ---- a parent ----------------------------------------------------------------------------------------------- */

static const struct cs_parent_level arms[] = {{"plain", CS_ROLE_CONTROL}, {"warned", CS_ROLE_LEVEL}};
static const struct cs_parent_level groups[] = {{"none", CS_ROLE_CONTROL}, {"a", CS_ROLE_LEVEL}, {"b", CS_ROLE_AA}};
static const struct cs_parent_factor factors[] = {{"arm", arms, 2}, {"group", groups, 3}};
static const char *const models[] = {"m\"1", "m2"}, *const questions[] = {"plan"}, *const strata[] = {"setting", "age"};
static const uint32_t first_arm[] = {0, 2}, second_arm[] = {1, 0}, sizes[] = {2, 1};
static const struct cs_parent_arm table[] = {
    {.levels = first_arm, .planned = 6, .by_outcome = {3, 1, 0, 0, 0, 2}, .taken = 3, .unfit = 1},
    {.model = 1, .levels = second_arm, .planned = UINT64_C(1) << 40, .by_outcome = {[10] = 7}},
};

static struct cs_parent_study parent_of(struct cs_arena *a)
{
    struct cs_parent_study p = {.study = "the \"parent\"",
                                .generation = 3,
                                .repeats = 2,
                                .closed = true,
                                .confidential = true,
                                .take = "{\"parent\":\"p\",\"seed\":\"1\"}",
                                .factors = factors,
                                .n_factors = 2,
                                .models = models,
                                .sent = models,
                                .accounts = models,
                                .n_models = 2,
                                .questions = questions,
                                .n_questions = 1,
                                .strata = strata,
                                .n_strata = 2,
                                .arms = table,
                                .n_arms = 2,
                                .group_cases = sizes,
                                .n_groups = 2,
                                .column = 1};
    assert_int_equal(cs_parent_json_make(&p, a, NULL), CS_OK);
    return p;
}

static void a_parent_comes_back_as_it_was(void **state)
{
    struct cs_arena a = {0};
    struct cs_parent_study p = parent_of(&a), again;
    const struct cs_parent_study *q;
    (void)state;
    assert_int_equal(cs_parent_json_parse(p.json, &a, &q, NULL), CS_OK);
    assert_string_equal(q->study, p.study);
    assert_true(q->closed && q->confidential && !q->planned && !q->factors_in_prompt);
    assert_int_equal(q->factors[1].levels[2].role, CS_ROLE_AA);
    assert_int_equal(q->arms[1].planned, UINT64_C(1) << 40);
    assert_int_equal(q->arms[0].by_outcome[CS_OUTCOME_timeout], 2);
    assert_int_equal(q->arms[0].levels[1], 2);
    again = *q;
    assert_int_equal(cs_parent_json_make(&again, &a, NULL), CS_OK);
    assert_string_equal(again.json, p.json);
    static const char *const bad[] = {"", "[]", "{}", "{\"study\":\"p\"}"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(cs_parent_json_parse(bad[i], &a, &q, NULL), CS_EINVAL);
    cs_arena_release(&a);
}

/* ---- outputs of a case ------------------------------------------------------------------------------------------- */

static void a_case_tells_its_outputs(void **state)
{
    struct cs_arena a = {0};
    struct cs_parent_study p = parent_of(&a);
    const struct cs_study s = {.parent = &p};
    const char *const ages[] = {"ward\t7", "back\\slash\nline"}, *const none[] = {"", ""};
    const struct cs_parent in[] = {{.case_id = "c1/a",
                                    .cluster = "c1",
                                    .strata = ages,
                                    .levels = first_arm,
                                    .model = 1,
                                    .repeat = 1,
                                    .block = 4,
                                    .element = 12,
                                    .side = CS_PARENT_SECOND,
                                    .output_id = UINT64_C(1) << 50,
                                    .digest = {{1, 2, 255}},
                                    .text = {{9}}},
                                   {.case_id = "c2", .cluster = "c1", .strata = none, .levels = second_arm}};
    const struct cs_parent *out;
    struct cs_buf b = CS_BUF_INIT(4096);
    uint32_t n;
    (void)state;
    cs_parents_write(&p, &in[0], &b);
    cs_parents_write(&p, &in[1], &b);
    const char *values[] = {"", cs_buf_cstr(&b)};
    const struct cs_case c = {.id = "c1/x", .values = values};
    assert_int_equal(cs_parents_read(&s, &c, &a, &out, &n, NULL), CS_OK);
    assert_int_equal(n, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(out[i].case_id, in[i].case_id);
        assert_string_equal(out[i].cluster, in[i].cluster);
        assert_string_equal(out[i].strata[0], in[i].strata[0]);
        assert_string_equal(out[i].strata[1], in[i].strata[1]);
        assert_memory_equal(out[i].levels, in[i].levels, sizeof first_arm);
        assert_true(out[i].model == in[i].model && out[i].repeat == in[i].repeat && out[i].block == in[i].block);
        assert_true(out[i].element == in[i].element && out[i].side == in[i].side);
        assert_true(out[i].output_id == in[i].output_id && cs_digest_equal(&out[i].digest, &in[i].digest));
        assert_true(cs_digest_equal(&out[i].text, &in[i].text));
    }
    /* Whatever is cut off or changed is seen. */
    char *whole = strdup(cs_buf_cstr(&b));
    for (size_t len = 0; len < strlen(whole); len++) {
        char *cut = strndup(whole, len);
        values[1] = cut;
        const bool lines = len > 0 && cut[len - 1] == '\n';
        assert_int_equal(cs_parents_read(&s, &c, &a, &out, &n, NULL), lines ? CS_OK : CS_ECORRUPT);
        free(cut);
    }
    static const char *const bad[] = {
        "c\tc\t0,3\t0\t0\t0\t0\t0\t0\t0\t%s\t%s\t\t\n", /* no such level */
        "c\tc\t0\t0\t0\t0\t0\t0\t0\t0\t%s\t%s\t\t\n",     "c\tc\t0,0,0\t0\t0\t0\t0\t0\t0\t0\t%s\t%s\t\t\n",
        "c\tc\t0,0\t2\t0\t0\t0\t0\t0\t0\t%s\t%s\t\t\n",   "c\tc\t0,0\t0\t0\t0\t0\t0\t3\t0\t%s\t%s\t\t\n",
        "c\tc\t0,0\t0\t0\t0\t0\t0\t0\t0\t%s\t%s\t\t\t\n",
    };
    static const char hex[] = "00112233445566778899aabbccddeeff";
    for (size_t i = 0; i < COUNT(bad); i++) {
        cs_buf_clear(&b);
        const char *first = strstr(bad[i], "%s"), *second = strstr(first + 2, "%s");
        cs_buf_append(&b, bad[i], (size_t)(first - bad[i]));
        cs_buf_str(&b, hex);
        cs_buf_append(&b, first + 2, (size_t)(second - first - 2));
        cs_buf_str(&b, hex);
        cs_buf_str(&b, second + 2);
        values[1] = cs_buf_cstr(&b);
        assert_int_equal(cs_parents_read(&s, &c, &a, &out, &n, NULL), CS_ECORRUPT);
    }
    free(whole);
    cs_buf_release(&b);
    cs_arena_release(&a);
}

/* ---- what is taken ----------------------------------------------------------------------------------------------- */

static void what_is_taken_comes_back(void **state)
{
    static const char *const all[] = {
        "{\"parent\":\"p\",\"seed\":\"18446744073709551615\"}",
        "{\"parent\":\"p\",\"seed\":\"1\",\"outcomes\":[\"ok\"],\"models\":[\"a\",\"b\"],\"questions\":[\"q\"],"
        "\"levels\":[[\"arm\",[\"x\"]],[\"group\",[\"y\",\"z\"]]],\"sample\":40,\"identical\":\"apart\",\"each\":\"rubrics\","
        "\"pair\":\"arm\",\"firsts\":[\"a\"],\"seconds\":[\"b\"],\"order\":\"random\",\"columns\":[\"output.text\"],"
        "\"shows\":[\"model\"],\"hide\":[\"w\\\"\"],\"hide_as\":\"#\"}"};
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"parent\":\"p\"}",
                                      "{\"parent\":\"p\",\"seed\":\"x\"}",
                                      "{\"parent\":\"p\",\"seed\":\"1\",\"models\":\"a\"}",
                                      "{\"parent\":\"p\",\"seed\":\"1\",\"firsts\":[\"a\"]}",
                                      "{\"parent\":\"p\",\"seed\":\"1\",\"sample\":-1}"};
    struct cs_arena a = {0};
    struct cs_take t;
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        struct cs_buf b = CS_BUF_INIT(4096);
        assert_int_equal(cs_take_parse(all[i], &a, &t, NULL), CS_OK);
        cs_take_json(&t, &b);
        assert_string_equal(cs_buf_cstr(&b), all[i]);
        cs_buf_release(&b);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(cs_take_parse(bad[i], &a, &t, NULL), CS_EINVAL);
    cs_arena_release(&a);
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static struct folder folder;

static int open_folder(void **state)
{
    (void)state;
    folder_open(&folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    folder_close(&folder);
    return 0;
}

static void write_two(const char *path)
{
    static const char *const columns[] = {"text", "more"};
    struct cs_snapshot_writer *w;
    assert_int_equal(cs_snapshot_create(&w, path, NULL), CS_OK);
    const uint64_t shared = cs_snapshot_text(w, "shared", 6), empty = cs_snapshot_text(w, "", 0),
                   id1 = cs_snapshot_text(w, "c1", 2), id2 = cs_snapshot_text(w, "c2", 2);
    cs_snapshot_columns(w, columns, 2);
    cs_snapshot_case(w, id1, id1, (uint64_t[]){shared, empty});
    cs_snapshot_case(w, id2, id1, (uint64_t[]){empty, shared});
    assert_int_equal(cs_snapshot_finish(w, "{\"about\":1}", "stamp", NULL), CS_OK);
}

static void a_snapshot_is_read_as_written(void **state)
{
    const char *values[2], *path = folder_file(&folder, "cases");
    struct cs_snapshot *s;
    (void)state;
    write_two(path);
    assert_int_equal(cs_snapshot_open(&s, path, NULL), CS_OK);
    assert_int_equal(cs_snapshot_n_cases(s), 2);
    assert_string_equal(cs_snapshot_about(s), "{\"about\":1}");
    assert_string_equal(cs_snapshot_stamp(s), "stamp");
    assert_string_equal(cs_snapshot_column(s, 1), "more");
    assert_string_equal(cs_snapshot_id(s, 1), "c2");
    assert_string_equal(cs_snapshot_cluster(s, 1), "c1");
    cs_snapshot_values(s, 0, values);
    cs_snapshot_trim(s);
    assert_string_equal(values[0], "shared");
    assert_string_equal(values[1], "");
    cs_snapshot_close(s);
}

static void a_damaged_snapshot_is_refused(void **state)
{
    const char *path = folder_file(&folder, "damaged");
    struct cs_snapshot *s;
    struct stat st;
    (void)state;
    write_two(path);
    assert_int_equal(stat(path, &st), 0);
    for (off_t size = 0; size < st.st_size; size++) {
        write_two(path);
        assert_int_equal(truncate(path, size), 0);
        assert_int_equal(cs_snapshot_open(&s, path, NULL), CS_EINVAL);
    }
    for (off_t at = 0; at < st.st_size; at++) { /* whatever is changed, nothing is read outside of it */
        write_two(path);
        const int fd = open(path, O_WRONLY);
        assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
        close(fd);
        if (cs_snapshot_open(&s, path, NULL) != CS_OK)
            continue;
        for (uint32_t i = 0; i < cs_snapshot_n_cases(s); i++)
            assert_true(strlen(cs_snapshot_id(s, i)) < (size_t)st.st_size);
        cs_snapshot_close(s);
    }
    assert_int_equal(cs_snapshot_open(&s, "/nowhere/at/all", NULL), CS_ENOENT);
}

static void one_makes_it_at_a_time(void **state)
{
    struct cs_snapshot_writer *one, *two;
    const char *busy = folder_file(&folder, "busy");
    struct cs_error err;
    (void)state;
    assert_int_equal(cs_snapshot_create(&one, busy, NULL), CS_OK);
    assert_int_equal(cs_snapshot_create(&two, busy, &err), CS_EBUSY);
    cs_snapshot_abandon(one);
    assert_int_equal(cs_snapshot_create(&two, busy, &err), CS_OK);
    cs_snapshot_abandon(two);
    assert_int_not_equal(access(busy, F_OK), 0);
}

static struct cs_snapshot_writer *through_before_a_lock;

/* In place of libc's: another maker may come to its end between the opening of the file and its lock. */
int flock(int fd, int operation)
{
    struct cs_snapshot_writer *w = through_before_a_lock;
    through_before_a_lock = NULL;
    if (w != NULL)
        assert_int_equal(cs_snapshot_finish(w, "{}", "stamp", NULL), CS_OK);
    return (int)syscall(SYS_flock, fd, operation);
}

static void what_is_whole_is_never_written_again(void **state)
{
    static const char *const columns[] = {"text"};
    const char *path = folder_file(&folder, "whole");
    struct cs_snapshot_writer *one, *two;
    struct cs_snapshot *s;
    (void)state;
    assert_int_equal(cs_snapshot_create(&one, path, NULL), CS_OK);
    cs_snapshot_columns(one, columns, 1);
    through_before_a_lock = one;
    assert_int_equal(cs_snapshot_create(&two, path, NULL), CS_EBUSY);
    assert_int_equal(cs_snapshot_open(&s, path, NULL), CS_OK);
    assert_int_equal(cs_snapshot_create(&two, path, NULL), CS_OK);
    cs_snapshot_abandon(two);
    assert_string_equal(cs_snapshot_stamp(s), "stamp");
    cs_snapshot_close(s);
}

/* ---- words out of sight ------------------------------------------------------------------------------------------ */

static void whole_words_are_hidden(void **state)
{
    static const char *const words[] = {"race", "Black man", "black", "GPT-4"};
    static const struct {
        const char *text, *shown;
    } all[] = {{"A Black man came.", "A # came."},
               {"blackboard, embrace, race.", "blackboard, embrace, #."},
               {"BLACK", "#"},
               {"", ""},
               {"gpt-4o, gpt-4.", "gpt-4o, #."},
               {"\xc3\xa9race race\xc3\xa9 (race)", "\xc3\xa9race race\xc3\xa9 (#)"}};
    struct cs_arena a = {0};
    struct cs_hide *h = cs_hide_open(words, COUNT(words), "#");
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        assert_string_equal(cs_hide_words(h, all[i].text, &a), all[i].shown);
    cs_hide_close(h);
    cs_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_comes_back_as_it_was),
        cmocka_unit_test(a_case_tells_its_outputs),
        cmocka_unit_test(what_is_taken_comes_back),
        cmocka_unit_test(a_snapshot_is_read_as_written),
        cmocka_unit_test(a_damaged_snapshot_is_refused),
        cmocka_unit_test(one_makes_it_at_a_time),
        cmocka_unit_test(what_is_whole_is_never_written_again),
        cmocka_unit_test(whole_words_are_hidden),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
