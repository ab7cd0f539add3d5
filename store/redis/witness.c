#include "store/redis/witness.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"

enum { TEXT_MAX = 1024 * 1024 };

enum cs_err cs_witness_read(struct cs_redis_sync *r, const char *fleet, struct cs_witness *out, struct cs_error *err)
{
    char *key = cs_xasprintf("clinsafe:%s:progress", fleet);
    const struct cs_reply *reply = NULL;
    *out = (struct cs_witness){0};
    enum cs_err rc = cs_redis_sync_command(r, 3, (const char *[]){"HGET", key, "fleet"}, NULL, &reply, err);
    free(key);
    if (rc != CS_OK || reply->kind != CS_REPLY_STR || reply->len > TEXT_MAX)
        return rc;
    struct cs_json *said = cs_json_loadb(reply->str, reply->len, 0, NULL);
    out->term = (uint32_t)cs_json_integer_value(cs_json_object_get(said, "term"));
    out->commit = (uint64_t)cs_json_integer_value(cs_json_object_get(said, "commit"));
    out->updated_wall_ms = cs_json_integer_value(cs_json_object_get(said, "updated_wall_ms"));
    cs_json_decref(said);
    return CS_OK;
}
