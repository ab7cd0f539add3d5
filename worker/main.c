/* clinsafe-worker: calls providers for a coordinator, keeps nothing that matters. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/pieces.h"
#include "protocol/base/plain.h"
#include "protocol/base/utf8.h"
#include "protocol/load/keys_env.h"
#include "protocol/wire/keys.h"
#include "protocol/wire/messages.h"
#include "worker/check.h"
#include "worker/calls/replies.h"
#include "worker/deadline.h"
#include "worker/shell.h"
#include "worker/slurm.h"
#include "worker/core/worker.h"

enum { REPLY_MIB_MAX = 1024 * 1024, FILES_BESIDE = 128 };

struct args {
    const char *coordinator, *announce, *redis, *key, *server_key, *simulator, *name, *deadline, *keys, *http,
        *http_token_file;
    struct cs_option_list http_hosts;
    struct cs_check_opts check; /* path NULL: work */
    uint64_t slots, drain_s, idle_s, reply_mib;
    uint64_t left_ms; /* until the deadline; 0: none */
    bool die_with_parent, until_done;
};

static const struct cs_command_help help = {
    .usage = "clinsafe-worker --coordinator ENDPOINT [options]",
    .summary = "Takes trials from a coordinator, calls the model providers and sends the outputs back. May be started\n"
               "on any number of hosts, and stopped at any time: SIGTERM or Ctrl-C ends it when the calls in flight\n"
               "are done, a second one at once. API keys are taken from the environment or from systemd credentials\n"
               "of the names that providers.yaml gives.",
    .example = "clinsafe-worker --coordinator tcp://10.0.0.1:5570 --announce tcp://10.0.0.1:5571 \\\n"
               "      --key worker1.key --server-key coordinator.pub --redis tcp://10.0.0.1:6379 --slots 1000",
};

static enum cs_err parse(struct args *a, int argc, char **argv, bool *helped, struct cs_error *err)
{
    const char *log_level = NULL;
    const struct cs_option options[] = {
        {"coordinator", CS_OPT_STR, &a->coordinator, "ENDPOINT",
         "the coordinator's work socket (tcp://HOST:PORT, ipc://PATH), or file:PATH: the file that it writes with "
         "--address-file, read again whenever it is lost"},
        {"announce", CS_OPT_STR, &a->announce, "ENDPOINT", "its announcements: pauses arrive sooner (optional)"},
        {"redis", CS_OPT_STR, &a->redis, "ADDR", "registry of workers: unix:PATH or tcp://HOST:PORT (optional)"},
        {"key", CS_OPT_STR, &a->key, "FILE", "this worker's key pair (clinsafe keygen); needed beyond this host"},
        {"server-key", CS_OPT_STR, &a->server_key, "FILE", "the coordinator's public key"},
        {"keys", CS_OPT_STR, &a->keys, "FILE",
         "keys.yaml: which secret of this worker may go to which host; needed beyond this machine where accounts have keys"},
        {"slots", CS_OPT_U64, &a->slots, "N", "calls in flight at most (default 256)"},
        {"reply-memory", CS_OPT_U64, &a->reply_mib, "MIB",
         "memory that all replies in flight may hold together (default 256); near it no call starts"},
        {"simulator", CS_OPT_STR, &a->simulator, "URL", "where accounts with `provider: simulated` are found"},
        {"name", CS_OPT_STR, &a->name, "NAME", "shown in status (default HOST:PID:NONCE)"},
        {"drain-s", CS_OPT_U64, &a->drain_s, "S", "longest wait for calls in flight when stopped (default 120)"},
        {"deadline", CS_OPT_STR, &a->deadline, "WHEN",
         "when the site takes the machine back: seconds, [D-]H:M:S, a moment (2026-11-29T03:00:00Z; without Z by this machine's "
         "clock), a time of day (T03:00), or `slurm`: as squeue says of this job; no call starts that might not end 5 s before "
         "it, and the worker ends in time"},
        {"idle-exit", CS_OPT_U64, &a->idle_s, "S", "ends when there was nothing to do for so long"},
        {"until-done", CS_OPT_FLAG, &a->until_done, NULL,
         "ends when all studies are done, those that wait for their turn too"},
        {"http", CS_OPT_STR, &a->http, "ADDRESS",
         "shows /metrics, /healthz and /readyz there: 127.0.0.1:PORT or unix:/PATH; nothing can be changed through it"},
        {"http-token-file", CS_OPT_STR, &a->http_token_file, "FILE",
         "with --http: whoever looks must know its first line; needed beyond this machine"},
        {"http-host", CS_OPT_LIST, &a->http_hosts, "NAME",
         "with --http: a name that this host is known by; may be repeated"},
        {"check", CS_OPT_STR, &a->check.path, "FILE",
         "instead of working: one tiny call per lane of this study or providers file, a line of JSON each "
         "(clinsafe providers check)"},
        {"providers", CS_OPT_STR, &a->check.load.providers, "FILE", "with --check STUDY: accounts and models"},
        {"data", CS_OPT_STR, &a->check.load.data_dir, "DIR", "with --check STUDY: where its data files are"},
        {"model", CS_OPT_STR, &a->check.only, "NAME", "with --check: this model only"},
        {"die-with-parent", CS_OPT_FLAG, &a->die_with_parent, NULL, "end at once when the starting process ends"},
        CS_LOG_LEVEL_OPTION(log_level),
        {NULL, CS_OPT_FLAG, NULL, NULL, NULL},
    };
    int n_args;
    enum cs_err rc = cs_options_parse(options, &help, argc, argv, &n_args, helped, err);
    if (rc == CS_OK)
        rc = cs_log_level(log_level, err);
    if (rc != CS_OK || *helped)
        return rc;
    if (n_args > 0)
        return cs_error_set(err, CS_EUSAGE, "%s: not expected; --help lists the options", argv[1]);
    if (a->check.path != NULL)
        return CS_OK;
    if (a->coordinator == NULL)
        return cs_error_set(err, CS_EUSAGE, "--coordinator is missing: say where the coordinator listens");
    if (a->slots == 0 || a->slots > CS_WORKER_SLOTS_MAX)
        return cs_error_set(err, CS_EUSAGE, "--slots %llu: want 1 to %d", (unsigned long long)a->slots,
                            CS_WORKER_SLOTS_MAX);
    if (a->reply_mib < CS_REPLY_MEMORY_MIN_MIB || a->reply_mib > REPLY_MIB_MAX)
        return cs_error_set(err, CS_EUSAGE, "--reply-memory %llu: want %d to %d (MiB)",
                            (unsigned long long)a->reply_mib, CS_REPLY_MEMORY_MIN_MIB, REPLY_MIB_MAX);
    if (a->drain_s > 86400)
        return cs_error_set(err, CS_EUSAGE, "--drain-s %llu: want at most a day", (unsigned long long)a->drain_s);
    if (a->idle_s > 86400)
        return cs_error_set(err, CS_EUSAGE, "--idle-exit %llu: want at most a day", (unsigned long long)a->idle_s);
    if (a->deadline != NULL) {
        rc = strcmp(a->deadline, "slurm") == 0 ? cs_slurm_left(&a->left_ms, err)
                                               : cs_deadline_parse(a->deadline, cs_clock_wall_ms(), &a->left_ms, err);
        if (rc != CS_OK)
            return rc;
    }
    if (a->name != NULL &&
        (strlen(a->name) > CS_NAME_MAX / 2 || strpbrk(a->name, " \"\\") != NULL || !cs_plain_is(a->name)))
        return cs_error_set(err, CS_EUSAGE,
                            "--name: want at most %d printable bytes of UTF-8 without blanks and quotes",
                            CS_NAME_MAX / 2);
    return CS_OK;
}

/* The parent may have died before the request to die with it was made. */
static void die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(cs_error_exit_code(CS_EINTERRUPTED));
}

/* A descriptor per slot (two while addresses of both families are tried) and some for everything else. What the system does
 * not give is taken off the slots: a slot without a descriptor only fails. */
static uint32_t fit_slots(uint64_t slots)
{
    struct rlimit l;
    rlim_t want = slots + slots / 2 + FILES_BESIDE + 384;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= want)
        return (uint32_t)slots;
    struct rlimit more = {.rlim_cur = want, .rlim_max = l.rlim_max < want ? want : l.rlim_max}; /* root may */
    if (setrlimit(RLIMIT_NOFILE, &more) == 0)
        return (uint32_t)slots;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
    getrlimit(RLIMIT_NOFILE, &l);
    const uint64_t fit = l.rlim_cur > FILES_BESIDE + 2 ? (l.rlim_cur - FILES_BESIDE) / 5 * 4 : 1; /* kept connections */
    if (fit < slots)
        cs_log(CS_WARN, "few_descriptors", "limit=%llu wanted=%llu slots=%llu instead_of=%llu why=\"raise ulimit -n\"",
               (unsigned long long)l.rlim_cur, (unsigned long long)want, (unsigned long long)fit,
               (unsigned long long)slots);
    return (uint32_t)(fit < slots ? fit : slots);
}

/* Long replies go back to the system when they are freed; left to itself the C library learns to keep them. */
static void keep_heap_small(void)
{
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
}

static enum cs_err load_keys(const struct args *a, struct cs_keypair *own, char server[41], struct cs_error *err)
{
    if (strcmp(a->coordinator, "file:") == 0)
        return cs_error_set(err, CS_EUSAGE, "--coordinator file: names no file");
    if (a->key == NULL && a->server_key == NULL)
        return CS_OK;
    if (a->key == NULL || (a->server_key == NULL && cs_whereabouts_path(a->coordinator) == NULL))
        return cs_error_set(err, CS_EUSAGE, "--key and --server-key belong together");
    enum cs_err rc = cs_keys_pair_load(a->key, own, err);
    return rc == CS_OK && a->server_key != NULL ? cs_keys_public_load(a->server_key, server, err) : rc;
}

static enum cs_err work(const struct args *a, struct cs_error *err)
{
    struct cs_keypair own = {0};
    char server[41] = "", host[128] = "host";
    uint64_t nonce = 0;
    enum cs_err rc = load_keys(a, &own, server, err);
    if (rc != CS_OK)
        return rc;
    if (gethostname(host, sizeof host - 1) != 0 || !cs_utf8_valid(host, strlen(host)))
        snprintf(host, sizeof host, "host");
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
        return cs_error_set(err, CS_EIO, "the system gives no random numbers");
    struct cs_permits *permits = NULL;
    const bool own_machine = strncmp(a->coordinator, "ipc://", 6) == 0;
    if (a->keys != NULL || !own_machine)
        rc = cs_permits_load(a->keys, &permits, err);
    if (rc != CS_OK)
        return rc;
    char *name = a->name != NULL ? cs_xstrdup(a->name)
                                 : cs_xasprintf("%s:%d:%04x", host, (int)getpid(), (unsigned)(nonce & 0xffff));
    struct cs_find find;
    cs_find_init(&find, a->coordinator, a->announce, server[0] != '\0' ? server : NULL, a->key != NULL);
    struct cs_worker_shell_opts o = {
        .name = name,
        .host = host,
        .nonce = nonce,
        .find = &find,
        .redis = a->redis,
        .simulator = a->simulator,
        .own = a->key != NULL ? &own : NULL,
        .permits = permits,
        .slots = fit_slots(a->slots),
        .reply_memory = (size_t)a->reply_mib << 20,
        .drain_s = (uint32_t)a->drain_s,
        .idle_s = (uint32_t)a->idle_s,
        .left_ms = a->left_ms,
        .until_done = a->until_done,
        .http = a->http,
        .http_token_file = a->http_token_file,
        .http_hosts = &a->http_hosts,
        .ack_log = getenv("CLINSAFE_ACK_LOG"),
    };
    keep_heap_small();
    cs_pieces_keep();
    rc = cs_shell_run(&o, err);
    cs_pieces_drop();
    explicit_bzero(&own, sizeof own);
    cs_permits_free(permits);
    free(name);
    return rc;
}

int main(int argc, char **argv)
{
    struct args a = {.slots = 256, .drain_s = 120, .reply_mib = CS_REPLY_MEMORY_MIB};
    struct cs_error err = {0};
    bool helped = false;
    pid_t parent = getppid();
    cs_log_init("worker");
    cs_log_deaths();
    signal(SIGPIPE, SIG_IGN);
    cs_keys_env_guard();
    enum cs_err rc = parse(&a, argc, argv, &helped, &err);
    if (rc == CS_OK && !helped) {
        if (a.die_with_parent)
            die_with(parent);
        a.check.simulator = a.simulator;
        rc = a.check.path != NULL ? cs_check_run(&a.check, stdout, &err) : work(&a, &err);
    }
    if (rc != CS_OK)
        fprintf(stderr, "clinsafe-worker: %s\n", err.msg);
    return cs_error_exit_code(rc);
}
