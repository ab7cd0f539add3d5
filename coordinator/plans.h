/* plans.h - the plans of the loaded generations: which trial's request has which digest. Answers the core's questions (core.h).
 *
 * Cases come from the store's chunks through bounded caches; cells of cases worked on are kept without bodies. Thread: the I/O loop.
 */
#ifndef CS_PLANS_H
#define CS_PLANS_H

#include "coordinator/lanes/event.h"
#include "protocol/dialects/request.h"
#include "store/generation.h"

struct cs_loaded_plan {
    struct cs_generation_view *view; /* on the heap: the rest points into it; NULL: unused */
    struct cs_requests *requests;
    struct cs_cell_cache *cells;  /* digests only */
    struct cs_cell_cache *bodies; /* once somebody asks for the size of one */
    uint64_t *lanes;              /* cs_digest_lane_key of each */
};
struct cs_plans {
    struct cs_store *store;
    struct cs_loaded_plan **by_generation; /* NULL: not loaded */
    uint32_t n;
};

CS_WARN_UNUSED enum cs_err cs_plans_load(struct cs_loaded_plan *p, struct cs_store *store,
                                         const struct cs_generation *g, struct cs_error *err);
void cs_plans_unload(struct cs_loaded_plan *p); /* a zeroed struct is fine */
/* The digest of a trial, and who buys its answer; CS_ECORRUPT, CS_ENOENT: the store lacks a case. */
CS_WARN_UNUSED enum cs_err cs_plans_identity(struct cs_loaded_plan *p, uint32_t lane, uint64_t position,
                                             struct cs_digest *digest, struct cs_owner *owner, struct cs_error *err);

/* `sent` of the request that follows n turns, and whether it is the last one. CS_ETOOBIG: it is larger than a request may be. */
CS_WARN_UNUSED enum cs_err cs_plans_turn_sent(struct cs_loaded_plan *p, uint32_t lane, uint64_t position,
                                              const struct cs_stored *turns, uint32_t n, uint8_t sent[16], bool *last,
                                              struct cs_error *err);

/* The turns that stand of a trial of a loaded generation; they live in the arena. */
CS_WARN_UNUSED enum cs_err cs_plans_turns(struct cs_plans *p, uint32_t gen, uint32_t lane, uint64_t position,
                                          struct cs_arena *arena, struct cs_stored **out, uint32_t *n,
                                          struct cs_error *err);

/* Whether the study leaves the trial out (applies.h). */
CS_WARN_UNUSED enum cs_err cs_plans_left_out(struct cs_loaded_plan *p, uint32_t lane, uint64_t position, bool *out,
                                             struct cs_error *err);

void cs_plans_add(struct cs_plans *p, struct cs_loaded_plan *plan); /* takes an opened one over */
void cs_plans_drop(struct cs_plans *p, uint32_t gen);               /* one that is not loaded is fine */
const struct cs_loaded_plan *cs_plans_find(const struct cs_plans *p, uint32_t gen);
struct cs_core_plan cs_plans_for_core(struct cs_plans *p);
void cs_plans_close(struct cs_plans *p);

#endif
