#include "protocol/wire/bill.h"

struct cs_bill_most cs_bill_most(uint32_t cap)
{
    return (struct cs_bill_most){CS_BILL_INPUT_MAX, cap > CS_BILL_OUTPUT_MAX ? cap : CS_BILL_OUTPUT_MAX};
}

struct used { /* tokens of so many calls, of which so many are charged by themselves */
    uint64_t calls, charged;
    struct cs_price_tokens tokens;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int64_t charge(const struct cs_price *p, const struct used *u, const struct cs_bill_most *most,
                      struct cs_bill *out)
{
    int64_t all, cost;
    struct cs_price_tokens within = u->tokens;
    within.input = least(within.input, u->calls * most->input);
    within.output = least(within.output, u->calls * most->output);
    out->priced &= cs_price_of(p, &u->tokens, &all);
    (void)cs_price_of(p, &within, &cost);
    out->absurd = cs_price_add(out->absurd, all > cost ? all - cost : 0);
    cost = cs_price_add(cost, cs_price_requests(p, u->charged));
    out->cost = cs_price_add(out->cost, cost);
    return cost;
}

/* Where nothing costs anything, nothing is missing. */
static bool is_free(const struct cs_price *p)
{
    return p->input == 0 && p->output == 0 && p->cached <= 0 && p->cache_write <= 0;
}

void cs_bill_of(const struct cs_price *p, const struct cs_output *o, const struct cs_bill_most *most,
                struct cs_bill *out)
{
    const bool good = o->http_status >= 200 && o->http_status <= 299;
    const struct used own = {1, good, {o->input_tokens, o->cached_tokens, o->cache_write_tokens, o->output_tokens}};
    const struct used before = {
        o->wasted, o->wasted, {o->wasted_input, o->wasted_cached, o->wasted_cache_write, o->wasted_output}};
    int64_t cost;
    *out = (struct cs_bill){.priced = true};
    out->told = is_free(p) ||
                !(o->usage_short || o->wasted_untold > 0 || (good && own.tokens.input == 0 && own.tokens.output == 0));
    cost = charge(p, &own, most, out);
    out->wasted = cs_outcome_is_answer((enum cs_outcome)o->outcome) ? 0 : cost;
    out->wasted = cs_price_add(out->wasted, charge(p, &before, most, out));
}
