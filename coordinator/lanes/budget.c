/* budget.c - a hard budget (decisions 7 and 15): committed + presumed + reserved never exceeds it, and cases are opened together.
 *
 * Each leased trial reserves the worst that one call can cost (risk.c). A lane leases only from blocks that are opened. The next group
 * of cases (one case; of a child all of one cluster of its parent) is opened for all lanes that stand there when, beside what is still to
 * do in the opened blocks of every lane that runs, its blocks fit into what is left, and no lane lags behind. So at the end of the money
 * the groups begun are complete in all lanes, and what is left over is less than a group per lane.
 * What is opened is not stored: a restart opens again from the first case on, and finished blocks cost nothing.
 */
#include "coordinator/lanes/budget.h"

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/talked.h"

/* A lane lags when so many of its opened trials wait to be leased: two blocks and a part of its plan. */
enum { LAG_BLOCKS = 2, LAG_PERCENT = 2 };
/* A group with more cases is opened in parts: to know what a case costs is to render it, and the loop waits. */
enum { GROUP_CASES_MAX = 4096 };

static struct cs_lane *lane_at(const struct cs_core *core, const struct cs_core_study *y, uint32_t i)
{
    return core->lanes[y->newest->first + i];
}

bool cs_budget_is_set(const struct cs_core_study *y)
{
    return y->newest != NULL && y->newest->budget_nano_usd >= 0;
}

/* ---- money ------------------------------------------------------------------------------------------- */

bool cs_budget_is_unknown(const struct cs_output *o)
{
    bool replied = o->http_status >= 200 && o->http_status < 300;

    return o->input_tokens == 0 && o->output_tokens == 0 && (o->ambiguous > 0 || replied);
}

static bool costs_tokens(const struct cs_lane *lane)
{
    return lane->price.input != 0 || lane->price.output != 0 || lane->price.cached > 0 || lane->price.cache_write > 0;
}

bool cs_budget_is_by_call(const struct cs_lane *lane, const struct cs_output *o)
{
    return !costs_tokens(lane) && lane->price.request > 0 && o->ambiguous == 0;
}

static int64_t cost_of(const struct cs_core *core, const struct cs_core_generation *g, int64_t sum)
{
    for (uint32_t i = 0; g != NULL && i < g->n_lanes; i++)
        sum = cs_price_add(sum, core->lanes[g->first + i]->counters.cost_nano_usd);
    return sum;
}

int64_t cs_budget_spent(const struct cs_core *core, const struct cs_core_study *y)
{
    int64_t sum = y->newest != NULL ? y->newest->spent_nano_usd : 0;

    return cost_of(core, y->newest, cost_of(core, y->before, sum));
}

int64_t cs_budget_presumed(const struct cs_core_study *y)
{
    return cs_price_add(y->presumed, y->written_off);
}

int64_t cs_budget_left(const struct cs_core *core, const struct cs_core_study *y)
{
    int64_t taken = cs_price_add(cs_budget_spent(core, y), cs_budget_presumed(y));

    taken = cs_price_add(taken, y->reserved);
    return y->newest->budget_nano_usd - taken; /* neither is negative */
}

/* What is left of a trial after so many turns. -1: the plan could not be asked, and the process ends. */
static int64_t worst_after(struct cs_core *core, const struct cs_lane *lane, uint64_t position, uint32_t turns)
{
    struct cs_error err = {0};
    int64_t worst = 0;
    uint64_t tokens = 0;
    uint32_t calls = 1;
    enum cs_err rc;

    if (core->ended)
        return -1;
    rc = core->plan.input_bound(core->plan.self, lane->gen, lane->lane, position, turns, &tokens, &calls, &err);
    if (rc != CS_OK) {
        cs_act_end(core, rc, err.msg);
        return -1;
    }
    (void)cs_price_most(&lane->price, calls, tokens, (uint64_t)calls * lane->max_output_tokens, &worst);
    return worst > 0 ? worst : CS_WORST_LEAST;
}

static int64_t worst_of(struct cs_core *core, const struct cs_lane *lane, uint64_t position)
{
    return worst_after(core, lane, position, 0);
}

/* No machine reads or writes faster: what it claims to have written in the time that it took, and the bytes that came. */
static uint64_t most_output(const struct cs_lane *lane, const struct cs_output *o)
{
    enum { PER_MS = 100, SLACK = 8192 };
    const uint64_t came = strlen(o->text) + strlen(o->reasoning) + strlen(o->tool_calls);
    const uint64_t most = came + (uint64_t)PER_MS * o->latency_ms + SLACK, any = cs_bill_most(0).output;
    const uint64_t n = most < any ? most : any;

    return n > lane->max_output_tokens ? n : lane->max_output_tokens;
}

int64_t cs_budget_bill(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o, int64_t worst,
                       struct cs_bill *bill)
{
    struct cs_bill_most most = cs_bill_most(lane->max_output_tokens);
    struct cs_error err = {0};
    uint64_t tokens;
    uint32_t calls;

    cs_bill_of(&lane->price, o, &most, bill);
    if (!cs_budget_is_set(lane->study) || (bill->cost == 0 && bill->absurd == 0))
        return -1;
    if (worst == 0)
        worst = worst_of(core, lane, o->position);
    if (worst < 0)
        return -1;
    worst = cs_price_times(worst, (uint64_t)o->wasted + 1);
    if (cs_price_add(bill->cost, bill->absurd) <= worst)
        return -1;
    if (core->plan.input_bound(core->plan.self, lane->gen, lane->lane, o->position, 0, &tokens, &calls, &err) == CS_OK)
        most.input = tokens;
    most.output = most_output(lane, o);
    cs_bill_of(&lane->price, o, &most, bill);
    return bill->cost > worst ? bill->cost - worst : 0;
}

/* ---- out of money -------------------------------------------------------------------------------------- */

static bool may_come_back(const struct cs_core *core, const struct cs_core_study *y)
{
    if (y->reserved > 0)
        return true;
    for (uint32_t i = 0; i < y->newest->n_lanes; i++) {
        if (lane_at(core, y, i)->has_waiting)
            return true;
    }
    return false;
}

static void stop(struct cs_core *core, struct cs_lane *lane, int64_t needs)
{
    lane->needs_nano_usd = needs;
    if (lane->broke)
        return;
    cs_log(CS_WARN, "lane_stopped", "model=%s reason=budget", lane->name);
    lane->broke = core->announce_dirty = true;
    core->n_broke++;
}

void cs_budget_review(struct cs_core *core)
{
    for (uint32_t i = 0; core->n_broke > 0 && i < core->n_slots; i++) {
        struct cs_lane *lane = core->lanes[i];

        if (lane == NULL || !lane->broke || lane->of != lane->study->newest ||
            lane->needs_nano_usd > cs_budget_left(core, lane->study))
            continue;
        lane->broke = false;
        core->n_broke--;
        core->announce_dirty = core->regrant = true;
    }
}

/* For now there is no money for more of it, and some may come back. */
static void want_of_money(const struct cs_core *core, struct cs_lane *lane)
{
    if (lane->poor_ms == 0)
        lane->poor_ms = core->now_ms;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

/* It would go on, if it had the money. */
static bool runs(const struct cs_lane *lane)
{
    return cs_coordinator_lane_is_open(lane) && (lane->n_want > 0 || lane->broke);
}

/* Blocks stand in the order of their ranks: first those that are opened, then those that are only priced. */
static bool is_opened(const struct cs_lane *lane, const struct cs_opened_block *b)
{
    return b->first < lane->opened * lane->block_size;
}

/* Trials in opened blocks that nobody has, and what they cost at most. Forgets finished blocks. */
static uint64_t to_do(struct cs_lane *lane, int64_t *money)
{
    uint64_t sum = 0;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < lane->blocks.n; i++) {
        struct cs_opened_block b = lane->blocks.items[i];
        uint64_t n_free, planned = cs_coordinator_lane_count(lane, b.first, lane->block_size, &n_free);

        if (planned > 0)
            lane->blocks.items[kept++] = b;
        if (!is_opened(lane, &b))
            continue;
        sum += n_free;
        *money = cs_price_add(*money, cs_price_times(b.worst_nano_usd, n_free));
    }
    lane->blocks.n = kept;
    return sum;
}

static void price_block(struct cs_core *core, struct cs_lane *lane, uint64_t first)
{
    uint64_t n_free, planned = cs_coordinator_lane_count(lane, first, lane->block_size, &n_free);
    int64_t worst = 0;

    for (uint64_t i = first; planned > 0 && i < first + lane->block_size && i < lane->n_trials; i++) {
        int64_t one = cs_coordinator_lane_state_of(lane, i) == CS_TRIAL_PLANNED ? worst_of(core, lane, i) : 0;

        if (one > worst)
            worst = one;
    }
    if (worst > 0)
        *CS_APPEND(lane->blocks) = (struct cs_opened_block){first, worst};
}

/* What the blocks of a lane from where it stands to `end` cost at most. They are priced once, however often there is no money for them. */
static int64_t next_blocks(struct cs_core *core, struct cs_lane *lane, uint64_t end)
{
    int64_t sum = 0;

    for (; lane->priced < end && !core->ended; lane->priced++)
        price_block(core, lane, lane->priced * lane->block_size);
    for (uint32_t i = lane->blocks.n; i > 0 && !is_opened(lane, &lane->blocks.items[i - 1]); i--) {
        const struct cs_opened_block *b = &lane->blocks.items[i - 1];
        uint64_t n_free;

        (void)cs_coordinator_lane_count(lane, b->first, lane->block_size, &n_free);
        sum = cs_price_add(sum, cs_price_times(b->worst_nano_usd, n_free));
    }
    return sum;
}

static uint64_t furthest_back(const struct cs_core *core, const struct cs_core_study *y)
{
    uint64_t rank = UINT64_MAX;

    for (uint32_t i = 0; i < y->newest->n_lanes; i++) {
        const struct cs_lane *l = lane_at(core, y, i);

        if (runs(l) && l->opened * l->block_size < l->n_trials && l->opened < rank)
            rank = l->opened;
    }
    return rank;
}

static uint64_t group_end(const struct cs_core *core, const struct cs_core_study *y, uint64_t rank)
{
    const uint64_t end = core->plan.group_end(core->plan.self, y->newest->gen, rank);

    CS_ASSERT(end > rank);
    return end - rank > GROUP_CASES_MAX ? rank + GROUP_CASES_MAX : end;
}

/* The next group of cases, for all lanes that stand there. */
static bool open_group(struct cs_core *core, const struct cs_core_study *y)
{
    uint64_t rank = furthest_back(core, y), end;
    int64_t needs = 0;
    bool idle[CS_MODELS_MAX] = {false};

    if (rank == UINT64_MAX)
        return false;
    end = group_end(core, y, rank);
    for (uint32_t i = 0; i < y->newest->n_lanes; i++) {
        struct cs_lane *l = lane_at(core, y, i);
        uint64_t n;

        if (!runs(l))
            continue;
        n = to_do(l, &needs);
        if (!l->broke && n > LAG_BLOCKS * l->block_size + l->n_trials * LAG_PERCENT / 100)
            return false;
        idle[i] = n == 0;
        if (l->opened == rank)
            needs = cs_price_add(needs, next_blocks(core, l, end));
    }
    if (core->ended)
        return false;
    for (uint32_t i = 0; i < y->newest->n_lanes; i++) {
        struct cs_lane *l = lane_at(core, y, i);

        if (needs > cs_budget_left(core, y)) {
            if (idle[i] && !may_come_back(core, y))
                stop(core, l, needs);
            else if (idle[i])
                want_of_money(core, l);
        } else if (runs(l) && l->opened == rank) {
            l->opened = end;
        }
    }
    return needs <= cs_budget_left(core, y);
}

struct cs_bits cs_budget_opened(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which)
{
    uint64_t from = page * CS_PAGE_TRIALS;
    struct cs_bits set;

    do {
        uint64_t end = lane->opened * lane->block_size;

        set = cs_bits_range(0, end > from ? end - from : 0);
        set = cs_bits_and(&set, which);
    } while (cs_bits_none(&set) && !core->ended && open_group(core, lane->study));
    return set;
}

int64_t cs_budget_ambiguous(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o)
{
    const uint64_t n = (uint64_t)o->ambiguous +
                       (costs_tokens(lane) ? o->wasted_untold : 0); /* else it is in the bill */
    int64_t one;

    if (n == 0)
        return 0;
    if (lane->price.input < 0 || lane->price.output < 0 || (lane->price.output > 0 && lane->max_output_tokens == 0))
        return -1;
    one = worst_of(core, lane, o->position);
    return one >= 0 ? cs_price_times(one, n) : -1;
}

struct cs_worst cs_budget_worst(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    const struct cs_talk_at *t = lane->talks ? cs_talked_of(core, lane, position) : NULL;
    const uint32_t turns = t != NULL ? t->talk.turns : 0;
    const int64_t all = worst_after(core, lane, position, turns);
    struct cs_worst worst = {all, all};

    if (t != NULL && turns + 1 < t->talk.calls)
        worst.one = all - worst_after(core, lane, position, turns + 1);
    if (worst.one <= 0)
        worst.one = all < 1 ? all : 1; /* calls that cost nothing */
    return worst;
}

/* Of a trial that is granted. In a session that only its worker knew a conversation is begun anew; no call of it is dearer than the last. */
static struct cs_worst worst_granted(struct cs_core *core, struct cs_lane *lane, uint64_t position)
{
    const struct cs_talk_at *t = lane->remembers ? cs_talked_of(core, lane, position) : NULL;
    struct cs_worst worst;

    if (t == NULL || t->talk.calls == 1)
        return cs_budget_worst(core, lane, position);
    worst.all = worst_of(core, lane, position);
    worst.one = worst_after(core, lane, position, t->talk.calls - 1);
    return worst;
}

struct cs_bits cs_budget_afford(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                                struct cs_worst *worst)
{
    struct cs_bits set = {{0}};
    struct cs_worst one = {0, 0};
    int64_t n = 0;

    *worst = one;
    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        if (!cs_bits_has(which, i))
            continue;
        one = worst_granted(core, lane, page * CS_PAGE_TRIALS + i);
        if (one.all < worst->all)
            one = *worst;
        if (core->ended || cs_price_times(one.all, (uint64_t)n + 1) > cs_budget_left(core, lane->study))
            break;
        *worst = one;
        cs_bits_add(&set, i);
        n++;
        if (lane->talks)
            break; /* what is left of each is another sum */
    }
    if (n > 0 || core->ended || cs_bits_none(which))
        return set;
    if (may_come_back(core, lane->study))
        want_of_money(core, lane);
    else
        stop(core, lane, one.all);
    return set;
}
