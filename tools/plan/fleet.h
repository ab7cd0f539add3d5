/* fleet.h - what `plan --fleet` reckons: the workers, slots, CPUs, memory and questions to Redis that it takes to use each lane's quota, and
 * how fast a given fleet would be. All rates are a second.
 *
 *   quota       of a lane, in calls: the least over its declared limits of limit / 60 / (what a call is charged at its start). That follows the
 *               dialect (protocol/dialects/dialect.h): where the provider charges the cap and gives nothing back, so do we here. A pool is
 *               shared by its lanes in equal parts. Of a day's limit: limit / 86,400
 *   in flight   = quota x latency (Little's law), at most `concurrent`; then the quota is concurrent / latency. Nothing declared: not known,
 *               the fleet finds it by trying
 *   slots       = the sum of the lanes' calls in flight x CS_PLAN_FLEET_SPARE: latencies scatter, and answers wait to be written
 *   workers     = the least number with slots / workers <= CS_PLAN_FLEET_SLOTS and at most CS_PLAN_FLEET_BUSY of a core each
 *   CPUs        of a worker that makes r calls a second: IDLE + r x US_WORKER + min(r, WAKES_WORKER) x US_WORKER_WAKE: what a call costs, and waking
 *               up for it while it comes alone; likewise of the coordinator, where it is groups that are written; of Redis US_REDIS a command,
 *               and as much again for each ASKERS workers, since a question looks through all who ask
 *   memory      = workers x MB_WORKER + slots x KB_CALL + MB_COORDINATOR + MB_REDIS; the coordinator takes 23 MB at first, 75 after 600,000 outputs
 *   Redis       in commands, those of the scripts counted: a worker asks for slices four times a second (ASK commands) for each set of
 *               pools that it draws from, however little that gives; it and the coordinator tell what they do (TOLD)
 *   a fleet     of W workers with S slots: lanes share W x S evenly, what one cannot use goes to the others; a lane makes
 *               min(quota, its share / latency)
 *
 * All but SPARE and BUSY were measured, on one machine with two shared cores; another machine has others. `make bench-fleet` compares each number
 * with runs against the simulator, and shows by part what to correct; how near they must come stands in ops/SCALE.md. Pure.
 */
#ifndef CS_PLAN_FLEET_H
#define CS_PLAN_FLEET_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "tools/plan/estimate.h"

#define CS_PLAN_FLEET_SPARE 1.1
#define CS_PLAN_FLEET_BUSY 0.7
#define CS_PLAN_FLEET_IDLE 0.002
enum {
    CS_PLAN_FLEET_SLOTS = 4096,
    CS_PLAN_FLEET_US_WORKER = 50, /* microseconds of CPU an output */
    CS_PLAN_FLEET_US_WORKER_WAKE = 450,
    CS_PLAN_FLEET_WAKES_WORKER = 350, /* a second */
    CS_PLAN_FLEET_US_COORDINATOR = 15,
    CS_PLAN_FLEET_US_COORDINATOR_WAKE = 350,
    CS_PLAN_FLEET_WAKES_COORDINATOR = 200,
    CS_PLAN_FLEET_US_REDIS = 45, /* a command */
    CS_PLAN_FLEET_ASKERS = 80,
    CS_PLAN_FLEET_KB_CALL = 40, /* in flight */
    CS_PLAN_FLEET_MB_WORKER = 17,
    CS_PLAN_FLEET_MB_COORDINATOR = 110,
    CS_PLAN_FLEET_MB_REDIS = 13,
};

struct cs_plan_fleet_opts {
    double latency_s;
    uint32_t workers, slots; /* the given fleet; 0: none is */
};

struct cs_plan_fleet_lane {
    double quota;      /* calls a second; 0: not known */
    const char *by;    /* what it is bound by: "requests_per_minute", ..., "concurrent"; "" : nothing is declared */
    double in_flight;  /* to use it */
    double rate;       /* of the given fleet */
    const char *raise; /* which number makes it faster then: a sentence */
};

struct cs_plan_fleet {
    struct cs_plan_fleet_opts opts;
    struct cs_arena arena;
    uint32_t n;
    struct cs_plan_fleet_lane *lanes;
    double rate, in_flight;  /* to use all quotas: together */
    uint32_t workers, slots; /* slots: of each */
    double cpus, memory_mb, redis_per_s;
    double given_rate, given_cpus, given_memory_mb, given_redis_per_s; /* of the given fleet */
};

void cs_plan_fleet_make(const struct cs_plan *plan, const struct cs_estimate *survey,
                        const struct cs_plan_fleet_opts *o, struct cs_plan_fleet *out);
void cs_plan_fleet_release(struct cs_plan_fleet *f);
void cs_plan_fleet_text(const struct cs_plan_fleet *f, const struct cs_plan *plan, FILE *out);
struct cs_json *cs_plan_fleet_json(const struct cs_plan_fleet *f, const struct cs_plan *plan);

#endif
