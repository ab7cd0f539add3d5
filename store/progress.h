/* progress.h - what the fleet shows of itself in Redis: absolute figures, written after the commit, so never ahead of the store.
 *
 *   clinsafe:fleets                      set of fleet ids
 *   clinsafe:FLEET:progress              hash: "fleet" -> JSON of struct cs_progress without lanes; "GEN/LANE" -> JSON of a lane
 *   clinsafe:FLEET:worker:NAME           JSON of struct cs_worker_info, expires after 15 s
 *   clinsafe:FLEET:workers               set of NAMEs
 */
#ifndef CS_PROGRESS_H
#define CS_PROGRESS_H

#include "store/redis.h"
#include "store/store.h"

/* A trial that ended its workers. */
struct cs_progress_quarantined {
    const char *case_id, *condition, *question; /* condition: "group=black arm=default" */
    uint32_t repeat;                            /* from 1 */
    uint64_t position;
    uint32_t losses, workers; /* workers lost with it in flight; different ones that had nothing else */
};
enum { CS_QUARANTINED_SHOWN = 16 };
struct cs_progress_lane {
    uint32_t gen, lane;
    const char *model;                                 /* name in the study */
    const char *state;                                 /* open, paused, stopped, done, cancelled */
    const char *reason;                                /* of a stop, or "" */
    uint64_t planned, done, failed, cancelled, leased; /* planned: all trials of the lane */
    struct cs_counters counters;
    uint64_t quarantined; /* of `failed` */
    struct cs_progress_quarantined *quarantine;
    uint32_t n_quarantine; /* at most CS_QUARANTINED_SHOWN of them */
};
struct cs_progress {
    const char *fleet, *study, *title, *state; /* running, paused, draining, finished, stopped */
    uint32_t term, gen, workers;
    int64_t started_wall_ms, updated_wall_ms;
    uint64_t planned, done, failed, cancelled;
    double outputs_per_s;    /* over the last 10 s */
    double eta_s;            /* -1: unknown */
    int64_t budget_nano_usd; /* -1: none */
    struct cs_progress_lane *lanes;
    uint32_t n_lanes;
};
struct cs_worker_info {
    const char *name, *host, *version;
    uint32_t pid, in_flight, unstarted, unacked, rss_mb;
    uint64_t started_calls, finished_calls;
    int64_t started_wall_ms, updated_wall_ms;
};

void cs_progress_publish(struct cs_redis *r, const struct cs_progress *p);
void cs_worker_publish(struct cs_redis *r, const char *fleet, const struct cs_worker_info *w);
void cs_worker_unpublish(struct cs_redis *r, const char *fleet, const char *name);
/* JSON texts for --json and for Redis; append to out. */
void cs_progress_json(const struct cs_progress *p, struct cs_buf *out);
/* The inverse (the coordinator's admin `status` answers with that text). Strings live in arena. */
CS_WARN_UNUSED enum cs_err cs_progress_parse(const char *json, size_t n, struct cs_arena *arena,
                                             struct cs_progress *out, struct cs_error *err);

/* Reads a fleet (NULL: the only one there is; CS_EINVAL names them when there are several). All strings live in arena. */
CS_WARN_UNUSED enum cs_err cs_progress_read(struct cs_redis_sync *r, const char *fleet, struct cs_arena *arena,
                                            struct cs_progress *out, struct cs_worker_info **workers,
                                            uint32_t *n_workers, struct cs_error *err);

#endif
