/* state.h - inside the simulator's core (simulator.c, serve.c, control.c) only: what they share. */
#ifndef CS_SIM_STATE_H
#define CS_SIM_STATE_H

#include <pthread.h>
#include <stdio.h>

#include "tools/simulator/idmap.h"
#include "tools/simulator/simulator.h"
#include "tools/simulator/truth.h"

struct cs_sim_counts { /* one model's */
    uint64_t requests, answered, refused, paid_again, limit_violations;
    uint64_t input_tokens, cached_tokens, cache_write_tokens, output_tokens;
};

struct cs_sim_model {
    char *id;
    const struct cs_truth *truth; /* NULL without a truth file; model then too */
    const struct cs_truth_model *model;
    uint64_t seed;
    char fingerprint[16];
    struct cs_sim_counts counts;
    struct cs_sim_key { /* who has asked, and what is left for him */
        uint64_t id;
        struct cs_buckets buckets;
    } * keys;
    size_t n_keys, cap_keys;
};

struct cs_sim_settings {
    char **keys;
    unsigned n_keys;
    struct cs_quota quota;
    uint64_t concurrent, cache;
    struct cs_faults faults, always;
    bool has_latency;
    struct cs_latency latency;
    uint64_t drip_ms;
};

struct cs_sim_tally {
    uint64_t requests, answered, unauthorized, invalid, model_not_found;
    uint64_t paid_again, digest_body_conflicts, no_case, several_cases, several_levels, schema_conflicts;
    uint64_t limit_violations, in_flight, peak_in_flight, serving, peak_serving; /* serving: admitted */
    uint64_t faults[CS_FAULT_COUNT];
    struct cs_idmap digests; /* -> 62 bits of the body's hash, answered?, 1 */
    struct cs_idmap bodies;  /* -> how often, answered? */
    struct cs_idmap judged;  /* digest that a judge was admitted for -> how often */
};

struct cs_simulator {
    struct cs_truth **truths; /* never changes, read without the lock; likewise models[i]->{id,truth,model,seed} */
    unsigned n_truths;
    uint64_t seed;        /* for models without a truth */
    pthread_mutex_t lock; /* for all below */
    struct cs_sim_settings settings;
    struct cs_sim_model **models;
    uint32_t n_models;
    struct cs_sim_tally tally;
    uint64_t ids; /* numbers answers and requests: unlike from one start to the next */
    FILE *log;
};

/* The model of this id; made on its first use when there is no truth file, else NULL. Lock held. */
struct cs_sim_model *cs_simulator_model_of(struct cs_simulator *s, const char *id);
/* Forgets the keys' buckets, so that they start anew under the present quota. Lock held. */
void cs_simulator_forget_buckets(struct cs_simulator *s);
void cs_simulator_settings_set_keys(struct cs_sim_settings *s, const char *const *keys, unsigned n);

#endif
