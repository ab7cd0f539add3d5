#include "coordinator/lanes/talked.h"

#include "coordinator/lanes/act.h"

struct cs_talk_at *cs_talked_find(const struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t;

    HASH_FIND(hh, lane->talked, &position, sizeof position, t);
    return t;
}

/* The same conversation in the other loaded generation of its study: a late reply may come for that one. */
static struct cs_talk_at *sibling(const struct cs_core *core, const struct cs_lane *lane,
                                  const struct cs_digest *digest, const struct cs_owner *owner)
{
    const struct cs_core_generation *other = lane->of == lane->study->newest ? lane->study->before
                                                                             : lane->study->newest;

    for (uint32_t i = 0; other != NULL && i < other->n_lanes; i++) {
        const struct cs_lane *l = core->lanes[other->first + i];

        for (struct cs_talk_at *t = l != NULL ? l->talked : NULL; t != NULL; t = t->hh.next) {
            if (cs_digest_equal(&t->digest, digest) && t->owner.lane == owner->lane &&
                t->owner.bought_for == owner->bought_for)
                return t;
        }
    }
    return NULL;
}

static void copy(struct cs_talk_at *to, const struct cs_talk_at *from)
{
    to->talk.turns = from->talk.turns;
    to->group = from->group;
    to->print = from->print;
}

void cs_talked_stands(struct cs_core *core, struct cs_lane *lane, struct cs_talk_at *t, uint64_t print)
{
    struct cs_talk_at *same = sibling(core, lane, &t->digest, &t->owner);

    t->talk.turns++;
    t->group = core->open->number;
    t->print = print;
    t->misfits = 0;
    if (same != NULL && same->talk.draw == t->talk.draw)
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
    t->digest = *digest;
    t->owner = *owner;
    t->talk = talk;
    same = sibling(core, lane, digest, owner);
    if (same != NULL && same->talk.draw == talk.draw && same->talk.turns > talk.turns)
        copy(t, same); /* what is not on disk yet */
    HASH_ADD(hh, lane->talked, position, sizeof t->position, t);
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

void cs_talked_drop(struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t = cs_talked_find(lane, position);

    if (t == NULL)
        return;
    HASH_DEL(lane->talked, t);
    free(t);
}

void cs_talked_close(struct cs_lane *lane)
{
    struct cs_talk_at *t, *next;

    HASH_ITER (hh, lane->talked, t, next) {
        HASH_DEL(lane->talked, t);
        free(t);
    }
}
