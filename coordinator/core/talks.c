#include "coordinator/core/talks.h"

#include "coordinator/core/lease.h"
#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/talked.h"
#include "protocol/study/tools.h"
#include "store/turn_rows.h"

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
    t->talk.draw = t->talk.draw % CS_TURN_ROWS_ANEW + 1; /* the disk does not know it yet */
    t->talk.turns = 0;
    t->group = core->open->number;
}

/* ---- a reply ------------------------------------------------------------------------------------------- */

/* With tools a turn is a round, which requests are made from: one that none can be made from is kept out. */
static bool is_fit(const struct cs_output *o, const struct cs_core_talk *talk)
{
    struct cs_arena scratch = {0};
    struct cs_tool_round round;
    bool fit;

    if (talk->max_calls == 0 || !cs_output_is_round(o))
        return talk->max_calls == 0 && !cs_output_is_round(o);
    fit = cs_tool_loop_read(o->round, &scratch, &round, NULL) == CS_OK && cs_tool_loop_goes_on(&round, talk->max_calls);
    cs_arena_release(&scratch);
    return fit;
}

/* Whether the output says of itself what it can be in a conversation of so many calls. With tools the calls are a limit: which is the last is
 * seen once the turns before it are at hand (answers). */
static bool is_possible(const struct cs_output *o, const struct cs_core_talk *talk)
{
    const uint32_t calls = talk->calls;
    const bool goes_on = cs_output_goes_on(o);

    if (o->turn > 0)
        return o->turn < calls && goes_on && is_fit(o, talk);
    if (cs_output_is_round(o))
        return false;
    return o->turns_done == calls || (o->turns_done > 0 && o->turns_done < calls && (!goes_on || talk->max_calls > 0));
}

/* With tools: a turn is no reply to the last call, and what ends the trial by an answer is one. */
static bool is_in_place(const struct cs_output *o, const struct cs_core_talk *talk, bool last)
{
    return talk->max_calls == 0 || (o->turn > 0 ? !last : last || o->outcome != CS_OUTCOME_ok);
}

/* Whether it answers the request that follows the turns which stand: they were on disk when that was made. */
static bool answers(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o,
                    const struct cs_owner *owner, const struct cs_talk_at *t, uint32_t *misfits)
{
    uint8_t sent[sizeof o->sent];
    struct cs_error err = {0};
    bool last = false;
    enum cs_err rc;

    if (t->group > core->durable_group)
        return false;
    if (!cs_outcome_is_answer((enum cs_outcome)o->outcome))
        return true; /* perhaps it was never sent */
    rc = core->plan.sent(core->plan.self, lane->gen, lane->lane, o->position, &o->digest, owner, &t->talk, sent, &last,
                         &err);
    if (rc != CS_OK && rc != CS_ETOOBIG) {
        cs_act_end(core, rc, err.msg);
        return false;
    }
    if (rc == CS_OK && memcmp(sent, o->sent, sizeof sent) == 0 && is_in_place(o, &t->talk, last))
        return true;
    ++*misfits;
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

static bool begins_anew(const struct cs_lane *lane, uint32_t turn, const struct cs_talk_at *t, bool held)
{
    return lane->remembers && turn == 1 && t->talk.turns > 0 && held;
}

static void anew(struct cs_talk_at *t)
{
    t->talk.draw += CS_TURN_ROWS_ANEW;
    t->talk.turns = 0;
    t->group = 0; /* its request holds nothing that would have to be on disk */
}

struct cs_coordinator_talks_verdict cs_coordinator_talks_judge(struct cs_core *core, struct cs_lane *lane,
                                                               const struct cs_output *o, const struct cs_owner *owner,
                                                               uint64_t print, bool resent, bool held)
{
    struct cs_coordinator_talks_verdict v = {.kind = CS_TALKS_OUTPUT};
    const uint32_t turn = o->turn > 0 ? o->turn : o->turns_done;
    struct cs_talk_at *t, now;

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
    if (t->talk.calls == 1 || !is_possible(o, &t->talk)) {
        v.kind = CS_TALKS_MALFORMED;
        return v;
    }
    now = *t;
    if (begins_anew(lane, turn, t, held && !resent) && !is_same(core, o, print, owner, t))
        anew(&now);
    v.turn.draw = now.talk.draw;
    if (resent || (o->turn > 0 && o->turn <= now.talk.turns)) {
        v.kind = is_same(core, o, print, owner, t) ? CS_TALKS_STANDS : CS_TALKS_OTHER;
    } else if (cs_coordinator_lane_state_of(lane, o->position) == CS_TRIAL_DONE) {
        v.kind = o->turn > 0 ? CS_TALKS_OTHER : CS_TALKS_OUTPUT;
    } else if (turn == now.talk.turns + 1 && answers(core, lane, o, owner, &now, &t->misfits)) {
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
    if (begins_anew(lane, o->turn, t, true))
        anew(t);
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
