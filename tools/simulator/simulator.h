/* simulator.h - the simulated provider without its sockets: a request in, a reply out, and the referee's count.
 *
 * Thread: any; one lock guards what changes (limits, settings, counts), and texts are read and drawn outside of it.
 * Nothing here waits: a reply says how long the server has to hold it back, and how it has to break.
 */
#ifndef CS_SIM_SIMULATOR_H
#define CS_SIM_SIMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "tools/simulator/faults.h"
#include "tools/simulator/limits.h"

struct cs_simulator;

enum { CS_SIM_REPLY_MAX = 4 * 1024 * 1024, CS_SIM_HEADERS_MAX = 16, CS_SIM_MODELS_MAX = 1024, CS_SIM_KEYS_MAX = 1024 };

struct cs_latency { /* log-normal */
    double median_ms, sigma;
};

struct cs_simulator_opts {
    const char *const *truth_files; /* the same file twice counts once */
    unsigned n_truth_files;
    bool has_seed; /* else each truth file's own, and 1 without one */
    uint64_t seed;
    const char *const *keys; /* allowed API keys; none: all */
    unsigned n_keys;
    struct cs_quota quota;
    uint64_t concurrent;             /* calls served at once; 0: any number */
    uint64_t cache;                  /* prompts of so many tokens are cached; 0: none is */
    struct cs_faults faults, always; /* drawn per attempt; per request, whenever it comes */
    bool has_latency;                /* else each model's own in the truth file, and none without one */
    struct cs_latency latency;
    uint64_t drip_ms;     /* how long a dripped answer takes */
    const char *log_path; /* a line for each arrival, or NULL */
};

/* CS_EINVAL, CS_ENOENT: truth files; CS_EIO: log. */
CS_WARN_UNUSED enum cs_err cs_simulator_open(struct cs_simulator **out, const struct cs_simulator_opts *opts,
                                             struct cs_error *err);
void cs_simulator_close(struct cs_simulator *s); /* NULL is fine */

struct cs_sim_dialect; /* dialect.h */

/* A request, complete; times are arguments. */
struct cs_sim_call {
    const char *authorization;     /* header, or NULL */
    const char *client_request_id; /* header X-Client-Request-Id, or NULL */
    const char *body;
    size_t len;
    int64_t mono_us, wall_s;
    const struct cs_sim_dialect *dialect; /* NULL: openai-chat */
    const char *path_model;               /* the model that the path names, or NULL */
    const char *api_key;                  /* from the dialect's own header, or NULL */
    const char *version;                  /* header anthropic-version, or NULL */
};

struct cs_sim_header {
    const char *name;
    char value[72];
};

struct cs_sim_reply {
    unsigned status; /* 0: none, see fault */
    struct cs_sim_header headers[CS_SIM_HEADERS_MAX];
    unsigned n_headers;
    struct cs_buf body;
    enum cs_fault
        fault;         /* RESET, HANG, TRUNCATED and DRIP are the server's to do; the others stand in status and body */
    uint64_t delay_ms; /* before the first byte */
    uint64_t drip_ms;
    bool served; /* admitted: to be told when it leaves */
};
void cs_serve_reply_release(struct cs_sim_reply *r);

void cs_simulator_serve(struct cs_simulator *s, const struct cs_sim_call *call, struct cs_sim_reply *reply);
/* Around the life of a request, from its first byte to its last. */
void cs_simulator_enter(struct cs_simulator *s);
void cs_simulator_leave(struct cs_simulator *s, bool served);

/* GET /stats and GET /v1/models. */
void cs_control_stats(struct cs_simulator *s, struct cs_buf *json);
void cs_control_models(struct cs_simulator *s, struct cs_buf *json);
/* POST /control: all of it or, with CS_EINVAL, nothing. README.md has the keys. */
CS_WARN_UNUSED enum cs_err cs_simulator_control(struct cs_simulator *s, const char *json, size_t len,
                                                struct cs_error *err);

#endif
