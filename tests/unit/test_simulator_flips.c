/* The simulator in conversations: what it finds said before, in each dialect, and planted chances of a changed answer, found again. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/error.h"
#include "tests/unit/fixture_truth.h"
#include "tools/simulator/flips.h"

#define TRUTH                                                                                                             \
    "levels: {rows: [{id: doubt, text: Sure?}], id: id, text: text}\n"                                                    \
    "models: {m: {answers: {pick: {nominal: [A, B, C], base: [0.5, 0.3, 0.2], flip: {control: 0.1, doubt: [0.6, 0.2]}}, " \
    "sure: {boolean: [\"Yes\", \"No\"], base: 0.5, flip: 0.25}, none: {boolean: [\"Yes\", \"No\"], base: 0.5}}}}\n"

static struct cs_truth *truth;

static void read_talk(struct cs_j_document *d, const char *body, struct cs_sim_talk *out)
{
    *d = (struct cs_j_document){0};
    assert_true(cs_json_read(d, body, strlen(body)));
    *out = (struct cs_sim_talk){0};
    cs_flips_talk(d->values, out);
}

static void replies_are_found_in_every_dialect(void **state)
{
    static const char *const bodies[] = {
        "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"a\"},"
        "{\"role\":\"assistant\",\"content\":\"r\"},{\"role\":\"user\",\"content\":\"b\"}]}",
        "{\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"r\"},{\"role\":\"user\","
        "\"content\":\"b\"}]}",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"r\"}]},"
        "{\"role\":\"user\",\"parts\":[{\"text\":\"b\"}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":[{\"text\":"
        "\"r\"}]},{\"role\":\"user\",\"content\":[{\"text\":\"b\"}]}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct cs_j_document d;
        struct cs_sim_talk talk;
        read_talk(&d, bodies[i], &talk);
        assert_int_equal(talk.turn, 2);
        assert_string_equal(cs_json_read_text(talk.replies[0]), "r");
        cs_json_read_release(&d);
    }
}

/* Asks for n answers to a talk that ends at a turn, and counts those that are not the word. */
static double changed(const char *body, const char *field, const char *word, uint32_t level, int n)
{
    struct cs_j_document d;
    struct cs_sim_talk talk;
    int count = 0;
    read_talk(&d, body, &talk);
    const struct cs_truth_model *m = cs_truth_model(truth, "m");
    for (int i = 0; i < n; i++) {
        char digest[33];
        snprintf(digest, sizeof digest, "%032x", i);
        const char *said = cs_flips_answer(truth, 1, m, cs_truth_answer(m, field), (struct cs_truth_place){0, level},
                                           digest, &talk);
        count += strcmp(said, word) != 0;
    }
    cs_json_read_release(&d);
    return (double)count / n;
}

static void assert_near(double found, double planted, int n)
{
    if (fabs(found - planted) > 2 * sqrt(planted * (1 - planted) / n))
        print_error("found %g, planted %g\n", found, planted);
    assert_true(fabs(found - planted) <= 2 * sqrt(planted * (1 - planted) / n));
}

#define SAID(reply) "{\"role\":\"assistant\",\"content\":\"" reply "\"},{\"role\":\"user\",\"content\":\"x\"}"
#define TALK(said) "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}," said "]}"

static void planted_flips_are_found_again(void **state)
{
    const int n = 10000;
    (void)state;
    assert_near(changed(TALK(SAID("{\\\"pick\\\":\\\"A\\\"}")), "pick", "A", 0, n), 0.1, n);
    assert_near(changed(TALK(SAID("{\\\"pick\\\":\\\"A\\\"}")), "pick", "A", 1, n), 0.6, n);
    assert_near(changed(TALK(SAID("x") "," SAID("{\\\"pick\\\":\\\"B\\\"}")), "pick", "B", 1, n), 0.2, n);
    /* the last chance holds on */
    assert_near(changed(TALK(SAID("x") "," SAID("x") "," SAID("{\\\"pick\\\":\\\"C\\\"}")), "pick", "C", 1, n), 0.2, n);
    /* over a turn that says nothing of it: twice with 0.6 and 0.2; back to the same word when both flip, one time in two */
    assert_near(changed(TALK(SAID("{\\\"pick\\\":\\\"A\\\"}") "," SAID("prose")), "pick", "A", 1, n),
                1 - (0.4 * 0.8 + 0.6 * 0.2 * 0.5), n);
    assert_near(changed(TALK(SAID("{\\\"sure\\\":\\\"No\\\"}")), "sure", "No", 1, n), 0.25, n);
    assert_true(changed(TALK(SAID("{\\\"none\\\":\\\"No\\\"}")), "none", "No", 1, n) <= 0); /* nothing planted */
}

static void an_answer_that_was_never_told_is_the_first_turns(void **state)
{
    struct cs_j_document d, first;
    struct cs_sim_talk talk, none;
    (void)state;
    read_talk(&d, TALK(SAID("prose")), &talk);
    read_talk(&first, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", &none);
    const struct cs_truth_model *m = cs_truth_model(truth, "m");
    const struct cs_truth_answer *a = cs_truth_answer(m, "none");
    for (int i = 0; i < 100; i++) {
        char digest[33];
        snprintf(digest, sizeof digest, "%032x", i);
        const char *now = cs_flips_answer(truth, 1, m, a, (struct cs_truth_place){0, 0}, digest, &talk);
        assert_string_equal(now, cs_flips_answer(truth, 1, m, a, (struct cs_truth_place){0, 0}, digest, &none));
        assert_string_equal(now, cs_truth_draw(truth, 1, m, a, (struct cs_truth_place){0, 0}, digest));
    }
    cs_json_read_release(&d);
    cs_json_read_release(&first);
}

static void bad_flips_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"flip: 1.5", "flip"}, {"flip: []", "0 chances"}, {"flip: {doubts: 0.1}", "no level with a sentence"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct truth_file f;
        struct cs_truth *t;
        struct cs_error err;
        char text[512];
        snprintf(
            text, sizeof text,
            "levels: {rows: [{id: doubt, text: Sure?}], id: id, text: text}\nmodels: {m: {answers: {pick: {boolean: "
            "[\"Yes\", \"No\"], base: 0.5, %s}}}}\n",
            bad[i][0]);
        truth_file_write(&f, text);
        assert_int_equal(cs_truth_load(f.path, &t, &err), CS_EINVAL);
        assert_non_null(strstr(err.msg, bad[i][1]));
        truth_file_remove(&f);
    }
}

static int open_truth(void **state)
{
    struct truth_file f;
    struct cs_error err;
    (void)state;
    truth_file_write(&f, TRUTH);
    const enum cs_err rc = cs_truth_load(f.path, &truth, &err);
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    truth_file_remove(&f);
    return rc;
}

static int close_truth(void **state)
{
    (void)state;
    cs_truth_free(truth);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_found_in_every_dialect),
        cmocka_unit_test(planted_flips_are_found_again),
        cmocka_unit_test(an_answer_that_was_never_told_is_the_first_turns),
        cmocka_unit_test(bad_flips_are_refused),
    };
    return cmocka_run_group_tests(tests, open_truth, close_truth);
}
