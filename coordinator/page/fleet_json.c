#include <stdlib.h>
#include <string.h>

#include "coordinator/page/facts.h"
#include "protocol/base/json.h"

static void word(struct cs_buf *out, const char *key, const char *value)
{
    cs_buf_printf(out, "\"%s\":", key);
    cs_json_str(out, value, strlen(value));
    cs_buf_char(out, ',');
}

void cs_fleet_json_write(const struct cs_page_facts *f, struct cs_buf *out)
{
    cs_buf_str(out, "{\"schema\":\"clinsafe.fleet/1\",");
    cs_buf_printf(out, "\"as_of_ms\":%lld,", (long long)f->now_wall_ms);
    word(out, "fleet", f->fleet);
    word(out, "version", f->version);
    word(out, "unhealthy", cs_health_word(f));
    cs_buf_printf(out, "\"term\":%u,\"workers\":%u,\"since_ms\":%lld,\"redis\":%s,", f->term, f->workers,
                  (long long)f->since_wall_ms,
                  !f->has_redis      ? "null"
                  : f->redis_answers ? "true"
                                     : "false");
    cs_buf_printf(out, "\"disk_free_bytes\":%llu,\"store_bytes\":%llu,\"studies\":[", (unsigned long long)f->disk_free,
                  (unsigned long long)f->store_bytes);
    for (uint32_t i = 0; i < f->n_studies; i++) {
        cs_buf_str(out, i > 0 ? "," : "");
        cs_progress_json(&f->studies[i], out);
    }
    cs_buf_str(out, "]}\n");
}
