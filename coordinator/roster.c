#include "coordinator/roster.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/server.h"
#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/base/log.h"

/* ---- who is there ------------------------------------------------------------------------------------- */

struct cs_roster_study *cs_roster_find(const struct cs_roster *r, uint64_t key)
{
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->items[i]->key == key)
            return r->items[i];
    }
    return NULL;
}

struct cs_roster_study *cs_roster_named(const struct cs_roster *r, const char *name)
{
    return cs_roster_find(r, cs_digest_study_key(name));
}

static uint32_t last_of(const struct cs_roster_study *s)
{
    return s->next.number != 0 ? s->next.number : s->newest.number;
}

struct cs_roster_study *cs_roster_last(const struct cs_roster *r)
{
    struct cs_roster_study *last = NULL;

    for (uint32_t i = 0; i < r->n; i++) {
        if (last == NULL || last_of(r->items[i]) > last_of(last))
            last = r->items[i];
    }
    return last;
}

struct cs_roster_study *cs_roster_add(struct cs_roster *r, const char *name)
{
    struct cs_roster_study *s = cs_xcalloc(1, sizeof *s);

    s->key = cs_digest_study_key(name);
    s->name = cs_xstrdup(name);
    s->title = cs_xstrdup("");
    s->weight = 1;
    s->priority = CS_PRIORITY_NORMAL;
    r->items = cs_xrealloc(r->items, r->n + 1, sizeof *r->items);
    r->items[r->n++] = s;
    return s;
}

void cs_roster_note(struct cs_roster *r, uint32_t gen, uint64_t study)
{
    if (gen > r->n_generations) {
        r->study_of = cs_xrealloc(r->study_of, gen + 1, sizeof *r->study_of);
        memset(r->study_of + r->n_generations + 1, 0, (gen - r->n_generations) * sizeof *r->study_of);
        r->study_of[0] = 0;
        r->n_generations = gen;
    }
    r->study_of[gen] = study;
}

uint64_t cs_roster_study_of(const struct cs_roster *r, uint32_t gen)
{
    return gen <= r->n_generations && r->study_of != NULL ? r->study_of[gen] : 0;
}

static void free_study(struct cs_roster_study *s)
{
    free(s->name);
    free(s->title);
    free(s->after);
    cs_settings_release(&s->set);
    free(s);
}

void cs_roster_remove(struct cs_roster *r, struct cs_roster_study *s)
{
    uint32_t i = 0;

    while (r->items[i] != s)
        i++;
    memmove(&r->items[i], &r->items[i + 1], (--r->n - i) * sizeof(struct cs_roster_study *));
    free_study(s);
}

bool cs_roster_is_durable(const struct cs_server *sv, uint32_t gen)
{
    char key[CS_META_KEY_MAX];
    void *row = NULL;
    uint32_t n = 0;
    bool durable;

    cs_store_generation_key(gen, key);
    durable = cs_store_rows_meta(sv->store, key, &row, &n, NULL) == CS_OK;
    free(row);
    return durable;
}

void cs_roster_release(struct cs_roster *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        free_study(r->items[i]);
    free(r->items);
    free(r->study_of);
    *r = (struct cs_roster){0};
}

/* ---- weights ------------------------------------------------------------------------------------------- */

static const char *const priorities[] = {"low", "normal", "high"};

bool cs_roster_priority(const char *name, enum cs_priority *out)
{
    for (unsigned i = 0; i < sizeof priorities / sizeof *priorities; i++) {
        if (strcmp(name, priorities[i]) != 0)
            continue;
        *out = (enum cs_priority)i;
        return true;
    }
    return false;
}

const char *cs_roster_priority_name(enum cs_priority p)
{
    return priorities[p];
}

uint32_t cs_roster_weight(const struct cs_roster_study *s)
{
    static const uint32_t times[] = {1, CS_WEIGHT_USUAL, CS_WEIGHT_USUAL * CS_WEIGHT_USUAL};

    return s->weight * times[s->priority];
}

/* ---- how far they are ------------------------------------------------------------------------------------ */

struct cs_roster_totals cs_roster_totals(const struct cs_server *sv, const struct cs_roster_study *s)
{
    struct cs_roster_totals sum = {0};
    struct cs_core_view view;
    struct cs_lane_view lane;

    if (!s->loaded)
        return s->totals;
    cs_core_view(sv->core, s->key, &view);
    for (uint32_t i = 0; i < view.n_lanes; i++) {
        cs_core_lane(sv->core, s->key, i, &lane);
        sum.planned += lane.n_trials - lane.left_out;
        sum.done += lane.done;
        sum.failed += lane.failed;
        sum.cancelled += lane.cancelled;
    }
    return sum;
}

bool cs_roster_is_over(const struct cs_server *sv, const struct cs_roster_study *s)
{
    const struct cs_roster_totals t = cs_roster_totals(sv, s);

    return s->next.number == 0 && s->newest.number != 0 && t.done + t.failed + t.cancelled == t.planned;
}

bool cs_roster_waits(const struct cs_server *sv, const struct cs_roster_study *s)
{
    const struct cs_roster_study *other = s->after != NULL ? cs_roster_named(&sv->roster, s->after) : NULL;

    return s->newest.number == 0 && other != NULL && !cs_roster_is_over(sv, other);
}

/* ---- room ------------------------------------------------------------------------------------------------- */

bool cs_roster_is_held(const struct cs_server *sv, const struct cs_roster_study *s)
{
    struct cs_core_view view;
    struct cs_lane_view lane;
    uint64_t leased = 0;

    cs_core_view(sv->core, s->key, &view);
    for (uint32_t i = 0; i < view.n_lanes; i++) {
        cs_core_lane(sv->core, s->key, i, &lane);
        leased += lane.leased;
    }
    return leased > 0 || (sv->again.state != CS_AGAIN_OVER && sv->again.study == s->key) ||
           (sv->pick.state != CS_PICK_OVER && sv->pick.study == s->key);
}

static void park(struct cs_server *sv, struct cs_roster_study *s)
{
    struct cs_event e = {.kind = CS_EV_UNLOAD, .study = {.key = s->key}};

    s->totals = cs_roster_totals(sv, s);
    cs_log(CS_INFO, "study_parked", "gen=%u", s->newest.number);
    cs_feed_event(sv, &e);
    cs_plans_drop(&sv->plans, s->before);
    cs_plans_drop(&sv->plans, s->newest.number);
    s->before = 0;
    s->loaded = false;
}

/* Studies that are over leave, the longest over first. */
static bool make_room(struct cs_server *sv, const struct cs_roster_study *s)
{
    while (!cs_core_has_room(sv->core, s->key, s->n_lanes)) {
        struct cs_roster_study *leaves = NULL;

        for (uint32_t i = 0; i < sv->roster.n; i++) {
            struct cs_roster_study *o = sv->roster.items[i];

            if (o != s && o->loaded && (leaves == NULL || o->newest.number < leaves->newest.number) &&
                cs_roster_is_over(sv, o) && !cs_roster_is_held(sv, o))
                leaves = o;
        }
        if (leaves == NULL)
            return false;
        park(sv, leaves);
    }
    return true;
}

/* Its newest generation is to be built or loaded, now or when another one ends. */
static bool is_awaited(const struct cs_server *sv, const struct cs_roster_study *s)
{
    return s->next.number != 0 || (!s->loaded && s->newest.number != 0 && !cs_roster_is_over(sv, s));
}

void cs_roster_tell_awaited(struct cs_server *sv)
{
    struct cs_event e = {.kind = CS_EV_AWAITED};

    for (uint32_t i = 0; i < sv->roster.n && e.awaited.gen == 0; i++) {
        if (is_awaited(sv, sv->roster.items[i]))
            e.awaited.gen = last_of(sv->roster.items[i]);
    }
    if (e.awaited.gen == sv->roster.awaited)
        return;
    sv->roster.awaited = e.awaited.gen;
    cs_feed_event(sv, &e);
}

static bool wants_a_turn(const struct cs_server *sv, const struct cs_roster_study *s)
{
    return is_awaited(sv, s) && !cs_roster_waits(sv, s);
}

static bool goes_before(const struct cs_roster_study *a, const struct cs_roster_study *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return last_of(a) < last_of(b);
}

struct cs_roster_study *cs_roster_next(struct cs_server *sv)
{
    struct cs_roster_study *first = NULL;

    for (uint32_t i = 0; i < sv->roster.n; i++) {
        struct cs_roster_study *s = sv->roster.items[i];

        if (wants_a_turn(sv, s) && (first == NULL || goes_before(s, first)))
            first = s;
    }
    return first != NULL && make_room(sv, first) ? first : NULL;
}
