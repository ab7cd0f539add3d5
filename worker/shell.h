/* shell.h - a worker process: the core with a clock, sockets, HTTP and Redis around it, on one libuv loop. */
#ifndef CS_WORKER_SHELL_H
#define CS_WORKER_SHELL_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"
#include "protocol/base/options.h"
#include "protocol/load/permits.h"
#include "protocol/wire/socket.h"
#include "worker/find.h"

struct cs_worker_shell_opts {
    const char *name, *host; /* name: unique in the fleet */
    uint64_t nonce;
    struct cs_find *find;             /* where the coordinator is */
    const char *redis, *simulator;    /* or NULL */
    const struct cs_keypair *own;     /* CURVE, or NULL */
    const struct cs_permits *permits; /* which secrets may go where; NULL: whatever a study names */
    uint32_t slots, drain_s;
    uint64_t left_ms; /* until the process must have ended, from now; 0: no deadline */
    uint32_t idle_s;  /* ends after so long with nothing to do; 0: stays */
    bool until_done;
    size_t reply_memory;                /* bytes of all replies in flight */
    const char *http, *http_token_file; /* where it shows itself (signals.h), or NULL */
    const struct cs_option_list *http_hosts;
    const char *ack_log; /* appends the digest of every acknowledged output: for crash tests; or NULL */
};

/* Runs until drained, sent away, or a second signal. CS_OK: drained, nothing lost. */
CS_WARN_UNUSED enum cs_err cs_shell_run(const struct cs_worker_shell_opts *o, struct cs_error *err);

#endif
