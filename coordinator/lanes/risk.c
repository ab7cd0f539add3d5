/* risk.c - money at risk under a budget: what calls may cost, or have cost, whose outputs are not on disk.
 *
 * Of a conversation all calls that are left are reserved, and given back turn by turn; whoever holds it makes one call, and a further one only
 * when that is acknowledged: so one is presumed of a lease that is lost, or of an earlier term.
 * Every lease has a row on disk (`risk/EPOCH`) before its holder is told of it, and the row keeps each trial until that is settled:
 * its output is in the same group, or its holder says that it never began it. Groups reach the disk in order, so at every moment,
 * and after every crash,
 *
 *     the provider's bill  <=  cost of all outputs + rows  <=  the budget.
 *
 *   a trial's share   event                                            next
 *   none              lease granted                                    reserved, and told when it is on disk
 *   reserved          output of its holder                             settled, its cost is committed
 *   reserved          given back unbegun                               settled
 *   reserved          the lease is lost, or the coordinator restarts   presumed: the holder may have called
 *   presumed          HELLO of its holder, trial listed and free       reserved by the lease that it goes on under
 *   presumed          HELLO of its holder, trial not listed            settled
 *   presumed          output of its holder, or given back              settled
 *
 * What a process held that ended without a word stays presumed. So does a call whose end is known and whose cost is not (no reply, or
 * one without usage): those are one sum, in the row `presumed`.
 */

#include "coordinator/lanes/risk.h"

#include <endian.h>
#include <inttypes.h>

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/event.h"
#include "coordinator/lanes/lane.h"
#include "protocol/study/price.h"

/* ---- rows ------------------------------------------------------------------------------------------- */

struct row { /* little-endian */
    uint32_t gen, lane;
    uint64_t page, process, worst;
    uint8_t open[CS_BITMAP_BYTES];
    uint64_t one; /* appended where it is another than `worst` */
};
enum { ROW_BYTES = 64 };
_Static_assert(sizeof(struct row) == ROW_BYTES + 8, "no gaps");

bool cs_risk_unpack(const char *key, const void *value, uint32_t len, struct cs_risk_row *out)
{
    struct row r;

    if (sscanf(key, "risk/%16" SCNx64, &out->epoch) != 1 || (len != ROW_BYTES && len < sizeof r))
        return false;
    memcpy(&r, value, len < sizeof r ? len : sizeof r);
    if (len < sizeof r)
        r.one = r.worst;
    out->study = 0; /* whose generation that is stands elsewhere */
    out->gen = le32toh(r.gen);
    out->lane = le32toh(r.lane);
    out->page = le64toh(r.page);
    out->process = le64toh(r.process);
    out->worst_nano_usd = (int64_t)le64toh(r.worst);
    out->one_nano_usd = (int64_t)le64toh(r.one);
    memcpy(out->open, r.open, sizeof out->open);
    return out->worst_nano_usd > 0 && out->one_nano_usd > 0 && out->one_nano_usd <= out->worst_nano_usd;
}

static struct row pack(const struct cs_risk *k)
{
    struct row r = {.gen = htole32(k->gen),
                    .lane = htole32(k->lane),
                    .page = htole64(k->page),
                    .process = htole64(k->process),
                    .worst = htole64((uint64_t)k->worst.all),
                    .one = htole64((uint64_t)k->worst.one)};

    cs_bits_to_wire(&k->open, r.open);
    return r;
}

static void touch(struct cs_core *core, struct cs_risk *k)
{
    if (!k->dirty)
        *CS_APPEND(core->risks_dirty) = k->epoch;
    k->dirty = true;
}

static void drop(struct cs_core *core, struct cs_risk *k)
{
    if (k->teller != NULL)
        DL_DELETE(k->teller->presumed, k);
    HASH_DEL(core->risks, k);
    free(k);
}

bool cs_risk_is_written(const struct cs_core *core)
{
    return core->risks_dirty.n == 0 && !core->written_off_dirty;
}

static void write_off_rows(struct cs_core *core, struct cs_batch *batch)
{
    char key[32] = "presumed", text[32];

    for (struct cs_core_study *y = core->studies; y != NULL; y = y->hh.next) {
        int n = snprintf(text, sizeof text, "%" PRId64, y->written_off);

        if (!y->written_off_dirty)
            continue;
        if (y->key != core->first_study)
            snprintf(key, sizeof key, "presumed/%016" PRIx64, y->key);
        else
            snprintf(key, sizeof key, "presumed");
        cs_batch_add_meta(batch, key, text, (uint32_t)n + 1);
        y->written_off_dirty = false;
    }
}

void cs_risk_write(struct cs_core *core, struct cs_batch *batch)
{
    char text[32];

    for (uint32_t i = 0; i < core->risks_dirty.n; i++) {
        uint64_t epoch = core->risks_dirty.items[i];
        struct cs_risk *k;
        struct row r;

        HASH_FIND(hh, core->risks, &epoch, sizeof epoch, k);
        CS_ASSERT(k != NULL);
        r = pack(k);
        k->dirty = false;
        snprintf(text, sizeof text, "risk/%016" PRIx64, epoch);
        if (!cs_bits_none(&k->open)) {
            cs_batch_add_meta(batch, text, &r, k->worst.one != k->worst.all ? sizeof r : ROW_BYTES);
        } else {
            cs_batch_add_meta(batch, text, NULL, 0);
            if (!k->held)
                drop(core, k);
        }
    }
    core->risks_dirty.n = 0;
    if (core->written_off_dirty)
        write_off_rows(core, batch);
    core->written_off_dirty = false;
}

/* ---- the account ------------------------------------------------------------------------------------- */

/* What each of its trials stands for in the account. */
static int64_t worth(const struct cs_risk *k)
{
    return k->held ? k->worst.all : k->worst.one;
}

static struct cs_risk *make(struct cs_core *core, const struct cs_risk *like)
{
    struct cs_risk *k = cs_xmalloc(sizeof *k);

    *k = *like;
    CS_ASSERT(k->worst.one > 0 && k->worst.all >= k->worst.one);
    HASH_ADD(hh, core->risks, epoch, sizeof k->epoch, k);
    *(k->held ? &k->study->reserved : &k->study->presumed) += worth(k) * cs_bits_count(&k->open);
    return k;
}

static void settle(struct cs_core *core, struct cs_risk *k, const struct cs_bits *which)
{
    struct cs_bits known = cs_bits_and(&k->open, which);

    if (cs_bits_none(&known))
        return;
    *(k->held ? &k->study->reserved : &k->study->presumed) -= worth(k) * cs_bits_count(&known);
    CS_ASSERT(k->study->reserved >= 0 && k->study->presumed >= 0);
    k->open = cs_bits_without(&k->open, &known);
    touch(core, k);
}

void cs_risk_load(struct cs_core *core, const struct cs_risk_row *row)
{
    struct cs_risk like = {.epoch = row->epoch,
                           .study = cs_coordinator_lane_study(core, row->study),
                           .gen = row->gen,
                           .lane = row->lane,
                           .page = row->page,
                           .process = row->process,
                           .worst = {row->worst_nano_usd, row->one_nano_usd},
                           .open = cs_bits_from_wire(row->open)};

    make(core, &like);
}

void cs_risk_reserve(struct cs_core *core, struct cs_lease *l, const struct cs_worst *worst)
{
    struct cs_risk like = {.epoch = l->epoch,
                           .study = l->lane->study,
                           .gen = l->lane->gen,
                           .lane = l->lane->lane,
                           .page = l->on->page,
                           .process = l->session->process,
                           .worst = *worst,
                           .open = l->open,
                           .held = true};

    l->risk = make(core, &like);
    touch(core, l->risk);
}

void cs_risk_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which)
{
    if (l->risk != NULL)
        settle(core, l->risk, which);
}

void cs_risk_end(struct cs_lease *l)
{
    if (l->risk != NULL)
        l->risk->held = false; /* empty: its row is deleted with the group */
    l->risk = NULL;
}

void cs_risk_lower(struct cs_core *core, struct cs_lease *l, const struct cs_worst *worst)
{
    struct cs_risk *k = l->risk;

    if (k == NULL || cs_bits_none(&k->open))
        return;
    CS_ASSERT(k->held && worst->all <= k->worst.all);
    k->study->reserved -= (k->worst.all - worst->all) * cs_bits_count(&k->open);
    k->worst = *worst;
    touch(core, k);
}

void cs_risk_presume(struct cs_lease *l)
{
    const struct cs_risk *k = l->risk;
    unsigned n;

    if (k == NULL)
        return;
    n = cs_bits_count(&k->open);
    k->study->reserved -= k->worst.all * n;
    k->study->presumed += k->worst.one * n;
    cs_risk_end(l); /* nothing changes on disk */
}

void cs_risk_presume_one(struct cs_core *core, struct cs_lease *l, const struct cs_bits *one)
{
    struct cs_risk like, *k;

    if (l->risk == NULL)
        return;
    like = *l->risk;
    settle(core, l->risk, one);
    like.epoch = cs_act_epoch(core);
    like.open = *one;
    like.held = like.dirty = false;
    k = make(core, &like);
    k->teller = l->session;
    DL_APPEND(l->session->presumed, k);
    touch(core, k);
}

void cs_risk_write_off(struct cs_core *core, struct cs_core_study *y, int64_t worst)
{
    y->written_off = cs_price_add(y->written_off, worst);
    y->written_off_dirty = core->written_off_dirty = true;
}

int64_t cs_risk_void(struct cs_core *core, struct cs_core_study *y)
{
    static const struct cs_bits everything = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    int64_t sum = y->written_off;
    struct cs_risk *k, *next;

    y->written_off_dirty |= y->written_off > 0;
    core->written_off_dirty |= y->written_off > 0;
    y->written_off = 0;
    if (core->now_ms < core->grace_end_ms)
        return sum;
    HASH_ITER (hh, core->risks, k, next) {
        if (k->study != y || k->held || k->teller != NULL)
            continue;
        sum = cs_price_add(sum, worth(k) * cs_bits_count(&k->open));
        settle(core, k, &everything);
    }
    return sum;
}

/* ---- what a process says ------------------------------------------------------------------------------ */

static bool is_about(const struct cs_risk *k, uint32_t gen, uint32_t lane, uint64_t page)
{
    return k->gen == gen && k->lane == lane && k->page == page;
}

void cs_risk_hello(struct cs_core *core, struct cs_session *s, const struct cs_hello *h)
{
    static const struct cs_bits everything = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    struct cs_risk *k, *next;

    HASH_ITER (hh, core->risks, k, next) {
        struct cs_bits unknown = {{0}}, known;

        if (k->held || k->process != s->process || k->epoch >> 32 > h->last_term)
            continue; /* a HELLO that came late knows nothing of later terms */
        for (uint32_t i = 0; i < h->n_leases; i++) {
            struct cs_bits todo = cs_bits_from_wire(h->leases[i].todo), busy = cs_bits_from_wire(h->leases[i].busy);

            if (!is_about(k, h->leases[i].gen, h->leases[i].lane, h->leases[i].page))
                continue;
            unknown = cs_bits_or(&unknown, &todo); /* it may begin them before our WELCOME comes */
            unknown = cs_bits_or(&unknown, &busy);
        }
        known = cs_bits_without(&everything, &unknown);
        settle(core, k, &known);
        CS_ASSERT(k->teller == NULL);
        k->teller = s;
        DL_APPEND(s->presumed, k);
    }
}

void cs_risk_gone(struct cs_session *s)
{
    struct cs_risk *k;

    DL_FOREACH (s->presumed, k)
        k->teller = NULL;
    s->presumed = NULL;
}

struct cs_bits cs_risk_adopt(struct cs_core *core, struct cs_session *s, const struct cs_lease_ref *held,
                             const struct cs_bits *which, struct cs_worst *worst)
{
    struct cs_bits all = {{0}};
    struct cs_risk *k;

    *worst = (struct cs_worst){0, 0};
    DL_FOREACH (s->presumed, k) {
        struct cs_bits here = cs_bits_and(&k->open, which);

        here = cs_bits_without(&here, &all);
        if (!is_about(k, held->gen, held->lane, held->page) || cs_bits_none(&here))
            continue;
        if (worst->all == 0)
            *worst = k->worst;
        if (k->worst.all != worst->all || k->worst.one != worst->one)
            continue; /* as one lease they would reserve more than was presumed */
        if (k->worst.all > k->worst.one &&
            cs_price_times(k->worst.all - k->worst.one, cs_bits_count(&here)) > cs_budget_left(core, k->study))
            continue; /* the rest of a conversation was given to others meanwhile */
        settle(core, k, &here);
        all = cs_bits_or(&all, &here);
    }
    return all;
}

int64_t cs_risk_told(struct cs_core *core, struct cs_session *s, uint32_t gen, uint32_t lane, uint64_t page,
                     const struct cs_bits *which)
{
    struct cs_bits todo = *which;
    struct cs_risk *k;
    int64_t worst = 0;

    DL_FOREACH (s->presumed, k) {
        struct cs_bits here = cs_bits_and(&k->open, &todo);

        if (!is_about(k, gen, lane, page) || cs_bits_none(&here))
            continue;
        settle(core, k, &here);
        todo = cs_bits_without(&todo, &here); /* once: it may have called twice */
        worst = k->worst.one;
    }
    return worst;
}

void cs_risk_close(struct cs_core *core)
{
    struct cs_risk *k, *next;

    HASH_ITER (hh, core->risks, k, next)
        drop(core, k);
    free(core->risks_dirty.items);
}
