/* What this worker may work on: leases as bitmaps over a page of 256 positions. Proved with the coordinator's side in
 * tests/model/lease.pml. */
#include "worker/core/leases.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "worker/calls/alarm.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/state.h"

static bool bit_get(const uint8_t *map, uint8_t bit)
{
    return (map[bit / 8] >> (bit % 8) & 1) != 0;
}

static void bit_set(uint8_t *map, uint8_t bit)
{
    map[bit / 8] = (uint8_t)(map[bit / 8] | 1U << bit % 8);
}

static void bit_clear(uint8_t *map, uint8_t bit)
{
    map[bit / 8] = (uint8_t)(map[bit / 8] & ~(1U << bit % 8));
}

static uint16_t bit_count(const uint8_t *map)
{
    int n = 0;
    for (int i = 0; i < CS_BITMAP_BYTES; i++)
        n += __builtin_popcount(map[i]);
    return (uint16_t)n;
}

static struct cs_worker_lease *find(struct cs_worker *w, uint64_t epoch)
{
    struct cs_worker_lease *l;
    HASH_FIND(hh, w->by_epoch, &epoch, sizeof epoch, l);
    return l;
}

/* Keeps the lane's list of leases that have something to start. */
static void update_open(struct cs_worker_lease *l)
{
    bool open = l->n_todo > l->n_waiting + l->n_untold;
    if (open == l->open)
        return;
    l->open = open;
    if (open)
        TAILQ_INSERT_TAIL(&l->lane->open, l, in_lane);
    else
        TAILQ_REMOVE(&l->lane->open, l, in_lane);
}

/* Frees the lease when nothing of it is left. */
static void update_alive(struct cs_worker *w, struct cs_worker_lease *l)
{
    CS_ASSERT(l->n_waiting + l->n_untold <= l->n_todo);
    update_open(l);
    if (l->n_todo > 0 || l->n_busy > 0)
        return;
    CS_ASSERT(LIST_EMPTY(&l->calls));
    HASH_DEL(w->by_epoch, l);
    LIST_REMOVE(l, all);
    l->lane->n_leases--;
    w->n_leases--;
    w->shares_stale = true; /* the lane may have become empty */
    free(l);
}

/* ---- conversations: which of their turns stand --------------------------------------------------------- */

/* What is to be started of it. */
static void untell(struct cs_worker *w, struct cs_worker_lease *l)
{
    for (int i = 0; i < CS_BITMAP_BYTES; i++)
        l->untold[i] = (uint8_t)(l->todo[i] & ~l->waiting[i]);
    w->untold -= l->n_untold;
    l->n_untold = (uint16_t)(l->n_todo - l->n_waiting);
    w->untold += l->n_untold;
    l->asked_ms = 0;
    w->ask_turns = true;
    update_open(l);
}

static void told(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    if (!bit_get(l->untold, bit))
        return;
    bit_clear(l->untold, bit);
    l->n_untold--;
    w->untold--;
}

void cs_leases_untold(struct cs_worker *w, const struct cs_worker_lane *lane)
{
    struct cs_worker_lease *l;
    LIST_FOREACH(l, &w->leases, all)
    {
        if (l->lane == lane && l->n_todo > l->n_waiting)
            untell(w, l);
    }
}

void cs_lease_told(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    told(w, l, bit);
    update_open(l);
}

bool cs_lease_is_untold(const struct cs_worker_lease *l, uint8_t bit)
{
    return bit_get(l->untold, bit);
}

void cs_lease_wait(struct cs_worker *w, struct cs_call *c)
{
    struct cs_worker_lease *l = c->lease;
    CS_ASSERT(bit_get(l->todo, c->bit));
    CS_ASSERT(!bit_get(l->waiting, c->bit));
    told(w, l, c->bit);
    bit_set(l->waiting, c->bit);
    l->n_waiting++;
    w->waiting++;
    LIST_INSERT_HEAD(&l->calls, c, in_lease);
    update_open(l);
}

void cs_lease_renew(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    CS_ASSERT(bit_get(l->busy, bit));
    CS_ASSERT(!l->dead);
    bit_clear(l->busy, bit);
    bit_set(l->todo, bit);
    bit_set(l->untold, bit);
    l->n_busy--;
    l->n_todo++;
    l->n_untold++;
    l->lane->n_todo++;
    w->unstarted++;
    w->untold++;
    l->asked_ms = 0;
    w->ask_turns = true;
    update_open(l);
}

/* ---- giving back ---------------------------------------------------------------------------------- */

static struct cs_lease_ref *giving(struct cs_worker *w, const struct cs_lease_ref *name)
{
    if (w->n_giving > 0 && w->giving[w->n_giving - 1].epoch == name->epoch)
        return &w->giving[w->n_giving - 1];
    if (w->n_giving == w->cap_giving) {
        w->cap_giving = w->cap_giving != 0 ? w->cap_giving * 2 : 16;
        w->giving = cs_xrealloc(w->giving, w->cap_giving, sizeof *w->giving);
    }
    struct cs_lease_ref *r = &w->giving[w->n_giving++];
    *r = (struct cs_lease_ref){.epoch = name->epoch, .gen = name->gen, .lane = name->lane, .page = name->page};
    return r;
}

static struct cs_lease_ref ref_of(const struct cs_worker_lease *l)
{
    return (struct cs_lease_ref){.epoch = l->epoch, .gen = l->lane->gen, .lane = l->lane->lane, .page = l->page};
}

/* Empties todo into `out`; the lease may be gone afterwards. */
static void take_todo(struct cs_worker *w, struct cs_worker_lease *l, struct cs_lease_ref *out)
{
    *out = ref_of(l);
    memcpy(out->todo, l->todo, sizeof out->todo);
    while (!LIST_EMPTY(&l->calls))
        cs_leases_drop_call(w, LIST_FIRST(&l->calls));
    CS_ASSERT(l->n_waiting == 0);
    w->untold -= l->n_untold;
    l->n_untold = 0;
    memset(l->untold, 0, sizeof l->untold);
    l->lane->n_todo -= l->n_todo;
    w->unstarted -= l->n_todo;
    l->n_todo = 0;
    memset(l->todo, 0, sizeof l->todo);
    update_alive(w, l);
}

void cs_leases_give_back(struct cs_worker *w, const struct cs_worker_lane *only, bool tell)
{
    for (struct cs_worker_lease *l = LIST_FIRST(&w->leases), *next; l != NULL; l = next) {
        next = LIST_NEXT(l, all);
        if (l->n_todo == 0 || (only != NULL && l->lane != only))
            continue;
        struct cs_lease_ref ref;
        take_todo(w, l, &ref);
        if (!tell)
            continue;
        struct cs_lease_ref *r = giving(w, &ref);
        for (int i = 0; i < CS_BITMAP_BYTES; i++)
            r->todo[i] |= ref.todo[i];
    }
}

/* Gives back n of the lease's trials that were not tried. */
static void give_back_some(struct cs_worker *w, struct cs_worker_lease *l, uint32_t n)
{
    struct cs_lease_ref ref = ref_of(l), *r = giving(w, &ref);
    for (int bit = CS_SHARD_SIZE - 1; bit >= 0 && n > 0; bit--) { /* the latest first */
        if (!bit_get(l->todo, (uint8_t)bit) || bit_get(l->waiting, (uint8_t)bit))
            continue;
        bit_set(r->todo, (uint8_t)bit);
        told(w, l, (uint8_t)bit);
        bit_clear(l->todo, (uint8_t)bit);
        l->n_todo--;
        l->lane->n_todo--;
        w->unstarted--;
        n--;
    }
    update_alive(w, l);
}

void cs_leases_give_back_beyond(struct cs_worker *w, const struct cs_worker_lane *lane, uint32_t keep)
{
    for (struct cs_worker_lease *l = LIST_FIRST(&w->leases), *next; l != NULL && lane->n_todo > keep; l = next) {
        next = LIST_NEXT(l, all);
        uint32_t n = (uint32_t)(l->n_todo - l->n_waiting), beyond = lane->n_todo - keep;
        if (l->lane == lane && n > 0)
            give_back_some(w, l, n < beyond ? n : beyond);
    }
}

void cs_leases_give_back_untried(struct cs_worker *w, const struct cs_worker_lane *lane)
{
    cs_leases_give_back_beyond(w, lane, 0);
}

void cs_leases_give_back_one(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    if (!l->dead) {
        struct cs_lease_ref ref = ref_of(l);
        bit_set(giving(w, &ref)->todo, bit);
    }
    cs_lease_done(w, l, bit);
}

/* What is given back while there is no session needs no message: the next HELLO does not list it. */
void cs_leases_settle(struct cs_worker *w)
{
    if (w->n_giving > 0 && cs_do_is_live(w) && !w->said_bye) {
        struct cs_leases *b = &cs_do_send(w, CS_RELEASE)->leases;
        b->n = w->n_giving;
        b->leases = cs_arena_array(&w->arena, b->n, sizeof *b->leases);
        memcpy(b->leases, w->giving, b->n * sizeof *b->leases);
    }
    w->n_giving = 0;
}

/* ---- coming and going ------------------------------------------------------------------------------ */

static bool wanted(struct cs_worker *w, const struct cs_lease_ref *r, struct cs_worker_lane **lane)
{
    *lane = cs_worker_lane_find(w, r->gen, r->lane);
    return *lane != NULL && !w->draining && w->n_leases < CS_LEASES_PER_WORKER_MAX && (*lane)->trouble[0] == '\0' &&
           ((*lane)->state == CS_LANE_OPEN || (*lane)->state == CS_LANE_PAUSED);
}

static void assign(struct cs_worker *w, const struct cs_lease_ref *r)
{
    struct cs_worker_lane *lane;
    uint16_t n = bit_count(r->todo);
    if (n == 0 || find(w, r->epoch) != NULL)
        return; /* said twice */
    if (!wanted(w, r, &lane)) {
        memcpy(giving(w, r)->todo, r->todo, sizeof r->todo);
        return;
    }
    struct cs_worker_lease *l = cs_xcalloc(1, sizeof *l);
    l->epoch = r->epoch;
    l->lane = lane;
    l->page = r->page;
    memcpy(l->todo, r->todo, sizeof l->todo);
    l->n_todo = n;
    l->watched = bit_count(r->busy) > 0;
    LIST_INIT(&l->calls);
    LIST_INSERT_HEAD(&w->leases, l, all);
    HASH_ADD(hh, w->by_epoch, epoch, sizeof l->epoch, l);
    if (lane->n_leases == 0)
        w->shares_stale = true;
    lane->n_leases++;
    lane->n_todo += n;
    w->n_leases++;
    w->unstarted += n;
    if (lane->known && lane->facts.talks)
        untell(w, l);
    update_open(l);
    cs_worker_lane_wake(w, lane);
}

void cs_leases_assign(struct cs_worker *w, const struct cs_leases *a)
{
    for (uint32_t i = 0; i < a->n; i++)
        assign(w, &a->leases[i]);
}

/* Nothing more of it is started. What flies or waits for its ACK is still told in HELLO: a coordinator that forgot must not pay again. */
static void kill_lease(struct cs_worker *w, struct cs_worker_lease *l)
{
    struct cs_lease_ref ref, *r;
    bool any = l->n_todo > 0;
    l->dead = true;
    take_todo(w, l, &ref);
    if (!any)
        return;
    r = giving(w, &ref); /* its money is not spent */
    for (int i = 0; i < CS_BITMAP_BYTES; i++)
        r->todo[i] |= ref.todo[i];
}

void cs_leases_lost(struct cs_worker *w, uint64_t epoch)
{
    struct cs_worker_lease *l = find(w, epoch);
    if (l == NULL || l->dead)
        return;
    if (l->n_todo > 0) /* else the coordinator has all of it, and its ACK is on the way */
        cs_do_log(w, CS_WARN, "lease_lost", "epoch=%llu unstarted=%u busy=%u", (unsigned long long)epoch, l->n_todo,
                  l->n_busy);
    kill_lease(w, l);
}

void cs_leases_revoke(struct cs_worker *w, const struct cs_leases *r)
{
    struct cs_leases *b = &cs_do_send(w, CS_REVOKED)->leases;
    b->n = r->n;
    b->leases = cs_arena_array(&w->arena, r->n, sizeof *b->leases);
    for (uint32_t i = 0; i < r->n; i++) {
        struct cs_worker_lease *l = find(w, r->leases[i].epoch);
        if (l != NULL) {
            take_todo(w, l, &b->leases[i]);
        } else {
            b->leases[i] = r->leases[i];
            memset(b->leases[i].todo, 0, CS_BITMAP_BYTES);
            memset(b->leases[i].busy, 0, CS_BITMAP_BYTES);
        }
    }
}

/* Leases live on under their new epochs, dead ones rise; those not named die. */
void cs_leases_adopt(struct cs_worker *w, const struct cs_welcome *m)
{
    struct cs_worker_lease *kept = NULL, *l, *tmp;
    uint32_t dropped = 0;
    for (uint32_t i = 0; i < m->n_adopted; i++) {
        uint64_t epoch = m->adopted[i].new_epoch;
        struct cs_worker_lease *same;
        l = find(w, m->adopted[i].old_epoch);
        HASH_FIND(hh, kept, &epoch, sizeof epoch, same);
        if (l == NULL || same != NULL)
            continue;
        HASH_DEL(w->by_epoch, l);
        l->epoch = epoch;
        l->dead = false;
        HASH_ADD(hh, kept, epoch, sizeof l->epoch, l);
    }
    HASH_ITER (hh, w->by_epoch, l, tmp) {
        if (!l->dead) {
            dropped++;
            kill_lease(w, l); /* may free it */
        }
    }
    HASH_ITER (hh, kept, l, tmp) {
        HASH_DEL(kept, l);
        HASH_ADD(hh, w->by_epoch, epoch, sizeof l->epoch, l);
    }
    if (dropped > 0)
        cs_do_log(w, CS_WARN, "leases_dropped", "dropped=%u adopted=%u", dropped, m->n_adopted);
}

uint32_t cs_leases_list(struct cs_worker *w, bool with_dead, struct cs_lease_ref **out)
{
    uint32_t n = 0;
    struct cs_worker_lease *l;
    *out = cs_arena_array(&w->arena, w->n_leases, sizeof **out);
    LIST_FOREACH(l, &w->leases, all)
    {
        if (l->dead && !with_dead)
            continue;
        struct cs_lease_ref *r = &(*out)[n++];
        *r = ref_of(l);
        memcpy(r->todo, l->todo, sizeof r->todo);
        memcpy(r->busy, l->busy, sizeof r->busy);
    }
    return n;
}

void cs_leases_close(struct cs_worker *w)
{
    HASH_CLEAR(hh, w->by_epoch);
    while (!LIST_EMPTY(&w->leases)) {
        struct cs_worker_lease *l = LIST_FIRST(&w->leases);
        LIST_REMOVE(l, all);
        while (!LIST_EMPTY(&l->calls)) {
            struct cs_call *c = LIST_FIRST(&l->calls);
            LIST_REMOVE(c, in_lease);
            cs_alarm_clear(&w->alarms, &c->alarm); /* lanes look at the heap after this */
            cs_worker_call_free(c);
        }
        free(l);
    }
}

/* ---- one position ---------------------------------------------------------------------------------- */

int cs_lease_after(const struct cs_worker_lease *l, int bit)
{
    const int first = bit + 1;
    for (int i = first / 8; i < CS_BITMAP_BYTES; i++) {
        unsigned free_bits = l->todo[i] & ~(unsigned)l->waiting[i] & ~(unsigned)l->untold[i];
        if (i == first / 8)
            free_bits &= 0xffU << first % 8;
        if (free_bits != 0)
            return i * 8 + __builtin_ctz(free_bits);
    }
    return -1;
}

int cs_lease_next(const struct cs_worker_lease *l)
{
    return cs_lease_after(l, -1);
}

void cs_lease_start(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    CS_ASSERT(bit_get(l->todo, bit));
    CS_ASSERT(!bit_get(l->busy, bit));
    CS_ASSERT(!bit_get(l->waiting, bit));
    CS_ASSERT(!bit_get(l->untold, bit));
    CS_ASSERT(!l->dead); /* invariant 8 */
    bit_clear(l->todo, bit);
    bit_set(l->busy, bit);
    l->n_todo--;
    l->n_busy++;
    l->lane->n_todo--;
    w->unstarted--;
    if (l->watched && cs_do_is_live(w))
        cs_alarm_set(&w->alarms, &w->ping, w->now);
    update_open(l);
}

void cs_lease_pause(struct cs_worker *w, struct cs_call *c)
{
    struct cs_worker_lease *l = c->lease;
    CS_ASSERT(bit_get(l->busy, c->bit));
    CS_ASSERT(!l->dead);
    bit_clear(l->busy, c->bit);
    bit_set(l->todo, c->bit);
    bit_set(l->waiting, c->bit);
    l->n_busy--;
    l->n_todo++;
    l->n_waiting++;
    l->lane->n_todo++;
    w->unstarted++;
    w->waiting++;
    LIST_INSERT_HEAD(&l->calls, c, in_lease);
    update_open(l);
}

void cs_lease_done(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit)
{
    CS_ASSERT(bit_get(l->busy, bit));
    bit_clear(l->busy, bit);
    l->n_busy--;
    update_alive(w, l);
}

void cs_lease_forget_waiting(struct cs_worker *w, struct cs_call *c)
{
    struct cs_worker_lease *l = c->lease;
    CS_ASSERT(bit_get(l->waiting, c->bit));
    bit_clear(l->waiting, c->bit);
    l->n_waiting--;
    w->waiting--;
    LIST_REMOVE(c, in_lease);
}

void cs_leases_drop_call(struct cs_worker *w, struct cs_call *c)
{
    if (c->due)
        TAILQ_REMOVE(&c->lane->due, c, in_lane);
    if (c->going)
        TAILQ_REMOVE(&c->lane->going, c, in_lane);
    cs_worker_lane_warm(c, false);
    cs_alarm_clear(&w->alarms, &c->alarm);
    cs_lease_forget_waiting(w, c);
    cs_worker_call_free(c);
}
