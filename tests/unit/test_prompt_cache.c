/* prompt_cache: which calls of a trial are marked for the provider to keep, in its own form, and that nothing else changes by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/request.h"
#include "protocol/load/load.h"
#include "protocol/load/probe.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_error err;
static const char *path; /* of the study */

#define MARK ",\"cache_control\":{\"type\":\"ephemeral\"}}"
#define POINT ",{\"cachePoint\":{\"type\":\"default\"}}]}]"
#define TURNS "prompt: {turns: [{user: \"{{case.text}}\"}, {user: Sure?}, {user: \"{{question.ask}}\"}]}\n"
#define QUESTION "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}}]\n"
#define ONE_TOOL                                                                                                       \
    "prompt: {user: \"{{case.text}} {{question.ask}}\"}\ntools: {max_calls: 1, lab: {describe: Lab., returns: Fine.}}\n"
#define TOOLS                                                                                                          \
    "prompt: {user: \"{{case.text}} {{question.ask}}\"}\ntools: {max_calls: 2, lab: {describe: Lab., returns: Fine.}}\n"

static void load(const char *rest, const char *model)
{
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    folder_put(&dir, "c.csv", "case_id,text\nc1,]}]\n");
    cs_buf_printf(&b, "study: t\ncases: {file: c.csv}\n%s%smodels: [%s]\n", rest, QUESTION, model);
    path = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
    cs_buf_release(&b);
    cs_load_release(&loaded);
    if (cs_load_study(path, NULL, &loaded, &err) != CS_OK)
        fail_msg("%s", err.msg);
}

/* The body of call k, marked or not, and without the mark. */
static void bodies(const struct cs_study *s, uint32_t k, const char *const *replies, struct cs_buf *marked,
                   struct cs_buf *bare)
{
    struct cs_requests *requests;
    struct cs_plan plan;
    struct cs_coords at;
    uint32_t calls;
    cs_plan_init(&plan, s);
    assert_int_equal(cs_requests_open(&requests, &plan, &err), CS_OK);
    cs_plan_cell(&plan, 0, 0, 0, &at);
    assert_int_equal(cs_request_lay(requests, &at, &loaded.all[0], &calls, &err), CS_OK);
    assert_int_equal(cs_request_turn_body(requests, k, replies, bare, &err), CS_OK);
    assert_int_equal(cs_request_turn_body(requests, k, replies, marked, &err), CS_OK);
    cs_request_keep(requests, k, marked);
    cs_requests_close(requests);
    cs_plan_release(&plan);
}

/* Where the mark stands: `mark` in place of `closed`, once, and the rest is the bare body. NULL: nowhere. */
static void assert_marked(const struct cs_study *s, uint32_t k, const char *const *replies, const char *mark,
                          const char *closed)
{
    struct cs_buf marked = CS_BUF_INIT(CS_BODY_MAX), bare = CS_BUF_INIT(CS_BODY_MAX), want = CS_BUF_INIT(CS_BODY_MAX);
    bodies(s, k, replies, &marked, &bare);
    const char *at = mark != NULL ? strstr(cs_buf_cstr(&marked), mark) : cs_buf_cstr(&marked);
    if (at == NULL)
        fail_msg("no %s in %s", mark, cs_buf_cstr(&marked));
    if (mark != NULL) {
        cs_buf_append(&want, marked.data, (size_t)(at - marked.data));
        cs_buf_str(&want, closed);
        at += strlen(mark);
    }
    cs_buf_str(&want, at);
    assert_string_equal(cs_buf_cstr(&want), cs_buf_cstr(&bare));
    cs_buf_release(&marked);
    cs_buf_release(&bare);
    cs_buf_release(&want);
}

static const char *const replies[] = {"]}],\"a\":", "r2"};

static void free_turns_are_kept_and_the_one_with_another_form_is_not(void **state)
{
    (void)state;
    load(TURNS, "claude");
    assert_marked(loaded.study, 0, NULL, MARK, "}");
    assert_marked(loaded.study, 1, replies, MARK, "}");
    assert_marked(loaded.study, 2, replies, NULL, NULL); /* its schema makes a cache of its own, which nobody reads */
}

static void where_every_turn_answers_all_are_kept(void **state)
{
    (void)state;
    load(TURNS "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}, answer_at: [1, 2, 3]}]\n#",
         "claude");
    for (uint32_t k = 0; k < 3; k++)
        assert_marked(loaded.study, k, replies, MARK, "}");
}

static void one_call_is_not_marked(void **state)
{
    (void)state;
    load("prompt: {user: \"{{case.text}}\"}\n", "claude");
    assert_marked(loaded.study, 0, NULL, NULL, NULL);
}

static void two_calls_of_two_forms_are_not_marked(void **state)
{
    (void)state;
    load("prompt: {turns: [{user: \"{{case.text}}\"}, {user: Sure?}]}\n", "claude");
    assert_marked(loaded.study, 0, NULL, NULL, NULL);
    assert_marked(loaded.study, 1, replies, NULL, NULL);
}

/* Nothing but the schema tells the turn that answers from the others. */
static void without_a_schema_all_turns_are_kept(void **state)
{
    static const char two[] = "prompt: {turns: [{user: \"{{case.text}}\"}, {user: Sure?}]}\n";
    (void)state;
    load("prompt: {turns: [{user: \"{{case.text}}\"}, {user: Sure?}]}\n"
         "questions: [{name: q, ask: Which?, answer: free}]\n#",
         "claude");
    for (uint32_t k = 0; k < 2; k++)
        assert_marked(loaded.study, k, replies, MARK, "}");
    load(two, "claude-plain");
    for (uint32_t k = 0; k < 2; k++)
        assert_marked(loaded.study, k, replies, MARK, "}");
    load("prompt: {user: \"{{case.text}}\"}\n", "claude-plain");
    assert_marked(loaded.study, 0, NULL, NULL, NULL);
}

static void bedrock_is_marked_if_its_account_says_so(void **state)
{
    (void)state;
    load(TURNS, "bedrock");
    assert_marked(loaded.study, 1, replies, NULL, NULL); /* other models there refuse it */
    load(TURNS, "bedrock-kept");
    assert_marked(loaded.study, 0, NULL, POINT, "]}]");
    assert_marked(loaded.study, 1, replies, POINT, "]}]");
    assert_marked(loaded.study, 2, replies, NULL, NULL);
}

static void others_are_as_they_were(void **state)
{
    (void)state;
    load(TURNS, "claude-unkept");
    assert_marked(loaded.study, 1, replies, NULL, NULL);
    load(TURNS, "chat");
    assert_marked(loaded.study, 1, replies, NULL, NULL);
}

static void the_loop_of_tools_is_kept_and_its_last_call_is_not(void **state)
{
    static const char *const rounds[] = {
        "{\"said\":\"\",\"blocks\":[{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"lab\",\"input\":{}}],"
        "\"calls\":[{\"id\":\"i\",\"name\":\"lab\",\"arguments\":\"{}\"}]}",
        "{\"said\":\"Done.\",\"blocks\":[{\"type\":\"text\",\"text\":\"Done.\"}],\"calls\":[]}"};
    (void)state;
    load(TOOLS, "claude");
    assert_marked(loaded.study, 0, NULL, MARK, "}");
    assert_marked(loaded.study, 1, rounds, MARK, "}");
    assert_marked(loaded.study, 2, rounds, NULL, NULL);
    load(ONE_TOOL, "claude"); /* after its only call comes the last */
    assert_marked(loaded.study, 0, NULL, NULL, NULL);
    assert_marked(loaded.study, 1, rounds, NULL, NULL);
}

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *e)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)e;
    return CS_OK;
}

static void packed(const char *model, struct cs_buf *out)
{
    struct cs_buf one = CS_BUF_INIT(CS_SPEC_MAX);
    load(TURNS, model);
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &one, no_sink, NULL, &err), CS_OK);
    *out = one;
}

static void a_worker_is_told_and_nothing_is_asked_anew(void **state)
{
    static const char *const models[] = {"claude-unkept", "bedrock-kept", "claude"};
    static const enum cs_keeps want[] = {CS_KEEPS_NO, CS_KEEPS_YES, CS_KEEPS_UNSAID};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct cs_buf bytes, marked = CS_BUF_INIT(CS_BODY_MAX), bare = CS_BUF_INIT(CS_BODY_MAX);
        struct cs_spec spec;
        packed(models[i], &bytes);
        assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err), CS_OK);
        assert_int_equal(spec.study->accounts[0].keeps, want[i]);
        assert_null(spec.study->accounts[0].service);
        assert_int_equal(spec.needs.minor, 4); /* of the turns: an older worker asks the same, unmarked */
        bodies(spec.study, 1, replies, &marked, &bare);
        assert_int_equal(marked.len > bare.len, want[i] != CS_KEEPS_NO);
        cs_buf_release(&marked);
        cs_buf_release(&bare);
        cs_spec_release(&spec);
        cs_buf_release(&bytes);
    }
}

/* A server that refuses the mark is to be found by it. */
static void providers_check_asks_as_a_worker_does(void **state)
{
    static const char *const studies[] = {TURNS, TOOLS, "prompt: {user: \"{{case.text}}\"}\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct cs_probes probes;
        load(studies[i], "claude");
        assert_int_equal(cs_probes_load(path, NULL, NULL, &probes, &err), CS_OK);
        assert_int_equal(probes.all[0].goes_on, i < 2);
        assert_int_equal(strstr(probes.all[0].body, MARK) != NULL, i < 2);
        cs_probes_release(&probes);
    }
}

/* A body at its limit goes out without the mark. */
static void a_mark_never_makes_a_body_too_long(void **state)
{
    struct cs_buf b = CS_BUF_INIT(16);
    (void)state;
    cs_buf_str(&b, "{}");
    cs_body_insert(&b, 1, "\"abcdefghijklmnopq\"");
    assert_string_equal(cs_buf_cstr(&b), "{}");
    assert_false(b.overflow);
    cs_body_insert(&b, 1, "abc");
    assert_string_equal(cs_buf_cstr(&b), "{abc}");
    cs_buf_release(&b);
}

static int open_folder(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "providers.yaml",
               "accounts:\n  c: {provider: simulated, protocol: openai-chat}\n"
               "  a: {provider: simulated, protocol: anthropic-messages}\n"
               "  a-no: {provider: simulated, protocol: anthropic-messages, prompt_cache: no}\n"
               "  a-plain: {provider: simulated, protocol: anthropic-messages, response_format: none}\n"
               "  b: {provider: simulated, protocol: bedrock-converse}\n"
               "  b-yes: {provider: simulated, protocol: bedrock-converse, prompt_cache: yes}\n"
               "models:\n  chat: {account: c, model: m}\n"
               "  claude: {account: a, model: m, parameters: {max_output_tokens: 9}}\n"
               "  claude-plain: {account: a-plain, model: m, parameters: {max_output_tokens: 9}}\n"
               "  claude-unkept: {account: a-no, model: m, parameters: {max_output_tokens: 9}}\n"
               "  bedrock: {account: b, model: m, parameters: {max_output_tokens: 9}}\n"
               "  bedrock-kept: {account: b-yes, model: m, parameters: {max_output_tokens: 9}}\n");
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    cs_load_release(&loaded);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_turns_are_kept_and_the_one_with_another_form_is_not),
        cmocka_unit_test(where_every_turn_answers_all_are_kept),
        cmocka_unit_test(one_call_is_not_marked),
        cmocka_unit_test(two_calls_of_two_forms_are_not_marked),
        cmocka_unit_test(without_a_schema_all_turns_are_kept),
        cmocka_unit_test(bedrock_is_marked_if_its_account_says_so),
        cmocka_unit_test(others_are_as_they_were),
        cmocka_unit_test(the_loop_of_tools_is_kept_and_its_last_call_is_not),
        cmocka_unit_test(a_worker_is_told_and_nothing_is_asked_anew),
        cmocka_unit_test(providers_check_asks_as_a_worker_does),
        cmocka_unit_test(a_mark_never_makes_a_body_too_long),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
