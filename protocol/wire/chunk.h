/* chunk.h - inside spec.c and chunks.c only: some cases of a study as bytes. */
#ifndef CS_CHUNK_H
#define CS_CHUNK_H

#include "protocol/wire/spec.h"

/* No packed case is larger than this. */
size_t cs_chunk_case_bytes_max(const struct cs_study *s, const struct cs_case *c);
/* Replaces the contents of out. CS_ETOOBIG: over out's maximum. */
CS_WARN_UNUSED enum cs_err cs_chunk_pack(const struct cs_study *s, const struct cs_case_source *cases, uint32_t first,
                                         uint32_t n, struct cs_buf *out, struct cs_error *err);
/* The ref->n_cases cases of a chunk, in the arena. CS_ECORRUPT: not what the spec says. */
CS_WARN_UNUSED enum cs_err cs_chunk_unpack(const struct cs_study *s, const struct cs_chunk_ref *ref, const void *bytes,
                                           uint32_t n, struct cs_arena *arena, struct cs_case **out,
                                           struct cs_error *err);

#endif
