#include "tools/suite/quote.h"

#include <stdlib.h>

#include "protocol/dialects/request.h"
#include "protocol/study/judge.h"
#include "protocol/study/price.h"
#include "tools/base/command.h"
#include "tools/plan/estimate.h"

static void add_lane(const struct cs_plan *plan, uint32_t lane, const struct cs_estimate_lane *e,
                     const struct cs_suite_tokens *call, uint32_t draws, struct cs_quote *out)
{
    const struct cs_price *price = &plan->study->models[lane].price;
    const double calls = (double)e->calls;
    const struct cs_price_tokens used = {.input = (uint64_t)(calls * call->in),
                                         .output = (uint64_t)(calls * call->out)};
    int64_t nano = 0;
    out->trials += plan->lanes[lane].n_planned;
    out->calls += draws * e->calls;
    if (e->minutes_min > out->minutes)
        out->minutes = e->minutes_min;
    if (!cs_price_of(price, &used, &nano)) {
        out->unpriced = true;
        return;
    }
    out->expected += (double)cs_price_add(nano, cs_price_requests(price, plan->lanes[lane].n_planned)) / 1e9;
    out->most += e->usd_high > 0 ? draws * e->usd_high : 0;
    out->open_ended = out->open_ended || (e->output_high == 0 && price->output != 0);
}

/* How often a call of it may be paid: a judge whose reply cannot be read is asked again. */
static enum cs_err find_draws(const struct cs_study *s, uint32_t *out, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_judge judge = {0};
    enum cs_err rc = cs_judge_parse(s->judge, &arena, &judge, err);
    *out = 1 + judge.again;
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_quote_part(const struct cs_stage *t, uint32_t study, uint32_t part, struct cs_quote *out,
                          struct cs_error *err)
{
    const struct cs_study_args args = {.providers = t->providers, .planned = true};
    const struct cs_suite_part *p = &t->studies[study].study->parts[part];
    struct cs_loaded l = {0};
    struct cs_plan plan = {0};
    struct cs_requests *requests = NULL;
    struct cs_estimate e = {0};
    uint32_t draws = 1;
    char *path = cs_stage_file(t, study, part);
    *out = (struct cs_quote){0};
    enum cs_err rc = cs_command_load_study(&args, path, &l, err);
    if (rc == CS_OK) {
        cs_plan_init(&plan, l.study);
        rc = cs_requests_open(&requests, &plan, err);
    }
    if (rc == CS_OK)
        rc = cs_estimate_make(&plan, requests, &l, &e, err);
    if (rc == CS_OK)
        rc = find_draws(l.study, &draws, err);
    for (uint32_t i = 0; rc == CS_OK && i < plan.n_lanes; i++)
        add_lane(&plan, i, &e.lanes[i], t->simulated ? &p->simulated : &p->real, draws, out);
    cs_estimate_release(&e);
    cs_requests_close(requests);
    cs_plan_release(&plan);
    cs_load_release(&l);
    free(path);
    return rc;
}

void cs_quote_add(struct cs_quote *sum, const struct cs_quote *one)
{
    sum->trials += one->trials;
    sum->calls += one->calls;
    sum->expected += one->expected;
    sum->most += one->most;
    sum->unpriced = sum->unpriced || one->unpriced;
    sum->open_ended = sum->open_ended || one->open_ended;
    sum->minutes += one->minutes;
}
