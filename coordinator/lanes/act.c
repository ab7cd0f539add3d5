#include "coordinator/lanes/act.h"

struct cs_action *cs_act_add(struct cs_core *core, enum cs_action_kind kind)
{
    struct cs_action *a = cs_arena_alloc(&core->arena, sizeof *a);

    a->kind = kind;
    if (core->last_action == NULL)
        core->actions = a;
    else
        core->last_action->next = a;
    core->last_action = a;
    return a;
}

struct cs_message *cs_act_send_to(struct cs_core *core, const struct cs_peer *peer, enum cs_kind kind)
{
    struct cs_action *a = cs_act_add(core, CS_ACT_SEND);

    a->peer = *peer;
    a->message.version = CS_WIRE_VERSION;
    a->message.kind = kind;
    return &a->message;
}

struct cs_message *cs_act_send(struct cs_core *core, struct cs_session *s, enum cs_kind kind)
{
    struct cs_message *m = cs_act_send_to(core, &s->peer, kind);

    m->session = s->id;
    m->seq = ++s->seq_out;
    return m;
}

void cs_act_reply(struct cs_core *core, uint64_t token, enum cs_err code, const char *text)
{
    struct cs_action *a;

    if (token == 0)
        return;
    a = cs_act_add(core, CS_ACT_REPLY);
    a->token = token;
    a->code = code;
    a->text = text;
}

void cs_act_end(struct cs_core *core, enum cs_err code, const char *text)
{
    struct cs_action *a;

    if (core->ended)
        return;
    core->ended = true;
    a = cs_act_add(core, CS_ACT_EXIT);
    a->code = code;
    a->text = cs_arena_strdup(&core->arena, text);
}

void cs_act_own(struct cs_core *core, const char *act, const struct cs_core_study *study, const char *subject,
                const char *detail)
{
    if (core->diary.own != NULL)
        core->diary.own(core->diary.self, core->open->batch, act, study != NULL ? study->key : 0, subject, detail);
}

uint64_t cs_act_epoch(struct cs_core *core)
{
    CS_ASSERT(core->counter < UINT32_MAX); /* invariant 11: epochs never come back */
    return (uint64_t)core->term << 32 | ++core->counter;
}

struct cs_session *cs_act_session(struct cs_core *core, uint64_t id)
{
    struct cs_session *s;

    HASH_FIND(hh, core->sessions, &id, sizeof id, s);
    return s;
}
