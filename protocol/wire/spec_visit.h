/* spec_visit.h - inside spec.c and chunks.c only: the fields of a study and of a case in the order of the wire.
 *
 * One visitor serves both ways (codec.h). Packing reads only, so that a study may be shared; unpacking allocates in the codec's arena.
 */
#ifndef CS_SPEC_VISIT_H
#define CS_SPEC_VISIT_H

#include "protocol/wire/spec.h"
#include "protocol/wire/codec.h"

/* The array at hand: its own elements when packing, new ones when unpacking. *n as in cs_codec_array. */
void *cs_spec_visit_elements(struct cs_codec *c, const void *own, uint32_t *n, uint32_t max, size_t size);
/* A string that must be there. */
void cs_spec_visit_text(struct cs_codec *c, const char **s, uint32_t max);
/* Exactly n of them. */
void cs_spec_visit_values(struct cs_codec *c, const char *const **values, uint32_t n);

/* chunks: of spec when packing; into the arena when unpacking. *minor: what it states to need, left out when 0. */
void cs_spec_visit(struct cs_codec *c, struct cs_study *s, struct cs_chunk_ref **chunks, uint32_t *n_chunks,
                   uint32_t *minor);

enum { CS_SPEC_NAME_MAX = 4096 }; /* bytes of an id, a name, a path */

#endif
