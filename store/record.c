#include "store/record.h"

#include <string.h>

#include "protocol/base/digest.h"
#include "store/keyspace.h"

enum { VERSION_AT = 0, FLAGS_AT = 1, WALL_AT = 2, SUM_AT = 10, SUM_BYTES = 8 };
_Static_assert(SUM_AT + SUM_BYTES == CS_RECORD_HEAD, "the head's layout");

static void checksum(uint64_t output_id, const uint8_t head[CS_RECORD_HEAD], const void *bytes, size_t len,
                     uint8_t sum[SUM_BYTES])
{
    uint8_t input[8 + SUM_AT + 32], full[32];
    cs_keyspace_put_u64(input, output_id);
    memcpy(input + 8, head, SUM_AT);
    cs_digest_blake2b_256(bytes, len, input + 8 + SUM_AT);
    cs_digest_blake2b_256(input, sizeof input, full);
    memcpy(sum, full, SUM_BYTES);
}

void cs_record_head(const struct cs_record *r, uint8_t head[CS_RECORD_HEAD])
{
    head[VERSION_AT] = CS_RECORD_VERSION;
    head[FLAGS_AT] = r->flags;
    cs_keyspace_put_u64(head + WALL_AT, (uint64_t)r->committed_wall_ms);
    checksum(r->output_id, head, r->bytes, r->len, head + SUM_AT);
}

enum cs_err cs_record_read(uint64_t output_id, const void *value, size_t n, struct cs_record *out, struct cs_error *err)
{
    const uint8_t *b = value;
    unsigned long long id = output_id;
    uint8_t sum[SUM_BYTES];
    *out = (struct cs_record){.output_id = output_id};
    if (n < CS_RECORD_HEAD)
        return cs_error_set(err, CS_ECORRUPT, "output %llu: its record of %zu bytes is too short", id, n);
    if (b[VERSION_AT] != CS_RECORD_VERSION)
        return cs_error_set(err, CS_ECORRUPT, "output %llu: its record has version %u, this program reads %d", id,
                            b[VERSION_AT], CS_RECORD_VERSION);
    checksum(output_id, b, b + CS_RECORD_HEAD, n - CS_RECORD_HEAD, sum);
    if (memcmp(sum, b + SUM_AT, SUM_BYTES) != 0)
        return cs_error_set(err, CS_ECORRUPT, "output %llu: its checksum is wrong", id);
    out->flags = b[FLAGS_AT];
    out->committed_wall_ms = (int64_t)cs_keyspace_get_u64(b + WALL_AT);
    out->bytes = b + CS_RECORD_HEAD;
    out->len = n - CS_RECORD_HEAD;
    return CS_OK;
}
