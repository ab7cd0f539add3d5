/* rated.h - are the chances of what people rated those of their samples? The corrected effect counts each rating by its chance.
 *
 * Every rating of a sample with strata must be of an item in that sample's key, with the same pi. Thread: main. Errors: CS_EINVAL, CS_EIO: a
 * key or the ratings cannot be read.
 */
#ifndef CS_VERIFY_RATED_H
#define CS_VERIFY_RATED_H

#include "tools/base/sampled.h"

/* folder: that of the ratings (ratings.h). told: each fault, as a sentence. *n: ratings looked at. */
CS_WARN_UNUSED enum cs_err cs_rated_check(const char *folder, void (*told)(void *self, const char *what), void *self,
                                          uint64_t *n, struct cs_error *err);

#endif
