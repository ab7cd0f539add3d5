
#include "coordinator/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

/* A peer as the core knows it: its door's number, then its routing id. */
static enum cs_err send_through(struct cs_server *sv, const struct cs_door *door, const struct cs_peer *peer,
                                const struct cs_message *m)
{
    enum cs_err rc;

    cs_buf_clear(&sv->out);
    cs_message_pack(m, &sv->out);
    rc = cs_socket_send(door->socket, peer, sv->out.data, sv->out.len);
    if (rc != CS_OK) /* no route: the peer comes again, and asks again */
        cs_log(CS_DEBUG, "unsent", "kind=%s", cs_message_kind_name(m->kind));
    return rc;
}

enum cs_err cs_feed_send(struct cs_server *sv, enum cs_door_kind kind, const struct cs_peer *peer,
                         const struct cs_message *m)
{
    struct cs_peer outside = {0};

    if (kind == CS_DOOR_PUB) {
        for (unsigned i = 0; i < sv->n_doors; i++) {
            if (sv->doors[i].kind == CS_DOOR_PUB)
                (void)send_through(sv, &sv->doors[i], NULL, m);
        }
        return CS_OK;
    }
    CS_ASSERT(peer->n >= 1 && peer->id[0] < sv->n_doors);
    outside.n = (uint8_t)(peer->n - 1);
    memcpy(outside.id, peer->id + 1, outside.n);
    return send_through(sv, &sv->doors[peer->id[0]], &outside, m);
}

void cs_feed_end(struct cs_server *sv, enum cs_err code, const char *text)
{
    if (sv->over)
        return;
    sv->over = true;
    sv->exit_code = code;
    snprintf(sv->exit_text, sizeof sv->exit_text, "%s", text);
    uv_stop(&sv->loop);
}

static void send_spec(struct cs_server *sv, const struct cs_action *a)
{
    struct cs_message m = a->message;
    char key[CS_META_KEY_MAX];
    void *bytes = NULL;
    uint32_t n = 0;

    cs_store_generation_spec_key(m.spec.digest, key);
    if (cs_store_rows_meta(sv->store, key, &bytes, &n, NULL) != CS_OK) {
        cs_store_generation_chunk_key(m.spec.digest, key);
        if (cs_store_rows_meta(sv->store, key, &bytes, &n, NULL) != CS_OK)
            n = 0;
    }
    m.spec.bytes = bytes;
    m.spec.len = n;
    cs_feed_send(sv, CS_DOOR_WORK, &a->peer, &m);
    free(bytes);
}

enum { TURNS_BYTES = 2 * 1024 * 1024 /* of texts in one TURNS; what does not fit is asked for again */ };

/* What stands of one trial, into the message. *full: it would be too large with it. */
static enum cs_err add_turns(struct cs_server *sv, const struct cs_action *a, struct cs_turns_reply *t, uint8_t bit,
                             uint64_t *bytes, bool *full, struct cs_error *err)
{
    const uint64_t position = a->at.page * CS_PAGE_TRIALS + bit;
    struct cs_stored *turns;
    uint32_t n;
    enum cs_err rc = cs_plans_turns(&sv->plans, a->at.gen, a->at.lane, position, &sv->turns_arena, &turns, &n, err);

    if (rc != CS_OK || n == 0)
        return rc;
    const char **texts = cs_arena_array(&sv->turns_arena, n, sizeof *texts);
    uint64_t more = 0;

    for (uint32_t i = 0; i < n; i++) {
        texts[i] = cs_output_said(&turns[i].output);
        more += strlen(texts[i]);
    }
    *full = *bytes > 0 && *bytes + more > TURNS_BYTES;
    if (*full)
        return CS_OK;
    *bytes += more;
    t->trials[t->n++] = (struct cs_turns_of){.bit = bit, .n = n, .texts = texts};
    return CS_OK;
}

static void send_turns(struct cs_server *sv, const struct cs_action *a)
{
    struct cs_message m = a->message;
    struct cs_turns_reply *t = &m.turns;
    struct cs_error err = {0};
    uint64_t bytes = 0;
    bool full = false;

    cs_arena_reset(&sv->turns_arena);
    t->trials = cs_arena_array(&sv->turns_arena, CS_SHARD_SIZE, sizeof *t->trials);
    for (unsigned bit = 0; bit < CS_SHARD_SIZE; bit++) {
        const uint8_t mask = (uint8_t)(1u << bit % 8);

        if (!(t->positions[bit / 8] & mask))
            continue;
        if (!full && add_turns(sv, a, t, (uint8_t)bit, &bytes, &full, &err) != CS_OK) {
            cs_log(CS_ERROR, "turns_unread", "why=\"%s\"", err.msg);
            cs_feed_end(sv, err.code, "the turns of a conversation cannot be read");
            return;
        }
        if (full)
            t->positions[bit / 8] &= (uint8_t)~mask;
    }
    cs_feed_send(sv, CS_DOOR_WORK, &a->peer, &m);
}

void cs_feed_event(struct cs_server *sv, const struct cs_event *e)
{
    struct cs_event gone = {.kind = CS_EV_GONE};
    bool is_gone = false;

    CS_ASSERT(!sv->feeding);
    sv->feeding = true;
    for (const struct cs_action *a = cs_core_step(sv->core, e, cs_clock_mono_ms()); a != NULL; a = a->next) {
        switch (a->kind) {
        case CS_ACT_SEND:
            cs_feed_send(sv, CS_DOOR_WORK, &a->peer, &a->message);
            break;
        case CS_ACT_PROBE:
            gone.gone.session = a->token;
            is_gone = cs_feed_send(sv, CS_DOOR_WORK, &a->peer, &a->message) == CS_ENOENT;
            break;
        case CS_ACT_SPEC:
            send_spec(sv, a);
            break;
        case CS_ACT_TURNS:
            send_turns(sv, a);
            break;
        case CS_ACT_ANNOUNCE:
            cs_feed_send(sv, CS_DOOR_PUB, NULL, &a->message);
            break;
        case CS_ACT_COMMIT:
            cs_commit_submit(sv->commit, a->batch);
            break;
        case CS_ACT_REPLY:
            cs_feed_reply(sv, a->token, a->code, a->text);
            break;
        case CS_ACT_EXIT:
            cs_feed_end(sv, a->code, a->text);
            break;
        }
    }
    sv->feeding = false;
    if (is_gone)
        cs_feed_event(sv, &gone); /* which makes no probe */
}

void cs_feed_answer(struct cs_server *sv, const struct cs_peer *peer, uint64_t seq, enum cs_err code, const char *text,
                    const char *blob)
{
    struct cs_message m = {.version = CS_WIRE_VERSION, .kind = CS_ADMIN_REPLY, .ack = seq};

    m.admin_reply.code = (uint32_t)code;
    m.admin_reply.text = text;
    m.admin_reply.blob = (const uint8_t *)(blob != NULL ? blob : "");
    m.admin_reply.blob_len = blob != NULL ? (uint32_t)strlen(blob) : 0;
    cs_feed_send(sv, CS_DOOR_ADMIN, peer, &m);
    sv->answered_ms = cs_clock_mono_ms();
}

void cs_feed_reply(struct cs_server *sv, uint64_t token, enum cs_err code, const char *text)
{
    struct cs_waiting *w = &sv->waiting[token % CS_TOKENS_MAX];

    if (token == CS_AGAIN_TOKEN) { /* the pass goes on in its next turn */
        sv->again.state = CS_AGAIN_TOLD;
        sv->again.code = code;
        snprintf(sv->again.text, sizeof sv->again.text, "%s", text);
        return;
    }
    if (token == CS_PICK_TOKEN) {
        sv->pick.state = CS_PICK_TOLD;
        sv->pick.code = code;
        snprintf(sv->pick.text, sizeof sv->pick.text, "%s", text);
        return;
    }
    if (w->token != token)
        return;
    cs_feed_answer(sv, &w->peer, w->seq, code, text, code == CS_OK ? w->blob : NULL);
    CS_FREE(w->blob);
    w->token = 0;
}

void cs_feed_release(struct cs_server *sv)
{
    for (unsigned i = 0; i < CS_TOKENS_MAX; i++)
        CS_FREE(sv->waiting[i].blob);
    cs_arena_release(&sv->turns_arena);
}
