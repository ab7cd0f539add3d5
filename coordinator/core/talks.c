#include "coordinator/core/talks.h"

#include "coordinator/core/lease.h"
#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/talked.h"

enum { MISFITS_MAX = 3 /* requests from the turns that stand which are not what we render from them */ };

void cs_coordinator_talks_again(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t;

    if (!lane->talks)
        return;
    cs_talked_drop(lane, position);
    t = cs_talked_of(core, lane, position);
    if (t == NULL)
        return;
    t->talk.draw++; /* the disk does not know it yet */
    t->talk.turns = 0;
    t->group = core->open->number;
}

/* ---- a reply ------------------------------------------------------------------------------------------- */

/* Whether the output says of itself what it can be in a conversation of so many calls. */
static bool is_possible(const struct cs_output *o, uint32_t calls)
{
    const bool goes_on = cs_outcome_goes_on((enum cs_outcome)o->outcome, o->text);

    if (o->turn > 0)
        return o->turn < calls && goes_on;
    return o->turns_done == calls || (o->turns_done > 0 && o->turns_done < calls && !goes_on);
}

/* Whether it answers the request that follows the turns which stand: they were on disk when that was made. */
static bool answers(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o,
                    const struct cs_owner *owner, struct cs_talk_at *t)
{
    uint8_t sent[sizeof o->sent];
    struct cs_error err = {0};
    enum cs_err rc;

    if (t->group > core->durable_group)
        return false;
    if (!cs_outcome_is_answer((enum cs_outcome)o->outcome))
        return true; /* perhaps it was never sent */
    rc = core->plan.sent(core->plan.self, lane->gen, lane->lane, o->position, &o->digest, owner, &t->talk, sent, &err);
    if (rc != CS_OK && rc != CS_ETOOBIG) {
        cs_act_end(core, rc, err.msg);
        return false;
    }
    if (rc == CS_OK && memcmp(sent, o->sent, sizeof sent) == 0)
        return true;
    t->misfits++;
    return false;
}

static bool is_same(struct cs_core *core, const struct cs_output *o, uint64_t print, const struct cs_owner *owner,
                    const struct cs_talk_at *t)
{
    if (o->turn == 0 || o->turn > t->talk.turns)
        return false;
    if (o->turn == t->talk.turns && t->print != 0)
        return t->print == print;
    return core->plan.is_turn(core->plan.self, o, owner, t->talk.draw);
}

struct cs_coordinator_talks_verdict cs_coordinator_talks_judge(struct cs_core *core, struct cs_lane *lane,
                                                               const struct cs_output *o, const struct cs_owner *owner,
                                                               uint64_t print, bool resent)
{
    struct cs_coordinator_talks_verdict v = {.kind = CS_TALKS_OUTPUT};
    const uint32_t turn = o->turn > 0 ? o->turn : o->turns_done;
    struct cs_talk_at *t;

    if (!lane->talks) {
        v.kind = turn > 0 ? CS_TALKS_MALFORMED : CS_TALKS_OUTPUT;
        return v;
    }
    t = cs_talked_get(core, lane, o->position, &o->digest, owner);
    if (t == NULL) {
        v.kind = CS_TALKS_ENDED;
        return v;
    }
    if (t->talk.calls == 1 && turn == 0)
        return v;
    if (t->talk.calls == 1 || !is_possible(o, t->talk.calls)) {
        v.kind = CS_TALKS_MALFORMED;
        return v;
    }
    v.turn.draw = t->talk.draw;
    if (resent || (o->turn > 0 && o->turn <= t->talk.turns)) {
        v.kind = is_same(core, o, print, owner, t) ? CS_TALKS_STANDS : CS_TALKS_OTHER;
    } else if (cs_coordinator_lane_state_of(lane, o->position) == CS_TRIAL_DONE) {
        v.kind = o->turn > 0 ? CS_TALKS_OTHER : CS_TALKS_OUTPUT;
    } else if (turn == t->talk.turns + 1 && answers(core, lane, o, owner, t)) {
        v.kind = o->turn > 0 ? CS_TALKS_TURN : CS_TALKS_OUTPUT;
        v.turn.number = o->turn > 0 ? o->turn : turn - 1;
    } else {
        v.kind = core->ended ? CS_TALKS_ENDED : t->misfits >= MISFITS_MAX ? CS_TALKS_WRONG : CS_TALKS_OTHER;
    }
    return v;
}

void cs_coordinator_talks_stands(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, uint64_t print)
{
    struct cs_talk_at *t = cs_talked_find(lane, o->position);

    CS_ASSERT(t != NULL);
    CS_ASSERT(o->turn == t->talk.turns + 1); /* a reply that stood in a history never changes */
    cs_talked_stands(core, lane, t, print);
}

/* ---- what stands ---------------------------------------------------------------------------------------- */

/* Those whose turns are all on disk: the others are asked for again. */
static struct cs_bits on_disk(const struct cs_core *core, const struct cs_lane *lane, uint64_t page,
                              const struct cs_bits *which)
{
    struct cs_bits set = {{0}};

    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        const struct cs_talk_at *t;

        if (!cs_bits_has(which, i))
            continue;
        t = cs_talked_find(lane, page * CS_PAGE_TRIALS + i);
        if (t == NULL || t->group <= core->durable_group)
            cs_bits_add(&set, i);
    }
    return set;
}

void cs_coordinator_talks_get(struct cs_core *core, struct cs_session *s, const struct cs_leases *asked, uint64_t seq)
{
    for (uint32_t i = 0; i < asked->n && i < CS_TURNS_LEASES_MAX; i++) {
        const struct cs_lease_ref *ref = &asked->leases[i];
        struct cs_lease *l = cs_lease_find(core, ref->epoch);
        struct cs_bits which = cs_bits_from_wire(ref->todo), gone;
        struct cs_message *m;

        if (l == NULL || l->session != s || !l->lane->talks || l->asked_seq == seq)
            continue;
        l->asked_seq = seq;
        gone = cs_bits_without(&which, &l->open);
        if (!cs_bits_none(&gone)) { /* another has it: else it would be asked about for ever */
            cs_lease_recall(core, l);
            continue;
        }
        which = on_disk(core, l->lane, l->on->page, &which);
        if (cs_bits_none(&which))
            continue;
        m = cs_act_send(core, s, CS_TURNS);
        m->turns.epoch = ref->epoch;
        cs_bits_to_wire(&which, m->turns.positions);
        core->last_action->kind = CS_ACT_TURNS;
        core->last_action->at.gen = l->lane->gen;
        core->last_action->at.lane = l->lane->lane;
        core->last_action->at.page = l->on->page;
    }
}
