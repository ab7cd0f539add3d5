#include "protocol/wire/messages.h"

#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/study/outcome.h"
#include "protocol/wire/spec.h"
#include "protocol/wire/visit.h"

/* The largest of our own messages, a PING of a worker that holds everything and cannot use it, fits. */
_Static_assert(CS_LEASES_PER_WORKER_MAX * 100 + CS_LANES_MAX * (CS_SENTENCE_MAX + 16) < CS_MESSAGE_MAX, "PING");
_Static_assert((int)CS_CHUNK_MAX <= (int)CS_SPEC_MAX, "a SPEC carries both");

const char *cs_message_kind_name(enum cs_kind k)
{
    switch (k) {
#define X(name, number)                                                                                                \
    case CS_##name:                                                                                                    \
        return #name;
        CS_KIND_TABLE(X)
#undef X
    case CS_KIND_NONE:
        break;
    }
    return "NONE";
}

static enum cs_kind kind_of(uint16_t number)
{
    switch (number) {
#define X(name, number)                                                                                                \
    case number:                                                                                                       \
        return CS_##name;
        CS_KIND_TABLE(X)
#undef X
    default:
        return CS_KIND_NONE;
    }
}

/* ---- the visitors: one per body, fields in the order of the contract ---------------------------- */

/* A text at the end of a record that is left out when there is none. */
static bool has_text(const struct cs_codec *c, const char *text)
{
    return cs_codec_packing(c) && text != NULL && text[0] != '\0';
}

static void visit_last_text(struct cs_codec *c, const char **text, uint32_t max)
{
    if (has_text(c, *text) || (!cs_codec_packing(c) && cs_codec_more(c)))
        cs_visit_text(c, text, max);
    else if (!cs_codec_packing(c))
        *text = "";
}

/* Likewise a number that is left out when it is 0. */
static void visit_last_u32(struct cs_codec *c, uint32_t *n)
{
    if (cs_codec_packing(c) ? *n > 0 : cs_codec_more(c))
        cs_codec_u32(c, n);
    else if (!cs_codec_packing(c))
        *n = 0;
}

/* The last two: a text and a number, of which the number needs the text before it. */
static void visit_last_two(struct cs_codec *c, const char **text, uint32_t max, uint32_t *n)
{
    if (cs_codec_packing(c) && *n > 0)
        cs_visit_text(c, text, max);
    else
        visit_last_text(c, text, max);
    visit_last_u32(c, n);
}

static uint32_t size_with_two(const struct cs_codec *c, uint32_t without, const char *text, uint32_t n)
{
    return cs_codec_packing(c) && n > 0 ? without + 2 : has_text(c, text) ? without + 1 : without;
}

/* A minor version at the end of a body, left out where none is stated: the bytes of 1.0 stay what they are. */
static void visit_last_minor(struct cs_codec *c, uint32_t *minor)
{
    visit_last_u32(c, minor);
}

/* Limits at the end of a record, left out when none is set. */
static bool has_limits(const struct cs_limits *l)
{
    return l->requests_per_minute > 0 || l->tokens_per_minute > 0 || l->input_tokens_per_minute > 0 ||
           l->output_tokens_per_minute > 0 || l->concurrent > 0;
}

static void visit_limits(struct cs_codec *c, struct cs_limits *l)
{
    cs_codec_begin(c, 5);
    cs_codec_u64(c, &l->requests_per_minute);
    cs_codec_u64(c, &l->tokens_per_minute);
    cs_codec_u64(c, &l->input_tokens_per_minute);
    cs_codec_u64(c, &l->output_tokens_per_minute);
    cs_codec_u32(c, &l->concurrent);
    cs_codec_end(c);
}

static void visit_last_limits(struct cs_codec *c, struct cs_limits *l, bool more)
{
    if (cs_codec_packing(c) ? has_limits(l) || more : cs_codec_more(c))
        visit_limits(c, l);
}

/* Servers at the end of a record, left out when there are none. wanted: as a worker tells of them. */
static void visit_last_servers(struct cs_codec *c, uint32_t *n, struct cs_lane_server **servers, bool wanted)
{
    if (cs_codec_packing(c) ? *n == 0 : !cs_codec_more(c))
        return;
    CS_VISIT_ITEMS(c, *n, *servers, CS_SERVERS_MAX);
    for (uint32_t i = 0; i < *n; i++) {
        struct cs_lane_server *s = &(*servers)[i];
        cs_codec_begin(c, wanted ? 3 : 2);
        cs_visit_text(c, &s->url, CS_SERVER_URL_MAX);
        if (wanted)
            cs_codec_u8(c, &s->state);
        cs_codec_u32(c, wanted ? &s->jams : &s->calls);
        if (s->state > CS_SERVER_OUT)
            cs_codec_fail(c, "a server is in state %u", s->state);
        cs_codec_end(c);
    }
    cs_codec_end(c);
}

static void visit_lane(struct cs_codec *c, struct cs_lane_info *l)
{
    const bool served = cs_codec_packing(c) && l->n_servers > 0;
    const bool limited = cs_codec_packing(c) && (has_limits(&l->limits) || served);
    const bool weighs = cs_codec_packing(c) && (l->weight > 0 || limited);
    cs_codec_begin(c, served ? 11 : limited ? 9 : weighs ? 8 : size_with_two(c, 5, l->barred, l->calls));
    cs_codec_u32(c, &l->gen);
    cs_codec_u32(c, &l->lane);
    cs_codec_u8(c, &l->state);
    cs_codec_u8(c, &l->available);
    cs_codec_fixed(c, l->spec_digest, sizeof l->spec_digest);
    if (weighs) { /* the last needs those before it */
        cs_visit_text(c, &l->barred, CS_SENTENCE_MAX);
        cs_codec_u32(c, &l->calls);
    } else {
        visit_last_two(c, &l->barred, CS_SENTENCE_MAX, &l->calls);
    }
    if (limited)
        cs_codec_u32(c, &l->weight);
    else
        visit_last_u32(c, &l->weight);
    visit_last_limits(c, &l->limits, served);
    visit_last_servers(c, &l->n_servers, &l->servers, false);
    if (cs_codec_packing(c) ? served : cs_codec_more(c))
        cs_visit_text(c, &l->serves, CS_SENTENCE_MAX);
    if (l->state > CS_LANE_CANCELLED || l->available > 1)
        cs_codec_fail(c, "lane %u is in state %u, available %u", l->lane, l->state, l->available);
    cs_codec_end(c);
}

static void visit_announce(struct cs_codec *c, struct cs_announce *a)
{
    cs_codec_begin(c, 3);
    cs_codec_u32(c, &a->term);
    cs_codec_bool(c, &a->draining);
    CS_VISIT_ITEMS(c, a->n_lanes, a->lanes, CS_LANES_MAX);
    for (uint32_t i = 0; i < a->n_lanes; i++)
        visit_lane(c, &a->lanes[i]);
    cs_codec_end(c);
    cs_codec_end(c);
}

static void visit_lease(struct cs_codec *c, struct cs_lease_ref *l)
{
    cs_codec_begin(c, 6);
    cs_codec_u64(c, &l->epoch);
    cs_codec_u32(c, &l->gen);
    cs_codec_u32(c, &l->lane);
    cs_codec_u64(c, &l->page);
    cs_codec_fixed(c, l->todo, sizeof l->todo);
    cs_codec_fixed(c, l->busy, sizeof l->busy);
    if (l->page > UINT64_MAX / CS_SHARD_SIZE)
        cs_codec_fail(c, "a lease has the page %llu", (unsigned long long)l->page);
    cs_codec_end(c);
}

static void visit_lease_list(struct cs_codec *c, uint32_t *n, struct cs_lease_ref **leases)
{
    CS_VISIT_ITEMS(c, *n, *leases, CS_LEASES_PER_WORKER_MAX);
    for (uint32_t i = 0; i < *n; i++)
        visit_lease(c, &(*leases)[i]);
    cs_codec_end(c);
}

static void visit_leases(struct cs_codec *c, struct cs_leases *l)
{
    cs_codec_begin(c, 1);
    visit_lease_list(c, &l->n, &l->leases);
    cs_codec_end(c);
}

static void visit_hello(struct cs_codec *c, struct cs_hello *h)
{
    cs_codec_begin(c, cs_codec_packing(c) && h->minor > 0 ? 6 : 5);
    cs_visit_text(c, &h->worker, CS_NAME_MAX);
    cs_visit_text(c, &h->version, CS_NAME_MAX);
    cs_codec_u64(c, &h->nonce);
    cs_codec_u32(c, &h->last_term);
    visit_lease_list(c, &h->n_leases, &h->leases);
    visit_last_minor(c, &h->minor);
    cs_codec_end(c);
}

static void visit_welcome(struct cs_codec *c, struct cs_welcome *w)
{
    cs_codec_begin(c, !cs_codec_packing(c) || w->minor == 0 ? 7 : w->fresh == 0 ? 8 : 9);
    cs_codec_u64(c, &w->session);
    cs_codec_u32(c, &w->term);
    cs_visit_text(c, &w->fleet, CS_NAME_MAX);
    cs_codec_u32(c, &w->window_bytes);
    cs_codec_u32(c, &w->window_outputs);
    if (w->window_bytes > CS_WINDOW_BYTES || w->window_outputs > CS_WINDOW_OUTPUTS)
        cs_codec_fail(c, "a window of %u bytes, %u outputs is over its limit", w->window_bytes, w->window_outputs);
    CS_VISIT_ITEMS(c, w->n_adopted, w->adopted, CS_LEASES_PER_WORKER_MAX);
    for (uint32_t i = 0; i < w->n_adopted; i++) {
        cs_codec_begin(c, 2);
        cs_codec_u64(c, &w->adopted[i].old_epoch);
        cs_codec_u64(c, &w->adopted[i].new_epoch);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    visit_announce(c, &w->announce);
    visit_last_minor(c, &w->minor);
    if (!cs_codec_packing(c) || w->minor > 0)
        visit_last_u32(c, &w->fresh);
    cs_codec_end(c);
}

static void visit_reject(struct cs_codec *c, struct cs_reject *r)
{
    cs_codec_begin(c, 3);
    cs_visit_text(c, &r->code, CS_NAME_MAX);
    cs_visit_text(c, &r->text, CS_SENTENCE_MAX);
    cs_codec_u32(c, &r->retry_after_ms);
    cs_codec_end(c);
}

static void visit_want_list(struct cs_codec *c, uint32_t *n, struct cs_want_lane **lanes)
{
    CS_VISIT_ITEMS(c, *n, *lanes, CS_LANES_MAX);
    for (uint32_t i = 0; i < *n; i++) {
        struct cs_want_lane *l = &(*lanes)[i];
        const bool served = cs_codec_packing(c) && l->n_servers > 0;
        cs_codec_begin(c, served ? 7 : size_with_two(c, 4, l->key, l->jams));
        cs_codec_u32(c, &l->gen);
        cs_codec_u32(c, &l->lane);
        cs_codec_u32(c, &l->capacity);
        cs_visit_text(c, &l->trouble, CS_SENTENCE_MAX);
        if (served) { /* the last needs those before it */
            cs_visit_text(c, &l->key, CS_NAME_MAX);
            cs_codec_u32(c, &l->jams);
        } else {
            visit_last_two(c, &l->key, CS_NAME_MAX, &l->jams);
        }
        visit_last_servers(c, &l->n_servers, &l->servers, true);
        cs_codec_end(c);
    }
    cs_codec_end(c);
}

static void visit_want(struct cs_codec *c, struct cs_want *w)
{
    cs_codec_begin(c, 1);
    visit_want_list(c, &w->n, &w->lanes);
    cs_codec_end(c);
}

static void visit_ping(struct cs_codec *c, struct cs_ping *p)
{
    cs_codec_begin(c, 7);
    cs_codec_u64(c, &p->now_ms);
    cs_codec_u32(c, &p->in_flight);
    cs_codec_u32(c, &p->unstarted);
    cs_codec_u32(c, &p->unacked);
    cs_codec_u32(c, &p->rss_mb);
    visit_lease_list(c, &p->n_leases, &p->leases);
    visit_want_list(c, &p->n_want, &p->want);
    cs_codec_end(c);
}

static void visit_pong(struct cs_codec *c, struct cs_pong *p)
{
    cs_codec_begin(c, 3);
    cs_codec_u64(c, &p->echo_ms);
    CS_VISIT_ITEMS(c, p->n_lost, p->lost, CS_LEASES_PER_WORKER_MAX);
    for (uint32_t i = 0; i < p->n_lost; i++)
        cs_codec_u64(c, &p->lost[i]);
    cs_codec_end(c);
    visit_announce(c, &p->announce);
    cs_codec_end(c);
}

/* The sum is held against the window too: no single message can make the coordinator keep more than it granted. */
static void visit_outputs(struct cs_codec *c, struct cs_outputs *o)
{
    uint64_t sum = 0;
    cs_codec_begin(c, 2);
    cs_codec_u64(c, &o->first);
    CS_VISIT_ITEMS(c, o->n, o->outputs, CS_OUTPUTS_PER_MESSAGE_MAX);
    for (uint32_t i = 0; i < o->n; i++) {
        cs_codec_bin(c, &o->outputs[i].bytes, &o->outputs[i].len, CS_OUTPUT_MAX);
        sum += o->outputs[i].len;
    }
    cs_codec_end(c);
    if (sum > CS_WINDOW_BYTES)
        cs_codec_fail(c, "%llu bytes of outputs are over the window", (unsigned long long)sum);
    if (o->first == 0 || o->first > UINT64_MAX - o->n)
        cs_codec_fail(c, "outputs are numbered from %llu", (unsigned long long)o->first);
    cs_codec_end(c);
}

static void visit_ack(struct cs_codec *c, struct cs_ack *a)
{
    cs_codec_begin(c, 2);
    cs_codec_u64(c, &a->durable);
    CS_VISIT_ITEMS(c, a->n_refused, a->refused, CS_WINDOW_OUTPUTS);
    for (uint32_t i = 0; i < a->n_refused; i++) {
        cs_codec_begin(c, 2);
        cs_codec_u64(c, &a->refused[i].number);
        cs_codec_u8(c, &a->refused[i].why);
        cs_codec_end(c);
    }
    cs_codec_end(c);
    cs_codec_end(c);
}

static void visit_spec_get(struct cs_codec *c, struct cs_spec_get *s)
{
    cs_codec_begin(c, 1);
    cs_codec_fixed(c, s->digest, sizeof s->digest);
    cs_codec_end(c);
}

static void visit_spec(struct cs_codec *c, struct cs_spec_reply *s)
{
    cs_codec_begin(c, 2);
    cs_codec_fixed(c, s->digest, sizeof s->digest);
    cs_codec_bin(c, &s->bytes, &s->len, CS_SPEC_MAX);
    cs_codec_end(c);
}

static void visit_turns_of(struct cs_codec *c, struct cs_turns_of *t)
{
    cs_codec_begin(c, 2);
    cs_codec_u8(c, &t->bit);
    CS_VISIT_ITEMS(c, t->n, t->texts, CS_TURNS_MAX);
    for (uint32_t i = 0; i < t->n; i++)
        cs_visit_text(c, &t->texts[i], CS_OUTPUT_TEXT_MAX);
    cs_codec_end(c);
    cs_codec_end(c);
}

static void visit_turns(struct cs_codec *c, struct cs_turns_reply *t)
{
    cs_codec_begin(c, 3);
    cs_codec_u64(c, &t->epoch);
    cs_codec_fixed(c, t->positions, sizeof t->positions);
    CS_VISIT_ITEMS(c, t->n, t->trials, CS_SHARD_SIZE);
    for (uint32_t i = 0; i < t->n; i++)
        visit_turns_of(c, &t->trials[i]);
    cs_codec_end(c);
    cs_codec_end(c);
}

static void visit_bye(struct cs_codec *c, struct cs_bye *b)
{
    cs_codec_begin(c, 1);
    cs_visit_text(c, &b->reason, CS_SENTENCE_MAX);
    cs_codec_end(c);
}

static void visit_admin(struct cs_codec *c, struct cs_admin *a)
{
    cs_codec_begin(c, has_text(c, a->reason) ? 4 : 3);
    cs_visit_text(c, &a->verb, CS_NAME_MAX);
    CS_VISIT_ITEMS(c, a->n_args, a->args, CS_ADMIN_ARGS_MAX);
    for (uint32_t i = 0; i < a->n_args; i++)
        cs_visit_text(c, &a->args[i], CS_ADMIN_ARG_MAX);
    cs_codec_end(c);
    cs_codec_bin(c, &a->blob, &a->blob_len, CS_ADMIN_BLOB_MAX);
    visit_last_text(c, &a->reason, CS_SENTENCE_MAX);
    cs_codec_end(c);
}

static void visit_admin_reply(struct cs_codec *c, struct cs_admin_reply *r)
{
    cs_codec_begin(c, 3);
    cs_codec_u32(c, &r->code);
    cs_visit_text(c, &r->text, CS_SENTENCE_MAX);
    cs_codec_bin(c, &r->blob, &r->blob_len, CS_ADMIN_BLOB_MAX);
    cs_codec_end(c);
}

static void visit_nothing(struct cs_codec *c)
{
    cs_codec_begin(c, 0);
    cs_codec_end(c);
}

static void visit_body(struct cs_codec *c, struct cs_message *m)
{
    switch (m->kind) {
    case CS_HELLO:
        visit_hello(c, &m->hello);
        break;
    case CS_WELCOME:
        visit_welcome(c, &m->welcome);
        break;
    case CS_REJECT:
        visit_reject(c, &m->reject);
        break;
    case CS_WANT:
        visit_want(c, &m->want);
        break;
    case CS_ASSIGN:
    case CS_RELEASE:
    case CS_REVOKE:
    case CS_REVOKED:
    case CS_TURNS_GET:
        visit_leases(c, &m->leases);
        break;
    case CS_PING:
        visit_ping(c, &m->ping);
        break;
    case CS_PONG:
        visit_pong(c, &m->pong);
        break;
    case CS_OUTPUTS:
        visit_outputs(c, &m->outputs);
        break;
    case CS_ACK:
        visit_ack(c, &m->ack_body);
        break;
    case CS_SPEC_GET:
        visit_spec_get(c, &m->spec_get);
        break;
    case CS_SPEC:
        visit_spec(c, &m->spec);
        break;
    case CS_TURNS:
        visit_turns(c, &m->turns);
        break;
    case CS_STOP:
    case CS_ANNOUNCE:
        visit_announce(c, &m->announce);
        break;
    case CS_WHO:
    case CS_DRAIN:
        visit_nothing(c);
        break;
    case CS_BYE:
        visit_bye(c, &m->bye);
        break;
    case CS_ADMIN:
        visit_admin(c, &m->admin);
        break;
    case CS_ADMIN_REPLY:
        visit_admin_reply(c, &m->admin_reply);
        break;
    case CS_KIND_NONE:
        cs_codec_fail(c, "the kind is unknown");
        break;
    }
}

static bool is_our_major(const struct cs_message *m)
{
    return m->version / 256 == CS_WIRE_MAJOR;
}

/* Only the first three fields are the same in every major version: of a foreign one the rest is not looked at. */
static void visit_message(struct cs_codec *c, struct cs_message *m)
{
    uint16_t kind = (uint16_t)m->kind;
    cs_codec_begin(c, cs_codec_packing(c) ? 6 : 3);
    cs_codec_u16(c, &m->version);
    cs_codec_u16(c, &kind);
    cs_codec_u64(c, &m->session);
    m->kind = kind_of(kind);
    if (!cs_codec_ok(c) || !is_our_major(m))
        return;
    cs_codec_u64(c, &m->seq);
    cs_codec_u64(c, &m->ack);
    visit_body(c, m);
    cs_codec_end(c);
}

/* ---- whole messages ------------------------------------------------------------------------------ */

void cs_message_pack(const struct cs_message *m, struct cs_buf *out)
{
    struct cs_error err;
    struct cs_message copy = *m; /* the visitors take what they can write to */
    copy.version = CS_WIRE_VERSION;
    size_t before = out->len;
    struct cs_codec *c = cs_codec_packer(out);
    visit_message(c, &copy);
    enum cs_err rc = cs_codec_close(c, &err);
    if (rc != CS_OK)
        cs_log(CS_ERROR, "message_unpackable", "kind=%s why=\"%s\"", cs_message_kind_name(m->kind), err.msg);
    CS_ASSERT(rc == CS_OK);
    CS_ASSERT(out->len - before <= CS_MESSAGE_MAX);
}

enum cs_err cs_message_unpack(const void *bytes, size_t n, struct cs_arena *arena, struct cs_message *out,
                              struct cs_error *err)
{
    struct cs_codec *c = NULL;
    struct cs_message m = {0};
    *out = m;
    if (n > CS_MESSAGE_MAX)
        return cs_error_set(err, CS_EPROTO, "a message of %zu bytes is over its limit", n);
    enum cs_err rc = cs_codec_unpacker(bytes, n, arena, &c, err);
    if (rc != CS_OK)
        return rc;
    visit_message(c, &m);
    bool foreign = cs_codec_ok(c) && !is_our_major(&m);
    rc = cs_codec_close(c, err);
    if (foreign) {
        *out = (struct cs_message){.version = m.version, .kind = m.kind, .session = m.session};
        return cs_error_set(err, CS_ESTALE, "the peer speaks version %u of the protocol, this is version %u",
                            m.version / 256u, (unsigned)CS_WIRE_MAJOR);
    }
    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "%s", cs_message_kind_name(m.kind));
    *out = m;
    return CS_OK;
}
