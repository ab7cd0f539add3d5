#include "coordinator/lanes/talked.h"

#include "coordinator/lanes/act.h"

struct cs_talk_at *cs_talked_find(const struct cs_lane *lane, uint64_t position)
{
    struct cs_talk_at *t;

    HASH_FIND(hh, lane->talked, &position, sizeof position, t);
    return t;
}

struct cs_talk_at *cs_talked_get(struct cs_core *core, struct cs_lane *lane, uint64_t position,
                                 const struct cs_digest *digest, const struct cs_owner *owner)
{
    struct cs_talk_at *t = cs_talked_find(lane, position);
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
    t->talk = talk;
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
