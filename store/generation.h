/* generation.h - generations, specs and chunks in the store's metas: written by the coordinator, read by export and verify.
 *
 *   gen/NNNNNNNNNN   MessagePack [number, spec digest, created (Unix ms), built, study key, others, reading (where it is not 0)];
 *                    format 1: [..., built]
 *   spec/HEX         a packed study (protocol/wire/spec.h)
 *   chunk/HEX        packed cases
 *   address/KEY      at which address a lane (cs_digest_lane_key, 16 hex digits) was last called (addresses.h)
 */
#ifndef CS_GENERATION_H
#define CS_GENERATION_H

#include "protocol/study/plan.h"
#include "protocol/wire/spec.h"
#include "store/store.h"

enum { CS_META_KEY_MAX = 80 };

struct cs_generation {
    uint32_t number; /* from 1 */
    uint8_t spec_digest[32];
    int64_t created_wall_ms;
    bool built;     /* the adoption pass is through: the ledger is complete */
    uint64_t study; /* cs_digest_study_key of its study's name; 0: stored by format 1, and of the store's only study */
    bool others;    /* --adopt-from-other was declared */
    /* The generation that reread the study's answers last: what this one takes over is read as its own study declares. Its own number: it
     * was made to reread, of the same bodies as the one before. 0: the records' outcomes hold. */
    uint32_t reading;
};

void cs_store_generation_key(uint32_t number, char out[CS_META_KEY_MAX]);
void cs_store_generation_spec_key(const uint8_t digest[32], char out[CS_META_KEY_MAX]);
void cs_store_generation_chunk_key(const uint8_t digest[32], char out[CS_META_KEY_MAX]);

void cs_store_generation_pack(struct cs_generation *g, struct cs_buf *out);
CS_WARN_UNUSED enum cs_err cs_store_generation_unpack(const void *bytes, uint32_t n, struct cs_generation *out,
                                                      struct cs_error *err);
/* The newest; CS_ENOENT: the store is empty. */
CS_WARN_UNUSED enum cs_err cs_store_generation_newest(struct cs_store *s, struct cs_generation *out,
                                                      struct cs_error *err);

/* The newest of one study (cs_digest_study_key); CS_ENOENT. */
CS_WARN_UNUSED enum cs_err cs_store_generation_newest_of(struct cs_store *s, uint64_t study, struct cs_generation *out,
                                                         struct cs_error *err);

/* A generation opened for reading: its study, plan and cases as the fleet sees them. */
struct cs_generation_view {
    struct cs_generation generation;
    struct cs_spec spec;
    struct cs_plan plan;
    struct cs_chunks *chunks;
    struct cs_case_source cases;
};
CS_WARN_UNUSED enum cs_err cs_store_generation_view_open(struct cs_generation_view *v, struct cs_store *s,
                                                         const struct cs_generation *g, struct cs_error *err);
void cs_store_generation_view_close(struct cs_generation_view *v); /* a zeroed struct is fine */

#endif
