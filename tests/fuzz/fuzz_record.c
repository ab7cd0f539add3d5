/* Foreign bytes as rows of the store: a record is refused or it is exactly what was written; the small values are refused or
 * encode to themselves. And the bytes as an output: its record comes back, and not after any flipped bit. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "store/keyspace.h"
#include "store/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_foreign_record(const uint8_t *data, size_t size)
{
    struct cs_error err = {0};
    struct cs_record r;
    struct cs_output o;
    struct cs_arena arena = {0};
    uint8_t head[CS_RECORD_HEAD];
    enum cs_err rc = cs_record_read(1, data, size, &r, &err);
    CS_ASSERT(rc == CS_OK || rc == CS_ECORRUPT);
    CS_ASSERT((rc == CS_OK) == (err.msg[0] == '\0'));
    if (rc == CS_OK) {
        cs_record_head(&r, head);
        CS_ASSERT(memcmp(head, data, sizeof head) == 0);
        CS_ASSERT(r.bytes + r.len == data + size);
        rc = cs_output_unpack(r.bytes, r.len, &arena, &o, &err);
        CS_ASSERT(rc == CS_OK || rc == CS_EPROTO);
    }
    cs_arena_release(&arena);
}

static void check_own_record(const uint8_t *data, size_t size)
{
    uint8_t *value = cs_xmalloc(CS_RECORD_HEAD + size);
    struct cs_record r = {7, (uint8_t)size, -(int64_t)size, data, size}, got;
    cs_record_head(&r, value);
    if (size > 0)
        memcpy(value + CS_RECORD_HEAD, data, size);
    CS_ASSERT(cs_record_read(7, value, CS_RECORD_HEAD + size, &got, NULL) == CS_OK);
    CS_ASSERT(got.flags == r.flags);
    CS_ASSERT(got.committed_wall_ms == r.committed_wall_ms);
    CS_ASSERT(got.len == size);
    size_t bit = size > 1 ? (data[0] | (size_t)data[1] << 8) % (8 * (CS_RECORD_HEAD + size)) : 8;
    value[bit / 8] ^= (uint8_t)(1u << bit % 8);
    CS_ASSERT(cs_record_read(7, value, CS_RECORD_HEAD + size, &got, NULL) == CS_ECORRUPT);
    free(value);
}

static void check_small_values(const uint8_t *data, size_t size)
{
    struct cs_slice value = {data, size};
    struct cs_counters counters;
    uint8_t again[CS_COUNTERS_BYTES], place[CS_PLACE_BYTES], flags;
    uint64_t id, at;
    uint32_t lane;
    if (cs_counters_decode(value, &counters) && size == sizeof again) {
        cs_counters_encode(again, &counters);
        CS_ASSERT(memcmp(again, data, size) == 0);
    }
    if (cs_place_decode(value, &id, &flags)) {
        cs_place_encode(place, id, flags);
        CS_ASSERT(memcmp(place, data, size) == 0);
    }
    if (cs_key_parse_at(value, &lane, &at)) {
        struct cs_key key;
        cs_key_at(&key, (enum cs_ledger_row)data[0], cs_get_u32(data + 1), lane, at);
        CS_ASSERT(key.n == size);
        CS_ASSERT(memcmp(key.b, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_foreign_record(data, size);
    check_own_record(data, size);
    check_small_values(data, size);
    return 0;
}
