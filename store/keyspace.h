/* keyspace.h - the keys and small values of the store: big-endian, so that byte order is number order.
 *
 *   default   's' name                        format, fleet, term, commit, upgrade: this program's own
 *             'm' key                         metas of the caller
 *   outputs   output_id u64                   record (record.h)
 *   ledger    'a' gen u32 lane u32 page u64   32 bytes: which trials of the page are asked again, or failed since
 *             'c' gen u32 lane u32            counters
 *             'f' gen u32 lane u32            frontier u64
 *             'l' gen u32 lane u32 position u64   place
 *             'p' gen u32 lane u32 page u64   CS_PAGE_BYTES of trial states
 *             't' digest 16 lane 8 case 8 draw u32 turn u32   output_id u64: a turn of a conversation (turn_rows.h)
 *             'h' output_id u64               n times output_id u64: the turns before it
 *             'x' digest 16 lane 8 output_id u64   index: flags u8, case 8 [, output_id u64 of the earlier one]
 *   format 1  'i' digest 16                   output_id u64 of the latest canonical output
 *   place     output_id u64, flags u8 [, reading u32, its outcome u8, n u8, n times output_id u64 of earlier ones
 *             [, where one of them is not 0: salvaged u8, fault u8]]
 *
 * Values grow at their end: a reader skips what it does not know there, and rows and flags that it does not know.
 */
#ifndef CS_KEYSPACE_H
#define CS_KEYSPACE_H

#include <stdint.h>

#include "protocol/base/digest.h"
#include "store/rocks.h"
#include "store/store.h"

enum cs_ledger_row {
    CS_ROW_AGAIN = 'a',
    CS_ROW_COUNTERS = 'c',
    CS_ROW_FRONTIER = 'f',
    CS_ROW_HISTORY = 'h',
    CS_ROW_DIGEST = 'i', /* format 1 */
    CS_ROW_PLACE = 'l',
    CS_ROW_PAGE = 'p',
    CS_ROW_TURN = 't',
    CS_ROW_INDEX = 'x',
};

enum { CS_KEY_MAX = 256, CS_KEY_NAME_MAX = CS_KEY_MAX - 2 };
struct cs_key {
    uint8_t b[CS_KEY_MAX];
    uint32_t n;
};
struct cs_slice cs_keyspace_slice(const struct cs_key *k);

void cs_keyspace_put_u32(uint8_t *p, uint32_t v);
void cs_keyspace_put_u64(uint8_t *p, uint64_t v);
uint32_t cs_keyspace_get_u32(const uint8_t *p);
uint64_t cs_keyspace_get_u64(const uint8_t *p);

void cs_keyspace_system(struct cs_key *k, const char *name);
void cs_keyspace_meta(struct cs_key *k, const char *key); /* at most CS_KEY_NAME_MAX bytes */
void cs_keyspace_output(struct cs_key *k, uint64_t output_id);
void cs_keyspace_digest(struct cs_key *k, const struct cs_digest *d); /* format 1 */
void cs_keyspace_index(struct cs_key *k, const struct cs_digest *d, uint64_t lane, uint64_t output_id);
void cs_keyspace_index_lanes(struct cs_key *k, const struct cs_digest *d);               /* prefix of the next two */
void cs_keyspace_index_lane(struct cs_key *k, const struct cs_digest *d, uint64_t lane); /* and of all its ordinals */
void cs_keyspace_row(struct cs_key *k, enum cs_ledger_row row);                      /* prefix of all rows of a kind */
void cs_keyspace_generation(struct cs_key *k, enum cs_ledger_row row, uint32_t gen); /* prefix of the next two */
void cs_keyspace_lane(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane);
void cs_keyspace_at(struct cs_key *k, enum cs_ledger_row row, uint32_t gen, uint32_t lane, uint64_t at);
void cs_keyspace_after(struct cs_key *k); /* the first key behind all that begin with k */

/* The key of a turn, in a trial that is a conversation. draw: how often the trial was asked again before. */
void cs_keyspace_turn(struct cs_key *k, const struct cs_digest *d, const struct cs_owner *owner, uint32_t draw,
                      uint32_t turn);
void cs_keyspace_turns(struct cs_key *k, const struct cs_digest *d, const struct cs_owner *owner,
                       uint32_t draw); /* prefix of all of a draw */
void cs_keyspace_history(struct cs_key *k, uint64_t output_id);
/* The parts of a key made by cs_keyspace_index. False: no such key. */
bool cs_keyspace_parse_index(struct cs_slice key, struct cs_digest *d, struct cs_indexed *out);
/* Lane and number of a key made by cs_keyspace_at. False: no such key. */
bool cs_keyspace_parse_at(struct cs_slice key, uint32_t *lane, uint64_t *at);

enum { CS_COUNTERS_TAIL = 25 /* figures behind the outcomes; the first versions had 9 */ };
enum {
    CS_PLACE_BYTES = 9, /* without reading and earlier ones, as in format 1 */
    CS_PLACE_MAX = CS_PLACE_BYTES + 6 + 8 * CS_EARLIER_MAX + 2,
    CS_INDEX_BYTES = 17, /* 9 without an earlier one */
    CS_AGAIN_BYTES = CS_PAGE_TRIALS / 8,
    CS_COMMIT_BYTES = 16,
    CS_COUNTERS_BYTES = 2 + 8 * (CS_OUTCOMES + CS_COUNTERS_TAIL)
};
/* Return the length of what they wrote. */
uint32_t cs_keyspace_place_encode(uint8_t out[CS_PLACE_MAX], const struct cs_place *p);
bool cs_keyspace_place_decode(struct cs_slice value, struct cs_place *out);
uint32_t cs_keyspace_index_encode(uint8_t out[CS_INDEX_BYTES], const struct cs_indexed *f);
bool cs_keyspace_index_decode(struct cs_slice value, struct cs_indexed *out); /* what is not in the key */
uint32_t cs_keyspace_counters_encode(uint8_t out[CS_COUNTERS_BYTES], const struct cs_counters *c);
bool cs_keyspace_counters_decode(struct cs_slice value, struct cs_counters *c);

#endif
