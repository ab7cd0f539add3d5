/* acks.c - group commit: one open group gathers rows while at most two are with the commit thread.
 *
 * Acknowledgements, answers to operators and the figures shown all wait for their group: nothing leaves that is not on disk.
 * tests/model/lease.pml: acknowledged implies durable.
 */
#include "coordinator/core/acks.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/lanes/risk.h"
#include "coordinator/core/session.h"

struct cs_group *cs_acks_make(struct cs_core *core)
{
    struct cs_group *g = core->spare;

    core->spare = NULL;
    if (g == NULL) {
        g = cs_xcalloc(1, sizeof *g);
        g->batch = cs_xcalloc(1, sizeof *g->batch);
        cs_batch_init(g->batch);
    }
    g->number = ++core->groups;
    g->batch->group = g->number;
    return g;
}

void cs_acks_free(struct cs_group *g, bool with_batch)
{
    if (g == NULL)
        return;
    if (with_batch) {
        cs_batch_release(g->batch);
        free(g->batch);
    }
    free(g->receipts.items);
    free(g->refused.items);
    free(g->tallies.items);
    free(g->tokens.items);
    free(g->untold.items);
    free(g);
}

void cs_acks_receipt(struct cs_core *core, struct cs_session *s, uint64_t upto, uint64_t bytes)
{
    struct cs_group *g = core->open;
    struct cs_receipt *r;

    if (s->group != g->number) {
        s->group = g->number;
        s->receipt = g->receipts.n;
        r = CS_APPEND(g->receipts);
        r->session = s->id;
    }
    r = &g->receipts.items[s->receipt];
    r->upto = upto;
    r->bytes += bytes;
    s->unacked_bytes += bytes;
}

void cs_acks_refuse(struct cs_core *core, struct cs_session *s, uint64_t number, enum cs_refusal why)
{
    struct cs_refused_row *r = CS_APPEND(core->open->refused);

    r->session = s->id;
    r->number = number;
    r->why = (uint8_t)why;
}

void cs_acks_token(struct cs_core *core, uint64_t token)
{
    if (core->note != NULL)
        core->note->write(core->note->self, core->open->batch);
    core->note = NULL;
    if (token != 0)
        *CS_APPEND(core->open->tokens) = token;
}

/* ---- out -------------------------------------------------------------------------------------------- */

static bool lanes_dirty(const struct cs_core *core)
{
    for (uint32_t i = 0; i < core->n_slots; i++) {
        if (core->lanes[i] != NULL && (core->lanes[i]->counters_dirty || core->lanes[i]->dirty_pages.n > 0))
            return true;
    }
    return false;
}

static bool is_empty(const struct cs_core *core)
{
    const struct cs_group *g = core->open;

    return g->receipts.n == 0 && g->tokens.n == 0 && g->untold.n == 0 && cs_batch_is_empty(g->batch) &&
           cs_risk_is_written(core) && !lanes_dirty(core);
}

/* The ledger and the counters as they are once this group is on disk. */
static void write_lane(struct cs_group *g, struct cs_lane *lane)
{
    struct cs_batch_counters counters = {.gen = lane->gen, .lane = lane->lane, .counters = lane->counters};
    struct cs_tally *t;

    for (uint32_t i = 0; i < lane->dirty_pages.n; i++) {
        struct cs_batch_page row = {.gen = lane->gen, .lane = lane->lane, .page = lane->dirty_pages.items[i]};

        memcpy(row.bits, lane->ledger + row.page * CS_PAGE_BYTES, sizeof row.bits);
        cs_batch_add_page(g->batch, &row);
        lane->dirty[row.page / 64] &= ~((uint64_t)1 << (row.page % 64));
    }
    cs_batch_add_counters(g->batch, &counters);
    lane->dirty_pages.n = 0;
    lane->counters_dirty = false;
    t = CS_APPEND(g->tallies);
    t->gen = lane->gen;
    t->lane = lane->lane;
    t->counters = lane->counters;
    memcpy(t->count, lane->count, sizeof t->count);
}

void cs_acks_submit(struct cs_core *core)
{
    struct cs_group *g = core->open;

    if (core->n_pending == CS_PENDING_GROUPS || is_empty(core))
        return;
    for (uint32_t i = 0; i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane != NULL && (lane->counters_dirty || lane->dirty_pages.n > 0))
            write_lane(g, lane);
    }
    cs_risk_write(core, g->batch);
    core->pending[core->n_pending++] = g;
    core->open = cs_acks_make(core);
    cs_act_add(core, CS_ACT_COMMIT)->batch = g->batch;
}

bool cs_acks_is_quiet(const struct cs_core *core)
{
    return core->n_pending == 0 && is_empty(core);
}

/* ---- and back --------------------------------------------------------------------------------------- */

void cs_acks_send(struct cs_core *core, struct cs_session *s)
{
    cs_act_send(core, s, CS_ACK)->ack_body.durable = s->durable;
}

static void acknowledge(struct cs_core *core, const struct cs_group *g)
{
    for (uint32_t i = 0; i < g->receipts.n; i++) {
        const struct cs_receipt *r = &g->receipts.items[i];
        struct cs_session *s = cs_act_session(core, r->session);
        struct cs_message *m;

        if (s == NULL)
            continue;
        CS_ASSERT(r->upto > s->durable && r->upto <= s->received); /* invariant 1: this group is on disk */
        s->durable = r->upto;
        s->unacked_bytes -= r->bytes;
        m = cs_act_send(core, s, CS_ACK);
        m->ack_body.durable = s->durable;
        for (uint32_t k = 0; k < g->refused.n; k++) {
            uint32_t n = m->ack_body.n_refused;

            if (g->refused.items[k].session != s->id)
                continue;
            if (n == 0)
                m->ack_body.refused = cs_arena_array(&core->arena, g->refused.n, sizeof *m->ack_body.refused);
            m->ack_body.refused[n].number = g->refused.items[k].number;
            m->ack_body.refused[n].why = g->refused.items[k].why;
            m->ack_body.n_refused = n + 1;
        }
    }
}

static void show(struct cs_core *core, const struct cs_group *g)
{
    for (uint32_t i = 0; i < g->tallies.n; i++) {
        const struct cs_tally *t = &g->tallies.items[i];
        struct cs_lane *lane = cs_coordinator_lane_find(core, t->gen, t->lane);

        if (lane == NULL)
            continue;
        lane->shown = t->counters;
        memcpy(lane->shown_count, t->count, sizeof lane->shown_count);
    }
    for (uint32_t i = 0; i < g->batch->n_frontiers; i++) {
        const struct cs_batch_frontier *f = &g->batch->frontiers[i];
        struct cs_lane *lane = cs_coordinator_lane_find(core, f->gen, f->lane);

        if (lane == NULL || f->frontier <= lane->frontier)
            continue;
        lane->frontier = f->frontier;
        core->regrant = true;
    }
}

void cs_acks_committed(struct cs_core *core, struct cs_batch *batch, enum cs_err rc)
{
    struct cs_group *g = core->pending[0];

    CS_ASSERT(core->n_pending > 0);
    CS_ASSERT(g->batch == batch);
    core->n_pending--;
    memmove(core->pending, core->pending + 1, core->n_pending * sizeof core->pending[0]);
    if (rc != CS_OK) { /* nothing of it, and nothing after it, is acknowledged (decision 17) */
        cs_acks_free(g, true);
        cs_act_end(core, rc == CS_ECORRUPT ? rc : CS_EIO, /* a supervisor starts it again after 75, not after 74 */
                   rc == CS_ECORRUPT ? "the store is damaged" : "the store cannot be written");
        return;
    }
    core->durable_group = g->number;
    cs_session_registered(core, g->number);
    show(core, g);
    cs_lease_tell(core, g);
    acknowledge(core, g);
    for (uint32_t i = 0; i < g->tokens.n; i++)
        cs_act_reply(core, g->tokens.items[i], CS_OK, "");
    cs_batch_clear(batch);
    g->receipts.n = g->refused.n = g->tallies.n = g->tokens.n = g->untold.n = 0;
    if (core->spare == NULL)
        core->spare = g;
    else
        cs_acks_free(g, true);
}
