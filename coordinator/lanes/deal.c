#include "coordinator/lanes/deal.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/announce.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/lanes/trouble.h"

enum { UNBOUND = CS_RAMP_UNBOUND };

void cs_deal_dirty(struct cs_core *core, struct cs_lane *lane)
{
    core->deal_dirty = true;
    for (uint32_t i = 0; i < core->n_slots; i++) {
        if (core->lanes[i] != NULL && (lane == NULL || lane == core->lanes[i]))
            core->lanes[i]->deal_dirty = true;
    }
}

uint32_t cs_deal_capacity(const struct cs_session *s, const struct cs_lane *lane)
{
    uint32_t capacity = s->lanes[lane->slot].capacity, part = s->lanes[lane->slot].part;
    uint32_t most = part > UINT32_MAX / 2 ? UINT32_MAX : s->lanes[lane->slot].jams > 0 ? 2 * part : part;

    return capacity < most ? capacity : most;
}

uint32_t cs_deal_sharers(const struct cs_lane *lane)
{
    return lane->n_parts > 0 ? lane->n_parts : 1;
}

/* ---- parts ------------------------------------------------------------------------------------------ */

static uint32_t wish(const struct cs_core *core, const struct cs_session *s, const struct cs_lane *lane)
{
    uint32_t capacity = s->lanes[lane->slot].capacity;
    bool has_work = lane->leased < lane->count[CS_TRIAL_PLANNED] || s->lanes[lane->slot].held > 0;

    if (s->refused || s->drain_sent || !has_work || core->now_ms >= s->heard_ms + CS_SUSPECT_MS)
        return 0;
    return (capacity + 1) / 2; /* a worker wants as much again, so that it never runs dry */
}

static void set_part(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t part)
{
    if (s->apart != NULL && part == 0)
        part = 1; /* it alone may work on what it has */
    lane->n_parts += part > 0 && wish(core, s, lane) > 0;
    if (s->lanes[lane->slot].part == part)
        return;
    core->regrant |= part > s->lanes[lane->slot].part;
    s->lanes[lane->slot].part = part;
    s->untold_part |= s->lanes[lane->slot].told != cs_announce_calls(part);
}

/* The largest even share with which `most` is enough, and what is left of it then. */
static uint32_t even_share(const struct cs_core *core, const struct cs_lane *lane, uint32_t most, uint32_t n,
                           uint32_t *left)
{
    struct cs_session *s, *next;
    uint32_t even = n > 0 ? most / n : 0;

    for (bool again = n > 0; again;) {
        uint32_t rest = most, more = 0, was = even;

        HASH_ITER (hh, core->sessions, s, next) {
            uint32_t w = wish(core, s, lane);

            if (w > 0 && w <= even)
                rest -= w;
            else
                more += w > 0;
        }
        even = more > 0 ? rest / more : even;
        again = more > 0 && even > was;
        *left = more > 0 ? rest % more : 0;
    }
    return even;
}

/* First those who have begun something, so that it ends; then those who have a part already. */
static int turn_of(const struct cs_session *s, const struct cs_lane *lane)
{
    return s->lanes[lane->slot].held > 0 ? 0 : s->lanes[lane->slot].part > 0 ? 1 : 2;
}

static void deal_lane(struct cs_core *core, struct cs_lane *lane)
{
    struct cs_session *s, *next;
    uint32_t most = cs_serving_most(lane, core->now_ms), n = 0, even = UNBOUND, left = 0;
    uint64_t could = 0;

    HASH_ITER (hh, core->sessions, s, next) {
        uint32_t w = wish(core, s, lane);

        could += w;
        n += w > 0;
    }
    cs_serving_could(lane, could < UNBOUND ? (uint32_t)could : UNBOUND - 1);
    lane->most = most;
    lane->n_parts = 0;
    if (most != UNBOUND)
        even = even_share(core, lane, most, n, &left);
    for (int turn = 0; turn < 3; turn++) { /* the remainder */
        HASH_ITER (hh, core->sessions, s, next) {
            uint32_t w = wish(core, s, lane), part = w < even ? w : even;

            if (turn_of(s, lane) > turn || s->lanes[lane->slot].dealt == core->deals)
                continue;
            s->lanes[lane->slot].dealt = core->deals;
            if (most == UNBOUND)
                part = UNBOUND;
            else if (w > part && left > 0) {
                part++;
                left--;
            }
            set_part(core, s, lane, part);
        }
    }
}

void cs_deal_new(const struct cs_core *core, struct cs_session *s)
{
    for (uint32_t i = 0; i < core->n_slots; i++)
        s->lanes[i].part = core->lanes[i] != NULL && core->lanes[i]->most == UNBOUND ? UNBOUND : 0;
}

void cs_deal(struct cs_core *core)
{
    struct cs_session *s, *next;

    if (!core->deal_dirty)
        return;
    core->deal_dirty = false;
    core->deals++;
    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || !lane->deal_dirty)
            continue;
        lane->deal_dirty = false;
        deal_lane(core, lane);
    }
    HASH_ITER (hh, core->sessions, s, next) {
        if (s->untold_part && !s->refused) {
            struct cs_message *m = cs_act_send(core, s, CS_STOP);

            cs_announce_make(core, s, &m->announce);
        }
        s->untold_part = false;
    }
}

/* ---- what the ramp learns ---------------------------------------------------------------------------- */

static void look(struct cs_core *core, struct cs_lane *lane)
{
    uint32_t most = cs_serving_most(lane, core->now_ms);

    cs_serving_note(lane, core->now_ms);
    if (most == lane->most)
        return;
    cs_log(CS_DEBUG, "lane_calls", "model=%s calls=%u was=%u", lane->name, most, lane->most);
    lane->most = most;
    cs_deal_dirty(core, lane);
}

void cs_deal_tick(struct cs_core *core)
{
    for (uint32_t i = 0; i < core->n_slots; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->open)
            look(core, core->lanes[i]);
    }
}

void cs_deal_output(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o)
{
    struct cs_ramp_answer a = {.latency_ms = o->latency_ms,
                               .tokens = o->output_tokens,
                               .timeout = o->outcome == CS_OUTCOME_timeout,
                               .fault = !cs_outcome_is_answer((enum cs_outcome)o->outcome)};
    bool was_shy = lane->ramp.state == CS_RAMP_SHY;

    cs_serving_ended(core, lane, o->server, &a);
    if (was_shy != (lane->ramp.state == CS_RAMP_SHY))
        cs_log(was_shy ? CS_INFO : CS_WARN, was_shy ? "lane_in_time" : "lane_too_slow", "model=%s timeout_ms=%u",
               lane->name, lane->timeout_ms);
    look(core, lane);
}

void cs_deal_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t jams, uint64_t ack)
{
    uint32_t was = s->lanes[lane->slot].jams;

    if (jams == 0)
        return;
    s->lanes[lane->slot].jams = jams;
    if (was == 0)
        cs_deal_dirty(core, lane);                                  /* it knows of parts */
    else if (jams != was && ack >= s->lanes[lane->slot].told_seq) { /* else it is the jam that its part was cut for */
        cs_ramp_jam(&lane->ramp, core->now_ms);
        look(core, lane);
    }
}
