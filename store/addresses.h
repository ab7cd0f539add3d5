/* addresses.h - at which address each lane was last called: a changed `base_url` is another lane (decision 6b).
 *
 *   address/KEY   MessagePack [study, model, account, address, [[gen, lane]...]], KEY = cs_lane_key in hex
 *
 * Written with the row of each generation, for each of its lanes. Addresses are compared as cs_account_address (protocol/study)
 * writes them: neither order nor blanks nor a slash at the end count.
 */
#ifndef CS_ADDRESSES_H
#define CS_ADDRESSES_H

#include "store/generation.h"

/* Adds the rows of generation `gen` to the batch. Format 1 has none: the upgrade adds those of all generations. */
CS_WARN_UNUSED enum cs_err cs_addresses_add(struct cs_store *s, struct cs_batch *b, uint32_t gen,
                                            const struct cs_study *study, struct cs_error *err);
/* CS_EINVAL: a lane of the study has answers, and they came from another address; err names both. */
CS_WARN_UNUSED enum cs_err cs_addresses_check(struct cs_store *s, const struct cs_study *study, struct cs_error *err);

#endif
