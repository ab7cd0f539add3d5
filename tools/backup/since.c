#include "tools/backup/since.h"

#include <string.h>

#include "protocol/base/clock.h"
#include "store/acked.h"
#include "store/redis/witness.h"

enum { REDIS_MS = 3000, REPORTS_MS = 4000 };

static const struct cs_manifest_study *study_of(const struct cs_manifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_studies; i++) {
        if (strcmp(m->studies[i].name, name) == 0)
            return &m->studies[i];
    }
    return NULL;
}

static void compare(const struct cs_manifest *m, const struct cs_fleet_progress *f, struct cs_arena *arena,
                    struct cs_since *out)
{
    struct cs_restored_since *k = &out->known;
    out->studies = cs_arena_array(arena, f->n_studies + 1, sizeof *out->studies);
    k->trials = k->spent_nano_usd = 0;
    for (uint32_t i = 0; i < f->n_studies; i++) {
        const struct cs_progress *p = &f->studies[i];
        const struct cs_manifest_study *was = study_of(m, p->study);
        const uint64_t had = was != NULL ? was->done : 0;
        const int64_t cost = was != NULL ? was->spent_nano_usd : 0;
        const int64_t all = p->committed_nano_usd + p->presumed_nano_usd + p->reserved_nano_usd;
        k->trials += p->done > had ? (int64_t)(p->done - had) : 0;
        k->spent_nano_usd += p->committed_nano_usd > cost ? p->committed_nano_usd - cost : 0;
        out->studies[out->n_studies++] = (struct cs_since_study){
            .name = p->study, .nano_usd = all > cost ? all - cost : 0, .budget = p->budget_nano_usd >= 0};
    }
    out->workers = cs_arena_array(arena, f->n_workers + 1, sizeof *out->workers);
    for (uint32_t i = 0; i < f->n_workers; i++) {
        k->unacked += f->workers[i].unacked;
        out->workers[i] = f->workers[i].name;
    }
    k->workers = f->n_workers;
}

static enum cs_err ask_redis(const struct cs_manifest *m, const char *address, struct cs_arena *arena,
                             struct cs_since *out, struct cs_error *err)
{
    struct cs_redis_sync *redis = NULL;
    struct cs_witness w = {0};
    struct cs_fleet_progress fleet = {0};
    enum cs_err rc = cs_redis_sync_open(&redis, address, REDIS_MS, err);
    if (rc == CS_OK)
        rc = cs_witness_read(redis, m->fleet, &w, err);
    if (rc == CS_OK && w.term > 0)
        rc = cs_progress_read_all(redis, m->fleet, arena, &fleet, err);
    if (rc == CS_OK && w.term > 0) {
        out->known.redis = true;
        out->known.term = w.term;
        out->known.commits = w.commit > m->commit ? w.commit - m->commit : 0;
        compare(m, &fleet, arena, out);
    }
    if (rc == CS_OK && cs_clock_wall_ms() - w.updated_wall_ms < REPORTS_MS)
        rc = cs_error_set(
            err, CS_EBUSY,
            "a coordinator of this fleet (term %u) reported to Redis %lld ms ago: end it first, or ask again in "
            "some seconds if it has just ended",
            w.term, (long long)(cs_clock_wall_ms() - w.updated_wall_ms));
    cs_redis_sync_close(redis);
    return rc;
}

enum cs_err cs_since_look(const struct cs_manifest *m, const char *to, const char *redis, struct cs_arena *arena,
                          struct cs_since *out, struct cs_error *err)
{
    *out = (struct cs_since){.known = {.trials = -1, .spent_nano_usd = -1, .term = m->term}};
    out->known.acked = cs_acked_peek(to);
    enum cs_err rc = redis != NULL ? ask_redis(m, redis, arena, out, err) : CS_OK;
    const uint64_t acked = out->known.acked > m->commit ? out->known.acked - m->commit : 0;
    if (acked > out->known.commits) {
        out->known.unseen = acked - out->known.commits;
        out->known.commits = acked;
        if (out->known.unseen == acked && out->known.trials == 0) /* Redis knows of none of them, and so of no answer */
            out->known.trials = out->known.spent_nano_usd = -1;
    }
    if (out->known.term < m->term)
        out->known.term = m->term;
    return rc;
}
