/* Scripted conversations: which calls a case makes and with which messages, their identity, answers over turns, what a loader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/dialects/request.h"
#include "protocol/load/load.h"
#include "protocol/study/derive.h"
#include "protocol/wire/spec.h"
#include "tests/unit/fixture_files.h"

static struct folder dir;
static struct cs_loaded loaded;
static struct cs_error err;

#define QUESTION "questions: [{name: q, ask: Which?, answer: {pick: {nominal: [A, B]}}}]\n"
#define TURNS                                                                                                          \
    "prompt: {system: S, turns: [{user: \"{{case.text}} {{question.ask}}\"}, {user: \"{{p.t2}}\"}, {user: \"{{p.t3}}\"}]}\n"
#define FACTOR                                                                                                         \
    "factors: [{name: p, columns: [t2, t3], levels: [{id: none, role: control, t2: \"\", t3: \" \"}, "                 \
    "{id: doubt, t2: Sure?, t3: Wrong.}, {id: late, t2: \"\", t3: Wrong.}]}]\n"

static enum cs_err try_load(const char *cases, const char *rest, const char *model)
{
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    folder_put(&dir, "c.jsonl",
               "{\"case_id\":\"c1\",\"text\":\"One.\",\"push\":[\"a\",{\"say\":\"b\"}],\"none\":[]}\n");
    cs_buf_printf(&b, "study: t\ncases: {file: c.jsonl%s}\n%smodels: [%s]\n", cases, rest, model);
    const char *path = folder_put(&dir, "study.yaml", cs_buf_cstr(&b));
    cs_buf_release(&b);
    cs_load_release(&loaded);
    return cs_load_study(path, NULL, &loaded, &err);
}

static void load(const char *cases, const char *rest, const char *model)
{
    enum cs_err rc = try_load(cases, rest, model);
    if (rc != CS_OK)
        print_error("%s\n", err.msg);
    assert_int_equal(rc, CS_OK);
}

struct rig {
    struct cs_plan plan;
    struct cs_requests *requests;
    struct cs_coords at;
    struct cs_buf body;
    uint32_t calls;
};

static void lay(struct rig *r, const struct cs_study *s, uint32_t cell)
{
    *r = (struct rig){.body = CS_BUF_INIT(CS_BODY_MAX)};
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
}

static void assert_call(struct rig *r, uint32_t k, const char *const *replies, const char *body)
{
    assert_int_equal(cs_request_turn_body(r->requests, k, replies, &r->body, &err), CS_OK);
    assert_string_equal(cs_buf_cstr(&r->body), body);
}

#define SYSTEM "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"S\"},"
#define USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define MODEL(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define SCHEMA                                                                                                             \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"q\",\"strict\":true,\"schema\":"           \
    "{\"type\":\"object\",\"properties\":{\"pick\":{\"type\":\"string\",\"enum\":[\"A\",\"B\"]}},\"required\":[\"pick\"]," \
    "\"additionalProperties\":false}}}"

static void the_history_goes_out_with_every_call(void **state)
{
    static const char *const replies[] = {"r \"1\"", "r2"};
    struct rig r;
    (void)state;
    load("", FACTOR TURNS QUESTION, "chat");
    lay(&r, loaded.study, 1);
    assert_int_equal(r.calls, 3);
    assert_call(&r, 0, NULL, SYSTEM USER("One. Which?") "]}");
    assert_call(&r, 1, replies, SYSTEM USER("One. Which?") "," MODEL("r \\\"1\\\"") "," USER("Sure?") "]}");
    assert_call(&r, 2, replies,
                SYSTEM USER("One. Which?") "," MODEL("r \\\"1\\\"") "," USER("Sure?") "," MODEL("r2") "," USER(
                    "Wrong.") "]" SCHEMA "}");
    assert_call(&r, 0, NULL, SYSTEM USER("One. Which?") "]}"); /* in any order */
    put_away(&r);
}

static void an_empty_text_leaves_the_turn_out(void **state)
{
    static const char *const replies[] = {"r1"};
    struct cs_request_turn turn;
    uint8_t digest[32], plain[32];
    struct rig r;
    (void)state;
    load("", FACTOR TURNS QUESTION, "chat");
    lay(&r, loaded.study, 0); /* nothing after the first: the last call has the answer, and it is an ordinary trial */
    assert_int_equal(r.calls, 1);
    assert_call(&r, 0, NULL, SYSTEM USER("One. Which?") "]" SCHEMA "}");
    assert_int_equal(cs_request_digest(r.requests, &r.body, digest, &err), CS_OK);
    cs_digest_blake2b_256(r.body.data, r.body.len, plain);
    assert_memory_equal(digest, plain, 32);
    put_away(&r);
    lay(&r, loaded.study, 2);
    assert_int_equal(r.calls, 2);
    assert_int_equal(cs_request_turn(r.requests, 1, &turn, &err), CS_OK);
    assert_int_equal(turn.number, 3);
    assert_true(turn.answers);
    assert_call(&r, 1, replies, SYSTEM USER("One. Which?") "," MODEL("r1") "," USER("Wrong.") "]" SCHEMA "}");
    assert_int_equal(turn.bytes, r.body.len - 2); /* all but the reply */
    put_away(&r);
}

static void given_replies_and_a_turn_for_each_element(void **state)
{
    static const char *const replies[] = {"r1"};
    struct cs_request_turn turn;
    struct rig r;
    (void)state;
    load(", lists: [push, none]",
         "prompt: {turns: [{user: Hi}, {assistant: \"Yes, {{case.text}}\"}, {each: case.push, user: \"{{each.text}}"
         "{{each.say}}\"}, {each: case.none, user: \"{{case.text}}\"}]}\n" QUESTION,
         "chat");
    lay(&r, loaded.study, 0);
    assert_int_equal(r.calls, 2);
    assert_call(&r, 1, replies,
                "{\"model\":\"m\",\"messages\":[" USER("Hi") "," MODEL("Yes, One.") "," USER("a") "," MODEL(
                    "r1") "," USER("b") "]" SCHEMA "}");
    assert_int_equal(cs_request_turn(r.requests, 0, &turn, &err), CS_OK);
    assert_int_equal(turn.number, 2); /* the first is not asked */
    assert_false(turn.answers);
    put_away(&r);
}

static enum cs_err no_sink(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *e)
{
    (void)self, (void)digest, (void)bytes, (void)n, (void)e;
    return CS_OK;
}

#define AT_ALL                                                                                                           \
    "questions: [{name: q, ask: Which?, answer_at: [1, 2, 3], answer: {pick: {nominal: [A, B]}}, derive: {f: {differs: " \
    "[pick@3, pick@1]}, w: {equals: [pick@2, B]}, n: {first_change: pick}, c: {changes: pick}, l: {equals: [pick@last, B]}}}]\n"

static void it_goes_over_the_wire_and_is_the_same_trial(void **state)
{
    struct cs_buf bytes = CS_BUF_INIT(CS_SPEC_MAX);
    struct cs_cells *here, *there;
    struct cs_spec spec;
    struct rig a, b;
    (void)state;
    load("", FACTOR TURNS AT_ALL, "chat");
    assert_int_equal(cs_spec_pack(loaded.study, &loaded.cases, &bytes, no_sink, NULL, &err), CS_OK);
    assert_int_equal(cs_spec_unpack(bytes.data, (uint32_t)bytes.len, &spec, &err), CS_OK);
    assert_int_equal(spec.needs.minor, 4); /* an older worker would ask an empty text */
    lay(&a, loaded.study, 1);
    lay(&b, spec.study, 1);
    assert_int_equal(cs_cells_make(a.requests, 0, 0, &loaded.cases, true, &here, &err), CS_OK);
    assert_int_equal(cs_cells_make(b.requests, 0, 0, &loaded.cases, false, &there, &err), CS_OK);
    assert_memory_equal(here->body_digest, there->body_digest, 3 * 32);
    assert_int_equal(here->calls[0], 1);
    assert_int_equal(here->calls[1], 3);
    assert_int_equal(here->calls[2], 2);
    assert_true(here->all_bytes[1] > 3 * (uint64_t)here->body_len[1]);
    assert_int_equal(here->all_bytes[0], here->body_len[0]);
    cs_cells_free(here);
    cs_cells_free(there);
    put_away(&a);
    put_away(&b);
    cs_spec_release(&spec);
    cs_buf_release(&bytes);
}

/* By hand: the bytes that script.h says, of two calls. */
static void what_a_conversation_is_known_by(void **state)
{
    static const char first[] = SYSTEM USER("One. Which?") "]}", tail[] = "]" SCHEMA "}";
    struct cs_buf b = CS_BUF_INIT(1 << 12);
    uint8_t digest[32], want[32], body[32];
    struct rig r;
    (void)state;
    load("", FACTOR TURNS QUESTION, "chat");
    lay(&r, loaded.study, 2);
    assert_call(&r, 0, NULL, first);
    assert_int_equal(cs_request_digest(r.requests, &r.body, digest, &err), CS_OK);
    cs_digest_blake2b_256(first, strlen(first), body);
    cs_buf_append(&b, "clinsafe-turns-1\0\0\0\0\2", 21);
    cs_buf_append(&b, body, 32);
    const size_t n = strlen(tail) - 1; /* the bracket is the messages' */
    cs_buf_append(&b, (const char[]){0, 0, (char)(n >> 8), (char)(n & 255)}, 4);
    cs_buf_append(&b, tail + 1, n);
    cs_buf_append(&b, "\0\0\0\0\0\0\0\6Wrong.", 14);
    cs_digest_blake2b_256(b.data, b.len, want);
    assert_memory_equal(digest, want, 32);
    cs_buf_release(&b);
    put_away(&r);
}

/* words: the answers at turns 1 to 5, - where it was left out, ? where it cannot be read. */
static void assert_over_turns(const char *words, const char *first_change, const char *changes)
{
    const struct cs_question *q = &loaded.study->questions[0];
    struct cs_answer answers[6][1];
    struct cs_derived_value v[CS_FIELDS_MAX];
    struct cs_derive_turns turns = {0};
    struct cs_arena arena = {0};
    for (uint32_t n = 1; n <= strlen(words); n++) {
        const char *const text = words[n - 1] == 'A' ? "A" : words[n - 1] == 'C' ? "cannot say" : "B";
        answers[n][0] = (struct cs_answer){
            .text = text, .category = text[0] == 'A' ? 0 : 1, .insufficient = text[0] == 'c'};
        turns.asked |= words[n - 1] != '-' ? UINT64_C(1) << (n - 1) : 0;
        turns.answers[n] = words[n - 1] != '-' && words[n - 1] != '?' ? answers[n] : NULL;
    }
    const struct cs_derive_facts facts = {.question = q,
                                          .c = &loaded.all[0],
                                          .reply = "",
                                          .alternatives = "",
                                          .answers = answers[strlen(words)],
                                          .arena = &arena,
                                          .turns = &turns};
    cs_derive(&facts, v);
    assert_string_equal(v[0].known ? v[0].text : "?", first_change);
    assert_string_equal(v[1].known ? v[1].text : "?", changes);
    cs_arena_release(&arena);
}

static void turn_of_flip_and_number_of_flips(void **state)
{
    double min, max;
    (void)state;
    load(
        "",
        "prompt: {turns: [{user: a}, {user: b}, {user: c}, {user: d}, {user: e}]}\n"
        "questions: [{name: q, ask: Which?, answer_at: [1, 2, 3, 4, 5], answer: {pick: {nominal: [A, B], insufficient: "
        "cannot say}}, derive: {t: {first_change: pick}, n: {changes: pick}}}]\n",
        "chat");
    assert_over_turns("AABBA", "2", "2");
    assert_over_turns("AAAAA", "5", "0");
    assert_over_turns("ABABA", "1", "4");
    assert_over_turns("AAAAB", "4", "1");
    assert_over_turns("A--AB", "2", "1"); /* turns left out are passed over */
    assert_over_turns("AB?AB", "1", "?");
    assert_over_turns("A?BBB", "?", "?");
    assert_over_turns("AACAA", "?", "?"); /* one does not know what it would have been */
    assert_true(cs_derive_bounds(&loaded.study->questions[0], &loaded.study->questions[0].derived[0], &min, &max));
    assert_true(min == 1 && max == 5);
    assert_true(cs_derive_bounds(&loaded.study->questions[0], &loaded.study->questions[0].derived[1], &min, &max));
    assert_true(min == 0 && max == 4);
}

static void what_a_loader_refuses(void **state)
{
    static const struct {
        const char *rest, *says;
    } bad[] = {
        {"prompt: {user: x, turns: [{user: a}]}\n" QUESTION, "turns is the whole conversation"},
        {"prompt: {turns: []}\n" QUESTION, "turns is empty"},
        {"prompt: {turns: [{assistant: a}, {user: b}]}\n" QUESTION, "begins with the user"},
        {"prompt: {turns: [{user: b}, {assistant: a}]}\n" QUESTION, "so that nothing is asked"},
        {"prompt: {turns: [{user: b}, {assistant: a}, {assistant: a}, {user: c}]}\n" QUESTION, "whose reply it is"},
        {"prompt: {turns: [{user: b, assistant: a}]}\n" QUESTION, "a turn of its own for each"},
        {"prompt: {turns: [{user: \"{{each.text}}\"}]}\n" QUESTION, "or with a turn {each: case.LIST"},
        {"prompt: {turns: [{each: case.text, user: x}]}\n" QUESTION, "which is no list"},
        {"prompt: {turns: [{each: case.push, user: \"{{each.nope}}\"}]}\n" QUESTION,
         "no element of push has a \"nope\""},
        {"prompt: {turns: [{user: \"{{case.txt}}\"}]}\n" QUESTION, "names no column"},
        {"prompt: {user: x}\nquestions: [{name: q, ask: w, answer_at: [1], answer: {p: text}}]\n", "goes with prompt"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, ask: w, answer_at: [1], answer: {p: text}}]\n",
         "leaves out the last turn, 2"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, ask: w, answer_at: [2, 3], answer: {p: text}}]\n",
         "answer_at names turn 3; there are 2"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, ask: w, answer_at: [2, 2], answer: {p: text}}]\n",
         "goes upwards"},
        {"prompt: {turns: [{user: a}, {assistant: b}, {user: c}]}\nquestions: [{name: q, ask: w, answer_at: [1, 2], "
         "answer: {p: text}}]\n",
         "given and not asked for"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, answer_at: [1, 2], answer: free}]\n",
         "goes with typed answers"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, ask: w, answer: {p: text}, derive: {x: {changes: "
         "p}}}]\n",
         "answer_at: [1, 2, 3]"},
        {"prompt: {turns: [{user: a}, {user: b}]}\nquestions: [{name: q, ask: w, answer: {p: text}, derive: {x: {equals: "
         "[p@1, y]}}}]\n",
         "no answer at a turn"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(try_load(", lists: [push]", bad[i].rest, "chat"), CS_EINVAL);
        if (strstr(err.msg, bad[i].says) == NULL)
            print_error("%zu: %s\n", i, err.msg);
        assert_non_null(strstr(err.msg, bad[i].says));
    }
    load("", "prompt: {turns: [{user: a}, {user: \"{{case.text}}\"}]}\n" QUESTION, "bedrock"); /* which wants turns */
}

static int open_folder(void **state)
{
    (void)state;
    folder_open(&dir);
    folder_put(&dir, "providers.yaml",
               "accounts:\n  c: {provider: simulated, protocol: openai-chat}\n"
               "  b: {provider: simulated, protocol: bedrock-converse}\n"
               "models:\n  chat: {account: c, model: m}\n"
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
        cmocka_unit_test(the_history_goes_out_with_every_call),
        cmocka_unit_test(an_empty_text_leaves_the_turn_out),
        cmocka_unit_test(given_replies_and_a_turn_for_each_element),
        cmocka_unit_test(it_goes_over_the_wire_and_is_the_same_trial),
        cmocka_unit_test(what_a_conversation_is_known_by),
        cmocka_unit_test(turn_of_flip_and_number_of_flips),
        cmocka_unit_test(what_a_loader_refuses),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
