/* clinsafe-simulator: a provider of language models that costs nothing and whose bias is known. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/file.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "tools/simulator/server.h"
#include "tools/simulator/simulator.h"

struct arguments {
    const char *host, *port_file, *faults, *always, *latency_sigma, *log_path;
    uint64_t port, threads, seed, latency_ms, drip_ms, rpm, tpm, itpm, otpm, burst_requests, burst_tokens, concurrent,
        cache;
    bool bucket_empty;
    struct cs_option_list truths, keys;
};

static const uint64_t not_given = UINT64_MAX;

static enum cs_err parse(struct arguments *a, int argc, char **argv, bool *helped, struct cs_error *err)
{
    const struct cs_option table[] = {
        {"port", CS_OPT_U64, &a->port, "N", "port to listen on; 0, the default, takes a free one"},
        {"host", CS_OPT_STR, &a->host, "ADDRESS",
         "address to listen on (127.0.0.1); another one opens it to the network"},
        {"port-file", CS_OPT_STR, &a->port_file, "FILE", "where to write the port once it is open"},
        {"truth", CS_OPT_LIST, &a->truths, "FILE", "how the models answer; may be given several times"},
        {"seed", CS_OPT_U64, &a->seed, "N", "in place of the truth files' seeds"},
        {"key", CS_OPT_LIST, &a->keys, "KEY", "an API key to accept; none: any; may be given several times"},
        {"rpm", CS_OPT_U64, &a->rpm, "N", "requests a minute for each key and model; 0: no limit"},
        {"tpm", CS_OPT_U64, &a->tpm, "N", "tokens a minute for each key and model; 0: no limit"},
        {"itpm", CS_OPT_U64, &a->itpm, "N", "input tokens a minute, the same"},
        {"otpm", CS_OPT_U64, &a->otpm, "N", "output tokens a minute, the same"},
        {"burst-requests", CS_OPT_U64, &a->burst_requests, "N", "what the bucket of requests holds (as --rpm)"},
        {"burst-tokens", CS_OPT_U64, &a->burst_tokens, "N", "what each bucket of tokens holds (as its limit)"},
        {"concurrent", CS_OPT_U64, &a->concurrent, "N", "calls served at once, of all keys and models; 0: no limit"},
        {"cache", CS_OPT_U64, &a->cache, "N", "prompts of at least N tokens are cached; 0: none is"},
        {"bucket-empty", CS_OPT_FLAG, &a->bucket_empty, NULL, "buckets are empty at first, not full"},
        {"latency-ms", CS_OPT_U64, &a->latency_ms, "N", "median latency in place of the truth files'; 0: none"},
        {"latency-sigma", CS_OPT_STR, &a->latency_sigma, "S", "its spread (log-normal), 0 by default"},
        {"faults", CS_OPT_STR, &a->faults, "LIST",
         "KIND=SHARE,... of the attempts: rate_limited server_error unavailable reset hang truncated ..."},
        {"always", CS_OPT_STR, &a->always, "LIST", "KIND=SHARE,... of the requests, whenever they come"},
        {"drip-ms", CS_OPT_U64, &a->drip_ms, "N", "how long a dripped answer takes (3000)"},
        {"threads", CS_OPT_U64, &a->threads, "N", "threads that serve (1)"},
        {"log", CS_OPT_STR, &a->log_path, "FILE", "append a line for each arrival, at once: it survives a kill"},
        {0},
    };
    const struct cs_command_help help = {
        .usage = "clinsafe-simulator [options]",
        .summary =
            "A simulated model provider that speaks OpenAI Chat Completions, keeps rate limits, misbehaves on demand, "
            "answers\nwith a planted truth, and counts what it was asked (GET /stats; POST /control changes it).",
        .example = "clinsafe-simulator --port 8080 --truth ops/studies/demo/truth.yaml --rpm 6000 "
                   "--faults rate_limited=0.05,reset=0.01",
    };
    int n_args;
    enum cs_err rc = cs_options_parse(table, &help, argc, argv, &n_args, helped, err);
    if (rc == CS_OK && n_args > 0)
        rc = cs_error_set(err, CS_EUSAGE, "%s: not an option; --help lists them", argv[1]);
    return rc;
}

static enum cs_err simulator_opts(const struct arguments *a, struct cs_simulator_opts *o, struct cs_error *err)
{
    char *end = NULL;
    *o = (struct cs_simulator_opts){
        .truth_files = a->truths.v,
        .n_truth_files = a->truths.n,
        .has_seed = a->seed != not_given,
        .seed = a->seed,
        .keys = a->keys.v,
        .n_keys = a->keys.n,
        .quota = {.requests = {a->rpm, a->burst_requests},
                  .tokens = {a->tpm, a->burst_tokens},
                  .input = {a->itpm, a->burst_tokens},
                  .output = {a->otpm, a->burst_tokens},
                  .starts_empty = a->bucket_empty},
        .concurrent = a->concurrent,
        .has_latency = a->latency_ms != not_given,
        .drip_ms = a->drip_ms,
        .cache = a->cache,
        .log_path = a->log_path,
    };
    if (o->has_latency)
        o->latency.median_ms = (double)a->latency_ms;
    if (a->latency_sigma != NULL) {
        o->latency.sigma = strtod(a->latency_sigma, &end);
        if (end == a->latency_sigma || *end != '\0' || !(o->latency.sigma >= 0 && o->latency.sigma <= 5))
            return cs_error_set(err, CS_EUSAGE, "--latency-sigma %s: want a number from 0 to 5", a->latency_sigma);
        if (!o->has_latency)
            return cs_error_set(err, CS_EUSAGE, "--latency-sigma goes with --latency-ms");
    }
    if (a->port > 65535 || a->threads > CS_SERVER_THREADS_MAX)
        return cs_error_set(err, CS_EUSAGE, "--port is at most 65535, --threads at most %d", CS_SERVER_THREADS_MAX);
    if (a->faults != NULL) {
        enum cs_err rc = cs_faults_parse(&o->faults, a->faults, err);
        if (rc != CS_OK)
            return cs_error_wrap(err, rc, "--faults");
    }
    if (a->always != NULL) {
        enum cs_err rc = cs_faults_parse(&o->always, a->always, err);
        if (rc != CS_OK)
            return cs_error_wrap(err, rc, "--always");
    }
    return CS_OK;
}

static enum cs_err announce(const struct arguments *a, uint16_t port, struct cs_error *err)
{
    char line[16];
    const int n = snprintf(line, sizeof line, "%u\n", port);
    const bool v6 = strchr(a->host, ':') != NULL;
    if (a->port_file != NULL) {
        enum cs_err rc = cs_file_write(a->port_file, line, (size_t)n, 0644, err);
        if (rc != CS_OK)
            return rc;
    }
    printf("listening on http://%s%s%s:%u\n", v6 ? "[" : "", a->host, v6 ? "]" : "", port);
    fflush(stdout);
    return CS_OK;
}

static enum cs_err run(const struct arguments *a, struct cs_error *err)
{
    struct cs_simulator_opts opts;
    struct cs_simulator *simulator = NULL;
    struct cs_simulator_server *server = NULL;
    sigset_t ends;
    int signal_number;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL); /* before any thread: all inherit it, and main alone waits for them */
    signal(SIGPIPE, SIG_IGN);

    enum cs_err rc = simulator_opts(a, &opts, err);
    if (rc == CS_OK)
        rc = cs_simulator_open(&simulator, &opts, err);
    const struct cs_simulator_server_opts where = {a->host, (uint16_t)a->port, (unsigned)a->threads};
    if (rc == CS_OK)
        rc = cs_simulator_server_open(&server, simulator, &where, err);
    if (rc == CS_OK)
        rc = announce(a, cs_simulator_server_port(server), err);
    if (rc == CS_OK)
        sigwait(&ends, &signal_number);
    cs_simulator_server_close(server);
    cs_simulator_close(simulator);
    return rc;
}

int main(int argc, char **argv)
{
    struct arguments a = {
        .host = "127.0.0.1", .seed = not_given, .latency_ms = not_given, .drip_ms = 3000, .threads = 1};
    struct cs_error err;
    bool helped = false;

    cs_log_init("simulator");
    enum cs_err rc = parse(&a, argc, argv, &helped, &err);
    if (rc == CS_OK && !helped)
        rc = run(&a, &err);
    if (rc != CS_OK)
        fprintf(stderr, "clinsafe-simulator: %s\n", err.msg);
    return cs_error_exit_code(rc);
}
