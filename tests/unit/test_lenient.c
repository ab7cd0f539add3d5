/* `reading: lenient`, free answers, causes; what each vendor says beside its answer, and how it says that it has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/dialect.h"
#include "protocol/study/answer.h"
#include "tests/unit/fixture_study.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define GOOD "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}"

static const struct {
    const char *text;
    enum cs_answer_fault strict, lenient;
} replies[] = {
    {GOOD, CS_ANSWER_NONE, CS_ANSWER_NONE},
    {"```json\n" GOOD "\n```", CS_ANSWER_NONE, CS_ANSWER_NONE},
    {GOOD "\xef\xbf\xbd", CS_ANSWER_NONE, CS_ANSWER_NONE}, /* in the place of half an emoji */
    {"Sure.\n```json\n" GOOD "\n```\nLet me know.", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"Here {as asked}: " GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"<think>\n{\"triage\":\"low\"}\n</think>\n" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"<THINKING>a</THINKING><think>b</think>" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"so {\"a\":1} it is</think>" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"[THINK]x[/THINK]" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>" GOOD, CS_ANSWER_NO_OBJECT,
     CS_ANSWER_NONE},
    {"<think>" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_EMPTY}, /* thinking that does not end answers nothing */
    {"\xef\xbb\xbf" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {GOOD "<|im_end|>", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"<unused94>thought\n{\"a\":1}<unused95>" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"<analysis>{\"a\":1}</analysis>" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"\"{\\\"triage\\\":\\\"mid\\\",\\\"mental\\\":\\\"Yes\\\",\\\"risk\\\":7,\\\"why\\\":\\\"so\\\"}\"\n",
     CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE}, /* written into JSON twice */
    {"\"Sure.\" " GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"\"" GOOD "\"", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"{\"triage\":\"mid\",\"mental\":True,\"risk\":7,\"why\":\"so\"}", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {GOOD "</s>", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"[" GOOD "]", CS_ANSWER_NO_OBJECT, CS_ANSWER_NONE},
    {"{\"triage\":\"MID\",\"mental\":true,\"risk\":\"7\",\"why\":\"so\"}", CS_ANSWER_WORD, CS_ANSWER_NONE},
    {"{\"Triage\":\"mid\",\"mental\":\" yes. \",\"risk\":\" 7.5 \",\"why\":\"a\nb\",}", CS_ANSWER_NO_OBJECT,
     CS_ANSWER_NONE},
    {"{\"triage\":\"Unclear\",\"mental\":false,\"risk\":7,\"why\":\"\",\"more\":1e999}", CS_ANSWER_NO_OBJECT,
     CS_ANSWER_NONE},
    /* what can mean more than one thing, or nothing, stays so */
    {GOOD "\n" GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_SEVERAL},
    {"{\"example\":1} " GOOD, CS_ANSWER_NO_OBJECT, CS_ANSWER_SEVERAL},
    {GOOD " {\"triage\":\"hi", CS_ANSWER_NO_OBJECT, CS_ANSWER_SEVERAL},
    {"{\"triage\":\"mid\",\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}", CS_ANSWER_NO_OBJECT,
     CS_ANSWER_NO_OBJECT},
    {"{\"triage\":\"mid or high\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}", CS_ANSWER_WORD, CS_ANSWER_WORD},
    {"{\"triage\":\"mid\",\"mental\":1,\"risk\":7,\"why\":\"so\"}", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
    {"{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":\"7 of 10\",\"why\":\"so\"}", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
    {"{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":\"0x7\",\"why\":\"so\"}", CS_ANSWER_TYPE, CS_ANSWER_TYPE},
    {"{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":NaN,\"why\":\"so\"}", CS_ANSWER_NO_OBJECT, CS_ANSWER_TYPE},
    {"{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":\"101\",\"why\":\"so\"}", CS_ANSWER_TYPE, CS_ANSWER_RANGE},
    {"{\"triage\":\"mid\",\"mental\":\"Yes\",\"why\":\"so\"}", CS_ANSWER_MISSING, CS_ANSWER_MISSING},
    {"  \n", CS_ANSWER_EMPTY, CS_ANSWER_EMPTY},
    {"I cannot say.", CS_ANSWER_NO_OBJECT, CS_ANSWER_NO_OBJECT},
};

static void strict_and_lenient(void **state)
{
    struct cs_study s = fx_study();
    struct cs_coords at = {.question = 0};
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(replies); i++) {
        const char *text = replies[i].text;
        const size_t n = strlen(text);
        struct cs_answer_check strict = cs_answer_check(&s, 0, 0, false, text, n);
        struct cs_answer_check lenient = cs_answer_check(&s, 0, 0, true, text, n);
        if (strict.fault != replies[i].strict || lenient.fault != replies[i].lenient)
            fail_msg("%s: strict \"%s\", lenient \"%s\"", text, cs_answer_fault_name(strict.fault),
                     cs_answer_fault_name(lenient.fault));
        assert_false(strict.salvaged);
        assert_true(lenient.salvaged == (strict.fault != CS_ANSWER_NONE && lenient.fault == CS_ANSWER_NONE));
        struct cs_answer a[4];
        struct cs_derived_value derived[CS_FIELDS_MAX];
        enum cs_err rc = cs_answer_parse(&s, &at, NULL, text, n, lenient.salvaged, NULL, &arena, a, derived, NULL);
        assert_true((rc == CS_OK) == (lenient.fault == CS_ANSWER_NONE));
        if (rc == CS_OK) /* whatever it was written like, it is the study's word */
            assert_true(strcmp(a[0].text, "mid") == 0 || a[0].insufficient);
    }
    cs_arena_release(&arena);
}

static void letters_of_options(void **state)
{
    struct cs_study s = fx_study();
    static const char *const same[] = {"b", "(B)", "B.", " B", "none", "NONE"}, *const other[] = {"D", "A or B", "",
                                                                                                  "1"};
    char text[96];
    (void)state;
    for (size_t i = 0; i < LEN(same) + LEN(other); i++) {
        snprintf(text, sizeof text, "So: {\"choice\":\"%s\",\"days\":\"3\"}",
                 i < LEN(same) ? same[i] : other[i - LEN(same)]);
        assert_int_equal(cs_answer_check(&s, 1, 0, true, text, strlen(text)).fault,
                         i < LEN(same) ? CS_ANSWER_NONE : CS_ANSWER_WORD);
    }
}

static void who_says_how(void **state)
{
    struct cs_study s = fx_study();
    struct cs_question q[3];
    struct cs_account a[8];
    (void)state;
    memcpy(q, s.questions, sizeof q);
    memcpy(a, s.accounts, s.n_accounts * sizeof *a);
    s.questions = q;
    s.accounts = a;
    assert_false(cs_answer_lenient(&s, 0, 0));
    a[s.models[0].account].reads = CS_READS_LENIENT;
    assert_true(cs_answer_lenient(&s, 0, 0));
    q[0].reads = CS_READS_STRICT; /* the question's word holds */
    assert_false(cs_answer_lenient(&s, 0, 0));
    assert_true(cs_answer_lenient(&s, 1, 0));
}

static void free_answers(void **state)
{
    struct cs_study s = fx_study();
    (void)state;
    assert_int_equal(s.questions[2].n_fields, 0);
    assert_int_equal(cs_answer_check(&s, 2, 0, false, "Prose, {as} it <think>comes", 27).fault, CS_ANSWER_NONE);
    assert_int_equal(cs_answer_check(&s, 2, 0, true, " \n\t", 3).fault, CS_ANSWER_EMPTY);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

enum {
    CHAT = CS_PROTOCOL_OPENAI_CHAT,
    RESP = CS_PROTOCOL_OPENAI_RESPONSES,
    ANTH = CS_PROTOCOL_ANTHROPIC_MESSAGES,
    GEM = CS_PROTOCOL_GEMINI,
    BED = CS_PROTOCOL_BEDROCK_CONVERSE
};

static struct cs_reading read_as(int protocol, enum cs_form asked, const char *body, struct cs_arena *arena)
{
    const struct cs_http_reply reply = {
        .status = 200, .headers = "", .body = body, .body_len = strlen(body), .why = ""};
    struct cs_reading r;
    cs_dialect_of((enum cs_protocol)protocol)->read(&reply, asked, arena, &r);
    return r;
}

static char *body_of(int protocol, const char *end)
{
    switch (protocol) {
    case CHAT:
        return cs_xasprintf("{\"choices\":[{\"message\":{\"content\":\"t\"},\"finish_reason\":%s}]}", end);
    case RESP:
        return cs_xasprintf(
            "{\"status\":%s,\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\"}]}]}",
            end);
    case ANTH:
        return cs_xasprintf("{\"content\":[{\"type\":\"text\",\"text\":\"t\"}],\"stop_reason\":%s}", end);
    case GEM:
        return cs_xasprintf("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\"}]},\"finishReason\":%s}]}", end);
    default:
        return cs_xasprintf("{\"output\":{\"message\":{\"content\":[{\"text\":\"t\"}]}},\"stopReason\":%s}", end);
    }
}

static void ends_in_any_dialect(void **state)
{
    static const struct {
        const char *end;
        enum cs_saying says;
        enum cs_outcome outcome;
    } t[] = {
        {"\"stop\"", CS_SAYS_ANSWER, CS_OUTCOME_ok},
        {"\"STOP\"", CS_SAYS_ANSWER, CS_OUTCOME_ok},
        {"\"End_Turn\"", CS_SAYS_ANSWER, CS_OUTCOME_ok},
        {"\"a new word\"", CS_SAYS_ANSWER, CS_OUTCOME_ok},
        {"\"MAX_TOKENS\"", CS_SAYS_ANSWER, CS_OUTCOME_truncated},
        {"\"Max-Tokens\"", CS_SAYS_ANSWER, CS_OUTCOME_truncated},
        {"\"length\"", CS_SAYS_ANSWER, CS_OUTCOME_truncated},
        {"\"Safety\"", CS_SAYS_ANSWER, CS_OUTCOME_content_filtered},
        {"\"CONTENT_FILTER\"", CS_SAYS_ANSWER, CS_OUTCOME_content_filtered},
        {"\"IMAGE_PROHIBITED_CONTENT\"", CS_SAYS_ANSWER, CS_OUTCOME_content_filtered},
        {"\"LANGUAGE\"", CS_SAYS_ANSWER, CS_OUTCOME_content_filtered},
        {"\"OTHER\"", CS_SAYS_ANSWER, CS_OUTCOME_unparsable},
        {"\"malformed_model_output\"", CS_SAYS_ANSWER, CS_OUTCOME_unparsable},
        {"\"abort\"", CS_SAYS_ERROR, CS_OUTCOME_ok},
        {"\"ERROR\"", CS_SAYS_ERROR, CS_OUTCOME_ok},
        {"\"\"", CS_SAYS_NOTHING, CS_OUTCOME_ok},
        {"null", CS_SAYS_NOTHING, CS_OUTCOME_ok},
        {"7", CS_SAYS_NOTHING, CS_OUTCOME_ok},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        for (int p = 0; p < CS_PROTOCOL_HTTP; p++) { /* whose places an account declares: test_service.c */
            char *body = body_of(p, t[i].end);
            const struct cs_reading r = read_as(p, CS_FORM_JSON_SCHEMA, body, &arena);
            if (r.says != t[i].says || (r.says == CS_SAYS_ANSWER && r.outcome != t[i].outcome))
                fail_msg("%s: says %d, %s", body, r.says, cs_outcome_name(r.outcome));
            if (r.says == CS_SAYS_ANSWER)
                assert_string_equal(r.text, "t");
            else
                assert_string_not_equal(r.text, "t"); /* a fault's text is not the answer */
            if (r.outcome == CS_OUTCOME_unparsable)
                assert_string_equal(r.cause, "ended_oddly");
            free(body);
        }
    }
    cs_arena_release(&arena);
}

static void errors_in_good_replies(void **state)
{
    static const struct {
        int protocol;
        const char *body;
        uint16_t status;
    } t[] = {
        {CHAT, "{\"error\":{\"code\":429,\"message\":\"x\"}}", 429},
        {CHAT, "{\"error\":{\"code\":\"429\",\"message\":\"x\"}}", 429},
        {CHAT, "{\"error\":\"x\",\"code\":503}", 503},
        {CHAT, "{\"error\":{\"message\":\"x\",\"type\":\"overloaded\"}}", 503},
        {CHAT, "{\"error\":true,\"message\":\"x\",\"status\":\"502\"}", 502},
        {CHAT,
         "{\"choices\":[{\"error\":{\"code\":502,\"message\":\"x\"},\"finish_reason\":\"stop\",\"message\":{\"content\":\"t\"}}]}",
         502},
        {CHAT, "{\"choices\":[{\"error\":{\"code\":\"400\",\"message\":\"x\"},\"finish_reason\":\"error\"}]}", 400},
        {RESP, "{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"x\"}}", 429},
        {RESP, "{\"error\":{\"code\":500.0,\"message\":\"x\"}}", 500},
        {ANTH, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}", 529},
        {GEM, "[{\"error\":{\"code\":503,\"message\":\"x\",\"status\":\"UNAVAILABLE\"}}]", 503},
        {GEM, "{\"error\":{\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\"}}", 429},
        {BED, "{\"__type\":\"com.amazon.coral#ThrottlingException\",\"message\":\"x\"}", 429},
    };
    static const char *const none[] = {"\"error\":null,", "\"error\":\"\",", "\"error\":{},", "\"error\":false,",
                                       "\"error\":{\"code\":null,\"message\":\"\"},"};
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_reading r = read_as(t[i].protocol, CS_FORM_JSON_SCHEMA, t[i].body, &arena);
        if (r.says != CS_SAYS_ERROR || r.status != t[i].status)
            fail_msg("%s: says %d, status %u", t[i].body, r.says, r.status);
        assert_string_equal(r.text, "x");
    }
    for (size_t i = 0; i < LEN(none); i++) {
        char *body = cs_xasprintf(
            "{%s\"choices\":[{\"message\":{\"content\":\"t\",\"refusal\":\"\"},\"finish_reason\":\"stop\"}]}", none[i]);
        const struct cs_reading r = read_as(CHAT, CS_FORM_JSON_SCHEMA, body, &arena);
        assert_int_equal(r.says, CS_SAYS_ANSWER);
        assert_int_equal(r.outcome, CS_OUTCOME_ok);
        free(body);
    }
    cs_arena_release(&arena);
}

/* ---- beside the answer ------------------------------------------------------------------------------------- */

static void beside_the_answer(void **state)
{
    static const struct {
        int protocol;
        enum cs_form asked;
        const char *body, *text, *reasoning, *tool_calls;
    } t[] = {
        {CHAT, CS_FORM_NONE,
         "{\"choices\":[{\"message\":{\"content\":\"t\",\"reasoning_content\":\"hm\"},\"finish_reason\":\"stop\"}]}",
         "t", "hm", ""},
        {CHAT, CS_FORM_NONE,
         "{\"choices\":[{\"message\":{\"content\":\"t\",\"reasoning\":\"hm\",\"reasoning_details\":[{\"text\":\"hm\"}]},\"finish_reason\":\"stop\"}]}",
         "t", "hm", ""},
        {CHAT, CS_FORM_NONE,
         "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]},{\"type\":\"text\",\"text\":\"t\"}]},\"finish_reason\":\"stop\"}]}",
         "t", "hm", ""},
        {CHAT, CS_FORM_NONE,
         "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"1\"}]},\"finish_reason\":\"tool_calls\"}]}",
         "", "", "[{\"id\":\"1\"}]"},
        {CHAT, CS_FORM_NONE, "{\"choices\":[{\"message\":{\"content\":{\"a\":1}},\"finish_reason\":\"stop\"}]}",
         "{\"a\":1}", "", ""},
        {RESP, CS_FORM_NONE,
         "{\"status\":\"completed\",\"output\":[{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"},{\"type\":\"summary_text\",\"text\":\"so\"}]},{\"type\":\"function_call\",\"name\":\"f\"},{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"t\"}]}]}",
         "t", "hm\nso", "[{\"type\":\"function_call\",\"name\":\"f\"}]"},
        {ANTH, CS_FORM_NONE,
         "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"t\"}],\"stop_reason\":\"end_turn\"}",
         "t", "hm", ""},
        {ANTH, CS_FORM_TOOL,
         "{\"content\":[{\"type\":\"text\",\"text\":\"I will.\"},{\"type\":\"tool_use\",\"input\":{\"a\":1}}],\"stop_reason\":\"tool_use\"}",
         "{\"a\":1}", "I will.", ""},
        {ANTH, CS_FORM_NONE,
         "{\"content\":[{\"type\":\"text\",\"text\":\"t\"},{\"type\":\"tool_use\",\"input\":{}}],\"stop_reason\":\"tool_use\"}",
         "t", "", "[{\"type\":\"tool_use\",\"input\":{}}]"},
        {GEM, CS_FORM_NONE,
         "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"t\"},{\"functionCall\":{\"name\":\"f\"}}]},\"finishReason\":\"STOP\"}]}",
         "t", "hm", "[{\"name\":\"f\"}]"},
        {BED, CS_FORM_TOOL,
         "{\"output\":{\"message\":{\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\"}}},{\"toolUse\":{\"input\":{\"a\":1}}}]}},\"stopReason\":\"tool_use\"}",
         "{\"a\":1}", "hm", ""},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_reading r = read_as(t[i].protocol, t[i].asked, t[i].body, &arena);
        assert_int_equal(r.says, CS_SAYS_ANSWER);
        assert_string_equal(r.text, t[i].text);
        assert_string_equal(r.reasoning, t[i].reasoning);
        assert_string_equal(r.tool_calls, t[i].tool_calls);
    }
    struct cs_reading r = read_as(
        ANTH, CS_FORM_TOOL, "{\"content\":[{\"type\":\"text\",\"text\":\"{}\"}],\"stop_reason\":\"end_turn\"}", &arena);
    assert_int_equal(r.outcome, CS_OUTCOME_unparsable); /* a tool was asked for */
    assert_string_equal(r.cause, "no_tool_call");
    cs_arena_release(&arena);
}

/* A text is never cut for what is said beside it. */
static void the_text_comes_first(void **state)
{
    enum { SIZE = CS_OUTPUT_TEXT_MAX - 1000, MORE = 400 * 1024 };
    struct cs_arena arena = {0};
    char *text = cs_xcalloc(1, SIZE + 1), *more = cs_xcalloc(1, MORE + 1);
    (void)state;
    memset(text, 't', SIZE);
    memset(more, 'r', MORE);
    char *body = cs_xasprintf(
        "{\"choices\":[{\"message\":{\"content\":\"%s\",\"reasoning\":\"%s\"},\"finish_reason\":\"stop\"}]}", text,
        more);
    struct cs_reading r = read_as(CHAT, CS_FORM_NONE, body, &arena);
    assert_int_equal(strlen(r.text), SIZE);
    assert_int_equal(strlen(r.reasoning), 1000);
    assert_true(r.reasoning_cut && !r.tool_calls_cut);
    free(body);
    body = cs_xasprintf(
        "{\"choices\":[{\"message\":{\"content\":\"t\",\"reasoning\":\"%s\",\"tool_calls\":[\"%s\"]},\"finish_reason\":\"stop\"}]}",
        more, more);
    r = read_as(CHAT, CS_FORM_NONE, body, &arena);
    assert_int_equal(strlen(r.reasoning), CS_OUTPUT_REASONING_MAX);
    assert_int_equal(strlen(r.tool_calls), CS_OUTPUT_TOOL_CALLS_MAX);
    assert_true(r.reasoning_cut && r.tool_calls_cut);
    free(body);
    free(text);
    free(more);
    cs_arena_release(&arena);
}

static void impossible_log_probabilities(void **state)
{
    static const struct {
        const char *value;
        enum cs_saying says;
        uint32_t told;
    } t[] = {{"-0.5", CS_SAYS_ANSWER, 1}, {"1e-7", CS_SAYS_ANSWER, 1}, {"-Infinity", CS_SAYS_ANSWER, 0},
             {"null", CS_SAYS_ANSWER, 0}, {"0.5", CS_SAYS_ERROR, 0},   {"NaN", CS_SAYS_ERROR, 0}};
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        char *body = cs_xasprintf(
            "{\"choices\":[{\"message\":{\"content\":\"t\"},\"finish_reason\":\"stop\",\"logprobs\":{\"content\":[{\"token\":\"t\",\"logprob\":%s}]}}]}",
            t[i].value);
        const struct cs_reading r = read_as(CHAT, CS_FORM_NONE, body, &arena);
        if (r.says != t[i].says || r.logprob_tokens != t[i].told || r.logprob > 0)
            fail_msg("%s: says %d, %u told", t[i].value, r.says, r.logprob_tokens);
        free(body);
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_and_lenient),
        cmocka_unit_test(letters_of_options),
        cmocka_unit_test(who_says_how),
        cmocka_unit_test(free_answers),
        cmocka_unit_test(ends_in_any_dialect),
        cmocka_unit_test(errors_in_good_replies),
        cmocka_unit_test(beside_the_answer),
        cmocka_unit_test(the_text_comes_first),
        cmocka_unit_test(impossible_log_probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
