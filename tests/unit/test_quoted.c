/* `quoted_in`: what counts as cited literally, the rule in a study file, over the wire, and what a study with it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/load/load.h"
#include "protocol/study/answer.h"
#include "protocol/study/derive.h"
#include "protocol/study/quoted.h"
#include "protocol/study/rule_words.h"
#include "protocol/wire/minor.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

static const char text[] =
    "The patient said \xE2\x80\x9Cit\xE2\x80\x99s worse at\n night\xE2\x80\x9D. Oxygen saturation is 95\xC2\xA0percent; "
    "Fieber \xC3\x9C"
    "ber 39.";

static void what_copying_changes_makes_no_difference(void **state)
{
    static const struct {
        const char *passage;
        bool found;
    } cases[] = {
        {"it's worse at night", true},
        {"\"It\xE2\x80\x99S worse   at night.\"", false}, /* the text's own mark stands between night and the point */
        {"said 'it's worse", true},
        {"oxygen saturation is 95 percent", true},
        {" \xC2\xBBOxygen saturation is 95 percent;\xC2\xAB\n", true},
        {"fieber \xC3\xBC"
         "ber 39",
         true},
        {"oxygen saturation is 96 percent", false},
        {"saturation 95 percent", false}, /* a word left out */
        {"", false},
        {"  \"\" ", false},
        {".", false},
        {"9", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cs_quoted_in(cases[i].passage, strlen(cases[i].passage), text, strlen(text)) != cases[i].found)
            fail_msg("\"%s\" is %s", cases[i].passage, cases[i].found ? "not found" : "found");
    }
    assert_false(cs_quoted_in("a", 1, "", 0));
    assert_true(cs_quoted_in("\xE2\x80", 2, "x\xE2\x80", 3)); /* odd bytes are compared as they are */
}

static struct folder dir;

static enum cs_err keep(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

static enum cs_err load(const char *derive, struct cs_loaded *out, struct cs_error *err)
{
    char study[2048];
    snprintf(study, sizeof study,
             "study: t\ncases: {rows: [{case_id: c1, text: Pain for two days. No fever., other: \"\"}]}\n"
             "prompt: {user: \"{{case.text}} {{question.ask}}\"}\n"
             "questions:\n- name: q\n  ask: Which?\n  answer: {sure: {boolean: [\"Yes\", \"No\"]}, citation: text}\n"
             "  derive: %s\nmodels: [m1]\n",
             derive);
    return cs_load_study(folder_put(&dir, "study.yaml", study), NULL, out, err);
}

/* '1' true, '0' false, '?' unknown, of each derived answer. */
static void derived(const struct cs_study *s, const struct cs_case *c, const char *reply, char *out)
{
    struct cs_arena arena = {0};
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value v[CS_FIELDS_MAX];
    const struct cs_coords at = {.question = 0};
    assert_int_equal(cs_answer_parse(s, &at, c, reply, strlen(reply), false, NULL, &arena, answers, v, NULL), CS_OK);
    for (uint32_t i = 0; i < s->questions[0].n_derived; i++)
        *out++ = !v[i].known ? '?' : v[i].yes ? '1' : '0';
    *out = '\0';
    cs_arena_release(&arena);
}

static void the_rule_and_its_way_over_the_wire(void **state)
{
    struct cs_loaded loaded = {0};
    struct cs_spec spec;
    struct cs_error err = {0};
    struct cs_buf bytes = CS_BUF_INIT(1 << 20), words = CS_BUF_INIT(4096);
    struct cs_case c;
    char got[8];
    (void)state;
    if (load(
            "{cited: {quoted_in: [citation, case.text]}, both: {all: [sure, {quoted_in: [citation, [case.other, case.text, \"a guideline\"]]}]}, made_up: {not: cited}}",
            &loaded, &err) != CS_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(cs_minor_needed(loaded.study).minor, 5);
    assert_string_equal(cs_minor_needed(loaded.study).key, "derive: quoted_in");
    assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, &err), CS_OK);
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &bytes, keep, NULL, NULL), CS_OK);
    if (cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err) != CS_OK)
        fail_msg("%s", err.msg);
    const struct cs_study *const both[] = {loaded.study, spec.study};
    for (int i = 0; i < 2; i++) {
        derived(both[i], &c, "{\"sure\":\"Yes\",\"citation\":\"\\\"two  DAYS. No fever\\\"\"}", got);
        assert_string_equal(got, "110");
        derived(both[i], &c, "{\"sure\":\"Yes\",\"citation\":\"three days\"}", got);
        assert_string_equal(got, "0?1"); /* one of the texts is empty: it is not known what stood there */
        derived(both[i], &c, "{\"sure\":\"Yes\",\"citation\":\"A guideline\"}", got);
        assert_string_equal(got, "011");
        derived(both[i], &c, "{\"sure\":\"No\",\"citation\":\"\"}", got);
        assert_string_equal(got, "001");
    }
    cs_rule_words(spec.study, &spec.study->questions[0], &spec.study->questions[0].derived[1], &words);
    assert_string_equal(cs_buf_cstr(&words),
                        "sure, and citation stands in case.other or case.text or \"a guideline\" as it was cited");
    cs_buf_release(&words);
    cs_buf_release(&bytes);
    cs_spec_release(&spec);
    cs_load_release(&loaded);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *derive, *says;
    } bad[] = {
        {"{cited: {quoted_in: [sure, case.text]}}", "looks into a text, and \"sure\" is none"},
        {"{cited: {quoted_in: [citation, text]}}", "write case.text for a column"},
        {"{cited: {quoted_in: [citation, case.txt]}}", "txt"},
        {"{cited: {quoted_in: citation}}", "as in [citation, case.text]"},
        {"{cited: {quoted_in: [citation, case.text], as: number}}", "as goes with"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cs_loaded loaded = {0};
        struct cs_error err = {0};
        assert_int_equal(load(bad[i].derive, &loaded, &err), CS_EINVAL);
        if (strstr(err.msg, bad[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.msg, bad[i].says);
        cs_load_release(&loaded);
    }
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "providers.yaml",
               "accounts: {s: {provider: simulated}}\nmodels: {m1: {account: s, model: m-1}}\n");
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
        cmocka_unit_test(what_copying_changes_makes_no_difference),
        cmocka_unit_test(the_rule_and_its_way_over_the_wire),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
