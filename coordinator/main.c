#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/borrow.h"
#include "coordinator/checkpoint.h"
#include "coordinator/core/core.h"
#include "coordinator/days.h"
#include "coordinator/diary.h"
#include "coordinator/feed.h"
#include "coordinator/net.h"
#include "coordinator/persist.h"
#include "coordinator/present.h"
#include "coordinator/plans.h"
#include "coordinator/publish.h"
#include "coordinator/roster.h"
#include "coordinator/server.h"
#include "coordinator/signals.h"
#include "coordinator/hand_over.h"
#include "coordinator/rollback.h"
#include "coordinator/lanes/state.h"
#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/disk.h"
#include "protocol/base/file.h"
#include "protocol/base/log.h"
#include "protocol/base/rng.h"
#include "protocol/base/version.h"
#include "protocol/wire/whereabouts.h"
#include "protocol/wire/keys.h"
#include "protocol/base/json.h"

static const struct cs_command_help help = {
    "clinsafe-coordinator --dir DIR --bind ENDPOINT --admin ENDPOINT [options]",
    "Turns a study into work for workers and keeps their outputs: nothing is acknowledged that is not on disk.\n"
    "SIGTERM commits and acknowledges what has arrived and ends; SIGHUP reads the allow-list again.",
    "clinsafe-coordinator --dir /var/lib/clinsafe/triage --bind tcp://10.0.0.5:7401 --pub tcp://10.0.0.5:7402 "
    "--admin tcp://10.0.0.5:7403 --redis tcp://10.0.0.6:6379 --key coordinator.key --allow workers.allowed",
};

static enum cs_err parse(struct cs_server_opts *o, int argc, char **argv, bool *helped, struct cs_error *err)
{
    const char *log_level = NULL;
    const struct cs_option table[] = {
        {"dir", CS_OPT_STR, &o->dir, "DIR", "folder of the store; created if missing"},
        {"bind", CS_OPT_LIST, &o->bind, "ENDPOINT",
         "where workers connect: tcp://HOST:PORT or ipc:///PATH; may be repeated"},
        {"pub", CS_OPT_STR, &o->pub, "ENDPOINT", "where announcements are published (a hint; all works without)"},
        {"admin", CS_OPT_STR, &o->admin, "ENDPOINT", "where the command line connects"},
        {"redis", CS_OPT_STR, &o->redis, "ADDRESS",
         "tcp://HOST:PORT or unix:/PATH for progress and limits per day; user and password from the environment"},
        {"key", CS_OPT_STR, &o->key, "FILE",
         "key file of this coordinator (clinsafe keygen); needed for TCP beyond this machine"},
        {"allow", CS_OPT_STR, &o->allow, "FILE", "public keys admitted, one a line"},
        {"fresh-fleet", CS_OPT_FLAG, &o->fresh_fleet, NULL,
         "no worker of an earlier coordinator lives: lease everything at once"},
        {"accept-rollback", CS_OPT_FLAG, &o->accept_rollback, NULL,
         "go on although the store lost acknowledged commits"},
        {"accept-unparsable", CS_OPT_FLAG, &o->accept_unparsable, NULL,
         "no model pauses because its answers cannot be parsed, whatever its study says; judges do"},
        {"reuse", CS_OPT_LIST, &o->reuse, "DIR",
         "another study's directory or store: its answers to the same requests are taken over; may be repeated"},
        {"ready-file", CS_OPT_STR, &o->ready_file, "FILE",
         "written (JSON: pid, endpoints, http, fleet, term) once workers can connect"},
        {"address-file", CS_OPT_STR, &o->address_file, "FILE",
         "written (mode 0600) once workers can connect: where this coordinator is, for `--coordinator file:FILE` of workers "
         "and commands on a shared file system; a coordinator that starts elsewhere writes it anew"},
        {"advertise", CS_OPT_STR, &o->advertise, "HOST",
         "with --address-file: what stands there for an endpoint such as tcp://0.0.0.0:7401 (default: this host's name)"},
        {"http", CS_OPT_STR, &o->http, "ADDRESS",
         "shows pages, /metrics, /healthz and /readyz there: 127.0.0.1:PORT or unix:/PATH; nothing can be changed through it"},
        {"http-token-file", CS_OPT_STR, &o->http_token_file, "FILE",
         "with --http: whoever looks must know its first line; needed beyond this machine"},
        {"http-host", CS_OPT_LIST, &o->http_hosts, "NAME",
         "with --http: a name that this host is known by; may be repeated"},
        CS_LOG_LEVEL_OPTION(log_level),
        {0},
    };
    int n_args;
    enum cs_err rc = cs_options_parse(table, &help, argc, argv, &n_args, helped, err);

    if (rc == CS_OK)
        rc = cs_log_level(log_level, err);
    if (rc != CS_OK || *helped)
        return rc;
    if (n_args > 0)
        return cs_error_set(err, CS_EUSAGE, "unexpected argument: %s", argv[1]);
    if (o->dir == NULL || o->bind.n == 0 || o->admin == NULL)
        return cs_error_set(err, CS_EUSAGE, "--dir, --bind and --admin are needed; see --help");
    if ((o->key == NULL) != (o->allow == NULL))
        return cs_error_set(err, CS_EUSAGE,
                            "--key and --allow go together: a key without an allow-list admits everybody");
    return CS_OK;
}

static enum cs_err write_ready(struct cs_server *sv, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(64 * 1024);
    const char *pub = "", *separator = "";
    enum cs_err rc;

    if (sv->opts.ready_file == NULL)
        return CS_OK;
    cs_buf_printf(&b, "{\"pid\":%ld,\"bind\":[", (long)getpid());
    for (unsigned i = 0; i < sv->n_doors; i++) {
        const char *endpoint = cs_socket_endpoint(sv->doors[i].socket);

        if (sv->doors[i].kind == CS_DOOR_PUB)
            pub = endpoint;
        if (sv->doors[i].kind != CS_DOOR_WORK)
            continue;
        cs_buf_str(&b, separator);
        cs_json_str(&b, endpoint, strlen(endpoint));
        separator = ",";
    }
    cs_buf_str(&b, "],\"pub\":");
    cs_json_str(&b, pub, strlen(pub));
    cs_buf_str(&b, ",\"admin\":");
    for (unsigned i = 0; i < sv->n_doors; i++) {
        const char *endpoint = cs_socket_endpoint(sv->doors[i].socket);

        if (sv->doors[i].kind == CS_DOOR_ADMIN)
            cs_json_str(&b, endpoint, strlen(endpoint));
    }
    cs_buf_str(&b, ",\"http\":");
    cs_json_str(&b, cs_coordinator_signals_address(sv), strlen(cs_coordinator_signals_address(sv)));
    cs_buf_printf(&b, ",\"fleet\":\"%s\",\"term\":%u}\n", cs_store_fleet(sv->store), cs_store_term(sv->store));
    rc = cs_file_write(sv->opts.ready_file, b.data, b.len, 0644, err);
    cs_buf_release(&b);
    return rc;
}

/* The first endpoint of a kind, as others reach it; "" when there is none. */
static void advertised(struct cs_server *sv, enum cs_door_kind kind, char out[CS_WHEREABOUTS_TEXT_MAX])
{
    char host[128] = "localhost";

    out[0] = '\0';
    if (gethostname(host, sizeof host - 1) != 0)
        snprintf(host, sizeof host, "localhost");
    for (unsigned i = sv->n_doors; i-- > 0;)
        if (sv->doors[i].kind == kind)
            cs_whereabouts_advertise(cs_socket_endpoint(sv->doors[i].socket),
                                     sv->opts.advertise != NULL ? sv->opts.advertise : host, out);
}

/* Two fleets that write one file lead each other's workers and commands astray. */
static void say_whose_it_was(const struct cs_server *sv)
{
    struct cs_whereabouts was;
    struct cs_error err;

    if (cs_whereabouts_read(sv->opts.address_file, &was, &err) == CS_OK && was.fleet[0] != '\0' &&
        strcmp(was.fleet, cs_store_fleet(sv->store)) != 0)
        cs_log(CS_WARN, "address_file",
               "why=\"%s: named the coordinator of another fleet, %s; whoever reads it comes here from now on\"",
               sv->opts.address_file, was.fleet);
}

static enum cs_err write_address(struct cs_server *sv, struct cs_error *err)
{
    struct cs_whereabouts a = {.term = cs_store_term(sv->store)};
    struct cs_keypair own;

    if (sv->opts.address_file == NULL)
        return CS_OK;
    say_whose_it_was(sv);
    advertised(sv, CS_DOOR_WORK, a.coordinator);
    advertised(sv, CS_DOOR_PUB, a.announce);
    advertised(sv, CS_DOOR_ADMIN, a.admin);
    snprintf(a.fleet, sizeof a.fleet, "%s", cs_store_fleet(sv->store));
    if (sv->opts.key != NULL) {
        enum cs_err rc = cs_keys_pair_load(sv->opts.key, &own, err);
        if (rc != CS_OK)
            return rc;
        memcpy(a.key, own.public_key, sizeof a.key);
        explicit_bzero(&own, sizeof own);
    }
    return cs_whereabouts_write(sv->opts.address_file, &a, err);
}

/* Session ids are not secrets (a session is bound to its key), but must differ between terms. */
static uint64_t seed_of(const struct cs_store *store)
{
    return cs_rng_mix64((uint64_t)cs_clock_wall_ms() ^ (uint64_t)cs_store_term(store) << 48 ^ (uint64_t)getpid() << 24);
}

enum { UPGRADE_LOG_MS = 5000 };

/* How far the store's upgrade is: in the log, and for whoever waits for the ready file in FILE.upgrade. */
static void tell_upgrade(void *self, uint64_t done, uint64_t total)
{
    static uint64_t next_ms;
    const struct cs_server *sv = self;
    char text[64];
    char *path = sv->opts.ready_file != NULL ? cs_xasprintf("%s.upgrade", sv->opts.ready_file) : NULL;
    int n = snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)done, (unsigned long long)total);

    if (path != NULL)
        (void)!cs_file_write(path, text, (size_t)n, 0644, NULL); /* only a courtesy */
    free(path);
    if (cs_clock_mono_ms() < next_ms)
        return;
    next_ms = cs_clock_mono_ms() + UPGRADE_LOG_MS;
    cs_log(CS_INFO, "upgrade", "outputs=%llu of=%llu", (unsigned long long)done, (unsigned long long)total);
}

enum { LOCK_WAIT_MS = 5000, LOCK_LOOK_US = 50000 };

/* A process that was just killed may hold its lock for a moment: the kernel is still taking it apart. */
static enum cs_err open_store(struct cs_server *sv, const struct cs_store_opts *so, struct cs_error *err)
{
    const uint64_t end = cs_clock_mono_ms() + LOCK_WAIT_MS;
    enum cs_err rc;

    while ((rc = cs_store_open(&sv->store, so, err)) == CS_EBUSY && cs_clock_mono_ms() < end)
        usleep(LOCK_LOOK_US);
    return rc;
}

static enum cs_err serve(struct cs_server *sv, struct cs_error *err)
{
    struct cs_store_opts so = {.dir = sv->opts.dir,
                               .write = true,
                               .accept_rollback = sv->opts.accept_rollback,
                               .on_recovered = cs_rollback_check,
                               .on_upgrade = tell_upgrade,
                               .self = sv};
    struct cs_core_opts co = {.fresh_fleet = sv->opts.fresh_fleet, .now_ms = cs_clock_mono_ms()};
    struct cs_persist_names_list names = {0};
    struct cs_persist_past_rows past = {0};
    enum cs_err rc = open_store(sv, &so, err); /* the term is on disk before anything is bound */

    if (rc == CS_OK && sv->opts.accept_rollback)
        rc = cs_rollback_accept(sv->store, err);
    if (rc == CS_OK)
        rc = cs_commit_open(&sv->commit, sv->store, err);
    if (rc != CS_OK)
        return rc;
    const char *disk = cs_disk_shared(sv->opts.dir);
    if (disk != NULL)
        cs_log(CS_WARN, "shared_disk",
               "fs=%s why=\"a store on it is slow, and as sound as the locks and syncs of its servers\"", disk);
    rc = cs_borrow_open(&sv->borrow, &sv->opts.reuse, cs_store_fleet(sv->store), err);
    if (rc != CS_OK)
        return rc;
    sv->plans.store = sv->store;
    co.term = cs_store_term(sv->store);
    co.fleet = cs_store_fleet(sv->store);
    co.seed = seed_of(sv->store);
    co.plan = cs_plans_for_core(&sv->plans);
    co.diary = cs_diary_for_core(sv);
    rc = cs_diary_open(sv, err);
    if (rc == CS_OK)
        rc = cs_persist_roster(sv, err);
    if (rc == CS_OK)
        rc = cs_persist_names(sv, &names, err);
    co.expected = (const char *const *)names.v;
    co.n_expected = names.n;
    if (rc == CS_OK)
        rc = cs_persist_past(sv, &past, err);
    co.risks = past.risks;
    co.n_risks = past.n_risks;
    co.presumed_nano_usd = past.presumed_nano_usd;
    co.first_study = cs_roster_study_of(&sv->roster, 1);
    co.presumed = past.presumed;
    co.n_presumed = past.n_presumed;
    co.fingerprints = past.fingerprints;
    co.n_fingerprints = past.n_fingerprints;
    sv->core = cs_core_open(&co);
    cs_persist_names_release(&names);
    cs_persist_past_release(&past);
    if (rc == CS_OK)
        rc = cs_persist_open(sv, err);
    if (rc == CS_OK)
        rc = cs_coordinator_net_open(sv, err);
    if (rc == CS_OK)
        rc = cs_publish_open(sv, err);
    if (rc == CS_OK)
        rc = cs_coordinator_signals_open(sv, err);
    if (rc != CS_OK)
        return rc;
    cs_coordinator_net_signals(sv, true); /* whoever has read the ready file may end us */
    rc = write_address(sv, err);
    if (rc == CS_OK)
        rc = write_ready(sv, err);
    if (rc != CS_OK) {
        cs_coordinator_net_signals(sv, false);
        return rc;
    }
    cs_log(CS_INFO, "serving", "fleet=%s term=%u gen=%u version=%s", co.fleet, co.term, sv->roster.n_generations,
           cs_version);
    rc = cs_coordinator_net_loop(sv, err);
    cs_log(CS_INFO, "ending", "code=%s", cs_error_name(rc));
    return rc;
}

int main(int argc, char **argv)
{
    struct cs_server *sv = cs_xcalloc(1, sizeof *sv);
    struct cs_error err = {0};
    bool helped = false;
    enum cs_err rc;

    cs_log_init("clinsafe-coordinator");
    signal(SIGPIPE, SIG_IGN);
    rc = parse(&sv->opts, argc, argv, &helped, &err);
    if (rc == CS_OK && !helped) {
        sv->out = CS_BUF_INIT(CS_MESSAGE_MAX);
        uv_loop_init(&sv->loop);
        rc = serve(sv, &err);
        cs_coordinator_signals_close(sv);
        cs_publish_close(sv);
        cs_days_close(sv);
        uv_run(&sv->loop, UV_RUN_NOWAIT);
        uv_loop_close(&sv->loop);
        cs_coordinator_net_close(sv);
        cs_feed_release(sv);
        cs_core_close(sv->core);
        cs_present_close(sv);
        cs_hand_over_close(sv);
        cs_checkpoint_close(sv);
        cs_persist_close(sv);
    }
    free(sv);
    if (rc != CS_OK) {
        fprintf(stderr, "clinsafe-coordinator: %s\n", err.msg);
        cs_log(CS_ERROR, "failed", "code=%s", cs_error_name(rc));
    }
    return cs_error_exit_code(rc);
}
