/* /metrics. Labels are study, model, outcome and the like: never a case, a trial or a text. */
#include <stdio.h>
#include <string.h>

#include "coordinator/page/facts.h"
#include "protocol/signals/metrics.h"

static void write_process(const struct cs_page_facts *f, struct cs_buf *out)
{
    const struct cs_metrics_label labels[] = {{"fleet", f->fleet}, {"version", f->version}};

    cs_metrics_family(out, "clinsafe_coordinator_info", CS_METRIC_GAUGE, "Which coordinator this is.");
    cs_metrics_sample(out, "clinsafe_coordinator_info", labels, 2, 1);
    cs_metrics_one(out, "clinsafe_coordinator_started_timestamp_seconds", CS_METRIC_GAUGE,
                   "When it began to serve, Unix time.", (double)f->since_wall_ms / 1e3);
    cs_metrics_one(out, "clinsafe_coordinator_term", CS_METRIC_GAUGE, "Its incarnation: one more with each start.",
                   f->term);
    cs_metrics_one(out, "clinsafe_coordinator_draining", CS_METRIC_GAUGE, "1 while nothing new is given out.",
                   f->draining);
    cs_metrics_one(out, "clinsafe_workers", CS_METRIC_GAUGE, "Workers heard of in the last seconds.", f->workers);
    if (f->has_redis)
        cs_metrics_one(out, "clinsafe_redis_up", CS_METRIC_GAUGE, "1 while Redis answers the coordinator.",
                       f->redis_answers);
    cs_metrics_one(out, "clinsafe_commits_waiting", CS_METRIC_GAUGE, "Groups on their way to the disk.",
                   (double)f->commits_waiting);
    cs_metrics_one(out, "clinsafe_commit_oldest_seconds", CS_METRIC_GAUGE,
                   "How long the oldest of them has been on its way.", (double)f->commit_age_ms / 1e3);
    if (f->disk_size > 0) {
        cs_metrics_one(out, "clinsafe_disk_free_bytes", CS_METRIC_GAUGE, "Free on the store's file system.",
                       (double)f->disk_free);
        cs_metrics_one(out, "clinsafe_disk_size_bytes", CS_METRIC_GAUGE, "Size of the store's file system.",
                       (double)f->disk_size);
    }
    if (f->store_bytes > 0)
        cs_metrics_one(out, "clinsafe_store_bytes", CS_METRIC_GAUGE, "Size of the store.", (double)f->store_bytes);
}

static void write_intake(const struct cs_page_facts *f, struct cs_buf *out)
{
    const struct {
        const char *word;
        uint64_t n;
    } fates[] = {{"committed", f->committed}, {"late", f->late}, {"duplicate", f->duplicate}, {"refused", f->refused}};

    cs_metrics_one(out, "clinsafe_outputs_received_total", CS_METRIC_COUNTER,
                   "Outputs that came from workers since the start.", (double)f->received);
    cs_metrics_family(
        out, "clinsafe_outputs_total", CS_METRIC_COUNTER,
        "What became of them: committed and late ones changed their trial, a duplicate was paid for twice.");
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++) {
        const struct cs_metrics_label label = {"fate", fates[i].word};
        cs_metrics_sample(out, "clinsafe_outputs_total", &label, 1, (double)fates[i].n);
    }
    cs_metrics_one(out, "clinsafe_messages_malformed_total", CS_METRIC_COUNTER, "Messages that could not be read.",
                   (double)f->malformed);
}

/* ---- studies ------------------------------------------------------------------------------------------------- */

/* What is below 0 is not known, and left out. */
static void each_study(const struct cs_page_facts *f, struct cs_buf *out, const char *name, const char *help,
                       double (*of)(const struct cs_progress *p))
{
    cs_metrics_family(out, name, CS_METRIC_GAUGE, help);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        const struct cs_metrics_label label = {"study", f->studies[i].study};
        const double value = of(&f->studies[i]);
        if (value >= 0)
            cs_metrics_sample(out, name, &label, 1, value);
    }
}

static double running(const struct cs_progress *p)
{
    return strcmp(p->state, "running") == 0;
}

static double eta(const struct cs_progress *p)
{
    return p->eta_s;
}

static double budget(const struct cs_progress *p)
{
    return p->budget_nano_usd >= 0 ? (double)p->budget_nano_usd / 1e9 : -1;
}

static void write_money(const struct cs_page_facts *f, struct cs_buf *out)
{
    cs_metrics_family(out, "clinsafe_study_spend_usd", CS_METRIC_GAUGE,
                      "Money: committed answers of all generations; calls without a known cost; leases under way.");
    for (uint32_t i = 0; i < f->n_studies; i++) {
        const struct cs_progress *p = &f->studies[i];
        const struct {
            const char *kind;
            int64_t nano_usd;
        } kinds[] = {{"committed", p->committed_nano_usd},
                     {"presumed", p->presumed_nano_usd},
                     {"reserved", p->reserved_nano_usd}};
        for (size_t k = 0; k < 3; k++) {
            const struct cs_metrics_label labels[] = {{"study", p->study}, {"kind", kinds[k].kind}};
            cs_metrics_sample(out, "clinsafe_study_spend_usd", labels, 2, (double)kinds[k].nano_usd / 1e9);
        }
    }
}

/* ---- lanes ------------------------------------------------------------------------------------------------------ */

typedef void (*lane_fn)(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out);

static void each_lane(const struct cs_page_facts *f, struct cs_buf *out, const char *name, enum cs_metric kind,
                      const char *help, lane_fn write)
{
    cs_metrics_family(out, name, kind, help);
    for (uint32_t i = 0; i < f->n_studies; i++)
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++)
            write(&f->studies[i], &f->studies[i].lanes[k], out);
}

static void sample(struct cs_buf *out, const char *name, const struct cs_progress *p, const struct cs_progress_lane *l,
                   const char *key, const char *value, double v)
{
    const struct cs_metrics_label labels[] = {{"study", p->study}, {"model", l->model}, {key, value}};
    cs_metrics_sample(out, name, labels, key != NULL ? 3 : 2, v);
}

static void lane_info(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    char gen[16], lane[16];
    snprintf(gen, sizeof gen, "%u", l->gen);
    snprintf(lane, sizeof lane, "%u", l->lane);
    const struct cs_metrics_label labels[] = {
        {"study", p->study}, {"model", l->model}, {"generation", gen}, {"lane", lane}, {"state", l->state}};
    cs_metrics_sample(out, "clinsafe_lane_info", labels, 5, 1);
}

static void lane_trials(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    const char *const name = "clinsafe_lane_trials";
    sample(out, name, p, l, "state", "planned", (double)(l->planned - l->done - l->failed - l->cancelled));
    sample(out, name, p, l, "state", "done", (double)l->done);
    sample(out, name, p, l, "state", "failed", (double)l->failed);
    sample(out, name, p, l, "state", "cancelled", (double)l->cancelled);
    sample(out, name, p, l, "state", "quarantined", (double)l->quarantined);
}

static void lane_answers(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    for (int o = 0; o < CS_OUTCOMES; o++)
        sample(out, "clinsafe_lane_answers_total", p, l, "outcome", cs_outcome_name((enum cs_outcome)o),
               (double)l->counters.outcome[o]);
}

static void lane_attempts(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    sample(out, "clinsafe_lane_attempts_total", p, l, NULL, NULL, (double)l->counters.attempts);
}

static void lane_tokens(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    const char *const name = "clinsafe_lane_tokens_total";
    sample(out, name, p, l, "kind", "input", (double)l->counters.input_tokens);
    sample(out, name, p, l, "kind", "cached", (double)l->counters.cached_tokens);
    sample(out, name, p, l, "kind", "cache_write", (double)l->counters.cache_write_tokens);
    sample(out, name, p, l, "kind", "output", (double)l->counters.output_tokens);
    sample(out, name, p, l, "kind", "reasoning", (double)l->counters.reasoning_tokens);
}

static void lane_spend(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    sample(out, "clinsafe_lane_spend_usd", p, l, NULL, NULL, (double)l->counters.cost_nano_usd / 1e9);
}

static void lane_leased(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    sample(out, "clinsafe_lane_trials_leased", p, l, NULL, NULL, (double)l->leased);
}

/* A server's address is a label: a lane has few, and names no more than its list does. */
static void sample_server(struct cs_buf *out, const char *name, const struct cs_progress *p,
                          const struct cs_progress_lane *l, const char *server, const char *state, double value)
{
    const struct cs_metrics_label labels[] = {
        {"study", p->study}, {"model", l->model}, {"server", server}, {"state", state}};
    cs_metrics_sample(out, name, labels, state != NULL ? 4 : 3, value);
}

static void lane_server_calls(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    for (uint32_t i = 0; i < l->n_servers; i++)
        sample_server(out, "clinsafe_lane_server_calls_in_flight", p, l, l->servers[i].url, NULL,
                      l->servers[i].in_flight);
}

static void lane_server_states(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    static const char *const states[] = {"up", "away", "out"};
    for (uint32_t i = 0; i < l->n_servers; i++) {
        for (size_t k = 0; k < sizeof states / sizeof *states; k++)
            sample_server(out, "clinsafe_lane_server_state", p, l, l->servers[i].url, states[k],
                          strcmp(l->servers[i].state, states[k]) == 0);
    }
}

static void lane_stopped(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    const bool stands = strcmp(l->state, "paused") == 0 || strcmp(l->state, "stopped") == 0;
    sample(out, "clinsafe_lane_stands_still", p, l, NULL, NULL, stands);
}

static void lane_out(const struct cs_progress *p, const struct cs_progress_lane *l, struct cs_buf *out)
{
    sample(out, "clinsafe_lane_provider_away", p, l, NULL, NULL, cs_progress_lane_is_out(l));
}

void cs_exposition_write(const struct cs_page_facts *f, struct cs_buf *out)
{
    write_process(f, out);
    write_intake(f, out);
    each_study(f, out, "clinsafe_study_running", "1 while trials are given out.", running);
    each_study(f, out, "clinsafe_study_eta_seconds",
               "Until its slowest open lane has ended; absent where it cannot be said: no worker, an outage, no money.",
               eta);
    each_study(f, out, "clinsafe_study_budget_usd", "Its hard budget; absent where there is none.", budget);
    write_money(f, out);
    each_lane(f, out, "clinsafe_lane_info", CS_METRIC_GAUGE, "Names the generation and lane of a worker's figures.",
              lane_info);
    each_lane(f, out, "clinsafe_lane_trials", CS_METRIC_GAUGE,
              "Trials by state; quarantined ones are among the failed.", lane_trials);
    each_lane(f, out, "clinsafe_lane_trials_leased", CS_METRIC_GAUGE, "Trials that workers hold.", lane_leased);
    each_lane(f, out, "clinsafe_lane_answers_total", CS_METRIC_COUNTER,
              "Answers and failures by outcome, of the study's newest generation.", lane_answers);
    each_lane(f, out, "clinsafe_lane_attempts_total", CS_METRIC_COUNTER, "HTTP calls made for them.", lane_attempts);
    each_lane(
        f, out, "clinsafe_lane_tokens_total", CS_METRIC_COUNTER,
        "Tokens as the provider counted; those read from its cache (cached) and written to it (cache_write) are among the "
        "input, reasoning among the output.",
        lane_tokens);
    each_lane(f, out, "clinsafe_lane_spend_usd", CS_METRIC_GAUGE, "What the answers committed in this lane cost.",
              lane_spend);
    each_lane(f, out, "clinsafe_lane_server_calls_in_flight", CS_METRIC_GAUGE,
              "HTTP calls under way at one of a lane's servers, where it has several.", lane_server_calls);
    each_lane(
        f, out, "clinsafe_lane_server_state", CS_METRIC_GAUGE,
        "1 for the state that such a server is in: up, away (it does not answer), out (it is another model, or says no).",
        lane_server_states);
    each_lane(f, out, "clinsafe_lane_stands_still", CS_METRIC_GAUGE, "1 while it is paused or stopped.", lane_stopped);
    each_lane(f, out, "clinsafe_lane_provider_away", CS_METRIC_GAUGE, "1 while nobody is answered, for 15 s or longer.",
              lane_out);
}
