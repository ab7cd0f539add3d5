/* progress_fields.h - the structs of progress.h as tables of fields: one table serves for writing and for reading JSON, so that
 * the two cannot drift apart. Names are what `--json` and the keys in Redis show.
 */
#ifndef CS_PROGRESS_FIELDS_H
#define CS_PROGRESS_FIELDS_H

#include <jansson.h>

#include "store/progress.h"

enum cs_json_kind { CS_JSON_END, CS_JSON_STR, CS_JSON_U32, CS_JSON_U64, CS_JSON_I64, CS_JSON_REAL };
struct cs_json_field {
    const char *name;
    enum cs_json_kind kind;
    size_t offset;
};

/* Ends with CS_JSON_END. */
extern const struct cs_json_field cs_worker_lane_fields[], cs_worker_pool_fields[];
extern const struct cs_json_field cs_fleet_fields[], cs_lane_fields[], cs_counters_fields[], cs_worker_fields[],
    cs_quarantined_fields[];

json_t *cs_fields_to_json(const struct cs_json_field *fields, const void *from);
/* What is missing or of another type reads as 0 or "". Strings are copied into the arena. */
void cs_fields_from_json(const struct cs_json_field *fields, const json_t *json, void *to, struct cs_arena *arena);

json_t *cs_worker_to_json(const struct cs_worker_info *w);
void cs_worker_from_json(const json_t *json, struct cs_worker_info *w, struct cs_arena *arena);
json_t *cs_lane_to_json(const struct cs_progress_lane *lane);
void cs_lane_from_json(const json_t *json, struct cs_progress_lane *lane, struct cs_arena *arena);

#endif
