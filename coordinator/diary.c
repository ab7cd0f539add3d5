#include "coordinator/diary.h"

#include <stdio.h>
#include <stdlib.h>

#include "coordinator/feed.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"

enum cs_err cs_diary_open(struct cs_server *sv, struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    for (int ring = 0; ring < CS_EVENTS_RINGS && rc == CS_OK; ring++)
        rc = cs_events_last(sv->store, (enum cs_events_ring)ring, &sv->events[ring], err);
    return rc;
}

static void write_entry(void *self, struct cs_batch *batch)
{
    struct cs_diary_entry *e = self;

    e->row.at_wall_ms = cs_clock_wall_ms();
    cs_events_add(batch, CS_EVENTS_RING_ACT, ++e->sv->events[CS_EVENTS_RING_ACT], &e->row);
}

struct cs_note cs_diary_note(struct cs_diary_entry *e)
{
    return (struct cs_note){write_entry, e};
}

void cs_diary_write(struct cs_diary_entry *e, uint64_t token)
{
    const struct cs_note note = cs_diary_note(e);
    const struct cs_event event = {.kind = CS_EV_NOTE, .note = &note, .noted = {token}};

    cs_feed_event(e->sv, &event);
}

static const char *kept(const char *text)
{
    return text != NULL ? cs_xstrdup(text) : NULL;
}

struct cs_diary_entry *cs_diary_keep(const struct cs_diary_entry *e)
{
    struct cs_diary_entry *mine = cs_xmalloc(sizeof *mine);

    *mine = *e; /* the act's name is a constant */
    mine->row.by = kept(e->row.by);
    mine->row.role = kept(e->row.role);
    mine->row.key = kept(e->row.key);
    mine->row.study = kept(e->row.study);
    mine->row.subject = kept(e->row.subject);
    mine->row.detail = kept(e->row.detail);
    mine->row.reason = kept(e->row.reason);
    return mine;
}

void cs_diary_drop(struct cs_diary_entry *e)
{
    if (e == NULL)
        return;
    const char *const texts[] = {e->row.by,      e->row.role,   e->row.key,   e->row.study,
                                 e->row.subject, e->row.detail, e->row.reason};

    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)(uintptr_t)texts[i]);
    free(e);
}

static void write_own(void *self, struct cs_batch *batch, const char *act, uint64_t study, const char *subject,
                      const char *detail)
{
    struct cs_server *sv = self;
    const struct cs_roster_study *s = cs_roster_find(&sv->roster, study);
    const struct cs_events_row row = {.act = act,
                                      .at_wall_ms = cs_clock_wall_ms(),
                                      .study = s != NULL ? s->name : NULL,
                                      .subject = subject,
                                      .detail = detail,
                                      .trials = -1,
                                      .nano_usd = -1};

    cs_events_add(batch, CS_EVENTS_RING_OWN, ++sv->events[CS_EVENTS_RING_OWN], &row);
}

void cs_diary_erased(struct cs_server *sv, struct cs_batch *batch, const char *study, uint64_t outputs, uint64_t kept)
{
    char detail[128];
    const struct cs_events_row row = {.act = "erased",
                                      .at_wall_ms = cs_clock_wall_ms(),
                                      .study = study,
                                      .detail = detail,
                                      .trials = -1,
                                      .nano_usd = -1};

    snprintf(detail, sizeof detail, "%llu outputs of the deleted study%s", (unsigned long long)outputs,
             kept > 0 ? "; those that another study points to were kept" : "");
    cs_events_add(batch, CS_EVENTS_RING_OWN, ++sv->events[CS_EVENTS_RING_OWN], &row);
}

struct cs_core_diary cs_diary_for_core(struct cs_server *sv)
{
    return (struct cs_core_diary){sv, write_own};
}
