#include "worker/signals.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/signals/metrics.h"

static void write_process(const struct cs_worker_info *i, const struct cs_worker_figures *f, struct cs_buf *out)
{
    const struct cs_metrics_label labels[] = {{"worker", i->name}, {"version", i->version}};

    cs_metrics_family(out, "clinsafe_worker_info", CS_METRIC_GAUGE, "Which worker this is.");
    cs_metrics_sample(out, "clinsafe_worker_info", labels, 2, 1);
    cs_metrics_one(out, "clinsafe_worker_connected", CS_METRIC_GAUGE,
                   "1 while it has a session with its coordinator, which answers.", f->state == CS_WORKER_READY);
    cs_metrics_one(out, "clinsafe_worker_draining", CS_METRIC_GAUGE, "1 while it only finishes what it has.",
                   f->draining);
    cs_metrics_one(out, "clinsafe_worker_started_timestamp_seconds", CS_METRIC_GAUGE, "When it was started, Unix time.",
                   (double)i->started_wall_ms / 1e3);
    cs_metrics_one(out, "clinsafe_worker_calls_in_flight", CS_METRIC_GAUGE, "HTTP calls under way.", f->in_flight);
    cs_metrics_one(out, "clinsafe_worker_trials_waiting", CS_METRIC_GAUGE, "Trials leased and not begun.",
                   f->unstarted);
    cs_metrics_one(out, "clinsafe_worker_outputs_unacknowledged", CS_METRIC_GAUGE,
                   "Outputs that the coordinator has not yet said to be on its disk.", f->unacked);
    cs_metrics_one(out, "clinsafe_worker_calls_started_total", CS_METRIC_COUNTER, "HTTP calls begun.",
                   (double)f->calls_started);
    cs_metrics_one(out, "clinsafe_worker_outputs_acknowledged_total", CS_METRIC_COUNTER,
                   "Outputs that are on the coordinator's disk.", (double)f->outputs_acked);
    cs_metrics_one(out, "clinsafe_worker_outputs_refused_total", CS_METRIC_COUNTER,
                   "Outputs that the coordinator refused.", (double)f->outputs_refused);
    cs_metrics_one(out, "clinsafe_worker_memory_bytes", CS_METRIC_GAUGE, "Resident memory.",
                   (double)i->rss_mb * 1024 * 1024);
}

struct lane_label {
    char gen[16], lane[16];
    struct cs_metrics_label labels[3];
};

static void label(struct lane_label *l, const struct cs_worker_lane_info *lane)
{
    snprintf(l->gen, sizeof l->gen, "%u", lane->gen);
    snprintf(l->lane, sizeof l->lane, "%u", lane->lane);
    l->labels[0] = (struct cs_metrics_label){"generation", l->gen};
    l->labels[1] = (struct cs_metrics_label){"lane", l->lane};
}

static void write_ends(const struct cs_worker_info *info, struct cs_buf *out)
{
    cs_metrics_family(out, "clinsafe_worker_calls_total", CS_METRIC_COUNTER, "HTTP calls that ended, by how.");
    for (uint32_t i = 0; i < info->n_lanes; i++) {
        struct lane_label l;
        label(&l, &info->lanes[i]);
        for (int e = 0; e < CS_TALLY_ENDS_N; e++) {
            l.labels[2] = (struct cs_metrics_label){"end", cs_tally_end_name((enum cs_tally_end)e)};
            cs_metrics_sample(out, "clinsafe_worker_calls_total", l.labels, 3, (double)info->lanes[i].tally.ended[e]);
        }
    }
}

/* Whole octaves are enough for a graph. */
static void write_latency(const struct cs_worker_info *info, struct cs_buf *out)
{
    cs_metrics_family(out, "clinsafe_worker_call_seconds", CS_METRIC_HISTOGRAM, "How long answered HTTP calls took.");
    for (uint32_t i = 0; i < info->n_lanes; i++) {
        const struct cs_call_tally *t = &info->lanes[i].tally;
        struct lane_label l;
        uint64_t below = 0;
        label(&l, &info->lanes[i]);
        for (uint32_t b = 0; b < CS_TALLY_BUCKETS; b++) {
            char bound[32];
            below += t->latency[b];
            if (b % 4 != 0 && b + 1 < CS_TALLY_BUCKETS)
                continue;
            snprintf(bound, sizeof bound, "%.6g", cs_tally_bound(b));
            l.labels[2] = (struct cs_metrics_label){"le", isinf(cs_tally_bound(b)) ? "+Inf" : bound};
            cs_metrics_sample(out, "clinsafe_worker_call_seconds_bucket", l.labels, 3, (double)below);
        }
        cs_metrics_sample(out, "clinsafe_worker_call_seconds_sum", l.labels, 2, t->seconds);
        cs_metrics_sample(out, "clinsafe_worker_call_seconds_count", l.labels, 2, (double)below);
    }
}

/* Where no lane has several servers there is nothing of them. */
static void write_servers(const struct cs_worker_info *info, struct cs_buf *out)
{
    struct lane_label l;

    if (info->n_servers == 0)
        return;
    cs_metrics_family(out, "clinsafe_worker_server_calls_in_flight", CS_METRIC_GAUGE,
                      "HTTP calls under way at one of a lane's servers.");
    for (uint32_t i = 0; i < info->n_servers; i++) {
        const struct cs_worker_lane_info of = {.gen = info->servers[i].gen, .lane = info->servers[i].lane};
        label(&l, &of);
        l.labels[2] = (struct cs_metrics_label){"server", info->servers[i].url};
        cs_metrics_sample(out, "clinsafe_worker_server_calls_in_flight", l.labels, 3, info->servers[i].in_flight);
    }
}

static void write_lanes(const struct cs_worker_info *info, struct cs_buf *out)
{
    struct lane_label l;

    cs_metrics_family(out, "clinsafe_worker_lane_calls_in_flight", CS_METRIC_GAUGE, "HTTP calls under way in a lane.");
    for (uint32_t i = 0; i < info->n_lanes; i++) {
        label(&l, &info->lanes[i]);
        cs_metrics_sample(out, "clinsafe_worker_lane_calls_in_flight", l.labels, 2, info->lanes[i].in_flight);
    }
    cs_metrics_family(out, "clinsafe_worker_lane_slots", CS_METRIC_GAUGE,
                      "HTTP calls that a lane may have under way here.");
    for (uint32_t i = 0; i < info->n_lanes; i++) {
        label(&l, &info->lanes[i]);
        cs_metrics_sample(out, "clinsafe_worker_lane_slots", l.labels, 2, info->lanes[i].slots);
    }
    write_servers(info, out);
    write_ends(info, out);
    write_latency(info, out);
}

void cs_worker_signals_make(const struct cs_worker_info *info, const struct cs_worker_figures *f, const char *path,
                            struct cs_listener_page *out)
{
    const bool ready = f->state == CS_WORKER_READY && !f->draining;

    if (strcmp(path, "/metrics") == 0) {
        out->status = 200;
        out->type = "text/plain; version=0.0.4; charset=utf-8";
        write_process(info, f, &out->body);
        write_lanes(info, &out->body);
    } else if (strcmp(path, "/healthz") == 0) {
        out->status = 200;
        cs_buf_str(&out->body, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        out->status = ready ? 200 : 503;
        cs_buf_printf(&out->body, "%s\n", ready ? "ok" : f->draining ? "draining" : cs_do_state_name(f->state));
    }
}
