#include "protocol/study/price.h"

#include <stddef.h>

int64_t cs_price_add(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int64_t cs_price_times(int64_t a, uint64_t n)
{
    int64_t product;
    return __builtin_mul_overflow(a, n, &product) ? INT64_MAX : product;
}

static bool charges_for_writing(enum cs_protocol p)
{
    return p != CS_PROTOCOL_GEMINI && p != CS_PROTOCOL_HTTP;
}

int64_t cs_price_write_unsaid(enum cs_protocol protocol, int64_t input)
{
    if (input < 0 || !charges_for_writing(protocol))
        return -1;
    return cs_price_add(input, (input + 2) / 4); /* to the nearest, halves up */
}

bool cs_price_of(const struct cs_price *p, const struct cs_price_tokens *t, int64_t *cost)
{
    const uint64_t written = t->written < t->input ? t->written : t->input;
    const uint64_t cached = t->cached < t->input - written ? t->cached : t->input - written;
    const struct {
        int64_t price;
        uint64_t tokens;
    } parts[] = {{p->input, t->input - written - cached},
                 {p->cached >= 0 ? p->cached : p->input, cached},
                 {p->cache_write >= 0 ? p->cache_write : p->input, written},
                 {p->output, t->output}};
    bool known = true;
    *cost = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].price >= 0)
            *cost = cs_price_add(*cost, cs_price_times(parts[i].price, parts[i].tokens));
        else
            known = known && parts[i].tokens == 0;
    }
    return known;
}

int64_t cs_price_requests(const struct cs_price *p, uint64_t calls)
{
    return cs_price_times(p->request, calls);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool cs_price_most(const struct cs_price *p, uint64_t calls, uint64_t input, uint64_t output, int64_t *cost)
{
    const struct cs_price most = {.input = larger(p->input, larger(p->cached, p->cache_write)),
                                  .cached = -1,
                                  .cache_write = -1,
                                  .output = p->output};
    const bool known = cs_price_of(&most, &(struct cs_price_tokens){.input = input, .output = output}, cost);
    *cost = cs_price_add(*cost, cs_price_requests(p, calls));
    return known;
}
