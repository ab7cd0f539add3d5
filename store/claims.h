/* claims.h - which answer that is paid for goes to which trial of a new generation (decision 6b).
 *
 * An answer goes to one trial only, within its study's name and lane: first to the trial of the case that bought it, then, in plan
 * order, to the others whose request is the same (a case that was renamed). An answer that was asked again goes to nobody; the trial that
 * asked stays planned and keeps the link. A lane whose model or account has another name, at the same address, is the same lane
 * (addresses.h). What lies in other lanes of the study, which the new one does not have, is handed out last, and only if declared.
 *
 * Used in two stages: cs_claims_own for every trial in any order; those that it puts off (CS_CLAIM_LATER) are noted with
 * cs_claims_put_off and asked for with cs_claims_rest when all are through. `plan` counts with it, the coordinator adopts with it.
 * Thread: one at a time.
 */
#ifndef CS_CLAIMS_H
#define CS_CLAIMS_H

#include "protocol/study/study.h"
#include "store/store.h"

struct cs_claims;
/* The state of the store at this moment. other_lanes: --adopt-from-other. */
CS_WARN_UNUSED enum cs_err cs_claims_open(struct cs_claims **out, struct cs_store *s, const struct cs_study *study,
                                          bool other_lanes, struct cs_error *err);
void cs_claims_close(struct cs_claims *c); /* NULL is fine */
/* Moves on to the state of the store at this moment: what was handed out stays so, what came since may be. */
CS_WARN_UNUSED enum cs_err cs_claims_renew(struct cs_claims *c, struct cs_error *err);
uint64_t cs_claims_last(const struct cs_claims *c); /* the newest output that it knows; 0: there was none */
/* Looks at up to `rows` further rows of the index, so that what is not in it costs nothing later. *done: all seen. Without it all is
 * right, and slower. */
CS_WARN_UNUSED enum cs_err cs_claims_prepare(struct cs_claims *c, uint32_t rows, bool *done, struct cs_error *err);
/* An output stands at a trial of this generation already (the pass goes on after a restart). */
void cs_claims_note(struct cs_claims *c, uint64_t output_id);

enum cs_claim {
    CS_CLAIM_NONE,   /* not paid for */
    CS_CLAIM_ANSWER, /* this output */
    CS_CLAIM_ASKED,  /* this output was asked again, and nothing has come yet: the trial stays planned */
    CS_CLAIM_LATER,  /* another case or lane bought one: ask cs_claims_rest when all trials are through */
};
struct cs_claimed {
    uint64_t output_id;
    struct cs_owner from; /* who bought it, where that is another lane or case; otherwise zeroes */
    uint32_t n_earlier;
    uint64_t earlier[CS_EARLIER_MAX]; /* the latest first */
};
/* lane: its number in the study given at opening. */
CS_WARN_UNUSED enum cs_err cs_claims_own(struct cs_claims *c, uint32_t lane, const struct cs_digest *d,
                                         uint64_t case_key, enum cs_claim *claim, struct cs_claimed *out,
                                         struct cs_error *err);
/* Trials that are left: all that were put off in stage 0, those still unserved in stage 1, and so on. NONE or ANSWER. */
enum cs_claim_stage {
    CS_REST_OF_LANE,
    CS_REST_SAME_CASE, /* in lanes that the new study does not have; NONE unless other_lanes was declared */
    CS_REST_OTHERS,    /* in those lanes too, of any case */
    CS_REST_STAGES
};
CS_WARN_UNUSED enum cs_err cs_claims_rest(struct cs_claims *c, uint32_t lane, const struct cs_digest *d,
                                          uint64_t case_key, enum cs_claim_stage stage, enum cs_claim *claim,
                                          struct cs_claimed *out, struct cs_error *err);

struct cs_put_off {
    uint32_t lane;
    uint64_t index; /* plan order */
    bool served;
};
void cs_claims_put_off(struct cs_claims *c, uint32_t lane, uint64_t index);
struct cs_put_off *cs_claims_all_put_off(struct cs_claims *c, uint64_t *n); /* in plan order; sorts */

#endif
