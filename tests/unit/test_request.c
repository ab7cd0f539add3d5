/* Canonical bodies (pinned: they name what was paid for), cells with their twins, and the cache of cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/base/json.h"
#include "protocol/dialects/parameters.h"
#include "protocol/dialects/request.h"
#include "tests/unit/fixture_study.h"

struct rig {
    struct cs_study study;
    struct cs_plan plan;
    struct cs_requests *requests;
};

static void rig_open(struct rig *rig)
{
    rig->study = fx_study();
    cs_plan_init(&rig->plan, &rig->study);
    assert_int_equal(cs_requests_open(&rig->requests, &rig->plan, NULL), CS_OK);
}

static void rig_close(struct rig *rig)
{
    cs_requests_close(rig->requests);
    cs_plan_release(&rig->plan);
}

static struct cs_coords at(uint32_t lane, const char levels[N_FACTORS + 1], uint32_t question)
{
    struct cs_coords c = {.lane = lane, .question = question};
    for (uint32_t f = 0; f < N_FACTORS; f++)
        c.arms[f] = (struct cs_arm){(uint32_t)(levels[f] - '0'), f == EVIDENCE ? CS_NONE : 0};
    return c;
}

static void bodies_never_change(void **state)
{
    (void)state;
    static const char first[] =
        "{\"model\":\"big-2026\",\"messages\":[{\"role\":\"user\",\"content\":\"Case: A patient arrives. Pain is \\\"8\\\". "
        "End.\\nWhat now?\"}],\"temperature\":0.7,\"top_p\":1,\"max_completion_tokens\":400,\"response_format\":{\"type\":"
        "\"json_schema\",\"json_schema\":{\"name\":\"disposition\",\"strict\":true,\"schema\":{\"type\":\"object\","
        "\"properties\":{\"triage\":{\"type\":\"string\",\"enum\":[\"low\",\"mid\",\"high\",\"unclear\"],\"description\":"
        "\"How urgent \\\"it\\\" is\"},\"mental\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]},\"risk\":{\"type\":"
        "\"number\",\"minimum\":0,\"maximum\":100},\"why\":{\"type\":\"string\"}},\"required\":[\"triage\",\"mental\","
        "\"risk\",\"why\"],\"additionalProperties\":false}}}}";
    static const char second[] =
        "{\"model\":\"plain/\\\"1\\\"\",\"messages\":[{\"role\":\"system\",\"content\":\"Be kind.\"},{\"role\":\"user\","
        "\"content\":\"Second case. More text Zürich says so. (Zürich says so.)\\n\\nSay something.\"}],\"temperature\":0,"
        "\"seed\":7,\"max_tokens\":99}";
    static const char third[] =
        "{\"model\":\"big-2026\",\"messages\":[{\"role\":\"user\",\"content\":\"Case: Short one. ok\\nChoose: "
        "{{case.text}}\"}],\"temperature\":0,\"seed\":7,\"max_completion_tokens\":99,\"response_format\":{\"type\":"
        "\"json_schema\",\"json_schema\":{\"name\":\"pick\",\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":"
        "{\"choice\":{\"type\":\"string\",\"enum\":[\"A\",\"B\",\"C\",\"none\"]},\"days\":{\"anyOf\":[{\"type\":\"number\"},"
        "{\"type\":\"string\",\"enum\":[\"unknown\"]}]}},\"required\":[\"choice\",\"days\"],\"additionalProperties\":false}}}}";
    struct rig rig;
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    uint32_t cap;
    rig_open(&rig);
    struct cs_coords c = at(0, "00000", 0);
    assert_int_equal(cs_request_body(rig.requests, &c, &fx_cases[0], &body, NULL), CS_OK);
    assert_string_equal(body.data, first);
    assert_int_equal(cs_request_max_output_tokens(rig.requests, &c, &cap, NULL), CS_OK);
    assert_int_equal(cap, 400);
    c = at(1, "00120", 2);
    assert_int_equal(cs_request_body(rig.requests, &c, &fx_cases[1], &body, NULL), CS_OK);
    assert_string_equal(body.data, second);
    assert_int_equal(cs_request_max_output_tokens(rig.requests, &c, &cap, NULL), CS_OK);
    assert_int_equal(cap, 99);
    assert_int_equal(cs_requests_lane_cap(rig.requests, 0, &cap, NULL), CS_OK);
    assert_int_equal(cap, 400); /* the larger of the model's and of the level's 99 */
    c = at(0, "10020", 1);
    assert_int_equal(cs_request_body(rig.requests, &c, &fx_cases[0], &body, NULL), CS_OK);
    assert_string_equal(body.data, third);
    cs_buf_release(&body);
    rig_close(&rig);
}

/* Byte for byte as jansson does. */
static void strings_are_escaped_minimally(void **state)
{
    (void)state;
    static const char *const bits[] = {"a",           "\"",   "\\", "/",  "\b",
                                       "\f",          "\n",   "\r", "\t", "\x01",
                                       "\x1f",        "\x7f", "é",  "漢", "\xf0\x9f\xa9\xba",
                                       "plain words "};
    struct cs_rng r = {9};
    struct cs_buf text = CS_BUF_INIT(1000), b = CS_BUF_INIT(10000);
    for (int i = 0; i < 500; i++) {
        cs_buf_clear(&text);
        cs_buf_clear(&b);
        for (uint64_t k = cs_rng_below(&r, 40); k > 0; k--)
            cs_buf_str(&text, bits[cs_rng_below(&r, COUNT(bits))]);
        struct cs_json *value = cs_json_string(cs_buf_cstr(&text));
        char *want = cs_json_dumps(value, CS_JSON_ENCODE_ANY);
        cs_json_str(&b, cs_buf_cstr(&text), text.len);
        assert_string_equal(b.data, want);
        free(want);
        cs_json_decref(value);
    }
    cs_buf_clear(&b);
    cs_json_number(&b, -3);
    cs_buf_char(&b, ' ');
    cs_json_number(&b, 0.1);
    cs_buf_char(&b, ' ');
    cs_json_number(&b, 1e300);
    assert_string_equal(b.data, "-3 0.1 1e300");
    cs_buf_release(&text);
    cs_buf_release(&b);
}

/* ---- parameters ------------------------------------------------------------------------------- */

static void parameters_are_merged_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *model, *first, *second, *text;
        uint32_t cap;
    } t[] = {
        {"{}", NULL, NULL, "", 7},
        {"{\"a\":1,\"b\":[1,2.50,\"x\"],\"c\":{\"d\":null}}", NULL, NULL,
         ",\"a\":1,\"b\":[1,2.5,\"x\"],\"c\":{\"d\":null}", 7},
        {"{\"a\":1,\"b\":2}", "{\"b\":3,\"z\":0.7}", "{\"a\":\"omit\",\"none\":\"omit\"}", ",\"b\":3,\"z\":0.7", 7},
        {"{\"a\":1,\"b\":2}", "{\"a\":5}", "{\"a\":6}", ",\"a\":6,\"b\":2", 7}, /* in its old place */
        {"{\"a\":1}", "{\"a\":\"omit\"}", "{\"a\":2}", ",\"a\":2", 7},
        {"{}", "{\"max_output_tokens\":16384}", NULL, "", 16384},
        {"{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}", NULL, ",\"a\":{\"y\":2}", 7}, /* whole values, not parts of them */
        {"{}", "{\"max_output_tokens\":\"omit\"}", "{}", "", 0},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_model m = {.name = "m", .parameters = t[i].model, .max_output_tokens = 7};
        const char *objects[] = {t[i].first, t[i].second};
        struct cs_parameters p;
        assert_int_equal(cs_parameters_make(&m, objects, 2, &p, NULL), CS_OK);
        assert_string_equal(p.text, t[i].text);
        assert_int_equal(p.max_output_tokens, t[i].cap);
        free(p.text);
    }
}

static void parameters_that_would_break_the_body_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "1",
                                      "{",
                                      "{\"a\":1}x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"model\":\"x\"}",
                                      "{\"n\":2}",
                                      "{\"stream\":true}",
                                      "{\"max_tokens\":5}",
                                      "{\"max_output_tokens\":0}",
                                      "{\"max_output_tokens\":1.5}",
                                      "{\"max_output_tokens\":99999999999}",
                                      "{\"messages\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cs_model m = {.name = "m", .parameters = "{}"};
        struct cs_parameters p;
        struct cs_error err;
        assert_int_equal(cs_parameters_make(&m, &bad[i], 1, &p, &err), CS_EINVAL);
        assert_null(p.text);
    }
    struct cs_study s = fx_study();
    struct cs_model models[] = {fx_models[0], fx_models[1]};
    struct cs_requests *r;
    struct cs_plan plan;
    struct cs_error err;
    models[1].parameters = "{\"stream\":true}";
    s.models = models;
    cs_plan_init(&plan, &s);
    assert_int_equal(cs_requests_open(&r, &plan, &err), CS_EINVAL);
    assert_string_equal(err.msg, "model \"plain\": the parameter stream is sent by ClinSafe itself");
    assert_null(r);
    cs_plan_release(&plan);
}

/* ---- cells ------------------------------------------------------------------------------------ */

static void cells_of_a_case(void **state)
{
    (void)state;
    struct rig rig;
    struct cs_case_source source = fx_source();
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    uint32_t twins = 0;
    rig_open(&rig);
    for (uint32_t case_index = 0; case_index < 2; case_index++) {
        struct cs_cells *with, *without;
        assert_int_equal(cs_cells_make(rig.requests, 0, case_index, &source, true, &with, NULL), CS_OK);
        assert_int_equal(cs_cells_make(rig.requests, 0, case_index, &source, false, &without, NULL), CS_OK);
        assert_int_equal(with->n, 4 * 2 * 2 + 2 * 2 * 3 * 2);
        assert_null(without->body);
        for (uint32_t i = 0; i < with->n; i++) {
            struct cs_coords c;
            uint8_t digest[32];
            uint32_t rank = 0;
            cs_plan_cell(&rig.plan, 0, case_index, i, &c);
            assert_int_equal(cs_request_body(rig.requests, &c, &fx_cases[case_index], &body, NULL), CS_OK);
            assert_string_equal(with->body[i], body.data);
            assert_int_equal(with->body_len[i], body.len);
            assert_int_equal(without->body_len[i], body.len);
            cs_digest_blake2b_256(body.data, body.len, digest);
            assert_memory_equal(with->body_digest[i], digest, 32);
            assert_memory_equal(without->body_digest[i], digest, 32);
            for (uint32_t j = 0; j < i; j++)
                rank += strcmp(with->body[j], with->body[i]) == 0;
            assert_int_equal(with->twin[i], rank);
            assert_int_equal(without->twin[i], rank);
            twins += rank > 0;
            struct cs_digest got, want;
            cs_cells_trial_digest(with, &rig.study, i, 2, &got);
            cs_digest_trial("openai-chat", "big-2026", digest, 2, rank, &want);
            assert_true(cs_digest_equal(&got, &want));
        }
        cs_cells_free(with);
        cs_cells_free(without);
    }
    assert_true(twins > 10); /* the control again in the second block; framings that the prompt does not show */
    cs_buf_release(&body);
    rig_close(&rig);
}

static void a_case_that_cannot_be_rendered_fails_whole(void **state)
{
    (void)state;
    struct rig rig;
    struct cs_case_source source = fx_source();
    struct cs_cells *cells;
    struct cs_error err;
    rig_open(&rig);
    assert_int_equal(cs_cells_make(rig.requests, 0, 2, &source, true, &cells, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "\"c3\""));
    assert_null(cells);
    rig_close(&rig);
}

/* ---- the cache -------------------------------------------------------------------------------- */

struct slow_source {
    uint32_t asked, misses;
};

static enum cs_err slow_get(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    struct slow_source *s = self;
    s->asked++;
    if (s->misses > 0) {
        s->misses--;
        return cs_error_set(err, CS_EAGAIN, "later");
    }
    *out = fx_cases[0];
    out->index = index;
    return CS_OK;
}

static void the_cache_keeps_what_was_used_last(void **state)
{
    (void)state;
    struct rig rig;
    struct slow_source slow = {.misses = 1};
    const struct cs_cells *cells;
    rig_open(&rig);
    struct cs_cell_cache *cache = cs_cell_cache_open(rig.requests, (struct cs_case_source){&slow, slow_get}, 2, false);
    assert_int_equal(cs_cell_cache_get(cache, 0, 0, &cells, NULL), CS_EAGAIN);
    assert_null(cells);
    static const struct {
        uint32_t lane, case_index, asked; /* asked: of the source until now */
    } t[] = {{0, 0, 2}, {0, 0, 2}, {1, 0, 3}, {0, 0, 3}, {0, 1, 4}, {0, 0, 4}, {1, 0, 5}, {0, 0, 5}, {0, 1, 6}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_int_equal(cs_cell_cache_get(cache, t[i].lane, t[i].case_index, &cells, NULL), CS_OK);
        assert_int_equal(cells->lane, t[i].lane);
        assert_int_equal(cells->case_index, t[i].case_index);
        assert_int_equal(slow.asked, t[i].asked);
    }
    cs_cell_cache_close(cache);
    rig_close(&rig);
}

/* A level that sets what a model does not take leaves that model as it was. */
static void what_a_model_omits_no_level_sets(void **state)
{
    const struct cs_model m = {.name = "m", .parameters = "{\"temperature\":\"omit\",\"top_p\":0.9,\"seed\":7}"};
    const char *levels[] = {"{\"temperature\":0,\"top_p\":0.5}", "{\"seed\":\"omit\"}"};
    struct cs_parameters p;
    (void)state;
    assert_int_equal(cs_parameters_make(&m, levels, 2, &p, NULL), CS_OK);
    assert_string_equal(p.text, ",\"top_p\":0.5");
    free(p.text);
    assert_int_equal(cs_parameters_make(&m, NULL, 0, &p, NULL), CS_OK);
    assert_string_equal(p.text, ",\"top_p\":0.9,\"seed\":7");
    free(p.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_never_change),
        cmocka_unit_test(strings_are_escaped_minimally),
        cmocka_unit_test(parameters_are_merged_in_order),
        cmocka_unit_test(what_a_model_omits_no_level_sets),
        cmocka_unit_test(parameters_that_would_break_the_body_are_refused),
        cmocka_unit_test(cells_of_a_case),
        cmocka_unit_test(a_case_that_cannot_be_rendered_fails_whole),
        cmocka_unit_test(the_cache_keeps_what_was_used_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
