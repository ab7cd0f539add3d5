/* servers.h - the servers of a lane that has several: which of them gets a call, and which gets none for now.
 *
 *   which           the one that the block (all trials of a case) had before, for its prefix cache is warm, while that is up and has room;
 *                   else that with the least to do for what it bears
 *   how much        each bears what the coordinator has found by trying (coordinator/lanes/servers.h), of which this worker has its part;
 *                   where limits are declared there is no such bound, and a block leaves a server that has twice as much to do as others
 *
 *   state    means                                          leaves it
 *   up       is called                                      CS_SERVERS_FAULTS faults in a row, or no connection -> away
 *                                                           it names another model, or denies key or model -> out
 *   away     is not called, but for one call after growing  an answer -> up
 *            pauses
 *   out      likewise, after CS_SERVERS_OUT_MS              an answer of the lane's model -> up
 *            (metered and another model: not at all)        the lane's model is now what it names -> asked at once
 *                                                           it leaves the list and comes back -> up
 *
 * What fails on a server that is away tells nothing of the trial or of the lane (decision 14), as long as another is up.
 *
 * Pure; thread: the core's. A struct cs_worker_server lives until the lane is closed. Units: milliseconds of the core's clock, calls.
 */
#ifndef CS_SERVERS_H
#define CS_SERVERS_H

#include "protocol/base/rng.h"
#include "protocol/wire/messages.h"
#include "worker/calls/denials.h"
#include "worker/calls/endpoint.h"

enum {
    CS_SERVERS_FAULTS = 3,
    CS_SERVERS_PROBE_MS = 500, /* the first pause before a probe; doubles */
    CS_SERVERS_PROBE_MAX_MS = 30 * 1000,
    CS_SERVERS_OUT_MS = 5 * 60 * 1000,
    CS_SERVERS_HOMES = 1024,
    CS_SERVERS_UNSURE_MS = 10 * 1000,
    CS_SERVERS_WHY = 160,
};

/* As whoever knows the list has it (source.h). */
struct cs_server_list {
    uint64_t version;  /* changes with it */
    const char *model; /* as it is sent */
    const char *place; /* the file that lists them, or NULL */
    const char *fault; /* why the file as it is now was not taken, NULL: it was; lives until the next look */
    uint32_t n;
    const struct cs_server_entry {
        const char *url;                    /* live as long as the list's owner, */
        const struct cs_endpoint *endpoint; /* as this; NULL: it may not be called, */
        const char *trouble;                /* and why */
    } * all;
};

struct cs_worker_server {
    uint32_t number; /* from 1 */
    char *url;
    const struct cs_endpoint *endpoint;
    bool listed;
    enum cs_server_state state;
    char why[CS_SERVERS_WHY]; /* it is not up; or "" */
    uint32_t in_flight, most; /* most: that this worker may have; UINT32_MAX: no bound */
    uint32_t level;           /* that all may have together, */
    bool leveled;             /* as the coordinator told */
    uint32_t row, probes, jams;
    uint64_t since_ms, probe_ms, quiet_ms, jammed_ms, answered_ms;
    uint32_t quiets;
    struct cs_denials denials;
    uint64_t answers;
    char names[CS_SENTENCE_MAX + 1]; /* the model that its last answer named */
};

struct cs_servers {
    uint64_t version;
    uint32_t n, cap;
    struct cs_worker_server **all;
    const char *model, *place;        /* the list's */
    char fault[CS_SERVERS_WHY];       /* likewise; "": none */
    char serves[CS_SENTENCE_MAX + 1]; /* what the lane's answers name; "": not known yet */
    char told[CS_SENTENCE_MAX + 1];   /* as the coordinator told last */
    bool metered;                     /* under a hard budget: an answer that is not taken is a trial lost */
    uint64_t unsure_since;            /* an answer has named a model that does not sound as asked; 0: none has */
    bool moved;                       /* there is something to tell of them */
    struct {
        uint64_t block;
        struct cs_worker_server *server;
    } homes[CS_SERVERS_HOMES];
};

void cs_worker_servers_close(struct cs_servers *s); /* NULL is fine */
/* Takes the list over. */
void cs_worker_servers_sync(struct cs_servers *s, const struct cs_server_list *list);
/* What the coordinator announces; part: calls that this worker may have in the lane, UINT32_MAX: no bound. */
void cs_worker_servers_told(struct cs_servers *s, const struct cs_lane_server *all, uint32_t n, const char *serves);
void cs_worker_servers_part(struct cs_servers *s, uint32_t part);

/* Who gets a call of the block; not the one of number `avoid`, if there is another. NULL: nobody for now. */
struct cs_worker_server *cs_worker_servers_pick(struct cs_servers *s, uint64_t block, uint32_t avoid, uint64_t now);
/* When time alone lets one be called that is not now; UINT64_MAX: never. */
uint64_t cs_worker_servers_next_ms(const struct cs_servers *s, uint64_t now);
uint32_t cs_worker_servers_listed(const struct cs_servers *s);
/* Listed ones that are up. */
uint32_t cs_worker_servers_up(const struct cs_servers *s);
/* Why none of those listed can be called, but for probes: a sentence; or "". */
void cs_worker_servers_stranded(const struct cs_servers *s, char *out, size_t size);

/* How a call of it ended: sent at sent_ms. */
void cs_worker_servers_answered(struct cs_servers *s, struct cs_worker_server *v, uint64_t sent_ms, uint64_t now);
/* True: it has gone away by this. at_once: there is no connection. */
bool cs_worker_servers_fault(struct cs_servers *s, struct cs_worker_server *v, bool at_once, const char *why,
                             uint64_t sent_ms, uint64_t now, struct cs_rng *rng);
/* It is left out; pause_ms: until it is tried again, UINT64_MAX: only when it is listed anew. */
void cs_worker_servers_out(struct cs_servers *s, struct cs_worker_server *v, const char *why, uint64_t pause_ms,
                           uint64_t now);
/* It has too much to do: it gets nothing for pause_ms, and less from then on. */
void cs_worker_servers_jam(struct cs_servers *s, struct cs_worker_server *v, uint64_t pause_ms, uint64_t sent_ms,
                           uint64_t now);
/* What the model that an answer names says of its server. The name that was asked for is always right, then one that has it in it, or is in
 * it ("gpt-5-2026-03-01"). Else it is what most servers say once each that is up has said something, or after CS_SERVERS_UNSURE_MS. Until
 * then a metered lane takes an answer while only one name was heard. A vendor moves an alias: when all that are up name another, and those
 * that name it are more than half of the list, it is that from then on; but none that does not sound as asked after one that does. */
enum cs_serves { CS_SERVES_IT, CS_SERVES_OTHER, CS_SERVES_UNSURE };
enum cs_serves cs_worker_servers_named(struct cs_servers *s, struct cs_worker_server *v, const char *model,
                                       uint64_t now);

#endif
