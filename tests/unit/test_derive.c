/* Derived answers: what each rule makes of answers, what is unknown, and that a study which went over the wire derives the same. */
#include <math.h>
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
#include "protocol/study/rule_words.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_spec spec;

static const char study[] =
    "study: t\n"
    "cases: {rows: [{case_id: c1, text: One., cue: b, term: Sepsis, a: Aa, b: Bb, dose: \"5\"},\n"
    "  {case_id: c2, text: Two., cue: \"\", term: \"\", a: Aa, b: Bb, dose: \"7.50\"}]}\n"
    "factors: [{name: g, insert: {after_first: \".\"}, levels: [{id: n, role: control}, {id: t, text: x}]}]\n"
    "prompt: {user: \"{{case.text}} {{question.options}} {{question.ask}}\"}\n"
    "questions:\n"
    "- name: q\n"
    "  ask: Which?\n"
    "  answer: {pick: {options: [a, b], insufficient: cannot say}, sure: {boolean: [\"Yes\", \"No\"]},\n"
    "    level: {ordinal: [low, mid, high]}, wish: {nominal: [mid, high, none]}, days: number, note: text}\n"
    "  derive:\n"
    "    cued: {equals: [pick, case.cue]}\n"
    "    odd: {differs: [level, wish]}\n"
    "    alarm: {contains: [note, [\"emergency\", \"call 112\", case.term]]}\n"
    "    doses: {matches: [note, \"[0-9]+ ?mg\"]}\n"
    "    dose: {matches: [note, \"([0-9.]+) ?mg\"], as: number}\n"
    "    unit: {matches: [note, \"[0-9] ?([a-z]+)\"], as: text}\n"
    "    either: {any: [cued, alarm]}\n"
    "    both: {all: [sure, {equals: [days, case.dose]}]}\n"
    "    neither: {not: {any: [cued, alarm]}}\n"
    "    flags: {count: [cued, sure, {equals: [level, high]}]}\n"
    "    chars: {length: note}\n"
    "    qaly: {lookup: {file: values.csv, by: {case_id: case.case_id, option: pick}, value: qaly}}\n"
    "    why: {lookup: {file: values.csv, by: {option: pick, case_id: case.case_id}, value: why}, as: text}\n"
    "    braces: {contains: [reply, \"{\"]}\n"
    "    in_mg: {equals: [unit, mg]}\n"
    "    p_sure: {expected: sure}\n"
    "    mean: {expected: level}\n"
    "- name: prose\n"
    "  ask: Say.\n"
    "  answer: free\n"
    "  derive: {net: {contains: [reply, \"come back\"]}, n: {length: reply}}\n"
    "models: [m1]\n";

enum {
    Q_CUED,
    Q_ODD,
    Q_ALARM,
    Q_DOSES,
    Q_DOSE,
    Q_UNIT,
    Q_EITHER,
    Q_BOTH,
    Q_NEITHER,
    Q_FLAGS,
    Q_CHARS,
    Q_QALY,
    Q_WHY,
    Q_BRACES,
    Q_IN_MG,
    Q_P_SURE,
    Q_MEAN,
    Q_N
};

/* What is derived, as texts with ? for unknown. */
static void assert_derived(const struct cs_study *s, uint32_t question, uint32_t case_index, const char *reply,
                           const char *want)
{
    struct cs_arena arena = {0};
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value v[CS_FIELDS_MAX];
    struct cs_coords at = {.question = question};
    struct cs_case c;
    struct cs_buf got = CS_BUF_INIT(4096);
    struct cs_error err = {0};
    assert_int_equal(loaded.cases.get(loaded.cases.self, case_index, &c, NULL), CS_OK);
    if (cs_answer_parse(s, &at, &c, reply, strlen(reply), false, NULL, &arena, answers, v, &err) != CS_OK)
        fail_msg("%s: %s", reply, err.msg);
    for (uint32_t i = 0; i < s->questions[question].n_derived; i++)
        cs_buf_printf(&got, "%s%s", i > 0 ? " " : "", v[i].known ? v[i].text : "?");
    assert_string_equal(cs_buf_cstr(&got), want);
    cs_buf_release(&got);
    cs_arena_release(&arena);
}

static void each_rule(void **state)
{
    const struct cs_study *both[] = {loaded.study, spec.study};
    (void)state;
    for (size_t i = 0; i < LEN(both); i++) {
        const struct cs_study *s = both[i];
        assert_derived(s, 0, 0,
                       "{\"pick\":\"B\",\"sure\":\"Yes\",\"level\":\"mid\",\"wish\":\"mid\",\"days\":5,"
                       "\"note\":\"In an EMERGENCY give 2.5mg.\"}",
                       "true false true true 2.5 mg true true false 2 27 0.25 worse true true ? ?");
        assert_derived(s, 0, 0,
                       "{\"pick\":\"A\",\"sure\":\"No\",\"level\":\"high\",\"wish\":\"mid\",\"days\":5.5,"
                       "\"note\":\"S\xc3\xa9psis?\"}",
                       "false true false false ? ? false false true 1 7 0.9 best true ? ? ?");
        /* no cue and no term: what hangs on them is unknown, unless something else decides it */
        assert_derived(s, 0, 1,
                       "{\"pick\":\"A\",\"sure\":\"Yes\",\"level\":\"low\",\"wish\":\"none\",\"days\":7.5,"
                       "\"note\":\"Rest.\"}",
                       "? true ? false ? ? ? true ? ? 5 -1 ? true ? ? ?");
        assert_derived(s, 0, 1,
                       "{\"pick\":\"cannot say\",\"sure\":\"No\",\"level\":\"low\",\"wish\":\"none\",\"days\":1,"
                       "\"note\":\"call 112\"}",
                       "? true true false ? ? true false false ? 8 ? ? true ? ? ?");
        assert_derived(s, 1, 0, "Come back if it gets worse.", "true 27");
    }
}

static void assert_mean(const struct cs_derived_value *v, double want)
{
    assert_int_equal(v->known, want >= 0);
    if (v->known && fabs(v->number - want) > 1e-8)
        fail_msg("%.12g, not %.12g", v->number, want);
}

/* First tokens as servers cut them, with the signs of JSON or without. -1: unknown. */
static void the_mean_over_what_might_have_been_said(void **state)
{
    static const struct {
        const char *alternatives;
        double p_sure, mean;
    } t[] = {
        {NULL, -1, -1},
        {"", -1, -1},
        {"{\"sure\":{\"Yes\":-0.2231435513,\"No\":-1.6094379124}}", 0.8, -1},
        {"{\"sure\":{\" Yes\":-0.6931471806,\":\\\"N\":-1.3862943611,\"~\":-3}}", 2.0 / 3, -1},
        {"{\"level\":{\"l\":-1.3862943611,\"mid\\\",\\\"\":-0.6931471806,\"\\\"high\":-1.3862943611},"
         "\"sure\":{\"maybe\":-0.1}}",
         -1, 1},
        {"{\"level\":{\"hi\":-0.6931471806,\"lo\":-3.4657359028}}", -1, 32.0 / 17},
        {"{\"level\":{\"mid\":-1}}", -1, -1},                    /* 37 %: the rest was not told */
        {"{\"level\":{\"mid\":\"-0.1\"},\"sure\":[1]}", -1, -1}, /* not as it should be */
        {"{\"level\":{\"mid\":-0.1", -1, -1},                    /* cut */
    };
    static const char reply[] = "{\"pick\":\"A\",\"sure\":\"No\",\"level\":\"high\",\"wish\":\"mid\",\"days\":5.5,"
                                "\"note\":\"none.\"}";
    struct cs_arena arena = {0};
    struct cs_coords at = {.question = 0};
    struct cs_case c;
    (void)state;
    assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, NULL), CS_OK);
    for (size_t i = 0; i < LEN(t); i++) {
        struct cs_answer answers[CS_FIELDS_MAX];
        struct cs_derived_value v[CS_FIELDS_MAX];
        assert_int_equal(cs_answer_parse(i % 2 == 0 ? loaded.study : spec.study, &at, &c, reply, strlen(reply), false,
                                         t[i].alternatives, &arena, answers, v, NULL),
                         CS_OK);
        assert_mean(&v[Q_P_SURE], t[i].p_sure);
        assert_mean(&v[Q_MEAN], t[i].mean);
    }
    cs_arena_release(&arena);
}

static void rules_in_words(void **state)
{
    static const char *const want[] = {
        "pick is case.cue",
        "level is not wish",
        "note contains \"emergency\" or \"call 112\" or case.term",
        "note matches \"[0-9]+ ?mg\"",
        "what the first group takes where note matches \"([0-9.]+) ?mg\"",
        "what the first group takes where note matches \"[0-9] ?([a-z]+)\"",
        "cued, or alarm",
        "sure, and days is case.dose",
        "not (cued, or alarm)",
        "how many of these hold: cued; sure; level is \"high\"",
        "the characters of note",
        "looked up in a table of 4 rows by case.case_id and pick",
        "looked up in a table of 4 rows by pick and case.case_id",
        "the reply contains \"{\"",
        "unit is \"mg\"",
        "the mean of sure over what else might have been said, by log probabilities",
        "the mean of level over what else might have been said, by log probabilities",
    };
    (void)state;
    assert_int_equal(LEN(want), Q_N);
    for (uint32_t i = 0; i < Q_N; i++) {
        struct cs_buf words = CS_BUF_INIT(4096);
        cs_rule_words(spec.study, &spec.study->questions[0], &spec.study->questions[0].derived[i], &words);
        assert_string_equal(cs_buf_cstr(&words), want[i]);
        cs_buf_release(&words);
    }
}

static void kinds_and_bounds(void **state)
{
    double min = 0, max = 0;
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct cs_derived *d = (i == 0 ? loaded.study : spec.study)->questions[0].derived;
        assert_null(d[Q_CUED].rule); /* the old form, so that its digest stays */
        assert_int_equal(d[Q_ODD].kind, CS_DERIVES_BOOLEAN);
        assert_int_equal(d[Q_DOSE].kind, CS_DERIVES_NUMBER);
        assert_int_equal(d[Q_WHY].kind, CS_DERIVES_TEXT);
        assert_false(cs_derive_bounds(&loaded.study->questions[0], &d[Q_DOSE], &min, &max));
        assert_true(cs_derive_bounds(&loaded.study->questions[0], &d[Q_FLAGS], &min, &max));
        assert_true(min > -1e-9 && min < 1e-9 && max > 3 - 1e-9 && max < 3 + 1e-9);
        assert_true(cs_derive_bounds(&loaded.study->questions[0], &d[Q_QALY], &min, &max));
        assert_true(min > -1 - 1e-9 && min < -1 + 1e-9 && max > 0.9 - 1e-9 && max < 0.9 + 1e-9);
    }
}

static enum cs_err keep(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

/* A rule from foreign bytes that does not hold together is refused, whatever is wrong with it. */
static void damaged_rules_are_refused(void **state)
{
    struct cs_buf bytes = CS_BUF_INIT(1 << 20);
    uint32_t taken = 0;
    (void)state;
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &bytes, keep, NULL, NULL), CS_OK);
    for (size_t i = 0; i < bytes.len; i++) {
        for (uint32_t k = 1; k < 256; k += 37) {
            struct cs_spec damaged;
            bytes.data[i] = (char)((unsigned char)bytes.data[i] ^ k);
            if (cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &damaged, NULL) == CS_OK) {
                struct cs_arena arena = {0};
                struct cs_answer answers[CS_FIELDS_MAX];
                struct cs_derived_value v[CS_FIELDS_MAX];
                struct cs_case c;
                struct cs_coords at = {.question = 0};
                static const char reply[] =
                    "{\"pick\":\"B\",\"sure\":\"Yes\",\"level\":\"mid\",\"wish\":\"mid\",\"days\":5,"
                    "\"note\":\"give 2.5mg\"}";
                assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, NULL), CS_OK);
                taken += damaged.study->n_columns == loaded.study->n_columns &&
                         cs_answer_parse(damaged.study, &at, &c, reply, strlen(reply), false, NULL, &arena, answers, v,
                                         NULL) == CS_OK;
                cs_arena_release(&arena);
                cs_spec_release(&damaged);
            }
            bytes.data[i] = (char)((unsigned char)bytes.data[i] ^ k);
        }
    }
    assert_true(taken > 100); /* a changed letter is still a study */
    cs_buf_release(&bytes);
}

static int setup(void **state)
{
    struct cs_error err = {0};
    struct cs_buf bytes = CS_BUF_INIT(1 << 20);
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "providers.yaml",
               "accounts: {s: {provider: simulated}}\nmodels: {m1: {account: s, model: m-1}}\n");
    folder_put(&dir, "values.csv", "option,why,qaly,case_id\nb,worse,0.25,c1\na,best,0.9,c1\na,,-1,c2\nb,x,,c2\n");
    if (cs_load_study(folder_put(&dir, "study.yaml", study), NULL, &loaded, &err) != CS_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(loaded.study->questions[0].n_derived, Q_N);
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &bytes, keep, NULL, NULL), CS_OK);
    if (cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err) != CS_OK)
        fail_msg("%s", err.msg);
    cs_buf_release(&bytes);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_spec_release(&spec);
    cs_load_release(&loaded);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(the_mean_over_what_might_have_been_said),
        cmocka_unit_test(rules_in_words),
        cmocka_unit_test(kinds_and_bounds),
        cmocka_unit_test(damaged_rules_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
