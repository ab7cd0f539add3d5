/* fixture_messages.h - a sample of every kind of message and of an output, with no two fields alike, and what each
 * says as text, so that two of them can be compared. The golden bytes of tests/golden are those of the samples.
 */
#ifndef CS_FIXTURE_MESSAGES_H
#define CS_FIXTURE_MESSAGES_H

#include <stdint.h>

#include "protocol/base/buf.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/output.h"

#define U(x) ((unsigned long long)(x))
#define LEN(a) ((uint32_t)(sizeof(a) / sizeof(a)[0]))

/* ---- one message of every kind, with no two fields alike ------------------------------------------- */

static struct cs_lease_ref leases[] = {
    {.epoch = 3ull << 32 | 41, .gen = 2, .lane = 7, .page = 12, .todo = {0x01, 0x80}, .busy = {[31] = 0xf0}},
    {.epoch = 3ull << 32 | 42, .gen = 2, .lane = 8, .page = 1ull << 40, .todo = {[0] = 0xff}, .busy = {[1] = 1}},
};
static struct cs_lane_info lanes[] = {
    {.gen = 2, .lane = 7, .state = CS_LANE_OPEN, .available = 1, .spec_digest = {0xaa, 0xbb, [31] = 0xcc}},
    {.gen = 2, .lane = 8, .state = CS_LANE_CANCELLED, .available = 0, .spec_digest = {0x11}},
};
static struct cs_want_lane want[] = {
    {.gen = 2, .lane = 7, .capacity = 640, .trouble = "", .key = ""},
    {.gen = 2, .lane = 8, .trouble = "no key: set EXAMPLE_API_KEY", .key = ""},
};
static struct cs_adopted adopted[] = {{2ull << 32 | 5, 3ull << 32 | 6}};
static struct cs_refused refused[] = {{1001, CS_REFUSED_DIGEST}, {1003, CS_REFUSED_MALFORMED}};
static const char *texts[] = {"Yes.", "No: 21 \xc2\xb0"
                                      "C"};
static struct cs_turns_of turned[] = {{0, 1, texts + 1}, {15, 2, texts}};
static uint64_t lost[] = {1ull << 32 | 9, 300};
static const uint8_t bytes[] = {0x00, 0xc1, 0xff, 0x7f};
static struct cs_output_bytes packed[] = {{bytes, 4}, {bytes + 1, 1}};
static const char *args[] = {"ed-triage", "", "überall"};

static void sample_body(struct cs_message *m)
{
    const struct cs_announce announce = {.term = 3, .draining = true, .n_lanes = 2, .lanes = lanes};
    switch (m->kind) {
    case CS_HELLO:
        m->hello = (struct cs_hello){"host:17:ab", "v1.2-3-gabc", 0x0102030405060708, 2, 2, leases, 0};
        break;
    case CS_WELCOME:
        m->welcome = (struct cs_welcome){0x8877665544332211, 3, "fleet-1", 4194304, 4096, 1, adopted, announce, 0, 0};
        break;
    case CS_REJECT:
        m->reject = (struct cs_reject){"version", "this coordinator speaks version 1", 60000};
        break;
    case CS_WANT:
        m->want = (struct cs_want){2, want};
        break;
    case CS_ASSIGN:
    case CS_RELEASE:
    case CS_REVOKE:
    case CS_REVOKED:
    case CS_TURNS_GET:
        m->leases = (struct cs_leases){m->kind == CS_ASSIGN ? 2 : 1, leases};
        break;
    case CS_PING:
        m->ping = (struct cs_ping){123456789, 500, 140, 17, 321, 2, leases, 2, want};
        break;
    case CS_PONG:
        m->pong = (struct cs_pong){123456789, 2, lost, announce};
        break;
    case CS_OUTPUTS:
        m->outputs = (struct cs_outputs){1000, 2, packed};
        break;
    case CS_ACK:
        m->ack_body = (struct cs_ack){1004, 2, refused};
        break;
    case CS_SPEC_GET:
        m->spec_get = (struct cs_spec_get){{0xde, 0xad, [31] = 0x01}};
        break;
    case CS_SPEC:
        m->spec = (struct cs_spec_reply){{0xde, 0xad, [31] = 0x02}, bytes, 4};
        break;
    case CS_TURNS:
        m->turns = (struct cs_turns_reply){3ull << 32 | 41, {0x01, 0x80}, 2, turned};
        break;
    case CS_STOP:
    case CS_ANNOUNCE:
        m->announce = announce;
        break;
    case CS_BYE:
        m->bye = (struct cs_bye){"drained"};
        break;
    case CS_ADMIN:
        m->admin = (struct cs_admin){"submit", 3, args, bytes, 4, ""};
        break;
    case CS_ADMIN_REPLY:
        m->admin_reply = (struct cs_admin_reply){CS_EINVAL, "study.yaml:3:1: unknown key", bytes, 3};
        break;
    case CS_WHO:
    case CS_DRAIN:
    case CS_KIND_NONE:
        break;
    }
}

static struct cs_message sample(enum cs_kind kind)
{
    struct cs_message m = {.version = CS_WIRE_VERSION,
                           .kind = kind,
                           .session = 0xfedcba9876543210,
                           .seq = 70000,
                           .ack = 200 + (uint64_t)kind};
    sample_body(&m);
    return m;
}

static struct cs_output sample_output(void)
{
    return (struct cs_output){.gen = 2,
                              .lane = 7,
                              .position = 1ull << 33,
                              .epoch = 3ull << 32 | 41,
                              .digest = {{1, 2, 3, [15] = 16}},
                              .outcome = CS_OUTCOME_truncated,
                              .attempts = 3,
                              .ambiguous = 1,
                              .http_status = 200,
                              .text = "{\"triage\":\"urgent\"} \xe2\x80\x94 21 \xc2\xb0"
                                      "C",
                              .finish = "length",
                              .model_resolved = "model-2026-01-01",
                              .request_id = "req_1",
                              .fingerprint = "fp_2",
                              .input_tokens = 1234,
                              .cached_tokens = 1024,
                              .output_tokens = 400,
                              .reasoning_tokens = 77,
                              .started_wall_ms = 1767225600123,
                              .latency_ms = 2500,
                              .total_ms = 65000,
                              .worker = "host:17:ab"};
}

/* ---- all that a message says, as text: how two of them are compared ------------------------------- */

static void say_hex(struct cs_buf *b, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cs_buf_printf(b, "%02x", p[i]);
    cs_buf_char(b, ' ');
}

static void say_leases(struct cs_buf *b, const struct cs_lease_ref *l, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_printf(b, "lease %llu gen %u lane %u page %llu ", U(l[i].epoch), l[i].gen, l[i].lane, U(l[i].page));
        say_hex(b, l[i].todo, CS_BITMAP_BYTES);
        say_hex(b, l[i].busy, CS_BITMAP_BYTES);
    }
}

static void say_want(struct cs_buf *b, const struct cs_want_lane *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        cs_buf_printf(b, "want %u %u %u '%s' ", w[i].gen, w[i].lane, w[i].capacity, w[i].trouble);
}

static void say_announce(struct cs_buf *b, const struct cs_announce *a)
{
    cs_buf_printf(b, "term %u draining %d ", a->term, a->draining);
    for (uint32_t i = 0; i < a->n_lanes; i++) {
        const struct cs_lane_info *l = &a->lanes[i];
        cs_buf_printf(b, "gen %u lane %u state %u available %u ", l->gen, l->lane, l->state, l->available);
        say_hex(b, l->spec_digest, 32);
    }
}

static void say_worker_body(struct cs_buf *b, const struct cs_message *m)
{
    if (m->kind == CS_HELLO) {
        cs_buf_printf(b, "%s %s nonce %llu last %u ", m->hello.worker, m->hello.version, U(m->hello.nonce),
                      m->hello.last_term);
        say_leases(b, m->hello.leases, m->hello.n_leases);
        cs_buf_printf(b, "minor %u ", m->hello.minor);
    } else if (m->kind == CS_PING) {
        cs_buf_printf(b, "now %llu flight %u unstarted %u unacked %u rss %u ", U(m->ping.now_ms), m->ping.in_flight,
                      m->ping.unstarted, m->ping.unacked, m->ping.rss_mb);
        say_leases(b, m->ping.leases, m->ping.n_leases);
        say_want(b, m->ping.want, m->ping.n_want);
    } else if (m->kind == CS_WANT) {
        say_want(b, m->want.lanes, m->want.n);
    } else if (m->kind == CS_OUTPUTS) {
        cs_buf_printf(b, "first %llu ", U(m->outputs.first));
        for (uint32_t i = 0; i < m->outputs.n; i++)
            say_hex(b, m->outputs.outputs[i].bytes, m->outputs.outputs[i].len);
    } else if (m->kind == CS_SPEC_GET) {
        say_hex(b, m->spec_get.digest, 32);
    } else if (m->kind == CS_BYE) {
        cs_buf_str(b, m->bye.reason);
    }
}

static void say_coordinator_body(struct cs_buf *b, const struct cs_message *m)
{
    if (m->kind == CS_WELCOME) {
        const struct cs_welcome *w = &m->welcome;
        cs_buf_printf(b, "session %llu term %u fleet %s window %u %u ", U(w->session), w->term, w->fleet,
                      w->window_bytes, w->window_outputs);
        for (uint32_t i = 0; i < w->n_adopted; i++)
            cs_buf_printf(b, "%llu -> %llu ", U(w->adopted[i].old_epoch), U(w->adopted[i].new_epoch));
        say_announce(b, &w->announce);
        cs_buf_printf(b, "minor %u ", w->minor);
    } else if (m->kind == CS_REJECT) {
        cs_buf_printf(b, "%s '%s' %u", m->reject.code, m->reject.text, m->reject.retry_after_ms);
    } else if (m->kind == CS_PONG) {
        cs_buf_printf(b, "echo %llu ", U(m->pong.echo_ms));
        for (uint32_t i = 0; i < m->pong.n_lost; i++)
            cs_buf_printf(b, "lost %llu ", U(m->pong.lost[i]));
        say_announce(b, &m->pong.announce);
    } else if (m->kind == CS_ACK) {
        cs_buf_printf(b, "durable %llu ", U(m->ack_body.durable));
        for (uint32_t i = 0; i < m->ack_body.n_refused; i++)
            cs_buf_printf(b, "refused %llu %u ", U(m->ack_body.refused[i].number), m->ack_body.refused[i].why);
    } else if (m->kind == CS_SPEC) {
        say_hex(b, m->spec.digest, 32);
        say_hex(b, m->spec.bytes, m->spec.len);
    } else if (m->kind == CS_TURNS) {
        cs_buf_printf(b, "epoch %llu ", U(m->turns.epoch));
        say_hex(b, m->turns.positions, CS_BITMAP_BYTES);
        for (uint32_t i = 0; i < m->turns.n; i++) {
            cs_buf_printf(b, "position %u ", m->turns.trials[i].bit);
            for (uint32_t k = 0; k < m->turns.trials[i].n; k++)
                cs_buf_printf(b, "'%s' ", m->turns.trials[i].texts[k]);
        }
    } else if (m->kind == CS_STOP || m->kind == CS_ANNOUNCE) {
        say_announce(b, &m->announce);
    } else if (m->kind == CS_ADMIN) {
        cs_buf_printf(b, "%s ", m->admin.verb);
        for (uint32_t i = 0; i < m->admin.n_args; i++)
            cs_buf_printf(b, "'%s' ", m->admin.args[i]);
        say_hex(b, m->admin.blob, m->admin.blob_len);
    } else if (m->kind == CS_ADMIN_REPLY) {
        cs_buf_printf(b, "%u '%s' ", m->admin_reply.code, m->admin_reply.text);
        say_hex(b, m->admin_reply.blob, m->admin_reply.blob_len);
    }
}

static void say_message(struct cs_buf *b, const struct cs_message *m)
{
    cs_buf_printf(b, "%u %s session %llu seq %llu ack %llu ", m->version, cs_message_kind_name(m->kind), U(m->session),
                  U(m->seq), U(m->ack));
    if (m->kind == CS_ASSIGN || m->kind == CS_RELEASE || m->kind == CS_REVOKE || m->kind == CS_REVOKED ||
        m->kind == CS_TURNS_GET)
        say_leases(b, m->leases.leases, m->leases.n);
    say_worker_body(b, m);
    say_coordinator_body(b, m);
}

static void say_output(struct cs_buf *b, const struct cs_output *o)
{
    cs_buf_printf(b, "gen %u lane %u position %llu epoch %llu ", o->gen, o->lane, U(o->position), U(o->epoch));
    say_hex(b, o->digest.b, 16);
    cs_buf_printf(b, "outcome %u attempts %u ambiguous %u http %u '%s' '%s' '%s' '%s' '%s' ", o->outcome, o->attempts,
                  o->ambiguous, o->http_status, o->text, o->finish, o->model_resolved, o->request_id, o->fingerprint);
    cs_buf_printf(b, "tokens %u %u %u %u at %lld took %u %u by %s", o->input_tokens, o->cached_tokens, o->output_tokens,
                  o->reasoning_tokens, (long long)o->started_wall_ms, o->latency_ms, o->total_ms, o->worker);
    cs_buf_printf(b, " logprob %g of %u '%s'", o->logprob, o->logprob_tokens,
                  o->alternatives != NULL ? o->alternatives : "");
    cs_buf_printf(b, " %d '%s' '%s' %d '%s' %d", o->salvaged, o->cause != NULL ? o->cause : "",
                  o->reasoning != NULL ? o->reasoning : "", o->reasoning_cut,
                  o->tool_calls != NULL ? o->tool_calls : "", o->tool_calls_cut);
    cs_buf_printf(b, " written %u %u", o->cache_write_tokens, o->wasted_cache_write);
    cs_buf_printf(b, " %u %u %u %u %u %d %d '%s'", o->wasted, o->wasted_untold, o->wasted_input, o->wasted_cached,
                  o->wasted_output, o->usage_short, o->cache_hit, o->response_id != NULL ? o->response_id : "");
    cs_buf_printf(b, " turn %u %u ", o->turn, o->turns_done);
    say_hex(b, o->sent, sizeof o->sent);
    cs_buf_printf(b, " '%s' at '%s'", o->round != NULL ? o->round : "", o->server != NULL ? o->server : "");
}

#endif
