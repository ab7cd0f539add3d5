/* Every kind of message and the output record: the golden bytes (which never change within a major version), every
 * field there and back, and what is refused from outside. Reads tests/golden, so it runs in the checkout's top
 * folder. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/utf8.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/output.h"

#include "tests/unit/fixture_messages.h"

static void assert_same_message(const struct cs_message *a, const struct cs_message *b)
{
    struct cs_buf x = CS_BUF_INIT(1 << 20), y = CS_BUF_INIT(1 << 20);
    say_message(&x, a);
    say_message(&y, b);
    assert_string_equal(cs_buf_cstr(&x), cs_buf_cstr(&y));
    cs_buf_release(&x);
    cs_buf_release(&y);
}

/* ---- golden bytes --------------------------------------------------------------------------------- */

/* tests/golden/NAME.hex holds these bytes, in lines of 32. Shows what it should hold where it does not. */
static void assert_golden(const char *name, const struct cs_buf *b)
{
    struct cs_buf hex = CS_BUF_INIT(1 << 20);
    char path[128], *file = NULL;
    struct cs_error err;
    for (size_t i = 0; i < b->len; i++)
        cs_buf_printf(&hex, "%02x%s", (uint8_t)b->data[i], i % 32 == 31 || i + 1 == b->len ? "\n" : "");
    snprintf(path, sizeof path, "tests/golden/%s.hex", name);
    if (cs_file_read(path, 1 << 20, &file, NULL, &err) != CS_OK)
        fail_msg("%s\nit should hold:\n%s", err.msg, cs_buf_cstr(&hex));
    assert_string_equal(file, cs_buf_cstr(&hex));
    free(file);
    cs_buf_release(&hex);
}

static void test_golden_messages(void **state)
{
    static const enum cs_kind kinds[] = {
#define X(name, number) CS_##name,
        CS_KIND_TABLE(X)
#undef X
    };
    (void)state;
    for (uint32_t i = 0; i < LEN(kinds); i++) {
        struct cs_message m = sample(kinds[i]), back;
        struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
        struct cs_arena arena = {0};
        struct cs_error err = {0};
        cs_message_pack(&m, &b);
        assert_golden(cs_message_kind_name(kinds[i]), &b);
        if (cs_message_unpack(b.data, b.len, &arena, &back, &err) != CS_OK)
            fail_msg("%s: %s", cs_message_kind_name(kinds[i]), err.msg);
        assert_same_message(&m, &back);
        cs_arena_release(&arena);
        cs_buf_release(&b);
    }
}

/* What 1.1 appends to HELLO and WELCOME: the bytes of 1.0 above are those of one that states no minor version. */
static void test_golden_minor(void **state)
{
    (void)state;
    for (int welcome = 0; welcome < 2; welcome++) {
        struct cs_message m = sample(welcome ? CS_WELCOME : CS_HELLO), back;
        struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
        struct cs_arena arena = {0};
        *(welcome ? &m.welcome.minor : &m.hello.minor) = 1;
        cs_message_pack(&m, &b);
        assert_golden(welcome ? "WELCOME_1_1" : "HELLO_1_1", &b);
        assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &back, NULL), CS_OK);
        assert_same_message(&m, &back);
        cs_arena_release(&arena);
        cs_buf_release(&b);
    }
}

/* There and back, and these bytes. */
static void assert_output(const char *golden, struct cs_output o)
{
    struct cs_output back;
    struct cs_buf b = CS_BUF_INIT(CS_OUTPUT_MAX), x = CS_BUF_INIT(4096), y = CS_BUF_INIT(4096);
    struct cs_arena arena = {0};
    cs_output_pack(&o, &b);
    assert_golden(golden, &b);
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, NULL), CS_OK);
    say_output(&x, &o);
    say_output(&y, &back);
    assert_string_equal(cs_buf_cstr(&x), cs_buf_cstr(&y));
    cs_buf_release(&x);
    cs_buf_release(&y);
    cs_buf_release(&b);
    cs_arena_release(&arena);
}

/* Fields that were appended are in the record only where they say something: older records stay as they are. */
static void test_golden_output(void **state)
{
    struct cs_output o = sample_output();
    (void)state;
    assert_output("output", o);
    o.logprob = -1.25;
    o.logprob_tokens = 9;
    o.alternatives = "{\"triage\":{\"urg\":-0.1235}}";
    assert_output("output_logprobs", o);
    o.salvaged = o.reasoning_cut = true;
    o.cause = "unknown_word";
    o.reasoning = "The pain began today.";
    o.tool_calls = "[{\"name\":\"look_up\"}]";
    assert_output("output_reading", o);
    o.wasted = 3;
    o.wasted_untold = 1;
    o.wasted_input = 100;
    o.wasted_cached = 40;
    o.wasted_output = 600;
    o.usage_short = o.cache_hit = true;
    o.response_id = "chatcmpl-1";
    assert_output("output_bill", o);
    o = sample_output();
    o.turn = 2;
    o.sent[0] = 0xab;
    o.sent[15] = 0xcd;
    assert_output("output_turn", o);
    o.turn = 0;
    o.turns_done = 3;
    assert_output("output_turns_done", o);
    o.turn = 2;
    o.turns_done = 0;
    o.round = "{\"said\":\"\",\"calls\":[],\"blocks\":[]}";
    assert_output("output_round", o);
    o.server = "http://10.1.2.3:8000/v1";
    assert_output("output_round_server", o);
    o = sample_output();
    o.server = "http://10.1.2.3:8000/v1";
    assert_output("output_server", o);
    o = sample_output();
    o.cache_write_tokens = 900;
    o.wasted_cache_write = 70;
    assert_output("output_written", o);
}

/* ---- what is refused ------------------------------------------------------------------------------ */

static enum cs_err unpack(const struct cs_buf *b, struct cs_message *m, struct cs_error *err)
{
    static struct cs_arena arena;
    cs_arena_reset(&arena);
    *err = (struct cs_error){0};
    memset(m, 0xa5, sizeof *m);
    enum cs_err rc = cs_message_unpack(b->data, b->len, &arena, m, err);
    if (rc == CS_EPROTO) {
        struct cs_message zero = {0};
        assert_same_message(m, &zero);
        assert_true(err->msg[0] != '\0');
    }
    cs_arena_release(&arena);
    return rc;
}

/* An envelope by hand; the body is left to the caller, who closes. */
static struct cs_codec *envelope(struct cs_buf *b, uint32_t fields, uint16_t version, uint16_t kind)
{
    uint64_t session = 5, zero = 0;
    struct cs_codec *c = cs_codec_packer(b);
    cs_codec_begin(c, fields);
    cs_codec_u16(c, &version);
    cs_codec_u16(c, &kind);
    cs_codec_u64(c, &session);
    cs_codec_u64(c, &zero);
    cs_codec_u64(c, &zero);
    return c;
}

static void finish(struct cs_codec *c)
{
    cs_codec_end(c);
    assert_int_equal(cs_codec_close(c, NULL), CS_OK);
}

static void test_other_major(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1000);
    struct cs_message m;
    struct cs_error err;
    (void)state;
    uint64_t strange = 1;
    struct cs_codec *c = envelope(&b, 6, 2 * 256, CS_REJECT);
    cs_codec_u64(c, &strange); /* a body that major 1 would refuse */
    finish(c);
    assert_int_equal(unpack(&b, &m, &err), CS_ESTALE);
    assert_int_equal(m.version, 512);
    assert_int_equal(m.kind, CS_REJECT);
    assert_int_equal(m.session, 5);
    assert_non_null(strstr(err.msg, "version 2"));

    cs_buf_clear(&b);
    c = envelope(&b, 5, 7 * 256, 999); /* fewer fields, a kind of theirs */
    finish(c);
    assert_int_equal(unpack(&b, &m, &err), CS_ESTALE);
    assert_int_equal(m.kind, CS_KIND_NONE);
    cs_buf_release(&b);
}

/* What is left out at the end of a record when there is none, so that 1.0's golden bytes stay what they are. */
static void test_what_was_appended(void **state)
{
    struct cs_arena arena = {0};
    struct cs_buf b = CS_BUF_INIT(1000);
    struct cs_error err;
    (void)state;
    for (int with = 0; with < 4; with++) {
        const char *key = with & 1 ? "0badc0de" : NULL;
        uint32_t number = with & 2 ? 70000 : 0;
        struct cs_want_lane want_lane = {.gen = 1, .lane = 2, .trouble = "HTTP 401", .key = key, .jams = number};
        struct cs_lane_info info = {
            .gen = 1, .lane = 2, .barred = with & 1 ? "0badc0de 12345678" : NULL, .calls = number};
        struct cs_message m = {.kind = CS_WANT, .want = {1, &want_lane}}, back;
        cs_buf_clear(&b);
        cs_message_pack(&m, &b);
        assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
        assert_string_equal(back.want.lanes[0].key, with & 1 ? "0badc0de" : "");
        assert_int_equal(back.want.lanes[0].jams, number);
        m = (struct cs_message){.kind = CS_STOP, .announce = {.n_lanes = 1, .lanes = &info}};
        cs_buf_clear(&b);
        cs_message_pack(&m, &b);
        assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
        assert_string_equal(back.announce.lanes[0].barred, with & 1 ? "0badc0de 12345678" : "");
        assert_int_equal(back.announce.lanes[0].calls, number);
        assert_int_equal(back.announce.lanes[0].limits.concurrent, 0);
        const size_t plain = b.len;
        info.limits = (struct cs_limits){.output_tokens_per_minute = 1000000, .concurrent = 5};
        cs_buf_clear(&b);
        cs_message_pack(&m, &b);
        assert_true(b.len > plain);
        assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
        assert_int_equal(back.announce.lanes[0].calls, number);
        assert_int_equal(back.announce.lanes[0].weight, 0);
        assert_int_equal(back.announce.lanes[0].limits.requests_per_minute, 0);
        assert_int_equal(back.announce.lanes[0].limits.output_tokens_per_minute, 1000000);
        assert_int_equal(back.announce.lanes[0].limits.concurrent, 5);
        m = (struct cs_message){.kind = CS_ADMIN, .admin = {.verb = "pause", .reason = with & 1 ? "a new key" : NULL}};
        cs_buf_clear(&b);
        cs_message_pack(&m, &b);
        assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &back, &err), CS_OK);
        assert_string_equal(back.admin.reason, with & 1 ? "a new key" : "");
    }
    cs_arena_release(&arena);
    cs_buf_release(&b);
}

/* A newer minor version may append fields to the envelope, to a body, and to a record in it. */
static void test_newer_minor(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1000);
    struct cs_message m;
    struct cs_error err;
    uint64_t new_field = 99;
    uint32_t gen = 4, lane = 5, capacity = 6, one = 1;
    const char *trouble = "", *key = "";
    (void)state;
    struct cs_codec *c = envelope(&b, 7, CS_WIRE_VERSION + 3, CS_WANT);
    cs_codec_begin(c, 2);
    cs_codec_array(c, &one, 1);
    cs_codec_begin(c, 6);
    cs_codec_u32(c, &gen);
    cs_codec_u32(c, &lane);
    cs_codec_u32(c, &capacity);
    cs_codec_str(c, &trouble, 10);
    cs_codec_str(c, &key, 10);
    cs_codec_u64(c, &new_field);
    cs_codec_end(c);
    cs_codec_end(c);
    cs_codec_u64(c, &new_field);
    cs_codec_end(c);
    cs_codec_u64(c, &new_field);
    finish(c);
    static struct cs_arena arena;
    assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &m, &err), CS_OK);
    assert_int_equal(m.version, CS_WIRE_VERSION + 3);
    assert_int_equal(m.want.n, 1);
    assert_int_equal(m.want.lanes[0].capacity, 6);
    cs_arena_release(&arena);
    cs_buf_release(&b);
}

static void test_unknown_kind(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1000);
    struct cs_message m;
    struct cs_error err;
    const uint16_t kinds[] = {0, 24, 65535};
    (void)state;
    for (uint32_t i = 0; i < LEN(kinds); i++) {
        cs_buf_clear(&b);
        struct cs_codec *c = envelope(&b, 6, CS_WIRE_VERSION, kinds[i]);
        cs_codec_begin(c, 0);
        cs_codec_end(c);
        finish(c);
        assert_int_equal(unpack(&b, &m, &err), CS_EPROTO);
        assert_non_null(strstr(err.msg, "kind"));
    }
    cs_buf_release(&b);
}

/* Every prefix of every message is refused, and every message with one byte more. */
static void test_cut_short(void **state)
{
    (void)state;
    for (int k = CS_HELLO; k <= CS_TURNS; k++) {
        struct cs_message m = sample((enum cs_kind)k), back;
        struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
        struct cs_error err;
        cs_message_pack(&m, &b);
        cs_buf_char(&b, '\0');
        assert_int_equal(unpack(&b, &back, &err), CS_EPROTO);
        for (size_t n = b.len - 2; n > 0; n--) {
            /* an exact copy, so that a sanitizer sees a read beyond */
            struct cs_buf cut = {.data = cs_xmalloc(n), .len = n};
            memcpy(cut.data, b.data, n);
            if (unpack(&cut, &back, &err) != CS_EPROTO)
                fail_msg("%s cut to %zu bytes was accepted", cs_message_kind_name(m.kind), n);
            free(cut.data);
        }
        cs_buf_release(&b);
    }
}

static void test_limits(void **state)
{
    struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct cs_message m;
    struct cs_error err;
    (void)state;

    /* 5 outputs of just under 1 MiB: each is allowed, together they are over the window */
    static uint8_t zeroes[CS_OUTPUT_MAX + 1];
    for (uint32_t n = 4; n <= 5; n++) {
        const uint8_t *p = zeroes;
        uint32_t len = CS_OUTPUT_MAX - 10;
        uint64_t first = 1;
        cs_buf_clear(&b);
        struct cs_codec *c = envelope(&b, 6, CS_WIRE_VERSION, CS_OUTPUTS);
        cs_codec_begin(c, 2);
        cs_codec_u64(c, &first);
        cs_codec_array(c, &n, n);
        for (uint32_t i = 0; i < n; i++)
            cs_codec_bin(c, &p, &len, CS_OUTPUT_MAX);
        cs_codec_end(c);
        cs_codec_end(c);
        finish(c);
        assert_int_equal(unpack(&b, &m, &err), n == 4 ? CS_OK : CS_EPROTO);
    }
    assert_non_null(strstr(err.msg, "window"));

    /* a count over its limit: 4097 lanes */
    cs_buf_clear(&b);
    uint32_t n = CS_LANES_MAX + 1, zero = 0;
    const char *none = "";
    struct cs_codec *c = envelope(&b, 6, CS_WIRE_VERSION, CS_WANT);
    cs_codec_begin(c, 1);
    cs_codec_array(c, &n, n);
    for (uint32_t i = 0; i < n; i++) {
        cs_codec_begin(c, 4);
        cs_codec_u32(c, &zero);
        cs_codec_u32(c, &zero);
        cs_codec_u32(c, &zero);
        cs_codec_str(c, &none, 0);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    cs_codec_end(c);
    finish(c);
    assert_int_equal(unpack(&b, &m, &err), CS_EPROTO);

    /* larger than any message */
    struct cs_buf huge = {.data = (char *)zeroes, .len = CS_MESSAGE_MAX + 1};
    assert_int_equal(unpack(&huge, &m, &err), CS_EPROTO);
    cs_buf_release(&b);
}

/* Replaces the last occurrence of `from` in a packed sample and expects a refusal that says `why`. */
static void refuse_changed(enum cs_kind kind, const char *from, const char *to, size_t n, const char *why)
{
    struct cs_message m = sample(kind), back;
    struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct cs_error err;
    char *at = NULL;
    cs_message_pack(&m, &b);
    for (size_t i = 0; i + n <= b.len; i++) {
        if (memcmp(b.data + i, from, n) == 0)
            at = b.data + i;
    }
    assert_non_null(at);
    memcpy(at, to, n);
    assert_int_equal(unpack(&b, &back, &err), CS_EPROTO);
    if (strstr(err.msg, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.msg, why);
    cs_buf_release(&b);
}

static void test_values(void **state)
{
    (void)state;
    refuse_changed(CS_BYE, "drained", "dra\xffned", 7, "UTF-8");
    refuse_changed(CS_BYE, "drained", "dra\0ned", 7, "UTF-8");
    refuse_changed(CS_STOP, "\x02\x08\x04\x00", "\x02\x08\x05\x00", 4, "state 5");
    refuse_changed(CS_STOP, "\x02\x08\x04\x00", "\x02\x08\x04\x02", 4, "available 2");
    refuse_changed(CS_WELCOME, "\xce\x00\x40\x00\x00", "\xce\x00\x40\x00\x01", 5, "window");
    refuse_changed(CS_OUTPUTS, "\xcd\x03\xe8", "\xcd\x00\x00", 3, "numbered");
    refuse_changed(CS_REJECT, "\xa7version", "\xc4\x06versio", 8, "string");
}

static void test_missing_string(void **state)
{
    struct cs_buf b = CS_BUF_INIT(100);
    struct cs_message m;
    struct cs_error err;
    const char *nil = NULL;
    (void)state;
    struct cs_codec *c = envelope(&b, 6, CS_WIRE_VERSION, CS_BYE);
    cs_codec_begin(c, 1);
    cs_codec_str(c, &nil, 10);
    cs_codec_end(c);
    finish(c);
    assert_int_equal(unpack(&b, &m, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "missing"));

    /* but an unset string of ours goes out as an empty one */
    struct cs_message bye = {.kind = CS_BYE};
    static struct cs_arena arena;
    cs_buf_clear(&b);
    cs_message_pack(&bye, &b);
    assert_int_equal(cs_message_unpack(b.data, b.len, &arena, &m, &err), CS_OK);
    assert_string_equal(m.bye.reason, "");
    assert_int_equal(m.version, CS_WIRE_VERSION);
    cs_arena_release(&arena);
    cs_buf_release(&b);
}

/* Packing appends: what stood in the buffer stays. */
static void test_appends(void **state)
{
    struct cs_buf b = CS_BUF_INIT(1000);
    struct cs_message m = sample(CS_WHO);
    (void)state;
    cs_buf_str(&b, "before");
    cs_message_pack(&m, &b);
    assert_memory_equal(b.data, "before", 6);
    assert_true(b.len > 6);
    cs_buf_release(&b);
}

/* Our own message over its limits is a mistake of ours: the process ends, and says which. */
static void test_our_own_over_limit(void **state)
{
    static struct cs_want_lane many[CS_LANES_MAX + 1];
    const struct cs_message bad[] = {
        {.kind = CS_WANT, .want = {CS_LANES_MAX + 1, many}},
        {.kind = CS_BYE, .bye = {"not \xff UTF-8"}},
        {.kind = CS_OUTPUTS, .outputs = {0, 2, packed}},
        {.kind = CS_KIND_NONE},
    };
    (void)state;
    for (uint32_t i = 0; i < LEN(bad); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const struct rlimit none = {0, 0};
            struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
            setrlimit(RLIMIT_CORE, &none);
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            cs_message_pack(&bad[i], &b);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

/* ---- outputs -------------------------------------------------------------------------------------- */

static void test_output_refused(void **state)
{
    struct cs_output o = sample_output(), back;
    struct cs_buf b = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_arena arena = {0};
    struct cs_error err;
    (void)state;
    cs_output_pack(&o, &b);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(cs_output_unpack(b.data, n, &arena, &back, &err), CS_EPROTO);
    assert_null(back.text);
    b.data[3] = 2; /* behind the head of a 23-element array: the codec version */
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "codec version 2"));
    b.data[3] = 1;
    char *outcome = memmem(b.data, b.len, "\x10\x03\x03\x01", 4); /* the digest's end, outcome, attempts, ambiguous */
    assert_non_null(outcome);
    outcome[1] = CS_OUTCOMES;
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, &err), CS_EPROTO);
    assert_non_null(strstr(err.msg, "outcome 11"));
    cs_buf_release(&b);
    cs_arena_release(&arena);
}

static void test_output_extremes(void **state)
{
    struct cs_output o = {.started_wall_ms = -1, .position = UINT64_MAX, .http_status = 65535}, back;
    struct cs_buf b = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_arena arena = {0};
    (void)state;
    cs_output_pack(&o, &b);
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, NULL), CS_OK);
    assert_string_equal(back.text, "");
    assert_string_equal(back.worker, "");
    assert_int_equal(back.started_wall_ms, -1);
    assert_true(back.position == UINT64_MAX);
    assert_int_equal(back.http_status, 65535);

    char *text = cs_xmalloc(CS_OUTPUT_TEXT_MAX + 1);
    memset(text, 'x', CS_OUTPUT_TEXT_MAX);
    text[CS_OUTPUT_TEXT_MAX] = '\0';
    o.text = text;
    cs_buf_clear(&b);
    cs_output_pack(&o, &b);
    assert_false(b.overflow);
    assert_int_equal(cs_output_unpack(b.data, b.len, &arena, &back, NULL), CS_OK);
    assert_int_equal(strlen(back.text), CS_OUTPUT_TEXT_MAX);
    free(text);
    cs_buf_release(&b);
    cs_arena_release(&arena);
}

static void test_outcomes(void **state)
{
    (void)state;
    assert_string_equal(cs_outcome_name(CS_OUTCOME_ok), "ok");
    assert_string_equal(cs_outcome_name(CS_OUTCOME_internal), "internal");
    assert_true(cs_outcome_is_answer(CS_OUTCOME_timeout));
    assert_true(cs_outcome_is_answer(CS_OUTCOME_refused));
    assert_false(cs_outcome_is_answer(CS_OUTCOME_invalid_request));
    assert_false(cs_outcome_is_answer(CS_OUTCOME_transport));
}

static void test_clean_text(void **state)
{
    static const struct {
        const char *in;
        size_t n, max;
        const char *out;
    } cases[] = {
        {"", 0, 10, ""},
        {"plain", 5, 5, "plain"},
        {"plain", 5, 4, "plai"},
        {"\xc3\xa4\xc3\xb6", 4, 3, "\xc3\xa4"}, /* not in the middle of a character */
        {"a\xff"
         "b",
         3, 100,
         "a\xef\xbf\xbd"
         "b"},
        {"a\0b", 3, 100,
         "a\xef\xbf\xbd"
         "b"},
        {"\xed\xa0\x80", 3, 100, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
        {"x\xe2\x82", 3, 100, "x\xef\xbf\xbd"},                           /* cut short */
        {"\xf0\x9f\x98z", 4, 100, "\xef\xbf\xbdz"},
        {"\xff\xff", 2, 4, "\xef\xbf\xbd"},
        {"\xff", 1, 2, ""},
        {"\xf0\x9f\x98\x80", 4, 4, "\xf0\x9f\x98\x80"},
        {"\xff\xf0\x9f\x98\x80", 5, 100, "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (uint32_t i = 0; i < LEN(cases); i++) {
        const char *out = cs_utf8_clean(&arena, cases[i].in, cases[i].n, cases[i].max);
        assert_string_equal(out, cases[i].out);
        assert_true(cs_utf8_valid(out, strlen(out)));
    }
    assert_string_equal(cs_utf8_clean(&arena, NULL, 0, 10), "");
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_messages),
        cmocka_unit_test(test_golden_minor),
        cmocka_unit_test(test_golden_output),
        cmocka_unit_test(test_other_major),
        cmocka_unit_test(test_newer_minor),
        cmocka_unit_test(test_what_was_appended),
        cmocka_unit_test(test_unknown_kind),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_missing_string),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_output_refused),
        cmocka_unit_test(test_output_extremes),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_clean_text),
        cmocka_unit_test(test_our_own_over_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
