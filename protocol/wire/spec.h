/* spec.h - a study on the wire: one spec of at most 1 MiB, and its cases in content-addressed chunks.
 *
 * spec  = MessagePack of struct cs_study without cases, then the digest of every chunk with the number of cases in it, then, where it
 *         needs more than 1.0, the minor version of the protocol that it needs (minor.h), what its lanes accept, and, where a level requires
 *         something of cases, how many trials of each model are left out; and, of a study of another one's outputs, what that was
 *         (study/parent.h), its `judge` and its `scores`, as JSON texts.
 * chunk = MessagePack array of cases [id, cluster, values...], at most 256 KiB unless one case is larger, at most 1 MiB.
 * A generation is named by the digest of its spec (BLAKE2b-256). Truth paths and keys are not in it.
 */
#ifndef CS_SPEC_H
#define CS_SPEC_H

#include "protocol/base/buf.h"
#include "protocol/study/study.h"
#include "protocol/wire/minor.h"

enum { CS_SPEC_MAX = 1024 * 1024, CS_CHUNK_MAX = 1024 * 1024, CS_CHUNK_TARGET = 256 * 1024 };

struct cs_chunk_ref {
    uint8_t digest[32];
    uint32_t first_case, n_cases;
};

/* Called once per chunk while packing; the bytes are valid during the call. */
typedef enum cs_err (*cs_chunk_sink)(void *self, const uint8_t digest[32], const void *bytes, uint32_t n,
                                     struct cs_error *err);
/* Packs study and cases. CS_ETOOBIG: the study without its cases is over 1 MiB, or a case is. */
CS_WARN_UNUSED enum cs_err cs_spec_pack(const struct cs_study *s, const struct cs_case_source *cases,
                                        struct cs_buf *spec, cs_chunk_sink sink, void *self, struct cs_error *err);

struct cs_spec { /* an unpacked one */
    struct cs_study *study;
    struct cs_chunk_ref *chunks;
    uint32_t n_chunks;
    struct cs_minor_need needs;
    uint8_t digest[32];
};
/* From foreign bytes: every index and count is checked, so that plan and render cannot be led astray. */
CS_WARN_UNUSED enum cs_err cs_spec_unpack(const void *bytes, uint32_t n, struct cs_spec *out, struct cs_error *err);
void cs_spec_release(struct cs_spec *s);
/* Whether two specs say the same but for how replies are read (`reading` of questions and accounts): then all that is sent is the same,
 * and so are plan and digests. Changes nothing. */
CS_WARN_UNUSED enum cs_err cs_spec_same_requests(const struct cs_spec *a, const struct cs_spec *b, bool *same,
                                                 struct cs_error *err);

/* A case source over chunks with a bounded cache (bytes_max of packed chunks). fetch returns the chunk's bytes
 * (malloc'ed, taken over), or CS_EAGAIN when it has been asked for and is to come: give it later to cs_chunks_put. */
struct cs_chunks;
typedef enum cs_err (*cs_chunk_fetch)(void *self, const uint8_t digest[32], void **bytes, uint32_t *n,
                                      struct cs_error *err);
struct cs_chunks *cs_chunks_open(const struct cs_spec *spec, cs_chunk_fetch fetch, void *self, uint64_t bytes_max);
void cs_chunks_close(struct cs_chunks *c);
struct cs_case_source cs_chunks_source(struct cs_chunks *c);
/* A chunk that arrived; copies. CS_ECORRUPT when its digest or its contents are not as the spec says. */
CS_WARN_UNUSED enum cs_err cs_chunks_put(struct cs_chunks *c, const uint8_t digest[32], const void *bytes, uint32_t n,
                                         struct cs_error *err);

#endif
