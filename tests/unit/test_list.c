/* List answers: every element of a case's list once, in both forms; what is counted over elements; and what is refused of a study file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/load/load.h"
#include "protocol/study/answer.h"
#include "protocol/study/derive.h"
#include "protocol/study/list.h"
#include "protocol/study/render.h"
#include "protocol/study/rule_words.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_spec spec;

#define CASES                                                                                                          \
    "{\"case_id\":\"c1\",\"text\":\"One.\",\"options\":["                                                              \
    "{\"text\":\"Send home\",\"label\":\"bad\",\"severity\":\"severe\",\"weight\":2},"                                 \
    "{\"text\":\"ECG\",\"label\":\"good\",\"weight\":1.5},"                                                            \
    "{\"text\":\"Pray \\\"now\\\"\",\"label\":\"bad\",\"severity\":\"mild\"}],\"words\":[\"x\",\"y\"]}\n"              \
    "{\"case_id\":\"c2\",\"text\":\"Two.\",\"options\":[{\"text\":\"Rest\",\"label\":\"good\"},"                       \
    "{\"text\":\"CT\",\"label\":\"\",\"severity\":\"severe\"}],\"words\":[\"z\"]}\n"
#define FIELDS "GradeAI: {nominal: [good, bad], insufficient: cannot say, truth: label}, Why: text"

static const char study[] =
    "study: t\n"
    "cases: {file: cases.jsonl, lists: [options, words]}\n"
    "prompt: {user: \"{{case.text}}\\n{{question.list}}\\n{{question.ask}}\"}\n"
    "questions:\n"
    "- name: grading\n"
    "  ask: Grade.\n"
    "  answer: {grades: {list: case.options, key: Option, fields: {" FIELDS
    ", Sure: {number: {min: 0, max: 10}}, Level: {ordinal: [low, mid, high]}}}}\n"
    "  derive:\n"
    "    severe: {count: {of: grades, where: {GradeAI: good, label: bad, severity: [severe, mild]}}}\n"
    "    all_of_them: {count: {of: grades}}\n"
    "    right: {share: {of: grades, where: {GradeAI: each.label}}}\n"
    "    precision: {share: {of: grades, where: {label: good}, among: {GradeAI: good}}}\n"
    "    recall: {share: {of: grades, where: {GradeAI: good}, among: {label: good}}}\n"
    "    f1: {harmonic: [precision, recall]}\n"
    "    sure: {mean: {of: grades, value: Sure, where: {label: bad}}}\n"
    "    level: {mean: {of: grades, value: Level}}\n"
    "    tens: {count: {of: grades, where: {Sure: 10}}}\n"
    "- name: mixed\n"
    "  ask: Say.\n"
    "  answer: {said: {list: words, key: n, fields: {ok: {boolean: [\"Yes\", \"No\"]}}}, note: text}\n"
    "models: [m1]\n";

static const char good[] = "{\"grades\":{\"1\":{\"GradeAI\":\"bad\",\"Why\":\"so\",\"Sure\":10,\"Level\":\"low\"},"
                           "\"2\":{\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":2.5,\"Level\":\"high\"},"
                           "\"3\":{\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"}}}";

/* ---- what a list is ------------------------------------------------------------------------------------------ */

static void a_list_is_read(void **state)
{
    struct cs_arena arena = {0};
    struct cs_error err = {0};
    struct cs_elements l;
    (void)state;
    assert_int_equal(
        cs_elements_read("[\"a\",{\"n\":1.5,\"t\":true,\"no\":null,\"in\":[1,{\"x\":2}]},7]", &arena, &l, &err), CS_OK);
    assert_int_equal(l.n, 3);
    assert_string_equal(cs_elements_value(&l, 0, "text"), "a");
    assert_string_equal(cs_elements_value(&l, 1, "n"), "1.5");
    assert_string_equal(cs_elements_value(&l, 1, "t"), "true");
    assert_string_equal(cs_elements_value(&l, 1, "no"), "");
    assert_string_equal(cs_elements_value(&l, 1, "in"), "[1,{\"x\":2}]");
    assert_string_equal(cs_elements_value(&l, 2, "text"), "7");
    assert_string_equal(cs_elements_value(&l, 3, "text"), "");
    assert_int_equal(cs_elements_read("{}", &arena, &l, &err), CS_EINVAL);
    assert_int_equal(cs_elements_read("[]", &arena, &l, &err), CS_EINVAL);
    assert_string_equal(err.msg, "has 0 elements; a list that is graded has 1 to 1000");
    cs_arena_release(&arena);
}

static void the_prompt_has_it_numbered(void **state)
{
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_coords at = {.question = 0};
    struct cs_case c;
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct cs_study *s = i == 0 ? loaded.study : spec.study;
        assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, NULL), CS_OK);
        assert_int_equal(cs_render(s, &at, &c, &p, NULL), CS_OK);
        assert_string_equal(cs_buf_cstr(&p.user), "One.\n1. Send home\n2. ECG\n3. Pray \"now\"\nGrade.");
        assert_int_equal(cs_list_elements(s, 0, &c), 3);
        assert_int_equal(cs_list_elements(s, 1, &c), 2);
    }
    cs_render_release(&p);
}

static void the_schema_has_every_number(void **state)
{
    static const char want[] =
        "{\"type\":\"object\",\"properties\":{\"said\":{\"type\":\"object\",\"properties\":{"
        "\"1\":{\"type\":\"object\",\"properties\":{\"ok\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]}},\"required\":[\"ok\"],"
        "\"additionalProperties\":false},"
        "\"2\":{\"type\":\"object\",\"properties\":{\"ok\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]}},\"required\":[\"ok\"],"
        "\"additionalProperties\":false}},\"required\":[\"1\",\"2\"],\"additionalProperties\":false},"
        "\"note\":{\"type\":\"string\"}},\"required\":[\"said\",\"note\"],\"additionalProperties\":false}";
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    (void)state;
    cs_schema_answer(spec.study, 1, 2, &b);
    assert_string_equal(cs_buf_cstr(&b), want);
    const struct cs_schema_size size = cs_schema_size(&spec.study->questions[0], 3);
    assert_int_equal(size.properties, 1 + 3 * 5);
    assert_int_equal(size.words, 3 * 6);
    cs_buf_release(&b);
}

/* ---- a reply --------------------------------------------------------------------------------------------------- */

static void assert_check(uint32_t question, uint32_t elements, bool lenient, const char *text,
                         enum cs_answer_fault want)
{
    const struct cs_answer_check c = cs_answer_check(spec.study, question, elements, lenient, text, strlen(text));
    if (c.fault != want)
        fail_msg("%s: %s, not %s", text, cs_answer_fault_name(c.fault), cs_answer_fault_name(want));
}

#define E(n, more) "{\"Option\":" n ",\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"" more "}"
#define K(n) "\"" n "\":{\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"}"

static void every_element_once(void **state)
{
    static const struct {
        const char *text;
        enum cs_answer_fault strict, lenient;
    } t[] = {
        {"{\"grades\":{" K("1") "," K("2") "}}", CS_ANSWER_NONE, CS_ANSWER_NONE},
        {"{\"grades\":{" K("2") "," K("1") "}}", CS_ANSWER_NONE, CS_ANSWER_NONE},
        {"[" E("1", "") "," E("2", ",\"more\":[]") "]", CS_ANSWER_NONE, CS_ANSWER_NONE},
        {"```json\n[" E("2", "") "," E("1", "") "]\n```", CS_ANSWER_NONE, CS_ANSWER_NONE},
        {"{\"grades\":[" E("1", "") "," E("2", "") "]}", CS_ANSWER_NONE, CS_ANSWER_NONE},
        {"{\"grades\":{" K("1") "}}", CS_ANSWER_ELEMENT_MISSING, CS_ANSWER_ELEMENT_MISSING},
        {"[" E("1", "") "]", CS_ANSWER_ELEMENT_MISSING, CS_ANSWER_ELEMENT_MISSING},
        {"[]", CS_ANSWER_ELEMENT_MISSING, CS_ANSWER_NO_OBJECT},
        {"[" E("1", "") "," E("2", "") "," E("1", "") "]", CS_ANSWER_ELEMENT_TWICE, CS_ANSWER_ELEMENT_TWICE},
        {"{\"grades\":{" K("1") "," K("2") "," K("1") "}}", CS_ANSWER_ELEMENT_TWICE, CS_ANSWER_NO_OBJECT},
        {"[" E("1", "") "," E("3", "") "]", CS_ANSWER_ELEMENT_FOREIGN, CS_ANSWER_ELEMENT_FOREIGN},
        {"[" E("0", "") "," E("1", "") "]", CS_ANSWER_ELEMENT_FOREIGN, CS_ANSWER_ELEMENT_FOREIGN},
        {"{\"grades\":{" K("1") "," K("2") "," K("note") "}}", CS_ANSWER_ELEMENT_FOREIGN, CS_ANSWER_ELEMENT_FOREIGN},
        {"{\"grades\":{" K("1") "," K("02") "}}", CS_ANSWER_ELEMENT_FOREIGN, CS_ANSWER_ELEMENT_FOREIGN},
        {"[" E("1", "") "," E("\"2\"", "") "]", CS_ANSWER_TYPE, CS_ANSWER_NONE},
        {"[" E("1", "") "," E("2.0", "") "]", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
        {"[" E("1", "") ",{\"option\":2,\"gradeai\":\"GOOD\",\"Why\":\"\",\"Sure\":\"1\",\"Level\":\"mid\"}]",
         CS_ANSWER_MISSING, CS_ANSWER_NONE},
        {"[" E("1", "") ",{\"Option\":2,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1}]", CS_ANSWER_MISSING,
         CS_ANSWER_MISSING},
        {"[" E("1", "") ",{\"Option\":2,\"GradeAI\":\"fair\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"}]",
         CS_ANSWER_WORD, CS_ANSWER_WORD},
        {"[" E("1", "") ",{\"Option\":2,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":11,\"Level\":\"mid\"}]",
         CS_ANSWER_RANGE, CS_ANSWER_RANGE},
        {"[" E("1", "") ",\"good\"]", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
        {"[" E("1", "") ",[2]]", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
        {"{\"grades\":\"good\"}", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
        {"{\"grades\":null}", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
        {"{}", CS_ANSWER_MISSING, CS_ANSWER_MISSING},
        {"Here [as asked]: [" E("1", "") "," E("2", "") "] Done.", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
        {"Sure: {\"grades\":{" K("1") "," K("2") ",}}", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
        {"[" E("1", "") "," E("2", "") "] or [" E("1", "") "," E("2", "") "]", CS_ANSWER_NO_OBJECT, CS_ANSWER_SEVERAL},
        {"\"good\"", CS_ANSWER_NO_OBJECT, CS_ANSWER_NO_OBJECT},
        {" ", CS_ANSWER_EMPTY, CS_ANSWER_EMPTY},
    };
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        assert_check(0, 2, false, t[i].text, t[i].strict);
        assert_check(0, 2, true, t[i].text, t[i].lenient);
    }
    /* beside another answer the whole reply is an object */
    assert_check(1, 1, false, "[{\"n\":1,\"ok\":\"Yes\"}]", CS_ANSWER_NO_OBJECT);
    assert_check(1, 1, false, "{\"said\":[{\"n\":1,\"ok\":\"Yes\"}],\"note\":\"\"}", CS_ANSWER_NONE);
    assert_check(1, 1, false, "{\"said\":{\"1\":{\"ok\":\"Yes\"}}}", CS_ANSWER_MISSING);
    assert_check(1, 2, false, "{\"said\":{\"1\":{\"ok\":\"Yes\"}},\"note\":\"\"}", CS_ANSWER_ELEMENT_MISSING);
}

static void as_json_in_the_order_of_the_list(void **state)
{
    struct cs_arena arena = {0};
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value v[CS_FIELDS_MAX];
    struct cs_coords at = {.question = 0};
    struct cs_case c;
    static const char reply[] = "[" E("3", "") "," E(
        "1", "") ",{\"Option\":2,\"GradeAI\":\"cannot say\",\"Why\":\"\\\"\\n\",\"Sure\":0.1,\"Level\":\"low\"}]";
    (void)state;
    assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, NULL), CS_OK);
    assert_int_equal(cs_answer_parse(spec.study, &at, &c, reply, strlen(reply), false, NULL, &arena, answers, v, NULL),
                     CS_OK);
    assert_string_equal(answers[0].text,
                        "[{\"Option\":1,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"},"
                        "{\"Option\":2,\"GradeAI\":\"cannot say\",\"Why\":\"\\\"\\n\",\"Sure\":0.1,\"Level\":\"low\"},"
                        "{\"Option\":3,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":1,\"Level\":\"mid\"}]");
    assert_int_equal(answers[0].n_elements, 3);
    assert_true(answers[0].elements[4].insufficient);
    assert_int_equal(answers[0].elements[3].category, 1);
    /* without the case there is no telling */
    assert_int_equal(
        cs_answer_parse(spec.study, &at, NULL, reply, strlen(reply), false, NULL, &arena, answers, v, NULL), CS_EINVAL);
    cs_arena_release(&arena);
}

/* ---- what is derived ------------------------------------------------------------------------------------------- */

static void assert_derived(uint32_t case_index, const char *reply, const char *want)
{
    for (int k = 0; k < 2; k++) {
        const struct cs_study *s = k == 0 ? loaded.study : spec.study;
        struct cs_arena arena = {0};
        struct cs_answer answers[CS_FIELDS_MAX];
        struct cs_derived_value v[CS_FIELDS_MAX];
        struct cs_coords at = {.question = 0};
        struct cs_case c;
        struct cs_buf got = CS_BUF_INIT(4096);
        struct cs_error err = {0};
        assert_int_equal(loaded.cases.get(loaded.cases.self, case_index, &c, NULL), CS_OK);
        if (cs_answer_parse(s, &at, &c, reply, strlen(reply), false, NULL, &arena, answers, v, &err) != CS_OK)
            fail_msg("%s: %s", reply, err.msg);
        for (uint32_t i = 0; i < s->questions[0].n_derived; i++)
            cs_buf_printf(&got, "%s%s", i > 0 ? " " : "", v[i].known ? v[i].text : "?");
        assert_string_equal(cs_buf_cstr(&got), want);
        cs_buf_release(&got);
        cs_arena_release(&arena);
    }
}

/* severe, all_of_them, right, precision, recall, f1, sure, level, tens */
static void numbers_over_the_elements(void **state)
{
    (void)state;
    assert_derived(0, good, "1 3 0.666666666666667 0.5 1 0.666666666666667 5.5 1 1");
    /* nothing is called good: precision is of nothing, recall and with it F1 are 0 */
    assert_derived(0,
                   "[{\"Option\":1,\"GradeAI\":\"bad\",\"Why\":\"\",\"Sure\":10.0,\"Level\":\"low\"},"
                   "{\"Option\":2,\"GradeAI\":\"bad\",\"Why\":\"\",\"Sure\":10,\"Level\":\"low\"},"
                   "{\"Option\":3,\"GradeAI\":\"bad\",\"Why\":\"\",\"Sure\":1e1,\"Level\":\"low\"}]",
                   "0 3 0.666666666666667 ? 0 0 10 0 3");
    /* too little information about one that may be severe; about one that is right or not */
    assert_derived(0,
                   "[{\"Option\":1,\"GradeAI\":\"cannot say\",\"Why\":\"\",\"Sure\":0,\"Level\":\"low\"},"
                   "{\"Option\":2,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":0,\"Level\":\"low\"},"
                   "{\"Option\":3,\"GradeAI\":\"good\",\"Why\":\"\",\"Sure\":0,\"Level\":\"low\"}]",
                   "? 3 ? ? 1 ? 0 0 0");
    /* an element without a label: right is not known, and it is not among the good ones; nothing is labelled bad */
    assert_derived(1, "[" E("1", "") "," E("2", "") "]", "0 2 ? 0.5 1 0.666666666666667 ? 1 0");
}

static void rules_in_words(void **state)
{
    static const char *const want[] = {
        "the number of elements of grades whose GradeAI is \"good\", and label is \"bad\", and severity is \"severe\" or \"mild\"",
        "the number of elements of grades",
        "the share of elements of grades whose GradeAI is each.label, among elements of grades",
        "the share of elements of grades whose label is \"good\", among elements of grades whose GradeAI is \"good\"",
        "the share of elements of grades whose GradeAI is \"good\", among elements of grades whose label is \"good\"",
        "the harmonic mean of precision and recall",
        "the mean Sure of elements of grades whose label is \"bad\"",
        "the mean Level of elements of grades",
        "the number of elements of grades whose Sure is \"10\"",
    };
    (void)state;
    assert_int_equal(LEN(want), spec.study->questions[0].n_derived);
    for (uint32_t i = 0; i < LEN(want); i++) {
        struct cs_buf words = CS_BUF_INIT(4096);
        cs_rule_words(spec.study, &spec.study->questions[0], &spec.study->questions[0].derived[i], &words);
        assert_string_equal(cs_buf_cstr(&words), want[i]);
        cs_buf_release(&words);
    }
}

static void bounds(void **state)
{
    const struct cs_question *q = &spec.study->questions[0];
    double min = 1, max = 0;
    (void)state;
    assert_true(cs_derive_bounds(q, &q->derived[0], &min, &max));
    assert_true(fabs(min) < 1e-12 && fabs(max - 3) < 1e-12); /* the longest list */
    assert_true(cs_derive_bounds(q, &q->derived[2], &min, &max));
    assert_true(fabs(min) < 1e-12 && fabs(max - 1) < 1e-12);
    assert_int_equal(q->fields[0].list->most, 3);
    assert_int_equal(spec.needs.minor, 4);
}

/* NOHARM's formulas: harmonic mean, and F1 = 2PR/(P + R). */
static void harmonic_means(void **state)
{
    static const struct {
        double v[3];
        uint32_t n;
        double want; /* below 0: unknown */
    } t[] = {
        {{0.5, 1}, 2, 2 * 0.5 * 1 / 1.5},
        {{0.9, 0.6, 0.45}, 3, 0.6},
        {{1, 1, 1}, 3, 1},
        {{0, 0.9}, 2, 0},
        {{-0.1, 0.5}, 2, -1},
        {{NAN, 0.5}, 2, -1},
    };
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        double got = 0;
        assert_int_equal(cs_derive_harmonic(t[i].v, t[i].n, &got), t[i].want >= 0);
        if (t[i].want >= 0 && fabs(got - t[i].want) > 1e-12)
            fail_msg("%zu: %.15g, not %.15g", i, got, t[i].want);
    }
}

/* ---- what is refused ------------------------------------------------------------------------------------------- */

static void assert_refused(const char *answer, const char *derive, const char *more, const char *want)
{
    struct cs_loaded l;
    struct cs_error err = {0};
    char text[4096];
    snprintf(text, sizeof text,
             "study: t\ncases: {file: cases.jsonl, lists: [options]}\nprompt: {user: \"{{question.ask}}\"}\n"
             "questions:\n- name: q\n  ask: Say.\n  answer: {%s}\n  derive: {%s}\nmodels: [m1]\n%s",
             answer, derive, more);
    const enum cs_err rc = cs_load_study(folder_put(&dir, "bad.yaml", text), NULL, &l, &err);
    if (rc == CS_OK)
        fail_msg("%s %s: taken", answer, derive);
    if (strstr(err.msg, want) == NULL)
        fail_msg("%s\nnot %s", err.msg, want);
}

#define LIST "g: {list: case.options, key: Option, fields: {" FIELDS "}}"

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_refused("g: {list: case.text, key: n, fields: {a: text}}", "", "",
                   ":7:22: list is \"case.text\", which is no list; add lists: [text]");
    assert_refused("g: {list: case.option, key: n, fields: {a: text}}", "", "", "did you mean \"options\"?");
    assert_refused("g: {list: case.options, fields: {a: text}}", "", "", "key");
    assert_refused("g: {list: case.options, key: n}", "", "", "fields");
    assert_refused("g: {list: case.options, key: 1n, fields: {a: text}}", "", "", "use letters, digits and _");
    assert_refused("g: {list: case.options, key: n, fields: {}}", "", "", "fields");
    assert_refused("g: {list: case.options, key: n, fields: {n: text}}", "", "",
                   "\"n\" is the key; give the answer another name");
    assert_refused("g: {list: case.options, key: n, fields: {label: text}}", "", "",
                   "\"label\" is what the elements have already");
    assert_refused("g: {list: case.options, key: n, fields: {a: {options: [text]}}}", "", "",
                   "options is no answer about an element");
    assert_refused("g: {list: case.options, key: n, fields: {a: {nominal: [x, y], truth: label}}}", "", "",
                   "cases.jsonl:1: case \"c1\": label of element 1 of options is \"bad\", which is no answer of \"a\"");
    assert_refused("g: {list: case.options, key: n, fields: {a: {nominal: [x, y], truth: lable}}}", "", "",
                   "no element has a \"lable\"; did you mean \"label\"?");
    assert_refused("g: {list: case.options, key: n, show: severity, fields: {a: text}}", "", "",
                   "case \"c1\": element 2 of options has no severity to show");
    assert_refused(LIST ", h: {list: case.options, key: n, fields: {a: text}}", "", "",
                   "a second answer that is a list");
    assert_refused("g: {nominal: [a, b], key: n}", "", "", "key goes with list; \"g\" is nominal");
    assert_refused("g: {list: case.options, key: n, fields: {a: text}, truth: label}", "", "",
                   "truth is told of the fields of a list");
    assert_refused(LIST, "d: {equals: [g, x]}", "", "\"g\" is a list; take a number of it first");
    assert_refused(LIST, "d: {count: {of: h}}", "", "has no answer \"h\"");
    assert_refused(LIST, "d: {count: {of: g, where: {labl: bad}}}", "",
                   "\"labl\" is neither an answer about an element nor a key of one");
    assert_refused(LIST, "d: {count: {of: g, where: {label: worse}}}", "", "no element has the label \"worse\"");
    assert_refused(LIST, "d: {count: {of: g, where: {GradeAI: label}}}", "", "\"label\" is no answer of \"GradeAI\"");
    assert_refused(LIST, "d: {count: {of: g, where: {GradeAI: each.lable}}}", "", "no element has a \"lable\"");
    assert_refused(LIST, "d: {count: {of: g, where: {Why: x}}}", "", "\"Why\" is a text");
    assert_refused(LIST, "d: {share: {of: g}}", "", "where");
    assert_refused(LIST, "d: {mean: {of: g, value: GradeAI}}", "",
                   "\"GradeAI\" has no order; take the share of its words");
    assert_refused(LIST, "d: {mean: {of: g, value: Grade}}", "", "the elements have no answer \"Grade\"");
    assert_refused(LIST, "n: {count: {of: g}}, d: {harmonic: [n]}", "", "harmonic takes 2 to 64 numbers");
    assert_refused(LIST, "n: {count: {of: g}}, d: {harmonic: [n, g]}", "", "\"g\" is a list");
    assert_refused(LIST, "b: {contains: [reply, x]}, n: {count: {of: g}}, d: {harmonic: [n, b]}", "",
                   "\"b\" is no number");
    assert_refused(LIST, "n: {count: {of: g}}", "analysis: {primary: {GradeAI: {margin: 5 points}}}\n",
                   "\"GradeAI\" is answered for each element of a list; derive a number for the output");
    assert_refused(LIST, "n: {count: {of: g}}", "analysis: {primary: {g: {margin: 5 points}}}\n",
                   "\"g\" is answered for each element");
}

static void too_long_for_a_schema(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1 << 20);
    struct cs_loaded l;
    struct cs_error err = {0};
    static const char text[] =
        "study: t\ncases: {file: long.jsonl, lists: [options]}\nprompt: {user: \"{{question.list}}\"}\n"
        "questions: [{name: q, ask: x, answer: {g: {list: options, key: n, fields: {a: {nominal: [x, y]}}}}}]\n"
        "models: [%s]\n";
    char *study_text = NULL;
    (void)state;
    cs_buf_str(&b, "{\"case_id\":\"short\",\"options\":[\"a\"]}\n{\"case_id\":\"long\",\"options\":[");
    for (int i = 0; i < 501; i++)
        cs_buf_str(&b, i > 0 ? ",\"a\"" : "\"a\"");
    cs_buf_str(&b, "]}\n");
    folder_put_bytes(&dir, "long.jsonl", b.data, b.len);
    for (int i = 0; i < 2; i++) {
        assert_true(asprintf(&study_text, text, i == 0 ? "m1" : "loose") > 0);
        const enum cs_err rc = cs_load_study(folder_put(&dir, "bad.yaml", study_text), NULL, &l, &err);
        assert_int_equal(rc, i == 0 ? CS_EINVAL : CS_OK);
        if (i == 0)
            assert_non_null(strstr(
                err.msg,
                "long.jsonl:2: case \"long\": with 501 elements the schema of \"g\" has 1003 properties and 1002 "
                "words, and providers take 5000 and 1000; split the list, or set response_format: none"));
        else
            cs_load_release(&l);
        free(study_text);
    }
    cs_buf_release(&b);
}

static enum cs_err keep(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)err;
    return CS_OK;
}

/* A list from foreign bytes that does not hold together is refused, whatever is wrong with it. */
static void damaged_lists_are_refused(void **state)
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
                assert_int_equal(loaded.cases.get(loaded.cases.self, 0, &c, NULL), CS_OK);
                taken += damaged.study->n_columns == loaded.study->n_columns &&
                         cs_answer_parse(damaged.study, &at, &c, good, strlen(good), false, NULL, &arena, answers, v,
                                         NULL) == CS_OK;
                cs_arena_release(&arena);
                cs_spec_release(&damaged);
            }
            bytes.data[i] = (char)((unsigned char)bytes.data[i] ^ k);
        }
    }
    assert_true(taken > 100);
    cs_buf_release(&bytes);
}

static int setup(void **state)
{
    struct cs_error err = {0};
    struct cs_buf bytes = CS_BUF_INIT(1 << 20);
    (void)state;
    folder_open(&dir);
    folder_put(
        &dir, "providers.yaml",
        "accounts: {s: {provider: simulated}, n: {provider: simulated, protocol: openai-chat, response_format: none}}\n"
        "models: {m1: {account: s, model: m-1}, loose: {account: n, model: m-2}}\n");
    folder_put(&dir, "cases.jsonl", CASES);
    if (cs_load_study(folder_put(&dir, "study.yaml", study), NULL, &loaded, &err) != CS_OK)
        fail_msg("%s", err.msg);
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
        cmocka_unit_test(a_list_is_read),
        cmocka_unit_test(the_prompt_has_it_numbered),
        cmocka_unit_test(the_schema_has_every_number),
        cmocka_unit_test(every_element_once),
        cmocka_unit_test(as_json_in_the_order_of_the_list),
        cmocka_unit_test(numbers_over_the_elements),
        cmocka_unit_test(rules_in_words),
        cmocka_unit_test(bounds),
        cmocka_unit_test(harmonic_means),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(too_long_for_a_schema),
        cmocka_unit_test(damaged_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
