/* Tools of a study: the loop of calls, what each dialect sends and takes of it, identity, and what a loader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/dialects/request.h"
#include "protocol/dialects/dialect_tools.h"
#include "protocol/load/load.h"
#include "protocol/study/derive.h"
#include "protocol/study/tool_rows.h"
#include "protocol/wire/minor.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_error err;
static struct cs_arena arena;

#define QUESTION "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}}]\n"
#define TOOLS                                                                                                           \
    "tools: {max_calls: 3, here: {describe: Here., returns: case.doc}, lab: {describe: \"Of {{p.name}}.\", arguments: " \
    "{test: {nominal: [x, y]}}, returns: {file: t.csv, by: [case.case_id, test], value: result}, missing: Nope.}}\n"
#define FACTOR                                                                                                         \
    "factors: [{name: p, columns: [name], levels: [{id: one, role: control, name: One, order: [1, 2]}, "               \
    "{id: two, name: Two, order: [2, 1]}]}]\n"
#define PROMPT "prompt: {system: S, user: \"{{case.text}} {{question.ask}}\"}\n"

static enum cs_err try_load(const char *rest, const char *model)
{
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    cs_buf_printf(&b, "study: t\ncases: {file: c.csv}\n" FACTOR "%smodels: [%s]\n", rest, model);
    const char *path = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
    cs_buf_release(&b);
    cs_load_release(&loaded);
    return cs_load_study(path, NULL, &loaded, &err);
}

static void load(const char *rest, const char *model)
{
    enum cs_err rc = try_load(rest, model);
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
}

struct rig {
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_coords at;
    struct cs_buf body;
    uint32_t calls, n;
    const char *rounds[CS_TURNS_MAX];
    enum cs_protocol protocol;
};

static void lay(struct rig *r, uint32_t cell)
{
    const struct cs_study *s = loaded.study;
    *r = (struct rig){.body = CS_BUF_INIT(CS_BODY_MAX), .protocol = s->accounts[s->models[0].account].protocol};
    cs_plan_init(&r->plan, s);
    assert_int_equal(cs_requests_open(&r->requests, &r->plan, &err), CS_OK);
    cs_plan_cell(&r->plan, 0, 0, cell, &r->at);
    assert_int_equal(cs_request_lay(r->requests, &r->at, &loaded.all[0], &r->calls, &err), CS_OK);
}

static void put_away(struct rig *r)
{
    cs_requests_close(r->requests);
    cs_plan_release(&r->plan);
    cs_buf_release(&r->body);
    cs_arena_reset(&arena);
}

/* What follows the n replies taken so far. */
static const char *next_body(struct rig *r)
{
    if (cs_request_turn_body(r->requests, r->n, r->rounds, &r->body, &err) != CS_OK)
        print_error("%s\n", err.msg);
    return cs_buf_cstr(&r->body);
}

static const char *round_in(const struct rig *r, const char *body, const struct cs_reading *reading, size_t room,
                            enum cs_answer_fault *fault)
{
    const struct cs_http_reply reply = {
        .status = 200, .headers = "", .body = body, .body_len = strlen(body), .why = ""};
    return cs_dialect_tools_round(r->protocol, &reply, reading, 3, room, &arena, fault);
}

static enum cs_answer_fault try_take(struct rig *r, const char *body, const char *said)
{
    enum cs_answer_fault fault;
    const struct cs_reading reading = {.text = said};
    r->rounds[r->n] = round_in(r, body, &reading, 1 << 20, &fault);
    assert_int_equal(fault == CS_ANSWER_NONE, r->rounds[r->n] != NULL);
    return fault;
}

static void take(struct rig *r, const char *body, const char *said)
{
    assert_int_equal(try_take(r, body, said), CS_ANSWER_NONE);
    r->n++;
}

/* The body holds exactly this from `from` on. */
static void assert_rest(const char *body, const char *from, const char *want)
{
    const char *at = strstr(body, from);
    if (at == NULL || strcmp(at, want) != 0)
        print_error("got:  %s\nwant: ...%s\n", body, want);
    assert_non_null(at);
    assert_string_equal(at, want);
}

#define SCHEMA_X                                                                                                           \
    "{\"type\":\"object\",\"properties\":{\"test\":{\"type\":\"string\",\"enum\":[\"x\",\"y\"]}},\"required\":[\"test\"]," \
    "\"additionalProperties\":false}"
#define SCHEMA_NONE "{\"type\":\"object\",\"properties\":{},\"required\":[],\"additionalProperties\":false}"
#define SCHEMA_Q                                                                                                           \
    "{\"type\":\"object\",\"properties\":{\"pick\":{\"type\":\"string\",\"enum\":[\"A\",\"B\"]}},\"required\":[\"pick\"]," \
    "\"additionalProperties\":false}"

/* ---- the dialects ---------------------------------------------------------------------------------------- */

#define CHAT_TOOLS                                                                                                                            \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"here\",\"description\":\"Here.\",\"strict\":true,\"parameters\":" SCHEMA_NONE \
    "}},{\"type\":\"function\",\"function\":{\"name\":\"lab\",\"description\":\"Of One.\",\"strict\":true,\"parameters\":" SCHEMA_X           \
    "}}],"

static void chat(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "chat");
    lay(&r, 0);
    assert_int_equal(r.calls, 4);
    assert_rest(next_body(&r), "[{\"role\":\"system\"",
                "[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"One. Which?\"}]," CHAT_TOOLS
                "\"tool_choice\":\"auto\"}");
    assert_false(cs_request_is_last(r.requests));
    take(
        &r,
        "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
        "\"reasoning_content\":\"hm\",\"annotations\":[],\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":"
        "{\"name\":\"lab\",\"arguments\":\"{\\\"test\\\": \\\"x\\\"}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":"
        "{\"name\":\"lab\",\"arguments\":\"{\\\"test\\\": \\\"z\\\"}\"}}]}}]}",
        "");
    assert_rest(
        next_body(&r), ",{\"role\":\"assistant\"",
        ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":"
        "{\"name\":\"lab\",\"arguments\":\"{\\\"test\\\": \\\"x\\\"}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":"
        "{\"name\":\"lab\",\"arguments\":\"{\\\"test\\\": \\\"z\\\"}\"}}],\"reasoning_content\":\"hm\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"seven\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"The arguments do not fit the declaration of this "
        "tool.\"}]," CHAT_TOOLS "\"tool_choice\":\"auto\"}");
    take(&r,
         "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Enough.\"}}]}",
         "Enough.");
    assert_rest(
        next_body(&r), ",{\"role\":\"assistant\",\"content\":\"Enough.\"",
        ",{\"role\":\"assistant\",\"content\":\"Enough.\"},{\"role\":\"user\",\"content\":\"Please give your answer now.\"}]," CHAT_TOOLS
        "\"tool_choice\":\"none\",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"q\","
        "\"strict\":true,\"schema\":" SCHEMA_Q "}}}");
    assert_true(cs_request_is_last(r.requests));
    put_away(&r);
}

static void responses(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "responses");
    lay(&r, 0);
    assert_rest(
        next_body(&r), ",\"tools\":",
        ",\"tools\":[{\"type\":\"function\",\"name\":\"here\",\"description\":\"Here.\",\"strict\":true,\"parameters\":" SCHEMA_NONE
        "},{\"type\":\"function\",\"name\":\"lab\",\"description\":\"Of One.\",\"strict\":true,\"parameters\":" SCHEMA_X
        "}],\"tool_choice\":\"auto\",\"max_output_tokens\":50}");
    take(
        &r,
        "{\"status\":\"completed\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"gAA=\"},"
        "{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"c1\",\"name\":\"here\",\"arguments\":\"{}\",\"status\":\"completed\"}]}",
        "");
    assert_rest(
        next_body(&r), ",{\"type\":\"reasoning\"",
        ",{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[],\"encrypted_content\":\"gAA=\"},{\"type\":\"function_call\","
        "\"id\":\"fc\",\"call_id\":\"c1\",\"name\":\"here\",\"arguments\":\"{}\",\"status\":\"completed\"},"
        "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"Doc.\"}],\"store\":false,\"tools\":[{\"type\":"
        "\"function\",\"name\":\"here\",\"description\":\"Here.\",\"strict\":true,\"parameters\":" SCHEMA_NONE
        "},{\"type\":\"function\",\"name\":\"lab\",\"description\":\"Of One.\",\"strict\":true,\"parameters\":" SCHEMA_X
        "}],\"tool_choice\":\"auto\",\"max_output_tokens\":50}");
    take(&r, "{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}]}",
         "Done.");
    assert_non_null(
        strstr(next_body(&r), "{\"role\":\"user\",\"content\":\"Please give your answer now.\"}],\"store\":false"));
    assert_non_null(strstr(next_body(&r), "\"tool_choice\":\"none\",\"max_output_tokens\":50,\"text\":{\"format\":"));
    put_away(&r);
}

static void anthropic(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "claude");
    lay(&r, 0);
    assert_rest(next_body(&r), ",\"tools\":",
                ",\"tools\":[{\"name\":\"here\",\"description\":\"Here.\",\"input_schema\":" SCHEMA_NONE
                "},{\"name\":\"lab\",\"description\":\"Of One.\",\"input_schema\":" SCHEMA_X
                "}],\"tool_choice\":{\"type\":\"auto\"},\"max_tokens\":50}");
    take(
        &r,
        "{\"stop_reason\":\"tool_use\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"sig==\"},"
        "{\"type\":\"thinking\",\"thinking\":\"Unsigned.\",\"signature\":\"\"},{\"type\":\"text\",\"text\":\"\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"lab\",\"input\":{\"test\":\"y\"}},"
        "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"other\",\"input\":{}}]}",
        "");
    assert_rest(
        next_body(&r), ",{\"role\":\"assistant\"",
        ",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"Hm.\",\"signature\":\"sig==\"},"
        "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"lab\",\"input\":{\"test\":\"y\"}},"
        "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"other\",\"input\":{}}]},{\"role\":\"user\",\"content\":["
        "{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"Nope.\"},{\"type\":\"tool_result\",\"tool_use_id\":"
        "\"t2\",\"content\":\"There is no such tool.\",\"is_error\":true}]}],\"tools\":[{\"name\":\"here\",\"description\":"
        "\"Here.\",\"input_schema\":" SCHEMA_NONE
        "},{\"name\":\"lab\",\"description\":\"Of One.\",\"input_schema\":" SCHEMA_X
        "}],\"tool_choice\":{\"type\":\"auto\"},\"max_tokens\":50}");
    take(
        &r,
        "{\"stop_reason\":\"tool_use\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t3\",\"name\":\"here\",\"input\":{}}]}",
        "");
    assert_non_null(strstr(next_body(&r), "\"content\":\"Doc.\"}]}],\"tools\":[")); /* the calls are used up */
    assert_non_null(
        strstr(next_body(&r), "\"tool_choice\":{\"type\":\"none\"},\"max_tokens\":50,\"output_config\":{\"format\":"));
    assert_true(cs_request_is_last(r.requests));
    put_away(&r);
}

static void an_answer_that_is_a_tool(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "claude-tool");
    lay(&r, 0);
    assert_null(strstr(next_body(&r), "Gives the answer."));
    take(&r, "{\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\",\"text\":\"Enough.\"}]}", "Enough.");
    assert_rest(next_body(&r), ",{\"name\":\"q\"",
                ",{\"name\":\"q\",\"description\":\"Gives the answer.\",\"input_schema\":" SCHEMA_Q
                "}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"q\"},\"max_tokens\":50}");
    put_away(&r);
}

static void gemini(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "gemini");
    lay(&r, 0);
    assert_rest(
        next_body(&r), ",\"tools\":",
        ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"here\",\"description\":\"Here.\",\"parametersJsonSchema\":" SCHEMA_NONE
        "},{\"name\":\"lab\",\"description\":\"Of One.\",\"parametersJsonSchema\":" SCHEMA_X
        "}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}},\"generationConfig\":{\"maxOutputTokens\":50}}");
    take(
        &r,
        "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"lab\","
        "\"args\":{\"test\":\"x\"}},\"thoughtSignature\":\"AbC=\"},{\"functionCall\":{\"id\":\"g2\",\"name\":\"lab\",\"args\":"
        "{\"test\":\"x\"}}}]}}]}",
        "");
    assert_rest(
        next_body(&r), ",{\"role\":\"model\"",
        ",{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"lab\",\"args\":{\"test\":\"x\"}},\"thoughtSignature\":"
        "\"AbC=\"},{\"functionCall\":{\"id\":\"g2\",\"name\":\"lab\",\"args\":{\"test\":\"x\"}}}]},{\"role\":\"user\",\"parts\":"
        "[{\"functionResponse\":{\"name\":\"lab\",\"response\":{\"result\":\"seven\"}}},{\"functionResponse\":{\"id\":\"g2\","
        "\"name\":\"lab\",\"response\":{\"error\":\"This call was made before; its result stands above.\"}}}]}],\"tools\":"
        "[{\"functionDeclarations\":[{\"name\":\"here\",\"description\":\"Here.\",\"parametersJsonSchema\":" SCHEMA_NONE
        "},{\"name\":\"lab\",\"description\":\"Of One.\",\"parametersJsonSchema\":" SCHEMA_X
        "}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}},\"generationConfig\":{\"maxOutputTokens\":50}}");
    take(
        &r,
        "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Fine.\"}]}}]}",
        "Fine.");
    assert_rest(next_body(&r), ",{\"role\":\"user\",\"parts\":[{\"text\":\"Please",
                ",{\"role\":\"user\",\"parts\":[{\"text\":\"Please give your answer now.\"}]}],\"generationConfig\":"
                "{\"maxOutputTokens\":50,\"responseMimeType\":\"application/json\",\"responseJsonSchema\":" SCHEMA_Q
                "}}");
    put_away(&r);
}

static void bedrock(void **state)
{
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "bedrock");
    lay(&r, 0);
    assert_rest(
        next_body(&r), ",\"toolConfig\":",
        ",\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"here\",\"description\":\"Here.\",\"inputSchema\":{\"json\":" SCHEMA_NONE
        "}}},{\"toolSpec\":{\"name\":\"lab\",\"description\":\"Of One.\",\"inputSchema\":{\"json\":" SCHEMA_X
        "}}}],\"toolChoice\":{\"auto\":{}}},\"inferenceConfig\":{\"maxTokens\":50}}");
    take(
        &r,
        "{\"stopReason\":\"tool_use\",\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":"
        "{\"reasoningText\":{\"text\":\"Hm.\",\"signature\":\"s\"}}},{\"reasoningContent\":{\"reasoningText\":{\"text\":\"No.\"}}},"
        "{\"text\":\" \"},{\"toolUse\":{\"toolUseId\":\"u1\",\"name\":\"here\",\"input\":{}}}]}}}",
        "");
    assert_rest(
        next_body(&r), ",{\"role\":\"assistant\"",
        ",{\"role\":\"assistant\",\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"Hm.\",\"signature\":\"s\"}}},"
        "{\"toolUse\":{\"toolUseId\":\"u1\",\"name\":\"here\",\"input\":{}}}]},{\"role\":\"user\",\"content\":[{\"toolResult\":"
        "{\"toolUseId\":\"u1\",\"content\":[{\"text\":\"Doc.\"}],\"status\":\"success\"}}]}],\"toolConfig\":{\"tools\":"
        "[{\"toolSpec\":{\"name\":\"here\",\"description\":\"Here.\",\"inputSchema\":{\"json\":" SCHEMA_NONE
        "}}},{\"toolSpec\":{\"name\":\"lab\",\"description\":\"Of One.\",\"inputSchema\":{\"json\":" SCHEMA_X
        "}}}],\"toolChoice\":{\"auto\":{}}},\"inferenceConfig\":{\"maxTokens\":50}}");
    take(
        &r,
        "{\"stopReason\":\"end_turn\",\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"So.\"}]}}}",
        "So.");
    assert_non_null(
        strstr(next_body(&r),
               "{\"role\":\"user\",\"content\":[{\"text\":\"Please give your answer now.\"}]}],\"toolConfig\""));
    assert_null(strstr(next_body(&r), "toolChoice")); /* there is no way to forbid calls */
    assert_non_null(strstr(next_body(&r), "\"outputConfig\""));
    put_away(&r);
}

/* ---- the loop ---------------------------------------------------------------------------------------------- */

static const char *round_of(const char *said, const char *calls)
{
    return cs_arena_printf(&arena, "{\"said\":\"%s\",\"calls\":[%s],\"blocks\":[]}", said, calls);
}

#define HERE "{\"id\":\"1\",\"name\":\"here\",\"arguments\":\"\"}"
#define LAB(x) "{\"id\":\"2\",\"name\":\"lab\",\"arguments\":\"{\\\"test\\\":\\\"" x "\\\"}\"}"

static struct cs_prompt prompt_of(uint32_t cell, struct cs_plan *plan)
{
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_coords at;
    cs_plan_init(plan, loaded.study);
    cs_plan_cell(plan, 0, 0, cell, &at);
    assert_int_equal(cs_render(loaded.study, &at, &loaded.all[0], &p, &err), CS_OK);
    assert_non_null(p.tools);
    return p;
}

static void who_has_not_used_all_is_reminded_once(void **state)
{
    struct cs_tool_loop loop;
    struct cs_plan plan;
    (void)state;
    load(
        PROMPT
        "tools: {max_calls: 3, require: all, remind: Use all., last: \"{{question.ask}}\", here: {describe: H., returns: case.doc}, "
        "there: {describe: T., returns: There.}}\n" QUESTION,
        "chat");
    struct cs_prompt p = prompt_of(0, &plan);
    assert_int_equal(cs_script_calls(&p), 5);
    const char *rounds[] = {round_of("", HERE), round_of("Enough.", ""), round_of("Really.", "")};
    assert_int_equal(cs_tool_loop_go(p.tools, rounds, 2, &arena, &loop, &err), CS_OK);
    assert_false(loop.last);
    assert_true(loop.reminded);
    assert_string_equal(loop.steps[1].user, "Use all.");
    assert_int_equal(cs_tool_loop_go(p.tools, rounds, 3, &arena, &loop, &err), CS_OK);
    assert_true(loop.last);
    assert_string_equal(loop.steps[2].user, "Which?");
    const char *behind[] = {rounds[0], rounds[1], rounds[2], rounds[0]};
    assert_int_equal(cs_tool_loop_go(p.tools, behind, 4, &arena, &loop, &err), CS_EINVAL);
    const char *all[] = {round_of("", HERE ",{\"id\":\"\",\"name\":\"there\",\"arguments\":\"{}\"}"),
                         round_of("Enough.", "")};
    assert_int_equal(cs_tool_loop_go(p.tools, all, 2, &arena, &loop, &err), CS_OK);
    assert_true(loop.last && !loop.reminded);
    cs_render_release(&p);
    cs_plan_release(&plan);
}

static void calls_are_counted_by_what_they_came_to(void **state)
{
    struct cs_tool_loop loop;
    struct cs_plan plan;
    (void)state;
    load(PROMPT TOOLS QUESTION, "chat");
    struct cs_prompt p = prompt_of(0, &plan);
    const char *rounds[] = {round_of("", LAB("x") "," LAB("X") "," LAB("x") "," HERE "," HERE)};
    assert_int_equal(cs_tool_loop_go(p.tools, rounds, 1, &arena, &loop, &err), CS_OK);
    static const enum cs_call_came want[] = {CS_CALL_answered, CS_CALL_malformed, CS_CALL_duplicate, CS_CALL_over,
                                             CS_CALL_over};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(loop.steps[0].calls[i].came, want[i]);
    assert_true(loop.last);
    assert_null(loop.steps[0].user); /* the results are asked about at once */
    assert_int_equal(loop.calls, 5);
    struct cs_tool_round many = {.said = "", .n_calls = 3 + CS_TOOL_SPARE};
    assert_true(cs_tool_loop_goes_on(&many, 3));
    many.n_calls++;
    assert_false(cs_tool_loop_goes_on(&many, 3));
    assert_int_equal(cs_tool_loop_go(p.tools, (const char *[]){"{}"}, 1, &arena, &loop, &err), CS_EINVAL);
    assert_int_equal(cs_tool_loop_go(p.tools, (const char *[]){"no JSON"}, 1, &arena, &loop, &err), CS_EINVAL);
    assert_int_equal(cs_tool_loop_go(p.tools, (const char *[]){round_of(" ", "")}, 1, &arena, &loop, &err), CS_EINVAL);
    cs_render_release(&p);
    cs_plan_release(&plan);
}

static void arguments_fit_or_do_not(void **state)
{
    static const struct {
        const char *arguments;
        bool fits;
    } rows[] = {{"{\\\"n\\\":3,\\\"w\\\":\\\"any\\\",\\\"b\\\":\\\"Yes\\\"}", true},
                {"{\\\"n\\\":3,\\\"w\\\":\\\"any\\\"}", false},
                {"{\\\"n\\\":9,\\\"w\\\":\\\"any\\\",\\\"b\\\":\\\"Yes\\\"}", false},
                {"{\\\"n\\\":\\\"3\\\",\\\"w\\\":\\\"any\\\",\\\"b\\\":\\\"Yes\\\"}", false},
                {"{\\\"n\\\":3,\\\"w\\\":\\\"any\\\",\\\"b\\\":true}", false},
                {"{\\\"n\\\":3,\\\"w\\\":\\\"any\\\",\\\"b\\\":\\\"Yes\\\",\\\"x\\\":1}", false},
                {"[]", false},
                {"", false}};
    struct cs_tool_loop loop;
    struct cs_plan plan;
    (void)state;
    load(
        PROMPT
        "tools: {max_calls: 3, t: {describe: T., arguments: {n: {number: {min: 0, max: 5}}, w: text, b: {boolean: [\"Yes\", \"No\"]}}, "
        "returns: R.}}\n" QUESTION,
        "chat");
    struct cs_prompt p = prompt_of(0, &plan);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *rounds[] = {round_of(
            "", cs_arena_printf(&arena, "{\"id\":\"\",\"name\":\"t\",\"arguments\":\"%s\"}", rows[i].arguments))};
        assert_int_equal(cs_tool_loop_go(p.tools, rounds, 1, &arena, &loop, &err), CS_OK);
        assert_int_equal(loop.steps[0].calls[0].came, rows[i].fits ? CS_CALL_answered : CS_CALL_malformed);
    }
    cs_render_release(&p);
    cs_plan_release(&plan);
}

static void too_much_in_one_reply_is_not_gone_on_from(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    enum cs_answer_fault fault;
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "claude");
    lay(&r, 0);
    cs_buf_str(&b, "{\"content\":[");
    for (int i = 0; i < 3 + CS_TOOL_SPARE + 1; i++)
        cs_buf_str(&b, i > 0 ? ",{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"here\",\"input\":{}}"
                             : "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"here\",\"input\":{}}");
    cs_buf_str(&b, "]}");
    assert_int_equal(try_take(&r, cs_buf_cstr(&b), ""), CS_ANSWER_TOO_MANY);
    for (int n = 128; n < 130; n++) { /* an id goes back beside each result: it has a bound */
        cs_buf_clear(&b);
        cs_buf_printf(&b, "{\"content\":[{\"type\":\"tool_use\",\"id\":\"%0*d\",\"name\":\"here\",\"input\":{}}]}", n,
                      1);
        assert_int_equal(try_take(&r, cs_buf_cstr(&b), ""), n == 128 ? CS_ANSWER_NONE : CS_ANSWER_TOO_LONG);
    }
    assert_int_equal(try_take(&r, "{\"content\":[]}", ""), CS_ANSWER_EMPTY);
    assert_int_equal(try_take(&r, "{\"content\":[{\"type\":\"text\",\"text\":\" \"}]}", " "), CS_ANSWER_EMPTY);
    const char *body = "{\"content\":[{\"type\":\"text\",\"text\":\"long enough\"}]}";
    assert_null(round_in(&r, body, &(struct cs_reading){.text = "long enough"}, 20, &fault));
    assert_int_equal(fault, CS_ANSWER_TOO_LONG);
    cs_buf_release(&b);
    put_away(&r);
}

static const struct cs_called *calls_after(struct rig *r, struct cs_tool_loop *loop)
{
    struct cs_plan plan;
    struct cs_prompt p = prompt_of(0, &plan);
    assert_int_equal(cs_tool_loop_go(p.tools, r->rounds, 1, &arena, loop, &err), CS_OK);
    cs_render_release(&p);
    cs_plan_release(&plan);
    return loop->steps[0].calls;
}

/* Whatever a vendor writes for "no arguments" is none; a conversation that stands, in which it was malformed, is what it was. */
static void no_arguments_are_none(void **state)
{
    static const char *const none[] = {"",
                                       ",\"arguments\":null",
                                       ",\"arguments\":\"null\"",
                                       ",\"arguments\":\" null\\n\"",
                                       ",\"arguments\":\"\"",
                                       ",\"arguments\":\"{}\"",
                                       ",\"arguments\":{}"};
    static const char *const others[] = {"\"nulls\"", "\"0\"", "[]", "\"\\\"null\\\"\""};
    struct cs_tool_loop loop;
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "chat");
    lay(&r, 0);
#define CALL "{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"%s\"%s%s}}]}}]}"
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(try_take(&r, cs_arena_printf(&arena, CALL, "here", "", none[i]), ""), CS_ANSWER_NONE);
        assert_int_equal(calls_after(&r, &loop)->came, CS_CALL_answered);
        assert_int_equal(try_take(&r, cs_arena_printf(&arena, CALL, "lab", "", none[i]), ""), CS_ANSWER_NONE);
        assert_int_equal(calls_after(&r, &loop)->came, CS_CALL_malformed);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(try_take(&r, cs_arena_printf(&arena, CALL, "here", ",\"arguments\":", others[i]), ""),
                         CS_ANSWER_NONE);
        assert_int_equal(calls_after(&r, &loop)->came, CS_CALL_malformed);
    }
#undef CALL
    r.rounds[0] = round_of("", "{\"id\":\"1\",\"name\":\"here\",\"arguments\":\"null\"}");
    assert_int_equal(calls_after(&r, &loop)->came, CS_CALL_malformed);
    put_away(&r);
}

/* The last call of a reply that ended at its limit of length is not the model's own mistake; the model is told the same. */
static void a_call_that_is_cut_short_is_none_of_the_models(void **state)
{
    static const char body[] = "{\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"lab\",\"input\":{}},"
                               "{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"lab\",\"input\":{}}]}";
    struct cs_reading reading = {.text = "", .outcome = CS_OUTCOME_truncated};
    struct cs_tool_loop loop;
    enum cs_answer_fault fault;
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "claude");
    lay(&r, 0);
    r.rounds[0] = round_in(&r, body, &reading, 1 << 20, &fault);
    assert_non_null(r.rounds[0]);
    const struct cs_called *c = calls_after(&r, &loop);
    assert_int_equal(c[0].came, CS_CALL_malformed);
    assert_int_equal(c[1].came, CS_CALL_cut);
    assert_string_equal(c[1].result, c[0].result);
    assert_int_equal(loop.came[CS_CALL_cut], 1);
    reading.outcome = CS_OUTCOME_ok;
    r.rounds[0] = round_in(&r, body, &reading, 1 << 20, &fault);
    assert_int_equal(calls_after(&r, &loop)[1].came, CS_CALL_malformed);
    put_away(&r);
}

/* ---- order, identity ------------------------------------------------------------------------------------------ */

static const char *names_shown(const struct cs_prompt *p)
{
    const char *names = "";
    for (uint32_t i = 0; i < p->tools->set->n_tools; i++)
        names = cs_arena_printf(&arena, "%s %s", names, p->tools->tools[i].tool->name);
    return names;
}

static void tools_stand_as_a_factor_or_the_seed_says(void **state)
{
    struct cs_plan plan;
    uint32_t orders = 0;
    (void)state;
    load(
        PROMPT
        "tools: {max_calls: 3, order: p, here: {describe: H., returns: H}, there: {describe: T., returns: T}}\n" QUESTION,
        "chat");
    for (uint32_t cell = 0; cell < 2; cell++) {
        struct cs_prompt p = prompt_of(cell, &plan);
        assert_string_equal(names_shown(&p), cell == 0 ? " here there" : " there here");
        cs_render_release(&p);
        cs_plan_release(&plan);
    }
    for (int seed = 1; seed < 12; seed++) {
        char rest[512];
        snprintf(
            rest, sizeof rest,
            "seed: %d\n" PROMPT
            "tools: {max_calls: 3, order: random, here: {describe: \"{{p.name}}\", returns: H}, there: {describe: T., "
            "returns: T}}\n" QUESTION,
            seed);
        load(rest, "chat");
        struct cs_prompt p = prompt_of(0, &plan);
        const bool first = strcmp(names_shown(&p), " here there") == 0;
        orders |= 1u << first;
        cs_render_release(&p);
        cs_plan_release(&plan);
        p = prompt_of(1, &plan);
        assert_int_equal(first, strcmp(names_shown(&p), " here there") == 0); /* in every condition the same */
        cs_render_release(&p);
        cs_plan_release(&plan);
    }
    assert_int_equal(orders, 3);
}

static void digest_of(const char *rest, uint32_t cell, uint8_t out[32])
{
    struct rig r;
    load(rest, "chat");
    lay(&r, cell);
    (void)next_body(&r);
    assert_int_equal(cs_request_digest(r.requests, &r.body, out, &err), CS_OK);
    put_away(&r);
}

static void whatever_could_be_returned_is_part_of_a_trial(void **state)
{
#define SET(more, text) PROMPT "tools: {max_calls: 3, " more "here: {describe: H., returns: " text "}}\n" QUESTION
    static const char *const others[] = {
        SET("", "case.case_id"),
        SET("last: Now., ", "case.doc"),
        SET("require: all, ", "case.doc"),
        SET("require: all, remind: Do., ", "case.doc"),
        PROMPT "tools: {max_calls: 4, here: {describe: H., returns: case.doc}}\n" QUESTION,
        PROMPT "tools: {max_calls: 3, here: {describe: I., returns: case.doc}}\n" QUESTION,
        PROMPT QUESTION,
        PROMPT TOOLS QUESTION};
    uint8_t all[9][32], again[32];
    (void)state;
    digest_of(SET("", "case.doc"), 0, all[8]);
    digest_of(SET("", "\"{{case.doc}}\""), 0, again);
    assert_memory_equal(all[8], again, 32);
    for (size_t i = 0; i < 8; i++)
        digest_of(others[i], 0, all[i]);
    for (size_t i = 0; i < 9; i++) {
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(all[i], all[k], 32);
    }
    digest_of(PROMPT TOOLS QUESTION, 0, all[0]);
    folder_put(&dir, "t.csv", "case_id,test,result\nc1, X ,eight\n");
    digest_of(PROMPT TOOLS QUESTION, 0, all[1]);
    assert_memory_not_equal(all[0], all[1], 32);
    folder_put(&dir, "t.csv", "case_id,test,result\nc1, X ,seven\n");
#undef SET
}

#define LABS(by)                                                                                                       \
    PROMPT "tools: {max_calls: 3, lab: {describe: L., arguments: {test: {nominal: [x, y]}}, "                          \
           "returns: {file: rows.csv, by: " by ", value: result}}}\n" QUESTION
#define MINE "c1,x,seven\n"
#define HEAD "case_id,test,result\n"

/* Rows of other cases come and change without this case's trials; its own do not. */
static void only_rows_that_the_case_can_look_up_count(void **state)
{
    static const char *const by[] = {LABS("[case.case_id, test]"), LABS("[test, case.case_id]")};
    static const char *const others[] = {HEAD "c0,x,a\n" MINE "c2,y,b\n", HEAD "c2,y,other\n c1 ,y,two\n" MINE,
                                         HEAD "c1,x,eight\n", HEAD "C2,x,seven\n"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t own[32], other[32];
        folder_put(&dir, "rows.csv", HEAD MINE);
        digest_of(by[i], 0, own);
        for (size_t k = 0; k < 4; k++) {
            folder_put(&dir, "rows.csv", others[k]);
            digest_of(by[i], 0, other);
            assert_int_equal(memcmp(own, other, 32) == 0, k == 0);
        }
    }
}

static size_t reckoned(const char *rest)
{
    struct cs_plan plan;
    load(rest, "chat");
    struct cs_prompt p = prompt_of(0, &plan);
    const size_t longest = cs_tools_longest(p.tools);
    cs_render_release(&p);
    cs_plan_release(&plan);
    return longest;
}

/* Nor does what another case could be told make this one's calls dearer; and keys may stand in any order of a table that came by the wire. */
static void only_rows_that_the_case_can_look_up_cost(void **state)
{
    static const uint32_t keys[] = {0, CS_TOOL_KEY_COLUMN}, whole[] = {0};
    static const char *const cells[] = {"x", "c1", "12",      "x", "c2", "1234",
                                        "y", "c1", "1234567", "z", "c2", "123456789"};
    struct cs_tool tool = {.keys = keys, .n_keys = 2, .cells = cells, .n_cells = 12};
    const char *c1[] = {NULL, " C1"}, *c3[] = {NULL, "c3"};
    uint8_t one[32], all[32];
    (void)state;
    folder_put(&dir, "rows.csv", HEAD MINE "c2,x,a result of thirty-two characters.\n");
    assert_int_equal(reckoned(LABS("[test, case.case_id]")), strlen("\"Nothing found.\""));
    assert_int_equal(reckoned(LABS("[case.case_id, test]")), strlen("\"Nothing found.\""));
    cs_tool_rows_seal(&tool);
    assert_int_equal(cs_tool_rows_longest(&tool, c1), 9);
    assert_int_equal(cs_tool_rows_longest(&tool, c3), 0);
    tool.keys = whole, tool.n_keys = 1, tool.n_cells = 4; /* "x": "c1", "12": "x" */
    cs_tool_rows_seal(&tool);
    assert_int_equal(cs_tool_rows_longest(&tool, c1), 4);
    cs_tool_rows_digest(&tool, c1, all);
    tool.n_cells = 2;
    cs_tool_rows_seal(&tool);
    cs_tool_rows_digest(&tool, c1, one);
    assert_memory_not_equal(one, all, 32);
}

static void a_call_is_never_larger_than_was_reckoned(void **state)
{
    struct cs_request_turn turn;
    struct rig r;
    (void)state;
    load(PROMPT TOOLS QUESTION, "responses");
    lay(&r, 0);
    r.rounds[0] = round_of("", HERE "," LAB("x") "," LAB("y"));
    assert_int_equal(cs_request_turn(r.requests, 1, &turn, &err), CS_OK);
    r.n = 1;
    assert_true(strlen(next_body(&r)) <= turn.bytes);
    put_away(&r);
}

/* A reply can make calls that are not answered, with ids of its own length, beside those that are. */
static void nor_when_a_reply_calls_too_often(void **state)
{
    struct cs_request_turn turn;
    struct rig r;
    (void)state;
    load(PROMPT "tools: {max_calls: 30, here: {describe: H., returns: case.doc}}\n" QUESTION, "responses");
    lay(&r, 0);
    for (int k = 0; k < 2; k++) {
        const char *calls = "";
        for (int i = 0; i < (k == 0 ? 29 : 30 + CS_TOOL_SPARE); i++)
            calls = cs_arena_printf(&arena, "%s%s{\"id\":\"%0128d\",\"name\":\"here\",\"arguments\":\"1\"}", calls,
                                    i > 0 ? "," : "", i);
        r.rounds[k] = round_of("", calls);
    }
    assert_int_equal(cs_request_turn(r.requests, 1, &turn, &err), CS_OK);
    r.n = 2;
    assert_true(strlen(next_body(&r)) <= turn.bytes);
    put_away(&r);
}

/* What cannot be sent in the end is refused before anything is paid for. */
static void results_that_no_body_holds_are_refused(void **state)
{
    struct cs_request_turn turn;
    struct cs_buf table = CS_BUF_INIT(1 << 20);
    struct rig r;
    (void)state;
    cs_buf_printf(&table, HEAD "c1,x,%0*d\n", 60000, 1);
    folder_put(&dir, "rows.csv", cs_buf_cstr(&table));
    for (int i = 0; i < 2; i++) {
        load(i == 0 ? LABS("[case.case_id, test]")
                    : PROMPT "tools: {max_calls: 30, lab: {describe: L., arguments: {test: {nominal: [x, y]}}, "
                             "returns: {file: rows.csv, by: [test, case.case_id], value: result}}}\n" QUESTION,
             "chat");
        lay(&r, 0);
        assert_int_equal(cs_request_turn(r.requests, 1, &turn, &err), i == 0 ? CS_OK : CS_ETOOBIG);
        put_away(&r);
    }
    assert_non_null(strstr(err.msg, "max_calls 30 and results of up to 60002 bytes"));
    cs_buf_release(&table);
}

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *e)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)e;
    return CS_OK;
}

static void tools_travel(void **state)
{
    struct cs_buf packed = CS_BUF_INIT(CS_SPEC_MAX), again = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_spec spec;
    (void)state;
    load(PROMPT TOOLS QUESTION, "chat");
    const struct cs_case_source *cases = &loaded.cases;
    assert_int_equal(cs_spec_pack(loaded.study, cases, &packed, no_sink, NULL, &err), CS_OK);
    assert_int_equal(cs_spec_unpack(packed.data, (uint32_t)packed.len, &spec, &err), CS_OK);
    assert_int_equal(spec.needs.minor, 5);
    assert_int_equal(spec.study->n_toolsets, 1);
    assert_int_equal(cs_spec_pack(spec.study, cases, &again, no_sink, NULL, &err), CS_OK);
    assert_int_equal(packed.len, again.len);
    assert_memory_equal(packed.data, again.data, packed.len);
    cs_spec_release(&spec);
    cs_buf_release(&packed);
    cs_buf_release(&again);
}

/* ---- derived answers -------------------------------------------------------------------------------------------- */

static void calls_are_outcomes(void **state)
{
    struct cs_derived_value v[4];
    struct cs_tool_loop loop;
    struct cs_plan plan;
    double min, max;
    (void)state;
    load(
        PROMPT TOOLS
        "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}, derive: {first: {first_called: any}, here: {called: here}, "
        "n: {calls: any}, safe: {any: [{called: [here, lab]}, {equals: [pick, A]}]}}}]\n",
        "chat");
    struct cs_prompt p = prompt_of(0, &plan);
    const struct cs_answer answer = {.text = "B", .category = 1};
    struct cs_derive_facts f = {
        .question = &loaded.study->questions[0], .answers = &answer, .arena = &arena, .loop = &loop};
    const char *rounds[] = {round_of("", LAB("z")), round_of("", LAB("x") "," LAB("x"))};
    assert_int_equal(cs_tool_loop_go(p.tools, rounds, 2, &arena, &loop, &err), CS_OK);
    cs_derive(&f, v);
    assert_string_equal(v[0].text, "lab");
    assert_true(v[1].known && !v[1].yes);
    assert_string_equal(v[2].text, "1");
    assert_true(v[3].known && v[3].yes);
    assert_true(cs_derive_bounds(f.question, &f.question->derived[2], &min, &max));
    assert_true(min <= 0 && max >= 3 && max <= 3);
    assert_int_equal(cs_tool_loop_go(p.tools, rounds, 1, &arena, &loop, &err), CS_OK);
    cs_derive(&f, v);
    assert_string_equal(v[0].text, "none");
    assert_string_equal(v[2].text, "0");
    assert_true(v[3].known && !v[3].yes);
    f.loop = NULL; /* where nobody looked, nothing is known */
    cs_derive(&f, v);
    assert_false(v[0].known || v[1].known || v[2].known || v[3].known);
    cs_render_release(&p);
    cs_plan_release(&plan);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------ */

static void what_a_loader_refuses(void **state)
{
#define ONE "here: {describe: H., returns: H}"
    static const struct {
        const char *rest, *says, *model;
    } rows[] = {
        {PROMPT "tools: {max_calls: 3}\n" QUESTION, "there is no tool", "chat"},
        {PROMPT "tools: {" ONE "}\n" QUESTION, "max_calls", "chat"},
        {PROMPT "tools: {max_calls: 31, " ONE "}\n" QUESTION, "max_calls", "chat"},
        {PROMPT "tools: {max_calls: 1, bad name: {describe: H., returns: H}}\n" QUESTION,
         "the name of a tool is \"bad name\"", "chat"},
        {PROMPT "tools: {max_calls: 1, any: {describe: H., returns: H}}\n" QUESTION, "means something else", "chat"},
        {PROMPT "tools: {max_calls: 1, q: {describe: H., returns: H}}\n" QUESTION, "a tool of its own name", "chat"},
        {PROMPT "tools: {max_calls: 1, here: {describe: H.}}\n" QUESTION, "returns", "chat"},
        {PROMPT "tools: {max_calls: 1, here: {returns: H.}}\n" QUESTION, "describe", "chat"},
        {PROMPT "tools: {max_calls: 1, here: {describe: H., returns: case.dok}}\n" QUESTION, "dok", "chat"},
        {PROMPT "tools: {max_calls: 1, here: {describe: H., returns: \"{{p.nam}}\"}}\n" QUESTION,
         "names no column of factor", "chat"},
        {PROMPT "tools: {max_calls: 1, remind: R., " ONE "}\n" QUESTION, "goes with require: all", "chat"},
        {PROMPT "tools: {max_calls: 1, require: all, " ONE ", there: {describe: T., returns: T}}\n" QUESTION, "too few",
         "chat"},
        {PROMPT "tools: {max_calls: 1, order: p, " ONE "}\n" QUESTION, "orders 2 tools, but there are 1", "chat"},
        {PROMPT "tools: {max_calls: 1, order: q, " ONE "}\n" QUESTION, "q", "chat"},
        {PROMPT "tools: {max_calls: 1, here: {describe: H., arguments: {a: {options: [doc]}}, returns: H}}\n" QUESTION,
         "", "chat"},
        {PROMPT
         "tools: {max_calls: 1, here: {describe: H., returns: {file: t.csv, by: [test], value: result}}}\n" QUESTION,
         "is no argument of the tool", "chat"},
        {PROMPT
         "tools: {max_calls: 1, here: {describe: H., returns: {file: t.csv, by: [case.case_id], value: no}}}\n" QUESTION,
         "has no column \"no\"", "chat"},
        {PROMPT
         "tools: {max_calls: 1, here: {describe: H., arguments: {a: text}, returns: {file: twice.csv, by: {k: a}, value: v}}}\n" QUESTION,
         "the same keys stand in line 2", "chat"},
        {PROMPT
         "tools: {max_calls: 1, here: {describe: H., arguments: {a: text}, returns: {file: empty.csv, by: {k: a}, value: v}}}\n" QUESTION,
         "there is nothing to return", "chat"},
        {"prompt: {turns: [{user: A}, {user: B}]}\ntools: {max_calls: 1, " ONE "}\n" QUESTION, "the prompt has turns",
         "chat"},
        {PROMPT "tools: {max_calls: 1, " ONE
                "}\nquestions: [{name: q, ask: Which?, answer_at: [1], answer: {pick: {nominal: [A, B]}}}]\n",
         "answer_at goes with prompt", "chat"},
        {PROMPT "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}, derive: {c: {called: here}}}]\n",
         "has none", "chat"},
        {PROMPT
         "tools: {max_calls: 1, " ONE
         "}\nquestions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}, derive: {c: {called: her}}}]\n",
         "there is no tool \"her\"", "chat"},
        {PROMPT "tools: {max_calls: 1, " ONE "}\n" QUESTION, "which has no tools", "app"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const enum cs_err rc = try_load(rows[i].rest, rows[i].model);
        if (rc == CS_OK || strstr(err.msg, rows[i].says) == NULL)
            print_error("%zu: %s\n", i, rc == CS_OK ? "loaded" : err.msg);
        assert_int_not_equal(rc, CS_OK);
        assert_non_null(strstr(err.msg, rows[i].says));
    }
    load(PROMPT "tools: {max_calls: 1, " ONE
                "}\nquestions: [{name: q, ask: Which?, tools: none, answer: {pick: {nominal: [A, B]}}}]\n",
         "chat");
    assert_int_equal(loaded.study->questions[0].tools, 0);
#undef ONE
}

static int setup(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "c.csv", "case_id,text,doc\nc1,One.,Doc.\n");
    folder_put(&dir, "t.csv", "case_id,test,result\nc1, X ,seven\n");
    folder_put(&dir, "twice.csv", "k,v\nA,1\n a,2\n");
    folder_put(&dir, "empty.csv", "k,v\nA, \n");
    folder_put(
        &dir, "providers.yaml",
        "accounts:\n"
        "  a: {protocol: openai-chat, base_url: \"https://a.example\", key: {env: K}}\n"
        "  r: {protocol: openai-responses, base_url: \"https://a.example\", key: {env: K}}\n"
        "  c: {protocol: anthropic-messages, base_url: \"https://a.example\", key: {env: K}}\n"
        "  t: {protocol: anthropic-messages, base_url: \"https://a.example\", key: {env: K}, response_format: tool}\n"
        "  g: {protocol: gemini, base_url: \"https://a.example\", key: {env: K}}\n"
        "  b: {protocol: bedrock-converse, base_url: \"https://a.example\", key: {env: K}}\n"
        "  h: {protocol: http, base_url: \"https://a.example\", key: {env: K}, request: {method: POST, path: /a, body: {q: \"{{user}}\"}}, reply: {text: /a}}\n"
        "models:\n"
        "  chat: {account: a, model: m}\n"
        "  responses: {account: r, model: m, parameters: {max_output_tokens: 50}}\n"
        "  claude: {account: c, model: m, parameters: {max_output_tokens: 50}}\n"
        "  claude-tool: {account: t, model: m, parameters: {max_output_tokens: 50}}\n"
        "  gemini: {account: g, model: m, parameters: {max_output_tokens: 50}}\n"
        "  bedrock: {account: b, model: m, parameters: {max_output_tokens: 50}}\n"
        "  app: {account: h, model: m}\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cs_load_release(&loaded);
    cs_arena_release(&arena);
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat),
        cmocka_unit_test(responses),
        cmocka_unit_test(anthropic),
        cmocka_unit_test(an_answer_that_is_a_tool),
        cmocka_unit_test(gemini),
        cmocka_unit_test(bedrock),
        cmocka_unit_test(who_has_not_used_all_is_reminded_once),
        cmocka_unit_test(calls_are_counted_by_what_they_came_to),
        cmocka_unit_test(arguments_fit_or_do_not),
        cmocka_unit_test(too_much_in_one_reply_is_not_gone_on_from),
        cmocka_unit_test(no_arguments_are_none),
        cmocka_unit_test(a_call_that_is_cut_short_is_none_of_the_models),
        cmocka_unit_test(tools_stand_as_a_factor_or_the_seed_says),
        cmocka_unit_test(whatever_could_be_returned_is_part_of_a_trial),
        cmocka_unit_test(only_rows_that_the_case_can_look_up_count),
        cmocka_unit_test(only_rows_that_the_case_can_look_up_cost),
        cmocka_unit_test(a_call_is_never_larger_than_was_reckoned),
        cmocka_unit_test(nor_when_a_reply_calls_too_often),
        cmocka_unit_test(results_that_no_body_holds_are_refused),
        cmocka_unit_test(tools_travel),
        cmocka_unit_test(calls_are_outcomes),
        cmocka_unit_test(what_a_loader_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
