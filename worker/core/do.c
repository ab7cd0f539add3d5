#include "worker/core/do.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/base/assert.h"

const char *cs_do_state_name(enum cs_worker_state s)
{
    static const char *const names[] = {"boot", "hello_sent", "ready", "isolated", "gone"};
    CS_ASSERT(s <= CS_WORKER_GONE);
    return names[s];
}

struct cs_worker_action *cs_do_action(struct cs_worker *w, enum cs_worker_action_kind kind)
{
    if (w->n_actions == w->cap_actions) {
        w->cap_actions = w->cap_actions != 0 ? w->cap_actions * 2 : 64;
        w->actions = cs_xrealloc(w->actions, w->cap_actions, sizeof *w->actions);
    }
    struct cs_worker_action *a = &w->actions[w->n_actions++];
    *a = (struct cs_worker_action){.kind = kind};
    return a;
}

void cs_do_log(struct cs_worker *w, enum cs_log_level level, const char *ev, const char *fmt, ...)
{
    char text[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct cs_worker_action *a = cs_do_action(w, CS_DO_LOG);
    a->level = level;
    a->ev = ev;
    a->text = cs_arena_strdup(&w->arena, text);
}

void cs_do_exit(struct cs_worker *w, enum cs_err code, const char *fmt, ...)
{
    char text[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (w->state == CS_WORKER_GONE)
        return;
    w->state = CS_WORKER_GONE;
    struct cs_worker_action *a = cs_do_action(w, CS_DO_EXIT);
    a->code = code;
    a->text = cs_arena_strdup(&w->arena, text);
}

bool cs_do_is_live(const struct cs_worker *w)
{
    return w->state == CS_WORKER_READY || w->state == CS_WORKER_ISOLATED;
}

bool cs_do_may_start(const struct cs_worker *w)
{
    return w->last_term != 0 && !w->draining && !w->fleet_draining && w->now - w->heard < CS_STOP_START_MS;
}

struct cs_message *cs_do_send(struct cs_worker *w, enum cs_kind kind)
{
    struct cs_message *m = cs_arena_alloc(&w->arena, sizeof *m);
    m->version = CS_WIRE_VERSION;
    m->kind = kind;
    if (kind != CS_HELLO) {
        CS_ASSERT(cs_do_is_live(w));
        m->session = w->session;
        m->seq = ++w->seq;
        m->ack = w->ack;
    }
    cs_do_action(w, CS_DO_SEND)->message = m;
    return m;
}
