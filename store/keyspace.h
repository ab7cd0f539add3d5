/* keyspace.h - the keys and small values of the store: big-endian, so that byte order is number order.
 *
 *   default   's' name                        format, fleet, term, commit: this program's own
 *             'm' key                         metas of the caller
 *   outputs   output_id u64                   record (record.h)
 *   ledger    'c' gen u32 lane u32            counters
 *             'f' gen u32 lane u32            frontier u64
 *             'i' digest 16 bytes             output_id u64
 *             'l' gen u32 lane u32 position u64   output_id u64, flags u8
 *             'p' gen u32 lane u32 page u64   CS_PAGE_BYTES of trial states
 */
#ifndef CS_KEYSPACE_H
#define CS_KEYSPACE_H

#include <stdint.h>

#include "protocol/base/digest.h"
#include "store/rocks.h"
#include "store/store.h"

enum cs_ledger_row {
    CS_ROW_COUNTERS = 'c',
    CS_ROW_FRONTIER = 'f',
    CS_ROW_INDEX = 'i',
    CS_ROW_PLACE = 'l',
    CS_ROW_PAGE = 'p',
};

enum { CS_KEY_MAX = 256, CS_KEY_NAME_MAX = CS_KEY_MAX - 2 };
struct cs_key {
    uint8_t b[CS_KEY_MAX];
    uint32_t n;
};
struct cs_slice cs_key_slice(const struct cs_key *k);

void cs_put_u32(uint8_t *p, uint32_t v);
void cs_put_u64(uint8_t *p, uint64_t v);
uint32_t cs_get_u32(const uint8_t *p);
uint64_t cs_get_u64(const uint8_t *p);

void cs_key_system(struct cs_key *k, const char *name);
void cs_key_meta(struct cs_key *k, const char *key); /* at most CS_KEY_NAME_MAX bytes */
void cs_key_output(struct cs_key *k, uint64_t output_id);
void cs_key_index(struct cs_key *k, const struct cs_digest *d);
void cs_key_generation(struct cs_key *k, enum cs_ledger_row row, uint32_t gen); /* prefix of the next two */
void cs_key_lane(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane);
void cs_key_at(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane, uint64_t at);
void cs_key_after(struct cs_key *k); /* the first key behind all that begin with k */

/* Lane and number of a key made by cs_key_at. False: no such key. */
bool cs_key_parse_at(struct cs_slice key, uint32_t *lane, uint64_t *at);

enum { CS_COUNTERS_TAIL = 13 /* figures behind the outcomes; the first versions had 9 */ };
enum { CS_PLACE_BYTES = 9, CS_COMMIT_BYTES = 16, CS_COUNTERS_BYTES = 2 + 8 * (CS_OUTCOMES + CS_COUNTERS_TAIL) };
void cs_place_encode(uint8_t out[CS_PLACE_BYTES], uint64_t output_id, uint8_t flags);
bool cs_place_decode(struct cs_slice value, uint64_t *output_id, uint8_t *flags);
void cs_counters_encode(uint8_t out[CS_COUNTERS_BYTES], const struct cs_counters *c);
bool cs_counters_decode(struct cs_slice value, struct cs_counters *c);

#endif
