/* facts.h - what a coordinator shows of itself over HTTP, as plain figures: gathered by signals.c, written by the files here.
 *
 * Everything is owned by whoever gathered it and lives while a page is made. Pure. Money in nano-USD, times of the wall clock in ms.
 */
#ifndef CS_PAGE_FACTS_H
#define CS_PAGE_FACTS_H

#include "coordinator/page/samples.h"
#include "protocol/base/buf.h"
#include "store/redis/progress.h"

struct cs_page_facts {
    const char *fleet, *version, *host;
    uint32_t term, workers;             /* workers heard of lately */
    int64_t now_wall_ms, since_wall_ms; /* since: this process serves */
    bool has_redis, redis_answers, draining;
    uint64_t commits_waiting, commit_age_ms; /* groups with the commit thread; how long the oldest has been */
    uint64_t received, committed, late, duplicate, refused, malformed; /* outputs; messages */
    uint64_t disk_free, disk_size, store_bytes;                        /* 0: unknown */
    double disk_full_s;                      /* until the disk is full at the pace of late; -1: not in sight */
    struct cs_progress *studies;             /* in the order of their submission */
    const struct cs_samples *const *samples; /* one a study, or NULL */
    uint32_t n_studies;
    const struct cs_worker_info *infos; /* as Redis has them; n_infos 0 where it has none */
    uint32_t n_infos;
    const char *events; /* a JSON array, the newest last (store/events.h) */
};

/* "" when all is well; else what is wrong, in a few words. */
const char *cs_health_word(const struct cs_page_facts *f);

void cs_exposition_write(const struct cs_page_facts *f, struct cs_buf *out);
/* {"schema": "clinsafe.fleet/2", "as_of": ..., "fleet", ..., "studies": [as `status --json`]} (ops/schema/json/fleet.json) */
void cs_fleet_json_write(const struct cs_page_facts *f, struct cs_buf *out);
/* The page of whoever is on duty. */
void cs_duty_page(const struct cs_page_facts *f, struct cs_buf *out);
/* The page of whoever asked the question: how far it is, and in words what goes wrong. No result, no text of a model: to look at a finding
 * before the end is a statistical act, and texts are patients'. */
void cs_overview_page(const struct cs_page_facts *f, uint32_t study, struct cs_buf *out);
extern const char cs_markup_css[];

#endif
