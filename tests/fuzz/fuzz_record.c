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

/* What was read and is written again reads the same; what follows it was written by a later version, and is skipped. */
static void check_grown_values(struct cs_slice value)
{
    struct cs_place place, same;
    struct cs_indexed found = {0}, twin = {0};
    uint8_t bytes[CS_PLACE_MAX], row[CS_INDEX_BYTES];
    if (cs_keyspace_place_decode(value, &place)) {
        CS_ASSERT(place.n_earlier <= CS_EARLIER_MAX);
        uint32_t n = cs_keyspace_place_encode(bytes, &place);
        CS_ASSERT(n <= sizeof bytes);
        CS_ASSERT(cs_keyspace_place_decode((struct cs_slice){bytes, n}, &same));
        CS_ASSERT(memcmp(place.earlier, same.earlier, sizeof place.earlier) == 0);
        CS_ASSERT(place.output_id == same.output_id && place.flags == same.flags);
        CS_ASSERT(place.reading.number == same.reading.number && place.reading.outcome == same.reading.outcome);
        CS_ASSERT(place.reading.salvaged == same.reading.salvaged && place.reading.fault == same.reading.fault);
    }
    if (cs_keyspace_index_decode(value, &found)) {
        uint32_t n = cs_keyspace_index_encode(row, &found);
        CS_ASSERT(cs_keyspace_index_decode((struct cs_slice){row, n}, &twin));
        CS_ASSERT(memcmp(&found, &twin, sizeof found) == 0);
    }
}

static void check_small_values(const uint8_t *data, size_t size)
{
    struct cs_slice value = {data, size};
    struct cs_counters counters;
    struct cs_digest d;
    struct cs_indexed found = {0};
    struct cs_key key;
    uint8_t again[CS_COUNTERS_BYTES];
    uint64_t at;
    uint32_t lane;
    if (cs_keyspace_counters_decode(value, &counters) && data[1] == CS_OUTCOMES &&
        cs_keyspace_counters_encode(again, &counters) ==
            size) /* figures that came later are left out where they are 0 */
        CS_ASSERT(memcmp(again, data, size) == 0);
    check_grown_values(value);
    if (cs_keyspace_parse_at(value, &lane, &at)) {
        cs_keyspace_at(&key, (enum cs_ledger_row)data[0], cs_keyspace_get_u32(data + 1), lane, at);
        CS_ASSERT(key.n == size);
        CS_ASSERT(memcmp(key.b, data, size) == 0);
    }
    if (cs_keyspace_parse_index(value, &d, &found)) {
        cs_keyspace_index(&key, &d, found.owner.lane, found.output_id);
        CS_ASSERT(key.n == size);
        CS_ASSERT(memcmp(key.b + 1, data + 1, size - 1) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_foreign_record(data, size);
    check_own_record(data, size);
    check_small_values(data, size);
    return 0;
}
