/* progress.h - what the fleet shows of itself in Redis: absolute figures, written after the commit, so never ahead of the store.
 *
 *   clinsafe:fleets                      set of fleet ids
 *   clinsafe:FLEET:progress              hash: "fleet" -> JSON of struct cs_progress without lanes; "GEN/LANE" -> JSON of a lane
 *   clinsafe:FLEET:study:STUDY           the same of each study, where a coordinator has several; `progress` is that submitted last
 *   clinsafe:FLEET:worker:NAME           JSON of struct cs_worker_info, expires after 15 s
 *   clinsafe:FLEET:workers               set of NAMEs
 *   clinsafe:FLEET:errors                see complaints.h
 */
#ifndef CS_PROGRESS_H
#define CS_PROGRESS_H

#include "store/redis/complaints.h"
#include "store/redis/redis.h"
#include "store/redis/tally.h"
#include "store/store.h"

/* A trial that ended its workers. */
struct cs_progress_quarantined {
    const char *case_id, *condition, *question; /* condition: "group=black arm=default" */
    uint32_t repeat;                            /* from 1 */
    uint64_t position;
    uint32_t losses, workers; /* workers lost with it in flight; different ones that had nothing else */
};
enum { CS_QUARANTINED_SHOWN = 16 };
struct cs_worker_server_info;
struct cs_progress_lane {
    uint32_t gen, lane;
    const char *model;  /* name in the study */
    const char *state;  /* open, paused, stopped, done, cancelled */
    const char *reason; /* why it stopped, or "" */
    const char *served; /* who answers has changed; or "" */
    const char *
        held; /* "outage": nobody is answered; "budget": nothing can be leased for want of money; "hand": an operator paused it, for `reason`; or "" */
    int64_t held_since_wall_ms;                        /* 0: it is not */
    uint32_t unpriced;                                 /* 1: its tokens have no price, and what it costs is not known */
    uint64_t planned, done, failed, cancelled, leased; /* planned: all trials of the lane */
    double outputs_per_s, eta_s;                       /* as of the study; -1: unknown, or not open */
    struct cs_counters counters;
    const char *binds;          /* for an open lane, where its workers told: see struct cs_worker_lane_info; else "" */
    double used, limit;         /* how much of what binds, in the whole fleet; limit 0: it has none */
    struct cs_call_tally tally; /* of the workers that are there, where they told */
    uint32_t in_flight;         /* calls, of the same */
    uint64_t quarantined;       /* those in `failed` */
    struct cs_progress_quarantined *quarantine;
    uint32_t n_quarantine;       /* at most CS_QUARANTINED_SHOWN of them */
    struct cs_complaint *errors; /* by sentence, the most frequent first; of readers of Redis only */
    uint32_t n_errors;
    struct cs_worker_server_info *servers; /* its servers, as its workers together see them, where it has several */
    uint32_t n_servers;
};
struct cs_progress {
    const char *fleet, *study, *title, *state; /* building, queued, running, paused, draining, finished, stopped */
    uint32_t term, gen, workers;
    uint64_t commit; /* the store's last (witness.h) */
    int64_t started_wall_ms, updated_wall_ms;
    uint64_t planned, done, failed, cancelled;
    double outputs_per_s;       /* over the last 10 s */
    double eta_s;               /* -1: unknown */
    int64_t budget_nano_usd;    /* -1: none */
    int64_t committed_nano_usd; /* what the outputs of all generations cost; lanes[] have that of this one */
    int64_t presumed_nano_usd, reserved_nano_usd; /* under a budget: calls without a known cost; leases */
    uint32_t edit_gen;               /* an edit is being prepared beside this generation: its number; 0: none is */
    uint64_t edit_built, edit_total; /* trials looked up, of all; total 0: it waits for its turn */
    double edit_eta_s;               /* -1: unknown */
    uint64_t disk_free_bytes;        /* of the store's disk; 0: not told */
    double disk_full_s;              /* until it is full at the pace of late; -1: not in sight */
    const char *by_hand; /* what an operator has set, "budget_usd=20 concurrent=4 (model-a)"; NULL or "": nothing */
    struct cs_progress_lane *lanes;
    uint32_t n_lanes;
};
/* What a worker shows of a lane and of the pools that it draws from (worker/calls/binding.h); merged into the lanes by progress_lanes.c. */
struct cs_worker_lane_info {
    uint32_t gen, lane;
    const char *binds; /* what kept it from starting more calls: "requests_per_minute", "slots", "no_trials", ... */
    uint32_t in_flight, slots; /* slots: calls that it may have in flight here */
    uint32_t draw;             /* its pools are those of this number; 0: none */
    struct cs_call_tally tally;
};
enum { CS_POOL_DIMS = 6 }; /* as enum cs_quota_dim: four per minute, two per day */
struct cs_worker_pool_info {
    uint32_t draw;
    const char *group, *name;       /* as in quota.h */
    uint32_t in_flight, concurrent; /* concurrent 0: no limit */
    double limit[CS_POOL_DIMS],
        used[CS_POOL_DIMS]; /* used: charged per minute by this worker; of the day by all, read from Redis */
};
/* One of the servers of a lane that has several. */
struct cs_worker_server_info {
    uint32_t gen, lane;
    const char *url, *state, *why; /* state: up, away, out; why: it is not up, or "" */
    uint32_t in_flight, slots;     /* slots: calls that may be in flight there; 0: no bound is known */
    uint64_t answers;
};
struct cs_worker_info {
    const char *name, *host, *version;
    uint32_t pid, in_flight, unstarted, unacked, rss_mb;
    uint64_t started_calls, finished_calls;
    int64_t started_wall_ms, updated_wall_ms;
    struct cs_worker_lane_info *lanes; /* open ones, and those that have been called */
    struct cs_worker_pool_info *pools;
    struct cs_worker_server_info *servers; /* of lanes that have several */
    uint32_t n_lanes, n_pools, n_servers;
};

void cs_progress_publish(struct cs_redis *r, const struct cs_progress *p);
void cs_progress_publish_study(struct cs_redis *r, const struct cs_progress *p); /* under its name */
/* A study that is no more; last: the fleet has no other. */
void cs_progress_unpublish(struct cs_redis *r, const char *fleet, const char *study, bool last);
void cs_progress_worker_publish(struct cs_redis *r, const char *fleet, const struct cs_worker_info *w);
void cs_progress_worker_unpublish(struct cs_redis *r, const char *fleet, const char *name);
/* All workers of a fleet in one question; its answer is for cs_progress_workers_parse, which takes what it can read. */
void cs_progress_workers_ask(struct cs_redis *r, const char *fleet, cs_redis_fn fn, void *self);
void cs_progress_workers_parse(const struct cs_reply *reply, struct cs_arena *arena, struct cs_worker_info **out,
                               uint32_t *n);
/* As the coordinator's admin `status` answers it, money in nano-dollars; for people's documents see protocol/base/document.h. The text is
 * appended to out. */
struct cs_json *cs_progress_to_json(const struct cs_progress *p);
void cs_progress_json(const struct cs_progress *p, struct cs_buf *out);
/* The inverse. Strings live in arena. */
CS_WARN_UNUSED enum cs_err cs_progress_parse(const char *json, size_t n, struct cs_arena *arena,
                                             struct cs_progress *out, struct cs_error *err);

/* Fills binds, used, limit, calls and servers of the lanes, the last from the arena. cs_progress_read does it. */
void cs_progress_lanes_merge(struct cs_progress *p, const struct cs_worker_info *workers, uint32_t n_workers,
                             struct cs_arena *arena);
/* In words, for every screen and page. */
bool cs_progress_lane_stands(const struct cs_progress_lane *l);     /* paused or stopped: somebody must do something */
bool cs_progress_lane_is_by_hand(const struct cs_progress_lane *l); /* paused by an operator, and since when is known */
const char *cs_progress_lane_state_words(const struct cs_progress_lane *l); /* its state, or "paused by hand" */
bool cs_progress_lane_is_out(
    const struct cs_progress_lane *l); /* an outage: nobody is answered, and somebody should look */
bool cs_progress_lane_needs(const struct cs_progress_lane *l); /* one of both */
bool cs_progress_stands(const struct cs_progress *p);          /* one of its lanes does: there is no end in sight */
/* Its coordinator was told to end, and no worker was left: whoever is silent then has ended as it should. */
bool cs_progress_is_drained(const struct cs_progress *p);
/* It has ended, and an operator has cancelled what was left (of a study: in each of its models). */
bool cs_progress_lane_is_cancelled(const struct cs_progress_lane *l);
bool cs_progress_is_cancelled(const struct cs_progress *p);
const char *cs_progress_state_words(const struct cs_progress *p); /* its state, or "cancelled" */
/* How much has come to an end, 0 to 1: of what is wanted; where all that was left is cancelled, of what was planned. */
double cs_progress_part(const struct cs_progress *p);
double cs_progress_lane_part(const struct cs_progress_lane *l);
/* Nobody can say when what has not ended ends. */
void cs_progress_forget_end(struct cs_progress *p);
bool cs_progress_is_lower_bound(const struct cs_progress *p); /* of what it has cost, not all was told or has a price */
const char *cs_progress_binds_words(const char *binds);       /* "requests a minute" */

/* Reads a fleet (NULL: the only one there is; CS_EINVAL names them when there are several) and a study of it (NULL: that submitted
 * last; CS_ENOENT: it has none of this name). All strings live in arena. */
CS_WARN_UNUSED enum cs_err cs_progress_read(struct cs_redis_sync *r, const char *fleet, const char *study,
                                            struct cs_arena *arena, struct cs_progress *out,
                                            struct cs_worker_info **workers, uint32_t *n_workers, struct cs_error *err);

/* All studies of a fleet, by name, and all its workers. Errors and ownership as above. */
struct cs_fleet_progress {
    const char *fleet;
    struct cs_progress *studies;
    struct cs_worker_info *workers;
    uint32_t n_studies, n_workers;
};
CS_WARN_UNUSED enum cs_err cs_progress_read_all(struct cs_redis_sync *r, const char *fleet, struct cs_arena *arena,
                                                struct cs_fleet_progress *out, struct cs_error *err);

#endif
