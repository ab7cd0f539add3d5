#include "coordinator/rate.h"

#include <string.h>

/* Answers a second between a sample and now; 0 when none came. */
static double since(uint64_t then, uint64_t now, uint64_t then_ms, uint64_t now_ms)
{
    return now_ms > then_ms && now > then ? (double)(now - then) * 1000.0 / (double)(now_ms - then_ms) : 0;
}

/* The sample that the last look compared with. It had not remembered its own figures yet, and they have taken no place of this one. */
static uint64_t oldest_of(const struct cs_rate *r)
{
    return r->seen < CS_RATE_SECONDS ? 0 : (r->seen - CS_RATE_SECONDS) % (CS_RATE_SECONDS + 1);
}

static double lane_rate(const struct cs_rate *r, uint32_t lane, uint64_t answers, uint64_t now_ms)
{
    const uint64_t oldest = oldest_of(r);
    if (r->seen == 0)
        return 0;
    const double lately = since(r->answers[oldest][lane], answers, r->at[oldest], now_ms);
    return lately > 0 ? lately : since(r->first[lane], answers, r->first_at, now_ms);
}

static double lane_eta(const struct cs_rate *r, uint32_t lane, const struct cs_rate_lane *l, uint64_t now_ms)
{
    const double rate = lane_rate(r, lane, l->answers, now_ms);
    if (l->left == 0)
        return 0;
    return rate > 0 && !l->held ? (double)l->left / rate : -1;
}

void cs_rate_of_lane(const struct cs_rate *r, uint32_t lane, const struct cs_rate_lane *l, uint64_t now_ms,
                     double *outputs_per_s, double *eta_s)
{
    const uint64_t oldest = oldest_of(r);
    *outputs_per_s = 0;
    *eta_s = -1;
    if (lane >= r->n_lanes)
        return;
    if (r->seen > 0)
        *outputs_per_s = since(r->answers[oldest][lane], l->answers, r->at[oldest], now_ms);
    if (l->open || l->left == 0)
        *eta_s = lane_eta(r, lane, l, now_ms);
}

static void remember(struct cs_rate *r, const struct cs_rate_lane *lanes, uint64_t now_ms)
{
    const uint64_t at = r->n++ % (CS_RATE_SECONDS + 1);
    if (r->n == 1)
        r->first_at = now_ms;
    r->at[at] = now_ms;
    for (uint32_t i = 0; i < r->n_lanes; i++) {
        r->answers[at][i] = lanes[i].answers;
        if (r->n == 1)
            r->first[i] = lanes[i].answers;
    }
}

void cs_rate_look(struct cs_rate *r, uint32_t gen, const struct cs_rate_lane *lanes, uint32_t n_lanes, uint64_t now_ms,
                  bool sample, double *outputs_per_s, double *eta_s)
{
    uint64_t answers = 0, before = 0;
    n_lanes = n_lanes < CS_RATE_LANES ? n_lanes : CS_RATE_LANES;
    if (r->gen != gen || r->n_lanes != n_lanes) {
        memset(r, 0, sizeof *r);
        r->gen = gen;
        r->n_lanes = n_lanes;
    }
    r->seen = r->n;
    const uint64_t oldest = oldest_of(r);
    *eta_s = 0;
    for (uint32_t i = 0; i < n_lanes; i++) {
        answers += lanes[i].answers;
        before += r->answers[oldest][i];
        if (lanes[i].left == 0 || !lanes[i].open || *eta_s < 0)
            continue;
        const double eta = lane_eta(r, i, &lanes[i], now_ms);
        *eta_s = eta < 0 || eta > *eta_s ? eta : *eta_s;
    }
    bool working = false, left = false;
    for (uint32_t i = 0; i < n_lanes; i++) {
        left |= lanes[i].left > 0;
        working |= lanes[i].left > 0 && lanes[i].open;
    }
    if (left && !working)
        *eta_s = -1;
    *outputs_per_s = r->seen > 0 ? since(before, answers, r->at[oldest], now_ms) : 0;
    if (sample)
        remember(r, lanes, now_ms);
}
