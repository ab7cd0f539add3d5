/* already_paid.h - how much of a plan is paid for already: by what the study itself has kept, and by other studies (--reuse DIR).
 *
 * Trials of at most CS_ALREADY_PAID_CASES cases, spread evenly, are looked up by the digest of their request: exact for studies up to that
 * size, an estimate beyond. Reads stores that may be in use; changes nothing. Thread: main.
 */
#ifndef CS_ALREADY_PAID_H
#define CS_ALREADY_PAID_H

#include "protocol/base/options.h"
#include "protocol/dialects/request.h"
#include "protocol/load/load.h"

enum { CS_ALREADY_PAID_CASES = 48 };

struct cs_already_paid_lane {
    uint64_t looked_up, own, borrowed; /* trials: of the sample, with an answer kept here, with one elsewhere */
};
struct cs_already_paid {
    struct cs_already_paid_lane *lanes; /* NULL: nothing to look into */
    uint32_t sampled;                   /* cases, of those of the study */
};

/* dir: the study's own directory, which may not exist yet. CS_ENOENT: a folder of `reuse` has no outputs. */
CS_WARN_UNUSED enum cs_err cs_already_paid_make(const struct cs_plan *plan, struct cs_requests *requests,
                                                const struct cs_loaded *loaded, const char *dir,
                                                const struct cs_option_list *reuse, struct cs_already_paid *out,
                                                struct cs_error *err);
void cs_already_paid_release(struct cs_already_paid *p); /* a zeroed struct is fine */

#endif
