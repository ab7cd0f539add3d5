#include "tools/plan/fits.h"

#include "protocol/dialects/dialect.h"
#include "protocol/study/plan.h"

enum { BYTES_PER_TOKEN = 5 };

struct call {
    uint64_t input, cap, tokens, output; /* estimated, or charged to the limit of that name */
};

static void charge(const struct cs_account *a, struct call *c)
{
    const struct cs_dialect_charge *by = cs_dialect_charge_of(a->protocol);
    c->tokens = by->tokens == CS_CHARGE_BY_LARGER_OF_CAP   ? (c->input > c->cap ? c->input : c->cap)
                : by->tokens == CS_CHARGE_BY_INPUT_AND_CAP ? c->input + c->cap
                                                           : c->input;
    c->output = by->output == CS_CHARGE_BY_CAP ? c->cap : 1;
}

static enum cs_err check(const struct cs_model *m, const struct cs_limits *l, const struct call *c,
                         struct cs_error *err)
{
    const struct {
        const char *name;
        uint64_t limit, charged;
    } rows[] = {
        {"tokens_per_minute", l->tokens_per_minute, c->tokens},
        {"input_tokens_per_minute", l->input_tokens_per_minute, c->input},
        {"output_tokens_per_minute", l->output_tokens_per_minute, c->output},
        {"tokens_per_day", l->tokens_per_day, c->tokens},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].limit > 0 && rows[i].limit < rows[i].charged)
            return cs_error_set(err, CS_EINVAL,
                                "model %s: %s is %llu, and one call is charged %llu (its prompt at least %llu, "
                                "max_output_tokens %llu): none would ever start; raise the limit, or lower "
                                "max_output_tokens",
                                m->name, rows[i].name, (unsigned long long)rows[i].limit,
                                (unsigned long long)rows[i].charged, (unsigned long long)c->input,
                                (unsigned long long)c->cap);
    }
    return CS_OK;
}

static enum cs_err check_lane(const struct cs_loaded *l, struct cs_requests *requests, uint32_t lane,
                              struct cs_error *err)
{
    const struct cs_model *m = &l->study->models[lane];
    const struct cs_account *a = &l->study->accounts[m->account];
    struct cs_cells *cells = NULL;
    struct call c = {0};
    uint32_t cap = 0, least = UINT32_MAX;
    enum cs_err rc = cs_requests_lane_cap(requests, lane, &cap, err);
    if (rc == CS_OK)
        rc = cs_cells_make(requests, lane, 0, &l->cases, true, &cells, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < cells->n; i++)
        least = cells->body_len[i] < least ? cells->body_len[i] : least;
    c.input = cells->n > 0 ? least / BYTES_PER_TOKEN : 0;
    c.cap = cap;
    cs_cells_free(cells);
    charge(a, &c);
    rc = check(m, &m->limits, &c, err);
    for (uint32_t i = 0; i < m->n_pools && rc == CS_OK; i++)
        rc = check(m, &a->pools[m->pools[i]].limits, &c, err);
    return rc;
}

enum cs_err cs_fits_check(const struct cs_loaded *l, struct cs_error *err)
{
    struct cs_requests *requests = NULL;
    struct cs_plan plan;
    cs_plan_init(&plan, l->study);
    enum cs_err rc = cs_requests_open(&requests, &plan, err);
    for (uint32_t lane = 0; lane < plan.n_lanes && rc == CS_OK && l->study->n_cases > 0; lane++)
        rc = check_lane(l, requests, lane, err);
    if (requests != NULL)
        cs_requests_close(requests);
    cs_plan_release(&plan);
    return rc;
}
