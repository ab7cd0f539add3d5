
#include "coordinator/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/core.h"
#include "coordinator/feed.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/plans.h"
#include "coordinator/roster.h"
#include "coordinator/lanes/state.h"
#include "protocol/base/alloc.h"
#include "protocol/dialects/system/service.h"
#include "protocol/study/judge.h"
#include "protocol/study/script.h"

struct ledgers {
    const struct cs_plan *plan;
    struct cs_build_lane *lanes;
    bool outside;
};

static enum cs_err take_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct ledgers *l = self;

    if (lane >= l->plan->n_lanes || page * CS_PAGE_TRIALS >= l->plan->lanes[lane].n_trials) {
        l->outside = true;
        return CS_ECORRUPT;
    }
    memcpy(l->lanes[lane].ledger + page * CS_PAGE_BYTES, bits, CS_PAGE_BYTES);
    return CS_OK;
}

enum cs_err cs_restore_ledgers(struct cs_server *sv, const struct cs_plan *plan, uint32_t gen,
                               struct cs_build_lane *lanes, struct cs_error *err)
{
    struct ledgers l = {plan, lanes, false};
    enum cs_err rc = CS_OK;

    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        uint64_t pages = (plan->lanes[i].n_trials + CS_PAGE_TRIALS - 1) / CS_PAGE_TRIALS;

        lanes[i].ledger = cs_xcalloc((size_t)pages + 1, CS_PAGE_BYTES);
    }
    rc = cs_store_scan_pages(sv->store, gen, take_page, &l, err);
    if (l.outside)
        return cs_error_set(err, CS_ECORRUPT, "the ledger of generation %u has pages outside its plan", gen);
    for (uint32_t i = 0; rc == CS_OK && i < plan->n_lanes; i++) {
        rc = cs_store_rows_counters(sv->store, gen, i, &lanes[i].counters, err);
        if (rc == CS_ENOENT)
            rc = CS_OK;
    }
    return rc;
}

/* A row of text; *out stays NULL where there is none. free() it. */
static enum cs_err read_text(struct cs_server *sv, const char *key, const char **out, struct cs_error *err)
{
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_store_rows_meta(sv->store, key, &value, &n, err);

    if (rc == CS_OK) {
        char *text = cs_xcalloc((size_t)n + 1, 1);

        if (n > 0)
            memcpy(text, value, n);
        *out = text;
    }
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

/* What the lane has told of itself: why it paused, or that an operator went on all the same ("alike/" and "over/GEN/LANE"); in which
 * words one paused it ("hand/GEN/LANE"); who has answered in it ("served/KEY"). */
static enum cs_err read_told(struct cs_server *sv, uint32_t gen, uint32_t lane, struct cs_lane_load *l,
                             struct cs_error *err)
{
    char key[64];
    enum cs_err rc;

    snprintf(key, sizeof key, "alike/%08u/%05u", gen, lane);
    rc = read_text(sv, key, &l->alike, err);
    snprintf(key, sizeof key, "over/%08u/%05u", gen, lane);
    if (rc == CS_OK)
        rc = read_text(sv, key, &l->over, err);
    snprintf(key, sizeof key, "hand/%08u/%05u", gen, lane);
    if (rc == CS_OK)
        rc = read_text(sv, key, &l->by_hand, err);
    snprintf(key, sizeof key, "served/%s", l->served_key);
    return rc == CS_OK ? read_text(sv, key, &l->served, err) : rc;
}

static char *served_key(const struct cs_study *s, uint32_t lane)
{
    const struct cs_model *m = &s->models[lane];

    return cs_xasprintf("%016llx",
                        (unsigned long long)cs_digest_lane_key(s->name, m->name, s->accounts[m->account].name));
}

/* What the operator has said of a lane ("lane/GEN/LANE"). */
static enum cs_err read_mark(struct cs_server *sv, uint32_t gen, uint32_t lane, struct cs_lane_load *l,
                             struct cs_error *err)
{
    char key[64];
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc;

    snprintf(key, sizeof key, "lane/%08u/%05u", gen, lane);
    rc = cs_store_rows_meta(sv->store, key, &value, &n, err);
    if (rc == CS_OK) {
        l->paused = n == 6 && memcmp(value, "paused", 6) == 0;
        l->cancelled = n == 9 && memcmp(value, "cancelled", 9) == 0;
    }
    free(value);
    if (rc == CS_ENOENT)
        rc = CS_OK;
    return rc == CS_OK ? read_told(sv, gen, lane, l, err) : rc;
}

struct quarantine {
    uint32_t n;
    struct cs_quarantined *v;
};

/* "quarantine/GEN/LANE/POSITION": how often, on how many workers. */
static enum cs_err take_quarantined(void *self, const char *key, const void *value, uint32_t len)
{
    struct quarantine *q = self;
    struct cs_quarantined row = {0};
    unsigned long long position;
    char text[32];

    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)value);
    if (sscanf(key, "quarantine/%*8u/%*5u/%12llu", &position) != 1 ||
        sscanf(text, "%u %u", &row.losses, &row.workers) != 2)
        return CS_ECORRUPT;
    row.position = position;
    q->v = cs_xrealloc(q->v, q->n + 1, sizeof *q->v);
    q->v[q->n++] = row;
    return CS_OK;
}

static enum cs_err read_quarantined(struct cs_server *sv, uint32_t gen, uint32_t lane, struct cs_lane_load *l,
                                    struct cs_error *err)
{
    struct quarantine q = {0};
    char prefix[64];
    enum cs_err rc;

    snprintf(prefix, sizeof prefix, "quarantine/%08u/%05u/", gen, lane);
    rc = cs_store_scan_metas(sv->store, prefix, take_quarantined, &q, err);
    l->quarantined = q.v;
    l->n_quarantined = q.n;
    return rc == CS_OK ? CS_OK : cs_error_wrap(err, rc, "the rows of quarantined trials");
}

/* Money spent by generations of the study that are not loaded. */
static enum cs_err spent_before(struct cs_server *sv, const struct cs_roster_study *s, uint32_t gen, int64_t *out,
                                struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    *out = 0;
    for (uint32_t g = 1; g < gen && rc == CS_OK; g++) {
        if (cs_plans_find(&sv->plans, g) != NULL || cs_roster_study_of(&sv->roster, g) != s->key)
            continue;
        for (uint32_t lane = 0; lane < CS_MODELS_MAX && rc == CS_OK; lane++) {
            struct cs_counters c;

            rc = cs_store_rows_counters(sv->store, g, lane, &c, err);
            if (rc == CS_OK)
                *out = cs_price_add(*out, c.cost_nano_usd);
            else if (rc == CS_ENOENT)
                rc = CS_OK;
        }
    }
    return rc;
}

static bool has_pace(const struct cs_limits *l)
{
    return l->concurrent > 0 || l->requests_per_minute > 0 || l->tokens_per_minute > 0 ||
           l->input_tokens_per_minute > 0 || l->output_tokens_per_minute > 0;
}

/* Whether anybody has said what the lane's provider bears. A limit per day says nothing of that. */
static bool is_declared(const struct cs_account *a, const struct cs_model *m)
{
    bool declared = has_pace(&m->limits);

    for (uint32_t i = 0; i < m->n_pools; i++)
        declared |= has_pace(&a->pools[m->pools[i]].limits);
    return declared;
}

static bool is_answered(const struct cs_counters *c)
{
    uint64_t n = 0;

    for (unsigned o = 0; o < CS_OUTCOMES; o++)
        n += cs_outcome_is_answer((enum cs_outcome)o) && o != CS_OUTCOME_timeout ? c->outcome[o] : 0;
    return n > c->adopted;
}

/* The core leaves the one before the newest; so do we. */
static bool has_free(const struct cs_study *s)
{
    bool some = false;

    for (uint32_t i = 0; i < s->n_questions; i++)
        some |= s->questions[i].n_fields == 0;
    return some;
}

static void take_over(struct cs_server *sv, struct cs_roster_study *s, struct cs_loaded_plan *plan)
{
    cs_plans_drop(&sv->plans, s->before);
    s->before = s->loaded ? s->newest.number : 0;
    s->newest = plan->view->generation;
    s->n_lanes = plan->view->plan.n_lanes;
    s->loaded = true;
    s->next.number = s->next.number == s->newest.number ? 0 : s->next.number;
    free(s->title);
    s->title = cs_xstrdup(plan->view->spec.study->title);
    cs_plans_add(&sv->plans, plan);
}

enum cs_err cs_restore_generation(struct cs_server *sv, struct cs_roster_study *s, struct cs_loaded_plan *plan,
                                  bool open, struct cs_build_lane *lanes, struct cs_error *err)
{
    const struct cs_study *study = plan->view->spec.study;
    uint32_t n = plan->view->plan.n_lanes, gen = plan->view->generation.number;
    struct cs_lane_load *loads = cs_xcalloc(n + 1, sizeof *loads);
    struct cs_generation_load load = {.gen = gen,
                                      .open = open,
                                      .lanes = loads,
                                      .n_lanes = n,
                                      .budget_nano_usd = cs_settings_budget(&s->set, study),
                                      .study = s->key,
                                      .weight = cs_roster_weight(s)};
    struct cs_event e = {.kind = CS_EV_LOAD, .load = &load};
    struct cs_arena scratch = {0};
    struct cs_judge judge;
    enum cs_err rc = CS_OK;

    rc = cs_judge_parse(study->judge, &scratch, &judge, err);
    cs_arena_release(&scratch);
    load.needs = plan->view->spec.needs;
    memcpy(load.spec_digest, plan->view->generation.spec_digest, sizeof load.spec_digest);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        loads[i].name = study->models[i].name;
        loads[i].n_trials = plan->view->plan.lanes[i].n_trials;
        loads[i].left_out = plan->view->plan.lanes[i].n_trials - plan->view->plan.lanes[i].n_planned;
        loads[i].block_size = plan->view->plan.lanes[i].block_size;
        loads[i].counters = lanes[i].counters;
        loads[i].price = study->models[i].price;
        loads[i].limits = cs_settings_limits(&s->set, study->models[i].name);
        loads[i].talks = cs_script_is_used(study);
        loads[i].remembers = cs_service_remembers(study->accounts[study->models[i].account].service);
        loads[i].has_free = has_free(study);
        loads[i].accepts_unparsable = study->accept_unparsable || (sv->opts.accept_unparsable && study->parent == NULL);
        loads[i].draws = judge.again;
        loads[i].served_key = served_key(study, i);
        loads[i].timeout_ms = study->models[i].timeout_ms;
        loads[i].declared = is_declared(&study->accounts[study->models[i].account], &study->models[i]);
        loads[i].answered = is_answered(&lanes[i].counters);
        rc = cs_requests_lane_cap(plan->requests, i, &loads[i].max_output_tokens, err);
        if (rc == CS_OK)
            rc = cs_store_rows_frontier(sv->store, gen, i, &loads[i].frontier, err);
        if (rc == CS_ENOENT)
            rc = CS_OK;
        if (rc == CS_OK)
            rc = read_mark(sv, gen, i, &loads[i], err);
        if (rc == CS_OK)
            rc = read_quarantined(sv, gen, i, &loads[i], err);
    }
    if (rc != CS_OK)
        goto out;
    for (uint32_t i = 0; i < n; i++) {
        loads[i].ledger = lanes[i].ledger;
        lanes[i].ledger = NULL;
    }
    take_over(sv, s, plan);
    rc = spent_before(sv, s, gen, &load.spent_nano_usd, err);
    if (rc == CS_OK)
        cs_feed_event(sv, &e);
out:
    for (uint32_t i = 0; i < n; i++) {
        free(loads[i].quarantined);
        free((char *)(uintptr_t)loads[i].alike);
        free((char *)(uintptr_t)loads[i].over);
        free((char *)(uintptr_t)loads[i].by_hand);
        free((char *)(uintptr_t)loads[i].served);
        free((char *)(uintptr_t)loads[i].served_key);
    }
    free(loads);
    return rc;
}

/* ---- a whole study ---------------------------------------------------------------------------------------- */

static enum cs_err read_generation(struct cs_server *sv, uint32_t number, struct cs_generation *out,
                                   struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc;

    cs_store_generation_key(number, key);
    rc = cs_store_rows_meta(sv->store, key, &value, &n, err);
    if (rc == CS_OK)
        rc = cs_store_generation_unpack(value, n, out, err);
    free(value);
    return rc;
}

/* The totals of a study that stays parked. */
static void count(struct cs_roster_study *s, const struct cs_plan *plan, const struct cs_build_lane *lanes)
{
    uint64_t sum[4] = {0};

    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        for (uint64_t k = 0; k < plan->lanes[i].n_trials; k++)
            sum[cs_ledger_get(lanes[i].ledger + k / CS_PAGE_TRIALS * CS_PAGE_BYTES, (unsigned)(k % CS_PAGE_TRIALS))]++;
    }
    s->totals = (struct cs_roster_totals){.planned = plan->n_planned,
                                          .done = sum[CS_TRIAL_DONE],
                                          .failed = sum[CS_TRIAL_FAILED],
                                          .cancelled = sum[CS_TRIAL_CANCELLED] - (plan->n_trials - plan->n_planned)};
}

static enum cs_err load_one(struct cs_server *sv, struct cs_roster_study *s, const struct cs_generation *g, bool open,
                            struct cs_error *err)
{
    struct cs_loaded_plan plan;
    struct cs_build_lane *lanes = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_plans_load(&plan, sv->store, g, err);

    if (rc != CS_OK)
        return rc;
    n = plan.view->plan.n_lanes;
    lanes = cs_xcalloc(n + 1, sizeof *lanes);
    rc = cs_restore_ledgers(sv, &plan.view->plan, g->number, lanes, err);
    if (rc == CS_OK && cs_core_has_room(sv->core, s->key, n))
        rc = cs_restore_generation(sv, s, &plan, open, lanes, err);
    else if (rc == CS_OK)
        count(s, &plan.view->plan, lanes);
    for (uint32_t i = 0; i < n; i++)
        free(lanes[i].ledger);
    free(lanes);
    cs_plans_unload(&plan);
    return rc;
}

enum cs_err cs_restore_study(struct cs_server *sv, struct cs_roster_study *s, struct cs_error *err)
{
    const struct cs_generation newest = s->newest;
    struct cs_generation before;
    enum cs_err rc = CS_OK;

    if (s->before != 0)
        rc = read_generation(sv, s->before, &before, err);
    if (rc == CS_OK && s->before != 0) {
        s->before = 0;
        rc = load_one(sv, s, &before, false, err);
    }
    return rc == CS_OK ? load_one(sv, s, &newest, true, err) : rc;
}
