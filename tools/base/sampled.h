/* sampled.h - the items of a sample with strata, as their keys tell beside the ratings (ratings.h): what was to be rated, and with which chance.
 *
 * Of several samples one counts, that with the most rated items: a chance belongs to its own sample. Thread: main. Errors: CS_EINVAL with
 * FILE:LINE, CS_EIO.
 */
#ifndef CS_SAMPLED_H
#define CS_SAMPLED_H

#include "tools/base/ratings.h"

struct cs_sampled_item {
    const char *digest, *question, *stratum, *sample; /* digest: hex */
    double pi;                                        /* in (0, 1] */
};
struct cs_sampled {
    struct cs_arena arena;
    struct cs_sampled_item *list; /* of the one that counts, each once */
    uint32_t n, cap, others;      /* others: further samples */
    struct cs_names digests;      /* digest -> number in the list */
};

/* Those of all samples, as they stand; the digests are not known by name. No folder, or no such sample in it: empty. */
CS_WARN_UNUSED enum cs_err cs_sampled_read(struct cs_sampled *s, const char *folder, struct cs_error *err);
/* Those of the one that counts. */
CS_WARN_UNUSED enum cs_err cs_sampled_load(struct cs_sampled *s, const char *folder, const struct cs_ratings *ratings,
                                           struct cs_error *err);
void cs_sampled_release(struct cs_sampled *s); /* a zeroed struct is fine */

#endif
