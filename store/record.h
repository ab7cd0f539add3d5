/* record.h - an output as it stands in the store: a head of ours, then the packed cs_output exactly as it was received.
 *
 *   version u8 | flags u8 | committed, Unix ms i64 | checksum 8 bytes | packed output
 * checksum = first bytes of BLAKE2b-256(output_id | version | flags | committed | BLAKE2b-256(packed output)): a record that moved to
 * another id is as wrong as one whose bits rotted. Pure; nothing is copied.
 */
#ifndef CS_RECORD_H
#define CS_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum { CS_RECORD_VERSION = 1, CS_RECORD_HEAD = 18 };

struct cs_record {
    uint64_t output_id;
    uint8_t flags; /* enum cs_output_flag */
    int64_t committed_wall_ms;
    const uint8_t *bytes; /* into what was read */
    size_t len;
};

void cs_record_head(const struct cs_record *r, uint8_t head[CS_RECORD_HEAD]);
/* CS_ECORRUPT names the id. */
CS_WARN_UNUSED enum cs_err cs_record_read(uint64_t output_id, const void *value, size_t n, struct cs_record *out,
                                          struct cs_error *err);

#endif
