/* budget.c - a hard budget (decision 15): spent + presumed + reserved never exceeds it.
 *
 * Each leased trial reserves the worst that one call can cost. What a lost lease may have begun is presumed spent until its result, or
 * its holder, turns up.
 */
#include "coordinator/state.h"

/* A lane may open new pages while at most this share of its plan, and two pages, ahead of the slowest one that runs. */
enum { AHEAD_PAGES = 2, AHEAD_PERCENT = 2 };

static const struct cs_core_generation *newest(const struct cs_core *core)
{
    return &core->gens[core->newest];
}

bool cs_budget_is_set(const struct cs_core *core)
{
    return newest(core)->gen != 0 && newest(core)->budget_nano_usd >= 0;
}

static int64_t times(int64_t price, uint64_t tokens)
{
    return price > 0 ? price * (int64_t)tokens : 0;
}

int64_t cs_budget_cost(const struct cs_price *p, const struct cs_output *o)
{
    uint32_t cached = o->cached_tokens < o->input_tokens ? o->cached_tokens : o->input_tokens;

    return times(p->input, o->input_tokens - cached) + times(p->cached >= 0 ? p->cached : p->input, cached) +
           times(p->output, o->output_tokens);
}

int64_t cs_budget_spent(const struct cs_core *core)
{
    int64_t sum = newest(core)->spent_nano_usd;

    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] != NULL)
            sum += core->lanes[i]->counters.cost_nano_usd;
    }
    return sum;
}

/* -1: the plan could not be asked, and the process ends. */
static int64_t worst_of(struct cs_core *core, const struct cs_lane *lane, uint64_t position)
{
    int64_t dearest = lane->price.cached > lane->price.input ? lane->price.cached : lane->price.input;
    struct cs_error err = {0};
    uint64_t tokens = 0;
    enum cs_err rc = core->plan.input_bound(core->plan.self, lane->gen, lane->lane, position, &tokens, &err);

    if (rc != CS_OK) {
        cs_end(core, rc, err.msg);
        return -1;
    }
    return times(dearest, tokens) + times(lane->price.output, lane->max_output_tokens);
}

int64_t cs_budget_worst(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which)
{
    int64_t worst = 0;

    if (!cs_budget_is_set(core))
        return 0;
    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        int64_t one = cs_bits_has(which, i) ? worst_of(core, lane, page * CS_PAGE_TRIALS + i) : 0;

        if (one > worst)
            worst = one;
    }
    return worst;
}

struct cs_bits cs_budget_afford(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                                int64_t *worst)
{
    int64_t left = newest(core)->budget_nano_usd - cs_budget_spent(core) - core->presumed - core->reserved -
                   core->unsettled;
    struct cs_bits set = {{0}};
    unsigned n = 0;

    *worst = 0;
    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        int64_t one;

        if (!cs_bits_has(which, i))
            continue;
        one = worst_of(core, lane, page * CS_PAGE_TRIALS + i);
        if (one < *worst)
            one = *worst;
        if (core->ended || (n + 1) * one > left)
            break;
        *worst = one;
        cs_bits_add(&set, i);
        n++;
    }
    if (n == 0 && core->reserved == 0 && core->unsettled == 0 &&
        !lane->broke) { /* nothing out there that could give money back */
        cs_log(CS_WARN, "lane_stopped", "model=%s reason=budget", lane->name);
        lane->broke = true;
        core->announce_dirty = true;
    } else if (n > 0 && lane->broke) {
        lane->broke = false;
        core->announce_dirty = true;
    }
    return set;
}

void cs_budget_reserve(struct cs_core *core, const struct cs_lease *l, unsigned n)
{
    core->reserved += l->worst_nano_usd * n;
}

void cs_budget_release(struct cs_core *core, const struct cs_lease *l, unsigned n)
{
    core->reserved -= l->worst_nano_usd * n;
    CS_ASSERT(core->reserved >= 0);
}

void cs_budget_presume(struct cs_core *core, const struct cs_lease *l)
{
    struct cs_ghost *g;

    if (l->worst_nano_usd == 0)
        return;
    g = cs_xcalloc(1, sizeof *g);
    g->epoch = l->epoch;
    g->open = l->open;
    g->worst_nano_usd = l->worst_nano_usd;
    HASH_ADD(hh, core->ghosts, epoch, sizeof g->epoch, g);
    core->presumed += g->worst_nano_usd * cs_bits_count(&g->open);
}

void cs_budget_settle(struct cs_core *core, uint64_t epoch, const struct cs_bits *which)
{
    struct cs_ghost *g;
    struct cs_bits known;

    HASH_FIND(hh, core->ghosts, &epoch, sizeof epoch, g);
    if (g == NULL)
        return;
    known = cs_bits_and(&g->open, which);
    core->presumed -= g->worst_nano_usd * cs_bits_count(&known);
    g->open = cs_bits_without(&g->open, &known);
    if (cs_bits_none(&g->open)) {
        HASH_DEL(core->ghosts, g);
        free(g);
    }
}

void cs_budget_unsettle(struct cs_core *core, int64_t before, int64_t cost)
{
    int64_t given = before - core->reserved - core->presumed - cost;

    if (given <= 0)
        return;
    core->unsettled += given;
    core->open->unsettled += given;
}

void cs_budget_durable(struct cs_core *core, struct cs_group *g)
{
    if (g->unsettled > 0)
        core->regrant = true;
    core->unsettled -= g->unsettled;
    g->unsettled = 0;
    CS_ASSERT(core->unsettled >= 0);
}

bool cs_budget_is_ahead(const struct cs_core *core, const struct cs_lane *lane)
{
    if (!cs_budget_is_set(core))
        return false;
    for (uint32_t i = 0; i < newest(core)->n_lanes; i++) {
        const struct cs_lane *l = core->lanes[core->newest * CS_MODELS_MAX + i];
        uint64_t bar;

        if (!cs_lane_is_open(l) || l->n_want == 0 || l->next_page >= l->n_pages)
            continue;
        /* where `lane` would stand if it were as far as l */
        bar = (uint64_t)((double)l->next_page / (double)l->n_pages * (double)lane->n_pages);
        if (lane->next_page > bar + AHEAD_PAGES + lane->n_pages * AHEAD_PERCENT / 100)
            return true;
    }
    return false;
}
