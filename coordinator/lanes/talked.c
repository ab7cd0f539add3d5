#include "coordinator/lanes/talked.h"

#include "coordinator/lanes/act.h"
#include "store/turn_rows.h"

struct cs_talk_at *cs_talked_find(const struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t;

    HASH_FIND(hh, lane->talked, &position, sizeof position, t);
    return t;
}

/* The same conversation in the other loaded generation of its study: a late reply may come for that one. */
static struct cs_talk_at *sibling(const struct cs_core *core, const struct cs_lane *lane, const struct cs_talk_key *key)
{
    const struct cs_core_generation *other = lane->of == lane->study->newest ? lane->study->before
                                                                             : lane->study->newest;
    struct cs_talk_at *t = NULL;

    for (uint32_t i = 0; other != NULL && t == NULL && i < other->n_lanes; i++) {
        const struct cs_lane *l = core->lanes[other->first + i];

        if (l != NULL)
            HASH_FIND(hh_key, l->by_key, key, sizeof *key, t);
    }
    return t;
}

static bool is_of_draw(const struct cs_talk_at *a, const struct cs_talk_at *b)
{
    return a->talk.draw % CS_TURN_ROWS_ANEW == b->talk.draw % CS_TURN_ROWS_ANEW;
}

static bool is_ahead(const struct cs_talk_at *a, const struct cs_talk_at *b)
{
    return a->talk.draw > b->talk.draw || (a->talk.draw == b->talk.draw && a->talk.turns > b->talk.turns);
}

static void copy(struct cs_talk_at *to, const struct cs_talk_at *from)
{
    to->talk.turns = from->talk.turns;
    to->talk.draw = from->talk.draw;
    to->group = from->group;
    to->print = from->print;
}

void cs_talked_stands(struct cs_core *core, struct cs_lane *lane, struct cs_talk_at *t, uint64_t print)
{
    struct cs_talk_at *same = sibling(core, lane, &t->key);

    t->talk.turns++;
    t->group = core->open->number;
    t->print = print;
    t->misfits = 0;
    if (same != NULL && is_of_draw(same, t))
        copy(same, t);
}

struct cs_talk_at *cs_talked_get(struct cs_core *core, struct cs_lane *lane, uint64_t position,
                                 const struct cs_digest *digest, const struct cs_owner *owner)
{
    struct cs_talk_at *t = cs_talked_find(lane, position), *same;
    struct cs_core_talk talk;
    struct cs_error err = {0};
    enum cs_err rc;

    if (t != NULL || core->ended)
        return t;
    rc = core->plan.talk(core->plan.self, lane->gen, lane->lane, position, digest, owner, &talk, &err);
    if (rc != CS_OK) {
        cs_act_end(core, rc, err.msg);
        return NULL;
    }
    t = cs_xcalloc(1, sizeof *t);
    t->position = position;
    t->key.digest = *digest;
    t->key.owner = *owner;
    t->talk = talk;
    same = sibling(core, lane, &t->key);
    if (same != NULL && is_of_draw(same, t) && is_ahead(same, t))
        copy(t, same); /* what is not on disk yet */
    HASH_ADD(hh, lane->talked, position, sizeof t->position, t);
    HASH_ADD(hh_key, lane->by_key, key, sizeof t->key, t);
    return t;
}

struct cs_talk_at *cs_talked_of(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t = cs_talked_find(lane, position);
    struct cs_digest digest;
    struct cs_owner owner;
    struct cs_error err = {0};
    enum cs_err rc;

    if (t != NULL || core->ended)
        return t;
    rc = core->plan.identity(core->plan.self, lane->gen, lane->lane, position, &digest, &owner, &err);
    if (rc == CS_OK)
        return cs_talked_get(core, lane, position, &digest, &owner);
    cs_act_end(core, rc, err.msg);
    return NULL;
}

static void forget(struct cs_lane *lane, struct cs_talk_at *t)
{
    HASH_DEL(lane->talked, t);
    HASH_DELETE(hh_key, lane->by_key, t);
    free(t);
}

void cs_talked_drop(struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t = cs_talked_find(lane, position);

    if (t != NULL)
        forget(lane, t);
}

void cs_talked_close(struct cs_lane *lane)
{
    struct cs_talk_at *t, *next;

    HASH_ITER (hh, lane->talked, t, next)
        forget(lane, t);
}
