#include "protocol/wire/bill.h"

struct cs_bill_most cs_bill_most(uint32_t cap)
{
    return (struct cs_bill_most){CS_BILL_INPUT_MAX, cap > CS_BILL_OUTPUT_MAX ? cap : CS_BILL_OUTPUT_MAX};
}

struct used { /* tokens of so many calls, of which so many are charged by themselves */
    uint64_t calls, charged, input, cached, output;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int64_t charge(const struct cs_price *p, const struct used *u, const struct cs_bill_most *most,
                      struct cs_bill *out)
{
    int64_t all, cost;
    const uint64_t input = least(u->input, u->calls * most->input), output = least(u->output, u->calls * most->output);
    out->priced &= cs_price_of(p, u->input, u->cached, u->output, &all);
    (void)cs_price_of(p, input, least(u->cached, input), output, &cost);
    out->absurd = cs_price_add(out->absurd, all > cost ? all - cost : 0);
    cost = cs_price_add(cost, cs_price_requests(p, u->charged));
    out->cost = cs_price_add(out->cost, cost);
    return cost;
}

/* Where nothing costs anything, nothing is missing. */
static bool is_free(const struct cs_price *p)
{
    return p->input == 0 && p->output == 0;
}

void cs_bill_of(const struct cs_price *p, const struct cs_output *o, const struct cs_bill_most *most,
                struct cs_bill *out)
{
    const bool good = o->http_status >= 200 && o->http_status <= 299;
    const struct used own = {1, good, o->input_tokens, o->cached_tokens, o->output_tokens};
    const struct used before = {o->wasted, o->wasted, o->wasted_input, o->wasted_cached, o->wasted_output};
    int64_t cost;
    *out = (struct cs_bill){.priced = true};
    out->told = is_free(p) || !(o->usage_short || o->wasted_untold > 0 || (good && own.input == 0 && own.output == 0));
    cost = charge(p, &own, most, out);
    out->wasted = cs_outcome_is_answer((enum cs_outcome)o->outcome) ? 0 : cost;
    out->wasted = cs_price_add(out->wasted, charge(p, &before, most, out));
}
