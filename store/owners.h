/* owners.h - who bought an output: lane and case of its trial, from the stored specs of the generations.
 *
 * For the upgrade, and for `verify`, which asks it of both formats. Generations are opened when first asked for and kept.
 * Thread: one at a time.
 */
#ifndef CS_OWNERS_H
#define CS_OWNERS_H

#include "store/generation.h"

struct cs_owners;
struct cs_owners *cs_owners_open(struct cs_store *s);
void cs_owners_close(struct cs_owners *o); /* NULL is fine */
/* CS_ENOENT: there is no such generation; CS_ECORRUPT: the trial lies outside of its plan, or the plan cannot be read. */
CS_WARN_UNUSED enum cs_err cs_owners_of(struct cs_owners *o, uint32_t gen, uint32_t lane, uint64_t position,
                                        struct cs_owner *out, struct cs_error *err);

#endif
