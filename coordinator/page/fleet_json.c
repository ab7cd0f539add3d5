#include <stdlib.h>

#include "coordinator/page/facts.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"

void cs_fleet_json_write(const struct cs_page_facts *f, struct cs_buf *out)
{
    struct cs_json *root = cs_document_begin("fleet/2", f->now_wall_ms), *studies = cs_json_array();
    cs_document_add(
        root, cs_json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:o, s:I, s:I}", "fleet", f->fleet, "version", f->version,
                           "unhealthy", cs_health_word(f), "term", (int)f->term, "workers", (int)f->workers, "since_ms",
                           f->since_wall_ms, "redis", f->has_redis ? cs_json_boolean(f->redis_answers) : cs_json_null(),
                           "disk_free_bytes", (int64_t)f->disk_free, "store_bytes", (int64_t)f->store_bytes));
    for (uint32_t i = 0; i < f->n_studies; i++)
        cs_json_array_append_new(studies, cs_document_money(cs_progress_to_json(&f->studies[i])));
    cs_json_object_set_new(root, "studies", studies);
    char *text = cs_json_dumps(root, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
    cs_buf_str(out, text);
    cs_buf_char(out, '\n');
    free(text);
    cs_json_decref(root);
}
