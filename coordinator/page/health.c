#include <string.h>

#include "coordinator/page/facts.h"

enum { COMMIT_SLOW_MS = 10000 };
static const double DISK_SOON_S = 24 * 3600.0;

/* Of the lanes that are under way. */
static bool has_outage(const struct cs_page_facts *f)
{
    for (uint32_t i = 0; i < f->n_studies; i++) {
        for (uint32_t k = 0; k < f->studies[i].n_lanes; k++) {
            if (cs_progress_lane_is_out(&f->studies[i].lanes[k]))
                return true;
        }
    }
    return false;
}

const char *cs_health_word(const struct cs_page_facts *f)
{
    if (f->commit_age_ms > COMMIT_SLOW_MS)
        return "The disk does not answer: nothing has been written for more than 10 s. Workers keep their answers; nothing "
               "is lost. Look at the store's file system.";
    if (f->disk_size > 0 && f->disk_full_s >= 0 && f->disk_full_s < DISK_SOON_S)
        return "The store's disk will be full within a day at the pace of late.";
    if (f->has_redis && !f->redis_answers)
        return "Redis does not answer. Workers use nine tenths of their last share of the quotas; no answer depends on it.";
    if (f->workers == 0) {
        for (uint32_t i = 0; i < f->n_studies; i++) {
            if (strcmp(f->studies[i].state, "running") == 0)
                return "No worker is there: trials wait, and nothing is asked.";
        }
    }
    if (has_outage(f))
        return "A provider answers nobody: what is left of its model waits, and is asked again by itself. Look below "
               "which, and since when.";
    return "";
}
