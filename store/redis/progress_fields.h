/* progress_fields.h - the structs of progress.h as tables of fields: one table serves for writing and for reading JSON, so that
 * the two cannot drift apart. Names are what `--json` and the keys in Redis show.
 */
#ifndef CS_PROGRESS_FIELDS_H
#define CS_PROGRESS_FIELDS_H

#include "protocol/base/json.h"
#include "store/redis/progress.h"

enum cs_progress_field_kind { CS_FIELD_END, CS_FIELD_STR, CS_FIELD_U32, CS_FIELD_U64, CS_FIELD_I64, CS_FIELD_REAL };
struct cs_progress_field {
    const char *name;
    enum cs_progress_field_kind kind;
    size_t offset;
};

/* Ends with CS_FIELD_END. */
extern const struct cs_progress_field cs_progress_fields_worker_lane[], cs_progress_fields_worker_pool[],
    cs_progress_fields_server[];
extern const struct cs_progress_field cs_progress_fields_fleet[], cs_progress_fields_lane[],
    cs_progress_fields_counters[], cs_progress_fields_worker[], cs_progress_fields_quarantined[];

struct cs_json *cs_progress_fields_to_json(const struct cs_progress_field *fields, const void *from);
/* What is missing or of another type reads as 0 or "". Strings are copied into the arena. */
void cs_progress_fields_from_json(const struct cs_progress_field *fields, const struct cs_json *json, void *to,
                                  struct cs_arena *arena);

struct cs_json *cs_progress_fields_worker_to_json(const struct cs_worker_info *w);
void cs_progress_fields_worker_from_json(const struct cs_json *json, struct cs_worker_info *w, struct cs_arena *arena);
struct cs_json *cs_progress_fields_lane_to_json(const struct cs_progress_lane *lane);
void cs_progress_fields_lane_from_json(const struct cs_json *json, struct cs_progress_lane *lane,
                                       struct cs_arena *arena);

#endif
