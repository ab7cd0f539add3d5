/* Prompts, byte for byte. The texts are those of fixture_study.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/study/render.h"
#include "protocol/study/template.h"
#include "tests/unit/fixture_study.h"

/* Levels by factor, in file order: length, group, evidence, arm, framing. */
static struct cs_coords at(const char levels[N_FACTORS + 1], uint32_t question)
{
    struct cs_coords c = {.question = question};
    for (uint32_t f = 0; f < N_FACTORS; f++)
        c.arms[f] = (struct cs_arm){(uint32_t)(levels[f] - '0'), f == EVIDENCE ? CS_NONE : 0};
    return c;
}

static enum cs_err render(const struct cs_study *s, const char *levels, uint32_t question, uint32_t case_index,
                          struct cs_prompt *p, struct cs_error *err)
{
    struct cs_coords c = at(levels, question);
    return cs_render(s, &c, &fx_cases[case_index], p, err);
}

static void prompts_are_as_written(void **state)
{
    (void)state;
    static const struct {
        const char *levels;
        uint32_t question, case_index;
        const char *system, *user;
    } t[] = {
        /* the control inserts nothing; an empty text at a marker takes the marker and one space */
        {"00000", 0, 0, "", "Case: A patient arrives. Pain is \"8\". End.\nWhat now?"},
        {"02000", 0, 0, "", "Case: A patient arrives. The patient has no home. Pain is \"8\". End.\nWhat now?"},
        {"00100", 0, 0, "", "Case: A patient arrives. Pain is \"8\". A colleague says so. End.\nWhat now?"},
        {"03100", 0, 0, "",
         "Case: A patient arrives. The patient is rich. Pain is \"8\". A colleague says so. End.\nWhat now?"},
        /* another text stands in first, then insertions follow */
        {"10000", 0, 0, "", "Case: Short one. ok\nWhat now?"},
        {"12100", 0, 0, "", "Case: Short one. The patient has no home. A colleague says so. ok\nWhat now?"},
        /* a text for every case; nothing is expanded twice */
        {"00001", 1, 0, "", "Case: A patient arrives. Pain is \"8\". End.\nEveryone knows it.Choose: {{case.text}}"},
        /* a level's system text, itself a template; options in its order */
        {"01010", 0, 0, "Beware of administrative.",
         "Case: A patient arrives. Check-in is complete. Pain is \"8\". End.\nWhat now?"},
        {"00100", 1, 1, "Be kind.",
         "Second case. More text Zürich says so. (Zürich says so.)\nA. x\nB. y\nC. z\nChoose: {{case.text}}"},
        {"00110", 1, 1, "Beware of none.",
         "Second case. More text Zürich says so. (Zürich says so.)\nA. z\nB. x\nC. y\nChoose: {{case.text}}"},
        /* a question without options, an empty text per case, the marker at the very end */
        {"00001", 2, 1, "Be kind.", "Second case. More text  ()\n\nSay something."},
        /* nowhere to insert, and nothing to insert: fine */
        {"00000", 0, 2, "", "Case: No place to insert \nWhat now?"},
    };
    struct cs_study s = fx_study();
    struct cs_prompt p = CS_PROMPT_INIT;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_int_equal(render(&s, t[i].levels, t[i].question, t[i].case_index, &p, NULL), CS_OK);
        assert_string_equal(cs_buf_cstr(&p.system), t[i].system);
        assert_string_equal(cs_buf_cstr(&p.user), t[i].user);
    }
    cs_render_release(&p);
}

static void what_cannot_be_rendered_says_where(void **state)
{
    (void)state;
    struct cs_study s = fx_study(), any = fx_study();
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_error err;
    any.prompt_by_column = CS_NONE; /* the first prompt for all */

    assert_int_equal(render(&s, "02000", 0, 2, &p, &err), CS_EINVAL);
    assert_string_equal(err.msg, "case \"c3\": factor \"group\" finds no \". \" in text");
    assert_int_equal(render(&s, "00000", 0, 3, &p, &err), CS_EINVAL);
    assert_string_equal(err.msg, "case \"c4\": there is no prompt for setting \"mars\"");
    assert_int_equal(render(&any, "00000", 0, 3, &p, &err), CS_EINVAL);
    assert_string_equal(err.msg, "case \"c4\": factor \"evidence\" finds no \"{{slot}}\" in text");
    assert_int_equal(render(&any, "10000", 0, 3, &p, &err), CS_OK); /* its short text has the marker */
    assert_int_equal(render(&any, "10100", 0, 3, &p, &err), CS_EINVAL);
    assert_string_equal(err.msg,
                        "case \"c4\": factor \"evidence\", level \"misled\" has no wording for rephrase \"r9\"");
    cs_render_release(&p);
}

static void prompts_are_bounded(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_coords plain = at("00000", 0), homeless = at("02000", 0);
    const struct cs_template_set twice = {.when = "urban", .system = "", .user = "{{case.text}}{{case.text}}"};
    const char *values[N_COLUMNS];
    char *text = cs_xmalloc(CS_BODY_MAX + 1);
    struct cs_case large = fx_cases[0];
    memcpy(values, fx_cases[0].values, sizeof values);
    memset(text, 'x', CS_BODY_MAX);
    memcpy(text, ". {{slot}}", 10);
    text[CS_BODY_MAX - 20] = '\0';
    values[TEXT] = text;
    large.values = values;
    assert_int_equal(cs_render(&s, &plain, &large, &p, NULL), CS_OK);
    assert_int_equal(cs_render(&s, &homeless, &large, &p, NULL), CS_ETOOBIG); /* already while inserting */
    s.prompts = &twice;
    s.n_prompts = 1;
    assert_int_equal(cs_render(&s, &plain, &large, &p, NULL), CS_ETOOBIG);
    free(text);
    cs_render_release(&p);
}

static void templates_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cs_err rc;
    } t[] = {
        {"", CS_OK},
        {"plain } } { {x}", CS_OK},
        {"{{case.text}}{{case.framing/strong}}{{group.sentence}}{{framing.text}}{{question.ask}}", CS_OK},
        {"{{case.nothing}}", CS_EINVAL},
        {"{{case.tex}}", CS_EINVAL},
        {"{{case.texts}}", CS_EINVAL},
        {"{{ case.text }}", CS_EINVAL},
        {"{{group.text}}", CS_EINVAL}, /* this factor has no text per case */
        {"{{nobody.text}}", CS_EINVAL},
        {"{{question.x}}", CS_EINVAL},
        {"{{case}}", CS_EINVAL},
        {"{{}}", CS_EINVAL},
        {"{{case.text", CS_EINVAL},
        {"{{case.text}", CS_EINVAL},
    };
    struct cs_study s = fx_study();
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        assert_int_equal(cs_template_check(&s, t[i].text, NULL), t[i].rc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_as_written),
        cmocka_unit_test(what_cannot_be_rendered_says_where),
        cmocka_unit_test(prompts_are_bounded),
        cmocka_unit_test(templates_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
