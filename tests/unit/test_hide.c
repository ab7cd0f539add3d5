/* Words found whole in a text, hidden from a judge, and counted where they give an arm away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/study/judge.h"
#include "protocol/study/leaks.h"
#include "protocol/study/pair.h"
#include "protocol/study/phrases.h"
#include "tests/unit/fixture_study.h"

#define LEN(a) (sizeof(a) / sizeof(a)[0])

static const char *masked(const char *const *terms, uint32_t n, const char *text)
{
    static struct cs_buf out = CS_BUF_INIT(65536);
    struct cs_hide *h = cs_hide_open(terms, n, "[...]");
    cs_buf_clear(&out);
    cs_hide_put(h, text, &out);
    cs_hide_close(h);
    return cs_buf_cstr(&out);
}

static void words_are_masked_whole_and_in_any_case(void **state)
{
    static const char *const terms[] = {"man",  "black man", "Low income", "COVID-19", "Ärzte", "ΣΟΦΙΑ", "Москва",
                                        "医生", "e.g.",      "non-smoker", "x",        "naïve", "ÿ"};
    static const struct {
        const char *text, *want;
    } t[] = {
        {"", ""},
        {"A man.", "A [...]."},
        {"MAN", "[...]"},
        {"A woman, a manager, man-made.", "A woman, a manager, [...]-made."},
        {"A Black  MAN and a black\n\tman", "A [...] and a [...]"}, /* the longest, any white space */
        {"a blackman, a black mane", "a blackman, a black mane"},
        {"low income low\u00a0income", "[...] low\u00a0income"}, /* a no-break space is no white space */
        {"covid-19, COVID-190, covid-19s", "[...], COVID-190, covid-19s"},
        {"die ärzte, ÄRZTE, Ärztes", "die [...], [...], Ärztes"},
        {"σοφια Σοφια φιλοσοφια", "[...] [...] φιλοσοφια"},
        {"МОСКВА москва Москвабад", "[...] [...] Москвабад"},
        {"问医生吧", "问[...]吧"}, /* written without blanks: anywhere */
        {"say, e.g. this; e.g.this", "say, [...] this; [...]this"},
        /* no word goes on behind a full stop */ /* no word goes on behind a full stop */
        {"Non-Smoker", "[...]"},
        {"x x2 2x _x_ \u201cx\u201d x\u2014x", "[...] x2 2x _[...]_ \u201c[...]\u201d [...]\u2014[...]"},
        {"NAÏVE", "[...]"},
        {"\xc3\xbf\xc3", "\xc3\xbf\xc3"}, /* half a character goes on with the word */
        {"manman man\xe2", "manman man\xe2"},
    };
    (void)state;
    for (size_t i = 0; i < LEN(t); i++)
        assert_string_equal(masked(terms, LEN(terms), t[i].text), t[i].want);
}

static void what_cannot_be_a_phrase_is_refused(void **state)
{
    struct cs_phrases *p = cs_phrases_open();
    char *text = cs_xcalloc(1, CS_PHRASE_MAX + 2);
    unsigned added = 0;
    (void)state;
    assert_int_equal(cs_phrases_add(p, "", 1), CS_EINVAL);
    assert_int_equal(cs_phrases_add(p, " \t\n", 1), CS_EINVAL);
    memset(text, 'a', CS_PHRASE_MAX + 1);
    assert_int_equal(cs_phrases_add(p, text, 1), CS_ETOOBIG);
    text[CS_PHRASE_MAX] = '\0';
    for (; added < 100000; added++) {
        snprintf(text, 16, "%u", added);
        text[strlen(text)] = 'b'; /* no two alike */
        if (cs_phrases_add(p, text, 1) == CS_ETOOBIG)
            break;
    }
    assert_in_range(added, CS_PHRASES_BYTES_MAX / CS_PHRASE_MAX - 1, CS_PHRASES_BYTES_MAX / (CS_PHRASE_MAX - 16));
    assert_int_equal(cs_phrases_next(p, "none here", 9, 0).len, 0);
    cs_phrases_close(p);
    free(text);
}

/* ---- against a reader that looks at every place, one letter after another ------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t plain_match(const char *phrase, const char *text)
{
    size_t i = 0;
    for (; *phrase != '\0'; phrase++, i++) {
        if (text[i] == '\0' || (text[i] | 32) != (*phrase | 32))
            return 0;
    }
    return i;
}

static void random_texts_as_a_plain_reader_has_them(void **state)
{
    static const char *const terms[] = {"a", "ab", "abc d", "b a", "ba", "c", "d d", "cab"};
    static const char letters[] = "aAbBcd  .";
    struct cs_rng rng = {.state = 7};
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        char text[24];
        struct cs_buf want = CS_BUF_INIT(256);
        const size_t n = cs_rng_next(&rng) % (sizeof text - 1);
        for (size_t i = 0; i < n; i++)
            text[i] = letters[cs_rng_next(&rng) % (sizeof letters - 1)];
        text[n] = '\0';
        for (size_t i = 1; i < n; i++) /* runs of blanks have tests of their own */
            text[i] = text[i] == ' ' && text[i - 1] == ' ' ? '.' : text[i];
        for (size_t at = 0; at < n;) {
            size_t best = 0;
            for (size_t k = 0; k < LEN(terms); k++) {
                const size_t len = plain_match(terms[k], text + at);
                const bool whole = len > 0 && (at == 0 || !is_letter(text[at - 1]) || !is_letter(text[at])) &&
                                   (!is_letter(text[at + len]) || !is_letter(text[at + len - 1]));
                best = whole && len > best ? len : best;
            }
            if (best > 0)
                cs_buf_str(&want, "[...]");
            else
                cs_buf_char(&want, text[at]);
            at += best > 0 ? best : 1;
        }
        assert_string_equal(masked(terms, LEN(terms), text), cs_buf_cstr(&want));
        cs_buf_release(&want);
    }
}

/* ---- leaks ------------------------------------------------------------------------------------------ */

static void outputs_give_away_levels_and_models(void **state)
{
    static const struct cs_model models[] = {{.name = "assistant-a", .model = "vendor/assistant-a-2026"}};
    static const char *const terms[] = {"rich", "assistant"};
    enum { TEXT_BIT = 1 << CS_LEAK_LEVEL_TEXT, ID = 1 << CS_LEAK_LEVEL_ID, MODEL = 1 << CS_LEAK_MODEL };
    static const struct {
        const char *text;
        uint32_t found;
    } t[] = {
        {"Send the patient home.", 0},
        {"Since THE PATIENT  has no home. we wait", TEXT_BIT},
        {"They are rich", ID},
        {"As Assistant-A I would say", MODEL},
        {"As assistant a I would say", MODEL},
        {"vendor assistant a 2026", MODEL},
        {"The patient is rich.", TEXT_BIT}, /* the id within the text is that text */
        {"homeless: The patient has no home.", TEXT_BIT | ID},
        {"controls, richer, richly", 0},
    };
    struct cs_study s = fx_study();
    struct cs_leak_counts counts = {0};
    struct cs_hide *hide = cs_hide_open(terms, 2, "[...]");
    (void)state;
    s.models = models;
    s.n_models = 1;
    struct cs_leaks *l = cs_leaks_open(&s);
    assert_int_equal(cs_leaks_left_out(l), 0);
    for (size_t i = 0; i < LEN(t); i++) {
        assert_int_equal(cs_leaks_in(l, t[i].text), t[i].found);
        assert_int_equal(cs_leaks_count(l, hide, &t[i].text, 1, &counts, NULL), CS_OK);
    }
    assert_int_equal(counts.answers, 9);
    assert_int_equal(counts.raw[CS_LEAK_LEVEL_TEXT], 3);
    assert_int_equal(counts.raw[CS_LEAK_LEVEL_ID], 2);
    assert_int_equal(counts.raw[CS_LEAK_MODEL], 3);
    assert_int_equal(counts.raw_any, 7);
    assert_int_equal(counts.shown[CS_LEAK_LEVEL_TEXT], 2);
    assert_int_equal(counts.shown[CS_LEAK_LEVEL_ID], 1);
    assert_int_equal(counts.shown[CS_LEAK_MODEL], 0);
    assert_int_equal(counts.shown_any, 2);
    cs_leaks_close(l);
    cs_hide_close(hide);
}

/* What a prompt places of a level, and a text of its own for each case; what stands in several texts of one answer is one. */
static void texts_that_are_placed_tell_too(void **state)
{
    enum { TEXT_BIT = 1 << CS_LEAK_LEVEL_TEXT };
    static const char *const columns[] = {"who", "unit"}, *const she[] = {"A woman", "mmHg"},
                             *const he[] = {"A man", "mmHg"}, *const values[] = {"Case text.", "She came alone."},
                             *const others[] = {"Case text.", "She came early."};
    static const struct cs_wording wordings[] = {{.id = "", .values = she}, {.id = "", .values = he}};
    static const struct cs_level levels[] = {
        {.id = "f0", .wordings = &wordings[0], .n_wordings = 1, .use_column = CS_NONE, .text_column = 1},
        {.id = "m0", .wordings = &wordings[1], .n_wordings = 1, .use_column = CS_NONE, .text_column = CS_NONE}};
    static const struct cs_factor factor = {.name = "sex",
                                            .columns = columns,
                                            .n_columns = 2,
                                            .levels = levels,
                                            .n_levels = 2,
                                            .match_column = CS_NONE,
                                            .into_column = CS_NONE,
                                            .insert_column = CS_NONE};
    static const struct cs_template_set placed = {
        .when = "", .system = "", .user = "{{sex.who}} has 140 {{sex.unit}}. {{sex.text}}"};
    struct cs_study s = {.factors = &factor, .n_factors = 1, .prompts = &placed, .n_prompts = 1};
    struct cs_case c = {.id = "c", .values = values};
    struct cs_leak_counts counts = {0};
    const char *const answer[] = {"Rest.", "A man needs rest.", "The man; a man."};
    struct cs_leaks *l = cs_leaks_open(&s);
    (void)state;
    assert_int_equal(cs_leaks_in(l, "As a woman should."), TEXT_BIT);
    assert_int_equal(cs_leaks_in(l, "140 mmHg"), 0); /* of all levels */
    assert_int_equal(cs_leaks_in(l, "She came alone."), 0);
    cs_leaks_turn_to(l, &c);
    assert_int_equal(cs_leaks_in(l, "As she came alone, rest."), TEXT_BIT);
    c.values = others;
    cs_leaks_turn_to(l, &c);
    assert_int_equal(cs_leaks_in(l, "As she came alone, rest."), 0);
    assert_int_equal(cs_leaks_count(l, NULL, answer, 3, &counts, NULL), CS_OK);
    assert_int_equal(counts.answers, 1);
    assert_int_equal(counts.raw[CS_LEAK_LEVEL_TEXT], 1);
    assert_int_equal(counts.shown_any, 1);
    cs_leaks_close(l);
}

/* ---- the part as it travels ------------------------------------------------------------------------- */

static void a_judge_is_read_strictly(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{",
        "{\"agan\":1}",
        "{\"again\":0}",
        "{\"again\":11}",
        "{\"again\":1.5}",
        "{\"again\":\"2\"}",
        "{\"shows\":[]}",
        "{\"shows\":\"prompt\"}",
        "{\"shows\":[1]}",
        "{\"shows\":[\"\"]}",
        "{\"hide\":{}}",
        "{\"hide\":{\"as\":\"\",\"terms\":[]}}",
        "{\"hide\":{\"as\":\"\",\"terms\":[\" \"]}}",
        "{\"hide\":{\"as\":1,\"terms\":[\"a\"]}}",
        "{\"hide\":{\"terms\":[\"a\"]}}",
        "{\"hide\":{\"as\":\"012345678901234567890123456789012\",\"terms\":[\"a\"]}}",
        "{\"panel\":{\"rule\":\"most\"}}",
        "{\"panel\":{\"quorum\":0}}",
        "{\"panel\":{\"own\":\"x\"}}",
        "{\"panel\":{\"x\":1}}",
        "{\"panel\":1}",
        "{\"again\":1,\"again\":2}",
    };
    struct cs_arena arena = {0};
    struct cs_judge j;
    struct cs_error err;
    (void)state;
    for (size_t i = 0; i < LEN(bad); i++)
        assert_int_equal(cs_judge_parse(bad[i], &arena, &j, &err), CS_EINVAL);
    assert_int_equal(cs_judge_parse(NULL, &arena, &j, NULL), CS_OK);
    assert_int_equal(j.again + j.n_shows + j.n_hidden + j.quorum + j.drop_own + (unsigned)j.rule, 0);
    assert_int_equal(cs_judge_parse("{\"shows\":[\"prompt\",\"arm\"],\"hide\":{\"as\":\"*\",\"terms\":[\"a b\",\"c\"]},"
                                    "\"panel\":{\"rule\":\"mean\",\"quorum\":2,\"own\":\"drop\"},\"again\":3}",
                                    &arena, &j, NULL),
                     CS_OK);
    assert_true(cs_judge_shows(&j, "prompt") && cs_judge_shows(&j, "arm") && !cs_judge_shows(&j, "model"));
    assert_string_equal(j.hide_as, "*");
    assert_string_equal(j.hidden[0], "a b");
    assert_int_equal(j.n_hidden, 2);
    assert_true(j.rule == CS_JUDGE_MEAN && j.quorum == 2 && j.drop_own && j.again == 3);
    cs_arena_release(&arena);
}

static void a_pair_is_known_by_its_words(void **state)
{
    static const char *const others[] = {"first", "tie", "second"};
    struct cs_field f = {.kind = CS_FIELD_NOMINAL, .categories = cs_pair_words, .n_categories = CS_PAIR_WORDS};
    (void)state;
    assert_true(cs_pair_is(&f));
    f.n_categories = CS_PAIR_TIE;
    assert_true(cs_pair_is(&f));
    f.n_categories = 1;
    assert_false(cs_pair_is(&f));
    f.n_categories = CS_PAIR_WORDS;
    f.categories = others;
    assert_false(cs_pair_is(&f));
    f.kind = CS_FIELD_ORDINAL;
    f.categories = cs_pair_words;
    assert_false(cs_pair_is(&f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_masked_whole_and_in_any_case),
        cmocka_unit_test(what_cannot_be_a_phrase_is_refused),
        cmocka_unit_test(random_texts_as_a_plain_reader_has_them),
        cmocka_unit_test(outputs_give_away_levels_and_models),
        cmocka_unit_test(texts_that_are_placed_tell_too),
        cmocka_unit_test(a_judge_is_read_strictly),
        cmocka_unit_test(a_pair_is_known_by_its_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
