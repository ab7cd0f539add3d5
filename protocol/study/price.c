#include "protocol/study/price.h"

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

bool cs_price_of(const struct cs_price *p, uint64_t input, uint64_t cached, uint64_t output, int64_t *cost)
{
    if (cached > input)
        cached = input;
    const struct {
        int64_t price;
        uint64_t tokens;
    } parts[] = {{p->input, input - cached}, {p->cached >= 0 ? p->cached : p->input, cached}, {p->output, output}};
    bool known = true;
    *cost = 0;
    for (int i = 0; i < 3; i++) {
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

bool cs_price_most(const struct cs_price *p, uint64_t input, uint64_t output, int64_t *cost)
{
    const int64_t dearest = p->cached > p->input ? p->cached : p->input;
    const struct cs_price most = {.input = dearest, .cached = dearest, .output = p->output};
    const bool known = cs_price_of(&most, input, 0, output, cost);
    *cost = cs_price_add(*cost, cs_price_requests(p, 1));
    return known;
}
