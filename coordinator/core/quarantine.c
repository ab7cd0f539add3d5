/* quarantine.c - a trial that ends its workers is found by bisection, and quarantined.
 *
 *   trial             event                                                           next
 *   none              its worker is lost while it may be in flight                    suspect: runs among the others
 *   suspect           the same again                                                  apart, with half of those of this loss
 *   apart, in a half  the same again                                                  apart, in a half of those in flight then
 *   apart, alone      the same again                                                  alone again, on another worker
 *   apart, alone      the third loss on as many workers as there are, up to three,    quarantined: failed, with a side row
 *                     and one more for each worker lost without it since its first; the sixth
 *   any               an output of it arrives, or a turn                              none: it is innocent
 *   quarantined       `retry`                                                         planned, none
 *
 * A worker is lost by silence, or when another process comes under its name; BYE and a drain do not count. In flight may be what
 * its last PING lists as busy, and what it got after that PING. A worker that runs suspects is emptied first and has nothing else, and
 * it reports these trials as they begin (`busy` in ASSIGN). Whoever kills workers at random condemns nobody: a trial that runs alone
 * answers, unless its worker is killed three to six times in a row. All of it is forgotten with the process, but the verdict.
 */
#include "coordinator/core/quarantine.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/lanes/state.h"

enum {
    APART_LOSSES = 2,   /* from here on a trial runs apart */
    ALONE_LOSSES = 3,   /* on as many different workers, up to CS_ALONE_WORKERS */
    ALONE_MOST = 6,     /* on whichever there are, whoever else is lost */
    SILENT_LOSSES = 3,  /* in a row, of a worker that said it had not begun: from here on it is not believed */
    POSITION_BITS = 48, /* low bits of a key; the lane's slot is above them */
};
_Static_assert(CS_SLOTS <= 1 << (64 - POSITION_BITS), "a slot fits in a key");

static uint64_t key_of(const struct cs_lane *lane, uint64_t position)
{
    return (uint64_t)lane->slot << POSITION_BITS | position;
}

static struct cs_suspect *find(struct cs_core *core, const struct cs_lane *lane, uint64_t position)
{
    uint64_t key = key_of(lane, position);
    struct cs_suspect *t;

    HASH_FIND(hh, core->suspects, &key, sizeof key, t);
    return t;
}

static uint64_t print_of(const char *worker)
{
    uint64_t h = 1;

    for (; *worker != '\0'; worker++)
        h = cs_rng_mix64(h ^ (uint8_t)*worker);
    return h;
}

static bool is_free(struct cs_suspect *t)
{
    return cs_coordinator_lane_state_of(t->lane, t->position) == CS_TRIAL_PLANNED &&
           cs_coordinator_lane_lease_of(t->lane, t->position) == NULL;
}

/* ---- groups of suspects that run apart ---------------------------------------------------------------- */

static struct cs_apart *group_make(struct cs_core *core)
{
    struct cs_apart *g = cs_xcalloc(1, sizeof *g);

    DL_APPEND(core->aparts, g);
    return g;
}

static void detach(struct cs_apart *g)
{
    if (g->session != NULL)
        g->session->apart = NULL;
    g->session = NULL;
}

static void group_free_if_empty(struct cs_core *core, struct cs_apart *g)
{
    if (g->n > 0)
        return;
    detach(g);
    cs_deal_dirty(core, NULL);
    DL_DELETE(core->aparts, g);
    free(g);
    core->regrant = true;
}

static void set_apart(struct cs_core *core, struct cs_suspect *t, struct cs_apart *g)
{
    struct cs_apart *was = t->apart;

    t->apart = g;
    g->n++;
    if (was == NULL) {
        DL_APPEND2(t->lane->apart, t, lane_prev, lane_next);
    } else {
        DL_DELETE2(was->suspects, t, apart_prev, apart_next);
        was->n--;
        group_free_if_empty(core, was);
    }
    DL_APPEND2(g->suspects, t, apart_prev, apart_next);
}

static void forget(struct cs_core *core, struct cs_suspect *t)
{
    struct cs_apart *g = t->apart;

    if (g != NULL) {
        DL_DELETE2(t->lane->apart, t, lane_prev, lane_next);
        DL_DELETE2(g->suspects, t, apart_prev, apart_next);
        g->n--;
        cs_coordinator_lane_loosen(t->lane, t->position / CS_PAGE_TRIALS);
        group_free_if_empty(core, g);
    }
    HASH_DEL(core->suspects, t);
    free(t);
}

/* ---- a worker is lost ---------------------------------------------------------------------------------- */

/* The trials charged with one loss. */
struct charged {
    uint32_t n, cap;
    struct cs_suspect **items;
};

static void charge(struct cs_core *core, const struct cs_lease *l, const struct cs_bits *begun, struct charged *out)
{
    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        uint64_t position = l->on->page * CS_PAGE_TRIALS + i;
        struct cs_suspect *t;

        if (!cs_bits_has(begun, i))
            continue;
        t = find(core, l->lane, position);
        if (t == NULL) {
            t = cs_xcalloc(1, sizeof *t);
            t->key = key_of(l->lane, position);
            t->lane = l->lane;
            t->position = position;
            t->losses_before = core->losses - 1;
            HASH_ADD(hh, core->suspects, key, sizeof t->key, t);
        }
        t->losses++;
        t->epoch = l->epoch;
        *CS_APPEND(*out) = t;
    }
}

static struct cs_bits begun_of(const struct cs_lease *l, bool all)
{
    return all || !l->reported ? l->open : cs_bits_and(&l->open, &l->busy);
}

static void charge_all(struct cs_core *core, const struct cs_session *s, bool all, struct charged *out)
{
    const struct cs_lease *l;

    DL_FOREACH (s->leases, l) {
        struct cs_bits begun = begun_of(l, all);

        if (l->lane->open && !l->lane->cancelled)
            charge(core, l, &begun, out);
    }
}

/* Two new groups, or one for a single suspect. */
static void bisect(struct cs_core *core, const struct charged *c)
{
    struct cs_apart *g = NULL;

    for (uint32_t i = 0; i < c->n; i++) {
        if (i == 0 || i == (c->n + 1) / 2)
            g = group_make(core);
        set_apart(core, c->items[i], g);
    }
    core->regrant |= c->n > 0;
}

/* Among others: those that are charged again are run apart from now on. */
static void lost_in_company(struct cs_core *core, const struct charged *c)
{
    struct charged again = {0};

    for (uint32_t i = 0; i < c->n; i++) {
        if (c->items[i]->losses >= APART_LOSSES && c->items[i]->apart == NULL)
            *CS_APPEND(again) = c->items[i];
    }
    bisect(core, &again);
    free(again.items);
}

/* Suspects only. */
static void lost_apart(struct cs_core *core, const struct cs_session *s, struct cs_apart *g, const struct charged *c)
{
    struct cs_suspect *t = c->n == 1 ? c->items[0] : NULL;
    uint64_t print = print_of(s->worker);
    uint32_t k = 0;

    g->silent = c->n > 0 ? 0 : g->silent + 1;
    if (t == NULL || t->apart != g || g->n != 1) {
        bisect(core, c); /* what had not begun stays in its group */
        return;
    }
    t->alone++;
    while (k < t->n_workers && t->workers[k] != print)
        k++;
    if (k == t->n_workers && k < CS_ALONE_WORKERS)
        t->workers[t->n_workers++] = print;
}

void cs_quarantine_lost(struct cs_core *core, struct cs_session *s)
{
    struct cs_apart *g = s->apart;
    struct charged c = {0};

    core->losses++;
    charge_all(core, s, false, &c);
    if (g != NULL && c.n == 0 && g->silent + 1 >= SILENT_LOSSES)
        charge_all(core, s, true, &c);
    if (c.n > 0)
        cs_log(CS_WARN, "trials_suspected", "worker=%s in_flight=%u%s", s->worker, c.n, g != NULL ? " apart=1" : "");
    if (g != NULL)
        lost_apart(core, s, g, &c);
    else
        lost_in_company(core, &c);
    free(c.items);
}

struct cs_apart *cs_quarantine_detach(struct cs_core *core, struct cs_session *s)
{
    struct cs_apart *g = s->apart;

    if (g == NULL)
        return NULL;
    detach(g);
    cs_deal_dirty(core, NULL);
    core->regrant = true;
    return g;
}

void cs_quarantine_attach(struct cs_session *s, struct cs_apart *g)
{
    if (g == NULL || g->session != NULL)
        return;
    s->apart = g;
    g->session = s;
}

/* ---- the verdict ---------------------------------------------------------------------------------------- */

/* An output of ours, so that the trial is accounted for like any other failure. What was spent on it stays presumed. */
static void record(struct cs_core *core, const struct cs_suspect *t, const char *worker)
{
    struct cs_lane *lane = t->lane;
    struct cs_batch_output row = {
        .gen = lane->gen, .lane = lane->lane, .position = t->position, .flags = CS_OUTPUT_FAILURE};
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_output o = {.gen = lane->gen,
                          .lane = lane->lane,
                          .position = t->position,
                          .epoch = t->epoch,
                          .outcome = CS_OUTCOME_internal,
                          .attempts = t->losses,
                          .ambiguous = t->losses,
                          .finish = CS_FINISH_QUARANTINED,
                          .worker = worker};

    o.digest = row.digest = t->digest;
    o.text = cs_arena_printf(&core->arena,
                             "quarantined: %u workers ended while this call was in flight, the last %u of them with "
                             "no other call; `clinsafe retry` plans it again",
                             t->losses, t->alone);
    cs_output_pack(&o, &packed);
    row.bytes = (const uint8_t *)packed.data;
    row.len = (uint32_t)packed.len;
    cs_batch_add_output(core->open->batch, &row);
    cs_buf_release(&packed);
    lane->counters.outcome[CS_OUTCOME_internal]++;
    lane->counters.attempts += o.attempts;
    lane->counters.ambiguous += o.ambiguous;
    lane->counters_dirty = true;
}

static void side_row(struct cs_core *core, const struct cs_lane *lane, const struct cs_quarantined *q, bool present)
{
    char key[64], value[32];
    int n = snprintf(value, sizeof value, "%u %u", q->losses, q->workers);

    snprintf(key, sizeof key, "quarantine/%08u/%05u/%012llu", lane->gen, lane->lane, (unsigned long long)q->position);
    cs_batch_add_meta(core->open->batch, key, present ? value : NULL, present ? (uint32_t)n : 0);
}

static void quarantine(struct cs_core *core, struct cs_suspect *t, const char *worker)
{
    struct cs_lane *lane = t->lane;
    struct cs_error err = {0};
    struct cs_bits one = {{0}};
    struct cs_quarantined *q;
    struct cs_owner owner;
    enum cs_err rc = core->plan.identity(core->plan.self, lane->gen, lane->lane, t->position, &t->digest, &owner, &err);

    if (rc != CS_OK) {
        cs_act_end(core, rc, err.msg);
        return;
    }
    cs_log(CS_ERROR, "trial_quarantined", "model=%s position=%llu losses=%u alone=%u workers=%u", lane->name,
           (unsigned long long)t->position, t->losses, t->alone, t->n_workers);
    record(core, t, worker);
    cs_act_own(core, "trial quarantined", lane->study, lane->name,
               cs_arena_printf(&core->arena, "position %llu: %u workers ended while it was in flight",
                               (unsigned long long)t->position, t->losses));
    q = CS_APPEND(lane->quarantined);
    *q = (struct cs_quarantined){t->position, t->losses, t->n_workers, core->open->number};
    side_row(core, lane, q, true);
    cs_bits_add(&one, (unsigned)(t->position % CS_PAGE_TRIALS));
    cs_coordinator_lane_set(lane, t->position / CS_PAGE_TRIALS, &one, CS_TRIAL_FAILED);
    core->announce_dirty = true;
    forget(core, t);
}

void cs_quarantine_judge(struct cs_core *core, const char *worker)
{
    struct cs_apart *g, *next;

    DL_FOREACH_SAFE (core->aparts, g, next) {
        struct cs_suspect *t = g->suspects;
        uint32_t fleet, workers;
        uint64_t losses;

        if (g->n != 1 || t->alone == 0 || !is_free(t))
            continue;
        fleet = t->lane->n_want + 1; /* those that may run it, and the one that is gone */
        workers = fleet < CS_ALONE_WORKERS ? fleet : CS_ALONE_WORKERS;
        losses = ALONE_LOSSES + core->losses - t->losses_before -
                 t->alone; /* where others are lost too, that says less */
        if (t->alone >= ALONE_MOST || (t->alone >= losses && workers > 1 && t->n_workers >= workers))
            quarantine(core, t, worker);
    }
}

/* ---- running apart ---------------------------------------------------------------------------------------- */

static bool has_run(const struct cs_suspect *t, const struct cs_session *s)
{
    uint64_t print = print_of(s->worker);

    for (uint32_t k = 0; k < t->n_workers; k++) {
        if (t->workers[k] == print)
            return true;
    }
    return false;
}

static bool somebody_else_can(struct cs_core *core, const struct cs_suspect *t)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (s->lanes[t->lane->slot].capacity > 0 && core->now_ms < s->heard_ms + CS_SUSPECT_MS && !has_run(t, s))
            return true;
    }
    return false;
}

static bool may_run(struct cs_core *core, const struct cs_session *s, const struct cs_apart *g)
{
    struct cs_suspect *t;

    if (g->n == 1 && has_run(g->suspects, s) && somebody_else_can(core, g->suspects))
        return false;
    DL_FOREACH2(g->suspects, t, apart_next)
    {
        if (s->lanes[t->lane->slot].capacity > 0 && cs_coordinator_lane_is_open(t->lane) && is_free(t))
            return true;
    }
    return false;
}

/* At most half of the fleet, but one at least: the study goes on beside it. */
static struct cs_apart *next_group(struct cs_core *core, const struct cs_session *s)
{
    uint32_t busy = 0;
    struct cs_apart *g;

    DL_FOREACH (core->aparts, g)
        busy += g->session != NULL;
    if (busy > 0 && 2 * (busy + 1) > HASH_COUNT(core->sessions))
        return NULL;
    DL_FOREACH (core->aparts, g) {
        if (g->session == NULL && may_run(core, s, g))
            return g;
    }
    return NULL;
}

bool cs_quarantine_claims(struct cs_core *core, struct cs_session *s)
{
    struct cs_lease *l;

    if (s->apart != NULL && s->leases == NULL && !may_run(core, s, s->apart)) {
        detach(s->apart); /* paused, closed, or this worker cannot */
        cs_deal_dirty(core, NULL);
    }
    if (s->apart == NULL) {
        cs_quarantine_attach(s, next_group(core, s));
        if (s->apart == NULL)
            return false;
        cs_deal_dirty(core, NULL);
        DL_FOREACH (s->leases, l)
            l->revoking = true;
        cs_lease_revoke(core, s);
    }
    return true;
}

void cs_quarantine_grant(struct cs_core *core, struct cs_session *s)
{
    struct cs_message *assign = NULL;
    struct cs_suspect *t;

    if (s->leases != NULL)
        return;
    DL_FOREACH2(s->apart->suspects, t, apart_next)
    {
        uint64_t page = t->position / CS_PAGE_TRIALS;
        uint32_t capacity = s->lanes[t->lane->slot].capacity, held = s->lanes[t->lane->slot].held;
        struct cs_bits set = {{0}};
        struct cs_suspect *u;

        if (capacity <= held || !cs_coordinator_lane_is_open(t->lane) || !is_free(t))
            continue;
        DL_FOREACH2(s->apart->suspects, u, apart_next)
        {
            if (u->lane == t->lane && u->position / CS_PAGE_TRIALS == page && is_free(u))
                cs_bits_add(&set, (unsigned)(u->position % CS_PAGE_TRIALS));
        }
        set = cs_bits_lowest(&set, capacity - held);
        if (cs_lease_assign(core, s, t->lane, page, &set, &assign) == 0)
            break;
    }
    if (s->leases == NULL)
        detach(s->apart); /* no money */
}

void cs_quarantine_paused(struct cs_session *s)
{
    struct cs_lease *l;

    if (s->apart == NULL)
        return;
    DL_FOREACH (s->leases, l)
        l->revoking |= !cs_coordinator_lane_is_open(l->lane);
}

/* ---- acquittal -------------------------------------------------------------------------------------------- */

static void lift(struct cs_core *core, struct cs_lane *lane, uint32_t i)
{
    side_row(core, lane, &lane->quarantined.items[i], false);
    lane->quarantined.items[i] = lane->quarantined.items[--lane->quarantined.n];
}

void cs_quarantine_answered(struct cs_core *core, struct cs_lane *lane, uint64_t position, bool answer)
{
    struct cs_suspect *t = core->suspects != NULL ? find(core, lane, position) : NULL;

    if (t != NULL)
        forget(core, t);
    for (uint32_t i = 0; answer && i < lane->quarantined.n; i++) {
        if (lane->quarantined.items[i].position == position) {
            lift(core, lane, i);
            break;
        }
    }
}

void cs_quarantine_lift(struct cs_core *core, struct cs_lane *lane)
{
    while (lane->quarantined.n > 0)
        lift(core, lane, 0);
}

void cs_quarantine_lift_one(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    uint32_t i = 0;

    while (i < lane->quarantined.n && lane->quarantined.items[i].position != position)
        i++;
    if (i < lane->quarantined.n)
        lift(core, lane, i);
}

void cs_quarantine_forget(struct cs_core *core, const struct cs_lane *lane)
{
    struct cs_suspect *t, *next;

    HASH_ITER (hh, core->suspects, t, next) {
        if (lane == NULL || t->lane == lane)
            forget(core, t);
    }
}
