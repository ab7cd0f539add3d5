/* server.h - the shells around the core: sockets, store, Redis, signals on one libuv loop. Included by coordinator/ only.
 *
 *   main.c     options, start, exit codes
 *   net.c      the loop: messages in, actions out, ticks
 *   persist.c  the commit thread; what is loaded at the start
 *   adopt.c    a new generation takes over what is paid for
 *   admin.c    the operator's verbs
 *   publish.c  progress, to Redis and to `status`
 *   days_shell.c  limits per day (days.h)
 *
 * Thread: the I/O loop owns all of it; only the commit thread writes the store.
 */
#ifndef CS_SERVER_H
#define CS_SERVER_H

#include <uv.h>

#include "coordinator/borrow.h"
#include "coordinator/core.h"
#include "coordinator/plans.h"
#include "protocol/base/options.h"
#include "protocol/wire/socket.h"
#include "store/commit.h"
#include "store/progress.h"

enum {
    CS_DOORS_MAX = CS_OPT_LIST_MAX + 2,
    CS_RATE_SECONDS = 10,
    CS_TOKENS_MAX = 1024, /* admin requests that wait for a commit */
    CS_SLICE_MS = 10,     /* of the adoption pass, between two looks at the sockets */
};

struct cs_server_opts {
    const char *dir, *pub, *admin, *redis, *key, *allow, *ready_file;
    struct cs_option_list bind, reuse;
    bool fresh_fleet, accept_rollback;
};

/* ---- doors: one socket each; CURVE and plain ones do not mix on one ------------------------------------ */

enum cs_door_kind { CS_DOOR_WORK, CS_DOOR_ADMIN, CS_DOOR_PUB };
struct cs_door {
    enum cs_door_kind kind;
    struct cs_socket *socket;
    uv_poll_t poll;
};

/* ---- the pass that builds a generation ----------------------------------------------------------------- */

enum cs_build_state {
    CS_BUILD_NONE,
    CS_BUILD_CLOSING, /* the old generation is still leased */
    CS_BUILD_PASS,
    CS_BUILD_LAST, /* the last batch is on its way */
};
struct cs_build_lane {
    uint8_t *ledger;
    struct cs_counters counters;
};
struct cs_build {
    enum cs_build_state state;
    struct cs_generation generation;
    struct cs_loaded_plan plan;
    struct cs_build_lane *lanes;
    uint32_t lane; /* the cursor: next trial to look at */
    uint64_t position;
    uint64_t scanned, total; /* trials, over all lanes */
    uint64_t scanned_since;  /* the last batch */
    uint64_t borrowed;       /* by this process */
    struct cs_batch *batch;  /* gathers; NULL while one is on its way */
    bool skip;               /* there is nothing to adopt */
};

/* ---- admin ------------------------------------------------------------------------------------------------ */

struct cs_waiting { /* an admin request that is answered after a commit */
    uint64_t token; /* 0: free */
    struct cs_peer peer;
    uint64_t seq;
    char *blob; /* the answer, or NULL */
};

struct cs_server {
    struct cs_server_opts opts;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_idle_t busy;
    uv_timer_t timer, publish_timer;
    uv_signal_t signals[3];
    uv_poll_t commit_poll;
    struct cs_net *net;
    struct cs_keypair key;
    struct cs_door doors[CS_DOORS_MAX];
    unsigned n_doors;
    struct cs_buf out;     /* one packed message */
    struct cs_arena arena; /* one unpacked message */
    uint64_t ticked_ms;
    bool stop_asked, stop_told;

    struct cs_store *store;
    struct cs_commit *commit;
    struct cs_core *core;
    struct cs_borrow *borrow; /* NULL: from nobody */
    struct cs_plans plans;
    struct cs_generation newest; /* number 0: none yet */
    struct cs_build build;

    struct cs_waiting waiting[CS_TOKENS_MAX];
    uint64_t tokens;

    struct cs_redis *redis;
    struct cs_days *days;
    uv_timer_t days_timer;
    struct cs_arena progress_arena;
    uint64_t rate[CS_RATE_SECONDS], rate_at[CS_RATE_SECONDS]; /* answers and when, a ring */
    uint64_t rate_n;
    uint32_t rate_gen;

    bool over;
    enum cs_err exit_code;
    char exit_text[256];
};

/* net.c */
CS_WARN_UNUSED enum cs_err cs_server_open_doors(struct cs_server *sv, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_server_loop(struct cs_server *sv, struct cs_error *err);
void cs_server_close_doors(struct cs_server *sv);
void cs_server_feed(struct cs_server *sv, const struct cs_event *e); /* never from within the core's actions */
void cs_server_send(struct cs_server *sv, enum cs_door_kind kind, const struct cs_peer *peer,
                    const struct cs_message *m);
void cs_server_end(struct cs_server *sv, enum cs_err code, const char *text);

/* persist.c */
struct cs_store_names {
    uint32_t n;
    char **v;
};
CS_WARN_UNUSED enum cs_err cs_persist_names(struct cs_server *sv, struct cs_store_names *out, struct cs_error *err);
void cs_store_names_release(struct cs_store_names *n);
/* What an earlier term may have spent, and what it had stored last. */
struct cs_store_past {
    struct cs_risk_row *risks;
    uint64_t *prints;
    uint32_t n_risks, n_prints, next_print;
    int64_t presumed_nano_usd;
    bool damaged;
};
CS_WARN_UNUSED enum cs_err cs_persist_past(struct cs_server *sv, struct cs_store_past *out, struct cs_error *err);
void cs_store_past_release(struct cs_store_past *p);
CS_WARN_UNUSED enum cs_err cs_persist_open(struct cs_server *sv, struct cs_error *err);
void cs_persist_collect(struct cs_server *sv); /* what the commit thread has finished */
void cs_persist_close(struct cs_server *sv);
/* What the store knows of a generation: ledgers of all lanes, counters. For the core or for the builder. */
CS_WARN_UNUSED enum cs_err cs_persist_ledgers(struct cs_server *sv, const struct cs_plan *plan, uint32_t gen,
                                              struct cs_build_lane *lanes, struct cs_error *err);
/* Hands a generation to the core; lanes[].ledger go over to it. */
CS_WARN_UNUSED enum cs_err cs_persist_load(struct cs_server *sv, struct cs_loaded_plan *plan, bool open,
                                           struct cs_build_lane *lanes, struct cs_error *err);

/* adopt.c */
void cs_build_start(struct cs_server *sv, const struct cs_generation *g); /* its row is on its way to the store */
CS_WARN_UNUSED enum cs_err cs_build_resume(struct cs_server *sv, const struct cs_generation *g, struct cs_error *err);
/* Whether --reuse names stores, in a state that generation `gen` was not built from, and the newest still plans trials. */
bool cs_build_has_news(struct cs_server *sv, uint32_t gen);
bool cs_build_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
void cs_build_committed(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc);
void cs_build_release(struct cs_build *b);
enum { CS_BUILD_GROUP_BIT = 63 }; /* of cs_batch.group: the builder's, not the core's */

/* admin.c */
void cs_admin_message(struct cs_server *sv, const struct cs_peer *peer, const struct cs_message *m);
void cs_admin_reply(struct cs_server *sv, uint64_t token, enum cs_err code, const char *text);
void cs_admin_release(struct cs_server *sv);

/* publish.c */
CS_WARN_UNUSED enum cs_err cs_publish_open(struct cs_server *sv, struct cs_error *err);
void cs_publish_now(struct cs_server *sv);
void cs_publish_status(struct cs_server *sv, struct cs_buf *out); /* JSON */
void cs_publish_close(struct cs_server *sv);

#endif
