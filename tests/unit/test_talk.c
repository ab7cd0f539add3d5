/* Talks and lists that cases bring: a HealthBench line as published, a case for every element, what each dialect sends, bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/dialects/request.h"
#include "protocol/load/load.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_error err;

#define LINE_1                                                                                                             \
    "{\"prompt_id\":\"p1\",\"prompt\":[{\"role\":\"user\",\"content\":\"Chest pain.\"}],\"rubrics\":[{\"criterion\":"      \
    "\"Calls an ambulance\",\"points\":8,\"tags\":[\"axis:completeness\"]},{\"criterion\":\"Names a dose\",\"points\":-4," \
    "\"sure\":false,\"tags\":[\"axis:accuracy\"]}],\"example_tags\":[\"theme:emergency\"],\"ideal_completions_data\":null}\n"
#define LINE_2                                                                                                                   \
    "{\"prompt_id\":\"p2\",\"prompt\":[{\"role\":\"user\",\"content\":\"A fever.\"},{\"role\":\"assistant\",\"content\":"        \
    "\"How \\\"high\\\"?\"},{\"role\":\"user\",\"content\":\"39.5 {{case.x}}\"}],\"rubrics\":[],\"example_tags\":[\"a\",\"b\"]," \
    "\"ideal_completions_data\":{\"ideal_completion\":\"x\",\"ideal_completions_ref_completions\":[\"a\",\"b\"]}}\n"

static enum cs_err try_load(const char *lines, const char *cases, const char *prompt, const char *factors)
{
    struct cs_buf b = CS_BUF_INIT(1 << 20);
    folder_put(&dir, "c.jsonl", lines);
    cs_buf_printf(&b,
                  "study: t\ncases: {file: c.jsonl, id: [prompt_id], %s}\nprompt: %s\n%s"
                  "questions: [{name: reply, answer: free}]\nmodels: [chat, responses, anthropic, gemini]\n",
                  cases, prompt, factors);
    const char *path = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
    cs_buf_release(&b);
    cs_load_release(&loaded);
    return cs_load_study(path, NULL, &loaded, &err);
}

static void load(const char *lines, const char *cases, const char *prompt)
{
    enum cs_err rc = try_load(lines, cases, prompt, "");
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
}

/* The body of a case's first cell in a lane of a study begins so. */
static void assert_body(const struct cs_study *s, uint32_t lane, uint32_t case_index, const char *begins)
{
    struct cs_plan plan;
    struct cs_requests *r;
    struct cs_coords at;
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    cs_plan_init(&plan, s);
    assert_int_equal(cs_requests_open(&r, &plan, &err), CS_OK);
    cs_plan_cell(&plan, lane, case_index, 0, &at);
    assert_int_equal(cs_request_body(r, &at, &loaded.all[case_index], &body, &err), CS_OK);
    if (strncmp(cs_buf_cstr(&body), begins, strlen(begins)) != 0)
        print_error("%s\n", cs_buf_cstr(&body));
    assert_memory_equal(cs_buf_cstr(&body), begins, strlen(begins));
    cs_requests_close(r);
    cs_plan_release(&plan);
    cs_buf_release(&body);
}

static void a_talk_as_published_in_every_dialect(void **state)
{
    (void)state;
    load(LINE_1 LINE_2, "lists: [prompt, rubrics, example_tags]", "{messages: case.prompt}");
    const struct cs_study *s = loaded.study;
    assert_int_equal(s->n_cases, 2);
    assert_body(s, 0, 0, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Chest pain.\"}]");
    assert_body(s, 0, 1,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"A fever.\"},"
                "{\"role\":\"assistant\",\"content\":\"How \\\"high\\\"?\"},"
                "{\"role\":\"user\",\"content\":\"39.5 {{case.x}}\"}]"); /* never read as a placeholder */
    assert_body(s, 1, 1,
                "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"A fever.\"},"
                "{\"role\":\"assistant\",\"content\":\"How \\\"high\\\"?\"},"
                "{\"role\":\"user\",\"content\":\"39.5 {{case.x}}\"}],\"store\":false");
    assert_body(s, 2, 1,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"A fever.\"},"
                "{\"role\":\"assistant\",\"content\":\"How \\\"high\\\"?\"},"
                "{\"role\":\"user\",\"content\":\"39.5 {{case.x}}\"}]");
    assert_body(s, 3, 1,
                "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"A fever.\"}]},"
                "{\"role\":\"model\",\"parts\":[{\"text\":\"How \\\"high\\\"?\"}]},"
                "{\"role\":\"user\",\"parts\":[{\"text\":\"39.5 {{case.x}}\"}]}]");
}

static void bedrock_sends_a_talk_and_wants_turns(void **state)
{
    (void)state;
    static const char *const twice = "{\"prompt_id\":\"p\",\"prompt\":[{\"role\":\"user\",\"content\":\"a\"},"
                                     "{\"role\":\"user\",\"content\":\"b\"}]}\n";
    load(twice, "lists: [prompt]", "{messages: case.prompt}");
    folder_put(&dir, "c.jsonl", twice);
    const char *path = folder_put(&dir, "bedrock.yaml",
                                  "study: t\ncases: {file: c.jsonl, id: [prompt_id], lists: [prompt]}\n"
                                  "prompt: {messages: case.prompt}\nquestions: [{name: r, answer: free}]\n"
                                  "models: [bedrock]\n");
    cs_load_release(&loaded);
    assert_int_equal(cs_load_study(path, NULL, &loaded, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "c.jsonl:1: case \"p\", case.prompt: message 2 follows one of the same side"));

    folder_put(&dir, "c.jsonl", LINE_2);
    assert_int_equal(cs_load_study(path, NULL, &loaded, &err), CS_OK);
    assert_body(loaded.study, 0, 0,
                "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"A fever.\"}]},"
                "{\"role\":\"assistant\",\"content\":[{\"text\":\"How \\\"high\\\"?\"}]},"
                "{\"role\":\"user\",\"content\":[{\"text\":\"39.5 {{case.x}}\"}]}]");
}

static void a_system_message_of_the_talk(void **state)
{
    (void)state;
    static const char *const line = "{\"prompt_id\":\"p\",\"prompt\":[{\"role\":\"system\",\"content\":\"Be kind.\"},"
                                    "{\"role\":\"user\",\"content\":\"a\"}]}\n";
    load(line, "lists: [prompt]", "{messages: case.prompt}");
    assert_body(loaded.study, 2, 0,
                "{\"model\":\"m\",\"system\":\"Be kind.\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]");
    assert_int_equal(try_load(line, "lists: [prompt]", "{system: \"Be brief.\", messages: case.prompt}", ""),
                     CS_EINVAL);
    assert_non_null(strstr(err.msg, "it has a system message of its own"));
}

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *e)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)e;
    return CS_OK;
}

static void a_question_after_a_talk_goes_over_the_wire(void **state)
{
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;
    (void)state;
    load(
        "{\"prompt_id\":\"p\",\"talk\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]}\n"
        "{\"prompt_id\":\"q\",\"talk\":[]}\n",
        "lists: [talk]", "{history: case.talk, user: \"Are you sure?\"}");
    assert_body(loaded.study, 0, 1,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Are you sure?\"}]");
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &bytes, no_sink, NULL, &err), CS_OK);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err), CS_OK);
    assert_int_equal(spec.needs.minor, 2); /* an older worker would ask without it */
    assert_body(spec.study, 0, 0,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                "{\"role\":\"assistant\",\"content\":\"b\"},{\"role\":\"user\",\"content\":\"Are you sure?\"}]");
    cs_spec_release(&spec);
    cs_buf_release(&bytes);
}

static const char *value(uint32_t case_index, const char *column)
{
    const uint32_t at = cs_study_column(loaded.study, column);
    assert_int_not_equal(at, CS_NONE);
    return loaded.all[case_index].values[at];
}

static void a_case_for_every_element(void **state)
{
    (void)state;
    load(LINE_1 LINE_2, "lists: [prompt, rubrics, example_tags], each: case.rubrics",
         "{user: \"[{{each.points}}] {{each.criterion}}\"}");
    assert_int_equal(loaded.study->n_cases, 2); /* the second line has none */
    assert_string_equal(loaded.all[1].id, "p1/2");
    assert_string_equal(loaded.all[1].cluster, "p1");
    assert_string_equal(value(0, "each.points"), "8");
    assert_string_equal(value(0, "each.sure"), ""); /* which only the second has */
    assert_string_equal(value(1, "each.sure"), "false");
    assert_string_equal(value(1, "each.tags"), "[\"axis:accuracy\"]");
    assert_string_equal(value(1, "rubrics"), "");
    assert_string_equal(value(1, "example_tags"), "[\"theme:emergency\"]");
    assert_body(loaded.study, 0, 1,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"[-4] Names a dose\"}]");
    load(LINE_2, "lists: [example_tags], each: case.example_tags", "{user: \"{{each.text}}\"}");
    assert_string_equal(value(1, "each.text"), "b");
    assert_string_equal(value(1, "ideal_completions_data.ideal_completions_ref_completions.2"), "b");
}

static void bad_talks_and_lists(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *cases, *prompt, *factors, *says;
    } bad[] = {
        {LINE_1, "lists: [promt]", "{user: x}", "",
         "study.yaml:2:48: lists has \"promt\", but the cases have no such column; known: prompt_id"},
        {LINE_1, "lists: [prompt_id]", "{user: x}", "", "c.jsonl:1: prompt_id is no list; write it as JSON"},
        {LINE_1, "lists: [prompt], each: case.rubrics", "{user: x}", "", "which is no list; name it in lists"},
        {LINE_2, "lists: [rubrics], each: case.rubrics", "{user: x}", "", "the lists of all cases are empty"},
        {LINE_1, "lists: [rubrics], each: case.rubrics", "{user: \"{{each.point}}\"}", "",
         "{{each.point}} is no key of the elements; they come from cases: {each: case.LIST}; did you mean"},
        {LINE_1, "lists: [rubrics]", "{messages: case.prompt.1.content}", "", "which is no list; add lists: "},
        {LINE_1, "lists: [prompt]", "{messages: case.prompt, user: x}", "", "messages is the whole talk"},
        {LINE_1, "lists: [prompt]", "{history: case.prompt, user: x}", "", "it ends with the user's message"},
        {LINE_1, "lists: [rubrics]", "{messages: case.rubrics}", "", "message 1 is not {\"role\""},
        {"{\"prompt_id\":\"p\",\"t\":[{\"role\":\"bot\",\"content\":\"a\"}]}\n", "lists: [t]", "{messages: case.t}", "",
         "c.jsonl:1: case \"p\", case.t: message 1 has role \"bot\""},
        {"{\"prompt_id\":\"p\",\"t\":[{\"role\":\"user\",\"content\":\" \"}]}\n", "lists: [t]", "{messages: case.t}",
         "", "message 1 is empty"},
        {"{\"prompt_id\":\"p\",\"t\":[{\"role\":\"assistant\",\"content\":\"a\"}]}\n", "lists: [t]",
         "{messages: case.t}", "", "a talk begins with the user"},
        {"{\"prompt_id\":\"p\",\"t\":[]}\n", "lists: [t]", "{messages: case.t}", "", "nothing to answer"},
        {LINE_1, "lists: [prompt]", "{messages: case.prompt}",
         "factors: [{name: g, insert: {into: case.prompt, after_first: \". \"}, levels: [{id: a}, {id: b, text: x}]}]\n",
         "prompt is a list of the cases"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(try_load(bad[i].lines, bad[i].cases, bad[i].prompt, bad[i].factors), CS_EINVAL);
        if (strstr(err.msg, bad[i].says) == NULL)
            print_error("%zu: %s\n", i, err.msg);
        assert_non_null(strstr(err.msg, bad[i].says));
    }
}

static int open_folder(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(
        &dir, "providers.yaml",
        "accounts:\n"
        "  c: {provider: simulated, protocol: openai-chat}\n  r: {provider: simulated, protocol: openai-responses}\n"
        "  a: {provider: simulated, protocol: anthropic-messages}\n  g: {provider: simulated, protocol: gemini}\n"
        "  b: {provider: simulated, protocol: bedrock-converse}\n"
        "models:\n  chat: {account: c, model: m}\n  responses: {account: r, model: m}\n"
        "  anthropic: {account: a, model: m, parameters: {max_output_tokens: 9}}\n  gemini: {account: g, model: m}\n"
        "  bedrock: {account: b, model: m, parameters: {max_output_tokens: 9}}\n");
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
        cmocka_unit_test(a_talk_as_published_in_every_dialect),
        cmocka_unit_test(bedrock_sends_a_talk_and_wants_turns),
        cmocka_unit_test(a_system_message_of_the_talk),
        cmocka_unit_test(a_question_after_a_talk_goes_over_the_wire),
        cmocka_unit_test(a_case_for_every_element),
        cmocka_unit_test(bad_talks_and_lists),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
