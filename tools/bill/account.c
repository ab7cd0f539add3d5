#include "tools/bill/account.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"

static void day_of(int64_t wall_ms, char out[CS_BILL_ACCOUNT_DAY])
{
    char utc[32];
    cs_clock_format_utc(wall_ms, utc);
    memcpy(out, utc, CS_BILL_ACCOUNT_DAY - 1);
    out[CS_BILL_ACCOUNT_DAY - 1] = '\0';
}

/* The row used last is nearly always the right one: outputs come in the order of time. */
static struct cs_bill_account_row *row_of(struct cs_bill_account *l, const char *day, const char *model)
{
    for (uint32_t i = l->n; i-- > 0;) {
        if (strcmp(l->rows[i].day, day) == 0 && strcmp(l->rows[i].model, model) == 0)
            return &l->rows[i];
    }
    if (l->n == l->cap) {
        l->cap = l->cap != 0 ? 2 * l->cap : 32;
        l->rows = cs_xrealloc(l->rows, l->cap, sizeof *l->rows);
    }
    struct cs_bill_account_row *r = &l->rows[l->n++];
    *r = (struct cs_bill_account_row){.model = cs_arena_strdup(&l->arena, model),
                                      .dearest = {.input = -1, .cached = -1, .output = -1, .cache_write = -1}};
    memcpy(r->day, day, CS_BILL_ACCOUNT_DAY);
    return r;
}

static int64_t dearer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void note_most(struct cs_bill_account_row *r, const struct cs_output *o, const struct cs_price *p,
                      uint64_t output)
{
    const uint64_t before = o->wasted > 0 ? o->wasted_input / o->wasted : 0;
    r->ambiguous += o->ambiguous;
    r->ambiguous_output += o->ambiguous * output;
    r->most_input = o->input_tokens > r->most_input ? o->input_tokens : r->most_input;
    r->most_input = before > r->most_input ? before : r->most_input;
    r->dearest = (struct cs_price){.input = dearer(r->dearest.input, p->input),
                                   .cached = dearer(r->dearest.cached, p->cached),
                                   .output = dearer(r->dearest.output, p->output),
                                   .request = dearer(r->dearest.request, p->request),
                                   .cache_write = dearer(r->dearest.cache_write, p->cache_write)};
}

void cs_bill_account_add(struct cs_bill_account *l, const struct cs_stored *stored, const char *sent,
                         const struct cs_price *price, uint32_t cap)
{
    const struct cs_output *o = &stored->output;
    const struct cs_bill_most most = cs_bill_most(cap);
    struct cs_bill b;
    char day[CS_BILL_ACCOUNT_DAY];
    if (stored->flags & CS_OUTPUT_BORROWED)
        return;
    cs_bill_of(price, o, &most, &b);
    day_of(o->started_wall_ms, day);
    struct cs_bill_account_row *r = row_of(l, day, o->model_resolved[0] != '\0' ? o->model_resolved : sent);
    r->outputs++;
    r->calls += o->attempts;
    r->input += o->input_tokens + o->wasted_input;
    r->cached += o->cached_tokens + o->wasted_cached;
    r->written += o->cache_write_tokens + o->wasted_cache_write;
    r->output_tokens += o->output_tokens + o->wasted_output;
    note_most(r, o, price, cap > 0 ? cap : most.output);
    r->untold += !b.told;
    r->unpriced += !b.priced;
    if (stored->flags & CS_OUTPUT_DUPLICATE) {
        r->n_twice++;
        r->twice = cs_price_add(r->twice, b.cost);
        return;
    }
    const bool in_vain = (stored->flags & (CS_OUTPUT_FAILURE | CS_OUTPUT_ATTEMPT)) != 0;
    const int64_t wasted = in_vain ? b.cost : b.wasted;
    r->n_wasted += in_vain || o->wasted > 0;
    r->wasted = cs_price_add(r->wasted, wasted);
    r->unique = cs_price_add(r->unique, b.cost - wasted);
}

static int by_day(const void *a, const void *b)
{
    const struct cs_bill_account_row *x = a, *y = b;
    const int days = strcmp(x->day, y->day);
    return days != 0 ? days : strcmp(x->model, y->model);
}

void cs_bill_account_sort(struct cs_bill_account *l)
{
    if (l->n > 0)
        qsort(l->rows, l->n, sizeof *l->rows, by_day);
}

int64_t cs_bill_account_cost(const struct cs_bill_account_row *r)
{
    return cs_price_add(cs_price_add(r->unique, r->twice), r->wasted);
}

struct cs_bill_account_bound cs_bill_account_ambiguous(const struct cs_bill_account_row *r)
{
    struct cs_bill_account_bound b = {.calls = r->ambiguous, .output = r->ambiguous_output};
    b.input = b.calls * (r->most_input > 0 ? r->most_input : CS_BILL_INPUT_MAX);
    (void)cs_price_most(&r->dearest, b.calls, b.input, b.output, &b.nano_usd);
    return b;
}

void cs_bill_account_sum(struct cs_bill_account_row *sum, const struct cs_bill_account_row *r)
{
    sum->outputs += r->outputs;
    sum->calls += r->calls;
    sum->input += r->input;
    sum->cached += r->cached;
    sum->written += r->written;
    sum->output_tokens += r->output_tokens;
    sum->unique = cs_price_add(sum->unique, r->unique);
    sum->twice = cs_price_add(sum->twice, r->twice);
    sum->wasted = cs_price_add(sum->wasted, r->wasted);
    sum->n_twice += r->n_twice;
    sum->n_wasted += r->n_wasted;
    sum->ambiguous += r->ambiguous;
    sum->untold += r->untold;
    sum->unpriced += r->unpriced;
}

void cs_bill_account_release(struct cs_bill_account *l)
{
    free(l->rows);
    cs_arena_release(&l->arena);
    *l = (struct cs_bill_account){0};
}
